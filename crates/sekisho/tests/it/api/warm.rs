//! Sweeps by the ledger, beside those over the history that made it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::sweeps::done;
use super::{Api, good, refused};
use crate::process::{Place, run, stderr};
use crate::serve::{Server, key};

/// A server that was given a simulated year, and its procedures as a sweep takes them.
fn bootstrapped() -> (Api, Vec<Value>) {
    let place = Place::new();
    let out = place.text("brokerage");
    let made = run(&["lab", "simulate", "--customers", "800", "--days", "200", "--seed", "5", "--out", &out]);
    assert!(made.status.success(), "{}", stderr(&made));
    let (history, data) = (place.text("brokerage/history"), place.text("data"));
    let ended = run(&["-q", "bootstrap", "--history", &history, "--data", &data]);
    assert!(ended.status.success(), "{}", stderr(&ended));
    std::fs::rename(place.path("brokerage/history"), place.path("data/imported")).unwrap();
    let text = std::fs::read_to_string(place.path("brokerage/procedures.csv")).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let procedures = lines.map(|line| {
        let cells = names.iter().zip(line.split(','));
        let wanted = cells.filter(|(name, cell)| {
            ["id", "customer", "time", "kind", "ip", "device"].contains(name) && !cell.is_empty()
        });
        wanted.map(|(name, cell)| ((*name).to_owned(), Value::from(cell))).collect::<serde_json::Map<_, _>>()
    });
    let procedures = procedures.map(Value::Object).collect();
    let keys = super::ROLES.map(|role| key(&place, role));
    let server = Server::start(&place, &[]);
    (Api { place, server, keys }, procedures)
}

/// Takes a sweep and gives it when it is over.
fn swept(api: &Api, asked: &Value) -> Value {
    let taken = good(api.of("operator").post("/v1/sweeps", &asked.to_string()));
    let sweep = done(api, &taken["id"]);
    assert_eq!(sweep["state"], "done", "{sweep}");
    sweep
}

/// All findings of a sweep by their identifiers.
fn findings(api: &Api, sweep: &Value, filter: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut after = 0;
    loop {
        let path = format!("/v1/sweeps/{}?limit=200&after={after}{filter}", sweep["id"]);
        let page = good(api.of("reader").get(&path));
        for finding in page["findings"].as_array().unwrap() {
            assert!(found.insert(finding["id"].as_str().unwrap().to_owned(), finding.clone()).is_none());
        }
        match page.get("next") {
            Some(next) => after = next.as_u64().unwrap(),
            None => return found,
        }
    }
}

