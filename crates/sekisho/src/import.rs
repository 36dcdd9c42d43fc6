//! `sekisho import`: logs to history.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use history::import::{Format, ImportOptions, ImportSummary, Input, Mapping, import, parse_timezone};
use history::writer::Order;

use crate::session::{Session, Stopwatch};
use crate::{inputs, say};

/// How foreign logs are read; `sweep` takes the same options for logs it is given directly.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Reading {
    /// Format of the logs, guessed where that is safe: ndjson, csv, ocsf, combined, sshd, rba, parquet.
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Year of the first line, for logs whose times have none (sshd).
    #[arg(long)]
    pub(crate) year: Option<i16>,
    /// Time zone of times that have none: Asia/Tokyo, +09:00, UTC.
    #[arg(long)]
    pub(crate) timezone: Option<String>,
    /// What columns or paths mean, a TOML file (csv, parquet, combined); see docs/import.md.
    #[arg(long)]
    pub(crate) mapping: Option<PathBuf>,
    /// Secret with which bank account numbers are hashed; without it they are not kept.
    #[arg(long)]
    pub(crate) account_key_file: Option<PathBuf>,
}

/// Shown under `--help`.
const EXAMPLES: &str = "\
Examples:
  sekisho import --format combined --mapping paths.toml --out history access.log-*.gz
  sekisho import --format csv --mapping logins.toml --timezone Asia/Tokyo --out history logins-2020.csv.zst
  sekisho import --format sshd --year 2016 --timezone UTC --out history auth.log
  zcat events.ndjson.gz | sekisho import --out history -

Formats and mappings: docs/import.md. Fields and words of our own events (ndjson): docs/events.md.
Exit codes: 0 done, 2 wrong use, 3 done but lines were rejected, 1 failed.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Logs, plain or compressed (gzip, zstd); `-` is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Folder for the history; new files are added to those in it.
    #[arg(long)]
    out: PathBuf,
    /// Sort rows by time instead of by customer.
    #[arg(long)]
    by_time: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<ExitCode> {
    let order = if args.by_time { Order::Time } else { Order::Customer };
    let options = args.reading.options(order)?;
    let timer = Stopwatch::start();
    let summary = make(&args.files, &args.out, &options, session)?;
    if args.json {
        say::line(serde_json::to_string_pretty(&summary)?);
    } else {
        show(&summary, &args.out, summary.rejected_file.as_deref(), say::line, timer.seconds());
    }
    Ok(if summary.rejected > 0 { ExitCode::from(say::REJECTED) } else { ExitCode::SUCCESS })
}

impl Reading {
    /// The library's options.
    pub(crate) fn options(&self, order: Order) -> anyhow::Result<ImportOptions> {
        Ok(ImportOptions {
            format: self.format,
            year: self.year,
            timezone: self.timezone.as_deref().map(parse_timezone).transpose()?,
            mapping: self.mapping.as_deref().map(Mapping::read).transpose()?,
            order,
            accounts: inputs::account_hasher(self.account_key_file.as_ref())?,
        })
    }
}

/// Imports files with a progress bar.
pub(crate) fn make(
    files: &[PathBuf],
    out: &Path,
    options: &ImportOptions,
    session: &Session,
) -> anyhow::Result<ImportSummary> {
    let sources: Vec<Input> = files.iter().map(|file| Input::from_argument(file)).collect();
    Ok(session.watched("import", true, |watch| import(&sources, out, options, watch))?)
}

/// What was imported and what was not, for people.
/// Shows what became of the records; `rejected_file` is where the rejected ones will lie, `print` takes a line.
pub(crate) fn show(
    summary: &ImportSummary,
    out: &Path,
    rejected_file: Option<&Path>,
    print: fn(String),
    seconds: f64,
) {
    let span = match (summary.first_time, summary.last_time) {
        (Some(first), Some(last)) => format!(", {first} to {last}"),
        _ => String::new(),
    };
    print(format!(
        "{} rows from {} records in {seconds:.1} s{span}: {}",
        say::thousands(summary.rows),
        say::thousands(summary.records),
        out.display()
    ));
    for count in &summary.ignored_by {
        print(format!("  ignored {}: {}", say::thousands(count.records), count.reason));
    }
    for note in &summary.notes {
        print(format!("  note: {note}"));
    }
    if let Some(file) = rejected_file {
        print(format!(
            "  REJECTED {} records, each with its reason in {}",
            say::thousands(summary.rejected),
            file.display()
        ));
        for count in &summary.rejected_by {
            print(format!("    {}: {}", say::thousands(count.records), count.reason));
        }
    }
}
