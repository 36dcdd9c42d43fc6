//! What the library for passkeys leaves to who uses it (docs/threat-model.md, FIDO), tried over HTTP with authenticators in software;
//! and which hardware is taken where a broker wants hardware.

use lab::proof::{Maker, SoftPasskey};
use serde_json::{Value, json};

use crate::http::Answer;
use crate::process::Place;
use crate::proof::{Broker, withdrawal};

/// A model of a maker, and another.
const MODEL: [u8; 16] = [7; 16];
const OTHER_MODEL: [u8; 16] = [8; 16];
const MODEL_TEXT: &str = "07070707-0707-0707-0707-070707070707";

impl Broker {
    pub(crate) fn passkey(&self, number: u32) -> SoftPasskey {
        SoftPasskey::new(number, &self.origin())
    }

    pub(crate) fn begin_enrolment(&self, customer: &str) -> Value {
        let begun = self.asks().post(&format!("/v1/customers/{customer}/passkeys"), "{}").unwrap();
        assert_eq!(begun.status, 202, "{begun:?}");
        begun.json()
    }

    pub(crate) fn end_enrolment(&self, customer: &str, begun: &Value, credential: &Value) -> Answer {
        let body = json!({"token": begun["token"], "credential": credential, "name": "key"}).to_string();
        self.asks().post(&format!("/v1/customers/{customer}/passkeys"), &body).unwrap()
    }

    pub(crate) fn enrol(&self, customer: &str, passkey: &mut SoftPasskey) -> Answer {
        let begun = self.begin_enrolment(customer);
        let credential = passkey.create(&begun["options"]);
        self.end_enrolment(customer, &begun, &credential)
    }

    /// The same by the proof of a challenge, which told no name.
    pub(crate) fn enrol_by(&self, customer: &str, passkey: &mut SoftPasskey, challenge: &Value) -> Answer {
        let path = format!("/v1/customers/{customer}/passkeys");
        let begun = self.asks().post(&path, &json!({ "challenge": challenge }).to_string()).unwrap();
        assert_eq!(begun.status, 202, "{begun:?}");
        let begun = begun.json();
        let ended = json!({"token": begun["token"], "credential": passkey.create(&begun["options"])});
        self.asks().post(&path, &ended.to_string()).unwrap()
    }

