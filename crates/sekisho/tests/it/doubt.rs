//! After *this was not me*: what was new when the customer said so may be the thief's, and counts for nothing until somebody identified the
//! customer; what had settled by then answers.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use lab::proof::SoftPasskey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};
use server::proof::ProofSettings;
use server::proof::settings::CallSettings;

use crate::http::Answer;
use crate::proof::{Broker, event};
use crate::timed::Timed;

fn sell(customer: &str) -> Value {
    let order = json!({"symbol": "7203", "side": "sell", "effect": "close", "quantity": 100});
    json!({"customer": customer, "kind": "order", "order": order})
}

impl Broker {
    /// Signs in by passkey alone, as one that holds this user handle does.
    pub(crate) fn sign_in(&self, passkey: &mut SoftPasskey, handle: &Value) -> Answer {
        let begun = self.asks().post("/v1/sign-ins", "").unwrap().json();
        let mut credential = passkey.get(&begun["options"]);
        credential["response"]["userHandle"] = handle.clone();
        let body = json!({ "credential": credential }).to_string();
        self.asks().post(&format!("/v1/sign-ins/{}", begun["id"].as_str().unwrap()), &body).unwrap()
    }

    fn made(&self, action: &Value) -> Value {
        let made = self.asks().post("/v1/challenges", &action.to_string()).unwrap();
        assert_eq!(made.status, 201, "{made:?}");
        made.json()
    }

    fn answer(&self, challenge: &Value, method: &str, code: &str) -> Answer {
        let body = json!({"customer": "C1", "method": method, "code": code}).to_string();
        let path = format!("/v1/challenges/{}/answer", challenge["id"].as_str().unwrap());
        self.asks().post(&path, &body).unwrap()
    }
}

