//! Parquet as a source: Sekisho's own history is taken over row by row, any other table through a mapping. Must not know
//! what columns mean: that is `table`'s.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use model::Time;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::mapping::TableMapping;
use super::parser::Refusal;
use super::table::{Cell, Source, Table};
use super::tally::{Facts, Tally};
use super::work::{Parsed, Sorter};
use crate::HistoryError;
use crate::guard::{self, Batches, guarded};
use crate::schema::{self, column};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8192;

/// A Parquet file opened for import.
pub(crate) struct Parquet {
    batches: Batches,
    /// How to read rows; `None` for history of this program's own version.
    pub(crate) table: Option<Table>,
    /// Rows in the file.
    pub(crate) rows: u64,
}

/// Whether a file begins as Parquet does.
pub(crate) fn is_parquet(path: &Path) -> Result<bool, HistoryError> {
    use std::io::Read as _;
    let mut magic = Vec::new();
    let file = File::open(path).map_err(HistoryError::io(path, "opening"))?;
    file.take(4).read_to_end(&mut magic).map_err(HistoryError::io(path, "reading"))?;
    Ok(magic == b"PAR1")
}

impl Parquet {
    pub(crate) fn open(
        path: &Path,
        mapping: Option<&TableMapping>,
        zone: Option<TimeZone>,
    ) -> Result<Self, HistoryError> {
        guarded(path, || Self::open_unguarded(path, mapping, zone))
    }

    fn open_unguarded(
        path: &Path,
        mapping: Option<&TableMapping>,
        zone: Option<TimeZone>,
    ) -> Result<Self, HistoryError> {
        let file = File::open(path).map_err(HistoryError::io(path, "opening"))?;
        let metadata = guard::footer(path, &file, ArrowReaderOptions::new())?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let metadata = builder.metadata().file_metadata();
        let rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
        let pairs = metadata.key_value_metadata();
        let version = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == schema::FORMAT_KEY));
        match version.map(|pair| pair.value.as_deref().unwrap_or("")) {
            Some(schema::FORMAT_VERSION) => {
                let options = ArrowReaderOptions::new().with_schema(schema::schema());
                let file = File::open(path).map_err(HistoryError::io(path, "opening"))?;
                let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options);
                let reader = builder.and_then(|builder| builder.with_batch_size(BATCH_ROWS).build());
                let reader = reader.map_err(HistoryError::parquet(path))?;
                Ok(Self { batches: Batches::new(path, reader), table: None, rows })
            }
            Some(version) => {
                let problem = format!(
                    "is history of format version {version:?}; this program reads version {}: use a newer one",
                    schema::FORMAT_VERSION
                );
                Err(HistoryError::unsuitable(path, problem))
            }
            None => {
                let Some(mapping) = mapping else {
                    let problem =
                        "is Parquet, but not Sekisho history; say what its columns mean: --mapping FILE";
                    return Err(HistoryError::Usage(format!("{}: {problem}", path.display())));
                };
                let (reader, table) = Self::foreign(builder, path, mapping, zone)?;
                Ok(Self { batches: Batches::new(path, reader), table: Some(table), rows })
            }
        }
    }

    fn foreign(
        builder: ParquetRecordBatchReaderBuilder<File>,
        path: &Path,
        mapping: &TableMapping,
        zone: Option<TimeZone>,
    ) -> Result<(ParquetRecordBatchReader, Table), HistoryError> {
        let fields = builder.schema().fields();
        let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let table = Table::new(mapping, Some(&names), zone)?;
        let mut roots: Vec<usize> = table.columns().collect();
        roots.sort_unstable();
        roots.dedup();
        for field in roots.iter().filter_map(|root| fields.get(*root)) {
            if !readable(field.data_type()) {
                let problem = format!(
                    "column {:?} is {}; readable are text, whole and floating numbers, true/false, timestamps and \
                     decimals without fraction",
                    field.name(),
                    field.data_type()
                );
                return Err(HistoryError::unsuitable(path, problem));
            }
        }
        // Only the mapped columns are read, so their places change.
        let table = table.among(&roots);
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
        Ok((reader.map_err(HistoryError::parquet(path))?, table))
    }

    /// The file's batches of rows.
    pub(crate) fn into_parts(self) -> (Batches, Option<Table>) {
        (self.batches, self.table)
    }
}

/// Rows of our own history, taken over as they are.
pub(crate) fn taken_over(batch: RecordBatch) -> Parsed {
    let facts = facts(&batch);
    let tally = Tally { records: facts.rows, with_rows: facts.rows, facts, ..Tally::default() };
    Parsed { rows: Ok(Some(batch)), rejected: Vec::new(), tally, unusable: None }
}

