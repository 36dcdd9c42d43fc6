//! Small files are merged on a thread of its own, one merge at a time, so that exporting need not wait. Must not know which
//! files: the folder says.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use history::live::{LiveFolder, Merge};
use history::{HistoryError, Watch};

use crate::background::{self, Priority};

/// How long to wait after a merge that failed.
const RETRY_AFTER: Duration = Duration::from_secs(60);

type Done = (Merge, Result<(), HistoryError>);

/// The thread, and what it is doing.
pub(super) struct Merging {
    jobs: SyncSender<Merge>,
    done: Receiver<Done>,
    thread: JoinHandle<()>,
    watch: Arc<Watch>,
    is_busy: bool,
    not_before: Duration,
}

impl Merging {
    pub(super) fn start() -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel::<Merge>(1);
        let (tell, done) = sync_channel(1);
        let watch = Arc::new(Watch::default());
        let watched = Arc::clone(&watch);
        let thread = background::spawn("merging", Priority::Lowest, move || {
            for merge in waiting {
                let result = merge.run(&watched);
                if tell.send((merge, result)).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { jobs, done, thread, watch, is_busy: false, not_before: Duration::ZERO })
    }

    /// Puts a merged file into its place and begins the next; whether one was put.
    ///
    /// # Errors
    /// A merge failed, and is tried again later.
    pub(super) fn step(&mut self, folder: &mut LiveFolder, now: Duration) -> Result<bool, HistoryError> {
        let mut put = false;
        if self.is_busy {
            match self.done.try_recv() {
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(false),
                Ok((merge, result)) => {
                    self.is_busy = false;
                    let moved = result.and_then(|()| folder.merged(&merge, now));
                    if moved.is_err() {
                        self.not_before = now.saturating_add(RETRY_AFTER);
                    }
                    moved?;
                    put = true;
                }
            }
        }
        if now >= self.not_before
            && let Some(merge) = folder.next_merge()
        {
            self.is_busy = self.jobs.try_send(merge).is_ok();
        }
        Ok(put)
    }

    /// Waits for the merge under way, if there is one; what it wrote is not used.
    pub(super) fn forget(&mut self) {
        if self.is_busy {
            let _unused = self.done.recv();
            self.is_busy = false;
        }
    }

    /// Ends the merge under way, which leaves nothing, and the thread.
    pub(super) fn stop(self) {
        let Self { jobs, done, thread, watch, .. } = self;
        watch.stop();
        drop((jobs, done));
        let _ended = thread.join();
    }
}
