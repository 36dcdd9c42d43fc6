//! What every request leaves behind: its duration in a histogram, a line in the log, an identifier in its answer. No personal
//! data: the template of a path stands for the path, and queries are not told. Must not know what is asked.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hashbrown::{HashMap, HashSet};

use super::problem::Problem;
use super::{App, decide};
use crate::log::Level;
use crate::sequencer::AskError;

/// Where a request carries its identifier, and its answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Bytes of an identifier that is taken from a request at most.
const REQUEST_ID_BYTES_MAX: usize = 64;
/// The name of requests to paths that do not exist.
const OTHER: &str = "other";
/// Questions for a decision.
const DECIDE: &str = "POST /v1/decide";
/// Front ends' questions.
const FORWARD: &str = "GET /v1/forward/{kind}";
/// Paths asked so often that only what is slow or refused is told of them.
const FREQUENT: [&str; 6] =
    [DECIDE, "POST /v1/events", FORWARD, "GET /healthz", "GET /readyz", "GET /metrics"];
/// From which on such a request is slow.
const SLOW: Duration = Duration::from_millis(100);

/// How long an answer is waited for: a body may take 30 seconds to come.
const REQUEST_WAIT_MAX: Duration = Duration::from_secs(45);

/// Refusals that are told one by one in a second; further ones are counted and told as one line.
const REFUSALS_TOLD: u32 = 20;
/// That second.
const REFUSALS_WINDOW: Duration = Duration::from_secs(1);

/// Upper bounds of the buckets, microseconds, and as Prometheus names them.
const BUCKETS: [(u64, &str); 14] = [
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];

/// Classes of status codes.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Durations of one operation with one class of status.
#[derive(Debug, Default)]
struct Durations {
    /// Those in a bucket and in none before it; the last has what is longer than all bounds.
    counts: [AtomicU64; BUCKETS.len() + 1],
    sum_us: AtomicU64,
}

/// Histograms of all operations: fixed places, so that counting takes no lock.
#[derive(Debug)]
pub struct Traffic {
    /// Method and path template, the last for all others.
    operations: Vec<String>,
    places: HashMap<String, usize>,
    /// Operations that have no parameters in the query.
    without_query: HashSet<String>,
    durations: Vec<[Durations; CLASSES.len()]>,
    /// Connections open now.
    pub(crate) connections: Arc<AtomicU64>,
    /// Random, so that identifiers of two runs differ.
    run: u32,
    requests: AtomicU64,
    refusals: Mutex<Refusals>,
}

/// Refusals told lately.
#[derive(Debug, Default)]
struct Refusals {
    /// When the second began.
    began: Option<Instant>,
    /// Told one by one in it.
    told: u32,
    /// Not told yet.
    untold: u64,
}

/// How a refusal is told.
#[derive(Debug, PartialEq, Eq)]
enum Telling {
    /// By itself.
    Now,
    /// With others, a second from now: whoever gets this sees to it.
    Later,
    /// With those.
    WithOthers,
}

impl Refusals {
    fn note(&mut self, now: Instant) -> Telling {
        if self.began.is_none_or(|began| now.duration_since(began) >= REFUSALS_WINDOW) {
            (self.began, self.told) = (Some(now), 0);
        }
        if self.told < REFUSALS_TOLD {
            self.told += 1;
            return Telling::Now;
        }
        self.untold = self.untold.saturating_add(1);
        if self.untold == 1 { Telling::Later } else { Telling::WithOthers }
    }
}

impl Traffic {
    /// With a place for each of these operations, some of which have no parameters in the query.
    #[must_use]
    pub fn new(mut operations: Vec<String>, without_query: HashSet<String>) -> Self {
        operations.push(OTHER.to_owned());
        let places = operations.iter().enumerate().map(|(place, name)| (name.clone(), place)).collect();
        let durations = operations.iter().map(|_| Default::default()).collect();
        let run = getrandom::u32().unwrap_or(0);
        Self {
            operations,
            places,
            without_query,
            durations,
            connections: Arc::default(),
            run,
            requests: AtomicU64::new(0),
            refusals: Mutex::default(),
        }
    }

    fn count(&self, operation: &str, status: u16, took: Duration) {
        let place = self.places.get(operation).copied().unwrap_or(self.operations.len().saturating_sub(1));
        let class = usize::from(status / 100).saturating_sub(1).min(CLASSES.len() - 1);
        let Some(durations) = self.durations.get(place).and_then(|classes| classes.get(class)) else {
            return;
        };
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|(bound_us, _)| us <= *bound_us).unwrap_or(BUCKETS.len());
        if let Some(count) = durations.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        durations.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        // Whatever is in it may be told.
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Identifiers of this run, one after the other.
    fn request_id(&self) -> HeaderValue {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        HeaderValue::try_from(format!("{:08x}-{number:x}", self.run))
            .unwrap_or(HeaderValue::from_static("none"))
    }

