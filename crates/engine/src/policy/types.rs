//! What the parts of a condition are: yes or no, numbers, text, words of closed vocabularies. What could never be so, or could
//! not be computed, is found here before it becomes a rule that never fires. Must not know any event.

use cel::Program;
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use model::{Channel, ContactType, Credential, Currency, EventKind, Factor, Outcome};

use super::condition::{Fault, qualified};
use crate::signal::{Signal, Unit};

/// What a condition can ask of the event and the customer.
pub(super) const FIELDS: [(&str, Type); 17] = [
    ("event.kind", Type::Word(Vocabulary::Kind)),
    ("event.channel", Type::Word(Vocabulary::Channel)),
    ("event.outcome", Type::Word(Vocabulary::Outcome)),
    ("event.credential", Type::Word(Vocabulary::Credential)),
    ("event.factor", Type::Word(Vocabulary::Factor)),
    ("event.country", Type::Word(Vocabulary::Country)),
    ("event.asn", Type::Whole),
    ("event.amount", Type::Whole),
    ("event.currency", Type::Word(Vocabulary::Currency)),
    ("event.buys", Type::Flag),
    ("event.contact", Type::Word(Vocabulary::Contact)),
    ("event.has_ip", Type::Flag),
    ("event.has_device", Type::Flag),
    ("event.has_asn", Type::Flag),
    ("customer.known", Type::Flag),
    ("customer.logins", Type::Whole),
    ("customer.age_days", Type::Decimal),
];

/// Functions that are called on a text.
const OF_TEXT: [&str; 3] = ["contains", "startsWith", "endsWith"];
/// Functions that make one type of another.
const CONVERSIONS: [(&str, Type); 5] = [
    ("int", Type::Whole),
    ("uint", Type::Unsigned),
    ("double", Type::Decimal),
    ("string", Type::Text),
    ("bool", Type::Flag),
];

/// What a part of a condition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Flag,
    Whole,
    Unsigned,
    Decimal,
    Text,
    /// Text out of a closed vocabulary.
    Word(Vocabulary),
    Bytes,
    Null,
    List,
    Map,
    /// It depends on what is known only when the condition is computed.
    Unknown,
}

/// The words that a field can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vocabulary {
    Kind,
    Channel,
    Outcome,
    Credential,
    Factor,
    Contact,
    Country,
    Currency,
}

impl Vocabulary {
    const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Kind => EventKind::WORDS,
            Self::Channel => Channel::WORDS,
            Self::Outcome => Outcome::WORDS,
            Self::Credential => Credential::WORDS,
            Self::Factor => Factor::WORDS,
            Self::Contact => ContactType::WORDS,
            Self::Country | Self::Currency => &[],
        }
    }

    /// Whether events may lack it: then it is `""`.
    const fn may_lack(self) -> bool {
        !matches!(self, Self::Kind | Self::Outcome)
    }

    fn knows(self, word: &str) -> bool {
        match self {
            _ if word.is_empty() => self.may_lack(),
            Self::Country => word.len() == 2 && word.bytes().all(|letter| letter.is_ascii_uppercase()),
            Self::Currency => word.parse::<Currency>().is_ok(),
            _ => self.words().contains(&word),
        }
    }

    fn allowed(self) -> String {
        let words = match self {
            Self::Country => "two capital letters such as JP".to_owned(),
            Self::Currency => "a code of ISO 4217 such as JPY".to_owned(),
            _ => self.words().join(", "),
        };
        if self.may_lack() { format!("{words}, or \"\"") } else { words }
    }
}

