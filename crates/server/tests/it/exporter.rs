//! Each input of the journal once in the history, as it was told.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, TimestampMicrosecondType, UInt64Type};
use arrow_array::{Array as _, RecordBatch};
use history::live::Limits;
use history::rows::{AccountHasher, Recorded, RowBuffer};
use model::Event;
use server::exporter::ExportOptions;

use crate::fixture::{Place, START_US, event, read, until};

const PATIENCE: Duration = Duration::from_secs(120);

/// Every text of a row by its column's name; numbers as text.
fn row_texts(batch: &RecordBatch, row: usize) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if column.is_null(row) {
            continue;
        }
        let text = if let Some(dictionary) = column.as_dictionary_opt::<Int32Type>() {
            let key = usize::try_from(dictionary.keys().value(row)).unwrap();
            dictionary.values().as_string::<i32>().value(key).to_owned()
        } else if let Some(text) = column.as_string_opt::<i32>() {
            text.value(row).to_owned()
        } else if let Some(number) = column.as_primitive_opt::<UInt64Type>() {
            number.value(row).to_string()
        } else if let Some(time) = column.as_primitive_opt::<TimestampMicrosecondType>() {
            time.value(row).to_string()
        } else {
            format!("{:?}", column.slice(row, 1))
        };
        texts.insert(field.name().clone(), text);
    }
    texts
}

fn by_id(batches: &[RecordBatch]) -> BTreeMap<String, BTreeMap<String, String>> {
    let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| row_texts(batch, row)));
    let mut by_id = BTreeMap::new();
    for row in rows {
        assert!(by_id.insert(row["id"].clone(), row.clone()).is_none(), "twice: {row:?}");
    }
    by_id
}

