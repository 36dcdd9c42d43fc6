//! The vault: small records that are durable before anybody is told of them, by kind and key, each with an end if it has one.
//! Several changes are one transaction, and one that fails takes only its own back. Must not know what is kept: whoever keeps
//! it has sealed it.

use std::cell::Cell;
use std::path::Path;

use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior};

use crate::schema::VAULT;
use crate::sqlite::Database;
use crate::{Limits, StoreError};

const CACHE_BYTES: u32 = 16 << 20;

const GET: &str = "SELECT bytes FROM kept WHERE kind = ?1 AND key = ?2";
const PUT: &str = "INSERT INTO kept(kind, key, bytes, ends) VALUES(?1, ?2, ?3, ?4) \
                   ON CONFLICT(kind, key) DO UPDATE SET bytes = excluded.bytes, ends = excluded.ends";
const REMOVE: &str = "DELETE FROM kept WHERE kind = ?1 AND key = ?2";
const BELOW: &str =
    "SELECT key, bytes FROM kept WHERE kind = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4";
const AFTER: &str = "SELECT key, bytes FROM kept WHERE kind = ?1 AND key > ?2 ORDER BY key LIMIT ?3";
const ENDED: &str = "DELETE FROM kept WHERE (kind, key) IN \
                     (SELECT kind, key FROM kept WHERE ends <= ?1 ORDER BY ends LIMIT ?2)";

/// A record: its key, its bytes.
type Row = (Vec<u8>, Vec<u8>);

/// The vault, for its one writer.
#[derive(Debug)]
pub struct Vault {
    database: Database,
}

/// What is done to it in one transaction.
#[derive(Debug)]
pub struct Sheet<'a> {
    transaction: Transaction<'a>,
    path: &'a Path,
    /// Whether anything is to be written at all: who only reads waits for no disk.
    changed: Cell<bool>,
}

impl Vault {
    /// Opens the file, creating it where there is none.
    ///
    /// # Errors
    /// It is another file, damaged, or of a newer version.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open(path, &VAULT, limits, CACHE_BYTES)? })
    }

    /// Begins a transaction. Dropped without [`Sheet::commit`] it leaves nothing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(&mut self) -> Result<Sheet<'_>, StoreError> {
        let path = &self.database.path;
        let transaction = self.database.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction.map_err(StoreError::sqlite(path, "beginning"))?;
        Ok(Sheet { transaction, path, changed: Cell::new(false) })
    }
}

