//! Decisions taken apart for whoever asks over the API: one at a time, on a thread that steps back behind decisions, and never
//! beside a back-test, since each holds the records of the past beside those of the present. Must not know HTTP.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use history::Watch;
use history::watch::Reading;
use model::event::EventId;
use serde_json::value::RawValue;
use store::FolderView;

use crate::background::{self, Priority};
use crate::explain::explain_of;
use crate::log::{line, with_sources, without_place};
use crate::past::{Memory, PastError};

/// Explanations that wait at most.
const WAITING_MAX: usize = 8;
/// Explanations kept at most: the oldest make room. Some ten KiB each.
const KEPT_MAX: usize = 32;

/// Held by whoever tells the past: its records take as much memory as those of the present.
pub(crate) type PastTold = Arc<Mutex<()>>;

/// How far an explanation is.
#[derive(Debug, Clone)]
pub(crate) enum ExplanationState {
    /// Others come first, or the journal is being told up to it.
    Running(Reading),
    /// [`crate::explain::Explanation`] as JSON; none if the journal does not hold the event.
    Done(Option<Box<RawValue>>),
    /// It ended without: why. Whoever asks again begins it anew.
    Failed(String),
}

/// Too many wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{WAITING_MAX} decisions wait to be explained; come again when one is")]
pub(crate) struct Busy;

/// As JSON; none of an event that the journal does not hold; or why there is none.
type Explained = Result<Option<Box<RawValue>>, String>;

#[derive(Debug, Default)]
struct Kept {
    /// The first is being explained.
    asked: VecDeque<(EventId, Arc<Watch>)>,
    /// The oldest first.
    over: VecDeque<(EventId, Explained)>,
}

/// All explanations. The thread ends when the last of these is gone.
#[derive(Debug)]
pub(crate) struct Explanations {
    kept: Arc<Mutex<Kept>>,
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
    let worker =
        Worker { view: view.clone(), data: data.to_owned(), memory_bytes, kept: Arc::clone(&kept), told };
    let thread = background::spawn("explanations", Priority::Lowest, move || worker.run(&waiting))?;
    Ok((Arc::new(Explanations { kept, queue }), thread))
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    // Every change is a single one, so that a panic elsewhere leaves nothing half done.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Explanations {
    /// How far the explanation of an event is; begun if it was not.
    ///
    /// # Errors
    /// Too many wait.
    pub(crate) fn ask(&self, id: &EventId) -> Result<ExplanationState, Busy> {
        let mut kept = lock(&self.kept);
        if let Some(place) = kept.over.iter().position(|(each, _)| each == id) {
            return Ok(match kept.over.get(place) {
                Some((_, Err(problem))) => {
                    let failed = ExplanationState::Failed(problem.clone());
                    kept.over.remove(place);
                    failed
                }
                Some((_, Ok(explained))) => ExplanationState::Done(explained.clone()),
                None => ExplanationState::Done(None),
            });
        }
        if let Some((_, watch)) = kept.asked.iter().find(|(each, _)| each == id) {
            return Ok(ExplanationState::Running(watch.read()));
        }
        if kept.asked.len() >= WAITING_MAX {
            return Err(Busy);
        }
        let watch = Arc::new(Watch::default());
        kept.asked.push_back((id.clone(), Arc::clone(&watch)));
        let state = ExplanationState::Running(watch.read());
        // If the thread is gone the server stops.
        let _sent = self.queue.send((id.clone(), watch));
        Ok(state)
    }
}

impl Drop for Explanations {
    fn drop(&mut self) {
        lock(&self.kept).asked.iter().for_each(|(_, watch)| watch.stop());
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
                Ok(Err(error)) => Err(without_place(&with_sources(&error), &self.data)),
                Err(_panic) => Err("it ended unexpectedly; the server's log says where".to_owned()),
            };
            if let Err(problem) = &over {
                line("explanation.failed", problem);
            }
            let mut kept = lock(&self.kept);
            kept.asked.pop_front();
            if kept.over.len() >= KEPT_MAX {
                kept.over.pop_front();
            }
            kept.over.push_back((id, over));
        }
    }

    fn explain(&self, id: &EventId, watch: &Watch) -> Result<Option<Box<RawValue>>, PastError> {
        let _alone = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        watch.check()?;
        let memory = Memory { bytes_max: Some(self.memory_bytes) };
        let explained = explain_of(&self.view, &self.data, &[], id.as_str(), memory, watch)?;
        Ok(explained.and_then(|explained| serde_json::value::to_raw_value(&explained).ok()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use model::event::EventId;
    use store::{DataFolder, Limits};

    use super::{Busy, ExplanationState, WAITING_MAX, start};

    /// While something else tells the past, all wait; what is over stays.
    #[test]
    fn one_tells_the_past_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(&folder.path().join("data")).unwrap();
        drop(data.files(&Limits::default()).unwrap());
        let told = Arc::new(Mutex::new(()));
        let (explanations, thread) = start(data.view(), folder.path(), 1 << 30, Arc::clone(&told)).unwrap();
        let id = |number: usize| format!("e-{number}").parse::<EventId>().unwrap();
        let alone = told.lock().unwrap();
        for _twice in 0..2 {
            for number in 0..WAITING_MAX {
                assert!(matches!(explanations.ask(&id(number)), Ok(ExplanationState::Running(_))));
            }
        }
        assert_eq!(explanations.ask(&id(WAITING_MAX)).unwrap_err(), Busy);
        drop(alone);
        for number in 0..WAITING_MAX {
            while matches!(explanations.ask(&id(number)), Ok(ExplanationState::Running(_))) {
                std::thread::yield_now();
            }
            // The journal is empty.
            assert!(matches!(explanations.ask(&id(number)), Ok(ExplanationState::Done(None))));
        }
        drop(explanations);
        thread.join().unwrap();
    }
}
