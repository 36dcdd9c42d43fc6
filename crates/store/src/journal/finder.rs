//! Looks ids up beside the writer, with the index that the writer keeps in memory. Must not write.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Found;
use super::ids::Ids;
use crate::StoreError;
use crate::schema::JOURNAL;
use crate::sqlite::Database;

/// Memory for pages.
const CACHE_BYTES: u32 = 8 << 20;

/// Finds what the sender of an id was answered before, while the journal is being written by another thread. It finds what
/// is durable.
#[derive(Debug)]
pub struct Finder {
    database: Database,
    ids: Arc<RwLock<Ids>>,
}

impl Finder {
    pub(super) fn open(path: &Path, ids: Arc<RwLock<Ids>>) -> Result<Self, StoreError> {
        Ok(Self { database: Database::read_only(path, &JOURNAL, CACHE_BYTES)?, ids })
    }

    /// See [`Journal::find`](super::Journal::find).
    ///
    /// # Errors
    /// The file could not be read.
    pub fn find(&self, id: &str) -> Result<Option<Found>, StoreError> {
        read(&self.ids).find(&self.database, id)
    }
}

/// The index as it is: nothing that changes it can fail half-way.
pub(super) fn read(ids: &RwLock<Ids>) -> RwLockReadGuard<'_, Ids> {
    ids.read().unwrap_or_else(PoisonError::into_inner)
}

/// The index, to change.
pub(super) fn write(ids: &RwLock<Ids>) -> RwLockWriteGuard<'_, Ids> {
    ids.write().unwrap_or_else(PoisonError::into_inner)
}
