//! The state: what the inputs of the journal add up to, as records by kind and key. Written in
//! checkpoints, each true up to one sequence number. Must not know what a record means.
//!
//! The journal is the truth and this is a saving of time: a lost checkpoint is replayed. So it is synced only when its log
//! is merged, see `schema`, or when the journal is to be trimmed behind it ([`State::sync`]). Never is it ahead of the journal, as long as checkpoints hold only what has been appended.

mod place;

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::hooks::Wal;
use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior};

use self::place::{Loading, Putting};
use crate::schema::STATE;
use crate::sqlite::{Database, merge};
use crate::{Limits, StoreError};

/// Memory for pages of a reader that names no limit.
const READER_CACHE_BYTES: u32 = 16 << 20;

const SET: &str =
    "INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value";

/// The name in `meta` of the sequence number up to which records are true and the number of checkpoints so far, as 8 bytes
/// each, the highest first. They only grow, see `Schema::progress`.
const SEQ: &str = "seq";

/// The name in `meta` of the sequence number up to which the state was last made durable, as 8 bytes, the highest first.
const SYNCED: &str = "synced";

/// The name in `meta` of a value that is there if records hold what the journal does not have.
const BEYOND: &str = "beyond";

/// Key and bytes of a record.
pub type Record = (Vec<u8>, Vec<u8>);

/// Reads `state.db`. A connection of its own, so that a record can be loaded while a checkpoint is being written; each call
/// sees one whole checkpoint, the last finished one.
#[derive(Debug)]
pub struct StateReader {
    database: Database,
}

impl StateReader {
    /// Opens a state that exists, whether or not a server has it.
    ///
    /// # Errors
    /// There is none; it is of another version; it cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_to_read_much(path, READER_CACHE_BYTES)
    }

    /// The same with a cache of about so many bytes, for who looks up many records in one go: records lie in all levels of the
    /// tree, so that of millions of them a good part is passed on the way to one.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_to_read_much(path: &Path, cache_bytes: u32) -> Result<Self, StoreError> {
        Ok(Self { database: Database::read_only(path, &STATE, cache_bytes)? })
    }

    /// One record.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn load(&self, kind: u8, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = || self.database.failed("loading a record");
        Loading::new(&self.database.connection).load(kind, key).map_err(failed())
    }

    /// Records in the order asked for, all of one checkpoint.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn load_many(&self, keys: &[(u8, &[u8])]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let failed = || self.database.failed("loading records");
        let transaction = self.database.connection.unchecked_transaction().map_err(failed())?;
        let mut loading = Loading::new(&transaction);
        keys.iter().map(|(kind, key)| loading.load(*kind, key).map_err(failed())).collect()
    }

    /// Records of a kind from a key on, in the order of their keys; at most `limit`.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn scan(&self, kind: u8, from_key: &[u8], limit: usize) -> Result<Vec<Record>, StoreError> {
        let failed = || self.database.failed("reading records");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let transaction = self.database.connection.unchecked_transaction().map_err(failed())?;
        place::scan(&transaction, kind, from_key, limit).map_err(failed())
    }

    /// Records of a kind before a key, the highest key first; at most `limit`.
    ///
    /// # Errors
    /// The file could not be read.
    pub fn scan_back(&self, kind: u8, before_key: &[u8], limit: usize) -> Result<Vec<Record>, StoreError> {
        let failed = || self.database.failed("reading records");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let transaction = self.database.connection.unchecked_transaction().map_err(failed())?;
        place::scan_back(&transaction, kind, before_key, limit).map_err(failed())
    }

    /// Up to which sequence number the records are true; 0 before the first checkpoint.
    ///
    /// # Errors
    /// The file could not be read or the value is not one.
    pub fn seq(&self) -> Result<u64, StoreError> {
        seq(&self.database)
    }

    /// Copies the state as of its last checkpoint to a new file; checkpoints go on.
    ///
    /// # Errors
    /// There is a file already; reading or writing failed.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        crate::copy::Snapshot::take(&self.database.path, &STATE)?.copy(to)
    }
}

