//! `POST /v1/customers/{id}/unlock`: a customer who said that it was not them was identified anew. Who says so is noted first; then it is
//! told as the event that it is, a `case.disposition`. Must not know what a lock does: that is policy.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use engine::input::Body;
use engine::key::RecordKey;
use model::event::Reason;
use model::{CustomerId, Disposition, Event, EventKind, Outcome, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::openapi::Refused;
use super::parts::{Named, name, read_json};
use super::problem::Problem;
use crate::keys::Role;

/// Bytes of a body at most.
const BODY_BYTES_MAX: usize = 4 << 10;

/// How it was found out who the customer is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "来店、運転免許証で確認"}))]
pub(super) struct Unlocking {
    /// Kept in the audit beside who did it.
    #[schema(value_type = String, min_length = 1, max_length = 256, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    reason: Reason,
}

/// A customer who is not locked any more.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Unlocked {
    /// The customer.
    customer: String,
    /// The report that was dealt with.
    #[schema(value_type = String, format = DateTime)]
    reported: Time,
    /// The disposition's place in the journal.
    seq: u64,
}

/// Ends what `customer.report` began: the customer was identified anew. Who did it and why is noted first.
#[utoipa::path(
    post, operation_id = "customers_unlock", path = "/v1/customers/{id}/unlock", tag = "customers", request_body = Unlocking,
    params(("id" = String, Path, description = "The broker's identifier",
            max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "C0012345")),
    responses(
        (status = 200, body = Unlocked, description = "What comes next is decided as if nothing had been reported"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "The customer reported nothing, or was identified since"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn unlock(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<Unlocked>, Problem> {
    let actor = app.authorize(request.headers(), Role::may_operate)?;
    let id: CustomerId = name(id)?;
    let Unlocking { reason } = read_json(request, BODY_BYTES_MAX).await?;
    let (key, asked) = (RecordKey::customer(id.as_str()), id.clone());
    let look = move |state: &engine::State, _: &engine::Policy| {
        state.customer(asked.as_str()).and_then(|customer| customer.dealings().reported())
    };
    let reported = app.sequencer.look(vec![key], look).await?.and_then(Time::from_us);
    let Some(reported) = reported else {
        return Err(Problem::conflict("the customer reported nothing, or was identified since"));
    };
    let act = app.act("customer.unlock", id.to_string(), actor.name.clone(), Some(reason)).await?;
    let invalid = |invalid: model::Invalid| Problem::invalid(&invalid.field, invalid.problem);
    // A sender's clock may be ahead: what is known now is dealt with, whatever time it carries.
    let (now, unique) = ((app.clock)(), format!("unlock-{act}"));
    let event_id = unique.parse().map_err(invalid)?;
    let mut event = Event::bare(event_id, now.max(reported), EventKind::CaseDisposition, Outcome::Succeeded);
    event.customer = Some(id.clone());
    event.reason = Some(Disposition::Verified.as_str().parse().map_err(invalid)?);
    let (observed, digest) = app.observer.observe(event, false, now).map_err(invalid)?;
    let body = Body::Event(Box::new(observed));
    let told = app.sequencer.ask(Some(unique), digest, body, false).await?;
    Ok(Json(Unlocked { customer: id.to_string(), reported, seq: told.seq }))
}
