//! `/v1/forward/{kind}`: a question in headers, an answer in the status, for front ends that can ask before they pass a request
//! on: nginx `auth_request`, Traefik and Caddy `forward_auth`, Envoy `ext_authz`. Must not know any of them.
//!
//! 200 lets through, 401 asks for proof, 403 holds or refuses. These three are said of nothing else: a key that is not known and
//! headers that cannot be read are 400 and 422, so that a mistake in a configuration is never taken for a decision.
//! Envoy, Traefik and Caddy hand every answer but a 200 on to the customer as it is: so only a 200 tells score and reasons, by which
//! a thief would learn what to do otherwise.
//! Whatever front ends do when there is no answer is theirs to configure: docs/forward-auth.md.

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use engine::Verdict;
use engine::input::Body;
use model::client::{Language, UserAgentText};
use model::{Address, Channel, Client, Event, EventKind, Invalid, Outcome, Time};
use serde::Deserialize;
use std::sync::Arc;

use super::decide::{DecisionForm, add_proof, asks_for_proof};
use super::parts::unescaped;
use super::problem::Problem;
use super::{App, prefers_japanese};
use crate::keys::Role;

const CUSTOMER: &str = "x-sekisho-customer";
const SESSION: &str = "x-sekisho-session";
const DEVICE: &str = "x-sekisho-device";
const JA4: &str = "x-sekisho-ja4";
const CHANNEL: &str = "x-sekisho-channel";
const IP: &str = "x-sekisho-ip";
const FORWARDED_FOR: &str = "x-forwarded-for";
const REQUEST_ID: &str = "x-request-id";

const DECISION: HeaderName = HeaderName::from_static("x-sekisho-decision");
const SCORE: HeaderName = HeaderName::from_static("x-sekisho-score");
const EVENT: HeaderName = HeaderName::from_static("x-sekisho-event");
const CHALLENGE: HeaderName = HeaderName::from_static("x-sekisho-challenge");
const STEP_UP: HeaderName = HeaderName::from_static("x-sekisho-step-up");

/// Before the front end's identifier, so that it is never that of a fact told by the site.
const ID_PREFIX: &str = "fwd-";
/// Bytes of an address to send somebody to at most.
const PLACE_BYTES_MAX: usize = 512;

/// What of an answer becomes headers.
#[derive(Deserialize)]
struct Decided {
    decision: String,
    score: u16,
}

/// Where somebody who has to prove something is sent. From the front end's configuration.
#[derive(Default)]
struct StepUp {
    /// Told beside a 401.
    told: Option<HeaderValue>,
    /// A redirect instead of a 401, for front ends that hand the answer on as it is.
    redirect: Option<HeaderValue>,
}

/// A front end's question, with any method: what is asked stands in headers; docs/forward-auth.md. 401 and 403 are decisions.
#[utoipa::path(
    get, operation_id = "forward", path = "/v1/forward/{kind}", tag = "send",
    params(
        ("kind" = String, Path, description = "What is done; docs/events.md names the kinds", example = "withdrawal"),
        ("step_up" = Option<String>, Query, description = "Told beside a 401: where proof is given", example = "/proof"),
        ("redirect" = Option<String>, Query, description = "A 303 to there instead of the 401", example = "/proof"),
        ("X-Sekisho-Customer" = Option<String>, Header, description = "The customer; needed, but for `login`"),
        ("X-Sekisho-Ip" = Option<String>, Header, description = "The customer's address; else the last of `X-Forwarded-For`"),
        ("X-Sekisho-Session" = Option<String>, Header, description = "An identifier of the session"),
        ("X-Sekisho-Device" = Option<String>, Header, description = "The device"),
        ("X-Sekisho-Ja4" = Option<String>, Header, description = "JA4 TLS fingerprint"),
        ("X-Sekisho-Channel" = Option<String>, Header, description = "`web` unless given"),
        ("X-Request-Id" = Option<String>, Header, description = "The event's identifier becomes `fwd-` and this"),
    ),
    responses(
        (status = 200, body = DecisionForm, description = "`allow`"),
        (status = 303, description = "`step_up`, with `redirect`; no body: front ends hand it on to the customer"),
        (status = 401, description = "`step_up`; no body"),
        (status = 403, description = "`hold` or `deny`; no body"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "No key, or not one that may ask"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The id came with other content"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "A header cannot be accepted; `field` names it"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Not at the moment"),
    ),
)]
pub(super) async fn forward(
    State(app): State<Arc<App>>,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer(&app, &kind, &headers, query.as_deref().unwrap_or("")).await
}

