//! The HTTP API beside decide and events: reading back, and what operators change, over real HTTP and across restarts.

mod audit;
mod backtests;
mod bodies;
mod campaigns;
mod customers;
mod examples;
mod holds;
mod lists;
mod mask;
mod openapi;
mod passwords;
mod policies;
mod reading;
mod sweeps;
mod warm;

use std::time::Duration;

use serde_json::Value;

pub(crate) use self::passwords::everything_below;

use crate::http::{Answer, Connection};
use crate::process::Place;
use crate::serve::{Server, YESTERDAY, days_ago, event, key};

/// A server, its place, and a connection for each role.
struct Api {
    place: Place,
    server: Server,
    keys: [String; 4],
}

const ROLES: [&str; 4] = ["sender", "reader", "operator", "admin"];

impl Api {
    fn start() -> Self {
        let place = Place::new();
        // Keys are made while nobody holds the folder.
        let keys = ROLES.map(|role| key(&place, role));
        let server = Server::start(&place, &[]);
        Self { place, server, keys }
    }

    fn of(&self, role: &str) -> Connection {
        let place = ROLES.iter().position(|each| *each == role).unwrap();
        self.server.connect(&self.keys[place])
    }

    /// Stops and starts again, with these arguments.
    fn restarted(self, arguments: &[&str]) -> Self {
        let Self { place, server, keys } = self;
        assert_eq!(server.stop(), Some(0));
        let server = Server::start(&place, arguments);
        Self { place, server, keys }
    }

    /// Killed, and started again.
    fn killed(self) -> Self {
        let Self { place, server, keys } = self;
        server.kill();
        let server = Server::start(&place, &[]);
        Self { place, server, keys }
    }
}

/// How long a test waits for what must come at last.
const PATIENCE: Duration = Duration::from_secs(120);

/// What `look` gives at last.
fn awaited<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..PATIENCE.as_millis() / 10 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited {} s for {what}", PATIENCE.as_secs());
}

/// What is at a path when its `state` says that it is over.
fn over(api: &Api, role: &str, path: &str) -> Value {
    let mut last = Value::Null;
    let mut connection = api.of(role);
    let look = || {
        last = good(connection.get(path));
        (last["state"] == "done" || last["state"] == "failed").then(|| last.clone())
    };
    awaited(&format!("the end of {path}"), look)
}

/// The explanation of a decision.
fn explained(api: &Api, id: &str) -> Value {
    let path = format!("/v1/decisions/{id}/explain");
    let told = over(api, "reader", &path);
    assert_eq!(told["state"], "done", "{told}");
    told["explanation"].clone()
}

/// The answer's JSON, of a request that must succeed.
fn good(answer: std::io::Result<Answer>) -> Value {
    let answer = answer.unwrap();
    assert!((200..300).contains(&answer.status), "{answer:?}");
    assert!(answer.headers.contains("x-request-id: "), "{answer:?}");
    answer.json()
}

/// The problem document of a request that must be refused.
fn refused(answer: std::io::Result<Answer>, status: u16) -> Value {
    let answer = answer.unwrap();
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.headers.contains("application/problem+json"), "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    problem
}

/// A customer of long standing whose account a stranger takes over: the withdrawal `held` is held.
fn take_over(api: &Api, customer: &str) {
    let at = |line: String, time: &str| line.replace(&*YESTERDAY, time);
    let mut lines: Vec<String> = (1..=28)
        .map(|day| {
            at(event(&format!("{customer}-l-{day}"), "login", customer, "198.51.100.7"), &days_ago(60 - day))
        })
        .collect();
    let stranger = |id: String, kind: &str| {
        event(&id, kind, customer, "203.0.113.9").replace(&format!("d-{customer}"), "d-evil")
    };
    lines.push(stranger(format!("{customer}-p"), "password.change"));
    lines.push(stranger(format!("{customer}-b"), "bank_account.change"));
    let mut sender = api.of("sender");
    assert_eq!(good(sender.post("/v1/events", &lines.join("\n")))["accepted"], 30);
    let held = good(sender.post("/v1/decide", &stranger(format!("{customer}-held"), "withdrawal")));
    assert_eq!(held["decision"], "hold", "{held}");
}

