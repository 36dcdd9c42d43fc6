//! How a page knows its customer: the link of the broker's site becomes a visit, the visit a cookie. Must not know the pages.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::CustomerId;
use serde::de::DeserializeOwned;

use super::texts::Texts;
use super::{BODY_BYTES_MAX, Refused};
use crate::api::App;
use crate::proof::{Page, ProofError, Proofs, Visit};

/// By which a page's script says for which visit the page was made.
const VISIT_HEADER: &str = "x-sekisho-visit";
const VISIT_COOKIE: &str = "sekisho_visit";
const BROWSER_COOKIE: &str = "sekisho_browser";
/// Customers that one browser keeps.
const BROWSERS_MAX: usize = 10;
const VISIT_SECONDS: u32 = 15 * 60;
const BROWSER_SECONDS: u32 = 400 * 24 * 60 * 60;

/// Somebody on a page.
pub(super) struct Visitor {
    pub(super) visit: Visit,
    pub(super) texts: Texts,
    /// What their browser kept of an earlier proof.
    pub(super) browser: Option<String>,
    /// Cookies that it keeps for other customers, the oldest first as browsers send them.
    others: Vec<String>,
}

/// `GET /enter?token=…`
pub(super) async fn enter(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    // Who looks whether a link is good, without following it, uses nothing up.
    if request.method() == Method::HEAD {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let texts = asked_language(request.headers());
    let query = request.uri().query().unwrap_or("");
    let token = query.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or("");
    let visit = app.proofs.enter(token).await.map_err(|error| Refused::new(error, texts).on_page(texts))?;
    let place = match visit.page {
        Page::Verify(id) => format!("/verify/{id}"),
        Page::Security => "/security".to_owned(),
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(place) = HeaderValue::try_from(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    keep_visit(&app.proofs, &visit, &mut response);
    Ok(response)
}

/// The visitor of a page.
pub(super) fn visitor(app: &App, headers: &HeaderMap) -> Result<Visitor, Refused> {
    let texts = asked_language(headers);
    let token = cookie(headers, &name(&app.proofs, VISIT_COOKIE)).unwrap_or_default();
    let visit = app.proofs.visit(&token).map_err(|error| Refused::new(error, texts))?;
    let texts = Texts { japanese: visit.japanese };
    let own = name(&app.proofs, &browser_cookie(&app.proofs, &visit.customer));
    let of_browsers = name(&app.proofs, BROWSER_COOKIE);
    let others = cookies(headers).filter(|(name, _)| name.starts_with(&of_browsers) && *name != own);
    let others = others.map(|(name, _)| name.to_owned()).collect();
    Ok(Visitor { texts, browser: cookie(headers, &own), others, visit })
}

/// A visitor whom the broker's site sent to the security centre: who was sent to a challenge sees and changes nothing else. The site may
/// send only those there who proved themselves just now, and whoever is in a session has a challenge by asking for anything.
pub(super) fn sent_to_centre(app: &App, headers: &HeaderMap) -> Result<Visitor, Refused> {
    let visitor = visitor(app, headers)?;
    match visitor.visit.page {
        Page::Security => Ok(visitor),
        Page::Verify(_) => Err(Refused::new(ProofError::Visit, visitor.texts)),
    }
}

/// The same who does something, and what they send.
pub(super) async fn acting_in_centre<T: DeserializeOwned>(
    app: &App,
    request: Request,
) -> Result<(Visitor, T), Refused> {
    sent_to_centre(app, request.headers())?;
    acting(app, request).await
}

/// The visitor who does something, and what they send. Only pages of this origin may.
pub(super) async fn acting<T: DeserializeOwned>(
    app: &App,
    request: Request,
) -> Result<(Visitor, T), Refused> {
    let visitor = visitor(app, request.headers())?;
    let refused = || Refused::new(ProofError::Visit, visitor.texts);
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    if origin != Some(app.proofs.settings().origin.as_str()) {
        return Err(refused());
    }
    // Another visit began in this browser since the page was made: what its customer pressed is not meant for that one's.
    let told = request.headers().get(VISIT_HEADER).and_then(|tag| tag.to_str().ok());
    if told.is_some_and(|told| told != visitor.visit.tag()) {
        return Err(refused());
    }
    let body: Bytes = crate::api::read_body(request, BODY_BYTES_MAX).await.map_err(|_problem| refused())?;
    let sent = serde_json::from_slice(&body);
    let sent =
        sent.map_err(|error| Refused::new(ProofError::invalid(".", error.to_string()), visitor.texts))?;
    Ok((visitor, sent))
}

/// Keeps a visit in its browser.
pub(super) fn keep_visit(proofs: &Proofs, visit: &Visit, response: &mut Response) {
    if let Some(token) = proofs.visit_token(visit) {
        keep(proofs, &name(proofs, VISIT_COOKIE), &token, VISIT_SECONDS, response);
    }
}

/// Keeps in a browser that its customer proved themselves in it.
pub(super) async fn keep_browser(proofs: &Proofs, visitor: &Visitor, response: &mut Response) {
    let browser = visitor.browser.as_deref();
    if let Some(token) = proofs.new_browser_token(&visitor.visit.customer, browser).await {
        let cookie = browser_cookie(proofs, &visitor.visit.customer);
        keep(proofs, &name(proofs, &cookie), &token, BROWSER_SECONDS, response);
        // A browser that many share would send more and more with each request, until somebody in between refuses it.
        let many = visitor.others.len().saturating_sub(BROWSERS_MAX - 1);
        visitor.others.iter().take(many).for_each(|gone| keep(proofs, gone, "", 0, response));
    }
}

/// One for each customer: those who share a browser do not make strangers of each other.
fn browser_cookie(proofs: &Proofs, customer: &CustomerId) -> String {
    format!("{BROWSER_COOKIE}_{}", proofs.mark(customer))
}

fn keep(proofs: &Proofs, cookie: &str, value: &str, seconds: u32, response: &mut Response) {
    let secure = if proofs.settings().is_https() { "; Secure" } else { "" };
    let cookie = format!("{cookie}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// With the prefix by which browsers take a cookie from this host alone.
fn name(proofs: &Proofs, cookie: &str) -> String {
    if proofs.settings().is_https() { format!("__Host-{cookie}") } else { cookie.to_owned() }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    cookies(headers).find(|(each, _)| *each == name).map(|(_, value)| value.to_owned())
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

fn asked_language(headers: &HeaderMap) -> Texts {
    Texts { japanese: crate::api::prefers_japanese(headers) }
}
