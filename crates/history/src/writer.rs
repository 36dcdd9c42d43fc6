//! Record batches to history files: gathered up to a row group, sorted, written beside their place, published at the end.
//! Must not know where the rows came from.

use std::fs::File;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread::JoinHandle;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampMicrosecondType, UInt64Type};
use arrow_array::{Array, RecordBatch, UInt32Array, new_null_array};
use arrow_schema::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::errors::ParquetError;

use crate::HistoryError;
use crate::schema::{self, ROW_GROUP_ROWS};
use crate::staging::Staging;
use crate::watch::Watch;

/// Bytes of columns in memory after which a file is written even if it has fewer rows.
const CHUNK_BYTES_MAX: usize = 512 << 20;

/// In which order rows lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By customer key, then time: what sweeps read fastest.
    Customer,
    /// By time.
    Time,
}

impl Order {
    /// As written in the footer.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => schema::ORDER_CUSTOMER,
            Self::Time => schema::ORDER_TIME,
        }
    }
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The files, in the order of their rows.
    pub files: Vec<PathBuf>,
    /// Rows in all of them.
    pub rows: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// Writes a history folder. Rows come in any order; each file holds up to [`ROW_GROUP_ROWS`] rows, sorted.
#[derive(Debug)]
pub struct HistoryWriter {
    /// Dropped before the staging folder, which can only be removed when nobody writes into it.
    in_flight: InFlight,
    staging: Staging,
    order: Order,
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    pending_bytes: usize,
    next_part: u64,
    written: Written,
}

impl HistoryWriter {
    /// Begins to write into `folder`; nothing appears there before [`Self::finish`].
    ///
    /// # Errors
    /// The folder cannot be created or written to.
    pub fn begin(folder: &Path, order: Order) -> Result<Self, HistoryError> {
        Ok(Self {
            staging: Staging::begin(folder)?,
            order,
            pending: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            next_part: parts_end(folder),
            written: Written::default(),
            in_flight: InFlight::default(),
        })
    }

    /// Where to write a further file (rejected lines, a truth file) that is to appear together with the history.
    #[must_use]
    pub fn stage(&self, name: &str) -> PathBuf {
        self.staging.path(name)
    }

    /// Takes rows; writes a file in the background when enough have gathered (one at a time, so memory is bounded).
    ///
    /// # Errors
    /// An earlier file could not be written (a full disk, say), or the run was stopped.
    pub fn push(&mut self, batch: RecordBatch, watch: &Watch) -> Result<(), HistoryError> {
        watch.check()?;
        let mut rest = batch;
        while self.pending_rows.saturating_add(rest.num_rows()) >= ROW_GROUP_ROWS {
            let part = ROW_GROUP_ROWS.saturating_sub(self.pending_rows);
            self.gather(rest.slice(0, part));
            rest = rest.slice(part, rest.num_rows().saturating_sub(part));
            self.flush()?;
        }
        self.gather(rest);
        if self.pending_bytes > CHUNK_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn gather(&mut self, batch: RecordBatch) {
        if batch.num_rows() > 0 {
            self.pending_rows = self.pending_rows.saturating_add(batch.num_rows());
            self.pending_bytes = self.pending_bytes.saturating_add(batch.get_array_memory_size());
            self.pending.push(batch);
        }
    }

    fn flush(&mut self) -> Result<(), HistoryError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.wait()?;
        let batches = std::mem::take(&mut self.pending);
        self.pending_rows = 0;
        self.pending_bytes = 0;
        let name = self.next_name();
        let path = self.staging.path(&name);
        let order = self.order;
        self.in_flight.0 = Some(std::thread::spawn(move || write_sorted(&path, &batches, order)));
        Ok(())
    }

    /// The next `part-NNNNN.parquet`. Its number is above those of all files that were there, so that the files of one run
    /// are told by the first and the last of them.
    fn next_name(&mut self) -> String {
        let name = part_name(self.next_part);
        self.next_part = self.next_part.saturating_add(1);
        name
    }

    fn wait(&mut self) -> Result<(), HistoryError> {
        let Some(handle) = self.in_flight.0.take() else { return Ok(()) };
        match handle.join() {
            Ok(result) => {
                let (rows, bytes) = result?;
                self.written.rows = self.written.rows.saturating_add(rows);
                self.written.bytes = self.written.bytes.saturating_add(bytes);
                Ok(())
            }
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Writes what is left, makes everything durable and lets the files appear.
    ///
    /// # Errors
    /// Writing or syncing failed; then nothing appears. Renaming failed; then files renamed before stay.
    pub fn finish(mut self) -> Result<Written, HistoryError> {
        self.flush()?;
        self.wait()?;
        let Self { staging, mut written, .. } = self;
        written.files = staging.publish(None)?;
        Ok(written)
    }
}

fn part_name(number: u64) -> String {
    format!("part-{number:05}.parquet")
}

/// One above the highest number of a part file in the folder.
fn parts_end(folder: &Path) -> u64 {
    let number = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.ok()?.file_name();
        name.to_str()?.strip_prefix("part-")?.strip_suffix(".parquet")?.parse::<u64>().ok()
    };
    let highest = std::fs::read_dir(folder).ok().and_then(|entries| entries.filter_map(number).max());
    highest.map_or(0, |highest| highest.saturating_add(1))
}

/// A file being written in the background.
#[derive(Debug, Default)]
struct InFlight(Option<JoinHandle<Result<(u64, u64), HistoryError>>>);

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            let _abandoned = handle.join();
        }
    }
}

