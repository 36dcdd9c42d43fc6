//! `/security`: what a customer proves themselves with, to add, name and remove; beside what happened in the account (`centre`).
//! Must not know challenges.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use model::unseen::{visible, visible_name};
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;
use serde_json::{Value, json};

use super::centre::Centre;
use super::changes::{APP_NAME, ChangeSent, ConfirmationSent, PASSKEY_NAME, RECOVERY_NAME};
use super::devices::Devices;
use super::picture::Picture;
use super::recent::recent;
use super::texts::Texts;
use super::visits::{Visitor, acting_in_centre, keep_browser, sent_to_centre};
use super::{Refused, rendered};
use crate::api::App;
use crate::proof::{ConfirmedBy, Confirming, ProofError, Visit, parse_authenticator_id};

#[derive(askama::Template)]
#[template(path = "security.html")]
struct SecurityPage<'a> {
    texts: Texts,
    name: &'a str,
    customer: String,
    centre: Centre,
    support: Option<&'a str>,
    authenticators: Vec<Row>,
    devices: Devices,
    /// What the script tells the browser of the passkeys that are known here, as JSON.
    signals: String,
    has_passkey: bool,
    /// How every change is confirmed first, in a sentence.
    confirm: Option<&'static str>,
    back: Option<String>,
    /// By which the script says what page it is of.
    visit: String,
}

struct Row {
    id: String,
    method: String,
    name: String,
    made: String,
    used: Option<String>,
    /// Until then it confirms no procedure.
    cooling: Option<String>,
    /// Until then it is good: another one replaced it.
    ends: Option<String>,
    left: Option<usize>,
    cloned: bool,
    /// Whether it counts for nothing while the account is locked.
    in_doubt: bool,
}

/// What the script sends with a passkey; no credential to begin.
#[derive(Debug, Deserialize)]
pub(super) struct CredentialSent {
    #[serde(default)]
    credential: Option<Value>,
    /// The confirmation, where one is needed.
    #[serde(default)]
    proof: Option<String>,
}

/// What the script sends for an app; no code to begin.
#[derive(Debug, Deserialize)]
pub(super) struct TotpSent {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    proof: Option<String>,
}

/// What the script sends for recovery codes.
#[derive(Debug, Deserialize)]
pub(super) struct RecoverySent {
    #[serde(default)]
    proof: Option<String>,
}

/// Which one, and its new name.
#[derive(Debug, Deserialize)]
pub(super) struct OneSent {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    proof: Option<String>,
}

pub(super) async fn page(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Refused> {
    let visitor = sent_to_centre(&app, &headers).map_err(|refused| {
        let texts = Texts { japanese: crate::api::prefers_japanese(&headers) };
        refused.on_page(texts)
    })?;
    let (visit, texts) = (&visitor.visit, visitor.texts);
    let now = (app.clock)();
    let refused = |error| Refused::new(error, texts).on_page(texts);
    let has = app.proofs.authenticators(&visit.customer).await.map_err(refused)?;
    let signals = app.proofs.signals(&visit.customer).await.map_err(refused)?;
    let reports = app.proofs.reports(&visit.customer).await.map_err(refused)?;
    let recent = match app.proofs.may_look(&visit.customer) {
        true => Some(recent(&app, &visit.customer, now).await.map_err(refused)?),
        false => None,
    };
    let confirm = match app.proofs.confirms_by(&visit.customer).await.map_err(refused)? {
        ConfirmedBy::Nothing => None,
        ConfirmedBy::Passkey | ConfirmedBy::NewPasskey => Some(texts.of("security.confirm_text")),
        ConfirmedBy::Challenge => Some(texts.of("security.confirm_otherwise")),
    };
    let rows = has.iter().map(|each| Row {
        id: each.id.clone(),
        method: texts.of_word("method", each.method),
        name: shown_name(&each.name, texts),
        made: texts.time(each.made),
        used: each.used.map(|used| texts.time(used)),
        cooling: each.counts_from.filter(|from| now < *from).map(|from| texts.time(from)),
        ends: each.ends.map(|ends| texts.time(ends)),
        left: each.left,
        cloned: each.cloned.is_some(),
        in_doubt: each.in_doubt,
    });
    let page = SecurityPage {
        texts,
        name: &app.proofs.settings().name,
        customer: visible(visit.customer.as_str()),
        centre: Centre::new(recent.as_ref(), reports.locked(), app.observer.intel(), now, texts),
        support: app.proofs.settings().support.as_deref(),
        authenticators: rows.collect(),
        devices: Devices::new(&app, visit, texts).await.map_err(refused)?,
        signals: serde_json::to_string(&signals).unwrap_or_default(),
        has_passkey: has.iter().any(|each| each.method == "passkey"),
        confirm,
        back: visit.return_to.clone(),
        visit: visit.tag(),
    };
    Ok(rendered(&page).into_response())
}

/// A name that nobody gave is told in the page's language.
fn shown_name(name: &str, texts: Texts) -> String {
    let both = [true, false].map(|japanese| Texts { japanese });
    let given = [PASSKEY_NAME, APP_NAME, RECOVERY_NAME]
        .into_iter()
        .find(|key| both.iter().any(|each| each.of(key) == name));
    given.map_or_else(|| visible_name(name), |key| texts.of(key).to_owned())
}

/// Proves by a passkey that the customer means one change: the script brings what it is given with that change.
pub(super) async fn confirm(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, ConfirmationSent) = acting_in_centre(&app, request).await?;
    let refused = |error| Refused::new(error, visitor.texts);
    let change = sent.change.action(&app, &visitor).await.map_err(refused)?;
    let Some(credential) = sent.credential else {
        let told = match app.proofs.begin_confirmation(&visitor.visit, change).await.map_err(refused)? {
            Confirming::Passkey(options) => json!({ "options": options }),
            Confirming::Challenge(shown) => json!({ "challenge": shown.id, "page": shown.page }),
        };
        return Ok(Json(told).into_response());
    };
    let proof = app
        .proofs
        .end_confirmation(&app.observer, &visitor.visit, credential, change)
        .await
        .map_err(refused)?;
    let mut response = Json(json!({ "proof": proof })).into_response();
    keep_browser(&app.proofs, &visitor, &mut response).await;
    Ok(response)
}

