//! How far a server's journal is in its history: `.exported-TAG` in the history folder. Must not know what lies in the folder
//! beside it.
//!
//! The names of live files say it too, and at once. This file says it where there is none: inputs that are no events leave
//! none, and old files are moved to other storage.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::HistoryError;

/// The file's name; readers skip names that begin with a dot.
fn name(tag: u32) -> String {
    format!(".exported-{tag:08x}")
}

/// A place in one journal's life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    /// How often the journal was replaced by an older copy of itself, whose numbers then came again.
    pub(super) generation: u32,
    /// The last input that is in the history, or is no event.
    pub(super) seq: u64,
}

impl Position {
    pub(super) fn read(folder: &Path, tag: u32) -> Result<Option<Self>, HistoryError> {
        let path = folder.join(name(tag));
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(HistoryError::io(&path, "reading")(error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            let problem = format!(
                "does not say how far the journal is exported ({error}): write {{\"generation\":0,\"seq\":N}} into it, \
                 where N is the last number in the names of the newest live files, then restart"
            );
            HistoryError::unsuitable(&path, problem)
        })
    }

    /// Durable at return.
    pub(super) fn write(self, folder: &Path, tag: u32) -> Result<(), HistoryError> {
        let path = folder.join(name(tag));
        let unfinished = folder.join(format!("{}.new", name(tag)));
        let text = serde_json::json!(self).to_string();
        File::create(&unfinished)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&unfinished, &path))
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(HistoryError::io(&path, "writing"))
    }
}
