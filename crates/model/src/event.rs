//! One thing done in a customer's name, and its wire form v1 (JSON, one object an event).
//!
//! Unknown *fields* are refused by name, because a misspelt field would silence a signal; unknown *kinds* are refused with
//! the list of kinds. Must not know transport: batches, line numbers and HTTP belong to whoever reads the bytes.

use serde::{Deserialize, Serialize};

use crate::{
    BankAccount, Channel, Client, Contact, Credential, CustomerId, Disposition, EventKind, Factor, Invalid,
    Money, Order, Outcome, Payment, Time, objects,
};

crate::wire::text! {
    /// The sender's identifier of an event, unique, 1 to 128 bytes. The same identifier again is the same event.
    EventId, "id", 128
}
crate::wire::text! {
    /// Why it ended as it did, in the sender's words, at most 256 bytes.
    Reason, "reason", 256
}
crate::wire::text! {
    /// A hash of the user name on a login that names nobody known, at most 128 bytes.
    UsernameHash, "username_hash", 128
}

/// One event. Immutable once accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The sender's identifier.
    pub id: EventId,
    /// When it happened.
    pub time: Time,
    /// What was done.
    pub kind: EventKind,
    /// In whose name; absent only on a login that names nobody known, on the broker's own `payment.instruction`, and on a bank's notice of an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// How it reached the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Where it came from.
    #[serde(default)]
    pub client: Client,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, if the sender says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What the password verifier said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
    /// The further factor used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Factor>,
    /// Hash of the user name, where `customer` is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_hash: Option<UsernameHash>,
    /// How much (withdrawal, transfer, payment).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Which share of the balance this is, 0 to 1 (withdrawal, transfer).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance_share: Option<Share>,
    /// Bank account registered, changed or paid to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank_account: Option<BankAccount>,
    /// Contact changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Order placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// What the instruction to pay says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
}

/// A share from 0 to 1, kept in millionths so that sums are exact and order does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// A share from millionths; `None` above one million.
    #[must_use]
    pub const fn from_ppm(ppm: u32) -> Option<Self> {
        if ppm <= 1_000_000 { Some(Self(ppm)) } else { None }
    }

    /// Millionths, 0 to 1,000,000.
    #[must_use]
    pub const fn as_ppm(self) -> u32 {
        self.0
    }

    /// Nearest millionth to a fraction.
    ///
    /// # Errors
    /// Below 0, above 1, or not a number.
    pub fn from_fraction(share: f64) -> Result<Self, Invalid> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Invalid::value("balance_share", &share.to_string(), "a number from 0 to 1"));
        }
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 1,000,000 by the check above"
        )]
        let ppm = (share * 1_000_000.0).round() as u32;
        Ok(Self(ppm))
    }
}

impl Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1_000_000.0)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(deserializer).map_err(|error| {
            let told = error.to_string();
            serde::de::Error::custom(told.replace(", expected a number", ", expected a number from 0 to 1"))
        })?;
        Self::from_fraction(share).map_err(|invalid| serde::de::Error::custom(invalid.problem))
    }
}

impl Event {
    /// Largest accepted wire form in bytes.
    pub const BYTES_MAX: usize = 64 * 1024;

    /// An event with nothing but what every event has.
    #[must_use]
    pub fn bare(id: EventId, time: Time, kind: EventKind, outcome: Outcome) -> Self {
        Self {
            id,
            time,
            kind,
            customer: None,
            channel: None,
            client: Client::default(),
            outcome,
            reason: None,
            credential: None,
            factor: None,
            username_hash: None,
            amount: None,
            balance_share: None,
            bank_account: None,
            contact: None,
            order: None,
            payment: None,
        }
    }

    /// Reads one event from its JSON wire form.
    ///
    /// # Errors
    /// Names the first field that cannot be accepted, what came and what is allowed.
    pub fn from_json(json: &[u8]) -> Result<Self, Invalid> {
        if json.len() > Self::BYTES_MAX {
            let problem =
                format!("came {} bytes; allowed: at most {} bytes an event", json.len(), Self::BYTES_MAX);
            return Err(Invalid::new(".", problem));
        }
        // Checked once as a whole: from bytes, serde_json would check every string by itself.
        let text = std::str::from_utf8(json).map_err(|_first| Self::explain(json))?;
        let event: Self = objects::from_str(text).map_err(|_first| Self::explain(json))?;
        event.validate()?;
        Ok(event)
    }

