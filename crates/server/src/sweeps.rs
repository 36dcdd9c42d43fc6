//! Sweeps over the server's own history: asked for over the API, run one after the other on a thread of their own, with their
//! results in a folder each. What was asked for is on disk before it is acknowledged; a restart goes on with what is not
//! done. Must not know HTTP.

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
use model::client::DeviceId;
use model::event::EventId;
use model::{Address, CustomerId, EventKind, Time};
use serde::{Deserialize, Serialize};

use crate::background::{self, Priority};
use crate::log::{line, with_sources};
use crate::sequencer::Clock;

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

/// What is to be examined, and against what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SweepRequest {
    /// When it was asked for.
    pub(crate) at: Time,
    /// By whom.
    pub(crate) by: String,
    /// Procedures to examine; where there are none, those of `kinds` in history.
    pub(crate) procedures: Vec<AskedProcedure>,
    /// Kinds of procedures to take out of history.
    pub(crate) kinds: Vec<EventKind>,
    /// Since when.
    pub(crate) since: Option<Time>,
    /// Before when.
    pub(crate) until: Option<Time>,
    /// How far to look back from the earliest procedure, in days.
    pub(crate) window_days: u16,
    /// The folder of history, below the data folder.
    pub(crate) history: PathBuf,
    /// Show customers and devices in full, to who asked.
    pub(crate) unmask: bool,
    /// The re-examination of every day; see [`crate::daily`].
    #[serde(default)]
    pub(crate) daily: bool,
}

/// A procedure to examine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AskedProcedure {
    /// Its identifier, unique in the sweep.
    pub(crate) id: EventId,
    /// In whose name.
    pub(crate) customer: CustomerId,
    /// When.
    pub(crate) time: Time,
    /// What.
    pub(crate) kind: EventKind,
    /// From which address.
    pub(crate) ip: Option<Address>,
    /// From which device.
    pub(crate) device: Option<DeviceId>,
}

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
    /// How far it is.
    pub(crate) state: SweepState,
    watch: Arc<Watch>,
}

impl Sweep {
    fn new(id: u32, request: &SweepRequest, state: SweepState) -> Self {
        let (at, by, unmask) = (request.at, request.by.clone(), request.unmask);
        let daily_since = request.since.filter(|_| request.daily);
        Self { id, at, by, unmask, daily_since, state, watch: Arc::default() }
    }

    /// How far it is, in rows of history.
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

/// All sweeps. The thread ends when the last of these is gone.
#[derive(Debug)]
pub(crate) struct Sweeps {
    data: PathBuf,
    shared: Arc<Shared>,
    queue: Sender<u32>,
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
/// The folder cannot be read, or the thread cannot be started.
pub(crate) fn start(
    data: &Path,
    intel: Arc<Intel>,
    clock: Clock,
) -> std::io::Result<(Arc<Sweeps>, JoinHandle<()>)> {
    let sweeps = found(&data.join(FOLDER))?;
    let (queue, waiting) = channel();
    for sweep in sweeps.values().filter(|sweep| sweep.state == SweepState::Waiting) {
        // The receiver is there.
        let _sent = queue.send(sweep.id);
    }
    let shared = Arc::new(Shared {
        sweeps: Mutex::new(sweeps),
        taking: Mutex::default(),
        is_closing: AtomicBool::new(false),
    });
    let worker = Worker { data: data.to_owned(), shared: Arc::clone(&shared), intel, clock };
    let thread = background::spawn("sweeps", Priority::Lower, move || worker.run(&waiting))?;
    Ok((Arc::new(Sweeps { data: data.to_owned(), shared, queue }), thread))
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
        work::history_folder(&self.data, &request.history).map_err(SweepError::History)?;
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
        // If the thread is gone the server stops, and goes on with it after the next start.
        let _sent = self.queue.send(id);
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
        self.data.join(FOLDER).join(format!("{id:06}"))
    }
}

impl Drop for Sweeps {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Ordering::SeqCst);
        for sweep in self.shared.lock().values() {
            sweep.watch.stop();
        }
    }
}

/// The thread's own.
struct Worker {
    data: PathBuf,
    shared: Arc<Shared>,
    intel: Arc<Intel>,
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
        let folder = self.data.join(FOLDER).join(format!("{id:06}"));
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            work::sweep(&self.data, &folder, &self.intel, watch)
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

    use intel::Intel;
    use model::Time;

    use super::{SweepError, SweepRequest, SweepState, WAITING_MAX, start};

    /// While one request is being written, sweeps are shown, taken and refused as if it were there.
    #[test]
    fn nobody_waits_for_a_request_that_is_being_written() {
        let data = tempfile::tempdir().unwrap();
        let (sweeps, thread) =
            start(data.path(), Arc::new(Intel::default()), Arc::new(|| Time::MIN)).unwrap();
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
        thread.join().unwrap();
    }
}
