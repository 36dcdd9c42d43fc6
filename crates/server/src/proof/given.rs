//! Who may change what a customer has, and by which proof: given before, taken once, and used up in the act that makes the change. Must
//! not know what is changed.

use std::time::Duration;

use model::customer::text_key;
use model::time::SECOND_US;
use model::{CustomerId, EventKind, Time};
use serde::{Deserialize, Serialize};
use stepup::{Action, Authenticator, Method, Passed, Refusal};
use tokio::sync::MutexGuard;

use super::answerer::{Answerer, own_challenge};
use super::authenticators::is_strong;
use super::challenges::{ChallengeId, ways};
use super::handover::Visit;
use super::kept::Kept;
use super::reports::Reports;
use super::room::room_for;
use super::{ProofError, Proofs};

/// How long a proof given on a visit waits for the change it is for.
pub(super) const PROVEN_S: i64 = 5 * 60;
/// How long it is known that a proof was used, beyond its time: longer than any act waits, and than a challenge is redeemed again for
/// the same.
const USED_KEPT_S: i64 = 2 * 60 * 60;
/// How long somebody waits for their turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);
/// Customers whose changes may go on at once, about.
const TURNS: u64 = 64;

/// A proof of one change on a visit: good for that and nothing else, once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Proven {
    pub(super) action: Action,
    pub(super) passed: Passed,
    /// For so long from then on.
    pub(super) since: Time,
    pub(super) id: [u8; 16],
}

/// The proof of a change, if there is one, looked up once and used up in the act that makes the change: what that act refuses does not
/// cost it, and what it does is done with the proof that was looked at.
#[derive(Debug, Clone)]
pub(super) struct Given(pub(super) Option<Proven>);

/// By what a customer confirms a change of what they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfirmedBy {
    /// There is nothing to confirm it with: the visit is all there is.
    Nothing,
    /// With a passkey that counts.
    Passkey,
    /// With one that does not count yet: there is nothing else.
    NewPasskey,
    /// In another way, by a challenge of its own.
    Challenge,
}

/// What a visit may change, and by which proof.
pub(super) struct May {
    pub(super) given: Given,
    /// Whether the customer has a passkey that counts: then it was confirmed with one.
    pub(super) has_strong: bool,
}

/// Changes of what customers have come one after the other, each customer's: what one looks at before it is made holds when it is.
pub(super) struct Turns(Vec<tokio::sync::Mutex<()>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..TURNS).map(|_| tokio::sync::Mutex::default()).collect())
    }
}

impl Proven {
    pub(super) fn good_until(&self) -> Time {
        self.since.plus_us(PROVEN_S * SECOND_US)
    }
}

impl Given {
    pub(super) fn passed(&self) -> Option<&Passed> {
        self.0.as_ref().map(|proven| &proven.passed)
    }

    /// Whether it was given with a passkey that counted.
    pub(super) fn is_strong(&self) -> bool {
        self.passed().is_some_and(|passed| passed.method == Method::Passkey && passed.matured)
    }

    /// By which the change that it was used for is known.
    pub(super) fn id(&self) -> Option<[u8; 16]> {
        self.0.as_ref().map(|proven| proven.id)
    }

    /// Whether it was used up before.
    pub(super) fn is_used(&self, kept: &Kept<'_>) -> Result<bool, ProofError> {
        self.id().map_or(Ok(false), |id| kept.is_spent(&id))
    }

    /// It is good once.
    pub(super) fn use_up(&self, kept: &Kept<'_>) -> Result<(), ProofError> {
        let Some(proven) = &self.0 else { return Ok(()) };
        let known_until = proven.good_until().plus_us(USED_KEPT_S * SECOND_US);
        if kept.spend(&proven.id, known_until)? { Ok(()) } else { Err(used()) }
    }
}

/// A proof came a second time.
pub(super) fn used() -> ProofError {
    ProofError::Conflict("the proof was used for this before; confirm anew".to_owned())
}

