//! How proof is set up. Must not know where it is written down.

use stepup::allowance::A_DAY_MAX;
use stepup::{Method, authenticator, challenge};
use zeroize::Zeroizing;

/// Origins that may be named at most.
const ORIGINS_MAX: usize = 32;
/// Bytes of a signing secret, as Standard Webhooks has it.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Hours that a challenge may stay open for a call or a form.
const CALL_HOURS_MAX: u32 = 72;

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
    /// What sends codes; without it none are.
    pub gateway: Option<GatewaySettings>,
    /// How operators confirm.
    pub calls: CallSettings,
}

/// Hardware whose makers attest it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hardware {
    /// Makers' root certificates, PEM, 1 to 64.
    pub roots: String,
    /// Models by their AAGUID, at most 256; none takes every model that a root attests.
    pub aaguids: Vec<String>,
}

/// What sends codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewaySettings {
    /// Where messages are posted: `https://…`, or `http://` on this machine.
    pub url: String,
    /// Signs them.
    pub secret: SigningSecret,
    /// What it sends: `sms`, `mail`.
    pub methods: Vec<Method>,
    /// Codes sent to one customer a day.
    pub codes_a_day: u8,
}

/// The secret that messages are signed with. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret(•)")
    }
}

impl SigningSecret {
    /// The secret in its written form: `whsec_` and base 64.
    ///
    /// # Errors
    /// It is none; the text does not repeat it.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let encoded = text.trim().strip_prefix("whsec_");
        let bytes = encoded.and_then(|text| data_encoding::BASE64.decode(text.as_bytes()).ok());
        let bytes = bytes.map(Zeroizing::new).filter(|bytes| SECRET_BYTES.contains(&bytes.len()));
        bytes.map(Self).ok_or_else(|| SettingsError {
            field: "gateway.secret_file",
            problem: "is no signing secret (not shown); allowed: whsec_ and base 64 of 24 to 64 bytes, e.g. \
                      echo whsec_$(head -c 32 /dev/urandom | base64) > FILE"
                .to_owned(),
        })
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// How operators confirm: by calls that customers ask for, and forms that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSettings {
    /// Whether customers may ask for a call.
    pub offered: bool,
    /// Up to so many yen, for one customer in 24 hours, one person is enough.
    pub two_persons_above: u64,
    /// Up to so many yen, for all customers in 24 hours, one person lets through alone.
    pub one_person_daily_yen: u64,
    /// How many hours a challenge stays open for a call, or for the second who read a form.
    pub open_hours: u32,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            offered: false,
            two_persons_above: 1_000_000,
            one_person_daily_yen: 10_000_000,
            open_hours: 24,
        }
    }
}

impl CallSettings {
    /// The same in seconds.
    pub(crate) fn open_s(&self) -> i64 {
        i64::from(self.open_hours).saturating_mul(60 * 60)
    }
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
            gateway: None,
            calls: CallSettings::default(),
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

impl GatewaySettings {
    fn check(&self) -> Result<(), SettingsError> {
        let wrong = |field, problem: String| Err(SettingsError { field, problem });
        if !is_gateway(&self.url) {
            // It may hold a key of the gateway's.
            let problem = "came an address (not shown) that is none for it; allowed: https://HOST/…, or http:// for localhost";
            return wrong("gateway.url", problem.to_owned());
        }
        if self.methods.is_empty() || !self.methods.iter().all(|method| method.is_sent()) {
            return wrong("gateway.methods", "allowed: \"sms\", \"mail\" or both".to_owned());
        }
        if !(1..=A_DAY_MAX).contains(&self.codes_a_day) {
            let problem = format!("is {}; allowed: 1 to {A_DAY_MAX}", self.codes_a_day);
            return wrong("gateway.codes_per_day", problem);
        }
        Ok(())
    }
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
        if self.fallback.contains(&Method::Paper) {
            return wrong(
                "fallback",
                "came \"paper\", which no customer can choose; leave it out".to_owned(),
            );
        }
        let hours = self.calls.open_hours;
        if !(1..=CALL_HOURS_MAX).contains(&hours) {
            return wrong("calls.open_hours", format!("is {hours}; allowed: 1 to {CALL_HOURS_MAX}"));
        }
        self.gateway.as_ref().map_or(Ok(()), GatewaySettings::check)
    }

