//! `POST /v1/decide`: one event in, a decision out. Recorded and durable before it is answered; the same event again gets the
//! same answer.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use engine::input::Body;
use model::Event;

use super::problem::Problem;
use super::{App, prefers_japanese, read_body};
use crate::keys::Role;

/// Says that the answer was given before.
const REPEATED: HeaderName = HeaderName::from_static("idempotent-replayed");

pub(super) async fn decide(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let japanese = prefers_japanese(request.headers());
    let body = read_body(request, Event::BYTES_MAX).await?;
    let event = Event::from_json(&body).map_err(Problem::invalid_event)?;
    let id = event.id.as_str().to_owned();
    let observed = app.observer.observe(event, true, (app.clock)());
    let (observed, digest) = observed.map_err(Problem::invalid_event)?;
    let body = Body::Event(Box::new(observed));
    let answered = app.sequencer.ask(Some(id), digest, body, japanese).await?;
    let mut response = ([(header::CONTENT_TYPE, "application/json")], answered.json).into_response();
    if answered.again {
        response.headers_mut().insert(REPEATED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
