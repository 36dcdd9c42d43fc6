//! A login that somebody else began: what the customer's browser is led to proves who the customer is, and lets nobody in but that
//! browser.

use serde_json::{Value, json};

use crate::browser::Chromium;
use crate::http::{Answer, Connection};
use crate::proof::{BACK, Broker, withdrawal};
use crate::proof_pages::{HOME, claims, example_broker, sign_in, tell_past};

/// Asks for proof of every login.
const ASKS_LOGINS: &str = "[thresholds]\nstep_up = 30\nhold = 70\ndeny = 101\n[[rule]]\nname = \"always\"\nkinds = [\"login\"]\n\
     when = \"true\"\npoints = 30\nreason = { ja = \"常に\", en = \"always\" }\n";

/// Somebody with a program in place of a browser.
struct Thief {
    connection: Connection,
    cookies: Vec<(String, String)>,
    /// Theirs is the customer's.
    language: &'static str,
}

impl Thief {
    fn at(address: &str, language: &'static str) -> Self {
        Self { connection: Connection::open(address, "no key").unwrap(), cookies: Vec::new(), language }
    }

    fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    fn post(&mut self, path: &str, form: &str) -> Answer {
        self.send("POST", path, form)
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let headers = [
            ("Cookie", cookies.as_str()),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept-Language", self.language),
            ("X-Forwarded-For", "203.0.113.9"),
            ("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0.0.0"),
        ];
        let answer = self.connection.send(method, path, &headers, body).unwrap();
        for line in answer.raw_headers.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, rest) = line.split_once('=').unwrap();
            self.cookies.retain(|(each, _)| each != name);
            self.cookies.push((name.to_owned(), rest.split(';').next().unwrap().to_owned()));
        }
        answer
    }
}

/// Who proves who they are is let in where they came back, and nobody else: a login that somebody else began is of no use to them.
#[test]
fn a_login_is_let_in_only_by_the_result_that_came_back() {
    let broker = Broker::start("cooling_hours = 0");
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    for kind in ["login", "password.reset", "password.change"] {
        let action = json!({"customer": "C1", "kind": kind});
        let make = || broker.asks().post("/v1/challenges", &action.to_string()).unwrap().json()["id"].clone();
        let client =
            json!({"ip": "203.0.113.9", "user_agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/131.0.0.0"});
        let enter = |challenge: &Value| {
            broker.browser_of(&json!({
                "customer": "C1", "page": "verify", "challenge": challenge, "language": "en", "client": client,
                "return_to": format!("{BACK}/back"),
            }))
        };
        let proven = |passkey: &mut lab::proof::SoftPasskey| {
            let challenge = make();
            let mut browser = enter(&challenge);
            let path = format!("/verify/{}", challenge.as_str().unwrap());
            let page = browser.get(&path).body;
            for told in [
                "203.0.113.•••",
                "Chrome (Windows)",
                "Asked at",
                "Go on only if you began this yourself",
                "Back without confirming",
            ] {
                assert!(page.contains(told), "{told}: {page}");
            }
            let options = browser.post(&format!("{path}/passkey"), &json!({})).json()["options"].clone();
            let credential = passkey.get(&options);
            let passed = browser.post(&format!("{path}/passkey"), &json!({ "credential": credential }));
            let next = passed.json()["next"].as_str().unwrap().to_owned();
            let result = next.split("sekisho_result=").nth(1).unwrap().to_owned();
            (challenge.as_str().unwrap().to_owned(), result, browser)
        };
        let (challenge, result, mut browser) = proven(&mut passkey);
        let (_, of_another, _) = proven(&mut passkey);
        let redeem = |result: Option<&str>| {
            let mut body = action.clone();
            if let Some(result) = result {
                body["result"] = result.into();
            }
            broker.redeem(&challenge, &body)
        };
        let mut forged = result.clone().into_bytes();
        let middle = forged.len() / 2;
        forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        let many = "a".repeat(5_000);
        for bad in [None, Some(""), Some("x.y.z"), Some(of_another.as_str()), Some(&forged), Some(&many)] {
            let refused = redeem(bad);
            assert_eq!((refused.status, &refused.json()["reason"]), (409, &json!("not_back")), "{refused:?}");
        }
        // One result, however often the page is looked at; none once it was used.
        let page = browser.get(&format!("/verify/{challenge}")).body;
        let again = page.split("sekisho_result=").nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert_eq!(claims(&broker, &again)["jti"], claims(&broker, &result)["jti"]);
        assert_ne!(claims(&broker, &of_another)["jti"], claims(&broker, &result)["jti"]);
        assert_eq!(redeem(Some(&result)).status, 200);
        assert_eq!(redeem(Some(&result)).json()["reason"], "redeemed");
        let page = browser.get(&format!("/verify/{challenge}")).body;
        assert!(page.contains("<p class=\"good\">") && !page.contains("sekisho_result"), "{page}");
        // On pages of the broker's own nobody is sent away.
        let challenge = make();
        broker.answer_with(challenge.as_str().unwrap(), "C1", &mut passkey);
        assert_eq!(broker.redeem(challenge.as_str().unwrap(), &action).status, 200);
    }
    // Money is bound by what is proven; a result that is brought nevertheless has to be the right one.
    let challenge = broker.challenge("C1");
    broker.answer_with(&challenge, "C1", &mut passkey);
    let mut body = withdrawal("C1");
    body["result"] = "x".into();
    assert_eq!(broker.redeem(&challenge, &body).json()["reason"], "not_back");
    assert_eq!(broker.redeem(&challenge, &withdrawal("C1")).status, 200);
    body["result"] = "x".into();
    let refused = broker.asks().post("/v1/challenges", &body.to_string()).unwrap();
    assert_eq!((refused.status, &refused.json()["field"]), (422, &json!("result")), "{refused:?}");
}

