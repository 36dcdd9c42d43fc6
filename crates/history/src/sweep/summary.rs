//! The sweep in figures: what `summary.json` holds. Nothing in it depends on the clock, the machine or the number of
//! threads. Must not know how procedures were judged.

use std::collections::BTreeMap;

use hashbrown::HashSet;
use intel::Intel;
use model::event::EventId;
use model::{Address, CustomerId, EventKind, Procedure, Time};
use serde::Serialize;

use super::report::words::{fill, moment, number};
use super::{CHAIN_AFTER_US, Columns, Finding, Reason, Swept, Verdict, Window};
use crate::files::{HistoryFile, time_range};

/// Identifiers of alarms in a summary at most; all are in `result.csv`.
pub const ALARM_IDS_MAX: usize = 10_000;

/// History that begins this much later than the window is said to; less is a quiet night.
const LATE_US: i64 = model::time::DAY_US;

/// A sweep in figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// `sekisho`.
    pub product: &'static str,
    /// The product's version.
    pub version: &'static str,
    /// The time that was looked at.
    pub window: SummaryWindow,
    /// What was looked at.
    pub history: SummaryHistory,
    /// What was examined.
    pub procedures: SummaryProcedures,
    /// Verdicts; absent with the core columns, which give none.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
    /// What could not be known, and what that means.
    pub unknowns: Vec<NotKnown>,
}

/// The window, from inclusive, to exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SummaryWindow {
    /// First moment that counts.
    pub from: Option<Time>,
    /// First moment that no longer counts; none where the end of history is the end.
    pub to: Option<Time>,
}

impl From<Window> for SummaryWindow {
    fn from(window: Window) -> Self {
        Self { from: Time::from_us(window.from), to: Time::from_us(window.to) }
    }
}

/// History as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SummaryHistory {
    /// Files.
    pub files: u64,
    /// Rows in all files.
    pub rows: u64,
    /// From when history covers the window, if the files tell.
    pub first: Option<Time>,
    /// Up to when history covers the window, if the files tell.
    pub last: Option<Time>,
    /// Rows that were scanned: those of row groups that reach into the window.
    pub rows_scanned: u64,
    /// Whether all scanned rows are known to lie in the window, so that `rows_scanned` is what procedures were compared
    /// with; if not, it is the most that can be.
    pub rows_exact: bool,
    /// Rows of a customer, or from an address, of a procedure.
    pub hits: u64,
}

/// The procedures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SummaryProcedures {
    /// How many.
    pub count: u64,
    /// Of how many customers.
    pub customers: u64,
    /// From how many addresses.
    pub addresses: u64,
    /// Time of the first one.
    pub earliest: Option<Time>,
    /// Time of the last one.
    pub latest: Option<Time>,
    /// How many of each kind.
    pub kinds: BTreeMap<&'static str, u64>,
}

/// The verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Procedures by verdict.
    pub verdicts: Verdicts,
    /// Procedures by kind and verdict.
    pub verdicts_by_kind: BTreeMap<&'static str, Verdicts>,
    /// Procedures by reason and verdict; all reasons are named. A procedure has several.
    pub verdicts_by_reason: BTreeMap<&'static str, Verdicts>,
    /// Addresses that alarms came from.
    pub alarm_addresses: u64,
    /// Identifiers of the alarms by time, at most [`ALARM_IDS_MAX`].
    pub alarms: Vec<EventId>,
    /// Alarms beyond those.
    pub alarms_more: u64,
}

/// Procedures by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    /// The customer's own past speaks for them.
    pub clear: u64,
    /// Explained.
    pub explained: u64,
    /// For a person to look at.
    pub review: u64,
    /// Alarms.
    pub alarm: u64,
}

