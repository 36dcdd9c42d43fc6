//! A candidate policy beside the live one: every question is weighed by both, and counted by what the two say. It changes no
//! answer. Its text is a document of the state, so that it is on trial again after a restart; what was counted is not kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use engine::input::Body;
use engine::record::Document;
use engine::state::Outcome;
use engine::{Decision, Input, Policy, State};
use model::Time;

use crate::comparison::{Counted, fired};

/// The document that holds the candidate's text.
pub const DOCUMENT: &str = "shadow-policy";

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
    /// Locked for each question, by nobody else for long.
    counted: Mutex<Counted>,
}

impl Candidate {
    /// A candidate that has seen nothing yet, of a document that holds its text.
    #[must_use]
    pub fn new(policy: Policy, document: &Document, counted_since: Time) -> Self {
        let since = Time::from_us(document.at_us).unwrap_or(counted_since);
        Self { policy, by: document.by.clone(), since, counted_since, counted: Mutex::default() }
    }

    /// What was counted.
    #[must_use]
    pub fn counted(&self) -> Counted {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        // Figures for people: one that is half counted is no harm.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
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
pub struct Said(Arc<Candidate>, Decision);

impl Shadow {
    /// With the candidate that was on trial when the server ended. One that this version of the program refuses is told of,
    /// and stays a document until somebody ends its trial.
    #[must_use]
    pub fn of(state: &State, now: Time) -> Self {
        let shadow = Self::default();
        if let Some(document) = state.document(DOCUMENT) {
            match Policy::compile_taken(&String::from_utf8_lossy(&document.bytes), 0) {
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
        let decision = state.weigh(&candidate.policy, event);
        Some(Said(candidate, decision))
    }

    /// Counts it beside what was decided, by this policy.
    pub fn compare(&self, said: Option<Said>, outcome: &Outcome, live: &Policy) {
        if let (Some(Said(candidate, said)), Outcome::Decided(decision)) = (said, outcome) {
            let fires = fired(&candidate.policy, &said);
            candidate.lock().count((decision.verdict, &fired(live, decision)), (said.verdict, &fires));
        }
    }
}
