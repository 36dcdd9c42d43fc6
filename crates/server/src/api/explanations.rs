//! `GET /v1/decisions/{id}/explain`: why an event was answered as it was. Must not know how the past is told.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use model::event::EventId;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::App;
use super::openapi::Refused;
use super::parts::{Named, name};
use super::problem::Problem;
use crate::explanations::ExplanationState;
use crate::keys::Role;

/// How long a request waits for its explanation, and how often it looks.
const WAIT_MAX: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// A decision taken apart, or how far that is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExplanationTold {
    /// `waiting`, `running` or `done`.
    state: &'static str,
    /// Inputs and rows of history told so far, while it is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<u64>,
    /// Those to be told; an event of long ago needs fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_read: Option<u64>,
    /// Every signal, rule and point; docs/backtest.md explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::explain::Explanation>)]
    explanation: Option<Box<RawValue>>,
}

/// A decision taken apart: every signal and rule, recomputed from the journal up to its event. That may take longer than a
/// request: ask again with the same identifier until it is done. One is explained at a time, and none beside a back-test: others wait.
#[utoipa::path(
    get, operation_id = "decisions_explain", path = "/v1/decisions/{id}/explain", tag = "read",
    params(("id" = String, Path, description = "The event's identifier",
            max_length = 128, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "w-1")),
    responses(
        (status = 200, body = ExplanationTold, description = "The explanation"),
        (status = 202, body = ExplanationTold, description = "It is being made: ask again"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such event in the journal"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It cannot be explained: what was before it is gone, or takes too much memory"),
        Refused,
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    id: Named,
) -> Result<(StatusCode, Json<ExplanationTold>), Problem> {
    app.authorize(&headers, Role::may_read)?;
    let id: EventId = name(id)?;
    let asked = id.clone();
    // What is not there needs no past to be told.
    let found = app.readers.read(move |reader| Ok(reader.journal.find(asked.as_str())?)).await?;
    if found.is_none() {
        return Err(no_such_event());
    }
    let mut state = ask(&app, &id)?;
    let until = tokio::time::Instant::now() + WAIT_MAX;
    while matches!(state, ExplanationState::Running(_)) && tokio::time::Instant::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
        state = ask(&app, &id)?;
    }
    let (status, told) = match state {
        ExplanationState::Running(reading) => (
            StatusCode::ACCEPTED,
            ExplanationTold {
                // What there is to be told is known when it begins.
                state: if reading.total == 0 { "waiting" } else { "running" },
                read: Some(reading.done),
                to_read: Some(reading.total),
                explanation: None,
            },
        ),
        ExplanationState::Done(None) => return Err(no_such_event()),
        ExplanationState::Done(explanation) => {
            (StatusCode::OK, ExplanationTold { state: "done", read: None, to_read: None, explanation })
        }
        ExplanationState::Failed(problem) => return Err(Problem::conflict(problem)),
    };
    Ok((status, Json(told)))
}

fn ask(app: &App, id: &EventId) -> Result<ExplanationState, Problem> {
    app.explanations.ask(id).map_err(|busy| Problem::not_now(busy.to_string(), 10))
}

fn no_such_event() -> Problem {
    Problem::absent(
        "no event with this id is in the journal; one that is older is in history, which keeps no answers",
    )
}