fn full_event(id: &str, kind: &str, more: &str) -> Event {
    let json = format!(
        "{{\"id\":\"{id}\",\"time\":\"2026-01-05T18:59:59.123456+09:00\",\"kind\":\"{kind}\",\"customer\":\"C1\",\"channel\":\"web\",\
         \"client\":{{\"ip\":\"2001:db8::7\",\"user_agent\":\"Mozilla/5.0 (Ünïcode)\",\"device\":\"d-1\",\"session\":\"s\",\
         \"ja4\":\"t13d\",\"language\":\"ja\"}},\"outcome\":\"failed\",\"reason\":\"why\",\"credential\":\"wrong\",\"factor\":\"totp\"{more}}}"
    );
    Event::from_json(json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// What was sent and what an importer would have made of it are the same, column by column.
#[test]
fn rows_are_those_an_import_would_have_made() {
    let place = Place::new();
    let server = place.server();
    let account = ",\"bank_account\":{\"bank\":\"0001\",\"branch\":\"001\",\"number\":\"1234567\",\"holder\":\"ヤマダ タロウ\"}";
    let money = ",\"amount\":{\"minor\":5000000,\"currency\":\"JPY\"},\"balance_share\":0.5";
    let nobody = r#"{"id":"nobody","time":"2026-01-05T10:00:00Z","kind":"login","outcome":"failed","username_hash":"h"}"#;
    let sent = [
        full_event("login", "login", ""),
        full_event("change", "bank_account.change", account),
        full_event("withdrawal", "withdrawal", &format!("{account}{money}")),
        full_event(
            "contact",
            "contact.change",
            ",\"contact\":{\"type\":\"email\",\"new\":\"a@example.com\"}",
        ),
        full_event("order", "order", ",\"order\":{\"symbol\":\"7203\",\"side\":\"buy\",\"quantity\":100}"),
        event("plain", "session.activity", "succeeded", ""),
        Event::from_json(nobody.as_bytes()).unwrap(),
    ];
    let mut imported = RowBuffer::new(AccountHasher::with_secret(b"sixteen bytes or more"));
    for event in &sent {
        imported.push(event, Recorded::default());
        server.send(event.clone(), false);
    }
    let seq = server.exporter(&ExportOptions::default()).catch_up(PATIENCE).unwrap();
    // The policy came first.
    assert_eq!(seq, 8);
    let mut expected = by_id(&[imported.finish().unwrap()]);
    let mut found = by_id(&place.batches());
    for id in ["change", "withdrawal"] {
        let key = |rows: &mut BTreeMap<String, BTreeMap<String, String>>| {
            rows.get_mut(id).unwrap().remove("bank_account_key").unwrap()
        };
        assert_eq!((key(&mut expected).len(), key(&mut found).len()), (32, 16));
    }
    assert_eq!(found, expected);
    server.stop();
}

/// Whoever asked and was told to hold or deny has not seen it succeed.
#[test]
fn what_was_held_did_not_succeed() {
    let place = Place::new();
    let server = place.server();
    for day in 1..=28 {
        let past = event(&format!("l-{day:02}"), "login", "succeeded", "");
        let json = serde_json::to_string(&past).unwrap();
        let past = json.replace("2026-01-05", &format!("2025-12-{day:02}")).replace("C4", "C1");
        server.send(Event::from_json(past.as_bytes()).unwrap(), false);
    }
    let stranger = |id: &str, kind: &str, outcome: &str| {
        let json = serde_json::to_string(&event(id, kind, outcome, "")).unwrap();
        let json = json.replace("192.0.2.7", "203.0.113.9").replace("d-1", "evil");
        let customer = format!("\"C{}\"", id.len());
        Event::from_json(json.replace(&customer, "\"C1\"").as_bytes()).unwrap()
    };
    server.send(stranger("p", "password.change", "succeeded"), false);
    server.send(stranger("b", "bank_account.change", "succeeded"), false);
    let decision = |answer: &[u8]| {
        let json: serde_json::Value = serde_json::from_slice(answer).unwrap();
        json["decision"].as_str().unwrap().to_owned()
    };
    let held = server.send(stranger("asked", "withdrawal", "succeeded"), true);
    assert_eq!(decision(&held.json), "hold");
    server.send(stranger("failed", "withdrawal", "failed"), true);
    server.send(stranger("told", "withdrawal", "succeeded"), false);
    let allowed = server.send(event("home", "session.activity", "succeeded", ""), true);
    assert_eq!(decision(&allowed.json), "allow");
    server.exporter(&ExportOptions::default()).catch_up(PATIENCE).unwrap();
    let rows = by_id(&place.batches());
    let outcomes = ["asked", "failed", "told", "home"].map(|id| rows[id]["outcome"].as_str());
    assert_eq!(outcomes, ["attempted", "failed", "succeeded", "succeeded"]);
    server.stop();
}

/// Exporters that end anywhere and begin again with other ideas of how much goes into a file.
#[test]
fn restarts_neither_lose_nor_repeat() {
    let place = Place::new();
    let mut server = place.server();
    let mut sent = Vec::new();
    for round in 0..30_u64 {
        for number in 0..20 {
            let id = format!("{round:02}-{number:02}");
            server.send(event(&id, "login", "succeeded", ""), number % 2 == 0);
            sent.push(id);
        }
        let options = ExportOptions {
            flush_rows: 1 + round * 7 % 13,
            flush_bytes: if round % 5 == 0 { 300 } else { 1 << 20 },
            ..ExportOptions::default()
        };
        // No time at all: a first look, and no more. Then some of it, or all.
        let mut exporter = server.exporter(&options);
        exporter.catch_up(Duration::ZERO).unwrap();
        if round % 3 > 0 {
            exporter.catch_up(PATIENCE).unwrap();
            assert_eq!(place.ids(), sent);
        }
        drop(exporter);
        if round % 7 == 0 {
            server.stop();
            server = place.server();
        }
    }
    server.exporter(&ExportOptions::default()).catch_up(PATIENCE).unwrap();
    assert_eq!(place.ids(), sent);
    assert_eq!(read(&server.gauges().exported), 601);
    server.stop();
}

/// Many small files are merged while they come, and a restart in between changes nothing.
#[test]
fn a_running_exporter_keeps_files_few() {
    let place = Place::new();
    let server = place.server();
    let merge = Limits { fan_in: 4, ..Limits::default() };
    let options = ExportOptions { flush_after: Duration::ZERO, merge, ..ExportOptions::default() };
    let mut sent = Vec::new();
    for round in 0..3 {
        let running = server.start_exporter(&options);
        for number in 0..30 {
            let id = format!("{round}-{number:02}");
            server.send(event(&id, "login", "succeeded", ""), false);
            sent.push(id);
            let seq = u64::try_from(sent.len()).unwrap() + 1;
            until("exported", || read(&server.gauges().exported) == seq);
            if number % 10 == 0 {
                assert_eq!(place.ids(), sent);
            }
        }
        until("merged", || read(&server.gauges().export_files) <= 10);
        drop(running.stop());
        assert_eq!(place.ids(), sent);
    }
    assert_eq!(read(&server.gauges().export_failures), 0);
    server.stop();
}

#[test]
fn the_day_on_which_inputs_came_is_their_folder() {
    let place = Place::new();
    let server = place.server();
    server.send(event("today", "login", "succeeded", ""), false);
    place.set_clock(START_US + 24 * 3_600 * 1_000_000);
    server.send(event("late", "login", "succeeded", ""), false);
    server.exporter(&ExportOptions::default()).catch_up(PATIENCE).unwrap();
    let mut days: Vec<String> = fs::read_dir(place.history())
        .unwrap()
        .map(|day| day.unwrap().file_name().into_string().unwrap())
        .collect();
    days.retain(|day| !day.starts_with('.'));
    days.sort();
    assert_eq!(days, ["2026-01-05", "2026-01-06"]);
    assert_eq!(place.ids(), ["late", "today"]);
    server.stop();
}

/// Where the history cannot be written, decisions go on; later it catches up by itself.
#[test]
fn a_history_that_cannot_be_written_is_told_and_tried_again() {
    let place = Place::new();
    let server = place.server();
    fs::write(place.history(), "in the way").unwrap();
    let options = ExportOptions { flush_after: Duration::ZERO, ..ExportOptions::default() };
    let running = server.start_exporter(&options);
    let gauges = server.gauges();
    until("told", || read(&gauges.export_failing) == 1 && read(&gauges.export_failures) > 1);
    for number in 0..50 {
        server.send(event(&format!("e-{number:02}"), "login", "succeeded", ""), true);
    }
    assert_eq!((read(&gauges.seq), read(&gauges.exported)), (51, 0));
    fs::remove_file(place.history()).unwrap();
    until("caught up", || read(&gauges.exported) == 51 && read(&gauges.export_failing) == 0);
    // While it runs, somebody breaks what it writes to.
    fs::remove_dir_all(place.history()).unwrap();
    fs::write(place.history(), "in the way").unwrap();
    server.send(event("e-50", "login", "succeeded", ""), true);
    until("told again", || read(&gauges.export_failing) == 1);
    fs::remove_file(place.history()).unwrap();
    until("caught up again", || read(&gauges.exported) == 52 && read(&gauges.export_failing) == 0);
    drop(running.stop());
    // Nothing was left of the folder that could have told what was exported: the journal has it still.
    assert_eq!(place.ids(), (0..=50).map(|number| format!("e-{number:02}")).collect::<Vec<_>>());
    server.stop();
}

#[test]
fn what_is_not_understood_is_told_and_not_passed_over() {
    let place = Place::new();
    let server = place.server();
    server.send(event("first", "login", "succeeded", ""), false);
    server.stop();
    let data = store::DataFolder::open(&place.data()).unwrap();
    let (mut journal, _state) = data.files(&store::Limits::default()).unwrap();
    let strange =
        store::Entry { seq: 3, id: None, kind: 9, time: START_US, digest: None, input: b"?", answer: b"" };
    journal.append(&[strange]).unwrap();
    let places = server::exporter::Places { journal: data.view().clone(), history: place.history(), tag: 1 };
    let gauges = std::sync::Arc::default();
    let mut exporter =
        server::exporter::Exporter::new(places, ExportOptions::default(), place.clock(), gauges);
    let error = exporter.catch_up(PATIENCE).unwrap_err().to_string();
    assert!(error.contains("input 3") && error.contains("start the version"), "{error}");
}

/// The journal is an older copy than the history, and has outgrown it before the history is looked at: its inputs have numbers
/// that others had before, and are in the history all the same.
#[test]
fn a_restored_journal_that_grows_at_once_is_exported_whole() {
    let place = Place::new();
    let send = |server: &crate::fixture::Server, names: std::ops::Range<u32>| {
        names.for_each(|number| {
            drop(server.send(event(&format!("e-{number:02}"), "login", "succeeded", ""), false))
        });
    };
    let server = place.server();
    send(&server, 0..5);
    server.exporter(&ExportOptions::default()).catch_up(PATIENCE).unwrap();
    server.stop();
    let copy = place.data().join("copy");
    store::DataFolder::restore(&place.data(), &copy).unwrap();
    let server = place.server();
    send(&server, 5..10);
    server.exporter(&ExportOptions::default()).catch_up(PATIENCE).unwrap();
    server.stop();
    for file in fs::read_dir(&copy).unwrap().map(|file| file.unwrap().path()) {
        fs::rename(&file, place.data().join(file.file_name().unwrap())).unwrap();
    }
    let server = place.server();
    let mut exporter = server.exporter(&ExportOptions::default());
    send(&server, 10..25);
    exporter.catch_up(PATIENCE).unwrap();
    assert_eq!(place.ids(), (0..25).map(|number| format!("e-{number:02}")).collect::<Vec<_>>());
    server.stop();
}
