//! What the live server's events become: history that a sweep reads while the server runs.

use std::collections::BTreeSet;
use std::fs::File;
use std::time::Duration;

use arrow_array::cast::AsArray as _;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::process::{Place, run, stderr};
use crate::serve::{Server, event, key, metric};

/// The identifiers of all events in the history of a place's server; each is there once.
pub(crate) fn exported_ids(place: &Place) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let folder = place.path("data/history");
    if !folder.is_dir() {
        return ids;
    }
    for path in history::files::find(&[folder]).unwrap() {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            for id in batch.column_by_name("id").unwrap().as_string::<i32>().iter() {
                assert!(ids.insert(id.unwrap().to_owned()), "{id:?} is twice in the history");
            }
        }
    }
    ids
}

/// The identifier in an event as [`event`] writes it.
pub(crate) fn id_of(body: &str) -> &str {
    body.split('"').nth(3).unwrap()
}

/// Until something has come true, which takes seconds and may take as long as it must.
fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    for _ in 0..1_200 {
        if is_true() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("never came: {what}");
}

fn described(place: &Place) -> Option<serde_json::Value> {
    let described = run(&["history", "describe", "--json", &place.text("data/history")]);
    described.status.success().then(|| serde_json::from_slice(&described.stdout).unwrap())
}

/// A stranger changes a bank account; a sweep of the running server's history finds the procedure and its stranger.
#[test]
fn a_sweep_sees_a_procedure_while_the_server_runs() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let mut sender = server.connect(&key(&place, "sender"));
    let at = |line: String, time: &str| line.replace(&*crate::serve::YESTERDAY, time);
    let past: Vec<String> = (1..=28)
        .map(|day| {
            let login = event(&format!("l-{day}"), "login", "C1", "198.51.100.7");
            at(login, &format!("2025-12-{day:02}T12:00:00+09:00"))
        })
        .collect();
    assert_eq!(sender.post("/v1/events", &past.join("\n")).unwrap().json()["accepted"], 28);
    until("the past", || described(&place).is_some_and(|described| described["rows"] == 28));
    let change = event("b-1", "bank_account.change", "C1", "203.0.113.9");
    assert_eq!(sender.post("/v1/decide", &change).unwrap().status, 200);
    until("the procedure", || {
        described(&place).is_some_and(|described| described["kinds"]["bank_account.change"].is_object())
    });
    let (history, out) = (place.text("data/history"), place.text("out"));
    let kind = "bank_account.change";
    let arguments = ["sweep", "--kind", kind, "--since", "2026-01-01", "--history", &history, "--out", &out];
    let swept = run(&arguments);
    assert!(swept.status.success(), "{}", stderr(&swept));
    let result = std::fs::read_to_string(place.path("out/result.csv")).unwrap();
    assert_eq!(result.lines().count(), 2, "{result}");
    assert!(result.contains("b-1"), "{result}");
    assert_eq!(metric(&mut sender, "sekisho_exported_seq"), 30);
    assert_eq!(metric(&mut sender, "sekisho_export_lag_inputs"), 0);
    assert_eq!(metric(&mut sender, "sekisho_export_failures_total"), 0);
    assert!(metric(&mut sender, "sekisho_history_files") >= 2);
    server.stop();
}

/// What came last before a stop is there without another start.
#[test]
fn a_stop_exports_the_rest() {
    let place = Place::new();
    let server = Server::start(&place, &["--export-after-ms", "60000"]);
    let mut sender = server.connect(&key(&place, "sender"));
    for number in 0..10 {
        let body = event(&format!("e-{number}"), "login", "C1", "192.0.2.7");
        assert_eq!(sender.post("/v1/decide", &body).unwrap().status, 200);
    }
    assert_eq!(exported_ids(&place).len(), 0);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(exported_ids(&place).len(), 10);
    let log = std::fs::metadata(place.path("data/journal.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0, "the journal's log was merged into its file: nobody had it open");
}
