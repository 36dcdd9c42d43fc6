//! One order for all inputs: what has gathered is applied in turn, written to the journal as one batch, and answered once
//! it is durable. Records are written behind. Must not know HTTP.
//!
//! One thread has the state and applies, the next has the journal's writer and answers, so that a batch is applied while the
//! one before is made durable. Everybody else sends an [`Ask`] and waits. Every queue is bounded: when the first is full,
//! whoever asks is told to come again. After a failed write nothing more is taken, because the records in memory are ahead
//! of what is durable; a restart replays the journal and is right again.

mod answer;
mod applying;
mod asking;
mod audit;
mod committing;
mod merging;
pub(crate) mod recovery;
mod residence;
mod retention;
mod trim;
mod warming;
mod writeback;

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::input::Body;
use engine::key::RecordKey;
use engine::policy::PolicyError;
use engine::{Policy, State};
use model::Time;
use store::{DataFolder, Limits, StoreError};
use tokio::sync::{Notify, mpsc, oneshot};

use self::applying::{Applier, Flying};
use self::asking::Message;
pub use self::asking::{Answered, Answering, Ask, AskError};
pub(crate) use self::audit::{Acted, Audit};
pub(crate) use self::committing::INPUT_V3;
use self::committing::{Committer, Failure};
use self::merging::Merging;
use self::residence::Residence;
use self::trim::Trimming;
use self::writeback::Writeback;
use crate::shadow::Shadow;

/// Asks waiting for the sequencer at most.
pub const QUEUE_MAX: usize = 8_192;
/// Asks in one commit at most.
const BATCH_MAX: usize = 512;
/// Batches applied and waiting to be written at most.
const BATCHES_MAX: usize = 8;

/// Inputs that a restart may have to replay, about, unless told otherwise. The more, the less often records that change all the time are
/// written, and the longer a restart takes.
pub const REPLAY_MAX: u32 = 200_000;

