//! Why an event was answered as it was: the journal told up to it, and the decision taken apart. For reading only. Must not know
//! HTTP or terminals.

use std::path::{Path, PathBuf};

use engine::input::Body;
use engine::policy::explain::Explained;
use engine::policy::{Band, Model, Risk};
use engine::{Observed, Verdict};
use history::Watch;
use model::Time;
use serde::Serialize;
use serde_json::value::RawValue;
use store::FolderView;
use utoipa::ToSchema;

use crate::past::{Base, Memory, Past, PastError, Seen};

/// A decision explained.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// What the state was rebuilt from.
    pub base: Base,
    /// The event's place in the journal.
    pub seq: u64,
    /// Its identifier.
    pub id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub time: Time,
    /// What.
    pub kind: &'static str,
    /// In whose name, masked.
    pub customer: Option<String>,
    /// Whether it was asked about; else it came as a fact, and this is what would have been answered.
    pub asked: bool,
    /// The answer that was given, byte for byte.
    #[schema(value_type = Option<Object>)]
    pub answered: Option<Box<RawValue>>,
    /// The answer as computed now.
    #[schema(value_type = String, example = "allow")]
    pub decision: Verdict,
    /// Its points.
    pub score: u16,
    /// Points of all live rules that fired; the score is this, at most 100.
    pub points: u32,
    /// The version of the policy in force.
    pub policy: u32,
    /// From which score on it is asked for proof, held, refused.
    pub thresholds: ThresholdsTold,
    /// Rules that can fire on this kind of event.
    pub rules: Vec<RuleExplained>,
    /// Rules for other kinds.
    pub other_rules: usize,
    /// What the policy's model says, if it has one for this kind of event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelExplained>,
    /// Every signal, with what it says.
    pub signals: Vec<SignalExplained>,
}

/// From which score on which answer; 101 is never reached.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ThresholdsTold {
    /// Ask for proof.
    pub step_up: u16,
    /// Let it wait.
    pub hold: u16,
    /// Refuse.
    pub deny: u16,
}

/// A rule, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleExplained {
    /// Its name.
    pub rule: String,
    /// Whether it fired.
    pub fired: bool,
    /// Whether it only says what it would have done.
    pub shadow: bool,
    /// Points it gives when it fires.
    pub points: u16,
    /// The mildest answer it allows.
    #[schema(value_type = String, example = "allow")]
    pub at_least: Verdict,
    /// When it fires.
    pub when: String,
    /// Parts of that which are not so, where they can be told apart.
    pub unmet: Vec<String>,
}

/// What a model says of an event: `signal.model.risk`, taken apart.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelExplained {
    /// What tells it from other models.
    pub digest: String,
    /// How it was trained, in its maker's words.
    pub trained: String,
    /// The sum.
    pub points: i32,
    /// Points that every event of the kind has.
    pub base: i32,
    /// What each signal gave, those that gave most first.
    pub parts: Vec<PartExplained>,
    /// Where it was calibrated: questions with about as many points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub band: Option<BandExplained>,
}

/// What a signal gave a model's sum.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartExplained {
    /// Its name.
    pub signal: &'static str,
    /// Its number as conditions see it; nothing where it is infinite: never, as far as is known.
    pub number: Option<f64>,
    /// The points: above nothing for what is more often fraud than the average question.
    pub points: i32,
}

/// What such points meant where a model was calibrated.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct BandExplained {
    /// The fewest points of the band.
    pub from: i32,
    /// Questions in it.
    pub questions: u64,
    /// Of these, fraud.
    pub fraud: u64,
}

/// A signal, and what it says.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignalExplained {
    /// Its name.
    pub signal: &'static str,
    /// Its value; nothing where it says nothing.
    pub value: Option<f64>,
    /// What its number means.
    pub unit: &'static str,
}

/// Explains an event of a data folder, whether or not a server runs on it; `None` if the journal does not hold it.
///
/// # Errors
/// The journal no longer holds what was before it and no history is given, or something cannot be read.
pub fn explain(
    data: &Path,
    history: &[PathBuf],
    id: &str,
    watch: &Watch,
) -> Result<Option<Explanation>, PastError> {
    explain_of(&store::DataFolder::read_only(data)?, data, history, id, Memory::default(), watch)
}

/// The same of an open folder.
pub(crate) fn explain_of(
    view: &FolderView,
    data: &Path,
    history: &[PathBuf],
    id: &str,
    memory: Memory,
    watch: &Watch,
) -> Result<Option<Explanation>, PastError> {
    // Before the past is told, which takes a while.
    let Some(found) = view.journal_reader()?.find(id)? else { return Ok(None) };
    let mut past = Past::of(view, data, history, memory, watch)?.until(found.seq);
    let base = past.base().clone();
    if found.seq <= past.span().0 {
        return Err(PastError::Before { seq: found.seq, base: past.span().0 });
    }
    let mut explained = None;
    past.tell(watch, |seen| {
        if seen.entry.seq < found.seq {
            return Ok(true);
        }
        if let Body::Event(event) = &seen.input.body {
            explained = Some(told(base.clone(), seen, event));
        }
        Ok(false)
    })?;
    Ok(explained)
}

fn told_model(model: &Model, risk: Risk) -> ModelExplained {
    let parts = risk.parts.into_iter().map(|part| PartExplained {
        signal: part.signal.name(),
        number: Some(part.number).filter(|number| number.is_finite()),
        points: part.points,
    });
    ModelExplained {
        digest: model.digest(),
        trained: model.trained.clone(),
        points: risk.points,
        base: risk.base,
        parts: parts.collect(),
        band: risk.band.map(|Band { from, questions, fraud }| BandExplained { from, questions, fraud }),
    }
}

fn told(base: Base, seen: &Seen<'_>, event: &Observed) -> Explanation {
    let Explained { decision, thresholds, signals, risk, rules, others } =
        seen.state.explain(seen.policy, event);
    let answer = String::from_utf8(seen.entry.answer.clone()).ok().filter(|_| event.asked);
    let rules = rules.into_iter().filter_map(|each| {
        let rule = seen.policy.rule(each.rule)?;
        Some(RuleExplained {
            rule: rule.name.clone(),
            fired: each.fired,
            shadow: rule.shadow,
            points: rule.points,
            at_least: rule.at_least,
            when: rule.when.clone(),
            unmet: each.unmet,
        })
    });
    let signals = signals.into_iter().map(|(signal, value)| SignalExplained {
        signal: signal.name(),
        value,
        unit: signal.about().unit.as_str(),
    });
    Explanation {
        base,
        seq: seen.entry.seq,
        id: event.id.to_string(),
        time: event.time,
        kind: event.kind.as_str(),
        customer: event.customer.as_ref().map(model::CustomerId::masked),
        asked: event.asked,
        answered: answer.and_then(|answer| RawValue::from_string(answer).ok()),
        decision: decision.verdict,
        score: decision.score,
        points: decision.reasons.iter().map(|reason| u32::from(reason.points)).sum(),
        policy: decision.policy,
        thresholds: ThresholdsTold {
            step_up: thresholds.step_up,
            hold: thresholds.hold,
            deny: thresholds.deny,
        },
        rules: rules.collect(),
        other_rules: others,
        model: seen.policy.model().zip(risk).map(|(model, risk)| told_model(model, risk)),
        signals: signals.collect(),
    }
}
