//! `/verify/{challenge}`: what is to be confirmed, in plain words, and the ways to do it, the strongest first. Must not know
//! whose site sent the customer.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use model::{Channel, Client, Time};
use serde::Deserialize;
use serde_json::{Value, json};
use stepup::Method;

use super::origin::{place, program};
use super::recent::Origin;
use super::texts::Texts;
use super::visits::{Visitor, acting, keep_browser, visitor};
use super::{Refused, rendered};
use crate::api::App;
use crate::proof::{ChallengeId, Page, ProofError, ShownChallenge};
use crate::wording;

#[derive(askama::Template)]
#[template(path = "verify.html")]
struct VerifyPage<'a> {
    texts: Texts,
    name: &'a str,
    support: Option<&'a str>,
    id: String,
    status: &'static str,
    /// What is confirmed: names and values.
    rows: Vec<(&'static str, String)>,
    kind: String,
    expires: String,
    passkey: bool,
    /// Codes that can be typed now: of an app, or one that was sent.
    codes: Vec<CodeWay>,
    /// Ways in which a code can be sent now, each with the words of its button.
    sends: Vec<(&'static str, &'static str)>,
    call: CallWay,
    /// Whether nothing on it says what is done: whoever began it gets what it is for.
    only_who: bool,
    /// By which the script says what page it is of.
    visit: String,
    /// Whether the customer was wholly signed in when they were sent here.
    signed_in: bool,
    /// What somebody is told who has nothing to answer with.
    lacks: Lacks,
    next: Option<String>,
    /// Where the customer goes who does not answer.
    away: Option<String>,
}

/// A code that can be typed.
struct CodeWay {
    method: &'static str,
    title: String,
    /// Where it was sent, in a sentence.
    sent: Option<String>,
}

/// What somebody has who has nothing to answer this with.
enum Lacks {
    Everything,
    /// What came after it was asked for: it answers the same, asked anew.
    OnlyTime,
    /// What is too new, until when in a sentence.
    Until(String),
}

/// Whether the customer can be called.
enum CallWay {
    /// It is no way.
    No,
    /// They may ask for it.
    Offered,
    /// They did: what comes of it, in a sentence.
    Asked(String),
    /// Nobody reached them.
    Unreached,
}

impl CallWay {
    fn of(shown: &ShownChallenge, texts: Texts) -> Self {
        match &shown.call {
            Some(call) if call.status == "unreached" => Self::Unreached,
            Some(call) => {
                let text = texts.of("verify.call_open").replace("{to}", &call.to);
                Self::Asked(text.replace("{until}", &texts.time(shown.expires)))
            }
            None if shown.methods.contains(&Method::Phone.as_str()) => Self::Offered,
            None => Self::No,
        }
    }
}

impl VerifyPage<'_> {
    /// Whether there is nothing at all to answer with.
    const fn has_no_way(&self) -> bool {
        !self.passkey && self.codes.is_empty() && self.sends.is_empty() && matches!(self.call, CallWay::No)
    }
}

/// What the script sends with a passkey; nothing to begin.
#[derive(Debug, Deserialize)]
pub(super) struct PasskeySent {
    #[serde(default)]
    credential: Option<Value>,
}

/// In which way a code is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct SendSent {
    method: String,
}

/// What the script sends with a code.
#[derive(Debug, Deserialize)]
pub(super) struct AnswerSent {
    method: String,
    code: String,
}

pub(super) async fn page(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let visitor = visitor(&app, &headers).map_err(|refused| {
        let texts = Texts { japanese: crate::api::prefers_japanese(&headers) };
        refused.on_page(texts)
    })?;
    let texts = visitor.texts;
    let refused = |error| Refused::new(error, texts).on_page(texts);
    let id = parse(&id).map_err(refused)?;
    let found = app.proofs.find_on(id, &visitor.visit).await.map_err(refused)?;
    let action = found.challenge.action();
    let allowed = found.challenge.allowed();
    let mut rows = wording::rows(action, texts);
    rows.extend(asked_by(&app, &visitor, found.challenge.made()));
    let mut page = VerifyPage {
        texts,
        name: &app.proofs.settings().name,
        support: app.proofs.settings().support.as_deref(),
        id: id.to_string(),
        status: found.shown.status,
        rows,
        kind: wording::kind(action, texts),
        expires: match found.shown.call {
            // That may be tomorrow.
            Some(_) => texts.time(found.challenge.expires()),
            None => texts.clock(found.challenge.expires()),
        },
        passkey: allowed.contains(&Method::Passkey),
        codes: codes(allowed, &found.shown, texts),
        sends: sends(allowed, &found.shown, texts),
        call: CallWay::of(&found.shown, texts),
        only_who: action.says_only_who(),
        visit: visitor.visit.tag(),
        signed_in: visitor.visit.signed_in,
        lacks: Lacks::Everything,
        next: next(&app, &visitor, id, &found.challenge),
        away: away(&visitor),
    };
    if page.has_no_way() {
        page.lacks = match app.proofs.answers_from(action).await.map_err(refused)? {
            None => Lacks::Everything,
            Some(from) if from <= (app.clock)() => Lacks::OnlyTime,
            Some(from) => Lacks::Until(texts.of("error.cooling").replace("{time}", &texts.until(from))),
        };
    }
    Ok(rendered(&page).into_response())
}

