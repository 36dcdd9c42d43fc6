//! A disk that stalls, over real HTTP: who asks is told in time, and nothing is lost. The stall is a library loaded before the C library, whose
//! `fdatasync` waits as long as a file is there: the server is the one that is shipped.

use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::http::Answer;
use crate::process::{BINARY, Place};
use crate::proof::withdrawal;
use crate::serve::{Server, event, key, metric};

const SLOW: &str = r#"
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int fdatasync(int file) {
    const char *stall = getenv("STALL");
    while (stall && access(stall, F_OK) == 0) usleep(1000);
    return (int)syscall(SYS_fdatasync, file);
}
"#;

/// A server whose disk stalls while the file `stall` is there.
fn slow_server(place: &Place) -> Server {
    let (source, library) = (place.write("slow.c", SLOW), place.text("slow.so"));
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o", &library, &source]).output().unwrap();
    assert!(compiled.status.success(), "{}", crate::process::stderr(&compiled));
    let mut command = Command::new(BINARY);
    command.args(["serve", "--data", &place.text("data"), "--listen", "127.0.0.1:0"]);
    command.env("LD_PRELOAD", library).env("STALL", place.text("stall"));
    Server::spawn(command)
}

fn late(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.headers.contains("retry-after: 5"), "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["type"], "urn:sekisho:problem:late", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("disk"), "{problem}");
}

#[test]
fn who_asks_while_the_disk_stalls_is_told_so_in_time_and_answered_later() {
    let place = Place::new();
    let key = key(&place, "sender");
    let server = slow_server(&place);
    let mut sender = server.connect(&key);
    assert_eq!(sender.post("/v1/decide", &event("l-0", "login", "C1", "192.0.2.7")).unwrap().status, 200);
    let challenge = withdrawal("C1").to_string();
    let made = sender.post("/v1/challenges", &challenge).unwrap();
    assert_eq!(made.status, 201, "{made:?}");
    let made = format!("/v1/challenges/{}", made.json()["id"].as_str().unwrap());
    place.write("stall", "");
    let (question, fact) =
        (event("l-1", "login", "C1", "192.0.2.7"), event("l-2", "login", "C2", "192.0.2.8"));
    // Decisions and facts after ten seconds; what is kept for proofs, looked at or added to, when the whole request is over.
    let requests = [
        ("POST", "/v1/decide", &*question),
        ("POST", "/v1/events", &*fact),
        ("GET", &*made, ""),
        ("POST", "/v1/challenges", &*challenge),
    ];
    std::thread::scope(|scope| {
        let answers = requests.map(|(method, path, body)| {
            let (to, answer) = mpsc::channel();
            let mut sender = server.connect(&key);
            scope.spawn(move || to.send(sender.send(method, path, &[], body)));
            answer
        });
        // Without a bound they would wait as long as the disk does.
        let came = answers.map(|answer| answer.recv_timeout(Duration::from_secs(120)));
        if came.iter().any(Result::is_err) {
            std::fs::remove_file(place.path("stall")).unwrap();
        }
        for answer in came {
            late(&answer.unwrap().unwrap());
        }
    });
    assert_eq!(sender.get("/healthz").unwrap().status, 200);
    assert_eq!(sender.get("/readyz").unwrap().status, 503);
    assert!(metric(&mut sender, "sekisho_commit_age_seconds") >= 10);

    std::fs::remove_file(place.path("stall")).unwrap();
    let again = sender.post("/v1/decide", &question).unwrap();
    assert_eq!(again.status, 200, "{again:?}");
    assert!(again.headers.contains("idempotent-replayed: true"), "what was sent counts: {again:?}");
    let fact: Value = sender.post("/v1/events", &fact).unwrap().json();
    assert_eq!((&fact["accepted"], &fact["repeated"]), (&0.into(), &1.into()), "{fact}");
    assert_eq!(sender.get("/readyz").unwrap().status, 200);
    assert_eq!(metric(&mut sender, "sekisho_journal_seq"), 4, "the policy and each event, once");
    assert_eq!(server.stop(), Some(0));
}
