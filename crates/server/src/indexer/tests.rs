//! The index against a journal written here: runs and memory answer together, and what is lost, damaged, foreign or trimmed
//! is noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::sync_channel;

use engine::input::{Additions, Body};
use engine::{Observed, Verdict};
use model::{Event, Time};
use store::{DataFolder, Entry, Journal, Limits, Mark};

use super::{Follower, Holding, Indexer, Shared, Subject};
use crate::readers::Reader;
use crate::sequencer::{Clock, Gauges};

/// Rows of a run in these tests.
const RUN_ROWS: u64 = 4;

struct World {
    folder: tempfile::TempDir,
    journal: Journal,
    /// Keeps the state's file and the lock.
    _rest: (DataFolder, store::State),
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        let (journal, state) = data.files(&Limits::default()).unwrap();
        Self { folder, journal, _rest: (data, state) }
    }

    /// Appends events of these customers; a name that begins with `h` is held.
    fn append(&mut self, customers: &[&str]) {
        for customer in customers {
            let seq = self.journal.last_seq() + 1;
            let id = format!("{customer}-{seq}");
            let json = format!(
                "{{\"id\":\"{id}\",\"time\":\"2026-01-05T10:00:00Z\",\"kind\":\"withdrawal\",\"customer\":\"{customer}\",\
                 \"client\":{{\"ip\":\"192.0.2.7\"}},\"outcome\":\"attempted\"}}"
            );
            let event = Event::from_json(json.as_bytes()).unwrap();
            let additions = Additions { asked: true, ..Additions::default() };
            let body = Body::Event(Box::new(Observed::new(event, additions, Time::MAX).unwrap()));
            let verdict = if customer.starts_with('h') { Verdict::Hold } else { Verdict::Allow };
            let hold = match verdict {
                Verdict::Hold => ",\"hold\":{\"until\":\"2026-01-08T10:00:00Z\"}",
                _ => "",
            };
            let answer = format!("{{\"decision\":\"{}\"{hold}}}", verdict.as_str());
            self.append_one(Some(&id), &body, &answer);
        }
    }

    fn append_one(&mut self, id: Option<&str>, body: &Body, answer: &str) {
        let (seq, time, input) = (self.journal.last_seq() + 1, 0, body.encode().unwrap());
        let (input, answer) = (input.as_slice(), answer.as_bytes());
        let entry = Entry { seq, id, kind: crate::sequencer::INPUT_V3, time, digest: None, input, answer };
        self.journal.append(&[entry]).unwrap();
    }

    /// Settles the hold of an event, or tries to.
    fn settle(&mut self, event: &str, settled: bool) {
        let body = Body::HoldSettled {
            customer: "h".parse().unwrap(),
            event: event.parse().unwrap(),
            released: true,
            by: "ops".to_owned(),
            reason: None,
        };
        self.append_one(None, &body, &format!("{{\"settled\":{settled}}}"));
    }

    fn follower(&self) -> (Follower, Indexer) {
        let shared = Arc::new(Shared::new(self.folder.path().join("index.db")));
        let journal = self.reader().journal;
        let follower = Follower {
            journal,
            index: None,
            shared: Arc::clone(&shared),
            run_rows: RUN_ROWS,
            seq: 0,
            check: 0,
        };
        (follower, Indexer { shared, wake: sync_channel(1).0 })
    }

    fn reader(&self) -> Reader {
        let journal = store::JournalReader::open(&self.folder.path().join("journal.db")).unwrap();
        Reader { journal, index: None, state: None }
    }
}

fn of(customer: &str) -> Subject {
    Subject::customer(&customer.parse().unwrap())
}

