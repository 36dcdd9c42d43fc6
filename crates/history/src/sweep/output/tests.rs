//! A small history with honest customers and an attack, swept and written out: what the files hold. The page is in [`page`].

mod page;

use std::fs::File;
use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, TimestampMicrosecondType, UInt32Type, UInt64Type};
use expect_test::expect;
use intel::Intel;
use model::{Event, Procedure, Time};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{OutputOptions, write_results};
use crate::Watch;
use crate::files::open_all;
use crate::procedures::Examined;
use crate::rows::{AccountHasher, Recorded, RowBuffer};
use crate::staging::Staging;
use crate::sweep::{COLUMNS, Columns, SweepOptions, Verdict, Window, run};
use crate::writer::{HistoryWriter, Order};

const ATTACK_IP: &str = "203.0.113.7";

/// A day of 2020, from 0, at a time.
fn at(day: i64, hour: i64) -> String {
    let start: Time = "2020-01-01T00:00:00Z".parse().unwrap();
    start.plus_us(day * model::time::DAY_US + hour * model::time::HOUR_US).to_string()
}

fn event(id: &str, time: &str, kind: &str, customer: &str, ip: &str, device: &str, rest: &str) -> Event {
    let customer = serde_json::to_string(customer).unwrap();
    let json = format!(
        r#"{{"id":"{id}","time":"{time}","kind":"{kind}","customer":{customer},"channel":"web","client":{{"ip":"{ip}",
        "device":"{device}","user_agent":"Browser/1 <b>"}}{rest}}}"#
    );
    Event::from_json(json.as_bytes()).unwrap()
}

const DONE: &str = r#","outcome":"succeeded""#;

/// Names of honest customers, the last one hostile to HTML.
fn honest() -> Vec<String> {
    let mut names: Vec<String> = (0..12).map(|n| format!("HONEST-{n:04}")).collect();
    names.push("<script>alert(1)</script>".to_owned());
    names
}

/// What the attack does to one customer: a login from elsewhere, a new bank account, and the money.
fn attack(n: i64, customer: &str) -> Vec<Event> {
    let drained =
        r#","outcome":"succeeded","amount":{"minor":33700000,"currency":"JPY"},"balance_share":0.9"#;
    vec![
        event(&format!("al-{n}"), &at(250, n), "login", customer, ATTACK_IP, "evil-device-0001", DONE),
        event(
            &format!("ap-{n}"),
            &at(250, n).replace(":00:00.", ":05:00."),
            "password.change",
            customer,
            ATTACK_IP,
            "evil-device-0001",
            DONE,
        ),
        event(
            &format!("P-{n}"),
            &at(250, n).replace(":00:00.", ":10:00."),
            "bank_account.change",
            customer,
            ATTACK_IP,
            "evil-device-0001",
            DONE,
        ),
        event(
            &format!("aw-{n}"),
            &at(252, n),
            "withdrawal",
            customer,
            ATTACK_IP,
            "evil-device-0001",
            drained,
        ),
    ]
}

fn events() -> Vec<Event> {
    let mut events = Vec::new();
    for (n, customer) in (0_i64..).zip(honest()) {
        let (ip, device) = (format!("192.0.2.{}", n + 1), format!("home-device-{n:04}"));
        for day in (0..300).step_by(5) {
            events.push(event(&format!("l-{n}-{day}"), &at(day, 9), "login", &customer, &ip, &device, DONE));
        }
        let kind = if n % 2 == 0 { "bank_account.register" } else { "bank_account.change" };
        events.push(event(&format!("H-{n}"), &at(240 + n, 10), kind, &customer, &ip, &device, DONE));
        let failed = r#","outcome":"failed""#;
        events.push(event(
            &format!("f-{n}"),
            &at(249, n),
            "login",
            &customer,
            ATTACK_IP,
            "evil-device-0001",
            failed,
        ));
    }
    // A customer on a journey with a new device: for a person to look at.
    let away = ("198.51.100.9", "tablet-device-0009");
    events.push(event("T-1", &at(260, 3), "bank_account.change", "HONEST-0003", away.0, away.1, DONE));
    // Somebody had the attacker's address half a year before.
    events.push(event("B-1", &at(100, 3), "login", "HONEST-0009", ATTACK_IP, "home-device-0009", DONE));
    for (n, customer) in [(0, "HONEST-0000"), (1, "HONEST-0001"), (2, "<script>alert(1)</script>")] {
        events.extend(attack(n, customer));
    }
    events
}

