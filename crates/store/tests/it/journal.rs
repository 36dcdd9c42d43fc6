//! The journal in use: appending, reading, looking up, trimming, copying.

use proptest::prelude::*;
use store::{Entry, Journal, JournalReader, Limits, Mark, OwnedEntry, StoreError, Trimmed};

use crate::fixture::{append, check_rows, id, open, path, reader, row};

/// More rows than one run of the index of ids has.
const MANY: u64 = 80_000;

#[test]
fn what_was_appended_is_read_after_opening_again() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = open(place.path());
    assert_eq!((journal.first_seq(), journal.last_seq()), (1, 0));
    assert_eq!(journal.read(0, 10, 1_000).unwrap(), []);
    journal.append(&[]).unwrap();
    for rows in [1, 5, 300] {
        append(&mut journal, rows).unwrap();
    }
    drop(journal);
    let journal = open(place.path());
    assert_eq!(
        check_rows(&journal, |first| [(1, 1), (2, 5), (7, 300)]
            .iter()
            .find(|(seq, _)| *seq == first)
            .unwrap()
            .1),
        306
    );
}

#[test]
fn reading_keeps_its_limits_and_always_gets_on() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = open(place.path());
    append(&mut journal, 100).unwrap();
    assert_eq!(journal.read(10, 7, usize::MAX).unwrap().len(), 7);
    assert_eq!(journal.read(10, 7, 0).unwrap(), [row(11, 1)]);
    let some = journal.read(0, 100, 2_000).unwrap();
    let bytes = |rows: &[OwnedEntry]| {
        let one = |row: &OwnedEntry| {
            row.id.as_ref().map_or(0, String::len) + row.input.len() + row.answer.len() + 8
        };
        rows.iter().map(one).sum::<usize>()
    };
    assert!(bytes(&some) <= 2_000 && bytes(&journal.read(0, some.len() + 1, usize::MAX).unwrap()) > 2_000);
    assert_eq!(journal.read(100, 7, 0).unwrap(), []);
    assert_eq!(journal.read(u64::MAX, 7, 0).unwrap(), []);
}

#[test]
fn every_id_is_found_in_memory_in_runs_and_after_opening_again() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = open(place.path());
    while journal.last_seq() < MANY {
        append(&mut journal, 1_000).unwrap();
    }
    let check = |journal: &Journal| {
        for seq in (1..=MANY).filter(|seq| seq % 7 != 0) {
            let found = journal.find(&id(seq)).unwrap().unwrap();
            assert_eq!((found.seq, found.answer), (seq, seq.to_be_bytes().to_vec()));
            assert_eq!(found.digest, Some(((seq - 1) / 1_000 * 1_000 + 1).to_be_bytes().to_vec()));
        }
        assert_eq!(journal.find(&id(7)).unwrap(), None);
        assert_eq!(journal.find("").unwrap(), None);
    };
    check(&journal);
    drop(journal);
    check(&open(place.path()));
    for seq in (1..=MANY).step_by(997).filter(|seq| seq % 7 != 0) {
        assert_eq!(reader(place.path()).find(&id(seq)).unwrap().unwrap().seq, seq);
    }
    assert_eq!(reader(place.path()).find("unknown").unwrap(), None);
}

#[test]
fn the_callers_mistakes_are_named_and_do_not_stop_the_journal() {
    let place = tempfile::tempdir().unwrap();
    let limits =
        Limits { batch_rows_max: 3, batch_bytes_max: 1_000, blob_bytes_max: 600, ..Limits::default() };
    let mut journal = Journal::open(&path(place.path()), limits).unwrap();
    let entry = |seq, id| Entry { seq, id, kind: 1, time: 0, digest: None, input: b"in", answer: b"out" };
    journal.append(&[entry(1, Some("a")), entry(2, None), entry(3, None)]).unwrap();
    let long = "x".repeat(129);
    let large = vec![0; 601];
    let half = vec![0; 501];
    let wrong: [(&str, Vec<Entry<'_>>); 9] = [
        ("goes on with 4, not 5", vec![entry(5, None)]),
        ("goes on with 4, not 3", vec![entry(3, None)]),
        ("goes on with 5, not 6", vec![entry(4, None), entry(6, None)]),
        ("the id of 5 is in the journal already, at 1", vec![entry(4, None), entry(5, Some("a"))]),
        ("the id of 5 is in the journal already, at 4", vec![entry(4, Some("b")), entry(5, Some("b"))]),
        (
            "a batch in rows has 4, at most 3",
            vec![entry(4, None), entry(5, None), entry(6, None), entry(7, None)],
        ),
        ("an id in bytes has 129, at most 128", vec![entry(4, Some(&long))]),
        ("an input in bytes has 601, at most 600", vec![Entry { input: &large, ..entry(4, None) }]),
        ("a batch in bytes has 1002", vec![Entry { input: &half, answer: &half, ..entry(4, None) }]),
    ];
    for (message, batch) in wrong {
        let error = journal.append(&batch).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert_eq!(journal.last_seq(), 3);
    }
    journal.append(&[entry(4, Some("b"))]).unwrap();
    assert_eq!(journal.find("b").unwrap().unwrap().seq, 4);
}

#[test]
fn a_duplicate_in_a_run_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = open(place.path());
    while journal.last_seq() < 40_000 {
        append(&mut journal, 2_000).unwrap();
    }
    let again = OwnedEntry { id: Some(id(1)), ..row(40_001, 1) };
    let refused = journal.append(&[again.as_entry()]).unwrap_err();
    assert!(matches!(refused, StoreError::Duplicate { first: 1, found: 40_001 }), "{refused:?}");
}

