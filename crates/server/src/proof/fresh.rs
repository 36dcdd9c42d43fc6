//! Challenges that nobody has looked at yet. Most that a decision asks for are never looked at – the customer gives up, or the broker has
//! pages of its own for it – so what is to become one stays in memory, a limited number of them, and is made and kept durably at the first look.
//! Must not know what makes or keeps them.

use std::collections::VecDeque;

use hashbrown::HashMap;
use model::Time;

/// Those in memory at most. About 30 MiB.
const FRESH_MAX: usize = 50_000;
/// How many leave at once when there is no room: keeping one for each that comes would cost as much as keeping all.
const LEAVING: usize = 1_000;

/// What is to become challenges, by their identifiers, in the order in which they came.
#[derive(Debug)]
pub(super) struct Fresh<T> {
    by_id: HashMap<[u8; 16], (Time, T)>,
    order: VecDeque<[u8; 16]>,
}

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self { by_id: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T: Clone> Fresh<T> {
    /// Adds one, unless it is there, that is over at a time. Gives those for which there is no room any more and that are not over.
    #[must_use]
    pub(super) fn add(&mut self, id: [u8; 16], over: Time, one: T, now: Time) -> Vec<T> {
        if self.by_id.contains_key(&id) {
            return Vec::new();
        }
        self.by_id.insert(id, (over, one));
        self.order.push_back(id);
        let mut leaving = Vec::new();
        if self.order.len() > FRESH_MAX {
            leaving.extend((0..LEAVING).filter_map(|_| self.take_first()));
        }
        while self.order.front().is_some_and(|first| self.is_over(first, now)) {
            let _over = self.take_first();
        }
        leaving.into_iter().filter(|(over, _)| now < *over).map(|(_, one)| one).collect()
    }

    pub(super) fn get(&self, id: &[u8; 16]) -> Option<T> {
        self.by_id.get(id).map(|(_, one)| one.clone())
    }

    /// Takes all out that are not over.
    pub(super) fn all(&mut self, now: Time) -> Vec<T> {
        let all = std::iter::from_fn(|| self.take_first());
        all.filter(|(over, _)| now < *over).map(|(_, one)| one).collect()
    }

    fn is_over(&self, id: &[u8; 16], now: Time) -> bool {
        self.by_id.get(id).is_none_or(|(over, _)| *over <= now)
    }

    fn take_first(&mut self) -> Option<(Time, T)> {
        let first = self.order.pop_front()?;
        self.by_id.remove(&first)
    }
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::SECOND_US;

    use super::{FRESH_MAX, Fresh, LEAVING};

    #[test]
    fn what_is_over_leaves_and_the_oldest_make_room() {
        let at = |seconds: i64| Time::from_us(seconds * SECOND_US).unwrap();
        let id = |number: usize| u128::try_from(number).unwrap().to_be_bytes();
        let mut fresh = Fresh::default();
        for number in 0..FRESH_MAX {
            assert!(fresh.add(id(number), at(600), number, at(0)).is_empty());
            assert!(fresh.add(id(number), at(600), 7, at(0)).is_empty(), "it is there");
        }
        let left = fresh.add(id(FRESH_MAX), at(600), FRESH_MAX, at(1));
        assert_eq!(left, (0..LEAVING).collect::<Vec<_>>(), "the oldest");
        assert_eq!((fresh.get(&id(0)), fresh.get(&id(LEAVING))), (None, Some(LEAVING)));
        assert!(fresh.add(id(9), at(1_200), 9, at(600)).is_empty(), "nobody needs what is over");
        assert_eq!((fresh.get(&id(LEAVING)), fresh.get(&id(9))), (None, Some(9)));
        assert_eq!((fresh.all(at(601)), fresh.all(at(601))), (vec![9], vec![]));
    }
}
