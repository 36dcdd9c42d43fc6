//! A server as a process of its own: this program once more, ended by the signal that nothing can catch.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use lab::http::Target;
use lab::load::{LoadError, LoadOptions};

use crate::session::Stopwatch;

/// How long a server may take until it answers.
const WAIT_S: f64 = 120.0;
const LOOK: Duration = Duration::from_millis(5);

/// Ends what it holds, however the benchmark ends.
pub(super) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Running {
    pub(super) fn start(data: &Path, at: SocketAddr, memory_mib: u32) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("where this program lies is not known")?;
        let mut command = Command::new(program);
        command.args([
            "-q",
            "serve",
            "--memory-mib",
            &memory_mib.to_string(),
            "--listen",
            &at.to_string(),
            "--data",
        ]);
        command.arg(data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn().context("the server cannot be started")?))
    }

    /// Its memory in use, as Linux tells it; 0 elsewhere.
    pub(super) fn resident_bytes(&self) -> u64 {
        super::decide::resident_bytes_of(&self.0.id().to_string())
    }
}

/// Asks for one decision until it is answered.
pub(super) fn first_answer(target: &Target, key: &str) -> anyhow::Result<()> {
    let options = LoadOptions { connections: 1, seconds: 60, requests: 1, ..LoadOptions::default() };
    let timer = Stopwatch::start();
    loop {
        match lab::load::run(target, key, &options, &history::Watch::default()) {
            Ok(report) if report.answered == 1 && report.lost == 0 => return Ok(()),
            Ok(_) | Err(LoadError::Connect { .. }) if timer.seconds() < WAIT_S => std::thread::sleep(LOOK),
            Ok(_) => anyhow::bail!("no decision within {WAIT_S} s"),
            Err(error) => return Err(error.into()),
        }
    }
}
