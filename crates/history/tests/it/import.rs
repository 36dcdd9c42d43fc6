//! Importers from the outside: files in, history and summary out.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot set up its fixture or find what it expects should stop"
)]

mod accounting;
mod files;
mod formats;
mod procedures;
mod tables;

use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type};
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use history::import::{Format, ImportOptions, ImportSummary, Input, Mapping, import, parse_timezone};
use history::{HistoryError, Watch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// A folder for one test, and what to import with.
struct Place {
    folder: tempfile::TempDir,
    options: ImportOptions,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), options: ImportOptions::default() }
    }

    fn of(format: Format) -> Self {
        let mut place = Self::new();
        place.options.format = Some(format);
        place
    }

    fn zone(mut self, zone: &str) -> Self {
        self.options.timezone = Some(parse_timezone(zone).unwrap());
        self
    }

    fn mapping(mut self, text: &str) -> Self {
        self.options.mapping = Some(Mapping::parse(text).unwrap());
        self
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn import(&self, files: &[PathBuf]) -> Result<ImportSummary, HistoryError> {
        let inputs: Vec<Input> = files.iter().map(|file| Input::from_argument(file)).collect();
        let summary = import(&inputs, &self.out(), &self.options, &Watch::default())?;
        let ImportSummary { records, records_with_rows, rejected, ignored, blank, .. } = &summary;
        assert_eq!(*records, records_with_rows + rejected + ignored + blank, "nothing vanishes");
        assert_eq!(*rejected, u64::try_from(self.rejected(&summary).len()).unwrap(), "each has its line");
        assert_eq!(
            summary.rows,
            u64::try_from(self.rows().len()).unwrap(),
            "the files hold what was counted"
        );
        Ok(summary)
    }

    /// Imports one file with this content.
    fn text(&self, name: &str, text: impl AsRef<[u8]>) -> ImportSummary {
        self.import(&[self.write(name, text)]).unwrap()
    }

    /// The error of importing one file with this content; nothing may be left behind.
    fn refused(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let error = self.import(&[self.write(name, text)]).unwrap_err();
        assert!(!self.out().exists(), "nothing is written when the run fails");
        let source =
            std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        format!("{error}{source}")
    }

    /// The rows of all history files, one line each, sorted.
    fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for file in parquet_files(&self.out()) {
            let reader =
                ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(file).unwrap()).unwrap();
            for batch in reader.build().unwrap() {
                let batch = batch.unwrap();
                rows.extend((0..batch.num_rows()).map(|row| show(&batch, row)));
            }
        }
        rows.sort();
        rows
    }

    fn rejected(&self, summary: &ImportSummary) -> Vec<serde_json::Value> {
        let Some(file) = &summary.rejected_file else { return Vec::new() };
        let text = std::fs::read_to_string(file).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn parquet_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "parquet")).collect();
    files.sort();
    files
}

/// `time kind outcome id customer ip` and what else is there.
fn show(batch: &RecordBatch, row: usize) -> String {
    let cell = |name: &str| text(batch.column_by_name(name).unwrap(), row);
    let main =
        ["time", "kind", "outcome", "id", "customer", "ip"].map(|name| cell(name).unwrap_or("-".to_owned()));
    let further = [
        "user_agent",
        "device",
        "session",
        "channel",
        "reason",
        "credential",
        "factor",
        "amount_minor",
        "amount_currency",
        "balance_share_ppm",
        "country",
        "asn",
    ];
    let further = further.iter().filter_map(|name| Some(format!(" {name}={}", cell(name)?)));
    main.join(" ") + &further.collect::<String>()
}

fn text(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() {
        let key = usize::try_from(dictionary.keys().value(row)).unwrap();
        return Some(dictionary.values().as_string::<i32>().value(key).to_owned());
    }
    if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        return Some(model::Time::from_us(times.value(row)).unwrap().to_string());
    }
    if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        return Some(numbers.value(row).to_string());
    }
    if let Some(numbers) = array.as_primitive_opt::<UInt32Type>() {
        return Some(numbers.value(row).to_string());
    }
    Some(array.as_string::<i32>().value(row).to_owned())
}
