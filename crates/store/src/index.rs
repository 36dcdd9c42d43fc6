//! The index: which rows of the journal concern which subject. Derived from the journal and rebuilt when it is missing or
//! damaged. Must not know what kinds and keys mean, nor read the journal: whoever follows that hands rows in.
//!
//! Rows come in runs: each covers a span of the journal, is written once, in the order of its keys, behind all others, and
//! goes as a whole when the journal is trimmed past it. So writing is sequential however many subjects there are, and a
//! question looks into each run once, the newest first.

use std::path::{Path, PathBuf};

use rusqlite::{Transaction, TransactionBehavior};

use crate::schema::INDEX;
use crate::sqlite::Database;
use crate::whole::log_path;
use crate::{Limits, StoreError};

/// Memory for pages of the writer, and of a reader.
const CACHE_BYTES: u32 = 8 << 20;

const INSERT: &str = "INSERT INTO entry(run, kind, key, seq) VALUES(?1, ?2, ?3, ?4)";
const FIND: &str = "SELECT seq FROM entry WHERE run = ?1 AND kind = ?2 AND key = ?3 AND seq < ?4 \
                    ORDER BY seq DESC LIMIT ?5";
const RUNS: &str = "SELECT run FROM run WHERE first < ?1 ORDER BY run DESC";

/// One row: this row of the journal concerns that subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexRow {
    /// Which sort of subject.
    pub kind: u8,
    /// The subject, hashed. Two may share a key: whoever reads the journal's row sees which it was.
    pub key: u64,
    /// The row of the journal.
    pub seq: u64,
}

/// Up to where an index is true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// The last row of the journal that is in it; 0 for none.
    pub seq: u64,
    /// What the caller knows that row by, so that an index of another journal is noticed.
    pub check: u64,
}

/// Reads `index.db`, on a connection of its own.
#[derive(Debug)]
pub struct IndexReader {
    database: Database,
}

impl IndexReader {
    /// Opens an index that exists.
    ///
    /// # Errors
    /// There is none; it is of another version; it cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Database::read_only(path, &INDEX, CACHE_BYTES)? })
    }

    /// Rows of the journal that concern a subject, before `before_seq`, the newest first; at most `limit`.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn find(&self, kind: u8, key: u64, before_seq: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
        let failed = || self.database.failed("looking up a subject");
        let before = i64::try_from(before_seq).unwrap_or(i64::MAX);
        // One transaction, so that no run goes in between.
        let transaction = self.database.connection.unchecked_transaction().map_err(failed())?;
        let mut select = transaction.prepare_cached(RUNS).map_err(failed())?;
        let mut runs = select.query([before]).map_err(failed())?;
        let mut in_run = transaction.prepare_cached(FIND).map_err(failed())?;
        let mut found: Vec<u64> = Vec::new();
        while found.len() < limit
            && let Some(run) = runs.next().map_err(failed())?
        {
            let run: u64 = run.get(0).map_err(failed())?;
            let room = i64::try_from(limit.saturating_sub(found.len())).unwrap_or(i64::MAX);
            let rows = in_run.query_map((run, kind, key.cast_signed(), before, room), |row| row.get(0));
            let rows = rows.and_then(Iterator::collect::<rusqlite::Result<Vec<u64>>>).map_err(failed())?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// Up to where it is true.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn reached(&self) -> Result<Reached, StoreError> {
        reached(&self.database)
    }
}

/// The writer's end of `index.db`. There is one.
#[derive(Debug)]
pub struct Index {
    database: Database,
}

impl Index {
    /// Opens an index, or begins one.
    ///
    /// # Errors
    /// The file is damaged, of another version, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open(path, &INDEX, &Limits::default(), CACHE_BYTES)? })
    }

    /// Begins a new index in place of whatever is there. Nobody may have it open.
    ///
    /// # Errors
    /// The file cannot be removed or created.
    pub fn renew(path: &Path) -> Result<Self, StoreError> {
        let mut memory = path.as_os_str().to_owned();
        memory.push("-shm");
        for file in [path.to_owned(), log_path(path), PathBuf::from(memory)] {
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::io(&file, "removing")(error));
                }
                _ => {}
            }
        }
        Self::open(path)
    }

    /// Up to where it is true.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn reached(&self) -> Result<Reached, StoreError> {
        reached(&self.database)
    }

    /// Adds a run that covers the journal from `first_seq` up to `reached`. `rows` must be in order. It is there whole or,
    /// after a crash, perhaps not at all.
    ///
    /// # Errors
    /// [`StoreError::Gap`] if it does not follow the run before; the file could not be written.
    pub fn append(
        &mut self,
        rows: impl IntoIterator<Item = IndexRow>,
        first_seq: u64,
        reached: Reached,
    ) -> Result<(), StoreError> {
        let before = self.reached()?.seq;
        if first_seq <= before || reached.seq < first_seq {
            return Err(StoreError::Gap { expected: before.saturating_add(1), found: first_seq });
        }
        let failed = || StoreError::sqlite(&self.database.path, "adding a run");
        let transaction = self
            .database
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed())?;
        insert(&transaction, rows, first_seq, reached).map_err(failed())?;
        transaction.commit().map_err(failed())
    }

    /// Removes runs that lie wholly before `first_seq`; gives how many.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn trim(&mut self, first_seq: u64) -> Result<usize, StoreError> {
        let failed = || StoreError::sqlite(&self.database.path, "removing a run");
        let mut removed: usize = 0;
        loop {
            // A run at a time: each takes its moment, and none is half gone.
            let transaction = self
                .database
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(failed())?;
            let run: Option<u64> = transaction
                .query_row("SELECT min(run) FROM run WHERE run < ?1", [first_seq], |row| row.get(0))
                .map_err(failed())?;
            let Some(run) = run else { return Ok(removed) };
            transaction.execute("DELETE FROM entry WHERE run = ?1", [run]).map_err(failed())?;
            transaction.execute("DELETE FROM run WHERE run = ?1", [run]).map_err(failed())?;
            count_commit(&transaction).map_err(failed())?;
            transaction.commit().map_err(failed())?;
            removed = removed.saturating_add(1);
        }
    }
}

