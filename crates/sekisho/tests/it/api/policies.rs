//! Policies: checked, activated, on trial, and which of them survives a restart.

use serde_json::json;

use super::{Api, event, explained, good, refused};

/// A policy whose logins get so many points.
fn policy(points: u16) -> String {
    format!(
        "[thresholds]\nstep_up = 30\nhold = 70\ndeny = 101\n[[rule]]\nname = \"always\"\nkinds = [\"login\"]\n\
         when = \"true\"\npoints = {points}\nreason = {{ ja = \"常に\", en = \"always\" }}\n"
    )
}

fn post(api: &Api, mode: &str, text: &str) -> std::io::Result<crate::http::Answer> {
    api.of("admin").post("/v1/policies", &json!({"mode": mode, "policy": text}).to_string())
}

fn decide(api: &Api, id: &str) -> serde_json::Value {
    good(api.of("sender").post("/v1/decide", &event(id, "login", "C1", "192.0.2.7")))
}

#[test]
fn an_activated_policy_decides_at_once_and_survives() {
    let api = Api::start();
    assert_eq!(decide(&api, "1")["policy"], 1);
    let bad = refused(post(&api, "activate", &policy(30).replace("\"true\"", "\"signal.nothing\"")), 422);
    assert_eq!((&bad["line"], &bad["field"]), (&8.into(), &"policy".into()), "{bad}");
    assert!(bad["column"].is_number(), "{bad}");
    for never in ["signal.net.vpn > 3", "event.amount", "event.kind == 'logn'"] {
        let bad = refused(post(&api, "validate", &policy(30).replace("true", never)), 422);
        assert_eq!((&bad["line"], &bad["column"]), (&8.into(), &8.into()), "{never}: {bad}");
    }
    let checked = good(post(&api, "validate", &policy(30)));
    assert_eq!(
        (&checked["active"], &checked["changed"], &checked["rules"]),
        (&1.into(), &false.into(), &1.into())
    );
    assert_eq!(decide(&api, "2")["policy"], 1);
    let taken = good(post(&api, "activate", &policy(30)));
    assert_eq!((&taken["active"], &taken["changed"]), (&2.into(), &true.into()));
    let decided = decide(&api, "3");
    assert_eq!((&decided["decision"], &decided["policy"]), (&"step_up".into(), &2.into()), "{decided}");
    assert_eq!(good(post(&api, "activate", &policy(30)))["changed"], false);
    refused(post(&api, "destroy", &policy(30)), 422);

    let mut api = api.killed();
    for number in [4, 5] {
        assert_eq!(decide(&api, &number.to_string())["policy"], 2, "the shipped policy is not new");
        api = api.restarted(&[]);
    }
    let told = good(api.of("reader").get("/v1/policies"));
    let versions: Vec<_> =
        told["versions"].as_array().unwrap().iter().map(|each| (&each["by"], &each["active"])).collect();
    assert_eq!(versions, [(&"admin".into(), &true.into()), (&"(file)".into(), &false.into())]);
    let text = api.of("reader").get("/v1/policies/2").unwrap();
    assert_eq!((text.status, text.body), (200, policy(30)));
    refused(api.of("reader").get("/v1/policies/9"), 404);
    refused(api.of("reader").get("/v1/policies/x"), 400);

    // A file that was not there before is new, and then it is not.
    let file = api.place.write("policy.toml", policy(10));
    let api = api.restarted(&["--policy", &file]);
    assert_eq!((&decide(&api, "6")["policy"], &decide(&api, "6")["decision"]), (&3.into(), &"allow".into()));
    good(post(&api, "activate", &policy(30)));
    let api = api.restarted(&["--policy", &file]);
    assert_eq!(decide(&api, "7")["policy"], 4);
}

