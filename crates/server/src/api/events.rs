//! `POST /v1/events`: facts without a question, NDJSON or a JSON array. Good ones are recorded, bad ones listed by line;
//! nothing is dropped silently.

use axum::Json;
use axum::extract::{Request, State};
use engine::input::Body;
use model::{CustomerId, Event, EventKind, Invalid, Time};
use serde::Serialize;
use serde::de::{SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

use super::event_sent::EventSent;
use super::openapi::Refused;
use super::problem::Problem;
use super::{App, BATCH_BYTES_MAX, BATCH_EVENTS_MAX, read_body};
use crate::keys::Role;
use crate::sequencer::{ANSWER_WAIT_MAX, Answering, Ask, AskError};

/// Events of one batch in the sequencer's queue at once.
const PART_EVENTS: usize = 512;

/// Events, one a line.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, pattern = r"\S")]
#[expect(dead_code, reason = "only a description")]
struct Lines(String);

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"accepted": 1, "repeated": 0, "rejected": [{"line": 2, "type": "urn:sekisho:problem:invalid-event", "field": "time", "detail": "…", "retry": false}]}))]
pub struct BatchResult {
    /// Events recorded by this request.
    accepted: u64,
    /// Events that had been recorded before.
    repeated: u64,
    /// Events that were not taken, each with its reason.
    rejected: Vec<RejectedEvent>,
}

/// An event that was not taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectedEvent {
    /// Its line, or its place in the array, from 1.
    line: usize,
    /// Stable name of the problem, as in problem documents.
    r#type: &'static str,
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

/// Facts without a question: NDJSON, or a JSON array. Good ones are recorded even if others are rejected.
#[utoipa::path(
    post, operation_id = "events_send", path = "/v1/events", tag = "send",
    request_body(
        content(
            (Vec<EventSent> = "application/json"),
            (Lines = "application/x-ndjson"),
        ),
        description = "At most 10,000 events and 8 MiB",
    ),
    responses(
        (status = 200, body = BatchResult, description = "What became of each event"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        Refused,
    ),
)]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<BatchResult>, Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let body = read_body(request, BATCH_BYTES_MAX).await?;
    let lines = split(&body)?;
    let mut result = BatchResult { accepted: 0, repeated: 0, rejected: Vec::new() };
    // Why some could not be taken though nothing is wrong with them.
    let mut trouble = None;
    // Of what went together one answer is late with the others, and so is what comes behind it.
    let mut wait = ANSWER_WAIT_MAX;
    // Part by part, so that a batch takes up only a part of the queue, and its events stay in order.
    for part in lines.chunks(PART_EVENTS) {
        if wait.is_zero() {
            part.iter().for_each(|(line, _)| result.not_taken(*line, AskError::Late, &mut trouble));
            continue;
        }
        let mut waiting: Vec<Waiting> = Vec::with_capacity(part.len());
        for (line, json) in part {
            match send(&app, json) {
                Ok((reported, answer)) => waiting.push((*line, with_notice(&app, reported, answer))),
                Err(NotSent::Invalid(invalid)) => {
                    result.reject(*line, Problem::invalid_event(invalid), false)
                }
                Err(NotSent::Ask(error)) => result.not_taken(*line, error, &mut trouble),
            }
        }
        for (line, answer) in waiting {
            match app.sequencer.answered(answer, wait).await {
                Ok(answered) if answered.again => result.repeated += 1,
                Ok(_) => result.accepted += 1,
                Err(error) => {
                    if error == AskError::Late {
                        wait = Duration::ZERO;
                    }
                    result.not_taken(line, error, &mut trouble);
                }
            }
        }
    }
    if let Some(error) = trouble.filter(|_| result.accepted == 0 && result.repeated == 0) {
        return Err(error.into());
    }
    result.rejected.sort_by_key(|rejected| rejected.line);
    Ok(Json(result))
}

/// Who reported, and when. They are told so wherever they did: it may have been somebody else.
pub(super) fn reported(event: &Event) -> Option<(CustomerId, Time)> {
    let is_report = event.kind == EventKind::CustomerReport;
    event.customer.clone().filter(|_| is_report).map(|customer| (customer, event.time))
}

/// The same answer, behind the notice to a customer who reported: they are told even if nobody waits for the answer.
pub(super) fn with_notice(
    app: &Arc<App>,
    reported: Option<(CustomerId, Time)>,
    answer: Answering,
) -> Answering {
    let Some((customer, time)) = reported else { return answer };
    let (noticed, answering) = tokio::sync::oneshot::channel();
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let Ok(answered) = answer.await else { return };
        if answered.as_ref().is_ok_and(|answered| !answered.again) {
            app.proofs.notify_told(&customer, EventKind::CustomerReport, time).await;
        }
        // Nobody may be waiting any more.
        let _unheard = noticed.send(answered);
    });
    answering
}

