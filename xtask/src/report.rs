//! What the checks print: problems with the place they are at, one line each.

use std::fmt;
use std::io::Write as _;

use anyhow::{Result, bail};

/// Something to mend.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// A file, `file:line`, or the name of a crate.
    place: String,
    /// What is wrong there, and what to do about it.
    what: String,
}

impl Problem {
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }

    /// At a line counted from 1, as editors do.
    pub(crate) fn at_line(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self::new(format!("{path}:{line}"), what)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Prints a line. A closed pipe (`cargo xtask ci | head`) is the reader's choice, never a failed check.
pub(crate) fn say(text: &str) {
    let _closed_pipe = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a line to standard error.
pub(crate) fn complain(text: &str) {
    let _closed_pipe = writeln!(std::io::stderr().lock(), "{text}");
}

/// Ends a check: prints what it looked at, or its problems and then fails.
pub(crate) fn conclude(check: &str, looked_at: &str, problems: &[Problem]) -> Result<()> {
    if problems.is_empty() {
        say(&format!("{check}: {looked_at}: nothing to mend"));
        return Ok(());
    }
    for problem in problems {
        complain(&problem.to_string());
    }
    bail!("{check}: {} to mend", problems.len())
}
