//! What a customer confirms on `/security` before it is done: one change, named as the script names it to do it. Must not know how it
//! is confirmed.

use model::Factor;
use serde::Deserialize;
use serde_json::Value;
use stepup::Action;

use super::devices::new_device;
use super::visits::Visitor;
use crate::api::App;
use crate::proof::{ProofError, Visit, parse_authenticator_id};

/// The texts by which new authenticators are called.
pub(super) const PASSKEY_NAME: &str = "security.passkey";
pub(super) const APP_NAME: &str = "security.app";
pub(super) const RECOVERY_NAME: &str = "security.recovery";

/// What the script sends to confirm a change; no credential to begin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmationSent {
    pub(super) change: ChangeSent,
    #[serde(default)]
    pub(super) credential: Option<Value>,
}

/// A change.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ChangeSent {
    /// A passkey is added.
    Enrol,
    /// An authenticator app is added.
    Totp,
    /// Recovery codes are made.
    Recovery,
    /// An authenticator is removed.
    Remove { id: String },
    /// The device that looks at the page is registered.
    Register { name: String },
    /// A device is taken back.
    Forget { id: String },
    /// Only registered devices are let in, or any again.
    Only { only: bool },
}

impl ChangeSent {
    /// What the proof is bound to.
    pub(super) async fn action(self, app: &App, visitor: &Visitor) -> Result<Action, ProofError> {
        let (visit, texts) = (&visitor.visit, visitor.texts);
        let absent = |what| move || ProofError::Absent(what);
        match self {
            Self::Enrol => visit.adding(Factor::Passkey, texts.of(PASSKEY_NAME)),
            Self::Totp => visit.adding(Factor::Totp, texts.of(APP_NAME)),
            Self::Recovery => visit.adding(Factor::None, texts.of(RECOVERY_NAME)),
            Self::Remove { id } => {
                let id = parse_authenticator_id(&id).ok_or_else(absent("authenticator"))?;
                app.proofs.removal(visit, id).await
            }
            Self::Register { name } => Ok(new_device(visit, &name)?.registering(&visit.customer)),
            Self::Forget { id } => {
                let id = parse_authenticator_id(&id).ok_or_else(absent("device"))?;
                app.proofs.taking_back(visit, id).await
            }
            Self::Only { only } => Ok(visit.restricting(only)),
        }
    }

    /// The visit with the proof of this change that the script brings, if it brings one.
    pub(super) async fn confirmed(
        self,
        app: &App,
        visitor: &Visitor,
        proof: Option<&str>,
    ) -> Result<Visit, ProofError> {
        let change = self.action(app, visitor).await?;
        app.proofs.confirmed_visit(&visitor.visit, change, proof).await
    }
}
