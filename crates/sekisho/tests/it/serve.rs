//! The live server as a process: what it answers, what survives kill -9, and what a stop leaves behind.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use crate::export::{exported_ids, id_of};
use crate::http::{Answer, Connection};
use crate::process::{BINARY, Place, run, stderr};

/// Rounds of kill -9; `SEKISHO_KILL_ROUNDS` asks for more.
const KILL_ROUNDS: u64 = 6;

/// A server of a test's own, on a port of its own.
pub(crate) struct Server {
    running: Running,
    pub(crate) address: String,
    told: Arc<Mutex<String>>,
}

/// As what it runs.
enum Running {
    Process(Child),
    /// A thread of this process, by a clock of the test's: until it is dropped.
    Here(#[expect(dead_code, reason = "it is held")] crate::timed::Here),
}

impl Server {
    /// One in this process, which listens there.
    pub(crate) fn here(here: crate::timed::Here, address: String) -> Self {
        Self { running: Running::Here(here), address, told: Arc::default() }
    }

    pub(crate) fn start(place: &Place, arguments: &[&str]) -> Self {
        Self::start_on(&place.text("data"), arguments)
    }

    pub(crate) fn start_on(data: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--data", data, "--listen", "127.0.0.1:0"]).args(arguments);
        Self::spawn(command)
    }

