//! The data folder: one owner, copies that fit together.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use store::{DataFolder, Limits, Mark, State, StoreError};

use crate::fixture::{append, check_rows};

fn checkpoint(state: &mut State, seq: u64) {
    let bytes = seq.to_be_bytes();
    state.checkpoint(seq, (0..50_u8).map(|key| (1, [key], Some(bytes)))).unwrap();
}

/// A folder with some rows and a state true up to half of them.
fn fill(path: &Path) {
    let folder = DataFolder::open(path).unwrap();
    let (mut journal, mut state) = folder.files(&Limits::default()).unwrap();
    for _ in 0..10 {
        append(&mut journal, 10).unwrap();
    }
    checkpoint(&mut state, 50);
}

#[test]
fn a_folder_is_private_and_has_one_owner() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a/b");
    let folder = DataFolder::open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    let refused = DataFolder::open(&path).unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }));
    assert!(
        refused.to_string().contains(path.to_str().unwrap()) && refused.to_string().contains("stop that one")
    );
    assert!(matches!(DataFolder::read_only(&path), Err(StoreError::NoData { .. })));
    drop(folder.files(&Limits::default()).unwrap());
    DataFolder::read_only(&path).unwrap();
    drop(folder);
    DataFolder::open(&path).unwrap();
}

#[test]
fn tools_read_while_a_server_runs_and_after_it_stopped() {
    let place = tempfile::tempdir().unwrap();
    fill(place.path());
    let folder = DataFolder::open(place.path()).unwrap();
    for running in [false, true] {
        let files = running.then(|| folder.files(&Limits::default()).unwrap());
        let view = DataFolder::read_only(place.path()).unwrap();
        assert_eq!(view.journal_reader().unwrap().last_seq().unwrap(), 100);
        assert_eq!(view.state_reader().unwrap().seq().unwrap(), 50);
        drop(files);
    }
}

#[test]
fn a_backup_is_restored_into_an_empty_folder_only() {
    let place = tempfile::tempdir().unwrap();
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| place.path().join(name));
    fill(&data);
    let view = DataFolder::read_only(&data).unwrap();
    std::fs::create_dir(&backup).unwrap();
    view.backup(&backup).unwrap();
    assert!(matches!(view.backup(&backup), Err(StoreError::NotEmpty { .. })));
    let names = |path: &Path| {
        let mut names: Vec<_> =
            std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&backup), ["journal.db", "state.db"]);
    DataFolder::restore(&backup, &restored).unwrap();
    assert!(matches!(DataFolder::restore(&backup, &restored), Err(StoreError::NotEmpty { .. })));
    assert!(matches!(
        DataFolder::restore(&place.path().join("no"), &place.path().join("x")),
        Err(StoreError::NoData { .. })
    ));
    assert_eq!(names(place.path()), ["backup", "data", "restored"]);
    let (journal, state) = DataFolder::open(&restored).unwrap().files(&Limits::default()).unwrap();
    assert_eq!(
        (check_rows(&journal, |_| 10), state.seq().unwrap(), state.scan(1, &[], usize::MAX).unwrap().len()),
        (100, 50, 50)
    );
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let place = tempfile::tempdir().unwrap();
    fill(place.path());
    std::fs::remove_file(place.path().join("journal.db")).unwrap();
    let folder = DataFolder::open(place.path()).unwrap();
    let refused = folder.files(&Limits::default()).unwrap_err();
    assert!(matches!(refused, StoreError::Disagree { state: 50, first: 1, last: 0, .. }), "{refused:?}");
}

/// What a version of the program with other records left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Everything,
    Trimmed,
    /// The records of a bootstrap are in the state, by the state's own account.
    Beyond,
    /// The same by the copy beside it.
    Base,
    /// The journal is an older copy, or gone.
    JournalBehind,
}

