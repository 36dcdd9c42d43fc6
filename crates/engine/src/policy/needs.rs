//! What a condition needs: of `a && b && c` those parts that ask one signal for a flag, compare it with a number, ask whether
//! something is given, or are alternatives of such parts. If one of them is not so, the condition does not hold, and CEL need
//! not be asked: most rules do not fire on most events. Must not decide alone that a condition holds.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::condition::{Answers, qualified};
use crate::signal::{Signal, Unit};

/// One part.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Need {
    /// The flag is set, or not.
    Flag(Signal, bool),
    /// The number is compared so.
    Compared(Signal, Comparison, f64),
    /// It is given, or not.
    Given(Given, bool),
    /// One of these has all it needs; none of them is empty.
    Any(Vec<Vec<Need>>),
}

/// What an event or a customer may have or lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// The event's address.
    Ip,
    /// Its device.
    Device,
    /// The autonomous system of its address.
    Asn,
    /// A customer who was seen before.
    Customer,
}

impl Given {
    const ALL: [Self; 4] = [Self::Ip, Self::Device, Self::Asn, Self::Customer];

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|given| given.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ip => "event.has_ip",
            Self::Device => "event.has_device",
            Self::Asn => "event.has_asn",
            Self::Customer => "customer.known",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessEquals,
    Greater,
    GreaterEquals,
}

impl Comparison {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessEquals => "<=",
            Self::Greater => ">",
            Self::GreaterEquals => ">=",
        }
    }

    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessEquals => left <= right,
            Self::Greater => left > right,
            Self::GreaterEquals => left >= right,
        }
    }
}

impl Need {
    /// Whether it is so, by the numbers that conditions see: 1 and 0 for flags.
    pub(super) fn is_met(&self, answers: &Answers<'_>) -> bool {
        match self {
            Self::Flag(signal, wanted) => (answers.number(*signal) > 0.0) == *wanted,
            Self::Compared(signal, comparison, with) => comparison.holds(answers.number(*signal), *with),
            Self::Given(given, wanted) => answers.given(*given) == *wanted,
            Self::Any(alternatives) => {
                alternatives.iter().any(|needs| needs.iter().all(|need| need.is_met(answers)))
            }
        }
    }

    /// Whether it asks a signal other than this one; of alternatives, whether all do.
    pub(super) fn is_beside(&self, than: Signal) -> bool {
        match self {
            Self::Flag(signal, _) | Self::Compared(signal, ..) => *signal != than,
            Self::Given(..) => false,
            Self::Any(alternatives) => {
                alternatives.iter().all(|needs| needs.iter().any(|need| need.is_beside(than)))
            }
        }
    }

    /// What is needed, and what is: `signal.velocity >= 3 (is 1)`. Of alternatives, what each of them lacks.
    pub(super) fn told(&self, answers: &Answers<'_>) -> String {
        let not = |wanted: bool| if wanted { "" } else { "!" };
        match self {
            Self::Flag(signal, wanted) => {
                let is = answers.number(*signal) > 0.0;
                format!("{}signal.{} (is {is})", not(*wanted), signal.name())
            }
            Self::Compared(signal, comparison, with) => {
                let is = answers.number(*signal);
                let is = if is.is_infinite() { "not known".to_owned() } else { format!("{is:.2}") };
                format!("signal.{} {} {with} (is {is})", signal.name(), comparison.as_str())
            }
            Self::Given(given, wanted) => {
                format!("{}{} (is {})", not(*wanted), given.name(), answers.given(*given))
            }
            Self::Any(alternatives) => {
                let lacking = alternatives.iter().map(|needs| {
                    let unmet = needs.iter().filter(|need| !need.is_met(answers));
                    unmet.map(|need| need.told(answers)).collect::<Vec<_>>().join(" and ")
                });
                lacking.collect::<Vec<_>>().join(", or ")
            }
        }
    }
}

/// Everything a condition needs that can be told so simply.
pub(super) fn needs(expression: &IdedExpr) -> Vec<Need> {
    let mut found = Vec::new();
    collect(expression, &mut found);
    found
}

fn collect(expression: &IdedExpr, found: &mut Vec<Need>) {
    let Expr::Call(call) = &expression.expr else {
        found.extend(one(expression, true));
        return;
    };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::LOGICAL_AND, parts) => parts.iter().for_each(|part| collect(part, found)),
        (operators::LOGICAL_OR, parts) => {
            let alternatives: Vec<Vec<Need>> = parts.iter().map(needs).collect();
            // An alternative of which nothing is known may always be so.
            if alternatives.iter().all(|needs| !needs.is_empty()) {
                found.push(Need::Any(alternatives));
            }
        }
        (operators::LOGICAL_NOT, [part]) => found.extend(one(part, false)),
        (operator, [left, right]) => found.extend(compared(operator, left, right)),
        _ => {}
    }
}

/// A flag, or something given.
fn one(expression: &IdedExpr, wanted: bool) -> Option<Need> {
    let name = qualified(&expression.expr)?;
    if let Some(given) = Given::from_name(&name) {
        return Some(Need::Given(given, wanted));
    }
    let signal = Signal::from_name(name.strip_prefix("signal.")?)?;
    (signal.about().unit == Unit::Flag).then_some(Need::Flag(signal, wanted))
}

fn compared(operator: &str, left: &IdedExpr, right: &IdedExpr) -> Option<Need> {
    let comparison = match operator {
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::LessEquals,
        operators::GREATER => Comparison::Greater,
        operators::GREATER_EQUALS => Comparison::GreaterEquals,
        _ => return None,
    };
    let signal = Signal::from_name(qualified(&left.expr)?.strip_prefix("signal.")?)?;
    match &right.expr {
        Expr::Literal(LiteralValue::Double(number)) if signal.about().unit != Unit::Flag => {
            Some(Need::Compared(signal, comparison, *number.inner()))
        }
        _ => None,
    }
}
