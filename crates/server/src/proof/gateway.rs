//! Messages to the broker's gateway for SMS and mail: one POST each, signed as Standard Webhooks has it, on threads of their own, so that
//! nobody waits for a gateway that does not answer. A few tries with growing pauses, as long as the code is good. Neither a code nor
//! an address is ever logged. Must not know what a message says.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::Time;
use model::time::SECOND_US;
use serde::Serialize;
use sha2::Sha256;
use stepup::Method;
use tokio::sync::mpsc;
use ureq::Agent;

use super::ProofError;
use super::settings::{GatewaySettings, SigningSecret};
use crate::sequencer::Clock;

/// Messages waiting at most; then no code is sent, and other ways are left.
const WAITING_MAX: usize = 1_024;
/// Messages on their way at once: one that waits for an answer must not keep all others.
const THREADS: usize = 4;
/// How long connecting may take, and all of a try.
const CONNECT: Duration = Duration::from_secs(3);
const TRY: Duration = Duration::from_secs(10);
/// Pauses before each try.
const PAUSES: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15)];
/// Bytes that are read of an answer, which nobody looks at, so that its connection can be used again.
const ANSWER_BYTES_MAX: u64 = 4 << 10;

/// What brings a code to a customer. Holds what nobody else may see: it is neither shown nor logged.
#[derive(Serialize)]
pub(crate) struct Message {
    /// The same in every try, so that the gateway sends it once.
    pub(crate) id: String,
    pub(crate) method: &'static str,
    /// The number or address.
    pub(crate) to: String,
    /// `ja` or `en`.
    pub(crate) language: &'static str,
    pub(crate) text: String,
    /// When the code is good no more: later it need not be sent.
    pub(crate) expires: Time,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The gateway took it.
    Taken,
    /// It did not, also when tried again.
    Failed,
    /// It was not sent before the code was good no more.
    Late,
}

impl Outcome {
    pub(crate) const ALL: [Self; 3] = [Self::Taken, Self::Failed, Self::Late];

    /// The word in `/metrics`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Failed => "failed",
            Self::Late => "late",
        }
    }
}

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    /// Tries that the gateway did not take.
    pub(crate) tries_failed: AtomicU64,
    /// 1 while the last message failed.
    pub(crate) failing: AtomicU64,
}

impl Counts {
    /// Messages of one outcome.
    pub(crate) fn of(&self, outcome: Outcome) -> &AtomicU64 {
        let [taken, failed, late] = &self.outcomes;
        match outcome {
            Outcome::Taken => taken,
            Outcome::Failed => failed,
            Outcome::Late => late,
        }
    }

    fn note(&self, outcome: Outcome) {
        self.of(outcome).fetch_add(1, Ordering::Relaxed);
        self.failing.store(u64::from(outcome != Outcome::Taken), Ordering::Relaxed);
    }
}

/// Where messages go.
pub(crate) struct Gateway {
    methods: Vec<Method>,
    pub(crate) codes_a_day: u8,
    messages: mpsc::Sender<Message>,
    counts: Arc<Counts>,
    stopping: Arc<AtomicBool>,
}

/// Room for one message.
pub(crate) struct Room(mpsc::OwnedPermit<Message>);

impl Room {
    /// Sends it.
    pub(crate) fn send(self, message: Message) {
        self.0.send(message);
    }
}

impl Gateway {
    /// Starts the threads. They end by themselves with the gateway, after the try they are at: a code on its way is lost, as
    /// messages are, and the customer asks for another one.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(crate) fn start(settings: &GatewaySettings, clock: Clock) -> std::io::Result<Self> {
        let (messages, waiting) = mpsc::channel(WAITING_MAX);
        let (waiting, counts) = (Arc::new(Mutex::new(waiting)), Arc::new(Counts::default()));
        let stopping = Arc::new(AtomicBool::new(false));
        let agent = agent(&settings.url);
        for number in 1..=THREADS {
            let courier = Courier {
                agent: agent.clone(),
                url: settings.url.clone(),
                secret: settings.secret.clone(),
                clock: Arc::clone(&clock),
                counts: Arc::clone(&counts),
                stopping: Arc::clone(&stopping),
            };
            let waiting = Arc::clone(&waiting);
            let run = move || courier.run(&waiting);
            // Not waited for at the end: it may be in the middle of a pause.
            drop(std::thread::Builder::new().name(format!("gateway-{number}")).spawn(run)?);
        }
        let (methods, codes_a_day) = (settings.methods.clone(), settings.codes_a_day);
        Ok(Self { methods, codes_a_day, messages, counts, stopping })
    }

    /// Whether it sends codes in this way.
    pub(crate) fn sends(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    /// Room for a message, before anything is noted of it.
    ///
    /// # Errors
    /// Too many wait.
    pub(crate) fn room(&self) -> Result<Room, ProofError> {
        self.messages.clone().try_reserve_owned().map(Room).map_err(|_full| ProofError::Busy)
    }

    /// What is counted.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Messages that wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.messages.max_capacity().saturating_sub(self.messages.capacity())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

fn agent(url: &str) -> Agent {
    let config = Agent::config_builder()
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(TRY))
        .http_status_as_error(false)
        // What is sent goes to the address that was configured and nowhere else.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections_per_host(THREADS)
        .user_agent("sekisho");
    // A proxy of the environment is for the world outside of this machine.
    let config = if url.starts_with("http://") { config.proxy(None) } else { config };
    config.build().into()
}

