//! Front ends for the tests that are Debian's: those that are installed, else the packages unpacked into the target folder. Needs
//! no root and changes nothing outside of that folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{report, shell};

/// One of them; its package has its name.
struct FrontEnd {
    name: &'static str,
    /// Where the package has it.
    program: &'static str,
    /// Asks for its version.
    version: &'static str,
    /// How the tests are told where it is.
    variable: &'static str,
}

const ALL: [FrontEnd; 2] = [
    FrontEnd { name: "nginx", program: "usr/sbin/nginx", version: "-v", variable: "SEKISHO_NGINX" },
    FrontEnd { name: "caddy", program: "usr/bin/caddy", version: "version", variable: "SEKISHO_CADDY" },
];

/// Where programs of administrators are; seldom on anybody's `PATH`.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"];

/// Finds them, or gets them: variables and programs.
pub(crate) fn provide(search_path: &[PathBuf]) -> Result<Vec<(&'static str, PathBuf)>> {
    ALL.iter().map(|front_end| Ok((front_end.variable, front_end.provide(search_path)?))).collect()
}

impl FrontEnd {
    fn provide(&self, search_path: &[PathBuf]) -> Result<PathBuf> {
        let Self { name, .. } = self;
        if let Some(told) = std::env::var_os(self.variable) {
            return Ok(told.into());
        }
        let folders = search_path.iter().map(PathBuf::as_path).chain(FOLDERS.map(Path::new));
        if let Some(installed) = folders.map(|folder| folder.join(name)).find(|path| path.is_file()) {
            return Ok(installed);
        }
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(target) => shell::root()?.join(target),
            None => shell::root()?.join("target"),
        };
        let folder = target.join(name);
        let program = folder.join(self.program);
        if !program.is_file() {
            report::say(&format!(
                "{name} is not installed; unpacking Debian's package into the target folder"
            ));
            self.fetch(&folder).with_context(|| {
                format!("there is no {name} for the tests of front ends; install it (Debian: apt-get install {name})")
            })?;
        }
        Ok(program)
    }

    fn fetch(&self, folder: &Path) -> Result<()> {
        let parts = folder.join("apt");
        for part in ["lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(parts.join(part))?;
        }
        // As installed machines know it; where their lists are empty or old, with lists of our own.
        if self.download(&parts, &[]).is_err() {
            let own = [
                format!("Dir::State::Lists={}", parts.join("lists").display()),
                format!("Dir::Cache={}", parts.join("cache").display()),
                "Debug::NoLocking=1".to_owned(),
            ];
            shell::capture(apt(&parts, &own, &["update"]))?;
            self.download(&parts, &own)?;
        }
        let package = std::fs::read_dir(&parts)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
        let Some(package) = package else { bail!("apt-get said nothing and brought nothing") };
        let mut unpack = Command::new("dpkg");
        unpack.arg("-x").arg(package).arg(folder);
        shell::capture(unpack)?;
        // It runs, or a library is missing: say so now rather than in a test.
        let mut version = Command::new(folder.join(self.program));
        version.arg(self.version);
        shell::capture(version).map(drop)
    }

    fn download(&self, parts: &Path, options: &[String]) -> Result<()> {
        shell::capture(apt(parts, options, &["download", self.name])).map(drop)
    }
}

fn apt(parts: &Path, options: &[String], args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    for option in options {
        command.args(["-o", option]);
    }
    command.arg("--quiet").args(args).current_dir(parts);
    command
}