    /// Writes the histograms in Prometheus' text format. Operations that were not asked for are left out.
    pub(super) fn write(&self, text: &mut String) {
        const NAME: &str = "sekisho_http_request_duration_seconds";
        // Writing into a string cannot fail.
        let _infallible = write!(text, "# HELP {NAME} Durations of requests.\n# TYPE {NAME} histogram\n");
        for (operation, classes) in self.operations.iter().zip(&self.durations) {
            for (class, durations) in CLASSES.iter().zip(classes) {
                let mut total: u64 = 0;
                let counts: Vec<u64> =
                    durations.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
                if counts.iter().all(|count| *count == 0) {
                    continue;
                }
                let (method, route) = operation.split_once(' ').unwrap_or(("", operation));
                let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{class}\"");
                let bounds = BUCKETS.iter().map(|(_, name)| *name).chain(["+Inf"]);
                for (count, bound) in counts.iter().zip(bounds) {
                    total = total.saturating_add(*count);
                    let _infallible = writeln!(text, "{NAME}_bucket{{{labels},le=\"{bound}\"}} {total}");
                }
                let sum_us = durations.sum_us.load(Ordering::Relaxed);
                let (whole, rest) = (sum_us / 1_000_000, sum_us % 1_000_000);
                let _infallible = writeln!(text, "{NAME}_sum{{{labels}}} {whole}.{rest:06}");
                let _infallible = writeln!(text, "{NAME}_count{{{labels}}} {total}");
            }
        }
    }
}

/// Measures a request, tells of it, and marks its answer.
pub(super) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let operation = match request.extensions().get::<MatchedPath>() {
        // Asked with any method, and with the customer's own path behind it.
        Some(path) if path.as_str().starts_with("/v1/forward/") => FORWARD.to_owned(),
        Some(path) => format!("{} {}", request.method(), path.as_str()),
        None => OTHER.to_owned(),
    };
    let begun = Begun::now(&app.traffic, &request);
    let answered = match unknown_parameter(&app, &operation, &request) {
        Some(problem) => problem.into_response(),
        None if request.method().is_safe() => in_time(next.run(request)).await,
        None => to_its_end(next.run(request)).await,
    };
    begun.end(&app, &operation, answered)
}

/// What only reads is given up when nobody waits for it any more.
async fn in_time(answering: impl Future<Output = Response>) -> Response {
    let answered = tokio::time::timeout(REQUEST_WAIT_MAX, answering).await;
    answered.unwrap_or_else(|_late| Problem::from(AskError::Late).into_response())
}

/// Whoever asked may go away, or not wait any longer: what was begun is done all the same, and whom it concerns is told.
async fn to_its_end(answering: impl Future<Output = Response> + Send + 'static) -> Response {
    let answering = tokio::spawn(answering);
    match tokio::time::timeout(REQUEST_WAIT_MAX, answering).await {
        Ok(Ok(response)) => response,
        // As if nobody had caught it.
        Ok(Err(ended)) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_ended) => Problem::from(AskError::Late).into_response(),
        },
        Err(_late) => Problem::from(AskError::Late).into_response(),
    }
}

/// What is said of a parameter in the query where there is none.
fn unknown_parameter(app: &App, operation: &str, request: &Request) -> Option<Problem> {
    let query = request.uri().query().filter(|query| !query.is_empty())?;
    if !app.traffic.without_query.contains(operation) {
        return None;
    }
    let name: String = query.split(['=', '&']).next().unwrap_or("").chars().take(64).collect();
    Some(Problem::invalid_parameter(name, "not known; allowed: no parameters in the query"))
}

/// The same for what has no route.
pub(super) async fn observe_decide(app: Arc<App>, request: Request) -> Response {
    let begun = Begun::now(&app.traffic, &request);
    let answered = match unknown_parameter(&app, DECIDE, &request) {
        Some(problem) => Err(problem),
        None => decide::decide(&app, request).await,
    };
    begun.end(&app, DECIDE, answered.unwrap_or_else(IntoResponse::into_response))
}

/// A request that is being answered.
struct Begun {
    at: Instant,
    id: HeaderValue,
    method: &'static str,
}

