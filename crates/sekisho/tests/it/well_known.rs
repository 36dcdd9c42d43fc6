//! What browsers, password managers and the broker's site look up without a key.

use serde_json::json;

use crate::proof::Broker;

#[test]
fn browsers_find_where_passkeys_work_and_where_they_are_managed() {
    let broker = Broker::start(
        "related_origins = [\"https://www.broker.example\", \"https://trade.broker.example\"]\n\
         return_origins = [\"https://elsewhere.example\"]",
    );
    let mut nobody = broker.server.connect("no key");
    let mut get = |path: &str| {
        let told = nobody.get(&format!("/.well-known/{path}")).unwrap();
        assert_eq!(told.status, 200, "{told:?}");
        assert!(told.headers.contains("content-type: application/json"), "{told:?}");
        told.json()
    };
    // Exactly those: a browser lets a passkey be used on each of them.
    let origins =
        [broker.origin(), "https://www.broker.example".into(), "https://trade.broker.example".into()];
    assert_eq!(get("webauthn"), json!({ "origins": origins }));
    let page = format!("{}/security", broker.origin());
    assert_eq!(get("passkey-endpoints"), json!({"enroll": page, "manage": page}));
    let keys = get("jwks.json");
    let key = &keys["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"]),
        (&json!("EC"), &json!("P-256"), &json!("ES256")),
        "{keys}"
    );
    assert!(key["d"].is_null(), "the private half stays here");
    assert_eq!(nobody.get("/.well-known/other").unwrap().status, 404);
    assert_eq!(nobody.post("/.well-known/webauthn", "{}").unwrap().status, 405);
}