/// Whoever is in a session has a challenge by asking for anything: it leads to its own page, and not to what the customer proves
/// themselves with.
#[test]
fn who_was_sent_to_a_challenge_is_not_in_the_security_centre() {
    let broker = Broker::start("");
    for action in [withdrawal("C1"), json!({"customer": "C1", "kind": "profile.view"})] {
        let made = broker.asks().post("/v1/challenges", &action.to_string()).unwrap().json();
        let mut browser = broker.browser_of(&json!({
            "customer": "C1", "page": "verify", "challenge": made["id"],
            "return_to": format!("{BACK}/back"),
        }));
        let page = browser.get(&format!("/verify/{}", made["id"].as_str().unwrap()));
        assert!(page.status == 200 && !page.body.contains("href=\"/security"), "{page:?}");
        assert_eq!(browser.get("/security").status, 403);
        for (path, body) in [
            ("/security/confirm", json!({"change": {"act": "enrol"}})),
            ("/security/passkey", json!({})),
            ("/security/totp", json!({})),
            ("/security/recovery", json!({})),
            ("/security/devices", json!({"name": "mine"})),
            ("/security/report", json!({})),
        ] {
            assert_eq!(browser.post(path, &body).status, 403, "{path}");
        }
    }
    assert_eq!(broker.browser("C1").post("/security/passkey", &json!({})).status, 200, "nothing is locked");
}

/// What a login's proof does not bind is not taken for it, and changes nothing of how it comes back.
#[test]
fn a_login_says_nothing_beside_its_point() {
    let broker = Broker::start("");
    for (field, value) in [
        ("device", json!({"device": "d-7f3a"})),
        ("amount", json!({"minor": 1, "currency": "JPY"})),
        ("only_own_devices", json!(true)),
    ] {
        for kind in ["login", "password.reset", "password.change", "session.activity", "profile.view"] {
            let action = json!({"customer": "C1", "kind": kind, field: value});
            let refused = broker.asks().post("/v1/challenges", &action.to_string()).unwrap();
            assert_eq!((refused.status, &refused.json()["field"]), (422, &json!(field)), "{refused:?}");
        }
    }
    for kind in ["customer.report", "case.disposition"] {
        let action = json!({"customer": "C1", "kind": kind});
        let refused = broker.asks().post("/v1/challenges", &action.to_string()).unwrap();
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!("kind")), "{refused:?}");
    }
}

