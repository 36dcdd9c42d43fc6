//! Files around the formats: compression, names, limits, errors, determinism.

use std::io::Write as _;
use std::path::PathBuf;

use history::import::{Format, ImportOptions, Input, import};
use history::{HistoryError, Watch};

use super::{Place, parquet_files};

fn event(id: usize, time: usize) -> String {
    format!(
        "{{\"id\":\"{id}\",\"time\":\"2020-09-16T15:{:02}:{:02}Z\",\"kind\":\"login\",\"customer\":\"C{}\",\"client\":{{\"ip\":\"192.0.2.7\"}},\"outcome\":\"failed\"}}\n",
        time / 60 % 60,
        time % 60,
        id % 17
    )
}

fn events(count: usize) -> String {
    (0..count).map(|id| event(id, id * 7)).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_files_of_several_members_and_empty_ones() {
    let place = Place::new();
    let files = [
        place.write("a.gz", [gzip(&event(1, 1)), gzip(&event(2, 2))].concat()),
        place.write(
            "b.zst",
            [
                zstd::encode_all(event(3, 3).as_bytes(), 1).unwrap(),
                zstd::encode_all(event(4, 4).as_bytes(), 1).unwrap(),
            ]
            .concat(),
        ),
        place.write("empty", ""),
        place.write("plain", event(5, 5)),
    ];
    let summary = place.import(&files).unwrap();
    assert_eq!((summary.rows, summary.records), (5, 5));

    let place = Place::new();
    let summary = place.text("empty", "");
    assert_eq!((summary.rows, summary.records, summary.files.len()), (0, 0, 0));
}

#[test]
fn a_truncated_archive_leaves_nothing_behind() {
    let mut cut = gzip(&events(10_000));
    cut.truncate(cut.len() / 2);
    let place = Place::new();
    let error = place.refused("a.gz", cut);
    assert!(error.contains("a.gz: reading failed"), "{error}");
    let place = Place::new();
    assert!(place.refused("a.xz", b"\xfd7zXZ\x00\x00\x00").contains("xz -dc"));
}

#[test]
fn what_cannot_be_opened_or_told() {
    let place = Place::new();
    let missing = place.import(&["/nonexistent/x".into()]).unwrap_err().to_string();
    assert!(missing.contains("/nonexistent/x: opening failed"), "{missing}");
    let folder = place.import(&[place.folder.path().to_owned()]).unwrap_err().to_string();
    assert!(folder.contains("give the files in it"), "{folder}");
    assert!(place.refused("x.log", "hello\n").contains("--format ndjson|csv|ocsf"));
    let twice =
        import(&[Input::Stdin, Input::Stdin], &place.out(), &ImportOptions::default(), &Watch::default());
    assert!(matches!(twice, Err(HistoryError::Usage(_))));
    let place = Place::of(Format::Parquet);
    assert!(place.refused("x.parquet", "hello\n").contains("PAR1"));
}

#[test]
fn long_lines_nul_bytes_and_invalid_text_are_rejected_one_by_one() {
    let place = Place::of(Format::Ndjson);
    let long = "x".repeat(10 << 20);
    let just = "y".repeat((1 << 20) + 1);
    let mut text = Vec::new();
    for part in [
        event(1, 1).as_bytes(),
        long.as_bytes(),
        b"\n",
        event(2, 2).as_bytes(),
        just.as_bytes(),
        b"\r\n",
        b"\0\0\n",
        b"{\"id\":\"\xff\"}\n",
        b" \t \n",
        event(3, 3).as_bytes(),
        long.as_bytes(),
    ] {
        text.extend_from_slice(part);
    }
    let summary = place.text("x.ndjson", text);
    assert_eq!((summary.rows, summary.rejected, summary.blank), (3, 5, 1));
    let rejected = place.rejected(&summary);
    let lines: Vec<_> = rejected.iter().map(|entry| entry["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 4, 5, 6, 9]);
    assert_eq!(rejected[0]["reason"], "line of 10485760 bytes; at most 1048576");
    assert_eq!(rejected[0]["text"].as_str().unwrap().len(), 1024);
    assert_eq!(rejected[1]["reason"], "line of 1048577 bytes; at most 1048576");
    assert_eq!(rejected[4]["reason"], "line of 10485760 bytes; at most 1048576");
}

#[test]
fn the_same_input_gives_the_same_files() {
    let text = events(30_000);
    let bytes = || {
        let place = Place::new();
        place.import(&[place.write("a.ndjson", &text)]).unwrap();
        parquet_files(&place.out()).iter().map(|file| std::fs::read(file).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn names_of_identifiers_and_rejected_files_do_not_collide() {
    let place = Place::of(Format::Combined);
    let line = "192.0.2.7 - C1 [16/Sep/2020:15:05:00 +0900] \"GET / HTTP/1.1\" 200 5\nbad\n";
    std::fs::create_dir_all(place.folder.path().join("b")).unwrap();
    let files = [place.write("access.log", line), place.write("b/access.log", line)];
    let first = place.import(&files).unwrap();
    assert!(place.rows()[0].contains(" access.log#2:1 ") && place.rows()[1].contains(" access.log:1 "));
    assert!(first.rejected_file.unwrap().ends_with("rejected.ndjson"));
    let inputs = files.map(Input::Path);
    let second = import(&inputs, &place.out(), &place.options, &Watch::default()).unwrap();
    assert!(second.rejected_file.unwrap().ends_with("rejected-1.ndjson"));
    assert_eq!(parquet_files(&place.out()).len(), 2, "history is added, never replaced");
}

#[test]
fn an_import_that_may_repeat_one_before_it_says_so_and_names_its_own_files() {
    let place = Place::of(Format::Ndjson);
    let (first, later) = (place.write("a.ndjson", events(3)), place.write("b.ndjson", event(9, 3_599)));
    let noted = |log: &PathBuf| {
        let summary =
            import(&[Input::from_argument(log)], &place.out(), &place.options, &Watch::default()).unwrap();
        let note = summary.notes.into_iter().find(|note| note.contains("counts twice"));
        note.map(|note| note.rsplit(' ').next().unwrap().to_owned())
    };
    assert_eq!(noted(&first), None, "the folder was empty");
    assert_eq!(noted(&later), None, "of another time");
    assert_eq!(noted(&first).as_deref(), Some("part-00002.parquet"), "names what to remove");
    std::fs::remove_file(place.out().join("part-00001.parquet")).unwrap();
    assert_eq!(noted(&first).as_deref(), Some("part-00003.parquet"), "a gap is not filled");
}

#[test]
fn a_stopped_run_leaves_nothing_behind() {
    let place = Place::new();
    let file = place.write("a.ndjson", events(1_000));
    let watch = Watch::default();
    watch.stop();
    let stopped = import(&[Input::Path(file)], &place.out(), &place.options, &watch);
    assert!(matches!(stopped, Err(HistoryError::Stopped)));
    assert!(!place.out().exists());
}

#[test]
fn the_watch_sees_all_bytes_and_rows() {
    let place = Place::new();
    let files = [place.write("a.ndjson", events(5_000)), place.write("b.gz", gzip(&(events(10) + "bad\n")))];
    let size: u64 = files.iter().map(|file| std::fs::metadata(file).unwrap().len()).sum();
    let watch = Watch::default();
    import(
        &files.map(Input::Path),
        &place.out(),
        &ImportOptions { format: Some(Format::Ndjson), ..ImportOptions::default() },
        &watch,
    )
    .unwrap();
    let reading = watch.read();
    assert_eq!((reading.done, reading.total, reading.rows, reading.rejected), (size, size, 5_010, 1));
}
