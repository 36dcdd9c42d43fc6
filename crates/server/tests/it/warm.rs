//! The warm sweep beside the cold one: events told to a server, exported, and procedures examined both ways.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use history::Watch;
use history::files::open_all;
use history::procedures::Examined;
use history::rows::Recorded;
use history::sweep::{Columns, RESULT_CSV, SweepOptions, WarmFinding, Window, run_warm};
use intel::Intel;
use model::time::{DAY_US, HOUR_US};
use model::{Address, Event, EventKind, Outcome, Procedure, Time};
use server::exporter::ExportOptions;
use server::ledger;
use store::DataFolder;

use crate::fixture::{Place, START_US, Server, read, until};

/// Days over which events are spread, up to [`START_US`].
const DAYS: i64 = 80;
const EVENTS: u64 = 1_500;
const PROCEDURES: u64 = 400;

/// Numbers that follow from a seed: splitmix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// A whole hour or a moment that is none, so that "exactly 14 days before" happens too.
    fn time(&mut self) -> Time {
        let hours = i64::try_from(self.below(u64::try_from(DAYS).unwrap() * 24)).unwrap();
        let us = if self.below(2) == 0 { 0 } else { i64::try_from(self.below(3_000_000)).unwrap() };
        Time::from_us(START_US - DAYS * DAY_US + hours * HOUR_US + us).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(u64::try_from(all.len()).unwrap())).unwrap()]
    }
}

/// Addresses that are near each other and that are not; each customer has few.
fn address(draw: &mut Draw, customer: u64) -> Address {
    let place = draw.below(3);
    let text = match (customer + place) % 7 {
        0 => "192.0.2.1".to_owned(),
        1 => format!("192.0.2.{}", 100 + draw.below(3)),
        2 => "198.51.100.7".to_owned(),
        3 => format!("2001:db8:0:{}::{}", draw.below(2), draw.below(2)),
        4 => "2001:db8:1:1::1".to_owned(),
        5 => format!("203.0.113.{}", draw.below(200)),
        _ => format!("10.{}.0.1", draw.below(100)),
    };
    text.parse().unwrap()
}

const KINDS: [EventKind; 8] = [
    EventKind::Login,
    EventKind::Login,
    EventKind::Login,
    EventKind::SessionActivity,
    EventKind::PasswordChange,
    EventKind::BankAccountChange,
    EventKind::Withdrawal,
    EventKind::ContactChange,
];

const CUSTOMERS: u64 = 8;

fn event(draw: &mut Draw, number: u64) -> Event {
    let customer = draw.below(CUSTOMERS);
    let client = model::Client {
        ip: (draw.below(12) > 0).then(|| address(draw, customer)),
        device: (draw.below(6) > 0).then(|| format!("d{}", (customer + draw.below(2)) % 5).parse().unwrap()),
        ..model::Client::default()
    };
    Event {
        customer: Some(format!("C{customer}").parse().unwrap()),
        client,
        ..Event::bare(
            format!("e{number}").parse().unwrap(),
            draw.time(),
            draw.of(&KINDS),
            draw.of(&[Outcome::Succeeded, Outcome::Succeeded, Outcome::Failed, Outcome::Attempted]),
        )
    }
}

fn procedure(draw: &mut Draw, number: u64) -> Examined {
    let event = event(draw, number);
    let procedure = Procedure {
        id: format!("p{number}").parse().unwrap(),
        customer: event.customer.unwrap(),
        time: Time::from_us(START_US - i64::try_from(draw.below(20 * 24)).unwrap() * HOUR_US).unwrap(),
        kind: event.kind,
        ip: event.client.ip,
        device: event.client.device,
    };
    Examined { procedure, recorded: Recorded::default() }
}

/// Told in no order of time, some as questions, whose answers say whether they count.
fn told(place: &Place, draw: &mut Draw) -> Server {
    let server = place.server();
    let mut waiting = Vec::new();
    for number in 0..EVENTS {
        let event = event(draw, number);
        let asked = draw.below(4) == 0;
        waiting.push(server.send_on(event, asked));
    }
    waiting.into_iter().for_each(|answer| drop(answer.blocking_recv().unwrap().unwrap()));
    let exporter = server.start_exporter(&ExportOptions::default());
    until("everything is exported", || read(&server.gauges().exported) > EVENTS);
    drop(exporter.stop());
    server
}

/// Rows of a result by identifier, each by column.
fn rows(file: &std::path::Path) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(File::open(file).unwrap());
    let rows = reader.deserialize().map(|row| row.unwrap());
    rows.map(|row: BTreeMap<String, String>| (row["id"].clone(), row)).collect()
}

#[test]
fn what_is_certain_by_the_ledger_is_what_history_says() {
    let (mut certain, mut of_all) = (0, 0);
    for seed in 0..6 {
        let (place, mut draw) = (Place::new(), Draw(seed));
        let server = told(&place, &mut draw);
        let examined: Vec<Examined> = (0..PROCEDURES).map(|number| procedure(&mut draw, number)).collect();
        let window =
            Window::asked(&examined, Some((20 + i64::try_from(seed).unwrap() * 10) * DAY_US), None, None)
                .unwrap();
        let options = SweepOptions { window, columns: Columns::All, threads: 1 };
        let (out, watch, intel) = (tempfile::tempdir().unwrap(), Watch::default(), Intel::default());
        let files = open_all(&[place.history()]).unwrap();
        let cold = history::sweep::run(&examined, &files, &intel, &options, out.path(), &watch).unwrap();

        let to = (out.path(), true);
        let summary = ledger::sweep(&server.handle, &examined, &intel, window, to, &watch).unwrap();
        let warm = rows(&out.path().join(RESULT_CSV));
        assert_eq!(warm.len(), cold.findings.len());
        for finding in &cold.findings {
            let warm = &warm[finding.examined.procedure.id.as_str()];
            assert_eq!(warm["certain"], (!warm["verdict"].is_empty()).to_string(), "{warm:?}");
            if warm["certain"] == "true" {
                assert_eq!(warm["verdict"], finding.verdict.to_string(), "seed {seed}: {warm:?} {finding:?}");
            }
            let reasons = |text: String| -> BTreeSet<String> {
                text.split(';').filter(|code| !code.is_empty()).map(str::to_owned).collect()
            };
            let known = reasons(finding.column("reasons", true));
            assert!(reasons(warm["reasons"].clone()).is_subset(&known), "seed {seed}: {warm:?} {known:?}");
            for name in ["customer", "time", "kind", "ip", "country", "asn", "lists"] {
                assert_eq!(warm[name], finding.column(name, true));
            }
        }
        certain += summary.certain;
        of_all += cold.findings.len();

        // What a stopped server left behind says the same.
        server.stop();
        let looked = ledger::read(&DataFolder::read_only(&place.data()).unwrap(), &examined, &watch).unwrap();
        for finding in run_warm(&examined, &looked.known, &intel, window) {
            let stored: BTreeMap<String, String> =
                WarmFinding::columns().map(|name| (name.to_owned(), finding.column(name, true))).collect();
            assert_eq!(warm[&stored["id"]], stored);
        }
    }
    // Random customers have no home: of those at one, tests of the binary tell how many are known.
    assert!(certain > 300, "{certain} certain of {of_all}");
}