/// A challenge is answered on the visit on which it was handed over last, and its result stays there: a link to the page, a visit of the
/// customer's for something else, and a second handover lead nowhere.
#[test]
fn a_challenge_is_answered_on_its_own_visit_alone() {
    let broker = Broker::start("cooling_hours = 0");
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    let action = json!({"customer": "C1", "kind": "login"});
    let make = || {
        let made = broker.asks().post("/v1/challenges", &action.to_string()).unwrap().json();
        made["id"].as_str().unwrap().to_owned()
    };
    let enter = |challenge: &str| {
        broker.browser_of(&json!({
            "customer": "C1", "page": "verify", "challenge": challenge, "language": "en",
            "return_to": format!("{BACK}/back"),
        }))
    };
    let (theirs, other) = (make(), make());
    let mut thief = enter(&theirs);
    let withdraws = broker.challenge("C1");
    for mut customer in [broker.browser("C1"), enter(&other), enter(&withdraws)] {
        let path = format!("/verify/{theirs}");
        assert_eq!(customer.get(&path).status, 403);
        assert_eq!(customer.get(&format!("{path}/status")).status, 403);
        for (what, body) in [
            ("passkey", json!({})),
            ("passkey", json!({"credential": {}})),
            ("answer", json!({"method": "totp", "code": "123456"})),
            ("send", json!({"method": "sms"})),
            ("report", json!({})),
        ] {
            let refused = customer.post(&format!("{path}/{what}"), &body);
            assert!(refused.status == 403 || refused.status == 409, "{what}: {refused:?}");
            // Without a gateway nothing is sent; without a ceremony nothing is ended.
            let says_why = refused.status == 409 || refused.body.contains("page is over");
            assert!(says_why && !refused.body.contains("options"), "{what}: {refused:?}");
        }
    }
    assert_eq!(broker.status(&theirs), "open");

    // Whoever is sent there later is the one who answers; whoever comes after the answer gets nothing of it.
    let mut customer = enter(&theirs);
    assert_eq!(thief.get(&format!("/verify/{theirs}")).status, 403);
    let path = format!("/verify/{theirs}/passkey");
    let options = customer.post(&path, &json!({})).json()["options"].clone();
    let passed = customer.post(&path, &json!({"credential": passkey.get(&options)}));
    assert!(passed.json()["next"].as_str().unwrap().contains("sekisho_result="), "{passed:?}");
    let mut late = enter(&theirs);
    for browser in [&mut thief, &mut late] {
        let page = browser.get(&format!("/verify/{theirs}"));
        assert!(page.status == 403 && !page.body.contains("sekisho_result"), "{page:?}");
    }
    assert_eq!(broker.redeem(&theirs, &action).json()["reason"], "not_back");

    // A handover that was refused has sent nobody away.
    let stays = make();
    let refused = json!({
        "customer": "C1", "page": "verify", "challenge": stays, "return_to": "https://evil.example/back",
    });
    assert_eq!(broker.asks().post("/v1/handovers", &refused.to_string()).unwrap().status, 422);
    broker.answer_with(&stays, "C1", &mut passkey);
    assert_eq!(broker.redeem(&stays, &action).status, 200);

    // A change that somebody else began is not confirmed for them: neither by a link, nor used on another visit.
    let app = broker.browser("C2").enrol_app();
    let mut thief = broker.browser("C2");
    let begun = thief.post("/security/confirm", &json!({"change": {"act": "recovery"}})).json();
    let page = begun["page"].as_str().unwrap();
    let mut customer = broker.browser("C2");
    let answer = json!({"method": "totp", "code": app.code(0)});
    assert_eq!(customer.get(page).status, 403);
    assert_eq!(customer.post(&format!("{page}/answer"), &answer).status, 403);
    let proof = customer.confirm(&json!({"act": "recovery"}), "totp", || app.code(0));
    let recovery = json!({ "proof": proof });
    assert_eq!(thief.post("/security/recovery", &recovery).status, 403);
    assert_eq!(customer.post("/security/recovery", &recovery).status, 200);
}

