//! The demo as the README promises it: it ends by itself, decides the same every time, and stays when asked to.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::http::Connection;
use crate::process::{BINARY, Place, run, stderr};

const SMALL: [&str; 6] = ["-q", "demo", "--customers", "200", "--live-customers", "400"];

/// The lines it prints to be pasted work as they are, but for the port, which another test may have taken meanwhile.
#[test]
fn what_it_says_to_try_works() {
    let place = Place::new();
    let done = run(&[SMALL.as_slice(), &["--out", &place.text("demo")]].concat());
    assert!(done.status.success(), "{}", stderr(&done));
    let text = String::from_utf8(done.stdout).unwrap();
    let pasted =
        |start: &str| text.lines().map(str::trim).filter(|line| line.starts_with(start)).collect::<Vec<_>>();
    let [start]: [&str; 1] = pasted("sekisho serve").try_into().unwrap();
    let words: Vec<&str> = start.split(' ').skip(1).collect();
    let at = words[words.iter().position(|word| *word == "--listen").unwrap() + 1];
    let mut command = Command::new(BINARY);
    command.args(words.iter().map(|word| if *word == at { "127.0.0.1:0" } else { *word }));
    let server = crate::serve::Server::spawn(command);
    let curls = pasted("curl");
    assert!(curls.len() >= 4, "{text}");
    for curl in curls {
        let (_, path) = curl.split_once(&format!("http://{at}")).unwrap();
        let key = curl.split_once("-H @").map(|(_, rest)| rest.split(' ').next().unwrap());
        let header = key.map(|key| std::fs::read_to_string(key).unwrap());
        let key = header.as_deref().and_then(|header| header.trim().strip_prefix("Authorization: Bearer "));
        let mut connection = server.connect(key.unwrap_or("none"));
        let body = curl.split_once("--data '").map(|(_, rest)| rest.split('\'').next().unwrap());
        let answer = match body {
            Some(body) => connection.post(path, body),
            None => connection.get(path),
        };
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{curl}: {answer:?}");
    }
}

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