#[test]
fn runs_and_memory_answer_together() {
    let mut world = World::new();
    let (mut follower, indexer) = world.follower();
    let mut reader = world.reader();
    for _ in 0..3 {
        world.append(&["a", "b", "h"]);
        while follower.step().unwrap() {}
    }
    assert!(follower.index.as_ref().unwrap().reached().unwrap().seq >= RUN_ROWS, "a run was written");
    let mut find = |subject, before, limit| indexer.find(&mut reader, subject, before, limit).unwrap();
    assert_eq!(find(of("a"), u64::MAX, 10), [7, 4, 1]);
    assert_eq!(find(of("a"), 7, 1), [4]);
    assert_eq!(find(Subject::Held, u64::MAX, 2), [9, 6]);
    assert_eq!(find(Subject::ip("192.0.2.7".parse().unwrap()), u64::MAX, 10), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(find(of("nobody"), u64::MAX, 10), [0; 0]);
    assert_eq!(*indexer.shared.reached.borrow(), 9);

    // The next start goes on behind the last run.
    drop((follower, indexer));
    let (mut follower, indexer) = world.follower();
    world.append(&["a"]);
    while follower.seq < 10 {
        follower.step().unwrap();
    }
    assert_eq!(indexer.find(&mut world.reader(), of("a"), u64::MAX, 10).unwrap(), [10, 7, 4, 1]);
}

#[test]
fn an_index_that_is_none_of_this_journal_is_made_anew() {
    let mut world = World::new();
    world.append(&["a"; 9]);
    let (mut follower, indexer) = world.follower();
    follower.step().unwrap();
    drop((follower, indexer));
    let mut other = World::new();
    other.append(&["b"; 12]);
    std::fs::copy(world.folder.path().join("index.db"), other.folder.path().join("index.db")).unwrap();
    let (mut follower, indexer) = other.follower();
    follower.step().unwrap();
    let mut reader = other.reader();
    assert_eq!(indexer.find(&mut reader, of("a"), u64::MAX, 20).unwrap(), [0; 0]);
    assert_eq!(indexer.find(&mut reader, of("b"), u64::MAX, 20).unwrap().len(), 12);
    // Found damaged while it is in use.
    indexer.shared.is_damaged.store(true, Ordering::Release);
    follower.step().unwrap();
    assert_eq!(indexer.find(&mut reader, of("b"), u64::MAX, 20).unwrap().len(), 12);
}

#[test]
fn what_is_trimmed_from_the_journal_leaves_the_index() {
    let mut world = World::new();
    world.append(&["a"; 9]);
    for mark in [Mark::Exported, Mark::Checkpointed] {
        world.journal.mark(mark, 9).unwrap();
    }
    let (mut follower, indexer) = world.follower();
    follower.step().unwrap();
    while world.journal.trim(9).unwrap().more {}
    world.append(&["a"; 3]);
    follower.step().unwrap();
    follower.trim().unwrap();
    assert_eq!(indexer.find(&mut world.reader(), of("a"), u64::MAX, 20).unwrap(), [12, 11, 10]);
    // One that begins behind the journal's beginning skips what is gone.
    let path = world.folder.path().join("index.db");
    drop((follower, indexer));
    std::fs::remove_file(path).unwrap();
    let (mut follower, indexer) = world.follower();
    while follower.seq < 12 {
        follower.step().unwrap();
    }
    assert_eq!(indexer.find(&mut world.reader(), of("a"), u64::MAX, 20).unwrap(), [12, 11, 10]);
}

/// What an open hold is settled by stays in the journal until it is settled or over, whatever its age.
#[test]
fn the_journal_is_kept_from_the_first_open_hold_on() {
    let mut world = World::new();
    world.append(&["a", "h", "a", "h", "a", "a", "a", "a", "a", "a"]);
    let (mut follower, indexer) = world.follower();
    let (gauges, now) = (Arc::new(Gauges::default()), Arc::new(AtomicI64::new(0)));
    let clock: Clock = {
        let now = Arc::clone(&now);
        Arc::new(move || Time::from_us(now.load(Ordering::SeqCst)).unwrap())
    };
    let mut holding = Holding::new(world.reader(), clock, Arc::clone(&gauges));
    let mut look = |follower: &mut Follower, at: &str| {
        while follower.step().unwrap() {}
        // Not more often than every two seconds.
        let at: Time = at.parse().unwrap();
        now.store(at.as_us().max(now.load(Ordering::SeqCst) + 2_000_000), Ordering::SeqCst);
        holding.step(&indexer.shared).unwrap();
        gauges.unheld.load(Ordering::SeqCst)
    };
    let day = "2026-01-06T10:00:00Z";
    assert_eq!(look(&mut follower, day), 0, "nothing is to go");
    gauges.trimmable.store(9, Ordering::SeqCst);
    assert_eq!(look(&mut follower, day), 1, "2 is held");
    world.settle("h-2", false);
    assert_eq!(look(&mut follower, day), 1, "that did not settle it");
    world.settle("h-2", true);
    assert_eq!(look(&mut follower, day), 3, "4 is held");
    world.append(&["h"; 3]);
    gauges.trimmable.store(15, Ordering::SeqCst);
    assert_eq!(look(&mut follower, "2026-01-08T09:59:00Z"), 3);
    assert_eq!(look(&mut follower, "2026-01-08T10:00:00Z"), 9, "it is over; that is what was known");
    assert_eq!(look(&mut follower, "2026-01-08T10:00:03Z"), 15);
}
