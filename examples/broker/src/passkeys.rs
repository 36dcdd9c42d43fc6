//! Sign-in by passkey on the login page: the browser offers what it has in the field of the name (conditional mediation), or asks for one
//! when the button is pressed. The passkey says who; whether they may is asked like any login.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::EventKind;
use serde_json::{Value, json};

use crate::Site;
use crate::pages::{Asker, Shown, ask};
use crate::protect::{self, Answer};
use crate::texts::Texts;

pub(crate) async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("passkeys.js"))
}

/// What the browser is given.
pub(crate) async fn begin(State(site): State<Arc<Site>>) -> Shown {
    let begun = protect::begin_sign_in(&site).await?;
    Ok(Json(json!({"id": begun.id, "options": begun.options})).into_response())
}

/// What the browser gave: where the customer goes now.
pub(crate) async fn end(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(credential): Json<Value>,
) -> Shown {
    let texts = Texts::of(&headers, None);
    let refused = || (StatusCode::FORBIDDEN, Json(json!({"text": texts.not_signed_in}))).into_response();
    let Some((customer, factor)) = protect::end_sign_in(&site, id, credential).await? else {
        return Ok(refused());
    };
    let asker = Asker::new_session(&headers);
    let mut event = asker.event(&headers, EventKind::Login, &customer)?;
    event.factor = factor;
    let (next, waits) = match ask(&site, &asker, event, texts).await? {
        Answer::Done => ("/home".to_owned(), false),
        Answer::Prove { url, .. } => (url, false),
        Answer::Waits => (String::new(), true),
        Answer::Refused => return Ok(refused()),
    };
    let told = if waits { json!({"text": texts.waits}) } else { json!({ "next": next }) };
    let mut response: Response = Json(told).into_response();
    asker.keep(&mut response)?;
    Ok(response)
}
