//! Sweeps over the server's own history, or by its ledger: asked for over the API, with their results in a folder each. Those
//! over history run one after the other on a thread of their own, those by the ledger on another, since they take no time. What was asked for is on disk before it is acknowledged; a restart goes on with what is not
//! done. Must not know HTTP.

mod request;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use history::Watch;
use history::watch::Reading;
use intel::Intel;
use model::Time;

pub(crate) use self::request::{AskedProcedure, Source, SweepRequest};
use crate::background::{self, Priority};
use crate::log::{line, with_sources};
use crate::sequencer::{Clock, Handle};

/// Sweeps that wait at most.
pub(crate) const WAITING_MAX: usize = 16;
/// Sweeps whose results are kept at most.
pub(crate) const KEPT_MAX: usize = 1_000;

/// The folder of all sweeps in the data folder.
const FOLDER: &str = "sweeps";
/// What was asked for, in a sweep's folder.
const REQUEST: &str = "request.json";
/// Why it ended without a result.
const FAILED: &str = "failed.json";

/// How far a sweep is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SweepState {
    /// Others come first.
    Waiting,
    /// It is being done.
    Running,
    /// Its results are there.
    Done,
    /// It ended without: why.
    Failed(String),
}

impl SweepState {
    /// The word used on the wire.
    #[must_use]
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed(_) => "failed",
        }
    }
}

/// A sweep, as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    /// Its number.
    pub(crate) id: u32,
    /// When it was asked for.
    pub(crate) at: Time,
    /// By whom.
    pub(crate) by: String,
    /// Whether it shows customers and devices in full.
    pub(crate) unmask: bool,
    /// For the re-examination of every day: since when procedures are examined.
    pub(crate) daily_since: Option<Time>,
    /// What it asks.
    pub(crate) source: Source,
    /// How far it is.
    pub(crate) state: SweepState,
    watch: Arc<Watch>,
}

impl Sweep {
    fn new(id: u32, request: &SweepRequest, state: SweepState) -> Self {
        let (at, by, unmask) = (request.at, request.by.clone(), request.unmask);
        let daily_since = request.since.filter(|_| request.daily);
        Self { id, at, by, unmask, daily_since, source: request.source, state, watch: Arc::default() }
    }

    /// How far it is, in rows of history or procedures looked up.
    #[must_use]
    pub(crate) fn progress(&self) -> Reading {
        self.watch.read()
    }
}

/// Why a sweep is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    /// Too many wait.
    #[error("{WAITING_MAX} sweeps are waiting already; come again when one is done")]
    Busy,
    /// Too many are kept.
    #[error(
        "the results of {KEPT_MAX} sweeps are kept; remove old folders of `sweeps` in the data folder and restart"
    )]
    Full,
    /// The folder of history is none.
    #[error("{0}")]
    History(String),
    /// The request could not be written.
    #[error("the request could not be kept")]
    Io(#[from] std::io::Error),
}

/// All sweeps. The threads end when the last of these is gone.
#[derive(Debug)]
pub(crate) struct Sweeps {
    data: PathBuf,
    shared: Arc<Shared>,
    queues: Queues,
}

/// Where sweeps wait.
#[derive(Debug)]
struct Queues {
    history: Sender<u32>,
    ledger: Sender<u32>,
}

impl Queues {
    fn send(&self, id: u32, source: Source) {
        let queue = match source {
            Source::History => &self.history,
            Source::Ledger => &self.ledger,
        };
        // If the thread is gone the server stops, and goes on with it after the next start.
        let _sent = queue.send(id);
    }
}

#[derive(Debug)]
struct Shared {
    sweeps: Mutex<BTreeMap<u32, Sweep>>,
    /// Numbers of sweeps whose requests are being written.
    taking: Mutex<BTreeSet<u32>>,
    /// The server stops: what is not done is done after the next start.
    is_closing: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Sweep>> {
        // Every change is a single one, so that a panic elsewhere leaves nothing half done.
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Taken before [`Self::lock`] where both are.
    fn taking(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.taking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, id: u32, state: SweepState) {
        if let Some(sweep) = self.lock().get_mut(&id) {
            sweep.state = state;
        }
    }
}

/// Finds the sweeps of a data folder and goes on with those that are not done.
///
/// # Errors
/// The folder cannot be read, or a thread cannot be started.
pub(crate) fn start(
    data: &Path,
    means: Means,
    clock: Clock,
) -> std::io::Result<(Arc<Sweeps>, [JoinHandle<()>; 2])> {
    let sweeps = found(&data.join(FOLDER))?;
    let (history, of_history) = channel();
    let (ledger, of_ledger) = channel();
    let queues = Queues { history, ledger };
    for sweep in sweeps.values().filter(|sweep| sweep.state == SweepState::Waiting) {
        queues.send(sweep.id, sweep.source);
    }
    let shared = Arc::new(Shared {
        sweeps: Mutex::new(sweeps),
        taking: Mutex::default(),
        is_closing: AtomicBool::new(false),
    });
    let spawn = |name, waiting: Receiver<u32>| {
        let worker = Worker {
            data: data.to_owned(),
            shared: Arc::clone(&shared),
            means: means.clone(),
            clock: Arc::clone(&clock),
        };
        background::spawn(name, Priority::Lower, move || worker.run(&waiting))
    };
    let threads = [spawn("sweeps", of_history)?, spawn("ledger sweeps", of_ledger)?];
    Ok((Arc::new(Sweeps { data: data.to_owned(), shared, queues }), threads))
}

/// The sweeps in a folder. What cannot be read is told and left out.
fn found(folder: &Path) -> std::io::Result<BTreeMap<u32, Sweep>> {
    let mut sweeps = BTreeMap::new();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(sweeps),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok());
        let Some(id) = id else { continue };
        let request = match work::read_request(&path) {
            Ok(request) => request,
            Err(error) => {
                line("sweep.unreadable", &format!("sweep {id} is left out: {}", with_sources(&error)));
                continue;
            }
        };
        let state = if path.join(history::sweep::SUMMARY).exists() {
            SweepState::Done
        } else if let Ok(problem) = std::fs::read(path.join(FAILED)) {
            SweepState::Failed(serde_json::from_slice(&problem).unwrap_or_default())
        } else {
            SweepState::Waiting
        };
        sweeps.insert(id, Sweep::new(id, &request, state));
    }
    Ok(sweeps)
}

