//! Decisions over HTTP: a server of its own on a free port of loopback, load from the same machine.

use anyhow::Context as _;
use intel::Intel;
use lab::load::{LoadOptions, LoadReport};

use super::median;
use crate::load::milliseconds;
use crate::session::Session;
use crate::{own_server, say};

/// Requests a second at which latency is measured.
const RATE: u32 = 5_000;

/// How much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) customers: u32,
    pub(super) seconds: u32,
    pub(super) requests: u64,
}

/// Flat out, then at a rate, each on a new data folder.
pub(super) fn run(size: Size, runs: usize, session: &Session) -> anyhow::Result<()> {
    let mut flat_out = Vec::new();
    let mut paced = Vec::new();
    for _ in 0..runs {
        flat_out.push(measure(None, size, session)?);
        paced.push(measure(Some(RATE), size, session)?);
    }
    let per_second = median(flat_out.iter().map(|report| report.per_second).collect());
    say::line(format!(
        "POST /v1/decide flat out: {} new customers, 64 connections, median {per_second:.0} decisions/s, p99 {} \
         (bar: 40,000/s)",
        say::thousands(size.customers.into()),
        milliseconds(middle(&flat_out, |report| report.latency.p99_us)),
    ));
    let quantile = |of: fn(&LoadReport) -> u64| milliseconds(middle(&paced, of));
    say::line(format!(
        "POST /v1/decide at {}/s: median {:.0} decisions/s, p50 {}, p99 {}, p99.9 {}, longest {}, {} not sent in time \
         (bar: p99 3 ms)",
        say::thousands(RATE.into()),
        median(paced.iter().map(|report| report.per_second).collect()),
        quantile(|report| report.latency.p50_us),
        quantile(|report| report.latency.p99_us),
        quantile(|report| report.latency.p999_us),
        quantile(|report| report.latency.max_us),
        say::thousands(middle(&paced, |report| report.not_sent)),
    ));
    Ok(())
}

fn middle(reports: &[LoadReport], of: impl Fn(&LoadReport) -> u64) -> u64 {
    let mut values: Vec<u64> = reports.iter().map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

fn measure(rate: Option<u32>, size: Size, session: &Session) -> anyhow::Result<LoadReport> {
    let options = LoadOptions {
        rate,
        seconds: size.seconds,
        requests: size.requests,
        customers: size.customers,
        ..LoadOptions::default()
    };
    let folder = tempfile::tempdir().context("a temporary folder is needed")?;
    let report = own_server::with(&folder.path().join("data"), 0, Intel::none(), |server| {
        let load = |watch: &history::Watch| lab::load::run(&server.target, &server.key, &options, watch);
        Ok(session.watched("load", false, load)?)
    })?;
    anyhow::ensure!(!report.stopped, history::HistoryError::Stopped);
    anyhow::ensure!(
        report.lost == 0 && report.statuses.keys().eq([&200]),
        "not everything was decided: {:?}, {} lost",
        report.statuses,
        report.lost
    );
    Ok(report)
}
