//! Policy: rules over an event and its signals, read from TOML, compiled once, weighed into a decision. Must not know records:
//! what a rule asks for, it asks a [`View`].
//!
//! A policy that cannot be compiled is refused whole, with line, column and reason; the one in force stays. Rules are kept by
//! the kind of event they can fire on, and what a condition does not ask for is not computed.

mod condition;
pub mod explain;
mod form;
mod learned;
mod needs;
mod types;

use model::EventKind;

pub use form::PolicyError;
pub use learned::{BOUNDS_MAX, Band, Card, DOUBLE_POINTS, Model, POINTS_MAX, Part, Risk, Scored};

use self::condition::{Answers, Condition, Conditions, Fault};
use self::form::{Form, RuleForm};
use crate::decision::{Decision, Reason, Verdict};
use crate::signal::{Signal, View};

/// Points at most.
pub const SCORE_MAX: u16 = 100;

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    version: u32,
    conditions: Conditions,
    thresholds: Thresholds,
    model: Option<Model>,
    rules: Vec<Rule>,
    /// For each kind of event, the places of the rules that can fire on it.
    by_kind: Vec<Vec<u16>>,
}

/// From which score on which answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Ask for proof.
    pub step_up: u16,
    /// Let it wait.
    pub hold: u16,
    /// Refuse.
    pub deny: u16,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name, unique in the policy.
    pub name: String,
    /// When it fires, as written.
    pub when: String,
    /// The signals it asks for, each once, in the order in which the condition names them.
    pub signals: Vec<Signal>,
    /// Points it gives.
    pub points: u16,
    /// The mildest answer it allows.
    pub at_least: Verdict,
    /// How long what it holds is held, hours.
    pub hold_h: u16,
    /// Whether it only says what it would have done.
    pub shadow: bool,
    /// The reason, for customers' support, in Japanese and English.
    pub reason: Reasons,
    condition: Condition,
}

/// A reason in two languages.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reasons {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

impl Policy {
    /// The policy that comes with the product.
    pub const SHIPPED: &'static str = include_str!("../../../config/policy.toml");

    /// Compiles a policy; `version` is what decisions will name.
    ///
    /// # Errors
    /// Not TOML, unknown keys, a condition that is no CEL, asks for what does not exist or could never hold, a limit exceeded:
    /// with line and column.
    pub fn compile(text: &str, version: u32) -> Result<Self, PolicyError> {
        Self::of(text, version, false)
    }

    /// A policy that was taken before, perhaps when less was checked: types are not looked at, a rule that could never fire
    /// does not, and hours for what is never held say nothing. What was decided by it stays decided so.
    ///
    /// # Errors
    /// As [`Self::compile`], but for types and hours of holds.
    pub fn compile_taken(text: &str, version: u32) -> Result<Self, PolicyError> {
        Self::of(text, version, true)
    }

    fn of(text: &str, version: u32, taken: bool) -> Result<Self, PolicyError> {
        let form = Form::read(text, taken)?;
        let conditions = Conditions::new(!taken);
        let thresholds = form.thresholds.checked(text)?;
        let model = form.model.map(learned::ModelForm::checked).transpose();
        let model = model.map_err(|(byte, problem)| PolicyError::at(text, byte, problem))?;
        let mut by_kind = vec![Vec::new(); EventKind::ALL.len()];
        let mut rules = Vec::with_capacity(form.rules.len());
        for (place, rule) in form.rules.into_iter().enumerate() {
            let place = u16::try_from(place).unwrap_or(u16::MAX);
            for kind in &rule.kinds {
                if let Some(places) = by_kind.get_mut(kind_place(*kind)) {
                    places.push(place);
                }
            }
            let (kinds, when) = (rule.kinds.clone(), rule.when.span().start);
            let rule = Rule::compile(rule, &conditions, text)?;
            rule.check_model(model.as_ref(), &kinds)
                .map_err(|fault| PolicyError::in_condition(text, when, &rule.name, &fault))?;
            rules.push(rule);
        }
        let policy = Self { version, conditions, thresholds, model, rules, by_kind };
        policy.check_model_points(text)?;
        Ok(policy)
    }

    /// That the model's rules together cannot hold or refuse anything without others: they have to stay below `hold`.
    fn check_model_points(&self, text: &str) -> Result<(), PolicyError> {
        for (kind, places) in EventKind::ALL.iter().zip(&self.by_kind) {
            let rules = places.iter().filter_map(|place| self.rule(*place));
            let points: u32 = rules.filter(|rule| rule.asks_model()).map(|rule| u32::from(rule.points)).sum();
            if points >= u32::from(self.thresholds.hold) {
                let problem = format!(
                    "rules that ask for `model.risk` give {points} points on `{kind}` together; allowed: less than `hold` ({}), \
                     since a model alone must not hold or refuse",
                    self.thresholds.hold
                );
                return Err(PolicyError::at(text, 0, problem));
            }
        }
        Ok(())
    }

