//! Decisions taken apart for whoever asks over the API: one at a time, on a thread that steps back behind decisions, and never
//! beside a back-test, since each holds the records of the past beside those of the present. Must not know HTTP.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;

use history::Watch;
use history::watch::Reading;
use model::event::EventId;
use serde_json::value::RawValue;
use store::FolderView;

use crate::background::{self, Priority};
use crate::explain::explain_of;
use crate::log::{line, with_sources};
use crate::past::PastError;

/// Explanations kept at most: the oldest make room. Some ten KiB each.
const KEPT_MAX: usize = 32;

/// Held by whoever tells the past: its records take as much memory as those of the present.
pub(crate) type PastTold = Arc<Mutex<()>>;

/// How far an explanation is.
#[derive(Debug, Clone)]
pub(crate) enum ExplanationState {
    /// The journal is being told up to it.
    Running(Reading),
    /// [`crate::explain::Explanation`] as JSON; none if the journal does not hold the event.
    Done(Option<Box<RawValue>>),
    /// It ended without: why. Whoever asks again begins it anew.
    Failed(String),
}

/// Why it is not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotNow {
    /// Of another event.
    #[error("another decision is being explained; come again when it is done")]
    Another,
    /// A back-test is running.
    #[error(
        "a back-test is running, and two cannot tell the past at once; come again when it is done, or stop it"
    )]
    Backtest,
}

#[derive(Debug, Default)]
struct Kept {
    running: Option<(EventId, Arc<Watch>)>,
    /// The oldest first.
    over: VecDeque<(EventId, Result<Option<Box<RawValue>>, String>)>,
}

/// All explanations. The thread ends when the last of these is gone.
#[derive(Debug)]
pub(crate) struct Explanations {
    kept: Arc<Mutex<Kept>>,
    told: PastTold,
    queue: Sender<(EventId, Arc<Watch>)>,
}

/// Starts the thread. An explanation ends when the records of the past take more than `memory_bytes`.
///
/// # Errors
/// The thread cannot be started.
pub(crate) fn start(
    view: &FolderView,
    data: &Path,
    memory_bytes: usize,
    told: PastTold,
) -> std::io::Result<(Arc<Explanations>, JoinHandle<()>)> {
    let (queue, waiting) = channel();
    let kept = Arc::new(Mutex::new(Kept::default()));
    let worker = Worker {
        view: view.clone(),
        data: data.to_owned(),
        memory_bytes,
        kept: Arc::clone(&kept),
        told: Arc::clone(&told),
    };
    let thread = background::spawn("explanations", Priority::Lowest, move || worker.run(&waiting))?;
    Ok((Arc::new(Explanations { kept, told, queue }), thread))
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    // Every change is a single one, so that a panic elsewhere leaves nothing half done.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Explanations {
    /// How far the explanation of an event is; begun if it was not.
    ///
    /// # Errors
    /// Something else tells the past.
    pub(crate) fn ask(&self, id: &EventId) -> Result<ExplanationState, NotNow> {
        let mut kept = lock(&self.kept);
        if let Some(place) = kept.over.iter().position(|(each, _)| each == id) {
            let over = match &kept.over.get(place) {
                Some((_, Ok(explained))) => return Ok(ExplanationState::Done(explained.clone())),
                _ => kept.over.remove(place),
            };
            if let Some((_, Err(problem))) = over {
                return Ok(ExplanationState::Failed(problem));
            }
        }
        match &kept.running {
            Some((running, watch)) if running == id => return Ok(ExplanationState::Running(watch.read())),
            Some(_) => return Err(NotNow::Another),
            None => {}
        }
        if matches!(self.told.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(NotNow::Backtest);
        }
        let watch = Arc::new(Watch::default());
        kept.running = Some((id.clone(), Arc::clone(&watch)));
        let state = ExplanationState::Running(watch.read());
        // If the thread is gone the server stops.
        let _sent = self.queue.send((id.clone(), watch));
        Ok(state)
    }
}

impl Drop for Explanations {
    fn drop(&mut self) {
        if let Some((_, watch)) = &lock(&self.kept).running {
            watch.stop();
        }
    }
}

/// The thread's own.
struct Worker {
    view: FolderView,
    data: PathBuf,
    memory_bytes: usize,
    kept: Arc<Mutex<Kept>>,
    told: PastTold,
}

impl Worker {
    fn run(&self, waiting: &Receiver<(EventId, Arc<Watch>)>) {
        for (id, watch) in waiting {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.explain(&id, &watch)));
            let over = match done {
                Ok(Ok(explained)) => Ok(explained),
                // Where the folder lies is nothing for who asks over the network.
                Ok(Err(error)) => Err(with_sources(&error).replace(&self.data.display().to_string(), "DATA")),
                Err(_panic) => Err("it ended unexpectedly; the server's log says where".to_owned()),
            };
            if let Err(problem) = &over {
                line("explanation.failed", problem);
            }
            let mut kept = lock(&self.kept);
            kept.running = None;
            if kept.over.len() >= KEPT_MAX {
                kept.over.pop_front();
            }
            kept.over.push_back((id, over));
        }
    }

    fn explain(&self, id: &EventId, watch: &Watch) -> Result<Option<Box<RawValue>>, PastError> {
        let _alone = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let explained = explain_of(&self.view, &self.data, &[], id.as_str(), Some(self.memory_bytes), watch)?;
        Ok(explained.and_then(|explained| serde_json::value::to_raw_value(&explained).ok()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use store::{DataFolder, Limits};

    use super::{ExplanationState, NotNow, start};

    /// While something else tells the past, nothing is begun; then one at a time, and what is over stays.
    #[test]
    fn one_tells_the_past_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(&folder.path().join("data")).unwrap();
        drop(data.files(&Limits::default()).unwrap());
        let told = Arc::new(Mutex::new(()));
        let (explanations, thread) = start(data.view(), folder.path(), 1 << 30, Arc::clone(&told)).unwrap();
        let (one, other) = ("e-1".parse().unwrap(), "e-2".parse().unwrap());
        let alone = told.lock().unwrap();
        assert_eq!(explanations.ask(&one).unwrap_err(), NotNow::Backtest);
        drop(alone);
        assert!(matches!(explanations.ask(&one), Ok(ExplanationState::Running(_))));
        loop {
            match explanations.ask(&one).unwrap() {
                // It waits for its turn, or runs.
                ExplanationState::Running(_) => std::thread::yield_now(),
                ExplanationState::Done(None) => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(explanations.ask(&other), Ok(ExplanationState::Running(_))));
        assert!(matches!(explanations.ask(&one), Ok(ExplanationState::Done(None))));
        drop(explanations);
        thread.join().unwrap();
    }
}