    /// Parses again with the field's path tracked: slower, so only for what has already failed.
    fn explain(json: &[u8]) -> Invalid {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        match serde_path_to_error::deserialize::<_, Self>(objects::Objects(&mut deserializer)) {
            Ok(_) => match deserializer.end() {
                Ok(()) => Invalid::new(".", "could not be read"),
                Err(error) => Invalid::new(".", format!("not one JSON object: {error}")),
            },
            Err(error) if !error.inner().is_data() => {
                Invalid::new(".", format!("not JSON: {}", error.inner()))
            }
            Err(error) => {
                let (path, problem) = (error.path().to_string(), objects::told(error.inner()));
                let below = |name: &str| if path == "." { name.to_owned() } else { format!("{path}.{name}") };
                match (named(&problem, "missing field `"), named(&problem, "duplicate field `")) {
                    (Some(name), _) if path == "." => {
                        Invalid::new(name, "absent; allowed: every event has it")
                    }
                    (Some(name), _) => Invalid::new(&below(name), "absent; allowed: never absent here"),
                    (None, Some(name)) => Invalid::new(&below(name), "came twice; allowed: once"),
                    (None, None) => Invalid::new(&path, problem),
                }
            }
        }
    }

    /// A bank knows an account, not whose customer's money went there.
    fn may_name_nobody(&self) -> bool {
        match self.kind {
            EventKind::Login | EventKind::PaymentInstruction => true,
            EventKind::BankNotice => self.bank_account.is_some(),
            _ => false,
        }
    }

    /// What no single field can say: who must be named, and which details belong to which kind.
    fn validate(&self) -> Result<(), Invalid> {
        if self.customer.is_none() && !self.may_name_nobody() {
            let problem = format!(
                "absent; allowed: only `login`, `payment.instruction` and a `bank.notice` of a `bank_account` may name nobody, `{}` \
                 must name its customer",
                self.kind
            );
            return Err(Invalid::new("customer", problem));
        }
        let misplaced = [
            ("order", self.order.is_some(), matches!(self.kind, EventKind::Order)),
            ("contact", self.contact.is_some(), matches!(self.kind, EventKind::ContactChange)),
            ("balance_share", self.balance_share.is_some(), self.kind.moves_money()),
            ("payment", self.payment.is_some(), matches!(self.kind, EventKind::PaymentInstruction)),
        ];
        for (field, present, belongs) in misplaced {
            if present && !belongs {
                let problem =
                    format!("came with kind `{}`; allowed: only with the kinds it describes", self.kind);
                return Err(Invalid::new(field, problem));
            }
        }
        let reason = self.reason.as_ref().filter(|_| self.kind == EventKind::CaseDisposition);
        if let Some(reason) = reason.filter(|reason| Disposition::of(reason.as_str()).is_none()) {
            return Err(Invalid::value(
                "reason",
                reason.as_str(),
                &format!("one that begins with {}", Disposition::WORDS.join(", ")),
            ));
        }
        Ok(())
    }
}

