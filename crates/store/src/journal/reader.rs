//! Queries on the journal while its writer writes. Must not write, and must not make the writer wait.

use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use rusqlite::OptionalExtension as _;

use super::{Entry, Found, OwnedEntry, ids, rows, trim};
use crate::schema::JOURNAL;
use crate::sqlite::Database;
use crate::{Mark, StoreError};

/// Memory for pages of one reader.
const CACHE_BYTES: u32 = 8 << 20;

/// A second connection to `journal.db`, read-only. Sees what is durable at the moment of each call.
#[derive(Debug)]
pub struct JournalReader {
    database: Database,
}

impl JournalReader {
    /// Opens a journal that exists, whether or not a server has it.
    ///
    /// # Errors
    /// There is none; it is of another version; it cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Database::read_only(path, &JOURNAL, CACHE_BYTES)? })
    }

    /// Rows after a sequence number, in order: at most `limit_rows`, and at most `limit_bytes` of ids, digests, inputs and
    /// answers, but one row however large, so that a reader always gets on. Empty when there are no more.
    ///
    /// # Errors
    /// [`StoreError::Trimmed`] if the next row is gone; [`StoreError::Damaged`] if one is missing.
    pub fn read(
        &self,
        after_seq: u64,
        limit_rows: usize,
        limit_bytes: usize,
    ) -> Result<Vec<OwnedEntry>, StoreError> {
        rows::read(&self.database, after_seq, limit_rows, limit_bytes)
    }

    /// Rows before a sequence number, the newest first: at most `limit_rows` and `limit_bytes`, but one row however large.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn read_back(
        &self,
        before_seq: u64,
        limit_rows: usize,
        limit_bytes: usize,
    ) -> Result<Vec<OwnedEntry>, StoreError> {
        rows::read_back(&self.database, before_seq, limit_rows, limit_bytes)
    }

    /// One row; `None` if there is none, or none any more.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn get(&self, seq: u64) -> Result<Option<OwnedEntry>, StoreError> {
        rows::get(&self.database, seq)
    }

    /// Shows `take` the rows after a sequence number, in order, without copying them: at most `limit_rows`, and only as long as
    /// it takes them; what it does not take, it will see again. The journal's log cannot begin anew meanwhile: take little
    /// at a time.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn visit(
        &self,
        after_seq: u64,
        limit_rows: usize,
        take: impl FnMut(&Entry<'_>) -> bool,
    ) -> Result<(), StoreError> {
        rows::visit(&self.database, after_seq, limit_rows, take)
    }

    /// See [`Journal::find`](super::Journal::find); slower, because a reader keeps nothing in memory: some microseconds for
    /// each 32,768 rows, and up to some 20 ms for the last of them. For people, not for the path of a decision.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn find(&self, id: &str) -> Result<Option<Found>, StoreError> {
        let failed = || self.database.failed("looking up an id");
        // One transaction, so that no row moves from one part to the other in between.
        let transaction = self.database.connection.unchecked_transaction().map_err(failed())?;
        let mut select =
            transaction.prepare_cached("SELECT run FROM id_span ORDER BY run DESC").map_err(failed())?;
        let runs: Vec<u64> = select
            .query_map([], |row| row.get(0))
            .and_then(Iterator::collect::<rusqlite::Result<_>>)
            .map_err(failed())?;
        let indexed = runs.first().copied().unwrap_or(0);
        let mut select = transaction.prepare_cached(rows::FOUND_AFTER).map_err(failed())?;
        let found = select.query_row((indexed, id), rows::found_row).optional().map_err(failed())?;
        if found.is_some() {
            return Ok(found);
        }
        let hash = xxh3_64(id.as_bytes());
        for run in runs {
            if let Some(found) = ids::find_in_run(&self.database, run, hash, id)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// See [`Journal::first_seq`](super::Journal::first_seq).
    ///
    /// # Errors
    /// The file could not be read.
    pub fn first_seq(&self) -> Result<u64, StoreError> {
        rows::span(&self.database).map(|(first, _)| first)
    }

    /// See [`Journal::last_seq`](super::Journal::last_seq).
    ///
    /// # Errors
    /// The file could not be read.
    pub fn last_seq(&self) -> Result<u64, StoreError> {
        rows::span(&self.database).map(|(_, last)| last)
    }

    /// See [`Journal::marked`](super::Journal::marked).
    ///
    /// # Errors
    /// The file could not be read.
    pub fn marked(&self, mark: Mark) -> Result<u64, StoreError> {
        trim::marked(&self.database, mark)
    }
}
