//! Conditions in CEL over `event`, `customer` and `signal`: compiled once, checked for what they ask, evaluated against a view.
//! Must not know rules.
//!
//! Loops (`all`, `exists`, `map`) are refused, so that a condition's cost is bounded by its length. A signal that says
//! nothing is false, 0, or, in hours and days since something, infinite.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::common::types::{CelBool, CelDouble, CelInt, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Env, Program, Value};

use super::learned::Card;
use super::needs::{Given, Need, needs};
use super::types;
use crate::decayed::parts_to_f64;
use crate::signal::{Signal, Unit, View};

/// Bytes of a condition at most.
const CONDITION_BYTES_MAX: usize = 2_000;

/// What is wrong with a condition, to follow "its condition".
#[derive(Debug)]
pub(super) struct Fault(pub(super) String);

/// What all conditions share.
#[derive(Clone)]
pub(super) struct Conditions {
    env: Arc<Env>,
    checks_types: bool,
}

impl std::fmt::Debug for Conditions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Conditions")
    }
}

/// A compiled condition.
#[derive(Debug)]
pub(super) struct Condition {
    program: Program,
    signals: Vec<Signal>,
    needs: Vec<Need>,
}

impl Conditions {
    pub(super) fn new(checks_types: bool) -> Self {
        Self { env: Arc::new(Env::stdlib()), checks_types }
    }

    pub(super) fn compile(&self, source: &str) -> Result<Condition, Fault> {
        if source.len() > CONDITION_BYTES_MAX {
            return Err(Fault(format!("has {} bytes; allowed: at most {CONDITION_BYTES_MAX}", source.len())));
        }
        let program = self.env.compile(source).map_err(|errors| {
            let first = errors.errors.first();
            let (place, message) = first.map_or((0, ""), |error| (error.pos.1, error.msg.as_str()));
            Fault(format!("is not CEL: {message}, at its character {}", place.max(0).saturating_add(1)))
        })?;
        let mut signals = Vec::new();
        walk(program.expression(), &mut signals)?;
        if self.checks_types {
            types::check(&program)?;
        }
        let needs = needs(program.expression());
        Ok(Condition { program, signals, needs })
    }

    pub(super) fn context<'v>(&self, answers: &'v Answers<'v>) -> Context<'v, 'v> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.set_variable_resolver(answers);
        context
    }
}

impl Condition {
    pub(super) fn signals(&self) -> &[Signal] {
        &self.signals
    }

    /// Whether it can only hold where a signal other than this one is as it says.
    pub(super) fn needs_beside(&self, signal: Signal) -> bool {
        self.needs.iter().any(|need| need.is_beside(signal))
    }

    /// Whether it holds; one that cannot be computed does not.
    pub(super) fn holds(&self, answers: &Answers<'_>, context: &Context<'_, '_>) -> bool {
        if !self.needs.iter().all(|need| need.is_met(answers)) {
            return false;
        }
        matches!(self.program.execute(context), Ok(Value::Bool(true)))
    }

    /// The parts that are not so, of those that can be told without CEL.
    pub(super) fn unmet(&self, answers: &Answers<'_>) -> Vec<String> {
        let unmet = self.needs.iter().filter(|need| !need.is_met(answers));
        unmet.map(|need| need.told(answers)).collect()
    }
}

/// Checks that everything asked for exists, and collects the signals in the order in which they are named.
fn walk(expression: &IdedExpr, signals: &mut Vec<Signal>) -> Result<(), Fault> {
    match &expression.expr {
        Expr::Unspecified | Expr::Literal(_) => Ok(()),
        Expr::Ident(_) | Expr::Select(_) => {
            let Some(name) = qualified(&expression.expr) else {
                return Err(Fault("reads a field of something that is no name".to_owned()));
            };
            asked(&name, signals)
        }
        Expr::Call(call) => {
            call.target.iter().map(AsRef::as_ref).chain(&call.args).try_for_each(|each| walk(each, signals))
        }
        Expr::List(list) => list.elements.iter().try_for_each(|each| walk(each, signals)),
        Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => {
                walk(&entry.key, signals)?;
                walk(&entry.value, signals)
            }
            EntryExpr::StructField(_) => Err(Fault("builds a message; there are none".to_owned())),
        }),
        Expr::Comprehension(_) => {
            Err(Fault("loops (all, exists, exists_one, map, filter); write the cases out".to_owned()))
        }
        Expr::Struct(_) => Err(Fault("builds a message; there are none".to_owned())),
    }
}

fn asked(name: &str, signals: &mut Vec<Signal>) -> Result<(), Fault> {
    if let Some(signal) = name.strip_prefix("signal.") {
        let known = Signal::from_name(signal);
        let known = known.ok_or_else(|| {
            Fault(format!(
                "asks for the signal `{signal}`, which does not exist; docs/signals.md has all of them"
            ))
        })?;
        if !signals.contains(&known) {
            signals.push(known);
        }
        return Ok(());
    }
    let fields = types::FIELDS.map(|(field, _)| field);
    if fields.contains(&name) {
        return Ok(());
    }
    Err(Fault(format!("asks for `{name}`; allowed: signal.…, {}", fields.join(", "))))
}

