//! Proof over real HTTP: a challenge of a decision, what answers it, what it is good for – and what does not help an attacker.

use std::collections::BTreeMap;
use std::sync::{Barrier, Mutex};

use serde_json::{Value, json};

use crate::http::{Answer, Connection};
use crate::process::{BINARY, Place};
use crate::serve::{Server, key};

/// A broker with a server of its own, and customers with browsers.
pub(crate) struct Broker {
    pub(crate) place: Place,
    pub(crate) server: Server,
    pub(crate) key: String,
    pub(crate) port: u16,
    /// Further keys, by role.
    pub(crate) keys: Mutex<BTreeMap<&'static str, String>>,
}

/// One browser: its cookies, on one connection.
pub(crate) struct Browser {
    address: String,
    connection: Connection,
    origin: String,
    cookies: Vec<(String, String)>,
}

/// Where customers come from, and go back to.
pub(crate) const BACK: &str = "https://www.broker.example";

impl Broker {
    /// `proof` goes into the table `[proof]`.
    pub(crate) fn start(proof: &str) -> Self {
        Self::start_in(Place::new(), proof)
    }

    /// The same, in a folder that holds what the settings name.
    pub(crate) fn start_in(place: Place, proof: &str) -> Self {
        let key = key(&place, "sender");
        let port = crate::nginx::free_port();
        let back = if proof.contains("return_origins") {
            String::new()
        } else {
            format!("return_origins = [{BACK:?}]\n")
        };
        let config = place.write("sekisho.toml", format!("[proof]\n{back}{proof}"));
        let server = Self::serve(&place, &config, port);
        Self { place, server, key, port, keys: Mutex::default() }
    }

    /// A connection by the key of a role.
    pub(crate) fn by(&self, role: &'static str) -> Connection {
        let key = self.keys.lock().unwrap().entry(role).or_insert_with(|| key(&self.place, role)).clone();
        self.server.connect(&key)
    }

    fn serve(place: &Place, config: &str, port: u16) -> Server {
        let mut command = std::process::Command::new(BINARY);
        command.args(["serve", "--data", &place.text("data"), "--config", config]);
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        Server::spawn(command)
    }

    pub(crate) fn killed_and_started_again(self) -> Self {
        let Self { place, server, key, port, keys } = self;
        server.kill();
        let server = Self::serve(&place, &place.text("sekisho.toml"), port);
        Self { place, server, key, port, keys }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    pub(crate) fn asks(&self) -> Connection {
        self.server.connect(&self.key)
    }

    /// Asks about a withdrawal; it is the customer's first, so that proof is asked for.
    pub(crate) fn withdrawal(&self, id: &str, customer: &str) -> Value {
        self.decides(&event(id, "withdrawal", customer, &withdrawal(customer)))
    }

    /// Asks about an event for which proof is asked.
    pub(crate) fn decides(&self, event: &str) -> Value {
        let answer = self.asks().post("/v1/decide", event).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let decision = answer.json();
        assert_eq!(decision["decision"], "step_up", "{decision}");
        decision
    }

    /// How the challenge of a decision may be answered, as it says itself.
    pub(crate) fn methods(&self, decision: &Value) -> Value {
        let challenge = &decision["challenge"];
        let shown =
            self.asks().get(&format!("/v1/challenges/{}", challenge["id"].as_str().unwrap())).unwrap();
        assert_eq!(shown.status, 200, "{shown:?}");
        let shown = shown.json();
        for told in ["id", "page"] {
            assert_eq!(shown[told], challenge[told]);
        }
        shown["methods"].clone()
    }

    pub(crate) fn redeem(&self, challenge: &str, action: &Value) -> Answer {
        self.asks().post(&format!("/v1/challenges/{challenge}/redeem"), &action.to_string()).unwrap()
    }

    pub(crate) fn handover(&self, body: &Value) -> String {
        let answer = self.asks().post("/v1/handovers", &body.to_string()).unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["url"].as_str().unwrap().to_owned()
    }

    /// A customer who came to the security page.
    pub(crate) fn browser(&self, customer: &str) -> Browser {
        self.browser_of(&json!({"customer": customer, "page": "security", "language": "en"}))
    }

    /// The same browser, sent to a challenge.
    pub(crate) fn on<'a>(
        &self,
        browser: &'a mut Browser,
        customer: &str,
        challenge: &str,
    ) -> &'a mut Browser {
        let handover =
            json!({"customer": customer, "page": "verify", "challenge": challenge, "language": "en"});
        let url = self.handover(&handover);
        let entered = browser.get(url.strip_prefix(&self.origin()).unwrap());
        assert_eq!(entered.status, 303, "{entered:?}");
        browser
    }

    /// The same by a handover.
    pub(crate) fn browser_of(&self, handover: &Value) -> Browser {
        let mut browser = Browser {
            address: self.server.address.clone(),
            connection: Connection::open(&self.server.address, "no key").unwrap(),
            origin: self.origin(),
            cookies: Vec::new(),
        };
        let url = self.handover(handover);
        let entered = browser.get(url.strip_prefix(&self.origin()).unwrap());
        assert_eq!(entered.status, 303, "{entered:?}");
        browser
    }
}

