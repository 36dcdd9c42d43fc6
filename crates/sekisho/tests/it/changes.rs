//! A proof for a change of what a customer has is good for that change: over real HTTP, by the API and on the page.

use data_encoding::BASE64;
use lab::proof::SoftPasskey;
use p256::ecdsa::SigningKey;
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};

use crate::http::Answer;
use crate::proof::{Broker, Browser, event, withdrawal};

/// A server, and a customer with a passkey that counts.
fn start() -> (Broker, SoftPasskey) {
    let broker = Broker::start("cooling_hours = 0");
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    (broker, passkey)
}

pub(crate) fn key(number: u8) -> String {
    let key = SigningKey::from_slice(&[number; 32]).unwrap();
    BASE64.encode(key.verifying_key().to_public_key_der().unwrap().as_bytes())
}

fn differs(answer: &Answer, field: &str) -> bool {
    answer.status == 409 && answer.body.contains(&format!("another action: {field} differs"))
}

#[test]
fn a_proof_for_one_device_registers_no_other() {
    let (broker, mut passkey) = start();
    let post = |path: &str, body: Value| {
        broker.asks().post(&format!("/v1/customers/C1/{path}"), &body.to_string()).unwrap()
    };
    for name in ["phone\u{202e}enim", &"x".repeat(41), " "] {
        let device = json!({"device": "phone", "name": name});
        assert_eq!(post("devices", device.clone()).status, 422, "{name:?}");
        assert_eq!(post("passkeys", json!({ "name": name })).status, 422, "{name:?}");
        let authenticator = json!({"factor": "passkey", "name": name});
        for meant in [
            json!({"customer": "C1", "kind": "device.register", "device": device}),
            json!({"customer": "C1", "kind": "factor.enroll", "authenticator": authenticator}),
        ] {
            let refused = broker.asks().post("/v1/challenges", &meant.to_string()).unwrap();
            assert_eq!(refused.status, 422, "a name that cannot be one binds nothing: {refused:?}");
        }
    }
    let refused = post("devices", json!({"device": "phone", "name": "phone"}));
    assert_eq!(refused.status, 409, "{refused:?}");
    let meant = json!({"customer": "C1", "kind": "device.register",
        "device": {"device": "phone", "public_key": key(7), "name": "telephone"}});
    let challenge = broker.proven(&meant, &mut passkey);
    for (name, device) in [
        ("another device", json!({"device": "thief", "public_key": key(7), "name": "telephone"})),
        ("another key", json!({"device": "phone", "public_key": key(8), "name": "telephone"})),
        ("no key", json!({"device": "phone", "name": "telephone"})),
        ("another name", json!({"device": "phone", "public_key": key(7), "name": "mine"})),
    ] {
        let mut body = device;
        body["challenge"] = json!(challenge);
        let refused = post("devices", body);
        assert!(differs(&refused, "device"), "{name}: {refused:?}");
    }
    let authenticator = post("passkeys", json!({"challenge": challenge}));
    assert!(authenticator.status == 409 && authenticator.body.contains("kind"), "{authenticator:?}");
    let right = json!({"device": "phone", "public_key": key(7), "name": "telephone", "challenge": challenge});
    assert_eq!(post("devices", right.clone()).status, 201);
    assert_eq!(post("devices", right.clone()).status, 200, "told again, nothing changes");
    let mut renamed = right;
    renamed["name"] = json!("mine");
    assert_eq!(post("devices", renamed).status, 409, "the proof is good once");

    // The challenge of a decision is for the device that asks; it knows no key, so it lets none in.
    let client = json!({"client": {"ip": "203.0.113.7", "device": "tablet"}});
    let decision = broker.decides(&event("d-1", "device.register", "C1", &client));
    let challenge = decision["challenge"]["id"].as_str().unwrap();
    broker.answer_with(challenge, "C1", &mut passkey);
    for (device, public_key) in [("phone-2", None), ("tablet", Some(key(9)))] {
        let body = json!({"device": device, "name": "x", "public_key": public_key, "challenge": challenge});
        assert!(differs(&post("devices", body), "device"), "{device}");
    }
    let other = json!({"customer": "C1", "kind": "device.register", "device": {"device": "phone"}});
    assert!(
        differs(&broker.redeem(challenge, &other), "device"),
        "nor where the broker keeps devices itself"
    );
    assert_eq!(post("devices", json!({"device": "tablet", "name": "x", "challenge": challenge})).status, 201);
}