/// Who asks for it, as the broker's site saw them: somebody else, if the customer was led here.
fn asked_by(app: &App, visitor: &Visitor, asked: Time) -> Vec<(&'static str, String)> {
    let texts = visitor.texts;
    let client = visitor.visit.client.as_deref().and_then(|text| serde_json::from_str::<Client>(text).ok());
    let origin = Origin::of_client(&client.unwrap_or_default(), &app.observer);
    let program = origin.user_agent.as_deref().map(|text| (texts.of("verify.with"), program(text, texts)));
    let place = origin.ip.map(|_| (texts.of("verify.from"), place(&origin, app.observer.intel(), texts)));
    let time = (texts.of("verify.at"), texts.short(asked));
    [place, program, Some(time)].into_iter().flatten().collect()
}

/// Codes that can be typed now, one that was just sent first.
fn codes(allowed: &[Method], shown: &ShownChallenge, texts: Texts) -> Vec<CodeWay> {
    let out = shown.code.as_ref();
    let is_out = |method: &Method| out.is_some_and(|code| code.method == method.as_str());
    let typed = allowed.iter().filter(|method| method.is_guessed() && (!method.is_sent() || is_out(method)));
    let mut codes: Vec<CodeWay> = typed
        .map(|method| CodeWay {
            method: method.as_str(),
            title: texts.of_word("method", method.as_str()),
            sent: out
                .filter(|_| is_out(method))
                .map(|code| texts.of("verify.sent_to").replace("{to}", &code.to)),
        })
        .collect();
    codes.sort_by_key(|code| code.sent.is_none());
    codes
}

/// Ways in which a code can be sent, and the words for it.
fn sends(allowed: &[Method], shown: &ShownChallenge, texts: Texts) -> Vec<(&'static str, &'static str)> {
    let is_out = |method: &str| shown.code.as_ref().is_some_and(|code| code.method == method);
    let is_over = shown.code.as_ref().is_some_and(|code| code.left == 0);
    let ways = [Method::Sms, Method::Mail].into_iter().filter(|method| allowed.contains(method) && !is_over);
    ways.map(|method| {
        let words = match method {
            _ if is_out(method.as_str()) => texts.of("verify.send_again"),
            Method::Sms => texts.of("verify.send_sms"),
            _ => texts.of("verify.send_mail"),
        };
        (method.as_str(), words)
    })
    .collect()
}

/// Sends a code to the registered number or address.
pub(super) async fn send(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, SendSent) = acting(&app, request).await?;
    let refused = |error| Refused::new(error, visitor.texts);
    let id = parse(&id).map_err(refused)?;
    let method = Method::of(&sent.method).filter(|method| method.is_sent());
    let method = method.ok_or_else(|| refused(ProofError::invalid("method", "is not one")))?;
    let browser = visitor.browser.as_deref();
    let guesser = app.proofs.guesser_on(&visitor.visit, browser).await.map_err(refused)?;
    let shown = app.proofs.send_code(id, &(&visitor.visit).into(), guesser, method).await.map_err(refused)?;
    Ok(Json(json!({ "status": shown.status })).into_response())
}

/// Asks the support centre to call.
pub(super) async fn call(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let (visitor, _nothing): (Visitor, Value) = acting(&app, request).await?;
    let refused = |error| Refused::new(error, visitor.texts);
    let id = parse(&id).map_err(refused)?;
    let browser = visitor.browser.as_deref();
    let guesser = app.proofs.guesser_on(&visitor.visit, browser).await.map_err(refused)?;
    let shown = app.proofs.ask_call(id, &(&visitor.visit).into(), guesser).await.map_err(refused)?;
    Ok(Json(json!({ "status": shown.status })).into_response())
}

