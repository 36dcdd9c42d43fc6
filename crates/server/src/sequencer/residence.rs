//! Which records are in memory and which only in `state.db`. Must not know what is in a record.
//!
//! A look into SQLite for each new address and device would take longer than weighing the event. So once every stored record
//! was read ahead, whatever is neither in memory nor among those that left it does not exist.

use engine::State;
use engine::key::RecordKey;
use engine::record::Record;
use hashbrown::HashSet;
use store::StateReader;

use super::committing::with_sources;

/// What is stored and not in memory.
pub(super) struct Residence {
    reader: StateReader,
    /// Whether `elsewhere` is complete.
    complete: bool,
    /// Stored records that are not in memory. Names, not hashes of them: one forgotten by mistake would be overwritten by an
    /// empty one. The set's own hashing is seeded, because senders choose addresses.
    elsewhere: HashSet<RecordKey>,
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
            .filter(|key| !state.holds(*key) && (!self.complete || self.elsewhere.contains(key)))
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
            if let Some(bytes) = bytes {
                state.load(*key, decode(*key, &bytes)?);
                self.elsewhere.remove(key);
            }
        }
        Ok(())
    }

    /// Takes records that were read ahead; those that are in memory already may have changed since. When there is no room, or
    /// one could not be read, it is only noted that they are stored.
    pub(super) fn warm(
        &mut self,
        records: Vec<(RecordKey, Option<Record>)>,
        all: bool,
        room: bool,
        state: &mut State,
    ) {
        for (key, record) in records {
            if state.holds(key) {
                continue;
            }
            match record.filter(|_| room) {
                Some(record) => {
                    state.load(key, record);
                }
                None => {
                    self.elsewhere.insert(key);
                }
            }
        }
        self.complete |= all;
    }

    /// Notes that records left memory.
    pub(super) fn left(&mut self, keys: &[RecordKey]) {
        self.elsewhere.extend(keys);
    }
}

/// A stored record, decoded.
pub(super) fn decode(key: RecordKey, bytes: &[u8]) -> Result<Record, String> {
    Record::decode(bytes).map_err(|error| format!("the stored record {key:?} cannot be read: {error}"))
}
