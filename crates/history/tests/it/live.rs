//! Files a running server adds: each input once, wherever the process ended, and whenever somebody looks.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its fixture should stop")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use history::describe::describe;
use history::files::{HistoryFile, find, open_all};
use history::live::{Limits, LiveFolder, LiveName, Span};
use history::rows::{AccountHasher, Recorded, RowBuffer};
use history::{HistoryError, Watch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const TAG: u32 = 7;
/// Where it stands how far the journal is exported.
const POSITION: &str = ".exported-00000007";
const DAY: &str = "2026-01-05";
const KEEP: Duration = Duration::from_secs(600);
const NOW: Duration = Duration::from_secs(5);
const LIMITS: Limits = Limits { fan_in: 4, rows_max: 1_000, bytes_max: u64::MAX };

/// A journal that begins at 1 and is long enough.
const JOURNAL: Span = Span { first: 1, last: 1_000_000 };

fn open(root: &Path) -> LiveFolder {
    LiveFolder::open(root, TAG, JOURNAL, LIMITS, NOW).unwrap()
}

/// Rows whose identifiers are the numbers of inputs, of customers in no order.
fn rows(from: u64, to: u64) -> RecordBatch {
    let mut rows = RowBuffer::new(AccountHasher::none());
    for seq in from..=to {
        let event = format!(
            r#"{{"id":"{seq}","time":"2026-01-05T10:00:{:02}Z","kind":"login","customer":"C{}","client":{{"ip":"192.0.2.7",
            "user_agent":"agent {}"}},"outcome":"succeeded","reason":"{}"}}"#,
            59 - seq % 60,
            seq * 7 % 11,
            seq % 3,
            if seq.is_multiple_of(2) { "even" } else { "odd" },
        );
        rows.push(&serde_json::from_str(&event).unwrap(), Recorded::default());
    }
    rows.finish().unwrap()
}

fn publish(folder: &mut LiveFolder, count: u64) {
    let from = folder.seq() + 1;
    let to = from + count - 1;
    folder.publish(to, DAY, Some(&rows(from, to))).unwrap();
}

fn merge(folder: &mut LiveFolder) -> bool {
    let Some(merge) = folder.next_merge() else { return false };
    merge.run(&Watch::default()).unwrap();
    folder.merged(&merge, NOW).unwrap();
    true
}

/// The identifiers a reader finds, with how often.
fn ids(root: &Path) -> Vec<u64> {
    let mut ids = Vec::new();
    for path in find(&[root.to_owned()]).unwrap() {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let column = batch.column_by_name("id").unwrap();
            ids.extend(column.as_string::<i32>().iter().map(|id| id.unwrap().parse::<u64>().unwrap()));
        }
    }
    ids.sort_unstable();
    ids
}

fn holds_once(root: &Path, to: u64) {
    assert_eq!(ids(root), (1..=to).collect::<Vec<_>>());
}

fn names(root: &Path) -> Vec<String> {
    let folder = root.join(DAY);
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &place) } else { fs::copy(&path, &place).map(|_bytes| ()).unwrap() }
    }
}

#[test]
fn what_is_published_is_there_once_and_merged_by_and_by() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("history");
    let mut folder = open(&root);
    for _ in 0..21 {
        publish(&mut folder, 10);
        while merge(&mut folder) {}
    }
    // Inputs that are no events leave no file.
    folder.publish(215, DAY, None).unwrap();
    holds_once(&root, 210);
    assert_eq!((folder.seq(), folder.files()), (215, 3), "16, 4 and 1 of the first level");
    let files = open_all(std::slice::from_ref(&root)).unwrap();
    assert_eq!(files.len(), 3);
    let described = describe(&files, &Watch::default()).unwrap();
    assert_eq!((described.rows, described.orders["customer_key,time"]), (210, 3));
    assert_eq!((described.filled_percent["reason"], described.filled_percent["device"]), (100, 0));

    // The next day ends this one.
    folder.publish(216, "2026-01-06", Some(&rows(211, 211))).unwrap();
    while merge(&mut folder) {}
    folder.forget_days();
    assert_eq!((folder.files(), folder.files_small()), (2, 1));
    holds_once(&root, 211);
    let again = open(&root);
    assert_eq!((again.seq(), again.files()), (216, 2));
}