#[test]
fn trimming_stays_behind_everybody_and_forgets_in_steps() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = open(place.path());
    while journal.last_seq() < MANY {
        append(&mut journal, 1_000).unwrap();
    }
    assert!(matches!(journal.trim(1), Err(StoreError::Position { asked: 1, to: 0, .. })));
    journal.mark(Mark::Exported, 70_000).unwrap();
    assert!(matches!(journal.trim(1), Err(StoreError::Position { asked: 1, to: 0, .. })));
    journal.mark(Mark::Checkpointed, 60_000).unwrap();
    assert!(matches!(journal.trim(60_001), Err(StoreError::Position { to: 60_000, .. })));
    assert!(matches!(journal.mark(Mark::Exported, MANY + 1), Err(StoreError::Position { .. })));
    assert_eq!(journal.trim(50_000).unwrap(), Trimmed { rows: 4_096, more: true });
    assert_eq!((journal.first_seq(), reader(place.path()).first_seq().unwrap()), (4_097, 4_097));
    assert_eq!(journal.find(&id(4_096)).unwrap(), None);
    assert!(journal.find(&id(4_097)).unwrap().is_some());
    assert!(matches!(journal.read(4_095, 1, 1), Err(StoreError::Trimmed { after: 4_095, first: 4_097 })));
    while journal.trim(50_000).unwrap().more {}
    assert!(matches!(journal.mark(Mark::Exported, 49_999), Err(StoreError::Position { .. })));
    for _ in 0..2 {
        assert_eq!(check_rows(&journal, |_| 1_000), MANY);
        assert_eq!(journal.first_seq(), 50_001);
        assert_eq!(journal.find(&id(20_000)).unwrap(), None);
        assert_eq!(reader(place.path()).find(&id(20_000)).unwrap(), None);
        assert!(journal.find(&id(50_003)).unwrap().is_some() && journal.find(&id(MANY)).unwrap().is_some());
        drop(journal);
        journal = open(place.path());
    }
}

#[test]
fn a_visitor_sees_rows_as_they_are_until_it_has_enough() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = open(place.path());
    append(&mut journal, 10).unwrap();
    let reader = reader(place.path());
    let mut seen = Vec::new();
    let visit = |after, limit, seen: &mut Vec<OwnedEntry>, enough: usize| {
        reader.visit(after, limit, |entry| {
            let takes = seen.len() < enough;
            if takes {
                seen.push(entry.to_owned());
            }
            takes
        })
    };
    visit(0, 100, &mut seen, 4).unwrap();
    visit(4, 3, &mut seen, 100).unwrap();
    visit(7, 100, &mut seen, 100).unwrap();
    visit(10, 100, &mut seen, 100).unwrap();
    assert_eq!(seen, reader.read(0, 100, usize::MAX).unwrap());
    journal.mark(Mark::Exported, 10).unwrap();
    journal.mark(Mark::Checkpointed, 10).unwrap();
    journal.trim(4).unwrap();
    assert!(matches!(visit(0, 100, &mut seen, 100), Err(StoreError::Trimmed { after: 0, first: 5 })));
}

