//! Importers: foreign logs and tables become history. Streaming, parallel, in order; nothing vanishes. Must not know
//! terminals; how far a run is goes through [`Watch`].
//!
//! The way of a line: `open` unpacks the file, `blocks` cuts it into blocks of whole records, `work` parses blocks
//! side by side with the format's `parser`, and here the results are taken in order into a [`HistoryWriter`]. So the
//! same input gives the same files whatever the number of threads, and memory does not grow with the input.

pub(crate) mod blocks;
pub(crate) mod cells;
pub(crate) mod clock;
mod combined;
pub(crate) mod csv;
mod format;
mod mapping;
mod ndjson;
mod ocsf;
pub(crate) mod open;
mod parquet;
pub(crate) mod parser;
mod paths;
mod pipeline;
mod probe;
mod rba;
pub(crate) mod rejected;
mod sshd;
mod stdin;
pub(crate) mod table;
mod tally;
mod work;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use jiff::tz::TimeZone;

use self::blocks::{Blocks, Framing};
use self::open::Opened;
use self::parquet::Parquet;
use self::parser::{Out, Parser, id_prefix};
use self::rejected::RejectedFile;
use self::sshd::Calendar;
use self::tally::Tally;
use self::work::{Job, Parsed, Sorter, Work};
use crate::files::{self, HistoryFile};
use crate::rows::AccountHasher;
use crate::writer::{HistoryWriter, Order};
use crate::{HistoryError, Watch};

pub use self::clock::{parse_time, parse_timezone};
pub use self::format::Format;
pub use self::mapping::{
    Column, CsvMapping, CustomerSource, Defaults, Field, Mapping, PathMapping, PathRule, TableMapping,
    TimeMapping, Unmatched, Values,
};
pub use self::open::{Input, decompress};
#[doc(hidden)]
pub use self::probe::{Counts, parse_bytes};
pub use self::tally::{Count, ImportSummary};

/// How to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The format of all inputs; each is guessed by [`Format::guess`] if absent.
    pub format: Option<Format>,
    /// The year in which the first line of each file lies, for times without one (`sshd`).
    pub year: Option<i16>,
    /// Where the clock stood, for times without zone.
    pub timezone: Option<TimeZone>,
    /// What columns or paths mean (`csv`, `parquet`, `combined`).
    pub mapping: Option<Mapping>,
    /// The order of rows in the files.
    pub order: Order,
    /// What becomes of bank account numbers.
    pub accounts: AccountHasher,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            format: None,
            year: None,
            timezone: None,
            mapping: None,
            order: Order::Customer,
            accounts: AccountHasher::none(),
        }
    }
}

impl ImportOptions {
    fn table_mapping(&self, format: Format) -> Result<Option<&TableMapping>, HistoryError> {
        match &self.mapping {
            None => Ok(None),
            Some(Mapping::Table(mapping)) => Ok(Some(mapping)),
            Some(Mapping::Paths(_)) => Err(HistoryError::Usage(format!(
                "the mapping has no [columns]; format {format} needs them: import logs that need different mappings one \
                     after the other into one folder"
            ))),
        }
    }

    fn path_mapping(&self) -> Result<Option<&PathMapping>, HistoryError> {
        match &self.mapping {
            None => Ok(None),
            Some(Mapping::Paths(mapping)) => Ok(Some(mapping)),
            Some(Mapping::Table(_)) => Err(HistoryError::Usage(
                "the mapping has [columns]; format combined wants [[paths]] instead: import logs that need different mappings one \
                 after the other into one folder"
                    .to_owned(),
            )),
        }
    }

    /// The rules of a path mapping: `POST /login`.
    fn path_rules(&self) -> Vec<String> {
        let Some(Mapping::Paths(mapping)) = &self.mapping else { return Vec::new() };
        let name = |rule: &PathRule| match &rule.method {
            Some(method) => format!("{method} {}", rule.pattern),
            None => rule.pattern.clone(),
        };
        mapping.paths.iter().map(name).collect()
    }

    /// The parser of a file that begins with `head`.
    fn parser(&self, format: Format, head: &[u8]) -> Result<Box<dyn Parser>, HistoryError> {
        let zone = self.timezone.clone();
        Ok(match format {
            Format::Ndjson => Box::new(ndjson::Ndjson),
            Format::Ocsf => Box::new(ocsf::Ocsf::new(head)),
            Format::Combined => Box::new(combined::Combined::new(self.path_mapping()?)?),
            Format::Sshd => Box::new(sshd::Sshd::new(self.year, zone)),
            Format::Rba => Box::new(rba::Rba::new(head)?),
            Format::Csv => {
                let Some(mapping) = self.table_mapping(format)? else {
                    let problem = "format csv needs --mapping FILE, which says what its columns mean";
                    return Err(HistoryError::Usage(problem.to_owned()));
                };
                Box::new(csv::Csv::new(mapping, head, zone)?)
            }
            Format::Parquet => {
                let problem = "this does not begin with PAR1 as Parquet does, or comes compressed or from standard input, \
                               where Parquet cannot be read";
                return Err(HistoryError::Usage(problem.to_owned()));
            }
        })
    }
}