    /// What was learned, if the policy has it.
    #[must_use]
    pub const fn model(&self) -> Option<&Model> {
        self.model.as_ref()
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// A rule by its place, as decisions name it.
    #[must_use]
    pub fn rule(&self, place: u16) -> Option<&Rule> {
        self.rules.get(usize::from(place))
    }

    /// All rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Weighs an event. A rule whose condition cannot be computed (a division by zero, say) does not fire.
    #[must_use]
    pub fn decide(&self, view: &View<'_>) -> Decision {
        let mut decision = Decision { policy: self.version, ..Decision::default() };
        let (mut points, mut at_least, mut hold_h) = (0_u16, Verdict::Allow, 0_u16);
        let places = self.places(view.event.kind);
        let answers = Answers::new(view, self.card(view.event.kind));
        let context = self.conditions.context(&answers);
        for place in places {
            let Some(rule) = self.rule(*place) else { continue };
            if !rule.condition.holds(&answers, &context) {
                continue;
            }
            let reason = Reason { rule: *place, points: rule.points };
            if rule.shadow {
                decision.shadow.push(reason);
                continue;
            }
            decision.reasons.push(reason);
            points = points.saturating_add(rule.points).min(SCORE_MAX);
            at_least = at_least.max(rule.at_least);
            if rule.at_least == Verdict::Hold {
                hold_h = hold_h.max(rule.hold_h);
            }
        }
        decision.score = points;
        decision.verdict = at_least.max(self.thresholds.verdict(points));
        if decision.verdict == Verdict::Hold && !can_wait(view.event.kind) {
            decision.verdict = Verdict::StepUp;
        }
        if decision.verdict == Verdict::Hold {
            // Where the score alone holds, no rule says for how long.
            let hours = i64::from(if hold_h == 0 { form::HOLD_H } else { hold_h });
            decision.held_until = Some(view.arrived.plus_us(hours.saturating_mul(model::time::HOUR_US)));
        }
        decision
    }
}

impl Thresholds {
    fn verdict(self, points: u16) -> Verdict {
        match points {
            points if points >= self.deny => Verdict::Deny,
            points if points >= self.hold => Verdict::Hold,
            points if points >= self.step_up => Verdict::StepUp,
            _ => Verdict::Allow,
        }
    }
}

impl Rule {
    /// Whether it asks for what the model says.
    #[must_use]
    pub fn asks_model(&self) -> bool {
        self.signals.contains(&Signal::ModelRisk)
    }

    /// That a rule which asks for the model does nothing on the model's word alone.
    fn check_model(&self, model: Option<&Model>, kinds: &[EventKind]) -> Result<(), Fault> {
        if !self.asks_model() {
            return Ok(());
        }
        let fault = |problem: &str| Err(Fault(format!("asks for `model.risk`, {problem}")));
        let Some(model) = model else { return fault("and the policy has no [model]") };
        if let Some(kind) = kinds.iter().find(|kind| model.card(**kind).is_none()) {
            return fault(&format!("and the model has no card for `{kind}`"));
        }
        if self.at_least > Verdict::Allow {
            return fault("which may only add points; allowed: no `at_least`");
        }
        if !self.condition.needs_beside(Signal::ModelRisk) {
            return fault(
                "which is not enough by itself; allowed: with `&&` and another signal that has to be so (a flag, or a comparison \
                 with a number)",
            );
        }
        Ok(())
    }

    fn compile(form: RuleForm, conditions: &Conditions, text: &str) -> Result<Self, PolicyError> {
        let condition = conditions
            .compile(form.when.get_ref())
            .map_err(|fault| PolicyError::in_condition(text, form.when.span().start, &form.name, &fault))?;
        let hold_h = form.hold_h();
        Ok(Self {
            name: form.name,
            signals: condition.signals().to_vec(),
            when: form.when.into_inner(),
            points: form.points,
            at_least: form.at_least,
            hold_h,
            shadow: form.shadow,
            reason: form.reason,
            condition,
        })
    }
}

/// Whether an event can be held: nobody can settle tomorrow whether somebody signs in today.
const fn can_wait(kind: EventKind) -> bool {
    kind.is_procedure() || matches!(kind, EventKind::Order | EventKind::PaymentInstruction)
}

fn kind_place(kind: EventKind) -> usize {
    EventKind::ALL.iter().position(|each| *each == kind).unwrap_or(0)
}
