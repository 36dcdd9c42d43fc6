//! Why an event is weighed as it is: every signal, every rule of its kind, and which parts of a condition were not so. For
//! people: slower than [`Policy::decide`], and never another answer. Must not know where records come from.

use model::EventKind;

use super::condition::Answers;
use super::{Card, Policy, Risk, Thresholds, kind_place};
use crate::decision::Decision;
use crate::input::Observed;
use crate::signal::{Signal, View};
use crate::state::State;

/// A decision, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The decision itself.
    pub decision: Decision,
    /// From which score on which answer.
    pub thresholds: Thresholds,
    /// Every signal of the catalogue, in its order; `None` where it says nothing.
    pub signals: Vec<(Signal, Option<f64>)>,
    /// What the model says, where the policy has one for this kind of event.
    pub risk: Option<Risk>,
    /// Every rule that can fire on this kind of event, in the order of the policy.
    pub rules: Vec<RuleExplained>,
    /// Rules of the policy that are for other kinds of events.
    pub others: usize,
}

/// A rule and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleExplained {
    /// Its place in the policy.
    pub rule: u16,
    /// Whether it fired.
    pub fired: bool,
    /// Parts of its condition that are not so, as far as they can be told apart: `signal.velocity >= 3 (is 1)`.
    pub unmet: Vec<String>,
}

impl Policy {
    /// From which score on which answer.
    #[must_use]
    pub const fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// [`Self::decide`], taken apart.
    #[must_use]
    pub fn explain(&self, view: &View<'_>) -> Explained {
        let card = self.card(view.event.kind);
        let answers = Answers::new(view, card);
        let context = self.conditions.context(&answers);
        let rules: Vec<RuleExplained> = self
            .places(view.event.kind)
            .iter()
            .filter_map(|place| {
                let rule = self.rule(*place)?;
                let fired = rule.condition.holds(&answers, &context);
                let unmet = if fired { Vec::new() } else { rule.condition.unmet(&answers) };
                Some(RuleExplained { rule: *place, fired, unmet })
            })
            .collect();
        let value = |signal| match signal {
            Signal::ModelRisk => card.map(|_| answers.number(signal)),
            _ => signal.value(view),
        };
        Explained {
            decision: self.decide(view),
            thresholds: self.thresholds,
            risk: card.map(|card| card.risk(|signal| answers.number(signal))),
            signals: Signal::ALL.iter().map(|signal| (*signal, value(*signal))).collect(),
            others: self.rules.len().saturating_sub(rules.len()),
            rules,
        }
    }

    /// What the model has for a kind of event.
    pub(super) fn card(&self, kind: EventKind) -> Option<&Card> {
        self.model.as_ref().and_then(|model| model.card(kind))
    }

    /// Places of the rules that can fire on a kind of event.
    pub(super) fn places(&self, kind: EventKind) -> &[u16] {
        self.by_kind.get(kind_place(kind)).map_or(&[], Vec::as_slice)
    }
}

impl State {
    /// [`Self::weigh`], taken apart.
    #[must_use]
    pub fn explain(&self, policy: &Policy, event: &Observed) -> Explained {
        self.with_view(event, |view| policy.explain(view))
    }
}
