//! A proof is used: redeemed by the broker, once, for the action it is bound to; and what the broker's site is told of it. Must not know
//! how it was given.

use model::{CustomerId, Time};
use serde_json::Value;
use stepup::{Action, Challenge, Refusal};

use super::challenges::{ChallengeId, Shown, challenge_of, show};
use super::result::{self, About};
use super::{ProofError, Proofs};

impl Proofs {
    /// Lets an action through, once. `result`: with which the customer came back from the page, if they did.
    pub(crate) async fn redeem(
        &self,
        id: ChallengeId,
        action: Action,
        result: Option<&str>,
    ) -> Result<Shown, ProofError> {
        let (reports, now) = (self.reports(&action.customer).await?, self.now());
        let came_back = result.is_some_and(|result| self.is_result(id, result));
        if result.is_some() && !came_back {
            return Err(Refusal::NotBack.into());
        }
        let customer = action.customer.clone();
        let redeemed = self.keeper.act(move |kept| {
            let mut challenge = reports.applied(challenge_of(kept, id)?);
            challenge.redeem(&action, came_back, now)?;
            kept.put_challenge(&id.0, &challenge)?;
            Ok((show(id, &challenge, now), challenge.made()))
        });
        let (shown, made) = redeemed.await?;
        self.check_not_reported(&customer, made).await?;
        Ok(shown)
    }

    /// A report that came while something was redeemed: what is used up by now lets nothing through.
    pub(super) async fn check_not_reported(
        &self,
        customer: &CustomerId,
        made: Time,
    ) -> Result<(), ProofError> {
        if self.reports(customer).await?.end(made) {
            return Err(Refusal::Standing("reported").into());
        }
        Ok(())
    }

    /// A signed result for the site that a customer returns to: while the proof waits to be redeemed. However often the page is looked
    /// at, it is the result of one proof, by one name.
    pub(crate) fn result(&self, id: ChallengeId, challenge: &Challenge, audience: &str) -> Option<String> {
        let (key, now) = (self.keys.results.as_ref()?, self.now());
        let passed = challenge.passed().filter(|_| challenge.standing(now) == "passed")?;
        let (jti, id) = (self.result_name(id), id.to_string());
        let about = About { issuer: &self.settings.origin, audience, challenge: &id, jti: &jti };
        result::sign(key, &about, challenge, passed, now)
    }

    /// By which the result of a challenge is known.
    fn result_name(&self, id: ChallengeId) -> String {
        data_encoding::HEXLOWER.encode(&self.keys.name("result", &id.to_string()))
    }

    /// Whether it is a result of this challenge. How long it is good is for who reads it alone: here the challenge has its own time.
    fn is_result(&self, id: ChallengeId, text: &str) -> bool {
        let told = self.keys.results.as_ref().and_then(|key| result::read(key, text));
        told.is_some_and(|told| told.challenge == id.to_string() && told.jti == self.result_name(id))
    }

    /// The keys by which results are checked.
    pub(crate) fn result_keys(&self) -> Value {
        result::key_set(self.keys.results.as_ref())
    }
}