/// The name in serde's "missing field `name` at …" and the like, which name the place around the field, not the field.
fn named<'a>(problem: &'a str, begins: &str) -> Option<&'a str> {
    problem.strip_prefix(begins)?.split('`').next()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::Event;

    const WITHDRAWAL: &str = r#"{"id":"e-1","time":"2020-09-16T15:05:00+09:00","kind":"withdrawal","customer":"C001","channel":"web",
        "client":{"ip":"::ffff:192.0.2.7","user_agent":"Mozilla/5.0","device":"d1","ja4":"t13d","session":"s","language":"ja"},
        "outcome":"attempted","amount":{"minor":5000000,"currency":"JPY"},"balance_share":0.5,
        "bank_account":{"bank":"0001","branch":"001","number":"1234567","holder":"ヤマダ タロウ"}}"#;

    fn check(json: &str, expected: &Expect) {
        expected.assert_eq(&Event::from_json(json.as_bytes()).unwrap_err().to_string());
    }

    #[test]
    fn reads_the_wire_form_and_writes_it_back() {
        let event = Event::from_json(WITHDRAWAL.as_bytes()).unwrap();
        assert_eq!(event.client.ip.unwrap().to_string(), "192.0.2.7");
        assert_eq!(event.balance_share.unwrap().as_ppm(), 500_000);
        let again = Event::from_json(&serde_json::to_vec(&event).unwrap()).unwrap();
        assert_eq!(event, again);
    }

    #[test]
    fn errors_name_the_field_what_came_and_what_is_allowed() {
        check(
            &WITHDRAWAL.replace("192.0.2.7", "300.0.2.7"),
            &expect![[
                r#"field `client.ip`: came "::ffff:300.0.2.7"; allowed: an IPv4 or IPv6 address without port, prefix or zone at line 2 column 41"#
            ]],
        );
        check(
            &WITHDRAWAL.replace("\"device\"", "\"devise\""),
            &expect![
                "field `client.devise`: unknown field `devise`, expected one of `ip`, `user_agent`, `device`, `ja4`, `session`, `language` at line 2 column 77"
            ],
        );
        check(
            &WITHDRAWAL.replace("\"attempted\"", "7"),
            &expect![[
                r#"field `outcome`: invalid type: a number, expected a string with outcome at line 3 column 19"#
            ]],
        );
        check(
            &WITHDRAWAL.replace("0.5", "1.5"),
            &expect![[
                r#"field `balance_share`: came "1.5"; allowed: a number from 0 to 1 at line 3 column 93"#
            ]],
        );
        check(
            &WITHDRAWAL.replace("\"1234567\"", "\"12345678\""),
            &expect![
                "field `bank_account.number`: came text of 8 bytes (not shown); allowed: 1 to 7 digits at line 4 column 72"
            ],
        );
        check(
            &WITHDRAWAL.replace("5000000", "-5000000"),
            &expect![
                "field `amount.minor`: came -5000000, a negative amount; allowed: zero or more minor units (the kind says which way money goes) at line 3 column 56"
            ],
        );
        check(
            &WITHDRAWAL.replace("5000000", "1e999"),
            &expect![
                "field `amount.minor`: invalid value: a number too large to be read, expected a whole number of at most 9223372036854775807 at line 3 column 53"
            ],
        );
        check(
            &WITHDRAWAL.replace("{\"minor\":5000000,\"currency\":\"JPY\"}", "1e999"),
            &expect![
                "field `amount`: invalid value: a number too large to be read, expected an object at line 3 column 44"
            ],
        );
        check(
            &WITHDRAWAL.replace("0.5", "1e999"),
            &expect![
                "field `balance_share`: invalid value: a number too large to be read, expected a number from 0 to 1 at line 3 column 95"
            ],
        );
        check(
            &WITHDRAWAL.replace("\"customer\":\"C001\",", ""),
            &expect![[
                r#"field `customer`: absent; allowed: only `login`, `payment.instruction` and a `bank.notice` of a `bank_account` may name nobody, `withdrawal` must name its customer"#
            ]],
        );
    }

    #[test]
    fn a_bank_tells_of_an_account_and_may_not_know_whose() {
        let notice = r#"{"id":"n-1","time":"2020-09-16T15:05:00+09:00","kind":"bank.notice","outcome":"succeeded",
            "bank_account":{"bank":"0001","branch":"001","number":"1234567"}}"#;
        assert!(Event::from_json(notice.as_bytes()).is_ok());
        let start = notice.find(",\n").unwrap();
        let without = format!("{}}}", &notice[..start]);
        assert_eq!(Event::from_json(without.as_bytes()).unwrap_err().field, "customer");
    }

    #[test]
    fn a_disposition_begins_with_a_word_that_means_something() {
        let closed = |reason: &str| {
            let event = format!(
                r#"{{"id":"d-1","time":"2020-09-16T15:05:00+09:00","kind":"case.disposition","customer":"C001",
                "outcome":"succeeded","reason":"{reason}"}}"#
            );
            Event::from_json(event.as_bytes())
        };
        for good in ["verified", "verified: called back", "fraud 17", "honest、本人に確認"] {
            assert!(closed(good).is_ok(), "{good}");
        }
        for bad in ["verifed", "unverified", "verifiedly", "Verified", "not fraud"] {
            let error = closed(bad).unwrap_err();
            assert_eq!(error.field, "reason");
            assert!(error.problem.contains("fraud, honest, verified"), "{error}");
        }
        let login = r#"{"id":"l-1","time":"2020-09-16T15:05:00+09:00","kind":"login","customer":"C001","outcome":"failed","reason":"locked"}"#;
        assert!(Event::from_json(login.as_bytes()).is_ok(), "of other kinds the reason is the sender's");
    }

    #[test]
    fn unknown_kinds_are_refused_with_the_list() {
        let error =
            Event::from_json(WITHDRAWAL.replace("\"withdrawal\"", "\"withdraw\"").as_bytes()).unwrap_err();
        assert!(
            error.problem.contains("bank_account.change") && error.problem.contains("\"withdraw\""),
            "{error}"
        );
    }

    #[test]
    fn never_panics_on_broken_json() {
        for cut in 0..WITHDRAWAL.len() {
            if let Some(part) = WITHDRAWAL.as_bytes().get(..cut) {
                assert!(Event::from_json(part).is_err());
            }
        }
        for json in ["", "null", "[]", "7", "\u{0}", "{\"id\":1}", "{}{}"] {
            assert!(Event::from_json(json.as_bytes()).is_err());
        }
    }
}
