//! Which records are in memory and which only in `state.db`. Must not know what is in a record.
//!
//! A look into SQLite for each new address and device would take longer than weighing the event. So once every stored record
//! was read ahead, whatever is neither in memory nor among those that left it does not exist.

use std::hash::BuildHasher as _;

use engine::State;
use engine::key::RecordKey;
use engine::record::Record;
use hashbrown::HashSet;
use rustc_hash::FxBuildHasher;
use store::StateReader;

use super::committing::with_sources;

/// What is stored and not in memory.
pub(super) struct Residence {
    reader: StateReader,
    /// Whether `elsewhere` is complete.
    complete: bool,
    /// Hashes of stored records that are not in memory. A hash too much costs a look.
    elsewhere: HashSet<u64, FxBuildHasher>,
}

fn hash(key: RecordKey) -> u64 {
    FxBuildHasher.hash_one(key)
}

impl Residence {
    /// Of a state in which nothing or something is stored.
    pub(super) fn new(reader: StateReader, nothing_stored: bool) -> Self {
        Self { reader, complete: nothing_stored, elsewhere: HashSet::default() }
    }

    /// Whether everything stored was read ahead, so that records may leave memory.
    pub(super) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Loads those of the records that are stored and not in memory.
    pub(super) fn load(
        &mut self,
        keys: impl Iterator<Item = RecordKey>,
        state: &mut State,
    ) -> Result<(), String> {
        if self.complete && self.elsewhere.is_empty() {
            return Ok(());
        }
        let mut missing: Vec<(u8, Vec<u8>, RecordKey)> = keys
            .filter(|key| !state.holds(*key) && (!self.complete || self.elsewhere.contains(&hash(*key))))
            .map(|key| (key.kind(), key.bytes(), key))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        // In the order in which they are stored.
        missing.sort_unstable();
        missing.dedup();
        let named: Vec<(u8, &[u8])> = missing.iter().map(|(kind, key, _)| (*kind, key.as_slice())).collect();
        let loaded = self.reader.load_many(&named).map_err(|error| with_sources(&error))?;
        for ((_, _, key), bytes) in missing.iter().zip(loaded) {
            self.elsewhere.remove(&hash(*key));
            if let Some(bytes) = bytes {
                state.load(*key, decode(*key, &bytes)?);
            }
        }
        Ok(())
    }

    /// Takes records that were read ahead; those that are in memory already may have changed since. When there is no room,
    /// it is only noted that they are stored.
    pub(super) fn warm(
        &mut self,
        records: Vec<(RecordKey, Record)>,
        all: bool,
        room: bool,
        state: &mut State,
    ) {
        for (key, record) in records {
            if state.holds(key) {
                continue;
            }
            if room {
                state.load(key, record);
            } else {
                self.elsewhere.insert(hash(key));
            }
        }
        self.complete |= all;
    }

    /// Notes that records left memory.
    pub(super) fn left(&mut self, keys: &[RecordKey]) {
        self.elsewhere.extend(keys.iter().map(|key| hash(*key)));
    }
}

/// A stored record, decoded.
pub(super) fn decode(key: RecordKey, bytes: &[u8]) -> Result<Record, String> {
    Record::decode(bytes).map_err(|error| format!("the stored record {key:?} cannot be read: {error}"))
}
