//! Finding and opening history files. Must not know what is asked of them.

use std::path::{Path, PathBuf};

use arrow_schema::DataType;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};
use parquet::file::statistics::Statistics;

use crate::schema::{self, column};
use crate::{HistoryError, guard, live};

/// Files in one history at most; more should be compacted.
pub const FILES_MAX: usize = 100_000;
/// How often a folder that changes meanwhile is listed.
const LISTINGS_MAX: usize = 20;

/// One history file with its footer read.
#[derive(Debug, Clone)]
pub struct HistoryFile {
    /// Where it is.
    pub path: PathBuf,
    /// The footer.
    pub metadata: ArrowReaderMetadata,
    /// Keeps a running server from removing it.
    reading: Option<live::Reading>,
}

impl HistoryFile {
    /// Reads the footer and checks that this is a history file.
    ///
    /// # Errors
    /// Not readable, damaged, or without the columns of history.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        let file = live::open(path).map_err(HistoryError::io(path, "opening"))?;
        if file.metadata().map_err(HistoryError::io(path, "reading its size"))?.len() == 0 {
            return Err(HistoryError::unsuitable(
                path,
                "is empty; a history file is never empty: import it again",
            ));
        }
        // Where pages begin, so that those without chosen rows are not read.
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let metadata = guard::footer(path, &file, options)?;
        let opened = Self { path: path.to_owned(), metadata, reading: None };
        opened.check_columns()?;
        Ok(opened)
    }

    fn check_columns(&self) -> Result<(), HistoryError> {
        let hint = "make history of it first: sekisho import --format parquet --mapping FILE --out DIR …";
        for field in schema::schema().fields().iter().filter(|field| !field.is_nullable()) {
            let Ok(found) = self.metadata.schema().field_with_name(field.name()) else {
                let problem =
                    format!("column `{}` is missing, so this is not Sekisho history; {hint}", field.name());
                return Err(HistoryError::unsuitable(&self.path, problem));
            };
            if !readable_as(found.data_type(), field.data_type()) {
                let problem = format!(
                    "column `{}` has type {}, history has {}; {hint}",
                    field.name(),
                    found.data_type(),
                    field.data_type()
                );
                return Err(HistoryError::unsuitable(&self.path, problem));
            }
        }
        match self.footer(schema::FORMAT_KEY) {
            Some(version) if version != schema::FORMAT_VERSION => {
                let problem = format!(
                    "is history of format version {version}; this program reads version {}: use a newer one",
                    schema::FORMAT_VERSION
                );
                Err(HistoryError::unsuitable(&self.path, problem))
            }
            _ => Ok(()),
        }
    }

    /// A value of the footer's key-value metadata.
    #[must_use]
    pub fn footer(&self, key: &str) -> Option<&str> {
        let pairs = self.metadata.metadata().file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    /// Rows in the file.
    #[must_use]
    pub fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// Smallest and largest value of an integer column in a row group, as stored (64 bits); `None` if not recorded.
    #[must_use]
    pub fn range(&self, group: usize, name: &str) -> Option<(i64, i64)> {
        match self.statistics(group, name)? {
            Statistics::Int64(statistics) => Some((*statistics.min_opt()?, *statistics.max_opt()?)),
            _ => None,
        }
    }

    /// Whether a column is absent, or is known to hold nothing but nulls in this row group.
    #[must_use]
    pub fn all_null(&self, group: usize, name: &str) -> bool {
        self.nulls(group, name) == self.group_rows(group)
    }

    /// Nulls of a column in a row group: all rows where the column is absent, 0 where nothing is recorded.
    #[must_use]
    pub fn nulls(&self, group: usize, name: &str) -> u64 {
        if self.column_index(name).is_none() {
            return self.group_rows(group);
        }
        let recorded = self.statistics(group, name).and_then(Statistics::null_count_opt);
        recorded.or_else(|| self.nulls_in_footer(name)).unwrap_or(0)
    }

    /// Our own files have one row group, so that what the footer says of the file is said of the group.
    fn nulls_in_footer(&self, name: &str) -> Option<u64> {
        let counts =
            self.footer(schema::NULLS_KEY).filter(|_| self.metadata.metadata().num_row_groups() == 1)?;
        let count = |pair: &str| pair.split_once('=').filter(|(column, _)| *column == name)?.1.parse().ok();
        counts.split(',').find_map(count)
    }

    /// Rows of a row group.
    #[must_use]
    pub fn group_rows(&self, group: usize) -> u64 {
        self.row_group(group).and_then(|group| u64::try_from(group.num_rows()).ok()).unwrap_or(0)
    }

    fn statistics(&self, group: usize, name: &str) -> Option<&Statistics> {
        self.row_group(group)?.columns().get(self.column_index(name)?)?.statistics()
    }

    fn row_group(&self, group: usize) -> Option<&RowGroupMetaData> {
        self.metadata.metadata().row_groups().get(group)
    }

    /// The place of a leaf column; history's columns are all leaves, so it is that of the field.
    #[must_use]
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.metadata.schema().index_of(name).ok()
    }
}

