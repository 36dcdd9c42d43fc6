//! An authenticator in software, as browsers and phones have them: ES256, its user always verified unless a test wants otherwise,
//! without attestation or attested by its maker (Web Authentication Level 3, section 6). For load and tests; its key is made of a number
//! and protects nothing.

use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::maker::Maker;

/// User present.
const PRESENT: u8 = 0x01;
/// User verified.
const VERIFIED: u8 = 0x04;
/// A credential follows.
const ATTESTED: u8 = 0x40;

/// One passkey of one origin.
pub struct SoftPasskey {
    key: SigningKey,
    id: [u8; 16],
    origin: String,
    counter: u32,
    flags: u8,
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
        let key = key_of(&format!("passkey {number}"));
        let digest: [u8; 32] = Sha256::digest(format!("credential {number}")).into();
        let id = digest.first_chunk().copied().unwrap_or_default();
        Self { key, id, origin: origin.to_owned(), counter: 0, flags: PRESENT | VERIFIED }
    }

    /// One that does not ask who its user is.
    #[must_use]
    pub fn without_verification(self) -> Self {
        Self { flags: PRESENT, ..self }
    }

    /// Its identifier, as a browser writes it.
    #[must_use]
    pub fn id(&self) -> String {
        BASE64URL_NOPAD.encode(&self.id)
    }

    /// What `navigator.credentials.create` gives for these options.
    pub fn create(&mut self, options: &Value) -> Value {
        let client = self.client_data("webauthn.create", options);
        let data = self.new_credential(options, [0; 16]);
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let object = [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData".as_slice(), &bytes(&data)].concat();
        self.created(&client, &object)
    }

    /// The same, attested by its maker as one of a model.
    pub fn create_attested(&mut self, options: &Value, maker: &Maker, aaguid: [u8; 16]) -> Value {
        let client = self.client_data("webauthn.create", options);
        let data = self.new_credential(options, aaguid);
        let signed = [data.as_slice(), Sha256::digest(client.as_bytes()).as_slice()].concat();
        let (signature, certificate) = maker.attest(aaguid, &signed);
        // {"fmt": "packed", "attStmt": {"alg": -7, "sig": signature, "x5c": [certificate]}, "authData": data}
        let object = [
            b"\xa3\x63fmt\x66packed\x67attStmt\xa3\x63alg\x26\x63sig".as_slice(),
            &bytes(&signature),
            b"\x63x5c\x81",
            &bytes(&certificate),
            b"\x68authData",
            &bytes(&data),
        ];
        self.created(&client, &object.concat())
    }

    /// Authenticator data with the credential.
    fn new_credential(&self, options: &Value, aaguid: [u8; 16]) -> Vec<u8> {
        let party = text(options, "/publicKey/rp/id");
        let data = self.data(&party, self.flags | ATTESTED);
        [data.as_slice(), &aaguid, &[0, 16], &self.id, &self.cose_key()].concat()
    }

    fn created(&self, client: &str, object: &[u8]) -> Value {
        json!({
            "id": self.id(), "rawId": self.id(), "type": "public-key", "extensions": {},
            "response": {
                "attestationObject": BASE64URL_NOPAD.encode(object),
                "clientDataJSON": BASE64URL_NOPAD.encode(client.as_bytes()),
            },
        })
    }

    /// What `navigator.credentials.get` gives for these options.
    pub fn get(&mut self, options: &Value) -> Value {
        let client = self.client_data("webauthn.get", options);
        let party = text(options, "/publicKey/rpId");
        self.counter = self.counter.saturating_add(1);
        let data = self.data(&party, self.flags);
        let signed = [data.as_slice(), Sha256::digest(client.as_bytes()).as_slice()].concat();
        let signature: Signature = self.key.sign(&signed);
        json!({
            "id": self.id(), "rawId": self.id(), "type": "public-key", "extensions": {},
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

/// A key of the curve, of a name. One in 2^32 digests is none.
pub(super) fn key_of(name: &str) -> SigningKey {
    let mut attempt: u32 = 0;
    loop {
        let seed: [u8; 32] = Sha256::digest(format!("{name} {attempt}")).into();
        match SigningKey::from_slice(&seed) {
            Ok(key) => return key,
            Err(_) => attempt = attempt.wrapping_add(1),
        }
    }
}

/// A byte string of CBOR (RFC 8949), at most 65,535 bytes.
fn bytes(content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let head: &[u8] = if high == 0 { &[0x58, low] } else { &[0x59, high, low] };
    [head, content].concat()
}

fn text(options: &Value, place: &str) -> String {
    options.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned()
}