/// How long somebody waits for what they saw to be durable.
const DURABLE_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long somebody waits for an answer: a customer stands before a page that long at most. A disk that stalls longer is out of order.
pub(crate) const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// A clock: the only way time gets in.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// Why the sequencer cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Journal or state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal holds what this program does not understand.
    #[error("input {seq} of the journal cannot be read by this version; start the version that wrote it")]
    Unreadable {
        /// That input.
        seq: u64,
    },
    /// There is nothing to recompute from.
    #[error(
        "the journal begins at input {first}, what was before is trimmed; verify a backup made before that"
    )]
    Trimmed {
        /// The first input there is.
        first: u64,
    },
    /// A policy does not compile.
    #[error("the policy is refused")]
    Policy(#[from] PolicyError),
    /// The thread cannot be started.
    #[error("a thread cannot be started")]
    Thread(#[from] std::io::Error),
}

/// What the sequencer tells of itself.
#[derive(Debug)]
pub struct Gauges {
    /// Inputs taken since the start.
    pub inputs: AtomicU64,
    /// Commits since the start.
    pub commits: AtomicU64,
    /// Answers given again to repeated inputs.
    pub repeated: AtomicU64,
    /// Decisions since the start, by verdict in the order of [`engine::Verdict::ALL`].
    pub decisions: [AtomicU64; 4],
    /// The input applied last.
    pub seq: AtomicU64,
    /// The input made durable last.
    pub committed: AtomicU64,
    /// Up to which input the records are written back.
    pub checkpoint: AtomicU64,
    /// Records in memory.
    pub records: AtomicU64,
    /// Bytes they take, about.
    pub memory: AtomicU64,
    /// 1 if nothing is taken any more.
    pub refusing: AtomicU64,
    /// Up to which input the history holds everything. The exporter sets this and the next four.
    pub exported: AtomicU64,
    /// Up to which input the journal is old enough to go.
    pub trimmable: AtomicU64,
    /// Files of the history that are of this server.
    pub export_files: AtomicU64,
    /// Exports and merges that failed since the start.
    pub export_failures: AtomicU64,
    /// When the first input of the commit under way came, microseconds since 1970; 0 while there is none.
    pub committing_since: AtomicU64,
    /// 1 while exporting fails.
    pub export_failing: AtomicU64,
    /// Up to which input the written records survive a power cut, as far as that was asked for.
    pub synced: AtomicU64,
    /// Up to which input no hold is open, as far as that was looked at; the indexer sets it.
    pub unheld: AtomicU64,
    /// Stored records removed since the start because nobody named them for long.
    pub forgotten: AtomicU64,
    /// The first input there is in the journal.
    pub first: AtomicU64,
}

impl Default for Gauges {
    fn default() -> Self {
        let none = AtomicU64::default;
        Self {
            inputs: none(),
            commits: none(),
            repeated: none(),
            decisions: Default::default(),
            seq: none(),
            committed: none(),
            checkpoint: none(),
            records: none(),
            memory: none(),
            refusing: none(),
            exported: none(),
            trimmable: none(),
            export_files: none(),
            export_failures: none(),
            export_failing: none(),
            committing_since: none(),
            synced: none(),
            // Where nobody looks for holds, none is settled.
            unheld: AtomicU64::new(u64::MAX),
            forgotten: none(),
            first: none(),
        }
    }
}

impl Gauges {
    pub(crate) fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn set(gauge: &AtomicU64, value: u64) {
        gauge.store(value, Ordering::Relaxed);
    }
}

/// A running sequencer, to ask.
#[derive(Debug, Clone)]
pub struct Handle {
    messages: mpsc::Sender<Message>,
    gauges: Arc<Gauges>,
    /// Told at every commit, and when none succeeds any more.
    committed: Arc<Notify>,
    failure: Failure,
    shadow: Arc<Shadow>,
    audit: Arc<Audit>,
}

impl Handle {
    /// Sends an input; the answer comes when it is durable, however long that takes. See [`Ask::new`].
    ///
    /// # Errors
    /// The queue is full, the identifier came with other content, or nothing is taken any more.
    pub async fn ask(
        &self,
        id: Option<String>,
        digest: [u8; 16],
        body: Body,
        japanese: bool,
    ) -> Result<Answered, AskError> {
        let (ask, answering) = Ask::new(id, digest, body, japanese)?;
        self.send(ask)?;
        answering.await.unwrap_or_else(|_gone| Err(self.ended()))
    }

    /// The same for who cannot wait: nothing else follows from the answer.
    ///
    /// # Errors
    /// As [`Self::ask`]; [`AskError::Late`].
    pub async fn ask_in_time(
        &self,
        id: Option<String>,
        digest: [u8; 16],
        body: Body,
        japanese: bool,
    ) -> Result<Answered, AskError> {
        let answered = self.ask(id, digest, body, japanese);
        tokio::time::timeout(ANSWER_WAIT_MAX, answered).await.unwrap_or(Err(AskError::Late))
    }

    /// The answer to an input that was sent, if it comes within this time.
    ///
    /// # Errors
    /// As the sequencer answers; [`AskError::Late`].
    pub async fn answered(&self, answering: Answering, within: Duration) -> Result<Answered, AskError> {
        match tokio::time::timeout(within, answering).await {
            Ok(answered) => answered.unwrap_or_else(|_gone| Err(self.ended())),
            Err(_late) => Err(AskError::Late),
        }
    }

    /// Sends an input without waiting.
    ///
    /// # Errors
    /// The queue is full, or nothing is taken any more.
    pub fn send(&self, ask: Ask) -> Result<(), AskError> {
        self.try_send(Message::Ask(ask))
    }

    /// Sends an input, waiting for room in the queue. Not from async code.
    ///
    /// # Errors
    /// Nothing is taken any more.
    pub fn send_blocking(&self, ask: Ask) -> Result<(), AskError> {
        self.messages.blocking_send(Message::Ask(ask)).map_err(|_closed| self.ended())
    }

    /// Looks at the state and the policy between two batches; records of `keys` that are not in memory are loaded first.
    /// Gives what was seen when it is durable. Look briefly: nothing is decided meanwhile.
    ///
    /// # Errors
    /// The queue is full, nothing was seen in time, a record cannot be read, the server is stopping, or the journal could not be
    /// written: then records in memory are ahead of what is durable.
    pub async fn look<T: Send + 'static>(
        &self,
        keys: Vec<RecordKey>,
        look: impl FnOnce(&State, &Policy) -> T + Send + 'static,
    ) -> Result<T, AskError> {
        let (seen, seeing) = oneshot::channel();
        let look = Box::new(move |shown: Result<(&State, &Policy), AskError>| {
            // Nobody may be waiting any more.
            let _unheard = seen.send(shown.map(|(state, policy)| (look(state, policy), state.seq())));
        });
        self.try_send(Message::Look(keys, look))?;
        let seen = tokio::time::timeout(ANSWER_WAIT_MAX, seeing).await.map_err(|_late| AskError::Late)?;
        let (value, seq) = seen.unwrap_or_else(|_gone| Err(self.ended()))?;
        self.until_durable(seq).await?;
        Ok(value)
    }

    /// Waits until an input is durable: only then may somebody be told what came of it.
    async fn until_durable(&self, seq: u64) -> Result<(), AskError> {
        let is_durable = || self.gauges.committed.load(Ordering::Acquire) >= seq;
        let waiting = async {
            while !is_durable() && self.gauges.refusing.load(Ordering::Relaxed) == 0 {
                let mut committed = pin!(self.committed.notified());
                // What is committed from here on is heard; what was before is looked at once more.
                committed.as_mut().enable();
                if is_durable() || self.gauges.refusing.load(Ordering::Relaxed) != 0 {
                    return;
                }
                committed.await;
            }
        };
        // Mostly it is, and needs no timer.
        if !is_durable() {
            let _late = tokio::time::timeout(DURABLE_WAIT_MAX, waiting).await;
        }
        match is_durable() {
            true => Ok(()),
            false if self.gauges.refusing.load(Ordering::Relaxed) != 0 => Err(self.ended()),
            false => Err(AskError::Late),
        }
    }

    fn try_send(&self, message: Message) -> Result<(), AskError> {
        self.messages.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AskError::Busy,
            mpsc::error::TrySendError::Closed(_) => self.ended(),
        })
    }

    /// Why nobody answers.
    fn ended(&self) -> AskError {
        AskError::Refusing(
            self.failure.get().map_or_else(|| "the server is stopping".to_owned(), Clone::clone),
        )
    }

    /// Whether inputs are taken: the thread runs, and the journal could be written.
    #[must_use]
    pub fn is_taking(&self) -> bool {
        !self.messages.is_closed() && self.gauges.refusing.load(Ordering::Relaxed) == 0
    }

    /// Whole seconds that the commit under way has taken by now.
    #[must_use]
    pub fn commit_age_s(&self, now: Time) -> u64 {
        let since = self.gauges.committing_since.load(Ordering::Relaxed);
        let now = u64::try_from(now.as_us()).unwrap_or(0);
        if since == 0 { 0 } else { now.saturating_sub(since) / 1_000_000 }
    }

    /// Asks and looks that wait for the sequencer, at most [`QUEUE_MAX`].
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let waiting = self.messages.max_capacity().saturating_sub(self.messages.capacity());
        u64::try_from(waiting).unwrap_or(u64::MAX)
    }

    /// The candidate policy beside the live one.
    #[must_use]
    pub fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    /// Who did what.
    pub(crate) fn audit(&self) -> Arc<Audit> {
        Arc::clone(&self.audit)
    }

    /// What the sequencer tells of itself.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// The same, for those who outlive the handle.
    #[must_use]
    pub fn shared_gauges(&self) -> Arc<Gauges> {
        Arc::clone(&self.gauges)
    }
}

