//! An nginx for the tests of front ends: the one that is installed, else Debian's package unpacked into the target folder. Needs
//! no root and changes nothing outside of that folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{report, shell};

/// How the tests are told where it is.
pub(crate) const VARIABLE: &str = "SEKISHO_NGINX";
/// Where programs of administrators are; seldom on anybody's `PATH`.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"];

/// Finds nginx, or gets it.
pub(crate) fn provide(search_path: &[PathBuf]) -> Result<PathBuf> {
    if let Some(told) = std::env::var_os(VARIABLE) {
        return Ok(told.into());
    }
    let folders = search_path.iter().map(PathBuf::as_path).chain(FOLDERS.map(Path::new));
    if let Some(installed) = folders.map(|folder| folder.join("nginx")).find(|path| path.is_file()) {
        return Ok(installed);
    }
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => shell::root()?.join(target),
        None => shell::root()?.join("target"),
    };
    let folder = target.join("nginx");
    let program = folder.join("usr/sbin/nginx");
    if !program.is_file() {
        report::say("nginx is not installed; unpacking Debian's package into the target folder");
        fetch(&folder).context(
            "there is no nginx for the tests of front ends; install it (Debian: apt-get install nginx)",
        )?;
    }
    Ok(program)
}

fn fetch(folder: &Path) -> Result<()> {
    let parts = folder.join("apt");
    for part in ["lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(parts.join(part))?;
    }
    // As installed machines know it; where their lists are empty or old, with lists of our own.
    if download(&parts, &[]).is_err() {
        let own = [
            format!("Dir::State::Lists={}", parts.join("lists").display()),
            format!("Dir::Cache={}", parts.join("cache").display()),
            "Debug::NoLocking=1".to_owned(),
        ];
        shell::capture(apt(&parts, &own, &["update"]))?;
        download(&parts, &own)?;
    }
    let package = std::fs::read_dir(&parts)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    let Some(package) = package else { bail!("apt-get said nothing and brought nothing") };
    let mut unpack = Command::new("dpkg");
    unpack.arg("-x").arg(package).arg(folder);
    shell::capture(unpack)?;
    // It runs, or a library is missing: say so now rather than in a test.
    let mut version = Command::new(folder.join("usr/sbin/nginx"));
    version.arg("-v");
    shell::capture(version).map(drop)
}

fn download(parts: &Path, options: &[String]) -> Result<()> {
    shell::capture(apt(parts, options, &["download", "nginx"])).map(drop)
}

fn apt(parts: &Path, options: &[String], args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    for option in options {
        command.args(["-o", option]);
    }
    command.arg("--quiet").args(args).current_dir(parts);
    command
}
