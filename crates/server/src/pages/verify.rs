//! `/verify/{challenge}`: what is to be confirmed, in plain words, and the ways to do it, the strongest first. Must not know
//! whose site sent the customer.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use stepup::{Action, Method};

use super::texts::Texts;
use super::visits::{Visitor, acting, keep_browser, visitor};
use super::{Refused, rendered};
use crate::api::App;
use crate::proof::{ChallengeId, Page, ProofError, ShownChallenge};

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
    codes: Vec<(&'static str, String)>,
    next: Option<String>,
}

/// What the script sends with a passkey; nothing to begin.
#[derive(Debug, Deserialize)]
pub(super) struct PasskeySent {
    #[serde(default)]
    credential: Option<Value>,
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
    let found = app.proofs.find(id).await.map_err(refused)?;
    let action = found.challenge.action();
    if action.customer != visitor.visit.customer {
        return Err(refused(ProofError::Absent("challenge")));
    }
    let allowed = found.challenge.allowed();
    let codes = allowed.iter().filter(|method| method.is_guessed());
    let page = VerifyPage {
        texts,
        name: &app.proofs.settings().name,
        support: app.proofs.settings().support.as_deref(),
        id: id.to_string(),
        status: found.shown.status,
        rows: rows(action, texts),
        kind: texts.of_word("kind", action.kind.as_str()),
        expires: texts.clock(found.challenge.expires()),
        passkey: allowed.contains(&Method::Passkey),
        codes: codes.map(|method| (method.as_str(), texts.of_word("method", method.as_str()))).collect(),
        next: next(&app, &visitor, id, &found.challenge),
    };
    Ok(rendered(&page).into_response())
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
            let options = app.proofs.begin_answer(id, &visitor.visit.customer).await.map_err(refused)?;
            Ok(Json(json!({ "options": options })).into_response())
        }
        Some(credential) => {
            let ended = app.proofs.end_answer(id, &visitor.visit.customer, credential).await;
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
    let method = method.ok_or_else(|| refused(ProofError::Invalid("method".to_owned())))?;
    let customer = &visitor.visit.customer;
    let guesser = app.proofs.guesser(customer, visitor.browser.as_deref());
    let answered = app.proofs.answer(id, customer, guesser, method, &sent.code).await;
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
    let reported = app.proofs.report(&app.observer, id, &visit.customer, visit.client.as_deref()).await;
    reported.map_err(refused)?;
    Ok(Json(json!({ "text": texts.of("verify.reported") })).into_response())
}

async fn done(
    app: &App,
    visitor: &Visitor,
    id: ChallengeId,
    shown: &ShownChallenge,
) -> Result<Response, Refused> {
    let found = app.proofs.find(id).await.map_err(|error| Refused::new(error, visitor.texts))?;
    let next = next(app, visitor, id, &found.challenge);
    let told = json!({ "status": shown.status, "text": visitor.texts.of("verify.passed"), "next": next });
    let mut response = Json(told).into_response();
    keep_browser(&app.proofs, visitor, &mut response);
    Ok(response)
}

/// Where the customer goes: back, with a result, once there is one. Only from the challenge they were sent to.
fn next(app: &App, visitor: &Visitor, id: ChallengeId, challenge: &stepup::Challenge) -> Option<String> {
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

fn parse(id: &str) -> Result<ChallengeId, ProofError> {
    id.parse().map_err(|_invalid| ProofError::Absent("challenge"))
}

/// What is confirmed, in the customer's words.
fn rows(action: &Action, texts: Texts) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(amount) = &action.amount {
        rows.push((texts.of("action.amount"), texts.money(amount)));
    }
    if let Some(account) = &action.account {
        let digits = texts.of("action.ending").replace("{digits}", &account.ending);
        rows.push((texts.of("action.account"), format!("{} {digits}", account.branch)));
        if let Some(holder) = &account.holder {
            rows.push((texts.of("action.holder"), holder.clone()));
        }
    }
    if let Some(contact) = &action.contact {
        let shown = contact.shown.clone().unwrap_or_default();
        rows.push((
            texts.of("action.contact"),
            format!("{} {shown}", texts.of_word("contact", contact.r#type.as_str())),
        ));
    }
    if let Some(order) = &action.order {
        let side = texts.of_word("side", order.side.as_str());
        let count = texts.of("action.shares").replace("{n}", &order.quantity.to_string());
        rows.push((texts.of("action.order"), format!("{} {side} {count}", order.symbol)));
        if let Some(notional) = &order.notional {
            rows.push((texts.of("action.notional"), texts.money(notional)));
        }
    }
    if let Some(payee) = &action.payee {
        rows.push((texts.of("action.payee"), payee.clone()));
    }
    rows
}
