//! What comes twice at once, or once more since no answer came: exactly one is done, and who asks again for the same is told the same.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Barrier;

use serde_json::{Value, json};

use crate::changes::confirm;
use crate::codes;
use crate::gateway::Gateway;
use crate::http::Answer;
use crate::proof::{Broker, Browser, event};
use crate::serve::days_ago;

/// Does this on each of so many connections, all at once.
fn at_once<T: Send>(count: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    std::thread::scope(|threads| {
        let all: Vec<_> = (0..count)
            .map(|number| {
                let (barrier, act) = (&barrier, &act);
                threads.spawn(move || {
                    barrier.wait();
                    act(number)
                })
            })
            .collect();
        all.into_iter().map(|each| each.join().unwrap()).collect()
    })
}

fn count(statuses: &[u16], wanted: u16) -> usize {
    statuses.iter().filter(|status| **status == wanted).count()
}

fn told(broker: &Broker, customer: &str, kind: &str) -> usize {
    broker.events_of(customer).iter().filter(|event| event["kind"] == kind).count()
}

#[test]
fn of_passkey_answers_to_one_challenge_at_once_one_wins() {
    let broker = Broker::start("cooling_hours = 0");
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    for _ in 0..5 {
        let challenge = broker.challenge("C1");
        let credential = passkey.get(&broker.begin_answer(&challenge, "C1"));
        let answered = at_once(8, |_| broker.end_answer(&challenge, "C1", &credential).status);
        assert_eq!((count(&answered, 200), count(&answered, 409)), (1, 7), "{answered:?}");
        let action = crate::proof::withdrawal("C1");
        let redeemed = at_once(8, |_| broker.redeem(&challenge, &action).status);
        assert_eq!((count(&redeemed, 200), count(&redeemed, 409)), (1, 7), "{redeemed:?}");
    }
}

/// In two tabs, each from the device that stays.
#[test]
fn of_two_devices_taken_back_at_once_the_last_one_stays() {
    let broker = Broker::start("");
    for number in 0..12 {
        let customer = format!("C{number}");
        let mut tabs: Vec<Browser> = Vec::new();
        for device in ["phone", "tablet"] {
            let client = json!({"ip": "203.0.113.7", "device": device});
            for days in [40, 20] {
                let login = json!({
                    "time": days_ago(days), "outcome": "succeeded", "credential": "correct", "client": client,
                });
                let login = event(&format!("{customer}-{device}-{days}"), "login", &customer, &login);
                assert_eq!(broker.asks().post("/v1/events", &login).unwrap().status, 200);
            }
            let handover = json!({"customer": customer, "page": "security", "client": client});
            let mut tab = broker.browser_of(&handover);
            assert_eq!(tab.post("/security/devices", &json!({ "name": device })).status, 200);
            tabs.push(tab);
        }
        assert_eq!(tabs[0].post("/security/devices/only", &json!({"only": true})).status, 200);
        let devices = || {
            broker.asks().get(&format!("/v1/customers/{customer}/devices")).unwrap().json()["devices"].clone()
        };
        let ids = [0, 1].map(|place| devices()[place]["id"].clone());
        let removed = at_once(2, |place| {
            tabs[place].tab().post("/security/devices/remove", &json!({"id": ids[place]})).status
        });
        assert_eq!((count(&removed, 200), count(&removed, 409)), (1, 1), "{customer}: {removed:?}");
        assert_eq!(devices().as_array().unwrap().len(), 1);
    }
}

#[test]
fn one_confirmation_makes_one_change_however_often_it_comes_at_once() {
    let broker = Broker::start("cooling_hours = 0");
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    let mut browser = broker.browser("C1");
    let proof = confirm(&mut browser, &mut passkey, &json!({"act": "recovery"}));
    let made = at_once(8, |_| browser.tab().post("/security/recovery", &json!({ "proof": proof })).status);
    assert_eq!((count(&made, 200), count(&made, 409)), (1, 7), "{made:?}");
    let id = broker.authenticators("C1")["authenticators"]
        .as_array()
        .unwrap()
        .iter()
        .find(|each| each["method"] == "recovery")
        .unwrap()["id"]
        .clone();
    let proof = confirm(&mut browser, &mut passkey, &json!({"act": "remove", "id": id}));
    let removed =
        at_once(8, |_| browser.tab().post("/security/remove", &json!({"id": id, "proof": proof})).status);
    assert_eq!(count(&removed, 200), 1, "{removed:?}");
    assert_eq!(told(&broker, "C1", "factor.remove"), 1);
}

