//! Holds: listed, settled once, by whom and why.

use super::{Api, event, good, refused, take_over};

#[test]
fn a_hold_is_settled_once_and_stays_so() {
    let api = Api::start();
    for customer in ["C1", "C2", "C3"] {
        take_over(&api, customer);
    }
    let open = |api: &Api, query: &str| -> Vec<String> {
        let page = good(api.of("reader").get(&format!("/v1/holds{query}")));
        assert_eq!(page["complete"], true, "{page}");
        let holds = page["holds"].as_array().unwrap().iter();
        holds.map(|hold| hold["event"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(open(&api, ""), ["C3-held", "C2-held", "C1-held"]);
    assert_eq!(open(&api, "?customer=C2"), ["C2-held"]);
    let page = good(api.of("reader").get("/v1/holds?limit=2"));
    assert!(page["holds"][0].get("campaign").is_none(), "no campaign: {page}");
    assert_eq!(open(&api, &format!("?before={}", page["next"])), ["C1-held"]);

    let mut operator = api.of("operator");
    let first = good(operator.post("/v1/holds/C1-held/release", "{\"reason\":\"電話で確認\"}"));
    assert_eq!((&first["state"], &first["again"]), (&"released".into(), &false.into()));
    let again = good(operator.post("/v1/holds/C1-held/release", ""));
    assert_eq!((&again["seq"], &again["again"]), (&first["seq"], &true.into()));
    let conflict = refused(operator.post("/v1/holds/C1-held/refuse", "{}"), 409);
    assert!(conflict["detail"].as_str().unwrap().contains("stays so"), "{conflict}");
    assert_eq!(good(operator.post("/v1/holds/C2-held/refuse", "{}"))["state"], "refused");
    refused(operator.post("/v1/holds/nothing/release", "{}"), 404);
    refused(operator.post("/v1/holds/C3-held/release", "{\"why\":1}"), 422);
    good(api.of("sender").post("/v1/decide", &event("calm", "login", "C9", "192.0.2.7")));
    for (id, said) in [("calm", "decision was"), ("C1-p", "as a fact")] {
        let problem = refused(operator.post(&format!("/v1/holds/{id}/release"), "{}"), 409);
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
    }

    let api = api.killed();
    let told = |id: &str| good(api.of("reader").get(&format!("/v1/decisions/{id}")))["hold"].clone();
    let released = told("C1-held");
    assert_eq!((&released["state"], &released["by"]), (&"released".into(), &"operator".into()));
    assert_eq!(released["reason"], "電話で確認");
    assert_eq!(told("C2-held")["state"], "refused");
    assert_eq!(told("C3-held")["state"], "open");
    assert_eq!(open(&api, ""), ["C3-held"]);
    assert_eq!(open(&api, "?customer=C1"), [""; 0]);
    assert_eq!(good(api.of("operator").post("/v1/holds/C1-held/release", "{}"))["again"], true);
}

/// Whoever was told `hold` learns what became of it, and not who settled it.
#[test]
fn who_asked_follows_what_becomes_of_a_hold() {
    let api = Api::start();
    take_over(&api, "C7");
    let options = sekisho_client::Options::new(&format!("http://{}", api.server.address), &api.keys[0]);
    let client = sekisho_client::Client::new(options);
    let id = "C7-held".parse().unwrap();
    assert_eq!(client.hold(&id).unwrap().state, sekisho_client::HoldState::Open);
    let (mut sender, mut operator) = (api.of("sender"), api.of("operator"));
    good(operator.post("/v1/holds/C7-held/release", "{\"reason\":\"called back\"}"));
    assert_eq!(client.hold(&id).unwrap().state, sekisho_client::HoldState::Released);
    let told = good(sender.get("/v1/holds/C7-held"));
    assert!(told.get("by").is_none() && told.get("reason").is_none() && told["at"].is_string(), "{told}");
    let told = good(operator.get("/v1/holds/C7-held"));
    assert_eq!((&told["reason"], told["by"].is_string()), (&"called back".into(), true), "{told}");
    refused(sender.get("/v1/holds/nothing"), 404);
    refused(sender.get("/v1/holds/C7-l-1"), 409);
    let unknown = client.hold(&"no such/event".parse().unwrap()).unwrap_err();
    assert!(matches!(unknown, sekisho_client::ClientError::Refused { status: 404, .. }), "{unknown}");
}