/// How to run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Bytes that records may take in memory, about.
    pub memory_bytes: usize,
    /// Inputs that a restart after a crash may have to replay, about: when more are not written back, inputs are slowed.
    pub replay_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory_bytes: 4 << 30, replay_max: REPLAY_MAX.into() }
    }
}

/// Opens the folder's journal and state, replays what the state lacks, and starts the sequencer with `policy` (TOML), which
/// becomes an input if it is another one than the last that came this way. The thread ends when every handle is gone and
/// everything asked is answered.
///
/// # Errors
/// Journal or state cannot be opened, hold what cannot be understood, or the policy does not compile.
pub fn start(
    folder: &DataFolder,
    policy: &str,
    clock: Clock,
    options: &Options,
) -> Result<(Handle, JoinHandle<()>), StartError> {
    // A policy that is wrong must not end up in the journal.
    Policy::compile(policy, 0)?;
    let (messages, waiting) = mpsc::channel(QUEUE_MAX);
    let (gauges, failure) = (Arc::new(Gauges::default()), Arc::new(OnceLock::new()));
    let (mut journal, stored) = folder.files(&Limits::default())?;
    let audit = Arc::new(Audit::default());
    let mut recovered = recovery::recover(folder.view(), &stored, &audit)?;
    recovered.take_policy_file(&mut journal, policy, (clock)(), &audit)?;
    let nothing_stored = stored.seq()? == 0;
    let reader = folder.view().state_reader()?;
    Gauges::set(&gauges.committed, journal.last_seq());
    Gauges::set(&gauges.seq, recovered.state.seq());
    let ticking = messages.downgrade();
    let merging = Merging::start(journal.checkpointer()?, move || {
        // One that is lost comes again.
        let _sent = ticking.upgrade().is_some_and(|messages| messages.try_send(Message::Tick).is_ok());
    })?;
    let writeback = Writeback::start(stored, options, &gauges, &failure, &audit)?;
    let finder = journal.finder()?;
    let committed = Arc::new(Notify::new());
    let committer = Committer {
        trimming: Trimming::of(&journal, &gauges)?,
        journal,
        clock: Arc::clone(&clock),
        gauges: Arc::clone(&gauges),
        failure: Arc::clone(&failure),
        committed: Arc::clone(&committed),
    };
    let (batches, to_commit) = sync_channel(BATCHES_MAX);
    let committing =
        std::thread::Builder::new().name("journal".to_owned()).spawn(move || committer.run(&to_commit))?;
    if !nothing_stored {
        warming::start(folder.view().state_reader()?, messages.downgrade())?;
    }
    let shadow = Arc::new(Shadow::of(&recovered.state, (clock)()));
    let applier = Applier {
        state: recovered.state,
        policy: Arc::new(recovered.policy),
        finder,
        residence: Residence::new(reader, nothing_stored),
        writeback,
        committing: Some((batches, committing)),
        merging,
        flying: Flying::default(),
        clock,
        gauges: Arc::clone(&gauges),
        failure: Arc::clone(&failure),
        shadow: Arc::clone(&shadow),
        audit: Arc::clone(&audit),
    };
    let thread =
        std::thread::Builder::new().name("sequencer".to_owned()).spawn(move || applier.run(waiting))?;
    Ok((Handle { messages, gauges, committed, failure, shadow, audit }, thread))
}

