//! Sweeps over the server's own history: taken, run, read back, refused.

use serde_json::{Value, json};

use super::{Api, awaited, good, over, refused};
use crate::serve::{Server, days_ago, event};

/// A sweep that is over.
pub(super) fn done(api: &Api, id: &Value) -> Value {
    done_for(api, "reader", id)
}

fn done_for(api: &Api, role: &str, id: &Value) -> Value {
    over(api, role, &format!("/v1/sweeps/{id}"))
}

#[test]
fn history_is_swept_and_findings_are_read_page_by_page() {
    let api = Api::start();
    let kinds = json!({"kinds": ["withdrawal"], "since": "2000-01-01T00:00:00Z", "history": "imported"});
    let kinds = kinds.to_string();
    let none = refused(api.of("operator").post("/v1/sweeps", &kinds), 409);
    assert!(none["detail"].as_str().unwrap().contains("imported"), "{none}");
    api.place.simulate();
    std::fs::rename(api.place.path("brokerage/history"), api.place.path("data/imported")).unwrap();
    let taken = api.of("operator").post("/v1/sweeps", &kinds).unwrap();
    assert_eq!(taken.status, 202, "{taken:?}");
    let id = taken.json()["id"].clone();
    let sweep = done(&api, &id);
    assert_eq!((&sweep["state"], &sweep["by"]), (&"done".into(), &"operator".into()), "{sweep}");
    let count = sweep["summary"]["procedures"]["count"].as_u64().unwrap();
    let (mut found, mut after) = (0, 0);
    loop {
        let page = good(api.of("reader").get(&format!("/v1/sweeps/{id}?limit=200&after={after}")));
        let findings = page["findings"].as_array().unwrap();
        found += u64::try_from(findings.len()).unwrap();
        assert!(findings.iter().all(|finding| finding["verdict"].is_string()), "{page}");
        match page.get("next") {
            Some(next) => after = next.as_u64().unwrap(),
            None => break,
        }
    }
    assert_eq!(found, count);
    let clear = good(api.of("reader").get(&format!("/v1/sweeps/{id}?verdict=clear&limit=1")));
    assert_eq!(clear["findings"][0]["verdict"], "clear");
    assert!(clear["findings"][0]["customer"].as_str().unwrap().contains('•'), "masked: {clear}");
    for count in
        ["own_accesses", "own_net_accesses", "other_customers", "withdrawals_30d", "contact_changes_72h"]
    {
        assert!(clear["findings"][0][count].is_u64(), "{count} is a number: {clear}");
    }

    let one = &clear["findings"][0];
    let procedure = json!({"id": "p-1", "customer": "C-nobody", "time": one["time"], "kind": "withdrawal"});
    let inline =
        json!({"procedures": [procedure], "unmask": true, "reason": "事故 3", "history": "imported"})
            .to_string();
    let second = good(api.of("operator").post("/v1/sweeps", &inline))["id"].clone();
    let second = done_for(&api, "operator", &second);
    assert_eq!(second["findings"][0]["customer"], "C-nobody", "{second}");
    let nothing = json!({"kinds": ["factor.remove"], "since": "2099-01-01T00:00:00Z", "history": "imported"})
        .to_string();
    let third = good(api.of("operator").post("/v1/sweeps", &nothing))["id"].clone();
    let third = done(&api, &third);
    assert!(third["problem"].as_str().unwrap().contains("nothing to examine"), "{third}");

    let api = api.restarted(&[]);
    let listed = good(api.of("reader").get("/v1/sweeps"));
    let states: Vec<_> = listed["sweeps"].as_array().unwrap().iter().map(|sweep| &sweep["state"]).collect();
    assert_eq!(states, ["failed", "done", "done"]);
    assert_eq!(done(&api, &id)["summary"], sweep["summary"]);
    assert_eq!(good(api.of("operator").post(&format!("/v1/sweeps/{id}/stop"), ""))["state"], "done");
}

#[test]
fn what_cannot_be_swept_is_refused() {
    let api = Api::start();
    std::fs::create_dir_all(api.place.path("data/history")).unwrap();
    let mut operator = api.of("operator");
    let procedure = json!({"id": "p", "customer": "C", "time": "2026-01-01T00:00:00Z", "kind": "withdrawal"});
    for (body, status, said) in [
        (json!({}), 422, "either"),
        (
            json!({"procedures": [procedure], "kinds": ["login"], "since": "2026-01-01T00:00:00Z"}),
            422,
            "either",
        ),
        (json!({"kinds": ["login"]}), 422, "since"),
        (json!({"kinds": ["logon"], "since": "2026-01-01T00:00:00Z"}), 422, "kinds[0]"),
        (json!({"procedures": [procedure, procedure]}), 422, "procedures[1].id"),
        (json!({"procedures": [procedure], "window_days": 0}), 422, "3660"),
        (json!({"procedures": [procedure], "histories": "x"}), 422, "histories"),
        (json!({"procedures": [procedure], "history": "../other"}), 422, "below the data folder"),
        (json!({"procedures": [procedure], "history": "/etc"}), 422, "below the data folder"),
    ] {
        let problem = refused(operator.post("/v1/sweeps", &body.to_string()), status);
        assert!(problem.to_string().contains(said), "{said}: {problem}");
    }
    refused(operator.get("/v1/sweeps/1"), 404);
    refused(operator.post("/v1/sweeps/1/stop", ""), 404);
    refused(operator.get("/v1/sweeps/-1"), 400);
    let empty =
        good(operator.post("/v1/sweeps", &json!({"procedures": [procedure]}).to_string()))["id"].clone();
    let failed = done(&api, &empty);
    assert!(failed["problem"].as_str().unwrap().contains("no .parquet files"), "{failed}");
    refused(operator.get(&format!("/v1/sweeps/{empty}?verdict=guilty")), 400);
}

