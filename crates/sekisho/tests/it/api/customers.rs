//! What is known of a customer: the ledger, and a profile that is sealed at rest and masked when shown.

use super::{Api, event, good, refused, take_over};

const PROFILE: &str = r#"{"holder":"ヤマダ タロウ","language":"ja","opened":"2019-04-01T00:00:00+09:00",
    "contacts":[{"type":"email","value":"taro.yamada@example.jp"},{"type":"phone","value":"090-1234-5678"}]}"#;

#[test]
fn the_ledger_of_a_customer() {
    let api = Api::start();
    take_over(&api, "C1");
    let known = good(api.of("reader").get("/v1/customers/C1"));
    // The stranger's address is the one seen last; what came from it is there, and not the customer's own.
    let addresses = known["addresses"].as_array().unwrap();
    assert_eq!((&addresses[0]["ip"], &addresses[0]["established"]), (&"203.0.113.9".into(), &false.into()));
    let home = &addresses[1];
    assert_eq!(
        (&home["ip"], &home["logins"], &home["days"]),
        (&"198.51.100.7".into(), &28.into(), &28.into())
    );
    assert_eq!(home["established"], true);
    let devices = known["devices"].as_array().unwrap();
    assert!(devices.iter().any(|device| device["device"] == "d-C1"), "{known}");
    let changes: Vec<_> = known["changes"].as_array().unwrap().iter().map(|change| &change["what"]).collect();
    assert_eq!(changes, ["password", "bank_account", "bank_account_by_stranger"]);
    assert_eq!(known["changes"][0]["own"], false);
    assert_eq!(known["holds"][0]["id"], "C1-held");
    let newest = &known["events"][0];
    assert_eq!((&newest["id"], &newest["decision"]["decision"]), (&"C1-held".into(), &"hold".into()));
    assert_eq!(known["events"].as_array().unwrap().len(), 20);
    refused(api.of("reader").get("/v1/customers/nobody"), 404);
}

#[test]
fn a_profile_is_sealed_masked_and_survives() {
    let api = Api::start();
    let mut admin = api.of("admin");
    let kept = good(admin.put("/v1/customers/C1", PROFILE));
    assert_eq!(kept["changed"], true);
    assert_eq!(
        good(admin.put("/v1/customers/C1", PROFILE))["changed"],
        false,
        "the same is not written again"
    );
    let shown = |api: &Api| good(api.of("reader").get("/v1/customers/C1"))["profile"].clone();
    let masked = shown(&api);
    assert_eq!(masked["holder"], "ヤ••••••");
    assert_eq!(masked["contacts"][0]["value"], "t••••••••••@example.jp");
    assert_eq!(masked["contacts"][1]["value"], "•••••••••••78");
    assert_eq!(masked["opened"], "2019-03-31T15:00:00.000000Z");
    for (body, status, said) in [
        ("{\"holdr\":\"x\"}", 422, "holdr"),
        ("{\"contacts\":[{\"type\":\"fax\",\"value\":\"1\"}]}", 422, "contacts[0].type"),
        ("{\"opened\":\"yesterday\"}", 422, "opened"),
        ("{\"opened\":\"2999-01-01T00:00:00Z\"}", 422, "ahead"),
        ("{\"holder\":\"山田 太郎\"}", 422, "in kana"),
        ("[]", 422, "expected an object"),
        ("[\"ヤマダ\"]", 422, "expected an object"),
        ("{\"contacts\":[[\"email\",\"a@b\"]]}", 422, "contacts[0]"),
        ("[", 400, "JSON"),
        (&"x".repeat(20_000), 413, "16384"),
    ] {
        // What was too large may have closed the connection.
        let problem = refused(api.of("admin").put("/v1/customers/C1", body), status);
        assert!(problem.to_string().contains(said), "{said}: {problem}");
    }
    let many = format!("{{\"contacts\":[{}]}}", ["{\"type\":\"email\",\"value\":\"a@b\"}"; 17].join(","));
    assert_eq!(refused(admin.put("/v1/customers/C1", &many), 422)["field"], "contacts");

    let api = api.killed();
    assert_eq!(shown(&api), masked);
    let api = api.restarted(&[]);
    assert_eq!(shown(&api), masked);
    let replaced = good(api.of("admin").put("/v1/customers/C1", "{\"language\":\"en\"}"));
    assert!(replaced["profile"].get("holder").is_none(), "{replaced}");
    // Nothing of it stands in clear in any file.
    let data = api.place.path("data");
    assert_eq!(api.server.stop(), Some(0));
    for file in std::fs::read_dir(data).unwrap() {
        let path = file.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for secret in ["taro.yamada", "090-1234", "ヤマダ"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {}", path.display());
        }
    }
}

/// What the bank said of the account is told once, and weighs on withdrawals that do not name it, also after a crash.
#[test]
fn a_bank_account_that_the_bank_did_not_confirm() {
    let api = Api::start();
    let told = |id: &str, word: &str| {
        let change = event(id, "bank_account.change", "C1", "198.51.100.7");
        let account = format!(
            r#""bank_account":{{"bank":"0001","branch":"001","number":"1234567","verification":"{word}"}}}}"#
        );
        format!("{},{account}", change.strip_suffix('}').unwrap())
    };
    let mut sender = api.of("sender");
    let wrong = refused(sender.post("/v1/decide", &told("w", "perhaps")), 422);
    assert_eq!(wrong["field"], "bank_account.verification", "{wrong}");
    good(sender.post("/v1/events", &told("c", "failed")));
    let api = api.killed();
    let withdrawal = |id: &str| event(id, "withdrawal", "C1", "198.51.100.7");
    let held = good(api.of("sender").post("/v1/decide", &withdrawal("w-1")));
    assert_eq!(held["decision"], "hold", "{held}");
    assert_eq!(held["reasons"][0]["rule"], "account_check_failed", "{held}");
    good(api.of("sender").post("/v1/events", &told("d", "confirmed")));
    let asked = good(api.of("sender").post("/v1/decide", &withdrawal("w-2")));
    assert!(!asked.to_string().contains("account_check_failed"), "{asked}");
}
