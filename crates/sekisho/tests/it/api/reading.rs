//! Reading back: decisions, events by subject and page by page, addresses; an index that is lost or damaged.

use super::{Api, event, good, refused, take_over};
use crate::serve::YESTERDAY;

#[test]
fn decisions_are_told_as_they_were_given() {
    let api = Api::start();
    let (mut sender, mut reader) = (api.of("sender"), api.of("reader"));
    let event = event("w/1 ü", "withdrawal", "C1", "192.0.2.7")
        .replace("\"outcome\"", "\"amount\":{\"minor\":500,\"currency\":\"JPY\"},\"outcome\"")
        .replace(
            "\"outcome\"",
            "\"bank_account\":{\"bank\":\"0001\",\"branch\":\"001\",\"number\":\"1234567\"},\"outcome\"",
        );
    let mut given = good(sender.post("/v1/decide", &event));
    // What may change stands elsewhere.
    let challenge = given.as_object_mut().unwrap().remove("challenge").unwrap();
    let stands = good(sender.get(&format!("/v1/challenges/{}", challenge["id"].as_str().unwrap())));
    assert_eq!((&stands["id"], &stands["page"]), (&challenge["id"], &challenge["page"]));
    assert_eq!((&stands["status"], &stands["methods"]), (&"open".into(), &serde_json::json!([])));
    let told = good(reader.get("/v1/decisions/w%2F1%20%C3%BC"));
    assert_eq!(told["decision"], given);
    let event = &told["event"];
    assert_eq!((&event["kind"], &event["customer"]), (&"withdrawal".into(), &"C1".into()));
    assert_eq!((&event["time"], &event["seq"]), (&YESTERDAY.as_str().into(), &given["seq"]));
    assert_eq!((&event["client"]["ip"], &event["client"]["device"]), (&"192.0.2.7".into(), &"d-C1".into()));
    assert_eq!(event["amount"]["minor"], 500);
    assert!(event.get("decision").is_none() && told.get("hold").is_none(), "{told}");
    refused(reader.get("/v1/decisions/nothing"), 404);
    refused(reader.get(&format!("/v1/decisions/{}", "x".repeat(129))), 400);
    refused(reader.get("/v1/decisions/%FF"), 400);
    sender.post("/v1/events", &super::event("f-1", "login", "C1", "192.0.2.7")).unwrap();
    let fact = refused(reader.get("/v1/decisions/f-1"), 404);
    assert!(fact["detail"].as_str().unwrap().contains("as a fact"), "{fact}");

    let api = api.killed();
    assert_eq!(good(api.of("reader").get("/v1/decisions/w%2F1%20%C3%BC"))["decision"], given);
}

/// Identifiers of the events at a path, following `next` to the end.
fn pages(api: &Api, query: &str) -> Vec<String> {
    let (mut ids, mut before) = (Vec::new(), String::new());
    loop {
        let page = good(api.of("reader").get(&format!("/v1/events?limit=2&{query}{before}")));
        assert_eq!(page["complete"], true, "{page}");
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= 2);
        ids.extend(events.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
        let Some(next) = page.get("next") else { return ids };
        before = format!("&before={next}");
    }
}