impl Browser {
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &body.to_string())
    }

    /// The same as the script of a page does, which says for which visit that was made.
    pub(crate) fn press(&mut self, visit: &str, path: &str, body: &Value) -> Answer {
        self.send_for(visit, "POST", path, &body.to_string())
    }

    /// The same browser in another tab.
    pub(crate) fn tab(&self) -> Self {
        Self {
            address: self.address.clone(),
            connection: Connection::open(&self.address, "no key").unwrap(),
            origin: self.origin.clone(),
            cookies: self.cookies.clone(),
        }
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> Answer {
        self.send_for("", method, path, body)
    }

    fn send_for(&mut self, visit: &str, method: &str, path: &str, body: &str) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (cookies, origin) = (cookies.join("; "), self.origin.clone());
        let mut headers =
            vec![("Cookie", cookies.as_str()), ("Origin", origin.as_str()), ("Accept-Language", "en")];
        headers.extend(Some(("X-Sekisho-Visit", visit)).filter(|_| !visit.is_empty()));
        let answer = self.connection.send(method, path, &headers, body).unwrap();
        for line in answer.raw_headers.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap().to_owned();
            self.cookies.retain(|(each, _)| each != name);
            self.cookies.push((name.to_owned(), value));
        }
        answer
    }

    /// Confirms a change on the security page by a code; gives the proof. `code` is asked for once it was sent, where it is sent.
    pub(crate) fn confirm(&mut self, change: &Value, method: &str, code: impl FnOnce() -> String) -> Value {
        let begun = self.post("/security/confirm", &json!({ "change": change }));
        assert_eq!(begun.status, 200, "{begun:?}");
        let begun = begun.json();
        let page = begun["page"].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();
        if ["sms", "mail"].contains(&method) {
            assert_eq!(self.post(&format!("{page}/send"), &json!({ "method": method })).status, 200);
        }
        let answer = json!({"method": method, "code": code()});
        let answered = self.post(&format!("{page}/answer"), &answer);
        assert_eq!(answered.status, 200, "{answered:?}");
        assert_eq!(answered.json()["next"], "/security#confirmed");
        begun["challenge"].clone()
    }

    /// Enrols an authenticator app; gives its secret.
    pub(crate) fn enrol_app(&mut self) -> App {
        self.enrol_app_by(&Value::Null)
    }

    /// The same with a proof of it.
    pub(crate) fn enrol_app_by(&mut self, proof: &Value) -> App {
        let begun = self.post("/security/totp", &json!({ "proof": proof })).json();
        let app = App::new(begun["secret"].as_str().unwrap_or_else(|| panic!("{begun}")));
        let token = begun["token"].clone();
        let sent = json!({"token": token, "code": app.code(-1), "proof": proof});
        let ended = self.post("/security/totp", &sent);
        assert_eq!(ended.status, 200, "{ended:?}");
        assert_eq!(self.post("/security/totp", &sent).status, 409, "the same again adds nothing");
        app
    }
}

