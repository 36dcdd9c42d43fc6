//! An authenticator in software, as browsers and phones have them: ES256, no attestation, its user always verified (Web
//! Authentication Level 3, section 6). For load and tests; its key is made of a number and protects nothing.

use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// User present, user verified.
const PRESENT_AND_VERIFIED: u8 = 0x05;
/// A credential follows.
const ATTESTED: u8 = 0x40;

/// One passkey of one origin.
pub struct SoftPasskey {
    key: SigningKey,
    id: [u8; 16],
    origin: String,
    counter: u32,
}

impl std::fmt::Debug for SoftPasskey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoftPasskey").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl SoftPasskey {
    /// The passkey of this number.
    #[must_use]
    pub fn new(number: u32, origin: &str) -> Self {
        let mut attempt: u32 = 0;
        let key = loop {
            let seed: [u8; 32] = Sha256::digest(format!("passkey {number} {attempt}")).into();
            match SigningKey::from_slice(&seed) {
                Ok(key) => break key,
                // One in 2^32 is no key of the curve.
                Err(_) => attempt = attempt.wrapping_add(1),
            }
        };
        let digest: [u8; 32] = Sha256::digest(format!("credential {number}")).into();
        let id = digest.first_chunk().copied().unwrap_or_default();
        Self { key, id, origin: origin.to_owned(), counter: 0 }
    }

    /// What `navigator.credentials.create` gives for these options.
    pub fn create(&mut self, options: &Value) -> Value {
        let client = self.client_data("webauthn.create", options);
        let party = text(options, "/publicKey/rp/id");
        let mut data = self.data(&party, PRESENT_AND_VERIFIED | ATTESTED);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&[0, 16]);
        data.extend_from_slice(&self.id);
        data.extend_from_slice(&self.cose_key());
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap_or(u8::MAX));
        object.extend_from_slice(&data);
        json!({
            "id": BASE64URL_NOPAD.encode(&self.id), "rawId": BASE64URL_NOPAD.encode(&self.id),
            "type": "public-key", "extensions": {},
            "response": {
                "attestationObject": BASE64URL_NOPAD.encode(&object),
                "clientDataJSON": BASE64URL_NOPAD.encode(client.as_bytes()),
            },
        })
    }

    /// What `navigator.credentials.get` gives for these options.
    pub fn get(&mut self, options: &Value) -> Value {
        let client = self.client_data("webauthn.get", options);
        let party = text(options, "/publicKey/rpId");
        self.counter = self.counter.saturating_add(1);
        let data = self.data(&party, PRESENT_AND_VERIFIED);
        let signed = [data.as_slice(), Sha256::digest(client.as_bytes()).as_slice()].concat();
        let signature: Signature = self.key.sign(&signed);
        json!({
            "id": BASE64URL_NOPAD.encode(&self.id), "rawId": BASE64URL_NOPAD.encode(&self.id),
            "type": "public-key", "extensions": {},
            "response": {
                "authenticatorData": BASE64URL_NOPAD.encode(&data),
                "clientDataJSON": BASE64URL_NOPAD.encode(client.as_bytes()),
                "signature": BASE64URL_NOPAD.encode(signature.to_der().as_bytes()),
            },
        })
    }

    fn client_data(&self, what: &str, options: &Value) -> String {
        let challenge = text(options, "/publicKey/challenge");
        json!({"type": what, "challenge": challenge, "origin": self.origin, "crossOrigin": false}).to_string()
    }

    fn data(&self, party: &str, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(party.as_bytes()).to_vec();
        data.push(flags);
        data.extend_from_slice(&self.counter.to_be_bytes());
        data
    }

    /// {1: 2, 3: -7, -1: 1, -2: x, -3: y}: EC2, ES256, P-256 (RFC 9053).
    fn cose_key(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_sec1_point(false);
        let (x, y) = point.as_bytes().get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
        [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".as_slice(), x, b"\x22\x58\x20", y].concat()
    }
}

fn text(options: &Value, place: &str) -> String {
    options.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned()
}
