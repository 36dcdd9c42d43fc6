//! How proof is set up. Must not know where it is written down.

use stepup::{Method, authenticator, challenge};

/// Origins that may be named at most.
const ORIGINS_MAX: usize = 32;

/// Characters of what customers are told of whom to call.
const SUPPORT_CHARS_MAX: usize = 200;

/// How proof is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofSettings {
    /// Where customers reach this server's pages: `https://proof.broker.example`. Passkeys work on it alone.
    pub origin: String,
    /// What passkeys are bound to: the origin's host, or a domain it lies in.
    pub relying_party: String,
    /// What customers read there.
    pub name: String,
    /// Further origins on which the same passkeys work: the broker's own pages (related origin requests).
    pub related_origins: Vec<String>,
    /// Origins to which customers are sent back.
    pub return_origins: Vec<String>,
    /// How many hours a new authenticator waits before it confirms procedures.
    pub cooling_hours: u32,
    /// Seconds a challenge is open.
    pub open_s: u32,
    /// Ways that stay open to those who have a passkey.
    pub fallback: Vec<Method>,
    /// What customers are told of whom to call, as plain text; at most 200 characters.
    pub support: Option<String>,
    /// Which hardware passkeys must come from; none takes any.
    pub hardware: Option<Hardware>,
}

/// Hardware whose makers attest it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hardware {
    /// Makers' root certificates, PEM, 1 to 64.
    pub roots: String,
    /// Models by their AAGUID, at most 256; none takes every model that a root attests.
    pub aaguids: Vec<String>,
}

impl Default for ProofSettings {
    fn default() -> Self {
        Self {
            origin: "http://localhost:8480".to_owned(),
            relying_party: "localhost".to_owned(),
            name: "Sekisho".to_owned(),
            related_origins: Vec::new(),
            return_origins: Vec::new(),
            cooling_hours: authenticator::COOLING_HOURS,
            open_s: u32::try_from(challenge::OPEN_S).unwrap_or(600),
            fallback: Vec::new(),
            support: None,
            hardware: None,
        }
    }
}

/// What is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SettingsError {
    field: &'static str,
    problem: String,
}

impl ProofSettings {
    /// Checks what can be checked without the library for passkeys.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), SettingsError> {
        let wrong = |field, problem: String| Err(SettingsError { field, problem });
        let origins = [
            ("origin", std::slice::from_ref(&self.origin)),
            ("related_origins", self.related_origins.as_slice()),
            ("return_origins", self.return_origins.as_slice()),
        ];
        for (field, origins) in origins {
            if origins.len() > ORIGINS_MAX {
                return wrong(field, format!("{} came; allowed: at most {ORIGINS_MAX}", origins.len()));
            }
            if let Some(bad) = origins.iter().find(|origin| !is_origin(origin)) {
                let allowed = "https://HOST[:PORT] without a path; http:// only for localhost";
                return wrong(field, format!("came {bad:?}; allowed: {allowed}"));
            }
        }
        if self.cooling_hours > 24 * 30 {
            return wrong("cooling_hours", format!("is {}; allowed: up to 720", self.cooling_hours));
        }
        let support = self.support.as_deref().unwrap_or("").chars().count();
        if support > SUPPORT_CHARS_MAX {
            let problem = format!("has {support} characters; allowed: at most {SUPPORT_CHARS_MAX}");
            return wrong("support", problem);
        }
        if !(60..=3_600).contains(&self.open_s) {
            return wrong("open_seconds", format!("is {}; allowed: 60 to 3600", self.open_s));
        }
        Ok(())
    }

    /// Whether customers may be sent there.
    #[must_use]
    pub fn may_return(&self, place: &str) -> bool {
        let origin = origin_of(place);
        origin.is_some_and(|origin| {
            origin == self.origin || self.return_origins.iter().any(|allowed| allowed == origin)
        })
    }

    /// Whether the pages' address is encrypted, so that cookies may ask for that.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }
}

/// Scheme, host and port of an address.
fn origin_of(place: &str) -> Option<&str> {
    let (scheme, rest) = place.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let clean = !host.is_empty() && !place.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\');
    place.get(..scheme.len().checked_add(3)?.checked_add(host.len())?).filter(|_| clean)
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| {
        let host = text.strip_prefix("http://")?;
        let name = host.split(':').next()?;
        (name == "localhost" || name == "127.0.0.1").then_some(host)
    });
    host.is_some_and(|host| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::ProofSettings;

    #[test]
    fn customers_are_sent_back_to_known_places_only() {
        let settings = ProofSettings {
            return_origins: vec!["https://www.broker.example".to_owned()],
            ..ProofSettings::default()
        };
        for (place, allowed) in [
            ("https://www.broker.example/withdraw?id=1", true),
            ("https://www.broker.example", true),
            ("http://localhost:8480/security", true),
            ("https://www.broker.example.evil.test/", false),
            ("https://www.broker.example@evil.test/", false),
            ("https://www.broker.example:8443/", false),
            ("http://www.broker.example/", false),
            ("//www.broker.example/", false),
            ("javascript:alert(1)", false),
            ("https://www.broker.example\\@evil.test/", false),
            ("https:///x", false),
            ("", false),
        ] {
            assert_eq!(settings.may_return(place), allowed, "{place}");
        }
    }

    #[test]
    fn origins_are_origins() {
        let with =
            |origin: &str| ProofSettings { origin: origin.to_owned(), ..ProofSettings::default() }.check();
        for good in ["https://proof.broker.example", "http://localhost:8480", "http://127.0.0.1:1"] {
            assert_eq!(with(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "proof.broker.example",
            "http://proof.broker.example",
            "https://a/b",
            "https://a b",
            "https://u@a",
        ] {
            assert!(with(bad).unwrap_err().to_string().starts_with("origin: came"), "{bad}");
        }
    }
}
