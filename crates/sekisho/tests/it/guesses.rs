//! Codes that are guessed: few are looked at, and nobody is locked out by them.

use serde_json::json;

use crate::proof::{Broker, withdrawal};

#[test]
fn ten_thousand_guesses_get_a_handful_of_looks_and_lock_nobody_out() {
    let broker = Broker::start("cooling_hours = 0");
    let mut own = broker.browser("C1");
    let app = own.enrol_app();
    // The customer proved themselves in this browser once.
    let first = broker.withdrawal("w-0", "C1")["challenge"]["id"].as_str().unwrap().to_owned();
    let answer = json!({"method": "totp", "code": app.code(0)});
    assert_eq!(
        broker.on(&mut own, "C1", &first).post(&format!("/verify/{first}/answer"), &answer).status,
        200
    );

    // So did somebody else of the house.
    let second = broker.browser("C2").enrol_app();
    let theirs = broker.withdrawal("w-2", "C2")["challenge"]["id"].as_str().unwrap().to_owned();
    let answer = json!({"method": "totp", "code": second.code(0)});
    assert_eq!(
        broker.on(&mut own, "C2", &theirs).post(&format!("/verify/{theirs}/answer"), &answer).status,
        200
    );

    let mut attacker = broker.asks();
    let (mut looked_at, mut refused) = (0, 0);
    let mut challenge = String::new();
    for guess in 0..10_000 {
        if guess % 5 == 0 {
            let made = attacker.post("/v1/challenges", &withdrawal("C1").to_string()).unwrap();
            assert_eq!(made.status, 201, "{made:?}");
            challenge = made.json()["id"].as_str().unwrap().to_owned();
        }
        let body = json!({"customer": "C1", "method": "totp", "code": format!("{guess:06}")});
        let told = attacker.post(&format!("/v1/challenges/{challenge}/answer"), &body.to_string()).unwrap();
        assert_eq!(told.status, 409, "{told:?}");
        match told.body.contains("the answer is wrong") {
            true => looked_at += 1,
            false => refused += 1,
        }
    }
    assert!(looked_at < 20, "{looked_at} of 10,000 were looked at");
    assert_eq!(looked_at + refused, 10_000);

    // In a browser they used before, the customer goes on as if nothing were.
    let theirs = attacker.post("/v1/challenges", &withdrawal("C1").to_string()).unwrap().json();
    let theirs = theirs["id"].as_str().unwrap();
    let (path, own) = (format!("/verify/{theirs}/answer"), broker.on(&mut own, "C1", theirs));
    let wrong = own.post(&path, &json!({"method": "totp", "code": "000000"}));
    assert!(wrong.body.contains("not the right code"), "looked at: {wrong:?}");
    let right = own.post(&path, &json!({"method": "totp", "code": app.code(1)}));
    assert_eq!(right.status, 200, "{right:?}");
}

/// What cannot be a code is no guess: whoever mistypes loses none.
#[test]
fn what_is_no_code_is_no_wrong_try() {
    let broker = Broker::start("cooling_hours = 0");
    let mut own = broker.browser("C1");
    let app = own.enrol_app();
    let challenge = broker.withdrawal("w-1", "C1")["challenge"]["id"].as_str().unwrap().to_owned();
    let path = format!("/verify/{challenge}/answer");
    let own = broker.on(&mut own, "C1", &challenge);
    for code in ["abc", "", "12345", "1234567", "12345a", "１２３４５"] {
        let refused = own.post(&path, &json!({"method": "totp", "code": code}));
        assert_eq!((refused.status, refused.body.contains("six digits")), (422, true), "{code}: {refused:?}");
        let by_api = json!({"customer": "C1", "method": "totp", "code": code}).to_string();
        let refused = broker.asks().post(&format!("/v1/challenges/{challenge}/answer"), &by_api).unwrap();
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!("code")), "{code}: {refused:?}");
    }
    let code: String = app.code(0).chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap()).collect();
    let right = own.post(&path, &json!({"method": "totp", "code": code}));
    assert_eq!(right.status, 200, "full-width digits are digits: {right:?}");
}
