//! Whether a candidate is the customer's other password, told by what the broker keeps of that one: a verifier, never the
//! password. PHC strings of Argon2, scrypt and PBKDF2, and bcrypt's own form. Must not know which password is which.
//!
//! A verifier says itself how much work it is; one that asks for more than the limits here is refused before any work is done.

use std::fmt;

use base64ct::{Base64Bcrypt, Encoding as _};
use phc::PasswordHash;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Candidate;

/// Bytes of a verifier at most.
const TEXT_BYTES_MAX: usize = 512;
/// Memory that a verifier may ask for.
const MEMORY_KIB_MAX: u32 = 64 << 10;
/// Memory times passes over it.
const MEMORY_KIB_PASSES_MAX: u32 = 256 << 10;
const LANES_MAX: u32 = 8;
const PBKDF2_ROUNDS_MAX: u32 = 1_300_000;
const BCRYPT_COST_MAX: u32 = 13;
/// bcrypt looks at no more of a password, with the byte of zero at its end.
const BCRYPT_BYTES: usize = 72;

/// Why a verifier cannot be used. Does not repeat it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifierError {
    /// It is none.
    #[error(
        "is no verifier; allowed: a PHC string of argon2id, argon2i, argon2d, scrypt, pbkdf2-sha256 or pbkdf2-sha512 with salt and hash, or bcrypt's $2b$, up to {TEXT_BYTES_MAX} bytes"
    )]
    Form,
    /// It would take too long, or too much memory.
    #[error("asks for too much work: {what} is {came}; allowed: up to {max}")]
    Cost {
        /// Which figure.
        what: &'static str,
        /// What it is.
        came: u32,
        /// What it may be.
        max: u32,
    },
}

/// A verifier of a password.
#[derive(Clone)]
pub struct OtherVerifier {
    method: Method,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

#[derive(Clone)]
enum Method {
    Argon2(argon2::Algorithm, argon2::Version, argon2::Params),
    Scrypt(scrypt::Params),
    Pbkdf2Sha256(u32),
    Pbkdf2Sha512(u32),
    Bcrypt(u32),
}

impl fmt::Debug for OtherVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtherVerifier(…)")
    }
}

fn at_most(what: &'static str, came: u32, max: u32) -> Result<u32, VerifierError> {
    if came > max { Err(VerifierError::Cost { what, came, max }) } else { Ok(came) }
}

