//! What can go wrong at this crate's boundary. Every message says what to do next; none repeats its source.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// An error of the journal, the state or their folder.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder could not be created, read, locked or synced.
    #[error("{path}: {doing} failed; check that the disk has space and that the folder belongs to this user")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done, as a noun: "creating", "syncing".
        doing: &'static str,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// SQLite could not do something, and the file is not known to be damaged.
    #[error("{path}: {doing} failed; check that the disk has space and answers, then start again")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was being done, as a noun.
        doing: &'static str,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// A file is not what was written.
    #[error(
        "{path}: damaged ({problem}); keep a copy of the folder as it is, then restore the last backup into a new one"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// SQLite's reason, where it found the damage.
        source: Option<rusqlite::Error>,
    },
    /// A file was written by a newer version of this program.
    #[error(
        "{path}: written by a newer version (schema {found}, this program knows {known}); \
         start the newer version, or restore a backup made before the upgrade"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Schema of the file.
        found: u32,
        /// The newest schema this program knows.
        known: u32,
    },
    /// A file was written by an older version of this program, in a form that is not read any more. It was not changed.
    #[error(
        "{path}: written by an older version, whose records this one does not read, and they cannot be made anew from the \
         journal alone; nothing was changed: start the older version on this folder, or begin a new one and bootstrap \
         it from this one's history"
    )]
    OldForm {
        /// The file.
        path: PathBuf,
    },
    /// An earlier write failed, so nothing more is taken: what is on disk is known up to there and no further.
    #[error(
        "{path}: no inputs are taken since {since} could not be written ({reason}); \
         remove the cause, then restart: everything acknowledged before is kept"
    )]
    Refusing {
        /// The file.
        path: PathBuf,
        /// The first sequence number that was not acknowledged.
        since: u64,
        /// What failed first.
        reason: String,
    },
    /// A checkpoint was given up half-way; the one before is still there.
    #[error("the checkpoint was given up; the journal has everything meanwhile")]
    GivenUp,
    /// A sequence number does not follow the one before.
    #[error(
        "the journal goes on with {expected}, not {found}; read its last sequence number again before appending"
    )]
    Gap {
        /// The sequence number that follows.
        expected: u64,
        /// The one given.
        found: u64,
    },
    /// An id is in the journal already; nothing of the batch was written.
    #[error("the id of {found} is in the journal already, at {first}; answer it from there")]
    Duplicate {
        /// The row that has it.
        first: u64,
        /// The row that was to get it.
        found: u64,
    },
    /// Something is larger than its limit; nothing was written.
    #[error("{what} has {found}, at most {max} are allowed; send less at a time or raise the limit")]
    TooLarge {
        /// What, with its unit.
        what: &'static str,
        /// Its size.
        found: usize,
        /// Its limit.
        max: usize,
    },
    /// Inputs that were asked for are no longer in the journal.
    #[error(
        "inputs after {after} were asked for, the journal begins with {first}; read the earlier ones from history"
    )]
    Trimmed {
        /// After which sequence number.
        after: u64,
        /// The first there is.
        first: u64,
    },
    /// Somebody still needs what was to be removed, or a mark lies outside the journal.
    #[error("{asked} lies outside {from} to {to}, what {why}; wait until the one behind has caught up")]
    Position {
        /// The sequence number given.
        asked: u64,
        /// The least allowed.
        from: u64,
        /// The greatest allowed.
        to: u64,
        /// What the bounds are.
        why: &'static str,
    },
    /// Journal and state do not belong together.
    #[error(
        "{path}: the state is true up to {state}, the journal holds {first} to {last}, so they do not belong together; \
         restore both files from one backup"
    )]
    Disagree {
        /// The folder.
        path: PathBuf,
        /// Up to which sequence number the state is true.
        state: u64,
        /// The journal's first.
        first: u64,
        /// The journal's last.
        last: u64,
    },
    /// Another process has the folder.
    #[error("{path}: in use by another server; stop that one, or give this one a folder of its own")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The target of a backup or restore holds something.
    #[error("{path}: not empty; name a folder that is empty or does not exist")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// There is no data where some should be.
    #[error("{path}: no journal or no state here; name the data folder of a server, or a backup of one")]
    NoData {
        /// The folder or file.
        path: PathBuf,
    },
}

impl StoreError {
    /// For `map_err` on IO with a path.
    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, doing, source }
    }

    /// For `map_err` on SQLite with a path; tells damage from the rest.
    pub(crate) fn sqlite(path: &Path, doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| {
            let path = path.to_owned();
            let corrupt = matches!(
                source.sqlite_error_code(),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            );
            // A value of another sort than its column can hold was not written by this program.
            let foreign = matches!(
                source,
                rusqlite::Error::InvalidColumnType(..)
                    | rusqlite::Error::FromSqlConversionFailure(..)
                    | rusqlite::Error::IntegralValueOutOfRange(..)
                    | rusqlite::Error::Utf8Error(..)
            );
            if corrupt || foreign {
                Self::Damaged { path, problem: format!("found while {doing}"), source: Some(source) }
            } else {
                Self::Sqlite { path, doing, source }
            }
        }
    }

    /// Damage that SQLite does not notice.
    pub(crate) fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.into(), source: None }
    }

    /// This error and what is below it, in one line.
    pub(crate) fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut below = std::error::Error::source(self);
        while let Some(error) = below {
            text.push_str(": ");
            text.push_str(&error.to_string());
            below = error.source();
        }
        text
    }

    /// Answers `Err` if `found` is more than `max`.
    pub(crate) fn limit(what: &'static str, found: usize, max: usize) -> Result<(), Self> {
        if found > max { Err(Self::TooLarge { what, found, max }) } else { Ok(()) }
    }
}
