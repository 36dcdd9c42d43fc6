//! Registered devices that show that they are there, by a signature of their own key (ECDSA on P-256 with SHA-256). Must not know how a
//! device comes to be registered.

use data_encoding::BASE64URL_NOPAD;
use model::time::SECOND_US;
use model::{CustomerId, Time};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use stepup::device::Device;

use super::devices::{Shown, device_of};
use super::keys::random;
use super::{ProofError, Proofs, tokens};

/// How long what a device is to sign is good.
const GOOD_S: i64 = 120;

/// What a device is asked to sign.
#[derive(Serialize, Deserialize)]
struct Asked {
    customer: CustomerId,
    device: [u8; 16],
    id: [u8; 16],
    ends: Time,
}

impl Proofs {
    /// What a device is to sign to show that it is there, within two minutes.
    pub(crate) async fn ask_device(&self, customer: &CustomerId, id: [u8; 16]) -> Result<String, ProofError> {
        let device = self.present(customer, id).await?;
        if device.key.is_none() {
            return Err(ProofError::Conflict("the device was registered without a key".to_owned()));
        }
        let ends = self.now().plus_us(GOOD_S * SECOND_US);
        let asked = Asked { customer: customer.clone(), device: id, id: random()?, ends };
        tokens::make(&self.keys.tokens, "device", &asked)
            .ok_or_else(|| ProofError::Broken("a question cannot be made".to_owned()))
    }

    /// The device, if it signed what it was asked to: once.
    pub(crate) async fn device_is_there(
        &self,
        customer: &CustomerId,
        id: [u8; 16],
        token: &str,
        signature: &str,
    ) -> Result<Shown, ProofError> {
        let now = self.now();
        let asked: Option<Asked> = tokens::read(&self.keys.tokens, "device", token);
        let asked =
            asked.filter(|asked| asked.customer == *customer && asked.device == id && now < asked.ends);
        let asked = asked.ok_or_else(|| {
            ProofError::Conflict(
                "the device was asked nothing of the kind, or too long ago; ask again".to_owned(),
            )
        })?;
        let signature = signed(signature)?;
        self.present(customer, id).await?;
        let (owner, text) = (customer.clone(), token.to_owned());
        let device = self
            .keeper
            .act(move |kept| {
                let device = device_of(kept, &owner, &id)?;
                let key = device.key.as_deref().and_then(|key| VerifyingKey::from_sec1_bytes(key).ok());
                let right = key.is_some_and(|key| key.verify(text.as_bytes(), &signature).is_ok());
                if !right {
                    return Err(ProofError::invalid("signature", "`signature` is not this device's"));
                }
                if !kept.spend(&asked.id, asked.ends)? {
                    return Err(ProofError::Conflict("it was shown with this before; ask again".to_owned()));
                }
                let device = Device { used: Some(now), ..device };
                kept.put_device(&device)?;
                Ok(device)
            })
            .await?;
        self.shown(&device).await
    }

    /// The device, unless it is in doubt: it did not count yet when the customer said that it was not them, and nobody identified them since.
    async fn present(&self, customer: &CustomerId, id: [u8; 16]) -> Result<Device, ProofError> {
        let owner = customer.clone();
        let device = self.keeper.act(move |kept| device_of(kept, &owner, &id)).await?;
        let Some(since) = self.reports(customer).await?.since() else { return Ok(device) };
        let counts_from = self.shown(&device).await?.counts_from;
        if counts_from.is_some_and(|from| from <= since) { Ok(device) } else { Err(ProofError::Locked) }
    }
}

/// A signature: two numbers of 32 bytes (IEEE P1363, as WebCrypto gives it) or ASN.1 DER, in base64url.
fn signed(text: &str) -> Result<Signature, ProofError> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let signature =
        bytes.and_then(|bytes| Signature::from_slice(&bytes).or_else(|_| Signature::from_der(&bytes)).ok());
    signature.ok_or_else(|| {
        ProofError::invalid(
            "signature",
            "`signature` is none; allowed: ECDSA on P-256, raw or DER, in base64url",
        )
    })
}
