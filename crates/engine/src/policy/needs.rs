//! What a condition needs: of `a && b && c` those parts that ask one signal for a flag or compare it with a number. If one of
//! them is not so, the condition does not hold, and CEL need not be asked: most rules do not fire on most events. Must not
//! decide alone that a condition holds.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::condition::qualified;
use crate::signal::{Signal, Unit};

/// One part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Need {
    /// The flag is set, or not.
    Flag(Signal, bool),
    /// The number is compared so.
    Compared(Signal, Comparison, f64),
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
    pub(super) fn is_met(self, number: impl Fn(Signal) -> f64) -> bool {
        match self {
            Self::Flag(signal, wanted) => (number(signal) > 0.0) == wanted,
            Self::Compared(signal, comparison, with) => comparison.holds(number(signal), with),
        }
    }

    /// What is needed, and what is: `signal.velocity >= 3 (is 1)`.
    pub(super) fn told(self, number: impl Fn(Signal) -> f64) -> String {
        match self {
            Self::Flag(signal, wanted) => {
                format!(
                    "{}signal.{} (is {})",
                    if wanted { "" } else { "!" },
                    signal.name(),
                    number(signal) > 0.0
                )
            }
            Self::Compared(signal, comparison, with) => {
                let is = number(signal);
                let is = if is.is_infinite() { "not known".to_owned() } else { format!("{is:.2}") };
                format!("signal.{} {} {with} (is {is})", signal.name(), comparison.as_str())
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
    match &expression.expr {
        Expr::Call(call) if call.func_name == operators::LOGICAL_AND => {
            call.args.iter().for_each(|part| collect(part, found));
        }
        Expr::Call(call) => match call.args.as_slice() {
            [part] if call.func_name == operators::LOGICAL_NOT => {
                found.extend(flag(part).map(|signal| Need::Flag(signal, false)));
            }
            [left, right] => found.extend(compared(&call.func_name, left, right)),
            _ => {}
        },
        _ => found.extend(flag(expression).map(|signal| Need::Flag(signal, true))),
    }
}

fn signal(expression: &IdedExpr) -> Option<Signal> {
    Signal::from_name(qualified(&expression.expr)?.strip_prefix("signal.")?)
}

fn flag(expression: &IdedExpr) -> Option<Signal> {
    signal(expression).filter(|signal| signal.about().unit == Unit::Flag)
}

fn compared(operator: &str, left: &IdedExpr, right: &IdedExpr) -> Option<Need> {
    let comparison = match operator {
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::LessEquals,
        operators::GREATER => Comparison::Greater,
        operators::GREATER_EQUALS => Comparison::GreaterEquals,
        _ => return None,
    };
    let signal = signal(left).filter(|signal| signal.about().unit != Unit::Flag)?;
    match &right.expr {
        Expr::Literal(LiteralValue::Double(number)) => {
            Some(Need::Compared(signal, comparison, *number.inner()))
        }
        _ => None,
    }
}
