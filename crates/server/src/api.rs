//! The HTTP API, version 1: a file a noun. Handlers authorize, read and check, ask, respond; what it means is elsewhere.
//!
//! Every body, batch and wait has a limit; what exceeds it gets a problem document (RFC 9457) that says what is allowed.

mod actions;
mod audit;
mod authenticators;
mod backtests;
mod calls;
mod campaigns;
mod challenges;
mod customers;
pub mod decide;
mod decisions;
mod devices;
pub(crate) mod event_form;
mod event_list;
mod event_sent;
pub mod events;
mod examples;
mod explanations;
mod finding_form;
mod findings;
pub mod forward;
mod handovers;
pub mod health;
pub(crate) mod holds;
mod ips;
mod jobs;
mod lists;
mod locks;
mod mask;
mod openapi;
mod papers;
mod parts;
mod passwords;
mod policies;
pub mod problem;
mod profiles;
mod sign_ins;
mod sweeps;
pub mod traffic;
mod well_known;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::middleware;
use axum::response::Response;
use axum::routing::{any, delete, get, post, put};
use tower_service::Service as _;

use self::problem::Problem;
use self::traffic::Traffic;
use crate::backtests::Backtests;
use crate::explanations::Explanations;
use crate::indexer::Indexer;
use crate::keys::{Holder, Keys, Role};
use crate::observe::Observer;
use crate::passwords::Passwords;
use crate::proof::Proofs;
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
    /// Policies tried on the journal.
    pub(crate) backtests: Arc<Backtests>,
    /// Decisions taken apart.
    pub(crate) explanations: Arc<Explanations>,
    /// Challenges, and what customers answer them with.
    pub(crate) proofs: Arc<Proofs>,
    /// Held by whoever changes lists.
    pub changing_lists: Arc<tokio::sync::Mutex<()>>,
    /// Held by whoever changes the candidate on trial.
    pub changing_shadow: Arc<tokio::sync::Mutex<()>>,
    /// Candidate passwords.
    pub(crate) passwords: Arc<Passwords>,
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
    (json.into(), Traffic::new(openapi::operations(&document), openapi::without_query(&document)))
}

/// What answers requests: everything by its route, but the question that is asked thousands of times a second. A router with
/// all its layers costs as much as reading an event.
#[derive(Clone)]
pub struct Front {
    app: Arc<App>,
    routes: Router,
}

impl Front {
    /// Everything under `app`.
    #[must_use]
    pub fn new(app: App) -> Self {
        // Cloned for every request.
        let app = Arc::new(app);
        Self { routes: routes(Arc::clone(&app)), app }
    }

    /// Answers a request.
    pub fn answer(&self, request: Request) -> impl Future<Output = Response> + Send + use<> {
        let asks = request.method() == Method::POST && request.uri().path() == decide::PATH;
        let app = Arc::clone(&self.app);
        let mut routes = (!asks).then(|| self.routes.clone());
        async move {
            match &mut routes {
                None => traffic::observe_decide(app, request).await,
                // A router is always ready. What it answers with is in a place of its own: this here is moved several times
                // before it begins, and is kept small.
                Some(routes) => Box::pin(routes.call(request)).await.unwrap_or_else(|never| match never {}),
            }
        }
    }
}

/// The routes. Asking for a decision is not among them, see [`Front`]; asking for one in another way is an error as any.
fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route(decide::PATH, any(decide::other_method))
        .route("/v1/events", post(events::events).get(event_list::list))
        .route("/v1/decisions/{id}", get(decisions::get))
        .route("/v1/decisions/{id}/explain", get(explanations::get))
        .route("/v1/customers/{id}", get(customers::get).put(profiles::put))
        .route("/v1/customers/{id}/unmask", post(profiles::unmask))
        .route("/v1/passwords/check", post(passwords::check))
        .route("/v1/mask", post(mask::post))
        .route("/v1/customers/{id}/unlock", post(locks::unlock))
        .route("/v1/customers/{id}/authenticators", get(authenticators::list))
        .route("/v1/customers/{id}/authenticators/{authenticator}/remove", post(authenticators::remove))
        .route("/v1/customers/{id}/passkeys", post(authenticators::enrol))
        .route("/v1/customers/{id}/devices", get(devices::list).post(devices::register))
        .route("/v1/customers/{id}/devices/{device}/presence", post(devices::presence))
        .route("/v1/customers/{id}/devices/{device}/remove", post(devices::remove))
        .route("/v1/customers/{id}/only-own-devices", put(devices::only))
        .route("/v1/challenges", post(challenges::post))
        .route("/v1/challenges/{id}", get(challenges::get))
        .route("/v1/challenges/{id}/redeem", post(challenges::redeem))
        .route("/v1/challenges/{id}/answer", post(challenges::answer))
        .route("/v1/challenges/{id}/passkey", post(challenges::passkey))
        .route("/v1/challenges/{id}/send", post(challenges::send))
        .route("/v1/challenges/{id}/call", post(challenges::call))
        .route("/v1/challenges/{id}/paper", post(papers::post))
        .route("/v1/calls", get(calls::list))
        .route("/v1/calls/{number}", get(calls::get))
        .route("/v1/calls/{number}/unmask", post(calls::unmask))
        .route("/v1/calls/{number}/confirm", post(calls::confirm))
        .route("/v1/calls/{number}/refuse", post(calls::refuse))
        .route("/v1/calls/{number}/unreached", post(calls::unreached))
        .route("/v1/handovers", post(handovers::post))
        .route("/v1/sign-ins", post(sign_ins::post))
        .route("/v1/sign-ins/{id}", post(sign_ins::end))
        .route("/v1/audit", get(audit::list))
        .route("/v1/ips/{ip}", get(ips::get))
        .route("/v1/campaigns", get(campaigns::list))
        .route("/v1/campaigns/{id}", get(campaigns::get))
        .route("/v1/holds", get(holds::list))
        .route("/v1/holds/{id}", get(holds::get))
        .route("/v1/holds/{id}/release", post(holds::release))
        .route("/v1/holds/{id}/refuse", post(holds::refuse))
        .route("/v1/lists", get(lists::list))
        .route("/v1/lists/{name}", get(lists::get).put(lists::put).delete(lists::delete))
        .route("/v1/policies", get(policies::list).post(policies::post))
        .route("/v1/policies/shadow", delete(policies::end_shadow))
        .route("/v1/policies/{version}", get(policies::get))
        .route("/v1/findings", get(findings::list))
        .route("/v1/findings/examine", post(findings::examine))
        .route("/v1/policies/{version}/backtest", post(backtests::post))
        .route("/v1/backtests", get(backtests::list))
        .route("/v1/backtests/{id}", get(backtests::get))
        .route("/v1/backtests/{id}/stop", post(backtests::stop))
        .route("/v1/sweeps", get(sweeps::list).post(sweeps::post))
        .route("/v1/sweeps/{id}", get(sweeps::get))
        .route("/v1/sweeps/{id}/stop", post(sweeps::stop))
        .route("/openapi.json", get(openapi::document))
        .route("/v1/forward/{kind}", any(forward::forward))
        .route("/v1/forward/{kind}/", any(forward::forward_below))
        .route("/v1/forward/{kind}/{*path}", any(forward::forward_below))
        .route("/.well-known/webauthn", get(well_known::webauthn))
        .route("/.well-known/passkey-endpoints", get(well_known::passkey_endpoints))
        .route("/.well-known/jwks.json", get(well_known::jwks))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .merge(crate::pages::routes())
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), traffic::observe))
        .with_state(app)
}