#[test]
fn a_candidate_on_trial_is_counted_and_changes_nothing() {
    let api = Api::start();
    good(post(&api, "activate", &policy(0)));
    refused(api.of("admin").delete("/v1/policies/shadow"), 404);
    refused(post(&api, "shadow", "nonsense"), 422);
    good(post(&api, "shadow", &policy(70)));
    let before = decide(&api, "1");
    assert_eq!((&before["decision"], &before["score"]), (&"allow".into(), &0.into()));
    decide(&api, "2");
    let told = good(api.of("reader").get("/v1/policies"))["shadow"].clone();
    assert_eq!((&told["questions"], &told["same"], &told["by"]), (&2.into(), &0.into(), &"admin".into()));
    // A login cannot be held: the candidate, too, would have asked for proof.
    assert_eq!(told["pairs"], json!([{"live": "allow", "candidate": "step_up", "count": 2}]));
    let since = told["since"].clone();
    let metrics = api.of("reader").get("/metrics").unwrap().body;
    assert!(metrics.contains("sekisho_shadow_total{live=\"allow\",candidate=\"step_up\"} 2\n"), "{metrics}");
    // It is on trial again after a restart; what was counted begins anew.
    let api = api.killed();
    let told = good(api.of("reader").get("/v1/policies"))["shadow"].clone();
    assert_eq!(
        (&told["questions"], &told["by"], &told["since"]),
        (&0.into(), &"admin".into(), &since),
        "{told}"
    );
    assert!(told["counted_since"].as_str() > told["since"].as_str(), "{told}");
    assert_eq!(decide(&api, "3")["decision"], "allow");
    let api = api.restarted(&[]);
    assert_eq!(decide(&api, "4")["decision"], "allow");
    assert_eq!(good(api.of("admin").delete("/v1/policies/shadow"))["questions"], 1);
    let api = api.killed();
    refused(api.of("admin").delete("/v1/policies/shadow"), 404);
    assert!(good(api.of("reader").get("/v1/policies")).get("shadow").is_none());
}

/// A model is a part of the policy's text, so that the journal holds what decided: after a restart it says the same.
#[test]
fn a_policy_with_a_model_is_replayed_with_it() {
    let with_model = |points: i32| {
        format!(
            "{}\n[model]\nversion = 1\ntrained = \"by hand\"\n[[model.card]]\nkinds = [\"login\"]\nbase = -50\n\
             signals = [ {{ signal = \"velocity\", bounds = [], points = [{points}] }} ]\n\
             bands = [ {{ from = -100, questions = 10, fraud = 2 }} ]\n[[rule]]\nname = \"model\"\nkinds = [\"login\"]\n\
             when = \"signal.velocity < 5.0 && signal.model.risk >= 10.0\"\npoints = 40\n\
             reason = {{ ja = \"モデル\", en = \"model\" }}\n",
            policy(0)
        )
    };
    let api = Api::start();
    let alone = with_model(60).replace("signal.velocity < 5.0 && ", "");
    let bad = refused(post(&api, "validate", &alone), 422);
    assert!(bad["detail"].as_str().unwrap().contains("not enough by itself"), "{bad}");
    let taken = good(post(&api, "activate", &with_model(60)));
    assert_eq!((&taken["active"], taken["model"].as_str().unwrap().len()), (&2.into(), 16), "{taken}");
    let other = good(post(&api, "validate", &with_model(61)));
    assert_ne!(taken["model"], other["model"], "another model");
    let decided = decide(&api, "1");
    assert_eq!((&decided["decision"], &decided["score"]), (&"step_up".into(), &40.into()), "{decided}");
    good(post(&api, "activate", &with_model(20)));
    assert_eq!(decide(&api, "2")["decision"], "allow");
    let api = api.killed();
    assert_eq!(decide(&api, "3")["decision"], "allow");
    for (id, points, verdict) in [("1", 10, "step_up"), ("2", -30, "allow"), ("3", -30, "allow")] {
        let told = explained(&api, id);
        assert_eq!(
            (&told["model"]["points"], &told["decision"]),
            (&points.into(), &verdict.into()),
            "{told}"
        );
        assert_eq!(told["decision"], told["answered"]["decision"]);
        let part = &told["model"]["parts"][0];
        assert_eq!((&part["signal"], &part["points"]), (&"velocity".into(), &(points + 50).into()));
        assert_eq!(told["model"]["band"]["questions"], 10);
        let signal = told["signals"].as_array().unwrap().iter().find(|each| each["signal"] == "model.risk");
        assert_eq!(signal.unwrap()["value"], f64::from(points));
    }
}
