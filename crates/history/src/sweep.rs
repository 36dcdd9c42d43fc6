//! The sweep: every procedure compared with a year of accesses, in one pass over history.
//!
//! [`run`] arranges the procedures (`targets`), scans (`scan`, `tally`, `pairs`), puts findings together (`finding`) and
//! judges them (`verdict`). What the columns mean is documented in `docs/sweep.md`. Must not know how results are
//! written or shown: `output`, `evidence` and `report` do.

mod ask;
mod evidence;
mod extract;
mod filter;
mod finding;
mod output;
mod pairs;
mod report;
mod scan;
mod summary;
mod tally;
mod targets;
pub mod verdict;
mod warm;
mod warm_summary;

use std::path::Path;

use intel::Intel;
use model::Time;
use model::time::DAY_US;

pub use ask::{OUTPUTS, procedures_of_history};
pub use evidence::{ADDRESS_CUSTOMERS_SHOWN_MAX, ADDRESSES_SHOWN_MAX, ALARMS_SHOWN_MAX, CUSTOMERS_SHOWN_MAX};
pub use extract::extract;
pub use finding::{COLUMNS, COLUMNS_CORE, Finding};
pub use output::{OutputOptions, REPORT, RESULT_CSV, RESULT_PARQUET, SUMMARY, write_results, write_warm};
pub use report::REVIEW_SHOWN_MAX;
pub use scan::Scanned;
pub use summary::{
    ALARM_IDS_MAX, Judged, NotKnown, Summary, SummaryHistory, SummaryProcedures, SummaryWindow, Verdicts,
};
pub use tally::{AddressTotals, CHAIN_AFTER_US, CHAIN_BEFORE_US, Own, Seen};
pub use targets::PROCEDURES_MAX;
pub use verdict::{Reason, Verdict};
pub use warm::{Known, Lack, Sighting, WARM_COLUMNS, WarmFinding, is_near, run_warm};
pub use warm_summary::WarmSummary;

use crate::files::HistoryFile;
use crate::procedures::Examined;
use crate::schema::column;
use crate::{HistoryError, Watch};

/// The time that is looked at: from inclusive, to exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First microsecond that counts.
    pub from: i64,
    /// First microsecond that no longer counts.
    pub to: i64,
}

impl Window {
    /// From `length_us` before the earliest procedure (one year unless given) to the end of history, or as given.
    #[must_use]
    pub fn around(
        examined: &[Examined],
        length_us: Option<i64>,
        from: Option<Time>,
        to: Option<Time>,
    ) -> Self {
        let earliest = examined.iter().map(|each| each.procedure.time.as_us()).min().unwrap_or(0);
        let length = length_us.unwrap_or(365 * DAY_US);
        Self {
            from: from.map_or_else(|| earliest.saturating_sub(length).max(0), Time::as_us),
            to: to.map_or(i64::MAX, Time::as_us),
        }
    }

    fn holds(&self, time: i64) -> bool {
        self.from <= time && time < self.to
    }

    fn overlaps(&self, first: i64, last: i64) -> bool {
        first < self.to && last >= self.from
    }
}

/// Which columns are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Columns {
    /// All, with verdicts.
    #[default]
    All,
    /// Only [`COLUMNS_CORE`]; verdicts mean nothing then.
    Core,
}

/// What a sweep is to do.
#[derive(Debug, Clone, Copy)]
pub struct SweepOptions {
    /// The time that is looked at.
    pub window: Window,
    /// Which columns are counted.
    pub columns: Columns,
    /// Threads that scan.
    pub threads: usize,
}

/// What a sweep found.
#[derive(Debug, Clone)]
pub struct Swept {
    /// One finding a procedure, in the order the procedures were given.
    pub findings: Vec<Finding>,
    /// What was scanned.
    pub scanned: Scanned,
    /// The window.
    pub window: Window,
}

/// The first and the last moment of the window that history can say anything of.
fn times(files: &[HistoryFile], window: Window) -> (i64, i64) {
    let groups = files.iter().flat_map(|file| {
        (0..file.metadata.metadata().num_row_groups()).map(move |group| file.range(group, column::TIME))
    });
    // Other writers may leave out statistics; then nothing is known of the whole.
    let ranges: Option<Vec<(i64, i64)>> = groups.collect();
    let known = ranges.into_iter().flatten().reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
    let (first, last) = known.unwrap_or((window.from, window.to));
    (first.max(window.from), last.min(window.to))
}

/// Examines all procedures against all files; `spill_folder` takes temporary files should counting outgrow memory.
///
/// # Errors
/// Too many procedures, unreadable history, or the run was stopped.
pub fn run(
    examined: &[Examined],
    files: &[HistoryFile],
    intel: &Intel,
    options: &SweepOptions,
    spill_folder: &Path,
    watch: &Watch,
) -> Result<Swept, HistoryError> {
    ask::check_count(examined)?;
    let targets = targets::Targets::new(examined, intel);
    let tally = tally::Tally::new(&targets, times(files, options.window), options.columns);
    let (window, columns) = (options.window, options.columns);
    let scan =
        scan::Scan { files, targets: &targets, tally: &tally, intel, window, columns, watch, spill_folder };
    let counted = scan.run(options.threads)?;
    let own = tally.own(&targets);
    let mut placed: Vec<(u32, Finding)> = targets
        .places
        .iter()
        .zip(own)
        .filter_map(|(place, own)| {
            let each = examined.get(targets::index(*place))?;
            Some((*place, Finding::new(each, own, &targets, &tally, &counted, intel)))
        })
        .collect();
    placed.sort_unstable_by_key(|(place, _)| *place);
    let mut findings: Vec<Finding> = placed.into_iter().map(|(_, finding)| finding).collect();
    finding::link_to_alarms(&mut findings);
    Ok(Swept { findings, scanned: counted.scanned, window })
}
