//! The state in use: checkpoints, loading, scans.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use store::{Limits, State, StateReader, StoreError};

type Change<'a> = (u8, &'a [u8], Option<&'a [u8]>);

/// Records of a kind.
fn count(state: &StateReader, kind: u8) -> usize {
    state.scan(kind, &[], usize::MAX).unwrap().len()
}

/// Up to which number the state was last asked to be durable.
fn synced(path: &Path) -> u64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    let select = "SELECT value FROM meta WHERE name = 'synced'";
    let value: Vec<u8> = connection.query_row(select, [], |row| row.get(0)).unwrap();
    u64::from_be_bytes(value.try_into().unwrap())
}

#[test]
fn a_checkpoint_is_there_after_opening_again() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("state.db");
    let mut state = State::open(&path, Limits::default()).unwrap();
    assert_eq!(state.seq().unwrap(), 0);
    let changed: [Change<'_>; 3] = [(1, b"a", Some(b"A")), (1, b"b", Some(b"")), (2, b"a", Some(b"other"))];
    state.checkpoint(10, changed).unwrap();
    let changed: [Change<'_>; 2] = [(1, b"a", None), (1, b"c", Some(b"C"))];
    state.checkpoint(12, changed).unwrap();
    drop(state);
    let state = State::open(&path, Limits::default()).unwrap();
    assert_eq!(state.seq().unwrap(), 12);
    assert_eq!(state.load(1, b"a").unwrap(), None);
    assert_eq!(state.load(1, b"b").unwrap(), Some(Vec::new()));
    let many = state.load_many(&[(2, b"a"), (1, b"z"), (1, b"c")]).unwrap();
    assert_eq!(many, [Some(b"other".to_vec()), None, Some(b"C".to_vec())]);
    assert_eq!((count(&state, 1), count(&state, 9)), (2, 0));
}

#[test]
fn scans_go_in_the_order_of_keys_from_one_on() {
    let place = tempfile::tempdir().unwrap();
    let mut state = State::open(&place.path().join("state.db"), Limits::default()).unwrap();
    let keys: [&[u8]; 5] = [b"\xff", b"", b"b", b"ab", b"a"];
    state.checkpoint(1, keys.map(|key| (1, key, Some(key)))).unwrap();
    let found =
        |from, limit| state.scan(1, from, limit).unwrap().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(found(b"", 9), [b"".as_slice(), b"a", b"ab", b"b", b"\xff"]);
    assert_eq!(found(b"aa", 2), [b"ab".as_slice(), b"b"]);
    let back = |before, limit| {
        let found = state.scan_back(1, before, limit).unwrap();
        found.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(back(b"\xff", 3), [b"b".as_slice(), b"ab", b"a"]);
    assert_eq!(back(b"a", 9), [b"".as_slice()]);
    assert!(state.scan(2, b"", 9).unwrap().is_empty());
}

#[test]
fn a_failing_checkpoint_leaves_the_old_one_whole() {
    let place = tempfile::tempdir().unwrap();
    let limits = Limits { blob_bytes_max: 100_000, file_bytes_max: Some(800 << 10), ..Limits::default() };
    let mut state = State::open(&place.path().join("state.db"), limits).unwrap();
    let old: [Change<'_>; 2] = [(1, b"a", Some(b"old")), (1, b"b", Some(b"old"))];
    state.checkpoint(5, old).unwrap();
    let large = vec![0; 100_001];
    let too_large: [Change<'_>; 2] = [(1, b"a", Some(b"new")), (1, b"b", Some(&large))];
    assert!(matches!(state.checkpoint(6, too_large), Err(StoreError::TooLarge { .. })));
    let full = (0..100_u8).map(|key| (1, [key], Some(&large[1..])));
    let error = state.checkpoint(6, full).unwrap_err();
    assert!(matches!(error, StoreError::Sqlite { .. }), "{error:?}");
    let back = state.checkpoint(4, std::iter::empty::<Change<'_>>());
    assert!(matches!(back, Err(StoreError::Position { .. })));
    assert_eq!((state.seq().unwrap(), count(&state, 1)), (5, 2));
    assert_eq!(state.load(1, b"a").unwrap(), Some(b"old".to_vec()));
    let new: [Change<'_>; 1] = [(1, b"a", Some(b"new"))];
    state.checkpoint(6, new).unwrap();
    assert_eq!(state.load(1, b"a").unwrap(), Some(b"new".to_vec()));
}

#[test]
fn a_reader_and_a_copy_see_whole_checkpoints() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("state.db");
    let mut state = State::open(&path, Limits::default()).unwrap();
    let reader = StateReader::open(&path).unwrap();
    for seq in 1..=3_u64 {
        let bytes = seq.to_be_bytes();
        let changed = (0..200_u8).map(|key| (1, [key], Some(bytes)));
        state.checkpoint(seq, changed).unwrap();
        assert_eq!(reader.seq().unwrap(), seq);
        assert_eq!(reader.load(1, &[7]).unwrap(), Some(bytes.to_vec()));
    }
    let copy = place.path().join("copy.db");
    state.backup(&copy).unwrap();
    state.checkpoint(4, [(1, [0], None::<[u8; 0]>)]).unwrap();
    let copied = State::open(&copy, Limits::default()).unwrap();
    assert_eq!((copied.seq().unwrap(), count(&copied, 1)), (3, 200));
}

#[test]
fn a_long_log_is_merged_when_asked_and_begins_anew() {
    const LONG: u32 = 64 << 10;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("state.db");
    let mut state = State::open(&path, Limits { state_wal_bytes: LONG, ..Limits::default() }).unwrap();
    let log_bytes = || place.path().join("state.db-wal").metadata().unwrap().len();
    let write = |state: &mut State, seq: u64| {
        let mut checkpoint = state.begin(seq).unwrap();
        checkpoint.put((0..200_u64).map(|key| (1, key.to_be_bytes(), Some([7; 200])))).unwrap();
        checkpoint.finish().unwrap();
    };
    write(&mut state, 1);
    write(&mut state, 2);
    let grown = log_bytes();
    assert!(grown > u64::from(LONG), "the log is left to whoever merges: {grown} bytes");
    let file_bytes = path.metadata().unwrap().len();
    state.merge_if_long().unwrap();
    assert!(path.metadata().unwrap().len() > file_bytes, "what was in the log is in the file");
    state.checkpoint(3, [(1, [1; 8], Some([8; 8]))]).unwrap();
    assert!(log_bytes() <= u64::from(LONG), "{} bytes", log_bytes());
    // A short one is left alone.
    let merged_at = path.metadata().unwrap().modified().unwrap();
    state.merge_if_long().unwrap();
    assert_eq!(path.metadata().unwrap().modified().unwrap(), merged_at);
    assert_eq!((state.seq().unwrap(), count(&state, 1)), (3, 201));
}

/// Whether a disk has what it was asked to keep cannot be seen from here; that it was asked and that nothing else changed can.
#[test]
fn a_checkpoint_is_made_durable_on_request() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("state.db");
    let mut state = State::open(&path, Limits::default()).unwrap();
    assert_eq!(state.sync().unwrap(), 0);
    let new: [Change<'_>; 1] = [(1, b"a", Some(b"new"))];
    state.checkpoint(7, new).unwrap();
    let reader = StateReader::open(&path).unwrap();
    for _ in 0..2 {
        assert_eq!(state.sync().unwrap(), 7);
        assert_eq!((reader.seq().unwrap(), state.seq().unwrap()), (7, 7));
        assert_eq!(synced(&path), 7);
    }
    state.checkpoint(8, std::iter::empty::<Change<'_>>()).unwrap();
    drop(state);
    let mut state = State::open(&path, Limits::default()).unwrap();
    assert_eq!(synced(&path), 7);
    assert_eq!((state.sync().unwrap(), state.load(1, b"a").unwrap()), (8, Some(b"new".to_vec())));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Against a plain map.
    #[test]
    fn a_state_is_a_map(
        checkpoints in prop::collection::vec(prop::collection::vec(change(), 0..30), 1..8),
        marks in prop::collection::vec(key(), 5),
    ) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("state.db");
        let mut map = BTreeMap::new();
        for (number, changes) in checkpoints.into_iter().enumerate() {
            let mut state = State::open(&path, Limits::default()).unwrap();
            for (kind, key, bytes) in &changes {
                match bytes {
                    Some(bytes) => map.insert((*kind, key.clone()), bytes.clone()),
                    None => map.remove(&(*kind, key.clone())),
                };
            }
            state.checkpoint(u64::try_from(number).unwrap(), changes).unwrap();
            for kind in 0..3 {
                let expected: Vec<_> =
                    map.iter().filter(|((of, _), _)| *of == kind).map(|((_, key), bytes)| (key.clone(), bytes.clone())).collect();
                prop_assert_eq!(state.scan(kind, &[], 1_000).unwrap(), expected.clone());
                for at in &marks {
                    let (from, before): (Vec<_>, Vec<_>) = expected.iter().cloned().partition(|(key, _)| key >= at);
                    prop_assert_eq!(state.scan(kind, at, 1_000).unwrap(), from);
                    let back: Vec<_> = before.into_iter().rev().take(3).collect();
                    prop_assert_eq!(state.scan_back(kind, at, 3).unwrap(), back);
                }
                for (key, bytes) in &expected {
                    prop_assert_eq!(state.load(kind, key).unwrap(), Some(bytes.clone()));
                }
            }
        }
    }
}

fn change() -> impl Strategy<Value = (u8, Vec<u8>, Option<Vec<u8>>)> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..3);
    (0..3_u8, key(), prop::option::of(bytes()))
}

/// Short ones, and such that lie about those of eight bytes, few enough to meet again.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let byte = || prop::sample::select(vec![0_u8, 1, 0x7F, 0x80, 0xFF]);
    let eight =
        (byte(), byte()).prop_map(|(first, last)| [&[first], [first; 6].as_slice(), &[last]].concat());
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..3),
        eight.clone(),
        (eight, 0..10_usize).prop_map(|(mut key, length)| {
            key.resize(length, 0);
            key
        }),
    ]
}
