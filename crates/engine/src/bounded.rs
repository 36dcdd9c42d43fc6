//! A small map with a limit: when it is full, the entry touched longest ago makes room. Must not know what it holds.
//!
//! Records hold several of these, and most customers have few entries: a vector that is searched from its end costs less
//! than a hash map up to the limits used here, and its order is the same on every machine.

use serde::{Deserialize, Serialize};

/// Keys with values, the one touched last at the end. At most as many as [`Self::touch`] allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent<K, V>(Vec<(K, V)>);

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Copy + PartialEq, V: Default> Recent<K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: K) -> Option<&V> {
        self.0.iter().rev().find(|(each, _)| *each == key).map(|(_, value)| value)
    }

    /// Changes the value of a key, made if it is new, and moves it to the end. If that makes more than `limit` entries, the
    /// one touched longest ago goes.
    pub fn touch(&mut self, key: K, limit: usize, change: impl FnOnce(&mut V)) {
        let mut value = match self.0.iter().rposition(|(each, _)| *each == key) {
            Some(place) => self.0.remove(place).1,
            None => V::default(),
        };
        change(&mut value);
        if self.0.len() >= limit.max(1) {
            self.0.remove(0);
        }
        self.0.push((key, value));
    }

    /// Entries, the one touched longest ago first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// Entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn the_entry_touched_longest_ago_makes_room() {
        let mut recent = Recent::<u32, u32>::default();
        for key in [1, 2, 3, 1, 4] {
            recent.touch(key, 3, |count| *count += 1);
        }
        let entries: Vec<_> = recent.iter().map(|(key, count)| (key, *count)).collect();
        assert_eq!(entries, [(3, 1), (1, 2), (4, 1)]);
        assert_eq!((recent.get(1), recent.get(2)), (Some(&2), None));
    }
}
