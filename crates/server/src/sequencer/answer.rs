//! A decision on the wire. Must not know how it was reached.

use engine::decision::Reason;
use engine::{Decision, Policy};
use model::Time;
use serde::Serialize;

#[derive(Serialize)]
struct DecisionForm<'a> {
    id: &'a str,
    decision: &'static str,
    score: u16,
    reasons: Vec<ReasonForm<'a>>,
    /// Rules in shadow that would have fired.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shadow: Vec<ReasonForm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<HoldForm>,
    policy: u32,
    seq: u64,
}

#[derive(Serialize)]
struct ReasonForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<&'static str>,
    rule: &'a str,
    points: u16,
    text: &'a str,
}

#[derive(Serialize)]
struct HoldForm {
    until: Time,
}

/// The answer to a question, with reasons in Japanese or else in English.
pub(super) fn decision_json(
    decision: &Decision,
    policy: &Policy,
    id: &str,
    seq: u64,
    japanese: bool,
) -> Vec<u8> {
    let told = |reason: &Reason| {
        let rule = policy.rule(reason.rule)?;
        Some(ReasonForm {
            signal: rule.signals.first().map(|signal| signal.name()),
            rule: &rule.name,
            points: reason.points,
            text: if japanese { &rule.reason.ja } else { &rule.reason.en },
        })
    };
    let form = DecisionForm {
        id,
        decision: decision.verdict.as_str(),
        score: decision.score,
        reasons: decision.reasons.iter().filter_map(told).collect(),
        shadow: decision.shadow.iter().filter_map(told).collect(),
        hold: decision.held_until.map(|until| HoldForm { until }),
        policy: decision.policy,
        seq,
    };
    serde_json::to_vec(&form).unwrap_or_default()
}