#[cfg(test)]
mod tests {
    use super::{
        ANSWER_WAIT_MAX, Ask, AskError, Audit, Body, Duration, Gauges, Handle, QUEUE_MAX, Shadow, State,
    };
    use super::{Arc, Notify, OnceLock, Policy, mpsc};

    /// A sequencer that takes everything and does nothing, as one does whose disk stalls.
    fn stalled() -> (Handle, mpsc::Receiver<super::Message>) {
        let (messages, waiting) = mpsc::channel(QUEUE_MAX);
        let now = model::Time::from_us(1_000_000_000_000_000).unwrap();
        let handle = Handle {
            messages,
            gauges: Arc::new(Gauges::default()),
            committed: Arc::new(Notify::new()),
            failure: Arc::new(OnceLock::new()),
            shadow: Arc::new(Shadow::of(&State::default(), now)),
            audit: Arc::new(Audit::default()),
        };
        (handle, waiting)
    }

    fn note() -> Body {
        Body::Document { name: "a".to_owned(), bytes: None, by: "b".to_owned() }
    }

    #[test]
    fn nobody_waits_for_ever_and_the_queue_has_an_end() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (handle, _waiting) = stalled();
            let (ask, answering) = Ask::new(None, [0; 16], note(), false).unwrap();
            handle.send(ask).unwrap();
            assert_eq!(handle.answered(answering, Duration::from_millis(1)).await, Err(AskError::Late));
            for _ in 1..QUEUE_MAX {
                handle.send(Ask::new(None, [0; 16], note(), false).unwrap().0).unwrap();
            }
            let full = handle.ask(None, [0; 16], note(), false).await;
            assert_eq!(full, Err(AskError::Busy));
            let looked = handle.look(Vec::new(), |_: &State, _: &Policy| ()).await;
            assert_eq!(looked, Err(AskError::Busy));
        });
    }

    #[test]
    fn a_commit_that_takes_long_is_seen() {
        let (handle, _waiting) = stalled();
        let at = |s: i64| model::Time::from_us(s * 1_000_000).unwrap();
        assert_eq!(handle.commit_age_s(at(100)), 0, "none is under way");
        Gauges::set(&handle.gauges.committing_since, 100_000_000);
        assert_eq!(handle.commit_age_s(at(100)), 0);
        assert_eq!(handle.commit_age_s(at(100 + 10)), ANSWER_WAIT_MAX.as_secs());
        assert_eq!(handle.commit_age_s(at(50)), 0, "a clock that was set back");
    }
}
