//! What can go wrong at this crate's boundary. Every message names the file and, where there is one, the way on.

use std::path::{Path, PathBuf};

/// An error of importing, reading, compacting or sweeping history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file could not be opened, read or written.
    #[error("{path}: {doing} failed")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done, as a noun: "opening", "writing".
        doing: &'static str,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A Parquet file is damaged or could not be written.
    #[error("{path}: not readable as Parquet (truncated or damaged?)")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The Parquet library's reason.
        source: parquet::errors::ParquetError,
    },
    /// Columns could not be put together.
    #[error("{path}: columns do not fit together")]
    Arrow {
        /// The file, or the directory being written.
        path: PathBuf,
        /// The Arrow library's reason.
        source: arrow_schema::ArrowError,
    },
    /// A file is readable but is not what it should be.
    #[error("{path}: {problem}")]
    Unsuitable {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do next.
        problem: String,
    },
    /// An option or a mapping does not make sense.
    #[error("{0}")]
    Usage(String),
    /// The user asked to stop; nothing was left behind.
    #[error("stopped on request; no output was written")]
    Stopped,
}

impl HistoryError {
    /// For `map_err` on IO with a path. A reader that was stopped says so through an IO error.
    pub fn io(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(Self::Stopped) => Self::Stopped,
            _ => Self::Io { path, doing, source },
        }
    }

    /// For `map_err` on Parquet with a path.
    pub fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Parquet { path, source }
    }

    /// For `map_err` on Arrow kernels with a path.
    pub fn arrow(path: &Path) -> impl FnOnce(arrow_schema::ArrowError) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Arrow { path, source }
    }

    /// A file that is not what it should be.
    pub fn unsuitable(path: &Path, problem: impl Into<String>) -> Self {
        Self::Unsuitable { path: path.to_owned(), problem: problem.into() }
    }
}