    /// Where no file may grow beyond so many KiB: the error path of a full disk.
    fn start_limited(place: &Place, kib: u32) -> Self {
        let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script, "bash", BINARY, "serve", "--data", &place.text("data")]);
        command.args(["--listen", "127.0.0.1:0"]);
        Self::spawn(command)
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (told, mut address) = (Arc::new(Mutex::new(String::new())), None);
        while address.is_none() {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "it did not start: {}", told.lock().unwrap());
            address =
                line.split_once("http://").and_then(|(_, rest)| rest.split(',').next()).map(str::to_owned);
            told.lock().unwrap().push_str(&line);
        }
        // Whatever else it tells must not fill the pipe.
        let rest = Arc::clone(&told);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                rest.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Self { running: Running::Process(child), address: address.unwrap_or_default(), told }
    }

    pub(crate) fn connect(&self, key: &str) -> Connection {
        Connection::open(&self.address, key).unwrap()
    }

    /// What it told so far.
    pub(crate) fn told(&self) -> String {
        self.told.lock().unwrap().clone()
    }

    /// SIGTERM, and wait for the end.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let Running::Process(child) = &mut self.running else { return None };
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        child.wait().unwrap().code()
    }

    pub(crate) fn kill(mut self) {
        let Running::Process(child) = &mut self.running else { return };
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// A test that fails must not leave its server behind.
impl Drop for Server {
    fn drop(&mut self) {
        let Running::Process(child) = &mut self.running else { return };
        let _ended_already = child.kill();
        let _reaped = child.wait();
    }
}

/// An answer but for what it says of proof.
fn without_challenge(answer: &str) -> serde_json::Value {
    let mut answer: serde_json::Value = serde_json::from_str(answer).unwrap();
    answer.as_object_mut().unwrap().remove("challenge");
    answer
}

pub(crate) fn key(place: &Place, role: &str) -> String {
    key_of(place, role, role)
}

/// A key of somebody's own.
pub(crate) fn key_of(place: &Place, name: &str, role: &str) -> String {
    let made = run(&["key", "create", name, "--role", role, "--data", &place.text("data")]);
    assert!(made.status.success(), "{}", stderr(&made));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

/// When the events of these tests happen: questions must be about what is being done.
pub(crate) static YESTERDAY: LazyLock<String> = LazyLock::new(|| days_ago(1));

pub(crate) fn days_ago(days: u64) -> String {
    #[expect(clippy::disallowed_methods, reason = "the server has the wall clock too")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let us = now.as_micros() - u128::from(days) * 86_400_000_000;
    model::Time::from_us(i64::try_from(us).unwrap()).unwrap().to_string()
}

pub(crate) fn event(id: &str, kind: &str, customer: &str, ip: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"time\":\"{}\",\"kind\":\"{kind}\",\"customer\":\"{customer}\",\
         \"client\":{{\"ip\":\"{ip}\",\"device\":\"d-{customer}\"}},\"outcome\":\"succeeded\"}}",
        *YESTERDAY
    )
}

pub(crate) fn metric(connection: &mut Connection, name: &str) -> u64 {
    let text = connection.get("/metrics").unwrap().body;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

fn replayed(answer: &Answer) -> bool {
    answer.headers.contains("idempotent-replayed: true")
}

#[test]
fn asks_are_answered_once_and_bad_ones_get_problem_documents() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let mut sender = server.connect(&key(&place, "sender"));
    let withdrawal = event("w-1", "withdrawal", "C1", "192.0.2.7");
    let first = sender.post("/v1/decide", &withdrawal).unwrap();
    assert_eq!((first.status, replayed(&first)), (200, false), "{first:?}");
    let decision = first.json();
    assert_eq!(decision["decision"], "step_up");
    assert_eq!(decision["reasons"][0]["rule"], "money_needs_proof");
    assert!(decision["reasons"][0]["text"].as_str().unwrap().contains("出金"));
    let again = sender.post("/v1/decide", &format!(" {withdrawal} ")).unwrap();
    assert!(replayed(&again));
    assert_eq!(again.body, first.body);

    let other = sender.post("/v1/decide", &withdrawal.replace("192.0.2.7", "192.0.2.8")).unwrap();
    assert_eq!((other.status, other.json()["status"].as_u64()), (409, Some(409)));
    assert!(other.headers.contains("application/problem+json"), "{other:?}");
    for (body, status, said) in [
        (withdrawal.replace("device", "devise"), 422, "client.devise"),
        ("not json".to_owned(), 400, "not one JSON object"),
        (withdrawal.replace(&*YESTERDAY, "2099-01-05T10:00:00+09:00").replace("w-1", "w-2"), 422, "ahead"),
        (withdrawal.replace(&*YESTERDAY, &days_ago(401)).replace("w-1", "w-3"), 422, "400 days"),
        (withdrawal.replace(&*YESTERDAY, "1999-12-31T23:59:59Z").replace("w-1", "w-4"), 422, "2000-01-01"),
        (withdrawal.replacen('{', "{\"id\":\"w-1\",", 1), 422, "came twice"),
        (format!("[{}]", "x".repeat(70_000)), 413, "65536"),
    ] {
        let answer = server.connect(&sender_key(&sender)).post("/v1/decide", &body).unwrap();
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains(said), "{said}: {answer:?}");
    }
    for (encoding, status) in [("gzip", 415), ("identity", 200)] {
        let sent = sender.send("POST", "/v1/decide", &[("Content-Encoding", encoding)], &withdrawal).unwrap();
        assert_eq!(sent.status, status, "{sent:?}");
    }
    let fact = event("f-1", "login", "C1", "192.0.2.7");
    assert_eq!(sender.post("/v1/events", &fact).unwrap().json()["accepted"], 1);
    let asked = sender.post("/v1/decide", &fact).unwrap();
    assert_eq!(asked.status, 409, "a fact has no decision to be given again: {asked:?}");
    for (key, status) in [("", 401), ("sekisho_nonsense", 401), (key(&place, "reader").as_str(), 403)] {
        assert_eq!(server.connect(key).post("/v1/decide", &withdrawal).unwrap().status, status);
    }
    assert_eq!(sender.get("/nothing").unwrap().status, 404);
    assert_eq!(sender.get("/v1/decide").unwrap().status, 405);
    assert_eq!(sender.get("/readyz").unwrap().body, "ready\n");
    assert_eq!(metric(&mut sender, "sekisho_inputs_total"), 2);
    assert_eq!(server.stop(), Some(0));
}

fn sender_key(connection: &Connection) -> String {
    connection.key().to_owned()
}

#[test]
fn a_batch_takes_its_good_lines_and_lists_its_bad_ones() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let mut sender = server.connect(&key(&place, "sender"));
    let lines = [
        event("1", "login", "C1", "192.0.2.7"),
        "{\"id\":1}".to_owned(),
        event("2", "login", "C2", "192.0.2.7"),
        event("1", "login", "C1", "192.0.2.7"),
        event("2", "login", "C3", "192.0.2.7"),
    ];
    let result = sender.post("/v1/events", &lines.join("\n")).unwrap().json();
    assert_eq!((result["accepted"].as_u64(), result["repeated"].as_u64()), (Some(2), Some(1)), "{result}");
    let rejected: Vec<_> = result["rejected"].as_array().unwrap().iter().map(|each| &each["line"]).collect();
    assert_eq!(rejected, [2, 5]);
    let array = sender.post("/v1/events", &format!("[{},{}]", lines[0], lines[2])).unwrap().json();
    assert_eq!(array["repeated"], 2);
    let broken = sender.post("/v1/events", "[{").unwrap();
    assert_eq!(broken.status, 400);
    server.stop();
}

