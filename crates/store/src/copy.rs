//! Copies of files that are in use. A copy is of one moment, however long it takes, and stops nobody: it reads inside one
//! transaction, which in a write-ahead log is a snapshot. (Without it SQLite's backup begins again at each commit and never
//! ends.) While a copy is made, the log of its source cannot be used again and grows. Must not know tables beyond schemas.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::StoreError;
use crate::schema::Schema;
use crate::sqlite::{Database, sync_folder_of};

/// Pages copied at a time.
const STEP_PAGES: i32 = 1_024;

const CACHE_BYTES: u32 = 4 << 20;

/// A file as it was at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    database: Database,
}

impl Snapshot {
    pub(crate) fn take(path: &Path, schema: &Schema) -> Result<Self, StoreError> {
        let database = Database::read_only(path, schema, CACHE_BYTES)?;
        // `BEGIN` alone does not look at the file yet.
        database
            .connection
            .execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")
            .map_err(database.failed("beginning to copy"))?;
        Ok(Self { database })
    }

    /// For questions about that moment.
    pub(crate) const fn database(&self) -> &Database {
        &self.database
    }

    /// Writes the copy, durable at return; it is one file without a log.
    pub(crate) fn copy(&self, to: &Path) -> Result<(), StoreError> {
        if to.exists() {
            return Err(StoreError::NotEmpty { path: to.to_owned() });
        }
        let mut partial = to.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let copied = self.copy_pages(&partial).and_then(|()| {
            let synced = File::open(&partial).and_then(|file| file.sync_all());
            synced.map_err(StoreError::io(&partial, "syncing"))?;
            std::fs::rename(&partial, to).map_err(StoreError::io(to, "renaming"))?;
            sync_folder_of(to)
        });
        if copied.is_err() {
            // Not there if it could not even be created.
            let _ignored = std::fs::remove_file(&partial);
        }
        copied
    }

    fn copy_pages(&self, to: &Path) -> Result<(), StoreError> {
        let failed = || StoreError::sqlite(to, "writing a copy");
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut target = Connection::open_with_flags(to, flags).map_err(failed())?;
        target.execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;").map_err(failed())?;
        let backup = Backup::new(&self.database.connection, &mut target).map_err(failed())?;
        // Busy and Locked: somebody else has the target, or the source's lock for a moment; SQLite has waited already.
        while !matches!(backup.step(STEP_PAGES).map_err(failed())?, StepResult::Done) {}
        drop(backup);
        // So that the copy needs no log beside it and can be read from where nothing can be written.
        target.execute_batch("PRAGMA journal_mode=DELETE;").map_err(failed())?;
        target.close().map_err(|(_, error)| failed()(error))
    }
}
