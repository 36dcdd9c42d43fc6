//! Decisions over HTTP: a server of its own on a free port of loopback, load from the same machine. Beside it the same load on
//! a bare echo of JSON: what HTTP alone costs on this machine at this hour.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context as _;
use axum::Json;
use axum::body::Bytes;
use axum::routing::{Router, post};
use intel::Intel;
use lab::http::Target;
use lab::load::{LoadOptions, LoadReport};

use super::{disk, median};
use crate::load::milliseconds;
use crate::session::Session;
use crate::{own_server, say};

/// Requests a second at which latency is measured.
const RATE: u32 = 5_000;
/// Bare syncs of the disk for each second of it.
const SYNCS_A_SECOND: u32 = 100;
/// Connections, as a broker with a few front ends has them, and as many have.
const FEW: u32 = 64;
const CONNECTIONS: [u32; 2] = [FEW, 256];

/// How much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) customers: u32,
    pub(super) seconds: u32,
    pub(super) requests: u64,
}

/// Flat out, then at a rate, each on a new data folder.
pub(super) fn run(size: Size, runs: usize, session: &Session) -> anyhow::Result<()> {
    for connections in CONNECTIONS {
        flat_out(size, connections, runs, session)?;
    }
    let (mut paced, mut syncs) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        syncs.push(disk::syncs(size.seconds.saturating_mul(SYNCS_A_SECOND))?);
        paced.push(measure(&options(Some(RATE), FEW, size), session)?);
    }
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
    let of_disk = |percent| {
        let mut values: Vec<u64> = syncs.iter().map(|syncs| super::percentile(syncs, percent)).collect();
        values.sort_unstable();
        milliseconds(values.get(values.len() / 2).copied().unwrap_or(0))
    };
    say::line(format!(
        "a bare sync of 4 KiB on this disk, right before: p50 {}, p99 {}; an answer waits for one, or for the rest of one and \
         the next",
        of_disk(50),
        of_disk(99),
    ));
    Ok(())
}

fn flat_out(size: Size, connections: u32, runs: usize, session: &Session) -> anyhow::Result<()> {
    let options = options(None, connections, size);
    let (mut decided, mut echoed) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        echoed.push(echo(&options, session)?);
        decided.push(measure(&options, session)?);
    }
    let per_second = median(decided.iter().map(|report| report.per_second).collect());
    let echoed = median(echoed);
    say::line(format!(
        "POST /v1/decide flat out: {} new customers, {connections} connections, median {per_second:.0} decisions/s, p99 {} \
         (bar: 40,000/s); a JSON echo in axum under the same load: {echoed:.0}/s, {:.2} of it (bar: 0.40)",
        say::thousands(size.customers.into()),
        milliseconds(middle(&decided, |report| report.latency.p99_us)),
        per_second / echoed,
    ));
    Ok(())
}

fn middle(reports: &[LoadReport], of: impl Fn(&LoadReport) -> u64) -> u64 {
    let mut values: Vec<u64> = reports.iter().map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// Requests a second that a server answers which reads JSON and sends it back.
fn echo(options: &LoadOptions, session: &Session) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_io().build()?;
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    listener.set_nonblocking(true)?;
    let target = Target::parse(&format!("http://{}", listener.local_addr()?), false)?;
    let listener = {
        let _entered = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let answer = |body: Bytes| async move {
        Json(serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default())
    };
    let server =
        runtime.spawn(axum::serve(listener, Router::new().route("/v1/decide", post(answer))).into_future());
    let load = |watch: &history::Watch| lab::load::run(&target, "none", options, watch);
    let report = session.watched("echo", false, load)?;
    server.abort();
    anyhow::ensure!(!report.stopped, history::HistoryError::Stopped);
    Ok(report.per_second)
}

fn options(rate: Option<u32>, connections: u32, size: Size) -> LoadOptions {
    LoadOptions {
        rate,
        connections,
        seconds: size.seconds,
        requests: size.requests,
        customers: size.customers,
        ..LoadOptions::default()
    }
}

fn measure(options: &LoadOptions, session: &Session) -> anyhow::Result<LoadReport> {
    let folder = tempfile::tempdir().context("a temporary folder is needed")?;
    let report = own_server::with(&folder.path().join("data"), 0, Intel::none(), |server| {
        let load = |watch: &history::Watch| lab::load::run(&server.target, &server.key, options, watch);
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