fn reached(database: &Database) -> Result<Reached, StoreError> {
    database
        .connection
        .query_row("SELECT seq, digest FROM reached", [], |row| {
            Ok(Reached { seq: row.get(0)?, check: row.get::<_, i64>(1)?.cast_unsigned() })
        })
        .map_err(database.failed("reading up to where it is true"))
}

fn insert(
    transaction: &Transaction<'_>,
    rows: impl IntoIterator<Item = IndexRow>,
    first: u64,
    reached: Reached,
) -> rusqlite::Result<()> {
    let run = reached.seq;
    transaction.execute("INSERT INTO run(run, first) VALUES(?1, ?2)", [run, first])?;
    let mut insert = transaction.prepare_cached(INSERT)?;
    for row in rows {
        insert.execute((run, row.kind, row.key.cast_signed(), row.seq))?;
    }
    transaction
        .execute("UPDATE reached SET seq = ?1, digest = ?2", (reached.seq, reached.check.cast_signed()))?;
    count_commit(transaction)
}

/// To be called in every transaction; see [`Schema::progress`](crate::schema::Schema).
fn count_commit(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.prepare_cached("UPDATE reached SET commits = commits + 1")?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::{Index, IndexReader, IndexRow, Reached};

    fn row(kind: u8, key: u64, seq: u64) -> IndexRow {
        IndexRow { kind, key, seq }
    }

    #[test]
    fn the_newest_come_first_and_runs_go_whole() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("index.db");
        let mut index = Index::open(&path).unwrap();
        let reader = IndexReader::open(&path).unwrap();
        index.append([row(1, 7, 1), row(1, 7, 3), row(2, 7, 2)], 1, Reached { seq: 3, check: 9 }).unwrap();
        index.append([row(1, 7, 5), row(1, u64::MAX, 4)], 4, Reached { seq: 6, check: 8 }).unwrap();
        assert_eq!(reader.find(1, 7, u64::MAX, 10).unwrap(), [5, 3, 1]);
        assert_eq!(reader.find(1, 7, 5, 1).unwrap(), [3]);
        assert_eq!(reader.find(1, u64::MAX, 10, 10).unwrap(), [4]);
        assert_eq!(reader.find(3, 7, 10, 10).unwrap(), [0; 0]);
        assert!(index.append([], 6, Reached { seq: 7, check: 0 }).is_err(), "6 is in it already");
        assert_eq!(index.trim(3).unwrap(), 0);
        assert_eq!(index.trim(4).unwrap(), 1);
        assert_eq!(reader.find(1, 7, u64::MAX, 10).unwrap(), [5]);
        drop((index, reader));
        assert_eq!(Index::open(&path).unwrap().reached().unwrap(), Reached { seq: 6, check: 8 });
    }

    /// Of the form before, in which reports were not kept apart.
    #[test]
    fn one_of_an_earlier_form_is_filled_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.db");
        let mut index = Index::open(&path).unwrap();
        index.append([row(1, 7, 3)], 1, Reached { seq: 4, check: 9 }).unwrap();
        drop(index);
        rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 1).unwrap();
        let mut index = Index::open(&path).unwrap();
        assert_eq!(index.reached().unwrap(), Reached { seq: 0, check: 0 });
        index.append([row(1, 7, 3), row(6, 0, 4)], 1, Reached { seq: 4, check: 9 }).unwrap();
        let reader = IndexReader::open(&path).unwrap();
        assert_eq!(reader.find(1, 7, u64::MAX, 9).unwrap(), [3], "once");
        assert_eq!(reader.find(6, 0, u64::MAX, 9).unwrap(), [4]);
    }

    #[test]
    fn a_damaged_one_is_noticed_and_made_anew() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("index.db");
        drop(Index::open(&path).unwrap());
        std::fs::write(&path, b"something else").unwrap();
        assert!(Index::open(&path).is_err());
        assert_eq!(Index::renew(&path).unwrap().reached().unwrap(), Reached::default());
    }
}
