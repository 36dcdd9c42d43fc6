//! How a policy is written: TOML, checked before anything is compiled. Must not know CEL.

use std::collections::BTreeSet;

use model::EventKind;
use serde::Deserialize;
use toml::Spanned;

use super::condition::Fault;
use super::learned::ModelForm;
use super::{Reasons, SCORE_MAX, Thresholds};
use crate::decision::Verdict;

/// Rules in a policy at most.
const RULES_MAX: usize = 500;
/// Bytes of a policy at most.
const BYTES_MAX: usize = 512 << 10;
/// Bytes of a reason in one language at most: a sentence for a customers' support.
const REASON_BYTES_MAX: usize = 512;
/// Hours a hold lasts where no rule says otherwise.
pub(super) const HOLD_H: u16 = 24;
/// Hours a hold lasts at most: 30 days.
const HOLD_H_MAX: u16 = 720;

/// Why a policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct PolicyError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl PolicyError {
    pub(super) fn at(text: &str, byte: usize, problem: impl Into<String>) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Self { line, column, problem: problem.into() }
    }

    /// A fault in the condition that begins at `byte`, which is the quote before it.
    pub(super) fn in_condition(text: &str, byte: usize, rule: &str, fault: &Fault) -> Self {
        Self::at(text, byte, format!("rule `{rule}`: its condition {}", fault.0))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    pub(super) thresholds: ThresholdsForm,
    #[serde(default)]
    pub(super) model: Option<ModelForm>,
    #[serde(default, rename = "rule")]
    pub(super) rules: Vec<RuleForm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThresholdsForm {
    step_up: Spanned<u16>,
    hold: Spanned<u16>,
    deny: Spanned<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleForm {
    pub(super) name: String,
    pub(super) kinds: Vec<EventKind>,
    pub(super) when: Spanned<String>,
    #[serde(default)]
    pub(super) points: u16,
    #[serde(default)]
    pub(super) at_least: Verdict,
    #[serde(default)]
    hold_h: Option<Spanned<u16>>,
    #[serde(default)]
    pub(super) shadow: bool,
    pub(super) reason: Reasons,
}

impl Form {
    /// Reads a policy. Where it was taken before, what it asks for in vain is no reason to refuse it.
    pub(super) fn read(text: &str, taken: bool) -> Result<Self, PolicyError> {
        if text.len() > BYTES_MAX {
            let problem = format!("came {} bytes; allowed: at most {BYTES_MAX} bytes a policy", text.len());
            return Err(PolicyError::at(text, 0, problem));
        }
        let form: Self = toml::from_str(text).map_err(|error| {
            let byte = error.span().map_or(0, |span| span.start);
            PolicyError::at(text, byte, model::settings::told_at(text, byte, error.message()))
        })?;
        if form.rules.len() > RULES_MAX {
            let problem = format!("came {} rules; allowed: at most {RULES_MAX}", form.rules.len());
            return Err(PolicyError::at(text, 0, problem));
        }
        let mut names = BTreeSet::new();
        for rule in &form.rules {
            let problem = rule.problem().or_else(|| {
                (!names.insert(&rule.name)).then(|| "has the name of another rule before it".to_owned())
            });
            if let Some(problem) = problem {
                let name = &rule.name;
                return Err(PolicyError::at(
                    text,
                    rule.when.span().start,
                    format!("rule `{name}` {problem}"),
                ));
            }
            let vain = rule.holds_in_vain().filter(|_| !taken);
            if let Some((byte, problem)) = vain {
                return Err(PolicyError::at(text, byte, format!("rule `{}` {problem}", rule.name)));
            }
        }
        Ok(form)
    }
}

impl RuleForm {
    /// How long what it holds is held, hours.
    pub(super) fn hold_h(&self) -> u16 {
        self.hold_h.as_ref().map_or(HOLD_H, |hours| *hours.get_ref())
    }

    /// Where it says how long something is held that it does not hold, with its place: somebody counts on that.
    fn holds_in_vain(&self) -> Option<(usize, &'static str)> {
        let byte = self.hold_h.as_ref()?.span().start;
        if self.at_least != Verdict::Hold {
            return Some((
                byte,
                "has `hold_h` and does not hold by itself (what is held by points alone is held for 24 hours); \
                 allowed: with `at_least = \"hold\"`, or leave `hold_h` out",
            ));
        }
        let holds = self.kinds.iter().any(|kind| super::can_wait(*kind));
        (!holds).then_some((
            byte,
            "has `hold_h`, and nothing of its `kinds` can be held: where that would be `hold` it is `step_up`; \
             allowed: with a kind that can wait, or leave `hold_h` out",
        ))
    }

    fn problem(&self) -> Option<String> {
        let name_fits = !self.name.is_empty()
            && self.name.len() <= 64
            && self
                .name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !name_fits {
            return Some("has a name that is not 1 to 64 of a to z, 0 to 9 and _".to_owned());
        }
        if self.kinds.is_empty() {
            return Some("names no kinds: say on which kinds of event it can fire".to_owned());
        }
        if self.points > SCORE_MAX {
            return Some(format!("gives {} points; allowed: at most {SCORE_MAX}", self.points));
        }
        let hold_h = self.hold_h();
        if !(1..=HOLD_H_MAX).contains(&hold_h) {
            return Some(format!("holds for {hold_h} hours; allowed: 1 to {HOLD_H_MAX}"));
        }
        let longest = self.reason.ja.len().max(self.reason.en.len());
        if longest > REASON_BYTES_MAX {
            return Some(format!(
                "has a reason of {longest} bytes; allowed: at most {REASON_BYTES_MAX} in a language"
            ));
        }
        let empty = self.reason.ja.trim().is_empty() || self.reason.en.trim().is_empty();
        empty.then(|| "lacks its reason in Japanese or in English".to_owned())
    }
}

impl ThresholdsForm {
    pub(super) fn checked(&self, text: &str) -> Result<Thresholds, PolicyError> {
        let steps = [("step_up", &self.step_up), ("hold", &self.hold), ("deny", &self.deny)];
        let mut before = 0;
        for (name, step) in steps {
            let points = *step.get_ref();
            if points <= before || points > SCORE_MAX + 1 {
                let problem = format!(
                    "`{name}` is {points}; allowed: above the threshold before it ({before}) and at most {} (never reached)",
                    SCORE_MAX + 1
                );
                return Err(PolicyError::at(text, step.span().start, problem));
            }
            before = points;
        }
        let [step_up, hold, deny] = steps.map(|(_, step)| *step.get_ref());
        Ok(Thresholds { step_up, hold, deny })
    }
}
