//! Durable rows a second that a journal takes, by the size of batches: `journal_speed FOLDER [ROWS_BEFORE]`.
//!
//! Each row has a random id of 32 bytes, an input of 250 and an answer of 150. The folder decides: its disk is measured.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement for people: prints, stops when it cannot go on, and needs the clock"
)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use store::{Entry, Journal, Limits};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "target".to_owned());
    let before: u64 = arguments.next().map_or(0, |rows| rows.parse().unwrap());
    let place = tempfile::tempdir_in(Path::new(&folder)).unwrap();
    let mut journal = Journal::open(&place.path().join("journal.db"), Limits::default()).unwrap();
    let checkpointer = journal.checkpointer().unwrap();
    let done = &AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                checkpointer.step().unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let mut source = Source::new();
        while journal.last_seq() < before {
            source.append(&mut journal, 8_192);
        }
        for (rows, batch) in [(20_000, 1), (200_000, 32), (1_000_000, 256)] {
            measure(&mut journal, &mut source, rows, batch);
        }
        finding(&journal, &source);
        done.store(true, Ordering::Relaxed);
    });
    drop(journal);
    let start = Instant::now();
    let journal = Journal::open(&place.path().join("journal.db"), Limits::default()).unwrap();
    println!("opened {} rows in {:.0} ms", journal.last_seq(), start.elapsed().as_secs_f64() * 1e3);
}

struct Source {
    random: ChaCha8Rng,
    ids: Vec<String>,
    input: [u8; 250],
    answer: [u8; 150],
}

impl Source {
    fn new() -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (mut input, mut answer) = ([0; 250], [0; 150]);
        random.fill_bytes(&mut input);
        random.fill_bytes(&mut answer);
        Self { random, ids: Vec::new(), input, answer }
    }

    /// The time it took.
    fn append(&mut self, journal: &mut Journal, rows: usize) -> Duration {
        self.ids.clear();
        self.ids.extend((0..rows).map(|_| format!("{:032x}", self.random.random::<u128>())));
        let batch: Vec<_> = self
            .ids
            .iter()
            .zip(journal.last_seq() + 1..)
            .map(|(id, seq)| Entry {
                seq,
                id: Some(id),
                kind: 1,
                time: 1_700_000_000_000_000,
                digest: self.input.get(..32),
                input: &self.input,
                answer: &self.answer,
            })
            .collect();
        let start = Instant::now();
        journal.append(&batch).unwrap();
        start.elapsed()
    }
}

fn measure(journal: &mut Journal, source: &mut Source, rows: u32, batch: u32) {
    let before = journal.last_seq();
    let mut times: Vec<_> =
        (0..rows / batch).map(|_| source.append(journal, usize::try_from(batch).unwrap())).collect();
    let seconds = times.iter().sum::<Duration>().as_secs_f64();
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() - 1) * share / 1_000).unwrap().as_secs_f64() * 1e3;
    println!(
        "{before:>9} rows before, batches of {batch:>3}: {:>8.0} rows/s; a batch p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, \
         max {:.1} ms",
        f64::from(rows / batch * batch) / seconds,
        at(500),
        at(990),
        at(999),
        at(1_000)
    );
}

fn finding(journal: &Journal, source: &Source) {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let unknown: Vec<_> = (0..200_000).map(|_| format!("{:032x}", random.random::<u128>())).collect();
    let start = Instant::now();
    assert!(unknown.iter().all(|id| journal.find(id).unwrap().is_none()));
    println!("find of an unknown id: {:.2} µs", start.elapsed().as_secs_f64() * 1e6 / 200_000.0);
    let known = source.ids.first().unwrap();
    let old = journal.read(0, 1_000, usize::MAX).unwrap();
    let start = Instant::now();
    assert!(old.iter().all(|entry| journal.find(entry.id.as_ref().unwrap()).unwrap().is_some()));
    println!("find of an old id: {:.2} µs", start.elapsed().as_secs_f64() * 1e6 / 1_000.0);
    assert!(journal.find(known).unwrap().is_some());
}
