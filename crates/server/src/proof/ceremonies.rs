//! What is begun and not ended: in memory, and so bounded. Nobody is refused: under a flood the oldest go, of whoever began many
//! their own first. Must not know what it keeps.

use std::collections::{HashMap, VecDeque};

/// What one owner has under way at most: a few tabs.
pub(super) const OF_ONE_MAX: usize = 8;

/// By what something under way is known, and its owner.
pub(super) type Id = [u8; 16];

/// What began last, and as much of what began before it.
pub(super) struct Recent<T> {
    max: usize,
    last: HashMap<Id, T>,
    before: HashMap<Id, T>,
}

impl<T> Recent<T> {
    /// Keeps at least the last `max`, and at most twice as many.
    pub(super) fn new(max: usize) -> Self {
        Self { max, last: HashMap::new(), before: HashMap::new() }
    }

    pub(super) fn put(&mut self, id: Id, begun: T) {
        self.before.remove(&id);
        if self.last.len() >= self.max && !self.last.contains_key(&id) {
            self.before = std::mem::take(&mut self.last);
        }
        self.last.insert(id, begun);
    }

    pub(super) fn get(&self, id: &Id) -> Option<&T> {
        self.last.get(id).or_else(|| self.before.get(id))
    }

    pub(super) fn take(&mut self, id: &Id) -> Option<T> {
        self.last.remove(id).or_else(|| self.before.remove(id))
    }
}

/// The same with owners, of whom each has a few under way at most.
pub(super) struct Owned<T> {
    begun: Recent<T>,
    owners: Recent<VecDeque<Id>>,
}

impl<T> Owned<T> {
    pub(super) fn new(max: usize) -> Self {
        Self { begun: Recent::new(max), owners: Recent::new(max) }
    }

    /// The owner's oldest goes where there are too many.
    pub(super) fn put(&mut self, owner: Id, id: Id, begun: T) {
        let mut own = self.owners.take(&owner).unwrap_or_default();
        own.retain(|each| *each != id);
        own.push_back(id);
        if own.len() > OF_ONE_MAX
            && let Some(oldest) = own.pop_front()
        {
            self.begun.take(&oldest);
        }
        self.owners.put(owner, own);
        self.begun.put(id, begun);
    }

    pub(super) fn get(&self, id: &Id) -> Option<&T> {
        self.begun.get(id)
    }

    pub(super) fn take(&mut self, id: &Id) -> Option<T> {
        self.begun.take(id)
    }
}

#[cfg(test)]
mod tests {
    use super::{Id, OF_ONE_MAX, Owned, Recent};

    fn id(number: usize) -> Id {
        u128::try_from(number).unwrap().to_be_bytes()
    }

    #[test]
    fn the_last_stay_and_the_oldest_go() {
        let mut recent = Recent::new(10);
        (0..=20).for_each(|number| recent.put(id(number), number));
        assert_eq!(
            (recent.get(&id(0)), recent.get(&id(10)), recent.get(&id(20))),
            (None, Some(&10), Some(&20))
        );
        assert!(recent.last.len() + recent.before.len() <= 20);
        assert_eq!((recent.take(&id(20)), recent.take(&id(20))), (Some(20), None));
    }

    #[test]
    fn what_begins_again_is_there_once() {
        let mut recent = Recent::new(2);
        (0..3).for_each(|number| recent.put(id(number), number));
        recent.put(id(0), 7);
        assert_eq!((recent.take(&id(0)), recent.take(&id(0))), (Some(7), None));
    }

    #[test]
    fn who_begins_many_loses_their_own_oldest_and_nobody_elses() {
        let mut owned = Owned::new(1_000);
        owned.put(id(1), id(0), 0);
        // The same again and again is one.
        (0..OF_ONE_MAX * 3).for_each(|_| owned.put(id(2), id(1), 1));
        (2..OF_ONE_MAX + 1).for_each(|number| owned.put(id(2), id(number), number));
        assert_eq!(owned.get(&id(1)), Some(&1));
        (OF_ONE_MAX + 1..OF_ONE_MAX * 9).for_each(|number| owned.put(id(2), id(number), number));
        assert_eq!((owned.get(&id(0)), owned.get(&id(1))), (Some(&0), None));
        let left = (1..OF_ONE_MAX * 9).filter(|number| owned.get(&id(*number)).is_some());
        assert_eq!(left.count(), OF_ONE_MAX);
        assert_eq!(owned.take(&id(OF_ONE_MAX * 9 - 1)), Some(OF_ONE_MAX * 9 - 1));
    }
}
