//! A passkey's answer: for a change on a visit, which it confirms and no other, or for whatever else asked. Its use is noted, and a
//! copy told. Must not know challenges.

use model::{Channel, CustomerId, Outcome, Time};
use serde_json::Value;
use stepup::{Action, Kind, Method, Passed};

use super::authenticators::{by_credential, is_strong, passkeys_of};
use super::challenges::Asked;
use super::given::ConfirmedBy;
use super::handover::Visit;
use super::kept::Kept;
use super::passkeys::{Failed, Proven};
use super::reports::Reports;
use super::{ProofError, Proofs};
use crate::observe::Observer;

/// What a customer does to confirm a change.
pub(crate) enum Confirming {
    /// Asks the browser for a passkey with this.
    Passkey(Value),
    /// Answers this.
    Challenge(Asked),
}

impl Proofs {
    /// Begins to prove, on a visit, that its customer means this change: with a passkey that counts, or by a challenge.
    pub(crate) async fn begin_confirmation(
        &self,
        visit: &Visit,
        change: Action,
    ) -> Result<Confirming, ProofError> {
        let (now, reports) = (self.now(), self.reports(&visit.customer).await?);
        let mut has = self.has(&visit.customer).await?;
        match self.confirmed_by(&visit.customer, &has, reports, now).await? {
            ConfirmedBy::Passkey => has.retain(|each| is_strong(each, reports, now)),
            ConfirmedBy::NewPasskey => has.retain(|each| !reports.question(each) && each.cloned.is_none()),
            ConfirmedBy::Nothing => {
                return Err(ProofError::Conflict(
                    "there is nothing to confirm it with, and no need".to_owned(),
                ));
            }
            ConfirmedBy::Challenge => {
                self.check_pace(visit)?;
                return Ok(Confirming::Challenge(self.for_visit(visit, change).await?));
            }
        }
        let id = self.confirming(visit, &change)?;
        let options = self.passkeys.begin_proof((*visit.id(), id), &passkeys_of(&has), now)?;
        Ok(Confirming::Passkey(options))
    }

    /// What is under way for one change on a visit, and for no other.
    fn confirming(&self, visit: &Visit, change: &Action) -> Result<[u8; 16], ProofError> {
        let change = serde_json::to_string(change)
            .map_err(|_error| ProofError::Broken("a change cannot be told".to_owned()))?;
        let visit = data_encoding::HEXLOWER.encode(visit.id());
        Ok(self.keys.name("confirmation", &format!("{visit} {change}")))
    }

    /// Ends it, if it began for this change: what the page brings with it.
    pub(crate) async fn end_confirmation(
        &self,
        observer: &Observer,
        visit: &Visit,
        answer: Value,
        change: Action,
    ) -> Result<String, ProofError> {
        // Something stronger may count since it began.
        if self.confirms_by(&visit.customer).await? == ConfirmedBy::Challenge {
            return Err(ProofError::Conflict(
                "it is confirmed in another way by now; begin again".to_owned(),
            ));
        }
        let passed = |_kept: &Kept<'_>, passed, _matures| Ok(passed);
        let id = self.confirming(visit, &change)?;
        let whose = (&visit.customer, self.reports(&visit.customer).await?);
        let passed = self.check_passkey(observer, &id, whose, answer, passed).await?;
        self.confirmation_token(visit, change, passed)
    }

    /// Checks a passkey's answer, notes its use, and in the same act does with the proof what `then` says, which is also told
    /// when the passkey matures.
    pub(super) async fn check_passkey<T: Send + 'static>(
        &self,
        observer: &Observer,
        id: &[u8; 16],
        (customer, reports): (&CustomerId, Reports),
        answer: Value,
        then: impl FnOnce(&Kept<'_>, Passed, Time) -> Result<T, ProofError> + Send + 'static,
    ) -> Result<T, ProofError> {
        let has = self.has(customer).await?;
        let whose = (self.keys.name("handle", customer.as_str()), passkeys_of(&has));
        let proven = self.passkeys.end_proof(id, answer, (whose.0, &whose.1), self.now());
        self.note_use(observer, (customer, reports), proven, then).await
    }

    /// Notes what came of a passkey's answer, and does with the proof it is what `then` says.
    pub(super) async fn note_use<T: Send + 'static>(
        &self,
        observer: &Observer,
        (customer, reports): (&CustomerId, Reports),
        proven: Result<Proven, Failed>,
        then: impl FnOnce(&Kept<'_>, Passed, Time) -> Result<T, ProofError> + Send + 'static,
    ) -> Result<T, ProofError> {
        let now = self.now();
        let proven = match proven {
            Ok(proven) => proven,
            Err(Failed::NotUnderWay) => {
                return Err(ProofError::Conflict("no proof is under way; begin again".to_owned()));
            }
            Err(Failed::Unknown) => return Err(ProofError::UnknownPasskey),
            Err(Failed::Refused(problem)) => {
                return Err(ProofError::invalid("credential", format!("the passkey is refused: {problem}")));
            }
            Err(Failed::Copied(credential)) => {
                self.note_copy(observer, customer, credential, now).await?;
                return Err(ProofError::invalid(
                    "credential",
                    "the passkey is refused: it looks like a copy",
                ));
            }
        };
        let owner = customer.clone();
        let (done, copied) = self
            .keeper
            .act(move |kept| {
                let has = kept.authenticators(&owner, now)?;
                let mut used = by_credential(has, &proven.credential).ok_or(ProofError::Absent("passkey"))?;
                if reports.question(&used) {
                    return Err(ProofError::Locked);
                }
                used.used = Some(now);
                if let Some(passkey) = proven.changed {
                    used.kind = Kind::Passkey(passkey);
                }
                kept.put_authenticator(&used)?;
                let matured = used.counts(now);
                let passed =
                    Passed { method: Method::Passkey, authenticator: Some(used.id), at: now, matured };
                // It was used, whatever comes of it.
                let done = then(kept, passed, used.counts_from());
                Ok((done, Some(used).filter(|used| used.cloned.is_some())))
            })
            .await?;
        // Decisions may not have learned it when it was seen.
        if let Some(copied) = copied {
            self.tell_copied(observer, &copied, Outcome::Succeeded, Some(Channel::Web)).await?;
        }
        done
    }
}