/// One thread's tools.
struct Courier {
    agent: Agent,
    url: String,
    secret: SigningSecret,
    clock: Clock,
    counts: Arc<Counts>,
    stopping: Arc<AtomicBool>,
}

/// Why a try failed.
enum Failed {
    /// Another try may help.
    Now(String),
    /// None will.
    ForGood(String),
}

impl Courier {
    fn run(&self, waiting: &Mutex<mpsc::Receiver<Message>>) {
        loop {
            // One thread waits for a message, the others for their turn to.
            let message = waiting.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
            let Some(message) = message.filter(|_| !self.stopping.load(Ordering::Relaxed)) else { return };
            self.counts.note(self.deliver(&message));
        }
    }

    fn deliver(&self, message: &Message) -> Outcome {
        let Ok(body) = serde_json::to_vec(message) else { return Outcome::Failed };
        let mut last = String::new();
        for pause in PAUSES {
            std::thread::sleep(pause);
            let now = (self.clock)();
            if now >= message.expires {
                return self.told(message, Outcome::Late, &format!("the code was good no more; {last}"));
            }
            match self.post(&message.id, now, &body) {
                Ok(()) => return Outcome::Taken,
                Err(Failed::ForGood(why)) => return self.told(message, Outcome::Failed, &why),
                Err(Failed::Now(why)) => last = why,
            }
            self.counts.tries_failed.fetch_add(1, Ordering::Relaxed);
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
        }
        self.told(message, Outcome::Failed, &last)
    }

    /// Says that it was not sent: by its identifier, which says nothing of the customer.
    fn told(&self, message: &Message, outcome: Outcome, why: &str) -> Outcome {
        crate::log::line("gateway.failed", &format!("{} {}: {why}", message.method, message.id));
        outcome
    }

    fn post(&self, id: &str, now: Time, body: &[u8]) -> Result<(), Failed> {
        let seconds = now.as_us() / SECOND_US;
        let answer = self
            .agent
            .post(&self.url)
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature(&self.secret, id, seconds, body))
            .content_type("application/json")
            .send(body);
        // Of errors only the kind is told: the address may hold a key of the gateway's.
        let mut answer = answer.map_err(|error| Failed::Now(kind(&error).to_owned()))?;
        let status = answer.status().as_u16();
        let _unread = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        match status {
            200..=299 => Ok(()),
            // The message, the signature or the address is wrong, and will be the next time.
            300..=407 | 410..=424 | 426..=428 | 430..=499 => {
                Err(Failed::ForGood(format!("the gateway answered {status}: see what it expects")))
            }
            status => Err(Failed::Now(format!("the gateway answered {status}"))),
        }
    }
}

fn kind(error: &ureq::Error) -> &'static str {
    match error {
        ureq::Error::Timeout(_) => "the gateway did not answer in time",
        ureq::Error::HostNotFound => "the gateway's name is not known",
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => "TLS with the gateway fails: look at its certificate",
        ureq::Error::Io(_) | ureq::Error::ConnectionFailed => "the gateway cannot be connected to",
        ureq::Error::Protocol(_) => "the gateway does not speak HTTP",
        _ => "the gateway cannot be asked",
    }
}

/// `v1,` and the base 64 of HMAC-SHA256 over identifier, time and body (Standard Webhooks 1.0.0, symmetric signatures).
fn signature(secret: &SigningSecret, id: &str, seconds: i64, body: &[u8]) -> String {
    // Keys of any length are taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.bytes()) else { return String::new() };
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::signature;
    use crate::proof::settings::SigningSecret;

    /// The example of the specification's own libraries, and that of docs/proof.md.
    #[test]
    fn signs_as_standard_webhooks_do() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed =
            signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let guide = include_str!("../../../../docs/proof.md");
        let body = guide.lines().find(|line| line.starts_with("{\"id\":\"msg_")).unwrap();
        let signed = signature(&secret, "msg_q83vEjRWeJCrze8SNFZ4kA", 1_767_574_800, body.as_bytes());
        assert!(guide.contains(&format!("webhook-signature: {signed}\n")), "{signed}");
    }
}
