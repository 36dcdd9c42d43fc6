//! Records of one sort, found by key, each with a mark of whether it changed since it was last copied out. Must not know what
//! a record means.
//!
//! The table is cut into many small ones, so that growing it, or looking through it for what may leave memory, never stops
//! a decision for long: with 5 million records a part holds 20,000.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::Serialize;

use super::changes::Changes;
use crate::key::RecordKey;

/// Parts of a table.
pub(super) const PARTS: usize = 256;

/// A key, spread over all 64 bits.
pub(super) trait Spread: Copy + PartialEq {
    fn spread(self) -> u64;
}

impl Spread for u64 {
    fn spread(self) -> u64 {
        // The finalizer of SplitMix64 (Steele et al. 2014): keys are hashes, but an attacker may choose what is hashed.
        let key = (self ^ (self >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let key = (key ^ (key >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        key ^ (key >> 31)
    }
}

impl Spread for u32 {
    fn spread(self) -> u64 {
        u64::from(self).spread()
    }
}

impl Spread for u128 {
    fn spread(self) -> u64 {
        let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
        (half(self).spread() ^ half(self >> 64)).spread()
    }
}

/// A record in memory.
#[derive(Debug, Default)]
pub(super) struct Slot<R> {
    pub(super) record: R,
    /// The round of copying in which it last changed; 0 if it is as it was stored.
    pub(super) changed: u32,
    /// The tick at which it was last changed or loaded.
    used: u32,
}

type Part<K, R> = HashTable<(K, Slot<R>)>;

#[derive(Debug)]
pub(super) struct Records<K, R> {
    parts: Vec<Part<K, R>>,
    name: fn(K) -> RecordKey,
    len: usize,
}

impl<K, R> Records<K, R> {
    /// Shows every record, in no order.
    pub(super) fn each(&self, look: impl FnMut(&R)) {
        self.parts.iter().flatten().map(|(_, slot)| &slot.record).for_each(look);
    }

    /// Bytes of the tables themselves, their empty places too.
    pub(super) fn table_bytes(&self) -> usize {
        self.parts.iter().map(HashTable::allocation_size).sum()
    }
}

/// Which part a hash belongs to. The tables use the lowest bits and the highest seven.
fn part_of(hash: u64) -> usize {
    usize::try_from(hash >> 40).unwrap_or(0) % PARTS
}

impl<K: Spread, R: Default + Serialize> Records<K, R> {
    pub(super) fn new(name: fn(K) -> RecordKey) -> Self {
        Self { parts: (0..PARTS).map(|_| HashTable::new()).collect(), name, len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    fn slot(&self, key: K) -> Option<&Slot<R>> {
        let hash = key.spread();
        self.parts.get(part_of(hash))?.find(hash, |(each, _)| *each == key).map(|(_, slot)| slot)
    }

    pub(super) fn get(&self, key: K) -> Option<&R> {
        self.slot(key).map(|slot| &slot.record)
    }

    /// The record to change, made if there is none; from here on it counts as changed.
    pub(super) fn change(&mut self, key: K, changes: &mut Changes) -> Option<&mut R> {
        let hash = key.spread();
        let part = self.parts.get_mut(part_of(hash))?;
        let (name, len) = (self.name, &mut self.len);
        let entry = part.entry(hash, |(each, _)| *each == key, |(each, _)| each.spread());
        let slot = match entry {
            Entry::Occupied(entry) => &mut entry.into_mut().1,
            Entry::Vacant(entry) => {
                *len = len.saturating_add(1);
                let slot = Slot { record: R::default(), changed: 0, used: 0 };
                &mut entry.insert((key, slot)).into_mut().1
            }
        };
        changes.note(name(key), slot);
        slot.used = changes.tick();
        Some(&mut slot.record)
    }

    /// Puts a stored record into memory, in place of what is there.
    pub(super) fn load(&mut self, key: K, record: R, tick: u32) {
        let hash = key.spread();
        let Some(part) = self.parts.get_mut(part_of(hash)) else { return };
        let slot = Slot { record, changed: 0, used: tick };
        match part.entry(hash, |(each, _)| *each == key, |(each, _)| each.spread()) {
            Entry::Occupied(mut entry) => entry.get_mut().1 = slot,
            Entry::Vacant(entry) => {
                self.len = self.len.saturating_add(1);
                entry.insert((key, slot));
            }
        }
    }

    /// Copies a record out if it is still to be copied in the round under way.
    pub(super) fn copy(&mut self, key: K, changes: &mut Changes) {
        let hash = key.spread();
        let name = self.name;
        let part = self.parts.get_mut(part_of(hash));
        if let Some((_, slot)) = part.and_then(|part| part.find_mut(hash, |(each, _)| *each == key)) {
            changes.copy(name(key), slot);
        }
    }

    /// Says that a record is not stored as it is after all.
    pub(super) fn mark_changed(&mut self, key: K, changes: &mut Changes) {
        let hash = key.spread();
        let name = self.name;
        let part = self.parts.get_mut(part_of(hash));
        if let Some((_, slot)) = part.and_then(|part| part.find_mut(hash, |(each, _)| *each == key)) {
            changes.note(name(key), slot);
        }
    }

    /// Lets records of a part leave memory that are stored as they are and were not used after a tick; tells their keys.
    pub(super) fn forget(&mut self, part: usize, unused_since: u32, gone: &mut Vec<RecordKey>) {
        let Some(part) = self.parts.get_mut(part) else { return };
        let (name, before) = (self.name, gone.len());
        let leaving = |(_, slot): &mut (K, Slot<R>)| slot.changed == 0 && slot.used <= unused_since;
        gone.extend(part.extract_if(leaving).map(|(key, _)| name(key)));
        self.len = self.len.saturating_sub(gone.len().saturating_sub(before));
    }

    /// Bytes that a part takes, about.
    pub(super) fn part_bytes(&self, part: usize, heap_bytes: fn(&R) -> usize) -> usize {
        /// What an allocation takes beside its content.
        const ALLOCATION_BYTES: usize = 24;
        let Some(part) = self.parts.get(part) else { return 0 };
        let table = part.capacity().saturating_mul(size_of::<(K, Slot<R>)>() + 1);
        part.iter().map(|(_, slot)| heap_bytes(&slot.record) + ALLOCATION_BYTES).sum::<usize>() + table
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = K> {
        self.parts.iter().flatten().map(|(key, _)| *key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &R> {
        self.parts.iter().flatten().map(|(_, slot)| &slot.record)
    }
}
