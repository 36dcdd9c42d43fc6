//! The HTTP API, version 1: a file a noun. Handlers authorize, read and check, ask, respond; what it means is elsewhere.
//!
//! Every body, batch and wait has a limit; what exceeds it gets a problem document (RFC 9457) that says what is allowed.

mod campaigns;
mod customers;
pub mod decide;
mod decisions;
mod event_form;
mod event_list;
mod event_sent;
pub mod events;
pub mod forward;
pub mod health;
mod holds;
mod ips;
mod lists;
mod openapi;
mod parts;
mod policies;
pub mod problem;
mod profiles;
mod sweeps;
pub mod traffic;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware;
use axum::routing::{any, delete, get, post};

use self::problem::Problem;
use self::traffic::Traffic;
use crate::indexer::Indexer;
use crate::keys::{Keys, Role};
use crate::observe::Observer;
use crate::readers::Readers;
use crate::secret::Secret;
use crate::sequencer::{Clock, Handle};
use crate::sweeps::Sweeps;

/// Bytes of a batch of events at most.
pub const BATCH_BYTES_MAX: usize = 8 << 20;
/// Events in one batch at most.
pub const BATCH_EVENTS_MAX: usize = 10_000;

/// How long a body may take to come.
const BODY_WAIT_MAX: Duration = Duration::from_secs(30);

/// How often, and how many times, it is looked whether something is durable.
const DURABLE_LOOK: Duration = Duration::from_millis(1);
const DURABLE_LOOKS_MAX: u32 = 5_000;

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
    /// What profiles are sealed with, and settlements named by.
    pub secret: Secret,
    /// What reads for questions.
    pub(crate) readers: Arc<Readers>,
    /// Which inputs concern whom.
    pub(crate) indexer: Arc<Indexer>,
    /// Sweeps over history.
    pub(crate) sweeps: Arc<Sweeps>,
    /// Held by whoever changes lists.
    pub changing_lists: Arc<tokio::sync::Mutex<()>>,
    /// What requests leave behind.
    pub traffic: Arc<Traffic>,
    /// This API, described.
    pub openapi: Arc<str>,
}

/// This API in OpenAPI 3.1, and a place to count each of its operations.
#[must_use]
pub fn description() -> (Arc<str>, Traffic) {
    let document = openapi::openapi();
    let json = document.to_json().unwrap_or_default();
    (json.into(), Traffic::new(openapi::operations(&document)))
}

/// Who asks.
pub(crate) struct Actor {
    /// The name of their key.
    pub(crate) name: String,
}

/// All routes.
pub fn router(app: App) -> Router {
    // Cloned for every request.
    let app = Arc::new(app);
    Router::new()
        .route("/v1/decide", post(decide::decide))
        .route("/v1/events", post(events::events).get(event_list::list))
        .route("/v1/decisions/{id}", get(decisions::get))
        .route("/v1/customers/{id}", get(customers::get).put(profiles::put))
        .route("/v1/ips/{ip}", get(ips::get))
        .route("/v1/campaigns", get(campaigns::list))
        .route("/v1/campaigns/{id}", get(campaigns::get))
        .route("/v1/holds", get(holds::list))
        .route("/v1/holds/{id}/release", post(holds::release))
        .route("/v1/holds/{id}/refuse", post(holds::refuse))
        .route("/v1/lists", get(lists::list))
        .route("/v1/lists/{name}", get(lists::get).put(lists::put).delete(lists::delete))
        .route("/v1/policies", get(policies::list).post(policies::post))
        .route("/v1/policies/shadow", delete(policies::end_shadow))
        .route("/v1/policies/{version}", get(policies::get))
        .route("/v1/sweeps", get(sweeps::list).post(sweeps::post))
        .route("/v1/sweeps/{id}", get(sweeps::get))
        .route("/v1/sweeps/{id}/stop", post(sweeps::stop))
        .route("/openapi.json", get(openapi::document))
        .route("/v1/forward/{kind}", any(forward::forward))
        .route("/v1/forward/{kind}/", any(forward::forward_below))
        .route("/v1/forward/{kind}/{*path}", any(forward::forward_below))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), traffic::observe))
        .with_state(app)
}

impl App {
    /// Lets a request through if its key allows it.
    fn authorize(&self, headers: &HeaderMap, allows: impl Fn(Role) -> bool) -> Result<Actor, Problem> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(key) = given.and_then(|given| given.strip_prefix("Bearer ")) else {
            return Err(Problem::unauthorized("no key came; send the header `Authorization: Bearer KEY`"));
        };
        match self.keys.find(key.trim()) {
            None => Err(Problem::unauthorized(
                "the key is not known; make one: sekisho key create NAME --role sender",
            )),
            Some((_, role)) if !allows(role) => {
                Err(Problem::forbidden(format!("a key with role `{role}` does not allow this")))
            }
            Some((name, _)) => Ok(Actor { name }),
        }
    }
}

impl App {
    /// Waits until what was seen of the state is durable: only then may somebody be told that it is so.
    async fn until_durable(&self, seq: u64) -> Result<(), Problem> {
        for _ in 0..DURABLE_LOOKS_MAX {
            if self.sequencer.gauges().committed.load(Ordering::Acquire) >= seq {
                return Ok(());
            }
            tokio::time::sleep(DURABLE_LOOK).await;
        }
        Err(Problem::not_now("what is so is not durable yet; ask again", 1))
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
