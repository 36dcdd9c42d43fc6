//! A client of Sekisho for a broker's systems: decisions, facts, proof. It answers within its time whatever happens: where the
//! server does not, the answer is what the broker chose for that procedure ([`WhenSilent`]), and says so.
//!
//! Calls wait for their answers; from async code call them on a thread for that. Must not know a server's inside: only the wire
//! form of `model` and the API.
//!
//! ```no_run
//! use sekisho_client::{Client, Options, Verdict};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Options::new("http://127.0.0.1:8480", &std::env::var("SEKISHO_KEY")?));
//! let event = model::Event::from_json(br#"{"id":"w-1","time":"2026-01-05T10:00:00Z","kind":"withdrawal",
//!     "customer":"C1","outcome":"attempted"}"#)?;
//! let decision = client.decide(&event)?;
//! match decision.verdict {
//!     Verdict::Allow => { /* do it, then tell: client.tell(&[event]) */ }
//!     Verdict::StepUp => { /* client.hand_over(…), send the customer there, client.redeem(…) when they are back */ }
//!     Verdict::Hold | Verdict::Deny => { /* tell the customer */ }
//! }
//! # Ok(()) }
//! ```

mod breaker;
mod codes;
mod decision;
mod devices;
mod proof;
mod sign_in;

use std::sync::Arc;
use std::time::Duration;

use model::event::EventId;
use model::{Event, EventKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;

use self::breaker::Breaker;
pub use self::codes::Answered;
pub use self::decision::{
    AskedProof, Challenge, Decision, Hold, HoldState, Reason, Rejected, Source, Told, Verdict,
};
pub use self::devices::{Device, Devices, NewDevice};
pub use self::proof::{Action, Handover, Page, Proof};
pub use self::sign_in::{SignIn, SignedIn};

/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// What holds when the server does not answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenSilent {
    /// Let it through: what cannot lose anything that could not be had back.
    LetThrough,
    /// Ask for proof that the broker can check by itself.
    AskForProof,
    /// Let it wait.
    Hold,
    /// Refuse it.
    Refuse,
}

/// How to call.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the server is: `http://127.0.0.1:8480`; https with the feature `tls`.
    pub server: String,
    /// An API key of role `sender`.
    pub key: String,
    /// How long one try may take, connecting included.
    pub timeout: Duration,
    /// Further tries of what may be asked again without being done twice.
    pub retries: u32,
    /// Failures in a row after which the server is left alone.
    pub failures_max: u32,
    /// For how long; then one call tries again.
    pub rest: Duration,
    /// What holds when it does not answer, by what is done.
    pub when_silent: fn(EventKind) -> WhenSilent,
    /// Reasons in Japanese, or else in English.
    pub japanese: bool,
}

impl Options {
    /// A second a try, one further try, five seconds of rest after five failures; money waits, logins are asked for proof.
    #[must_use]
    pub fn new(server: &str, key: &str) -> Self {
        Self {
            server: server.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
            timeout: Duration::from_secs(1),
            retries: 1,
            failures_max: 5,
            rest: Duration::from_secs(5),
            when_silent,
            japanese: true,
        }
    }
}

