//! Which records are in memory and which only in `state.db`. Must not know what is in a record.
//!
//! A look into SQLite for each new address and device would take longer than weighing the event. So once every stored record
//! was read ahead, whatever is neither in memory nor among those that left it does not exist.

use engine::State;
use engine::key::{KeyBytes, RecordKey};
use engine::record::Record;
use hashbrown::HashSet;
use store::StateReader;

use crate::log::with_sources;

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
        let mut missing: Vec<(u8, KeyBytes, RecordKey)> = keys
            .filter(|key| !state.holds(*key) && (!self.complete || self.elsewhere.contains(key)))
            .map(|key| (key.kind(), key.bytes(), key))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        // In the order in which they are stored.
        missing.sort_unstable();
        missing.dedup();
        let named: Vec<(u8, &[u8])> = missing.iter().map(|(kind, key, _)| (*kind, &**key)).collect();
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

#[cfg(test)]
mod tests {
    use engine::State;
    use engine::key::RecordKey;
    use engine::record::{Customer, Record};
    use store::{DataFolder, Limits};

    use super::Residence;

    /// Customers 0 to 9, each with as many logins, and one whose bytes are damaged.
    fn stored(folder: &std::path::Path) -> DataFolder {
        let data = DataFolder::open(&folder.join("data")).unwrap();
        let (_journal, mut state) = data.files(&Limits::default()).unwrap();
        let mut records: Vec<(RecordKey, Vec<u8>)> =
            (0..10).map(|number| (key(number), bytes(number))).collect();
        records.push((DAMAGED, vec![1, 255]));
        let rows = records.iter().map(|(key, bytes)| (key.kind(), key.bytes(), Some(bytes)));
        state.checkpoint(1, rows).unwrap();
        data
    }

    const DAMAGED: RecordKey = RecordKey::Customer(99);

    fn key(number: u32) -> RecordKey {
        RecordKey::Customer(u64::from(number))
    }

    fn bytes(number: u32) -> Vec<u8> {
        let mut customer = Box::<Customer>::default();
        customer.logins = number;
        Record::Customer(customer).encode().unwrap()
    }

    /// Loads a record and gives its bytes.
    fn look(residence: &mut Residence, state: &mut State, key: RecordKey) -> Result<Option<Vec<u8>>, String> {
        residence.load(std::iter::once(key), state).map(|()| state.encoded(key))
    }

    #[test]
    fn what_left_memory_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let data = stored(folder.path());
        let mut residence = Residence::new(data.view().state_reader().unwrap(), false);
        let mut state = State::default();
        assert_eq!(
            look(&mut residence, &mut state, key(3)),
            Ok(Some(bytes(3))),
            "before all were read ahead"
        );
        let ahead = (0..10).map(|number| (key(number), Some(Record::decode(&bytes(number)).unwrap())));
        residence.warm(ahead.collect(), true, true, &mut state);
        assert!(residence.is_complete());
        for _round in 0..3 {
            let gone: Vec<RecordKey> = (0..State::PARTS).flat_map(|part| state.forget(part, 0)).collect();
            residence.left(&gone);
            assert_eq!((gone.len(), state.records()), (10, 0));
            for number in 0..10 {
                assert_eq!(look(&mut residence, &mut state, key(number)), Ok(Some(bytes(number))));
            }
        }
        assert_eq!(look(&mut residence, &mut state, key(77)), Ok(None), "what was never stored is not there");
    }

    /// However often it is touched: an empty one in its place would be written over it.
    #[test]
    fn a_record_that_cannot_be_read_is_never_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let data = stored(folder.path());
        let mut residence = Residence::new(data.view().state_reader().unwrap(), false);
        let mut state = State::default();
        let ahead = vec![(DAMAGED, None), (key(1), Some(Record::decode(&bytes(1)).unwrap()))];
        residence.warm(ahead, true, false, &mut state);
        for _touch in 0..3 {
            assert!(look(&mut residence, &mut state, DAMAGED).is_err());
            assert!(!state.holds(DAMAGED));
        }
        assert_eq!(look(&mut residence, &mut state, key(1)), Ok(Some(bytes(1))), "others are served");
    }
}
