//! What a load run found. Must not know how it was measured.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Latency;

/// What a run found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LoadReport {
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Requests sent.
    pub sent: u64,
    /// Answers, whatever they said.
    pub answered: u64,
    /// Answers a second.
    pub per_second: f64,
    /// Answers by HTTP status.
    pub statuses: BTreeMap<u16, u64>,
    /// Decisions by their word.
    pub decisions: BTreeMap<String, u64>,
    /// Requests whose connection broke before the answer, and those unanswered at the end.
    pub lost: u64,
    /// Requests that were due and not sent, because all connections waited for answers when the run ended.
    pub not_sent: u64,
    /// Whether it was stopped on request.
    pub stopped: bool,
    /// From the moment a request was due (with a rate) or sent (flat out) to its answer.
    pub latency: Latency,
}