#[test]
fn a_day_on_which_nothing_was_done_is_examined_too() {
    let api = Api::start();
    let mut operator = api.of("operator");
    good(api.of("sender").post("/v1/events", &event("l-1", "login", "C1", "192.0.2.7")));
    let id = awaited("history", || {
        let answer = operator.post("/v1/findings/examine", "").unwrap();
        (answer.status == 202).then(|| answer.json()["id"].clone())
    });
    let examined = done(&api, &id);
    assert_eq!(examined["state"], "done", "{examined}");
    assert_eq!(examined["summary"]["procedures"]["count"], 0, "{examined}");
    assert_eq!(good(api.of("reader").get("/v1/findings"))["findings"], json!([]));
}

#[test]
fn procedures_of_the_last_days_are_examined_again() {
    let api = Api::start();
    let mut operator = api.of("operator");
    refused(api.of("reader").post("/v1/findings/examine", ""), 403);
    // Somebody changes four customers' accounts and takes their money, from an address they never used.
    let kinds = ["bank_account.change", "withdrawal"];
    let stranger = |kind: &str, customer: u32| {
        event(&format!("{kind}-{customer}"), kind, &format!("C{customer}"), "203.0.113.77")
    };
    let lines: Vec<String> = (0..4).flat_map(|customer| kinds.map(|kind| stranger(kind, customer))).collect();
    let lines = lines.join("\n");
    let taken = good(api.of("sender").post("/v1/events", &lines));
    assert_eq!(taken["accepted"], 8, "{taken}");
    // The history is seconds behind.
    let examined = awaited("an examination of all eight", || {
        let answer = operator.post("/v1/findings/examine", "").unwrap();
        if answer.status == 202 {
            let sweep = done(&api, &answer.json()["id"]);
            if sweep["state"] == "done" && sweep["summary"]["procedures"]["count"] == 8 {
                return Some(sweep);
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
        None
    });
    assert_eq!(examined["by"], "(daily)");
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = good(api.of("reader").get(&format!("/v1/findings?limit=3{after}")));
        for finding in page["findings"].as_array().unwrap() {
            assert_eq!(finding["sweep"], examined["id"], "{finding}");
            assert!(finding["other_customers"].is_u64() && finding["withdrawals_30d"].is_u64(), "{finding}");
            assert!(["alarm", "review"].contains(&finding["verdict"].as_str().unwrap()), "{finding}");
            ids.push(finding["id"].as_str().unwrap().to_owned());
        }
        match page.get("next") {
            Some(next) => after = format!("&after={}", next.as_str().unwrap()),
            None => break,
        }
    }
    ids.sort_unstable();
    assert_eq!(ids.len(), 8, "every one of them, once: {ids:?}");
    ids.dedup();
    assert_eq!(ids.len(), 8);
    refused(api.of("reader").get("/v1/findings?after=7"), 400);
    let audit = good(api.of("admin").get("/v1/audit"));
    assert!(audit.to_string().contains("findings.examine"), "{audit}");
}

/// Nobody asks, and nobody waits for half past four: when the server starts, the last examination was three days ago, so that it is due.
#[test]
fn what_is_due_is_examined_without_being_asked_for() {
    let api = Api::start();
    let stranger = |kind: &str| event(kind, kind, "C1", "203.0.113.77");
    let lines = ["bank_account.change", "withdrawal"].map(stranger).join("\n");
    assert_eq!(good(api.of("sender").post("/v1/events", &lines))["accepted"], 2);
    let asked = awaited("an examination of both", || {
        let answer = api.of("operator").post("/v1/findings/examine", "").unwrap();
        let sweep = (answer.status == 202).then(|| done(&api, &answer.json()["id"]))?;
        (sweep["summary"]["procedures"]["count"] == 2).then_some(sweep)
    });
    let acts = |api: &Api| {
        let audit = good(api.of("admin").get("/v1/audit?limit=200")).to_string();
        audit.matches("findings.examine").count()
    };
    let asked_for = acts(&api);
    let Api { place, server, keys } = api;
    assert_eq!(server.stop(), Some(0));
    for folder in std::fs::read_dir(place.path("data/sweeps")).unwrap() {
        let path = folder.unwrap().path().join("request.json");
        let mut request: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        request["at"] = days_ago(3).into();
        std::fs::write(&path, request.to_string()).unwrap();
    }
    let server = Server::start(&place, &["--examine-at", "04:30", "--timezone", "Asia/Tokyo"]);
    let api = Api { place, server, keys };
    let examined = awaited("an examination that nobody asked for", || {
        let sweeps = good(api.of("reader").get("/v1/sweeps"));
        let sweep = sweeps["sweeps"][0].clone();
        (sweep["id"].as_u64() > asked["id"].as_u64() && sweep["state"] == "done").then_some(sweep)
    });
    assert_eq!(examined["by"], "(daily)", "{examined}");
    let found = good(api.of("reader").get("/v1/findings"));
    let found = found["findings"].as_array().unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|finding| finding["sweep"] == examined["id"]), "{found:?}");
    assert_eq!(acts(&api), asked_for, "the audit has what people asked for");
}
