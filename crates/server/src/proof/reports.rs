//! "This was not me": the customer says so of a challenge, of a login, or of the account as a whole. The journal is told, which locks the
//! account; and with it every challenge that was made before is over, whoever reported, on these pages or over the API. So what
//! counts is the customer's record, which the journal makes, and nothing that is kept here. Must not know what a lock does to
//! decisions: that is policy.

use engine::key::RecordKey;
use model::event::{EventId, Reason};
use model::time::HOUR_US;
use model::{Channel, CustomerId, EventKind, Outcome, Time};
use serde::{Deserialize, Serialize};
use stepup::{Authenticator, Challenge, Refusal};

use super::answerer::{Answerer, own_challenge};
use super::challenges::{ChallengeId, Shown, show};
use super::facts::Fact;
use super::handover::Visit;
use super::kept::Kept;
use super::{ProofError, Proofs};
use crate::observe::Observer;
use crate::sequencer::AskError;

/// What a customer reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reports {
    /// When they last said that it was not them.
    last: Option<Time>,
    /// When they were last identified anew.
    verified: Option<Time>,
    /// Since when what they have is in doubt: the first report of those that nobody has dealt with. What counted by then counts.
    since: Option<Time>,
    /// What was in doubt before, and cools off again.
    settling: Option<Settling>,
}

/// What had not settled when a customer said that it was not them waits anew from when they were identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settling {
    since: Time,
    identified: Time,
}

impl Settling {
    /// From when on something counts that would have from `counts`, and has been there since `there`.
    pub(super) fn counts_from(self, there: Time, counts: Time, waits_us: i64) -> Time {
        let waits_again = counts > self.since && there <= self.identified;
        if waits_again { counts.max(self.identified.plus_us(waits_us)) } else { counts }
    }
}

impl Reports {
    /// Since when the account is locked, if it is: nobody has identified the customer since.
    pub(crate) fn locked(&self) -> Option<Time> {
        self.last.filter(|last| self.verified.is_none_or(|verified| *last > verified))
    }

    /// The challenge as the reports leave it. Identifying the customer anew makes none good again.
    pub(super) fn applied(self, mut challenge: Challenge) -> Challenge {
        if self.end(challenge.made()) {
            challenge.void();
        }
        challenge
    }

    /// Whether a browser that was known then is nobody's now: before a report, or between it and the day the customer was identified, it may
    /// have been the thief's.
    pub(super) fn doubt(self, made: Time) -> bool {
        self.locked().is_some()
            || self.last.is_some_and(|last| made <= last.max(self.verified.unwrap_or(last)))
    }

    /// Since when what the customer has is in doubt, if it is.
    pub(super) const fn since(self) -> Option<Time> {
        self.since
    }

    /// What cools off again, since it was in doubt.
    pub(super) const fn settling(self) -> Option<Settling> {
        self.settling
    }

    /// Whether it counts for nothing now: it was new when the customer said that it was not them, and may be the thief's.
    pub(super) fn question(self, authenticator: &Authenticator) -> bool {
        self.since.is_some_and(|since| authenticator.is_in_doubt(since))
    }

    /// Whether they end a challenge that was made then.
    pub(super) fn end(self, made: Time) -> bool {
        self.last.is_some_and(|last| made <= last)
    }
}

impl Proofs {
    /// What a customer reported, as far as the journal has it.
    pub(crate) async fn reports(&self, customer: &CustomerId) -> Result<Reports, ProofError> {
        let (key, asked) = (RecordKey::customer(customer.as_str()), customer.clone());
        let look = move |state: &engine::State, _: &engine::Policy| {
            let dealings = state.customer(asked.as_str())?.dealings();
            Some((dealings.reported_us, dealings.verified_us))
        };
        let seen = self.sequencer.look(vec![key], look).await?;
        // 0 stands for never.
        let time = |us: i64| Time::from_us(us).filter(|_| us != 0);
        let Some((reported, verified)) = seen.filter(|(reported, _)| *reported != 0) else {
            return Ok(Reports::default());
        };
        let reports = Reports { last: time(reported), verified: time(verified), ..Reports::default() };
        let (owner, hours) = (customer.clone(), self.settings.cooling_hours);
        self.keeper.act(move |kept| with_doubt(kept, &owner, reports, hours)).await
    }

    /// Ends a challenge that the customer does not know, and nothing else: who has no more than a password would lock them out with it.
    pub(crate) async fn stop(&self, id: ChallengeId, by: &Answerer) -> Result<(), ProofError> {
        let (owner, now) = (by.clone(), self.now());
        self.keeper
            .act(move |kept| {
                let mut challenge = own_challenge(kept, id, &owner)?;
                let standing = challenge.standing(now);
                if !challenge.report() && standing == "redeemed" {
                    return Err(Refusal::Standing(standing).into());
                }
                kept.put_challenge(&id.0, &challenge)
            })
            .await
    }