/// Imports `inputs`, in this order, into the folder `out`: new history files beside those that are there. They appear
/// together at the end, with `rejected.ndjson` (or `rejected-1.ndjson`, …) if anything was rejected, or not at all.
///
/// Runs on rayon's threads; do not call it from one of them.
///
/// # Errors
/// An input cannot be opened, read or unpacked; its format cannot be told; an option is missing or does not fit; the
/// output cannot be written; or the run was stopped. Lines that cannot be accepted are no error, see
/// [`ImportSummary::rejected`].
pub fn import(
    inputs: &[Input],
    out: &Path,
    options: &ImportOptions,
    watch: &Watch,
) -> Result<ImportSummary, HistoryError> {
    if inputs.iter().filter(|input| **input == Input::Stdin).count() > 1 {
        return Err(HistoryError::Usage("standard input (-) can be given only once".to_owned()));
    }
    for input in inputs {
        watch.expect(input.bytes()?.unwrap_or(0));
    }
    let mut run = Run {
        options,
        watch,
        before: Before::of(out),
        writer: HistoryWriter::begin(out, options.order)?,
        rejected: RejectedFile::new(out),
        tally: Tally::default(),
    };
    for (input, prefix) in inputs.iter().zip(prefixes(inputs)) {
        run.take(input, &prefix)?;
    }
    run.finish()
}

/// For each input, what made identifiers begin with. A name that comes again gets `#2`, `#3`, …
fn prefixes(inputs: &[Input]) -> Vec<String> {
    let mut seen = std::collections::HashMap::<String, u64>::new();
    let number = |input: &Input| {
        let prefix = id_prefix(&input.name());
        let count = seen.entry(prefix.clone()).and_modify(|count| *count += 1).or_insert(1);
        if *count == 1 { prefix } else { format!("{prefix}#{count}") }
    };
    inputs.iter().map(number).collect()
}

/// What the folder held before the import: rows and first and last time (µs since 1970) of each file.
struct Before(Vec<(u64, (i64, i64))>);

impl Before {
    /// Files that cannot be read are not this import's concern: whoever reads the history is told of them.
    fn of(folder: &Path) -> Self {
        let found = files::find(&[folder.to_owned()]).unwrap_or_default();
        let files = found.iter().filter_map(|path| HistoryFile::open(path).ok());
        Self(files.filter_map(|file| Some((file.rows(), files::time_range(&[file])?))).collect())
    }

    /// Says that an import may repeat one before it, if it reaches into the times of its files, and how to take it back.
    fn repeated(&self, summary: &ImportSummary) -> Option<String> {
        let (first, last) = (summary.first_time?.as_us(), summary.last_time?.as_us());
        let reached = self.0.iter().filter(|(_, (low, high))| first <= *high && *low <= last);
        let rows: u64 = reached.map(|(rows, _)| rows).sum();
        let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let (one, other) = (summary.files.first().and_then(name)?, summary.files.last().and_then(name)?);
        let written = if one == other { one } else { format!("{one} to {other}") };
        (rows > 0).then(|| {
            format!(
                "files with {rows} rows in the folder are of the same time: should they be of the same log, it now counts \
                 twice; to take this import back, remove {written}"
            )
        })
    }
}

struct Run<'a> {
    options: &'a ImportOptions,
    watch: &'a Watch,
    before: Before,
    writer: HistoryWriter,
    rejected: RejectedFile,
    tally: Tally,
}

