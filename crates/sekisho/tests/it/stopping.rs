//! Ctrl-C: the run ends, says so, and leaves nothing behind. Every such run here waits for its standard input when the signal
//! comes, so that no test depends on how fast the machine is. A server that is stopped under load answers all that it accepted.

use std::io::Write as _;
use std::process::{Child, Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::process::{Place, listed, start, stderr};
use crate::serve::{Server, event, key, metric};

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

/// SIGTERM comes while questions do: whatever the journal took was answered, and the end is an orderly one.
#[test]
fn a_server_under_load_that_is_stopped_answers_all_that_it_accepted() {
    const SENDERS: usize = 6;
    let place = Place::new();
    let key = key(&place, "sender");
    let mut answered: Vec<(String, String)> = Vec::new();
    for round in 0..3 {
        let server = Server::start(&place, &[]);
        let count = AtomicUsize::new(0);
        let (of_round, ended) = std::thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|sender| {
                    let (mut connection, count) = (server.connect(&key), &count);
                    scope.spawn(move || {
                        let mut answered = Vec::new();
                        for number in 0.. {
                            let id = format!("l-{round}-{sender}-{number}");
                            let body = event(&id, "login", &format!("C{sender}"), "192.0.2.7");
                            // Where the connection is closed instead, nothing was taken.
                            let Ok(answer) = connection.post("/v1/decide", &body) else { break };
                            assert_eq!(answer.status, 200, "{answer:?}");
                            answered.push((body, answer.body));
                            count.fetch_add(1, Ordering::SeqCst);
                        }
                        answered
                    })
                })
                .collect();
            while count.load(Ordering::SeqCst) < 200 {
                std::thread::yield_now();
            }
            let ended = server.stop();
            let answered: Vec<_> = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
            (answered, ended)
        });
        assert_eq!(ended, Some(0));
        assert!(of_round.len() >= 200);
        answered.extend(of_round);
    }
    let server = Server::start(&place, &[]);
    let mut connection = server.connect(&key);
    let taken = u64::try_from(answered.len()).unwrap();
    assert_eq!(metric(&mut connection, "sekisho_journal_seq"), taken + 1, "each question, and the policy");
    for (body, answer) in &answered {
        assert_eq!(&connection.post("/v1/decide", body).unwrap().body, answer);
    }
    assert_eq!(server.stop(), Some(0));
}
