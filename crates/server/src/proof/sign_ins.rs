//! Sign-in by passkey alone, and what browsers are told so that the passkeys they offer are those that are known here (WebAuthn
//! Level 3, section 5.1.10, signal methods). Must not know pages.

use model::CustomerId;
use serde::Serialize;
use serde_json::Value;
use stepup::{Authenticator, Kind, Passed, Refusal};

use super::authenticators::{parse_id, passkeys_of};
use super::kept::Kept;
use super::keys::random;
use super::passkeys::credential_of;
use super::{ProofError, Proofs};
use crate::observe::Observer;

/// What a browser is told of a customer's passkeys: the arguments of `PublicKeyCredential.signalAllAcceptedCredentials` and
/// `PublicKeyCredential.signalCurrentUserDetails`, under the names that they have there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PasskeySignals, example = json!({
    "rpId": "proof.broker.example", "userId": "q83vEjRWeJCrze8SNFZ4kA", "name": "C0012345", "displayName": "C0012345",
    "allAcceptedCredentialIds": ["mZ3vEjRWeJCrze8SNFZ4kA"],
}))]
pub struct Signals {
    /// What the passkeys are bound to.
    rp_id: String,
    /// The user handle, base64url.
    user_id: String,
    /// What a browser shows of whom they are.
    name: String,
    /// The same.
    display_name: String,
    /// The passkeys that are known here, base64url; a browser may forget the customer's others.
    all_accepted_credential_ids: Vec<String>,
}

impl Proofs {
    /// Begins a sign-in by passkey alone: by which it is ended, and what the browser is given.
    pub(crate) fn begin_sign_in(&self) -> Result<(String, Value), ProofError> {
        let id = random()?;
        Ok((data_encoding::HEXLOWER.encode(&id), self.passkeys.begin_sign_in(id, self.now())?))
    }

    /// Ends it: who signed in, and the proof it is.
    pub(crate) async fn end_sign_in(
        &self,
        observer: &Observer,
        id: &str,
        answer: Value,
    ) -> Result<(CustomerId, Passed), ProofError> {
        let id = parse_id(id).ok_or(ProofError::Absent("sign-in"))?;
        let handle = match self.passkeys.named(&answer) {
            Ok(handle) => handle,
            Err(_failed) => return Err(ProofError::invalid("credential", "the passkey names nobody")),
        };
        let customer = self.keeper.act(move |kept| kept.handle(&handle)).await?;
        let customer = customer.ok_or(ProofError::UnknownPasskey)?;
        // Reports first: looking at them settles what counts again.
        let reports = self.reports(&customer).await?;
        let has = self.has(&customer).await?;
        let proven = self.passkeys.end_sign_in(&id, answer, &passkeys_of(&has), self.now());
        // Nothing new signs in where something old does: it may be a thief's.
        let now = self.now();
        let is_old = |each: &Authenticator| each.counts(now) && !matches!(each.kind, Kind::Recovery(_));
        let reached = self.ways_to_reach(&customer, now).await?;
        let has_old = has.iter().any(|each| is_old(each) && !reports.question(each))
            || reached.iter().any(|(_, counts_from)| *counts_from <= now);
        let whose = (&customer, reports);
        let then = move |_kept: &Kept<'_>, passed: Passed, matures| match has_old && !passed.matured {
            true => Err(Refusal::cooling(matures, now).into()),
            false => Ok(passed),
        };
        let passed = self.note_use(observer, whose, proven, then).await?;
        Ok((customer, passed))
    }

    /// What a browser is told of a customer's passkeys.
    pub(crate) async fn signals(&self, customer: &CustomerId) -> Result<Signals, ProofError> {
        let encoded = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
        let has = self.has(customer).await?;
        let credentials = passkeys_of(&has).iter().filter_map(|kept| credential_of(kept)).collect::<Vec<_>>();
        Ok(Signals {
            rp_id: self.settings.relying_party.clone(),
            user_id: encoded(&self.keys.name("handle", customer.as_str())),
            name: customer.as_str().to_owned(),
            display_name: customer.as_str().to_owned(),
            all_accepted_credential_ids: credentials.iter().map(|id| encoded(id.as_slice())).collect(),
        })
    }
}