/// Enrols a passkey.
pub(super) async fn passkey(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, CredentialSent) = acting_in_centre(&app, request).await?;
    let texts = visitor.texts;
    let (name, refused) = (texts.of(PASSKEY_NAME), |error| Refused::new(error, texts));
    let visit = ChangeSent::Enrol.confirmed(&app, &visitor, sent.proof.as_deref()).await.map_err(refused)?;
    let Some(credential) = sent.credential else {
        let options = app.proofs.begin_passkey(&visit, name).await.map_err(refused)?;
        return Ok(Json(json!({ "options": options })).into_response());
    };
    app.proofs.end_passkey(&app.observer, &visit, credential, name).await.map_err(refused)?;
    Ok(said(texts.of("security.added")))
}

/// Enrols an authenticator app: first its secret, as text and as a picture, then a code of it.
pub(super) async fn totp(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, TotpSent) = acting_in_centre(&app, request).await?;
    let texts = visitor.texts;
    let (name, refused) = (texts.of(APP_NAME), |error| Refused::new(error, texts));
    let visit = ChangeSent::Totp.confirmed(&app, &visitor, sent.proof.as_deref()).await.map_err(refused)?;
    let (token, code) = match (sent.token, sent.code) {
        (Some(token), Some(code)) => (token, code),
        (Some(_), None) => return Err(refused(ProofError::invalid("code", "is missing"))),
        (None, Some(_)) => return Err(refused(ProofError::invalid("token", "is missing"))),
        (None, None) => return begin_totp(&app, &visit, texts).await.map_err(refused),
    };
    app.proofs.end_totp(&app.observer, &visit, &token, &code, name).await.map_err(refused)?;
    Ok(said(texts.of("security.added")))
}

/// What the page shows of an app's secret.
async fn begin_totp(app: &App, visit: &Visit, texts: Texts) -> Result<Response, ProofError> {
    let begun = app.proofs.begin_totp(visit, texts.of(APP_NAME)).await?;
    let picture = QrCode::new(begun.uri.as_bytes())
        .map(|code| code.render::<svg::Color<'_>>().min_dimensions(220, 220).build())
        .unwrap_or_default();
    let told = json!({ "token": begun.token, "secret": begun.secret, "uri": begun.uri, "picture": picture });
    Ok(Json(told).into_response())
}

/// Makes recovery codes.
pub(super) async fn recovery(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, RecoverySent) = acting_in_centre(&app, request).await?;
    let texts = visitor.texts;
    let refused = |error| Refused::new(error, texts);
    let visit =
        ChangeSent::Recovery.confirmed(&app, &visitor, sent.proof.as_deref()).await.map_err(refused)?;
    let made = app.proofs.make_recovery(&app.observer, &visit, texts.of(RECOVERY_NAME)).await;
    let codes = made.map_err(refused)?;
    Ok(Json(json!({ "text": texts.of("security.codes_once"), "codes": codes })).into_response())
}

/// Gives one another name.
pub(super) async fn rename(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, OneSent) = acting_in_centre(&app, request).await?;
    let refused = |error| Refused::new(error, visitor.texts);
    let id = parse_authenticator_id(&sent.id).ok_or_else(|| refused(ProofError::Absent("authenticator")))?;
    let name = sent.name.unwrap_or_default();
    app.proofs.rename(&visitor.visit, id, &name).await.map_err(refused)?;
    Ok(said(visitor.texts.of("security.renamed")))
}

/// Removes one.
pub(super) async fn remove(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, OneSent) = acting_in_centre(&app, request).await?;
    let refused = |error| Refused::new(error, visitor.texts);
    let id = parse_authenticator_id(&sent.id).ok_or_else(|| refused(ProofError::Absent("authenticator")))?;
    let change = ChangeSent::Remove { id: sent.id };
    let visit = change.confirmed(&app, &visitor, sent.proof.as_deref()).await.map_err(refused)?;
    app.proofs.remove(&app.observer, &visit, id).await.map_err(refused)?;
    Ok(said(visitor.texts.of("security.removed")))
}

pub(super) fn said(text: &str) -> Response {
    Json(json!({ "text": text })).into_response()
}
