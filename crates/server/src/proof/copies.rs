//! Passkeys that look like copies: their counter did not grow. Must not know what is decided then: decisions are told.

use model::{Channel, CustomerId, EventKind, Outcome, Time};
use stepup::Authenticator;

use super::authenticators::{by_credential, factor_of};
use super::facts::Fact;
use super::{ProofError, Proofs};
use crate::observe::Observer;
use crate::sequencer::AskError;

impl Proofs {
    /// A passkey looks like a copy: which of the two is the customer's nobody can say. It confirms nothing that matters any more, and
    /// decisions know it.
    pub(super) async fn note_copy(
        &self,
        observer: &Observer,
        customer: &CustomerId,
        credential: Vec<u8>,
        now: Time,
    ) -> Result<(), ProofError> {
        let owner = customer.clone();
        let copied = self.keeper.act(move |kept| {
            let Some(copied) = by_credential(kept.authenticators(&owner, now)?, &credential) else {
                return Ok(None);
            };
            let copied = Authenticator { cloned: copied.cloned.or(Some(now)), ..copied };
            kept.put_authenticator(&copied)?;
            Ok(Some(copied))
        });
        match copied.await? {
            Some(copied) => self.tell_copied(observer, &copied, Outcome::Succeeded, Some(Channel::Web)).await,
            None => Ok(()),
        }
    }

    /// Tells decisions that one looks like a copy, or that it is gone: once each.
    pub(super) async fn tell_copied(
        &self,
        observer: &Observer,
        copied: &Authenticator,
        outcome: Outcome,
        channel: Option<Channel>,
    ) -> Result<(), ProofError> {
        let what = if outcome == Outcome::Failed { "gone" } else { "seen" };
        let fact = Fact {
            id: format!("copied-{}-{what}", data_encoding::HEXLOWER.encode(&copied.id)),
            kind: EventKind::FactorCopied,
            outcome,
            customer: &copied.customer,
            factor: Some(factor_of(&copied.kind)),
            reason: None,
            channel,
            client: None,
        };
        match self.tell(observer, fact).await {
            // It was seen before.
            Err(ProofError::Ask(AskError::Conflict { .. })) => Ok(()),
            told => told,
        }
    }
}
