//! The one thread that changes what is kept: acts that gathered are one transaction, and each is told what came of it when that
//! is durable. So of two acts at once one sees what the other did. After a failed write nothing more is taken.

use std::cell::RefCell;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::Time;
use stepup::Challenge;
use store::{Sheet, Vault};
use tokio::sync::oneshot;

use super::ProofError;
use super::fresh::Fresh;
use super::kept::Kept;
use super::keys::ProofKeys;
use crate::log::with_sources;
use crate::sequencer::Clock;

/// Acts waiting at most.
const WAITING_MAX: usize = 4_096;
/// Acts in one transaction at most.
const BATCH_MAX: usize = 256;
/// How long acts for which nobody waits are gathered: a sync for each would take the disk from the journal.
const GATHER: Duration = Duration::from_millis(20);
/// What ended is removed so much at a time, once in so many batches.
const ENDED_MAX: u32 = 1_000;
const BATCHES_BETWEEN: u32 = 16;

/// Told when what was done is durable, or that it is not.
type Told = Box<dyn FnOnce(Result<(), ProofError>) + Send>;
/// Does it within a transaction.
type Run = Box<dyn FnOnce(&Sheet<'_>, &Desk) -> Told + Send>;

/// Something to do.
struct Act {
    /// Whether somebody waits for it to be durable.
    waited_for: bool,
    run: Run,
}

/// Where acts go.
pub(crate) struct Keeper {
    acts: SyncSender<Act>,
    failure: Arc<OnceLock<String>>,
}

/// Starts the thread; it ends when the keeper is dropped.
pub(crate) fn start(
    vault: Vault,
    keys: Arc<ProofKeys>,
    clock: Clock,
) -> std::io::Result<(Keeper, JoinHandle<()>)> {
    let (acts, waiting) = sync_channel(WAITING_MAX);
    let failure = Arc::new(OnceLock::new());
    let desk = Desk { keys, fresh: RefCell::default() };
    let writer = Writer { vault, desk, clock, failure: Arc::clone(&failure), batches: 0 };
    let thread = std::thread::Builder::new().name("proof".to_owned()).spawn(move || writer.run(&waiting))?;
    Ok((Keeper { acts, failure }, thread))
}

impl Keeper {
    /// Does something to what is kept, and gives what came of it when it is durable. What fails leaves nothing behind.
    pub(crate) async fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Kept<'_>) -> Result<T, ProofError> + Send + 'static,
    ) -> Result<T, ProofError> {
        let (sender, receiver) = oneshot::channel();
        let run: Run = Box::new(move |sheet, desk| {
            let done = sheet.attempt(|sheet| act(&Kept::new(sheet, desk)));
            Box::new(move |durable| {
                // Nobody may be waiting any more.
                let _unheard = sender.send(durable.and(done));
            })
        });
        self.send(Act { waited_for: true, run })?;
        receiver.await.unwrap_or_else(|_gone| Err(self.ended()))
    }

    /// Has something done before whatever is asked for later. Nobody is told when; a failure is in
    /// the log.
    pub(crate) fn post(
        &self,
        act: impl FnOnce(&Kept<'_>) -> Result<(), ProofError> + Send + 'static,
    ) -> Result<(), ProofError> {
        let run: Run = Box::new(move |sheet, desk| {
            if let Err(error) = sheet.attempt(|sheet| act(&Kept::new(sheet, desk))) {
                crate::log::line("proof.not_done", &with_sources(&error));
            }
            Box::new(|_durable| ())
        });
        self.send(Act { waited_for: false, run })
    }

    fn send(&self, act: Act) -> Result<(), ProofError> {
        self.acts.try_send(act).map_err(|error| match error {
            TrySendError::Full(_) => ProofError::Busy,
            TrySendError::Disconnected(_) => self.ended(),
        })
    }

    fn ended(&self) -> ProofError {
        ProofError::Broken(
            self.failure.get().map_or_else(|| "the server is stopping".to_owned(), Clone::clone),
        )
    }
}

/// What is at hand beside what is kept.
pub(super) struct Desk {
    pub(super) keys: Arc<ProofKeys>,
    pub(super) fresh: RefCell<Fresh>,
}

impl Desk {
    /// Keeps challenges that were in memory alone and are not over.
    fn keep(&self, sheet: &Sheet<'_>, challenges: Vec<([u8; 16], Challenge)>, now: Time) {
        let kept = Kept::new(sheet, self);
        for (id, challenge) in challenges.into_iter().filter(|(_, challenge)| now < challenge.expires()) {
            if let Err(error) = kept.put_challenge_if_new(&id, &challenge) {
                crate::log::line("proof.not_done", &with_sources(&error));
            }
        }
    }
}

struct Writer {
    vault: Vault,
    desk: Desk,
    clock: Clock,
    failure: Arc<OnceLock<String>>,
    batches: u32,
}

impl Writer {
    fn run(mut self, waiting: &Receiver<Act>) {
        let mut acts = Vec::with_capacity(BATCH_MAX);
        while let Ok(first) = waiting.recv() {
            gather(first, waiting, &mut acts);
            let mut told: Vec<Told> = Vec::with_capacity(acts.len());
            let written = self.write(acts.drain(..), &mut told);
            if let Err(error) = &written {
                crate::log::line("proof.failed", &with_sources(error));
                let problem = "what was kept could not be made durable; restart the server".to_owned();
                let _first = self.failure.set(problem.clone());
                told.into_iter().for_each(|tell| tell(Err(ProofError::Broken(problem.clone()))));
                return;
            }
            told.into_iter().for_each(|tell| tell(Ok(())));
        }
        // The server stops: what is in memory alone is kept.
        let rest = self.desk.fresh.borrow_mut().all();
        let (desk, now) = (&self.desk, (self.clock)());
        let kept = self.vault.begin().and_then(|sheet| {
            desk.keep(&sheet, rest, now);
            sheet.commit()
        });
        if let Err(error) = kept {
            crate::log::line("proof.failed", &with_sources(&error));
        }
    }

    fn write(
        &mut self,
        acts: impl Iterator<Item = Act>,
        told: &mut Vec<Told>,
    ) -> Result<(), store::StoreError> {
        self.batches = self.batches.wrapping_add(1);
        let sheet = self.vault.begin()?;
        told.extend(acts.map(|act| (act.run)(&sheet, &self.desk)));
        let leaving = self.desk.fresh.borrow_mut().leaving((self.clock)());
        self.desk.keep(&sheet, leaving, (self.clock)());
        if self.batches.is_multiple_of(BATCHES_BETWEEN) {
            sheet.remove_ended((self.clock)().as_us(), ENDED_MAX)?;
        }
        sheet.commit()
    }
}

/// All that waits, and what comes within a moment as long as nobody waits for any of it.
fn gather(first: Act, waiting: &Receiver<Act>, acts: &mut Vec<Act>) {
    #[expect(clippy::disallowed_methods, reason = "how long to gather; decides nothing else")]
    let begun = Instant::now();
    let mut waited_for = first.waited_for;
    acts.push(first);
    while acts.len() < BATCH_MAX {
        let left = if waited_for { Duration::ZERO } else { GATHER.saturating_sub(begun.elapsed()) };
        let Ok(next) = waiting.recv_timeout(left) else { return };
        waited_for |= next.waited_for;
        acts.push(next);
    }
}
