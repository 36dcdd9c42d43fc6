//! Calls into the Parquet library that may meet a damaged file. It panics on some of them (60.1: negative offsets in the
//! footer, for one); here that becomes an error like any other. Must not know what is read.

use std::cell::Cell;
use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use crate::HistoryError;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread becomes an error now, so that a panic hook need not tell anybody.
#[must_use]
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// Runs `work`; a panic in it gives `None` and is told to nobody, because of what it might tell. What it changed must not be
/// used then.
pub fn silently<T>(work: impl FnOnce() -> T) -> Option<T> {
    let outer = GUARDED.replace(true);
    let result = std::panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.ok()
}

/// Runs `read`; a panic in it is an error of the file. What it changed must not be used after an error.
pub(crate) fn guarded<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, HistoryError>,
) -> Result<T, HistoryError> {
    silently(read).unwrap_or_else(|| {
        let reason = ParquetError::General("its structure is contradictory".to_owned());
        Err(HistoryError::parquet(path)(reason))
    })
}

/// Reads a file's footer.
///
/// # Errors
/// Not readable, or parts of it would lie outside the file.
pub(crate) fn footer(
    path: &Path,
    file: &File,
    options: ArrowReaderOptions,
) -> Result<ArrowReaderMetadata, HistoryError> {
    let bytes = file.metadata().map_err(HistoryError::io(path, "reading its size"))?.len();
    guarded(path, || {
        let metadata = ArrowReaderMetadata::load(file, options).map_err(HistoryError::parquet(path))?;
        if lies_within(metadata.metadata(), bytes) {
            return Ok(metadata);
        }
        let reason = ParquetError::EOF(format!("columns are said to lie beyond its {bytes} bytes"));
        Err(HistoryError::parquet(path)(reason))
    })
}

/// Whether every column chunk is within the file. What lies beyond is asked of the allocator before it is found missing.
fn lies_within(metadata: &ParquetMetaData, file_bytes: u64) -> bool {
    metadata.row_groups().iter().flat_map(|group| group.columns()).all(|column| {
        let (start, length) = column.byte_range();
        start.checked_add(length).is_some_and(|end| end <= file_bytes)
    })
}

/// The batches of a file or of a part of it; the first error is the last item.
pub(crate) struct Batches {
    reader: Option<ParquetRecordBatchReader>,
    path: PathBuf,
}

impl Batches {
    pub(crate) fn new(path: &Path, reader: ParquetRecordBatchReader) -> Self {
        Self { reader: Some(reader), path: path.to_owned() }
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        let next = guarded(&self.path, || {
            reader.next().transpose().map_err(|error| HistoryError::parquet(&self.path)(error.into()))
        });
        if next.is_err() {
            self.reader = None;
        }
        next.transpose()
    }
}
