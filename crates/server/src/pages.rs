//! Pages for customers: one challenge, and what they prove themselves with. Server-rendered, phone first, in Japanese and
//! English, with one script for what only a script can do (passkeys). Must not know what makes a proof right: that is `proof`.
//!
//! Nothing here takes an API key: customers come by a link of the broker's site (`/enter`), which begins a visit kept in a
//! cookie. What changes something is a POST that the same origin sent.

mod assets;
mod centre;
mod changes;
mod devices;
mod origin;
mod picture;
mod prefecture;
mod recent;
mod security;
pub(crate) mod texts;
mod verify;
mod visits;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use stepup::Refusal;

use self::texts::Texts;
use crate::api::App;
use crate::proof::ProofError;

/// Bytes of a body at most: what a browser gives of a passkey is about a thousand.
const BODY_BYTES_MAX: usize = 32 << 10;

/// Nothing from elsewhere, nothing inline, in no frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The routes of the pages.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/enter", get(visits::enter))
        .route("/verify/{id}", get(verify::page))
        .route("/verify/{id}/passkey", post(verify::passkey))
        .route("/verify/{id}/answer", post(verify::answer))
        .route("/verify/{id}/send", post(verify::send))
        .route("/verify/{id}/call", post(verify::call))
        .route("/verify/{id}/status", get(verify::status))
        .route("/verify/{id}/report", post(verify::report))
        .route("/security", get(security::page))
        .route("/security/confirm", post(security::confirm))
        .route("/security/passkey", post(security::passkey))
        .route("/security/totp", post(security::totp))
        .route("/security/recovery", post(security::recovery))
        .route("/security/rename", post(security::rename))
        .route("/security/remove", post(security::remove))
        .route("/security/report", post(centre::report))
        .route("/security/devices", post(devices::add))
        .route("/security/devices/remove", post(devices::remove))
        .route("/security/devices/only", post(devices::only))
        .route("/assets/pages.js", get(assets::script))
        .route("/assets/pages.css", get(assets::style))
        .layer(middleware::from_fn(headers))
}

/// What every answer carries.
async fn headers(request: Request, next: Next) -> Response {
    const ALL: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALL {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What a customer is told that something is not possible: in their words, and without what helps a guesser.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    text: String,
    /// The browser offered a passkey that is none here: it may forget it.
    is_unknown_passkey: bool,
    /// A whole page, or an answer to the script.
    page: Option<Texts>,
}

impl Refused {
    fn new(error: ProofError, texts: Texts) -> Self {
        let (status, text) = match &error {
            ProofError::Refused(refusal) => (StatusCode::CONFLICT, refusal_text(refusal, texts)),
            ProofError::Visit => (StatusCode::FORBIDDEN, texts.of("error.visit").to_owned()),
            ProofError::Absent(_) => (StatusCode::NOT_FOUND, texts.of("error.absent").to_owned()),
            ProofError::Invalid { field, .. } if field == "code" => {
                (StatusCode::UNPROCESSABLE_ENTITY, texts.of("error.app_code").to_owned())
            }
            ProofError::Invalid { field, .. } if field == "name" => {
                (StatusCode::UNPROCESSABLE_ENTITY, texts.of("error.name").to_owned())
            }
            ProofError::Invalid { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, texts.of("error.refused").to_owned())
            }
            ProofError::UnknownPasskey => {
                (StatusCode::UNPROCESSABLE_ENTITY, texts.of("error.unknown_passkey").to_owned())
            }
            ProofError::Unlisted(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, texts.of("error.unlisted").to_owned())
            }
            ProofError::NoCode => (StatusCode::UNPROCESSABLE_ENTITY, texts.of("error.no_code").to_owned()),
            ProofError::NoRecoveryCode => {
                (StatusCode::UNPROCESSABLE_ENTITY, texts.of("error.no_recovery_code").to_owned())
            }
            ProofError::TooOften(_) => (StatusCode::TOO_MANY_REQUESTS, texts.of("error.later").to_owned()),
            ProofError::Locked => (StatusCode::CONFLICT, texts.of("error.locked").to_owned()),
            ProofError::Conflict(_) => (StatusCode::CONFLICT, texts.of("error.again").to_owned()),
            ProofError::OtherDevice => (StatusCode::CONFLICT, texts.of("error.other_device").to_owned()),
            ProofError::LastDevice => (StatusCode::CONFLICT, texts.of("error.last_device").to_owned()),
            ProofError::NoContact(_) => (StatusCode::CONFLICT, texts.of("error.no_contact").to_owned()),
            ProofError::Busy | ProofError::Broken(_) | ProofError::Ask(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, texts.of("error.later").to_owned())
            }
        };
        let is_unknown_passkey = matches!(error, ProofError::UnknownPasskey);
        Self { status, text, is_unknown_passkey, page: None }
    }

    /// As a page of its own.
    fn on_page(self, texts: Texts) -> Self {
        Self { page: Some(texts), ..self }
    }
}

fn refusal_text(refusal: &Refusal, texts: Texts) -> String {
    match refusal {
        Refusal::Wrong { left: 0 } | Refusal::Standing("failed") => texts.of("error.failed").to_owned(),
        Refusal::Wrong { left } => texts.of("error.wrong").replace("{left}", &left.to_string()),
        Refusal::Wait { until, .. } => texts.of("error.wait").replace("{time}", &texts.clock(*until)),
        Refusal::AskedLately { until, .. } => {
            texts.of("error.lately").replace("{time}", &texts.until(*until))
        }
        Refusal::SentEnough => texts.of("error.enough").to_owned(),
        Refusal::Cooling { until, .. } => texts.of("error.cooling").replace("{time}", &texts.time(*until)),
        Refusal::Expired { .. } | Refusal::Standing("expired") => texts.of("error.expired").to_owned(),
        Refusal::Standing("reported") => texts.of("error.reported").to_owned(),
        Refusal::Standing(_) => texts.of("error.over").to_owned(),
        Refusal::Method(_)
        | Refusal::OtherAction { .. }
        | Refusal::NotBack
        | Refusal::Call(_)
        | Refusal::NotCalled { .. }
        | Refusal::SamePerson { .. }
        | Refusal::OtherForm { .. } => texts.of("error.refused").to_owned(),
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self.page {
            None => {
                let told =
                    serde_json::json!({ "text": self.text, "unknown_passkey": self.is_unknown_passkey });
                (self.status, axum::Json(told)).into_response()
            }
            Some(texts) => {
                let page = MessagePage { texts, title: texts.of("error.title"), text: &self.text };
                (self.status, rendered(&page)).into_response()
            }
        }
    }
}

/// A page that only says something.
#[derive(askama::Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    texts: Texts,
    title: &'a str,
    text: &'a str,
}

fn rendered(page: &impl askama::Template) -> Html<String> {
    // Rendering into a string fails only where a template's own filters do; there are none.
    Html(page.render().unwrap_or_default())
}