impl Sweeps {
    /// Takes a request; gives the sweep's number. Blocks on the disk.
    ///
    /// # Errors
    /// Too many wait or are kept, there is no such history, or the request cannot be written.
    pub(crate) fn ask(&self, request: &SweepRequest) -> Result<u32, SweepError> {
        if request.reads_history() {
            work::history_folder(&self.data, &request.history).map_err(SweepError::History)?;
        }
        self.take(request, work::write_request)
    }

    /// The same with what writes the request; others are answered while it does.
    fn take(
        &self,
        request: &SweepRequest,
        write: impl FnOnce(&Path, &SweepRequest) -> std::io::Result<()>,
    ) -> Result<u32, SweepError> {
        let id = self.reserve()?;
        let written = write(&self.folder(id), request);
        if written.is_ok() {
            self.shared.lock().insert(id, Sweep::new(id, request, SweepState::Waiting));
        }
        self.shared.taking().remove(&id);
        written?;
        self.queues.send(id, request.source);
        Ok(id)
    }

    /// A number for a further sweep, if there is room for one.
    fn reserve(&self) -> Result<u32, SweepError> {
        let mut taking = self.shared.taking();
        let sweeps = self.shared.lock();
        let waiting = sweeps.values().filter(|sweep| sweep.state == SweepState::Waiting).count();
        if waiting.saturating_add(taking.len()) >= WAITING_MAX {
            return Err(SweepError::Busy);
        }
        if sweeps.len().saturating_add(taking.len()) >= KEPT_MAX {
            return Err(SweepError::Full);
        }
        let last = sweeps.last_key_value().map(|(id, _)| *id).max(taking.last().copied()).unwrap_or(0);
        let id = last.saturating_add(1);
        taking.insert(id);
        Ok(id)
    }

    /// All sweeps, the newest first.
    #[must_use]
    pub(crate) fn list(&self) -> Vec<Sweep> {
        self.shared.lock().values().rev().cloned().collect()
    }

    /// One sweep.
    #[must_use]
    pub(crate) fn get(&self, id: u32) -> Option<Sweep> {
        self.shared.lock().get(&id).cloned()
    }

    /// What a sweep was asked. Blocks on the disk.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn request(&self, id: u32) -> std::io::Result<SweepRequest> {
        work::read_request(&self.folder(id))
    }

    /// Asks a sweep to stop; one that is over stays as it is.
    pub(crate) fn stop(&self, id: u32) {
        if let Some(sweep) = self.get(id) {
            sweep.watch.stop();
        }
    }

    /// Removes the results of daily examinations that were asked for before `before`. Blocks on the disk.
    ///
    /// # Errors
    /// A folder cannot be removed.
    pub(crate) fn forget_daily(&self, before: Time) -> std::io::Result<()> {
        let is_over = |sweep: &Sweep| !matches!(sweep.state, SweepState::Waiting | SweepState::Running);
        for sweep in self.list() {
            if sweep.daily_since.is_some() && sweep.at < before && is_over(&sweep) {
                self.shared.lock().remove(&sweep.id);
                std::fs::remove_dir_all(self.folder(sweep.id))?;
            }
        }
        Ok(())
    }

    /// The folder of a sweep's results.
    #[must_use]
    pub(crate) fn folder(&self, id: u32) -> PathBuf {
        folder_of(&self.data, id)
    }
}

/// The folder of a sweep's results in a data folder.
fn folder_of(data: &Path, id: u32) -> PathBuf {
    data.join(FOLDER).join(format!("{id:06}"))
}

