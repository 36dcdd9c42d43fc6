//! The journal: every input in one order, with the answer given. One writer appends batches, durable when
//! [`Journal::append`] returns; readers have connections of their own.
//!
//! Must not know what an input or answer means, nor what time it is.

mod checkpointer;
mod entry;
mod finder;
mod ids;
mod reader;
mod rows;
mod sieve;
mod trim;

use std::path::Path;
use std::sync::{Arc, RwLock};

use rusqlite::{Transaction, TransactionBehavior};

use crate::schema::JOURNAL;
use crate::sqlite::{Database, merge};
use crate::{Limits, StoreError, checksum};

pub use checkpointer::Checkpointer;
pub use entry::{Entry, Found, ID_BYTES_MAX, OwnedEntry};
pub use finder::Finder;
pub use reader::JournalReader;
pub use trim::{Mark, Trimmed};

pub(crate) use rows::span;

use checkpointer::LogSize;
use ids::Ids;

/// The log is merged at this size at the latest. While merging syncs what it wrote, commits wait for the disk: with 64 MiB
/// some waited 0.1 s, with 4 MiB 10 ms, with this 5 ms (99th percentile at 5,000 inputs a second).
const LOG_BYTES_MAX: u32 = 1 << 20;

const INSERT: &str = "INSERT INTO input(seq, id, kind, time, digest, input, answer, checksum) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// The writer's end of `journal.db`. There is one; [`DataFolder`](crate::DataFolder) sees to it.
#[derive(Debug)]
pub struct Journal {
    database: Database,
    limits: Limits,
    ids: Arc<RwLock<Ids>>,
    first_seq: u64,
    last_seq: u64,
    log_size: Arc<LogSize>,
    /// Since when, and the first reason, nothing more is written.
    refusing: Option<(u64, String)>,
}

impl Journal {
    /// Opens a journal, or begins one. What a crash left unfinished is gone afterwards, in whole batches; nothing that was
    /// acknowledged is.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file or its log was cut short or changed; [`StoreError::Newer`].
    pub fn open(path: &Path, limits: Limits) -> Result<Self, StoreError> {
        let database = Database::open(path, &JOURNAL, &limits, limits.journal_cache_bytes)?;
        let (first_seq, last_seq) = span(&database)?;
        let ids = Arc::new(RwLock::new(Ids::load(&database, first_seq)?));
        let log_size = Arc::new(LogSize::of(limits.wal_bytes.min(LOG_BYTES_MAX)));
        // The checkpointer comes first; without one the writer does it, later.
        let pages = log_size.pages_max_alone();
        database
            .connection
            .pragma_update(None, "wal_autocheckpoint", pages)
            .map_err(database.failed("opening"))?;
        Ok(Self { database, limits, ids, first_seq, last_seq, log_size, refusing: None })
    }

    /// Writes a batch in one transaction. At return it is durable: acknowledge it then, and not before.
    ///
    /// # Errors
    /// [`StoreError::Gap`], [`StoreError::Duplicate`] and [`StoreError::TooLarge`] are the caller's; nothing was written and
    /// the journal goes on. Any other means that writing failed: nothing of the batch counts, and every later call answers
    /// [`StoreError::Refusing`] until the journal is opened again. After a failed sync nobody knows what is on the disk.
    pub fn append(&mut self, batch: &[Entry<'_>]) -> Result<(), StoreError> {
        self.ready()?;
        let Some(last) = batch.last() else { return Ok(()) };
        let bytes = self.check(batch)?;
        let fresh = finder::read(&self.ids).check_new(&self.database, batch)?;
        let written = self.write(batch);
        let since = self.last_seq.saturating_add(1);
        let run = self.poisoning(since, written)?;
        finder::write(&self.ids).added(fresh, run, last.seq);
        self.last_seq = last.seq;
        if self.log_size.grow(bytes) {
            // The rows are durable whatever comes of it, but a file that cannot be written will not get better.
            let merged = merge(&self.database.connection).map(drop).map_err(self.failed("merging the log"));
            let _later = self.poisoning(last.seq.saturating_add(1), merged);
        }
        Ok(())
    }

    /// What the sender was answered when this id came before.
    ///
    /// Where the id is new this costs about a microsecond in a journal of a million rows, 4.5 in one of ten million.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn find(&self, id: &str) -> Result<Option<Found>, StoreError> {
        finder::read(&self.ids).find(&self.database, id)
    }

