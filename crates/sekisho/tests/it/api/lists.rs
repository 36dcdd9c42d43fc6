//! Lists: written as a whole, counting from the next event on, across restarts.

use super::{Api, event, good, refused};

#[test]
fn a_list_counts_from_the_next_event_on_and_survives() {
    let api = Api::start();
    let mut asked = 0;
    let mut place = |api: &Api, ip: &str| {
        asked += 1;
        let id = format!("e-{asked}");
        good(api.of("sender").post("/v1/decide", &event(&id, "login", "C1", ip)));
        good(api.of("reader").get(&format!("/v1/decisions/{id}")))["event"]["place"].clone()
    };
    assert_eq!(place(&api, "203.0.113.7")["lists"].as_array().unwrap().len(), 0);
    let mut admin = api.of("admin");
    let kept = good(admin.put(
        "/v1/lists/reported",
        r#"{"kind":"blocklist","networks":["203.0.113.0/24","2001:db8::/32","192.0.2.1"]}"#,
    ));
    assert_eq!(kept["entries"], 3);
    good(admin.put("/v1/lists/exits", r#"{"kind":"tor","networks":["203.0.113.7"]}"#));
    let listed = place(&api, "203.0.113.7");
    assert_eq!((&listed["lists"][0], &listed["tor"]), (&"reported".into(), &true.into()));
    let told = good(api.of("reader").get("/v1/lists/reported"));
    assert_eq!((&told["by"], &told["entries"], &told["from"]), (&"admin".into(), &3.into(), &"api".into()));
    assert_eq!(told["networks"][2], "192.0.2.1");
    good(admin.put("/v1/lists/own", r#"{"kind":"allow","networks":["203.0.113.7/32"]}"#));
    let allowed = place(&api, "203.0.113.7");
    assert_eq!(
        (allowed["lists"].as_array().unwrap().len(), &allowed["tor"]),
        (0, &false.into()),
        "{allowed}"
    );
    let ip = good(api.of("reader").get("/v1/ips/203.0.113.7"));
    let kinds: Vec<_> = ip["lists"].as_array().unwrap().iter().map(|list| &list["kind"]).collect();
    assert_eq!(kinds, ["tor", "allow", "blocklist"]);

    let mut api = api.killed();
    for _ in 0..2 {
        assert_eq!(place(&api, "203.0.113.8")["lists"][0], "reported");
        api = api.restarted(&[]);
    }
    let mut admin = api.of("admin");
    good(admin.put("/v1/lists/reported", r#"{"kind":"blocklist","networks":[]}"#));
    assert_eq!(
        place(&api, "203.0.113.8")["lists"].as_array().unwrap().len(),
        0,
        "the whole list was replaced"
    );
    good(admin.delete("/v1/lists/own"));
    assert_eq!(place(&api, "203.0.113.7")["tor"], true);
    refused(admin.delete("/v1/lists/own"), 404);
    let names = good(api.of("reader").get("/v1/lists"));
    let names: Vec<_> = names["lists"].as_array().unwrap().iter().map(|list| list["name"].clone()).collect();
    assert_eq!(names, ["exits", "reported"]);
}

#[test]
fn what_is_no_list_is_refused() {
    let api = Api::start();
    let mut admin = api.of("admin");
    for (body, field, said) in [
        (r#"{"kind":"bad","networks":[]}"#, "kind", "blocklist"),
        (r#"{"kind":"tor","networks":["192.0.2.1","x"]}"#, "networks[1]", "neither an address"),
        (r#"{"kind":"tor"}"#, ".", "networks"),
        (r#"{"kind":"tor","networks":[],"name":"x"}"#, "name", "unknown field"),
        (r#"{"kind":"tor","networks":[],"values":null}"#, "values", "null"),
        (r#"{"kind":"thin_symbols","networks":null,"values":[]}"#, "networks", "null"),
    ] {
        let problem = refused(admin.put("/v1/lists/x", body), 422);
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
    }
    refused(admin.put("/v1/lists/a%20b", "{}"), 400);
    refused(api.of("reader").get("/v1/lists/x"), 404);
    for number in 0..64 {
        good(admin.put(&format!("/v1/lists/l-{number}"), r#"{"kind":"vpn","networks":["192.0.2.1"]}"#));
    }
    refused(admin.put("/v1/lists/one-more", r#"{"kind":"vpn","networks":[]}"#), 409);
    good(admin.put("/v1/lists/l-7", r#"{"kind":"vpn","networks":[]}"#));
}

#[test]
fn symbols_and_domains_have_lists_too() {
    let api = Api::start();
    let mut admin = api.of("admin");
    good(admin.put("/v1/lists/thin", r#"{"kind":"thin_symbols","values":["Z0001"]}"#));
    good(admin.put("/v1/lists/ours", r#"{"kind":"known_domains","values":["Sekisho.co.jp"]}"#));
    let told = good(api.of("reader").get("/v1/lists/thin"));
    assert_eq!((&told["values"][0], &told["entries"]), (&"Z0001".into(), &1.into()), "{told}");
    let payment = r#"{"id":"p-1","time":"TIME","kind":"payment.instruction","outcome":"attempted",
        "bank_account":{"bank":"0001","branch":"001","number":"1234567"},"payment":{"payee_domain":"sekish0.co.jp","memo":"至急"}}"#;
    let template = event("p-1", "login", "C1", "203.0.113.7");
    let template: serde_json::Value = serde_json::from_str(&template).unwrap();
    let payment = payment.replace("TIME", template["time"].as_str().unwrap());
    let decided = good(api.of("sender").post("/v1/decide", &payment));
    assert_eq!(decided["decision"], "hold", "{decided}");
    let reasons = decided["reasons"].to_string();
    for rule in ["payee_looks_like_another", "pressed_to_pay_somebody_new", "new_beneficiary"] {
        assert!(reasons.contains(rule), "{rule}: {reasons}");
    }
    for (body, field) in [
        (r#"{"kind":"thin_symbols","networks":["192.0.2.1"]}"#, "networks"),
        (r#"{"kind":"blocklist","values":["Z0001"]}"#, "values"),
        (r#"{"kind":"known_domains","values":["a.jp","not a domain"]}"#, "values[1]"),
        (r#"{"kind":"nonsense","values":[]}"#, "kind"),
    ] {
        let problem = refused(admin.put("/v1/lists/bad", body), 422);
        assert_eq!(problem["field"], field, "{problem}");
    }
}
