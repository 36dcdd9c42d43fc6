//! A Chromium and its driver for the tests of pages: those that are installed, else Debian's packages. Their libraries are too
//! many to unpack beside the target, so that installing them needs root.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{report, shell};

/// How the tests are told where they are: variable, program.
const PROGRAMS: [(&str, &str); 2] =
    [("SEKISHO_CHROMIUM", "chromium"), ("SEKISHO_CHROMEDRIVER", "chromedriver")];

/// Finds both, or installs them.
pub(crate) fn provide(search_path: &[PathBuf]) -> Result<Vec<(&'static str, PathBuf)>> {
    if let Some(found) = find(search_path) {
        return Ok(found);
    }
    report::say("chromium or chromedriver is not installed; installing Debian's packages");
    let advice = "there is no Chromium for the tests of pages; install it (Debian: apt-get install chromium \
                  chromium-driver)";
    // Lists may be empty or old.
    shell::capture(apt(&["update"])).context(advice)?;
    shell::capture(apt(&["install", "--yes", "--no-install-recommends", "chromium", "chromium-driver"]))
        .context(advice)?;
    find(search_path).context(advice)
}

fn find(search_path: &[PathBuf]) -> Option<Vec<(&'static str, PathBuf)>> {
    let one = |(variable, program): (&'static str, &str)| {
        let told = std::env::var_os(variable).map(PathBuf::from);
        let folders = search_path.iter().map(PathBuf::as_path).chain([Path::new("/usr/bin")]);
        let installed = folders.map(|folder| folder.join(program)).find(|path| path.is_file());
        Some((variable, told.or(installed)?))
    };
    PROGRAMS.into_iter().map(one).collect()
}

fn apt(args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
