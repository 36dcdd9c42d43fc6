//! Load on proof: challenges made, and answered with passkeys, over HTTP by several connections, each waiting for its answers. Must
//! not know what makes an answer right: the server says so.

mod maker;
mod passkey;

use std::sync::atomic::{AtomicU64, Ordering};

use history::Watch;
use serde_json::{Value, json};

pub use self::maker::Maker;
pub use self::passkey::SoftPasskey;
use crate::http::{Client, HttpError, Target};

/// How much.
#[derive(Debug, Clone, Copy)]
pub struct ProofLoad {
    /// Connections, each with a thread and a customer.
    pub connections: u32,
    /// Challenges made, then challenges answered, by each.
    pub rounds: u32,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProofReport {
    /// Challenges made a second.
    pub made_per_second: f64,
    /// Answers by passkey verified a second: each one request, its answer durable; made, begun and signed before.
    pub verified_per_second: f64,
    /// Challenges answered by passkey a second, all of it: made, begun, signed by the load's own passkey, verified; three requests.
    pub answered_per_second: f64,
}

/// Why it ended early.
#[derive(Debug, thiserror::Error)]
pub enum ProofLoadError {
    /// The server cannot be asked.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server answered something else.
    #[error("{what}: the server answered {status}: {body}")]
    Answer {
        /// What was asked.
        what: &'static str,
        /// Its status.
        status: u16,
        /// Its body.
        body: String,
    },
    /// A thread panicked.
    #[error("a thread ended early")]
    Thread,
    /// It was asked to stop.
    #[error(transparent)]
    Stopped(#[from] history::HistoryError),
}

/// Runs it against a server on whose pages (`origin`) passkeys work and where new ones do not cool off.
///
/// # Errors
/// The server cannot be asked, or refuses.
pub fn run(
    target: &Target,
    key: &str,
    origin: &str,
    load: ProofLoad,
    watch: &Watch,
) -> Result<ProofReport, ProofLoadError> {
    let mut customers = Vec::new();
    for number in 0..load.connections {
        watch.check()?;
        let client = Client::new(target.clone(), key.to_owned());
        customers.push(Customer::enrol(client, number, origin)?);
    }
    let total = f64::from(load.connections) * f64::from(load.rounds);
    let made = timed(&mut customers, watch, load.rounds, |customer| customer.make().map(drop))?;
    let answered = timed(&mut customers, watch, load.rounds, Customer::answer)?;
    timed(&mut customers, watch, load.rounds, Customer::sign)?;
    let verified = timed(&mut customers, watch, load.rounds, Customer::end)?;
    Ok(ProofReport {
        made_per_second: total / made,
        verified_per_second: total / verified,
        answered_per_second: total / answered,
    })
}

/// Seconds until all customers did it so often, at once.
fn timed(
    customers: &mut [Customer],
    watch: &Watch,
    rounds: u32,
    act: impl Fn(&mut Customer) -> Result<(), ProofLoadError> + Sync,
) -> Result<f64, ProofLoadError> {
    let failed = AtomicU64::new(0);
    #[expect(clippy::disallowed_methods, reason = "the laboratory measures")]
    let began = std::time::Instant::now();
    std::thread::scope(|threads| {
        let all: Vec<_> = customers
            .iter_mut()
            .map(|customer| {
                threads.spawn(|| {
                    for _ in 0..rounds {
                        if failed.load(Ordering::Relaxed) > 0 {
                            return Ok(());
                        }
                        watch.check()?;
                        if let Err(error) = act(customer) {
                            failed.fetch_add(1, Ordering::Relaxed);
                            return Err(error);
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        all.into_iter().try_for_each(|thread| thread.join().unwrap_or(Err(ProofLoadError::Thread)))
    })?;
    Ok(began.elapsed().as_secs_f64().max(1e-9))
}

/// A customer with a passkey and a connection.
struct Customer {
    client: Client,
    id: String,
    passkey: SoftPasskey,
    /// Answers that are signed: where to, and what.
    signed: Vec<(String, Value)>,
}

impl Customer {
    fn enrol(client: Client, number: u32, origin: &str) -> Result<Self, ProofLoadError> {
        let passkey = SoftPasskey::new(number, origin);
        let mut customer = Self { client, id: format!("C{number:07}"), passkey, signed: Vec::new() };
        let path = format!("/v1/customers/{}/passkeys", customer.id);
        let begun = customer.ask("enrolling", &path, &json!({}), 202)?;
        let credential = customer.passkey.create(begun.get("options").unwrap_or(&Value::Null));
        let ended = json!({"token": begun.get("token"), "credential": credential});
        customer.ask("enrolling", &path, &ended, 201)?;
        Ok(customer)
    }

    /// A challenge for an order; its identifier.
    fn make(&mut self) -> Result<String, ProofLoadError> {
        let order = json!({"symbol": "7203", "side": "buy", "effect": "open", "quantity": 100});
        let action = json!({"customer": self.id, "kind": "order", "order": order});
        let made = self.ask("making a challenge", "/v1/challenges", &action, 201)?;
        Ok(made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    fn answer(&mut self) -> Result<(), ProofLoadError> {
        self.sign()?;
        self.end()
    }

    /// Makes a challenge, begins to answer it and signs the answer.
    fn sign(&mut self) -> Result<(), ProofLoadError> {
        let path = format!("/v1/challenges/{}/passkey", self.make()?);
        let begun = self.ask("beginning an answer", &path, &json!({"customer": self.id}), 202)?;
        let credential = self.passkey.get(begun.get("options").unwrap_or(&Value::Null));
        self.signed.push((path, json!({"customer": self.id, "credential": credential})));
        Ok(())
    }

    /// Ends an answer that is signed.
    fn end(&mut self) -> Result<(), ProofLoadError> {
        let Some((path, ended)) = self.signed.pop() else { return Ok(()) };
        self.ask("ending an answer", &path, &ended, 200).map(drop)
    }

    fn ask(
        &mut self,
        what: &'static str,
        path: &str,
        body: &Value,
        expected: u16,
    ) -> Result<Value, ProofLoadError> {
        let answer = self.client.post(path, body.to_string().as_bytes())?;
        if answer.status != expected {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(ProofLoadError::Answer { what, status: answer.status, body });
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_invalid| HttpError::Foreign("an answer that is not JSON".to_owned()).into())
    }
}