    /// Looks ids up from another thread, as fast as [`Self::find`].
    ///
    /// # Errors
    /// The file could not be opened once more.
    pub fn finder(&self) -> Result<Finder, StoreError> {
        Finder::open(&self.database.path, Arc::clone(&self.ids))
    }

    /// See [`JournalReader::read`].
    ///
    /// # Errors
    /// See [`JournalReader::read`].
    pub fn read(
        &self,
        after_seq: u64,
        limit_rows: usize,
        limit_bytes: usize,
    ) -> Result<Vec<OwnedEntry>, StoreError> {
        rows::read(&self.database, after_seq, limit_rows, limit_bytes)
    }

    /// The first sequence number there is, or the next one if the journal is empty.
    #[must_use]
    pub const fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// The last sequence number there was; 0 before the first.
    #[must_use]
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Why nothing more is taken, if so.
    #[must_use]
    pub fn refusing(&self) -> Option<StoreError> {
        self.refusing.as_ref().map(|(since, reason)| StoreError::Refusing {
            path: self.database.path.clone(),
            since: *since,
            reason: reason.clone(),
        })
    }

    /// A connection that keeps the log short from a thread of its own, so that commits need not.
    ///
    /// # Errors
    /// The file could not be opened once more.
    pub fn checkpointer(&self) -> Result<Checkpointer, StoreError> {
        Checkpointer::open(&self.database.path, Arc::clone(&self.log_size))
    }

    /// Copies the journal as it is now to a new file, a few MiB at a time; appending goes on. Its log grows meanwhile.
    ///
    /// # Errors
    /// There is a file already; reading or writing failed.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        crate::copy::Snapshot::take(&self.database.path, &JOURNAL)?.copy(to)
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.refusing().map_or(Ok(()), Err)
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
        self.database.failed(doing)
    }

    /// Takes note of a failed write, for good.
    fn poisoning<T>(&mut self, since: u64, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result
            && self.refusing.is_none()
        {
            self.refusing = Some((since, error.in_full()));
            self.log_size.stop();
            // Nothing more is to be moved into the file; recovery looks at the log as it is. It cannot fail usefully.
            let no_merge = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ignored = self.database.connection.set_db_config(no_merge, true);
        }
        result
    }

    /// Checks sequence and limits; gives the bytes of the batch.
    fn check(&self, batch: &[Entry<'_>]) -> Result<usize, StoreError> {
        StoreError::limit("a batch in rows", batch.len(), self.limits.batch_rows_max)?;
        let mut bytes: usize = 0;
        for (entry, expected) in batch.iter().zip(self.last_seq.saturating_add(1)..) {
            if entry.seq != expected {
                return Err(StoreError::Gap { expected, found: entry.seq });
            }
            let blob_max = self.limits.blob_bytes_max;
            StoreError::limit("an id in bytes", entry.id.map_or(0, str::len), ID_BYTES_MAX)?;
            StoreError::limit("a digest in bytes", entry.digest.map_or(0, <[u8]>::len), blob_max)?;
            StoreError::limit("an input in bytes", entry.input.len(), blob_max)?;
            StoreError::limit("an answer in bytes", entry.answer.len(), blob_max)?;
            bytes = bytes.saturating_add(entry.bytes());
        }
        StoreError::limit("a batch in bytes", bytes, self.limits.batch_bytes_max)?;
        Ok(bytes)
    }

    /// One transaction: the rows and a part of a run of ids, if one is being written.
    fn write(&mut self, batch: &[Entry<'_>]) -> Result<Option<ids::Progress>, StoreError> {
        let failed = || StoreError::sqlite(&self.database.path, "appending");
        let transaction = self
            .database
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed())?;
        insert(&transaction, batch).map_err(failed())?;
        let run = finder::read(&self.ids).write_run(&transaction, batch.len()).map_err(failed())?;
        trim::count_commit(&transaction).map_err(failed())?;
        transaction.commit().map_err(failed())?;
        Ok(run)
    }
}

fn insert(transaction: &Transaction<'_>, batch: &[Entry<'_>]) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(INSERT)?;
    for entry in batch {
        let Entry { seq, id, kind, time, digest, input, answer } = entry;
        let checksum = checksum::of_entry(entry);
        insert.execute((seq, id, kind, time, digest, input, answer, checksum))?;
    }
    Ok(())
}