#[test]
fn a_proof_for_one_authenticator_enrols_or_removes_no_other() {
    let (broker, mut passkey) = start();
    let enrol = |factor: &str, name: &str| json!({"customer": "C1", "kind": "factor.enroll", "authenticator": {"factor": factor, "name": name}});
    let begin = |challenge: &str, name: &str| {
        let body = json!({"challenge": challenge, "name": name}).to_string();
        broker.asks().post("/v1/customers/C1/passkeys", &body).unwrap()
    };
    let app = broker.proven(&enrol("totp", "telephone"), &mut passkey);
    assert!(differs(&begin(&app, "telephone"), "authenticator"), "a proof for an app adds no passkey");
    let challenge = broker.proven(&enrol("passkey", "telephone"), &mut passkey);
    assert!(differs(&begin(&challenge, "mine"), "authenticator"));
    let begun = begin(&challenge, "telephone");
    assert_eq!(begun.status, 202, "{begun:?}");
    let credential = broker.passkey(2).create(&begun.json()["options"]);
    let end = |name: Option<&str>| {
        let body = json!({"token": begun.json()["token"], "credential": credential, "name": name});
        broker.asks().post("/v1/customers/C1/passkeys", &body.to_string()).unwrap()
    };
    assert_eq!(end(Some("mine")).status, 409, "not under another name, either");
    let ended = end(None);
    assert_eq!((ended.status, &ended.json()["name"]), (201, &json!("telephone")), "{ended:?}");
    let again = end(None);
    assert_eq!((again.status, again.json()), (200, ended.json()), "told again, nothing changes: {again:?}");
    let told = broker.by("reader").get("/v1/events?customer=C1").unwrap().body;
    assert_eq!(told.matches("\"kind\":\"factor.enroll\"").count(), 2, "told once each: {told}");

    let id = |place: usize| broker.authenticators("C1")["authenticators"][place]["id"].clone();
    let remove = |id: &Value| json!({"customer": "C1", "kind": "factor.remove", "authenticator": {"factor": "passkey", "id": id}});
    let challenge = broker.proven(&remove(&id(0)), &mut passkey);
    assert!(differs(&broker.redeem(&challenge, &remove(&id(1))), "authenticator"));
    assert_eq!(broker.redeem(&challenge, &remove(&id(0))).status, 200);
}

/// Confirms a change on the page; gives what is brought with it.
pub(crate) fn confirm(browser: &mut Browser, passkey: &mut SoftPasskey, change: &Value) -> Value {
    let begun = browser.post("/security/confirm", &json!({ "change": change }));
    assert_eq!(begun.status, 200, "{begun:?}");
    let credential = passkey.get(&begun.json()["options"]);
    let body = json!({"change": change, "credential": credential});
    let ended = browser.post("/security/confirm", &body);
    assert_eq!(ended.status, 200, "{ended:?}");
    ended.json()["proof"].clone()
}