/// Writes rows as one history file in the given order; gives its rows and bytes. Rows with equal keys keep their order of
/// arrival, so the same input gives the same file.
///
/// Column by column, as many at a time as there are cores: beside the rows as they came, no more than those columns are
/// in memory a second time.
pub(crate) fn write_sorted(
    path: &Path,
    batches: &[RecordBatch],
    order: Order,
) -> Result<(u64, u64), HistoryError> {
    write_sorted_on(std::thread::available_parallelism().map_or(1, NonZeroUsize::get), path, batches, order)
}

/// As [`write_sorted`], on so many threads: one is the caller's own.
pub(crate) fn write_sorted_on(
    threads: usize,
    path: &Path,
    batches: &[RecordBatch],
    order: Order,
) -> Result<(u64, u64), HistoryError> {
    let file = File::create(path).map_err(HistoryError::io(path, "creating"))?;
    let order_of_rows = sorted_rows(batches, order).map_err(HistoryError::arrow(path))?;
    let properties = schema::writer_properties(order.as_str(), &nulls(batches));
    let failed = |error: ParquetError| writing(path, error);
    let writer = ArrowWriter::try_new(file, schema::schema(), Some(properties)).map_err(failed)?;
    let (mut writer, columns) = writer.into_serialized_writer().map_err(failed)?;
    let columns = columns.create_column_writers(0).map_err(failed)?;
    let mut row_group = writer.next_row_group().map_err(failed)?;
    for chunk in encode(threads, batches, order_of_rows.as_ref(), columns).map_err(failed)? {
        chunk.append_to_row_group(&mut row_group).map_err(failed)?;
    }
    row_group.close().map_err(failed)?;
    let rows = writer.close().map_err(failed)?.file_metadata().num_rows();
    let bytes = std::fs::metadata(path).map_err(HistoryError::io(path, "reading its size"))?.len();
    Ok((u64::try_from(rows).unwrap_or(0), bytes))
}

/// The footer's [`schema::NULLS_KEY`].
fn nulls(batches: &[RecordBatch]) -> String {
    let schema = schema::schema();
    let texts = schema.fields().iter().enumerate().filter(|(_, field)| schema::is_text(field.data_type()));
    let counts = texts.map(|(place, field)| {
        let nulls: usize = batches.iter().map(|batch| batch.column(place).null_count()).sum();
        format!("{}={nulls}", field.name())
    });
    counts.collect::<Vec<_>>().join(",")
}

/// Sorts and encodes every column. Not on rayon's threads: a caller may be waiting on one of them.
fn encode(
    cores: usize,
    batches: &[RecordBatch],
    rows: Option<&UInt32Array>,
    writers: Vec<ArrowColumnWriter>,
) -> Result<Vec<ArrowColumnChunk>, ParquetError> {
    let queue = Mutex::new(writers.into_iter().enumerate());
    let work = || {
        let mut encoded = Vec::new();
        loop {
            let next = queue.lock().map_or(None, |mut queue| queue.next());
            let Some((place, writer)) = next else { return Ok(encoded) };
            encoded.push((place, encode_column(batches, place, rows, writer)?));
        }
    };
    let parts: Vec<Result<Vec<_>, ParquetError>> = std::thread::scope(|threads| {
        let others: Vec<_> = (1..cores).map(|_| threads.spawn(work)).collect();
        let own = work();
        let others =
            others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        std::iter::once(own).chain(others).collect()
    });
    let mut chunks: Vec<_> =
        parts.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    chunks.sort_by_key(|(place, _)| *place);
    Ok(chunks.into_iter().map(|(_, chunk)| chunk).collect())
}

fn encode_column(
    batches: &[RecordBatch],
    place: usize,
    rows: Option<&UInt32Array>,
    mut writer: ArrowColumnWriter,
) -> Result<ArrowColumnChunk, ParquetError> {
    let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(place).as_ref()).collect();
    let array = if parts.iter().all(|part| part.null_count() == part.len()) {
        // Most logs lack some of history's columns.
        let rows = parts.iter().map(|part| part.len()).sum();
        new_null_array(schema::schema().field(place).data_type(), rows)
    } else {
        let array = arrow_select::concat::concat(&parts)?;
        match rows {
            Some(rows) => arrow_select::take::take(&array, rows, None)?,
            None => array,
        }
    };
    for leaf in compute_leaves(schema::schema().field(place), &array)? {
        writer.write(&leaf)?;
    }
    writer.close()
}

/// A Parquet error while writing is nearly always the disk's: say so with the operating system's reason.
pub(crate) fn writing(path: &Path, error: ParquetError) -> HistoryError {
    HistoryError::Io { path: path.to_owned(), doing: "writing", source: std::io::Error::other(error) }
}

/// For each place in the given order, the number of the row that belongs there; `None` if the rows lie in order already.
fn sorted_rows(batches: &[RecordBatch], order: Order) -> Result<Option<UInt32Array>, ArrowError> {
    let missing = |name: &str| ArrowError::SchemaError(format!("column `{name}` is missing"));
    let mut rows: Vec<(u64, i64, u32)> = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for batch in batches {
        let keys = batch
            .column_by_name(schema::column::CUSTOMER_KEY)
            .and_then(|column| column.as_primitive_opt::<UInt64Type>())
            .ok_or_else(|| missing(schema::column::CUSTOMER_KEY))?;
        let times = batch
            .column_by_name(schema::column::TIME)
            .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
            .ok_or_else(|| missing(schema::column::TIME))?;
        let first = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let keyed = keys.values().iter().zip(times.values()).zip(first..);
        rows.extend(keyed.map(|((key, time), row)| match order {
            Order::Customer => (*key, *time, row),
            Order::Time => (0, *time, row),
        }));
    }
    if rows.is_sorted() {
        return Ok(None);
    }
    rows.sort_unstable();
    Ok(Some(UInt32Array::from_iter_values(rows.into_iter().map(|(_, _, row)| row))))
}
