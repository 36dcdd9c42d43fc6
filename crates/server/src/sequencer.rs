//! One order for all inputs: what has gathered is applied in turn, written to the journal as one batch, and answered once
//! it is durable. Records are written behind. Must not know HTTP.
//!
//! One thread has the state and the journal's writer; everybody else sends it an [`Ask`] and waits. The queue is bounded:
//! when it is full, whoever asks is told to come again. After a failed write nothing more is taken, because the records in
//! memory are ahead of what is durable; a restart replays the journal and is right again.

mod batch;
mod merging;
pub(crate) mod recovery;
mod writeback;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use engine::input::Body;
use engine::key::RecordKey;
use engine::policy::PolicyError;
use engine::{Policy, State};
use model::Time;
use store::{DataFolder, StoreError};
use tokio::sync::{mpsc, oneshot};

use self::batch::Sequencer;
use crate::shadow::Shadow;

/// Asks waiting for the sequencer at most.
pub const QUEUE_MAX: usize = 8_192;
/// Asks in one commit at most.
const BATCH_MAX: usize = 512;

/// A clock: the only way time gets in.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// One input and where its answer goes.
#[derive(Debug)]
pub struct Ask {
    /// The sender's identifier, for inputs that have one.
    pub id: Option<String>,
    /// What tells the same input from another with its identifier.
    pub digest: [u8; 16],
    /// The input.
    pub body: Body,
    /// Whether reasons are told in Japanese; else in English.
    pub japanese: bool,
    /// Where the answer goes. Nobody may be waiting any more.
    pub answer: oneshot::Sender<Result<Answered, AskError>>,
}

/// A durable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The input's place in the journal.
    pub seq: u64,
    /// The answer as JSON: a decision, or an empty object for what was only noted.
    pub json: Vec<u8>,
    /// Whether it had been answered before.
    pub again: bool,
}

/// What the thread is sent.
enum Message {
    Ask(Box<Ask>),
    Look(Box<dyn FnOnce(&mut Sequencer) + Send>),
}

/// Why an input was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Too many are waiting.
    #[error("too many inputs are waiting (at most {QUEUE_MAX}); send it again in a second")]
    Busy,
    /// The identifier came before, with other content.
    #[error(
        "the id came before, as input {seq}, with other content or as a fact instead of a question; give every event an id of its own"
    )]
    Conflict {
        /// That input.
        seq: u64,
    },
    /// Nothing is taken any more.
    #[error("no inputs are taken: {0}")]
    Refusing(String),
}

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
    #[error("the policy is refused: {0}")]
    Policy(#[from] PolicyError),
    /// The thread cannot be started.
    #[error("a thread cannot be started")]
    Thread(#[from] std::io::Error),
}

/// What the sequencer tells of itself.
#[derive(Debug, Default)]
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
    /// Up to which input the records are written back.
    pub checkpoint: AtomicU64,
    /// Records in memory.
    pub records: AtomicU64,
    /// 1 if nothing is taken any more.
    pub refusing: AtomicU64,
}

impl Gauges {
    fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    fn set(gauge: &AtomicU64, value: u64) {
        gauge.store(value, Ordering::Relaxed);
    }
}

/// A running sequencer, to ask.
#[derive(Debug, Clone)]
pub struct Handle {
    asks: mpsc::Sender<Message>,
    gauges: Arc<Gauges>,
    shadow: Arc<Shadow>,
}

impl Handle {
    /// Sends an input; the answer comes when it is durable.
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
        let (answer, answered) = oneshot::channel();
        let ask = Ask { id, digest, body, japanese, answer };
        self.send(ask)?;
        answered.await.unwrap_or_else(|_gone| Err(stopping()))
    }

    /// Sends an input without waiting.
    ///
    /// # Errors
    /// The queue is full, or nothing is taken any more.
    pub fn send(&self, ask: Ask) -> Result<(), AskError> {
        self.asks.try_send(Message::Ask(Box::new(ask))).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AskError::Busy,
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })
    }

    /// Sends an input, waiting for room in the queue. Not from async code.
    ///
    /// # Errors
    /// Nothing is taken any more.
    pub fn send_blocking(&self, ask: Ask) -> Result<(), AskError> {
        self.asks.blocking_send(Message::Ask(Box::new(ask))).map_err(|_closed| stopping())
    }

    /// Looks at the state between two batches; records of `keys` that are not in memory are loaded first.
    ///
    /// # Errors
    /// The queue is full, a record could not be read, or the server is stopping.
    pub async fn look<T: Send + 'static>(
        &self,
        keys: Vec<RecordKey>,
        look: impl FnOnce(&State, &Policy) -> T + Send + 'static,
    ) -> Result<T, AskError> {
        let (answer, answered) = oneshot::channel();
        let look = Box::new(move |sequencer: &mut Sequencer| {
            let _unheard = answer.send(sequencer.look(&keys, look));
        });
        self.asks.try_send(Message::Look(look)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AskError::Busy,
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })?;
        answered.await.unwrap_or_else(|_gone| Err(stopping()))
    }

    /// Whether inputs are taken: the thread runs, and the journal could be written.
    #[must_use]
    pub fn is_taking(&self) -> bool {
        !self.asks.is_closed() && self.gauges.refusing.load(Ordering::Relaxed) == 0
    }

    /// The candidate policy beside the live one.
    #[must_use]
    pub fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    /// What the sequencer tells of itself.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }
}

fn stopping() -> AskError {
    AskError::Refusing("the server is stopping".to_owned())
}

/// Opens the folder's journal and state, replays what the state lacks, and starts the sequencer with `policy` (TOML), which
/// becomes an input if it is another one than the last that came from a file. The thread ends when every handle is gone and everything
/// asked is answered.
///
/// # Errors
/// Journal or state cannot be opened, hold what cannot be understood, or the policy does not compile.
pub fn start(
    folder: &DataFolder,
    policy: &str,
    clock: Clock,
) -> Result<(Handle, JoinHandle<()>), StartError> {
    let (asks, waiting) = mpsc::channel(QUEUE_MAX);
    let gauges = Arc::new(Gauges::default());
    let shadow = Arc::new(Shadow::default());
    let mut sequencer = Sequencer::open(folder, policy, Arc::clone(&shadow), clock, Arc::clone(&gauges))?;
    let thread =
        std::thread::Builder::new().name("sequencer".to_owned()).spawn(move || sequencer.run(waiting))?;
    Ok((Handle { asks, gauges, shadow }, thread))
}