fn examined(events: &[Event]) -> Vec<Examined> {
    let procedures = events.iter().filter(|event| event.kind.as_str().starts_with("bank_account"));
    procedures
        .map(|event| Examined {
            procedure: Procedure {
                id: event.id.clone(),
                customer: event.customer.clone().unwrap(),
                time: event.time,
                kind: event.kind,
                ip: event.client.ip,
                device: event.client.device.clone(),
            },
            recorded: Recorded::default(),
        })
        .collect()
}

struct Run {
    folder: tempfile::TempDir,
}

impl Run {
    /// Writes `events` as history, examines `examined` and writes the results.
    fn new(events: &[Event], examined: &[Examined], order: Order, options: &OutputOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (history, watch) = (folder.path().join("history"), Watch::default());
        let mut writer = HistoryWriter::begin(&history, order).unwrap();
        let mut rows = RowBuffer::new(AccountHasher::none());
        for event in events {
            rows.push(event, Recorded { country: Some(*b"JP"), asn: None });
        }
        writer.push(rows.finish().unwrap(), &watch).unwrap();
        writer.finish().unwrap();
        let files = open_all(&[history]).unwrap();
        let window = Window::around(examined, None, None, None);
        let sweep = SweepOptions { window, columns: options.columns, threads: 2 };
        let swept = run(examined, &files, &Intel::none(), &sweep, folder.path(), &watch).unwrap();
        let staging = Staging::begin(&folder.path().join("out")).unwrap();
        write_results(&swept, &files, &Intel::none(), &staging, options, &watch).unwrap();
        staging.publish(Some(super::SUMMARY)).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("out").join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

fn options() -> OutputOptions {
    OutputOptions { report: true, threads: 2, ..OutputOptions::default() }
}

fn whole(order: Order, options: &OutputOptions) -> Run {
    let events = events();
    Run::new(&events, &examined(&events), order, options)
}

#[test]
fn the_summary_tells_the_sweep_in_figures() {
    let run = whole(Order::Time, &options());
    let summary: serde_json::Value = serde_json::from_str(&run.text("summary.json")).unwrap();
    let mut shown = summary.clone();
    shown["version"] = "…".into();
    shown["unknowns"] = summary["unknowns"].as_array().unwrap().len().into();
    shown["verdicts_by_reason"] = summary["verdicts_by_reason"]["chain.drained"].clone();
    expect![[r#"
        {
          "alarm_addresses": 1,
          "alarms": [
            "P-0",
            "P-1",
            "P-2"
          ],
          "alarms_more": 0,
          "history": {
            "files": 1,
            "first": "2020-01-01T09:00:00.000000Z",
            "hits": 820,
            "last": "2020-10-22T09:00:00.000000Z",
            "rows": 820,
            "rows_exact": true,
            "rows_scanned": 820
          },
          "procedures": {
            "addresses": 15,
            "count": 17,
            "customers": 13,
            "earliest": "2020-08-28T10:00:00.000000Z",
            "kinds": {
              "bank_account.change": 10,
              "bank_account.register": 7
            },
            "latest": "2020-09-17T03:00:00.000000Z"
          },
          "product": "sekisho",
          "unknowns": 8,
          "verdicts": {
            "alarm": 3,
            "clear": 13,
            "explained": 0,
            "review": 1
          },
          "verdicts_by_kind": {
            "bank_account.change": {
              "alarm": 3,
              "clear": 6,
              "explained": 0,
              "review": 1
            },
            "bank_account.register": {
              "alarm": 0,
              "clear": 7,
              "explained": 0,
              "review": 0
            }
          },
          "verdicts_by_reason": {
            "alarm": 3,
            "clear": 2,
            "explained": 0,
            "review": 0
          },
          "version": "…",
          "window": {
            "from": "2019-08-29T10:00:00.000000Z",
            "to": null
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&shown).unwrap());
}

#[test]
fn outputs_do_not_depend_on_the_order_of_history_or_on_threads() {
    let by_time = whole(Order::Time, &options());
    let by_customer = whole(Order::Customer, &OutputOptions { threads: 1, ..options() });
    for name in ["result.csv", "summary.json", "report.html"] {
        assert_eq!(by_time.text(name), by_customer.text(name), "{name}");
    }
}

fn cell(batch: &RecordBatch, name: &str, row: usize) -> String {
    let column = batch.column_by_name(name).unwrap();
    if column.is_null(row) {
        return String::new();
    }
    if let Some(column) = column.as_primitive_opt::<TimestampMicrosecondType>() {
        Time::from_us(column.value(row)).unwrap().to_string()
    } else if let Some(column) = column.as_primitive_opt::<UInt64Type>() {
        column.value(row).to_string()
    } else if let Some(column) = column.as_primitive_opt::<UInt32Type>() {
        column.value(row).to_string()
    } else if let Some(column) = column.as_primitive_opt::<Float64Type>() {
        format!("{:.6}", column.value(row))
    } else {
        column.as_string::<i32>().value(row).to_owned()
    }
}

/// Rows of `result.csv` without its head, and `result.parquet` as one batch.
fn tables(run: &Run) -> (Vec<csv::StringRecord>, RecordBatch) {
    let mut reader = csv::Reader::from_path(run.path("result.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let file = File::open(run.path("result.parquet")).unwrap();
    let mut batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    (rows, batches.next().unwrap().unwrap())
}

#[test]
fn parquet_and_csv_hold_the_same() {
    let run = whole(Order::Time, &OutputOptions { unmask: true, ..options() });
    let (rows, batch) = tables(&run);
    assert_eq!((batch.num_rows(), batch.num_columns()), (rows.len(), COLUMNS.len()));
    for (number, row) in rows.iter().enumerate() {
        for (name, text) in COLUMNS.iter().zip(row) {
            assert_eq!(cell(&batch, name, number), *text, "{name} of row {number}");
        }
    }
    let alarm = rows.iter().find(|row| &row[0] == "P-2").unwrap();
    assert_eq!((&alarm[1], &alarm[24]), ("<script>alert(1)</script>", "alarm"));
}

#[test]
fn core_columns_give_no_verdicts_and_no_report() {
    let run = whole(Order::Time, &OutputOptions { columns: Columns::Core, ..options() });
    assert!(!run.path("report.html").exists());
    assert!(!run.text("summary.json").contains("verdicts"));
    let head = run.text("result.csv").lines().next().unwrap().to_owned();
    assert_eq!(head, "id,own_accesses,own_first_seen,own_last_seen,own_net_accesses,other_customers");
    let (rows, batch) = tables(&run);
    assert_eq!((batch.num_rows(), batch.num_columns()), (rows.len(), 6));
}

#[test]
fn verdicts_of_the_attack() {
    let events = events();
    let run = whole(Order::Time, &options());
    let (rows, _) = tables(&run);
    let of = |verdict: Verdict| rows.iter().filter(|row| &row[24] == verdict.as_str()).count();
    assert_eq!(rows.len(), examined(&events).len());
    assert_eq!((of(Verdict::Alarm), of(Verdict::Review)), (3, 1));
}

#[test]
fn withdrawals_without_a_share_are_told_as_not_known() {
    let withdrawal = |id: &str, customer: &str, share: &str| {
        let rest = format!(r#","outcome":"succeeded"{share}"#);
        event(id, &at(251, 1), "withdrawal", customer, ATTACK_IP, "d", &rest)
    };
    let change = |id: &str, customer: &str| {
        event(id, &at(250, 1), "bank_account.change", customer, ATTACK_IP, "d", DONE)
    };
    let events = [
        change("p-1", "C-1"),
        withdrawal("w-1", "C-1", ""),
        change("p-2", "C-2"),
        withdrawal("w-2", "C-2", r#","balance_share":0.25"#),
        change("p-3", "C-3"),
    ];
    let run = Run::new(&events, &examined(&events), Order::Time, &options());
    let summary: serde_json::Value = serde_json::from_str(&run.text(super::SUMMARY)).unwrap();
    let unknowns = summary["unknowns"].as_array().unwrap();
    let told = unknowns.iter().find(|unknown| unknown["code"] == "withdrawals.no_share").unwrap();
    assert_eq!(told["procedures"], 1, "the one after which money left without a share");
    assert!(
        run.text(super::REPORT).contains("残高に占める割合")
            && run.text(super::REPORT).contains("share of the balance")
    );
}
