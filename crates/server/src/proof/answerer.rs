//! Who answers a challenge, and where: a customer is sent to the pages on a visit, and answers on that one. Must not know what makes an
//! answer right.

use model::CustomerId;
use stepup::Challenge;

use super::challenges::{ChallengeId, Found, challenge_of};
use super::handover::Visit;
use super::kept::Kept;
use super::{ProofError, Proofs};
use crate::pages::texts::Texts;

/// Who answers: a customer, on a visit to the pages, or where the broker has them answer on a page of its own.
#[derive(Debug, Clone)]
pub(crate) struct Answerer {
    pub(crate) customer: CustomerId,
    visit: Option<[u8; 16]>,
    /// The language of the page they see.
    pub(super) page: Option<Texts>,
}

impl From<&Visit> for Answerer {
    fn from(visit: &Visit) -> Self {
        Self {
            customer: visit.customer.clone(),
            visit: Some(*visit.id()),
            page: Some(Texts { japanese: visit.japanese }),
        }
    }
}

impl From<CustomerId> for Answerer {
    fn from(customer: CustomerId) -> Self {
        Self { customer, visit: None, page: None }
    }
}

impl Answerer {
    /// Notes where it was answered.
    pub(super) fn answered(&self, challenge: &mut Challenge) {
        if self.visit.is_none() {
            challenge.stay();
        }
    }
}

impl Proofs {
    /// Notes that the customer answers a challenge on this visit.
    pub(super) async fn hand_to(&self, id: ChallengeId, visit: [u8; 16]) -> Result<(), ProofError> {
        self.keeper
            .act(move |kept| {
                let mut challenge = challenge_of(kept, id)?;
                challenge.hand_over(visit);
                kept.put_challenge(&id.0, &challenge)
            })
            .await
    }

    /// A challenge on the visit on which it is answered.
    pub(crate) async fn find_on(&self, id: ChallengeId, visit: &Visit) -> Result<Found, ProofError> {
        let found = self.find(id).await?;
        check_answerer(&found.challenge, &visit.into())?;
        Ok(found)
    }
}

/// The challenge, if this is who answers it.
pub(super) fn own_challenge(
    kept: &Kept<'_>,
    id: ChallengeId,
    by: &Answerer,
) -> Result<Challenge, ProofError> {
    let challenge = challenge_of(kept, id)?;
    check_answerer(&challenge, by)?;
    Ok(challenge)
}

/// Of somebody else's challenge not even its existence is told. On another visit of the customer's it is not answered: somebody else may
/// have led them there.
fn check_answerer(challenge: &Challenge, by: &Answerer) -> Result<(), ProofError> {
    if challenge.action().customer != by.customer {
        return Err(ProofError::Absent("challenge"));
    }
    if by.visit.is_some() && challenge.visit() != by.visit {
        return Err(ProofError::Visit);
    }
    Ok(())
}
