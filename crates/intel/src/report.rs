//! What loading found: a line for every file, with the lines that could not be understood.

use std::path::PathBuf;

/// Bad lines kept per file, with their reasons; the rest are only counted.
const BAD_LINES_KEPT_MAX: usize = 20;

/// What a file was read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    /// Networks to countries.
    Country,
    /// Networks to autonomous systems.
    Asn,
    /// Networks to coordinates.
    Location,
    /// A named list of networks.
    List,
    /// Rules for user agents.
    UserAgents,
}

/// A line that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Line in the file, from 1.
    pub line: u64,
    /// What came and what is allowed.
    pub reason: String,
}

/// What one file gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// What it was read for.
    pub role: FileRole,
    /// Lines that hold something (not blank, not a comment), networks in an MMDB, or rules for user agents.
    pub records: u64,
    /// Records in use. The difference to `records`: headers, ranges whose value is "unknown", and bad lines.
    pub entries: u64,
    /// Records that could not be understood and were left out.
    pub bad: u64,
    /// The first 20 of them.
    pub first_bad: Vec<BadLine>,
}

impl FileReport {
    pub(crate) fn new(path: PathBuf, role: FileRole) -> Self {
        Self { path, role, records: 0, entries: 0, bad: 0, first_bad: Vec::new() }
    }

    pub(crate) fn add_bad(&mut self, line: u64, reason: String) {
        self.bad = self.bad.saturating_add(1);
        if self.first_bad.len() < BAD_LINES_KEPT_MAX {
            self.first_bad.push(BadLine { line, reason });
        }
    }
}

/// What every file gave, in the order of loading: country, asn, location, lists, user agents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// One entry per file.
    pub files: Vec<FileReport>,
}

impl LoadReport {
    /// Records left out, over all files.
    #[must_use]
    pub fn bad(&self) -> u64 {
        self.files.iter().map(|file| file.bad).fold(0, u64::saturating_add)
    }
}
