//! The causal login score: how much less a login looks like its customer than like anybody.
//!
//! A login has two features, each with levels l1…lm from the most specific to the most general, and weights w:
//! its address (IP, ASN, country) and its client (user agent, browser, operating system, device type).
//! With c(l) the past logins that share the value at level l, N all past logins, and c_u(l), n_u the same for the
//! customer alone:
//!
//! ```text
//! U     = Σ w_l · c_u(l) / n_u
//! M     = 1 + Σ_{j≥2} distinct values at level j over all past logins
//! M_s   = the same over the past logins that share the l1 value
//! G     = w_1 · c/(c + M_s) · c/(N + M)  +  Σ_{l≥2} w_l · c(l)/N      with c = c(l1)
//!         (where c = 0 the first term is w_1/(N + M))
//! U    := G/4 where U = 0
//! score = Π over the features of G/U  ·  N / (n_u · number of customers)
//! ```
//!
//! *Causal*: everything counts only the logins before the one scored. Without an earlier login of the customer there is
//! no score. Source: Freeman et al., NDSS 2016, as refined by Wiefling et al., ACM TOPS 2022.
//!
//! This module reads and scores; what score is too high is for others to say. `docs/lab-score.md` is for its users.

mod feature;
mod own;
mod rba;
mod scorer;
mod tally;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, BufRead, BufWriter, Write};

pub use rba::{RECORD_BYTES_MAX, ROW_BYTES_MAX, RowFault};
pub use scorer::{Login, LoginScorer};

/// How many malformed rows a [`ScoreSummary`] keeps with their reasons; all are counted.
pub const MALFORMED_KEPT_MAX: usize = 100;
const WRITE_BUFFER_BYTES: usize = 256 << 10;

/// What to score and what to learn from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScoreOptions {
    /// First data row (0-based) whose score is written. Earlier rows are history only.
    pub from_row: u64,
    /// Whether only successful logins enter the history. All rows are scored either way.
    pub successful_only: bool,
}

/// What became of every row: `rows = scored + without_history + malformed`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScoreSummary {
    /// Data rows read.
    pub rows: u64,
    /// Rows whose customer had earlier logins.
    pub scored: u64,
    /// Scores written: the scored rows from [`ScoreOptions::from_row`] on.
    pub written: u64,
    /// Rows of customers without earlier logins, for which no score is defined.
    pub without_history: u64,
    /// Rows that could not be read. They have no score and are not in the history.
    pub malformed: u64,
    /// The first [`MALFORMED_KEPT_MAX`] of them, in file order.
    pub malformed_first: Vec<MalformedRow>,
    /// Logins in the history at the end.
    pub history_logins: u32,
    /// Distinct customers in the history at the end.
    pub history_customers: u32,
}

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedRow {
    /// 0-based data row number, counted as in the output.
    pub row: u64,
    /// What is wrong with it.
    pub fault: RowFault,
}

impl fmt::Display for ScoreSummary {
    /// The summary in lines, the kept malformed rows with it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, scored, written, without_history, malformed, .. } = self;
        writeln!(
            formatter,
            "{rows} rows: {scored} with a score ({written} written), {without_history} of customers without earlier logins, {malformed} malformed"
        )?;
        writeln!(
            formatter,
            "history: {} logins of {} customers",
            self.history_logins, self.history_customers
        )?;
        if *malformed > 0 {
            writeln!(formatter, "malformed rows have no score and are not in the history:")?;
        }
        for MalformedRow { row, fault } in &self.malformed_first {
            writeln!(formatter, "  row {row}: {fault}")?;
        }
        let kept = u64::try_from(self.malformed_first.len()).unwrap_or(u64::MAX);
        match malformed.saturating_sub(kept) {
            0 => Ok(()),
            more => writeln!(formatter, "  and {more} more"),
        }
    }
}

/// Why scoring stopped. What was written until then is not the whole result.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// There is no header.
    #[error("the log is empty; its first line must name the columns")]
    Empty,
    /// The header cannot be read.
    #[error(
        "the first line is not UTF-8; it must name the columns (a compressed file must be unpacked first)"
    )]
    HeaderNotUtf8,
    /// The header lacks columns.
    #[error(
        "the first line lacks: {missing}; it names: {found}; give a comma-separated file with the columns of the RBA data set"
    )]
    MissingColumns {
        /// Names of the columns that are not there.
        missing: String,
        /// The header as it came, cut to 400 characters.
        found: String,
    },
    /// A needed column is there twice.
    #[error("the first line names the column {column} twice; keep one")]
    RepeatedColumn {
        /// Its name.
        column: &'static str,
    },
    /// A record has no end in sight.
    #[error(
        "after {rows} data rows a record is longer than {RECORD_BYTES_MAX} bytes; most likely a quotation mark is opened there and never closed: mend that row and run again"
    )]
    RecordTooLong {
        /// Data rows read before it.
        rows: u64,
    },
    /// The log cannot be read on.
    #[error("the log cannot be read after {rows} data rows")]
    Read {
        /// Data rows read before.
        rows: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// The scores cannot be written.
    #[error("the scores cannot be written")]
    Write(#[source] io::Error),
    /// The history is full.
    #[error("the history is full at {max} logins, reached after {rows} data rows; split the log", max = LoginScorer::LOGINS_MAX)]
    HistoryFull {
        /// Data rows read before.
        rows: u64,
    },
}

/// Scores the logins of a CSV in the form of the RBA data set and writes `row,score` lines.
///
/// Rows are numbered from 0 in file order (blank lines are no rows) and taken to be in time order. Every row whose
/// customer has earlier logins gets one line; the number parses back to exactly the same `f64`. The columns needed are
/// found by name. One row is in memory at a time; for the rest see [`LoginScorer`].
///
/// # Errors
/// A header without the needed columns, a record longer than [`RECORD_BYTES_MAX`], failing reads or writes, and a full
/// history. A malformed row is no error: it is left out and reported in the summary.
pub fn score_rba(
    reader: impl BufRead,
    out: impl Write,
    options: &ScoreOptions,
) -> Result<ScoreSummary, ScoreError> {
    let mut rows = rba::Rows::open(reader)?;
    let mut out = BufWriter::with_capacity(WRITE_BUFFER_BYTES, out);
    out.write_all(b"row,score\n").map_err(ScoreError::Write)?;
    let mut scorer = LoginScorer::new();
    let mut summary = ScoreSummary::default();
    while let Some(next) = rows.next()? {
        let row = summary.rows;
        summary.rows += 1;
        let score = match next {
            Ok(rba) if options.successful_only && !rba.successful => scorer.score(&rba.login),
            Ok(_) if scorer.is_full() => return Err(ScoreError::HistoryFull { rows: row }),
            Ok(rba) => scorer.observe_and_score(&rba.login),
            Err(fault) => {
                summary.malformed += 1;
                if summary.malformed_first.len() < MALFORMED_KEPT_MAX {
                    summary.malformed_first.push(MalformedRow { row, fault });
                }
                continue;
            }
        };
        let Some(score) = score else {
            summary.without_history += 1;
            continue;
        };
        summary.scored += 1;
        if row >= options.from_row {
            summary.written += 1;
            // `{:?}` is the shortest form that reads back as the same number, with an exponent where it helps.
            writeln!(out, "{row},{score:?}").map_err(ScoreError::Write)?;
        }
    }
    out.flush().map_err(ScoreError::Write)?;
    summary.history_logins = scorer.logins();
    summary.history_customers = scorer.customers();
    Ok(summary)
}
