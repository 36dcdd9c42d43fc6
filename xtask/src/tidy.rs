//! `cargo xtask tidy`: the shape of the repository's files, as CONTRIBUTING.md describes it.
//!
//! Each check is a function over tracked files that returns problems. What the compiler, clippy or rustfmt can check
//! is left to them.

mod code;
mod layout;
mod links;
mod locales;
mod text;

use anyhow::Result;

use crate::files::{self, TrackedFile};
use crate::report::{Problem, conclude};

type Check = fn(&[TrackedFile]) -> Vec<Problem>;

const CHECKS: &[Check] = &[
    code::headers,
    code::lengths,
    code::leftovers,
    text::sizes,
    text::machine_paths,
    text::trailing_whitespace,
    layout::crate_names,
    layout::decision_numbers,
    links::check,
    locales::check,
];

/// Checks every file git tracks or would track.
pub(crate) fn run() -> Result<()> {
    let files = files::load()?;
    let problems: Vec<Problem> = CHECKS.iter().flat_map(|check| check(&files)).collect();
    conclude("tidy", &format!("{} files, {} checks", files.len(), CHECKS.len()), &problems)
}

/// Problems as lines, for the tests of the checks.
#[cfg(test)]
fn lines(check: Check, files: &[TrackedFile]) -> Vec<String> {
    check(files).iter().map(ToString::to_string).collect()
}
