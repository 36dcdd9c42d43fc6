//! A full disk: the journal refuses and says why, and loses nothing it has acknowledged.

use store::{Journal, Limits, Mark, StoreError};

use crate::fixture::{append, check_rows, id, open, path};

#[test]
fn after_a_failed_write_nothing_more_is_taken_until_it_is_opened_again() {
    let place = tempfile::tempdir().unwrap();
    let limits = Limits { file_bytes_max: Some(400 << 10), ..Limits::default() };
    let mut journal = Journal::open(&path(place.path()), limits.clone()).unwrap();
    let error = loop {
        if let Err(error) = append(&mut journal, 20) {
            break error;
        }
    };
    let acknowledged = journal.last_seq();
    assert!(acknowledged > 100 && matches!(error, StoreError::Sqlite { .. }), "{error:?}");
    // One row would still find room.
    for _ in 0..3 {
        let refused = append(&mut journal, 1).unwrap_err();
        let StoreError::Refusing { since, reason, .. } = &refused else { panic!("{refused:?}") };
        assert_eq!(*since, acknowledged + 1);
        assert!(reason.contains("full"), "{reason}");
        assert!(refused.to_string().contains("then restart"));
    }
    assert!(matches!(journal.mark(Mark::Exported, 1), Err(StoreError::Refusing { .. })));
    assert!(matches!(journal.trim(0), Err(StoreError::Refusing { .. })));
    assert!(journal.refusing().is_some());
    // What is there can be read and answered from.
    assert_eq!(check_rows(&journal, |_| 20), acknowledged);
    assert!(journal.find(&id(acknowledged - 1)).unwrap().is_some() || (acknowledged - 1).is_multiple_of(7));
    assert_eq!(journal.find(&id(acknowledged + 1)).unwrap(), None);
    drop(journal);

    let mut journal = Journal::open(&path(place.path()), limits).unwrap();
    assert_eq!(check_rows(&journal, |_| 20), acknowledged);
    assert!(matches!(append(&mut journal, 20), Err(StoreError::Sqlite { .. })));
    drop(journal);
    let mut journal = open(place.path());
    append(&mut journal, 20).unwrap();
    assert_eq!(check_rows(&journal, |_| 20), acknowledged + 20);
}
