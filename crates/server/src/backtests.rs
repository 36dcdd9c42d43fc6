//! Back-tests asked for over the API: one after the other on a thread of their own that steps back behind decisions, each on
//! connections of its own. What they found stays in memory until the server ends. Must not know HTTP.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use engine::Policy;
use history::watch::Reading;
use history::{HistoryError, Watch};
use model::Time;
use store::FolderView;

use crate::background::{self, Priority};
use crate::backtest::{Backtest, BacktestOptions, backtest};
use crate::explanations::PastTold;
use crate::log::{line, with_sources};
use crate::past::{Past, PastError};

/// Back-tests that wait at most.
pub(crate) const WAITING_MAX: usize = 8;
/// Back-tests whose results are kept at most: the oldest make room.
pub(crate) const KEPT_MAX: usize = 32;

/// What is to be weighed.
#[derive(Debug)]
pub(crate) struct BacktestRequest {
    /// When it was asked for.
    pub(crate) at: Time,
    /// By whom.
    pub(crate) by: String,
    /// What the candidate is called: a version, `shadow`, `draft`.
    pub(crate) of: String,
    /// The candidate.
    pub(crate) candidate: Policy,
    /// Which questions.
    pub(crate) options: BacktestOptions,
}

/// How far a back-test is.
#[derive(Debug, Clone)]
pub(crate) enum BacktestState {
    /// Others come first.
    Waiting,
    /// It is being done.
    Running,
    /// Its result.
    Done(Arc<Backtest>),
    /// It ended without: why.
    Failed(String),
}

impl BacktestState {
    /// The word used on the wire.
    #[must_use]
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done(_) => "done",
            Self::Failed(_) => "failed",
        }
    }

    const fn is_over(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_))
    }
}

/// A back-test as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Its number, from 1 at every start of the server.
    pub(crate) id: u32,
    /// See [`BacktestRequest`].
    pub(crate) at: Time,
    /// See [`BacktestRequest`].
    pub(crate) by: String,
    /// See [`BacktestRequest`].
    pub(crate) of: String,
    /// How far it is.
    pub(crate) state: BacktestState,
    watch: Arc<Watch>,
}

impl Job {
    /// How far it is: inputs read for feedback, history, inputs told.
    #[must_use]
    pub(crate) fn progress(&self) -> Reading {
        self.watch.read()
    }
}

#[derive(Debug, Default)]
struct Shared {
    /// The oldest first.
    jobs: Mutex<VecDeque<Job>>,
    is_closing: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Job>> {
        // Every change is a single one, so that a panic elsewhere leaves nothing half done.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, id: u32, state: BacktestState) {
        if let Some(job) = self.lock().iter_mut().find(|job| job.id == id) {
            job.state = state;
        }
    }
}

/// All back-tests. The thread ends when the last of these is gone.
#[derive(Debug)]
pub(crate) struct Backtests {
    shared: Arc<Shared>,
    queue: Sender<(u32, BacktestRequest)>,
}

/// Starts the thread. A back-test holds the records of the past beside those of the present: it ends when they take more
/// than `memory_bytes`, and nobody else tells the past meanwhile.
///
/// # Errors
/// The thread cannot be started.
pub(crate) fn start(
    view: &FolderView,
    data: &Path,
    memory_bytes: usize,
    told: PastTold,
) -> std::io::Result<(Arc<Backtests>, JoinHandle<()>)> {
    let (queue, waiting) = channel();
    let shared = Arc::new(Shared::default());
    let worker =
        Worker { view: view.clone(), data: data.to_owned(), memory_bytes, told, shared: Arc::clone(&shared) };
    let thread = background::spawn("backtests", Priority::Lowest, move || worker.run(&waiting))?;
    Ok((Arc::new(Backtests { shared, queue }), thread))
}

impl Backtests {
    /// Takes a request; gives its number, or none if too many wait.
    pub(crate) fn ask(&self, request: BacktestRequest) -> Option<u32> {
        let mut jobs = self.shared.lock();
        if jobs.iter().filter(|job| matches!(job.state, BacktestState::Waiting)).count() >= WAITING_MAX {
            return None;
        }
        if jobs.len() >= KEPT_MAX
            && let Some(oldest) = jobs.iter().position(|job| job.state.is_over())
        {
            jobs.remove(oldest);
        }
        let id = jobs.back().map_or(0, |job| job.id).saturating_add(1);
        jobs.push_back(Job {
            id,
            at: request.at,
            by: request.by.clone(),
            of: request.of.clone(),
            state: BacktestState::Waiting,
            watch: Arc::default(),
        });
        // If the thread is gone the server stops.
        let _sent = self.queue.send((id, request));
        Some(id)
    }

    /// All that are kept, the newest first.
    #[must_use]
    pub(crate) fn list(&self) -> Vec<Job> {
        self.shared.lock().iter().rev().cloned().collect()
    }

    /// One of them.
    #[must_use]
    pub(crate) fn get(&self, id: u32) -> Option<Job> {
        self.shared.lock().iter().find(|job| job.id == id).cloned()
    }

    /// Asks one to stop; one that is over stays as it is.
    pub(crate) fn stop(&self, id: u32) {
        if let Some(job) = self.get(id) {
            job.watch.stop();
        }
    }
}

impl Drop for Backtests {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Ordering::SeqCst);
        for job in self.shared.lock().iter() {
            job.watch.stop();
        }
    }
}

/// The thread's own.
struct Worker {
    view: FolderView,
    data: PathBuf,
    memory_bytes: usize,
    told: PastTold,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(&self, waiting: &Receiver<(u32, BacktestRequest)>) {
        for (id, request) in waiting {
            if self.shared.is_closing.load(Ordering::SeqCst) {
                return;
            }
            let watch = self.shared.lock().iter().find(|job| job.id == id).map(|job| Arc::clone(&job.watch));
            let Some(watch) = watch else { continue };
            self.shared.set(id, BacktestState::Running);
            let done =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.do_one(&request, &watch)));
            let problem = match done {
                Ok(Ok(found)) => {
                    line("backtest.done", &format!("back-test {id} weighed {} questions", found.questions));
                    self.shared.set(id, BacktestState::Done(Arc::new(found)));
                    continue;
                }
                Ok(Err(PastError::History(HistoryError::Stopped))) => "stopped on request".to_owned(),
                // Where the folder lies is nothing for who asks over the network.
                Ok(Err(error)) => with_sources(&error).replace(&self.data.display().to_string(), "DATA"),
                Err(_panic) => "it ended unexpectedly; the server's log says where".to_owned(),
            };
            line("backtest.failed", &format!("back-test {id}: {problem}"));
            self.shared.set(id, BacktestState::Failed(problem));
        }
    }

    fn do_one(&self, request: &BacktestRequest, watch: &Watch) -> Result<Backtest, PastError> {
        let _alone = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        watch.check()?;
        let past = Past::of(&self.view, &self.data, &[], watch)?.with_memory_max(Some(self.memory_bytes));
        backtest(past, &request.candidate, &request.options, watch)
    }
}
