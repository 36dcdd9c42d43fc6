//! Who reads a folder of live files keeps superseded ones from being removed: readers share a lock on `.readers`, and whoever
//! removes takes it alone. The operating system gives it up when a process ends. Must not know what is read.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use crate::HistoryError;

/// The file's name; readers skip names that begin with a dot.
const FILE: &str = ".readers";

/// As long as this is kept, nothing that the folder held since is removed.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    _locked: Arc<File>,
}

impl Reading {
    /// Of a history folder or one of its days. None where no server adds files; then nothing is removed either.
    pub(crate) fn begin(path: &Path) -> Option<Self> {
        let folders = [Some(path), path.parent(), path.parent().and_then(Path::parent)];
        let locked = folders.into_iter().flatten().find_map(|folder| File::open(folder.join(FILE)).ok())?;
        // Whoever removes files has it for a moment.
        locked.lock_shared().ok()?;
        Some(Self { _locked: Arc::new(locked) })
    }
}

/// The remover's end.
#[derive(Debug)]
pub(super) struct Readers(File);

impl Readers {
    /// Of the folder that a server adds to.
    pub(super) fn of(root: &Path) -> Result<Self, HistoryError> {
        let path = root.join(FILE);
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        opened.map(Self).map_err(HistoryError::io(&path, "opening"))
    }

    /// Runs `remove` if nobody reads; says whether.
    pub(super) fn unless_read(
        &self,
        remove: impl FnOnce() -> Result<(), HistoryError>,
    ) -> Result<bool, HistoryError> {
        match self.0.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(false),
            // Where there are no locks, time alone must do.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let removed = remove();
        let _unlocked = self.0.unlock();
        removed.map(|()| true)
    }
}