    /// A challenge for a withdrawal.
    pub(crate) fn challenge(&self, customer: &str) -> String {
        let made = self.asks().post("/v1/challenges", &withdrawal(customer).to_string()).unwrap();
        assert_eq!(made.status, 201, "{made:?}");
        made.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn begin_answer(&self, challenge: &str, customer: &str) -> Value {
        let body = json!({ "customer": customer }).to_string();
        let begun = self.asks().post(&format!("/v1/challenges/{challenge}/passkey"), &body).unwrap();
        assert_eq!(begun.status, 202, "{begun:?}");
        begun.json()["options"].clone()
    }

    pub(crate) fn end_answer(&self, challenge: &str, customer: &str, credential: &Value) -> Answer {
        let body = json!({"customer": customer, "credential": credential}).to_string();
        self.asks().post(&format!("/v1/challenges/{challenge}/passkey"), &body).unwrap()
    }

    /// Answers a challenge of the customer's with a passkey.
    pub(crate) fn prove(&self, customer: &str, passkey: &mut SoftPasskey) -> Answer {
        let challenge = self.challenge(customer);
        let options = self.begin_answer(&challenge, customer);
        self.end_answer(&challenge, customer, &passkey.get(&options))
    }

    /// A challenge for this, answered with a passkey.
    pub(crate) fn proven(&self, action: &Value, passkey: &mut SoftPasskey) -> String {
        let made = self.asks().post("/v1/challenges", &action.to_string()).unwrap();
        assert_eq!(made.status, 201, "{made:?}");
        let challenge = made.json()["id"].as_str().unwrap().to_owned();
        self.answer_with(&challenge, action["customer"].as_str().unwrap(), passkey);
        challenge
    }

    /// Answers this one.
    pub(crate) fn answer_with(&self, challenge: &str, customer: &str, passkey: &mut SoftPasskey) {
        let options = self.begin_answer(challenge, customer);
        let answered = self.end_answer(challenge, customer, &passkey.get(&options));
        assert_eq!(answered.status, 200, "{answered:?}");
    }

    pub(crate) fn authenticators(&self, customer: &str) -> Value {
        let path = format!("/v1/customers/{customer}/authenticators");
        self.by("reader").get(&path).unwrap().json()
    }

    pub(crate) fn remove_first_authenticator(&self, customer: &str) {
        let id = self.authenticators(customer)["authenticators"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/customers/{customer}/authenticators/{id}/remove");
        let removed = self.by("operator").post(&path, "{\"reason\":\"lost\"}").unwrap();
        assert_eq!(removed.status, 204, "{removed:?}");
    }
}

fn start() -> Broker {
    Broker::start("cooling_hours = 0")
}

#[test]
fn a_passkey_is_of_one_account_alone() {
    let broker = start();
    let (mut first, mut second) = (broker.passkey(1), broker.passkey(2));
    assert_eq!(broker.enrol("C1", &mut first).status, 201);
    let again = broker.enrol("C2", &mut first);
    assert_eq!((again.status, again.body.contains("enrolled already")), (409, true), "{again:?}");
    assert_eq!(broker.enrol("C2", &mut second).status, 201);
    let foreign = broker.prove("C2", &mut first);
    assert_eq!(foreign.status, 422, "the passkey of another customer: {foreign:?}");
    assert_eq!(broker.prove("C2", &mut second).status, 200);
}

#[test]
fn a_ceremony_is_used_once() {
    let broker = start();
    let mut passkey = broker.passkey(1);
    let begun = broker.begin_enrolment("C1");
    let wrong = SoftPasskey::new(2, "https://evil.example").create(&begun["options"]);
    assert_eq!(broker.end_enrolment("C1", &begun, &wrong).status, 422);
    let right = passkey.create(&begun["options"]);
    let late = broker.end_enrolment("C1", &begun, &right);
    assert_eq!((late.status, late.body.contains("begin again")), (409, true), "{late:?}");
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);

    let challenge = broker.challenge("C1");
    let options = broker.begin_answer(&challenge, "C1");
    let right = passkey.get(&options);
    assert_eq!(broker.end_answer(&challenge, "C1", &json!({})).status, 422);
    let late = broker.end_answer(&challenge, "C1", &right);
    assert_eq!((late.status, late.body.contains("begin again")), (409, true), "{late:?}");
    // What was signed for one challenge is no answer to another one, and what was signed on an older page of the same none either: it
    // leaves the newer one.
    let other = broker.challenge("C1");
    let older = passkey.get(&broker.begin_answer(&other, "C1"));
    let newer = passkey.get(&broker.begin_answer(&other, "C1"));
    for answer in [&right, &older] {
        let refused = broker.end_answer(&other, "C1", answer);
        assert_eq!((refused.status, refused.body.contains("begin again")), (409, true), "{refused:?}");
    }
    assert_eq!(broker.end_answer(&other, "C1", &newer).status, 200);
}

#[test]
fn a_removed_passkey_proves_nothing() {
    let broker = start();
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    let handle = broker.authenticators("C1")["signals"]["userId"].clone();
    let challenge = broker.challenge("C1");
    let options = broker.begin_answer(&challenge, "C1");
    let credential = passkey.get(&options);
    broker.remove_first_authenticator("C1");
    let answered = broker.end_answer(&challenge, "C1", &credential);
    assert_eq!(answered.status, 422, "{answered:?}");
    assert_eq!(answered.json()["type"], "urn:sekisho:problem:unknown-passkey");

    let begun = broker.asks().post("/v1/sign-ins", "").unwrap().json();
    let mut credential = passkey.get(&begun["options"]);
    credential["response"]["userHandle"] = handle;
    let body = json!({ "credential": credential }).to_string();
    let path = format!("/v1/sign-ins/{}", begun["id"].as_str().unwrap());
    let signed_in = broker.asks().post(&path, &body).unwrap();
    assert_eq!(signed_in.status, 422, "{signed_in:?}");
    assert_eq!(signed_in.json()["type"], "urn:sekisho:problem:unknown-passkey");
    assert_eq!(broker.authenticators("C1")["signals"]["allAcceptedCredentialIds"], json!([]));
}

#[test]
fn a_copied_passkey_is_refused_and_noted() {
    let broker = start();
    let (mut passkey, mut copy) = (broker.passkey(1), broker.passkey(1));
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    for _ in 0..2 {
        assert_eq!(broker.prove("C1", &mut passkey).status, 200);
    }
    assert!(broker.authenticators("C1")["authenticators"][0]["cloned"].is_null());
    let copied = broker.prove("C1", &mut copy);
    assert_eq!((copied.status, copied.body.contains("copy")), (422, true), "{copied:?}");
    let told = &broker.authenticators("C1")["authenticators"][0];
    assert!(told["cloned"].is_string() && told["counts_from"].is_null(), "{told}");

    // Nobody can say which of the two is the customer's: neither confirms a withdrawal, and decisions know.
    let shown = |action: &Value| broker.asks().post("/v1/challenges", &action.to_string()).unwrap().json();
    assert_eq!(shown(&withdrawal("C1"))["methods"], json!([]));
    let begin = format!("/v1/challenges/{}/passkey", broker.challenge("C1"));
    assert_eq!(broker.asks().post(&begin, "{\"customer\":\"C1\"}").unwrap().status, 409);
    let login = json!({"customer": "C1", "kind": "login"});
    let challenge = shown(&login)["id"].as_str().unwrap().to_owned();
    let options = broker.begin_answer(&challenge, "C1");
    assert_eq!(broker.end_answer(&challenge, "C1", &copy.get(&options)).status, 422, "refused again");
    broker.proven(&login, &mut passkey);
    let decided = |id: &str| {
        let login = json!({"credential": "correct"});
        let asked = crate::proof::event(id, "login", "C1", &login);
        broker.asks().post("/v1/decide", &asked).unwrap().json()
    };
    let decision = decided("l-1");
    assert_eq!(decision["decision"], "step_up", "{decision}");
    assert!(decision["reasons"].to_string().contains("copied_passkey"), "{decision}");
    broker.remove_first_authenticator("C1");
    let decision = decided("l-2");
    assert!(!decision["reasons"].to_string().contains("copied_passkey"), "{decision}");
    let events = broker.by("reader").get("/v1/events?customer=C1").unwrap().body;
    assert_eq!(events.matches("\"kind\":\"factor.copied\"").count(), 2, "seen and gone, once each: {events}");
}

#[test]
fn whose_user_was_not_verified_is_not_taken() {
    let broker = start();
    let unverified = || broker.passkey(1).without_verification();
    assert_eq!(broker.enrol("C1", &mut unverified()).status, 422);
    assert_eq!(broker.enrol("C1", &mut broker.passkey(1)).status, 201);
    assert_eq!(broker.prove("C1", &mut unverified()).status, 422);
}

#[test]
fn another_site_gets_no_proof_and_a_handle_says_nothing() {
    let broker = start();
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    let mut elsewhere = SoftPasskey::new(1, "https://evil.example");
    assert_eq!(broker.prove("C1", &mut elsewhere).status, 422, "another origin");
    let challenge = broker.challenge("C1");
    let mut options = broker.begin_answer(&challenge, "C1");
    options["publicKey"]["rpId"] = json!("evil.example");
    let credential = passkey.get(&options);
    assert_eq!(broker.end_answer(&challenge, "C1", &credential).status, 422, "another relying party");

    let handle = |broker: &Broker, customer: &str| {
        broker.begin_enrolment(customer)["options"]["publicKey"]["user"]["id"].clone()
    };
    let (mine, other) = (handle(&broker, "C2"), handle(&start(), "C2"));
    assert_eq!(mine, handle(&broker, "C2"), "one for all passkeys of a customer");
    assert_ne!(mine, handle(&broker, "C3"));
    assert_ne!(mine, other, "made with the folder's secret, not of the name alone");
    let signals = &broker.authenticators("C1")["signals"];
    assert_eq!(signals["userId"], handle_of(&broker, "C1", &mut passkey));
    assert_eq!(signals["rpId"], "localhost");
    assert_eq!(signals["allAcceptedCredentialIds"], json!([passkey.id()]));
}

/// Who has a passkey that matured begins to enrol another one with a proof.
fn handle_of(broker: &Broker, customer: &str, passkey: &mut SoftPasskey) -> Value {
    let enrol =
        json!({"customer": customer, "kind": "factor.enroll", "authenticator": {"factor": "passkey"}});
    let challenge = broker.proven(&enrol, passkey);
    let body = json!({ "challenge": challenge }).to_string();
    let begun = broker.asks().post(&format!("/v1/customers/{customer}/passkeys"), &body).unwrap();
    begun.json()["options"]["publicKey"]["user"]["id"].clone()
}

#[test]
fn only_listed_hardware_is_enrolled_where_a_broker_wants_that() {
    let (maker, other_maker) = (Maker::new(1), Maker::new(2));
    let place = Place::new();
    place.write(
        "makers.pem",
        format!("Makers that we trust:\n{}{}", Maker::new(3).root_pem(), maker.root_pem()),
    );
    let broker = Broker::start_in(
        place,
        &format!(
            "cooling_hours = 0\nattestation = \"listed\"\nattestation_roots = \"makers.pem\"\naaguids = [\"{MODEL_TEXT}\"]"
        ),
    );
    let begun = broker.begin_enrolment("C1");
    assert_eq!(begun["options"]["publicKey"]["attestation"], "direct");
    let attested = |number: u32, maker: &Maker, model: [u8; 16]| {
        let mut passkey = broker.passkey(number);
        let begun = broker.begin_enrolment("C1");
        let credential = passkey.create_attested(&begun["options"], maker, model);
        broker.end_enrolment("C1", &begun, &credential)
    };
    let refusals = [
        ("no attestation", broker.enrol("C1", &mut broker.passkey(1))),
        ("another maker", attested(2, &other_maker, MODEL)),
        ("another model", attested(3, &maker, OTHER_MODEL)),
    ];
    for (what, refused) in refusals {
        assert_eq!(refused.status, 422, "{what}: {refused:?}");
        assert!(refused.body.contains("no maker that is taken here attests"), "{what}: {refused:?}");
    }
    let enrolled = attested(4, &maker, MODEL);
    assert_eq!(enrolled.status, 201, "{enrolled:?}");
    assert_eq!(broker.prove("C1", &mut broker.passkey(4)).status, 200);

    // On the page it is told in the customer's words.
    let mut browser = broker.browser("C2");
    let begun = browser.post("/security/passkey", &json!({})).json();
    let credential = broker.passkey(5).create(&begun["options"]);
    let refused = browser.post("/security/passkey", &json!({ "credential": credential }));
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(
        refused.json()["text"].as_str().unwrap().contains("security keys that are taken here"),
        "{refused:?}"
    );
}

#[test]
fn every_model_of_a_maker_is_taken_unless_models_are_named() {
    let maker = Maker::new(1);
    let place = Place::new();
    place.write("makers.pem", maker.root_pem());
    let broker = Broker::start_in(place, "attestation = \"listed\"\nattestation_roots = \"makers.pem\"");
    let mut passkey = broker.passkey(1);
    let begun = broker.begin_enrolment("C1");
    let credential = passkey.create_attested(&begun["options"], &maker, OTHER_MODEL);
    assert_eq!(broker.end_enrolment("C1", &begun, &credential).status, 201);
}

#[test]
fn settings_of_attestation_that_say_nothing_stop_the_server() {
    let place = Place::new();
    place.write("empty.pem", "nothing");
    for (settings, told) in [
        ("attestation = \"hardware\"", "allowed: none, listed"),
        ("attestation = \"listed\"", "attestation_roots must name a file"),
        ("aaguids = []", "attestation is \"none\""),
        ("attestation = \"listed\"\nattestation_roots = \"missing.pem\"", "missing.pem"),
        ("attestation = \"listed\"\nattestation_roots = \"/dev/zero\"", "larger than 262144 bytes"),
        ("attestation = \"listed\"\nattestation_roots = \"empty.pem\"", "holds 0 certificates"),
    ] {
        let config = place.write("sekisho.toml", format!("[proof]\n{settings}"));
        let data = place.text("data");
        let done =
            crate::process::run(&["serve", "--data", &data, "--config", &config, "--listen", "127.0.0.1:0"]);
        assert!(!done.status.success(), "{settings}");
        let errors = crate::process::stderr(&done);
        assert!(errors.contains(told), "{settings}: {errors}");
    }
}

/// Who ends an enrolment brings both halves; one alone is a mistake, and begins nothing.
#[test]
fn an_enrolment_that_ends_with_half_of_it_says_which_is_missing() {
    let broker = start();
    let begun = broker.begin_enrolment("C1");
    let credential = broker.passkey(1).create(&begun["options"]);
    for (body, field) in [
        (json!({"token": begun["token"], "name": "key"}), "credential"),
        (json!({"token": begun["token"], "credential": null, "name": "key"}), "credential"),
        (json!({"credential": credential, "name": "key"}), "token"),
    ] {
        let refused = broker.asks().post("/v1/customers/C1/passkeys", &body.to_string()).unwrap();
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!(field)), "{refused:?}");
    }
    assert_eq!(broker.end_enrolment("C1", &begun, &credential).status, 201, "what was begun is as it was");

    let mut browser = broker.browser("C2");
    let app = browser.post("/security/totp", &json!({})).json();
    for half in [json!({"token": app["token"]}), json!({"code": "123456"})] {
        let refused = browser.post("/security/totp", &half);
        assert_eq!((refused.status, &refused.json()["secret"]), (422, &Value::Null), "{refused:?}");
    }
}