impl App {
    /// Lets a request through if its key allows it.
    fn authorize(&self, headers: &HeaderMap, allows: impl Fn(Role) -> bool) -> Result<Arc<Holder>, Problem> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let scheme = given.and_then(|given| given.split_once(' '));
        let Some((_, key)) = scheme.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
            return Err(Problem::unauthorized("no key came; send the header `Authorization: Bearer KEY`"));
        };
        match self.keys.find(key.trim()) {
            None => Err(Problem::unauthorized(
                "the key is not known; make one: sekisho key create NAME --role sender",
            )),
            Some(holder) if !allows(holder.role) => {
                let role = holder.role;
                let enough: Vec<&str> =
                    Role::ALL.iter().filter(|role| allows(**role)).map(|role| role.as_str()).collect();
                Err(Problem::forbidden(format!(
                    "a key with role `{role}` does not allow this; allowed: {}",
                    enough.join(", ")
                )))
            }
            Some(holder) => Ok(holder),
        }
    }
}

/// The body of a request that was let through, in time and of at most this size.
pub(crate) async fn read_body(request: Request, bytes_max: usize) -> Result<Bytes, Problem> {
    // Unpacking what came would need limits of its own, for bodies that are small anyway.
    if let Some(encoding) = request.headers().get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(Problem::encoded());
    }
    let mut reading = pin!(axum::body::to_bytes(request.into_body(), bytes_max));
    // Nearly always it came with the head; setting a timer would cost more than reading it.
    let first = poll_fn(|context| Poll::Ready(reading.as_mut().poll(context))).await;
    let read = match first {
        Poll::Ready(read) => Ok(read),
        Poll::Pending => tokio::time::timeout(BODY_WAIT_MAX, reading).await,
    };
    match read {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_too_large(&error) => {
            Err(Problem::too_large(format!("the body is too large; allowed: at most {bytes_max} bytes")))
        }
        Ok(Err(_gone)) => Err(Problem::unreadable("the body did not come whole; send it again")),
        Err(_late) => Err(Problem::unreadable(format!(
            "the body did not come within {} seconds",
            BODY_WAIT_MAX.as_secs()
        ))),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>())
}

/// Whether reasons are told in Japanese: unless the request prefers English (RFC 9110 §12.5.4; of equals the first).
pub(crate) fn prefers_japanese(headers: &HeaderMap) -> bool {
    let languages = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (mut wanted, mut japanese) = (0.0, true);
    for range in languages.split(',') {
        let (tag, parameter) = range.split_once(';').unwrap_or((range, "q=1"));
        let weight: f32 = parameter.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(0.0);
        let is = |language: &str| {
            let primary = tag.trim().split('-').next().unwrap_or("");
            primary.eq_ignore_ascii_case(language)
        };
        if weight > wanted && (is("ja") || is("en")) {
            (wanted, japanese) = (weight, is("ja"));
        }
    }
    japanese
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{Front, prefers_japanese};

    /// It is moved, whole, for every question.
    #[test]
    fn what_answers_is_small() {
        fn bytes<A, B, F>(_: impl Fn(A, B) -> F) -> usize {
            size_of::<F>()
        }
        let answering = bytes(Front::answer);
        assert!(answering <= 2_560, "{answering} bytes");
    }

    #[test]
    fn the_language_that_is_wanted_most() {
        for (languages, japanese) in [
            ("", true),
            ("de", true),
            ("en", false),
            ("en-GB,ja;q=0.5", false),
            ("ja,en", true),
            ("de, en", false),
            ("en;q=0,ja", true),
            ("en;q=0", true),
            ("ja;q=0.1, en; q=0.9", false),
            ("ja;q=0.1,en;q=0.9", false),
            ("fr,en;q=0.5,ja;q=0.2", false),
            ("EN-us", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(languages));
            assert_eq!(prefers_japanese(&headers), japanese, "{languages}");
        }
        assert!(prefers_japanese(&HeaderMap::new()));
    }
}
