//! One feature of a login (its address, its client): values from the most specific to the most general level, and
//! how likely they are for everybody against how likely for one customer.
//!
//! Weights and formula come from outside and from the module page of [`score`](super); what the values mean is not
//! known here.

use std::array;

use hashbrown::HashSet;

use super::own::OwnCounts;
use super::tally::{Digest, Tally};

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

/// How often one value was used before: by all customers (c), by the customer (c_u).
#[derive(Debug, Clone, Copy, Default)]
struct Uses {
    all: u32,
    own: u32,
}

/// All that the formula needs to know of one login's values.
#[derive(Debug)]
pub(super) struct Counts<const LOWER: usize> {
    uses: Levels<Uses, LOWER>,
    /// M − 1.
    distinct: u32,
    /// M_s − 1.
    distinct_with_top: u32,
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

    /// What the past says of the values.
    pub(super) fn look(
        &self,
        values: &Levels<Digest, LOWER>,
        own: &OwnCounts,
        customer: u32,
    ) -> Counts<LOWER> {
        let look = |tally: &Tally, value| {
            let seen = tally.find(value);
            let own = seen.map_or(0, |seen| own.count(customer, seen.id));
            (seen, Uses { all: seen.map_or(0, |seen| seen.count), own })
        };
        let (top, top_uses) = look(&self.tallies.top, values.top);
        let mut lower = [Uses::default(); LOWER];
        for ((uses, tally), value) in lower.iter_mut().zip(&self.tallies.lower).zip(values.lower) {
            (_, *uses) = look(tally, value);
        }
        let companions = top.and_then(|seen| self.companions.get(self.tallies.top.place(seen.id)));
        Counts {
            uses: Levels { top: top_uses, lower },
            distinct: self.distinct(),
            distinct_with_top: companions.map_or(0, |companions| companions.distinct),
        }
    }

    /// Adds the values to the history, the customer's too, and gives what [`look`](Self::look) would have given before.
    pub(super) fn record(
        &mut self,
        values: &Levels<Digest, LOWER>,
        own: &mut OwnCounts,
        customer: u32,
    ) -> Counts<LOWER> {
        let distinct = self.distinct();
        let mut record = |tally: &mut Tally, value| {
            let seen = tally.add(value);
            (seen.id, Uses { all: seen.count, own: own.add(customer, seen.id) })
        };
        let (top, top_uses) = record(&mut self.tallies.top, values.top);
        let mut ids = [0; LOWER];
        let mut lower = [Uses::default(); LOWER];
        let tallies = self.tallies.lower.iter_mut().zip(values.lower);
        for ((id, uses), (tally, value)) in ids.iter_mut().zip(&mut lower).zip(tallies) {
            (*id, *uses) = record(tally, value);
        }
        let distinct_with_top = self.accompany(top, ids);
        Counts { uses: Levels { top: top_uses, lower }, distinct, distinct_with_top }
    }

    /// Notes which lower values came with a top value; gives how many had come before.
    fn accompany(&mut self, top: u32, lower: [u32; LOWER]) -> u32 {
        let Some(companions) = self.companions.get_mut(self.tallies.top.place(top)) else {
            let distinct = u32::try_from(LOWER).unwrap_or(u32::MAX);
            self.companions.push(Companions { first: lower, distinct });
            return 0;
        };
        let before = companions.distinct;
        for ((id, first), further) in lower.into_iter().zip(companions.first).zip(&mut self.further) {
            if id != first && further.insert((top, id)) {
                companions.distinct = companions.distinct.saturating_add(1);
            }
        }
        before
    }

    /// Distinct values, summed over the lower levels: M − 1.
    fn distinct(&self) -> u32 {
        self.tallies.lower.iter().fold(0, |sum, tally| sum.saturating_add(tally.distinct()))
    }

    /// G/U: how much likelier the values are for everybody than for one customer.
    ///
    /// `own_logins` and `logins` are n_u and N, both at least 1. The result is finite and above 0.
    pub(super) fn ratio(&self, counts: &Counts<LOWER>, own_logins: f64, logins: f64) -> f64 {
        let Counts { uses, distinct, distinct_with_top } = counts;
        let (distinct, distinct_with_top) = (1.0 + f64::from(*distinct), 1.0 + f64::from(*distinct_with_top));
        let (weight, count) = (self.weights.top, f64::from(uses.top.all));
        let mut own = weight * f64::from(uses.top.own) / own_logins;
        let mut global = if count > 0.0 {
            weight * (count / (count + distinct_with_top)) * (count / (logins + distinct))
        } else {
            weight / (logins + distinct)
        };
        for (weight, uses) in self.weights.lower.into_iter().zip(&uses.lower) {
            own += weight * f64::from(uses.own) / own_logins;
            global += weight * f64::from(uses.all) / logins;
        }
        if own == 0.0 {
            own = global / UNSEEN_DIVISOR;
        }
        global / own
    }
}