impl Begun {
    fn now(traffic: &Traffic, request: &Request) -> Self {
        #[expect(clippy::disallowed_methods, reason = "how long an answer took is told, and decides nothing")]
        let at = Instant::now();
        let given = request.headers().get(&REQUEST_ID).filter(|id| is_sane(id.as_bytes())).cloned();
        let id = given.unwrap_or_else(|| traffic.request_id());
        Self { at, id, method: method_name(request.method()) }
    }

    fn end(self, app: &Arc<App>, operation: &str, mut response: Response) -> Response {
        let (status, took) = (response.status().as_u16(), self.at.elapsed());
        app.traffic.count(operation, status, took);
        let is_refused = status >= 400;
        if is_refused && tell_later(app, self.at + took) {
            // One line for many.
        } else if !FREQUENT.contains(&operation) || took >= SLOW || is_refused {
            log(&self.id, self.method, operation, status, took);
        }
        response.headers_mut().insert(REQUEST_ID, self.id);
        response
    }
}

/// Whether a refusal is told with others: somebody who is refused a thousand times a second must not fill the log.
fn tell_later(app: &Arc<App>, now: Instant) -> bool {
    let telling = app.traffic.refusals().note(now);
    if telling == Telling::Later {
        let traffic = Arc::clone(&app.traffic);
        tokio::spawn(async move {
            tokio::time::sleep(REFUSALS_WINDOW).await;
            let count = std::mem::take(&mut traffic.refusals().untold);
            let detail =
                format!("{count} further requests were refused; /metrics counts them by route and status");
            crate::log::line("http.refused", &detail);
        });
    }
    telling != Telling::Now
}

/// Whether an identifier can stand in a log: short, and of letters, digits, `.`, `_`, `-`.
fn is_sane(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX && id.iter().all(allowed)
}

/// A method as the log names it: words that a request makes up do not get there.
fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER)
}

fn log(id: &HeaderValue, method: &str, operation: &str, status: u16, took: Duration) {
    let (_, route) = operation.split_once(' ').unwrap_or(("", operation));
    let fields = serde_json::json!({
        "request_id": id.to_str().unwrap_or(""),
        "method": method,
        "route": route,
        "status": status,
        "duration_us": u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    });
    let level = if status >= 500 { Level::Error } else { Level::Info };
    crate::log::write(level, "http.request", &fields);
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{Duration, REFUSALS_TOLD, Refusals, Telling, Traffic, is_sane};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn of_many_refusals_some_are_told_and_the_others_counted() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        let at = |ms: u64| now + Duration::from_millis(ms);
        for number in 0..u64::from(REFUSALS_TOLD) {
            assert_eq!(refusals.note(at(number)), Telling::Now);
        }
        assert_eq!(refusals.note(at(500)), Telling::Later);
        assert_eq!(refusals.note(at(999)), Telling::WithOthers);
        assert_eq!(refusals.note(at(1_000)), Telling::Now, "another second");
        assert_eq!(std::mem::take(&mut refusals.untold), 2);
        for _ in 1..REFUSALS_TOLD {
            assert_eq!(refusals.note(at(1_001)), Telling::Now);
        }
        assert_eq!(refusals.note(at(1_002)), Telling::Later);
    }

    #[test]
    fn durations_are_counted_in_buckets_that_add_up() {
        let traffic = Traffic::new(vec!["GET /v1/holds".to_owned()], hashbrown::HashSet::new());
        for (operation, status, us) in
            [("GET /v1/holds", 200, 250), ("GET /v1/holds", 200, 251), ("GET /nothing", 404, 99_000_000)]
        {
            traffic.count(operation, status, Duration::from_micros(us));
        }
        let mut text = String::new();
        traffic.write(&mut text);
        let holds = "method=\"GET\",route=\"/v1/holds\",status=\"2xx\"";
        let other = "method=\"\",route=\"other\",status=\"4xx\"";
        for line in [
            format!("_bucket{{{holds},le=\"0.00025\"}} 1\n"),
            format!("_bucket{{{holds},le=\"0.0005\"}} 2\n"),
            format!("_bucket{{{holds},le=\"+Inf\"}} 2\n"),
            format!("_sum{{{holds}}} 0.000501\n"),
            format!("_bucket{{{other},le=\"10\"}} 0\n"),
            format!("_bucket{{{other},le=\"+Inf\"}} 1\n"),
            format!("_count{{{other}}} 1\n"),
        ] {
            assert!(text.contains(&line), "{line}{text}");
        }
    }

    #[test]
    fn identifiers_cannot_forge_a_log() {
        assert!(is_sane(b"a-1.B_2"));
        for bad in [&b""[..], b"a b", b"a\"", b"\xff", &[b'a'; 65]] {
            assert!(!is_sane(bad), "{bad:?}");
        }
    }
}