/// `/v1/forward/{kind}/…`: Envoy puts the customer's own path, and query, behind its prefix. Neither is looked at.
pub(super) async fn forward_below(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kind = uri.path().split('/').nth(3).unwrap_or("");
    answer(&app, kind, &headers, "").await
}

async fn answer(app: &App, kind: &str, headers: &HeaderMap, query: &str) -> Result<Response, Problem> {
    app.authorize(headers, Role::may_send).map_err(|mut problem| {
        problem.status = StatusCode::BAD_REQUEST.as_u16();
        problem
    })?;
    let step_up = StepUp::read(query).map_err(Problem::invalid_event)?;
    let now = (app.clock)();
    let event = event(kind, headers, now).map_err(Problem::invalid_event)?;
    let id = event.id.as_str().to_owned();
    let action = app.proofs.action(&event);
    // The same subrequest again comes later: what tells it from another must not be its time.
    let timeless = Event { time: Time::MIN, ..event.clone() };
    let digest = app.observer.digest(&timeless, true).map_err(Problem::invalid_event)?;
    let (observed, _) = app.observer.observe(event, true, now).map_err(Problem::invalid_event)?;
    let body = Body::Event(Box::new(observed));
    let mut answered =
        app.sequencer.ask_in_time(Some(id.clone()), digest, body, prefers_japanese(headers)).await?;
    let challenge = match asks_for_proof(&answered.json) {
        true => add_proof(app, &id, action, &mut answered).await,
        false => None,
    };
    respond(&id, answered.json, step_up, challenge.as_deref())
}

fn respond(id: &str, json: Vec<u8>, step_up: StepUp, challenge: Option<&str>) -> Result<Response, Problem> {
    let unreadable = |_error| Problem::unreadable("the decision cannot be told in headers");
    let decided: Decided = serde_json::from_slice(&json).map_err(unreadable)?;
    let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == decided.decision);
    let status = match verdict {
        Some(Verdict::Allow) => StatusCode::OK,
        Some(Verdict::StepUp) if step_up.redirect.is_some() => StatusCode::SEE_OTHER,
        Some(Verdict::StepUp) => StatusCode::UNAUTHORIZED,
        Some(Verdict::Hold | Verdict::Deny) | None => StatusCode::FORBIDDEN,
    };
    let mut response = match status {
        StatusCode::OK => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (SCORE, HeaderValue::from(decided.score)),
            ];
            (status, headers, json).into_response()
        }
        for_the_customer => for_the_customer.into_response(),
    };
    let told = response.headers_mut();
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let texts = [(DECISION, Some(decided.decision.as_str())), (EVENT, Some(id)), (CHALLENGE, challenge)];
    for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
        if let Ok(value) = HeaderValue::from_str(text) {
            told.insert(name, value);
        }
    }
    if verdict == Some(Verdict::StepUp) {
        if status == StatusCode::UNAUTHORIZED {
            // A scheme that no browser opens a window for.
            told.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Sekisho realm=\"step_up\""));
        }
        let places = [(STEP_UP, step_up.told), (header::LOCATION, step_up.redirect)];
        told.extend(places.into_iter().filter_map(|(name, place)| place.map(|place| (name, place))));
    }
    Ok(response)
}