/// The writer's end of `state.db`. There is one; [`DataFolder`](crate::DataFolder) sees to it. Reads as [`StateReader`] does.
#[derive(Debug)]
pub struct State {
    reader: StateReader,
    limits: Limits,
    seq: u64,
    checkpoints: u64,
    /// To be noted with the next checkpoint.
    goes_beyond: bool,
    /// Pages in the log after the last commit.
    logged: Arc<AtomicU32>,
}

impl Deref for State {
    type Target = StateReader;

    fn deref(&self) -> &StateReader {
        &self.reader
    }
}

impl State {
    /// Opens a state, or begins one.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file or its log was cut short or changed; [`StoreError::Newer`].
    pub fn open(path: &Path, limits: Limits) -> Result<Self, StoreError> {
        let own = Limits { wal_bytes: limits.state_wal_bytes, ..limits.clone() };
        let mut database = Database::open(path, &STATE, &own, limits.state_cache_bytes)?;
        let logged = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&logged);
        // In place of SQLite's own, which merges before the commit returns.
        let watch = move |_: &mut Wal, pages| {
            told.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        };
        let Database { connection, path, .. } = &mut database;
        connection.wal_hook(Some(watch)).map_err(StoreError::sqlite(path, "watching its log"))?;
        let reader = StateReader { database };
        let (seq, checkpoints) = progress(&reader.database)?;
        Ok(Self { reader, limits, seq, checkpoints, goes_beyond: false, logged })
    }

    /// From the next checkpoint on the records hold what the journal does not have, and that is known for good: they are never
    /// made anew from it.
    pub const fn go_beyond_journal(&mut self) {
        self.goes_beyond = true;
    }

    /// Writes changed records – `None` deletes one – and that everything is now true up to `seq`, in one
    /// transaction. `seq` must be durable in the journal and not less than at the checkpoint before.
    ///
    /// # Errors
    /// Whatever fails, the checkpoint before is still there, whole, and this one may be tried again.
    pub fn checkpoint<K, V>(
        &mut self,
        seq: u64,
        changed: impl IntoIterator<Item = (u8, K, Option<V>)>,
    ) -> Result<(), StoreError>
    where
        K: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let mut checkpoint = self.begin(seq)?;
        checkpoint.put(changed)?;
        checkpoint.finish()?;
        // It counts already, whatever becomes of the log.
        let _later = self.merge_if_long();
        Ok(())
    }

    /// Merges the log into the file when it is as long as [`Limits::state_wal_bytes`]. What is in the log counts as much; a long one
    /// takes longer to open and to read. Takes some 0.2 s, syncs included.
    ///
    /// # Errors
    /// The file could not be written. Nothing is lost; the log grows until it can.
    pub fn merge_if_long(&mut self) -> Result<(), StoreError> {
        let long = self.limits.state_wal_bytes / STATE.page_bytes;
        if self.logged.load(Ordering::Relaxed) < long {
            return Ok(());
        }
        let database = &self.reader.database;
        merge(&database.connection).map_err(database.failed("merging its log"))?;
        self.logged.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// As [`Self::checkpoint`], with records that come by and by. Nothing of it counts before [`Checkpoint::finish`]; the log is left to
    /// [`Self::merge_if_long`].
    ///
    /// # Errors
    /// As [`Self::checkpoint`].
    pub fn begin(&mut self, seq: u64) -> Result<Checkpoint<'_>, StoreError> {
        if seq < self.seq {
            let why = "the state holds already and what there can be";
            return Err(StoreError::Position { asked: seq, from: self.seq, to: u64::MAX, why });
        }
        let Self { reader, limits, seq: written, checkpoints, goes_beyond, .. } = self;
        let Database { connection, path, .. } = &mut reader.database;
        let failed = StoreError::sqlite(path, "beginning a checkpoint");
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        Ok(Checkpoint { transaction, path, seq, limits, written, checkpoints, goes_beyond })
    }

    /// Makes the last checkpoint durable and says up to which sequence number it is true. A power cut may take back those
    /// after it; behind it the journal may be trimmed. Costs a sync of the log.
    ///
    /// # Errors
    /// It could not be written or synced; nothing is lost by that, but nothing more is durable either.
    pub fn sync(&mut self) -> Result<u64, StoreError> {
        let Database { connection, path, .. } = &mut self.reader.database;
        let failed = StoreError::sqlite(path, "making a checkpoint durable");
        // A commit that syncs makes everything before it in the log durable too, and knows of the log's folder.
        let synced = connection.pragma_update(None, "synchronous", "FULL").and_then(|()| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            set(&transaction, SYNCED, &self.seq.to_be_bytes())?;
            transaction.commit()
        });
        let restored = connection.pragma_update(None, "synchronous", STATE.synchronous);
        synced.and(restored).map_err(failed)?;
        Ok(self.seq)
    }
}

