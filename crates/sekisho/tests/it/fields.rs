//! Refusals name the field that is wrong, and nothing that was told is passed over in silence: every operation of the API's description
//! is sent a field that nobody knows.

use serde_json::{Value, json};

use crate::proof::Broker;

/// A field that nothing has.
const UNKNOWN: &str = "colour";

/// What may be a secret is not repeated, and so not named.
const BLIND: [&str; 2] = ["/v1/passwords/check", "/v1/mask"];

/// A path as one may be asked for: with its parameters' examples, or what has their form.
fn asked_path(path: &str, operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let mut asked = path.to_owned();
    for parameter in parameters.iter().filter(|parameter| parameter["in"] == "path") {
        let name = parameter["name"].as_str().unwrap();
        let value = match (&parameter["example"], name) {
            (Value::String(text), _) => text.clone(),
            (Value::Number(number), _) => number.to_string(),
            (_, "device" | "authenticator") => "00112233445566778899aabbccddeeff".to_owned(),
            (_, "version") => "1".to_owned(),
            (_, _) => "x".to_owned(),
        };
        asked = asked.replace(&format!("{{{name}}}"), &value);
    }
    asked
}

#[test]
fn no_operation_passes_over_a_field_it_does_not_know() {
    let broker = Broker::start("[proof.calls]\noffered = true\n");
    let mut admin = broker.by("admin");
    let document = admin.get("/openapi.json").unwrap().json();
    let mut count = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if !matches!(method.as_str(), "post" | "put" | "delete") {
                continue;
            }
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            let mut body = if example.is_object() { example.clone() } else { json!({}) };
            body[UNKNOWN] = "red".into();
            let (method, asked) = (method.to_uppercase(), asked_path(path, operation));
            let answer = admin.send(&method, &asked, &[], &body.to_string()).unwrap();
            let problem = answer.json();
            let problem = if path == "/v1/events" { &problem["rejected"][0] } else { &problem };
            let is_named =
                problem["field"] == UNKNOWN && problem["detail"].as_str().unwrap().contains(UNKNOWN);
            assert!(is_named || BLIND.contains(&path.as_str()), "{method} {asked}: {answer:?}");
            assert!(answer.status == 422 || path == "/v1/events", "{method} {asked}: {answer:?}");
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

#[test]
fn a_refusal_names_the_field_that_is_wrong() {
    let broker = Broker::start("");
    let mut admin = broker.by("admin");
    let made = admin.post("/v1/customers/C1/devices", r#"{"device":"d-1","name":"telephone"}"#).unwrap();
    let device = format!("/v1/customers/C1/devices/{}", made.json()["id"].as_str().unwrap());
    let presence = format!("{device}/presence");
    let remove = format!("{device}/remove");
    let long = "x".repeat(41);
    let withdrawal = json!({"customer": "C1", "kind": "withdrawal"});
    let with = |field: &str, value: Value| {
        let mut action = withdrawal.clone();
        action[field] = value;
        action
    };
    let handover = json!({"customer": "C1", "page": "security", "return_to": "https://elsewhere.example/"});
    for (path, body, field) in [
        ("/v1/handovers", handover, "return_to"),
        (&*presence, json!({"token": "x"}), "signature"),
        (&*presence, json!({"signature": "x"}), "token"),
        (&*remove, json!({}), "reason"),
        ("/v1/customers/C1/unmask", json!({}), "reason"),
        ("/v1/calls/1/confirm", json!({}), "reason"),
        ("/v1/customers/C1/devices", json!({"device": "d-2", "name": long}), "name"),
        (
            "/v1/customers/C1/devices",
            json!({"device": "d-2", "name": "x", "public_key": "AAAA"}),
            "public_key",
        ),
        ("/v1/challenges", with("device", json!({"device": "d-2", "name": long})), "device.name"),
        ("/v1/challenges", with("device", json!({"device": "d-2", "public_key": "x"})), "device.public_key"),
        ("/v1/challenges", with("device", json!({"name": "x"})), "device.device"),
        (
            "/v1/challenges",
            with("authenticator", json!({"factor": "passkey", "name": long})),
            "authenticator.name",
        ),
        ("/v1/passwords/check", json!({"customer": "C1"}), "password"),
    ] {
        let refused = admin.post(path, &body.to_string()).unwrap();
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!(field)), "{path}: {refused:?}");
    }
    let signed = json!({"token": "x", "signature": "x"}).to_string();
    assert_eq!(admin.post(&presence, &signed).unwrap().status, 409, "it was asked nothing of the kind");
}