/// Rows of a foreign table; `first` is the number of the batch's first row in the file, from 1.
pub(crate) fn mapped(table: &Table, batch: &RecordBatch, first: u64, mut sorter: Sorter<'_>) -> Parsed {
    let mut ended = Ok(());
    for (row, number) in (0..batch.num_rows()).zip(first..) {
        let source = Row { batch, row };
        let fate = table.record(&source, number, &mut sorter.out);
        let shown = if matches!(fate, Err(Refusal::Line { .. })) { source.shown() } else { String::new() };
        ended = sorter.settle(fate, number, shown.as_bytes());
        if ended.is_err() {
            break;
        }
    }
    sorter.finish(ended.err())
}

/// What a summary says of rows taken over as they are.
fn facts(batch: &RecordBatch) -> Facts {
    let mut facts = Facts { rows: u64::try_from(batch.num_rows()).unwrap_or(0), ..Facts::default() };
    let times = batch
        .column_by_name(column::TIME)
        .and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
    if let Some(times) = times {
        facts.first = times.values().iter().min().and_then(|us| Time::from_us(*us));
        facts.last = times.values().iter().max().and_then(|us| Time::from_us(*us));
    }
    let zeros = |name: &str| -> Option<u64> {
        let keys = batch.column_by_name(name)?.as_primitive_opt::<UInt64Type>()?;
        u64::try_from(keys.values().iter().filter(|key| **key == 0).count()).ok()
    };
    facts.without_customer = zeros(column::CUSTOMER_KEY).unwrap_or(0);
    facts.without_ip = zeros(column::IP_LO).unwrap_or(0);
    facts
}

fn readable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Boolean
        | DataType::Timestamp(..) => true,
        DataType::Dictionary(key, value) => **key == DataType::Int32 && **value == DataType::Utf8,
        DataType::Decimal128(_, scale) => *scale == 0,
        DataType::Float16 => false,
        other => other.is_integer() || other.is_floating(),
    }
}

/// One row of a batch.
struct Row<'a> {
    batch: &'a RecordBatch,
    row: usize,
}

impl Row<'_> {
    /// The row as text, for the file of rejected records.
    fn shown(&self) -> String {
        let cells = (0..self.batch.num_columns()).map(|column| match self.cell(column) {
            Some(cell) => cell.into_text().into_owned(),
            None => String::new(),
        });
        cells.collect::<Vec<_>>().join(" | ")
    }
}

impl Source for Row<'_> {
    fn cell(&self, column: usize) -> Option<Cell<'_>> {
        let array = self.batch.columns().get(column)?;
        if array.is_null(self.row) {
            return None;
        }
        text(array, self.row).map(Cell::Text).or_else(|| point_in_time(array, self.row))
    }
}

fn text(array: &ArrayRef, row: usize) -> Option<Cow<'_, str>> {
    macro_rules! number {
        ($type:ty) => {
            Some(Cow::Owned(array.as_primitive_opt::<$type>()?.value(row).to_string()))
        };
    }
    match array.data_type() {
        DataType::Utf8 => Some(Cow::Borrowed(array.as_string_opt::<i32>()?.value(row))),
        DataType::LargeUtf8 => Some(Cow::Borrowed(array.as_string_opt::<i64>()?.value(row))),
        DataType::Utf8View => Some(Cow::Borrowed(array.as_string_view_opt()?.value(row))),
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary_opt::<Int32Type>()?;
            let values = dictionary.values().as_string_opt::<i32>()?;
            let key = usize::try_from(dictionary.keys().value(row)).ok()?;
            Some(Cow::Borrowed(values.value(key)))
        }
        DataType::Boolean => {
            Some(Cow::Borrowed(if array.as_boolean_opt()?.value(row) { "true" } else { "false" }))
        }
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Decimal128(..) => number!(Decimal128Type),
        _ => None,
    }
}

/// A timestamp with zone is a point in time; one without is a local time.
fn point_in_time(array: &ArrayRef, row: usize) -> Option<Cell<'static>> {
    let DataType::Timestamp(unit, zone) = array.data_type() else { return None };
    let us = match unit {
        TimeUnit::Second => {
            array.as_primitive_opt::<TimestampSecondType>()?.value(row).checked_mul(1_000_000)?
        }
        TimeUnit::Millisecond => {
            array.as_primitive_opt::<TimestampMillisecondType>()?.value(row).checked_mul(1_000)?
        }
        TimeUnit::Microsecond => array.as_primitive_opt::<TimestampMicrosecondType>()?.value(row),
        TimeUnit::Nanosecond => array.as_primitive_opt::<TimestampNanosecondType>()?.value(row) / 1_000,
    };
    if zone.is_some() {
        return Some(Cell::Instant(us));
    }
    let local: DateTime = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_microsecond(us).ok()?);
    Some(Cell::Local(local))
}