impl Verdicts {
    /// Counts one more.
    pub(super) fn count(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Clear => &mut self.clear,
            Verdict::Explained => &mut self.explained,
            Verdict::Review => &mut self.review,
            Verdict::Alarm => &mut self.alarm,
        };
        *count = count.saturating_add(1);
    }

    /// How many have this verdict.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> u64 {
        match verdict {
            Verdict::Clear => self.clear,
            Verdict::Explained => self.explained,
            Verdict::Review => self.review,
            Verdict::Alarm => self.alarm,
        }
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        Verdict::ALL.iter().fold(0, |sum, verdict| sum.saturating_add(self.of(*verdict)))
    }
}

/// Something that could not be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotKnown {
    /// Stable code, such as `asn.unknown` or `history.ends_early`.
    pub code: &'static str,
    /// What it means, in English.
    pub text: String,
    /// How many procedures it concerns, where that can be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub procedures: Option<u64>,
    /// From or up to when, where it is a matter of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

impl NotKnown {
    fn counted(code: &'static str, procedures: Option<u64>, time: Option<Time>) -> Self {
        let mut values = vec![("n", number(procedures.unwrap_or(0)))];
        values.extend(time.map(|time| ("time", moment(time.as_us()))));
        let text = fill(&format!("unknown.{code}"), &values).en.into_owned();
        Self { code, text, procedures, time }
    }
}

impl Summary {
    /// Adds up what was found.
    #[must_use]
    pub fn of(swept: &Swept, files: &[HistoryFile], intel: &Intel, columns: Columns) -> Self {
        let history = SummaryHistory::of(swept, files);
        Self {
            product: "sekisho",
            version: env!("CARGO_PKG_VERSION"),
            window: swept.window.into(),
            procedures: SummaryProcedures::of(
                swept.findings.iter().map(|finding| &finding.examined.procedure),
            ),
            judged: (columns == Columns::All).then(|| Judged::of(&swept.findings)),
            unknowns: unknowns(swept, &history, intel),
            history,
        }
    }
}

impl SummaryHistory {
    fn of(swept: &Swept, files: &[HistoryFile]) -> Self {
        let window = swept.window;
        let inside = |us: i64| us.clamp(window.from, window.to.saturating_sub(1).max(window.from));
        let told = ranges(files).all(|range| range.is_some());
        let range = time_range(files).filter(|(first, last)| told && window.overlaps(*first, *last));
        let rows = files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.rows()));
        Self {
            files: u64::try_from(files.len()).unwrap_or(u64::MAX),
            rows,
            first: range.and_then(|(first, _)| Time::from_us(inside(first))),
            last: range.and_then(|(_, last)| Time::from_us(inside(last))),
            rows_scanned: swept.scanned.rows,
            rows_exact: scanned_lie_inside(swept, files),
            hits: swept.scanned.hits,
        }
    }
}

/// Whether no scanned row group reaches out of the window.
fn scanned_lie_inside(swept: &Swept, files: &[HistoryFile]) -> bool {
    let window = swept.window;
    ranges(files).all(|range| {
        range.is_some_and(|(first, last)| {
            !window.overlaps(first, last) || (window.holds(first) && window.holds(last))
        })
    })
}

/// First and last time of every row group, where its statistics tell.
fn ranges(files: &[HistoryFile]) -> impl Iterator<Item = Option<(i64, i64)>> + '_ {
    files.iter().flat_map(|file| {
        let groups = 0..file.metadata.metadata().num_row_groups();
        groups.map(|group| file.range(group, crate::schema::column::TIME))
    })
}

impl SummaryProcedures {
    pub(super) fn of<'a>(procedures: impl Iterator<Item = &'a Procedure> + Clone) -> Self {
        let customers: HashSet<&CustomerId> =
            procedures.clone().map(|procedure| &procedure.customer).collect();
        let addresses: HashSet<Address> = procedures.clone().filter_map(|procedure| procedure.ip).collect();
        let mut kinds: BTreeMap<&'static str, u64> = BTreeMap::new();
        for procedure in procedures.clone() {
            let count = kinds.entry(procedure.kind.as_str()).or_default();
            *count = count.saturating_add(1);
        }
        Self {
            count: length(procedures.clone().count()),
            customers: length(customers.len()),
            addresses: length(addresses.len()),
            earliest: procedures.clone().map(|procedure| procedure.time).min(),
            latest: procedures.map(|procedure| procedure.time).max(),
            kinds,
        }
    }
}

