//! A maker of authenticators in software: a root certificate of its own, and certificates that attest its models (Web Authentication
//! Level 3, section 8.2.1). For tests; its key is made of a number and protects nothing. Certificates are written out by hand, as
//! DER (X.690): a library for them would be the laboratory's largest dependency, for two certificates.

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};

use super::passkey::key_of;

// Tags of DER.
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

// Object identifiers.
const ECDSA_WITH_SHA256: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";
const EC_PUBLIC_KEY: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const COUNTRY: &[u8] = b"\x55\x04\x06";
const ORGANISATION: &[u8] = b"\x55\x04\x0a";
const UNIT: &[u8] = b"\x55\x04\x0b";
const COMMON_NAME: &[u8] = b"\x55\x04\x03";
const BASIC_CONSTRAINTS: &[u8] = b"\x55\x1d\x13";
const KEY_USAGE: &[u8] = b"\x55\x1d\x0f";
/// id-fido-gen-ce-aaguid.
const AAGUID: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xe5\x1c\x01\x01\x04";

/// A maker.
pub struct Maker {
    name: String,
    root: SigningKey,
    model: SigningKey,
}

impl std::fmt::Debug for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maker").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Maker {
    /// The maker of this number.
    #[must_use]
    pub fn new(number: u32) -> Self {
        let key = |what: &str| key_of(&format!("maker {number} {what}"));
        Self { name: format!("Maker {number}"), root: key("root"), model: key("model") }
    }

    /// Its root certificate, as PEM.
    #[must_use]
    pub fn root_pem(&self) -> String {
        let is_ca = element(SEQUENCE, &element(BOOLEAN, &[0xff]));
        // Signs certificates, and lists of those that are void.
        let usage = element(BIT_STRING, &[0x01, 0x06]);
        let extensions = [extension(BASIC_CONSTRAINTS, true, &is_ca), extension(KEY_USAGE, true, &usage)];
        let der = self.certificate(&self.root_name(), &self.root, &extensions.concat());
        let encoded = data_encoding::BASE64.encode(&der);
        let lines: Vec<String> =
            encoded.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// What attests that a credential was made by a model: signature and certificate.
    pub(super) fn attest(&self, aaguid: [u8; 16], signed: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let name = [
            relative(COUNTRY, PRINTABLE_STRING, "JP"),
            relative(ORGANISATION, UTF8_STRING, &self.name),
            relative(UNIT, UTF8_STRING, "Authenticator Attestation"),
            relative(COMMON_NAME, UTF8_STRING, "Model"),
        ];
        let model = element(OCTET_STRING, &aaguid);
        let extensions =
            [extension(BASIC_CONSTRAINTS, true, &element(SEQUENCE, &[])), extension(AAGUID, false, &model)];
        let certificate =
            self.certificate(&element(SEQUENCE, &name.concat()), &self.model, &extensions.concat());
        let signature: Signature = self.model.sign(signed);
        (signature.to_der().as_bytes().to_vec(), certificate)
    }

    fn root_name(&self) -> Vec<u8> {
        element(SEQUENCE, &relative(COMMON_NAME, UTF8_STRING, &self.name))
    }

    /// A certificate by the root (RFC 5280).
    fn certificate(&self, subject: &[u8], of: &SigningKey, extensions: &[u8]) -> Vec<u8> {
        let algorithm = element(SEQUENCE, &element(OBJECT_IDENTIFIER, ECDSA_WITH_SHA256));
        let validity = [element(UTC_TIME, b"200101000000Z"), element(UTC_TIME, b"491231235959Z")].concat();
        let key_algorithm =
            [element(OBJECT_IDENTIFIER, EC_PUBLIC_KEY), element(OBJECT_IDENTIFIER, P256)].concat();
        let point = of.verifying_key().to_sec1_point(false);
        let key = [element(SEQUENCE, &key_algorithm), bits(point.as_bytes())].concat();
        let signed = [
            element(VERSION, &element(INTEGER, &[2])),
            element(INTEGER, &[1]),
            algorithm.clone(),
            self.root_name(),
            element(SEQUENCE, &validity),
            subject.to_vec(),
            element(SEQUENCE, &key),
            element(EXTENSIONS, &element(SEQUENCE, extensions)),
        ];
        let signed = element(SEQUENCE, &signed.concat());
        let signature: Signature = self.root.sign(&signed);
        element(SEQUENCE, &[signed, algorithm, bits(signature.to_der().as_bytes())].concat())
    }
}

/// Tag, length, content; at most 65,535 bytes of content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let head: &[u8] = match (high, low) {
        (0, ..=0x7f) => &[tag, low],
        (0, _) => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    [head, content].concat()
}

/// Whole bytes as a string of bits.
fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

/// A part of a name.
fn relative(what: &[u8], string: u8, text: &str) -> Vec<u8> {
    let pair = [element(OBJECT_IDENTIFIER, what), element(string, text.as_bytes())].concat();
    element(SET, &element(SEQUENCE, &pair))
}

fn extension(what: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if is_critical { element(BOOLEAN, &[0xff]) } else { Vec::new() };
    element(SEQUENCE, &[element(OBJECT_IDENTIFIER, what), critical, element(OCTET_STRING, value)].concat())
}
