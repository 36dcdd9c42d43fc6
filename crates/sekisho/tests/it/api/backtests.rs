//! A policy tried on the journal: over the API beside a running server, and by the command line on the same folder.

use serde_json::{Value, json};

use super::{Api, awaited, event, explained, good, over, refused, take_over};
use crate::process::{Place, run, stderr};
use crate::serve::days_ago;

/// Holds what can be held, and asks for proof at every login.
const HOLDS_ALL: &str = "[thresholds]\nstep_up = 30\nhold = 70\ndeny = 101\n[[rule]]\nname = \"always\"\n\
     kinds = [\"login\", \"withdrawal\"]\nwhen = \"true\"\npoints = 70\nreason = { ja = \"常に\", en = \"always\" }\n";

/// A back-test that is over.
fn done(api: &Api, id: &Value) -> Value {
    over(api, "reader", &format!("/v1/backtests/{id}"))
}

/// Two logins, two withdrawals and one that was held; one of the customers reports fraud.
fn lived(api: &Api) {
    take_over(api, "C1");
    let mut sender = api.of("sender");
    for (id, kind, customer) in [
        ("l-2", "login", "C2"),
        ("l-3", "login", "C3"),
        ("w-2", "withdrawal", "C2"),
        ("w-3", "withdrawal", "C3"),
    ] {
        good(sender.post("/v1/decide", &event(id, kind, customer, "192.0.2.7")));
    }
    let report = event("r-2", "customer.report", "C2", "192.0.2.7");
    let yesterday = &*crate::serve::YESTERDAY;
    let report = report.replace(yesterday, &days_ago(0));
    assert_eq!(good(sender.post("/v1/events", &report))["accepted"], 1);
}

