//! One-time codes sent by another way: made of randomness that is given, kept as a keyed digest, compared in constant time.
//! Must not know how they are sent.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use model::Time;
use model::time::SECOND_US;

use crate::challenge::CODE_S;

/// Digits of a code.
pub const DIGITS: usize = 6;
const COUNT: u64 = 1_000_000;

/// A code that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    digest: [u8; 32],
    /// When.
    pub at: Time,
    /// Where to, masked.
    pub to: String,
}

/// A code of six digits out of eight random bytes: the bias is below 2^-44.
#[must_use]
pub fn digits(random: [u8; 8]) -> String {
    format!("{:06}", u64::from_be_bytes(random) % COUNT)
}

impl Sent {
    /// Keeps what tells the code again. `challenge` binds it to one challenge: the same digits are no answer to another. `to` is
    /// where it is sent, masked.
    #[must_use]
    pub fn new(key: &[u8; 32], challenge: &str, code: &str, at: Time, to: String) -> Self {
        Self { digest: digest(key, challenge, code), at, to }
    }

    /// Until when it is good.
    #[must_use]
    pub fn good_until(&self) -> Time {
        self.at.plus_us(CODE_S * SECOND_US)
    }

    /// Whether this is the code. Takes as long whatever came.
    #[must_use]
    pub fn is(&self, key: &[u8; 32], challenge: &str, given: &str) -> bool {
        self.digest.ct_eq(&digest(key, challenge, given)).into()
    }
}

fn digest(key: &[u8; 32], challenge: &str, code: &str) -> [u8; 32] {
    *blake3::keyed_hash(key, format!("{} {challenge}{code}", challenge.len()).as_bytes()).as_bytes()
}

/// Whether this can be a code at all.
#[must_use]
pub fn is_one(typed: &str) -> bool {
    typed.len() == DIGITS && typed.bytes().all(|byte| byte.is_ascii_digit())
}

/// What was typed, as digits: full-width ones, blanks and hyphens are what people type, too.
#[must_use]
pub fn typed(text: &str) -> String {
    const TYPED_MAX: usize = 64;
    let kept = text.chars().take(TYPED_MAX).filter(|c| !c.is_whitespace() && !matches!(c, '-' | '−' | 'ー'));
    kept.map(|c| match c {
        '０'..='９' => char::from_digit(u32::from(c).wrapping_sub(u32::from('０')), 10).unwrap_or(c),
        other => other,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use model::Time;

    use super::{DIGITS, Sent, digits, typed};

    #[test]
    fn a_code_is_six_digits_and_belongs_to_its_challenge() {
        for random in [[0; 8], [255; 8], [0, 0, 0, 0, 0, 15, 66, 64]] {
            let code = digits(random);
            assert_eq!(code.len(), DIGITS, "{code}");
            assert!(code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        }
        let sent = Sent::new(&[1; 32], "ch1", "012345", Time::MIN, String::new());
        assert!(sent.is(&[1; 32], "ch1", "012345"));
        for (key, challenge, code) in [
            ([2; 32], "ch1", "012345"),
            ([1; 32], "ch2", "012345"),
            ([1; 32], "ch1", "12345"),
            ([1; 32], "ch", "1012345"),
        ] {
            assert!(!sent.is(&key, challenge, code), "{challenge} {code}");
        }
    }

    #[test]
    fn people_type_digits_in_many_ways() {
        for text in ["012345", "012 345", "０１２３４５", " 012-345 ", "０１２ー３４５"] {
            assert_eq!(typed(text), "012345", "{text}");
        }
    }
}