impl Judged {
    fn of(findings: &[Finding]) -> Self {
        let mut verdicts = Verdicts::default();
        let mut verdicts_by_kind: BTreeMap<&'static str, Verdicts> = BTreeMap::new();
        let mut verdicts_by_reason: BTreeMap<&'static str, Verdicts> =
            Reason::WORDS.iter().map(|word| (*word, Verdicts::default())).collect();
        for finding in findings {
            let kind: EventKind = finding.examined.procedure.kind;
            verdicts.count(finding.verdict);
            verdicts_by_kind.entry(kind.as_str()).or_default().count(finding.verdict);
            for reason in &finding.reasons {
                verdicts_by_reason.entry(reason.as_str()).or_default().count(finding.verdict);
            }
        }
        let mut alarms: Vec<_> = findings
            .iter()
            .filter(|finding| finding.verdict == Verdict::Alarm)
            .map(|finding| &finding.examined.procedure)
            .collect();
        alarms.sort_unstable_by_key(|procedure| (procedure.time, &procedure.id));
        let addresses: HashSet<Address> = alarms.iter().filter_map(|procedure| procedure.ip).collect();
        Self {
            verdicts,
            verdicts_by_kind,
            verdicts_by_reason,
            alarm_addresses: length(addresses.len()),
            alarms_more: length(alarms.len().saturating_sub(ALARM_IDS_MAX)),
            alarms: alarms.into_iter().take(ALARM_IDS_MAX).map(|procedure| procedure.id.clone()).collect(),
        }
    }
}

fn unknowns(swept: &Swept, history: &SummaryHistory, intel: &Intel) -> Vec<NotKnown> {
    let count = |concerned: &dyn Fn(&Finding) -> bool| {
        length(swept.findings.iter().filter(|finding| concerned(finding)).count())
    };
    let mut unknowns = Vec::new();
    if history.rows_scanned == 0 {
        unknowns.push(NotKnown::counted("history.none", None, None));
    }
    if let (Some(first), Some(from)) = (history.first, Time::from_us(swept.window.from))
        && first.as_us().saturating_sub(from.as_us()) > LATE_US
    {
        unknowns.push(NotKnown::counted("history.begins_late", None, Some(first)));
    }
    if let Some(last) = history.last {
        let cut = |finding: &Finding| {
            finding.examined.procedure.time.as_us().saturating_add(CHAIN_AFTER_US) > last.as_us()
        };
        unknowns.extend(
            Some(count(&cut))
                .filter(|cut| *cut > 0)
                .map(|cut| NotKnown::counted("history.ends_early", Some(cut), Some(last))),
        );
    }
    let no_ip = count(&|finding| finding.examined.procedure.ip.is_none());
    let no_device = count(&|finding| {
        finding.examined.procedure.ip.is_some() && finding.examined.procedure.device.is_none()
    });
    // An amount without share counts as 0, and no real one is.
    let no_share = count(&|finding| finding.own.withdrawals > 0 && finding.own.withdrawals_share_ppm == 0);
    let lacking = [
        ("procedures.no_ip", no_ip),
        ("procedures.no_device", no_device),
        ("withdrawals.no_share", no_share),
    ];
    let lacking = lacking.into_iter().filter(|(_, count)| *count > 0);
    unknowns.extend(lacking.map(|(code, count)| NotKnown::counted(code, Some(count), None)));
    unknowns.extend(intel.unknowns().into_iter().map(|unknown| NotKnown {
        code: unknown.code,
        text: unknown.text.to_owned(),
        procedures: None,
        time: None,
    }));
    unknowns
}

pub(super) fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
