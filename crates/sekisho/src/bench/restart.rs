//! Killed under load, and back: how long until a decision is answered again.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use anyhow::ensure;
use intel::Intel;
use lab::http::Target;
use lab::load::LoadOptions;
use server::bootstrap::bootstrap;
use server::keys::{self, Role};

use super::child::{Running, first_answer};
use super::median;
use crate::policy::past_error;
use crate::say;
use crate::session::{Session, Stopwatch};

/// Logins every customer has before anything is measured.
const LOGINS: u32 = 12;
/// Decisions a second of a busy day; after it, as many as there can be.
const RATE: u32 = 5_000;
/// For 5 million customers and more.
const MEMORY_MIB: u32 = 16_384;

/// How much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) customers: u32,
    /// Load before each kill.
    pub(super) seconds: u32,
    pub(super) requests: u64,
}

/// All customers are known; then, again and again: load, kill -9, start, ask.
pub(super) fn run(size: Size, runs: usize, folder: &Path, session: &Session) -> anyhow::Result<()> {
    let (past, data) = (folder.join("restart-past"), folder.join("restart"));
    let now = server::serve::wall_clock()();
    session
        .watched("data", false, |watch| lab::load::write_past(size.customers, LOGINS, now, &past, watch))?;
    let history = [past.clone()];
    session
        .watched("bootstrap", false, |watch| bootstrap(&data, &history, Intel::none(), now, watch))
        .map_err(past_error)?;
    std::fs::remove_dir_all(&past)?;
    let key = keys::create(&data, "bench", Role::Sender)?;
    let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let target = Target::parse(&format!("http://{at}"), false)?;
    let mut running = Running::start(&data, at, MEMORY_MIB)?;
    first_answer(&target, &key)?;
    for rate in [Some(RATE), None] {
        let (mut seconds, mut replayed) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            let options = LoadOptions {
                rate,
                seconds: size.seconds,
                requests: size.requests,
                customers: size.customers,
                ..LoadOptions::default()
            };
            let load = |watch: &history::Watch| lab::load::run(&target, &key, &options, watch);
            let report = session.watched("load", false, load)?;
            ensure!(report.lost == 0 && !report.stopped, "not everything was answered");
            drop(running);
            replayed.push(behind(&data)?);
            let timer = Stopwatch::start();
            running = Running::start(&data, at, MEMORY_MIB)?;
            first_answer(&target, &key)?;
            seconds.push(timer.seconds());
        }
        replayed.sort_unstable();
        say::line(format!(
            "restart after kill -9 under {}: {} customers with {LOGINS} logins, {} inputs to replay (median), answering after \
             median {:.2} s, worst {:.2} s (bar 3 s with 5,000,000)",
            rate.map_or_else(
                || "all the load there is".to_owned(),
                |rate| format!("{}/s", say::thousands(rate.into()))
            ),
            say::thousands(size.customers.into()),
            say::thousands(replayed.get(replayed.len() / 2).copied().unwrap_or(0)),
            median(seconds.clone()),
            seconds.iter().copied().fold(0.0, f64::max),
        ));
    }
    drop(running);
    std::fs::remove_dir_all(&data)?;
    Ok(())
}

/// Inputs that the records in `state.db` do not have. Read without writing: a restart must find what the kill left.
fn behind(data: &Path) -> anyhow::Result<u64> {
    let folder = store::DataFolder::read_only(data)?;
    Ok(folder.journal_reader()?.last_seq()?.saturating_sub(folder.state_reader()?.seq()?))
}