    /// The customer says of a challenge that it was not them.
    pub(crate) async fn report(
        &self,
        observer: &Observer,
        id: ChallengeId,
        by: &Answerer,
        (channel, client): (Channel, Option<&str>),
    ) -> Result<Shown, ProofError> {
        let (owner, now) = (by.clone(), self.now());
        let shown = self.keeper.act(move |kept| {
            let mut challenge = own_challenge(kept, id, &owner)?;
            challenge.report();
            kept.put_challenge(&id.0, &challenge)?;
            Ok(show(id, &challenge, now))
        });
        let shown = shown.await?;
        let reason = format!("challenge {id}").parse().ok();
        self.tell_report(observer, format!("report-{id}"), &by.customer, reason, (channel, client)).await?;
        Ok(shown)
    }

    /// The customer says on a visit that a login, or what happened in the account as a whole, was not them. Said again of the
    /// same it is the same report, until somebody identified them: then it locks anew.
    pub(crate) async fn report_event(
        &self,
        observer: &Observer,
        visit: &Visit,
        event: Option<&EventId>,
    ) -> Result<(), ProofError> {
        let verified = self.reports(&visit.customer).await?.verified.map_or(0, Time::as_us);
        let about = event.map_or("", EventId::as_str);
        let name = self.keys.name("report", &format!("{verified} {} {about}", visit.customer));
        let id = format!("report-{}", data_encoding::HEXLOWER.encode(&name));
        let reason = event.and_then(|event| format!("event {event}").parse().ok());
        self.tell_report(observer, id, &visit.customer, reason, (Channel::Web, visit.client.as_deref())).await
    }

    async fn tell_report(
        &self,
        observer: &Observer,
        id: String,
        customer: &CustomerId,
        reason: Option<Reason>,
        (channel, client): (Channel, Option<&str>),
    ) -> Result<(), ProofError> {
        let kind = EventKind::CustomerReport;
        let (outcome, channel) = (Outcome::Succeeded, Some(channel));
        let fact = Fact { id, kind, outcome, customer, factor: None, reason, channel, client };
        match self.tell(observer, fact).await {
            // Pressed again: the report that is in the journal stands.
            Err(ProofError::Ask(AskError::Conflict { .. })) => {}
            told => told?,
        }
        // From here on it is known since when: what cools off before the customer says so of something else, too, stays in doubt.
        self.reports(customer).await.map(drop)
    }
}

/// With since when what a customer has is in doubt; noted when it is first seen. What was in doubt when they were identified cools off again
/// from then on.
fn with_doubt(
    kept: &Kept<'_>,
    customer: &CustomerId,
    reports: Reports,
    hours: u32,
) -> Result<Reports, ProofError> {
    let mut settling = kept.settling(customer)?;
    let mut noted = kept.doubt(customer)?;
    if let Some(since) = noted
        && let Some(identified) = reports.verified.filter(|identified| *identified >= since)
    {
        for each in kept.ever(customer)? {
            kept.put_authenticator(&each.settled(since, identified, hours))?;
        }
        kept.remove_doubt(customer)?;
        noted = None;
        // What waited then waits now, too.
        let waits_us = i64::from(hours).saturating_mul(HOUR_US);
        let waited = settling.filter(|before| since < before.identified.plus_us(waits_us));
        let first = waited.map_or(since, |before| before.since);
        let again = Settling { since: first, identified };
        kept.put_settling(customer, &again, identified.plus_us(waits_us))?;
        settling = Some(again);
    }
    let Some(last) = reports.locked() else { return Ok(Reports { settling, ..reports }) };
    if noted.is_none() {
        for each in kept.ever(customer)?.into_iter().filter(|each| each.ends.is_some()) {
            kept.put_authenticator(&each.brought_back(last))?;
        }
        kept.put_doubt(customer, last)?;
    }
    Ok(Reports { since: noted.or(Some(last)), settling, ..reports })
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::SECOND_US;

    use super::Reports;

    #[test]
    fn a_report_locks_until_the_customer_was_identified() {
        let at = |seconds: i64| Time::from_us(seconds * SECOND_US);
        for (last, verified, locked) in [
            (None, None, None),
            (None, at(1), None),
            (at(1), None, at(1)),
            (at(2), at(1), at(2)),
            (at(1), at(1), None),
            (at(1), at(2), None),
        ] {
            assert_eq!(
                Reports { last, verified, ..Reports::default() }.locked(),
                locked,
                "{last:?} {verified:?}"
            );
        }
    }

    /// Who signed in while the account was locked may have been the thief.
    #[test]
    fn what_was_known_before_the_customer_was_identified_is_in_doubt() {
        let at = |seconds: i64| Time::from_us(seconds * SECOND_US);
        for (last, verified, made, doubted) in [
            (None, None, 5, false),
            (None, at(9), 5, false),
            (at(3), None, 5, true),
            (at(3), at(9), 2, true),
            (at(3), at(9), 5, true),
            (at(3), at(9), 10, false),
            (at(9), at(3), 10, true),
        ] {
            let reports = Reports { last, verified, ..Reports::default() };
            assert_eq!(reports.doubt(at(made).unwrap()), doubted, "{last:?} {verified:?} {made}");
        }
    }
}