/// `a.b.c` of a chain of selections that begins with a name.
pub(super) fn qualified(mut expression: &Expr) -> Option<String> {
    let mut parts = Vec::new();
    loop {
        match expression {
            Expr::Ident(name) => {
                parts.push(name.as_str());
                parts.reverse();
                return Some(parts.join("."));
            }
            Expr::Select(select) if !select.test => {
                parts.push(select.field.as_str());
                expression = &select.operand.expr;
            }
            _ => return None,
        }
    }
}

/// What conditions ask of one view; every signal is computed at most once, and only if asked for.
pub(super) struct Answers<'v> {
    view: &'v View<'v>,
    card: Option<&'v Card>,
    signals: Vec<Known>,
}

/// The bits of a signal's number, once it was asked for. CEL wants what it asks to be shared between threads, so it is atomic;
/// nobody waits for anybody, since the same view always gives the same number.
struct Known(AtomicU64);

impl Known {
    /// The bits of a number that no signal has.
    const NOT_ASKED: u64 = u64::MAX;

    const fn new() -> Self {
        Self(AtomicU64::new(Self::NOT_ASKED))
    }

    fn get(&self, compute: impl FnOnce() -> f64) -> f64 {
        let bits = self.0.load(Ordering::Relaxed);
        if bits != Self::NOT_ASKED {
            return f64::from_bits(bits);
        }
        let number = compute();
        self.0.store(number.to_bits(), Ordering::Relaxed);
        number
    }
}

impl<'v> Answers<'v> {
    pub(super) fn new(view: &'v View<'v>, card: Option<&'v Card>) -> Self {
        Self { view, card, signals: Signal::ALL.iter().map(|_| Known::new()).collect() }
    }

    fn signal(&self, name: &str) -> Option<CowVal<'_, '_>> {
        let signal = Signal::from_name(name)?;
        let number = self.number(signal);
        Some(match signal.about().unit {
            Unit::Flag => CowVal::owned(CelBool::from(number > 0.0)),
            _ => CowVal::owned(CelDouble::from(number)),
        })
    }

    /// A signal as conditions see it: 1 and 0 for flags.
    pub(super) fn number(&self, signal: Signal) -> f64 {
        let compute = || match signal {
            Signal::ModelRisk => self.card.map_or(0.0, |card| card.points(|part| self.number(part)).into()),
            _ => signal.value(self.view).unwrap_or(match signal.about().unit {
                Unit::Hours | Unit::Days => f64::INFINITY,
                _ => 0.0,
            }),
        };
        self.signals.get(signal.place()).map_or(0.0, |known| known.get(compute))
    }

    /// Whether something is given at all.
    pub(super) fn given(&self, given: Given) -> bool {
        let event = self.view.event;
        match given {
            Given::Ip => event.ip.is_some(),
            Given::Device => event.device.is_some(),
            Given::Asn => event.place.asn.is_some(),
            Given::Customer => self.view.customer.first_s > 0,
        }
    }

    fn field(&self, name: &str) -> Option<CowVal<'_, '_>> {
        let (event, customer) = (self.view.event, self.view.customer);
        let text = |text: Option<&'static str>| CowVal::owned(CelString::from(text.unwrap_or("")));
        let yes = |yes: bool| CowVal::owned(CelBool::from(yes));
        let whole = |number: i64| CowVal::owned(CelInt::from(number));
        if let Some(given) = Given::from_name(name) {
            return Some(yes(self.given(given)));
        }
        Some(match name {
            "event.kind" => text(Some(event.kind.as_str())),
            "event.channel" => text(event.channel.map(model::Channel::as_str)),
            "event.outcome" => text(Some(event.outcome.as_str())),
            "event.credential" => text(event.credential.map(model::Credential::as_str)),
            "event.factor" => text(event.factor.map(model::Factor::as_str)),
            "event.contact" => text(event.contact.map(model::ContactType::as_str)),
            "event.buys" => yes(event.order.is_some_and(|order| order.buys)),
            "event.country" => {
                let letters =
                    event.place.country.as_ref().and_then(|letters| std::str::from_utf8(letters).ok());
                CowVal::owned(CelString::from(letters.unwrap_or("")))
            }
            "event.asn" => whole(event.place.asn.map_or(0, i64::from)),
            "event.amount" => whole(event.amount.as_ref().map_or(0, |amount| amount.minor)),
            "event.currency" => text(event.amount.as_ref().map(|amount| amount.currency.as_str())),
            "customer.logins" => whole(i64::from(customer.logins)),
            "customer.age_days" => {
                // Who was seen before the day that is told is no newer for it.
                let seen_s = (customer.first_s > 0).then_some(customer.first_s);
                let since = customer.opened_s.into_iter().chain(seen_s).min();
                let days = since.map_or(0, |since| {
                    event.time.as_us().saturating_sub(crate::record::customer::as_us(since))
                        / model::time::DAY_US
                });
                CowVal::owned(CelDouble::from(parts_to_f64(u64::try_from(days).unwrap_or(0))))
            }
            _ => return None,
        })
    }
}

impl VariableResolver for Answers<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        match variable.strip_prefix("signal.") {
            Some(name) => self.signal(name),
            None => self.field(variable),
        }
    }
}