#[test]
fn a_merged_file_is_sorted_and_loses_no_column() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("history");
    let mut folder = open(&root);
    for _ in 0..4 {
        publish(&mut folder, 50);
    }
    let read = |root: &Path| {
        let mut lines = Vec::new();
        for file in open_all(&[root.to_owned()]).unwrap() {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&file.path).unwrap()).unwrap();
            for batch in reader.build().unwrap() {
                let batch = batch.unwrap();
                for row in 0..batch.num_rows() {
                    let key = batch.column(0).as_primitive::<arrow_array::types::UInt64Type>().value(row);
                    let time = batch
                        .column(4)
                        .as_primitive::<arrow_array::types::TimestampMicrosecondType>()
                        .value(row);
                    let rest: Vec<String> =
                        batch.columns().iter().map(|column| format!("{:?}", column.slice(row, 1))).collect();
                    lines.push((key, time, rest));
                }
            }
        }
        lines
    };
    let mut before = read(&root);
    assert!(merge(&mut folder));
    let after = read(&root);
    assert!(after.is_sorted_by_key(|(key, time, _)| (*key, *time)));
    before.sort_by_key(|(key, time, _)| (*key, *time));
    // Dictionaries are written anew: compare what the rows say.
    let told = |lines: &[(u64, i64, Vec<String>)]| {
        lines.iter().map(|(key, time, rest)| (*key, *time, rest[7].clone())).collect::<BTreeSet<_>>()
    };
    assert_eq!(told(&before), told(&after));
    let file = &open_all(&[root]).unwrap()[0];
    assert_eq!((file.nulls(0, "device"), file.nulls(0, "reason"), file.nulls(0, "kind")), (200, 0, 0));
}

/// Every moment at which the process may end between two publications and a merge: whoever reads the history then sees each
/// input once, the restart goes on from there, and ends with the same.
#[test]
fn a_crash_at_any_step_neither_loses_nor_repeats() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("history");
    let mut folder = open(&root);
    for _ in 0..3 {
        publish(&mut folder, 10);
    }
    let snapshot = |name: &str| {
        let to = place.path().join(name);
        copy(&root, &to);
        to
    };
    let mut crashed: Vec<(PathBuf, u64)> = Vec::new();
    // Half of the fourth file is written.
    let before = snapshot("unfinished");
    let fourth = LiveName { origin: TAG, from: 31, to: 40, level: 0 };
    fs::write(before.join(DAY).join(format!(".{fourth}.new")), "PAR1 and no more").unwrap();
    crashed.push((before, 30));
    // The file has appeared, that it has is not written down.
    let position = fs::read(root.join(POSITION)).unwrap();
    publish(&mut folder, 10);
    let appeared = snapshot("appeared");
    fs::write(appeared.join(POSITION), &position).unwrap();
    crashed.push((appeared, 40));
    crashed.push((snapshot("published"), 40));
    // Merging: written, not in its place.
    let merge = folder.next_merge().unwrap();
    assert_eq!((merge.files(), merge.rows()), (4, 40));
    merge.run(&Watch::default()).unwrap();
    crashed.push((snapshot("merge-written"), 40));
    // In its place; the old files are there, and then go one by one.
    let merged = LiveName { origin: TAG, from: 1, to: 40, level: 1 };
    let stage = snapshot("merge-appeared");
    fs::rename(stage.join(DAY).join(format!(".{merged}.new")), stage.join(DAY).join(merged.to_string()))
        .unwrap();
    for gone in 0..=4_u64 {
        let at = place.path().join(format!("merge-appeared-{gone}"));
        copy(&stage, &at);
        for old in 0..gone {
            let old = LiveName { origin: TAG, from: old * 10 + 1, to: old * 10 + 10, level: 0 };
            let day = at.join(DAY);
            fs::rename(day.join(old.to_string()), day.join(format!(".{old}.merged"))).unwrap();
        }
        crashed.push((at, 40));
    }
    folder.merged(&merge, NOW).unwrap();
    crashed.push((snapshot("merged"), 40));
    // Old files are removed one by one.
    let removing = snapshot("removing");
    fs::remove_file(
        removing.join(DAY).join(format!(".{}.merged", LiveName { origin: TAG, from: 11, to: 20, level: 0 })),
    )
    .unwrap();
    crashed.push((removing, 40));
    folder.remove_retired(Duration::ZERO, NOW).unwrap();
    crashed.push((snapshot("removed"), 40));
    assert_eq!(names(&root), [merged.to_string()]);

    for (root, to) in crashed {
        holds_once(&root, to);
        // Restarted, even twice, it has exactly this much, and exports the rest, in ranges of other sizes.
        drop(open(&root));
        let mut folder = open(&root);
        assert_eq!(folder.seq(), to, "{}", root.display());
        holds_once(&root, to);
        publish(&mut folder, 5);
        publish(&mut folder, 100 - 5 - to);
        while self::merge(&mut folder) {
            holds_once(&root, 100);
        }
        folder.remove_retired(Duration::ZERO, NOW).unwrap();
        holds_once(&root, 100);
        assert!(names(&root).iter().all(|name| !name.starts_with('.')), "{:?}", names(&root));
    }
}