#[test]
fn a_journal_trimmed_to_its_end_goes_on_counting() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = open(place.path());
    append(&mut journal, 10).unwrap();
    journal.mark(Mark::Exported, 10).unwrap();
    journal.mark(Mark::Checkpointed, 10).unwrap();
    assert_eq!(journal.trim(10).unwrap(), Trimmed { rows: 10, more: false });
    drop(journal);
    let mut journal = open(place.path());
    assert_eq!((journal.first_seq(), journal.last_seq()), (11, 10));
    assert_eq!(journal.marked(Mark::Exported).unwrap(), 10);
    assert!(matches!(journal.read(0, 1, 1), Err(StoreError::Trimmed { after: 0, first: 11 })));
    // An id that was forgotten may come again.
    let again = OwnedEntry { id: Some(id(1)), ..row(11, 11) };
    journal.append(&[again.as_entry()]).unwrap();
    assert_eq!(journal.find(&id(1)).unwrap().unwrap().seq, 11);
}

#[test]
fn readers_see_what_is_durable_and_copies_are_whole() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = open(place.path());
    append(&mut journal, 500).unwrap();
    let reader = reader(place.path());
    assert_eq!((reader.first_seq().unwrap(), reader.last_seq().unwrap()), (1, 500));
    append(&mut journal, 100).unwrap();
    assert_eq!(reader.read(599, 5, 0).unwrap(), [row(600, 501)]);
    let copy = place.path().join("copy.db");
    journal.backup(&copy).unwrap();
    append(&mut journal, 100).unwrap();
    assert!(matches!(journal.backup(&copy), Err(StoreError::NotEmpty { .. })));
    assert_eq!(JournalReader::open(&copy).unwrap().last_seq().unwrap(), 600);
    let copied = Journal::open(&copy, Limits::default()).unwrap();
    assert_eq!(check_rows(&copied, |first| if first == 1 { 500 } else { 100 }), 600);
}

#[test]
fn the_log_stays_short_with_a_checkpointer_and_without() {
    for with in [true, false] {
        let place = tempfile::tempdir().unwrap();
        let limits = Limits { wal_bytes: 1 << 20, ..Limits::default() };
        let mut journal = Journal::open(&path(place.path()), limits).unwrap();
        let checkpointer = journal.checkpointer().unwrap();
        for _ in 0..600 {
            append(&mut journal, 100).unwrap();
            if with {
                checkpointer.step().unwrap();
            }
        }
        let log = std::fs::metadata(place.path().join("journal.db-wal")).unwrap().len();
        let most = if with { 3 << 20 } else { 6 << 20 };
        assert!(log <= most, "{log} bytes, with a checkpointer: {with}");
        drop(journal);
        assert_eq!(check_rows(&open(place.path()), |_| 100), 60_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Against a plain list: any rows in any batches, opened again now and then.
    #[test]
    fn a_journal_is_a_list(batches in prop::collection::vec(prop::collection::vec(any_row(), 1..20), 1..12)) {
        let place = tempfile::tempdir().unwrap();
        let mut journal = open(place.path());
        let mut all: Vec<OwnedEntry> = Vec::new();
        for (number, batch) in batches.into_iter().enumerate() {
            let first = journal.last_seq() + 1;
            let batch: Vec<_> = batch.into_iter().zip(first..).map(|(row, seq)| OwnedEntry { seq, ..row }).collect();
            let entries: Vec<_> = batch.iter().map(OwnedEntry::as_entry).collect();
            let known = |at: usize| batch[at].id.is_some()
                && all.iter().chain(&batch[..at]).any(|row| row.id == batch[at].id);
            let duplicate = (0..batch.len()).any(known);
            match journal.append(&entries) {
                Ok(()) => {
                    prop_assert!(!duplicate);
                    all.extend(batch);
                }
                Err(StoreError::Duplicate { .. }) => prop_assert!(duplicate),
                Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
            }
            if number % 3 == 0 {
                drop(journal);
                journal = open(place.path());
            }
        }
        prop_assert_eq!(journal.read(0, usize::MAX, usize::MAX).unwrap(), all.clone());
        for row in &all {
            if let Some(id) = &row.id {
                prop_assert_eq!(journal.find(id).unwrap().unwrap().seq, row.seq);
            }
        }
    }
}

fn any_row() -> impl Strategy<Value = OwnedEntry> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    let id = prop::option::of("[a-zé\\x00]{0,2}");
    (id, any::<u8>(), any::<i64>(), prop::option::of(bytes()), bytes(), bytes()).prop_map(
        |(id, kind, time, digest, input, answer)| OwnedEntry {
            seq: 0,
            id,
            kind,
            time,
            digest,
            input,
            answer,
        },
    )
}
