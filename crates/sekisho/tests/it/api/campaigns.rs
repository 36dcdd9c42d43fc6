//! Campaigns: recognised from what is told, listed with whom they got into, the same after a crash.

use super::{Api, ROLES, event, good, refused};
use crate::process::{Place, run, stderr};
use crate::serve::{Server, YESTERDAY, days_ago, key};

/// A login of a customer from one of three addresses with one client: every fourth gets in.
fn login(number: usize) -> serde_json::Value {
    let ip = format!("203.0.113.{}", number % 3 + 1);
    let line = event(&format!("g-{number}"), "login", &format!("V{number}"), &ip);
    let mut line: serde_json::Value = serde_json::from_str(&line).unwrap();
    line["outcome"] = if number % 4 == 1 { "succeeded" } else { "failed" }.into();
    line["client"]["user_agent"] = "Stuffer/1.0".into();
    line["client"]["device"] = format!("made-up-{number}").into();
    line
}

#[test]
fn a_campaign_and_whom_it_got_into() {
    let api = Api::start();
    assert_eq!(good(api.of("reader").get("/v1/campaigns"))["campaigns"].as_array().unwrap().len(), 0);
    for number in 0..12 {
        good(api.of("sender").post("/v1/events", &login(number).to_string()));
    }
    let check = |api: &Api| {
        let mut reader = api.of("reader");
        let all = good(reader.get("/v1/campaigns?limit=1"));
        let campaign = &all["campaigns"][0];
        assert_eq!(
            (&campaign["id"], &campaign["entered"], &campaign["tried_about"]),
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

/// The same attack in a history of last month: whoever goes live finds it, with whom it got into.
#[test]
fn a_campaign_of_the_past_is_known_when_its_history_was_taken() {
    let place = Place::new();
    let month_ago = days_ago(30);
    let at = |number: usize| {
        let minutes = i64::try_from(number).unwrap() * 60_000_000;
        month_ago.parse::<model::Time>().unwrap().plus_us(minutes).to_string()
    };
    let mut lines: String =
        (0..12).map(|number| login(number).to_string().replace(&*YESTERDAY, &at(number)) + "\n").collect();
    // A quiet week later it is over.
    let quiet = event("q-1", "login", "C1", "198.51.100.7").replace(&*YESTERDAY, &at(7 * 24 * 60));
    lines.push_str(&(quiet + "\n"));
    let log = place.write("attack.ndjson", lines);
    let (history, data) = (place.text("history"), place.text("data"));
    for arguments in [
        vec!["-q", "import", "--format", "ndjson", "--out", &history, &log],
        vec!["-q", "bootstrap", "--history", &history, "--data", &data],
    ] {
        let ended = run(&arguments);
        assert!(ended.status.success(), "{}", stderr(&ended));
    }
    let keys = ROLES.map(|role| key(&place, role));
    let server = Server::start(&place, &[]);
    let api = Api { place, server, keys };
    let mut reader = api.of("reader");
    let all = good(reader.get("/v1/campaigns"));
    let campaign = &all["campaigns"][0];
    assert_eq!((&campaign["entered"], &campaign["tried_about"]), (&3.into(), &12.into()), "{all}");
    assert_eq!((&campaign["status"], &campaign["first"]), (&"over".into(), &at(0).into()), "{all}");
    let id = &campaign["id"];
    let whole = good(reader.get(&format!("/v1/campaigns/{id}")));
    let entered = whole["customers"].as_array().unwrap().iter();
    let mut names: Vec<_> = entered.map(|each| each["customer"].as_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    assert_eq!(names, ["V1", "V5", "V9"], "{whole}");
    assert_eq!(&good(reader.get("/v1/customers/V5"))["campaign"], id);
    // And the first decision about one of them sees it.
    let asked = event("b-1", "bank_account.change", "V5", "198.51.100.9");
    let decided = good(api.of("sender").post("/v1/decide", &asked));
    assert!(decided["reasons"].to_string().contains("change_in_a_campaign"), "{decided}");
    for query in ["", "?customer=V5"] {
        let held = good(api.of("operator").get(&format!("/v1/holds{query}")));
        assert_eq!((&held["holds"][0]["event"]["id"], &held["holds"][0]["campaign"]), (&"b-1".into(), id));
    }
    let api = api.restarted(&[]);
    assert_eq!(good(api.of("reader").get("/v1/campaigns")), all);
}
