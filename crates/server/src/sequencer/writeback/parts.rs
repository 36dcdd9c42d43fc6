//! The parts of a round as they come, gathered and put in the order in which they are written. Must not know who copies records, nor how
//! they are written.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender};

use engine::key::{KeyBytes, RecordKey};
use engine::state::Copies;
use store::StoreError;

use super::Chunk;

/// Memory for records that are put in order and written at once: the more, the fewer pages are written twice.
const RUN_BYTES: usize = 128 << 20;
/// Bytes of it that are kept while nothing is written.
const RUN_BYTES_KEPT: usize = 32 << 20;
/// Records that are put in order and written at once, and the memory for them.
#[derive(Default)]
pub(super) struct Run {
    /// Of all of them.
    bytes: Vec<u8>,
    /// Each with where its bytes are.
    records: Vec<(RecordKey, Range<usize>)>,
}

impl Run {
    fn add(&mut self, copies: &Copies) {
        for (key, record) in copies.iter() {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(record);
            self.records.push((key, from..self.bytes.len()));
        }
    }

    /// In the order in which they are stored: within a kind that of keys is that of their bytes.
    fn sort(&mut self) {
        self.records.sort_unstable_by_key(|(key, _)| *key);
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (u8, KeyBytes, Option<&[u8]>)> {
        // Ranges are of these bytes; no bytes at all would be told as damage when they are loaded.
        let bytes = |of: &Range<usize>| self.bytes.get(of.clone()).unwrap_or(&[]);
        self.records.iter().map(move |(key, of)| (key.kind(), key.bytes(), Some(bytes(of))))
    }

    fn taken(&self) -> usize {
        let row_bytes = size_of::<(RecordKey, Range<usize>)>();
        self.bytes.len().saturating_add(self.records.len().saturating_mul(row_bytes))
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }

    /// Keeps no more memory than a round without hurry needs: where rounds follow each other, what is given back comes again page by page.
    pub(super) fn give_back(&mut self) {
        self.bytes.shrink_to(RUN_BYTES_KEPT);
    }
}

/// The parts of a round as they come.
pub(super) struct Parts<'a> {
    first: Option<Chunk>,
    chunks: &'a Receiver<Chunk>,
    rooms: &'a SyncSender<Copies>,
    /// Of all that came.
    keys: Vec<RecordKey>,
    ended: bool,
}

impl<'a> Parts<'a> {
    pub(super) const fn new(
        first: Chunk,
        chunks: &'a Receiver<Chunk>,
        rooms: &'a SyncSender<Copies>,
    ) -> Self {
        Self { first: Some(first), chunks, rooms, keys: Vec::new(), ended: false }
    }

    /// The keys of all that came.
    pub(super) fn into_keys(self) -> Vec<RecordKey> {
        self.keys
    }

    /// Puts the records of the next parts in order; false after the last. A round whose end does not come is given up.
    pub(super) fn fill(&mut self, run: &mut Run) -> Result<bool, StoreError> {
        run.clear();
        if self.ended {
            return Ok(false);
        }
        while !self.ended && run.taken() < RUN_BYTES {
            let chunk = self.first.take().map_or_else(|| self.chunks.recv(), Ok);
            let Chunk { mut copies, last, .. } = chunk.map_err(|_gone| {
                self.ended = true;
                StoreError::GivenUp
            })?;
            self.ended = last;
            self.keys.extend(copies.iter().map(|(key, _)| key));
            run.add(&copies);
            copies.clear();
            // Where there are enough of them it is not needed.
            let _enough = self.rooms.try_send(copies);
        }
        run.sort();
        Ok(true)
    }
}
