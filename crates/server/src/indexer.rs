//! Follows the journal and keeps the index of who it concerns: customers, addresses, devices, holds. On a thread of its own
//! that reads behind the writer; a decision never waits for it. Must not know questions beyond "which inputs concern this".
//!
//! What came lately stands in memory and is written in runs of [`RUN_ROWS`] rows of the journal; what was not written when
//! the server stops is read again at the next start. A missing, damaged or foreign index is made anew.

mod following;
mod holding;
mod subject;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use store::{FolderView, IndexReader, IndexRow, StoreError};
use tokio::sync::watch;

use self::following::Follower;
use self::holding::Holding;
pub(crate) use self::subject::{Subject, was_settled};
use crate::background::{self, Priority};
use crate::readers::{ReadError, Reader};
use crate::sequencer::{Clock, Gauges};

/// Rows of the journal that one run of the index covers. Those of the last run stand in memory, some 25 MB at most.
const RUN_ROWS: u64 = 131_072;
/// How long a question waits for the index.
const QUESTION_WAIT_MAX: Duration = Duration::from_secs(2);

/// Rows that are not in the file yet: the newest part of the index.
#[derive(Debug, Default)]
struct Memory {
    /// In the order of the journal. Questions look through all of them, half a millisecond at most: ordering them as they
    /// come would cost the thread more than reading them.
    rows: Vec<IndexRow>,
    /// The first row of the journal that they cover.
    first_seq: u64,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    memory: RwLock<Memory>,
    reached: watch::Sender<u64>,
    /// Which making of the file this is.
    making: AtomicU64,
    /// The file was found damaged.
    is_damaged: AtomicBool,
    /// Questions that wait.
    waiting: AtomicUsize,
}

impl Shared {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            memory: RwLock::default(),
            reached: watch::channel(0).0,
            making: AtomicU64::new(1),
            is_damaged: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
        }
    }
}

/// The index, to ask. The thread ends when the last of these is gone.
#[derive(Debug)]
pub(crate) struct Indexer {
    shared: Arc<Shared>,
    wake: SyncSender<()>,
}

/// Starts following the journal. Nothing of it may be trimmed before it was looked for open holds.
///
/// # Errors
/// The journal cannot be read, or the thread cannot be started.
pub(crate) fn start(
    view: &FolderView,
    clock: Clock,
    gauges: Arc<Gauges>,
) -> Result<(Arc<Indexer>, JoinHandle<()>), StoreError> {
    let path = view.index_path();
    let journal = view.journal_reader()?;
    let shared = Arc::new(Shared::new(path.clone()));
    let reader = Reader::of(view)?;
    let mut holding = Holding::new(reader, clock, gauges);
    let (wake, woken) = sync_channel(1);
    let mut follower =
        Follower { journal, index: None, shared: Arc::clone(&shared), run_rows: RUN_ROWS, seq: 0, check: 0 };
    let thread = background::spawn("indexer", Priority::Lower, move || follower.run(&woken, &mut holding))
        .map_err(|source| StoreError::Io { path, doing: "starting its thread", source })?;
    Ok((Arc::new(Indexer { shared, wake }), thread))
}

impl Indexer {
    /// Waits, for a bounded time, until the index has reached a row of the journal; gives what it has reached.
    pub(crate) async fn reach(&self, seq: u64) -> u64 {
        let mut reached = self.shared.reached.subscribe();
        let now = *reached.borrow_and_update();
        if now >= seq {
            return now;
        }
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        // If it is full, the thread is about to wake.
        let _woken = self.wake.try_send(());
        let waited = tokio::time::timeout(QUESTION_WAIT_MAX, reached.wait_for(|reached| *reached >= seq));
        let _reached_or_late = waited.await.is_ok();
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        *self.shared.reached.borrow()
    }

    /// Rows of the journal before `before_seq` that concern a subject, the newest first, at most `limit`. Blocks on the file.
    ///
    /// # Errors
    /// The file could not be read; if it is damaged, it is being made anew.
    pub(crate) fn find(
        &self,
        reader: &mut Reader,
        subject: Subject,
        before_seq: u64,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let found = self.shared.find(reader, subject, before_seq, limit);
        if self.shared.is_damaged.load(Ordering::Acquire) {
            let _woken = self.wake.try_send(());
        }
        found
    }
}

impl Shared {
    /// See [`Indexer::find`].
    fn find(
        &self,
        reader: &mut Reader,
        subject: Subject,
        before_seq: u64,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let (kind, key) = subject.kind_and_key();
        // Memory first: what leaves it is in the file by then.
        let (mut found, first_seq) = match self.memory.read() {
            Ok(memory) => {
                let wanted = |row: &&IndexRow| row.key == key && row.kind == kind && row.seq < before_seq;
                let newest = memory.rows.iter().rev().filter(wanted).take(limit).map(|row| row.seq);
                (newest.collect::<Vec<u64>>(), memory.first_seq)
            }
            Err(_poisoned) => return Err(ReadError::Ended),
        };
        let room = limit.saturating_sub(found.len());
        let before = before_seq.min(first_seq);
        if room == 0 || before <= 1 {
            return Ok(found);
        }
        let making = self.making.load(Ordering::Acquire);
        let index = match reader.index.take() {
            Some((of, index)) if of == making => index,
            _ => IndexReader::open(&self.path)?,
        };
        match index.find(kind, key, before, room) {
            Ok(stored) => found.extend(stored),
            Err(error) => {
                if matches!(error, StoreError::Damaged { .. }) {
                    self.is_damaged.store(true, Ordering::Release);
                }
                return Err(error.into());
            }
        }
        if self.making.load(Ordering::Acquire) != making {
            return Err(ReadError::Busy);
        }
        reader.index = Some((making, index));
        Ok(found)
    }
}
