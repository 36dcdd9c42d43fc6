//! From an id to its row. Must not know what else is in a row.
//!
//! Ids are random, so an index on them changes one page of 4 KiB for every row. Measured in a journal of a million rows
//! (durable rows/s in batches of 32 and 256, SQLite driven from Python, two busy cores): no index 39,000 and 95,000; unique
//! index 13,000 and 20,000; table of ids `WITHOUT ROWID` 18,000 and 25,000; index on 8-byte hashes 25,000 and 35,000, all
//! with stalls of 0.1 s; as below 49,000 and 70,000. So the index is built as the journal is: by appending. Hashes of the
//! last [`RUN_ROWS`] rows are kept in memory; then they become a *run*, rows of `id_run` that are never changed, written part by
//! part in the same transactions as the batches that follow. A [`Sieve`] in memory, of 2 bytes a row, says which runs may have a hash; nearly always
//! none does.
//!
//! A hash only proposes rows; the id in the row decides.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use rusqlite::{Connection, Transaction};
use xxhash_rust::xxh3::xxh3_64;

use super::sieve::{Bits, Sieve};
use super::{Entry, Found, rows};
use crate::StoreError;
use crate::sqlite::Database;

/// Rows after which a run is written. A restart reads twice as many rows at most.
pub(super) const RUN_ROWS: u64 = 32_768;
/// Rows of a run written beside a batch, at least.
const PART_ROWS: usize = 128;

/// Hash of an id and the number of its row. The hash is stored, so it may not change: XXH3, 64 bits, seed 0.
pub(super) type Key = (u64, u64);

/// Hashes of ids in memory.
#[derive(Debug, Default)]
struct Fresh {
    rows: HashMap<u64, u64, BuildHasherDefault<Hashed>>,
    /// Further rows with a hash that is in `rows`: hardly ever any.
    more: BTreeSet<Key>,
}

/// What is hashed already needs no hashing.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A run that is being written, a part with each batch.
#[derive(Debug)]
struct Closing {
    /// Its last row, which is its name.
    last: u64,
    /// In order.
    keys: Vec<Key>,
    /// How many of them are.
    written: usize,
}

impl Closing {
    /// The rows with a hash.
    fn with(&self, hash: u64) -> impl Iterator<Item = u64> {
        let from = self.keys.partition_point(|(each, _)| *each < hash);
        self.keys.iter().skip(from).take_while(move |(each, _)| *each == hash).map(|(_, seq)| *seq)
    }
}

/// What a transaction wrote of a run.
pub(super) struct Progress {
    written: usize,
    /// What the sieve needs, when that was all.
    done: Option<Bits>,
}

impl Fresh {
    fn add(&mut self, (hash, seq): Key) {
        if let Some(first) = self.rows.insert(hash, seq)
            && first != seq
        {
            self.more.insert((hash, first));
        }
    }

    /// The rows with a hash.
    fn with(&self, hash: u64) -> impl Iterator<Item = u64> {
        let more = self.more.range((hash, 0)..=(hash, u64::MAX)).map(|(_, seq)| *seq);
        self.rows.get(&hash).copied().into_iter().chain(more)
    }

    fn keys(&self) -> impl Iterator<Item = Key> {
        self.rows.iter().map(|(hash, seq)| (*hash, *seq)).chain(self.more.iter().copied())
    }

    fn retain_after(&mut self, up_to: u64) {
        let kept: Vec<Key> = self.keys().filter(|(_, seq)| *seq > up_to).collect();
        *self = Self::default();
        kept.into_iter().for_each(|key| self.add(key));
    }
}

/// The index of ids.
#[derive(Debug)]
pub(super) struct Ids {
    /// Of rows that are in no run.
    fresh: Fresh,
    /// Of rows whose run is being written.
    closing: Option<Closing>,
    sieve: Sieve,
    /// Last row of the last run.
    indexed: u64,
}

impl Ids {
    pub(super) fn load(database: &Database, first_seq: u64) -> Result<Self, StoreError> {
        let failed = || database.failed("reading its index of ids");
        let sieve = load_sieve(&database.connection).map_err(failed())?;
        let indexed = sieve.last_run().unwrap_or(0).max(first_seq.saturating_sub(1));
        let mut fresh = Fresh::default();
        let mut select = database
            .connection
            .prepare("SELECT seq, id FROM input WHERE seq > ?1 AND id IS NOT NULL")
            .map_err(failed())?;
        let mut rows = select.query([indexed]).map_err(failed())?;
        while let Some(row) = rows.next().map_err(failed())? {
            let id = row.get_ref(1).map_err(failed())?;
            let id = id.as_bytes().map_err(|_| StoreError::damaged(&database.path, "an id is not text"))?;
            fresh.add((xxh3_64(id), row.get(0).map_err(failed())?));
        }
        Ok(Self { fresh, closing: None, sieve, indexed })
    }

    /// The row with this id.
    pub(super) fn find(&self, database: &Database, id: &str) -> Result<Option<Found>, StoreError> {
        self.find_hashed(database, id, xxh3_64(id.as_bytes()))
    }