/// Whose passkey it is says the user handle that it holds, too, where it tells one (Web Authentication Level 3, section 7.2).
#[test]
fn an_answer_with_the_handle_of_somebody_else_is_refused() {
    let broker = start();
    let (mut first, mut second) = (broker.passkey(1), broker.passkey(2));
    assert_eq!(broker.enrol("C1", &mut first).status, 201);
    assert_eq!(broker.enrol("C2", &mut second).status, 201);
    let handle = |customer: &str| broker.authenticators(customer)["signals"]["userId"].clone();
    for (told, status) in [(handle("C2"), 422), (json!("AAAA"), 422), (Value::Null, 200), (handle("C1"), 200)]
    {
        let challenge = broker.challenge("C1");
        let mut credential = first.get(&broker.begin_answer(&challenge, "C1"));
        credential["response"]["userHandle"] = told.clone();
        let answered = broker.end_answer(&challenge, "C1", &credential);
        assert_eq!(answered.status, status, "{told}: {answered:?}");
    }
    // Nobody signs in as somebody else by naming them.
    for (told, status) in [(handle("C2"), 422), (json!("AAAA"), 422), (Value::Null, 422), (handle("C1"), 200)]
    {
        let signed_in = broker.sign_in(&mut first, &told);
        assert_eq!(signed_in.status, status, "{told}: {signed_in:?}");
        let whose = signed_in.json()["customer"].clone();
        assert_eq!(whose, if status == 200 { json!("C1") } else { Value::Null });
    }
}

