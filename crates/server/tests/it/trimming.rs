//! The journal forgets what is in the history, in a durable state, and old; and nothing else.

use std::time::Duration;

use server::exporter::ExportOptions;
use store::DataFolder;

use crate::fixture::{Place, START_US, event, read, until};

const DAY_US: i64 = 24 * 3_600 * 1_000_000;

fn options() -> ExportOptions {
    let journal_keep = Duration::from_secs(7 * 24 * 3_600);
    ExportOptions { flush_after: Duration::ZERO, journal_keep, ..ExportOptions::default() }
}

fn first_seq(place: &Place) -> u64 {
    DataFolder::read_only(&place.data()).unwrap().journal_reader().unwrap().first_seq().unwrap()
}

#[test]
fn what_is_old_exported_and_durable_goes() {
    let place = Place::new();
    let server = place.server();
    for number in 0..100 {
        server.send(event(&format!("old-{number:03}"), "login", "succeeded", ""), false);
    }
    place.set_clock(START_US + 8 * DAY_US);
    for number in 0..50 {
        server.send(event(&format!("new-{number:03}"), "login", "succeeded", ""), false);
    }
    let running = server.start_exporter(&options());
    let gauges = server.gauges();
    // The policy is the first of the old ones.
    until("known to be old", || read(&gauges.trimmable) == 101);
    until("exported", || read(&gauges.exported) == 151);
    // Records are not written back yet.
    server.send(event("later", "login", "succeeded", ""), false);
    assert_eq!((read(&gauges.synced), read(&gauges.first)), (0, 1));
    drop(running.stop());
    // At the end they are, durable, and the journal is trimmed.
    server.stop();
    assert_eq!((read(&gauges.synced), read(&gauges.first), first_seq(&place)), (152, 102, 102));

    // A restart goes on from there: what is left is known, what is gone is new again.
    let server = place.server();
    assert!(server.send(event("new-007", "login", "succeeded", ""), false).again);
    let again = server.send(event("old-007", "login", "succeeded", ""), false);
    assert!(!again.again);
    assert_eq!(again.seq, 153);
    server.exporter(&options()).catch_up(Duration::from_secs(60)).unwrap();
    let ids = place.ids();
    assert_eq!(ids.len(), 152);
    assert_eq!(ids.iter().filter(|id| *id == "old-007").count(), 2, "it came twice, as two inputs");
    server.stop();
}

/// Many inputs, written back while the server runs: the journal is trimmed in steps, behind what is exported.
#[test]
fn a_running_server_trims_in_steps() {
    const INPUTS: usize = 45_000;
    let place = Place::new();
    let server = place.server();
    let gauges = server.gauges();
    let send = |prefix: &str| {
        let mut waiting = std::collections::VecDeque::new();
        for number in 0..INPUTS {
            waiting.push_back(
                server.send_on(event(&format!("{prefix}-{number}"), "login", "succeeded", ""), false),
            );
            if waiting.len() > 1_000 {
                waiting.pop_front().unwrap().blocking_recv().unwrap().unwrap();
            }
        }
        for each in waiting {
            each.blocking_recv().unwrap().unwrap();
        }
    };
    send("old");
    place.set_clock(START_US + 8 * DAY_US);
    // Nobody has exported anything.
    send("unexported");
    assert_eq!((read(&gauges.first), read(&gauges.trimmable)), (1, 0));
    let running = server.start_exporter(&options());
    until("known to be old", || read(&gauges.trimmable) == 45_001);
    send("new");
    let mut minutes = 8 * 24 * 60;
    until("trimmed", || {
        minutes += 1;
        place.set_clock(START_US + minutes * 60_000_000);
        server.send(event(&format!("tick-{minutes}"), "login", "succeeded", ""), false);
        read(&gauges.first) == 45_002
    });
    until("exported", || read(&gauges.exported) == read(&gauges.seq));
    drop(running.stop());
    server.stop();
    let ids = place.ids();
    let unique: std::collections::HashSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "each once");
    assert_eq!(ids.iter().filter(|id| id.starts_with("old-")).count(), INPUTS);
    assert_eq!(first_seq(&place), 45_002);
    place.server().stop();
}

/// An exporter that cannot write keeps the journal whole, however old.
#[test]
fn what_is_not_exported_stays() {
    let place = Place::new();
    let server = place.server();
    for number in 0..10 {
        server.send(event(&format!("old-{number}"), "login", "succeeded", ""), false);
    }
    std::fs::write(place.history(), "in the way").unwrap();
    place.set_clock(START_US + 30 * DAY_US);
    let running = server.start_exporter(&options());
    let gauges = server.gauges();
    until("told", || read(&gauges.export_failures) > 0);
    drop(running.stop());
    server.stop();
    assert_eq!((read(&gauges.trimmable), first_seq(&place)), (0, 1));
}

/// What somebody may still settle stays, and all behind it.
#[test]
fn what_is_held_stays() {
    let place = Place::new();
    let server = place.server();
    let gauges = server.gauges();
    gauges.unheld.store(40, std::sync::atomic::Ordering::SeqCst);
    for number in 0..100 {
        server.send(event(&format!("old-{number:03}"), "login", "succeeded", ""), false);
    }
    place.set_clock(START_US + 8 * DAY_US);
    let running = server.start_exporter(&options());
    until("known to be old", || read(&gauges.trimmable) == 101);
    // So that records are written after that.
    server.send(event("later", "login", "succeeded", ""), false);
    drop(running.stop());
    server.stop();
    assert_eq!((read(&gauges.first), first_seq(&place)), (41, 41));
}
