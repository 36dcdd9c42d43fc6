//! Results as files: `result.csv`, `result.parquet`, `summary.json` and `report.html`. Written into a staging folder; the
//! caller publishes it, [`SUMMARY`] last. Must not know how results came about.

mod columnar;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use intel::Intel;
use serde::Serialize;

use super::{
    COLUMNS, COLUMNS_CORE, Columns, Finding, Summary, Swept, WarmFinding, WarmSummary, Window, evidence,
    report,
};
use crate::files::HistoryFile;
use crate::staging::Staging;
use crate::{HistoryError, Watch};

/// One row a procedure, as text.
pub const RESULT_CSV: &str = "result.csv";
/// The same with types.
pub const RESULT_PARQUET: &str = "result.parquet";
/// Figures. Published last: where it is, the other files are complete.
pub const SUMMARY: &str = "summary.json";
/// For people.
pub const REPORT: &str = "report.html";

/// Rows between two looks at whether to stop.
const CHECK_ROWS: usize = 4_096;

/// What is to be written.
#[derive(Debug, Clone, Default)]
pub struct OutputOptions {
    /// Show customers and devices in full.
    pub unmask: bool,
    /// The columns that were counted.
    pub columns: Columns,
    /// Also write [`REPORT`]. Without effect for the core columns: without verdicts there is nothing to report.
    pub report: bool,
    /// Who publishes the report's statement; "we" where it is not given.
    pub broker_name: Option<String>,
    /// Threads that read history again for the report; at least one is used.
    pub threads: usize,
}

impl Columns {
    /// Their names, in the order of the result.
    #[must_use]
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::All => COLUMNS,
            Self::Core => COLUMNS_CORE,
        }
    }
}

/// Writes everything into `staging` and gives the figures.
///
/// # Errors
/// A file cannot be written (a full disk, say), history cannot be read again for the report, or the run was stopped.
pub fn write_results(
    swept: &Swept,
    files: &[HistoryFile],
    intel: &Intel,
    staging: &Staging,
    options: &OutputOptions,
    watch: &Watch,
) -> Result<Summary, HistoryError> {
    let summary = Summary::of(swept, files, intel, options.columns);
    let (csv, parquet) = (staging.path(RESULT_CSV), staging.path(RESULT_PARQUET));
    std::thread::scope(|scope| {
        let cell = |finding: &Finding, name: &str| finding.column(name, options.unmask);
        let csv = scope.spawn(move || write_csv(&csv, options.columns.names(), &swept.findings, cell, watch));
        columnar::write(&parquet, &swept.findings, options, watch)?;
        csv.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    if options.report && options.columns == Columns::All {
        let evidence = evidence::collect(swept, files, intel, options.threads, watch)?;
        report::write(&staging.path(REPORT), swept, &summary, &evidence, intel, options)?;
    }
    write_summary(&staging.path(SUMMARY), &summary)?;
    Ok(summary)
}

/// Writes what a warm sweep said into `staging`, [`RESULT_CSV`] and [`SUMMARY`], and gives the figures. `as_of` is the input of the
/// journal up to which the ledger was true, if that is known.
///
/// # Errors
/// A file cannot be written, or the run was stopped.
pub fn write_warm(
    findings: &[WarmFinding],
    window: Window,
    as_of: Option<u64>,
    staging: &Staging,
    unmask: bool,
    watch: &Watch,
) -> Result<WarmSummary, HistoryError> {
    let names: Vec<&str> = WarmFinding::columns().collect();
    let cell = |finding: &WarmFinding, name: &str| finding.column(name, unmask);
    write_csv(&staging.path(RESULT_CSV), &names, findings, cell, watch)?;
    let summary = WarmSummary::of(findings, window, as_of);
    write_summary(&staging.path(SUMMARY), &summary)?;
    Ok(summary)
}

fn write_csv<F>(
    path: &Path,
    names: &[&str],
    findings: &[F],
    cell: impl Fn(&F, &str) -> String,
    watch: &Watch,
) -> Result<(), HistoryError> {
    let writing = |error: csv::Error| HistoryError::io(path, "writing")(error.into());
    let file = File::create(path).map_err(HistoryError::io(path, "creating"))?;
    let mut writer = csv::WriterBuilder::new().buffer_capacity(1 << 18).from_writer(file);
    writer.write_record(names).map_err(writing)?;
    for chunk in findings.chunks(CHECK_ROWS) {
        watch.check()?;
        for finding in chunk {
            writer.write_record(names.iter().map(|name| cell(finding, name))).map_err(writing)?;
        }
    }
    writer.flush().map_err(HistoryError::io(path, "writing"))
}

fn write_summary(path: &Path, summary: &impl Serialize) -> Result<(), HistoryError> {
    let file = File::create(path).map_err(HistoryError::io(path, "creating"))?;
    let mut writer = BufWriter::new(file);
    serde_json::to_writer_pretty(&mut writer, summary)
        .map_err(|error| HistoryError::io(path, "writing")(error.into()))?;
    writer.write_all(b"\n").and_then(|()| writer.flush()).map_err(HistoryError::io(path, "writing"))
}
