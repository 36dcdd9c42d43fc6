//! Time-based one-time codes (RFC 6238: SHA-1, six digits, steps of thirty seconds, as authenticator apps have them). A step
//! of time is good once, and one step before and after now is taken for clocks that differ. A bridge for those without a
//! passkey: whoever copies the page in between gets the code. Must not know whose secret it is.

use model::Time;
use model::time::SECOND_US;
use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Secret};

/// Bytes of a secret: RFC 4226, section 4, recommends 160 bits.
pub const SECRET_BYTES: usize = 20;

/// What is kept of an enrolled app.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totp {
    secret: [u8; SECRET_BYTES],
    /// The step of the code taken last: no code of it or of an earlier one is taken again.
    last_step: u64,
}

impl std::fmt::Debug for Totp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Totp").field("last_step", &self.last_step).finish_non_exhaustive()
    }
}

impl Totp {
    /// An app with this secret, of which no code was taken.
    #[must_use]
    pub const fn new(secret: [u8; SECRET_BYTES]) -> Self {
        Self { secret, last_step: 0 }
    }

    /// Takes a code; false if it is not one of now, or came before.
    pub fn take(&mut self, given: &str, now: Time) -> bool {
        let seconds = u64::try_from(now.as_us() / SECOND_US).unwrap_or(0);
        // Six digits, thirty seconds, one step before and after: the builder's own values.
        let generator = Builder::new().with_secret(self.secret.to_vec()).build();
        let step = generator.ok().and_then(|generator| generator.check(given, seconds));
        match step.filter(|step| *step > self.last_step) {
            Some(step) => {
                self.last_step = step;
                true
            }
            None => false,
        }
    }

    /// What an authenticator app reads (the Key URI format), from a QR code or by hand.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let (issuer, account) = (escaped(issuer), escaped(account));
        format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", self.secret_text())
    }

    /// The secret in base 32, to be typed.
    #[must_use]
    pub fn secret_text(&self) -> String {
        Secret::from(self.secret.to_vec()).to_base32()
    }
}

/// Percent-encoded, but for unreserved characters (RFC 3986).
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::SECOND_US;

    use super::Totp;

    fn at(seconds: i64) -> Time {
        Time::from_us(seconds * SECOND_US).unwrap()
    }

    /// The last six digits of the eight in RFC 6238, appendix B.
    #[test]
    fn codes_of_the_rfc() {
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            let mut app = Totp::new(*b"12345678901234567890");
            assert!(app.take(code, at(seconds)), "{seconds}");
            assert!(!app.take(code, at(seconds)), "{seconds}: a step is good once");
        }
    }

    #[test]
    fn clocks_may_differ_by_a_step_and_no_more() {
        for (off, good) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
            let mut app = Totp::new(*b"12345678901234567890");
            assert_eq!(app.take("081804", at(1_111_111_109 + off)), good, "{off}");
        }
        let mut app = Totp::new(*b"12345678901234567890");
        for bad in ["", "81804", "0081804", "08180４", "+81804", "081805"] {
            assert!(!app.take(bad, at(1_111_111_109)), "{bad}");
        }
    }

    #[test]
    fn an_earlier_step_is_not_taken_after_a_later_one() {
        let mut app = Totp::new(*b"12345678901234567890");
        assert!(app.take("081804", at(1_111_111_109 - 30)), "the phone is ahead");
        assert!(!app.take("081804", at(1_111_111_109)));
    }

    #[test]
    fn apps_read_the_uri() {
        let app = Totp::new(*b"12345678901234567890");
        let uri = app.uri("証券 A", "C1");
        assert_eq!(
            uri,
            "otpauth://totp/%E8%A8%BC%E5%88%B8%20A:C1?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=%E8%A8%BC%E5%88%B8%20A"
        );
        assert!(!format!("{app:?}").contains("49"), "the secret is not shown");
    }
}
