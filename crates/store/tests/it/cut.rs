//! A journal cut short at random bytes opens with what is whole, or says that it is damaged.

use std::fs::File;
use std::path::Path;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use store::{Journal, Limits, Mark, StoreError};

use crate::fixture::{append, check_rows, crash_copy, open, path};

const ROWS: u64 = 50;

fn cut(path: &Path, bytes: u64) {
    File::options().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

/// The last column of the first row, as text.
fn ask(folder: &Path, question: &str) -> String {
    let database = rusqlite::Connection::open(path(folder)).unwrap();
    let mut select = database.prepare(question).unwrap();
    let last = select.column_count() - 1;
    let answer: rusqlite::types::Value = select.query_row([], |row| row.get(last)).unwrap();
    if let rusqlite::types::Value::Text(text) = answer { text } else { format!("{answer:?}") }
}

/// A journal that a crash has left, with some of it merged into the file and the rest in the log.
fn left_by_a_crash(to: &Path, batches: u64, wal_bytes: u32) {
    let place = tempfile::tempdir().unwrap();
    let limits = Limits { wal_bytes, state_wal_bytes: wal_bytes, ..Limits::default() };
    let mut journal = Journal::open(&path(place.path()), limits).unwrap();
    for batch in 0..batches {
        append(&mut journal, ROWS).unwrap();
        // From some point on, new rows take the place of trimmed ones and the file grows no more.
        if batch >= 20 {
            let last = journal.last_seq();
            journal.mark(Mark::Exported, last).unwrap();
            journal.mark(Mark::Checkpointed, last).unwrap();
            journal.trim(last - 10 * ROWS).unwrap();
        }
    }
    crash_copy(place.path(), to);
}

#[test]
fn a_log_cut_short_loses_its_last_batches_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let whole = place.path().join("whole");
    left_by_a_crash(&whole, 20, 64 << 20);
    let log = whole.join("journal.db-wal");
    let bytes = std::fs::metadata(&log).unwrap().len();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut lengths: Vec<u64> = (0..60).map(|_| random.random_range(0..=bytes)).collect();
    lengths.extend([0, 1, 31, 32, 33, bytes - 1, bytes]);
    lengths.sort_unstable();
    let mut last = 0;
    for (number, length) in lengths.iter().enumerate() {
        let folder = place.path().join(number.to_string());
        crash_copy(&whole, &folder);
        cut(&folder.join("journal.db-wal"), *length);
        let mut journal = open(&folder);
        let found = check_rows(&journal, |_| ROWS);
        assert!(found >= last, "a longer log holds no less");
        last = found;
        append(&mut journal, ROWS).unwrap();
        assert_eq!(check_rows(&journal, |_| ROWS), found + ROWS);
    }
    assert_eq!(last, 20 * ROWS);
}

#[test]
fn whatever_is_cut_the_journal_is_whole_or_says_that_it_is_not() {
    let place = tempfile::tempdir().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut damaged = 0;
    for round in 0..120_u64 {
        let folder = place.path().join(round.to_string());
        left_by_a_crash(&folder, 15 + round % 40, 16 << 10);
        let name = if round % 2 == 0 { "journal.db" } else { "journal.db-wal" };
        let bytes = std::fs::metadata(folder.join(name)).unwrap().len();
        cut(&folder.join(name), random.random_range(0..bytes));
        match Journal::open(&path(&folder), Limits::default()) {
            Ok(journal) => {
                check_rows(&journal, |_| ROWS);
                assert_eq!(ask(&folder, "PRAGMA integrity_check"), "ok");
            }
            Err(error @ StoreError::Damaged { .. }) => {
                damaged += 1;
                assert!(error.to_string().contains("restore the last backup"));
            }
            Err(error) => panic!("{error:?}"),
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
    assert!(damaged > 40, "{damaged}");
}

/// Old pages in what is left of the log would hide newer ones in the file.
#[test]
fn a_log_cut_short_after_it_was_merged_is_noticed() {
    const MERGE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let mut journal = open(&data);
    let mut grow = |trim: bool| {
        append(&mut journal, ROWS).unwrap();
        let last = journal.last_seq();
        journal.mark(Mark::Exported, last).unwrap();
        journal.mark(Mark::Checkpointed, last).unwrap();
        if trim {
            journal.trim(last - 10 * ROWS).unwrap();
        }
        last
    };
    (0..20).map(|_| grow(false)).max();
    (0..20).map(|_| grow(true)).max();
    ask(&data, MERGE);
    // Here the log begins anew. The file does not grow: the rows take the place of trimmed ones.
    let last = (0..3).map(|_| grow(true)).max().unwrap();
    ask(&data, MERGE);
    let log_bytes = std::fs::metadata(data.join("journal.db-wal")).unwrap().len();
    let mut noticed = 0;
    for bytes in (0..=log_bytes).step_by(4_120) {
        let folder = place.path().join(bytes.to_string());
        crash_copy(&data, &folder);
        cut(&folder.join("journal.db-wal"), bytes + 32);
        match Journal::open(&path(&folder), Limits::default()) {
            Ok(journal) => {
                assert_eq!(check_rows(&journal, |_| ROWS), last);
                assert_eq!(ask(&folder, "PRAGMA integrity_check"), "ok");
            }
            Err(StoreError::Damaged { .. }) => noticed += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(noticed > 10, "{noticed}");
}

#[test]
fn a_file_that_is_empty_missing_or_something_else_is_not_taken_for_a_new_one() {
    let place = tempfile::tempdir().unwrap();
    left_by_a_crash(place.path(), 20, 64 << 20);
    let open = || Journal::open(&path(place.path()), Limits::default()).map(drop);
    cut(&path(place.path()), 0);
    assert!(matches!(open(), Err(StoreError::Damaged { .. })));
    std::fs::remove_file(path(place.path())).unwrap();
    assert!(matches!(open(), Err(StoreError::Damaged { .. })));
    std::fs::write(path(place.path()), "to whom it may concern, ".repeat(100)).unwrap();
    assert!(matches!(open(), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_file_unfinished_when_it_was_created_is_made_again() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("journal.db.new"), "half").unwrap();
    assert_eq!(open(place.path()).last_seq(), 0);
}
