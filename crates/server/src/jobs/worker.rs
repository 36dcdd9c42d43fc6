//! A thread that does jobs of one queue, one after the other, and keeps what becomes of each. Must not know what the work is, nor
//! who asks for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use history::Watch;

use super::begun::Begun;
use super::folder::Folders;
use super::{JobState, Shared, Work};
use crate::log::{line, with_sources, without_place};
use crate::sequencer::Clock;

/// How often it is noted how far a job is.
const NOTE_EVERY: Duration = Duration::from_secs(2);

/// A thread's own.
pub(super) struct Worker<W: Work> {
    pub(super) data: PathBuf,
    pub(super) folders: Folders,
    pub(super) shared: Arc<Shared<W>>,
    pub(super) work: Arc<W>,
    pub(super) clock: Clock,
}

impl<W: Work> Worker<W> {
    pub(super) fn run(&self, waiting: &Receiver<u32>) {
        for id in waiting {
            if self.shared.is_closing.load(Ordering::SeqCst) {
                return;
            }
            let Some(watch) = self.shared.begin(id) else { continue };
            if let Some(state) = self.job(id, &watch) {
                self.shared.set(id, state);
            }
        }
    }

    /// Does one; `None` if the server stops meanwhile.
    fn job(&self, id: u32, watch: &Watch) -> Option<JobState> {
        let (one, _) = W::NAMES;
        let began = (self.clock)();
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.work(id, watch)));
        let problem = match done {
            Ok(Ok(())) => {
                let took_ms = (self.clock)().as_us().saturating_sub(began.as_us()) / 1_000;
                line(&format!("{one}.done"), &format!("{one} {id} took {took_ms} ms"));
                return Some(JobState::Done);
            }
            Ok(Err(_)) if self.shared.is_closing.load(Ordering::SeqCst) => {
                if let Err(error) = self.folders.put_off(id) {
                    line(&format!("{one}.put_off"), &format!("{one} {id}: {error}"));
                }
                return None;
            }
            Ok(Err(problem)) => without_place(&problem, &self.data),
            Err(_panic) => "it ended unexpectedly; the server's log says where".to_owned(),
        };
        line(&format!("{one}.failed"), &format!("{one} {id}: {problem}"));
        if let Err(error) = self.folders.fail(id, &problem) {
            line(
                &format!("{one}.failed"),
                &format!("{one} {id} will be tried again after a restart: {error}"),
            );
        }
        Some(JobState::Failed(problem))
    }

    fn work(&self, id: u32, watch: &Watch) -> Result<(), String> {
        let mut begun = self.folders.begun(id);
        if let Some(times) = begun.ends_the_server() {
            return Err(format!(
                "the server ended {times} times in a row while this was being done, for which its memory may not have been \
                 enough; it is not tried again: ask for less, or do it on a backup of the data folder"
            ));
        }
        begun.begin();
        let done = self.folders.note(id, &begun).map_err(W::Error::from).and_then(|()| {
            let request = self.folders.request(id)?;
            self.noting(id, begun, watch, || self.work.run(&self.folders.one(id), &request, watch))?
        });
        done.map_err(|error| with_sources(&error))
    }

    /// Does something while it is noted how far it is.
    fn noting<T>(
        &self,
        id: u32,
        mut begun: Begun,
        watch: &Watch,
        work: impl FnOnce() -> T,
    ) -> std::io::Result<T> {
        let (ended, end) = channel::<()>();
        std::thread::scope(|scope| {
            let noting = move || {
                while end.recv_timeout(NOTE_EVERY) == Err(RecvTimeoutError::Timeout) {
                    begun.came_to(watch.read().done);
                    // What is on a full disk is only older.
                    let _noted = self.folders.note(id, &begun);
                }
            };
            std::thread::Builder::new().name("job progress".to_owned()).spawn_scoped(scope, noting)?;
            let done = work();
            drop(ended);
            Ok(done)
        })
    }
}