    fn find_hashed(&self, database: &Database, id: &str, hash: u64) -> Result<Option<Found>, StoreError> {
        for seq in self.fresh.with(hash) {
            if let Some(found) = rows::found(database, seq, id)? {
                return Ok(Some(found));
            }
        }
        for seq in self.closing.iter().flat_map(|closing| closing.with(hash)) {
            if let Some(found) = rows::found(database, seq, id)? {
                return Ok(Some(found));
            }
        }
        for run in self.sieve.candidates(hash) {
            if let Some(found) = find_in_run(database, run, hash, id)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The keys of a batch, in order, if none of its ids is known.
    pub(super) fn check_new(&self, database: &Database, batch: &[Entry<'_>]) -> Result<Vec<Key>, StoreError> {
        let mut keys = Vec::with_capacity(batch.len());
        let mut named = Vec::with_capacity(batch.len());
        for entry in batch {
            let Some(id) = entry.id else { continue };
            let hash = xxh3_64(id.as_bytes());
            if let Some(found) = self.find_hashed(database, id, hash)? {
                return Err(StoreError::Duplicate { first: found.seq, found: entry.seq });
            }
            named.push((hash, id, entry.seq));
        }
        named.sort_unstable();
        for ((hash, id, seq), next) in named.iter().zip(named.iter().skip(1).map(Some).chain([None])) {
            if let Some((_, next_id, next_seq)) = next
                && id == next_id
            {
                return Err(StoreError::Duplicate { first: *seq, found: *next_seq });
            }
            keys.push((*hash, *seq));
        }
        Ok(keys)
    }

    /// Writes a part of the run that is being written, if one is, beside a batch of so many rows: twice as many, so that it
    /// is done before the next one begins, and few enough that no batch waits for it.
    pub(super) fn write_run(
        &self,
        transaction: &Transaction<'_>,
        batch_rows: usize,
    ) -> rusqlite::Result<Option<Progress>> {
        let Some(closing) = &self.closing else { return Ok(None) };
        if closing.written == 0 {
            // What a crash left of one that was never finished.
            transaction.execute("DELETE FROM id_run WHERE run > ?1", [self.indexed])?;
        }
        let end = closing.written.saturating_add(batch_rows.saturating_mul(2).max(PART_ROWS));
        let part = closing.keys.iter().take(end).skip(closing.written);
        let mut insert =
            transaction.prepare_cached("INSERT INTO id_run(run, hash, seq) VALUES(?1, ?2, ?3)")?;
        for (hash, seq) in part {
            insert.execute((closing.last, hash.cast_signed(), seq))?;
        }
        if end < closing.keys.len() {
            return Ok(Some(Progress { written: end, done: None }));
        }
        let mut bits = Bits::new();
        closing.keys.iter().for_each(|(hash, _)| bits.add(*hash));
        transaction
            .execute("INSERT INTO id_span(run, sieve) VALUES(?1, ?2)", (closing.last, bits.to_bytes()))?;
        Ok(Some(Progress { written: end, done: Some(bits) }))
    }

    /// A batch with these keys, which ends with `last`, is durable, and so is what was written of a run.
    pub(super) fn added(&mut self, batch: Vec<Key>, progress: Option<Progress>, last: u64) {
        batch.into_iter().for_each(|key| self.fresh.add(key));
        if let Some(closing) = &mut self.closing
            && let Some(progress) = progress
        {
            closing.written = progress.written;
            if let Some(bits) = progress.done {
                self.sieve.add(closing.last, &bits);
                self.indexed = closing.last;
                self.closing = None;
            }
        }
        if self.closing.is_none() && last.saturating_sub(self.indexed) >= RUN_ROWS {
            let mut keys: Vec<Key> = std::mem::take(&mut self.fresh).keys().collect();
            keys.sort_unstable();
            self.closing = Some(Closing { last, keys, written: 0 });
        }
    }

    /// Rows up to this one are gone.
    pub(super) fn trimmed(&mut self, up_to: u64) {
        self.sieve.remove_up_to(up_to);
        if self.closing.as_ref().is_some_and(|closing| closing.last <= up_to) {
            self.closing = None;
        }
        if up_to > self.indexed {
            self.fresh.retain_after(up_to);
        }
        self.indexed = self.indexed.max(up_to);
    }
}

/// The row with this id among those of one run.
pub(super) fn find_in_run(
    database: &Database,
    run: u64,
    hash: u64,
    id: &str,
) -> Result<Option<Found>, StoreError> {
    let failed = || database.failed("looking up an id");
    let mut select = database
        .connection
        .prepare_cached("SELECT seq FROM id_run WHERE run = ?1 AND hash = ?2")
        .map_err(failed())?;
    let mut seqs = select.query((run, hash.cast_signed())).map_err(failed())?;
    while let Some(row) = seqs.next().map_err(failed())? {
        if let Some(found) = rows::found(database, row.get(0).map_err(failed())?, id)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn load_sieve(connection: &Connection) -> rusqlite::Result<Sieve> {
    let mut sieve = Sieve::default();
    let mut select = connection.prepare("SELECT run, sieve FROM id_span ORDER BY run")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        sieve.add(row.get(0)?, &Bits::from_bytes(row.get_ref(1)?.as_blob()?));
    }
    Ok(sieve)
}