#[test]
fn a_policy_that_holds_everything_gives_the_expected_matrix() {
    let api = Api::start();
    lived(&api);
    let body = json!({"policy": HOLDS_ALL}).to_string();
    let taken = api.of("operator").post("/v1/policies/draft/backtest", &body).unwrap();
    assert_eq!(taken.status, 202, "{taken:?}");
    let told = done(&api, &taken.json()["id"]);
    let found = &told["result"];
    assert_eq!((&told["state"], &told["policy"]), (&"done".into(), &"draft".into()), "{told}");
    assert_eq!((&found["base"]["from"], &found["questions"]), (&"journal".into(), &5.into()), "{found}");
    let pairs = json!([
        {"live": "allow", "candidate": "step_up", "count": 2},
        {"live": "step_up", "candidate": "hold", "count": 2},
        {"live": "hold", "candidate": "hold", "count": 1},
    ]);
    assert_eq!(found["pairs"], pairs, "{found}");
    let rule =
        |name: &str| found["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == name).cloned();
    let always = rule("always").unwrap();
    assert_eq!((&always["gained"], &always["candidate"], &always["live"]), (&5.into(), &5.into(), &0.into()));
    let proof = rule("money_needs_proof").unwrap();
    assert_eq!(proof["lost"], proof["live"], "{proof}");
    let fraud = &found["labelled"]["fraud"];
    assert_eq!(
        (&fraud["customers"], &fraud["customers_stopped"], &fraud["customers_stopped_by_candidate"]),
        (&1.into(), &0.into(), &1.into()),
        "{found}"
    );
    let example = &found["examples"][0];
    assert_eq!(
        (&example["candidate"]["decision"], &example["live"]["decision"]),
        (&"hold".into(), &"step_up".into())
    );
    assert_eq!((&example["customer"], &example["label"]), (&"••".into(), &"fraud".into()), "{example}");

    // The command line reads the same folder while the server runs.
    let policy = api.place.write("candidate.toml", HOLDS_ALL);
    let data = api.place.text("data");
    let ended = run(&["-q", "policy", "backtest", "--data", &data, "--policy", &policy, "--json"]);
    assert!(ended.status.success(), "{}", stderr(&ended));
    let by_hand: Value = serde_json::from_slice(&ended.stdout).unwrap();
    for same in ["pairs", "rules", "labelled", "examples", "questions"] {
        assert_eq!(by_hand[same], found[same], "{same}");
    }
    let none = run(&["-q", "policy", "backtest", "--data", &data, "--to", "2001-01-01"]);
    assert!(none.status.success(), "{}", stderr(&none));
    assert!(String::from_utf8_lossy(&none.stdout).starts_with("0 questions weighed"), "{none:?}");
    let audit = good(api.of("admin").get("/v1/audit"));
    let act = &audit["acts"][0];
    assert_eq!(
        (&act["act"], &act["of"], &act["by"]),
        (&"policy.backtest".into(), &"draft".into(), &"operator".into())
    );
}

#[test]
fn versions_are_tried_and_what_cannot_be_is_refused() {
    let api = Api::start();
    lived(&api);
    let mut operator = api.of("operator");
    let id = good(operator.post("/v1/policies/1/backtest", ""))["id"].clone();
    let found = done(&api, &id)["result"].clone();
    assert_eq!((&found["same"], &found["examples"]), (&5.into(), &json!([])), "the one in force: {found}");
    good(api.of("admin").post("/v1/policies", &json!({"mode": "shadow", "policy": HOLDS_ALL}).to_string()));
    let id = good(operator.post("/v1/policies/shadow/backtest", "{}"))["id"].clone();
    assert_eq!(done(&api, &id)["result"]["same"], 1);
    good(api.of("sender").post("/v1/decide", &event("l-4", "login", "C4", "192.0.2.7")));
    let shadow = good(api.of("reader").get("/v1/policies"))["shadow"].clone();
    assert_eq!(
        (&shadow["rules"][0]["rule"], &shadow["rules"][0]["gained"]),
        (&"always".into(), &1.into()),
        "{shadow}"
    );
    let listed = good(api.of("reader").get("/v1/backtests"));
    assert_eq!(listed["backtests"].as_array().unwrap().len(), 2);
    // What was found survives a restart.
    let found = done(&api, &id);
    let api = api.killed();
    assert_eq!((good(api.of("reader").get("/v1/backtests")), done(&api, &id)), (listed, found));
    let mut operator = api.of("operator");
    assert_eq!(good(operator.post(&format!("/v1/backtests/{id}/stop"), ""))["state"], "done");
    for (path, body, status, said) in [
        ("9", "", 404, "no such policy"),
        ("x", "", 400, "whole number"),
        ("draft", "", 422, "policy"),
        ("draft", "{\"policy\":\"nonsense\"}", 422, "line"),
        ("1", "{\"policy\":\"\"}", 422, "draft"),
        ("1", "{\"label_days\":0}", 422, "1 to 400"),
        ("1", "{\"since\":0}", 422, "since"),
    ] {
        let problem = refused(operator.post(&format!("/v1/policies/{path}/backtest"), body), status);
        assert!(problem.to_string().contains(said), "{said}: {problem}");
    }
    refused(api.of("reader").post("/v1/policies/1/backtest", ""), 403);
    refused(operator.get("/v1/backtests/9"), 404);
    refused(operator.post("/v1/backtests/9/stop", ""), 404);
}

#[test]
fn the_points_of_an_explanation_are_the_score() {
    let api = Api::start();
    lived(&api);
    let data = api.place.text("data");
    let explain = |id: &str| {
        let ended = run(&["-q", "policy", "explain", id, "--data", &data, "--json"]);
        assert!(ended.status.success(), "{}", stderr(&ended));
        serde_json::from_slice::<Value>(&ended.stdout).unwrap()
    };
    for id in ["C1-held", "w-2", "l-3"] {
        let told = explain(id);
        let rules = told["rules"].as_array().unwrap();
        let fired = rules.iter().filter(|rule| rule["fired"] == true && rule["shadow"] == false);
        let points: u64 = fired.clone().map(|rule| rule["points"].as_u64().unwrap()).sum();
        let answered = &told["answered"];
        assert_eq!(told["points"], points, "{told}");
        assert_eq!(
            (&told["score"], &told["decision"]),
            (&answered["score"], &answered["decision"]),
            "{told}"
        );
        assert_eq!(points.min(100), told["score"].as_u64().unwrap());
        assert_eq!(fired.count(), answered["reasons"].as_array().unwrap().len());
        assert!(told["signals"].as_array().unwrap().len() > 30);
        assert!(rules.iter().any(|rule| rule["fired"] == false && rule["unmet"] != json!([])), "{told}");
    }
    // Over the API the same, by and by.
    for id in ["C1-held", "C1-b", "w-2", "C1-held"] {
        assert_eq!(explained(&api, id), explain(id));
    }
    refused(api.of("reader").get("/v1/decisions/nothing/explain"), 404);
    let fact = explain("C1-b");
    assert_eq!((&fact["asked"], &fact["answered"]), (&false.into(), &Value::Null), "{fact}");
    let read = run(&["-q", "policy", "explain", "w-2", "--data", &data]);
    let read = String::from_utf8_lossy(&read.stdout).into_owned();
    assert!(read.contains("fired  money_needs_proof") && read.contains("step_up from"), "{read}");
    let none = run(&["-q", "policy", "explain", "nothing", "--data", &data]);
    assert_eq!(none.status.code(), Some(1));
    assert!(stderr(&none).contains("no event `nothing`"), "{}", stderr(&none));
}

/// Imported logs and no journal: what was attempted or succeeded stands for the questions, once each.
#[test]
fn a_policy_is_tried_on_history_alone() {
    let place = Place::new();
    let at = |days: u64, id: &str, kind: &str, outcome: &str| {
        let line = event(id, kind, "C2", "192.0.2.7").replace(&*crate::serve::YESTERDAY, &days_ago(days));
        let mut line: Value = serde_json::from_str(&line).unwrap();
        line["outcome"] = outcome.into();
        line.to_string() + "\n"
    };
    let lines = [
        at(20, "l-1", "login", "failed"),
        at(20, "l-2", "login", "succeeded"),
        at(10, "w-1-q", "withdrawal", "attempted"),
        at(10, "w-1", "withdrawal", "succeeded"),
        at(8, "w-2", "withdrawal", "succeeded"),
        at(6, "w-3", "withdrawal", "failed"),
        at(4, "s-1", "session.activity", "succeeded"),
        at(2, "r-1", "customer.report", "succeeded"),
    ];
    let log = place.write("log.ndjson", lines.concat());
    let history = place.text("history");
    let imported = run(&["-q", "import", "--format", "ndjson", "--out", &history, &log]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    let policy = place.write("candidate.toml", HOLDS_ALL);
    let nothing = place.write("live.toml", HOLDS_ALL.replace("true", "false"));
    let alone = ["-q", "policy", "backtest", "--history-alone", "--json", "--history", &history];
    let tried = |more: &[&str]| -> Value {
        let ended = run(&[&alone, more].concat());
        assert!(ended.status.success(), "{}", stderr(&ended));
        serde_json::from_slice(&ended.stdout).unwrap()
    };
    let found = tried(&["--policy", &policy, "--against", &nothing]);
    assert_eq!((&found["questions"], &found["base"]["history_events"]), (&3.into(), &8.into()), "{found}");
    assert_eq!(found["base"]["from"], "history alone", "{found}");
    let pairs = json!([
        {"live": "allow", "candidate": "step_up", "count": 1},
        {"live": "allow", "candidate": "hold", "count": 2},
    ]);
    assert_eq!(found["pairs"], pairs, "{found}");
    let fraud = &found["labelled"]["fraud"];
    assert_eq!(
        (&fraud["customers_paid"], &fraud["customers_paid_by_candidate"]),
        (&1.into(), &0.into()),
        "{found}"
    );
    let since = tried(&["--policy", &policy, "--from", &days_ago(9)]);
    assert_eq!(since["questions"], 1, "{since}");

    // Lists of today, which the logs lack.
    std::fs::create_dir_all(place.path("intel/lists")).unwrap();
    place.write("intel/lists/blocklist-reported.txt", "192.0.2.0/24\n");
    let listed = place.write("listed.toml", HOLDS_ALL.replace("\"true\"", "\"signal.ip.listed\""));
    let gained = |more: &[&str]| {
        let found = tried(&[&["--policy", &listed, "--against", &nothing], more].concat());
        found["same"].as_u64().unwrap()
    };
    assert_eq!((gained(&[]), gained(&["--intel", &place.text("intel")])), (3, 0));

    // Read by people: what is cut says so, and a span without questions what to look at.
    let told = |more: &[&str]| {
        let ended =
            run(&[&["-q", "policy", "backtest", "--history-alone", "--history", &history], more].concat());
        String::from_utf8(ended.stdout).unwrap()
    };
    let (head, rule) = HOLDS_ALL.split_at(HOLDS_ALL.find("[[rule]]").unwrap());
    let many: String = (0..25).map(|number| rule.replace("always\"\n", &format!("r_{number}\"\n"))).collect();
    let many = place.write("many.toml", format!("{head}{many}"));
    let text = told(&["--policy", &many, "--against", &nothing]);
    assert!(text.contains("20 of 25 rules are shown; --json has all"), "{text}");
    let text = told(&["--policy", &policy, "--to", "2001-01-01"]);
    assert!(text.contains("no questions in this span; look at --from, --to and --timezone"), "{text}");
    let refused = run(&["-q", "policy", "backtest", "--history-alone"]);
    assert!(!refused.status.success() && stderr(&refused).contains("--history"), "{}", stderr(&refused));
}

/// The same over the API: what the server exported stands for the questions of its journal.
#[test]
fn a_version_is_tried_on_the_servers_history_alone() {
    let api = Api::start();
    lived(&api);
    let mut operator = api.of("operator");
    let mut ask = |more: &Value| {
        let mut body = json!({"policy": HOLDS_ALL, "history_alone": true});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = operator.post("/v1/policies/draft/backtest", &body.to_string());
        done(&api, &good(answer)["id"])
    };
    // The history is seconds behind.
    let told = awaited("a back-test of all 36 events", || {
        let told = ask(&json!({}));
        std::thread::sleep(std::time::Duration::from_millis(300));
        (told["result"]["base"]["history_events"] == 36).then_some(told)
    });
    let found = &told["result"];
    assert_eq!(
        (&found["base"]["from"], &found["questions"]),
        (&"history alone".into(), &35.into()),
        "{found}"
    );
    let named = ask(&json!({"history": "history", "against": 1}));
    let policy = api.place.write("candidate.toml", HOLDS_ALL);
    let history = api.place.text("data/history");
    let alone = ["-q", "policy", "backtest", "--history-alone", "--json", "--history", &history];
    let ended = run(&[&alone[..], &["--policy", &policy]].concat());
    assert!(ended.status.success(), "{}", stderr(&ended));
    let by_hand: Value = serde_json::from_slice(&ended.stdout).unwrap();
    for same in ["pairs", "rules", "labelled", "questions", "same", "inputs", "first", "last"] {
        assert_eq!((&by_hand[same], &named["result"][same]), (&found[same], &found[same]), "{same}");
    }
    assert_eq!(found["examples"][0]["live"]["policy"], 1, "the one in force: {found}");
    for (body, said) in [
        (json!({"against": 1}), "history_alone"),
        (json!({"history": "history"}), "history_alone"),
        (json!({"history_alone": true, "against": 9}), "no such policy"),
        (json!({"history_alone": true, "history": "../data"}), "below the data folder"),
        (json!({"history_alone": true, "history": "imported"}), "no folder imported"),
    ] {
        let problem = refused(operator.post("/v1/policies/1/backtest", &body.to_string()), 422);
        assert!(problem["detail"].as_str().unwrap().contains(said), "{said}: {problem}");
    }
}
