//! Reading columns of row groups. Must not know what is asked of them.

use std::fs::File;

use arrow_array::cast::AsArray as _;
use arrow_array::types::UInt64Type;
use arrow_array::{Array as _, RecordBatch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection};

use crate::HistoryError;
use crate::files::HistoryFile;

/// Rows decoded at a time.
pub(crate) const BATCH_ROWS: usize = 1 << 14;

/// A reader of some columns of one row group (no names: all), of all rows or the selected ones.
pub(crate) fn open(
    file: &HistoryFile,
    group: usize,
    names: &[&str],
    selection: Option<RowSelection>,
) -> Result<ParquetRecordBatchReader, HistoryError> {
    let handle = File::open(&file.path).map_err(HistoryError::io(&file.path, "opening"))?;
    let mask = match names {
        [] => ProjectionMask::all(),
        _ => ProjectionMask::leaves(
            file.metadata.parquet_schema(),
            names.iter().filter_map(|name| file.column_index(name)),
        ),
    };
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, file.metadata.clone())
        .with_row_groups(vec![group])
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS);
    if let Some(selection) = selection {
        builder = builder.with_row_selection(selection);
    }
    builder.build().map_err(HistoryError::parquet(&file.path))
}

/// A batch that cannot be decoded.
pub(crate) fn damaged(file: &HistoryFile, error: arrow_schema::ArrowError) -> HistoryError {
    HistoryError::arrow(&file.path)(error)
}

pub(crate) fn wrong_type(file: &HistoryFile, name: &str) -> HistoryError {
    HistoryError::unsuitable(
        &file.path,
        format!("column `{name}` has an unexpected type; import the file again"),
    )
}

/// The values of a required 64-bit column.
pub(crate) fn u64_values<'a>(
    file: &HistoryFile,
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a [u64], HistoryError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<UInt64Type>());
    match column {
        Some(column) if column.null_count() == 0 => Ok(column.values()),
        _ => Err(wrong_type(file, name)),
    }
}