/// Where the challenge stands, for a page that waits for a call.
pub(super) async fn status(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let visitor = visitor(&app, &headers)?;
    let refused = |error| Refused::new(error, visitor.texts);
    let found = app.proofs.find_on(parse(&id).map_err(refused)?, &visitor.visit).await.map_err(refused)?;
    let call = found.shown.call.map(|call| call.status);
    Ok(Json(json!({ "status": found.shown.status, "call": call })).into_response())
}

/// Begins, or ends, an answer by passkey.
pub(super) async fn passkey(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, PasskeySent) = acting(&app, request).await?;
    let refused = |error| Refused::new(error, visitor.texts);
    let id = parse(&id).map_err(refused)?;
    match sent.credential {
        None => {
            let options = app.proofs.begin_answer(id, &(&visitor.visit).into()).await.map_err(refused)?;
            Ok(Json(json!({ "options": options })).into_response())
        }
        Some(credential) => {
            let ended = app.proofs.end_answer(&app.observer, id, &(&visitor.visit).into(), credential).await;
            done(&app, &visitor, id, &ended.map_err(refused)?).await
        }
    }
}

/// Answers with a code.
pub(super) async fn answer(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, AnswerSent) = acting(&app, request).await?;
    let refused = |error| Refused::new(error, visitor.texts);
    let id = parse(&id).map_err(refused)?;
    let method = Method::of(&sent.method).filter(|method| method.is_guessed());
    let method = method.ok_or_else(|| refused(ProofError::invalid("method", "is not one")))?;
    let browser = visitor.browser.as_deref();
    let guesser = app.proofs.guesser_on(&visitor.visit, browser).await.map_err(refused)?;
    let answered = app.proofs.answer(id, &(&visitor.visit).into(), guesser, method, &sent.code).await;
    done(&app, &visitor, id, &answered.map_err(refused)?).await
}

/// The customer says that it was not them.
pub(super) async fn report(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let (visitor, _nothing): (Visitor, Value) = acting(&app, request).await?;
    let refused = |error| Refused::new(error, visitor.texts);
    let id = parse(&id).map_err(refused)?;
    let Visitor { visit, texts, .. } = &visitor;
    // Who has nothing but the password would lock the customer out with it.
    if !visit.signed_in {
        app.proofs.stop(id, &visit.into()).await.map_err(refused)?;
        return Ok(Json(json!({ "text": texts.of("verify.stopped") })).into_response());
    }
    let reported =
        app.proofs.report(&app.observer, id, &visit.into(), (Channel::Web, visit.client.as_deref())).await;
    reported.map_err(refused)?;
    Ok(Json(json!({ "text": texts.of("verify.reported") })).into_response())
}

async fn done(
    app: &App,
    visitor: &Visitor,
    id: ChallengeId,
    shown: &ShownChallenge,
) -> Result<Response, Refused> {
    let found = app.proofs.find_on(id, &visitor.visit).await;
    let found = found.map_err(|error| Refused::new(error, visitor.texts))?;
    let next = next(app, visitor, id, &found.challenge);
    let told = json!({ "status": shown.status, "text": visitor.texts.of("verify.passed"), "next": next });
    let mut response = Json(told).into_response();
    keep_browser(&app.proofs, visitor, &mut response).await;
    Ok(response)
}

/// Where the customer goes: back, with a result, once there is one and only from the challenge they were sent to; or to the page on which
/// they began a change.
fn next(app: &App, visitor: &Visitor, id: ChallengeId, challenge: &stepup::Challenge) -> Option<String> {
    if visitor.visit.page == Page::Security && challenge.standing((app.clock)()) == "passed" {
        return Some("/security#confirmed".to_owned());
    }
    let place = visitor.visit.return_to.as_ref().filter(|_| visitor.visit.page == Page::Verify(id))?;
    let (scheme, rest) = place.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let audience = format!("{scheme}://{host}");
    let result = app.proofs.result(id, challenge, &audience)?;
    let (place, fragment) = place.split_once('#').map_or((place.as_str(), ""), |(place, rest)| (place, rest));
    let joint = if place.contains('?') { '&' } else { '?' };
    let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
    Some(format!("{place}{joint}sekisho_challenge={id}&sekisho_result={result}{fragment}"))
}

/// Back, with nothing proven.
fn away(visitor: &Visitor) -> Option<String> {
    match visitor.visit.page {
        Page::Verify(_) => visitor.visit.return_to.clone(),
        Page::Security => Some("/security".to_owned()),
    }
}

fn parse(id: &str) -> Result<ChallengeId, ProofError> {
    id.parse().map_err(|_invalid| ProofError::Absent("challenge"))
}
