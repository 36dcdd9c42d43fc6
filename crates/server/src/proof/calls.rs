//! What operators confirm: calls that customers ask for, and signed forms that came. What may happen says `stepup`; here it is kept and
//! found again. Must not know HTTP, nor who may: whoever acts was let through, and was noted before.

use model::{Channel, CustomerId, Time};
use serde::Serialize;
use stepup::challenge::{Call as Asked, moved_yen, persons};
use stepup::{Action, Challenge, Method, Refusal};

use super::answerer::{Answerer, own_challenge};
use super::challenges::{ChallengeId, Shown as ShownChallenge, show as show_challenge};
use super::kept::{Kept, Whose};
use super::reports::Reports;
use super::settings::CallSettings;
use super::{ProofError, Proofs};
use crate::observe::Observer;

/// Calls that wait at once.
const OPEN_MAX: u32 = 5_000;
/// Calls that one customer asks for in a day.
const CALLS_A_DAY: u8 = 3;

/// A call as the support centre sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = CallShown, example = json!({
    "number": 17, "status": "open", "challenge": "ch_q83vEjRWeJCrze8SNFZ4kA", "customer": "C0012345", "kind": "withdrawal",
    "to": "•••••••••••78", "asked": "2020-09-16T03:01:00.000000Z", "expires": "2020-09-17T03:01:00.000000Z",
    "persons": 2, "confirmed": [{"by": "suzuki", "at": "2020-09-16T03:20:00.000000Z"}], "unreached": 0,
}))]
pub struct Shown {
    /// By which it is known.
    pub number: u64,
    /// `open`, `confirmed`, `refused` (the customer says it was not them), `unreached` (nobody answered five times) or `over` (time
    /// ended it, or another answer).
    pub status: &'static str,
    /// The challenge it is for.
    pub challenge: String,
    /// Who asked to be called.
    pub customer: String,
    /// What is confirmed.
    pub kind: &'static str,
    /// The number that is called, masked.
    pub to: String,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub asked: Time,
    /// Until when the challenge is open, or may be redeemed.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Time,
    /// How many operators must confirm.
    pub persons: u8,
    /// Who did.
    pub confirmed: Vec<ShownConfirmation>,
    /// How often nobody was reached.
    pub unreached: u8,
}

/// An operator's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ShownConfirmation {
    /// The name of their key.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Time,
}

/// A call that was found.
pub(crate) struct Call {
    pub(crate) shown: Shown,
    pub(crate) customer: CustomerId,
    /// What is read back.
    pub(crate) action: Action,
}

/// What an operator says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallStep {
    /// The customer confirmed it.
    Confirm,
    /// The customer says that it was not them.
    Refuse,
    /// Nobody was reached.
    Unreached,
}

/// A signed form as an operator read it.
#[derive(Debug, Clone)]
pub(crate) struct FormSeen {
    /// What it is filed under.
    pub(crate) reference: String,
    /// The day on which it came: `2020-09-14`.
    pub(crate) received: String,
    /// What it asks for.
    pub(crate) action: Action,
}

impl Proofs {
    /// The customer asks to be called at the registered number. Asked again, it is the same call.
    pub(crate) async fn ask_call(
        &self,
        id: ChallengeId,
        by: &Answerer,
        guesser: String,
    ) -> Result<ShownChallenge, ProofError> {
        let settings = &self.settings.calls;
        if !settings.offered {
            return Err(Refusal::Method(Method::Phone.as_str()).into());
        }
        let (now, limits, open_s) = (self.now(), settings.clone(), settings.open_s());
        let to = self.reach(&by.customer, now).await?.masked(Method::Phone);
        let to = to.ok_or(ProofError::NoContact("telephone number"))?;
        let (reports, by) = (self.reports(&by.customer).await?, by.clone());
        self.keeper
            .act(move |kept| {
                let mut challenge = reports.applied(own_challenge(kept, id, &by)?);
                if challenge.call_standing(now) == Some("unreached") {
                    return Err(Refusal::Method(Method::Phone.as_str()).into());
                }
                if challenge.call().is_none() {
                    challenge.takes(Method::Phone, now)?;
                    kept.take_allowance(&by.customer, &format!("call {guesser}"), CALLS_A_DAY, now)?;
                    let number = kept.next_call(OPEN_MAX)?.ok_or(ProofError::Busy)?;
                    let persons = persons_now(kept, &challenge, &limits, None, now)?;
                    challenge.ask_call(Asked::new(number, now, to, persons), open_s)?;
                    kept.put_challenge(&id.0, &challenge)?;
                }
                Ok(show_challenge(id, &challenge, now))
            })
            .await
    }