impl Proofs {
    /// Waits until nobody else changes what this customer has, though not for long; held until the change is made.
    pub(super) async fn turn(&self, customer: &CustomerId) -> Result<MutexGuard<'_, ()>, ProofError> {
        let place = usize::try_from(text_key(customer.as_str()) % TURNS).ok();
        let turn = place.and_then(|place| self.turns.0.get(place)).ok_or(ProofError::Busy)?;
        tokio::time::timeout(TURN_WAIT_MAX, turn.lock()).await.map_err(|_late| ProofError::Busy)
    }

    /// By what this customer confirms what changes what they have, or from where they are let in: the strongest of it, or anybody in
    /// their session could.
    pub(crate) async fn confirms_by(&self, customer: &CustomerId) -> Result<ConfirmedBy, ProofError> {
        let (reports, has) = (self.reports(customer).await?, self.has(customer).await?);
        self.confirmed_by(customer, &has, reports, self.now()).await
    }

    pub(super) async fn confirmed_by(
        &self,
        customer: &CustomerId,
        has: &[Authenticator],
        reports: Reports,
        now: Time,
    ) -> Result<ConfirmedBy, ProofError> {
        if has.iter().any(|each| is_strong(each, reports, now)) {
            return Ok(ConfirmedBy::Passkey);
        }
        let reached = self.ways_to_reach(customer, now).await?;
        // It is the same for every change of this sort.
        let ways = ways(EventKind::FactorEnroll, (has, reached), (reports, now), &self.settings);
        Ok(match ways.methods.as_slice() {
            [Method::Passkey] => ConfirmedBy::NewPasskey,
            _ if ways.are_at_hand() => ConfirmedBy::Challenge,
            _ => ConfirmedBy::Nothing,
        })
    }

    /// Whether the visit may change this, and by which proof: who has something to confirm it with did so just now.
    pub(super) async fn may_change(&self, visit: &Visit, change: &Action) -> Result<May, ProofError> {
        let now = self.now();
        let (mut given, reports) = (visit.given(change, now), self.reports(&visit.customer).await?);
        let has = self.has(&visit.customer).await?;
        // What was removed since, or looks like a copy by now, confirms nothing any more.
        let still = |with: [u8; 16]| {
            let may = |each: &Authenticator| each.cloned.is_none() && !reports.question(each);
            has.iter().any(|each| each.id == with && may(each))
        };
        if given.passed().is_some_and(|passed| passed.authenticator.is_some_and(|with| !still(with))) {
            given = Given(None);
        }
        let by = self.confirmed_by(&visit.customer, &has, reports, now).await?;
        match by {
            ConfirmedBy::Passkey if !given.is_strong() => {
                Err(ProofError::Conflict("confirm this with a passkey you have first".to_owned()))
            }
            ConfirmedBy::NewPasskey | ConfirmedBy::Challenge if given.passed().is_none() => {
                Err(ProofError::Conflict(
                    "confirm this first, with what you have: by a challenge for it (POST /v1/challenges)"
                        .to_owned(),
                ))
            }
            _ => Ok(May { given, has_strong: by == ConfirmedBy::Passkey }),
        }
    }

    /// The same, if the visit may add to it: whoever took a session over must not be in once it is known.
    pub(super) async fn may_add(&self, visit: &Visit, change: &Action) -> Result<May, ProofError> {
        self.check_unlocked(&visit.customer).await?;
        self.may_change(visit, change).await
    }

    pub(super) async fn check_unlocked(&self, customer: &CustomerId) -> Result<(), ProofError> {
        match self.reports(customer).await?.locked() {
            None => Ok(()),
            Some(_) => Err(ProofError::Locked),
        }
    }

    /// Refuses a proof that was used before, ahead of what cannot be undone.
    pub(super) async fn check_unused(&self, given: &Given) -> Result<(), ProofError> {
        let given = given.clone();
        self.keeper.act(move |kept| if given.is_used(kept)? { Err(used()) } else { Ok(()) }).await
    }

    /// Uses a proof up for what is not kept here.
    pub(super) async fn use_up(&self, given: Given) -> Result<(), ProofError> {
        self.keeper.act(move |kept| given.use_up(kept)).await
    }

    /// Redeems a challenge for this change. Asked again for the same – no answer came, say – it gives the same
    /// proof, as long as the challenge would have waited: it is used up by what it is for, once.
    pub(super) async fn redeem_for_change(
        &self,
        id: ChallengeId,
        change: Action,
        by: Answerer,
    ) -> Result<Proven, ProofError> {
        let (customer, now) = (change.customer.clone(), self.now());
        let name = |what: &str| self.keys.name(what, &id.to_string());
        // What the broker redeemed for something of its own is no proof here.
        let (redeemed_here, proof) = (name("redeemed for a change"), name("proof of a change"));
        let reports = self.reports(&customer).await?;
        let redeemed = self.keeper.act(move |kept| {
            let mut challenge = reports.applied(own_challenge(kept, id, &by)?);
            room_for(kept, &change, now)?;
            match challenge.redeem(&change, false, now) {
                Ok(passed) => {
                    kept.put_challenge(&id.0, &challenge)?;
                    kept.spend(&redeemed_here, challenge.expires())?;
                    Ok((challenge.action().clone(), passed, challenge.made()))
                }
                Err(refusal) => {
                    let is_again = refusal == Refusal::Standing("redeemed")
                        && now < challenge.expires()
                        && kept.is_spent(&redeemed_here)?;
                    // A device that is there already is known by its name; a second authenticator would be another one.
                    let is_done = change.kind == EventKind::FactorEnroll && kept.is_spent(&proof)?;
                    let passed = challenge.passed().filter(|_| is_again && !is_done).cloned();
                    Ok((challenge.action().clone(), passed.ok_or(refusal)?, challenge.made()))
                }
            }
        });
        let (action, passed, made) = redeemed.await?;
        self.check_not_reported(&customer, made).await?;
        // It waited to be redeemed; an operator's for an hour.
        Ok(Proven { action, passed, since: now, id: proof })
    }
}
