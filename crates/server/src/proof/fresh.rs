//! Challenges that nobody has looked at yet. Most that a decision makes are never looked at – the customer gives up, or the broker has
//! pages of its own for it – so they stay in memory, a limited number of them, and are kept durably from the first look on. Must not
//! know what makes or keeps them.

use std::collections::VecDeque;

use hashbrown::HashMap;
use model::Time;
use stepup::Challenge;

/// Challenges in memory at most; then the oldest are kept as all others are. About 30 MiB.
const FRESH_MAX: usize = 50_000;

/// An identifier and its challenge.
type Named = ([u8; 16], Challenge);

/// The challenges, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    by_id: HashMap<[u8; 16], Challenge>,
    order: VecDeque<[u8; 16]>,
}

impl Fresh {
    /// Adds one that is not there.
    pub(super) fn add(&mut self, id: [u8; 16], challenge: Challenge) {
        if self.by_id.insert(id, challenge).is_none() {
            self.order.push_back(id);
        }
    }

    pub(super) fn get(&self, id: &[u8; 16]) -> Option<&Challenge> {
        self.by_id.get(id)
    }

    /// Takes out those that are over, and the oldest of those for which there is no room.
    pub(super) fn leaving(&mut self, now: Time) -> Vec<Named> {
        let mut leaving = Vec::new();
        while let Some(first) = self.order.front() {
            let is_over = self.by_id.get(first).is_none_or(|challenge| challenge.expires() <= now);
            if !is_over && self.order.len() <= FRESH_MAX {
                break;
            }
            leaving.extend(self.take_first());
        }
        leaving
    }

    /// Takes all out.
    pub(super) fn all(&mut self) -> Vec<Named> {
        std::iter::from_fn(|| self.take_first()).collect()
    }

    fn take_first(&mut self) -> Option<Named> {
        let first = self.order.pop_front()?;
        self.by_id.remove(&first).map(|challenge| (first, challenge))
    }
}

#[cfg(test)]
mod tests {
    use model::time::SECOND_US;
    use model::{Event, Time};
    use stepup::{Action, Challenge};

    use super::{FRESH_MAX, Fresh};

    fn challenge(made: Time) -> Challenge {
        let event = br#"{"id":"l","time":"2020-09-16T03:00:00Z","kind":"login","customer":"C1","outcome":"attempted"}"#;
        let event = Event::from_json(event).unwrap();
        let action = Action::of(&event, |_| [0; 32]).unwrap();
        Challenge::new(action, None, Vec::new(), made, 600)
    }

    #[test]
    fn what_is_over_leaves_and_the_oldest_make_room() {
        let at = |seconds: i64| Time::from_us(seconds * SECOND_US).unwrap();
        let id = |number: usize| u128::try_from(number).unwrap().to_be_bytes();
        let mut fresh = Fresh::default();
        for number in 0..FRESH_MAX + 2 {
            fresh.add(id(number), challenge(at(if number == 0 { 0 } else { 100 })));
            fresh.add(id(number), challenge(at(100)));
        }
        let left: Vec<_> = fresh.leaving(at(200)).into_iter().map(|(id, _)| id).collect();
        assert_eq!(left, [id(0), id(1)], "two too many");
        assert!(fresh.get(&id(1)).is_none() && fresh.get(&id(2)).is_some());
        assert_eq!(fresh.leaving(at(200)).len(), 0);
        assert_eq!(fresh.leaving(at(700)).len(), FRESH_MAX, "over");
        fresh.add(id(7), challenge(at(700)));
        assert_eq!((fresh.all().len(), fresh.all().len()), (1, 0));
    }
}
