//! Replay as a user meets it: the same decisions over HTTP and without, repeated without effect, through a server's death, and
//! stopped half-way.

use std::collections::BTreeMap;
use std::process::{Child, Command, Output, Stdio};

use crate::process::{BINARY, Place, run, stderr};
use crate::serve::{Server, YESTERDAY, event, key, metric};

/// When the last days of the simulated brokerage begin.
const ASK_FROM: &str = "2020-08-20T00:00:00+09:00";

fn command(key: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["-q", "replay", "--json"]).args(arguments).env("SEKISHO_KEY", key);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn replay(key: &str, arguments: &[&str]) -> (Output, serde_json::Value) {
    let done = command(key, arguments).output().unwrap();
    let summary = serde_json::from_slice(&done.stdout);
    let summary = summary.unwrap_or_else(|error| panic!("{error}: {}", stderr(&done)));
    (done, summary)
}

/// The lines of `--decisions` by the event's identifier.
fn decisions(path: &str) -> BTreeMap<String, serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.map(|line| (line.get("id").and_then(|id| id.as_str()).unwrap().to_owned(), line)).collect()
}

#[test]
fn a_server_and_a_data_folder_decide_the_same_and_a_second_time_changes_nothing() {
    let place = Place::new();
    place.simulate();
    let (history, intel) = (place.text("brokerage/history"), place.text("brokerage/intel"));
    let [here, there] = ["here", "there"].map(|name| place.text(name));
    let what = ["--facts-until", ASK_FROM, "--ask", "all", "--decisions"];
    let local = [&[history.as_str()], what.as_slice(), &[&here, "--local", "--intel", &intel]].concat();
    let (done, locally) = replay("", &local);
    assert!(done.status.success(), "{}", stderr(&done));

    let server = Server::start(&place, &["--intel", &intel, "--ask-days", "0"]);
    let key = key(&place, "sender");
    let url = format!("http://{}", server.address);
    let remote = [&[history.as_str()], what.as_slice(), &[&there, "--against", &url]].concat();
    let (done, remotely) = replay(&key, &remote);
    assert!(done.status.success(), "{}", stderr(&done));
    for same in ["facts", "asked", "decisions", "rules", "first", "last", "refused"] {
        assert_eq!(locally[same], remotely[same], "{same}");
    }
    let decided = decisions(&here);
    assert_eq!(u64::try_from(decided.len()).unwrap(), locally["asked"].as_u64().unwrap());
    assert!(decided.values().any(|each| each["decision"] != "allow"));
    assert_eq!(decided, decisions(&there));

    let mut connection = server.connect(&key);
    let before = metric(&mut connection, "sekisho_journal_seq");
    // More connections change the order, but not what was decided before.
    let again = [remote.as_slice(), &["--connections", "4"]].concat();
    let (done, repeated) = replay(&key, &again);
    assert!(done.status.success(), "{}", stderr(&done));
    let events = repeated["facts"].as_u64().unwrap() + repeated["asked"].as_u64().unwrap();
    assert_eq!((repeated["repeated"].as_u64().unwrap(), &repeated["rules"]), (events, &remotely["rules"]));
    assert_eq!(metric(&mut connection, "sekisho_journal_seq"), before);
    assert_eq!(decided, decisions(&there));
    server.stop();
}

