//! What a replay found, for people and programs. Must not know how it was counted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use engine::Verdict;
use model::Time;
use serde::Serialize;

use super::tally::Tally;
use crate::Latency;

/// An event that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The file it stands in.
    pub file: PathBuf,
    /// Its line (NDJSON) or row (Parquet), from 1.
    pub line: u64,
    /// The type of the problem.
    pub problem: String,
    /// What is wrong.
    pub detail: String,
}

/// What a replay found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ReplaySummary {
    /// Whether it was stopped on request.
    pub stopped: bool,
    /// How long it took, reading and sorting included.
    pub seconds: f64,
    /// Events told and asked about a second.
    pub per_second: f64,
    /// When the first event happened that was told or asked about.
    pub first: Option<String>,
    /// And the last.
    pub last: Option<String>,
    /// Events told as facts.
    pub facts: u64,
    /// Events asked about.
    pub asked: u64,
    /// Of both, those that the server had had before.
    pub repeated: u64,
    /// Decisions by kind, then verdict.
    pub decisions: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Rules by how often they fired, the most frequent first.
    pub rules: Vec<(String, u64)>,
    /// From the moment a question was due (with a pace) or sent (flat out) to its answer.
    pub latency: Latency,
    /// Times that something was sent again, because the server was busy or the connection broke.
    pub retries: u64,
    /// Events not taken, by type of problem.
    pub problems: BTreeMap<String, u64>,
    /// Events not taken.
    pub refused: u64,
    /// The first thousand of them.
    pub refused_listed: Vec<Refused>,
}

impl ReplaySummary {
    pub(super) fn of(tally: Tally, files: &[PathBuf], took: Duration, stopped: bool) -> Self {
        let time = |us: i64| Time::from_us(us).map(|time| time.to_string());
        let asked = tally.decisions.values().flatten().sum::<u64>();
        let mut rules: Vec<(String, u64)> = tally.rules.into_iter().collect();
        rules.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        let decisions = tally.decisions.iter().map(|(kind, counts)| {
            let counts = Verdict::ALL.iter().zip(counts).map(|(verdict, count)| (verdict.as_str(), *count));
            (kind.as_str(), counts.collect())
        });
        let mut untaken = tally.refused;
        untaken.sort_by_key(|each| each.origin);
        let listed = untaken.into_iter().take(super::tally::LISTED_MAX).map(|each| Refused {
            file: usize::try_from(each.origin.file)
                .ok()
                .and_then(|file| files.get(file))
                .cloned()
                .unwrap_or_default(),
            line: each.origin.line,
            problem: each.problem,
            detail: each.detail,
        });
        let seconds = took.as_secs_f64();
        let events = u32::try_from(tally.facts.saturating_add(asked)).unwrap_or(u32::MAX);
        Self {
            stopped,
            seconds,
            per_second: f64::from(events) / seconds.max(1e-9),
            first: tally.span_us.and_then(|span| time(span.0)),
            last: tally.span_us.and_then(|span| time(span.1)),
            facts: tally.facts,
            asked,
            repeated: tally.repeated,
            decisions: decisions.collect(),
            rules,
            latency: Latency::of(&tally.times),
            retries: tally.retries,
            problems: tally.problems,
            refused: tally.untaken,
            refused_listed: listed.collect(),
        }
    }
}