/// What holds unless the broker chooses otherwise: what changes who can reach the money waits, logins and orders are asked for
/// proof, looking is let through.
#[must_use]
pub const fn when_silent(kind: EventKind) -> WhenSilent {
    match kind {
        EventKind::SessionActivity | EventKind::ProfileView => WhenSilent::LetThrough,
        kind if kind.is_procedure() => WhenSilent::Hold,
        EventKind::PaymentInstruction => WhenSilent::Hold,
        _ => WhenSilent::AskForProof,
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server refused what was sent: a mistake of the caller, to mend rather than to repeat.
    #[error("the server refused it ({status}): {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The problem's type: `urn:sekisho:problem:invalid-event`.
        problem: String,
        /// What came, what is allowed, what to do.
        detail: String,
        /// Why a proof is not taken, in a word that stays (docs/proof.md): `wrong`, `wait` and the like are for the customer to hear.
        reason: Option<String>,
        /// After which it is looked at again, where time is what is missing.
        retry_after: Option<Duration>,
    },
    /// The server did not answer, or is being left alone.
    #[error("the server does not answer: {0}")]
    Silent(String),
    /// It answered with what this client does not understand.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

/// A client. Cloning shares connections and what is known of the server.
#[derive(Debug, Clone)]
pub struct Client {
    options: Arc<Options>,
    agent: Agent,
    breaker: Arc<Breaker>,
    /// Of sign-ins: anybody may begin one, so what comes of them must not keep [`Client::decide`] from asking.
    sign_ins: Arc<Breaker>,
}

/// Whether a call may be tried again when it is not known whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

impl Client {
    /// A client with these options.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(options.timeout))
            .http_status_as_error(false)
            .max_idle_connections_per_host(64)
            .build();
        let breaker = || Arc::new(Breaker::new(options.failures_max, options.rest));
        let (breaker, sign_ins) = (breaker(), breaker());
        Self { options: Arc::new(options), agent: config.into(), breaker, sign_ins }
    }

    /// The same client for a customer who reads Japanese, or else English.
    #[must_use]
    pub fn speaking(&self, japanese: bool) -> Self {
        let options = Options { japanese, ..Options::clone(&self.options) };
        Self { options: Arc::new(options), ..self.clone() }
    }

    /// What to do about an event. The same event may be asked again: the answer is the same. Where the server does not answer, the
    /// decision is what the broker chose, and [`Decision::source`] says why.
    ///
    /// # Errors
    /// The server refused the event. It is never for want of an answer.
    pub fn decide(&self, event: &Event) -> Result<Decision, ClientError> {
        match self.post("/v1/decide", event, Again::Yes) {
            Ok(decision) => Ok(decision),
            Err(ClientError::Silent(why) | ClientError::Unreadable(why)) => {
                Ok(Decision::instead((self.options.when_silent)(event.kind), why))
            }
            Err(refused @ ClientError::Refused { .. }) => Err(refused),
        }
    }

    /// Tells facts: what was done, without a question. The same again counts once.
    ///
    /// # Errors
    /// The server does not answer: tell them again later. What it refused of them is in [`Told::rejected`].
    pub fn tell(&self, events: &[Event]) -> Result<Told, ClientError> {
        self.post("/v1/events", &events, Again::Yes)
    }

    /// What became of an event that was held. Ask now and then, and do what was held once it is released.
    ///
    /// # Errors
    /// The server does not answer, or the event was not held.
    pub fn hold(&self, event: &EventId) -> Result<Hold, ClientError> {
        let id = percent_encoded(event.as_str());
        self.ask(&format!("/v1/holds/{id}"), None, Again::Yes)
    }

    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + ?Sized),
        again: Again,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Unreadable(error.to_string()))?;
        self.ask(path, Some(&body), again)
    }

    /// Posts the body, or reads where there is none.
    fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&[u8]>,
        again: Again,
    ) -> Result<T, ClientError> {
        self.ask_through(&self.breaker, path, body, again)
    }

    fn ask_through<T: DeserializeOwned>(
        &self,
        breaker: &Breaker,
        path: &str,
        body: Option<&[u8]>,
        again: Again,
    ) -> Result<T, ClientError> {
        let mut tries = 0;
        loop {
            if !breaker.lets_through() {
                return Err(ClientError::Silent(
                    "it failed repeatedly and is left alone for a moment".to_owned(),
                ));
            }
            let answered = self.try_once(path, body);
            breaker.note(!matches!(answered, Err(ClientError::Silent(_))));
            match answered {
                Err(ClientError::Silent(_)) if again == Again::Yes && tries < self.options.retries => {
                    tries += 1
                }
                answered => return answered,
            }
        }
    }

    fn try_once<T: DeserializeOwned>(&self, path: &str, body: Option<&[u8]>) -> Result<T, ClientError> {
        let language = if self.options.japanese { "ja" } else { "en" };
        let (url, key) = (format!("{}{path}", self.options.server), format!("Bearer {}", self.options.key));
        let answer = match body {
            Some(body) => self
                .agent
                .post(url)
                .header("Authorization", key)
                .header("Accept-Language", language)
                .content_type("application/json")
                .send(body),
            None => {
                self.agent.get(url).header("Authorization", key).header("Accept-Language", language).call()
            }
        };
        let mut answer = answer.map_err(|error| ClientError::Silent(error.to_string()))?;
        let status = answer.status().as_u16();
        let read = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = read.map_err(|error| ClientError::Silent(error.to_string()))?;
        match status {
            200..=299 => {
                serde_json::from_slice(&body).map_err(|error| ClientError::Unreadable(error.to_string()))
            }
            // Busy, refusing, or not the server at all but what stands in front of it.
            429 | 500..=599 => Err(ClientError::Silent(format!("it answered {status}"))),
            _ => {
                let told: decision::Problem = serde_json::from_slice(&body).unwrap_or_default();
                Err(ClientError::Refused {
                    status,
                    problem: told.r#type,
                    detail: told.detail,
                    reason: told.reason,
                    retry_after: told.retry_after_seconds.map(Duration::from_secs),
                })
            }
        }
    }
}

/// An identifier as it stands in a path: everything but letters, digits and `-._~` by its bytes (RFC 3986).
fn percent_encoded(text: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
