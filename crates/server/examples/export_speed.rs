//! How fast a journal becomes history on one core, by the time it has one: `cargo run --release -p server --example export_speed [inputs]`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use engine::Observed;
use engine::input::{Account, Additions, Agent, Body, Place};
use history::Watch;
use history::live::{LiveFolder, Span};
use model::{Event, Time};
use server::exporter::{ExportOptions, Exporter, Places};
use server::sequencer::Gauges;
use store::{DataFolder, Entry, Limits};

/// 2026-01-05T00:00:00Z.
const START_US: i64 = 1_767_571_200_000_000;
/// Inputs a second in the journal, and so in one flush: what must be kept up with.
const INPUTS_PER_S: u64 = 40_000;
const FLUSH_ROWS: u64 = INPUTS_PER_S * 3 / 2;

fn main() -> anyhow::Result<()> {
    let inputs = std::env::args().nth(1).map_or(Ok(2_000_000), |inputs| inputs.parse::<u64>())?;
    let place = tempfile::tempdir()?;
    let data = DataFolder::open(&place.path().join("data"))?;
    let journal_bytes = fill(&data, inputs)?;
    say(format!("{inputs} inputs, {} bytes each", journal_bytes / inputs));
    let history = place.path().join("history");
    let options = ExportOptions { flush_rows: FLUSH_ROWS, ..ExportOptions::default() };
    let merge = options.merge;
    let places = Places { journal: data.view().clone(), history: history.clone(), tag: 1 };
    let clock: server::sequencer::Clock = Arc::new(|| Time::MAX);
    let mut exporter = Exporter::new(places, options, clock, Arc::new(Gauges::default()));
    let begun = worked()?;
    let seq = exporter.catch_up(Duration::from_secs(3_600))?;
    let exported = worked()?.saturating_sub(begun);
    anyhow::ensure!(seq == inputs, "exported up to {seq}");
    drop(exporter);

    let mut folder = LiveFolder::open(&history, 1, Span { first: 1, last: inputs }, merge, Duration::ZERO)?;
    let begun = worked()?;
    let (mut rows, mut longest) = (0, Duration::ZERO);
    while let Some(merge) = folder.next_merge() {
        let begun = worked()?;
        rows += merge.rows();
        merge.run(&Watch::default())?;
        folder.merged(&merge, Duration::ZERO)?;
        longest = longest.max(worked()?.saturating_sub(begun));
    }
    let merged = worked()?.saturating_sub(begun);
    let files = history::files::open_all(std::slice::from_ref(&history))?;
    let found: u64 = files.iter().map(history::files::HistoryFile::rows).sum();
    anyhow::ensure!(found == inputs, "{found} rows");
    let bytes: u64 = files.iter().filter_map(|file| Some(std::fs::metadata(&file.path).ok()?.len())).sum();
    let per_s =
        |time: Duration, rows: u64| rows * 1_000 / u64::try_from(time.as_millis()).unwrap_or(1).max(1);
    say(format!("exported: {} rows/s", per_s(exported, inputs)));
    say(format!(
        "merged: {} rows/s ({rows} rows, the longest merge {:.1} s)",
        per_s(merged, rows),
        longest.as_secs_f64()
    ));
    say(format!("both: {} rows/s on one core", per_s(exported + merged, inputs)));
    say(format!("{} files, {} bytes a row", files.len(), bytes / inputs));
    Ok(())
}

/// A journal with so many inputs; gives their bytes.
fn fill(data: &DataFolder, inputs: u64) -> anyhow::Result<u64> {
    let (mut journal, _state) = data.files(&Limits::default())?;
    let mut bytes = 0_u64;
    let mut seq = 0;
    while seq < inputs {
        let mut batch = Vec::new();
        for _ in 0..1_000.min(inputs - seq) {
            seq += 1;
            let time =
                Time::from_us(START_US + i64::try_from(seq * 1_000_000 / INPUTS_PER_S)?).context("a time")?;
            let event = event(seq, time)?;
            let id = event.id.as_str().to_owned();
            let input = Body::Event(Box::new(event)).encode()?;
            let answer = format!(
                "{{\"id\":\"{id}\",\"decision\":\"allow\",\"score\":0,\"reasons\":[],\"policy\":1,\"seq\":{seq}}}"
            );
            bytes += u64::try_from(input.len())?;
            batch.push((seq, id, time.as_us(), input, answer));
        }
        let entries: Vec<Entry<'_>> = batch
            .iter()
            .map(|(seq, id, time, input, answer)| Entry {
                seq: *seq,
                id: Some(id),
                kind: 1,
                time: *time,
                digest: Some(&[7; 16]),
                input,
                answer: answer.as_bytes(),
            })
            .collect();
        journal.append(&entries)?;
    }
    Ok(bytes)
}

/// Mostly logins, some withdrawals, with everything a site knows of its visitor.
fn event(number: u64, time: Time) -> anyhow::Result<Observed> {
    let customer = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 300_000;
    let (kind, more) = match number % 20 {
        0 => ("withdrawal", ",\"amount\":{\"minor\":500000,\"currency\":\"JPY\"},\"balance_share\":0.5"),
        _ => ("login", ",\"credential\":\"correct\""),
    };
    let json = format!(
        "{{\"id\":\"{:032x}\",\"time\":\"{time}\",\"kind\":\"{kind}\",\"customer\":\"C{customer:08}\",\"channel\":\"web\",\
         \"client\":{{\"ip\":\"10.{}.{}.{}\",\"user_agent\":\"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
         (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36\",\"device\":\"d-{customer:016x}\",\"session\":\"{:016x}\",\
         \"ja4\":\"t13d1516h2_8daaf6152771_{:04x}\",\"language\":\"ja\"}},\"outcome\":\"succeeded\"{more}}}",
        u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834),
        customer % 251,
        customer % 241,
        customer % 239,
        100 + customer % 30,
        number.wrapping_mul(0x2545_f491_4f6c_dd1d),
        customer % 20,
    );
    let additions = Additions {
        account: (kind == "withdrawal").then_some(Account {
            key: customer,
            holder: None,
            verification: None,
        }),
        agent: Some(Agent { text: customer % 30, browser: 1, system: 1, device_type: 1, automation: false }),
        place: Place { country: Some(*b"JP"), asn: Some(64_500), ..Place::default() },
        asked: number.is_multiple_of(2),
        ..Additions::default()
    };
    Ok(Observed::new(Event::from_json(json.as_bytes())?, additions, time)?)
}

/// How long this thread has had a core (Linux): what others do on the machine does not count.
fn worked() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let ns = text.split(' ').next().context("a number of nanoseconds")?.parse()?;
    Ok(Duration::from_nanos(ns))
}

#[expect(clippy::print_stdout, reason = "an example that tells")]
fn say(line: String) {
    println!("{line}");
}
