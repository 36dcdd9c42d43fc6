//! A day of busy traffic in less time: does memory stay flat, does any queue grow?

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use lab::http::Target;
use lab::load::LoadOptions;
use server::keys::{self, Role};

use super::child::{Running, first_answer};
use crate::say;
use crate::session::{Session, Stopwatch};

/// Seconds of a day.
const DAY_S: u32 = 86_400;
/// What records may take, so that they have to leave memory before the day is over.
const MEMORY_MIB: u32 = 256;
/// How often the server is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// What is told of every part of the day.
const PARTS: usize = 6;

/// How much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) customers: u32,
    /// Decisions a second.
    pub(super) rate: u32,
    /// In which the day passes.
    pub(super) seconds: u32,
    pub(super) requests: u64,
}

/// The server as it was at one look.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    resident: u64,
    records: u64,
    waiting: u64,
    not_exported: u64,
    not_written_back: u64,
    /// Rows of the journal.
    journal: u64,
}

/// One server, one load, and a look at the server every second.
pub(super) fn run(size: Size, folder: &Path, session: &Session) -> anyhow::Result<()> {
    let data = folder.join("day");
    // Makes the folder, and gives it up to the server.
    drop(store::DataFolder::open(&data)?);
    let key = keys::create(&data, "bench", Role::Sender)?;
    let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let target = Target::parse(&format!("http://{at}"), false)?;
    let running = Running::start(&data, at, MEMORY_MIB)?;
    first_answer(&target, &key)?;
    let options = LoadOptions {
        rate: Some(size.rate),
        seconds: size.seconds,
        requests: size.requests,
        customers: size.customers,
        pace: DAY_S / size.seconds.max(1),
        ..LoadOptions::default()
    };
    let over = AtomicBool::new(false);
    let timer = Stopwatch::start();
    let (report, looks) = std::thread::scope(|threads| {
        let looking = threads.spawn(|| {
            let mut looks = Vec::new();
            while !over.load(Ordering::Relaxed) {
                looks.push(look(&running, &target));
                std::thread::sleep(LOOK);
            }
            looks.push(look(&running, &target));
            looks.into_iter().collect::<anyhow::Result<Vec<Look>>>()
        });
        let report = session.watched("load", false, |watch| lab::load::run(&target, &key, &options, watch));
        over.store(true, Ordering::Relaxed);
        let looks = looking.join().map_err(|_panic| anyhow::anyhow!("looking at the server panicked"))?;
        anyhow::Ok((report?, looks?))
    })?;
    ensure!(report.lost == 0 && !report.stopped, "not everything was answered");
    say::line(format!(
        "a day in {:.0} s: {} decisions of {} customers at {}/s, {} not sent in time, p99 {:.2} ms; records may take {MEMORY_MIB} MiB",
        timer.seconds(),
        say::thousands(report.answered),
        say::thousands(size.customers.into()),
        say::thousands(size.rate.into()),
        say::thousands(report.not_sent),
        f64::from(u32::try_from(report.latency.p99_us).unwrap_or(u32::MAX)) / 1_000.0,
    ));
    for (part, looks) in looks.chunks(looks.len().div_ceil(PARTS).max(1)).enumerate() {
        let most = |of: fn(&Look) -> u64| looks.iter().map(of).max().unwrap_or(0);
        say::line(format!(
            "  part {} of {PARTS}, at most: {} MiB, {} records in memory, {} asks waiting, {} inputs not in history, {} not written \
             back, {} in the journal",
            part + 1,
            most(|look| look.resident) >> 20,
            say::thousands(most(|look| look.records)),
            say::thousands(most(|look| look.waiting)),
            say::thousands(most(|look| look.not_exported)),
            say::thousands(most(|look| look.not_written_back)),
            say::thousands(most(|look| look.journal)),
        ));
    }
    drop(running);
    std::fs::remove_dir_all(&data)?;
    Ok(())
}

fn look(running: &Running, target: &Target) -> anyhow::Result<Look> {
    let metrics = lab::http::metrics(target)?;
    let value = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse::<u64>().ok())
            .with_context(|| format!("the server does not tell {name}"))
    };
    let seq = value("sekisho_journal_seq")?;
    Ok(Look {
        resident: running.resident_bytes(),
        records: value("sekisho_records_in_memory")?,
        waiting: value("sekisho_waiting_asks")?,
        not_exported: value("sekisho_export_lag_inputs")?,
        not_written_back: seq.saturating_sub(value("sekisho_checkpoint_seq")?),
        journal: seq.saturating_sub(value("sekisho_journal_first_seq")?),
    })
}