/// The same request of a broker's page once more, since no answer came.
#[test]
fn a_registration_that_is_sent_again_loses_no_proof() {
    let broker = Broker::start("cooling_hours = 0");
    let mut passkey = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut passkey).status, 201);
    let post = |path: &str, body: &Value| {
        broker.asks().post(&format!("/v1/customers/C1/{path}"), &body.to_string()).unwrap()
    };
    let meant =
        json!({"customer": "C1", "kind": "device.register", "device": {"device": "phone", "name": "phone"}});
    let device =
        json!({"device": "phone", "name": "phone", "challenge": broker.proven(&meant, &mut passkey)});
    let registered = at_once(8, |_| post("devices", &device));
    let first = registered[0].json();
    for each in &registered {
        assert!([200, 201].contains(&each.status) && each.json()["id"] == first["id"], "{registered:?}");
    }
    assert_eq!(told(&broker, "C1", "device.register"), 1, "it happened once");
    // Taken back since, it is registered by no proof that was used.
    let taken = json!({"time": days_ago(0), "outcome": "succeeded", "client": {"device": "phone"}});
    let taken = event("taken", "device.remove", "C1", &taken);
    assert_eq!(broker.asks().post("/v1/events", &taken).unwrap().json()["accepted"], 1);
    let again = post("devices", &device);
    assert_eq!((again.status, again.body.contains("used for this before")), (409, true), "{again:?}");

    // A passkey: begun twice by one proof, and ended as often as anybody likes, it is one.
    let meant = json!({"customer": "C1", "kind": "factor.enroll", "authenticator": {"factor": "passkey", "name": "key"}});
    let challenge = broker.proven(&meant, &mut passkey);
    let begin = || post("passkeys", &json!({"challenge": challenge, "name": "key"}));
    let begun: Vec<Answer> = at_once(2, |_| begin());
    assert!(begun.iter().all(|begun| begun.status == 202), "{begun:?}");
    let other = json!({"challenge": challenge, "name": "other"});
    assert!(post("passkeys", &other).body.contains("another action"), "for the same alone");
    let ends: Vec<Value> = (0_u32..)
        .zip(&begun)
        .map(|(number, begun)| {
            let begun = begun.json();
            json!({"token": begun["token"], "credential": broker.passkey(number + 2).create(&begun["options"])})
        })
        .collect();
    let ended = at_once(2, |place| post("passkeys", &ends[place]));
    let statuses: Vec<u16> = ended.iter().map(|answer| answer.status).collect();
    assert_eq!((count(&statuses, 201), count(&statuses, 409)), (1, 1), "one proof, one passkey: {ended:?}");
    let place = statuses.iter().position(|status| *status == 201).unwrap();
    for _ in 0..2 {
        let again = post("passkeys", &ends[place]);
        assert_eq!((again.status, again.json()), (200, ended[place].json()), "{again:?}");
    }
    assert_eq!(told(&broker, "C1", "factor.enroll"), 2, "the first one, and this");
    let late = begin();
    assert_eq!((late.status, &late.json()["reason"]), (409, &json!("redeemed")), "{late:?}");

    // What the broker redeemed for something of its own is no proof here.
    let challenge = broker.proven(&meant, &mut passkey);
    assert_eq!(broker.redeem(&challenge, &meant).status, 200);
    let refused = post("passkeys", &json!({"challenge": challenge, "name": "key"}));
    assert_eq!((refused.status, &refused.json()["reason"]), (409, &json!("redeemed")), "{refused:?}");
}