impl Type {
    const fn told(self) -> &'static str {
        match self {
            Self::Flag => "yes or no",
            Self::Whole => "a whole number",
            Self::Unsigned => "an unsigned whole number",
            Self::Decimal => "a number with a decimal point",
            Self::Text | Self::Word(_) => "a text",
            Self::Bytes => "bytes",
            Self::Null => "null",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Unknown => "not known before",
        }
    }

    const fn is_number(self) -> bool {
        matches!(self, Self::Whole | Self::Unsigned | Self::Decimal)
    }

    /// Whether it is this, as far as can be told.
    fn may_be(self, other: Self) -> bool {
        let plain = |each: Self| if let Self::Word(_) = each { Self::Text } else { each };
        self == Self::Unknown || other == Self::Unknown || plain(self) == plain(other)
    }

    /// Whether CEL compares the two: numbers of all types with each other, all else with its like.
    fn compares_with(self, other: Self) -> bool {
        self.may_be(other) || (self.is_number() && other.is_number())
    }

    const fn has_order(self) -> bool {
        !matches!(self, Self::List | Self::Map | Self::Null)
    }

    const fn of_literal(literal: &LiteralValue) -> Self {
        match literal {
            LiteralValue::Boolean(_) => Self::Flag,
            LiteralValue::Bytes(_) => Self::Bytes,
            LiteralValue::Double(_) => Self::Decimal,
            LiteralValue::Int(_) => Self::Whole,
            LiteralValue::Null => Self::Null,
            LiteralValue::String(_) => Self::Text,
            LiteralValue::UInt(_) => Self::Unsigned,
        }
    }

    fn of_name(name: &str) -> Self {
        if let Some(signal) = name.strip_prefix("signal.").and_then(Signal::from_name) {
            return if signal.about().unit == Unit::Flag { Self::Flag } else { Self::Decimal };
        }
        FIELDS.iter().find(|(field, _)| *field == name).map_or(Self::Unknown, |(_, kind)| *kind)
    }
}

/// Checks a condition whose names all exist: what it gives has to be yes or no.
pub(super) fn check(program: &Program) -> Result<(), Fault> {
    let checker = Checker { places: program.source_info() };
    let whole = program.expression();
    let gives = checker.type_of(whole)?;
    if gives.may_be(Type::Flag) {
        return Ok(());
    }
    Err(Fault(format!("gives {}, not yes or no; compare it with something", named(whole, gives))))
}

struct Checker<'p> {
    places: &'p SourceInfo,
}