/// Facts make a past, and the past decides: a stranger's change and withdrawal is held, also after a restart.
#[test]
fn the_past_decides_and_survives_a_restart() {
    let place = Place::new();
    let key = key(&place, "sender");
    let server = Server::start(&place, &[]);
    let at = |line: String, time: &str| line.replace(&*YESTERDAY, time);
    let past: Vec<String> = (1..=28)
        .map(|day| at(event(&format!("l-{day}"), "login", "C1", "198.51.100.7"), &days_ago(60 - day)))
        .collect();
    let mut sender = server.connect(&key);
    assert_eq!(sender.post("/v1/events", &past.join("\n")).unwrap().json()["accepted"], 28);
    assert_eq!(server.stop(), Some(0));

    let server = Server::start(&place, &[]);
    let mut sender = server.connect(&key);
    let home =
        sender.post("/v1/decide", &event("w-home", "withdrawal", "C1", "198.51.100.7")).unwrap().json();
    assert_eq!(home["decision"], "allow", "{home}");
    let stranger = |id: &str, kind: &str| event(id, kind, "C1", "203.0.113.9").replace("d-C1", "d-evil");
    sender.post("/v1/events", &stranger("p", "password.change")).unwrap();
    sender.post("/v1/events", &stranger("b", "bank_account.change")).unwrap();
    let server = {
        server.kill();
        Server::start(&place, &[])
    };
    let mut sender = server.connect(&key);
    let held = sender.post("/v1/decide", &stranger("w", "withdrawal")).unwrap().json();
    assert_eq!(held["decision"], "hold", "{held}");
    assert!(held["hold"]["until"].is_string(), "{held}");
    server.stop();
}