impl Drop for Sweeps {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Ordering::SeqCst);
        for sweep in self.shared.lock().values() {
            sweep.watch.stop();
        }
    }
}

/// What sweeps ask.
#[derive(Debug, Clone)]
pub(crate) struct Means {
    /// What files know of addresses.
    pub(crate) intel: Arc<Intel>,
    /// Who has the ledger.
    pub(crate) sequencer: Handle,
}

/// A thread's own.
struct Worker {
    data: PathBuf,
    shared: Arc<Shared>,
    means: Means,
    clock: Clock,
}

impl Worker {
    fn run(&self, waiting: &Receiver<u32>) {
        for id in waiting {
            if self.shared.is_closing.load(Ordering::SeqCst) {
                return;
            }
            let watch = self.shared.lock().get(&id).map(|sweep| Arc::clone(&sweep.watch));
            let Some(watch) = watch else { continue };
            self.shared.set(id, SweepState::Running);
            let state = self.sweep(id, &watch);
            if let Some(state) = state {
                self.shared.set(id, state);
            }
        }
    }

    /// Does one; `None` if the server stops meanwhile.
    fn sweep(&self, id: u32, watch: &Watch) -> Option<SweepState> {
        let began = (self.clock)();
        let folder = folder_of(&self.data, id);
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            work::sweep(&self.data, &folder, &self.means, watch)
        }));
        let problem = match done {
            Ok(Ok(())) => {
                let took_ms = (self.clock)().as_us().saturating_sub(began.as_us()) / 1_000;
                line("sweep.done", &format!("sweep {id} took {took_ms} ms"));
                return Some(SweepState::Done);
            }
            Ok(Err(_)) if self.shared.is_closing.load(Ordering::SeqCst) => return None,
            // Where the folder lies is nothing for who asks over the network.
            Ok(Err(error)) => with_sources(&error).replace(&self.data.display().to_string(), "DATA"),
            Err(_panic) => "it ended unexpectedly; the server's log says where".to_owned(),
        };
        line("sweep.failed", &format!("sweep {id}: {problem}"));
        if let Err(error) = work::write_json(&folder.join(FAILED), &problem) {
            line("sweep.failed", &format!("sweep {id} will be tried again after a restart: {error}"));
        }
        Some(SweepState::Failed(problem))
    }
}

/// Whether a path stays below the folder it is joined to.
fn is_below(path: &Path) -> bool {
    let mut components = path.components().peekable();
    components.peek().is_some() && components.all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use engine::Policy;
    use intel::Intel;
    use model::Time;
    use store::DataFolder;

    use super::{Means, Source, SweepError, SweepRequest, SweepState, WAITING_MAX, start};
    use crate::sequencer::{self, Clock, Options};

    /// While one request is being written, sweeps are shown, taken and refused as if it were there.
    #[test]
    fn nobody_waits_for_a_request_that_is_being_written() {
        let data = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(data.path()).unwrap();
        let clock: Clock = Arc::new(|| Time::MIN);
        let (sequencer, sequencing) =
            sequencer::start(&folder, Policy::SHIPPED, Arc::clone(&clock), &Options::default()).unwrap();
        let means = Means { intel: Arc::new(Intel::default()), sequencer };
        let (sweeps, threads) = start(data.path(), means, clock).unwrap();
        let request = SweepRequest {
            at: Time::MIN,
            by: "ops".to_owned(),
            procedures: Vec::new(),
            kinds: Vec::new(),
            since: None,
            until: None,
            window_days: 1,
            history: PathBuf::from("history"),
            unmask: false,
            daily: false,
            source: Source::History,
            rest_of: None,
        };
        let taken = sweeps.take(&request, |_, _| {
            assert!(sweeps.list().is_empty());
            assert_eq!(
                sweeps.take(&request, |_, _| Err(std::io::Error::other("full"))).unwrap_err().to_string(),
                "the request could not be kept"
            );
            // Its number is free again, this one's is not.
            assert_eq!(sweeps.take(&request, super::work::write_request).unwrap(), 2);
            Ok(())
        });
        assert_eq!(taken.unwrap(), 1);
        let ids: Vec<u32> = sweeps.list().iter().map(|sweep| sweep.id).collect();
        assert_eq!(ids, [2, 1]);
        fn fill(sweeps: &super::Sweeps, request: &SweepRequest, depth: usize) -> usize {
            match sweeps.take(request, |_, _| {
                let deeper = fill(sweeps, request, depth + 1);
                Err(std::io::Error::other(deeper.to_string()))
            }) {
                Err(SweepError::Io(error)) => error.to_string().parse().unwrap(),
                Err(SweepError::Busy) => depth,
                other => panic!("{other:?}"),
            }
        }
        // The two before may be over, without a history, or still wait.
        let deepest = fill(&sweeps, &request, 0);
        assert!((WAITING_MAX - 2..=WAITING_MAX).contains(&deepest), "{deepest}");
        assert_ne!(sweeps.get(2).unwrap().state, SweepState::Done);
        drop(sweeps);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        sequencing.join().unwrap();
    }
}