/// An authenticator app.
pub(crate) struct App(totp_rs::Totp);

impl App {
    pub(crate) fn new(secret: &str) -> Self {
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        Self(totp_rs::Builder::new().with_secret(secret).build().unwrap())
    }

    /// The code of so many steps from now.
    pub(crate) fn code(&self, steps: i64) -> String {
        let now = model_now_s() + steps * 30;
        self.0.generate(u64::try_from(now).unwrap()).to_string()
    }
}

fn model_now_s() -> i64 {
    let now: model::Time = crate::serve::days_ago(0).parse().unwrap();
    now.as_us() / 1_000_000
}

pub(crate) fn event(id: &str, kind: &str, customer: &str, details: &Value) -> String {
    let mut event = json!({
        "id": id, "time": crate::serve::days_ago(0), "kind": kind, "customer": customer, "outcome": "attempted",
        "channel": "web", "client": {"ip": "203.0.113.7"},
    });
    for (name, value) in details.as_object().unwrap() {
        event[name] = value.clone();
    }
    event.to_string()
}

/// What a withdrawal is about.
pub(crate) fn withdrawal(customer: &str) -> Value {
    json!({
        "customer": customer, "kind": "withdrawal", "amount": {"minor": 5_000_000, "currency": "JPY"},
        "bank_account": {"bank": "0001", "branch": "001", "number": "1234567"},
    })
}

#[test]
fn a_decision_asks_for_proof_that_is_good_for_its_action_once() {
    let broker = Broker::start("cooling_hours = 0");
    let without = broker.withdrawal("w-0", "C1");
    assert_eq!(broker.methods(&without), json!([]), "there is nothing to prove with yet");
    let mut browser = broker.browser("C1");
    let app = browser.enrol_app();
    let asked = event("w-1", "withdrawal", "C1", &withdrawal("C1"));
    let decision = broker.decides(&asked);
    let challenge = decision["challenge"]["id"].as_str().unwrap();
    assert_eq!(broker.methods(&decision), json!(["totp"]));
    assert_eq!(broker.decides(&asked), decision, "made once, and told alike");
    assert_eq!(broker.redeem(challenge, &withdrawal("C1")).status, 409, "not proven");

    let page = broker.on(&mut browser, "C1", challenge).get(&format!("/verify/{challenge}"));
    assert_eq!(page.status, 200, "{page:?}");
    for text in ["JPY 5,000,000", "bank 0001, branch 001", "567", "Withdrawal"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("1234567"), "the number is not shown");
    let answer = json!({"method": "totp", "code": app.code(0)});
    let answered = browser.post(&format!("/verify/{challenge}/answer"), &answer);
    assert_eq!((answered.status, &answered.json()["status"]), (200, &json!("passed")), "{answered:?}");

    // What was proven, and nothing else.
    for (field, other) in [
        ("amount", json!({"minor": 5_000_001, "currency": "JPY"})),
        ("bank_account", json!({"bank": "0001", "branch": "001", "number": "7654321"})),
        ("customer", json!("C2")),
        ("kind", json!("transfer")),
    ] {
        let mut changed = withdrawal("C1");
        changed[field] = other;
        let refused = broker.redeem(challenge, &changed);
        assert_eq!(refused.status, 409, "{field}: {refused:?}");
        assert!(refused.body.contains("another action"), "{refused:?}");
    }
    let redeemed = broker.redeem(challenge, &withdrawal("C1"));
    assert_eq!(redeemed.status, 200, "{redeemed:?}");
    assert_eq!(redeemed.json()["passed"]["factor"], "totp");
    assert_eq!(broker.redeem(challenge, &withdrawal("C1")).status, 409, "once");

    // What is durable is so after a crash.
    let broker = broker.killed_and_started_again();
    assert_eq!(broker.redeem(challenge, &withdrawal("C1")).status, 409, "once, also after kill -9");
    let stands = broker.asks().get(&format!("/v1/challenges/{challenge}")).unwrap();
    assert_eq!(stands.json()["status"], "redeemed");
}