/// A checkpoint being written. One that is dropped was in vain.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    transaction: Transaction<'a>,
    path: &'a Path,
    seq: u64,
    limits: &'a Limits,
    /// What [`State`] is to know of it in the end.
    written: &'a mut u64,
    checkpoints: &'a mut u64,
    goes_beyond: &'a mut bool,
}

impl Checkpoint<'_> {
    /// Writes records; fastest in the order of kinds and keys.
    ///
    /// # Errors
    /// One is too large, or writing failed. The checkpoint is to be given up.
    pub fn put<K, V>(
        &mut self,
        changed: impl IntoIterator<Item = (u8, K, Option<V>)>,
    ) -> Result<(), StoreError>
    where
        K: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let blob_bytes_max = self.limits.blob_bytes_max;
        let mut putting = Putting::new(&self.transaction);
        for (kind, key, bytes) in changed {
            let (key, bytes) = (key.as_ref(), bytes.as_ref().map(AsRef::as_ref));
            StoreError::limit("a key in bytes", key.len(), blob_bytes_max)?;
            StoreError::limit("a record in bytes", bytes.map_or(0, <[u8]>::len), blob_bytes_max)?;
            putting.put(kind, key, bytes).map_err(StoreError::sqlite(self.path, "writing a checkpoint"))?;
        }
        Ok(())
    }

    /// Commits: from here on all of it counts.
    ///
    /// # Errors
    /// Writing failed, and nothing of it counts.
    pub fn finish(self) -> Result<(), StoreError> {
        let failed = || StoreError::sqlite(self.path, "finishing a checkpoint");
        let checkpoints = self.checkpoints.saturating_add(1);
        let progress = [self.seq.to_be_bytes(), checkpoints.to_be_bytes()];
        set(&self.transaction, SEQ, progress.as_flattened()).map_err(failed())?;
        if *self.goes_beyond {
            set(&self.transaction, BEYOND, &[]).map_err(failed())?;
        }
        self.transaction.commit().map_err(failed())?;
        *self.written = self.seq;
        *self.checkpoints = checkpoints;
        *self.goes_beyond = false;
        Ok(())
    }
}

fn set(transaction: &Transaction<'_>, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    transaction.prepare_cached(SET)?.execute((name, value)).map(drop)
}

fn meta(database: &Database, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    database
        .connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()
        .map_err(database.failed("reading a value"))
}

/// What is asked of a state of an old form before it is given up.
#[derive(Debug)]
pub(crate) struct Old {
    pub(crate) seq: u64,
    pub(crate) goes_beyond_journal: bool,
}

/// Looks into a state of an old form. All forms so far have this in common.
pub(crate) fn look_at_old(path: &Path) -> Result<Old, StoreError> {
    let database = Database::read_only_of_any_version(path, &STATE, READER_CACHE_BYTES)?;
    Ok(Old { seq: seq(&database)?, goes_beyond_journal: meta(&database, BEYOND)?.is_some() })
}

/// See [`StateReader::seq`].
pub(crate) fn seq(database: &Database) -> Result<u64, StoreError> {
    progress(database).map(|(seq, _)| seq)
}

/// The value of [`SEQ`].
fn progress(database: &Database) -> Result<(u64, u64), StoreError> {
    let Some(value) = meta(database, SEQ)? else { return Ok((0, 0)) };
    match value.as_chunks() {
        ([seq, checkpoints], []) => Ok((u64::from_be_bytes(*seq), u64::from_be_bytes(*checkpoints))),
        _ => Err(StoreError::damaged(&database.path, "its sequence number is not one")),
    }
}
