//! `cargo xtask test`: all tests of the workspace, in the release profile, so that dependencies are compiled once
//! for running, testing and checking.

use anyhow::Result;

use crate::{browser, front_ends, report, requirements, shell};

/// Hands back cargo's own exit code; `extra` goes to `cargo test` as it is.
pub(crate) fn run(extra: &[String]) -> Result<u8> {
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&search_path).collect();
    let missing = requirements::missing(requirements::FOR_TESTS, &folders);
    if !missing.is_empty() {
        report::complain(&requirements::advice(&missing));
        return Ok(1);
    }

    let front_ends = front_ends::provide(&folders)?;
    let mut command = shell::cargo(&["test", "--release", "--workspace"])?;
    command.args(extra).envs(front_ends).envs(browser::provide(&folders)?);
    let status = shell::status(command)?;
    // No code means that a signal ended it.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
