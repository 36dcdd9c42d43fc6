//! `POST /v1/events`: facts without a question, NDJSON or a JSON array. Good ones are recorded, bad ones listed by line;
//! nothing is dropped silently.

use axum::Json;
use axum::extract::{Request, State};
use engine::input::Body;
use model::{Event, Invalid};
use serde::Serialize;

use super::problem::Problem;
use super::{App, BATCH_BYTES_MAX, BATCH_EVENTS_MAX, read_body};
use crate::keys::Role;
use crate::sequencer::{Answering, Ask, AskError};

/// Events of one batch in the sequencer's queue at once.
const PART_EVENTS: usize = 512;

/// What became of a batch.
#[derive(Debug, Serialize)]
pub struct BatchResult {
    /// Events recorded by this request.
    accepted: u64,
    /// Events that had been recorded before.
    repeated: u64,
    /// Events that were not taken, each with its reason.
    rejected: Vec<RejectedEvent>,
}

/// An event that was not taken.
#[derive(Debug, Serialize)]
pub struct RejectedEvent {
    /// Its line, or its place in the array, from 1.
    line: usize,
    /// The field, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What came, what is allowed.
    detail: String,
    /// Whether sending it again may help.
    retry: bool,
}

/// An event on its way: its line, and where its answer comes.
type Waiting = (usize, Answering);

pub(super) async fn events(State(app): State<App>, request: Request) -> Result<Json<BatchResult>, Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let body = read_body(request, BATCH_BYTES_MAX).await?;
    let lines = split(&body)?;
    if lines.len() > BATCH_EVENTS_MAX {
        let detail =
            format!("came more than {BATCH_EVENTS_MAX} events; allowed: that many a batch; split it");
        return Err(Problem::too_large(detail));
    }
    let mut result = BatchResult { accepted: 0, repeated: 0, rejected: Vec::new() };
    // Part by part, so that a batch takes up only a part of the queue, and its events stay in order.
    for part in lines.chunks(PART_EVENTS) {
        let mut waiting: Vec<Waiting> = Vec::with_capacity(part.len());
        for (line, json) in part {
            match send(&app, json) {
                Ok(answer) => waiting.push((*line, answer)),
                Err(Refused::Invalid(invalid)) => {
                    result.reject(*line, Some(invalid.field), invalid.problem, false);
                }
                Err(Refused::Ask(error)) => result.reject(*line, None, error.to_string(), error.may_retry()),
            }
        }
        for (line, answer) in waiting {
            match answer.await.unwrap_or(Err(AskError::Busy)) {
                Ok(answered) if answered.again => result.repeated += 1,
                Ok(_) => result.accepted += 1,
                Err(error) => result.reject(line, None, error.to_string(), error.may_retry()),
            }
        }
    }
    result.rejected.sort_by_key(|rejected| rejected.line);
    Ok(Json(result))
}

enum Refused {
    Invalid(Invalid),
    Ask(AskError),
}

fn send(app: &App, json: &[u8]) -> Result<Answering, Refused> {
    let event = Event::from_json(json).map_err(Refused::Invalid)?;
    let id = Some(event.id.as_str().to_owned());
    let observed = app.observer.observe(event, false, (app.clock)());
    let (observed, digest) = observed.map_err(Refused::Invalid)?;
    let body = Body::Event(Box::new(observed));
    let (ask, answering) = Ask::new(id, digest, body, true).map_err(Refused::Ask)?;
    app.sequencer.send(ask).map_err(Refused::Ask)?;
    Ok(answering)
}

impl BatchResult {
    fn reject(&mut self, line: usize, field: Option<String>, detail: String, retry: bool) {
        self.rejected.push(RejectedEvent { line, field, detail, retry });
    }
}

impl AskError {
    const fn may_retry(&self) -> bool {
        matches!(self, Self::Busy | Self::Refusing(_))
    }
}

/// The events of a body with their lines, or places in the array.
fn split(body: &[u8]) -> Result<Vec<(usize, &[u8])>, Problem> {
    let start = body.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(body.len());
    let body = body.get(start..).unwrap_or(&[]);
    if body.first() != Some(&b'[') {
        let lines =
            body.split(|byte| *byte == b'\n').zip(1..).map(|(line, number)| (number, line.trim_ascii()));
        return Ok(lines.filter(|(_, line)| !line.is_empty()).take(BATCH_EVENTS_MAX + 1).collect());
    }
    let elements: Vec<&serde_json::value::RawValue> = serde_json::from_slice(body).map_err(|error| {
        Problem::unreadable(format!("neither NDJSON nor a JSON array of events: {error}"))
    })?;
    Ok(elements.into_iter().zip(1..).map(|(element, place)| (place, element.get().as_bytes())).collect())
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn lines_and_arrays() {
        let numbers = |body: &str| {
            split(body.as_bytes())
                .unwrap()
                .into_iter()
                .map(|(number, json)| (number, json.len()))
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers("{}\n\n{ }\r\n"), [(1, 2), (3, 3)]);
        assert_eq!(numbers(" [{}, {\"a\":1}]"), [(1, 2), (2, 7)]);
        assert_eq!(numbers(""), []);
        assert!(split(b"[{}").is_err());
    }
}