#[test]
fn what_was_new_at_a_report_counts_for_nothing_until_the_customer_was_identified() {
    let timed = Timed::cooling(12);
    let broker = &timed.broker;
    let app = broker.browser("C1").enrol_app();
    timed.pass_hours(13);

    // A thief in a session of theirs, who has two codes of the app told to them; nobody has noticed yet.
    let mut session = broker.browser("C1");
    let code = |ahead: i64| app.code(timed.steps() + ahead);
    let proof = session.confirm(&json!({"act": "recovery"}), "totp", || code(0));
    let codes = session.post("/security/recovery", &json!({ "proof": proof })).json();
    let recovery = codes["codes"][0].as_str().unwrap();
    let mut thief = broker.passkey(1);
    assert_eq!(broker.asks().post("/v1/customers/C1/passkeys", "{}").unwrap().status, 409, "not without one");
    let change = json!({"customer": "C1", "kind": "factor.enroll", "authenticator": {"factor": "passkey"}});
    let challenge = broker.made(&change);
    assert_eq!(broker.answer(&challenge, "totp", &code(1)).status, 200);
    assert_eq!(broker.enrol_by("C1", &mut thief, &challenge["id"]).status, 201);
    let handle = broker.authenticators("C1")["signals"]["userId"].clone();
    let login = json!({"customer": "C1", "kind": "login"});
    let refused = broker.sign_in(&mut thief, &handle);
    assert_eq!((refused.status, &refused.json()["reason"]), (409, &json!("cooling")), "{refused:?}");
    assert_eq!(broker.made(&login)["methods"], json!(["totp"]), "nothing new where something old does");
    timed.pass_hours(1);
    assert_eq!(broker.browser("C1").post("/security/report", &json!({})).status, 200);

    // What they added signs in no more, neither at once nor when it would have cooled off, nor when the customer says so of something
    // else, too.
    let is_nothing = |thief: &mut SoftPasskey| {
        let refused = broker.sign_in(thief, &handle);
        assert_eq!((refused.status, &refused.json()["reason"]), (409, &json!("locked")), "{refused:?}");
        for action in [&login, &sell("C1")] {
            let challenge = broker.made(action);
            assert_eq!(challenge["methods"], json!(["totp"]), "{action}");
            let begin = format!("/v1/challenges/{}/passkey", challenge["id"].as_str().unwrap());
            let refused = broker.asks().post(&begin, "{\"customer\":\"C1\"}").unwrap();
            assert_eq!((refused.status, &refused.json()["reason"]), (409, &json!("method")), "{refused:?}");
        }
        let refused = broker.answer(&broker.made(&login), "recovery", recovery);
        assert_eq!((refused.status, &refused.json()["reason"]), (409, &json!("method")), "{refused:?}");
    };
    is_nothing(&mut thief);
    timed.pass_hours(13);
    is_nothing(&mut thief);
    let again = json!({"time": timed.now(), "outcome": "succeeded"});
    let again = event("said-again", "customer.report", "C1", &again);
    assert_eq!(broker.asks().post("/v1/events", &again).unwrap().json()["accepted"], 1);
    is_nothing(&mut thief);
    let has = broker.authenticators("C1")["authenticators"].as_array().unwrap().clone();
    for each in &has {
        let in_doubt = each["method"] != "totp";
        assert_eq!(
            (&each["in_doubt"], each["counts_from"].is_null()),
            (&json!(in_doubt), in_doubt),
            "{each}"
        );
    }
    let page = broker.browser("C1").get("/security").body;
    assert_eq!(page.matches("It was new when you told us").count(), 2, "{page}");

    // Nor does it take away what the customer has.
    let mut session = broker.browser("C1");
    let id = has.iter().find(|each| each["method"] == "totp").unwrap()["id"].clone();
    let begun = session.post("/security/confirm", &json!({"change": {"act": "remove", "id": id}}));
    assert!(begun.json()["challenge"].is_string(), "{begun:?}");
    assert_eq!(session.post("/security/remove", &json!({ "id": id })).status, 409);
    let renamed = session.post("/security/rename", &json!({"id": id, "name": "not mine"}));
    assert_eq!(renamed.status, 409, "by its name it is known as the customer's: {renamed:?}");

    // The customer's own, which had settled, answers.
    let challenge = broker.made(&sell("C1"));
    let answered = broker.answer(&challenge, "totp", &app.code(timed.steps()));
    assert_eq!(answered.status, 200, "{answered:?}");
    assert_eq!(broker.redeem(challenge["id"].as_str().unwrap(), &sell("C1")).status, 200);

    // From when somebody identified them it is as new as if it came then.
    assert_eq!(broker.unlock("C1").status, 200);
    assert_eq!(broker.sign_in(&mut thief, &handle).json()["reason"], "cooling");
    assert_eq!(broker.made(&sell("C1"))["methods"], json!(["totp"]), "it cools off again");
    let has = broker.authenticators("C1");
    let passkey = has["authenticators"].as_array().unwrap().iter().find(|each| each["method"] == "passkey");
    let counts_from = passkey.unwrap()["counts_from"].as_str().unwrap();
    assert!(counts_from > timed.now().as_str(), "{has}");
    timed.pass_hours(11);
    assert!(counts_from > timed.now().as_str(), "for twelve hours from then on");
    assert_eq!(broker.made(&sell("C1"))["methods"], json!(["totp"]));
    timed.pass_hours(2);
    assert_eq!(broker.made(&sell("C1"))["methods"], json!(["passkey"]), "nobody removed it");
}

