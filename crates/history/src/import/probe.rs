//! Parses bytes in memory for fuzzing and property tests: the same framing and parsers as an import, without files and
//! threads, and with small limits so that few bytes meet every border. No part of the crate's promise.

use std::io::{self, Write as _};

use jiff::tz::TimeZone;

use super::blocks::{Blocks, Framing, newlines};
use super::open::HEAD_BYTES;
use super::parquet::{self, Parquet};
use super::parser::Out;
use super::tally::Tally;
use super::work::{Parsed, Sorter, Work};
use super::{Format, ImportOptions, Jobs, Mapping};
use crate::HistoryError;
use crate::rows::AccountHasher;

/// What became of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the numbers of `ImportSummary`")]
pub struct Counts {
    pub records: u64,
    pub with_rows: u64,
    pub rejected: u64,
    pub ignored: u64,
    pub blank: u64,
    pub rows: u64,
    /// Lines in the file of rejected records.
    pub rejected_lines: u64,
}

const TABLE: &str = "[columns]\nid='id'\ncustomer='customer'\ntime='time'\nkind='kind'\nip='ip'\nuser_agent='agent'\n\
    amount_minor='amount'\nbalance_share='share'\ncountry='country'\nasn='asn'\n\
    [values.kind]\nIN='login'\nOUT='ignore'\n[defaults]\noutcome='succeeded'\namount_currency='JPY'\n";

/// Parses `bytes` as `format` with records of at most `record_bytes_max` bytes, reading `read_bytes` at a time.
///
/// # Errors
/// As an import of a file with these bytes.
pub fn parse_bytes(
    format: Format,
    bytes: &[u8],
    record_bytes_max: usize,
    read_bytes: usize,
) -> Result<Counts, HistoryError> {
    let mapped = matches!(format, Format::Csv | Format::Parquet);
    let mapping = mapped.then(|| Mapping::parse(TABLE)).transpose().map_err(HistoryError::Usage)?;
    let options = ImportOptions {
        year: Some(2023),
        timezone: Some(TimeZone::UTC),
        mapping,
        accounts: AccountHasher::with_secret(b"probe"),
        ..ImportOptions::default()
    };
    if format == Format::Parquet {
        return parse_parquet(bytes, &options);
    }
    let parser = options.parser(format, bytes.get(..HEAD_BYTES).unwrap_or(bytes))?;
    let framing = Framing { record_bytes_max, ..Framing::new(parser.shape()) };
    let work =
        Work { parser: &*parser, framing, file: "probe", prefix: "probe", accounts: &options.accounts };
    let mut jobs = Jobs::new(Blocks::with_read_bytes(bytes, framing, read_bytes), &*parser);
    let mut sums = Sums::default();
    while let Some(job) = jobs.next().map_err(reading)? {
        sums.add(work.parse(&job))?;
    }
    Ok(sums.counts())
}

fn parse_parquet(bytes: &[u8], options: &ImportOptions) -> Result<Counts, HistoryError> {
    let mut file = tempfile::NamedTempFile::new().map_err(reading)?;
    file.write_all(bytes).map_err(reading)?;
    let mapping = options.table_mapping(Format::Parquet)?;
    let (mut batches, table) = Parquet::open(file.path(), mapping, options.timezone.clone())?.into_parts();
    let mut sums = Sums::default();
    let mut first = 1;
    while let Some(batch) = batches.next().transpose()? {
        let rows = batch.num_rows();
        sums.add(match &table {
            None => parquet::taken_over(batch),
            Some(table) => {
                let sorter = Sorter::new("probe", Out::new("probe", &options.accounts, rows));
                parquet::mapped(table, &batch, first, sorter)
            }
        })?;
        first += u64::try_from(rows).unwrap_or(0);
    }
    Ok(sums.counts())
}

fn reading(error: io::Error) -> HistoryError {
    HistoryError::Usage(error.to_string())
}

#[derive(Default)]
struct Sums {
    tally: Tally,
    rejected_lines: u64,
}

impl Sums {
    fn add(&mut self, parsed: Parsed) -> Result<(), HistoryError> {
        if let Some(problem) = parsed.unusable {
            return Err(HistoryError::Usage(problem));
        }
        let batch = parsed.rows.map_err(|error| HistoryError::Usage(error.to_string()))?;
        let rows = batch.map_or(0, |batch| batch.num_rows());
        debug_assert_eq!(u64::try_from(rows).ok(), Some(parsed.tally.facts.rows), "every row is counted");
        self.rejected_lines += newlines(&parsed.rejected);
        self.tally.add(&parsed.tally);
        Ok(())
    }

    fn counts(&self) -> Counts {
        let tally = &self.tally;
        Counts {
            records: tally.records,
            with_rows: tally.with_rows,
            rejected: tally.rejected,
            ignored: tally.ignored,
            blank: tally.blank,
            rows: tally.facts.rows,
            rejected_lines: self.rejected_lines,
        }
    }
}
