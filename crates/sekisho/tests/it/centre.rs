//! The customer's security centre over real HTTP: recent logins and notices, and what "this was not me" does from there.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::proof::{Broker, Browser, event, withdrawal};
use crate::serve::days_ago;

const HOME: &str = "198.51.100.7";
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/17.2 Mobile/15E148 Safari/604.1";
const STRANGE: &str = "203.0.113.9";
const DESKTOP: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

impl Broker {
    /// Tells events; each with an identifier of its own.
    pub(crate) fn tell(&self, events: &[Value]) {
        let told = self.asks().post("/v1/events", &Value::from(events).to_string()).unwrap();
        assert_eq!(told.json()["accepted"], events.len(), "{told:?}");
    }

    pub(crate) fn unlock(&self, customer: &str) -> Answer {
        let path = format!("/v1/customers/{customer}/unlock");
        self.by("operator").post(&path, "{\"reason\":\"identity papers seen\"}").unwrap()
    }

    pub(crate) fn events_of(&self, customer: &str) -> Vec<Value> {
        let path = format!("/v1/events?customer={customer}&limit=200");
        let page = self.by("reader").get(&path).unwrap().json();
        page["events"].as_array().unwrap().clone()
    }

    fn reports_of(&self, customer: &str) -> Vec<Value> {
        self.events_of(customer).into_iter().filter(|event| event["kind"] == "customer.report").collect()
    }

    pub(crate) fn status(&self, challenge: &str) -> Value {
        self.asks().get(&format!("/v1/challenges/{challenge}")).unwrap().json()["status"].clone()
    }
}

