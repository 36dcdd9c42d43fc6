//! Ctrl-C: the run ends, says so, and leaves nothing behind. Every run here waits for its standard input when the signal
//! comes, so that no test depends on how fast the machine is.

use std::io::Write as _;
use std::process::{Child, Command, Output};

use crate::process::{Place, listed, start, stderr};

/// Sends what Ctrl-C sends, and waits. Standard input stays open and silent.
fn interrupted(mut child: Child) -> Output {
    let sent = Command::new("bash").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(sent.success());
    let stdin = child.stdin.take();
    let ended = child.wait_with_output().unwrap();
    drop(stdin);
    ended
}

fn check(ended: &Output, place: &Place) {
    let told = stderr(ended);
    assert_eq!(ended.status.code(), Some(130), "{told}");
    assert!(told.contains("stopped on request"), "{told}");
    assert_eq!(listed(&place.path("out")), Vec::<String>::new());
}

/// Starts a run, writes the beginning of its input, and waits until it has begun to make its output.
fn begun(place: &Place, arguments: &[String], input: &[u8]) -> Child {
    let mut child = start(arguments);
    child.stdin.as_mut().unwrap().write_all(input).unwrap();
    for _ in 0..6_000 {
        if !listed(&place.path("out")).is_empty() {
            return child;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("no output was begun within a minute");
}

#[test]
fn an_import_that_waits_for_more() {
    let place = Place::new();
    let arguments = ["import", "--format", "ndjson", "--out", &place.text("out"), "-"].map(str::to_owned);
    let line = "{\"id\":\"1\",\"time\":\"2020-09-16T15:00:00Z\",\"kind\":\"login\",\"customer\":\"C1\",\
                \"client\":{\"ip\":\"192.0.2.1\"},\"outcome\":\"failed\"}\n";
    let input = line.repeat(20_000);
    let child = begun(&place, &arguments, input.as_bytes());
    check(&interrupted(child), &place);
}

#[test]
fn a_sweep_that_waits_for_its_procedures() {
    let place = Place::new();
    place.simulate();
    let child = begun(&place, &place.sweep("-"), b"id,customer,time,kind,ip\n");
    check(&interrupted(child), &place);
}

#[test]
fn a_simulation_under_way() {
    let place = Place::new();
    // Large enough that no machine is done before the signal comes.
    let out = place.text("out");
    let arguments = ["lab", "simulate", "--customers", "1000000", "--out", &out].map(str::to_owned);
    let child = begun(&place, &arguments, b"");
    check(&interrupted(child), &place);
}
