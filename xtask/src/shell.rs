//! The only module that starts processes: cargo and git, always at the root of the checkout, and what `front_ends` and `browser` need.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context as _, Result, bail};

/// Root of the checkout this was started in. Asked at run time, not compiled in: a build directory may be shared
/// by several checkouts.
pub(crate) fn root() -> Result<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .context("CARGO_MANIFEST_DIR is not set: run this as `cargo xtask …`")?;
    let root = Path::new(&package).parent().context("the xtask package has no parent folder")?;
    Ok(root.to_path_buf())
}

/// The cargo that started us, so that one toolchain does everything.
pub(crate) fn cargo(args: &[&str]) -> Result<Command> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(root()?);
    Ok(command)
}

/// Runs with this process's own input and output, and hands back how it ended.
pub(crate) fn status(mut command: Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("cannot start {}", command.get_program().display()))
}

/// Runs with this process's own input and output; fails unless the command succeeds.
pub(crate) fn succeed(command: Command) -> Result<()> {
    let shown = show(&command);
    let status = status(command)?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Runs and hands back standard output; on failure the error carries standard error.
pub(crate) fn capture(mut command: Command) -> Result<String> {
    let output =
        command.output().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}):\n{}", show(&command), output.status, complaint.trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed invalid UTF-8", show(&command)))
}

/// `cargo tree` with the fields of a node separated by tabs. `--locked`: a check must not change Cargo.lock.
pub(crate) fn cargo_tree(args: &[&str], format: &str) -> Result<String> {
    let mut command =
        cargo(&["tree", "--locked", "--target", "all", "--prefix", "depth", "--format", format])?;
    command.args(args);
    capture(command)
}

/// Files git tracks or would track, relative to the root, in git's order.
pub(crate) fn tracked_files() -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root()?);
    let listing = capture(command)?;
    Ok(listing.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy()));
    words.join(" ")
}
