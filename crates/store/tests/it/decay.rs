//! Bytes that change on the disk are never served: whatever is read is what was written, or damage is told.

use std::path::Path;

use store::{DataFolder, Journal, Limits, State, StateReader, StoreError};

use crate::fixture::{append, id, path, reader, row};

/// Turns all bits of one byte of a file.
fn turn(file: &Path, place: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    let byte = bytes.get_mut(place).unwrap();
    *byte = !*byte;
    std::fs::write(file, bytes).unwrap();
}

/// Where a text stands in a file, once.
fn find(file: &Path, text: &[u8]) -> usize {
    let bytes = std::fs::read(file).unwrap();
    let mut found = bytes.windows(text.len()).enumerate().filter(|(_, window)| *window == text);
    let (place, _) = found.next().unwrap();
    assert!(found.next().is_none(), "it stands there once");
    place
}

#[test]
fn a_record_that_changed_on_the_disk_is_damage() {
    // Kind 1 with keys of eight bytes lies elsewhere than kind 200 with others.
    for (kind, key) in [(1, b"eight by".as_slice()), (200, b"some key".as_slice()), (200, b"short")] {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("state.db");
        let bytes = *b"a record of which every byte counts";
        let mut state = State::open(&file, Limits::default()).unwrap();
        state.checkpoint(1, [(kind, key, Some(bytes.as_slice()))]).unwrap();
        drop(state);
        let start = find(&file, &bytes);
        // The record, and the digest behind it.
        for offset in 0..bytes.len() + 4 {
            turn(&file, start + offset);
            let state = StateReader::open(&file).unwrap();
            let damaged = |error| matches!(error, StoreError::Damaged { .. });
            assert!(damaged(state.load(kind, key).unwrap_err()), "{kind}, byte {offset}");
            assert!(damaged(state.scan(kind, b"", 9).unwrap_err()));
            assert!(damaged(state.scan_back(kind, &[0xff; 9], 9).unwrap_err()));
            turn(&file, start + offset);
        }
        let state = StateReader::open(&file).unwrap();
        assert_eq!(state.load(kind, key).unwrap().as_deref(), Some(bytes.as_slice()));
    }
}

#[test]
fn a_row_of_the_journal_that_changed_on_the_disk_is_damage() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&path(place.path()), Limits::default()).unwrap();
    append(&mut journal, 20).unwrap();
    drop(journal);
    let whole = row(16, 1);
    let file = path(place.path());
    let input = find(&file, &[whole.input.as_slice(), whole.answer.as_slice()].concat());
    let identifier = find(&file, id(16).as_bytes());
    for byte in [input, input + whole.input.len() / 2, input + whole.input.len() + 3, identifier + 4] {
        turn(&file, byte);
        let journal = reader(place.path());
        assert!(matches!(journal.get(16), Err(StoreError::Damaged { .. })), "byte {byte}");
        assert!(matches!(journal.read(0, 100, 1 << 20), Err(StoreError::Damaged { .. })), "byte {byte}");
        assert_eq!(journal.get(15).unwrap(), Some(row(15, 1)), "others are read");
        turn(&file, byte);
    }
    assert_eq!(reader(place.path()).get(16).unwrap(), Some(whole));
}

/// Of an update that cannot read the inputs nothing is left behind: the version before still runs on the folder.
#[test]
fn a_journal_of_an_old_form_is_refused_before_the_state_is_touched() {
    let place = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(place.path()).unwrap();
    let (mut journal, mut state) = folder.files(&Limits::default()).unwrap();
    append(&mut journal, 10).unwrap();
    state.checkpoint(10, [(1, b"key".as_slice(), Some(b"record".as_slice()))]).unwrap();
    drop((journal, state));
    for file in ["journal.db", "state.db"] {
        let database = rusqlite::Connection::open(place.path().join(file)).unwrap();
        database.execute_batch("PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    }
    let before = std::fs::read(place.path().join("state.db")).unwrap();
    let refused = folder.files(&Limits::default()).unwrap_err();
    assert!(matches!(&refused, StoreError::OldForm { path } if path.ends_with("journal.db")), "{refused}");
    assert_eq!(std::fs::read(place.path().join("state.db")).unwrap(), before);
    let reading = folder.view().journal_reader().unwrap_err();
    assert!(matches!(reading, StoreError::OldForm { .. }), "{reading}");
}