/// Every operation with a key is refused without one, with an unknown one, and to roles it is not for.
#[test]
fn roles_may_what_they_are_for_and_nothing_else() {
    let api = Api::start();
    let operations: [(&str, &str, &[&str]); 55] = [
        ("POST", "/v1/decide", &["sender", "admin"]),
        ("POST", "/v1/events", &["sender", "admin"]),
        ("GET", "/v1/events", &["reader", "operator", "admin"]),
        ("GET", "/v1/decisions/x", &["reader", "operator", "admin"]),
        ("GET", "/v1/decisions/x/explain", &["reader", "operator", "admin"]),
        ("GET", "/v1/customers/x", &["reader", "operator", "admin"]),
        ("GET", "/v1/ips/192.0.2.1", &["reader", "operator", "admin"]),
        ("GET", "/v1/holds", &["reader", "operator", "admin"]),
        ("GET", "/v1/lists", &["reader", "operator", "admin"]),
        ("GET", "/v1/policies", &["reader", "operator", "admin"]),
        ("GET", "/v1/sweeps", &["reader", "operator", "admin"]),
        ("GET", "/v1/findings", &["reader", "operator", "admin"]),
        ("POST", "/v1/findings/examine", &["operator", "admin"]),
        ("GET", "/v1/backtests", &["reader", "operator", "admin"]),
        ("POST", "/v1/policies/9/backtest", &["operator", "admin"]),
        ("POST", "/v1/backtests/1/stop", &["operator", "admin"]),
        ("POST", "/v1/customers/x/unlock", &["operator", "admin"]),
        ("GET", "/v1/holds/x", &ROLES),
        ("POST", "/v1/holds/x/release", &["operator", "admin"]),
        ("POST", "/v1/holds/x/refuse", &["operator", "admin"]),
        ("POST", "/v1/sweeps", &["operator", "admin"]),
        ("POST", "/v1/sweeps/1/stop", &["operator", "admin"]),
        ("POST", "/v1/customers/x/unmask", &["operator", "admin"]),
        ("POST", "/v1/passwords/check", &["sender", "admin"]),
        ("POST", "/v1/challenges", &["sender", "admin"]),
        ("GET", "/v1/challenges/ch_AAAAAAAAAAAAAAAAAAAAAA", &["sender", "admin"]),
        ("POST", "/v1/challenges/ch_AAAAAAAAAAAAAAAAAAAAAA/redeem", &["sender", "admin"]),
        ("POST", "/v1/challenges/ch_AAAAAAAAAAAAAAAAAAAAAA/answer", &["sender", "admin"]),
        ("POST", "/v1/challenges/ch_AAAAAAAAAAAAAAAAAAAAAA/passkey", &["sender", "admin"]),
        ("POST", "/v1/challenges/ch_AAAAAAAAAAAAAAAAAAAAAA/send", &["sender", "admin"]),
        ("POST", "/v1/challenges/ch_AAAAAAAAAAAAAAAAAAAAAA/call", &["sender", "admin"]),
        ("POST", "/v1/challenges/ch_AAAAAAAAAAAAAAAAAAAAAA/paper", &["operator", "admin"]),
        ("GET", "/v1/calls", &["operator", "admin"]),
        ("GET", "/v1/calls/1", &["operator", "admin"]),
        ("POST", "/v1/calls/1/unmask", &["operator", "admin"]),
        ("POST", "/v1/calls/1/confirm", &["operator", "admin"]),
        ("POST", "/v1/calls/1/refuse", &["operator", "admin"]),
        ("POST", "/v1/calls/1/unreached", &["operator", "admin"]),
        ("POST", "/v1/handovers", &["sender", "admin"]),
        ("POST", "/v1/sign-ins", &["sender", "admin"]),
        ("POST", "/v1/sign-ins/00112233445566778899aabbccddeeff", &["sender", "admin"]),
        ("POST", "/v1/customers/x/passkeys", &["sender", "admin"]),
        ("GET", "/v1/customers/x/authenticators", &ROLES),
        (
            "POST",
            "/v1/customers/x/authenticators/00112233445566778899aabbccddeeff/remove",
            &["operator", "admin"],
        ),
        ("GET", "/v1/customers/x/devices", &ROLES),
        ("POST", "/v1/customers/x/devices", &["sender", "admin"]),
        ("POST", "/v1/customers/x/devices/00112233445566778899aabbccddeeff/presence", &["sender", "admin"]),
        ("POST", "/v1/customers/x/devices/00112233445566778899aabbccddeeff/remove", &["operator", "admin"]),
        ("PUT", "/v1/customers/x/only-own-devices", &["operator", "admin"]),
        ("POST", "/v1/mask", &ROLES),
        ("GET", "/v1/audit", &["admin"]),
        ("PUT", "/v1/customers/x", &["admin"]),
        ("PUT", "/v1/lists/x", &["admin"]),
        ("DELETE", "/v1/lists/x", &["admin"]),
        ("POST", "/v1/policies", &["admin"]),
    ];
    for (method, path, allowed) in operations {
        for key in ["", "sekisho_nonsense"] {
            refused(api.server.connect(key).send(method, path, &[], "{}"), 401);
        }
        for role in ROLES {
            let status = api.of(role).send(method, path, &[], "{}").unwrap().status;
            assert_eq!(status != 403, allowed.contains(&role), "{method} {path} {role}: {status}");
            assert!(status != 401 && status < 500, "{method} {path} {role}: {status}");
        }
    }
}

