//! History into the state: known at the first decision, taken once, whole or not at all.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::process::{BINARY, Place, run, run_limited, stderr};
use crate::serve::{Server, event, key};

fn bootstrap(place: &Place, data: &str, history: &str) -> (Output, Value) {
    let ended = run(&["-q", "bootstrap", "--history", history, "--data", &place.text(data), "--json"]);
    let told = serde_json::from_slice(&ended.stdout).unwrap_or_default();
    (ended, told)
}

fn verify(place: &Place, data: &str) -> String {
    let ended = run(&["state", "verify", "--data", &place.text(data)]);
    let told = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success(), "{told}{}", stderr(&ended));
    told
}

/// The customer of the first procedure.
fn somebody(place: &Place) -> String {
    let text = std::fs::read_to_string(place.path("brokerage/procedures.csv")).unwrap();
    let mut lines = text.lines();
    let column = lines.next().unwrap().split(',').position(|name| name == "customer").unwrap();
    lines.next().unwrap().split(',').nth(column).unwrap().to_owned()
}

#[test]
fn the_first_decision_knows_the_year() {
    let place = Place::new();
    place.simulate();
    let history = place.text("brokerage/history");
    let (ended, told) = bootstrap(&place, "data", &history);
    assert!(ended.status.success(), "{}", stderr(&ended));
    let events = told["events"].as_u64().unwrap();
    assert!(events > 1_000 && told["refused"] == 0, "{told}");
    assert!(verify(&place, "data").contains("the base is the bootstrap as of input 1"));

    let customer = somebody(&place);
    let keys = ["sender", "reader", "operator", "admin"].map(|role| key(&place, role));
    let server = Server::start(&place, &[]);
    let known = server.connect(&keys[1]).get(&format!("/v1/customers/{customer}")).unwrap().json();
    assert!(known["logins"].as_u64().unwrap() > 3, "{known}");
    assert!(
        known["addresses"].as_array().unwrap().iter().any(|seen| seen["days"].as_u64() > Some(1)),
        "{known}"
    );
    let asked = event("w-1", "withdrawal", &customer, "203.0.113.9");
    let decided = server.connect(&keys[0]).post("/v1/decide", &asked).unwrap().json();
    assert_ne!(decided["decision"], "allow", "{decided}");
    let audit = server.connect(&keys[3]).get("/v1/audit").unwrap().json();
    assert!(audit["acts"].as_array().unwrap().iter().any(|act| act["act"] == "bootstrap"), "{audit}");
    // What replays the journal begins with the bootstrap, beside a running server too.
    let explained = run(&["-q", "policy", "explain", "w-1", "--data", &place.text("data"), "--json"]);
    assert!(explained.status.success(), "{}", stderr(&explained));
    let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!((&explained["base"]["from"], &explained["score"]), (&"bootstrap".into(), &decided["score"]));
    server.kill();
    let server = Server::start(&place, &[]);
    let again = server.connect(&keys[1]).get(&format!("/v1/customers/{customer}")).unwrap().json();
    assert_eq!(again["logins"], known["logins"]);
    assert_eq!(server.stop(), Some(0));
    assert!(verify(&place, "data").contains(" 0 differ"));

    // Repeated, nothing is taken; what this server wrote is not either.
    for history in [history.as_str(), &place.text("data/history")] {
        let (ended, told) = bootstrap(&place, "data", history);
        assert!(ended.status.success(), "{}", stderr(&ended));
        assert_eq!((&told["files"], &told["events"]), (&0.into(), &0.into()), "{told}");
        assert!(!told["skipped"].as_array().unwrap().is_empty(), "{told}");
    }
    assert!(verify(&place, "data").contains(" 0 differ"));
}

/// Two histories, one after the other.
fn halves(place: &Place) -> [String; 2] {
    let half = |name: &str, from: &str, to: &str| {
        let events = place.path(name);
        let line = |id: u32, time: &str| {
            format!(
                "{{\"id\":\"{name}-{id}\",\"time\":\"{time}T00:{:02}:{:02}Z\",\"kind\":\"login\",\"customer\":\"C{}\",\
                 \"client\":{{\"ip\":\"192.0.2.{}\"}},\"outcome\":\"succeeded\"}}\n",
                id / 60 % 60,
                id % 60,
                id % 500,
                id % 250
            )
        };
        let lines: String = (0..2_000).map(|id| line(id, if id < 1_000 { from } else { to })).collect();
        let log = place.write(&format!("{name}.ndjson"), lines);
        let done = run(&["-q", "import", "--format", "ndjson", "--out", events.to_str().unwrap(), &log]);
        assert!(done.status.success(), "{}", stderr(&done));
        events.to_str().unwrap().to_owned()
    };
    [half("earlier", "2025-01-01", "2025-02-01"), half("later", "2025-03-01", "2025-04-01")]
}