impl OtherVerifier {
    /// Of its text.
    ///
    /// # Errors
    /// It is none, of a method that is not known, or asks for too much work.
    pub fn parse(text: &str) -> Result<Self, VerifierError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(VerifierError::Form);
        }
        if let Some(rest) = ["$2a$", "$2b$", "$2y$"].iter().find_map(|form| text.strip_prefix(form)) {
            return Self::parse_bcrypt(rest);
        }
        let parsed = PasswordHash::new(text).map_err(|_no_phc| VerifierError::Form)?;
        let (Some(salt), Some(hash)) = (&parsed.salt, &parsed.hash) else { return Err(VerifierError::Form) };
        let number = |name: &str| parsed.params.get_decimal(name).ok_or(VerifierError::Form);
        let method = match parsed.algorithm.as_str() {
            "scrypt" => Self::scrypt(number("ln")?, number("r")?, number("p")?)?,
            "pbkdf2-sha256" => Method::Pbkdf2Sha256(at_most("i", number("i")?, PBKDF2_ROUNDS_MAX)?),
            "pbkdf2-sha512" => Method::Pbkdf2Sha512(at_most("i", number("i")?, PBKDF2_ROUNDS_MAX)?),
            name => {
                let algorithm = match name {
                    "argon2id" => argon2::Algorithm::Argon2id,
                    "argon2i" => argon2::Algorithm::Argon2i,
                    "argon2d" => argon2::Algorithm::Argon2d,
                    _ => return Err(VerifierError::Form),
                };
                let version = match parsed.version {
                    // A string of the first version does not name it.
                    None | Some(0x10) => argon2::Version::V0x10,
                    Some(0x13) => argon2::Version::V0x13,
                    Some(_) => return Err(VerifierError::Form),
                };
                let (memory, passes, lanes) = (number("m")?, number("t")?, number("p")?);
                at_most("m (KiB)", memory, MEMORY_KIB_MAX)?;
                at_most("p", lanes, LANES_MAX)?;
                at_most("m × t (KiB)", memory.saturating_mul(passes), MEMORY_KIB_PASSES_MAX)?;
                let output = Some(hash.as_bytes().len());
                let params = argon2::Params::new(memory, passes, lanes, output);
                Method::Argon2(algorithm, version, params.map_err(|_bad| VerifierError::Form)?)
            }
        };
        if matches!(method, Method::Pbkdf2Sha256(0) | Method::Pbkdf2Sha512(0)) {
            return Err(VerifierError::Form);
        }
        Ok(Self { method, salt: salt.to_vec(), hash: hash.as_bytes().to_vec() })
    }

    fn scrypt(log_n: u32, block: u32, lanes: u32) -> Result<Method, VerifierError> {
        at_most("ln", log_n, 20)?;
        // 128 · N · r bytes.
        let memory_kib = 1_u32.checked_shl(log_n).unwrap_or(u32::MAX).saturating_mul(block) / 8;
        at_most("128 · 2^ln · r (KiB)", memory_kib, MEMORY_KIB_MAX)?;
        at_most("p", lanes, LANES_MAX)?;
        at_most("128 · 2^ln · r · p (KiB)", memory_kib.saturating_mul(lanes), MEMORY_KIB_PASSES_MAX)?;
        let log_n = u8::try_from(log_n).map_err(|_too_many| VerifierError::Form)?;
        scrypt::Params::new(log_n, block, lanes).map(Method::Scrypt).map_err(|_bad| VerifierError::Form)
    }

    /// Two digits of cost, `$`, 22 characters of salt and 31 of hash, in an alphabet of its own.
    fn parse_bcrypt(rest: &str) -> Result<Self, VerifierError> {
        let (cost, text) = rest.split_once('$').ok_or(VerifierError::Form)?;
        let is_number = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
        let cost: u32 = cost.parse().ok().filter(|_| is_number).ok_or(VerifierError::Form)?;
        at_most("the cost of bcrypt", cost, BCRYPT_COST_MAX)?;
        let (salt, hash) = text.split_at_checked(22).ok_or(VerifierError::Form)?;
        let decode = |text: &str| Base64Bcrypt::decode_vec(text).map_err(|_bad| VerifierError::Form);
        let (salt, hash) = (decode(salt)?, decode(hash)?);
        if cost < 4 || salt.len() != 16 || hash.len() != 23 {
            return Err(VerifierError::Form);
        }
        Ok(Self { method: Method::Bcrypt(cost), salt, hash })
    }

    /// Whether the candidate is the password of this verifier: as it was typed, or normalised where that is something else.
    /// Both are tried whatever the first one says.
    #[must_use]
    pub fn is(&self, candidate: &Candidate) -> bool {
        let as_typed = self.verifies(candidate.raw());
        let normal = candidate.raw() != candidate.normal() && self.verifies(candidate.normal());
        as_typed | normal
    }

    fn verifies(&self, password: &str) -> bool {
        let password = password.as_bytes();
        let mut made = Zeroizing::new(vec![0_u8; self.hash.len()]);
        let is_made = match &self.method {
            Method::Argon2(algorithm, version, params) => {
                let argon2 = argon2::Argon2::new(*algorithm, *version, params.clone());
                argon2.hash_password_into(password, &self.salt, &mut made).is_ok()
            }
            Method::Scrypt(params) => scrypt::scrypt(password, &self.salt, params, &mut made).is_ok(),
            Method::Pbkdf2Sha256(rounds) => {
                pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password, &self.salt, *rounds, &mut made);
                true
            }
            Method::Pbkdf2Sha512(rounds) => {
                pbkdf2::pbkdf2_hmac::<sha2::Sha512>(password, &self.salt, *rounds, &mut made);
                true
            }
            Method::Bcrypt(cost) => self.bcrypt(*cost, password, &mut made),
        };
        is_made & bool::from(made.ct_eq(&self.hash))
    }

    fn bcrypt(&self, cost: u32, password: &[u8], made: &mut [u8]) -> bool {
        let Some(salt) = self.salt.first_chunk::<16>() else { return false };
        let mut with_zero = Zeroizing::new([0_u8; BCRYPT_BYTES]);
        let length = password.len().min(BCRYPT_BYTES);
        for (to, from) in with_zero.iter_mut().zip(password) {
            *to = *from;
        }
        let used = with_zero.get(..length.saturating_add(1).min(BCRYPT_BYTES)).unwrap_or_default();
        let whole = bcrypt::bcrypt(cost, *salt, used);
        // The last byte of 24 is not kept.
        for (to, from) in made.iter_mut().zip(whole) {
            *to = from;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::{Candidate, OtherVerifier, VerifierError};

    fn candidate(text: &str) -> Candidate {
        Candidate::new(Zeroizing::new(text.to_owned()))
    }

    /// Made with argon2-cffi 25.1, hashlib of Python 3.11 and bcrypt 5.0, of one password with one salt.
    const OTHER: &str = "correct horse 電池";
    const VERIFIERS: [&str; 8] = [
        "$argon2id$v=19$m=64,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw$Hwa/YbL/C9JJlSEbhHDuq4UuXFBloOBio4OOxG8ynBU",
        "$argon2i$v=19$m=64,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw$J6Wa1d6Dza0RL58DVGMYvaMMLekJMbvBcCioI1hc1Qo",
        "$argon2d$v=19$m=64,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw$SXVXoInMs9gIxaQ3E2p+7UMFbDQLL+pA+m23gGJJ3/g",
        "$scrypt$ln=4,r=8,p=1$c2l4dGVlbiBieXRlcyBvaw$gpWgSTaPrH2RN1jgWQpTa6bUmnReHD94cncw4xIufbg",
        "$pbkdf2-sha256$i=1000$c2l4dGVlbiBieXRlcyBvaw$ZO4AmAkQrCTpxFP/pbdxRYCKEQ6jZT44gslBjLmuYCA",
        "$pbkdf2-sha512$i=1000$c2l4dGVlbiBieXRlcyBvaw$eNSudqtX5RuQ26dRycYQZlyrzyT/3hEfGAQ4fHgrUUroPrdQymAzh1/+aat14x95Z4T2SjVGbRRCnzgCYbdD0Q",
        "$2b$04$abcdefghijklmnopqrstuuIes4nABx3A2afA6bN8ATHzCi1LBrvgC",
        "$2y$04$abcdefghijklmnopqrstuuIes4nABx3A2afA6bN8ATHzCi1LBrvgC",
    ];

    #[test]
    fn the_other_password_is_known_by_every_kind_of_verifier() {
        for text in VERIFIERS {
            let other = OtherVerifier::parse(text).unwrap();
            assert!(other.is(&candidate(OTHER)), "{text}");
            for wrong in ["correct horse 電話", "", "Correct horse 電池", &OTHER.repeat(20)] {
                assert!(!other.is(&candidate(wrong)), "{text} {wrong}");
            }
            assert_eq!(format!("{other:?}"), "OtherVerifier(…)");
        }
        // bcrypt looks at 72 bytes only; a candidate that goes on after them is the same to it.
        let long =
            OtherVerifier::parse("$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i").unwrap();
        assert!(long.is(&candidate(&"x".repeat(72))) && long.is(&candidate(&"x".repeat(80))));
        assert!(!long.is(&candidate(&"x".repeat(71))));
    }

    #[test]
    fn the_password_counts_as_typed_and_normalised() {
        let other = OtherVerifier::parse(VERIFIERS[0]).unwrap();
        assert!(other.is(&candidate("ｃｏｒｒｅｃｔ horse 電池")), "typed in full width");
    }

    #[test]
    fn what_costs_too_much_or_is_no_verifier_is_refused_before_any_work() {
        let tail = "$c2l4dGVlbiBieXRlcyBvaw$Hwa/YbL/C9JJlSEbhHDuq4UuXFBloOBio4OOxG8ynBU";
        for text in [
            format!("$argon2id$v=19$m=4194304,t=1,p=1{tail}"),
            format!("$argon2id$v=19$m=65536,t=99,p=1{tail}"),
            format!("$argon2id$v=19$m=4294967295,t=4294967295,p=1{tail}"),
            format!("$argon2id$v=19$m=1024,t=1,p=64{tail}"),
            format!("$scrypt$ln=20,r=8,p=1{tail}"),
            format!("$scrypt$ln=63,r=8,p=1{tail}"),
            format!("$scrypt$ln=14,r=4294967295,p=1{tail}"),
            format!("$pbkdf2-sha256$i=4294967295{tail}"),
            "$2b$31$abcdefghijklmnopqrstuuIes4nABx3A2afA6bN8ATHzCi1LBrvgC".to_owned(),
        ] {
            let error = OtherVerifier::parse(&text).unwrap_err();
            assert!(matches!(error, VerifierError::Cost { .. }), "{text}: {error}");
            assert!(error.to_string().contains("up to"), "{error}");
        }
        for text in [
            String::new(),
            "hunter2".to_owned(),
            format!("$md5$v=1{tail}"),
            format!("$argon2id$v=18$m=64,t=2,p=1{tail}"),
            format!("$argon2id$v=19$t=2,p=1{tail}"),
            format!("$argon2id$v=19$m=1,t=0,p=0{tail}"),
            format!("$pbkdf2-sha256$i=0{tail}"),
            "$argon2id$v=19$m=64,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw".to_owned(),
            "$2b$04$short".to_owned(),
            "$2b$4$abcdefghijklmnopqrstuuIes4nABx3A2afA6bN8ATHzCi1LBrvgC".to_owned(),
            "$2b$04$あcdefghijklmnopqrstuuIes4nABx3A2afA6bN8ATHzCi1LBrvgC".to_owned(),
            "$".repeat(600),
        ] {
            let error = OtherVerifier::parse(&text).unwrap_err();
            assert_eq!(error, VerifierError::Form, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
        // What is recommended passes.
        for text in [
            format!("$argon2id$v=19$m=47104,t=1,p=1{tail}"),
            format!("$argon2id$v=19$m=65536,t=3,p=4{tail}"),
            format!("$scrypt$ln=15,r=8,p=3{tail}"),
            format!("$pbkdf2-sha256$i=600000{tail}"),
            "$2b$12$abcdefghijklmnopqrstuuIes4nABx3A2afA6bN8ATHzCi1LBrvgC".to_owned(),
        ] {
            assert!(OtherVerifier::parse(&text).is_ok(), "{text}");
        }
    }
}