impl StepUp {
    fn read(query: &str) -> Result<Self, Invalid> {
        let mut read = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = &*unescaped(value).map_err(|problem| Invalid::new(name, problem))?;
            let place = || {
                let is_path = value.starts_with('/') && !value.starts_with("//") && !value.contains('\\');
                let is_place = is_path || value.starts_with("https://");
                let place = HeaderValue::from_str(value).ok();
                let place = place.filter(|_| is_place && value.len() <= PLACE_BYTES_MAX);
                place.ok_or_else(|| {
                    Invalid::value(name, value, "a path, or an address with https://, of at most 512 bytes")
                })
            };
            match name {
                "step_up" => read.told = Some(place()?),
                "redirect" => read.redirect = Some(place()?),
                _ => return Err(Invalid::value("query", name, "step_up=PATH, redirect=PATH")),
            }
        }
        Ok(read)
    }
}

/// Whether a front end can know enough to ask about this kind.
const fn may_ask(kind: EventKind) -> bool {
    kind.is_procedure()
        || matches!(
            kind,
            EventKind::Login | EventKind::SessionActivity | EventKind::ProfileView | EventKind::Order
        )
}

fn event(kind: &str, headers: &HeaderMap, now: Time) -> Result<Event, Invalid> {
    let kind: EventKind = kind.parse()?;
    if !may_ask(kind) {
        return Err(Invalid::value(
            "kind",
            kind.as_str(),
            "login, session.activity, profile.view, order and procedures",
        ));
    }
    let id = match text(headers, REQUEST_ID)? {
        Some(id) => format!("{ID_PREFIX}{id}"),
        None => random_id()?,
    };
    let channel = parsed(headers, CHANNEL)?.unwrap_or(Channel::Web);
    let event = Event {
        customer: parsed(headers, CUSTOMER)?,
        channel: Some(channel),
        client: Client {
            ip: Some(address(headers)?),
            user_agent: browser_text(headers, &header::USER_AGENT, UserAgentText::BYTES_MAX),
            device: parsed(headers, DEVICE)?,
            ja4: parsed(headers, JA4)?,
            session: parsed(headers, SESSION)?,
            language: browser_text(headers, &header::ACCEPT_LANGUAGE, Language::BYTES_MAX),
        },
        ..Event::bare(id.parse().map_err(named(REQUEST_ID))?, now, kind, Outcome::Attempted)
    };
    // Through the wire form, so that nothing is taken here that would be refused there.
    let json = serde_json::to_vec(&event).map_err(|error| Invalid::new(".", error.to_string()))?;
    Event::from_json(&json)
}

/// The address that the front end saw: `X-Sekisho-Ip`, else the last of `X-Forwarded-For`, which is the one it added itself.
fn address(headers: &HeaderMap) -> Result<Address, Invalid> {
    if let Some(address) = parsed(headers, IP)? {
        return Ok(address);
    }
    let chain = headers.get_all(FORWARDED_FOR).into_iter().next_back().and_then(|value| value.to_str().ok());
    let Some(last) =
        chain.and_then(|chain| chain.rsplit(',').next()).map(str::trim).filter(|last| !last.is_empty())
    else {
        let problem =
            "absent, and so is x-forwarded-for; the front end has to say where the request came from";
        return Err(Invalid::new(IP, problem));
    };
    last.parse().map_err(named(FORWARDED_FOR))
}

fn named(name: &'static str) -> impl Fn(Invalid) -> Invalid {
    move |invalid| Invalid { field: name.to_owned(), ..invalid }
}

/// A header of the front end's own, as one of the event's types.
fn parsed<T: std::str::FromStr<Err = Invalid>>(
    headers: &HeaderMap,
    name: &'static str,
) -> Result<Option<T>, Invalid> {
    text(headers, name)?.map(|text| text.parse().map_err(named(name))).transpose()
}

/// A header of the front end's own. Twice is refused: one of the two may be the customer's.
fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Invalid> {
    let mut values = headers.get_all(name).into_iter();
    let first = values.next();
    if values.next().is_some() {
        let problem = "came twice; the front end has to set it, not add to what the customer sent";
        return Err(Invalid::new(name, problem));
    }
    let text = first
        .map(|value| std::str::from_utf8(value.as_bytes()))
        .transpose()
        .map_err(|_bytes| Invalid::new(name, "is no text; allowed: UTF-8"))?;
    Ok(text.map(str::trim).filter(|text| !text.is_empty()))
}

