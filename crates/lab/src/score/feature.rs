//! One feature of a login (its address, its client): values from the most specific to the most general level, and
//! how likely they are for everybody against how likely for one customer.
//!
//! Weights and formula come from outside and from the module page of [`score`](super); what the values mean is not
//! known here.

use std::array;
use std::hint::black_box;

use hashbrown::HashSet;

use super::tally::{Digest, Seen, Tally};

/// Where the customer shares no level with the past, the probability for them is taken as the global one over this.
const UNSEEN_DIVISOR: f64 = 4.0;

/// One thing per level (a weight, a value's digest): the most specific level and the `LOWER` more general ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Levels<T, const LOWER: usize> {
    pub(super) top: T,
    pub(super) lower: [T; LOWER],
}

/// The history of one feature, all customers together.
#[derive(Debug)]
pub(super) struct Feature<const LOWER: usize> {
    weights: Levels<f64, LOWER>,
    tallies: Levels<Tally, LOWER>,
    /// By place of the top value: the lower values that came with it.
    companions: Vec<Companions<LOWER>>,
    /// Per lower level, the pairs (top value, lower value) beyond the first of each top value.
    /// An address nearly always has one ASN and one country, so these sets stay small.
    further: [HashSet<(u32, u32)>; LOWER],
}

/// The lower-level values seen together with one top value.
#[derive(Debug)]
struct Companions<const LOWER: usize> {
    first: [u32; LOWER],
    /// Distinct values, summed over the lower levels: M_s − 1.
    distinct: u32,
}

impl<const LOWER: usize> Feature<LOWER> {
    /// An empty history. The ids of each level start at `first_ids`.
    pub(super) fn new(weights: Levels<f64, LOWER>, first_ids: Levels<u32, LOWER>) -> Self {
        Self {
            weights,
            tallies: Levels { top: Tally::new(first_ids.top), lower: first_ids.lower.map(Tally::new) },
            companions: Vec::new(),
            further: array::from_fn(|_| HashSet::default()),
        }
    }

    /// Looks up most specific values and what came with them, for the processor's cache only.
    pub(super) fn warm_up(&self, values: impl Iterator<Item = Digest>) {
        for value in values {
            let seen = self.tallies.top.find(value);
            black_box(
                seen.and_then(|seen| self.companions.get(self.tallies.top.place(seen.id)))
                    .map(|known| known.distinct),
            );
        }
    }

    /// What is known of the values.
    pub(super) fn find(&self, values: &Levels<Digest, LOWER>) -> Levels<Option<Seen>, LOWER> {
        let mut lower = [None; LOWER];
        for ((seen, tally), value) in lower.iter_mut().zip(&self.tallies.lower).zip(values.lower) {
            *seen = tally.find(value);
        }
        Levels { top: self.tallies.top.find(values.top), lower }
    }

    /// G/U: how much likelier the values are for everybody than for one customer.
    ///
    /// `own_share` gives that customer's share of logins with a value (c_u/n_u), `logins` is N, at least 1.
    /// The result is finite and above 0.
    pub(super) fn ratio(
        &self,
        found: &Levels<Option<Seen>, LOWER>,
        logins: f64,
        own_share: impl Fn(Seen) -> f64,
    ) -> f64 {
        let mut distinct = 1.0;
        let mut global = 0.0;
        let mut own = 0.0;
        for ((tally, weight), seen) in self.tallies.lower.iter().zip(self.weights.lower).zip(found.lower) {
            distinct += f64::from(tally.distinct());
            if let Some(seen) = seen {
                global += weight * f64::from(seen.count) / logins;
                own += weight * own_share(seen);
            }
        }
        let weight = self.weights.top;
        global += match found.top {
            Some(seen) => {
                own += weight * own_share(seen);
                let companions = self.companions.get(self.tallies.top.place(seen.id));
                let distinct_with = 1.0 + companions.map_or(0.0, |companions| f64::from(companions.distinct));
                let count = f64::from(seen.count);
                weight * (count / (count + distinct_with)) * (count / (logins + distinct))
            }
            None => weight / (logins + distinct),
        };
        if own == 0.0 {
            own = global / UNSEEN_DIVISOR;
        }
        global / own
    }

    /// Adds the values to the history and gives their ids.
    pub(super) fn record(&mut self, values: &Levels<Digest, LOWER>) -> Levels<u32, LOWER> {
        let top = self.tallies.top.add(values.top);
        let mut lower = [0; LOWER];
        for ((id, tally), value) in lower.iter_mut().zip(&mut self.tallies.lower).zip(values.lower) {
            *id = tally.add(value);
        }
        match self.companions.get_mut(self.tallies.top.place(top)) {
            Some(companions) => {
                for ((id, first), further) in lower.into_iter().zip(companions.first).zip(&mut self.further) {
                    if id != first && further.insert((top, id)) {
                        companions.distinct = companions.distinct.saturating_add(1);
                    }
                }
            }
            None => {
                let distinct = u32::try_from(LOWER).unwrap_or(u32::MAX);
                self.companions.push(Companions { first: lower, distinct });
            }
        }
        Levels { top, lower }
    }
}