/// Requests are told with their identifier and without anything personal, and measured.
#[test]
fn requests_are_told_and_measured() {
    let api = Api::start();
    let mut reader = api.of("reader");
    let answer = reader.send("GET", "/v1/customers/secret-customer?x=1", &[("X-Request-Id", "abc-1")], "");
    assert!(answer.unwrap().headers.contains("x-request-id: abc-1"));
    let answer = reader.send("GET", "/v1/events", &[("X-Request-Id", "a b")], "").unwrap();
    assert!(!answer.headers.contains("x-request-id: a b"), "{answer:?}");
    let metrics = reader.get("/metrics").unwrap().body;
    let labels = "method=\"GET\",route=\"/v1/customers/{id}\",status=\"4xx\"";
    assert!(metrics.contains(&format!("_seconds_count{{{labels}}} 1\n")), "{metrics}");
    let told = loop {
        let told = api.server.told();
        if told.contains("abc-1") && told.contains("/v1/events") {
            break told;
        }
        std::thread::yield_now();
    };
    let line = told.lines().find(|line| line.contains("abc-1")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["route"], &line["status"]), (&"/v1/customers/{id}".into(), &400.into()), "{line}");
    assert_eq!((&line["level"], &line["method"]), (&"info".into(), &"GET".into()), "{line}");
    assert!(line["time"].as_str().unwrap().parse::<model::Time>().is_ok(), "{line}");
    assert!(!told.contains("secret-customer") && !told.contains("sekisho_"), "{told}");
}

/// What has no route is told by its method, and the log begins with the server.
#[test]
fn the_log_says_when_what_and_how_bad() {
    let api = Api::start();
    let mut reader = api.of("reader");
    for (method, path, id) in [("GET", "/nothing", "id-1"), ("PROPFIND", "/secret-path", "id-2")] {
        reader.send(method, path, &[("X-Request-Id", id)], "").unwrap();
    }
    let told = loop {
        let told = api.server.told();
        if told.contains("id-2") {
            break told;
        }
        std::thread::yield_now();
    };
    let line = |what: &str| -> Value {
        serde_json::from_str(told.lines().find(|line| line.contains(what)).unwrap()).unwrap()
    };
    let started = line("server.started");
    assert_eq!(
        (&started["address"], &started["level"]),
        (&api.server.address.as_str().into(), &"info".into())
    );
    assert!(told.contains("listening at http://"), "for people: {told}");
    assert_eq!((&line("id-1")["method"], &line("id-1")["route"]), (&"GET".into(), &"other".into()));
    assert_eq!(line("id-2")["method"], "other", "a word of the request's own is not told");
    assert!(!told.contains("PROPFIND") && !told.contains("secret-path"), "{told}");
}

#[test]
fn the_log_leaves_out_what_nobody_asked_for() {
    let api = Api::start().restarted(&["--log-from", "error"]);
    let mut reader = api.of("reader");
    reader.send("GET", "/nothing", &[("X-Request-Id", "id-1")], "").unwrap();
    let told = api.server.told();
    assert!(told.contains("listening at http://") && !told.contains("\"level\":\"info\""), "{told}");
    let wrong = crate::process::run(&["serve", "--log-from", "loud"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(crate::process::stderr(&wrong).contains("info, warning, error"), "{wrong:?}");
}
