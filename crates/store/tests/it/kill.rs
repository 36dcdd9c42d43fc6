//! kill -9 at random moments. The test starts itself as a child that appends batches and says what is acknowledged.
//! `SEKISHO_KILL_ROUNDS` raises the number of rounds.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use store::{Journal, JournalReader, Limits};

use crate::fixture::{append, check_rows, id, path};

const FOLDER: &str = "SEKISHO_KILL_FOLDER";
const ROUNDS: &str = "SEKISHO_KILL_ROUNDS";

/// A short log, so that children also die while it is merged.
fn limits() -> Limits {
    Limits { wal_bytes: 256 << 10, state_wal_bytes: 256 << 10, ..Limits::default() }
}

/// Rows of the batch that begins with a row: from 1 to 2,000, so that runs of ids are written too.
fn batch_rows(first: u64) -> u64 {
    if first.is_multiple_of(5) { first * 31 % 2_000 + 1 } else { first * 31 % 100 + 1 }
}

/// Not a test by itself: what the child does.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut journal = Journal::open(&path(Path::new(&folder)), limits()).unwrap();
    let checkpointer = journal.checkpointer().unwrap();
    std::thread::spawn(move || {
        while checkpointer.step().is_ok() {
            std::thread::yield_now();
        }
    });
    loop {
        let rows = batch_rows(journal.last_seq() + 1);
        append(&mut journal, rows).unwrap();
        println!("\nack {}", journal.last_seq());
        std::io::stdout().flush().unwrap();
    }
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets a child acknowledge some batches, kills it at once or a little later, and gives the last it acknowledged.
fn run_and_kill(folder: &Path, random: &mut ChaCha8Rng) -> u64 {
    let mut child = start(folder);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = 0;
    let mut left = random.random_range(0..60_u32);
    while left > 0 {
        let line = lines.next().unwrap().unwrap();
        if let Some(seq) = line.strip_prefix("ack ") {
            acknowledged = seq.parse().unwrap();
            left -= 1;
        }
    }
    for _ in 0..random.random_range(0..3_000) {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died.
    for line in lines.map_while(Result::ok) {
        if let Some(seq) = line.strip_prefix("ack ").and_then(|seq| seq.parse().ok()) {
            acknowledged = seq;
        }
    }
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost_doubled_or_cut() {
    let rounds = std::env::var(ROUNDS).map_or(30, |rounds| rounds.parse().unwrap());
    let mut place = tempfile::tempdir().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let mut last = 0;
    for round in 1..=rounds {
        if round % 20 == 0 {
            assert!(last > 1_000);
            place = tempfile::tempdir().unwrap();
            last = 0;
        }
        let acknowledged = run_and_kill(place.path(), &mut random).max(last);
        if !path(place.path()).exists() {
            continue;
        }
        // As a tool would, before anybody has recovered the file.
        assert!(JournalReader::open(&path(place.path())).unwrap().last_seq().unwrap() >= acknowledged);
        let journal = Journal::open(&path(place.path()), limits()).unwrap();
        last = check_rows(&journal, batch_rows);
        assert!(last >= acknowledged, "round {round}: {acknowledged} was acknowledged, {last} is there");
        for _ in 0..200 {
            let seq = random.random_range(1..=last.max(1));
            let known = journal.find(&id(seq)).unwrap().map(|found| found.seq);
            assert_eq!(known, (seq % 7 != 0 && seq <= last).then_some(seq));
        }
    }
}
