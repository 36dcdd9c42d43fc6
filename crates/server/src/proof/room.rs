//! Whether there is room for what a change adds. It is looked at before a proof of the change is used up: a proof costs the customer a
//! gesture, and what could not be done must not cost it. Must not know who may add.

use model::{EventKind, Factor, Time};
use stepup::device::DEVICES_MAX;
use stepup::{Action, authenticator};

use super::authenticators::factor_of;
use super::kept::Kept;
use super::{ProofError, Proofs};

impl Proofs {
    /// Refuses what there is no room for.
    pub(super) async fn check_room(&self, change: &Action) -> Result<(), ProofError> {
        let change = change.clone();
        let now = self.now();
        self.keeper.act(move |kept| room_for(kept, &change, now)).await
    }
}

/// The same, within the act that adds it.
pub(super) fn room_for(kept: &Kept<'_>, change: &Action, now: Time) -> Result<(), ProofError> {
    let (has, max) = match change.kind {
        EventKind::FactorEnroll => {
            let adds = change.authenticator.as_ref().map(|added| added.factor);
            let stays = |factor: Factor| factor == Factor::Passkey || adds != Some(factor);
            let has = kept.authenticators(&change.customer, now)?;
            let staying = has.iter().filter(|each| stays(factor_of(&each.kind))).count();
            (staying, authenticator::AUTHENTICATORS_MAX)
        }
        EventKind::DeviceRegister => {
            let adds = change.device.as_ref().map(|added| added.device.as_str());
            let has = kept.devices(&change.customer)?;
            // One that is registered gets another name.
            (has.iter().filter(|each| adds != Some(each.device.as_str())).count(), DEVICES_MAX)
        }
        _ => return Ok(()),
    };
    if has < max {
        return Ok(());
    }
    Err(ProofError::Conflict(format!("at most {max} are kept; remove one first")))
}
