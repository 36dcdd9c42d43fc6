//! `cargo xtask ci`: everything that must hold before a change is taken, in order, stopping at the first failure.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::{edges, licences, report, shell, test_run, tidy};

struct Step {
    name: &'static str,
    run: fn() -> Result<()>,
    /// What to do when it fails.
    advice: &'static str,
}

/// Tests first: they are what a change is most likely to break, and they compile what the rest needs.
const STEPS: &[Step] = &[
    Step { name: "test", run: test, advice: "run `cargo xtask test`" },
    Step { name: "fmt", run: fmt, advice: "run `cargo fmt --all`" },
    Step { name: "clippy", run: clippy, advice: "mend what it names, or `#[expect(…, reason = \"…\")]`" },
    Step { name: "doc", run: doc, advice: "mend the documentation comments it names" },
    Step {
        name: "edges",
        run: edges::run,
        advice: "see xtask/src/edges/rules.rs for the reason of each rule",
    },
    Step { name: "licences", run: licences::run, advice: "see deny.toml and docs/adr/001" },
    Step { name: "tidy", run: tidy::run, advice: "mend what it names; CONTRIBUTING.md has the reasons" },
    Step { name: "deny", run: deny, advice: "see deny.toml" },
    Step { name: "bench", run: bench, advice: "run `cargo run --release -- bench --smoke`" },
];

/// Runs all steps.
pub(crate) fn run() -> Result<()> {
    let all = Stopwatch::start();
    for (number, step) in (1..).zip(STEPS) {
        report::say(&format!("\n== {number}/{} {} ==", STEPS.len(), step.name));
        let watch = Stopwatch::start();
        (step.run)().with_context(|| {
            format!("ci: `{}` failed after {}: {}", step.name, watch.shown(), step.advice)
        })?;
        report::say(&format!("== {} passed in {} ==", step.name, watch.shown()));
    }
    report::say(&format!("\nci: all {} steps passed in {}", STEPS.len(), all.shown()));
    Ok(())
}

/// `--locked` from here on: CI must not resolve versions nobody has reviewed.
fn test() -> Result<()> {
    match test_run::run(&["--locked".to_owned(), "--no-fail-fast".to_owned()])? {
        0 => Ok(()),
        code => bail!("`cargo test` ended with code {code}"),
    }
}

fn fmt() -> Result<()> {
    shell::succeed(shell::cargo(&["fmt", "--all", "--check"])?)
}

fn clippy() -> Result<()> {
    let args = ["clippy", "--release", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    shell::succeed(shell::cargo(&args)?)
}

fn doc() -> Result<()> {
    let mut command = shell::cargo(&["doc", "--release", "--locked", "--no-deps", "--workspace"])?;
    command.env("RUSTDOCFLAGS", "-D warnings");
    shell::succeed(command)
}

/// Where cargo-deny is not installed, `licences` has checked what needs no network.
fn deny() -> Result<()> {
    if shell::capture(shell::cargo(&["deny", "--version"])?).is_err() {
        report::say(
            "cargo-deny is not installed (cargo install cargo-deny --locked): step `licences` has to do",
        );
        return Ok(());
    }
    shell::succeed(shell::cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"])?)
}

/// Benchmarks on small data: that they run and that their answers agree, not how fast this machine is.
fn bench() -> Result<()> {
    let args = ["run", "--release", "--locked", "--quiet", "--package", "sekisho", "--", "bench", "--smoke"];
    shell::succeed(shell::cargo(&args)?)
}

struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "says how long a step took; decides nothing")]
    fn start() -> Self {
        Self(Instant::now())
    }

    fn shown(&self) -> String {
        shown(self.0.elapsed())
    }
}

/// `7.3 s`, `4 min 02 s`.
fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        return format!("{:.1} s", time.as_secs_f64());
    }
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(shown(Duration::from_millis(7_320)), "7.3 s");
        assert_eq!(shown(Duration::from_secs(242)), "4 min 02 s");
    }

    #[test]
    fn every_step_has_its_own_name_and_advice() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
        assert!(STEPS.iter().all(|step| !step.advice.is_empty()));
    }
}