fn fact(id: &str, kind: &str, days: u64, client: &Value, more: &Value) -> Value {
    let mut event = json!({
        "id": id, "time": days_ago(days), "kind": kind, "customer": "C1", "outcome": "succeeded", "channel": "web",
        "client": client,
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

/// A customer who came from home with their telephone for two months, and lately from elsewhere with something else.
pub(crate) fn tell_logins(broker: &Broker) {
    let home = json!({"ip": HOME, "device": "d-1", "user_agent": PHONE});
    let strange = json!({"ip": STRANGE, "device": "d-9", "user_agent": DESKTOP});
    let good = json!({"credential": "correct"});
    let mut events: Vec<Value> = [60, 40, 20, 12, 9, 6, 4, 1]
        .map(|days| fact(&format!("home-{days}"), "login", days, &home, &good))
        .to_vec();
    let failed = json!({"credential": "wrong", "outcome": "failed"});
    events.push(fact("strange-3", "login", 3, &strange, &failed));
    events.push(fact("strange-2", "login", 2, &strange, &good));
    events.push(fact("by-telephone", "login", 5, &json!({}), &json!({"channel": "phone"})));
    // Not all at the same time of day.
    for (event, hours) in events.iter_mut().zip([0, 2, 1, 3, 0, 9, 2, 1, 13, 12, 4]) {
        let time: model::Time = event["time"].as_str().unwrap().parse().unwrap();
        event["time"] = time.plus_us(-hours * model::time::HOUR_US).to_string().into();
    }
    broker.tell(&events);
}

#[test]
fn recent_logins_say_when_from_where_with_what_and_how_they_ended() {
    let broker = Broker::start("support = \"0120-000-000\"");
    tell_logins(&broker);
    let mut browser = broker.browser("C1");
    let page = browser.get("/security");
    assert_eq!(page.status, 200, "{page:?}");
    let logins: Vec<&str> = page.body.split("<li class=\"login ").skip(1).collect();
    assert_eq!(logins.len(), 11, "{}", page.body);
    let expected = [
        ("succeeded", "198.51.100.•••", "Safari (iPhone)", false),
        ("succeeded", "203.0.113.•••", "Chrome (Windows)", true),
        ("failed", "203.0.113.•••", "Chrome (Windows)", true),
        ("succeeded", "198.51.100.•••", "Safari (iPhone)", false),
        ("succeeded", "telephone", "", false),
    ];
    for (login, (class, place, program, is_new)) in logins.iter().zip(expected) {
        let login = login.split("</li>").next().unwrap();
        assert!(login.starts_with(class) && login.contains(place) && login.contains(program), "{login}");
        for mark in ["new place", "new device"] {
            assert_eq!(login.contains(mark), is_new, "{mark}: {login}");
        }
    }
    for whole in [HOME, STRANGE] {
        assert!(!page.body.contains(whole), "addresses are shown in part");
    }
    // The same as a picture: a shape for each, other ones for new places, hollow what did not get in.
    let picture = page.body.split("<svg").nth(1).unwrap().split("</svg>").next().unwrap();
    assert!(picture.contains("role=\"img\"") && picture.contains("<desc"), "{picture}");
    assert_eq!(picture.matches("<circle class=\"known\"").count(), 9, "{picture}");
    assert_eq!(picture.matches("<path class=\"new\"").count(), 1, "{picture}");
    assert_eq!(picture.matches("<path class=\"new hollow\"").count(), 1, "{picture}");
    assert!(!page.body.contains("id=\"locked\""));
}

#[test]
fn a_login_that_was_asked_about_is_shown_once() {
    let broker = Broker::start("");
    tell_logins(&broker);
    let login = json!({"client": {"ip": HOME, "device": "d-1"}, "credential": "correct"});
    broker.asks().post("/v1/decide", &event("asked-1", "login", "C1", &login)).unwrap();
    let mut browser = broker.browser("C1");
    let count = |page: &Answer| page.body.matches("<li class=\"login ").count();
    assert_eq!(count(&browser.get("/security")), 12);
    broker.tell(&[fact("done-1", "login", 0, &json!({"ip": HOME, "device": "d-1"}), &json!({}))]);
    let page = browser.get("/security");
    assert_eq!(count(&page), 12, "{}", page.body);
    assert!(page.body.split("<li class=\"login ").nth(1).unwrap().starts_with("succeeded"));
}

#[test]
fn whoever_fails_often_does_not_hide_that_they_got_in() {
    let broker = Broker::start("");
    let strange = json!({"ip": STRANGE, "device": "d-9", "user_agent": DESKTOP});
    broker.tell(&[fact("in", "login", 2, &strange, &json!({"credential": "correct"}))]);
    let failed = json!({"credential": "wrong", "outcome": "failed"});
    let many: Vec<Value> =
        (0..60).map(|number| fact(&format!("f-{number}"), "login", 1, &strange, &failed)).collect();
    broker.tell(&many);
    let page = broker.browser("C1").get("/security").body;
    assert_eq!(page.matches("<li class=\"login failed\"").count(), 20, "{page}");
    assert!(page.contains("data-event=\"in\"") && page.contains("40 more failed"), "{page}");
}

#[test]
fn a_page_that_is_not_complete_says_so() {
    let broker = Broker::start("");
    let steps = |from: u32| -> Vec<Value> {
        let step = |number: u32| {
            fact(&format!("s-{number}"), "session.activity", 1, &json!({"ip": HOME}), &json!({}))
        };
        (from..from + 500).map(step).collect()
    };
    broker.tell(&[fact("first", "login", 2, &json!({"ip": HOME}), &json!({}))]);
    broker.tell(&steps(0));
    let page = broker.browser("C1").get("/security").body;
    assert!(page.contains("data-event=\"first\"") && !page.contains("This is what came after"), "{page}");
    broker.tell(&steps(500));
    let page = broker.browser("C1").get("/security").body;
    assert!(!page.contains("data-event=\"first\"") && page.contains("This is what came after"), "{page}");
}

#[test]
fn a_login_that_was_not_theirs_locks_the_account() {
    let broker = Broker::start("support = \"0120-000-000\"");
    tell_logins(&broker);
    let mut browser = broker.browser("C1");
    let other = json!({"id": "of-c2", "time": days_ago(1), "kind": "login", "customer": "C2", "outcome": "succeeded"});
    broker.tell(&[other]);
    for event in ["of-c2", "nothing"] {
        let refused = browser.post("/security/report", &json!({ "event": event }));
        assert_eq!(refused.status, 404, "{event}: {refused:?}");
    }
    assert_eq!(browser.post("/security/report", &json!({"event": 7})).status, 422);
    assert_eq!(broker.reports_of("C1").len(), 0);

    for _ in 0..2 {
        let told = browser.post("/security/report", &json!({"event": "strange-2"}));
        assert_eq!(told.status, 200, "{told:?}");
    }
    let reports = broker.reports_of("C1");
    assert_eq!(reports.len(), 1, "pressed twice it is one report: {reports:?}");
    assert_eq!(reports[0]["reason"], "event strange-2");
    let page = broker.browser("C1").get("/security");
    for text in ["Your account is locked", "0120-000-000", "you told us that it was not you"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("data-act=\"disown\""), "it is said already");
    let next =
        broker.asks().post("/v1/decide", &event("w-1", "withdrawal", "C1", &withdrawal("C1"))).unwrap();
    assert_eq!(next.json()["decision"], "hold", "{next:?}");

    // Identified, they may say so again of the same.
    assert_eq!(broker.unlock("C1").status, 200);
    assert!(!broker.browser("C1").get("/security").body.contains("id=\"locked\""));
    assert_eq!(browser.post("/security/report", &json!({"event": "strange-2"})).status, 200);
    assert_eq!(broker.reports_of("C1").len(), 2);
    // And of the account as a whole.
    assert_eq!(broker.unlock("C1").status, 200);
    assert_eq!(browser.post("/security/report", &json!({})).status, 200);
    assert!(broker.reports_of("C1")[0]["reason"].is_null());
    // Staff see them without knowing of whom.
    broker.tell(&[json!({"id": "r-2", "time": days_ago(0), "kind": "customer.report", "customer": "C2", "outcome": "succeeded"})]);
    let reported = broker.by("reader").get("/v1/events?kind=customer.report&limit=3").unwrap().json();
    let of: Vec<_> = reported["events"].as_array().unwrap().iter().map(|each| &each["customer"]).collect();
    assert_eq!(of, ["C2", "C1", "C1"], "{reported}");
    let next = format!("/v1/events?kind=customer.report&before={}", reported["next"]);
    let rest = broker.by("reader").get(&next).unwrap().json();
    assert_eq!((rest["events"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null), "{rest}");
    for refused in ["kind=login", "kind=customer.report&customer=C1"] {
        assert_eq!(
            broker.by("reader").get(&format!("/v1/events?{refused}")).unwrap().status,
            400,
            "{refused}"
        );
    }
}

#[test]
fn a_report_ends_every_challenge_that_was_made_before() {
    let broker = Broker::start("cooling_hours = 0");
    let mut browser = broker.browser("C1");
    let app = browser.enrol_app();
    let challenge = |id: &str| broker.withdrawal(id, "C1")["challenge"]["id"].as_str().unwrap().to_owned();
    let (done, proven) = (challenge("w-1"), challenge("w-2"));
    let asked = event("w-3", "withdrawal", "C1", &withdrawal("C1"));
    let open = broker.decides(&asked)["challenge"]["id"].as_str().unwrap().to_owned();
    let answer = |browser: &mut Browser, challenge: &str, steps: i64| {
        let answer = json!({"method": "totp", "code": app.code(steps)});
        broker.on(browser, "C1", challenge).post(&format!("/verify/{challenge}/answer"), &answer)
    };
    assert_eq!(answer(&mut browser, &done, 0).status, 200);
    assert_eq!(broker.redeem(&done, &withdrawal("C1")).status, 200);
    assert_eq!(answer(&mut browser, &proven, 1).status, 200);

    // It is about one of them, and ends them all.
    let reported = challenge("w-4");
    let on = broker.on(&mut browser, "C1", &reported);
    assert_eq!(on.post(&format!("/verify/{reported}/report"), &json!({})).status, 200);
    let redeemed = broker.redeem(&proven, &withdrawal("C1"));
    assert_eq!((redeemed.status, redeemed.body.contains("reported")), (409, true), "{redeemed:?}");
    let answered = answer(&mut browser, &open, 1);
    assert_eq!(answered.status, 409, "{answered:?}");
    assert!(answered.body.contains("was not you"), "{answered:?}");
    for (challenge, status) in [(&done, "redeemed"), (&proven, "reported"), (&open, "reported")] {
        assert_eq!(broker.status(challenge), status);
    }
    let page = browser.get(&format!("/verify/{open}"));
    assert!(page.body.contains("please call the support centre"), "{}", page.body);
    let again = broker.decides(&asked);
    assert_eq!(again["challenge"]["id"], open, "the same challenge");
    assert_eq!(broker.status(&open), "reported", "asked again: {again}");

    // Who was identified is asked anew, and what was ended stays so.
    assert_eq!(broker.unlock("C1").status, 200);
    assert_eq!(broker.redeem(&proven, &withdrawal("C1")).status, 409);
    assert_eq!(broker.status(&challenge("w-5")), "open");
}

#[test]
fn a_report_that_the_broker_tells_ends_challenges_as_well() {
    let broker = Broker::start("cooling_hours = 0");
    let app = broker.browser("C1").enrol_app();
    let challenge = broker.withdrawal("w-1", "C1")["challenge"]["id"].as_str().unwrap().to_owned();
    broker.tell(&[fact("by-telephone", "customer.report", 0, &json!({}), &json!({"channel": "phone"}))]);
    let answer = json!({"customer": "C1", "method": "totp", "code": app.code(0)}).to_string();
    let path = format!("/v1/challenges/{challenge}/answer");
    assert_eq!(broker.asks().post(&path, &answer).unwrap().status, 409);
    assert_eq!(broker.status(&challenge), "reported");
}

#[test]
fn nothing_is_added_while_the_account_is_locked() {
    let broker = Broker::start("");
    let mut browser = broker.browser("C1");
    let begun = browser.post("/security/totp", &json!({})).json();
    let app = browser.enrol_app();
    assert_eq!(browser.post("/security/report", &json!({})).status, 200);
    let ended = json!({"token": begun["token"], "code": app.code(0)});
    for (path, body) in [
        ("/security/totp", json!({})),
        ("/security/totp", ended),
        ("/security/passkey", json!({})),
        ("/security/passkey", json!({"credential": {}})),
        ("/security/recovery", json!({})),
    ] {
        let refused = browser.post(path, &body);
        assert_eq!((refused.status, refused.body.contains("is locked")), (409, true), "{path}: {refused:?}");
    }
    assert_eq!(broker.asks().post("/v1/customers/C1/passkeys", "{}").unwrap().status, 409);
    // Nor is what the customer has taken away: they have no passkey to confirm it with.
    let path = "/v1/customers/C1/authenticators";
    let has = || broker.by("reader").get(path).unwrap().json()["authenticators"].clone();
    let id = json!({"id": has()[0]["id"]});
    assert_eq!(browser.post("/security/remove", &id).status, 409);
    assert_eq!(has().as_array().unwrap().len(), 1);

    assert_eq!(broker.unlock("C1").status, 200);
    assert_eq!(browser.post("/security/recovery", &json!({})).status, 409, "not without the app");
    let proof = browser.confirm(&json!({"act": "recovery"}), "totp", || app.code(0));
    assert_eq!(browser.post("/security/recovery", &json!({ "proof": proof })).status, 200);
    let removing = json!({"act": "remove", "id": id["id"]});
    let proof = browser.confirm(&removing, "totp", || app.code(1));
    assert_eq!(browser.post("/security/remove", &json!({"id": id["id"], "proof": proof})).status, 200);
}

#[test]
fn notices_say_what_was_changed_stopped_and_said() {
    let broker = Broker::start("");
    let home = json!({"ip": HOME, "device": "d-1", "user_agent": PHONE});
    let mail = json!({"contact": {"type": "email", "new": "new@example.jp"}});
    let account = json!({"bank_account": {"bank": "0001", "branch": "001", "number": "1234567"}});
    broker.tell(&[
        fact("too-old", "password.reset", 91, &home, &json!({})),
        fact("contact", "contact.change", 80, &home, &mail),
        fact("tried", "password.change", 70, &home, &json!({"outcome": "failed"})),
        fact("bank", "bank_account.change", 60, &home, &account),
        fact("report", "customer.report", 2, &home, &json!({})),
    ]);
    let mut browser = broker.browser("C1");
    let held =
        broker.asks().post("/v1/decide", &event("w-1", "withdrawal", "C1", &withdrawal("C1"))).unwrap();
    assert_eq!(held.json()["decision"], "hold", "{held:?}");
    let notices = |browser: &mut Browser| -> Vec<String> {
        let page = browser.get("/security").body;
        let section =
            page.split("<section id=\"notices\">").nth(1).unwrap().split("</section>").next().unwrap();
        let lines = section.lines().filter(|line| line.starts_with("<p><strong>"));
        lines
            .map(|line| line.replace("<p><strong>", "").replace("</strong>", "").replace("</p>", ""))
            .collect()
    };
    let before = [
        "Report – you told us that it was not you",
        "Change the bank account – done",
        "Change a contact (Mail address) – done",
    ];
    let expected = |held: &'static str| [&[held], before.as_slice()].concat();
    assert_eq!(notices(&mut browser), expected("Withdrawal – held, to be looked at"));
    let refused = broker.by("operator").post("/v1/holds/w-1/refuse", "{}").unwrap();
    assert_eq!(refused.status, 200, "{refused:?}");
    assert_eq!(notices(&mut browser), expected("Withdrawal – held, then refused"));
    assert_eq!(broker.unlock("C1").status, 200);
    browser.enrol_app();
    let now = notices(&mut browser);
    assert_eq!(now[0], "Add a way to confirm (authenticator app) – done", "{now:?}");
    assert_eq!(now[1], "Notice – you were identified, and the account was unlocked", "{now:?}");
}

/// Each time a thousand rows of the journal may be read.
#[test]
fn the_security_page_is_not_made_without_end_and_nobody_keeps_the_customer_from_it() {
    let broker = Broker::start("cooling_hours = 0");
    let mut own = broker.browser("C1");
    let app = own.enrol_app();
    let first = broker.withdrawal("w-0", "C1")["challenge"]["id"].as_str().unwrap().to_owned();
    let answer = json!({"method": "totp", "code": app.code(0)});
    assert_eq!(
        broker.on(&mut own, "C1", &first).post(&format!("/verify/{first}/answer"), &answer).status,
        200
    );
    let mut thief = broker.browser("C1");
    let left_out = |browser: &mut Browser| {
        let page = browser.get("/security");
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.body.contains("data-act=\"disown\""), "{page:?}");
        page.body.contains("looked at often")
    };
    let times = (0..10_000).find(|_| left_out(&mut thief));
    assert!(times.is_some_and(|times| times >= 20), "{times:?}");
    let mut own = broker.browser("C1");
    assert!(left_out(&mut own), "what is asked for all the time is not read from the journal");
    assert!(!left_out(&mut broker.browser("C2")));
    assert_eq!(own.post("/security/report", &json!({})).status, 200);
    assert!(own.get("/security").body.contains("Your account is locked"));
}

#[test]
fn what_nobody_named_is_called_in_the_language_of_the_page() {
    let broker = Broker::start("");
    let mut browser = broker.browser("C1");
    let begun = browser.post("/security/totp", &json!({})).json();
    let wrong = browser.post("/security/totp", &json!({"token": begun["token"], "code": "000000"}));
    assert!(wrong.status == 422 && wrong.body.contains("Look whether its clock is right"), "{wrong:?}");
    browser.enrol_app();
    assert!(browser.get("/security").body.contains("<h3>Authenticator app</h3>"));
    let id = broker.by("reader").get("/v1/customers/C1/authenticators").unwrap().json()["authenticators"][0]
        ["id"]
        .clone();
    let mut japanese = broker.browser_of(&json!({"customer": "C1", "page": "security", "language": "ja"}));
    assert!(japanese.get("/security").body.contains("<h3>認証アプリ</h3>"));
    for odd in ["my \u{202e}app", "my\u{200d} app", "\u{2800}", "\u{3000}"] {
        let named = browser.post("/security/rename", &json!({"id": id, "name": odd}));
        assert!(named.status == 422 && named.body.contains("direction of text"), "{named:?}");
    }
    assert_eq!(browser.post("/security/rename", &json!({"id": id, "name": "私のアプリ"})).status, 200);
    assert!(browser.get("/security").body.contains("<h3>私のアプリ</h3>"), "what was given stays");
}
