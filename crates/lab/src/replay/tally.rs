//! What is counted while a replay runs. Must not know how anything was sent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::Verdict;
use hdrhistogram::CreationError;
use model::{EventKind, Invalid};

use super::answer::Answered;
use super::spool::{Item, Origin};
use crate::latency::Times;

/// Events listed that were not taken; further ones are counted.
pub(super) const LISTED_MAX: usize = 1_000;
/// Rules and types of problems counted by name; a server that names more is none of ours.
const NAMES_MAX: usize = 1_024;

/// An event that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Untaken {
    pub(super) origin: Origin,
    /// The type of the problem.
    pub(super) problem: String,
    /// The field, if it is one, and what is wrong.
    pub(super) detail: String,
}

/// Counts of one thread, put together at the end.
pub(super) struct Tally {
    pub(super) facts: u64,
    pub(super) repeated: u64,
    pub(super) retries: u64,
    pub(super) untaken: u64,
    pub(super) refused: Vec<Untaken>,
    pub(super) problems: BTreeMap<String, u64>,
    pub(super) rules: BTreeMap<String, u64>,
    pub(super) decisions: BTreeMap<EventKind, [u64; 4]>,
    pub(super) times: Times,
    pub(super) span_us: Option<(i64, i64)>,
}

impl Tally {
    pub(super) fn new() -> Result<Self, CreationError> {
        Ok(Self {
            facts: 0,
            repeated: 0,
            retries: 0,
            untaken: 0,
            refused: Vec::new(),
            problems: BTreeMap::new(),
            rules: BTreeMap::new(),
            decisions: BTreeMap::new(),
            times: Times::new()?,
            span_us: None,
        })
    }

    /// An event reached its end: told, decided or refused.
    pub(super) fn ended(&mut self, item: &Item) {
        let (first, last) = self.span_us.unwrap_or((item.time_us, item.time_us));
        self.span_us = Some((first.min(item.time_us), last.max(item.time_us)));
    }

    pub(super) fn decided(&mut self, kind: EventKind, answered: &Answered, repeated: bool, took: Duration) {
        let verdict = Verdict::ALL.iter().position(|verdict| verdict.as_str() == answered.decision);
        let counts = self.decisions.entry(kind).or_default();
        if let Some(count) = verdict.and_then(|place| counts.get_mut(place)) {
            *count = count.saturating_add(1);
        }
        for reason in &answered.reasons {
            count(&mut self.rules, &reason.rule);
        }
        self.repeated = self.repeated.saturating_add(u64::from(repeated));
        self.times.count(took);
    }

    /// An event was not taken.
    pub(super) fn refuse(&mut self, origin: Origin, problem: &str, detail: String) {
        count(&mut self.problems, problem);
        self.untaken = self.untaken.saturating_add(1);
        if self.refused.len() < LISTED_MAX {
            self.refused.push(Untaken { origin, problem: problem.to_owned(), detail });
        }
    }

    /// What stands in a file is no event.
    pub(super) fn refuse_event(&mut self, origin: Origin, invalid: Invalid) {
        self.refuse(origin, "invalid-event", invalid.to_string());
    }

    /// Adds another thread's counts.
    pub(super) fn add(&mut self, other: Self) {
        self.facts = self.facts.saturating_add(other.facts);
        self.repeated = self.repeated.saturating_add(other.repeated);
        self.retries = self.retries.saturating_add(other.retries);
        self.untaken = self.untaken.saturating_add(other.untaken);
        self.refused.extend(other.refused);
        for (into, from) in [(&mut self.problems, other.problems), (&mut self.rules, other.rules)] {
            for (name, count) in from {
                let sum = into.entry(name).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        for (kind, counts) in other.decisions {
            for (sum, count) in self.decisions.entry(kind).or_default().iter_mut().zip(counts) {
                *sum = sum.saturating_add(count);
            }
        }
        self.times.add(&other.times);
        if let Some((first, last)) = other.span_us {
            let own = self.span_us.unwrap_or((first, last));
            self.span_us = Some((own.0.min(first), own.1.max(last)));
        }
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    if let Some(sum) = counts.get_mut(name) {
        *sum = sum.saturating_add(1);
    } else if counts.len() < NAMES_MAX {
        counts.insert(name.to_owned(), 1);
    }
}

/// What a display shows while a replay runs.
#[derive(Debug, Default)]
pub struct Live {
    /// Facts told.
    pub(super) facts: AtomicU64,
    /// Decisions by verdict, in the order of [`Verdict::ALL`].
    pub(super) decisions: [AtomicU64; 4],
    /// Events not taken.
    pub(super) refused: AtomicU64,
    /// Times the server said that it was busy or did not answer.
    pub(super) retries: AtomicU64,
}

impl Live {
    pub(super) fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }

    pub(super) fn decided(&self, answered: &Answered) {
        let verdict = Verdict::ALL.iter().position(|verdict| verdict.as_str() == answered.decision);
        if let Some(counter) = verdict.and_then(|place| self.decisions.get(place)) {
            Self::add(counter, 1);
        }
    }

    /// Facts told so far.
    #[must_use]
    pub fn facts(&self) -> u64 {
        self.facts.load(Ordering::Relaxed)
    }

    /// Decisions so far, with the verdict's word, the mildest first.
    #[must_use]
    pub fn decisions(&self) -> [(&'static str, u64); 4] {
        let mut told = [("", 0); 4];
        for ((told, verdict), counter) in told.iter_mut().zip(Verdict::ALL).zip(&self.decisions) {
            *told = (verdict.as_str(), counter.load(Ordering::Relaxed));
        }
        told
    }

    /// Events not taken, and times that something was tried again.
    #[must_use]
    pub fn troubles(&self) -> (u64, u64) {
        (self.refused.load(Ordering::Relaxed), self.retries.load(Ordering::Relaxed))
    }
}