/// A browser is told what there is already, so that it makes no second one of it.
#[test]
fn what_is_enrolled_is_named_when_another_one_begins() {
    let broker = Broker::start("");
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.begin_enrolment("C1")["options"]["publicKey"]["excludeCredentials"], json!([]));
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    // The next one is confirmed with it, however new it is: there is nothing else.
    let path = "/v1/customers/C1/passkeys";
    assert_eq!(broker.asks().post(path, "{}").unwrap().status, 409);
    let change = json!({"customer": "C1", "kind": "factor.enroll", "authenticator": {"factor": "passkey"}});
    let id = broker.asks().post("/v1/challenges", &change.to_string()).unwrap().json()["id"].clone();
    broker.answer_with(id.as_str().unwrap(), "C1", &mut passkey);
    let begun = broker.asks().post(path, &json!({ "challenge": id }).to_string()).unwrap();
    assert_eq!(begun.status, 202, "{begun:?}");
    let options = begun.json()["options"]["publicKey"].clone();
    assert_eq!(options["excludeCredentials"][0]["id"], passkey.id(), "{options}");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required", "{options}");
    assert!(
        options["pubKeyCredParams"].as_array().unwrap().iter().any(|each| each["alg"] == -7),
        "{options}"
    );
}

/// Whoever has the disk reads neither what proves a customer nor who that is.
#[test]
fn what_proves_a_customer_is_sealed_on_the_disk() {
    let broker = Broker::start("");
    let customer = "C-SEALED-4711";
    let mut browser = broker.browser(customer);
    let begun = browser.post("/security/totp", &json!({})).json();
    let shown = begun["secret"].as_str().unwrap().to_owned();
    let app = crate::proof::App::new(&shown);
    let sent = json!({"token": begun["token"], "code": app.code(0)});
    assert_eq!(browser.post("/security/totp", &sent).status, 200);
    let proof = browser.confirm(&json!({"act": "enrol"}), "totp", || app.code(1));
    let mut passkey = broker.passkey(1);
    let options = browser.post("/security/passkey", &json!({ "proof": proof })).json()["options"].clone();
    let credential = passkey.create(&options);
    let enrolled = browser.post("/security/passkey", &json!({"credential": credential, "proof": proof}));
    assert_eq!(enrolled.status, 200, "{enrolled:?}");

    let decoded = |text: &str| data_encoding::BASE32_NOPAD.decode(text.as_bytes()).unwrap();
    let id = data_encoding::BASE64URL_NOPAD.decode(passkey.id().as_bytes()).unwrap();
    let secrets = [decoded(&shown), shown.clone().into_bytes(), id, passkey.id().into(), customer.into()];
    let mut bytes = Vec::new();
    for file in ["proof.db", "proof.db-wal"] {
        bytes.extend(std::fs::read(broker.place.path(&format!("data/{file}"))).unwrap_or_default());
    }
    assert!(bytes.len() > 4_096, "it is there: {}", bytes.len());
    for secret in secrets {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{secret:?}");
    }
}

#[test]
fn nobody_else_ends_the_ceremony_of_a_challenge() {
    let broker = Broker::start("cooling_hours = 0");
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    let challenge = broker.challenge("C1");
    let options = broker.begin_answer(&challenge, "C1");
    for credential in [json!({}), json!({"id": "x", "response": {"clientDataJSON": "x"}})] {
        let refused = broker.end_answer(&challenge, "C2", &credential);
        assert!(refused.status == 404 || refused.status == 409, "{refused:?}");
        let begun_elsewhere = broker
            .browser("C2")
            .post(&format!("/verify/{challenge}/passkey"), &json!({ "credential": credential }));
        assert_ne!(begun_elsewhere.status, 200, "{begun_elsewhere:?}");
    }
    let credential = passkey.get(&options);
    assert_eq!(broker.end_answer(&challenge, "C1", &credential).status, 200);
}
