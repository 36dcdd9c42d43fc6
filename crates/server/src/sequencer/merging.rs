//! Merges the journal's write-ahead log into its file, on a thread of its own, so that no commit waits for it. Must not know
//! what the journal holds.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use store::Checkpointer;

use super::StartError;
use crate::log::with_sources;

/// How long the thread rests when there is nothing to merge.
const REST: Duration = Duration::from_millis(50);
/// Rests to a tick.
const RESTS_A_TICK: u64 = 10;

/// The running thread.
pub(super) struct Merging {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Merging {
    /// Starts the thread, which calls `tick` twice a second.
    pub(super) fn start(
        checkpointer: Checkpointer,
        tick: impl Fn() + Send + 'static,
    ) -> Result<Self, StartError> {
        let (stop, stopped) = channel();
        let merge = move || {
            for rests in 1_u64.. {
                if rests.is_multiple_of(RESTS_A_TICK) {
                    tick();
                }
                match checkpointer.step() {
                    Ok(_) => {}
                    // The log grows meanwhile; what it holds is as durable as before.
                    Err(error) => crate::log::line("merge.failed", &with_sources(&error)),
                }
                if stopped.recv_timeout(REST) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("journal-merge".to_owned()).spawn(merge)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn finish(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}