impl Sheet<'_> {
    /// What is kept there.
    ///
    /// # Errors
    /// Reading failed.
    pub fn get(&self, kind: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let read =
            || self.transaction.prepare_cached(GET)?.query_row((kind, key), |row| row.get(0)).optional();
        read().map_err(self.failed("reading"))
    }

    /// Up to `at_most` records of a kind whose keys begin so, in the order of their keys.
    ///
    /// # Errors
    /// Reading failed.
    pub fn below(&self, kind: u8, prefix: &[u8], at_most: u32) -> Result<Vec<Row>, StoreError> {
        // No key has more bytes than these.
        let end = [prefix, &[0xff; 64]].concat();
        let read = || {
            let mut statement = self.transaction.prepare_cached(BELOW)?;
            let rows =
                statement.query_map((kind, prefix, end, at_most), |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(self.failed("reading"))
    }

    /// Up to `at_most` records of a kind whose keys come after this one, in the order of their keys.
    ///
    /// # Errors
    /// Reading failed.
    pub fn after(&self, kind: u8, key: &[u8], at_most: u32) -> Result<Vec<Row>, StoreError> {
        let read = || {
            let mut statement = self.transaction.prepare_cached(AFTER)?;
            let rows = statement.query_map((kind, key, at_most), |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(self.failed("reading"))
    }

    /// Keeps a record, in place of what was there, until `ends` (any number that grows with time) if it has an end.
    ///
    /// # Errors
    /// Writing failed.
    pub fn put(&self, kind: u8, key: &[u8], bytes: &[u8], ends: Option<i64>) -> Result<(), StoreError> {
        self.changed.set(true);
        let write = || self.transaction.prepare_cached(PUT)?.execute((kind, key, bytes, ends));
        write().map(drop).map_err(self.failed("writing"))
    }

    /// Removes a record, if there is one.
    ///
    /// # Errors
    /// Writing failed.
    pub fn remove(&self, kind: u8, key: &[u8]) -> Result<(), StoreError> {
        self.changed.set(true);
        let write = || self.transaction.prepare_cached(REMOVE)?.execute((kind, key));
        write().map(drop).map_err(self.failed("removing"))
    }

    /// Removes up to `at_most` records that ended at `now` or before; gives how many.
    ///
    /// # Errors
    /// Writing failed.
    pub fn remove_ended(&self, now: i64, at_most: u32) -> Result<usize, StoreError> {
        let write = || self.transaction.prepare_cached(ENDED)?.execute((now, at_most));
        let removed = write().map_err(self.failed("removing what ended"))?;
        self.changed.set(self.changed.get() || removed > 0);
        Ok(removed)
    }

    /// Does something that leaves nothing where it fails.
    ///
    /// # Errors
    /// What it failed with.
    pub fn attempt<T, E: From<StoreError>>(&self, act: impl FnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
        let run = |command: &str| {
            let run = || self.transaction.prepare_cached(command)?.execute(());
            run().map(drop).map_err(self.failed("writing"))
        };
        run("SAVEPOINT act")?;
        let done = act(self);
        if done.is_err() {
            run("ROLLBACK TO act")?;
        }
        run("RELEASE act")?;
        done
    }

    /// Makes everything durable. Costs a sync, where anything was changed.
    ///
    /// # Errors
    /// It is not.
    pub fn commit(self) -> Result<(), StoreError> {
        let failed = || StoreError::sqlite(self.path, "committing");
        let count = || self.transaction.prepare_cached("UPDATE mark SET seq = seq + 1")?.execute(());
        if self.changed.get() {
            count().map_err(failed())?;
        }
        self.transaction.commit().map_err(failed())
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
        StoreError::sqlite(self.path, doing)
    }
}

#[cfg(test)]
mod tests {
    use super::Vault;
    use crate::{Limits, StoreError};

    fn vault(place: &tempfile::TempDir) -> Vault {
        Vault::open(&place.path().join("proof.db"), &Limits::default()).unwrap()
    }

    #[test]
    fn what_was_committed_is_there_after_opening_again() {
        let place = tempfile::tempdir().unwrap();
        let mut first = vault(&place);
        let sheet = first.begin().unwrap();
        sheet.put(1, b"a", b"old", None).unwrap();
        sheet.put(1, b"a", b"new", None).unwrap();
        sheet.put(2, b"a", b"other kind", None).unwrap();
        sheet.commit().unwrap();
        first.begin().unwrap().put(1, b"a", b"not committed", None).unwrap();
        drop(first);
        let mut again = vault(&place);
        let sheet = again.begin().unwrap();
        assert_eq!(sheet.get(1, b"a").unwrap().as_deref(), Some(b"new".as_slice()));
        sheet.remove(1, b"a").unwrap();
        assert_eq!(sheet.get(1, b"a").unwrap(), None);
        assert_eq!(sheet.get(2, b"a").unwrap().as_deref(), Some(b"other kind".as_slice()));
    }

    #[test]
    fn an_attempt_that_fails_takes_only_its_own_back() {
        let place = tempfile::tempdir().unwrap();
        let mut vault = vault(&place);
        let sheet = vault.begin().unwrap();
        sheet.put(1, b"before", b"x", None).unwrap();
        let failed: Result<(), StoreError> = sheet.attempt(|sheet| {
            sheet.put(1, b"within", b"x", None)?;
            Err(StoreError::GivenUp)
        });
        failed.unwrap_err();
        let done: Result<u8, StoreError> =
            sheet.attempt(|sheet| sheet.put(1, b"after", b"x", None).map(|()| 7));
        assert_eq!(done.unwrap(), 7);
        let keys: Vec<_> = sheet.below(1, b"", 10).unwrap().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [b"after".to_vec(), b"before".to_vec()]);
    }

    #[test]
    fn records_are_found_by_the_beginning_of_their_keys_and_go_when_they_end() {
        let place = tempfile::tempdir().unwrap();
        let mut vault = vault(&place);
        let sheet = vault.begin().unwrap();
        for (key, ends) in [(b"a1", None), (b"a2", Some(10)), (b"a3", Some(20)), (b"b1", Some(5))] {
            sheet.put(1, key, b"x", ends).unwrap();
        }
        let of = |prefix: &[u8], at_most| sheet.below(1, prefix, at_most).unwrap().len();
        assert_eq!([of(b"a", 9), of(b"a", 2), of(b"b", 9), of(b"c", 9)], [3, 2, 1, 0]);
        let after = |key: &[u8], at_most| {
            let rows = sheet.after(1, key, at_most).unwrap().into_iter();
            rows.map(|(key, _)| String::from_utf8(key).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(after(b"", 2), ["a1", "a2"]);
        assert_eq!(after(b"a2", 9), ["a3", "b1"]);
        assert!(after(b"b1", 9).is_empty());
        assert_eq!(sheet.remove_ended(10, 1).unwrap(), 1, "the one that ended first");
        assert_eq!([of(b"a", 9), of(b"b", 9)], [3, 0]);
        assert_eq!(sheet.remove_ended(10, 9).unwrap(), 1);
        assert_eq!(of(b"a", 9), 2);
    }
}