    /// Calls with higher numbers than this, the lowest first, up to so many: those that wait, or all of the last day. Those that are
    /// over for a moment, or by a report, make a page short, not the list.
    pub(crate) async fn calls(&self, after: u64, at_most: u32, open: bool) -> Result<Vec<Shown>, ProofError> {
        let now = self.now();
        let wanted = usize::try_from(at_most).unwrap_or(usize::MAX);
        let (mut calls, mut after) = (Vec::new(), after);
        loop {
            let found = self.keeper.act(move |kept| {
                let found = kept.calls(after, at_most, open)?.into_iter();
                found.map(|(number, id)| Ok((number, ChallengeId(id), kept.challenge(&id)?))).collect()
            });
            let found: Vec<(u64, ChallengeId, Option<Challenge>)> = found.await?;
            let is_last = found.len() < wanted;
            for (number, id, challenge) in found {
                after = number;
                let Some(challenge) = challenge else { continue };
                let reports = self.reports(&challenge.action().customer).await?;
                let shown = show(id, &reports.applied(challenge), now);
                calls.extend(shown.filter(|shown| !open || shown.status == "open"));
                if calls.len() >= wanted {
                    return Ok(calls);
                }
            }
            if is_last {
                return Ok(calls);
            }
        }
    }

    /// What the customer of a call reported.
    async fn reports_of_call(&self, number: u64) -> Result<Reports, ProofError> {
        let customer = self.keeper.act(move |kept| Ok(call_of(kept, number)?.1.action().customer.clone()));
        self.reports(&customer.await?).await
    }

    /// One call.
    pub(crate) async fn call(&self, number: u64) -> Result<Call, ProofError> {
        let (now, reports) = (self.now(), self.reports_of_call(number).await?);
        self.keeper
            .act(move |kept| {
                let (id, challenge) = call_of(kept, number)?;
                let challenge = reports.applied(challenge);
                let shown = show(id, &challenge, now).ok_or(ProofError::Absent("call"))?;
                let action = challenge.action().clone();
                Ok(Call { shown, customer: action.customer.clone(), action })
            })
            .await
    }

    /// The number to call: one that stood in the profile before the call was asked for, and still does.
    pub(crate) async fn call_number(&self, call: &Call) -> Result<String, ProofError> {
        let reach = self.reach(&call.customer, call.shown.asked).await?;
        reach.by(Method::Phone).map(str::to_owned).ok_or(ProofError::NoContact("telephone number"))
    }

    /// Notes that an operator saw the number of a call: who did not cannot have called it.
    pub(crate) async fn see_number(&self, number: u64, by: &str) -> Result<(), ProofError> {
        let (now, by) = (self.now(), by.to_owned());
        self.keeper
            .act(move |kept| {
                let (id, mut challenge) = call_of(kept, number)?;
                challenge.see_number(&by, now)?;
                kept.put_challenge(&id.0, &challenge)
            })
            .await
    }

    /// What an operator says of a call. Without `keep` it is only looked whether it could be said.
    pub(crate) async fn settle_call(
        &self,
        number: u64,
        step: CallStep,
        by: &str,
        keep: bool,
    ) -> Result<Call, ProofError> {
        let (now, by, limits) = (self.now(), by.to_owned(), self.settings.calls.clone());
        // Nobody can have been called at a number that is gone.
        if step == CallStep::Confirm {
            self.call_number(&self.call(number).await?).await?;
        }
        // That it was not them a customer may say whatever they said before.
        let reports = match step {
            CallStep::Confirm | CallStep::Unreached => self.reports_of_call(number).await?,
            CallStep::Refuse => Reports::default(),
        };
        self.keeper
            .act(move |kept| {
                let (id, challenge) = call_of(kept, number)?;
                let mut challenge = reports.applied(challenge);
                match step {
                    CallStep::Confirm => {
                        let persons = persons_now(kept, &challenge, &limits, Some(&by), now)?;
                        challenge.confirm_call(&by, persons, now)?;
                    }
                    CallStep::Refuse => challenge.refuse_call()?,
                    CallStep::Unreached => challenge.note_unreached(now)?,
                }
                if keep {
                    kept.put_challenge(&id.0, &challenge)?;
                    if step == CallStep::Confirm && challenge.passed().is_some() {
                        note_confirmed(kept, &challenge, &by, now)?;
                    }
                }
                let shown = show(id, &challenge, now).ok_or(ProofError::Absent("call"))?;
                let action = challenge.action().clone();
                Ok(Call { shown, customer: action.customer.clone(), action })
            })
            .await
    }