#[test]
fn what_is_not_taken_is_listed_by_file_and_line() {
    let place = Place::new();
    let ahead = event("3", "login", "C3", "192.0.2.7").replace(&*YESTERDAY, "2999-01-05T10:00:00+09:00");
    let conflict = event("1", "login", "C1", "192.0.2.8");
    let lines = [event("1", "login", "C1", "192.0.2.7"), "{\"id\":2}".to_owned(), ahead, conflict];
    let file = place.write("events.ndjson", lines.join("\n"));
    let check = |done: Output, summary: serde_json::Value| {
        assert_eq!(done.status.code(), Some(3), "{}", stderr(&done));
        assert_eq!((&summary["facts"], &summary["refused"]), (&1.into(), &3.into()), "{summary}");
        assert_eq!(summary["problems"], serde_json::json!({"id-conflict": 1, "invalid-event": 2}));
        let lines: Vec<_> =
            summary["refused_listed"].as_array().unwrap().iter().map(|each| &each["line"]).collect();
        assert_eq!(lines, [2, 3, 4]);
    };
    let (done, summary) = replay("", &[&file, "--local"]);
    check(done, summary);
    let server = Server::start(&place, &[]);
    let key = key(&place, "sender");
    let (done, summary) = replay(&key, &[&file, "--against", &format!("http://{}", server.address)]);
    check(done, summary);
    let told = run(&["-q", "replay", &file, "--local"]);
    assert!(stderr(&told).contains(&format!("{file}:2: ")), "{}", stderr(&told));
    server.stop();
}

#[test]
fn options_that_would_do_nothing_are_refused() {
    let remote = ["--against", "http://127.0.0.1:1"];
    for option in [["--connections", "17"], ["--key-file", "key"]] {
        let told = stderr(&run(&[&["replay", "x.ndjson", "--local"], &option[..]].concat()));
        assert!(told.contains("cannot be used with"), "{option:?}: {told}");
    }
    for option in [["--intel", "intel"], ["--policy", "policy.toml"], ["--data", "data"]] {
        let told = stderr(&run(&[&["replay", "x.ndjson"], &remote[..], &option[..]].concat()));
        assert!(told.contains("cannot be used with"), "{option:?}: {told}");
    }
}

/// `count` events, a second apart.
fn many(place: &Place, count: u32) -> String {
    let lines = (0..count).map(|number| {
        let time = YESTERDAY.parse::<model::Time>().unwrap().plus_us(i64::from(number) * 1_000_000);
        event(&format!("e-{number}"), "withdrawal", "C1", "192.0.2.7").replace(&*YESTERDAY, &time.to_string())
    });
    place.write("many.ndjson", lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn no_event_comes_before_it_is_due() {
    let place = Place::new();
    let file = many(&place, 31);
    for pace in [["--rate", "100"], ["--speed", "100"]] {
        let (_, summary) = replay("", &[[file.as_str(), "--local"], pace].concat());
        assert_eq!(summary["asked"], 31);
        assert!(summary["seconds"].as_f64().unwrap() >= 0.3, "{summary}");
    }
}

fn begun(server: &Server, key: &str, file: &str) -> Child {
    let url = format!("http://{}", server.address);
    let child = command(key, &[file, "--against", &url, "--rate", "50"]).spawn().unwrap();
    let mut connection = server.connect(key);
    while metric(&mut connection, "sekisho_inputs_total") < 5 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child
}

/// What was acknowledged is not told twice, what was not is told again.
#[test]
fn a_server_may_die_and_come_back_meanwhile() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let key = key(&place, "sender");
    let child = begun(&server, &key, &many(&place, 60));
    let address = server.address.clone();
    server.kill();
    let mut again = Command::new(BINARY);
    again.args(["serve", "--data", &place.text("data"), "--listen", &address]);
    let server = Server::spawn(again);
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", stderr(&ended));
    let summary: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(summary["asked"], 60);
    let mut connection = server.connect(&key);
    assert_eq!(metric(&mut connection, "sekisho_journal_seq"), 61, "every event once, and the policy");
    server.stop();
}

#[test]
fn a_stopped_replay_tells_what_it_did() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let key = key(&place, "sender");
    // At its rate it would take an hour.
    let child = begun(&server, &key, &many(&place, 3_600));
    let stopped = Command::new("bash").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(stopped.success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{}", stderr(&ended));
    let summary: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(summary["stopped"], true);
    assert!((1..3_600).contains(&summary["asked"].as_u64().unwrap()), "{summary}");
    server.stop();
}
