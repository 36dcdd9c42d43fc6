//! What is sent is what it is meant to be, or refused with the field and what is allowed.

use super::{Api, event, good, refused, take_over};

/// Serde takes an array for an object, its elements for the fields: nothing here may.
#[test]
fn an_array_is_no_object() {
    let api = Api::start();
    let mut admin = api.of("admin");
    let profile = r#"{"holder":"ヤマダ タロウ"}"#;
    good(admin.put("/v1/customers/C1", profile));
    for (method, path, body) in [
        ("PUT", "/v1/customers/C1", "[]"),
        ("PUT", "/v1/customers/C1", "[\"ヤマダ\", [], null, null]"),
        ("POST", "/v1/customers/C1/unmask", "[\"why\"]"),
        ("PUT", "/v1/lists/reported", "[\"tor\", [\"192.0.2.1\"]]"),
        ("POST", "/v1/policies", "[\"\", \"validate\"]"),
        ("POST", "/v1/policies/1/backtest", "[]"),
        ("POST", "/v1/sweeps", "[]"),
        ("POST", "/v1/decide", r#"["1","2026-01-05T10:00:00+09:00","login","C1","web",{},"failed"]"#),
    ] {
        let problem = refused(admin.send(method, path, &[], body), 422);
        assert!(problem["detail"].as_str().unwrap().contains("expected an object"), "{path}: {problem}");
    }
    let problem = refused(admin.put("/v1/customers/C1", "{\"contacts\":[[\"email\",\"a@b\"]]}"), 422);
    assert_eq!(problem["field"], "contacts[0]");
    assert_eq!(good(admin.put("/v1/customers/C1", profile))["changed"], false, "nothing was wiped");

    let array =
        event("1", "login", "C1", "192.0.2.7").replace(r#"{"ip""#, r#"[{"ip""#).replace("\"},", "\"}],");
    for batch in ["[[]]".to_owned(), "[[\"1\",\"2026-01-05T10:00:00+09:00\",\"login\"]]".to_owned(), array] {
        let result = good(api.of("sender").post("/v1/events", &batch));
        assert_eq!(result["accepted"], 0, "{batch}: {result}");
        let detail = result["rejected"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("an array, expected an object"), "{batch}: {result}");
    }
}

/// A value of a wrong type may be an account number, so it is not shown.
#[test]
fn what_stands_where_something_else_belongs_is_not_repeated() {
    let api = Api::start();
    let mut sender = api.of("sender");
    let withdrawal = event("1", "withdrawal", "C1", "192.0.2.7");
    let account = r#"{"bank":"0001","branch":"001","number":"1234567"}"#;
    for (came, field) in [
        (account.replace("\"1234567\"", "1234567"), "bank_account.number"),
        (account.replace("\"1234567\"", "1234567.5"), "bank_account.number"),
        (account.replace("\"1234567\"", "-1234567"), "bank_account.number"),
        ("\"0001-001-1234567\"".to_owned(), "bank_account"),
    ] {
        let body = withdrawal.replace("\"outcome\"", &format!("\"bank_account\":{came},\"outcome\""));
        for (path, status) in [("/v1/decide", 422), ("/v1/events", 200)] {
            let answer = sender.post(path, &body).unwrap();
            assert_eq!(answer.status, status, "{answer:?}");
            assert!(answer.body.contains(field) && !answer.body.contains("234567"), "{answer:?}");
        }
    }
}

#[test]
fn a_body_that_breaks_off_is_not_too_large() {
    use std::io::{Read as _, Write as _};
    let api = Api::start();
    let mut stream = std::net::TcpStream::connect(&api.server.address).unwrap();
    let key = &api.keys[0];
    write!(stream, "POST /v1/decide HTTP/1.1\r\nHost: localhost\r\nAuthorization: bearer {key}\r\n").unwrap();
    write!(stream, "Content-Length: 500\r\n\r\n{{\"id\":").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("did not come whole"), "{answer}");
}

#[test]
fn what_is_no_json_is_400_and_what_is_wrong_in_it_is_422() {
    let api = Api::start();
    let mut sender = api.of("sender");
    for body in ["", "{", "not json", "{} {}", "{\"id\":"] {
        let problem = refused(sender.post("/v1/decide", body), 400);
        assert_eq!(problem["type"], "urn:sekisho:problem:unreadable-body", "{body}: {problem}");
        assert!(problem.get("field").is_none(), "{problem}");
    }
    let order = event("1", "order", "C1", "192.0.2.7")
        .replace("\"outcome\"", r#""order":{"symbol":"7203","side":"buy","quantity":-1},"outcome""#);
    let problem = refused(sender.post("/v1/decide", &order), 422);
    assert_eq!(problem["field"], "order.quantity");
    assert!(problem["detail"].as_str().unwrap().contains("expected a whole number from 0"), "{problem}");
    let amount =
        order.replace("\"order\":{", "\"amount\":{\"minor\":\"5\",\"currency\":\"JPY\"},\"order\":{");
    let problem = refused(sender.post("/v1/decide", &amount), 422);
    assert_eq!(problem["field"], "amount.minor");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("expected a whole number") && !detail.contains("i64"), "{problem}");
}

/// JSON can write numbers that no computer keeps: they are wrong where they stand, and the body is still JSON.
#[test]
fn numbers_beyond_all_bounds_are_named_with_what_is_allowed() {
    let api = Api::start();
    let mut sender = api.of("sender");
    let order = event("1", "order", "C1", "192.0.2.7");
    let with = |more: &str| order.replace("\"outcome\"", &format!("{more},\"outcome\""));
    for (more, field, allowed) in [
        ("\"amount\":1e999", "amount", "too large to be read, expected an object"),
        (
            "\"amount\":{\"minor\":1e999,\"currency\":\"JPY\"}",
            "amount.minor",
            "expected a whole number of at most 9223372036854775807",
        ),
        (
            "\"amount\":{\"minor\":9223372036854775808,\"currency\":\"JPY\"}",
            "amount.minor",
            "expected a whole number of at most 9223372036854775807",
        ),
        (
            "\"amount\":{\"minor\":-5,\"currency\":\"JPY\"}",
            "amount.minor",
            "came -5, a negative amount; allowed: zero or more minor units",
        ),
        (
            "\"order\":{\"symbol\":\"7203\",\"side\":\"buy\",\"quantity\":1e400}",
            "order.quantity",
            "expected a whole number from 0 to 18446744073709551615",
        ),
        ("\"balance_share\":-1e999", "balance_share", "expected a number from 0 to 1"),
        ("\"factor\":1e999", "factor", "expected something else than a number"),
    ] {
        let body = with(more);
        let problem = refused(sender.post("/v1/decide", &body), 422);
        assert_eq!(problem["field"], field, "{more}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(allowed), "{more}: {problem}");
        let rejected = good(sender.post("/v1/events", &body))["rejected"][0].clone();
        assert_eq!((&rejected["field"], &rejected["detail"]), (&problem["field"], &problem["detail"]));
    }
    let sweep = r#"{"kinds":["withdrawal"],"since":1e999}"#;
    assert_eq!(refused(api.of("admin").post("/v1/sweeps", sweep), 422)["field"], "since");
    let policy = r#"{"policy":"","mode":7}"#;
    let problem = refused(api.of("admin").post("/v1/policies", policy), 422);
    assert_eq!(problem["field"], "mode", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("expected one of `"), "{problem}");
}

#[test]
fn parameters_are_named_where_they_are_wrong() {
    let api = Api::start();
    let mut reader = api.of("reader");
    for (path, field) in [
        ("/v1/campaigns?before=4294967296", "before"),
        ("/v1/campaigns?before=0", "before"),
        ("/v1/campaigns?limit=abc", "limit"),
        ("/v1/campaigns?limit=0", "limit"),
        ("/v1/campaigns/1?limit=0", "limit"),
        ("/v1/campaigns/1?customers=all", "customers"),
        ("/v1/holds?before=9223372036854775808", "before"),
        ("/v1/holds?customer=", "customer"),
        ("/v1/audit?limit=201", "limit"),
        ("/v1/findings?after=x", "after"),
        ("/v1/events?colour=red", "colour"),
        ("/v1/events?customer=%ff", "customer"),
        ("/v1/holds?limit=5&customer=C%E3%81", "customer"),
        ("/v1/events?customer=100%", "customer"),
        ("/v1/campaigns?limit=%zz", "limit"),
    ] {
        let key = if path.starts_with("/v1/audit") { "admin" } else { "reader" };
        let problem = refused(api.of(key).get(path), 400);
        assert_eq!(problem["field"], field, "{path}: {problem}");
    }
    for (path, said) in [("/v1/events?%ff=C1", "not UTF-8"), ("/v1/customers/%ff", "UTF-8")] {
        let problem = refused(reader.get(path), 400);
        assert!(problem["detail"].as_str().unwrap().contains(said), "{path}: {problem}");
    }
    let told = crate::proof::event("utf-8", "login", "関所 1", &serde_json::json!({"outcome": "succeeded"}));
    good(api.of("sender").post("/v1/events", &told));
    let found = good(reader.get("/v1/events?customer=%E9%96%A2%E6%89%80+1&limit=5"));
    assert_eq!(found["events"][0]["id"], "utf-8", "what is UTF-8 is taken: {found}");
    let problem = refused(reader.put("/v1/lists/x", "{}"), 403);
    assert!(problem["detail"].as_str().unwrap().ends_with("allowed: admin"), "{problem}");
    let problem = refused(reader.post("/v1/decide", "{}"), 403);
    assert!(problem["detail"].as_str().unwrap().ends_with("allowed: sender, admin"), "{problem}");
}

/// Who looks at a held order, or at a login that names nobody, sees what came.
#[test]
fn what_was_kept_of_an_event_is_told() {
    let api = Api::start();
    let mut sender = api.of("sender");
    let order = r#""order":{"symbol":"7203","side":"sell","quantity":100,"notional":{"minor":250000,"currency":"JPY"},"holdings_share":0.5}"#;
    let sent =
        event("o-1", "order", "C1", "192.0.2.7").replace("\"outcome\"", &format!("{order},\"outcome\""));
    let decision = good(sender.post("/v1/decide", &sent));
    let nobody = event("l-1", "login", "C1", "192.0.2.7")
        .replace("\"customer\":\"C1\"", "\"username_hash\":\"a1b2\"")
        .replace("succeeded", "failed");
    assert_eq!(good(sender.post("/v1/events", &nobody))["accepted"], 1);
    let memo = r#""payment":{"memo":"至急お願いします"}"#;
    let payment = event("p-1", "payment.instruction", "C1", "192.0.2.7")
        .replace("\"outcome\"", &format!("{memo},\"outcome\""));
    good(sender.post("/v1/decide", &payment));

    let mut reader = api.of("reader");
    let told = |reader: &mut crate::http::Connection, id: &str| {
        good(reader.get(&format!("/v1/decisions/{id}")))["event"].clone()
    };
    let of_order = told(&mut reader, "o-1");
    assert_eq!((&of_order["order"]["symbol"], &of_order["order"]["quantity"]), (&"7203".into(), &100.into()));
    assert_eq!(of_order["order"]["holdings_share"], 0.5);
    let signs = &told(&mut reader, "p-1")["payment"];
    assert_eq!((&signs["urgency"], &signs["secrecy"]), (&true.into(), &false.into()), "{signs}");
    let events = good(reader.get("/v1/events"));
    let login = events["events"].as_array().unwrap().iter().find(|event| event["id"] == "l-1").unwrap();
    assert_eq!(login["username_hash"], "a1b2", "{login}");
    assert!(decision["decision"].is_string());
}

/// The signal of a reason is the first one that its rule's condition names, and absent where it names none.
#[test]
fn reasons_name_the_signal_that_their_rule_asks_for_first() {
    let api = Api::start();
    take_over(&api, "C1");
    let robot = event("b-1", "login", "C1", "192.0.2.7")
        .replace("d-C1", "d-other")
        .replace("{\"ip\"", "{\"user_agent\":\"curl/8.0\",\"ip\"");
    let decision = good(api.of("sender").post("/v1/decide", &robot));
    let reasons = decision["reasons"].as_array().unwrap();
    let automation = reasons.iter().find(|reason| reason["rule"] == "automation").unwrap();
    assert_eq!(automation["signal"], "ua.automation", "{decision}");
    let change = event("c-1", "bank_account.change", "C1", "192.0.2.7");
    let decision = good(api.of("sender").post("/v1/decide", &change));
    let reasons = decision["reasons"].as_array().unwrap();
    let proof = reasons.iter().find(|reason| reason["rule"] == "change_needs_proof").unwrap();
    assert!(proof.get("signal").is_none(), "{decision}");
}
