//! Challenges that nobody has looked at yet. Most that a decision asks for are never looked at – the customer gives up, or the broker has
//! pages of its own for it – so what is to become one stays in memory, a limited number of them, and is made and kept durably at the first look.
//! Must not know what makes or keeps them.

use std::collections::VecDeque;

use hashbrown::HashMap;
use model::Time;

/// Those in memory, beyond which the oldest are made and kept. About 30 MiB.
const FRESH_MAX: usize = 50_000;
/// Those in memory at most, while the disk does not keep up with that.
const FULL: usize = 60_000;
/// How many are made and kept at once: one for each that comes would cost as much as keeping all.
const LEAVING: usize = 1_000;

/// What is to become challenges, by their identifiers, in the order in which they came.
#[derive(Debug)]
pub(super) struct Fresh<T> {
    by_id: HashMap<[u8; 16], (Time, T)>,
    order: VecDeque<[u8; 16]>,
}

/// What came of adding one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    /// It is there.
    There,
    /// It is there, and the oldest should leave.
    Crowded,
    /// There is no room for it.
    Full,
}

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self { by_id: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T: Clone> Fresh<T> {
    /// Adds one that is over at a time, unless it is there.
    pub(super) fn add(&mut self, id: [u8; 16], over: Time, one: T, now: Time) -> Added {
        if self.by_id.contains_key(&id) {
            return Added::There;
        }
        while self.order.front().is_some_and(|first| self.is_over(first, now)) {
            self.remove_first();
        }
        if self.order.len() >= FULL {
            return Added::Full;
        }
        self.by_id.insert(id, (over, one));
        self.order.push_back(id);
        let is_crowded = self.order.len() > FRESH_MAX && self.order.len().is_multiple_of(LEAVING);
        if is_crowded { Added::Crowded } else { Added::There }
    }

    pub(super) fn get(&self, id: &[u8; 16]) -> Option<T> {
        self.by_id.get(id).map(|(_, one)| one.clone())
    }

    /// The oldest, where there are too many. They stay until they are kept elsewhere.
    pub(super) fn leaving(&self) -> Vec<([u8; 16], T)> {
        let is_crowded = self.order.len() > FRESH_MAX;
        let some = if is_crowded { LEAVING } else { 0 };
        self.named(self.order.iter().take(some))
    }

    /// These are kept elsewhere.
    pub(super) fn left(&mut self, kept: &[[u8; 16]]) {
        for id in kept {
            self.by_id.remove(id);
        }
        while self.order.front().is_some_and(|first| !self.by_id.contains_key(first)) {
            self.order.pop_front();
        }
    }

    /// All that are not over.
    pub(super) fn all(&self, now: Time) -> Vec<([u8; 16], T)> {
        self.named(self.order.iter().filter(|id| !self.is_over(id, now)))
    }

    fn named<'a>(&self, ids: impl Iterator<Item = &'a [u8; 16]>) -> Vec<([u8; 16], T)> {
        ids.filter_map(|id| Some((*id, self.get(id)?))).collect()
    }

    fn is_over(&self, id: &[u8; 16], now: Time) -> bool {
        self.by_id.get(id).is_none_or(|(over, _)| *over <= now)
    }

    fn remove_first(&mut self) {
        if let Some(first) = self.order.pop_front() {
            self.by_id.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::SECOND_US;

    use super::{Added, FRESH_MAX, FULL, Fresh, LEAVING};

    #[test]
    fn what_is_over_leaves_and_the_oldest_stay_until_they_are_kept() {
        let at = |seconds: i64| Time::from_us(seconds * SECOND_US).unwrap();
        let id = |number: usize| u128::try_from(number).unwrap().to_be_bytes();
        let mut fresh = Fresh::default();
        for number in 0..FULL {
            let added = fresh.add(id(number), at(600), number, at(0));
            let crowded = number >= FRESH_MAX && (number + 1).is_multiple_of(LEAVING);
            assert_eq!(added, if crowded { Added::Crowded } else { Added::There }, "{number}");
            assert_eq!(fresh.add(id(number), at(600), 7, at(0)), Added::There, "it is there");
        }
        assert_eq!(fresh.add(id(FULL), at(600), 0, at(1)), Added::Full);
        let (ids, leaving): (Vec<_>, Vec<_>) = fresh.leaving().into_iter().unzip();
        assert_eq!(leaving, (0..LEAVING).collect::<Vec<_>>(), "the oldest");
        assert_eq!(fresh.get(&id(0)), Some(0), "it stays until it is kept");
        fresh.left(&ids);
        assert_eq!((fresh.get(&id(0)), fresh.get(&id(LEAVING))), (None, Some(LEAVING)));
        assert_eq!(fresh.add(id(9), at(1_200), 9, at(600)), Added::There, "nobody needs what is over");
        assert_eq!((fresh.get(&id(LEAVING)), fresh.get(&id(9))), (None, Some(9)));
        assert!(fresh.leaving().is_empty());
        assert_eq!((fresh.all(at(601)), fresh.all(at(1_200))), (vec![(id(9), 9)], vec![]));
    }
}
