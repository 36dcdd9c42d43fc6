//! The report's headline figures and its two tables of counts. Must not know single procedures.

use std::collections::BTreeMap;

use hashbrown::HashSet;
use model::EventKind;

use super::words::{Both, both, fill, number, word};
use super::{Badge, format, kind, reason_label, reason_text};
use crate::sweep::evidence::Evidence;
use crate::sweep::summary::Verdicts;
use crate::sweep::{Reason, Summary, Verdict};

/// A headline figure.
pub(super) struct Figure {
    /// The verdict that it counts, if it does.
    pub(super) verdict: Option<Verdict>,
    pub(super) label: Both,
    pub(super) value: Both,
    /// Beside the value, smaller.
    pub(super) share: String,
    pub(super) note: Both,
}

impl Figure {
    pub(super) fn class(&self) -> &'static str {
        self.verdict.map_or("", Verdict::as_str)
    }

    pub(super) fn badge(&self) -> Option<Badge> {
        self.verdict.map(Badge)
    }
}

/// A row of counts by verdict.
pub(super) struct CountsRow {
    pub(super) code: &'static str,
    pub(super) label: Both,
    pub(super) note: Both,
    /// In the order of [`Verdict::ALL`].
    pub(super) counts: Vec<String>,
    pub(super) total: String,
}

impl CountsRow {
    fn new(code: &'static str, label: Both, note: Both, verdicts: &Verdicts) -> Self {
        Self {
            code,
            label,
            note,
            counts: Verdict::ALL.iter().map(|verdict| format::thousands(verdicts.of(*verdict))).collect(),
            total: format::thousands(verdicts.total()),
        }
    }
}

fn nothing() -> Both {
    Both::same("")
}

/// What was examined and against what.
pub(super) fn facts(summary: &Summary) -> Vec<(Both, Both)> {
    let (procedures, history) = (&summary.procedures, &summary.history);
    let minute = |time: Option<model::Time>| {
        Both::same(time.map_or_else(String::new, |time| format::minute(time.as_us())))
    };
    let to = summary.window.to.map_or_else(|| both("fact.window_open"), |to| minute(Some(to)));
    let history_key = if history.first.is_some() { "fact.history_value" } else { "fact.history_empty" };
    let compared_key = if history.rows_exact { "fact.compared_value" } else { "fact.compared_at_most" };
    vec![
        (
            both("fact.procedures"),
            fill(
                "fact.procedures_value",
                &[
                    ("n", number(procedures.count)),
                    ("customers", number(procedures.customers)),
                    ("first", minute(procedures.earliest)),
                    ("last", minute(procedures.latest)),
                ],
            ),
        ),
        (
            both("fact.window"),
            fill("fact.window_value", &[("from", minute(summary.window.from)), ("to", to)]),
        ),
        (
            both("fact.history"),
            fill(
                history_key,
                &[
                    ("rows", number(history.rows)),
                    ("files", number(history.files)),
                    ("first", minute(history.first)),
                    ("last", minute(history.last)),
                ],
            ),
        ),
        (
            both("fact.compared"),
            fill(compared_key, &[("n", number(history.rows_scanned)), ("hits", number(history.hits))]),
        ),
    ]
}

/// Examined procedures and their verdicts.
pub(super) fn verdicts(summary: &Summary) -> Vec<Figure> {
    let verdicts = summary.judged.as_ref().map(|judged| judged.verdicts).unwrap_or_default();
    let total = verdicts.total();
    let examined = Figure {
        verdict: None,
        label: both("figures.examined"),
        value: number(total),
        share: String::new(),
        note: nothing(),
    };
    let by_verdict = Verdict::ALL.iter().map(|verdict| Figure {
        verdict: Some(*verdict),
        label: word("verdict", verdict.as_str()),
        value: number(verdicts.of(*verdict)),
        share: format::percent(verdicts.of(*verdict), total),
        note: word("verdict_text", verdict.as_str()),
    });
    std::iter::once(examined).chain(by_verdict).collect()
}

/// What the evidence adds up to; nothing where there are no alarms.
pub(super) fn evidence(summary: &Summary, evidence: &Evidence<'_>) -> Vec<Figure> {
    if evidence.alarms.is_empty() {
        return Vec::new();
    }
    let addresses = summary.judged.as_ref().map_or(0, |judged| judged.alarm_addresses);
    let figure = |label: &str, value: Both, note: Both| Figure {
        verdict: None,
        label: both(label),
        value,
        share: String::new(),
        note,
    };
    let entered = if evidence.entered_exact { "figures.entered" } else { "figures.entered_at_least" };
    let (money, is_whole) = money(evidence);
    let money_key = if is_whole { "figures.money" } else { "figures.money_at_least" };
    vec![
        figure("figures.addresses", number(addresses), nothing()),
        figure(entered, number(evidence.entered), both("figures.entered_note")),
        figure(money_key, money, both("figures.money_note")),
    ]
}

/// The money that left with the alarms, by currency, and whether all of it was seen.
fn money(evidence: &Evidence<'_>) -> (Both, bool) {
    let mut counted = HashSet::new();
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    let mut withdrawals = 0_u64;
    for shown in evidence.alarms.iter().flat_map(|alarm| &alarm.accesses) {
        let failed = shown.access.outcome == Some(model::Outcome::Failed);
        let concerns = (shown.in_chain || shown.is_procedure) && !failed;
        if concerns && shown.access.kind.is_some_and(EventKind::moves_money) && counted.insert(shown.place) {
            withdrawals = withdrawals.saturating_add(1);
            if let Some((minor, currency)) = &shown.access.amount {
                let sum = sums.entry(currency).or_default();
                *sum = sum.saturating_add(i128::from(*minor));
            }
        }
    }
    let texts: Vec<String> = sums.iter().map(|(code, minor)| format::money(*minor, code)).collect();
    let is_whole = evidence.alarms_more == 0 && evidence.alarms.iter().all(|alarm| alarm.chain_more == 0);
    let text = match (texts.is_empty(), withdrawals) {
        (true, 0) => both("none"),
        (true, _) => both("figures.money_none"),
        _ => Both::same(texts.join(", ")),
    };
    (text, is_whole)
}

/// Counts by kind of procedure.
pub(super) fn kinds(summary: &Summary) -> Vec<CountsRow> {
    let by_kind = summary.judged.as_ref().map(|judged| &judged.verdicts_by_kind);
    let rows = by_kind.into_iter().flatten().filter_map(|(name, verdicts)| {
        let label = kind(EventKind::from_word(name)?);
        Some(CountsRow::new(name, label, nothing(), verdicts))
    });
    rows.collect()
}

/// Counts by reason, of reasons that occur.
pub(super) fn reasons(summary: &Summary) -> Vec<CountsRow> {
    let by_reason = summary.judged.as_ref().map(|judged| &judged.verdicts_by_reason);
    let rows = Reason::ALL.iter().filter_map(|reason| {
        let verdicts = by_reason?.get(reason.as_str()).filter(|verdicts| verdicts.total() > 0)?;
        let note = reason_text(*reason);
        Some(CountsRow::new(reason.as_str(), reason_label(*reason), note, verdicts))
    });
    rows.collect()
}
