//! Killed under load, and back: how long until a decision is answered again. The server is a process of its own, this program
//! once more, ended by the signal that nothing can catch.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use intel::Intel;
use lab::http::Target;
use lab::load::{LoadError, LoadOptions, LoadReport};
use server::bootstrap::bootstrap;
use server::keys::{self, Role};

use super::median;
use crate::policy::past_error;
use crate::say;
use crate::session::{Session, Stopwatch};

/// Logins every customer has before anything is measured.
const LOGINS: u32 = 12;
/// Decisions a second of a busy day; after it, as many as there can be.
const RATE: u32 = 5_000;
/// How long a server may take until it answers.
const WAIT_S: f64 = 120.0;
const LOOK: Duration = Duration::from_millis(5);

/// How much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) customers: u32,
    /// Load before each kill.
    pub(super) seconds: u32,
    pub(super) requests: u64,
}

/// Ends what it holds, however the benchmark ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
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
    let mut running = start(&data, at)?;
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
            running = start(&data, at)?;
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

fn start(data: &Path, at: SocketAddr) -> anyhow::Result<Running> {
    let program = std::env::current_exe().context("where this program lies is not known")?;
    let mut command = Command::new(program);
    command.args(["-q", "serve", "--memory-mib", "16384", "--listen", &at.to_string(), "--data"]).arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Running(command.spawn().context("the server cannot be started")?))
}

/// Asks for one decision until it is answered.
fn first_answer(target: &Target, key: &str) -> anyhow::Result<LoadReport> {
    let options = LoadOptions { connections: 1, seconds: 60, requests: 1, ..LoadOptions::default() };
    let timer = Stopwatch::start();
    loop {
        match lab::load::run(target, key, &options, &history::Watch::default()) {
            Ok(report) if report.answered == 1 && report.lost == 0 => return Ok(report),
            Ok(_) | Err(LoadError::Connect { .. }) if timer.seconds() < WAIT_S => std::thread::sleep(LOOK),
            Ok(_) => anyhow::bail!("no decision within {WAIT_S} s"),
            Err(error) => return Err(error.into()),
        }
    }
}
