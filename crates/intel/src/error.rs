//! Why intelligence cannot be loaded. Once it is loaded, nothing fails any more.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::report::BadLine;

/// Longest piece of a file that an error or a report quotes, in characters.
const QUOTED_CHARS_MAX: usize = 60;

/// Why a configuration or one of its files is refused. Nothing is half loaded: the intelligence in use stays.
#[derive(Debug, Error)]
pub enum IntelError {
    /// A file is missing, forbidden, cut short or broken in its compression.
    #[error("{path}: cannot be read; check that the file exists, may be read and is complete")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// The configuration itself is wrong.
    #[error("{path}: {reason}")]
    Config {
        /// The configuration file or folder.
        path: PathBuf,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// One value of the `[intel]` table is wrong.
    #[error("[intel] {reason}")]
    Setting {
        /// Which value, what came, what is allowed.
        reason: String,
    },
    /// One line makes the whole file useless.
    #[error("{path}:{line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// More than one line in a hundred cannot be understood: probably not the file it was taken for.
    #[error(
        "{path}: {bad} of {lines} lines cannot be understood, more than 1 in 100, so the file is refused; \
         the first is line {}: {}; correct or remove these lines, or name the right file", .first.line, .first.reason
    )]
    BadLines {
        /// The file.
        path: PathBuf,
        /// Lines that cannot be understood.
        bad: u64,
        /// Lines that hold something (not blank, not a comment).
        lines: u64,
        /// The first of the bad ones.
        first: BadLine,
    },
    /// An MMDB file is damaged or holds something else.
    #[error("{path}: not a usable MMDB file: {reason}; download it again, or name the right file")]
    Mmdb {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file holds more than this program takes.
    #[error("{path}: more than {limit} {what}, which is the limit")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

impl IntelError {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn config(path: &Path, reason: impl Into<String>) -> Self {
        Self::Config { path: path.to_owned(), reason: reason.into() }
    }

    pub(crate) fn setting(reason: impl Into<String>) -> Self {
        Self::Setting { reason: reason.into() }
    }

    pub(crate) fn mmdb(path: &Path, reason: impl Into<String>) -> Self {
        Self::Mmdb { path: path.to_owned(), reason: reason.into() }
    }

    pub(crate) fn too_large(path: &Path, what: &'static str, limit: u64) -> Self {
        Self::TooLarge { path: path.to_owned(), what, limit }
    }
}

/// A value as an error shows it: in quotes, control characters escaped, cut.
pub(crate) fn quoted(value: &str) -> String {
    let mut shown: String = value.chars().take(QUOTED_CHARS_MAX).flat_map(char::escape_debug).collect();
    if value.chars().nth(QUOTED_CHARS_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn quoted_values_are_short_and_printable() {
        assert_eq!(quoted("10.0.0.0/8"), "`10.0.0.0/8`");
        assert_eq!(quoted("a\0b\u{1b}"), "`a\\0b\\u{1b}`");
        assert_eq!(quoted(&"x".repeat(61)), format!("`{}…`", "x".repeat(60)));
    }
}