impl Run<'_> {
    fn take(&mut self, input: &Input, prefix: &str) -> Result<(), HistoryError> {
        self.watch.check()?;
        if let Input::Path(path) = input
            && self.options.format.is_none_or(|format| format == Format::Parquet)
            && parquet::is_parquet(path)?
        {
            return self.take_parquet(path, prefix);
        }
        let opened = open::open(input, self.watch)?;
        if opened.head.is_empty() {
            return Ok(());
        }
        let shown = input.shown();
        let Some(format) = self.options.format.or_else(|| Format::guess(&opened.head)) else {
            let problem = format!("cannot tell the format; say it: --format {}", Format::WORDS.join("|"));
            return Err(HistoryError::unsuitable(shown, problem));
        };
        let parser = self.options.parser(format, &opened.head).map_err(|error| in_file(shown, error))?;
        self.take_text(opened, &*parser, shown, prefix)
    }

    fn take_text(
        &mut self,
        opened: Opened<'_>,
        parser: &dyn Parser,
        shown: &Path,
        prefix: &str,
    ) -> Result<(), HistoryError> {
        let framing = Framing::new(parser.shape());
        let file = shown.display().to_string();
        let (options, watch) = (self.options, self.watch);
        let work = Work { parser, framing, file: &file, prefix, accounts: &options.accounts };
        let mut jobs = Jobs::new(Blocks::new(opened.reader, framing), parser);
        let next = || {
            watch.check()?;
            jobs.next().map_err(HistoryError::io(shown, "reading"))
        };
        pipeline::run(next, |job| work.parse(&job), |parsed| self.collect(parsed, shown))
    }

    fn collect(&mut self, parsed: Parsed, shown: &Path) -> Result<(), HistoryError> {
        if let Some(problem) = parsed.unusable {
            return Err(HistoryError::Usage(format!("{}: {problem}", shown.display())));
        }
        if let Some(batch) = parsed.rows.map_err(HistoryError::arrow(shown))? {
            self.writer.push(batch, self.watch)?;
        }
        self.rejected.write(&parsed.rejected, &self.writer)?;
        self.watch.count(parsed.tally.facts.rows, parsed.tally.rejected);
        self.tally.add(&parsed.tally);
        Ok(())
    }

    fn take_parquet(&mut self, path: &Path, prefix: &str) -> Result<(), HistoryError> {
        let (options, watch) = (self.options, self.watch);
        let mapping = options.table_mapping(Format::Parquet)?;
        let opened = Parquet::open(path, mapping, options.timezone.clone())?;
        let (bytes, rows) = (Input::Path(path.to_owned()).bytes()?.unwrap_or(0), opened.rows.max(1));
        let (mut batches, table) = opened.into_parts();
        let file = path.display().to_string();
        let mut row = 0_u64;
        let next = || {
            watch.check()?;
            let Some(batch) = batches.next().transpose()? else { return Ok(None) };
            let first = row + 1;
            row += u64::try_from(batch.num_rows()).unwrap_or(0);
            let share =
                |rows_done: u64| u64::try_from(u128::from(bytes) * u128::from(rows_done) / u128::from(rows));
            watch.advance(share(row).unwrap_or(0).saturating_sub(share(first - 1).unwrap_or(0)));
            Ok(Some((batch, first)))
        };
        let work = |(batch, first): (RecordBatch, u64)| match &table {
            None => parquet::taken_over(batch),
            Some(table) => {
                let sorter = Sorter::new(&file, Out::new(prefix, &options.accounts, batch.num_rows()));
                parquet::mapped(table, &batch, first, sorter)
            }
        };
        pipeline::run(next, work, |parsed| self.collect(parsed, path))
    }

    fn finish(self) -> Result<ImportSummary, HistoryError> {
        let rejected = self.rejected.finish()?;
        let mut summary = self.tally.summary(&self.options.path_rules());
        let written = self.writer.finish()?;
        let is_rejected = |file: &&PathBuf| rejected.as_deref().is_some_and(|name| file.ends_with(name));
        summary.rejected_file = written.files.iter().find(is_rejected).cloned();
        summary.files = written.files.iter().filter(|file| !is_rejected(file)).cloned().collect();
        summary.bytes = written.bytes;
        summary.notes.extend(self.before.repeated(&summary));
        Ok(summary)
    }
}

/// Names the file in a message about an option.
fn in_file(path: &Path, error: HistoryError) -> HistoryError {
    match error {
        HistoryError::Usage(problem) => HistoryError::Usage(format!("{}: {problem}", path.display())),
        other => other,
    }
}

/// Blocks with the calendar before their first line.
struct Jobs<R> {
    blocks: Blocks<R>,
    calendar: Option<Calendar>,
}

impl<R: Read> Jobs<R> {
    fn new(blocks: Blocks<R>, parser: &dyn Parser) -> Self {
        Self { blocks, calendar: parser.calendar() }
    }

    fn next(&mut self) -> io::Result<Option<Job>> {
        let Some(block) = self.blocks.next()? else { return Ok(None) };
        let calendar = self.calendar.unwrap_or_default();
        if let Some(calendar) = &mut self.calendar {
            *calendar = block.bytes.split(|byte| *byte == b'\n').fold(*calendar, Calendar::follow);
        }
        Ok(Some(Job { block, calendar }))
    }
}