#[test]
fn of_answers_at_once_one_wins() {
    let broker = Broker::start("cooling_hours = 0");
    let app = broker.browser("C1").enrol_app();
    let challenge = broker.withdrawal("w-1", "C1")["challenge"]["id"].as_str().unwrap().to_owned();
    let answer = json!({"customer": "C1", "method": "totp", "code": app.code(0)}).to_string();
    let path = format!("/v1/challenges/{challenge}/answer");
    let at_once = |path: &str, body: &str| -> Vec<u16> {
        let barrier = Barrier::new(8);
        std::thread::scope(|threads| {
            let all: Vec<_> = (0..8)
                .map(|_| {
                    threads.spawn(|| {
                        let mut connection = broker.asks();
                        barrier.wait();
                        connection.post(path, body).unwrap().status
                    })
                })
                .collect();
            all.into_iter().map(|each| each.join().unwrap()).collect()
        })
    };
    let answered = at_once(&path, &answer);
    assert_eq!(answered.iter().filter(|status| **status == 200).count(), 1, "{answered:?}");
    let redeemed = at_once(&format!("/v1/challenges/{challenge}/redeem"), &withdrawal("C1").to_string());
    assert_eq!(redeemed.iter().filter(|status| **status == 200).count(), 1, "{redeemed:?}");
}

#[test]
fn nobody_answers_for_somebody_else_and_no_page_answers_for_another_site() {
    let broker = Broker::start("cooling_hours = 0");
    let app = broker.browser("C1").enrol_app();
    let challenge = broker.withdrawal("w-1", "C1")["challenge"]["id"].as_str().unwrap().to_owned();
    let mut other = broker.browser("C2");
    let path = format!("/verify/{challenge}/answer");
    let answer = json!({"method": "totp", "code": app.code(0)});
    assert_eq!(other.get(&format!("/verify/{challenge}")).status, 404);
    assert_eq!(other.post(&path, &answer).status, 404);
    let by_api = json!({"customer": "C2", "method": "totp", "code": app.code(0)}).to_string();
    assert_eq!(
        broker.asks().post(&format!("/v1/challenges/{challenge}/answer"), &by_api).unwrap().status,
        404
    );

    let mut own = broker.browser("C1");
    own.origin = "https://evil.example".to_owned();
    assert_eq!(own.post(&path, &answer).status, 403, "another origin");
    own.origin = broker.origin();
    let (name, value) = own.cookies.pop().unwrap();
    assert_eq!(own.post(&path, &answer).status, 403, "no visit");
    own.cookies.push((name, format!("{value}x")));
    assert_eq!(own.post(&path, &answer).status, 403, "a changed visit");

    let url = broker.handover(&json!({"customer": "C1", "page": "security"}));
    let path = url.strip_prefix(&broker.origin()).unwrap();
    for _ in 0..2 {
        let looked = own.send("HEAD", path, "");
        assert_eq!((looked.status, looked.headers.contains("set-cookie")), (204, false), "{looked:?}");
    }
    assert_eq!(own.get(path).status, 303);
    assert_eq!(own.get(path).status, 403, "a link is good once");
    let own = format!("{}/enter?token=x", broker.origin());
    for return_to in ["https://evil.example/", "//evil.example", "javascript:alert(1)", &own] {
        let body = json!({"customer": "C1", "page": "security", "return_to": return_to}).to_string();
        assert_eq!(broker.asks().post("/v1/handovers", &body).unwrap().status, 422, "{return_to}");
    }
}

