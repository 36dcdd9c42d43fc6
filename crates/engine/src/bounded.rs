//! Small maps with a limit: when one is full, the entry touched longest ago makes room. Must not know what they hold.
//!
//! Records hold several of these, and most customers have few entries: a vector that is searched from its end costs less
//! than a hash map up to the limits used here, takes less memory, and its order is the same on every machine.

use serde::{Deserialize, Serialize};

/// A key of a [`Recent`]. Keys of one group share a limit.
pub trait Key: Copy + PartialEq {
    /// Its group; one for all unless there are several.
    fn group(self) -> u8 {
        0
    }
}

impl Key for u32 {}

/// Keys with values, the one touched last at the end. At most as many of a group as [`Self::touch`] allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent<K, V>(Vec<(K, V)>);

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Key, V: Default> Recent<K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: K) -> Option<&V> {
        self.0.iter().rev().find(|(each, _)| *each == key).map(|(_, value)| value)
    }

    /// Changes the value of a key, made if it is new, and moves it to the end. If that makes more than `limit` entries of
    /// its group, the one touched longest ago goes.
    pub fn touch(&mut self, key: K, limit: usize, change: impl FnOnce(&mut V)) {
        let mut value = match self.0.iter().rposition(|(each, _)| *each == key) {
            Some(place) => self.0.remove(place).1,
            None => {
                self.make_room(key.group(), limit.max(1));
                V::default()
            }
        };
        change(&mut value);
        self.0.push((key, value));
    }

    fn make_room(&mut self, group: u8, limit: usize) {
        let mut of_group = self.0.iter().enumerate().filter(|(_, (each, _))| each.group() == group);
        let oldest = of_group.next().map(|(place, _)| place);
        if let Some(oldest) = oldest
            && of_group.count().saturating_add(1) >= limit
        {
            self.0.remove(oldest);
        }
        // Little spare room: there are millions of these, and few grow often.
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact((self.0.len() / 4).max(1));
        }
    }

    /// Entries, the one touched longest ago first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// Entries of a group, the one touched longest ago first.
    pub fn of_group(&self, group: u8) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.iter().filter(move |(key, _)| key.group() == group)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity().saturating_mul(size_of::<(K, V)>())
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Recent};

    fn entries<K: Key>(recent: &Recent<K, u32>) -> Vec<(K, u32)> {
        recent.iter().map(|(key, count)| (key, *count)).collect()
    }

    #[test]
    fn the_entry_touched_longest_ago_makes_room() {
        let mut recent = Recent::<u32, u32>::default();
        for key in [1, 2, 3, 1, 4] {
            recent.touch(key, 3, |count| *count += 1);
        }
        assert_eq!(entries(&recent), [(3, 1), (1, 2), (4, 1)]);
        assert_eq!((recent.get(1), recent.get(2)), (Some(&2), None));
    }

    impl Key for (u8, u8) {
        fn group(self) -> u8 {
            self.0
        }
    }

    #[test]
    fn groups_do_not_take_each_others_room() {
        let mut recent = Recent::<(u8, u8), u32>::default();
        for key in [(1, 1), (2, 1), (2, 2), (2, 3), (1, 2)] {
            recent.touch(key, 2, |count| *count += 1);
        }
        assert_eq!(entries(&recent), [((1, 1), 1), ((2, 2), 1), ((2, 3), 1), ((1, 2), 1)]);
    }
}
