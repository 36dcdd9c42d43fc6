//! The load generator against a real server: everything is answered and counted, and what cannot work is said at once.

use std::process::{Command, Output, Stdio};

use crate::process::{BINARY, Place, stderr};
use crate::serve::{Server, key, metric};

/// `lab load` with the key in the environment.
fn load(key: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["-q", "lab", "load"]).args(arguments).env("SEKISHO_KEY", key).stdin(Stdio::null());
    command.output().unwrap()
}

#[test]
fn every_request_is_answered_and_counted() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let key = key(&place, "sender");
    let url = format!("http://{}", server.address);
    for pace in [["--rate", "2000"].as_slice(), &["--flat-out"]] {
        let bounds =
            ["--url", &url, "--requests", "300", "--connections", "7", "--customers", "20", "--json"];
        let done = load(&key, &[pace, &bounds].concat());
        assert!(done.status.success(), "{}", stderr(&done));
        let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!((&told["sent"], &told["answered"], &told["lost"]), (&300.into(), &300.into(), &0.into()));
        assert_eq!(told["statuses"]["200"], 300, "{told}");
        let decisions = told["decisions"].as_object().unwrap().values();
        assert_eq!(decisions.map(|count| count.as_u64().unwrap()).sum::<u64>(), 300, "{told}");
        assert!(told["latency"]["p50_us"].as_u64() <= told["latency"]["max_us"].as_u64());
    }
    let mut connection = server.connect(&key);
    assert_eq!(metric(&mut connection, "sekisho_inputs_total"), 600, "identifiers are of one run only");
    let refused = load("sekisho_unknown", &["--url", &url, "--flat-out"]);
    assert!(stderr(&refused).contains("status 401"), "{}", stderr(&refused));
    server.stop();
    let gone = load(&key, &["--url", &url, "--flat-out"]);
    assert!(stderr(&gone).contains("sekisho serve"), "{}", stderr(&gone));
}

#[test]
fn what_cannot_work_is_said_at_once() {
    for (key, arguments, said) in [
        ("k", ["--url", "https://127.0.0.1:1", "--flat-out"].as_slice(), "terminate TLS in front"),
        ("k", &["--url", "http://192.0.2.1:1", "--flat-out"], "--allow-remote"),
        ("", &["--flat-out"], "is no key"),
        ("k", &["--flat-out", "--connections", "0"], "1 to 1024"),
        ("k", &[], "--rate"),
    ] {
        let refused = load(key, arguments);
        assert!(!refused.status.success());
        assert!(stderr(&refused).contains(said), "{said}: {}", stderr(&refused));
    }
}