#[test]
fn what_is_confirmed_on_the_page_is_one_change_once() {
    let (broker, mut passkey) = start();
    let handover = json!({
        "customer": "C1", "page": "security", "language": "en", "client": {"ip": "203.0.113.7", "device": "phone"},
    });
    let mut browser = broker.browser_of(&handover);
    let page = browser.get("/security");
    assert!(page.body.contains("data-confirm=\"true\""), "{page:?}");
    let mut refused = |path: &str, mut body: Value, proof: &Value| {
        body["proof"] = proof.clone();
        let answer = browser.post(path, &body);
        assert_eq!(answer.status, 409, "{path} {body}: {answer:?}");
    };
    let removing = broker.authenticators("C1")["authenticators"][0]["id"].clone();
    let changes = [
        ("/security/recovery", json!({}), json!({"act": "recovery"})),
        ("/security/totp", json!({}), json!({"act": "totp"})),
        ("/security/passkey", json!({}), json!({"act": "enrol"})),
        ("/security/devices", json!({"name": "phone"}), json!({"act": "register", "name": "phone"})),
        ("/security/remove", json!({ "id": removing }), json!({"act": "remove", "id": removing})),
    ];
    for (path, body, _) in &changes {
        refused(path, body.clone(), &Value::Null);
    }
    let mut confirmer = broker.browser_of(&handover);
    for (path, body, change) in &changes {
        let proof = confirm(&mut confirmer, &mut passkey, change);
        refused(path, body.clone(), &proof);
        for (other, body, _) in changes.iter().filter(|(other, _, _)| other != path) {
            let mut body = body.clone();
            body["proof"] = proof.clone();
            let answer = confirmer.post(other, &body);
            assert_eq!(answer.status, 409, "{change} is not {other}: {answer:?}");
        }
    }
    // Another name is another device.
    let proof = confirm(&mut confirmer, &mut passkey, &json!({"act": "register", "name": "phone"}));
    let register = |name: &str| json!({"name": name, "proof": proof});
    assert_eq!(confirmer.post("/security/devices", &register("mine")).status, 409);
    assert_eq!(confirmer.post("/security/devices", &register("phone")).status, 200);
    assert_eq!(confirmer.post("/security/devices", &register("phone")).status, 409, "once");
    let proof = confirm(&mut confirmer, &mut passkey, &json!({"act": "only", "only": true}));
    let only = |only: bool| json!({"only": only, "proof": proof});
    assert_eq!(confirmer.post("/security/devices/only", &only(false)).status, 409);
    assert_eq!(confirmer.post("/security/devices/only", &only(true)).status, 200);
}

/// What was begun for one change ends as no other.
#[test]
fn a_confirmation_that_began_for_one_change_is_for_that() {
    let (broker, mut passkey) = start();
    let handover = json!({
        "customer": "C1", "page": "security", "language": "en", "client": {"ip": "203.0.113.7", "device": "phone"},
    });
    let mut browser = broker.browser_of(&handover);
    let register = |name: &str| json!({"act": "register", "name": name});
    for other in [register("mine"), json!({"act": "recovery"})] {
        let begun = browser.post("/security/confirm", &json!({ "change": register("phone") }));
        let credential = passkey.get(&begun.json()["options"]);
        let ended =
            browser.post("/security/confirm", &json!({"change": other, "credential": credential.clone()}));
        assert_eq!(ended.status, 409, "{other}: {ended:?}");
        let body = json!({"change": register("phone"), "credential": credential});
        assert_eq!(browser.post("/security/confirm", &body).status, 200, "its own still does");
    }
    let odd = json!({"change": {"act": "register", "name": "phone", "device": "other"}});
    assert_eq!(browser.post("/security/confirm", &odd).status, 422);
}

/// A passkey that does not count yet confirms changes while there is nothing else; what it confirmed before is nothing once there is.
#[test]
fn a_confirmation_ends_where_a_challenge_asks_by_now() {
    let broker = Broker::start("");
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    let mut browser = broker.browser("C1");
    let early = json!({"proof": confirm(&mut browser, &mut passkey, &json!({"act": "recovery"}))});
    let totp = confirm(&mut browser, &mut passkey, &json!({"act": "totp"}));
    browser.enrol_app_by(&totp);
    let begun = browser.post("/security/confirm", &json!({"change": {"act": "recovery"}})).json();
    assert!(begun["challenge"].is_string(), "{begun}");
    let refused = browser.post("/security/recovery", &early);
    assert_eq!((refused.status, refused.body.contains("codes")), (409, false), "{refused:?}");
}

