//! Who did what stands in the audit, also when the journal is gone; and personal data in full only for a reason.

use serde_json::{Value, json};

use super::{Api, good, refused, take_over};

fn acts(api: &Api, query: &str) -> (Vec<[String; 4]>, Value) {
    let page = good(api.of("admin").get(&format!("/v1/audit{query}")));
    let told =
        |act: &Value| ["by", "act", "of", "reason"].map(|name| act[name].as_str().unwrap_or("-").to_owned());
    (page["acts"].as_array().unwrap().iter().map(told).collect(), page["next"].clone())
}

fn act(by: &str, act: &str, of: &str, reason: &str) -> [String; 4] {
    [by, act, of, reason].map(str::to_owned)
}

#[test]
fn what_somebody_did_is_told_for_good() {
    let api = Api::start();
    take_over(&api, "C1");
    let profile =
        json!({"holder": "ヤマダ タロウ", "contacts": [{"type": "email", "value": "taro@example.jp"}]});
    good(api.of("admin").put("/v1/customers/C1", &profile.to_string()));
    good(api.of("admin").put("/v1/lists/bad", "{\"kind\":\"blocklist\",\"networks\":[]}"));
    good(api.of("operator").post("/v1/holds/C1-held/release", "{\"reason\":\"電話で確認\"}"));
    let before = acts(&api, "").0;
    let expected = [
        act("operator", "hold.release", "C1-held", "電話で確認"),
        act("admin", "list.put", "bad", "-"),
        act("(file)", "policy.activate", "1", "-"),
    ];
    assert_eq!(before, expected);

    // No profile in full without a reason, and never unseen.
    let unmask =
        |role: &str, of: &str, body: &str| api.of(role).post(&format!("/v1/customers/{of}/unmask"), body);
    for body in ["", "{}", "{\"reason\":\"\"}"] {
        let answer = unmask("operator", "C1", body).unwrap();
        assert!([400, 422].contains(&answer.status), "{answer:?}");
    }
    refused(unmask("reader", "C1", "{\"reason\":\"x\"}"), 403);
    refused(unmask("operator", "C2", "{\"reason\":\"x\"}"), 404);
    assert_eq!(acts(&api, "").0, expected);
    let shown = good(unmask("operator", "C1", "{\"reason\":\"照会 7\"}"));
    assert_eq!(shown["profile"]["contacts"], profile["contacts"]);

    // The same with sweeps, whose results are shown to who asked.
    until_history(&api);
    let sweep = |more: Value| {
        let mut asked = json!({"kinds": ["bank_account.change"], "since": "2026-01-01T00:00:00+09:00"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        api.of("operator").post("/v1/sweeps", &asked.to_string())
    };
    assert_eq!(refused(sweep(json!({"unmask": true})), 422)["field"], "reason");
    let id = good(sweep(json!({"unmask": true, "reason": "事故 3"})))["id"].clone();
    good(api.of("operator").get(&format!("/v1/sweeps/{id}")));
    refused(api.of("admin").get(&format!("/v1/sweeps/{id}")), 403);
    good(api.of("operator").post(&format!("/v1/sweeps/{id}/stop"), ""));
    let expected: Vec<_> = [
        act("operator", "sweep.stop", "1", "-"),
        act("operator", "sweep.start_unmasked", "bank_account.change", "事故 3"),
        act("operator", "profile.unmask", "C1", "照会 7"),
    ]
    .into_iter()
    .chain(expected)
    .collect();
    assert_eq!(acts(&api, "").0, expected);
    refused(api.of("operator").get("/v1/audit"), 403);

    // After a crash, and out of the state alone.
    let api = api.killed();
    assert_eq!(acts(&api, "").0, expected);
    let api = api.restarted(&[]).restarted(&[]);
    assert_eq!(acts(&api, "").0, expected);
    let (page, next) = acts(&api, "?limit=4");
    assert_eq!(page, expected[..4]);
    let (page, next) = acts(&api, &format!("?limit=4&before={next}"));
    assert_eq!((page.as_slice(), next), (&expected[4..], Value::Null));
}

/// Until something was exported: a sweep needs a history.
fn until_history(api: &Api) {
    while !api.place.path("data/history").is_dir() {
        std::thread::yield_now();
    }
}