/// The same of numbers to call and of devices: what settles later settles too late.
#[test]
fn a_number_and_a_device_that_were_new_at_a_report_count_for_nothing() {
    let calls = CallSettings { offered: true, ..CallSettings::default() };
    let timed = Timed::start(ProofSettings { calls, ..ProofSettings::default() });
    let broker = &timed.broker;
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    let public = BASE64.encode(key.verifying_key().to_public_key_der().unwrap().as_bytes());
    let begin = |customer: &str| {
        crate::codes::tell_contacts(broker, customer, "en", &[("phone", "090-1234-5678")]);
        let device = json!({"device": "phone", "name": "phone", "public_key": public}).to_string();
        let made = broker.asks().post(&format!("/v1/customers/{customer}/devices"), &device).unwrap();
        assert_eq!(made.status, 201, "{made:?}");
        made.json()["id"].as_str().unwrap().to_owned()
    };
    let (settled, new) = (begin("C1"), begin("C2"));
    let methods =
        |customer: &str| broker.made(&json!({"customer": customer, "kind": "login"}))["methods"].clone();
    let presence = |customer: &str, device: &str, body: &Value| {
        let path = format!("/v1/customers/{customer}/devices/{device}/presence");
        broker.asks().post(&path, &body.to_string()).unwrap()
    };
    let asked = presence("C2", &new, &json!({}));
    assert_eq!(asked.status, 202, "{asked:?}");
    let token = asked.json()["token"].as_str().unwrap().to_owned();
    let signature: Signature = key.sign(token.as_bytes());
    let shown = json!({"token": token, "signature": BASE64URL_NOPAD.encode(&signature.to_bytes())});
    assert_eq!(broker.browser("C2").post("/security/report", &json!({})).status, 200);
    let locked = |answer: Answer| {
        assert_eq!((answer.status, &answer.json()["reason"]), (409, &json!("locked")), "{answer:?}");
    };
    locked(presence("C2", &new, &shown));

    timed.pass_hours(13);
    assert_eq!(broker.browser("C1").post("/security/report", &json!({})).status, 200);
    assert_eq!((methods("C1"), methods("C2")), (json!(["phone"]), json!([])));
    locked(presence("C2", &new, &json!({})));
    assert_eq!(presence("C1", &settled, &json!({})).status, 202);
    assert_eq!(broker.unlock("C2").status, 200);
    assert_eq!(methods("C2"), json!([]), "it waits again, as an authenticator does");
    timed.pass_hours(11);
    assert_eq!((methods("C1"), methods("C2")), (json!(["phone"]), json!([])));
    timed.pass_hours(2);
    assert_eq!(methods("C2"), json!(["phone"]));
    assert_eq!(presence("C2", &new, &json!({})).status, 202);
}

/// Who has a code of the app told to them replaces it. The customer's own stays until the new one counts, and comes back with a report.
#[test]
fn an_app_that_was_replaced_stays_until_the_new_one_counts_and_comes_back_with_a_report() {
    let timed = Timed::cooling(12);
    let broker = &timed.broker;
    let app = broker.browser("C1").enrol_app();
    let unnoticed = broker.browser("C2").enrol_app();
    timed.pass_hours(13);
    let login = |customer: &str| json!({"customer": customer, "kind": "login"});
    let replace = |customer: &str, app: &crate::proof::App| {
        let mut thief = broker.browser(customer);
        for path in ["totp", "recovery"] {
            assert_eq!(thief.post(&format!("/security/{path}"), &json!({})).status, 409, "{path}");
        }
        let proof = thief.confirm(&json!({"act": "totp"}), "totp", || app.code(timed.steps()));
        let begun = thief.post("/security/totp", &json!({ "proof": proof })).json();
        let new = crate::proof::App::new(begun["secret"].as_str().unwrap());
        let sent = json!({"token": begun["token"], "code": new.code(timed.steps()), "proof": proof});
        assert_eq!(thief.post("/security/totp", &sent).status, 200);
        new
    };
    let (thief, newer) = (replace("C1", &app), replace("C2", &unnoticed));
    let answer = |customer: &str, code: &str| {
        let made = broker.made(&login(customer));
        assert_eq!(made["methods"], json!(["totp"]));
        let body = json!({"customer": customer, "method": "totp", "code": code}).to_string();
        broker
            .asks()
            .post(&format!("/v1/challenges/{}/answer", made["id"].as_str().unwrap()), &body)
            .unwrap()
            .status
    };
    timed.pass_hours(1);
    assert_eq!(answer("C1", &thief.code(timed.steps())), 409, "nothing new where something old does");
    assert_eq!(answer("C1", &app.code(timed.steps())), 200, "it is still there");
    let has = |customer: &str| broker.authenticators(customer)["authenticators"].as_array().unwrap().clone();
    let ends = |customer: &str| has(customer).iter().filter(|each| each["ends"].is_string()).count();
    assert_eq!((has("C1").len(), ends("C1")), (2, 1));
    assert!(broker.browser("C1").get("/security").body.contains("Replaced; good until"));
    assert_eq!(broker.browser("C1").post("/security/report", &json!({})).status, 200);
    assert_eq!((has("C1").len(), ends("C1")), (2, 0));

    timed.pass_hours(12);
    assert_eq!(answer("C1", &app.code(timed.steps())), 200, "it was brought back");
    assert_eq!(answer("C1", &thief.code(timed.steps())), 409, "the thief's is in doubt");
    assert_eq!((has("C2").len(), answer("C2", &unnoticed.code(timed.steps()))), (1, 409));
    assert_eq!(answer("C2", &newer.code(timed.steps())), 200);
}