#[test]
fn a_bootstrap_that_cannot_end_leaves_the_records_as_they_were() {
    let place = Place::new();
    let [earlier, later] = halves(&place);
    assert!(bootstrap(&place, "data", &earlier).0.status.success());
    // No file may grow beyond 32 KiB: the transaction cannot be written.
    let data = place.text("data");
    let full = run_limited(32, &["-q", "bootstrap", "--history", &later, "--data", &data]);
    assert_eq!(full.status.code(), Some(1), "{}", stderr(&full));
    assert!(verify(&place, "data").contains(" 0 differ"));
    let (ended, told) = bootstrap(&place, "data", &later);
    assert!(ended.status.success(), "{}", stderr(&ended));
    assert_eq!(told["events"], 2_000);
    let both = bootstrap(&place, "both", &earlier).1["records"].as_u64().unwrap();
    assert!(told["records"].as_u64().unwrap() >= both, "{told}");
    assert!(verify(&place, "data").contains(" 0 differ"));
}

#[test]
fn a_killed_bootstrap_is_simply_begun_again() {
    let place = Place::new();
    let [earlier, later] = halves(&place);
    let whole = bootstrap(&place, "whole", &earlier).1;
    for wanted in ["journal.db", "state.db", "state.db-wal", "bootstrap.db.new", "bootstrap.db"] {
        let data = place.text("data");
        let mut child = std::process::Command::new(BINARY)
            .args(["-q", "bootstrap", "--history", &earlier, "--data", &data])
            .spawn()
            .unwrap();
        // Killed as soon as the file is there, or when it is over.
        while !Path::new(&data).join(wanted).exists() && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        let _over_already = child.kill();
        child.wait().unwrap();
        let (ended, told) = bootstrap(&place, "data", &earlier);
        assert!(ended.status.success(), "{wanted}: {}", stderr(&ended));
        let events = told["events"].as_u64().unwrap();
        assert!(events == 0 || told["records"] == whole["records"], "{wanted}: {told}");
        assert!(verify(&place, "data").contains(" 0 differ"), "{wanted}");
        let (ended, told) = bootstrap(&place, "data", &later);
        assert!(ended.status.success() && told["events"] == 2_000, "{wanted}: {told}");
        std::fs::remove_dir_all(&data).unwrap();
    }
}

/// Who has a past in the bootstrapped history only is not a stranger to the re-examination of every day.
#[test]
fn the_daily_examination_reads_what_was_bootstrapped() {
    let place = Place::new();
    let lines: String = (2..90)
        .map(|days| {
            format!(
                "{{\"id\":\"l-{days}\",\"time\":\"{}\",\"kind\":\"login\",\"customer\":\"C1\",\
                 \"client\":{{\"ip\":\"192.0.2.7\",\"device\":\"d-C1\"}},\"outcome\":\"succeeded\"}}\n",
                crate::serve::days_ago(days)
            )
        })
        .collect();
    let log = place.write("past.ndjson", lines);
    let imported = run(&["-q", "import", "--format", "ndjson", "--out", &place.text("past"), &log]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    assert!(bootstrap(&place, "data", &place.text("past")).0.status.success());
    let [sender, operator] = ["sender", "operator"].map(|role| key(&place, role));
    let server = Server::start(&place, &[]);
    let change = event("b-1", "bank_account.change", "C1", "192.0.2.7");
    assert_eq!(server.connect(&sender).post("/v1/events", &change).unwrap().status, 200);
    let examine = || {
        let mut connection = server.connect(&operator);
        for _ in 0..600 {
            std::thread::sleep(std::time::Duration::from_millis(100));
            let asked = connection.post("/v1/findings/examine", "").unwrap();
            if asked.status != 202 {
                continue;
            }
            let path = format!("/v1/sweeps/{}", asked.json()["id"]);
            for _ in 0..600 {
                let sweep = connection.get(&path).unwrap().json();
                assert_ne!(sweep["state"], "failed", "{sweep}");
                if sweep["state"] == "done" {
                    // The server's own history is seconds behind.
                    if sweep["summary"]["procedures"]["count"] == 1 {
                        return sweep["findings"][0].clone();
                    }
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        }
        panic!("nothing was examined: {}", server.told());
    };
    let found = examine();
    assert_eq!(found["verdict"], "clear", "{found}");
    assert!(!server.told().contains("history_gone"), "{}", server.told());
    std::fs::rename(place.path("past"), place.path("elsewhere")).unwrap();
    let found = examine();
    assert_ne!(found["verdict"], "clear", "{found}");
    assert!(server.told().contains("daily.history_gone"), "{}", server.told());
    assert_eq!(server.stop(), Some(0));

    // Named again from where it is now, it is taken no second time, and is read.
    let (ended, told) = bootstrap(&place, "data", &place.text("elsewhere"));
    assert!(ended.status.success(), "{}", stderr(&ended));
    assert_eq!(told["files"], 0, "{told}");
    let kept = std::fs::read_to_string(place.path("data/bootstrapped.json")).unwrap();
    assert!(kept.contains("elsewhere") && !kept.contains("past"), "{kept}");
}