/// Two have what was copied, and either may be in the session: decisions forget a copy only by who is surely the customer.
#[test]
fn who_removes_a_copy_without_another_factor_is_not_believed() {
    let broker = Broker::start("cooling_hours = 0");
    let reported = |id: &str| {
        let login = event(id, "login", "C1", &json!({"credential": "correct"}));
        broker.asks().post("/v1/decide", &login).unwrap().json()["reasons"]
            .to_string()
            .contains("copied_passkey")
    };
    let told = |count: usize| {
        let events = broker.by("reader").get("/v1/events?customer=C1").unwrap().body;
        assert_eq!(events.matches("\"kind\":\"factor.copied\"").count(), count, "{events}");
    };
    let copied = |number: u32| {
        let (mut passkey, mut copy) = (broker.passkey(number), broker.passkey(number));
        assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
        let order = json!({"customer": "C1", "kind": "order",
            "order": {"symbol": "7203", "side": "buy", "effect": "open", "quantity": 100}});
        for _ in 0..2 {
            broker.proven(&order, &mut passkey);
        }
        assert_eq!(broker.prove("C1", &mut copy).status, 422);
        let shown = broker.asks().post("/v1/challenges", &order.to_string()).unwrap().json();
        assert_eq!(shown["methods"], json!([]), "it signs in and nothing else");
        let begin = format!("/v1/challenges/{}/passkey", shown["id"].as_str().unwrap());
        assert_eq!(broker.asks().post(&begin, "{\"customer\":\"C1\"}").unwrap().status, 409);
    };
    let remove = |browser: &mut Browser, proof: Value| {
        let id = broker.authenticators("C1")["authenticators"][0]["id"].clone();
        assert_eq!(browser.post("/security/remove", &json!({"id": id, "proof": proof})).status, 200);
    };
    let mut browser = broker.browser_of(&json!({"customer": "C1", "page": "security", "language": "en"}));
    copied(1);
    remove(&mut browser, Value::Null);
    assert!(reported("l-1"), "in the session alone");
    told(1);

    copied(2);
    told(2);
    let mut other = broker.passkey(3);
    assert_eq!(broker.enrol("C1", &mut other).status, 201);
    let has = broker.authenticators("C1");
    let id = |cloned: bool| {
        let all = has["authenticators"].as_array().unwrap().iter();
        all.clone().find(|each| each["cloned"].is_string() == cloned).unwrap()["id"].clone()
    };
    let proof = confirm(&mut browser, &mut other, &json!({"act": "remove", "id": id(true)}));
    let body = json!({"id": id(true), "proof": proof});
    assert_eq!(browser.post("/security/remove", &body).status, 200);
    told(3);
    assert!(!reported("l-2"), "by a passkey that counts");
}