/// Whoever removes the one that they do not know keeps the one they do.
#[test]
fn an_app_whose_replacement_is_removed_stays() {
    let timed = Timed::cooling(12);
    let broker = &timed.broker;
    let apps = ["C1", "C2", "C3", "C4"].map(|customer| broker.browser(customer).enrol_app());
    let replaced = |customer: &str, app: &crate::proof::App| {
        let mut thief = broker.browser(customer);
        let proof = thief.confirm(&json!({"act": "totp"}), "totp", || app.code(timed.steps()));
        let begun = thief.post("/security/totp", &json!({ "proof": proof })).json();
        // Getting the app takes longer than the proof waits: it goes with the secret.
        timed.pass(6 * 60);
        let new = crate::proof::App::new(begun["secret"].as_str().unwrap());
        let sent = json!({"token": begun["token"], "code": new.code(timed.steps())});
        assert_eq!(thief.post("/security/totp", &sent).status, 200);
        assert_eq!(thief.post("/security/totp", &sent).status, 409, "once");
        let has = broker.authenticators(customer)["authenticators"].as_array().unwrap().clone();
        has.iter().find(|each| each["ends"].is_null()).unwrap()["id"].clone()
    };
    // Also one that does not count yet.
    replaced("C4", &apps[3]);
    assert_eq!(broker.browser("C4").post("/security/report", &json!({})).status, 200);
    timed.pass_hours(13);
    let by_owner = replaced("C1", &apps[0]);
    let mut own = broker.browser("C1");
    let removing = json!({"act": "remove", "id": by_owner});
    let proof = own.confirm(&removing, "totp", || apps[0].code(timed.steps()));
    // A name that somebody gives it meanwhile stops nothing.
    let renamed = broker.browser("C1").post("/security/rename", &json!({"id": by_owner, "name": "Mine"}));
    assert_eq!(renamed.status, 200);
    assert_eq!(own.post("/security/remove", &json!({"id": by_owner, "proof": proof})).status, 200);
    let by_operator = replaced("C2", &apps[1]);
    let path = format!("/v1/customers/C2/authenticators/{}/remove", by_operator.as_str().unwrap());
    assert_eq!(broker.by("operator").post(&path, "{\"reason\":\"a stranger's\"}").unwrap().status, 204);
    timed.pass_hours(14);
    for (customer, ends) in [("C1", 0), ("C2", 0), ("C3", 0), ("C4", 0)] {
        let has = broker.authenticators(customer)["authenticators"].as_array().unwrap().clone();
        let count = if customer == "C4" { 2 } else { 1 };
        let replaced = has.iter().filter(|each| each["ends"].is_string()).count();
        assert_eq!((has.len(), replaced), (count, ends), "{customer}: {has:?}");
    }
}