enum NotSent {
    Invalid(Invalid),
    Ask(AskError),
}

fn send(app: &App, json: &[u8]) -> Result<(Option<(CustomerId, Time)>, Answering), NotSent> {
    let event = Event::from_json(json).map_err(NotSent::Invalid)?;
    let reported = reported(&event);
    let id = Some(event.id.as_str().to_owned());
    let observed = app.observer.observe(event, false, (app.clock)());
    let (observed, digest) = observed.map_err(NotSent::Invalid)?;
    let body = Body::Event(Box::new(observed));
    let (ask, answering) = Ask::new(id, digest, body, true).map_err(NotSent::Ask)?;
    app.sequencer.send(ask).map_err(NotSent::Ask)?;
    Ok((reported, answering))
}

impl BatchResult {
    fn not_taken(&mut self, line: usize, error: AskError, trouble: &mut Option<AskError>) {
        let retry = error.may_retry();
        if retry && trouble.is_none() {
            *trouble = Some(error.clone());
        }
        self.reject(line, error.into(), retry);
    }

    fn reject(&mut self, line: usize, problem: Problem, retry: bool) {
        let Problem { r#type, field, detail, .. } = problem;
        self.rejected.push(RejectedEvent { line, r#type, field, detail, retry });
    }
}

impl AskError {
    const fn may_retry(&self) -> bool {
        matches!(self, Self::Busy | Self::Late | Self::Refusing(_))
    }
}

/// What reading an array ends with when it has too many elements.
const TOO_MANY: &str = "too many elements";

fn too_many() -> Problem {
    Problem::too_large(format!(
        "came more than {BATCH_EVENTS_MAX} events; allowed: that many a batch; split it"
    ))
}

/// The elements of an array, up to the limit: an array of millions of tiny ones is not gathered first.
struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = array.next_element()? {
            if elements.len() >= BATCH_EVENTS_MAX {
                return Err(serde::de::Error::custom(TOO_MANY));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

/// The events of a body with their lines, or places in the array.
fn split(body: &[u8]) -> Result<Vec<(usize, &[u8])>, Problem> {
    let start = body.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(body.len());
    let body = body.get(start..).unwrap_or(&[]);
    if body.first() != Some(&b'[') {
        let lines =
            body.split(|byte| *byte == b'\n').zip(1..).map(|(line, number)| (number, line.trim_ascii()));
        let lines: Vec<_> = lines.filter(|(_, line)| !line.is_empty()).take(BATCH_EVENTS_MAX + 1).collect();
        return match lines.len() {
            0 => Err(Problem::unreadable("came without events; allowed: NDJSON or a JSON array of events")),
            1..=BATCH_EVENTS_MAX => Ok(lines),
            _ => Err(too_many()),
        };
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = serde::Deserializer::deserialize_seq(&mut deserializer, Elements);
    let elements = match read.and_then(|elements| deserializer.end().map(|()| elements)) {
        Ok(elements) => elements,
        Err(error) if error.to_string().starts_with(TOO_MANY) => return Err(too_many()),
        Err(error) => {
            let problem = format!("neither NDJSON nor a JSON array of events: {error}");
            return Err(Problem::unreadable(problem));
        }
    };
    Ok(elements.into_iter().zip(1..).map(|(element, place)| (place, element.get().as_bytes())).collect())
}

#[cfg(test)]
mod tests {
    use super::{BATCH_EVENTS_MAX, split};

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
        assert_eq!(numbers("[]"), []);
        // Of nothing at all it is not known whether it is what was meant.
        assert!(split(b"").is_err() && split(b"\r\n \n").is_err());
        assert!(split(b"[{}").is_err());
        assert!(split(b"[{}]]").is_err());
        let of = |count: usize| format!("[{}{{}}]", "{},".repeat(count - 1));
        assert_eq!(split(of(BATCH_EVENTS_MAX).as_bytes()).unwrap().len(), BATCH_EVENTS_MAX);
        let refused = split(of(BATCH_EVENTS_MAX + 1).as_bytes()).unwrap_err();
        assert_eq!(refused.status, 413, "{refused:?}");
        assert_eq!(split("{}\n".repeat(BATCH_EVENTS_MAX + 1).as_bytes()).unwrap_err().status, 413);
    }
}