/// What a customer presses is meant for the visit of the page that they look at.
#[test]
fn a_page_acts_for_its_own_visit() {
    let broker = Broker::start("");
    let mut browser = broker.browser("C1");
    let tag = |page: &str| page.split("data-visit=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let own = tag(&browser.get("/security").body);
    let other = tag(&broker.browser("C2").get("/security").body);
    for (tag, status) in [(&other, 403), (&own, 200)] {
        assert_eq!(browser.press(tag, "/security/report", &json!({})).status, status);
    }
}

/// Twenty changes are begun at once on a visit, and then one after the other.
#[test]
fn changes_are_begun_on_a_visit_one_after_the_other() {
    let broker = Broker::start("");
    broker.browser("C1").enrol_app();
    let mut browser = broker.browser("C1");
    let begun =
        (0..40).map(|_| browser.post("/security/confirm", &json!({"change": {"act": "recovery"}})).status);
    let begun: Vec<u16> = begun.collect();
    assert_eq!((begun[0], begun[19], begun[39]), (200, 200, 429), "{begun:?}");
    let mut other = broker.browser("C1");
    assert_eq!(other.post("/security/confirm", &json!({"change": {"act": "recovery"}})).status, 200);
}

/// Somebody with the password begins to sign in, leads the customer's own browser to the page, and waits.
#[test]
fn a_login_that_a_thief_relays_lets_nobody_in() {
    for (language, warning, refused, stopped, sign) in [
        ("ja", "今このブラウザーで、ご自身が始めた手続き", "お手続きできません", "止めました", "お客さま名"),
        (
            "en",
            "Go on only if you began this yourself",
            "This cannot be done",
            "It is stopped",
            "Customer name",
        ),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let broker = Broker::start(&format!(
            "cooling_hours = 0\nname = \"関所証券\"\nreturn_origins = [\"http://localhost:{port}\"]"
        ));
        tell_past(&broker);
        let site = example_broker(listener, &broker);
        let mut own = Chromium::of_width(&broker.place, language, 360);
        own.add_authenticator();
        own.come_from(HOME);
        own.open(&site);
        own.script("document.cookie = 'device=d-taro; path=/'");
        sign_in(&mut own, &site);
        own.until_text("C-TARO");
        own.click("#security");
        own.click("[data-act=enrol]");
        own.until("the passkey on the page", |browser| browser.has("li[data-id]").then_some(()));

        // From here on every login is asked for proof.
        let policy = json!({"mode": "activate", "policy": ASKS_LOGINS}).to_string();
        assert_eq!(broker.by("admin").post("/v1/policies", &policy).unwrap().status, 200);
        let relayed = |thief: &mut Thief| {
            let sent = thief.post("/login", "name=taro&password=correct+horse+battery");
            let place = sent.raw_headers.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
            assert!(place.contains("/enter?token="), "{sent:?}");
            place.to_owned()
        };
        let mut thief = Thief::at(&format!("127.0.0.1:{port}"), language);
        let address = relayed(&mut thief);
        own.open(&address);
        own.until_text(warning);
        own.until_text("203.0.113.•••");
        own.picture(&format!("relayed-{language}"));
        assert!(!own.scrolls_sideways(), "it fits the window");
        let challenge = own.url().rsplit('/').next().unwrap().to_owned();
        // The customer does not notice, and comes back where nothing waits.
        own.click("[data-act=passkey]");
        own.until_text(refused);
        assert!(own.url().contains("sekisho_result="), "{}", own.url());
        assert_eq!(broker.status(&challenge), "passed", "nobody redeemed it");
        let came = thief.get(&format!("/returned?sekisho_challenge={challenge}"));
        assert!(!came.raw_headers.contains("location: /home"), "{came:?}");
        let home = thief.get("/home");
        assert!(home.status == 303 || home.body.contains(sign), "the thief is not signed in: {home:?}");
        let login = json!({"customer": "C-TARO", "kind": "login"});
        assert_eq!(broker.redeem(&challenge, &login).json()["reason"], "not_back");

        // Or does, and stops it.
        let mut thief = Thief::at(&format!("127.0.0.1:{port}"), language);
        let address = relayed(&mut thief);
        own.open(&address);
        own.until_text(warning);
        let challenge = own.url().rsplit('/').next().unwrap().to_owned();
        own.click("[data-act=report]");
        own.accept_dialog();
        own.until_text(stopped);
        own.picture(&format!("stopped-{language}"));
        assert_eq!(broker.status(&challenge), "reported");
    }
}