/// Somebody found the files, then they were merged: reading goes on, as long as old files are kept.
#[test]
fn who_has_begun_to_read_can_go_on() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("history");
    let mut folder = open(&root);
    for _ in 0..4 {
        publish(&mut folder, 10);
    }
    let found = find(std::slice::from_ref(&root)).unwrap();
    assert!(merge(&mut folder));
    let files: Vec<HistoryFile> = found.iter().map(|path| HistoryFile::open(path).unwrap()).collect();
    folder.remove_retired(KEEP, NOW).unwrap();
    assert_eq!(describe(&files, &Watch::default()).unwrap().kinds["login"]["succeeded"], 40);
    folder.remove_retired(Duration::ZERO, NOW).unwrap();
    assert!(matches!(describe(&files, &Watch::default()), Err(HistoryError::Io { .. })));
    holds_once(&root, 40);
}

/// Whoever has opened a history reads it to its end, however long that takes and whatever is merged meanwhile.
#[test]
fn what_is_being_read_is_not_removed() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("history");
    let mut folder = open(&root);
    for _ in 0..4 {
        publish(&mut folder, 10);
    }
    // By its folder, and by that of one day.
    let files = open_all(std::slice::from_ref(&root)).unwrap();
    let of_day = open_all(&[root.join(DAY)]).unwrap();
    assert!(merge(&mut folder));
    folder.remove_retired(Duration::ZERO, NOW).unwrap();
    assert_eq!(describe(&files, &Watch::default()).unwrap().kinds["login"]["succeeded"], 40);
    drop(files);
    folder.remove_retired(Duration::ZERO, NOW).unwrap();
    assert_eq!(describe(&of_day, &Watch::default()).unwrap().kinds["login"]["succeeded"], 40);
    assert_eq!(fs::read_dir(root.join(DAY)).unwrap().count(), 5);
    drop(of_day);
    folder.remove_retired(Duration::ZERO, NOW).unwrap();
    assert_eq!(fs::read_dir(root.join(DAY)).unwrap().count(), 1);
    holds_once(&root, 40);
}

/// A copy holds what there was, and a server goes on with it.
#[test]
fn a_copy_is_a_history_of_its_own() {
    let place = tempfile::tempdir().unwrap();
    let (root, copy) = (place.path().join("history"), place.path().join("copy"));
    let mut folder = open(&root);
    for _ in 0..4 {
        publish(&mut folder, 10);
    }
    assert!(merge(&mut folder));
    publish(&mut folder, 10);
    assert_eq!(history::live::copy(&root, &copy).unwrap(), 2);
    publish(&mut folder, 10);
    drop(folder);
    holds_once(&copy, 50);
    let mut folder = open(&copy);
    assert_eq!((folder.seq(), folder.generation(), folder.missing()), (50, 0, None));
    publish(&mut folder, 5);
    holds_once(&copy, 55);
    holds_once(&root, 60);
    assert!(history::live::copy(&root, &copy).is_err(), "nothing is written over");
}