#[test]
fn events_are_found_by_their_subject_the_newest_first() {
    let api = Api::start();
    let lines: Vec<String> = (1..=5)
        .flat_map(|number| {
            [
                event(&format!("a-{number}"), "login", "C1", "192.0.2.7"),
                event(&format!("b-{number}"), "login", "C2", "2001:db8::7"),
            ]
        })
        .collect();
    assert_eq!(good(api.of("sender").post("/v1/events", &lines.join("\n")))["accepted"], 10);
    let newest = |letters: &[&str]| -> Vec<String> {
        let numbers = (1..=5).rev();
        numbers.flat_map(|number| letters.iter().map(move |letter| format!("{letter}-{number}"))).collect()
    };
    let check = |api: &Api| {
        assert_eq!(pages(api, "customer=C1"), newest(&["a"]));
        assert_eq!(pages(api, "ip=2001:db8:0::7"), newest(&["b"]));
        assert_eq!(pages(api, "ip=::ffff:192.0.2.7"), newest(&["a"]));
        assert_eq!(pages(api, "device=d-C2"), newest(&["b"]));
        assert_eq!(pages(api, "customer=nobody"), [""; 0]);
        assert_eq!(pages(api, ""), newest(&["b", "a"]));
    };
    check(&api);
    let mut reader = api.of("reader");
    for (query, said) in [
        ("customer=C1&ip=192.0.2.7", "one of"),
        ("costumer=C1", "costumer"),
        ("ip=192.0.2.7%2F24", "IPv4 or IPv6"),
        ("limit=0", "1 to 200"),
        ("limit=201", "1 to 200"),
        ("before=-1", "before"),
        ("customer=", "1 to 64"),
    ] {
        let problem = refused(reader.get(&format!("/v1/events?{query}")), 400);
        // In words, or by its field.
        assert!(problem.to_string().contains(said), "{query}: {problem}");
    }
    let api = api.killed();
    check(&api);
    // Lost, damaged, or of another journal: it is made anew.
    let index = api.place.path("data/index.db");
    let api = {
        let api = api.restarted(&[]);
        std::fs::remove_file(&index).unwrap();
        api.killed()
    };
    check(&api);
    let Api { place, server, keys } = api;
    server.stop();
    std::fs::write(&index, b"not an index").unwrap();
    let api = Api { server: crate::serve::Server::start(&place, &[]), place, keys };
    check(&api);
    assert!(api.server.told().contains("index.renewed"), "{}", api.server.told());
}

#[test]
fn an_address_is_told_with_what_is_known_of_it() {
    let api = Api::start();
    take_over(&api, "C1");
    let mut reader = api.of("reader");
    let home = good(reader.get("/v1/ips/198.51.100.7"));
    assert_eq!(
        (&home["customers"], &home["logins"], &home["shared"]),
        (&1.into(), &28.into(), &false.into())
    );
    assert_eq!(home["network"], "198.51.100.0/24");
    assert!(home["first"].is_string() && home["attempts"]["all"].is_number(), "{home}");
    let unknown = good(reader.get("/v1/ips/2001:db8::1"));
    assert_eq!((&unknown["network"], &unknown["logins"]), (&"2001:db8::/64".into(), &0.into()));
    assert!(unknown.get("first").is_none(), "{unknown}");
    refused(reader.get("/v1/ips/192.0.2.300"), 400);
}

/// Places are 1 to 2^63 − 1, a batch holds something, and where the schema says that a body may be absent it may.
#[test]
fn what_is_asked_is_what_the_schema_says() {
    let api = Api::start();
    for path in ["/v1/events", "/v1/holds", "/v1/audit"] {
        let mut admin = api.of("admin");
        for before in ["0", "9223372036854775808", "18446744073709551615"] {
            let problem = refused(admin.get(&format!("{path}?before={before}")), 400);
            assert!(problem["detail"].as_str().unwrap().contains("allowed: 1 to 9223372036854775807"));
        }
        good(admin.get(&format!("{path}?before=9223372036854775807")));
    }
    for body in ["", " \n"] {
        refused(api.of("sender").post("/v1/events", body), 400);
    }
    assert_eq!(good(api.of("sender").post("/v1/events", "[]"))["accepted"], 0);
    let schema = good(api.of("reader").get("/openapi.json"));
    let body = |path: &str| &schema["paths"][path]["post"]["requestBody"];
    assert_eq!(body("/v1/events")["required"], true);
    for path in ["/v1/policies/{version}/backtest", "/v1/holds/{id}/release", "/v1/holds/{id}/refuse"] {
        assert_ne!(body(path)["required"], true, "{path}: {}", body(path));
    }
    for body in ["", "null", "{}"] {
        good(api.of("operator").post("/v1/policies/1/backtest", body));
    }
}
