//! `GET /v1/decisions/{id}`: a decision as it was given, with its event, and what became of a hold.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use model::Time;
use model::event::EventId;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use utoipa::ToSchema;

use super::App;
use super::event_form::{Decided, EventForm, event};
use super::holds::{HoldState, hold_state};
use super::openapi::Refused;
use super::parts::{Named, name};
use super::problem::Problem;
use crate::keys::Role;
use crate::readers::{ReadError, Reader};
use crate::secret::Secret;

/// A decision, as it was given.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DecisionTold {
    /// The answer, byte for byte.
    #[schema(value_type = super::decide::DecisionForm)]
    decision: Box<RawValue>,
    /// The event it was about.
    event: EventForm,
    /// What became of the hold, where it was held.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<HoldState>,
}

/// What is found under an identifier.
enum Found {
    Decision(Box<DecisionTold>),
    Fact(u64),
    Nothing,
}

/// A decision as it was given, by the identifier of its event.
#[utoipa::path(
    get, operation_id = "decisions_get", path = "/v1/decisions/{id}", tag = "read",
    params(("id" = String, Path, description = "The event's identifier",
            max_length = 128, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "w-1")),
    responses(
        (status = 200, body = DecisionTold, description = "The decision as it was given"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "No such event, or it was told as a fact"),
        Refused,
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    id: Named,
) -> Result<Json<DecisionTold>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let id: EventId = name(id)?;
    let (now, secret, asked) = ((app.clock)(), app.secret.clone(), id.clone());
    let found = app.readers.read(move |reader| find(reader, &secret, &asked, now)).await?;
    match found {
        Found::Decision(decision) => Ok(Json(*decision)),
        Found::Fact(seq) => Err(Problem::absent(format!(
            "the event came as a fact (input {seq}), so nothing was decided; facts are listed at /v1/events"
        ))),
        Found::Nothing => Err(Problem::absent(
            "no event with this id is in the journal; it may be older than the journal, then it is in history",
        )),
    }
}

fn find(reader: &mut Reader, secret: &Secret, id: &EventId, now: Time) -> Result<Found, ReadError> {
    let Some(found) = reader.journal.find(id.as_str())? else { return Ok(Found::Nothing) };
    let Some(entry) = reader.journal.get(found.seq)? else { return Ok(Found::Nothing) };
    let Some((received, observed)) = event(&entry)? else { return Ok(Found::Nothing) };
    if !observed.asked {
        return Ok(Found::Fact(entry.seq));
    }
    let until = Decided::of(&entry).and_then(|decided| decided.held_until());
    let hold = until.map(|until| hold_state(reader, secret, id, until, now)).transpose()?;
    let answer =
        String::from_utf8(entry.answer.clone()).ok().and_then(|text| RawValue::from_string(text).ok());
    let decision = answer.ok_or(ReadError::Unreadable(entry.seq))?;
    let mut event = EventForm::new(&entry, received, &observed);
    // It stands beside the event already.
    event.forget_decision();
    Ok(Found::Decision(Box::new(DecisionTold { decision, event, hold })))
}
