//! Which files a bootstrap took, and as of which input it left the state: kept in the state, in records of a kind of their own.
//! Must not know what is in the files.

use std::path::Path;

use history::HistoryError;
use model::Time;
use serde::{Deserialize, Serialize};
use store::{StateReader, StoreError};

use crate::past::PastError;

/// The kind of these records in the state; the engine's kinds are below 128. The key of a file is its digest.
const KIND: u8 = 129;
/// The key of [`Base`].
const BASE: &[u8] = b"base";

/// A row of the state: kind, key and bytes.
type Row = (u8, Vec<u8>, Option<Vec<u8>>);

/// A file that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Taken {
    /// Its name then.
    pub(super) file: String,
    /// When.
    pub(super) at: Time,
    /// As of which input the state was then.
    pub(super) seq: u64,
}

/// The last bootstrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Base {
    /// As of which input it left the state.
    pub(super) seq: u64,
    /// Before when nothing can arrive any more.
    pub(super) until: Time,
    /// Events taken by all of them.
    pub(super) events: u64,
}

/// Before the first bootstrap.
pub(super) const NONE: Base = Base { seq: 0, until: Time::MIN, events: 0 };

pub(super) fn row(digest: &[u8; 32], taken: &Taken) -> Row {
    (KIND, digest.to_vec(), Some(serde_json::to_vec(taken).unwrap_or_default()))
}

pub(super) fn base_row(base: Base) -> Row {
    (KIND, BASE.to_vec(), Some(serde_json::to_vec(&base).unwrap_or_default()))
}

/// When a file of this content was taken, if it was.
pub(super) fn taken(stored: &StateReader, digest: &[u8; 32]) -> Result<Option<Taken>, StoreError> {
    let bytes = stored.load(KIND, digest)?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

pub(super) fn base(stored: &StateReader) -> Result<Option<Base>, StoreError> {
    let Some(bytes) = stored.load(KIND, BASE)? else { return Ok(None) };
    let read = serde_json::from_slice(&bytes);
    read.map(Some).map_err(|error| StoreError::Damaged {
        path: "state.db".into(),
        problem: format!("what it says of its bootstrap cannot be read: {error}"),
        source: None,
    })
}

/// As of which input the last bootstrap left the state; `None` if there was none.
///
/// # Errors
/// The state cannot be read.
pub(crate) fn seq_of(stored: &StateReader) -> Result<Option<u64>, StoreError> {
    Ok(base(stored)?.map(|base| base.seq))
}

/// The digest of a file's content (BLAKE3).
pub(super) fn digest(path: &Path) -> Result<[u8; 32], PastError> {
    let read = || {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(path)?)?;
        Ok(*hasher.finalize().as_bytes())
    };
    read().map_err(|source| HistoryError::io(path, "reading")(source).into())
}
