//! The demo as the README promises it: it ends by itself, decides the same every time, and stays when asked to.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::http::Connection;
use crate::process::{BINARY, Place, run, stderr};

const SMALL: [&str; 6] = ["-q", "demo", "--customers", "200", "--live-customers", "400"];

/// What it said of decisions: how long something took differs from run to run.
fn decisions(place: &Place, out: &str) -> Vec<String> {
    let done = run(&[SMALL.as_slice(), &["--out", &place.text(out)]].concat());
    assert!(done.status.success(), "{}", stderr(&done));
    let text = String::from_utf8(done.stdout).unwrap();
    let said = text.lines().filter(|line| {
        ["  2020-", "asked by", "customers ", "attackers "].iter().any(|start| line.starts_with(start))
    });
    said.map(str::to_owned).collect()
}

#[test]
fn it_ends_by_itself_and_decides_the_same_every_time() {
    let place = Place::new();
    let first = decisions(&place, "demo");
    assert!(first.iter().any(|line| line.contains("It was an attacker")), "{first:?}");
    assert_eq!(first, decisions(&place, "other"));
    assert_eq!(first, decisions(&place, "demo"), "an earlier demo is replaced");
}

#[test]
fn it_stays_when_asked_to() {
    let place = Place::new();
    let mut command = Command::new(BINARY);
    command.args(SMALL).args(["--stay", "--out", &place.text("demo")]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let stays = lines.into_iter().find_map(|line| Some(line.split_once("stays at http://")?.1.to_owned()));
    let address = stays.as_deref().and_then(|rest| rest.split(';').next()).unwrap().to_owned();
    assert_eq!(Connection::open(&address, "none").unwrap().get("/readyz").unwrap().status, 200);
    let again = run(&[SMALL.as_slice(), &["--out", &place.text("demo")]].concat());
    assert!(!again.status.success(), "its data is not taken away under a running server");
    let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(asked.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
