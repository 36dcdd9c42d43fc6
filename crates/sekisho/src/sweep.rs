//! `sekisho sweep`: procedures against a year of accesses, or by a ledger.

mod ledger;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use history::files::{HistoryFile, is_parquet, open_all};
use history::procedures::{Examined, read_procedures};
use history::staging::Staging;
use history::sweep::{
    Columns, OutputOptions, REPORT, RESULT_CSV, RESULT_PARQUET, SUMMARY, Summary, SweepOptions, Swept,
    Verdict, Window, procedures_of_history,
};
use history::writer::Order;
use intel::Intel;
use model::EventKind;

use crate::session::{Session, Stopwatch};
use crate::{import, inputs, say};

/// Lines of logs given as history that could not be accepted.
const REJECTED_HISTORY: &str = "rejected-history.ndjson";
/// Lines of the procedures' file that could not be accepted.
const REJECTED_PROCEDURES: &str = "rejected-procedures.ndjson";
/// Everything this command may leave in its folder.
const OUTPUTS: &[&str] =
    &[RESULT_CSV, RESULT_PARQUET, SUMMARY, REPORT, REJECTED_HISTORY, REJECTED_PROCEDURES];

/// Shown under `--help`.
const EXAMPLES: &str = "\
Examples:
  sekisho sweep --procedures changes.csv --history history --intel intel --out result
  sekisho sweep --kind bank_account.change,withdrawal --since 2020-07-01 --timezone Asia/Tokyo --history history --out result
  sekisho sweep --procedures changes.csv --ledger sekisho-data --out result
  sekisho sweep --kind login --since 2016-12-10 --history auth.log --year 2016 --timezone UTC --out result

Columns, verdicts and reasons: docs/sweep.md. Kinds: docs/events.md.";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Show {
    /// For people.
    #[default]
    Table,
    /// The summary as JSON.
    Json,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Counted {
    /// All columns, verdicts and the report.
    #[default]
    All,
    /// Same address and network, first and last seen, other customers: for measuring.
    Core,
}

#[derive(Debug, Default, clap::Args)]
#[command(
    group = clap::ArgGroup::new("examined").args(["procedures", "kind"]).required(true),
    after_help = EXAMPLES
)]
pub(crate) struct Args {
    /// Procedures to examine: NDJSON or CSV with `id,customer,time,kind,ip[,device,…]`, plain or compressed; `-` is standard input.
    #[arg(long)]
    procedures: Option<PathBuf>,
    /// Take the procedures out of the history: events of these kinds since --since.
    #[arg(long, value_delimiter = ',', requires = "since")]
    kind: Vec<EventKind>,
    /// With --kind: from this time (RFC 3339, or local time or date in --timezone, else UTC).
    #[arg(long, conflicts_with = "procedures")]
    since: Option<String>,
    /// With --kind: before this time.
    #[arg(long, conflicts_with = "procedures")]
    until: Option<String>,
    /// History: folders, Parquet files, or any log that `import` reads.
    #[arg(long, required_unless_present = "ledger", num_args = 1..)]
    history: Vec<PathBuf>,
    /// Ask a server's data folder or a backup of it instead, whose ledger answers at once for procedures it is certain of.
    #[arg(long, value_name = "DATA", conflicts_with_all = ["history", "kind", "columns", "no_report", "broker", "threads"])]
    ledger: Option<PathBuf>,
    /// How far to look back from the earliest procedure.
    #[arg(long, default_value = "365d")]
    window: String,
    /// Look at accesses from this time on instead.
    #[arg(long)]
    from: Option<String>,
    /// Look at accesses before this time only.
    #[arg(long)]
    to: Option<String>,
    /// Country, autonomous systems, lists: a folder or a TOML file; see docs/intel.md.
    #[arg(long)]
    intel: Option<PathBuf>,
    /// sekisho.toml, whose [intel] is used unless --intel is given.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Threads that scan [default: all cores].
    #[arg(long)]
    threads: Option<std::num::NonZeroUsize>,
    /// Folder for result.csv, result.parquet, summary.json and report.html.
    #[arg(long)]
    out: PathBuf,
    /// What to print.
    #[arg(long = "format", value_enum, default_value_t)]
    show: Show,
    /// Which columns to count.
    #[arg(long, value_enum, default_value_t)]
    columns: Counted,
    /// Do not write report.html.
    #[arg(long)]
    no_report: bool,
    /// Show customers and devices in full.
    #[arg(long)]
    unmask: bool,
    /// The broker's name for the report.
    #[arg(long)]
    broker: Option<String>,
    #[command(flatten)]
    logs: Logs,
}

