//! OCSF 1.x in JSON: Authentication (3002) and Account Change (3001). Must not know other classes: they are ignored and
//! counted by class.
//!
//! Written against the schema of OCSF 1.0 to 1.8 (<https://schema.ocsf.io>): `events/iam/authentication.json`,
//! `events/iam/account_change.json`, `factor_type_id` of `dictionary.json`. 1.9 deprecates Account Change, and keeps it.

use std::borrow::Cow;

use model::{Event, EventKind, Factor, Invalid, Outcome, Time, objects};
use serde::Deserialize;

use super::blocks::Shape;
use super::clock::Clock;
use super::parser::{Fate, Out, Parser, Record, Refusal, customer, reason_text};
use super::table::{asn, country};
use crate::rows::Recorded;

const ACCOUNT_CHANGE: u64 = 3001;
const AUTHENTICATION: u64 = 3002;

/// The parser of `ocsf`.
pub(crate) struct Ocsf {
    array: bool,
}

impl Ocsf {
    /// `head` tells whether the file is one object a line or one JSON array.
    pub(crate) fn new(head: &[u8]) -> Self {
        Self { array: head.trim_ascii_start().first() == Some(&b'[') }
    }
}

/// Text, or absent; a number where the schema wants a string (seen for `uid`) is its digits.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Number(u64),
}

impl<'a> Text<'a> {
    fn into_cow(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => Cow::Owned(number.to_string()),
        }
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an OCSF object")]
struct Message<'a> {
    class_uid: u64,
    #[serde(default)]
    activity_id: u64,
    #[serde(default)]
    status_id: Option<u64>,
    #[serde(borrow, default)]
    status_detail: Option<Cow<'a, str>>,
    #[serde(default)]
    time: Option<i64>,
    #[serde(borrow, default)]
    time_dt: Option<Cow<'a, str>>,
    #[serde(default)]
    is_mfa: Option<bool>,
    #[serde(default)]
    auth_factors: Vec<AuthFactor>,
    #[serde(borrow, default)]
    user: Option<Identified<'a>>,
    #[serde(borrow, default)]
    device: Option<Identified<'a>>,
    #[serde(borrow, default)]
    session: Option<Identified<'a>>,
    #[serde(borrow, default)]
    metadata: Option<Identified<'a>>,
    #[serde(borrow, default)]
    src_endpoint: Option<Endpoint<'a>>,
    #[serde(borrow, default)]
    http_request: Option<HttpRequest<'a>>,
}

#[derive(Deserialize)]
struct AuthFactor {
    #[serde(default)]
    factor_type_id: u64,
}

#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow, default)]
    uid: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Endpoint<'a> {
    #[serde(borrow, default)]
    ip: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    location: Option<Location<'a>>,
    #[serde(default)]
    autonomous_system: Option<AutonomousSystem>,
}

#[derive(Deserialize)]
struct Location<'a> {
    #[serde(borrow, default)]
    country: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct AutonomousSystem {
    #[serde(default)]
    number: Option<u64>,
}

#[derive(Deserialize)]
struct HttpRequest<'a> {
    #[serde(borrow, default)]
    user_agent: Option<Cow<'a, str>>,
}

impl Parser for Ocsf {
    fn shape(&self) -> Shape {
        if self.array { Shape::JsonArray } else { Shape::Lines }
    }

    fn record(&self, record: &Record<'_>, out: &mut Out<'_>) -> Result<Fate, Refusal> {
        let message: Message<'_> =
            objects::from_slice(record.bytes).map_err(|_first| explain(record.bytes))?;
        let kind = match (message.class_uid, message.activity_id) {
            (AUTHENTICATION, 1) => EventKind::Login,
            (ACCOUNT_CHANGE, 3) => EventKind::PasswordChange,
            (ACCOUNT_CHANGE, 4) => EventKind::PasswordReset,
            (ACCOUNT_CHANGE, 10) => EventKind::FactorEnroll,
            (ACCOUNT_CHANGE, 11) => EventKind::FactorRemove,
            (class @ (AUTHENTICATION | ACCOUNT_CHANGE), activity) => {
                return Ok(Fate::Ignored(format!("class {class}, activity {activity}").into()));
            }
            (class, _) => return Ok(Fate::Ignored(format!("class {class}").into())),
        };
        let (event, recorded) = event(message, kind, record.line, out)?;
        out.push(&event, recorded);
        Ok(Fate::Rows)
    }
}

