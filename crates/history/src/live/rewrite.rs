//! Several live files into one, sorted by customer and time. Must not know why.
//!
//! Column by column: beside the order of rows, one column of all files is in memory at a time, so that a server can afford it
//! in the background. Nothing appears before [`LiveFolder::merged`](super::LiveFolder::merged) puts it there.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow_schema::Field;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::compute_leaves;

use super::LiveName;
use super::plan::Sized;
use crate::files::HistoryFile;
use crate::reading::{open, u64_values, wrong_type};
use crate::schema::{self, column};
use crate::writer::{Order, writing};
use crate::{HistoryError, Watch};

/// Files to be merged, and into which. [`Self::run`] writes; it may do so on another thread.
#[derive(Debug, Clone)]
pub struct Merge {
    /// The day's folder.
    pub(super) folder: PathBuf,
    pub(super) day: String,
    pub(super) files: Vec<Sized>,
    pub(super) merged: LiveName,
}

impl Merge {
    /// How many files become one.
    #[must_use]
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Rows in all of them.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// Writes the merged file, durable, under a hidden name.
    ///
    /// # Errors
    /// A file cannot be read or written, or the run was stopped; nothing has changed then.
    pub fn run(&self, watch: &Watch) -> Result<(), HistoryError> {
        let paths = self.files.iter().map(|file| self.folder.join(file.name.to_string()));
        let files = paths.map(|path| HistoryFile::open(&path)).collect::<Result<Vec<_>, _>>()?;
        let path = self.folder.join(self.merged.unfinished());
        let written = write(&files, &path, watch);
        if written.is_err() {
            // Also removed at the next start.
            let _left = std::fs::remove_file(&path);
        }
        written
    }
}

fn write(files: &[HistoryFile], path: &std::path::Path, watch: &Watch) -> Result<(), HistoryError> {
    let order = order(files, watch)?;
    let failed = |error| writing(path, error);
    let file = File::create(path).map_err(HistoryError::io(path, "creating"))?;
    let properties = schema::writer_properties(Order::Customer.as_str(), &nulls(files));
    let writer = ArrowWriter::try_new(file, schema::schema(), Some(properties)).map_err(failed)?;
    let (mut writer, columns) = writer.into_serialized_writer().map_err(failed)?;
    let columns = columns.create_column_writers(0).map_err(failed)?;
    let mut row_group = writer.next_row_group().map_err(failed)?;
    for (field, mut column) in schema::schema().fields().iter().zip(columns) {
        watch.check()?;
        let values = values(files, field)?;
        let parts: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
        let array = arrow_select::concat::concat(&parts).map_err(HistoryError::arrow(path))?;
        drop(values);
        let array = arrow_select::take::take(&array, &order, None).map_err(HistoryError::arrow(path))?;
        for leaf in compute_leaves(field, &array).map_err(failed)? {
            column.write(&leaf).map_err(failed)?;
        }
        column.close().and_then(|chunk| chunk.append_to_row_group(&mut row_group)).map_err(failed)?;
    }
    row_group.close().map_err(failed)?;
    let file = writer.into_inner().map_err(failed)?;
    file.sync_all().map_err(HistoryError::io(path, "syncing"))
}

/// For each place in the merged file, the number of the row that belongs there.
fn order(files: &[HistoryFile], watch: &Watch) -> Result<UInt32Array, HistoryError> {
    let rows = files.iter().map(HistoryFile::rows).sum::<u64>();
    let mut keyed: Vec<(u64, i64, u32)> = Vec::with_capacity(usize::try_from(rows).unwrap_or(0));
    for file in files {
        for group in 0..file.metadata.metadata().num_row_groups() {
            for batch in open(file, group, &[column::CUSTOMER_KEY, column::TIME], None)? {
                watch.check()?;
                let batch = batch?;
                let times = batch
                    .column_by_name(column::TIME)
                    .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
                    .ok_or_else(|| wrong_type(file, column::TIME))?;
                let first = u32::try_from(keyed.len()).unwrap_or(u32::MAX);
                let keys = u64_values(file, &batch, column::CUSTOMER_KEY)?.iter().zip(times.values());
                keyed.extend(keys.zip(first..).map(|((key, time), row)| (*key, *time, row)));
            }
        }
    }
    // The files are sorted: this finds their runs and merges them.
    keyed.sort();
    Ok(UInt32Array::from_iter_values(keyed.into_iter().map(|(_, _, row)| row)))
}

/// One column of all files.
fn values(files: &[HistoryFile], field: &Field) -> Result<Vec<ArrayRef>, HistoryError> {
    let mut values = Vec::new();
    for file in files {
        for group in 0..file.metadata.metadata().num_row_groups() {
            if file.all_null(group, field.name()) && field.is_nullable() {
                let rows = usize::try_from(file.group_rows(group)).unwrap_or(0);
                values.push(new_null_array(field.data_type(), rows));
                continue;
            }
            for batch in open(file, group, &[field.name()], None)? {
                let batch = batch?;
                let column =
                    batch.column_by_name(field.name()).ok_or_else(|| wrong_type(file, field.name()))?;
                let ours = column.data_type() == field.data_type();
                let column = if ours {
                    Some(Arc::clone(column))
                } else {
                    crate::columns::convert(column, field.data_type())
                };
                values.push(column.ok_or_else(|| wrong_type(file, field.name()))?);
            }
        }
    }
    Ok(values)
}

/// The footer's [`schema::NULLS_KEY`].
fn nulls(files: &[HistoryFile]) -> String {
    let schema = schema::schema();
    let texts = schema.fields().iter().filter(|field| schema::is_text(field.data_type()));
    let counts = texts.map(|field| {
        let groups = |file: &HistoryFile| {
            let groups = 0..file.metadata.metadata().num_row_groups();
            groups.map(|group| file.nulls(group, field.name())).sum::<u64>()
        };
        format!("{}={}", field.name(), files.iter().map(groups).sum::<u64>())
    });
    counts.collect::<Vec<_>>().join(",")
}
