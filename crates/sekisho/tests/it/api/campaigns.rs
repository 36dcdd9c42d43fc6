//! Campaigns: recognised from what is told, listed with whom they got into, the same after a crash.

use super::{Api, event, good, refused};

/// Tells a login of a customer from one of three addresses with one client.
fn tell(api: &Api, number: usize, outcome: &str) {
    let ip = format!("203.0.113.{}", number % 3 + 1);
    let line = event(&format!("g-{number}"), "login", &format!("V{number}"), &ip);
    let mut line: serde_json::Value = serde_json::from_str(&line).unwrap();
    line["outcome"] = outcome.into();
    line["client"]["user_agent"] = "Stuffer/1.0".into();
    line["client"]["device"] = format!("made-up-{number}").into();
    good(api.of("sender").post("/v1/events", &line.to_string()));
}

#[test]
fn a_campaign_and_whom_it_got_into() {
    let api = Api::start();
    assert_eq!(good(api.of("reader").get("/v1/campaigns"))["campaigns"].as_array().unwrap().len(), 0);
    for number in 0..12 {
        tell(&api, number, if number % 4 == 1 { "succeeded" } else { "failed" });
    }
    let check = |api: &Api| {
        let mut reader = api.of("reader");
        let all = good(reader.get("/v1/campaigns?limit=1"));
        let campaign = &all["campaigns"][0];
        assert_eq!(
            (&campaign["id"], &campaign["entered"], &campaign["tried"]),
            (&1.into(), &3.into(), &12.into()),
            "{all}"
        );
        assert!(all["next"].is_null() && campaign["status"] == "on", "{all}");
        assert!(campaign["text"].as_str().unwrap().contains("12名"), "{all}");
        let fingerprint = campaign["fingerprint"].to_string();
        assert!(fingerprint.contains("203.0.113.0"), "{fingerprint}");
        let whole = good(reader.get("/v1/campaigns/1?limit=2"));
        assert_eq!(whole["addresses"].as_array().unwrap().len(), 3, "{whole}");
        let mut entered = whole["customers"].as_array().unwrap().clone();
        assert_eq!((entered.len(), &whole["next"]), (2, &2.into()), "{whole}");
        let rest = good(reader.get("/v1/campaigns/1?limit=2&from=2"));
        entered.extend(rest["customers"].as_array().unwrap().clone());
        let mut names: Vec<_> = entered.iter().map(|each| each["customer"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["V1", "V5", "V9"], "those from before it was recognised, too");
        assert!(rest["next"].is_null() && entered.iter().all(|each| each["entered"].is_string()), "{rest}");
        let tried = good(reader.get("/v1/campaigns/1?customers=tried"));
        assert_eq!(tried["customers"].as_array().unwrap().len(), 12, "{tried}");
        assert_eq!(good(reader.get("/v1/customers/V1"))["campaign"], 1);
        assert!(good(reader.get("/v1/customers/V2"))["campaign"].is_null());
    };
    check(&api);
    let api = api.killed();
    check(&api);
    let api = api.restarted(&[]);
    check(&api);
    let mut reader = api.of("reader");
    refused(reader.get("/v1/campaigns/2"), 404);
    for path in [
        "/v1/campaigns/x",
        "/v1/campaigns?limit=0",
        "/v1/campaigns/1?customers=all",
        "/v1/campaigns/1?limit=0",
    ] {
        refused(reader.get(path), 400);
    }
    refused(api.of("sender").get("/v1/campaigns"), 403);
}
