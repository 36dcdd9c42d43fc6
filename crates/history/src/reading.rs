//! Reading columns of row groups. Must not know what is asked of them.

use std::ops::Range;

use arrow_array::cast::AsArray as _;
use arrow_array::types::UInt64Type;
use arrow_array::{Array as _, RecordBatch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};

use crate::HistoryError;
use crate::files::HistoryFile;
use crate::guard::{Batches, guarded};

/// Rows decoded at a time.
pub(crate) const BATCH_ROWS: usize = 1 << 14;

/// A reader of some columns of one row group (no names: all), of all rows or the selected ones.
pub(crate) fn open(
    file: &HistoryFile,
    group: usize,
    names: &[&str],
    selection: Option<RowSelection>,
) -> Result<Batches, HistoryError> {
    let handle = crate::live::open(&file.path).map_err(HistoryError::io(&file.path, "opening"))?;
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
    let reader = guarded(&file.path, || builder.build().map_err(HistoryError::parquet(&file.path)))?;
    Ok(Batches::new(&file.path, reader))
}

/// Rows that are decoded together where one of them is chosen: picking rows one by one costs more than decoding their
/// neighbours, and skipping pays from a page on.
const BLOCK_ROWS: usize = 1 << 10;

/// Reads columns of chosen rows of a row group, in order. `take` gets each batch and the places of the chosen rows in it.
pub(crate) fn read_chosen<E: From<HistoryError>>(
    file: &HistoryFile,
    group: usize,
    names: &[&str],
    rows: impl Iterator<Item = usize> + Clone,
    mut take: impl FnMut(&RecordBatch, &[usize]) -> Result<(), E>,
) -> Result<(), E> {
    let group_rows = usize::try_from(file.group_rows(group)).unwrap_or(usize::MAX);
    let blocks = blocks(rows.clone(), group_rows);
    let selection = RowSelection::from_consecutive_ranges(blocks.iter().cloned(), group_rows);
    let mut blocks = blocks.into_iter();
    let (mut block, mut read_before) = (0..0, 0_usize);
    // Where each chosen row comes among the rows that are read.
    let mut positions = rows
        .map(|row| {
            while row >= block.end {
                read_before = read_before.saturating_add(block.len());
                let Some(next) = blocks.next() else { break };
                block = next;
            }
            read_before.saturating_add(row.saturating_sub(block.start))
        })
        .peekable();
    let mut places = Vec::with_capacity(BATCH_ROWS);
    let mut start = 0_usize;
    for batch in open(file, group, names, Some(selection))? {
        let batch = batch?;
        let end = start.saturating_add(batch.num_rows());
        places.clear();
        places.extend(
            std::iter::from_fn(|| positions.next_if(|position| *position < end))
                .map(|position| position.saturating_sub(start)),
        );
        take(&batch, &places)?;
        start = end;
    }
    Ok(())
}

/// The blocks that hold the rows, side by side ones joined.
fn blocks(rows: impl Iterator<Item = usize>, group_rows: usize) -> Vec<Range<usize>> {
    let mut blocks: Vec<Range<usize>> = Vec::new();
    for row in rows {
        if blocks.last().is_some_and(|last| row < last.end) {
            continue;
        }
        let start = row.saturating_sub(row % BLOCK_ROWS);
        let end = start.saturating_add(BLOCK_ROWS).min(group_rows);
        match blocks.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => blocks.push(start..end),
        }
    }
    blocks
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use arrow_array::cast::AsArray as _;
    use arrow_array::types::TimestampMicrosecondType;
    use model::Time;

    use super::{BATCH_ROWS, BLOCK_ROWS, read_chosen};
    use crate::files::{HistoryFile, find};
    use crate::rows::{AccountHasher, Recorded, RowBuffer};
    use crate::schema::column;
    use crate::writer::{HistoryWriter, Order};
    use crate::{HistoryError, Watch};

    const ROWS: usize = 3 * BATCH_ROWS + 77;

    /// A file whose rows have their number as time, and customers that lie together.
    fn file(folder: &Path) -> HistoryFile {
        let mut rows = RowBuffer::new(AccountHasher::none());
        for row in 0..ROWS {
            let event = format!(
                r#"{{"id":"{row}","time":"{}","kind":"login","customer":"C","client":{{}},"outcome":"failed"}}"#,
                Time::from_us(i64::try_from(row).unwrap()).unwrap()
            );
            rows.push(&serde_json::from_str(&event).unwrap(), Recorded::default());
        }
        let mut writer = HistoryWriter::begin(folder, Order::Customer).unwrap();
        writer.push(rows.finish().unwrap(), &Watch::default()).unwrap();
        writer.finish().unwrap();
        HistoryFile::open(&find(&[folder.to_owned()]).unwrap()[0]).unwrap()
    }

    #[test]
    fn chosen_rows_are_found_wherever_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        let choices: [Vec<usize>; 7] = [
            vec![],
            vec![0],
            vec![ROWS - 1],
            (0..ROWS).collect(),
            (0..ROWS).step_by(BLOCK_ROWS + 1).collect(),
            (5..ROWS).step_by(7 * BLOCK_ROWS).collect(),
            [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, 5 * BLOCK_ROWS - 1, BATCH_ROWS + 9, 2 * BATCH_ROWS, ROWS - 2]
                .to_vec(),
        ];
        for chosen in choices {
            let mut read = Vec::new();
            read_chosen(&file, 0, &[column::TIME], chosen.iter().copied(), |batch, places| {
                let times = batch.column(0).as_primitive::<TimestampMicrosecondType>().values();
                read.extend(places.iter().map(|place| usize::try_from(times[*place]).unwrap()));
                Ok::<_, HistoryError>(())
            })
            .unwrap();
            assert_eq!(read, chosen);
        }
    }
}