    /// Tells the journal that the customer of a call refused it.
    pub(crate) async fn report_call(&self, observer: &Observer, call: &Call) -> Result<(), ProofError> {
        let id = call.shown.challenge.parse().map_err(|_invalid| ProofError::Absent("challenge"))?;
        self.report(observer, id, &call.customer.clone().into(), (Channel::Phone, None)).await.map(drop)
    }

    /// An operator says that a form came. Without `keep` it is only looked whether it could be said.
    pub(crate) async fn record_form(
        &self,
        id: ChallengeId,
        form: FormSeen,
        by: &str,
        keep: bool,
    ) -> Result<ShownChallenge, ProofError> {
        let (now, open_s, by) = (self.now(), self.settings.calls.open_s(), by.to_owned());
        // A form of another customer is refused anyway.
        let reports = self.reports(&form.action.customer).await?;
        self.keeper
            .act(move |kept| {
                let challenge = kept.challenge(&id.0)?.ok_or(ProofError::Absent("challenge"))?;
                let mut challenge = reports.applied(challenge);
                let read = (form.reference.as_str(), form.received.as_str());
                challenge.record_form(read, &form.action, &by, now, open_s)?;
                if keep {
                    kept.put_challenge(&id.0, &challenge)?;
                }
                Ok(show_challenge(id, &challenge, now))
            })
            .await
    }
}

/// How many persons confirm it now: what they confirmed for this customer in the day before counts with it, or one of them could let
/// everything through in parts; and so does what `by` let through alone for whomever, or they could for many customers.
fn persons_now(
    kept: &Kept<'_>,
    challenge: &Challenge,
    limits: &CallSettings,
    by: Option<&str>,
    now: Time,
) -> Result<u8, ProofError> {
    let (action, yen) = (challenge.action(), moved_yen(challenge.action()));
    let before = |whose| if yen > 0 { Ok(kept.confirmed(whose)?.total(now)) } else { Ok::<_, ProofError>(0) };
    let needed =
        persons(action, limits.two_persons_above.saturating_sub(before(Whose::Customer(&action.customer))?));
    let Some(by) = by.filter(|_| yen > 0) else { return Ok(needed) };
    let alone = before(Whose::Operator(by))?.saturating_add(yen);
    Ok(if alone > limits.one_person_daily_yen { needed.max(2) } else { needed })
}

/// Notes what a call let through.
fn note_confirmed(kept: &Kept<'_>, challenge: &Challenge, by: &str, now: Time) -> Result<(), ProofError> {
    let (action, yen) = (challenge.action(), moved_yen(challenge.action()));
    if yen == 0 {
        return Ok(());
    }
    kept.add_confirmed(Whose::Customer(&action.customer), yen, now)?;
    let alone = challenge.call().is_some_and(|call| call.confirmed().len() == 1);
    if alone { kept.add_confirmed(Whose::Operator(by), yen, now) } else { Ok(()) }
}

fn call_of(kept: &Kept<'_>, number: u64) -> Result<(ChallengeId, Challenge), ProofError> {
    let id = kept.call(number)?.ok_or(ProofError::Absent("call"))?;
    let challenge = kept.challenge(&id)?.ok_or(ProofError::Absent("call"))?;
    Ok((ChallengeId(id), challenge))
}

fn show(id: ChallengeId, challenge: &Challenge, now: Time) -> Option<Shown> {
    let (call, status) = (challenge.call()?, challenge.call_standing(now)?);
    let confirmed = call.confirmed().iter().map(|(by, at)| ShownConfirmation { by: by.clone(), at: *at });
    Some(Shown {
        number: call.number(),
        status,
        challenge: id.to_string(),
        customer: challenge.action().customer.as_str().to_owned(),
        kind: challenge.action().kind.as_str(),
        to: call.to().to_owned(),
        asked: call.asked(),
        expires: challenge.expires(),
        persons: call.persons(),
        confirmed: confirmed.collect(),
        unreached: call.unreached(),
    })
}
