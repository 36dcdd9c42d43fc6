//! `POST /v1/decide`: one event in, a decision out. Recorded and durable before it is answered; the same event again gets the
//! same answer.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use engine::input::Body;
use memchr::memmem::Finder;
use model::Event;
use serde::Serialize;
use std::sync::{Arc, LazyLock};
use stepup::Action;
use utoipa::ToSchema;

use super::event_sent::EventSent;
use super::events::{reported, with_notice};
use super::openapi::Refused;
use super::parts::not_json;
use super::problem::{self, Problem};
use super::{App, prefers_japanese, read_body};
use crate::keys::Role;
use crate::proof::AskedProof;
use crate::sequencer::{ANSWER_WAIT_MAX, Answered, Answering, Ask};

/// Where decisions are asked for.
pub(super) const PATH: &str = "/v1/decide";

/// Says that the answer was given before.
const REPEATED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A decision.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "w-1", "decision": "step_up", "score": 0, "policy": 1, "seq": 2,
    "challenge": {"id": "ch_q83vEjRWeJCrze8SNFZ4kA", "page": "/verify/ch_q83vEjRWeJCrze8SNFZ4kA"},
    "reasons": [{"signal": "match.history_ip", "rule": "money_needs_proof", "points": 0, "text": "普段と異なる環境からの出金です"}],
}))]
pub struct DecisionForm {
    /// The event.
    id: String,
    /// `allow`, `step_up` (after proof), `hold` (let it wait) or `deny`.
    decision: String,
    /// Points of the rules that fired, at most 100.
    score: u16,
    /// The rules that fired.
    reasons: Vec<ReasonForm>,
    /// Rules in shadow that would have fired.
    #[schema(required = false)]
    shadow: Vec<ReasonForm>,
    /// Where proof is asked for: what the customer is to answer. Redeem it right before the event is done. Absent if the event names
    /// nobody, or nothing can be kept just now: the same event again then gets it.
    challenge: Option<AskedProof>,
    /// Where proof is asked for and the event says too little for one that is good for it alone: what is missing, `amount` and
    /// `bank_account`, say. Tell it with `POST /v1/challenges`.
    #[schema(required = false)]
    challenge_needs: Vec<String>,
    /// Where it is held.
    hold: Option<HeldForm>,
    /// The policy's version.
    policy: u32,
    /// The event's place in the journal.
    seq: u64,
}

/// A rule that fired.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReasonForm {
    /// The first signal that its condition asks for, as it is written; absent where it asks for none.
    signal: Option<String>,
    /// Its name.
    rule: String,
    /// Points it gave.
    points: u16,
    /// The reason in words, in the language that was asked for.
    text: String,
}

/// For how long something is held.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldForm {
    /// Until then, if nobody settles it.
    #[schema(format = DateTime)]
    until: String,
}

/// What to do about an event: usually before it is done, with outcome `attempted`.
#[utoipa::path(
    post, operation_id = "decide", path = "/v1/decide", tag = "send", request_body = EventSent,
    params(("Accept-Language" = Option<String>, Header, description = "`en` for reasons in English; else Japanese")),
    responses(
        (status = 200, body = DecisionForm, description = "The decision, durable", headers(
            ("Idempotent-Replayed" = String, description = "`true` where the event came before and is answered as then"),
        )),
        (status = 400, body = Problem, content_type = "application/problem+json",
         description = "The body is no JSON"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "The id came before with other content, or as a fact"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn decide(app: &Arc<App>, request: Request) -> Result<Response, Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let japanese = prefers_japanese(request.headers());
    let body = read_body(request, Event::BYTES_MAX).await?;
    let (asked, answering) = ask(app, &body, japanese)?;
    let mut answered = app.sequencer.answered(answering, ANSWER_WAIT_MAX).await?;
    if asks_for_proof(&answered.json) {
        // In a place of its own, see `Front::answer`.
        Box::pin(add_proof(app, &asked.id, asked.action, &mut answered)).await;
    }
    let mut response = ([(header::CONTENT_TYPE, "application/json")], answered.json).into_response();
    if answered.again {
        response.headers_mut().insert(REPEATED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// A question under way: what its proof would be of.
struct Asked {
    id: String,
    action: Option<Action>,
}

/// Puts the question. Boxed, as it waits through the answer.
fn ask(app: &Arc<App>, body: &[u8], japanese: bool) -> Result<(Box<Asked>, Answering), Problem> {
    let event = Event::from_json(body)
        .map_err(|invalid| not_json(body).unwrap_or_else(|| Problem::invalid_event(invalid)))?;
    let asked = Box::new(Asked { id: event.id.as_str().to_owned(), action: app.proofs.action(&event) });
    let reported = reported(&event);
    let observed = app.observer.observe(event, true, (app.clock)());
    let (observed, digest) = observed.map_err(Problem::invalid_event)?;
    let body = Body::Event(Box::new(observed));
    let (ask, answering) = Ask::new(Some(asked.id.clone()), digest, body, japanese)?;
    app.sequencer.send(ask)?;
    Ok((asked, with_notice(app, reported, answering)))
}

/// Adds to an answer that [asks for proof](asks_for_proof) the challenge by which it is given, or what has to be told for one; gives the
/// challenge's identifier.
///
/// The decision is durable: it is told, though nothing may be kept for its proof just now. Who asks again gets both.
pub(super) async fn add_proof(
    app: &App,
    id: &str,
    action: Option<Action>,
    answered: &mut Answered,
) -> Option<String> {
    let action = action?;
    let missing = action.missing();
    if !missing.is_empty() {
        add(&mut answered.json, b",\"challenge_needs\":", &missing);
        return None;
    }
    let challenge = app.proofs.for_decision(id, action, answered).await.ok()?;
    add(&mut answered.json, b",\"challenge\":", &challenge);
    Some(challenge.id)
}

/// Whether an answer of the journal asks for proof. It begins with the event's identifier, in which no quotation mark stands bare.
pub(super) fn asks_for_proof(json: &[u8]) -> bool {
    const STEP_UP: &[u8] = b"\",\"decision\":\"step_up\",";
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(STEP_UP));
    FINDER.find(json).is_some()
}

/// Adds a member to an answer: a JSON object that is not empty.
fn add(json: &mut Vec<u8>, name: &[u8], value: &impl Serialize) {
    if let (Some(b'}'), Ok(value)) = (json.last(), serde_json::to_vec(value)) {
        json.pop();
        json.extend_from_slice(name);
        json.extend_from_slice(&value);
        json.push(b'}');
    }
}

/// The same path with another method.
pub(super) async fn other_method() -> Response {
    ([(header::ALLOW, "POST")], problem::method_not_allowed().await).into_response()
}