fn event(
    message: Message<'_>,
    kind: EventKind,
    line: u64,
    out: &mut Out<'_>,
) -> Result<(Event, Recorded), Refusal> {
    let outcome = match message.status_id {
        Some(1) => Outcome::Succeeded,
        Some(2) => Outcome::Failed,
        _ => Outcome::Attempted,
    };
    let time = time(&message)?;
    let uid = |identified: Option<Identified<'_>>| identified?.uid.map(|uid| uid.into_cow().into_owned());
    let id = match uid(message.metadata).filter(|uid| !uid.is_empty()) {
        Some(uid) => uid.parse()?,
        None => out.made_id(line, None)?,
    };
    let mut event = Event::bare(id, time, kind, outcome);
    event.customer = match message.user.and_then(|user| user.uid.map(Text::into_cow).or(user.name)) {
        Some(user) if !user.is_empty() => Some(customer(&user)?),
        _ if kind == EventKind::Login => None,
        _ => {
            return Err(Invalid::new(
                "user",
                format!("neither uid nor name; `{kind}` must name its customer"),
            )
            .into());
        }
    };
    let endpoint = message.src_endpoint;
    let mut recorded = Recorded::default();
    if let Some(endpoint) = endpoint {
        event.client.ip = endpoint.ip.filter(|ip| !ip.is_empty()).map(|ip| ip.parse()).transpose()?;
        let code = endpoint.location.and_then(|location| location.country);
        recorded.country = code.map(|code| country(&code)).transpose()?.flatten();
        let number = endpoint.autonomous_system.and_then(|system| system.number);
        recorded.asn = number.map(|number| asn(&number.to_string())).transpose()?.flatten();
    }
    event.client.user_agent =
        message.http_request.and_then(|request| request.user_agent).and_then(|agent| out.user_agent(&agent));
    event.client.device =
        uid(message.device).filter(|uid| !uid.is_empty()).map(|uid| uid.parse()).transpose()?;
    event.client.session =
        uid(message.session).filter(|uid| !uid.is_empty()).map(|uid| uid.parse()).transpose()?;
    event.reason = message.status_detail.and_then(|detail| reason_text(&detail));
    event.factor = factor(&message.auth_factors, message.is_mfa);
    Ok((event, recorded))
}

/// `time_dt` is finer than `time` (milliseconds since 1970), so it comes first.
fn time(message: &Message<'_>) -> Result<Time, Refusal> {
    if let Some(text) = &message.time_dt {
        return Clock::iso(None).read(text);
    }
    let Some(ms) = message.time else {
        return Err(Invalid::new("time", "absent; every OCSF event has `time` or `time_dt`").into());
    };
    ms.checked_mul(1_000).and_then(Time::from_us).ok_or_else(|| {
        Invalid::value("time", &ms.to_string(), "milliseconds since 1970, up to the year 9999").into()
    })
}

/// The strongest named factor beside a password.
fn factor(factors: &[AuthFactor], is_mfa: Option<bool>) -> Option<Factor> {
    let has = |ids: &[u64]| factors.iter().any(|factor| ids.contains(&factor.factor_type_id));
    let by_strength: [(&[u64], Factor); 4] =
        [(&[9, 10], Factor::Passkey), (&[7], Factor::Totp), (&[1], Factor::Sms), (&[8], Factor::Email)];
    let named = by_strength.into_iter().find(|(ids, _)| has(ids)).map(|(_, factor)| factor);
    named.or((is_mfa == Some(false)).then_some(Factor::None))
}

/// Parses again with the field's path tracked: slower, so only for what has already failed.
fn explain(json: &[u8]) -> Refusal {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    match serde_path_to_error::deserialize::<_, Message<'_>>(objects::Objects(&mut deserializer)) {
        Ok(_) => Invalid::new(".", "one JSON object a line; more follows it").into(),
        Err(error) => Invalid::new(&error.path().to_string(), objects::told(error.inner())).into(),
    }
}