/// Other writers lose Arrow's dictionary type and time zone; both forms are readable.
fn readable_as(found: &DataType, wanted: &DataType) -> bool {
    match (found, wanted) {
        (DataType::Timestamp(found, _), DataType::Timestamp(wanted, _)) => found == wanted,
        (
            DataType::Dictionary(..) | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View,
            DataType::Dictionary(..),
        ) => true,
        (DataType::LargeUtf8 | DataType::Utf8View, DataType::Utf8) => true,
        (found, wanted) => found == wanted,
    }
}

/// Whether a path is Parquet by its name.
#[must_use]
pub fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

/// All files under the given paths in a fixed order: files as given, folders in depth by name; names beginning with `.`
/// or `_` are left out, and so is what another file of the same folder holds too (see [`live`]).
///
/// # Errors
/// A path does not exist, a folder cannot be listed, or there are more than [`FILES_MAX`].
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, HistoryError> {
    let mut found = Vec::new();
    for path in paths {
        let metadata = std::fs::metadata(path).map_err(HistoryError::io(path, "opening"))?;
        if metadata.is_dir() {
            walk(path, &mut found)?;
        } else {
            found.push(path.clone());
        }
    }
    found.sort();
    found.dedup();
    let found = live::without_superseded(found);
    if found.len() > FILES_MAX {
        let problem = format!(
            "{} history files; at most {FILES_MAX}: run `sekisho history compact` first",
            found.len()
        );
        return Err(HistoryError::Usage(problem));
    }
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), HistoryError> {
    for path in settled(folder)? {
        if path.is_dir() {
            walk(&path, found)?;
        } else if is_parquet(&path) {
            found.push(path);
        }
        if found.len() > FILES_MAX {
            break;
        }
    }
    Ok(())
}

/// What is in a folder, as of one moment. Listing is not: a server that merges files meanwhile may hide the old ones from
/// the end of a listing whose beginning the new one has missed. Two listings that agree have missed nothing.
fn settled(folder: &Path) -> Result<Vec<PathBuf>, HistoryError> {
    let mut entries = list(folder)?;
    if entries.iter().any(|path| live::LiveName::of(path).is_some()) {
        for _ in 0..LISTINGS_MAX {
            let again = list(folder)?;
            if again == entries {
                break;
            }
            entries = again;
        }
    }
    Ok(entries)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, HistoryError> {
    let failed = || HistoryError::io(folder, "listing");
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        if entry.file_name().to_str().is_some_and(|name| !name.starts_with(['.', '_'])) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Opens all history files under the given paths. A server that adds to them removes none as long as one of these is kept.
///
/// # Errors
/// As [`find`] and [`HistoryFile::open`]; no file at all.
pub fn open_all(paths: &[PathBuf]) -> Result<Vec<HistoryFile>, HistoryError> {
    let readings: Vec<_> = paths.iter().map(|path| live::Reading::begin(path)).collect();
    let mut files = find(paths)?.iter().map(|path| HistoryFile::open(path)).collect::<Result<Vec<_>, _>>()?;
    for file in &mut files {
        let of = paths.iter().zip(&readings).find(|(path, _)| file.path.starts_with(path));
        file.reading = of.and_then(|(_, reading)| reading.clone());
    }
    if files.is_empty() {
        let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        let problem = format!(
            "no .parquet files under {}; make history of a log first: sekisho import",
            names.join(", ")
        );
        return Err(HistoryError::Usage(problem));
    }
    Ok(files)
}

/// Earliest and latest time over row groups whose statistics tell it.
#[must_use]
pub fn time_range(files: &[HistoryFile]) -> Option<(i64, i64)> {
    let groups = files.iter().flat_map(|file| {
        (0..file.metadata.metadata().num_row_groups()).filter_map(|group| file.range(group, column::TIME))
    });
    groups.reduce(|(first, last), (low, high)| (first.min(low), last.max(high)))
}
