//! Which records changed since they were last copied out, and copying them out as they were at one input while decisions go
//! on: a record that changes before its turn is copied first. Must not know where copies go.

use serde::Serialize;

use super::records::Slot;
use crate::key::RecordKey;
use crate::record::Record;

/// Inputs to a tick of the clock by which records that were not used for long are found.
const TICK_INPUTS: u64 = 1_024;

/// Copies of records, encoded.
#[derive(Debug, Default)]
pub struct Copies {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<(RecordKey, usize)>,
}

impl Copies {
    /// The records in no order.
    pub fn iter(&self) -> impl Iterator<Item = (RecordKey, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        let each = self.ends.iter().zip(starts);
        each.map(|((key, end), start)| (*key, self.bytes.get(start..*end).unwrap_or(&[])))
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Lets go of the records, and keeps their room for others.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn add(&mut self, key: RecordKey, record: &impl Serialize) {
        // Encoding into memory cannot fail; if it ever does, what is left is no record, and verifying tells.
        if let Ok(bytes) = Record::encode_into(key.kind(), record, std::mem::take(&mut self.bytes)) {
            self.bytes = bytes;
        }
        self.ends.push((key, self.bytes.len()));
    }
}

#[derive(Debug)]
pub(super) struct Changes {
    /// The round in which changes are noted now.
    round: u32,
    /// What changed in it.
    changed: Vec<RecordKey>,
    /// What changed in the round before and is still to be copied, if a round is being copied.
    copying: Option<Vec<RecordKey>>,
    copies: Copies,
    tick: u32,
}

impl Default for Changes {
    fn default() -> Self {
        Self { round: 1, changed: Vec::new(), copying: None, copies: Copies::default(), tick: 0 }
    }
}

impl Changes {
    pub(super) fn at(&mut self, seq: u64) {
        self.tick = u32::try_from(seq / TICK_INPUTS).unwrap_or(u32::MAX);
    }

    pub(super) const fn tick(&self) -> u32 {
        self.tick
    }

    /// A record is about to change.
    pub(super) fn note<R: Serialize>(&mut self, key: RecordKey, slot: &mut Slot<R>) {
        if slot.changed == self.round {
            return;
        }
        self.copy(key, slot);
        slot.changed = self.round;
        self.changed.push(key);
    }

    /// Copies a record out if it is still to be copied.
    pub(super) fn copy<R: Serialize>(&mut self, key: RecordKey, slot: &mut Slot<R>) {
        if slot.changed != 0 && slot.changed != self.round {
            self.copies.add(key, &slot.record);
            slot.changed = 0;
        }
    }

    /// Begins a round of copying; false if one is under way.
    pub(super) fn begin(&mut self) -> bool {
        if self.copying.is_some() {
            return false;
        }
        self.copying = Some(std::mem::take(&mut self.changed));
        self.round = self.round.checked_add(1).unwrap_or(1);
        true
    }

    /// The next records to copy.
    pub(super) fn next(&mut self, at_most: usize) -> Vec<RecordKey> {
        let Some(copying) = &mut self.copying else { return Vec::new() };
        let from = copying.len().saturating_sub(at_most);
        copying.split_off(from)
    }

    /// What was copied since this was last asked, and whether that was all of the round. What is copied next goes to `room`.
    pub(super) fn take(&mut self, room: Copies) -> (Copies, bool) {
        let done = self.copying.as_ref().is_none_or(Vec::is_empty);
        if done {
            self.copying = None;
        }
        (std::mem::replace(&mut self.copies, room), done)
    }

    pub(super) const fn changed(&self) -> usize {
        self.changed.len()
    }
}