#[test]
fn a_new_app_confirms_no_withdrawal_and_the_customer_can_say_it_was_not_them() {
    let broker = Broker::start("");
    let mut browser = broker.browser("C1");
    let app = browser.enrol_app();
    let decision = broker.withdrawal("w-1", "C1");
    assert_eq!(broker.methods(&decision), json!([]), "it cools off for twelve hours");
    let challenge = decision["challenge"]["id"].as_str().unwrap();
    let answer = json!({"customer": "C1", "method": "totp", "code": app.code(0)}).to_string();
    assert_eq!(
        broker.asks().post(&format!("/v1/challenges/{challenge}/answer"), &answer).unwrap().status,
        409
    );

    let told =
        broker.on(&mut browser, "C1", challenge).post(&format!("/verify/{challenge}/report"), &json!({}));
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(broker.redeem(challenge, &withdrawal("C1")).status, 409);
    assert_eq!(
        broker.asks().get(&format!("/v1/challenges/{challenge}")).unwrap().json()["status"],
        "reported"
    );
    let reader = key(&broker.place, "reader");
    let events = broker.server.connect(&reader).get("/v1/events?customer=C1").unwrap();
    for kind in ["customer.report", "factor.enroll"] {
        assert!(events.body.contains(kind), "{kind}: {}", events.body);
    }
    let has = broker.server.connect(&reader).get("/v1/customers/C1/authenticators").unwrap().json();
    assert_eq!(has["authenticators"][0]["method"], "totp");

    // From here on the account is locked.
    let again = browser.post(&format!("/verify/{challenge}/report"), &json!({}));
    assert_eq!(again.status, 200, "pressed twice: {again:?}");
    let next =
        broker.asks().post("/v1/decide", &event("w-2", "withdrawal", "C1", &withdrawal("C1"))).unwrap();
    assert_eq!(next.json()["decision"], "hold", "{next:?}");
    let reasons = next.json()["reasons"].to_string();
    assert!(reasons.contains("customer_reported"), "{reasons}");
    let seen = broker.server.connect(&reader).get("/v1/customers/C1").unwrap().json();
    assert!(seen["reported"].is_string(), "{seen}");

    // Until somebody identified the customer, and said how.
    let operator = key(&broker.place, "operator");
    let unlock = |body: &Value| {
        broker.server.connect(&operator).post("/v1/customers/C1/unlock", &body.to_string()).unwrap()
    };
    assert_eq!(unlock(&json!({})).status, 422, "no reason");
    let unlocked = unlock(&json!({"reason": "identity papers seen in the branch"}));
    assert_eq!(unlocked.status, 200, "{unlocked:?}");
    assert_eq!(unlock(&json!({"reason": "again"})).status, 409, "it is not locked any more");
    let decision = broker.withdrawal("w-3", "C1");
    assert!(decision["challenge"]["id"].is_string(), "{decision}");
    let admin = key(&broker.place, "admin");
    let acts = broker.server.connect(&admin).get("/v1/audit").unwrap().body;
    assert!(
        acts.contains("customer.unlock") && acts.contains("identity papers seen in the branch"),
        "{acts}"
    );
}

#[test]
fn recovery_codes_sign_in_once_and_move_no_money() {
    let broker = Broker::start("cooling_hours = 0");
    let mut browser = broker.browser("C1");
    let made = browser.post("/security/recovery", &json!({})).json();
    let code = made["codes"][0].as_str().unwrap();
    assert_eq!(broker.methods(&broker.withdrawal("w-1", "C1")), json!([]));
    let login = json!({"customer": "C1", "kind": "login"}).to_string();
    for expected in [200, 409] {
        let challenge = broker.asks().post("/v1/challenges", &login).unwrap().json();
        let body = json!({"customer": "C1", "method": "recovery", "code": code}).to_string();
        let path = format!("/v1/challenges/{}/answer", challenge["id"].as_str().unwrap());
        for no_code in ["", "123456", "2K7QM-X94T", "2K7QM-X94TDA", "2K7QM-X94TU", "リカバリーコード"]
        {
            let body = json!({"customer": "C1", "method": "recovery", "code": no_code}).to_string();
            let refused = broker.asks().post(&path, &body).unwrap();
            assert_eq!((refused.status, &refused.json()["field"]), (422, &json!("code")), "{refused:?}");
        }
        assert_eq!(broker.asks().post(&path, &body).unwrap().status, expected);
    }
}
