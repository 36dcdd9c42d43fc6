//! Keeps the journal's log short from another thread. Must not know what is in the log.
//!
//! A log can be used again from its start only when all of it is merged into the file, which never happens while rows keep
//! coming. So the work is shared: the checkpointer merges what there is, taking its time, and when the log is long enough
//! asks the writer to merge what came meanwhile – little – after its next commit. Without a checkpointer the writer merges
//! all of it by itself when the log is four times as long; a commit then takes some 0.2 s.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::StoreError;
use crate::sqlite::{Database, PAGE_BYTES, merge};

/// Memory for pages while merging.
const CACHE_BYTES: u32 = 1 << 20;

/// What writer and checkpointer tell each other.
#[derive(Debug)]
pub(super) struct LogSize {
    /// Bytes of rows since the checkpointer last worked.
    unmerged_bytes: AtomicUsize,
    /// The writer is to merge the rest.
    finish: AtomicBool,
    /// The writer refuses: the file stays as it is.
    stopped: AtomicBool,
    /// Pages at which the log should begin anew.
    pages: u32,
}

impl LogSize {
    pub(super) fn of(wal_bytes: u32) -> Self {
        let pages = (wal_bytes / PAGE_BYTES).max(1);
        Self {
            unmerged_bytes: AtomicUsize::new(0),
            finish: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            pages,
        }
    }

    /// Pages at which a writer without a checkpointer merges.
    pub(super) fn pages_max_alone(&self) -> u32 {
        self.pages.saturating_mul(4)
    }

    /// A write has failed.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// The writer has written rows; whether it is to merge the rest now.
    pub(super) fn grow(&self, bytes: usize) -> bool {
        self.unmerged_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.finish.load(Ordering::Relaxed) && self.finish.swap(false, Ordering::Relaxed)
    }
}

/// Merges the journal's log into its file. Give it a thread that calls [`Checkpointer::step`] a few times a second.
#[derive(Debug)]
pub struct Checkpointer {
    database: Database,
    log_size: Arc<LogSize>,
}

impl Checkpointer {
    pub(super) fn open(path: &Path, log_size: Arc<LogSize>) -> Result<Self, StoreError> {
        Ok(Self { database: Database::for_merging(path, CACHE_BYTES)?, log_size })
    }

    /// Merges what has gathered, if it is worth it; whether it was.
    ///
    /// # Errors
    /// The file could not be written. Rows in the log are durable all the same; the log grows until it can.
    pub fn step(&self) -> Result<bool, StoreError> {
        let worth_bytes =
            usize::try_from(self.log_size.pages.saturating_mul(PAGE_BYTES) / 4).unwrap_or(usize::MAX);
        let unmerged_bytes = self.log_size.unmerged_bytes.load(Ordering::Relaxed);
        if unmerged_bytes < worth_bytes || self.log_size.stopped.load(Ordering::Relaxed) {
            return Ok(false);
        }
        self.log_size.unmerged_bytes.store(0, Ordering::Relaxed);
        let (logged, merged) =
            merge(&self.database.connection).map_err(self.database.failed("merging the log"))?;
        if logged >= self.log_size.pages && merged > 0 {
            self.log_size.finish.store(true, Ordering::Relaxed);
        }
        Ok(true)
    }
}