#[test]
fn money_without_amount_or_account_is_nothing_to_confirm() {
    let (broker, _passkey) = start();
    for (kind, field) in [
        ("withdrawal", "amount"),
        ("withdrawal", "bank_account"),
        ("transfer", "amount"),
        ("transfer", "bank_account"),
    ] {
        let mut action = withdrawal("C1");
        action["kind"] = json!(kind);
        action.as_object_mut().unwrap().remove(field);
        let refused = broker.asks().post("/v1/challenges", &action.to_string()).unwrap();
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!(field)), "{refused:?}");
        let decision = broker.decides(&event(&format!("{kind} {field}"), kind, "C1", &action));
        assert_eq!(decision["challenge_needs"], json!([field]), "{decision}");
        assert!(decision["challenge"].is_null(), "{decision}");
    }
    for (kind, field, more) in [
        ("bank_account.register", "bank_account", json!({})),
        ("bank_account.change", "bank_account", json!({})),
        ("contact.change", "contact", json!({})),
        ("contact.change", "contact", json!({"contact": {"type": "email"}})),
        ("order", "order", json!({})),
        ("payment.instruction", "amount", json!({})),
        ("payment.instruction", "payment.payee_domain", json!({"amount": {"minor": 1, "currency": "JPY"}})),
        ("device.register", "device", json!({})),
        ("device.remove", "device", json!({})),
        ("factor.enroll", "authenticator", json!({})),
        ("factor.remove", "authenticator.id", json!({})),
        ("factor.remove", "authenticator.id", json!({"authenticator": {"factor": "passkey"}})),
        ("device.restrict", "only_own_devices", json!({})),
        ("login", "contact", json!({"contact": {"type": "email"}})),
        ("login", "payment", json!({"payment": {}})),
        ("profile.view", "payment", json!({"payment": {"memo": "rent"}})),
        ("order", "payment", json!({"payment": {"memo": "rent"}})),
    ] {
        let mut action = more;
        (action["customer"], action["kind"]) = (json!("C1"), json!(kind));
        let refused = broker.asks().post("/v1/challenges", &action.to_string()).unwrap();
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!(field)), "{refused:?}");
    }
    let login = json!({"customer": "C1", "kind": "login"});
    let challenge = broker.asks().post("/v1/challenges", &login.to_string()).unwrap().json()["id"].clone();
    for (field, value) in [("contact", json!({"type": "email"})), ("payment", json!({"memo": "rent"}))] {
        let mut more = login.clone();
        more[field] = value;
        let refused = broker.redeem(challenge.as_str().unwrap(), &more);
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!(field)), "{refused:?}");
    }
}

/// What there is no room for costs no proof: neither a challenge nor a confirmation on the page.
#[test]
fn a_proof_is_not_lost_where_there_is_no_room() {
    let broker = Broker::start("cooling_hours = 0");
    let register = |number: u8| {
        let body = json!({"device": format!("d-{number}"), "name": "x"}).to_string();
        broker.asks().post("/v1/customers/C1/devices", &body).unwrap()
    };
    for number in 1..=8 {
        assert_eq!(register(number).status, 201);
    }
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    let meant = |name: &str| json!({"customer": "C1", "kind": "factor.enroll", "authenticator": {"factor": "passkey", "name": name}});
    let begin = |challenge: &str, name: &str| {
        let body = json!({"challenge": challenge, "name": name}).to_string();
        broker.asks().post("/v1/customers/C1/passkeys", &body).unwrap()
    };
    for number in 2..=20 {
        let name = format!("key {number}");
        let begun = begin(&broker.proven(&meant(&name), &mut passkey), &name).json();
        let credential = broker.passkey(number).create(&begun["options"]);
        let body = json!({"token": begun["token"], "credential": credential}).to_string();
        assert_eq!(broker.asks().post("/v1/customers/C1/passkeys", &body).unwrap().status, 201, "{number}");
    }
    let challenge = broker.proven(&meant("one more"), &mut passkey);
    let full = begin(&challenge, "one more");
    assert!(full.status == 409 && full.body.contains("at most 20"), "{full:?}");
    let has = broker.authenticators("C1");
    let other =
        has["authenticators"].as_array().unwrap().iter().find(|each| each["name"] == "key 7").unwrap();
    let path = format!("/v1/customers/C1/authenticators/{}/remove", other["id"].as_str().unwrap());
    assert_eq!(broker.by("operator").post(&path, "{\"reason\":\"lost\"}").unwrap().status, 204);
    assert_eq!(begin(&challenge, "one more").status, 202, "the proof still is one");

    let mut browser = broker.browser_of(&json!({
        "customer": "C1", "page": "security", "language": "en", "client": {"ip": "203.0.113.7", "device": "phone"},
    }));
    let proof = confirm(&mut browser, &mut passkey, &json!({"act": "register", "name": "phone"}));
    let add = json!({"name": "phone", "proof": proof});
    assert_eq!(browser.post("/security/devices", &add).status, 409, "eight are kept");
    let devices = broker.asks().get("/v1/customers/C1/devices").unwrap().json();
    let path = format!("/v1/customers/C1/devices/{}/remove", devices["devices"][0]["id"].as_str().unwrap());
    assert_eq!(broker.by("operator").post(&path, "{\"reason\":\"lost\"}").unwrap().status, 204);
    assert_eq!(browser.post("/security/devices", &add).status, 200);
}