/// Under load, killed at random moments: every acknowledged event is there once, with the answer that was given, and once in
/// the history.
#[test]
fn what_was_acknowledged_survives_kill_9() {
    const SENDERS: u64 = 4;
    let rounds = std::env::var("SEKISHO_KILL_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(KILL_ROUNDS);
    let place = Place::new();
    let key = key(&place, "sender");
    let mut acknowledged: BTreeMap<String, String> = BTreeMap::new();
    let sent = AtomicU64::new(0);
    for round in 0..rounds {
        // So often that a kill meets every step of exporting and merging now and then.
        let server = Server::start(
            &place,
            &["--export-after-ms", ["0", "5", "40"][usize::try_from(round % 3).unwrap()]],
        );
        let (address, enough) = (server.address.clone(), 40 + round * 37 % 400);
        let count = AtomicU64::new(0);
        let answered: Vec<(String, String)> = std::thread::scope(|threads| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|_| {
                    threads.spawn(|| {
                        let mut answered = Vec::new();
                        let Ok(mut connection) = Connection::open(&address, &key) else { return answered };
                        for _ in 0..10_000 {
                            let number = sent.fetch_add(1, Ordering::SeqCst);
                            let id = format!("e-{number}");
                            let kind = ["login", "withdrawal", "bank_account.change"]
                                [usize::try_from(number % 3).unwrap()];
                            let body = event(&id, kind, &format!("C{}", number % 50), "192.0.2.7");
                            match connection.post("/v1/decide", &body) {
                                Ok(answer) if answer.status == 200 => answered.push((body, answer.body)),
                                _ => break,
                            }
                            count.fetch_add(1, Ordering::SeqCst);
                        }
                        answered
                    })
                })
                .collect();
            while count.load(Ordering::SeqCst) < enough {
                std::thread::yield_now();
            }
            server.kill();
            senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
        });
        acknowledged.extend(answered);
        // Whatever was going on, nobody who looks now sees an event twice.
        exported_ids(&place);
    }
    let server = Server::start(&place, &[]);
    let mut connection = server.connect(&key);
    let before = metric(&mut connection, "sekisho_journal_seq");
    let (many, sent) = (u64::try_from(acknowledged.len()).unwrap(), sent.load(Ordering::SeqCst));
    // One more for the policy. What was sent and not acknowledged may be there too.
    assert!((many < before) && before <= sent + 1, "{many} acknowledged, {before} there, {sent} sent");
    for (body, answer) in &acknowledged {
        let again = connection.post("/v1/decide", body).unwrap();
        assert!(replayed(&again), "{body}");
        assert_eq!(&again.body, answer);
    }
    assert_eq!(metric(&mut connection, "sekisho_journal_seq"), before, "nothing was counted twice");
    // Copied while it runs; the copy lacks what was not written back yet, and a server on it replays that.
    let (data, copy) = (place.text("data"), place.text("copy"));
    let copied = run(&["state", "backup", "--data", &data, "--to", &copy, "--with-history"]);
    assert!(copied.status.success(), "{}", stderr(&copied));
    assert!(stderr(&copied).contains("files of the history"), "{}", stderr(&copied));
    let inside = run(&["state", "backup", "--data", &data, "--to", &format!("{data}/copy")]);
    assert!(!inside.status.success() && stderr(&inside).contains("lies in the folder"), "{inside:?}");
    let without = run(&["state", "backup", "--data", &data, "--to", &place.text("without")]);
    assert!(stderr(&without).contains("--with-history"), "{}", stderr(&without));
    assert!(!run(&["state", "restore", "--from", &data, "--data", &copy]).status.success(), "it holds data");
    server.stop();
    let exported = exported_ids(&place);
    let missing: Vec<&String> = acknowledged.keys().filter(|body| !exported.contains(id_of(body))).collect();
    assert!(missing.is_empty(), "acknowledged and not in the history: {missing:?}");
    // All but the policy.
    assert_eq!(u64::try_from(exported.len()).unwrap() + 1, before);
    let verified = run(&["state", "verify", "--data", &data, "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert!(verified.status.success(), "{found}");
    assert_eq!((found["state_seq"].as_u64(), found["differences"].as_u64()), (Some(before), Some(0)));
    assert!(found["records"].as_u64() > Some(50) && found["decisions"].as_u64() >= Some(many), "{found}");

    // Whatever had been written back when it was copied, the whole journal is applied.
    let verified = run(&["state", "verify", "--data", &copy, "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!((found["inputs"].as_u64(), found["differences"].as_u64()), (Some(before), Some(0)), "{found}");
    assert_eq!(found["journal_seq"].as_u64(), Some(before), "{found}");
    let verified = String::from_utf8(run(&["state", "verify", "--data", &copy]).stdout).unwrap();
    let says = verified.contains("nothing is missing");
    assert!(says == (found["state_seq"].as_u64() < Some(before)), "{verified}");

    std::fs::rename(place.path("copy"), place.path("data-of-copy")).unwrap();
    let copy = Server::start_on(&place.text("data-of-copy"), &[]);
    let (body, answer) = acknowledged.iter().next().unwrap();
    let again = copy.connect(&key).post("/v1/decide", body).unwrap();
    assert_eq!((replayed(&again), &again.body), (true, answer), "keys and secret were copied too");
    assert_eq!(metric(&mut copy.connect(&key), "sekisho_journal_seq"), before);
    copy.stop();
}

#[test]
fn a_rule_in_shadow_is_told_and_changes_nothing() {
    let place = Place::new();
    let policy = place.write(
        "policy.toml",
        "[thresholds]\nstep_up = 30\nhold = 70\ndeny = 101\n[[rule]]\nname = \"tried\"\nkinds = [\"login\"]\n\
         when = \"true\"\npoints = 90\nshadow = true\nreason = { ja = \"試行\", en = \"tried\" }\n",
    );
    let server = Server::start(&place, &["--policy", &policy]);
    let mut sender = server.connect(&key(&place, "sender"));
    let decision = sender.post("/v1/decide", &event("l-1", "login", "C1", "192.0.2.7")).unwrap().json();
    assert_eq!((&decision["decision"], &decision["score"]), (&"allow".into(), &0.into()), "{decision}");
    assert_eq!(decision["shadow"][0]["rule"], "tried");
    server.stop();
}

/// When the journal cannot be written nothing more is taken, and a restart has everything that was acknowledged.
#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let place = Place::new();
    let (reader, key) = (key(&place, "reader"), key(&place, "sender"));
    Server::start(&place, &[]).stop();
    let server = Server::start_limited(&place, 400);
    let mut sender = server.connect(&key);
    let mut acknowledged = Vec::new();
    let refused = loop {
        let body = event(&format!("e-{}", acknowledged.len()), "login", "C1", "192.0.2.7");
        let answer = sender.post("/v1/decide", &body).unwrap();
        if answer.status != 200 {
            break answer;
        }
        acknowledged.push((body, answer.body));
        assert!(acknowledged.len() < 20_000, "the limit was never reached");
    };
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.headers.contains("retry-after") && refused.body.contains("start again"), "{refused:?}");
    assert_eq!(sender.post("/v1/decide", &event("later", "login", "C2", "192.0.2.7")).unwrap().status, 503);
    let batch = sender.post("/v1/events", &event("fact", "login", "C2", "192.0.2.7")).unwrap();
    assert_eq!(batch.status, 503, "{batch:?}");
    assert!(batch.headers.contains("retry-after"), "{batch:?}");
    assert_eq!(sender.get("/readyz").unwrap().status, 503);
    // Records in memory are ahead of the disk: nobody is shown them. What the journal has is shown.
    let mut reader = server.connect(&reader);
    for path in
        ["/v1/customers/C1", "/v1/ips/192.0.2.7", "/v1/lists", "/v1/policies", "/v1/holds?customer=C1"]
    {
        let answer = reader.get(path).unwrap();
        assert_eq!(answer.status, 503, "{path}: {answer:?}");
        assert!(answer.headers.contains("retry-after"), "{answer:?}");
    }
    assert_eq!(reader.get("/v1/decisions/e-0").unwrap().status, 200);
    assert_eq!(reader.get(&format!("/v1/decisions/e-{}", acknowledged.len())).unwrap().status, 404);
    let newest = reader.get("/v1/events?limit=1").unwrap().json();
    assert_eq!(newest["events"][0]["id"], format!("e-{}", acknowledged.len() - 1));
    assert_eq!(sender.get("/healthz").unwrap().status, 200);
    assert_eq!(server.stop(), Some(0));

    let server = Server::start(&place, &[]);
    let mut sender = server.connect(&key);
    for (body, answer) in &acknowledged {
        let again = sender.post("/v1/decide", body).unwrap();
        // A challenge that could not be kept while the disk was full is made now.
        assert_eq!((replayed(&again), without_challenge(&again.body)), (true, without_challenge(answer)));
    }
    let seq = u64::try_from(acknowledged.len()).unwrap() + 1;
    assert_eq!(metric(&mut sender, "sekisho_journal_seq"), seq);
    // The exporter goes on where it was: each input once.
    let after = event("after", "login", "C1", "192.0.2.7");
    assert_eq!(sender.post("/v1/decide", &after).unwrap().status, 200);
    server.stop();
    let expected = acknowledged.iter().map(|(body, _)| id_of(body)).chain(["after"]).map(str::to_owned);
    assert_eq!(exported_ids(&place), expected.collect());
    let verified = run(&["state", "verify", "--data", &place.text("data")]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn what_cannot_start_says_why() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let second = run(&["serve", "--data", &place.text("data"), "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("data"), "{}", stderr(&second));
    server.stop();
    let policy = place.write("policy.toml", "[thresholds]\nstep_up = 30\nhold = 70\ndeny = 60\n");
    let refused =
        run(&["serve", "--data", &place.text("data"), "--listen", "127.0.0.1:0", "--policy", &policy]);
    assert!(stderr(&refused).contains("line 4, column 8"), "{}", stderr(&refused));
    for (config, said) in [
        (
            "[serve]\nmemory_mib = \"viel\"",
            "came the text \"viel\"; allowed: a whole number from 0 to 4294967295",
        ),
        ("[serve]\nlisten = 8480", "came the number 8480; allowed: an address with its port in quotes"),
        ("[proof]\nopen_seconds = -1", "came the number -1; allowed: a whole number from 0 to 4294967295"),
        ("[proof.calls]\noffered = 1", "came the number 1; allowed: true, false"),
        ("[intel]\ncountry = 5", "came the number 5; allowed: a list in [ ]"),
    ] {
        let config = place.write("sekisho.toml", config);
        let refused =
            run(&["serve", "--data", &place.text("data"), "--listen", "127.0.0.1:0", "--config", &config]);
        let told = stderr(&refused);
        assert!(told.contains(said) && told.contains("line 2") && told.contains("sekisho.toml"), "{told}");
    }
    let taken = run(&["key", "create", "x", "--role", "king", "--data", &place.text("data")]);
    assert!(stderr(&taken).contains("sender, reader, operator, admin"), "{}", stderr(&taken));
}
