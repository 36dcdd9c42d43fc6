//! What the broker's site is told of a proof, in a form it can check by itself: a JWT (RFC 7519) signed by ES256 (RFC 7518),
//! with the claims of RFC 9470 (`acr`, `auth_time`) and RFC 8176 (`amr`). One algorithm, one key, nothing to negotiate: what makes libraries
//! for such tokens large, and now and then wrong, is not needed to sign. Must not know who reads it.

use data_encoding::BASE64URL_NOPAD;
use model::Time;
use model::time::SECOND_US;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey};
use serde::{Deserialize, Serialize};
use stepup::{Challenge, Passed};

/// Seconds a result is good.
const GOOD_S: i64 = 120;
/// Bytes of a result that is read.
const RESULT_BYTES_MAX: usize = 4_096;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    jti: &'a str,
    iat: i64,
    exp: i64,
    auth_time: i64,
    acr: &'static str,
    amr: &'static [&'static str],
    challenge: &'a str,
    event: Option<&'a str>,
    kind: &'static str,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    kid: &'a str,
}

/// What a result is about.
pub(crate) struct About<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) challenge: &'a str,
    pub(crate) jti: &'a str,
}

/// A signed result.
pub(crate) fn sign(
    key: &SigningKey,
    about: &About<'_>,
    challenge: &Challenge,
    passed: &Passed,
    now: Time,
) -> Option<String> {
    let seconds = |time: Time| time.as_us() / SECOND_US;
    let claims = Claims {
        iss: about.issuer,
        aud: about.audience,
        sub: challenge.action().customer.as_str(),
        jti: about.jti,
        iat: seconds(now),
        exp: seconds(now).saturating_add(GOOD_S).min(seconds(challenge.expires())),
        auth_time: seconds(passed.at),
        acr: passed.method.acr(),
        amr: passed.method.amr(),
        challenge: about.challenge,
        event: challenge.event(),
        kind: challenge.action().kind.as_str(),
    };
    let header = Header { alg: "ES256", typ: "JWT", kid: &key_id(key) };
    let encoded = |json: Vec<u8>| BASE64URL_NOPAD.encode(&json);
    let (header, claims) = (serde_json::to_vec(&header).ok()?, serde_json::to_vec(&claims).ok()?);
    let signed = format!("{}.{}", encoded(header), encoded(claims));
    let signature: Signature = key.sign(signed.as_bytes());
    Some(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature.to_bytes())))
}

/// What a result says it is about, as far as it matters here.
#[derive(Deserialize)]
pub(crate) struct Told {
    pub(crate) challenge: String,
    pub(crate) jti: String,
}

/// What a result says, if it was signed with this key.
pub(crate) fn read(key: &SigningKey, text: &str) -> Option<Told> {
    let (signed, signature) = text.rsplit_once('.').filter(|_| text.len() <= RESULT_BYTES_MAX)?;
    let signature = Signature::from_slice(&BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?).ok()?;
    key.verifying_key().verify(signed.as_bytes(), &signature).ok()?;
    let (_header, claims) = signed.split_once('.')?;
    serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?).ok()
}

/// The key to check results with, as a set (RFC 7517).
pub(crate) fn key_set(key: Option<&SigningKey>) -> serde_json::Value {
    let keys = key.map(|key| {
        let (x, y) = coordinates(key);
        serde_json::json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key_id(key), "x": x, "y": y})
    });
    serde_json::json!({ "keys": keys.into_iter().collect::<Vec<_>>() })
}

fn coordinates(key: &SigningKey) -> (String, String) {
    let point = key.verifying_key().to_sec1_point(false);
    // 4, then x, then y.
    let (x, y) = point.as_bytes().get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
    (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y))
}

/// The key's thumbprint (RFC 7638).
fn key_id(key: &SigningKey) -> String {
    use p256::ecdsa::signature::digest::Digest as _;
    let (x, y) = coordinates(key);
    let text = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    BASE64URL_NOPAD.encode(&sha2::Sha256::digest(text.as_bytes()))
}