/// What is refused for another reason costs no proof, either.
#[test]
fn a_registration_that_was_refused_is_made_by_the_same_proof() {
    let broker = Broker::start("cooling_hours = 0");
    let mut browser = broker.browser_of(&json!({
        "customer": "C1", "page": "security", "client": {"ip": "203.0.113.7", "device": "phone"},
    }));
    for days in [40, 20] {
        let login = json!({
            "time": days_ago(days), "outcome": "succeeded", "client": {"ip": "203.0.113.7", "device": "phone"},
        });
        let login = event(&format!("l-{days}"), "login", "C1", &login);
        assert_eq!(broker.asks().post("/v1/events", &login).unwrap().status, 200);
    }
    assert_eq!(browser.post("/security/devices", &json!({"name": "phone"})).status, 200);
    assert_eq!(browser.post("/security/devices/only", &json!({"only": true})).status, 200);
    let app = browser.enrol_app();
    let meant = json!({"customer": "C1", "kind": "device.register", "device": {"device": "tablet", "name": "tablet"}});
    let made = broker.asks().post("/v1/challenges", &meant.to_string()).unwrap().json();
    let id = made["id"].as_str().unwrap();
    let answer = json!({"customer": "C1", "method": "totp", "code": app.code(0)}).to_string();
    assert_eq!(broker.asks().post(&format!("/v1/challenges/{id}/answer"), &answer).unwrap().status, 200);
    let register = |device: &str| {
        let body = json!({
            "device": "tablet", "name": "tablet", "challenge": id, "client": {"ip": "203.0.113.7", "device": device},
        });
        broker.asks().post("/v1/customers/C1/devices", &body.to_string()).unwrap()
    };
    let refused = register("tablet");
    assert_eq!((refused.status, &refused.json()["reason"]), (409, &json!("other_device")), "{refused:?}");
    assert_eq!(register("phone").status, 201, "from one that is let in");
}

/// What a passkey confirmed before it was removed is confirmed no more.
#[test]
fn a_passkey_that_is_gone_confirms_nothing() {
    let broker = Broker::start("cooling_hours = 0");
    let mut first = broker.passkey(1);
    assert_eq!(broker.enrol("C1", &mut first).status, 201);
    let id = broker.authenticators("C1")["authenticators"][0]["id"].clone();
    let meant = json!({"customer": "C1", "kind": "factor.enroll", "authenticator": {"factor": "passkey", "name": "key"}});
    let challenge = broker.proven(&meant, &mut first);
    let post = |body: &Value| broker.asks().post("/v1/customers/C1/passkeys", &body.to_string()).unwrap();
    let begun = post(&json!({"challenge": challenge, "name": "key"})).json();
    let mut second = broker.passkey(2);
    let credential = second.create(&begun["options"]);
    assert_eq!(post(&json!({"token": begun["token"], "credential": credential})).status, 201);

    let mut browser = broker.browser("C1");
    let proof = confirm(&mut browser, &mut first, &json!({"act": "recovery"}));
    let removal = confirm(&mut browser, &mut second, &json!({"act": "remove", "id": id}));
    let removed = browser.post("/security/remove", &json!({"id": id, "proof": removal}));
    assert_eq!(removed.status, 200, "{removed:?}");
    let refused = browser.post("/security/recovery", &json!({ "proof": proof }));
    assert_eq!(refused.status, 409, "{refused:?}");
    let proof = confirm(&mut browser, &mut second, &json!({"act": "recovery"}));
    assert_eq!(browser.post("/security/recovery", &json!({ "proof": proof })).status, 200);
}

/// A customer is told what was reported in their name, though whoever sent it went away at once.
#[test]
fn what_was_begun_is_told_though_nobody_waits() {
    let gateway = Gateway::start();
    let broker = codes::broker(&gateway, "cooling_hours = 0");
    for (count, path) in ["/v1/events", "/v1/decide"].into_iter().enumerate() {
        let customer = format!("H{count}");
        codes::tell_contacts(&broker, &customer, "en", &[("email", "someone@example.com")]);
        let report = json!({"outcome": "succeeded", "time": days_ago(0)});
        let report = event(&format!("r-{count}"), "customer.report", &customer, &report);
        let mut stream = TcpStream::connect(&broker.server.address).unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{report}",
            broker.key,
            report.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        // It is taken, and whoever sent it goes without having read the answer.
        while told(&broker, &customer, "customer.report") == 0 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        drop(stream);
        let came = gateway.until(count + 1);
        assert!(came.text().contains("The account was locked"), "{}", came.text());
    }
}
