//! `POST /v1/decide`: one event in, a decision out. Recorded and durable before it is answered; the same event again gets the
//! same answer.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use engine::input::Body;
use model::Event;

use super::problem::Problem;
use super::{App, prefers_japanese};
use crate::keys::Role;

/// Says that the answer was given before.
const REPEATED: HeaderName = HeaderName::from_static("idempotent-replayed");

pub(super) async fn decide(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    app.authorize(&headers, Role::may_send)?;
    let body = body.map_err(|_rejected| {
        Problem::too_large(format!("allowed: one event of at most {} bytes", Event::BYTES_MAX))
    })?;
    let event = Event::from_json(&body).map_err(Problem::invalid_event)?;
    let id = event.id.as_str().to_owned();
    let observed = app.observer.observe(event, true, (app.clock)());
    let (observed, digest) = observed.map_err(Problem::invalid_event)?;
    let body = Body::Event(Box::new(observed));
    let answered = app.sequencer.ask(Some(id), digest, body, prefers_japanese(&headers)).await?;
    let mut response = ([(header::CONTENT_TYPE, "application/json")], answered.json).into_response();
    if answered.again {
        response.headers_mut().insert(REPEATED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
