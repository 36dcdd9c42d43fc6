//! Damaged history files: every command that reads history gives an error or an answer, never a panic.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot set up its fixture should stop"
)]

use std::fs;
use std::path::Path;

use history::compact::compact;
use history::files::open_all;
use history::rows::{AccountHasher, Recorded, RowBuffer};
use history::staging::Staging;
use history::sweep::{Columns, OutputOptions, SweepOptions, Window, extract, run, write_results};
use history::writer::{HistoryWriter, Order};
use history::{HistoryError, Watch, describe};
use intel::Intel;
use model::EventKind;

fn history() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = RowBuffer::new(AccountHasher::none());
    for number in 0..600 {
        let (kind, minute, ip) = (["login", "bank_account.change"][number % 2], number % 60, number % 5);
        let event = format!(
            "{{\"id\":\"{number}\",\"time\":\"2020-09-16T15:{minute:02}:00Z\",\"kind\":\"{kind}\",\"customer\":\"C{}\",\
             \"client\":{{\"ip\":\"192.0.2.{ip}\",\"device\":\"d{ip}\"}},\"outcome\":\"succeeded\"}}",
            number % 7
        );
        rows.push(&serde_json::from_str(&event).unwrap(), Recorded::default());
    }
    let mut writer = HistoryWriter::begin(folder.path(), Order::Customer).unwrap();
    writer.push(rows.finish().unwrap(), &Watch::default()).unwrap();
    let written = writer.finish().unwrap();
    fs::read(&written.files[0]).unwrap()
}

/// Everything that reads history. Gives the first error.
fn read_all(folder: &Path) -> Result<(), HistoryError> {
    let history = folder.join("history");
    let watch = Watch::default();
    let files = open_all(&[history])?;
    describe::describe(&files, &watch)?;
    let everything = Window { from: 0, to: i64::MAX };
    let examined = extract(&files, &[EventKind::BankAccountChange], everything, &watch)?;
    let options = SweepOptions { window: everything, columns: Columns::All, threads: 2 };
    let swept = run(&examined, &files, &Intel::none(), &options, folder, &watch)?;
    let staging = Staging::begin(&folder.join("out"))?;
    let options = OutputOptions { report: true, threads: 2, ..OutputOptions::default() };
    write_results(&swept, &files, &Intel::none(), &staging, &options, &watch)?;
    compact(&files, &folder.join("compacted"), &watch)?;
    Ok(())
}

fn check(bytes: &[u8]) -> Result<(), HistoryError> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("history")).unwrap();
    fs::write(folder.path().join("history/part.parquet"), bytes).unwrap();
    let result = read_all(folder.path());
    if result.is_err() {
        let left = |name| folder.path().join(name).exists();
        assert!(!left("compacted"), "an error, yet something was left");
    }
    result
}

#[test]
fn whole_it_reads() {
    check(&history()).unwrap();
}

#[test]
fn truncated_anywhere_it_is_refused() {
    let whole = history();
    for length in (0..whole.len()).step_by(whole.len() / 60).chain([whole.len() - 1]) {
        assert!(check(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
    }
}

#[test]
fn with_any_byte_changed_it_gives_an_error_or_an_answer() {
    let whole = history();
    // The footer, where the structure is, at every thirteenth byte; the pages here and there.
    let footer = u32::from_le_bytes(whole[whole.len() - 8..whole.len() - 4].try_into().unwrap());
    let begin = whole.len() - 8 - usize::try_from(footer).unwrap();
    let places = (4..begin).step_by(301).chain((begin..whole.len()).step_by(13));
    let mut refused = 0;
    for place in places {
        for change in [0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[place] ^= change;
            refused += u32::from(check(&damaged).is_err());
        }
    }
    assert!(refused > 0);
}
