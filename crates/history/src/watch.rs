//! How a long run tells how far it is and hears that it should stop. Must not know terminals or signals: the binary does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::HistoryError;

/// Counters that a run advances and a display reads, and the request to stop. Share it by reference or in an `Arc`.
#[derive(Debug, Default)]
pub struct Watch {
    stop: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    rows: AtomicU64,
    rejected: AtomicU64,
}

/// A reading of a [`Watch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Work done, in bytes of input (import) or rows (sweep).
    pub done: u64,
    /// All of the work in the same unit; 0 while unknown (standard input).
    pub total: u64,
    /// Rows accepted so far.
    pub rows: u64,
    /// Lines rejected so far.
    pub rejected: u64,
}

impl Watch {
    /// Asks the run to stop at its next check.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// [`HistoryError::Stopped`] once [`Self::stop`] was called. Runs call this at least every few milliseconds of work.
    pub fn check(&self) -> Result<(), HistoryError> {
        if self.stop.load(Ordering::Relaxed) { Err(HistoryError::Stopped) } else { Ok(()) }
    }

    /// Adds to the work that there is.
    pub fn expect(&self, amount: u64) {
        self.total.fetch_add(amount, Ordering::Relaxed);
    }

    /// Adds to the work that is done.
    pub fn advance(&self, amount: u64) {
        self.done.fetch_add(amount, Ordering::Relaxed);
    }

    /// Counts accepted rows and rejected lines.
    pub fn count(&self, rows: u64, rejected: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
    }

    /// Where the run stands.
    #[must_use]
    pub fn read(&self) -> Reading {
        Reading {
            done: self.done.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
            rows: self.rows.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
        }
    }
}

/// A stream whose bytes advance a watch, and which gives no more when that says stop: the error is
/// [`HistoryError::Stopped`] inside an IO error.
#[derive(Debug)]
pub struct WatchedReader<'a, R> {
    raw: R,
    watch: &'a Watch,
}

impl<'a, R> WatchedReader<'a, R> {
    /// Around `raw`.
    pub const fn new(raw: R, watch: &'a Watch) -> Self {
        Self { raw, watch }
    }
}

impl<R: std::io::Read> std::io::Read for WatchedReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.raw.read(buffer)?;
        self.watch.check().map_err(std::io::Error::other)?;
        self.watch.advance(u64::try_from(read).unwrap_or(0));
        Ok(read)
    }
}