/// A reader that looks again and again while files come and are merged never sees a row twice, nor misses one.
#[test]
fn a_reader_in_between_sees_each_input_once() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("history");
    let mut folder = open(&root);
    publish(&mut folder, 3);
    let (begun, done) = (AtomicU64::new(3), AtomicU64::new(3));
    std::thread::scope(|threads| {
        let reader = threads.spawn(|| {
            let mut looks = 0;
            while done.load(Ordering::SeqCst) < 3_000 {
                let least = done.load(Ordering::SeqCst);
                let rows: u64 =
                    open_all(std::slice::from_ref(&root)).unwrap().iter().map(HistoryFile::rows).sum();
                let most = begun.load(Ordering::SeqCst);
                assert!(least <= rows && rows <= most, "{least} <= {rows} <= {most}");
                looks += 1;
            }
            looks
        });
        while folder.seq() < 3_000 {
            begun.fetch_add(3, Ordering::SeqCst);
            publish(&mut folder, 3);
            done.store(folder.seq(), Ordering::SeqCst);
            merge(&mut folder);
        }
        assert!(reader.join().unwrap() > 0);
    });
    holds_once(&root, 3_000);
}

#[test]
fn two_servers_may_share_a_folder() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("history");
    let mut folder = open(&root);
    publish(&mut folder, 10);
    let mut other = LiveFolder::open(&root, TAG + 100, JOURNAL, LIMITS, NOW).unwrap();
    assert_eq!((other.seq(), other.files()), (0, 0));
    publish(&mut other, 4);
    assert_eq!(ids(&root), [1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!((open(&root).seq(), other.seq()), (10, 4));
}

/// Where the history and the journal are not of one age.
#[test]
fn copies_of_different_ages_are_told_apart() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("history");
    let mut folder = open(&root);
    publish(&mut folder, 10);
    publish(&mut folder, 10);
    let at = |span| LiveFolder::open(&root, TAG, span, LIMITS, NOW).unwrap();
    // The journal is an older copy: it goes on at 16, and 16 to 20 are other inputs this time.
    let mut folder = at(Span { first: 1, last: 15 });
    assert_eq!((folder.seq(), folder.generation()), (15, 1));
    publish(&mut folder, 3);
    assert_eq!(ids(&root).len(), 23);
    let folder = at(Span { first: 1, last: 18 });
    assert_eq!((folder.seq(), folder.generation(), folder.missing()), (18, 1, None));
    // The history is an older copy, and the journal has forgotten what it lacks.
    let folder = at(Span { first: 31, last: 40 });
    assert_eq!((folder.seq(), folder.missing()), (30, Some(19..=30)));
    // A new folder beside a journal that was trimmed lacks nothing that it could know of.
    let new = LiveFolder::open(&place.path().join("new"), TAG, Span { first: 31, last: 40 }, LIMITS, NOW);
    let new = new.unwrap();
    assert_eq!((new.seq(), new.missing()), (30, None));
}

#[test]
fn old_files_may_be_taken_away() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("history");
    let mut folder = open(&root);
    publish(&mut folder, 10);
    fs::remove_dir_all(root.join(DAY)).unwrap();
    let mut folder = open(&root);
    assert_eq!(folder.seq(), 10, "what was there is not exported again");
    publish(&mut folder, 2);
    assert_eq!(ids(&root), [11, 12]);
    fs::write(root.join(POSITION), "{").unwrap();
    let error = LiveFolder::open(&root, TAG, JOURNAL, LIMITS, NOW).unwrap_err().to_string();
    assert!(error.contains("then restart"), "{error}");
}

#[test]
fn a_merge_that_is_stopped_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("history");
    let mut folder = open(&root);
    for _ in 0..4 {
        publish(&mut folder, 10);
    }
    let watch = Watch::default();
    watch.stop();
    let merge = folder.next_merge().unwrap();
    assert!(matches!(merge.run(&watch), Err(HistoryError::Stopped)));
    assert_eq!(names(&root).len(), 4);
    holds_once(&root, 40);
}