/// A header of the customer's browser: cut where it is too long, left out where it is no text, since refusing would lock out whoever
/// has an odd browser.
fn browser_text<T: std::str::FromStr>(headers: &HeaderMap, name: &HeaderName, bytes_max: usize) -> Option<T> {
    let text = String::from_utf8_lossy(headers.get(name)?.as_bytes());
    let text: String = text.chars().filter(|character| !character.is_control()).collect();
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end)?.trim().parse().ok()
}

/// For front ends that give none: a repeated subrequest then counts as another try, never the other way round.
fn random_id() -> Result<String, Invalid> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Invalid::new(REQUEST_ID, error.to_string()))?;
    Ok(format!("{ID_PREFIX}{:032x}", u128::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use model::Time;

    use super::{StepUp, event};

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn headers_become_an_event() {
        let long = "ja,".repeat(40);
        let given = headers(&[
            ("x-sekisho-customer", "C1"),
            ("x-forwarded-for", "203.0.113.1, 198.51.100.7"),
            ("x-request-id", "abc"),
            ("accept-language", &long),
            ("user-agent", "Mozilla/5.0"),
        ]);
        let event = event("withdrawal", &given, Time::MIN).unwrap();
        assert_eq!(event.id.as_str(), "fwd-abc");
        assert_eq!(event.client.ip.unwrap().to_string(), "198.51.100.7");
        assert_eq!(event.client.language.unwrap().as_str().len(), 64);
    }

    #[test]
    fn customers_may_be_named_in_japanese() {
        let mut given = headers(&[("x-sekisho-ip", "192.0.2.1")]);
        given.insert("x-sekisho-customer", HeaderValue::from_bytes("山田".as_bytes()).unwrap());
        let customer = event("withdrawal", &given, Time::MIN).unwrap().customer.unwrap();
        assert_eq!(customer.as_str(), "山田");
        given.insert("x-sekisho-customer", HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(event("withdrawal", &given, Time::MIN).unwrap_err().field, "x-sekisho-customer");
    }

    #[test]
    fn what_a_front_end_says_wrongly_is_named() {
        for (kind, pairs, field) in [
            ("withdraw", vec![], "kind"),
            ("case.disposition", vec![], "kind"),
            ("withdrawal", vec![("x-sekisho-ip", "192.0.2.1")], "customer"),
            ("login", vec![], "x-sekisho-ip"),
            ("login", vec![("x-sekisho-ip", "192.0.2.1:80")], "x-sekisho-ip"),
            ("login", vec![("x-sekisho-ip", "192.0.2.1"), ("x-sekisho-channel", "fax")], "x-sekisho-channel"),
            ("login", vec![("x-sekisho-ip", "192.0.2.1"), ("x-sekisho-ip", "192.0.2.2")], "x-sekisho-ip"),
            ("login", vec![("x-forwarded-for", "unknown")], "x-forwarded-for"),
        ] {
            let mut given = HeaderMap::new();
            for (name, value) in pairs {
                given.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static(value));
            }
            assert_eq!(event(kind, &given, Time::MIN).unwrap_err().field, field, "{kind} {given:?}");
        }
        for query in [
            "step_up=//evil.example",
            "step_up=%2F%2Fevil.example",
            "step_up=/%5Cevil.example",
            "redirect=/a%0D%0ASet-Cookie:x",
            "redirect=javascript:1",
            "stepup=/proof",
            "redirect=",
        ] {
            assert!(StepUp::read(query).is_err(), "{query}");
        }
        let read =
            StepUp::read("step_up=%2Fproof%3Fa%3D1%26b%3D+&redirect=https://broker.example/proof").unwrap();
        assert_eq!(read.told.unwrap(), "/proof?a=1&b=+");
        assert_eq!(read.redirect.unwrap(), "https://broker.example/proof");
    }
}
