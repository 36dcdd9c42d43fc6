//! A candidate policy beside the live one: every question is weighed by both, and counted by what the two say. It changes no
//! answer. Its text is a document of the state, so that it is on trial again after a restart; what was counted is not kept.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use engine::input::Body;
use engine::record::Document;
use engine::state::Outcome;
use engine::{Input, Policy, State, Verdict};
use model::Time;

/// The document that holds the candidate's text.
pub const DOCUMENT: &str = "shadow-policy";

const VERDICTS: usize = Verdict::ALL.len();

/// A policy on trial.
#[derive(Debug)]
pub struct Candidate {
    policy: Policy,
    /// Who put it on trial.
    pub by: String,
    /// Since when.
    pub since: Time,
    /// Since when it is counted: the last start, if that was later.
    pub counted_since: Time,
    /// Questions by what the live policy said and what this one says.
    counts: [[AtomicU64; VERDICTS]; VERDICTS],
}

/// Questions on which the two policies said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// What was answered.
    pub live: Verdict,
    /// What the candidate would have answered.
    pub candidate: Verdict,
    /// How often.
    pub count: u64,
}

impl Candidate {
    /// A candidate that has seen nothing yet, of a document that holds its text.
    #[must_use]
    pub fn new(policy: Policy, document: &Document, counted_since: Time) -> Self {
        let since = Time::from_us(document.at_us).unwrap_or(counted_since);
        Self { policy, by: document.by.clone(), since, counted_since, counts: Default::default() }
    }

    /// What was counted, in the order of [`Verdict::ALL`].
    pub fn pairs(&self) -> impl Iterator<Item = Pair> + '_ {
        Verdict::ALL.into_iter().zip(&self.counts).flat_map(|(live, counts)| {
            Verdict::ALL.into_iter().zip(counts).map(move |(candidate, count)| Pair {
                live,
                candidate,
                count: count.load(Ordering::Relaxed),
            })
        })
    }

    fn count(&self, live: Verdict, candidate: Verdict) {
        let place = |verdict| Verdict::ALL.iter().position(|each| *each == verdict).unwrap_or(0);
        let counts = self.counts.get(place(live)).and_then(|counts| counts.get(place(candidate)));
        if let Some(count) = counts {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The candidate on trial, if there is one.
#[derive(Debug, Default)]
pub struct Shadow {
    /// Read for every input: without a candidate nothing else is touched.
    is_on: AtomicBool,
    candidate: RwLock<Option<Arc<Candidate>>>,
}

/// What a candidate says of the question that is being answered.
#[derive(Debug)]
pub struct Said(Arc<Candidate>, Verdict);

impl Shadow {
    /// With the candidate that was on trial when the server ended. One that this version of the program refuses is told of,
    /// and stays a document until somebody ends its trial.
    #[must_use]
    pub fn of(state: &State, now: Time) -> Self {
        let shadow = Self::default();
        if let Some(document) = state.document(DOCUMENT) {
            match Policy::compile(&String::from_utf8_lossy(&document.bytes), 0) {
                Ok(policy) => shadow.set(Some(Candidate::new(policy, document, now))),
                Err(error) => crate::log::line("shadow.refused", &error.to_string()),
            }
        }
        shadow
    }

    /// Puts a candidate on trial in place of the one before, or ends the trial.
    pub fn set(&self, candidate: Option<Candidate>) {
        let Ok(mut place) = self.candidate.write() else { return };
        self.is_on.store(candidate.is_some(), Ordering::Release);
        *place = candidate.map(Arc::new);
    }

    /// The candidate on trial.
    #[must_use]
    pub fn get(&self) -> Option<Arc<Candidate>> {
        if !self.is_on.load(Ordering::Acquire) {
            return None;
        }
        self.candidate.read().ok().and_then(|candidate| candidate.clone())
    }

    /// What the candidate says of an input, against the records as they stand before it is applied.
    #[must_use]
    pub fn candidate(&self, state: &State, input: &Input) -> Option<Said> {
        let candidate = self.get()?;
        let Body::Event(event) = &input.body else { return None };
        if !event.asked {
            return None;
        }
        let verdict = state.weigh(&candidate.policy, event).verdict;
        Some(Said(candidate, verdict))
    }

    /// Counts it beside what was decided.
    pub fn compare(&self, said: Option<Said>, outcome: &Outcome) {
        if let (Some(Said(candidate, verdict)), Outcome::Decided(decision)) = (said, outcome) {
            candidate.count(decision.verdict, verdict);
        }
    }
}