impl Checker<'_> {
    fn type_of(&self, expression: &IdedExpr) -> Result<Type, Fault> {
        Ok(match &expression.expr {
            Expr::Literal(literal) => Type::of_literal(literal),
            Expr::Ident(_) | Expr::Select(_) => {
                qualified(&expression.expr).map_or(Type::Unknown, |name| Type::of_name(&name))
            }
            Expr::List(list) => {
                list.elements.iter().try_for_each(|each| self.type_of(each).map(drop))?;
                Type::List
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.type_of(&entry.key)?;
                        self.type_of(&entry.value)?;
                    }
                }
                Type::Map
            }
            Expr::Call(call) => match call.target.as_deref() {
                Some(target) => self.called_on(expression, target, call)?,
                None => self.called(expression, call)?,
            },
            Expr::Unspecified | Expr::Comprehension(_) | Expr::Struct(_) => Type::Unknown,
        })
    }

    /// A function on something: `event.country.startsWith("J")`.
    fn called_on(&self, whole: &IdedExpr, target: &IdedExpr, call: &CallExpr) -> Result<Type, Fault> {
        let name = call.func_name.as_str();
        let of = self.type_of(target)?;
        if name == "size" && call.args.is_empty() {
            return self.size(whole, target, of);
        }
        if !OF_TEXT.contains(&name) {
            return Err(self.no_function(whole, name));
        }
        let [argument] = call.args.as_slice() else {
            return Err(self.fault(whole, format!("gives `{name}` {} texts; allowed: one", call.args.len())));
        };
        for (part, is) in [(target, of), (argument, self.type_of(argument)?)] {
            if !is.may_be(Type::Text) {
                let problem = format!("asks `{name}` of {}; allowed: of texts", named(part, is));
                return Err(self.fault(whole, problem));
            }
        }
        Ok(Type::Flag)
    }

    fn called(&self, whole: &IdedExpr, call: &CallExpr) -> Result<Type, Fault> {
        let name = call.func_name.as_str();
        match (name, call.args.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, parts) => {
                parts.iter().try_for_each(|part| self.wants_flag(whole, part))?;
                Ok(Type::Flag)
            }
            (operators::CONDITIONAL, [wanted, one, other]) => {
                self.wants_flag(whole, wanted)?;
                let (one, other) = (self.type_of(one)?, self.type_of(other)?);
                Ok(if one == other { one } else { Type::Unknown })
            }
            (operators::EQUALS | operators::NOT_EQUALS, [left, right]) => {
                self.equal(whole, left, right)?;
                Ok(Type::Flag)
            }
            (
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
                [left, right],
            ) => {
                let (one, other) = (self.type_of(left)?, self.type_of(right)?);
                if !one.compares_with(other) || !one.has_order() || !other.has_order() {
                    return Err(self.never(whole, (left, one), (right, other)));
                }
                Ok(Type::Flag)
            }
            (operators::IN, [left, right]) => self.among(whole, left, right),
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO,
                [left, right],
            ) => self.calculated(whole, name, left, right),
            (operators::NEGATE, [part]) => {
                let is = self.type_of(part)?;
                if matches!(is, Type::Whole | Type::Decimal | Type::Unknown) {
                    return Ok(is);
                }
                Err(self.fault(whole, format!("negates {}; allowed: a number", named(part, is))))
            }
            (operators::INDEX | operators::OPT_INDEX, parts) => {
                parts.iter().try_for_each(|part| self.type_of(part).map(drop))?;
                Ok(Type::Unknown)
            }
            ("size", [part]) => self.size(whole, part, self.type_of(part)?),
            (name, [part]) => self.converted(whole, name, part),
            (name, _) => Err(self.no_function(whole, name)),
        }
    }

    fn wants_flag(&self, whole: &IdedExpr, part: &IdedExpr) -> Result<(), Fault> {
        let is = self.type_of(part)?;
        if is.may_be(Type::Flag) {
            return Ok(());
        }
        let problem = format!("takes {} for yes or no; compare it with something", named(part, is));
        Err(self.fault(whole, problem))
    }

    /// That two things can be equal: their types, and a word where it is compared with a text.
    fn equal(&self, whole: &IdedExpr, left: &IdedExpr, right: &IdedExpr) -> Result<(), Fault> {
        let (one, other) = (self.type_of(left)?, self.type_of(right)?);
        if !one.compares_with(other) {
            return Err(self.never(whole, (left, one), (right, other)));
        }
        let word = match ((one, text_of(right)), (other, text_of(left))) {
            ((Type::Word(words), Some(word)), _) | (_, (Type::Word(words), Some(word))) => (words, word),
            _ => return Ok(()),
        };
        let (words, word) = word;
        if words.knows(word) {
            return Ok(());
        }
        let field = if one == Type::Word(words) { left } else { right };
        let problem = format!(
            "compares {} with {}, which it never is; allowed: {}",
            shown(field),
            shown_text(word),
            words.allowed()
        );
        Err(self.fault(whole, problem))
    }

    fn among(&self, whole: &IdedExpr, left: &IdedExpr, right: &IdedExpr) -> Result<Type, Fault> {
        if let Expr::List(list) = &right.expr {
            list.elements.iter().try_for_each(|element| self.equal(whole, left, element))?;
            return Ok(Type::Flag);
        }
        self.type_of(left)?;
        let is = self.type_of(right)?;
        if matches!(is, Type::List | Type::Map | Type::Unknown) {
            return Ok(Type::Flag);
        }
        Err(self.fault(whole, format!("looks for something in {}; allowed: in a list", named(right, is))))
    }

    fn calculated(
        &self,
        whole: &IdedExpr,
        operator: &str,
        left: &IdedExpr,
        right: &IdedExpr,
    ) -> Result<Type, Fault> {
        let (one, other) = (self.type_of(left)?, self.type_of(right)?);
        let divides = matches!(operator, operators::DIVIDE | operators::MODULO);
        if divides && is_zero(right) {
            return Err(self.fault(whole, "divides by zero, which cannot be computed".to_owned()));
        }
        if one == Type::Unknown || other == Type::Unknown {
            return Ok(Type::Unknown);
        }
        let fits = match operator {
            operators::ADD => !matches!(one, Type::Flag | Type::Null | Type::Map),
            operators::MODULO => matches!(one, Type::Whole | Type::Unsigned),
            _ => one.is_number(),
        };
        if !fits || !one.may_be(other) {
            let (one, other) = (named(left, one), named(right, other));
            let problem = format!(
                "calculates with {one} and {other}; allowed: two numbers of one type, see int() and double()"
            );
            return Err(self.fault(whole, problem));
        }
        Ok(if let Type::Word(_) = one { Type::Text } else { one })
    }

    fn size(&self, whole: &IdedExpr, part: &IdedExpr, is: Type) -> Result<Type, Fault> {
        if matches!(is, Type::List | Type::Map | Type::Bytes) || is.may_be(Type::Text) {
            return Ok(Type::Whole);
        }
        Err(self
            .fault(whole, format!("asks for the size of {}; allowed: of a text or a list", named(part, is))))
    }

    fn converted(&self, whole: &IdedExpr, name: &str, part: &IdedExpr) -> Result<Type, Fault> {
        let is = self.type_of(part)?;
        let Some((_, to)) = CONVERSIONS.iter().find(|(known, _)| *known == name) else {
            return Err(self.no_function(whole, name));
        };
        let from_flag = matches!(to, Type::Text | Type::Flag);
        let fits = match is {
            Type::Flag => from_flag,
            Type::Bytes => *to == Type::Text,
            Type::Null | Type::List | Type::Map => false,
            Type::Whole | Type::Unsigned | Type::Decimal => *to != Type::Flag,
            Type::Text | Type::Word(_) | Type::Unknown => true,
        };
        if fits {
            return Ok(*to);
        }
        Err(self.fault(whole, format!("makes {} of {}, which cannot be", to.told(), named(part, is))))
    }

    fn never(&self, whole: &IdedExpr, left: (&IdedExpr, Type), right: (&IdedExpr, Type)) -> Fault {
        let (left, right) = (named(left.0, left.1), named(right.0, right.1));
        self.fault(whole, format!("compares {left} with {right}; allowed: things of one type"))
    }

    fn no_function(&self, whole: &IdedExpr, name: &str) -> Fault {
        let conversions = CONVERSIONS.map(|(name, _)| name).join(", ");
        let problem = format!(
            "calls a function `{name}` that does not exist, or not with that many arguments; allowed: {}, size, {conversions}",
            OF_TEXT.join(", ")
        );
        self.fault(whole, problem)
    }

    /// A fault with its place in the condition, from 1.
    fn fault(&self, at: &IdedExpr, problem: String) -> Fault {
        let place = self.places.offset_for(at.id).map_or(1, |(start, _)| start.saturating_add(1));
        Fault(format!("{problem}, at its character {place}"))
    }
}

