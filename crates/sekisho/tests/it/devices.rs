//! Registered devices over real HTTP and in a real browser: who registered them, who is there, and who is not let in.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};

use crate::browser::Chromium;
use crate::proof::{BACK, Broker, Browser, event, withdrawal};
use crate::serve::days_ago;

fn client(device: &str) -> Value {
    json!({"ip": "203.0.113.7", "device": device})
}

/// What is decided about a login, or a withdrawal, with a device.
fn decided(broker: &Broker, id: &str, kind: &str, device: &str) -> Value {
    let mut details = if kind == "withdrawal" { withdrawal("C1") } else { json!({"credential": "correct"}) };
    details["client"] = client(device);
    let answer = broker.asks().post("/v1/decide", &event(id, kind, "C1", &details)).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// A customer who has long signed in with a telephone.
fn settle(broker: &Broker, customer: &str) {
    for days in [40, 20] {
        let login = json!({
            "time": days_ago(days), "outcome": "succeeded", "credential": "correct", "client": client("phone"),
        });
        let login = event(&format!("{customer}-{days}"), "login", customer, &login);
        assert_eq!(broker.asks().post("/v1/events", &login).unwrap().status, 200);
    }
}

fn security(broker: &Broker, customer: &str, device: &str) -> Browser {
    let handover =
        json!({"customer": customer, "page": "security", "language": "en", "client": client(device)});
    broker.browser_of(&handover)
}

#[test]
fn only_registered_devices_are_let_in_by_the_customers_own_switch() {
    let broker = Broker::start("");
    settle(&broker, "C1");
    let mut browser = security(&broker, "C1", "phone");
    assert!(browser.get("/security").body.contains("Register this device"));
    let only = |browser: &mut Browser, only: bool| {
        browser.post("/security/devices/only", &json!({"only": only})).status
    };
    assert_eq!(only(&mut browser, true), 409, "nothing is registered");
    let added = browser.post("/security/devices", &json!({"name": "母のスマホ"}));
    assert_eq!(added.status, 200, "{added:?}");
    assert_eq!(only(&mut browser, true), 200);
    let page = browser.get("/security").body;
    for text in ["母のスマホ", "(this device)", "Only registered devices can sign in."] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let told = broker.asks().get("/v1/customers/C1/devices").unwrap().json();
    assert_eq!((&told["only"], &told["devices"][0]["device"]), (&json!(true), &json!("phone")), "{told}");
    let counts_from = |told: &Value| told["devices"][0]["counts_from"].as_str().unwrap().to_owned();
    assert!(counts_from(&told) <= days_ago(0), "it was long used: {told}");
    assert!(!page.contains("Counts from"), "{page}");
    let id = told["devices"][0]["id"].as_str().unwrap();

    let refused = decided(&broker, "l-1", "login", "another");
    assert_eq!(refused["decision"], "deny", "{refused}");
    assert!(refused.to_string().contains("login_with_another_device"), "{refused}");
    assert_eq!(decided(&broker, "w-1", "withdrawal", "another")["decision"], "hold");
    assert_eq!(decided(&broker, "l-2", "login", "phone")["decision"], "allow");

    // Who has the session on another machine neither lets it in, nor takes anything back.
    let mut thief = security(&broker, "C1", "another");
    assert_eq!(only(&mut thief, false), 409);
    let added = thief.post("/security/devices", &json!({"name": "mine"}));
    assert_eq!((added.status, added.body.contains("from a registered device")), (409, true), "{added:?}");
    assert_eq!(thief.post("/security/devices/remove", &json!({"id": id})).status, 409);
    let last = browser.post("/security/devices/remove", &json!({"id": id}));
    assert_eq!((last.status, last.body.contains("last registered device")), (409, true), "{last:?}");

    // The support centre takes the switch back, by name and with a reason.
    let lift = json!({"only": false, "reason": "called back"}).to_string();
    let put =
        |key: &mut crate::http::Connection| key.put("/v1/customers/C1/only-own-devices", &lift).unwrap();
    assert_eq!(put(&mut broker.asks()).status, 403);
    assert_eq!(put(&mut broker.by("operator")).status, 204);
    assert_eq!(decided(&broker, "l-3", "login", "another")["decision"], "allow");
    let audit = broker.by("admin").get("/v1/audit").unwrap().body;
    assert!(audit.contains("device.unrestrict") && audit.contains("called back"), "{audit}");

    assert_eq!(browser.post("/security/devices/remove", &json!({"id": id})).status, 200);
    assert_eq!(browser.post("/security/devices/remove", &json!({"id": id})).status, 404, "gone");
    let events = broker.by("reader").get("/v1/events?customer=C1").unwrap().body;
    for kind in ["device.register", "device.restrict", "device.remove"] {
        assert!(events.contains(kind), "{kind}: {events}");
    }
}

/// A device that cools is let in by no decision yet: it is none that stays when the last one goes.
#[test]
fn the_last_device_that_counts_is_not_taken_back() {
    let broker = Broker::start("");
    settle(&broker, "C1");
    let mut browser = security(&broker, "C1", "phone");
    assert_eq!(browser.post("/security/devices", &json!({"name": "phone"})).status, 200);
    assert_eq!(browser.post("/security/devices/only", &json!({"only": true})).status, 200);
    let tablet = json!({"device": "tablet", "name": "tablet", "client": client("phone")}).to_string();
    let added = broker.asks().post("/v1/customers/C1/devices", &tablet).unwrap();
    assert_eq!(added.status, 201, "{added:?}");
    assert!(added.json()["counts_from"].as_str().unwrap() > days_ago(0).as_str(), "it cools: {added:?}");
    let told = broker.asks().get("/v1/customers/C1/devices").unwrap().json();
    let id = |name: &str| {
        let devices = told["devices"].as_array().unwrap();
        devices.iter().find(|each| each["device"] == name).unwrap()["id"].clone()
    };
    let last = browser.post("/security/devices/remove", &json!({"id": id("phone")}));
    assert_eq!((last.status, last.body.contains("last registered device")), (409, true), "{last:?}");
    assert_eq!(browser.post("/security/devices/remove", &json!({"id": id("tablet")})).status, 200);
    assert_eq!(decided(&broker, "l-1", "login", "phone")["decision"], "allow");
}

/// A thief in a session registers a device of their own: it does not count, and keeps nobody out.
#[test]
fn a_new_device_turns_no_switch_and_locked_accounts_change_no_devices() {
    let broker = Broker::start("");
    settle(&broker, "C1");
    let mut thief = security(&broker, "C1", "another");
    let turned = thief.post("/security/devices", &json!({"name": "phone\u{202e}enim"}));
    assert_eq!(turned.status, 422, "{turned:?}");
    assert_eq!(thief.post("/security/devices", &json!({"name": "mine"})).status, 200);
    assert!(thief.get("/security").body.contains("Counts from:"));
    let told = broker.asks().get("/v1/customers/C1/devices").unwrap().json();
    assert!(told["devices"][0]["counts_from"].as_str().unwrap() > days_ago(0).as_str(), "{told}");
    assert_eq!(thief.post("/security/devices/only", &json!({"only": true})).status, 409);
    assert_eq!(decided(&broker, "l-1", "login", "phone")["decision"], "allow");

    let only = json!({"only": true, "reason": "asked on the telephone"}).to_string();
    let put = broker.by("operator").put("/v1/customers/C1/only-own-devices", &only).unwrap();
    assert_eq!((put.status, put.body.contains("counts yet")), (409, true), "nobody would be let in: {put:?}");

    let mut browser = security(&broker, "C1", "phone");
    assert_eq!(browser.post("/security/report", &json!({})).status, 200);
    let told = broker.asks().get("/v1/customers/C1/devices").unwrap().json();
    let id = told["devices"][0]["id"].as_str().unwrap();
    for (path, body) in [
        ("/security/devices", json!({"name": "phone"})),
        ("/security/devices/only", json!({"only": true})),
        ("/security/devices/remove", json!({"id": id})),
    ] {
        let refused = browser.post(path, &body);
        assert_eq!((refused.status, refused.body.contains("locked")), (409, true), "{path}: {refused:?}");
    }
}

/// A login that is asked for proof is nobody's session yet.
#[test]
fn who_was_sent_to_a_challenge_sees_and_changes_nothing_else() {
    let broker = Broker::start("");
    let login = json!({"customer": "C1", "kind": "login"}).to_string();
    let challenge = broker.asks().post("/v1/challenges", &login).unwrap().json()["id"].clone();
    let mut handover = json!({"customer": "C1", "page": "verify", "challenge": challenge, "language": "en"});
    let refused = broker.asks().post("/v1/handovers", &handover.to_string()).unwrap();
    assert_eq!((refused.status, &refused.json()["field"]), (422, &json!("return_to")), "{refused:?}");
    handover["return_to"] = format!("{BACK}/back").into();
    let mut browser = broker.browser_of(&handover);
    let path = format!("/verify/{}", challenge.as_str().unwrap());
    let page = browser.get(&path);
    assert!(page.status == 200 && page.body.contains("in this browser"), "{page:?}");
    // Who has a password only stops what they began, and locks nobody out.
    let other = broker.asks().post("/v1/challenges", &login).unwrap().json()["id"].clone();
    let stopped = browser.post(&format!("{path}/report"), &json!({}));
    assert!(stopped.status == 200 && stopped.body.contains("It is stopped"), "{stopped:?}");
    assert!(browser.get(&path).body.contains("somebody may know your password"));
    assert_eq!(broker.status(challenge.as_str().unwrap()), "reported");
    assert_eq!(broker.status(other.as_str().unwrap()), "open");
    assert!(!broker.browser("C1").get("/security").body.contains("Your account is locked"));
    let page = browser.get("/security");
    assert!(page.status >= 400 && !page.body.contains("C1"), "{page:?}");
    for path in
        ["passkey", "totp", "recovery", "devices", "devices/only", "report", "confirm", "remove", "rename"]
    {
        let body = json!({"name": "x", "only": true, "id": "00112233445566778899aabbccddeeff"});
        let refused = browser.post(&format!("/security/{path}"), &body);
        assert!(refused.status >= 400, "{path}: {refused:?}");
        assert!(refused.body.contains("page is over"), "{path}: {refused:?}");
    }
}

#[test]
fn a_device_with_a_key_shows_that_it_is_there_once() {
    let broker = Broker::start("");
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    let public = BASE64.encode(key.verifying_key().to_public_key_der().unwrap().as_bytes());
    let mut asks = broker.asks();
    let mut post =
        |path: &str, body: Value| asks.post(&format!("/v1/customers/{path}"), &body.to_string()).unwrap();
    let bad = post("C1/devices", json!({"device": "phone", "name": "phone", "public_key": "AAAA"}));
    assert_eq!(bad.status, 422, "{bad:?}");
    let made = post(
        "C1/devices",
        json!({"device": "phone", "name": "phone", "public_key": public, "client": client("phone")}),
    );
    assert_eq!((made.status, &made.json()["has_key"]), (201, &json!(true)), "{made:?}");
    for told in [json!({}), json!({"public_key": public}), json!({"client": client("phone")})] {
        let mut same = json!({"device": "phone", "name": "phone"});
        same.as_object_mut().unwrap().extend(told.as_object().unwrap().clone());
        let again = post("C1/devices", same);
        assert_eq!((again.status, again.json()), (200, made.json()), "nothing changes: {again:?}");
    }
    let told = broker.by("admin").get("/v1/events?customer=C1").unwrap().json();
    assert_eq!(told["events"].as_array().unwrap().len(), 1, "told once: {told}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let presence = format!("C1/devices/{id}/presence");

    let asked = post(&presence, json!({}));
    assert_eq!(asked.status, 202, "{asked:?}");
    let token = asked.json()["token"].as_str().unwrap().to_owned();
    let sign = |key: &SigningKey, text: &str| -> String {
        let signature: Signature = key.sign(text.as_bytes());
        BASE64URL_NOPAD.encode(&signature.to_bytes())
    };
    let other = SigningKey::from_slice(&[8; 32]).unwrap();
    for (signature, status) in [
        (sign(&other, &token), 422),
        (sign(&key, "another text"), 422),
        ("no signature".to_owned(), 422),
        (sign(&key, &token), 200),
        (sign(&key, &token), 409),
    ] {
        let answer = post(&presence, json!({"token": token, "signature": signature}));
        assert_eq!(answer.status, status, "{answer:?}");
    }
    // Another customer's device, and what another was asked.
    assert_eq!(post(&format!("C2/devices/{id}/presence"), json!({})).status, 404);
    let token = post(&presence, json!({})).json()["token"].as_str().unwrap().to_owned();
    let second = post("C2/devices", json!({"device": "d-2", "name": "mine", "public_key": public})).json();
    let second = format!("C2/devices/{}/presence", second["id"].as_str().unwrap());
    assert_eq!(post(&second, json!({"token": token, "signature": sign(&key, &token)})).status, 409);

    // Eight at most; the same one again is the same one.
    for number in 2..=8 {
        assert_eq!(post("C1/devices", json!({"device": format!("d-{number}"), "name": "x"})).status, 201);
    }
    assert_eq!(post("C1/devices", json!({"device": "d-9", "name": "x"})).status, 409);
    let again = post("C1/devices", json!({"device": "phone", "name": "renamed"})).json();
    assert_eq!((&again["id"], &again["name"]), (&json!(id), &json!("renamed")));
    assert_eq!(again["has_key"], true, "it keeps its key");
    let other = BASE64.encode(other.verifying_key().to_public_key_der().unwrap().as_bytes());
    let changed = post("C1/devices", json!({"device": "phone", "name": "phone", "public_key": other}));
    assert_eq!((changed.status, changed.body.contains("another key")), (409, true), "{changed:?}");
    let reason = json!({"reason": "stolen"}).to_string();
    let path = format!("/v1/customers/C1/devices/{id}/remove");
    assert_eq!(broker.by("operator").post(&path, &reason).unwrap().status, 204);
    assert_eq!(broker.by("operator").post(&path, &reason).unwrap().status, 404);
}

#[test]
fn a_customer_registers_the_device_in_hand_and_lets_in_no_other() {
    for (language, add, only, on) in [
        ("ja", "この端末を登録する", "登録した端末だけを使う", "登録した端末だけを使う設定です"),
        ("en", "Register this device", "Use registered devices only", "Only registered devices can sign in."),
    ] {
        let broker = Broker::start("");
        settle(&broker, "C1");
        let mut browser = Chromium::of_width(&broker.place, language, 360);
        let body =
            json!({"customer": "C1", "page": "security", "language": language, "client": client("phone")});
        browser.open(&broker.handover(&body));
        browser.until_text(add);
        browser.press_enter("[data-act=register]");
        browser.accept_dialog();
        browser.until_text(only);
        browser.press_enter("[data-act=only]");
        browser.dismiss_dialog();
        assert!(!browser.text().contains(on));
        browser.press_enter("[data-act=only]");
        browser.accept_dialog();
        browser.until_text(on);
        assert!(!browser.scrolls_sideways(), "it fits the window");
        browser.script("document.querySelector('.devices').scrollIntoView()");
        browser.picture(&format!("devices-{language}"));
        assert_eq!(decided(&broker, "l-1", "login", "another")["decision"], "deny");
    }
}

/// The customer hears of it where they were reached before, sees it on the page, and it is let in half a day later.
#[test]
fn a_new_device_is_told_to_the_customer_and_waits() {
    let gateway = crate::gateway::Gateway::start();
    let broker = crate::codes::broker(&gateway, "cooling_hours = 0");
    let mut thief = security(&broker, "C1", "another");
    let mine = json!({"name": "mine"});
    assert_eq!(thief.post("/security/devices", &mine).status, 409, "the session alone registers nothing");
    let proof =
        thief.confirm(&json!({"act": "register", "name": "mine"}), "mail", || gateway.until(1).code());
    let other = json!({"name": "another", "proof": proof});
    assert_eq!(thief.post("/security/devices", &other).status, 409, "it is for one name");
    let mine = json!({"name": "mine", "proof": proof});
    assert_eq!(thief.post("/security/devices", &mine).status, 200);
    let told = gateway.until(2);
    assert_eq!((&told.message["method"], &told.message["language"]), (&json!("mail"), &json!("en")));
    for text in ["something changed", "device", "call us at once"] {
        assert!(told.text().contains(text), "{text}: {}", told.text());
    }
    let devices = broker.asks().get("/v1/customers/C1/devices").unwrap().json();
    let counts_from: model::Time = devices["devices"][0]["counts_from"].as_str().unwrap().parse().unwrap();
    let made: model::Time = devices["devices"][0]["made"].as_str().unwrap().parse().unwrap();
    assert_eq!((counts_from.as_us() - made.as_us()) / model::time::HOUR_US, 12, "{devices}");
    let page = thief.get("/security").body;
    assert!(page.contains("Counts from:"), "{page}");
    let notices = page.split("<section id=\"notices\">").nth(1).unwrap();
    assert!(notices.contains("Register a device"), "{notices}");
}

/// Which way the customer had asked for it only the operator knows, who says so in the reason.
#[test]
fn what_operators_do_is_told_without_a_channel_and_what_customers_do_with_theirs() {
    let broker = Broker::start("");
    settle(&broker, "C1");
    let mut browser = security(&broker, "C1", "phone");
    let app = browser.enrol_app();
    let proof = browser.confirm(&json!({"act": "register", "name": "phone"}), "totp", || app.code(0));
    assert_eq!(browser.post("/security/devices", &json!({"name": "phone", "proof": proof})).status, 200);
    let proof = browser.confirm(&json!({"act": "only", "only": true}), "totp", || app.code(1));
    assert_eq!(browser.post("/security/devices/only", &json!({"only": true, "proof": proof})).status, 200);
    let only = json!({"only": false, "reason": "called back"}).to_string();
    let put = broker.by("operator").put("/v1/customers/C1/only-own-devices", &only).unwrap();
    assert_eq!(put.status, 204, "{put:?}");
    let devices = broker.asks().get("/v1/customers/C1/devices").unwrap().json();
    let path = format!("/v1/customers/C1/devices/{}/remove", devices["devices"][0]["id"].as_str().unwrap());
    assert_eq!(broker.by("operator").post(&path, "{\"reason\":\"lost\"}").unwrap().status, 204);
    broker.remove_first_authenticator("C1");
    let events = broker.events_of("C1");
    let told = |kind: &str, outcome: &str| {
        let found = events.iter().find(|each| each["kind"] == kind && each["outcome"] == outcome);
        found.unwrap_or_else(|| panic!("{kind}: {events:?}"))["channel"].clone()
    };
    for (kind, outcome, channel) in [
        ("factor.enroll", "succeeded", json!("web")),
        ("device.register", "succeeded", json!("web")),
        ("device.restrict", "succeeded", json!("web")),
        ("device.restrict", "failed", Value::Null),
        ("device.remove", "succeeded", Value::Null),
        ("factor.remove", "succeeded", Value::Null),
    ] {
        assert_eq!(told(kind, outcome), channel, "{kind}");
    }
}