#[test]
fn after_a_report_logins_and_orders_to_sell_are_asked_for_proof_and_let_through_by_it() {
    let broker = Broker::start("cooling_hours = 0");
    let app = broker.browser("C1").enrol_app();
    let decide = |id: &str, kind: &str, details: &Value| {
        let answer = broker.asks().post("/v1/decide", &event(id, kind, "C1", details)).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let rules = |decision: &Value| {
        let reasons = decision["reasons"].as_array().unwrap().clone();
        reasons.iter().map(|reason| reason["rule"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let login = json!({"customer": "C1", "kind": "login", "credential": "correct"});
    let before = decide("l-0", "login", &login);
    assert_eq!((&before["decision"], rules(&before).len()), (&json!("allow"), 0), "{before}");
    assert_eq!(decide("o-0", "order", &sell("C1"))["decision"], "allow");
    assert_eq!(broker.browser("C1").post("/security/report", &json!({})).status, 200);

    for (steps, id, kind, details) in [(0, "l-1", "login", login.clone()), (1, "o-1", "order", sell("C1"))] {
        let decision = decide(id, kind, &details);
        assert_eq!(decision["decision"], "step_up", "{decision}");
        assert!(rules(&decision).contains(&"proof_after_report".to_owned()), "{decision}");
        let challenge = &decision["challenge"];
        let action = if kind == "login" { json!({"customer": "C1", "kind": "login"}) } else { details };
        let id = challenge["id"].as_str().unwrap();
        assert_eq!(broker.redeem(id, &action).status, 409, "not proven");
        assert_eq!(broker.methods(&decision), json!(["totp"]));
        let answered = broker.answer(challenge, "totp", &app.code(steps));
        assert_eq!(answered.status, 200, "{answered:?}");
        assert_eq!(broker.redeem(id, &action).status, 200);
    }
    let mut buy = sell("C1");
    buy["order"]["side"] = json!("buy");
    buy["order"]["effect"] = json!("open");
    let held = decide("o-2", "order", &buy);
    assert_eq!(held["decision"], "hold", "{held}");
    assert!(rules(&held).contains(&"order_after_report".to_owned()), "{held}");

    assert_eq!(broker.unlock("C1").status, 200);
    let after = decide("l-2", "login", &login);
    assert_eq!((&after["decision"], rules(&after).len()), (&json!("allow"), 0), "{after}");
}

/// As for a challenge: what is new answers nowhere where something older does, a number to call among it.
#[test]
fn a_new_passkey_signs_in_nobody_who_has_an_older_way() {
    let calls = CallSettings { offered: true, ..CallSettings::default() };
    let timed = Timed::start(ProofSettings { calls, cooling_hours: 12, ..ProofSettings::default() });
    let broker = &timed.broker;
    crate::codes::tell_contacts(broker, "C1", "en", &[("phone", "090-1234-5678")]);
    timed.pass_hours(13);
    for (customer, which, signs_in) in [("C1", 1, 409), ("C2", 2, 200)] {
        let mut passkey = broker.passkey(which);
        assert_eq!(broker.enrol(customer, &mut passkey).status, 201);
        let handle = broker.authenticators(customer)["signals"]["userId"].clone();
        let told = broker.sign_in(&mut passkey, &handle);
        assert_eq!(told.status, signs_in, "{customer}: {told:?}");
        timed.pass_hours(13);
        assert_eq!(broker.sign_in(&mut passkey, &handle).status, 200, "{customer}");
    }
}

#[test]
fn the_first_sign_in_after_the_customer_was_identified_is_like_the_next() {
    let timed = Timed::cooling(12);
    let broker = &timed.broker;
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    let handle = broker.authenticators("C1")["signals"]["userId"].clone();
    timed.pass_hours(1);
    assert_eq!(broker.browser("C1").post("/security/report", &json!({})).status, 200);
    timed.pass_hours(13);
    assert_eq!(broker.unlock("C1").status, 200);
    // It cools off again, and there is nothing older.
    for _ in 0..2 {
        let told = broker.sign_in(&mut passkey, &handle);
        assert_eq!(told.status, 200, "{told:?}");
    }
}

/// A new passkey alone confirms; beside something else it does not, also where it was asked before that came.
#[test]
fn a_confirmation_that_began_under_weaker_rules_does_not_end_under_stronger_ones() {
    let broker = Broker::start("");
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    let mut browser = broker.browser("C1");
    let change = json!({"act": "recovery"});
    let ends = |browser: &mut crate::proof::Browser, passkey: &mut SoftPasskey, begun: &Answer| {
        let credential = passkey.get(&begun.json()["options"]);
        browser.post("/security/confirm", &json!({"change": change, "credential": credential}))
    };
    let begun = browser.post("/security/confirm", &json!({ "change": change }));
    assert_eq!(ends(&mut browser, &mut passkey, &begun).status, 200, "nothing else is there");
    let begun = browser.post("/security/confirm", &json!({ "change": change }));
    let proof = crate::changes::confirm(&mut browser, &mut passkey, &json!({"act": "totp"}));
    browser.enrol_app_by(&proof);
    let refused = ends(&mut browser, &mut passkey, &begun);
    assert_eq!(refused.status, 409, "{refused:?}");
    let anew = browser.post("/security/confirm", &json!({ "change": change }));
    assert!(anew.json()["challenge"].is_string(), "{anew:?}");
}
