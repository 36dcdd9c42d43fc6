//! Decisions over HTTP: a server of its own on a free port of loopback, load from the same machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;

use anyhow::{Context as _, anyhow};
use intel::Intel;
use lab::http::Target;
use lab::load::{LoadOptions, LoadReport};
use server::keys::{self, Role};
use server::serve::{ServeOptions, serve};

use super::median;
use crate::load::milliseconds;
use crate::say;
use crate::session::Session;

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
    let report = served(|target, key| {
        Ok(session.watched("load", false, |watch| lab::load::run(target, key, &options, watch))?)
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

/// Asks a server in this process, with an empty data folder, and stops it.
fn served<T>(ask: impl FnOnce(&Target, &str) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let folder = tempfile::tempdir().context("a temporary folder is needed")?;
    let data = folder.path().join("data");
    drop(store::DataFolder::open(&data)?);
    let key = keys::create(&data, "bench", Role::Sender)?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = ServeOptions { data, listen, policy: None };
    let (told, started) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    std::thread::scope(|threads| {
        let server = threads.spawn(move || {
            let stopped = async {
                let _asked_or_gone = stopped.await;
            };
            serve(
                &options,
                Intel::none(),
                |at, _| {
                    let _gone = told.send(at);
                },
                stopped,
            )
        });
        let asked = match started.recv() {
            Ok(at) => Target::parse(&format!("http://{at}"), false)
                .map_err(anyhow::Error::from)
                .and_then(|target| ask(&target, &key)),
            Err(_ended) => Err(anyhow!("the server ended before it listened")),
        };
        drop(stop);
        server.join().map_err(|_panic| anyhow!("the server's thread broke"))??;
        asked
    })
}
