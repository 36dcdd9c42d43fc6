//! Who is told and asked: the engine in this process, with what files say of addresses added as the server adds it. Must not
//! know truth, nor what becomes of an answer.

use std::path::Path;
use std::sync::Arc;

use engine::input::{Body, Profile};
use engine::record::campaign::Member;
use engine::state::Outcome;
use engine::{Decision, Input, Observed, Policy, State, Verdict};
use intel::{Intel, IntelConfig};
use model::{CustomerId, Event, HolderName, Time};
use server::observe::Observer;
use server::secret::Secret;

use super::EvaluateError;
use super::campaigns::{Told, ToldMember};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// Points.
    pub(super) score: u16,
    /// The live rules that fired, by their places.
    pub(super) rules: Vec<u16>,
}

/// Whoever is told facts and asked questions, in order of time.
pub(super) trait Judge {
    /// Tells of a customer.
    fn introduce(&mut self, customer: &CustomerId, holder: &HolderName) -> Result<(), EvaluateError>;
    /// Tells what happened.
    fn tell(&mut self, event: Event) -> Result<(), EvaluateError>;
    /// Asks about what is tried.
    fn ask(&mut self, event: Event) -> Result<Answer, EvaluateError>;
    /// The campaigns recognised so far, with everybody whom they tried.
    fn campaigns(&mut self) -> Result<Vec<Told>, EvaluateError>;
    /// The last question was an attacker's.
    fn was_fraud(&mut self) {}
}

/// The engine in this process.
pub(super) struct Local {
    state: State,
    policy: Arc<Policy>,
    observer: Observer,
    secret: Secret,
    seq: u64,
}

impl Local {
    /// An engine that knows nothing yet but these files.
    pub(super) fn new(policy: Arc<Policy>, intel: &Path, seed: u64) -> Result<Self, EvaluateError> {
        let intel = Intel::load(&IntelConfig::load(intel)?)?;
        let secret = Secret::from_bytes(format!("evaluated brokerage {seed:016x}").as_bytes());
        let observer = Observer::new(Arc::new(intel), secret.clone());
        Ok(Self { state: State::default(), policy, observer, secret, seq: 0 })
    }

    /// What an event is after files were looked into.
    pub(super) fn observe(&self, event: Event, asked: bool) -> Result<Observed, EvaluateError> {
        let now = event.time;
        let (observed, _digest) = self.observer.observe(event, asked, now)?;
        Ok(observed)
    }

    /// The state as it stands.
    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    fn apply(&mut self, time: Time, body: Body) -> Outcome {
        self.seq = self.seq.saturating_add(1);
        self.state.apply(&self.policy, &Input { seq: self.seq, time, body })
    }
}

impl Judge for Local {
    fn introduce(&mut self, customer: &CustomerId, holder: &HolderName) -> Result<(), EvaluateError> {
        let holder = holder.comparable().map(|holder| self.secret.holder_key(&holder));
        let profile = Profile { customer: customer.clone(), holder, opened: None, sealed: Vec::new() };
        self.apply(Time::MIN, Body::Profile(profile));
        Ok(())
    }

    fn tell(&mut self, event: Event) -> Result<(), EvaluateError> {
        let time = event.time;
        let observed = self.observe(event, false)?;
        self.apply(time, Body::Event(Box::new(observed)));
        Ok(())
    }

    fn ask(&mut self, event: Event) -> Result<Answer, EvaluateError> {
        let time = event.time;
        let observed = self.observe(event, true)?;
        match self.apply(time, Body::Event(Box::new(observed))) {
            Outcome::Decided(decision) => Ok(Answer::from(decision)),
            _ => Err(EvaluateError::Unanswered),
        }
    }

    fn campaigns(&mut self) -> Result<Vec<Told>, EvaluateError> {
        let campaigns = self.state.campaigns();
        let time = |us: i64| Time::from_us(us).ok_or(EvaluateError::Unanswered);
        let member = |member: &Member| {
            let entered = Some(member.entered_us).filter(|entered_us| *entered_us != 0);
            Ok(ToldMember {
                customer: member.customer.clone(),
                first: time(member.first_us)?,
                entered: entered.map(time).transpose()?,
            })
        };
        let told = campaigns.newest(u32::MAX).map(|campaign| {
            Ok(Told {
                first: time(campaign.first_us)?,
                last: time(campaign.last_us)?,
                named: time(campaign.named_us)?,
                members: campaigns.members(campaign.id).map(member).collect::<Result<_, EvaluateError>>()?,
            })
        });
        told.collect()
    }
}

impl From<Decision> for Answer {
    fn from(decision: Decision) -> Self {
        let rules = decision.reasons.iter().map(|reason| reason.rule).collect();
        Self { verdict: decision.verdict, score: decision.score, rules }
    }
}
