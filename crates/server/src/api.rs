//! The HTTP API, version 1: a file a noun. Handlers authorize, read and check, ask, respond; what it means is elsewhere.
//!
//! Every body, batch and wait has a limit; what exceeds it gets a problem document (RFC 9457) that says what is allowed.

pub mod decide;
pub mod events;
pub mod forward;
pub mod health;
pub mod problem;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::routing::{any, get, post};

use self::problem::Problem;
use crate::keys::{Keys, Role};
use crate::observe::Observer;
use crate::sequencer::{Clock, Handle};

/// Bytes of a batch of events at most.
pub const BATCH_BYTES_MAX: usize = 8 << 20;
/// Events in one batch at most.
pub const BATCH_EVENTS_MAX: usize = 10_000;

/// How long a body may take to come.
const BODY_WAIT_MAX: Duration = Duration::from_secs(30);

/// What handlers share.
#[derive(Clone)]
pub struct App {
    /// Where inputs go.
    pub sequencer: Handle,
    /// What completes events.
    pub observer: Arc<Observer>,
    /// Who may ask what.
    pub keys: Arc<Keys>,
    /// The time.
    pub clock: Clock,
}

/// All routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/v1/decide", post(decide::decide))
        .route("/v1/events", post(events::events))
        .route("/v1/forward/{kind}", any(forward::forward))
        .route("/v1/forward/{kind}/", any(forward::forward_below))
        .route("/v1/forward/{kind}/{*path}", any(forward::forward_below))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(app)
}

impl App {
    /// Lets a request through if its key allows it.
    fn authorize(&self, headers: &HeaderMap, allows: impl Fn(Role) -> bool) -> Result<(), Problem> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(key) = given.and_then(|given| given.strip_prefix("Bearer ")) else {
            return Err(Problem::unauthorized("no key came; send the header `Authorization: Bearer KEY`"));
        };
        match self.keys.role(key.trim()) {
            None => Err(Problem::unauthorized(
                "the key is not known; make one: sekisho key create NAME --role sender",
            )),
            Some(role) if !allows(role) => {
                Err(Problem::forbidden(format!("a key with role `{role}` does not allow this")))
            }
            Some(_) => Ok(()),
        }
    }
}

/// The body of a request that was let through, in time and of at most this size.
async fn read_body(request: Request, bytes_max: usize) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(BODY_WAIT_MAX, axum::body::to_bytes(request.into_body(), bytes_max));
    match read.await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_too_large_or_gone)) => Err(Problem::too_large(format!(
            "the body did not come whole; allowed: at most {bytes_max} bytes"
        ))),
        Err(_late) => Err(Problem::unreadable(format!(
            "the body did not come within {} seconds",
            BODY_WAIT_MAX.as_secs()
        ))),
    }
}

/// Whether reasons are told in Japanese: unless the request prefers English.
fn prefers_japanese(headers: &HeaderMap) -> bool {
    let languages = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let first = languages.split([',', ';']).next().unwrap_or("").trim().to_ascii_lowercase();
    !first.starts_with("en")
}
