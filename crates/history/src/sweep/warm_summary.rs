//! The warm sweep in figures: what its `summary.json` holds. Must not know how anything was proven.

use std::collections::BTreeMap;

use serde::Serialize;

use super::summary::length;
use super::{Lack, SummaryProcedures, SummaryWindow, Verdicts, WarmFinding, Window};

/// A warm sweep in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WarmSummary {
    /// `sekisho`.
    pub product: &'static str,
    /// The product's version.
    pub version: &'static str,
    /// `ledger`.
    pub source: &'static str,
    /// Up to which input of the journal the ledger was true, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<u64>,
    /// The time that was looked at.
    pub window: SummaryWindow,
    /// What was examined.
    pub procedures: SummaryProcedures,
    /// Procedures with a certain verdict.
    pub certain: u64,
    /// Procedures that history must be asked about.
    pub uncertain: u64,
    /// Certain verdicts.
    pub verdicts: Verdicts,
    /// Uncertain procedures by what a verdict lacks; a procedure may lack several.
    pub lacks: BTreeMap<&'static str, u64>,
}

impl WarmSummary {
    /// Adds up what was said.
    #[must_use]
    pub(super) fn of(findings: &[WarmFinding], window: Window, as_of: Option<u64>) -> Self {
        let mut verdicts = Verdicts::default();
        let mut lacks: BTreeMap<&'static str, u64> =
            Lack::ALL.iter().map(|lack| (lack.as_str(), 0)).collect();
        for finding in findings {
            if let Some(verdict) = finding.verdict() {
                verdicts.count(verdict);
            }
            for lack in finding.lacks() {
                let count = lacks.entry(lack.as_str()).or_default();
                *count = count.saturating_add(1);
            }
        }
        Self {
            product: "sekisho",
            version: env!("CARGO_PKG_VERSION"),
            source: "ledger",
            as_of,
            window: window.into(),
            procedures: SummaryProcedures::of(findings.iter().map(|finding| &finding.examined().procedure)),
            certain: verdicts.total(),
            uncertain: length(findings.len()).saturating_sub(verdicts.total()),
            verdicts,
            lacks,
        }
    }
}
