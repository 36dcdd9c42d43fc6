//! A server in this process whose clock a test moves, and what is over when its time is: over real HTTP, without waiting.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use server::proof::ProofSettings;
use server::sequencer::Clock;
use server::serve::{ServeOptions, serve, wall_clock};

use crate::changes::confirm;
use crate::process::Place;
use crate::proof::{Broker, withdrawal};
use crate::serve::{Server, key};

const SECOND_US: i64 = model::time::SECOND_US;

/// A thread that serves until this is dropped.
pub(crate) struct Here {
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Here {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

/// A broker whose server's clock is ahead of the wall clock by what the test says.
pub(crate) struct Timed {
    pub(crate) broker: Broker,
    ahead_us: Arc<AtomicI64>,
    /// After so many further looks at the clock it jumps.
    jump_in: Arc<AtomicI64>,
}

/// How far it jumps: further than any proof on a page waits.
const JUMP_S: i64 = 6 * 60;

impl Timed {
    pub(crate) fn start(settings: ProofSettings) -> Self {
        let (ahead_us, jump_in) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
        let (ahead, jump) = (Arc::clone(&ahead_us), Arc::clone(&jump_in));
        let wall = wall_clock();
        let clock: Clock = Arc::new(move || {
            if jump.load(Ordering::SeqCst) > 0 && jump.fetch_sub(1, Ordering::SeqCst) == 1 {
                ahead.fetch_add(JUMP_S * SECOND_US, Ordering::SeqCst);
            }
            wall().plus_us(ahead.load(Ordering::SeqCst))
        });
        let place = Place::new();
        let (key, port) = (key(&place, "sender"), crate::nginx::free_port());
        let proof = ProofSettings { origin: format!("http://localhost:{port}"), ..settings };
        let options = ServeOptions {
            data: place.path("data"),
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            policy: None,
            export: server::exporter::ExportOptions::default(),
            ask_days: None,
            daily: None,
            passwords: server::passwords::PasswordOptions::default(),
            sequencer: server::sequencer::Options::default(),
            proof,
        };
        let (told, started) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let stopped = async {
                let _dropped = stopped.await;
            };
            let started = |at: SocketAddr, _has_keys| told.send(at.to_string()).unwrap();
            serve(&options, intel::Intel::none(), clock, started, stopped).unwrap();
        });
        let here = Here { stop: Some(stop), thread: Some(thread) };
        let server = Server::here(here, started.recv().unwrap());
        Self { broker: Broker { place, server, key, port, keys: Mutex::default() }, ahead_us, jump_in }
    }

    /// Where new authenticators wait so many hours.
    pub(crate) fn cooling(cooling_hours: u32) -> Self {
        Self::start(ProofSettings { cooling_hours, ..ProofSettings::default() })
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.ahead_us.fetch_add(seconds * SECOND_US, Ordering::SeqCst);
    }

    pub(crate) fn pass_hours(&self, hours: i64) {
        self.pass(hours * 60 * 60);
    }

    /// The server's time.
    pub(crate) fn now(&self) -> String {
        wall_clock()().plus_us(self.ahead_us.load(Ordering::SeqCst)).to_string()
    }

    /// How many steps of thirty seconds an app whose clock is the server's is ahead of one that goes by the wall clock.
    pub(crate) fn steps(&self) -> i64 {
        self.ahead_us.load(Ordering::SeqCst) / SECOND_US / 30
    }
}

fn reason(answer: &crate::http::Answer) -> (u16, Value) {
    (answer.status, answer.json()["reason"].clone())
}

#[test]
fn a_challenge_that_is_over_is_neither_answered_nor_redeemed() {
    let timed = Timed::cooling(0);
    let broker = &timed.broker;
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    let (open, proven) = (broker.challenge("C1"), broker.challenge("C1"));
    broker.answer_with(&proven, "C1", &mut passkey);
    let expired = (409, json!("expired"));
    let status =
        |id: &str| broker.asks().get(&format!("/v1/challenges/{id}")).unwrap().json()["status"].clone();

    // Five minutes from proof to redeem, ten to answer.
    timed.pass(299);
    assert_eq!((status(&open), status(&proven)), (json!("open"), json!("passed")));
    timed.pass(2);
    assert_eq!(reason(&broker.redeem(&proven, &withdrawal("C1"))), expired);
    assert_eq!((status(&open), status(&proven)), (json!("open"), json!("expired")));
    let options = broker.begin_answer(&open, "C1");
    timed.pass(299);
    assert_eq!(status(&open), "expired");
    assert_eq!(reason(&broker.end_answer(&open, "C1", &passkey.get(&options))), expired, "begun in time");
    let code = json!({"customer": "C1", "method": "totp", "code": "000000"}).to_string();
    for (path, body) in [("passkey", "{\"customer\":\"C1\"}"), ("answer", &code)] {
        let refused = broker.asks().post(&format!("/v1/challenges/{open}/{path}"), body).unwrap();
        assert_eq!(reason(&refused), expired, "{path}");
    }
    assert_eq!(reason(&broker.redeem(&open, &withdrawal("C1"))), expired);
    let page = broker.on(&mut broker.browser("C1"), "C1", &open).get(&format!("/verify/{open}"));
    assert!(page.status == 200 && !page.body.contains("data-act=\"passkey\""), "{page:?}");

    // After a day nobody knows it any more.
    timed.pass_hours(25);
    let gone = (0..10_000).find(|_| {
        broker.challenge("C1");
        broker.asks().get(&format!("/v1/challenges/{open}")).unwrap().status == 404
    });
    assert!(gone.is_some());
}

/// Wherever between looking and doing its time runs out, a proof makes the change that it is for, or none.
#[test]
fn a_proof_that_runs_out_meanwhile_confirms_wholly_or_not_at_all() {
    let timed = Timed::cooling(0);
    let broker = &timed.broker;
    let (mut done, mut refused) = (0, 0);
    for looks in 1..=24 {
        let customer = format!("C{looks}");
        let mut passkey = broker.passkey(looks);
        assert_eq!(broker.enrol(&customer, &mut passkey).status, 201);
        let mut browser = broker.browser_of(&json!({
            "customer": customer, "page": "security", "client": {"ip": "203.0.113.7", "device": "phone"},
        }));
        let register = json!({"act": "register", "name": "phone"});
        let proof = confirm(&mut browser, &mut passkey, &register);
        timed.jump_in.store(looks.into(), Ordering::SeqCst);
        let answer = browser.post("/security/devices", &json!({"name": "phone", "proof": proof}));
        timed.jump_in.store(0, Ordering::SeqCst);
        let devices = broker.asks().get(&format!("/v1/customers/{customer}/devices")).unwrap().json();
        let devices = devices["devices"].as_array().unwrap().clone();
        if answer.status == 200 {
            done += 1;
            let counts_from = devices[0]["counts_from"].as_str().unwrap();
            assert!(counts_from <= timed.now().as_str(), "it was confirmed by the passkey: {devices:?}");
            let again = browser.post("/security/devices", &json!({"name": "phone", "proof": proof}));
            assert_eq!(again.status, 409, "it was used up: {again:?}");
        } else {
            refused += 1;
            assert_eq!((answer.status, devices.len()), (409, 0), "{answer:?}");
        }
    }
    assert!(done > 0 && refused > 0, "{done} done, {refused} refused");
}
