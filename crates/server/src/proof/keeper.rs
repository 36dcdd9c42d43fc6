//! The one thread that changes what is kept: acts that gathered are one transaction, and each is told what came of it when that
//! is durable. So of two acts at once one sees what the other did. After a failed write nothing more is taken.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use model::Time;
use store::{Sheet, Vault};
use tokio::sync::oneshot;

use super::ProofError;
use super::challenges::Making;
use super::fresh::{Added, Fresh};
use super::kept::Kept;
use super::keys::ProofKeys;
use crate::log::with_sources;
use crate::sequencer::Clock;

/// Acts waiting at most.
const WAITING_MAX: usize = 4_096;
/// Acts in one transaction at most.
const BATCH_MAX: usize = 256;
/// What ended is removed so much at a time, once in so many batches.
const ENDED_MAX: u32 = 1_000;
const BATCHES_BETWEEN: u32 = 16;

/// Told when what was done is durable, or that it is not.
type Told = Box<dyn FnOnce(Result<(), ProofError>) + Send>;
/// Does it within a transaction.
type Run = Box<dyn FnOnce(&Sheet<'_>, &Desk) -> Told + Send>;

/// Where acts go.
pub(crate) struct Keeper {
    acts: SyncSender<Run>,
    desk: Arc<Desk>,
    failure: Arc<OnceLock<String>>,
    clock: Clock,
}

/// Starts the thread; it ends when the keeper is dropped.
pub(crate) fn start(
    vault: Vault,
    keys: Arc<ProofKeys>,
    clock: Clock,
) -> std::io::Result<(Keeper, JoinHandle<()>)> {
    let (acts, waiting) = sync_channel(WAITING_MAX);
    let failure = Arc::new(OnceLock::new());
    let desk = Arc::new(Desk { keys, fresh: Mutex::default() });
    let writer = Writer {
        vault,
        desk: Arc::clone(&desk),
        clock: Arc::clone(&clock),
        failure: Arc::clone(&failure),
        batches: 0,
    };
    let thread = std::thread::Builder::new().name("proof".to_owned()).spawn(move || writer.run(&waiting))?;
    Ok((Keeper { acts, desk, failure, clock }, thread))
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
        self.send(run)?;
        receiver.await.unwrap_or_else(|_gone| Err(self.ended()))
    }

    /// Notes a challenge that is made when somebody looks at it, until it is over. Where too many are noted, the oldest are made and
    /// kept behind the answer.
    pub(crate) fn note(&self, id: [u8; 16], over: Time, making: Making) -> Result<(), ProofError> {
        if self.failure.get().is_some() {
            return Err(self.ended());
        }
        let added = self.desk.fresh().add(id, over, making, (self.clock)());
        match added {
            Added::There => Ok(()),
            Added::Full => Err(ProofError::Busy),
            Added::Crowded => {
                // Whatever is done makes room, see `Writer::write`; where much is to be done, nothing has to be asked for.
                let _busy = self.acts.try_send(Box::new(|_sheet, _desk| Box::new(|_durable| ())));
                Ok(())
            }
        }
    }

    fn send(&self, run: Run) -> Result<(), ProofError> {
        self.acts.try_send(run).map_err(|error| match error {
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
    fresh: Mutex<Fresh<Making>>,
}

impl Desk {
    /// A challenge that is noted and not made, as far as is known here.
    pub(super) fn noted(&self, id: &[u8; 16]) -> Option<Making> {
        self.fresh().get(id)
    }

    fn fresh(&self) -> std::sync::MutexGuard<'_, Fresh<Making>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes and keeps challenges that were only noted; gives those that are. A failure is in the log.
    fn keep(&self, sheet: &Sheet<'_>, noted: Vec<([u8; 16], Making)>) -> Vec<[u8; 16]> {
        let keep = |(id, making): ([u8; 16], Making)| {
            let kept = sheet.attempt(|sheet| making.keep(&Kept::new(sheet, self)).map(drop));
            kept.inspect_err(|error| crate::log::line("proof.not_done", &with_sources(error)))
                .ok()
                .map(|()| id)
        };
        noted.into_iter().filter_map(keep).collect()
    }
}

struct Writer {
    vault: Vault,
    desk: Arc<Desk>,
    clock: Clock,
    failure: Arc<OnceLock<String>>,
    batches: u32,
}

impl Writer {
    fn run(mut self, waiting: &Receiver<Run>) {
        let mut acts = Vec::with_capacity(BATCH_MAX);
        while let Ok(first) = waiting.recv() {
            acts.push(first);
            acts.extend(waiting.try_iter().take(BATCH_MAX.saturating_sub(1)));
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
        // The server stops: what was only noted is kept.
        let rest = self.desk.fresh().all((self.clock)());
        let kept = self.vault.begin().and_then(|sheet| {
            let _kept = self.desk.keep(&sheet, rest);
            sheet.commit()
        });
        if let Err(error) = kept {
            crate::log::line("proof.failed", &with_sources(&error));
        }
    }

    fn write(
        &mut self,
        acts: impl Iterator<Item = Run>,
        told: &mut Vec<Told>,
    ) -> Result<(), store::StoreError> {
        self.batches = self.batches.wrapping_add(1);
        let sheet = self.vault.begin()?;
        told.extend(acts.map(|run| run(&sheet, &self.desk)));
        // They stay in memory until they are durable.
        let leaving = self.desk.fresh().leaving();
        let kept = self.desk.keep(&sheet, leaving);
        if self.batches.is_multiple_of(BATCHES_BETWEEN) {
            sheet.remove_ended((self.clock)().as_us(), ENDED_MAX)?;
        }
        sheet.commit()?;
        self.desk.fresh().left(&kept);
        Ok(())
    }
}
