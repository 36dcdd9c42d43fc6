//! `cargo xtask`: the checks this repository runs on itself, in Rust, so that they need nothing but cargo and git.
//!
//! Each check reads text (tracked files, `cargo tree`, `Cargo.lock`) and returns the problems it found; only
//! `shell` starts processes. Nothing here knows what the product does, and no product crate may depend on it.

mod browser;
mod ci;
mod edges;
mod files;
mod front_ends;
mod licences;
mod report;
mod requirements;
mod shell;
mod source;
mod test_run;
mod tidy;
mod tree;

use std::process::ExitCode;

use anyhow::Result;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [ARG…]  build and run every test of the workspace; ARGs go to `cargo test`
  ci           everything CI checks, in order, stopping at the first failure
  edges        dependency edges that may never exist
  licences     licence and source of every dependency, against deny.toml
  tidy         the shape of the repository's files
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    match dispatch(&command, &rest) {
        Ok(code) => code,
        Err(error) => {
            report::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: &str, rest: &[String]) -> Result<ExitCode> {
    let takes_arguments = matches!(command, "test");
    if !takes_arguments && !rest.is_empty() {
        report::complain(&format!("`cargo xtask {command}` takes no arguments, got: {}", rest.join(" ")));
        return Ok(ExitCode::from(2));
    }
    match command {
        "test" => return Ok(ExitCode::from(test_run::run(rest)?)),
        "ci" => ci::run()?,
        "edges" => edges::run()?,
        "licences" => licences::run()?,
        "tidy" => tidy::run()?,
        "help" | "--help" | "-h" => report::say(USAGE.trim_end()),
        "" => {
            report::complain(USAGE.trim_end());
            return Ok(ExitCode::from(2));
        }
        unknown => {
            report::complain(&format!("no command `{unknown}`\n\n{}", USAGE.trim_end()));
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