/// How logs among --history are read; as for `import`.
#[derive(Debug, Default, clap::Args)]
struct Logs {
    /// Format of logs given as history.
    #[arg(long)]
    log_format: Option<history::import::Format>,
    /// Year of the first line of such logs.
    #[arg(long)]
    year: Option<i16>,
    /// Time zone of times without one, in logs, procedures and the options above (those: UTC unless given).
    #[arg(long)]
    timezone: Option<String>,
    /// What columns or paths of such logs mean.
    #[arg(long)]
    mapping: Option<PathBuf>,
}

impl Args {
    /// A time given as `--option`.
    fn moment(&self, option: &str, text: Option<&String>) -> anyhow::Result<Option<model::Time>> {
        let Some(text) = text else { return Ok(None) };
        inputs::time(text, self.logs.timezone.as_deref()).with_context(|| format!("--{option}")).map(Some)
    }

    /// The sweep over a simulation.
    pub(crate) fn of_simulation(place: &Path, out: PathBuf) -> Self {
        Self {
            procedures: Some(place.join("procedures.csv")),
            history: vec![place.join("history")],
            intel: Some(place.join("intel")),
            window: "365d".to_owned(),
            out,
            ..Self::default()
        }
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<ExitCode> {
    if let Some(data) = &args.ledger {
        return ledger::run(args, data, session);
    }
    let timer = Stopwatch::start();
    let intel = inputs::intel(args.intel.as_deref(), args.config.as_deref())?;
    let staging = Staging::begin(&args.out)?.replacing(OUTPUTS);
    let work = tempfile::Builder::new().prefix(".work-").tempdir_in(&args.out)?;
    let (files, rejected_lines) = open_history(args, work.path(), &staging, session)?;
    let (examined, rejected_procedures) =
        procedures(args, &files, &staging, session).inspect_err(|_| keep_reasons(&staging, &args.out))?;
    let options = options(args, &examined)?;
    let swept = session.watched("sweep", false, |watch| {
        history::sweep::run(&examined, &files, &intel, &options, work.path(), watch)
    })?;
    let output = OutputOptions {
        unmask: args.unmask,
        columns: options.columns,
        report: !args.no_report && options.columns == Columns::All,
        broker_name: args.broker.clone(),
        threads: options.threads,
    };
    let summary = session.watched("report", false, |watch| {
        history::sweep::write_results(&swept, &files, &intel, &staging, &output, watch)
    })?;
    drop(work);
    staging.publish(Some(SUMMARY))?;
    match args.show {
        Show::Json => say::line(serde_json::to_string_pretty(&summary)?),
        Show::Table => show(args, &swept, &summary, &intel, timer.seconds()),
    }
    Ok(ended(args, rejected_lines.saturating_add(rejected_procedures)))
}

/// How it ended, when so many records were rejected.
fn ended(args: &Args, rejected: u64) -> ExitCode {
    if rejected == 0 {
        return ExitCode::SUCCESS;
    }
    say::note(format!(
        "{} records were rejected; they and the reasons are in {}",
        say::thousands(rejected),
        args.out.display()
    ));
    ExitCode::from(say::REJECTED)
}

/// Where there is nothing to examine, the lines of the logs that were rejected may be why: they stay.
fn keep_reasons(staging: &Staging, out: &Path) {
    // If they cannot be moved they are lost with the run, whose own error is told.
    let _lost = std::fs::rename(staging.path(REJECTED_HISTORY), out.join(REJECTED_HISTORY));
}

/// Opens history, making it of logs first; gives it and how many lines were rejected.
fn open_history(
    args: &Args,
    work: &Path,
    staging: &Staging,
    session: &Session,
) -> anyhow::Result<(Vec<HistoryFile>, u64)> {
    let is_history = |path: &PathBuf| {
        path.is_dir()
            || (is_parquet(path) && (args.logs.mapping.is_none() || HistoryFile::open(path).is_ok()))
    };
    let is_log = |path: &PathBuf| !is_history(path);
    let (logs, mut ready): (Vec<PathBuf>, Vec<PathBuf>) = args.history.iter().cloned().partition(is_log);
    let mut rejected = 0;
    if !logs.is_empty() {
        let reading = import::Reading {
            format: args.logs.log_format,
            year: args.logs.year,
            timezone: args.logs.timezone.clone(),
            mapping: args.logs.mapping.clone(),
            account_key_file: None,
        };
        let made = work.join("history");
        let timer = Stopwatch::start();
        let summary = import::make(&logs, &made, &reading.options(Order::Customer)?, session)?;
        let shown_at = args.out.join(REJECTED_HISTORY);
        let shown_at = summary.rejected_file.as_ref().map(|_| shown_at.as_path());
        import::show(&summary, &made, shown_at, say::note, timer.seconds());
        rejected = summary.rejected;
        // With the results; but where there are none to come, the reasons are all that is left to show.
        let rejected_place = match summary.rows {
            0 => args.out.join(REJECTED_HISTORY),
            _ => staging.path(REJECTED_HISTORY),
        };
        if let Some(file) = &summary.rejected_file {
            std::fs::rename(file, rejected_place)?;
        }
        if summary.rows == 0 {
            bail!(
                "no access was found in the logs; see the reasons above, and `sekisho import --help` for the options"
            );
        }
        ready.push(made);
    }
    Ok((open_all(&ready)?, rejected))
}

/// The procedures, and how many were rejected.
fn procedures(
    args: &Args,
    files: &[HistoryFile],
    staging: &Staging,
    session: &Session,
) -> anyhow::Result<(Vec<Examined>, u64)> {
    let Some(path) = &args.procedures else {
        let since = args.moment("since", args.since.as_ref())?;
        let until = args.moment("until", args.until.as_ref())?;
        let found = session.watched("procedures", false, |watch| {
            procedures_of_history(files, &args.kind, since, until, watch)
        })?;
        return Ok((found, 0));
    };
    let timezone = args.logs.timezone.as_deref().map(history::import::parse_timezone).transpose()?;
    let file = session.watched("procedures", true, |watch| read_procedures(path, timezone, watch))?;
    for note in &file.notes {
        say::note(format!("note: {note}"));
    }
    let rejected = u64::try_from(file.rejected.len()).unwrap_or(u64::MAX);
    if let (Some(first), true) = (file.rejected.first(), file.procedures.is_empty()) {
        bail!(
            "none of the {} lines of {} could be accepted; line {}: {}",
            say::thousands(rejected),
            path.display(),
            first.line,
            first.reason
        );
    }
    if rejected > 0 {
        let text: String = file
            .rejected
            .iter()
            .filter_map(|rejected| serde_json::to_string(rejected).ok())
            .flat_map(|line| [line, "\n".to_owned()])
            .collect();
        std::fs::write(staging.path(REJECTED_PROCEDURES), text)?;
    }
    Ok((file.procedures, rejected))
}

fn options(args: &Args, examined: &[Examined]) -> anyhow::Result<SweepOptions> {
    let length = inputs::duration_us(&args.window).context("--window")?;
    let (from, to) = (args.moment("from", args.from.as_ref())?, args.moment("to", args.to.as_ref())?);
    let window = Window::asked(examined, Some(length), from, to)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let columns = match args.columns {
        Counted::All => Columns::All,
        Counted::Core => Columns::Core,
    };
    Ok(SweepOptions { window, columns, threads: args.threads.map_or(cores, std::num::NonZeroUsize::get) })
}

fn show(args: &Args, swept: &Swept, summary: &Summary, intel: &Intel, seconds: f64) {
    let count = |verdict: Verdict| {
        let count = swept.findings.iter().filter(|finding| finding.verdict == verdict).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    };
    say::line(format!(
        "{} procedures against {} accesses in {seconds:.1} s",
        say::thousands(u64::try_from(swept.findings.len()).unwrap_or(u64::MAX)),
        say::thousands(swept.scanned.rows)
    ));
    if summary.judged.is_some() {
        for verdict in Verdict::ALL {
            say::line(format!("  {:<10} {:>9}", verdict.as_str(), say::thousands(count(*verdict))));
        }
        alarms(args, swept);
    }
    // First what history and procedures lack, then the files that were not given.
    let missing_files: Vec<&str> = intel.unknowns().iter().map(|unknown| unknown.code).collect();
    let (files, facts): (Vec<_>, Vec<_>) =
        summary.unknowns.iter().partition(|unknown| missing_files.contains(&unknown.code));
    for unknown in facts.into_iter().chain(files) {
        say::line(format!("not known: {}", unknown.text));
    }
    let report = if summary.judged.is_some() && !args.no_report { "report.html" } else { "result.csv" };
    say::line(format!("report: {}", args.out.join(report).display()));
}

/// The first alarms as a table.
fn alarms(args: &Args, swept: &Swept) {
    const SHOWN: usize = 12;
    let alarms: Vec<_> = swept.findings.iter().filter(|finding| finding.verdict == Verdict::Alarm).collect();
    if alarms.is_empty() {
        return;
    }
    let columns = ["time", "customer", "kind", "ip", "country", "withdrawals_30d_share", "reasons"];
    let mut rows = vec![columns.map(str::to_owned).to_vec()];
    for finding in alarms.iter().take(SHOWN) {
        rows.push(columns.iter().map(|name| finding.column(name, args.unmask)).collect());
    }
    say::line("");
    say::table(&rows);
    if alarms.len() > SHOWN {
        say::line(format!("… and {} more alarms in the report", alarms.len().saturating_sub(SHOWN)));
    }
    say::line("");
}
