//! Many history files into few, clustered by customer: what a sweep reads fastest. Must not know what rows mean beyond their
//! customer and time.
//!
//! Customer keys are hashes, so equal ranges of the key space hold about equally many rows. For each range its rows are
//! collected from every sorted run and written together; memory is one range, whatever the size of the history.

use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::UInt64Type;
use parquet::arrow::arrow_reader::RowSelection;

use crate::files::HistoryFile;
use crate::guard::Batches;
use crate::reading::open;
use crate::schema::{self, ROW_GROUP_ROWS, column};
use crate::writer::{HistoryWriter, Order, Written, write_sorted};
use crate::{HistoryError, Watch};

/// Rewrites `files` into `out`, clustered by customer. `out` must not be the folder of the files.
///
/// # Errors
/// `out` holds files already, a file cannot be read or written, or the run was stopped; then `out` is left as it was.
pub fn compact(files: &[HistoryFile], out: &Path, watch: &Watch) -> Result<Written, HistoryError> {
    if crate::files::find(&[out.to_owned()]).is_ok_and(|found| !found.is_empty()) {
        let problem = "holds history already; compact into a new folder, then remove the old one";
        return Err(HistoryError::unsuitable(out, problem));
    }
    let rows: u64 = files.iter().map(HistoryFile::rows).sum();
    watch.expect(rows);
    let mut writer = HistoryWriter::begin(out, Order::Customer)?;
    let runs_folder = tempfile::Builder::new()
        .prefix(".runs-")
        .tempdir_in(out)
        .map_err(HistoryError::io(out, "creating a folder in it"))?;
    let parts = usize::try_from(rows).unwrap_or(usize::MAX).div_ceil(ROW_GROUP_ROWS).max(1);
    let mut runs = Vec::new();
    for file in files {
        for group in 0..file.metadata.metadata().num_row_groups() {
            watch.check()?;
            runs.push(Run::new(file, group, parts, runs_folder.path(), runs.len())?);
        }
    }
    for part in 0..parts {
        for run in &runs {
            watch.check()?;
            for batch in run.read(part)?.into_iter().flatten() {
                let batch = batch?;
                watch.advance(u64::try_from(batch.num_rows()).unwrap_or(0));
                writer.push(conform(&run.file.path, &batch)?, watch)?;
            }
        }
    }
    drop(runs_folder);
    writer.finish()
}

/// A sorted row group, and where each part of the key space begins in it.
struct Run {
    file: HistoryFile,
    group: usize,
    starts: Vec<usize>,
}

impl Run {
    fn new(
        file: &HistoryFile,
        group: usize,
        parts: usize,
        folder: &Path,
        number: usize,
    ) -> Result<Self, HistoryError> {
        let sorted = file.footer(schema::ORDER_KEY) == Some(schema::ORDER_CUSTOMER);
        let (file, group) =
            if sorted { (file.clone(), group) } else { (sorted_copy(file, group, folder, number)?, 0) };
        let starts = part_starts(&file, group, parts)?;
        Ok(Self { file, group, starts })
    }

    /// The rows of one part, or nothing.
    fn read(&self, part: usize) -> Result<Option<Batches>, HistoryError> {
        let bound = |part: usize| self.starts.get(part).copied().unwrap_or(0);
        let (start, end) = (bound(part), bound(part.saturating_add(1)));
        if start >= end {
            return Ok(None);
        }
        let total = bound(self.starts.len().saturating_sub(1));
        let selection = RowSelection::from_consecutive_ranges(std::iter::once(start..end), total);
        open(&self.file, self.group, &[], Some(selection)).map(Some)
    }
}

/// Writes a row group of a file in another order as a sorted run of its own.
fn sorted_copy(
    file: &HistoryFile,
    group: usize,
    folder: &Path,
    number: usize,
) -> Result<HistoryFile, HistoryError> {
    let path: PathBuf = folder.join(format!("run-{number:05}.parquet"));
    let mut batches = Vec::new();
    for batch in open(file, group, &[], None)? {
        let batch = batch?;
        batches.push(conform(&file.path, &batch)?);
    }
    write_sorted(&path, &batches, Order::Customer)?;
    HistoryFile::open(&path)
}

/// First row of each part of the key space in a sorted row group, and its number of rows.
fn part_starts(file: &HistoryFile, group: usize, parts: usize) -> Result<Vec<usize>, HistoryError> {
    let width = u64::MAX / u64::try_from(parts).unwrap_or(1).max(1);
    let part_of = |key: u64| usize::try_from(key / width.max(1)).unwrap_or(0).min(parts.saturating_sub(1));
    let mut starts = Vec::with_capacity(parts.saturating_add(1));
    let (mut row, mut last) = (0_usize, 0_u64);
    for batch in open(file, group, &[column::CUSTOMER_KEY], None)? {
        let batch = batch?;
        let keys = batch.column(0).as_primitive_opt::<UInt64Type>();
        for key in keys.map_or(&[][..], |keys| keys.values()) {
            if *key < last {
                let problem = "says it is sorted by customer and is not; import it again";
                return Err(HistoryError::unsuitable(&file.path, problem));
            }
            last = *key;
            while starts.len() <= part_of(*key) {
                starts.push(row);
            }
            row = row.saturating_add(1);
        }
    }
    starts.resize(parts.saturating_add(1), row);
    Ok(starts)
}

/// The batch with exactly history's columns: absent ones are null, other text types become ours, further ones are dropped.
pub(crate) fn conform(
    path: &Path,
    batch: &arrow_array::RecordBatch,
) -> Result<arrow_array::RecordBatch, HistoryError> {
    let wanted = schema::schema();
    if batch.schema().fields() == wanted.fields() {
        return Ok(batch.clone());
    }
    let mut columns = Vec::with_capacity(wanted.fields().len());
    for field in wanted.fields() {
        let column = match batch.column_by_name(field.name()) {
            None => arrow_array::new_null_array(field.data_type(), batch.num_rows()),
            Some(column) if column.data_type() == field.data_type() => std::sync::Arc::clone(column),
            Some(column) => crate::columns::convert(column, field.data_type()).ok_or_else(|| {
                let problem = format!(
                    "column `{}` has type {}, history has {}",
                    field.name(),
                    column.data_type(),
                    field.data_type()
                );
                HistoryError::unsuitable(path, problem)
            })?,
        };
        columns.push(column);
    }
    arrow_array::RecordBatch::try_new(wanted, columns).map_err(HistoryError::arrow(path))
}