/// A policy that asks for proof of everything.
fn ask_always(broker: &Broker) {
    let kinds: Vec<&str> = model::EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let policy = format!(
        "[thresholds]\nstep_up = 30\nhold = 70\ndeny = 101\n[[rule]]\nname = \"always\"\nkinds = {kinds:?}\n\
         when = \"true\"\npoints = 30\nreason = {{ ja = \"常に\", en = \"always\" }}\n"
    );
    let body = json!({"mode": "activate", "policy": policy}).to_string();
    let taken = broker.by("admin").post("/v1/policies", &body).unwrap();
    assert_eq!(taken.status, 200, "{taken:?}");
}

/// Whatever the kind: a decision names what the event lacked, or has the challenge; and what events have no words for it always lacks.
#[test]
fn a_decision_says_of_every_kind_what_the_event_lacked() {
    let (broker, _passkey) = start();
    ask_always(&broker);
    let account = json!({"bank": "0001", "branch": "001", "number": "1234567"});
    let yen = json!({"minor": 5_000_000, "currency": "JPY"});
    let order = json!({"symbol": "7203", "side": "buy", "effect": "open", "quantity": 100});
    let device = json!({"client": {"ip": "203.0.113.7", "device": "phone"}});
    let none: &[&str] = &[];
    let money: &[&str] = &["amount", "bank_account"];
    // The kind, what it lacks when it says nothing, what it says when it says all, and what it lacks then.
    let cases = [
        ("login", none, json!({}), none),
        ("session.activity", none, json!({}), none),
        ("password.change", none, json!({}), none),
        ("password.reset", none, json!({}), none),
        ("contact.change", &["contact"], json!({"contact": {"type": "email", "new": "a@example.jp"}}), none),
        ("factor.enroll", &["authenticator"], json!({"factor": "totp"}), none),
        ("factor.remove", &["authenticator.id"], json!({"factor": "totp"}), &["authenticator.id"]),
        ("device.register", &["device"], device.clone(), none),
        ("device.remove", &["device"], device, none),
        ("bank_account.register", &["bank_account"], json!({ "bank_account": account }), none),
        ("bank_account.change", &["bank_account"], json!({ "bank_account": account }), none),
        ("withdrawal", money, json!({"amount": yen, "bank_account": account}), none),
        ("transfer", money, json!({"amount": yen, "bank_account": account}), none),
        ("order", &["order"], json!({ "order": order }), none),
        ("profile.view", none, json!({}), none),
        (
            "payment.instruction",
            &["amount", "payment.payee_domain"],
            json!({"amount": yen, "payment": {"payee_domain": "payee.example"}}),
            none,
        ),
        ("customer.report", none, json!({}), none),
        ("bank.notice", none, json!({}), none),
        ("case.disposition", none, json!({}), none),
        ("device.restrict", &["only_own_devices"], json!({}), &["only_own_devices"]),
        ("factor.copied", none, json!({}), none),
    ];
    let told: Vec<&str> = cases.iter().map(|(kind, ..)| *kind).collect();
    let all: Vec<&str> = model::EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(told, all, "every kind, in the order of the model");
    for (place, (kind, lacks, says, lacks_still)) in cases.into_iter().enumerate() {
        for (number, (details, lacks)) in [(json!({}), lacks), (says, lacks_still)].into_iter().enumerate() {
            // A customer for each: reports and copies change what is decided of the next.
            let (customer, id) = (format!("C-{place}"), format!("{kind} {number}"));
            let decision = broker.decides(&event(&id, kind, &customer, &details));
            let challenged = decision["challenge"]["id"].is_string();
            let needs = decision.get("challenge_needs").cloned();
            let expected = (!lacks.is_empty()).then(|| json!(lacks));
            assert_eq!((needs, challenged), (expected, lacks.is_empty()), "{kind} {details}: {decision}");
        }
    }
}