#[test]
fn the_ledger_clears_most_at_once_as_history_does_and_the_rest_is_left_to_history() {
    let (api, procedures) = bootstrapped();
    let since = json!({"kinds": ["withdrawal", "bank_account.change"], "since": "2000-01-01T00:00:00Z"});
    for asked in [json!({"procedures": procedures, "window_days": 150}), since] {
        let with = |more: Value| {
            let fields = asked.as_object().unwrap().clone().into_iter();
            Value::Object(fields.chain(more.as_object().unwrap().clone()).collect())
        };
        let cold = swept(&api, &with(json!({"history": "imported"})));
        let place = if asked["kinds"].is_array() { json!({"history": "imported"}) } else { json!({}) };
        let mut ledger = with(place);
        ledger["source"] = "ledger".into();
        let warm = swept(&api, &ledger);
        assert_eq!((&cold["source"], &warm["source"]), (&"history".into(), &"ledger".into()));
        assert_eq!(warm["summary"]["procedures"], cold["summary"]["procedures"]);
        assert_eq!(warm["summary"]["window"], cold["summary"]["window"]);

        let (by_history, by_ledger) = (findings(&api, &cold, ""), findings(&api, &warm, ""));
        assert_eq!(by_history.len(), by_ledger.len());
        let certain = findings(&api, &warm, "&certain=true");
        for (id, finding) in &certain {
            assert_eq!(finding["verdict"], by_history[id]["verdict"], "{finding} {}", by_history[id]);
        }
        let uncertain = findings(&api, &warm, "&certain=false");
        assert_eq!(certain.len() + uncertain.len(), by_ledger.len());
        assert!(uncertain.values().all(|finding| finding.get("verdict").is_none()));
        assert!(uncertain.values().all(|finding| !finding["lacks"].as_str().unwrap().is_empty()));
        let clear = by_history.values().filter(|finding| finding["verdict"] == "clear").count();
        // Of what is clear the ledger knows most, and of a list of what customers do most is clear.
        assert!(certain.len() * 10 > clear * 7, "{} of {clear}", certain.len());
        let is_ordinary = asked["kinds"].is_array();
        assert!(
            !is_ordinary || certain.len() * 2 > by_ledger.len(),
            "{} of {}",
            certain.len(),
            by_ledger.len()
        );

        // Taken out of history again, one that is left would have another name by now: somebody else's has its own.
        if asked["kinds"].is_array() {
            let (id, left) = uncertain.first_key_value().unwrap();
            let line = json!({
                "id": id, "time": "2020-01-01T00:00:00Z", "kind": left["kind"], "customer": "somebody-else",
                "client": {"ip": "198.51.100.77"}, "outcome": "succeeded",
            });
            let (file, folder) =
                (api.place.write("more.ndjson", line.to_string()), api.place.text("data/imported/more"));
            let ended = run(&["-q", "import", &file, "--format", "ndjson", "--out", &folder]);
            assert!(ended.status.success(), "{}", stderr(&ended));
        }

        // History is asked about the rest only, and says of it what it says of all.
        let id = &warm["id"];
        let rest = swept(&api, &json!({"rest_of": id, "history": "imported"}));
        assert_eq!(rest["summary"]["window"], cold["summary"]["window"]);
        let rest = findings(&api, &rest, "");
        assert_eq!(rest.keys().collect::<Vec<_>>(), uncertain.keys().collect::<Vec<_>>());
        rest.iter().for_each(|(id, finding)| assert_eq!(finding, &by_history[id]));
    }
    let audit = good(api.of("admin").get("/v1/audit")).to_string();
    assert!(audit.contains("procedures by the ledger") && audit.contains("rest of "), "{audit}");

    // The same at a terminal, out of the folder of a running server.
    let (file, data, out) =
        (api.place.text("brokerage/procedures.csv"), api.place.text("data"), api.place.text("out"));
    let ended =
        run(&["-q", "sweep", "--procedures", &file, "--ledger", &data, "--window", "150d", "--out", &out]);
    assert!(ended.status.success(), "{}", stderr(&ended));
    let told: Value =
        serde_json::from_slice(&std::fs::read(api.place.path("out/summary.json")).unwrap()).unwrap();
    let api = api.restarted(&[]);
    let kept = good(api.of("reader").get("/v1/sweeps/2"));
    assert_eq!((&kept["source"], &kept["state"]), (&"ledger".into(), &"done".into()));
    for name in ["certain", "uncertain", "verdicts", "lacks", "window", "procedures"] {
        assert_eq!(told[name], kept["summary"][name], "{name}");
    }
}

#[test]
fn what_the_ledger_cannot_be_asked_is_refused() {
    let api = Api::start();
    let mut operator = api.of("operator");
    let procedure = json!({"id": "p", "customer": "C", "time": "2026-01-01T00:00:00Z", "kind": "withdrawal"});
    let procedures = json!([procedure]);
    for (body, status, said) in [
        (json!({"procedures": procedures, "source": "memory"}), 422, "ledger"),
        (json!({"procedures": procedures, "source": "ledger", "history": "history"}), 422, "kinds"),
        // Procedures of kinds are taken out of history, and there is none.
        (
            json!({"kinds": ["withdrawal"], "since": "2026-01-01T00:00:00Z", "source": "ledger", "history": "none"}),
            409,
            "no folder",
        ),
        (json!({"rest_of": 7}), 422, "number of a sweep"),
        (json!({"rest_of": 1, "procedures": procedures}), 422, "said already"),
        (json!({"rest_of": 1, "source": "ledger"}), 422, "said already"),
    ] {
        let problem = refused(operator.post("/v1/sweeps", &body.to_string()), status);
        assert!(problem.to_string().contains(said), "{said}: {problem}");
    }
    // Of procedures it needs no history: nothing is known, and nothing is claimed.
    let id =
        good(operator.post("/v1/sweeps", &json!({"procedures": procedures, "source": "ledger"}).to_string()))
            ["id"]
            .clone();
    let sweep = done(&api, &id);
    assert_eq!(sweep["findings"][0]["lacks"], "ip.none;device.none", "{sweep}");
    assert_eq!((&sweep["summary"]["certain"], &sweep["summary"]["uncertain"]), (&0.into(), &1.into()));
    let of_history =
        refused(operator.post("/v1/sweeps", &json!({"rest_of": id, "history": "none"}).to_string()), 409);
    assert!(of_history["detail"].as_str().unwrap().contains("history"), "{of_history}");
}