/// A part as errors name it, and what it is.
fn named(part: &IdedExpr, is: Type) -> String {
    match shown(part) {
        text if text.is_empty() => is.told().to_owned(),
        text => format!("{text} ({})", is.told()),
    }
}

/// A name or a literal as it was written; nothing for what is longer.
fn shown(part: &IdedExpr) -> String {
    match &part.expr {
        Expr::Literal(LiteralValue::String(text)) => shown_text(text.inner()),
        Expr::Literal(LiteralValue::Int(number)) => format!("`{}`", number.inner()),
        Expr::Literal(LiteralValue::Double(number)) => format!("`{:?}`", number.inner()),
        Expr::Literal(LiteralValue::Boolean(yes)) => format!("`{}`", yes.inner()),
        other => qualified(other).map_or_else(String::new, |name| format!("`{name}`")),
    }
}

fn shown_text(text: &str) -> String {
    format!("{:?}", text.chars().take(32).collect::<String>())
}

fn text_of(part: &IdedExpr) -> Option<&str> {
    match &part.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn is_zero(part: &IdedExpr) -> bool {
    match &part.expr {
        Expr::Literal(LiteralValue::Int(number)) => *number.inner() == 0,
        Expr::Literal(LiteralValue::UInt(number)) => *number.inner() == 0,
        Expr::Literal(LiteralValue::Double(number)) => *number.inner() == 0.0,
        _ => false,
    }
}