#[test]
fn records_of_an_old_form_are_made_anew_only_from_a_whole_journal() {
    for left in [Left::Everything, Left::Trimmed, Left::Beyond, Left::Base, Left::JournalBehind] {
        let place = tempfile::tempdir().unwrap();
        fill(place.path());
        let folder = DataFolder::open(place.path()).unwrap();
        let (mut journal, mut state) = folder.files(&Limits::default()).unwrap();
        match left {
            Left::Everything | Left::JournalBehind => {}
            Left::Trimmed => {
                journal.mark(Mark::Exported, 40).unwrap();
                journal.mark(Mark::Checkpointed, 40).unwrap();
                while journal.trim(40).unwrap().more {}
            }
            Left::Beyond => {
                state.go_beyond_journal();
                checkpoint(&mut state, 60);
            }
            Left::Base => std::fs::write(folder.view().base_path(), "").unwrap(),
        }
        // Closed, so that no log is beside them.
        drop((journal, state));
        if left == Left::JournalBehind {
            std::fs::remove_file(folder.view().journal_path()).unwrap();
        }
        let path = folder.view().state_path();
        rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 1).unwrap();
        let before = std::fs::read(&path).unwrap();
        match (left, folder.files(&Limits::default())) {
            (Left::Everything, Ok((journal, state))) => {
                assert_eq!((journal.last_seq(), state.seq().unwrap()), (100, 0));
                assert!(state.scan(1, &[], 1).unwrap().is_empty());
            }
            (Left::JournalBehind, Err(StoreError::Disagree { last: 0, .. }))
            | (Left::Trimmed | Left::Beyond | Left::Base, Err(StoreError::OldForm { .. })) => {
                assert_eq!(std::fs::read(&path).unwrap(), before);
            }
            (_, result) => panic!("{left:?}: {result:?}"),
        }
    }
}

/// A server that appends, checkpoints and trims as fast as it can, while backup after backup is made.
#[test]
fn backups_made_under_load_fit_together() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let folder = DataFolder::open(&data).unwrap();
    let limits =
        Limits { wal_bytes: 256 << 10, state_wal_bytes: 256 << 10, trim_rows: 100_000, ..Limits::default() };
    let (mut journal, mut state) = folder.files(&limits).unwrap();
    let done = AtomicBool::new(false);
    let durable = AtomicU64::new(0);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                append(&mut journal, 20).unwrap();
                let last = journal.last_seq();
                checkpoint(&mut state, last - 20);
                journal.mark(Mark::Exported, last).unwrap();
                journal.mark(Mark::Checkpointed, last - 20).unwrap();
                if last > 400 {
                    journal.trim(last - 400).unwrap();
                }
                durable.store(last, Ordering::Relaxed);
            }
        });
        while durable.load(Ordering::Relaxed) < 2_000 {
            std::thread::yield_now();
        }
        for number in 0..20 {
            let copy = place.path().join(number.to_string());
            let before = durable.load(Ordering::Relaxed);
            let result = folder.view().backup(&copy);
            if result.is_err() {
                done.store(true, Ordering::Relaxed);
            }
            result.unwrap();
            let (journal, state) = DataFolder::open(&copy).unwrap().files(&Limits::default()).unwrap();
            assert!(check_rows(&journal, |_| 20) >= before);
            let bytes = state.seq().unwrap().to_be_bytes().to_vec();
            assert!(state.scan(1, b"", 100).unwrap().iter().all(|(_, record)| *record == bytes));
            std::fs::remove_dir_all(&copy).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// SQLite is compiled as `.cargo/config.toml` says. Of its two options only one can be asked for.
#[test]
fn sqlite_is_compiled_with_our_options() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    let mut asked = connection.prepare("PRAGMA compile_options").unwrap();
    let options: Vec<String> = asked.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(
        options.iter().any(|option| option == "DEFAULT_MEMSTATUS=0"),
        "LIBSQLITE3_FLAGS of .cargo/config.toml was not in force: {options:?}"
    );
}