    /// Whether customers may be sent there: not to the pages here, by whose links somebody would be sent into a visit of another.
    #[must_use]
    pub fn may_return(&self, place: &str) -> bool {
        origin_of(place).is_some_and(|origin| self.return_origins.iter().any(|allowed| allowed == origin))
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

/// An address to which personal data may go: nobody reads along.
fn is_gateway(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let (host, _) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let origin = url.get(..url.len().saturating_sub(rest.len()).saturating_add(host.len()));
    let is_clean = url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains(['#', '\\']);
    is_clean && origin.is_some_and(is_origin)
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
    use super::{CallSettings, GatewaySettings, ProofSettings, SigningSecret};
    use stepup::Method;

    fn gateway(url: &str, methods: &[Method], codes_a_day: u8) -> ProofSettings {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let gateway = GatewaySettings { url: url.to_owned(), secret, methods: methods.to_vec(), codes_a_day };
        ProofSettings { gateway: Some(gateway), ..ProofSettings::default() }
    }

    #[test]
    fn messages_go_where_nobody_reads_along() {
        use Method::{Mail, Phone, Sms};
        for good in [
            "https://sms.broker.example/codes?key=1",
            "http://localhost:9/x",
            "http://127.0.0.1:1",
            "https://a",
        ] {
            assert_eq!(gateway(good, &[Sms, Mail], 10).check(), Ok(()), "{good}");
        }
        for bad in [
            "http://sms.broker.example/",
            "http://localhost.evil.example/",
            "http://localhost@evil.example/",
            "ftp://localhost/",
            "https:///x",
            "https://u:p@a/",
            "",
            "https://a b/",
            "https://a/#x",
            "//a/",
            "http://127.0.0.1.evil.example",
        ] {
            let refused = gateway(bad, &[Sms], 10).check().unwrap_err().to_string();
            assert!(refused.starts_with("gateway.url: came an address (not shown)"), "{bad}: {refused}");
        }
        for (methods, a_day, field) in [
            (&[][..], 10, "gateway.methods"),
            (&[Phone], 10, "gateway.methods"),
            (&[Sms], 0, "gateway.codes_per_day"),
            (&[Sms], 51, "gateway.codes_per_day"),
        ] {
            let refused = gateway("https://a", methods, a_day).check().unwrap_err().to_string();
            assert!(refused.starts_with(field), "{refused}");
        }
        for open_hours in [0, 73] {
            let calls = CallSettings { open_hours, ..CallSettings::default() };
            let refused =
                ProofSettings { calls, ..ProofSettings::default() }.check().unwrap_err().to_string();
            assert!(refused.starts_with("calls.open_hours"), "{refused}");
        }
        let paper = ProofSettings { fallback: vec![Method::Paper], ..ProofSettings::default() };
        assert!(paper.check().unwrap_err().to_string().starts_with("fallback"));
    }

    #[test]
    fn a_signing_secret_is_not_shown() {
        let secret = SigningSecret::parse(" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        assert_eq!((secret.bytes().len(), format!("{secret:?}").as_str()), (24, "SigningSecret(•)"));
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_ü"] {
            let refused = SigningSecret::parse(bad).unwrap_err().to_string();
            assert!(refused.contains("whsec_") && !refused.contains("MfKQ"), "{refused}");
        }
    }

    #[test]
    fn customers_are_sent_back_to_known_places_only() {
        let settings = ProofSettings {
            return_origins: vec!["https://www.broker.example".to_owned()],
            ..ProofSettings::default()
        };
        for (place, allowed) in [
            ("https://www.broker.example/withdraw?id=1", true),
            ("https://www.broker.example", true),
            ("http://localhost:8480/security", false),
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
