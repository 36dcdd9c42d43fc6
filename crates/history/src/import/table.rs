//! Events from the cells of a mapped table, whether text (CSV) or typed (Parquet). Must not know how cells are stored.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use model::event::Share;
use model::{
    Address, Channel, Client, Credential, Currency, Event, EventKind, Factor, Invalid, Money, Outcome, Time,
};

use super::clock::Clock;
use super::mapping::{Column, Field, IGNORE, TableMapping};
use super::parser::{Fate, Out, Refusal, customer, reason_text};
use crate::HistoryError;
use crate::rows::Recorded;

/// A cell as its source holds it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Text, or a number printed.
    Text(Cow<'a, str>),
    /// A point in time, microseconds since 1970.
    Instant(i64),
    /// A time without zone.
    Local(DateTime),
}

/// Where the cells of one record are.
pub(crate) trait Source {
    /// The cell in this column, from 0; `None` if it is null or there is no such column.
    fn cell(&self, column: usize) -> Option<Cell<'_>>;
}

/// A mapping applied to the columns of one file.
pub(crate) struct Table {
    /// The column of each field, by the field's position.
    places: [Option<usize>; Field::COUNT],
    kinds: Words<EventKind>,
    outcomes: Words<Outcome>,
    channels: Words<Channel>,
    credentials: Words<Credential>,
    factors: Words<Factor>,
    currency: Option<Currency>,
    empty: Vec<String>,
    clock: Clock,
}

impl Table {
    /// Finds the mapped columns among `names`; `names` is `None` where there is no header.
    pub(crate) fn new(
        mapping: &TableMapping,
        names: Option<&[String]>,
        zone: Option<TimeZone>,
    ) -> Result<Self, HistoryError> {
        let mut places = [None; Field::COUNT];
        for (field, column) in &mapping.columns {
            if let Some(slot) = places.get_mut(field.position()) {
                *slot = Some(place(column, names)?);
            }
        }
        let usage = |problem: String| HistoryError::Usage(format!("mapping: {problem}"));
        let currency = mapping.defaults.amount_currency.as_deref().map(str::parse::<Currency>).transpose();
        let (values, defaults) = (&mapping.values, &mapping.defaults);
        Ok(Self {
            places,
            kinds: Words::new("kind", &values.kind, defaults.kind.as_deref()).map_err(usage)?,
            outcomes: Words::new("outcome", &values.outcome, defaults.outcome.as_deref()).map_err(usage)?,
            channels: Words::new("channel", &values.channel, defaults.channel.as_deref()).map_err(usage)?,
            credentials: Words::new("credential", &values.credential, defaults.credential.as_deref())
                .map_err(usage)?,
            factors: Words::new("factor", &values.factor, defaults.factor.as_deref()).map_err(usage)?,
            currency: currency.map_err(|invalid| usage(format!("defaults.amount_{invalid}")))?,
            empty: mapping.csv.empty.clone(),
            clock: Clock { form: mapping.time_form().map_err(usage)?, zone },
        })
    }

    /// The same table where only the columns `kept` are there, in this order.
    pub(crate) fn among(mut self, kept: &[usize]) -> Self {
        for place in self.places.iter_mut().flatten() {
            *place = kept.iter().position(|each| each == place).unwrap_or(usize::MAX);
        }
        self
    }

    /// The columns that are needed.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        self.places.iter().copied().flatten()
    }

    /// Turns one record into a row, or leaves it out where the mapping says so.
    pub(crate) fn record(&self, source: &dyn Source, line: u64, out: &mut Out<'_>) -> Result<Fate, Refusal> {
        let cell = |field: Field| {
            let cell = source.cell((*self.places.get(field.position())?)?)?.trimmed();
            let empty = |text: &str| text.is_empty() || self.empty.iter().any(|empty| empty == text);
            (!matches!(&cell, Cell::Text(text) if empty(text))).then_some(cell)
        };
        let text = |field: Field| cell(field).map(Cell::into_text);
        let (kind, outcome) =
            (self.kinds.read(text(Field::Kind))?, self.outcomes.read(text(Field::Outcome))?);
        let (Some(kind), Some(outcome)) = (kind.needed("kind")?, outcome.needed("outcome")?) else {
            return Ok(Fate::ignored("left out by the mapping"));
        };
        let time = self.time(cell(Field::Time))?;
        let id = match text(Field::Id) {
            Some(id) => id.parse()?,
            None => out.made_id(line, None)?,
        };
        let mut event = Event::bare(id, time, kind, outcome);
        event.customer = text(Field::Customer).map(|text| customer(&text)).transpose()?;
        if event.customer.is_none() && !matches!(kind, EventKind::Login | EventKind::PaymentInstruction) {
            let problem =
                format!("absent; allowed: only a `login` may name nobody, `{kind}` must name its customer");
            return Err(Invalid::new("customer", problem).into());
        }
        event.client = client(&text, out)?;
        event.channel = self.channels.read(text(Field::Channel))?.value();
        event.credential = self.credentials.read(text(Field::Credential))?.value();
        event.factor = self.factors.read(text(Field::Factor))?.value();
        event.reason = text(Field::Reason).and_then(|text| reason_text(&text));
        event.username_hash = parsed(text(Field::UsernameHash))?;
        self.money(&text, &mut event)?;
        let recorded = Recorded {
            country: text(Field::Country).map(|text| country(&text)).transpose()?.flatten(),
            asn: text(Field::Asn).map(|text| asn(&text)).transpose()?.flatten(),
        };
        out.push(&event, recorded);
        Ok(Fate::Rows)
    }

    fn time(&self, cell: Option<Cell<'_>>) -> Result<Time, Refusal> {
        match cell {
            None => Err(Invalid::new("time", "absent; every event has a time").into()),
            Some(Cell::Text(text)) => self.clock.read(&text),
            Some(Cell::Local(local)) => self.clock.local(local, &local.to_string()),
            Some(Cell::Instant(us)) => Time::from_us(us).ok_or_else(|| {
                Invalid::value("time", &us.to_string(), "the years 1970 to 9999, in microseconds").into()
            }),
        }
    }

    fn money<'t>(
        &self,
        text: &impl Fn(Field) -> Option<Cow<'t, str>>,
        event: &mut Event,
    ) -> Result<(), Refusal> {
        if let Some(minor) = text(Field::AmountMinor) {
            let allowed = "a whole number of minor units (yen, cents), zero or more";
            let units =
                minor.parse::<i64>().map_err(|_other| Invalid::value("amount.minor", &minor, allowed))?;
            let currency =
                text(Field::AmountCurrency).map(|code| code.parse()).transpose()?.or(self.currency);
            let Some(currency) = currency else {
                let problem = "absent; give columns.amount_currency or defaults.amount_currency";
                return Err(Invalid::new("amount.currency", problem).into());
            };
            event.amount = Some(Money::new(units, currency)?);
        }
        if let Some(share) = text(Field::BalanceShare)
            && event.kind.moves_money()
        {
            let fraction = share
                .parse::<f64>()
                .map_err(|_other| Invalid::value("balance_share", &share, "a number from 0 to 1"))?;
            event.balance_share = Some(Share::from_fraction(fraction)?);
        }
        Ok(())
    }
}

fn client<'t>(text: &impl Fn(Field) -> Option<Cow<'t, str>>, out: &mut Out<'_>) -> Result<Client, Refusal> {
    Ok(Client {
        ip: parsed::<Address>(text(Field::Ip))?,
        user_agent: text(Field::UserAgent).and_then(|agent| out.user_agent(&agent)),
        device: parsed(text(Field::Device))?,
        ja4: parsed(text(Field::Ja4))?,
        session: parsed(text(Field::Session))?,
        language: parsed(text(Field::Language))?,
    })
}

fn parsed<T: std::str::FromStr<Err = Invalid>>(text: Option<Cow<'_, str>>) -> Result<Option<T>, Refusal> {
    Ok(text.map(|text| text.parse::<T>()).transpose()?)
}

impl<'a> Cell<'a> {
    fn trimmed(self) -> Self {
        match self {
            Self::Text(Cow::Borrowed(text)) => Self::Text(Cow::Borrowed(text.trim())),
            other => other,
        }
    }

    pub(crate) fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Instant(us) => Cow::Owned(us.to_string()),
            Self::Local(local) => Cow::Owned(local.to_string()),
        }
    }
}

/// A country as two letters; `-` and `ZZ` mean unknown.
pub(crate) fn country(text: &str) -> Result<Option<[u8; 2]>, Refusal> {
    match text.as_bytes() {
        b"" | b"-" | b"ZZ" | b"zz" => Ok(None),
        [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
            Ok(Some([first.to_ascii_uppercase(), second.to_ascii_uppercase()]))
        }
        _ => Err(Invalid::value("country", text, "two letters of ISO 3166-1, or - for unknown").into()),
    }
}

/// An autonomous system's number, with or without `AS`; `-` and 0 mean unknown.
pub(crate) fn asn(text: &str) -> Result<Option<u32>, Refusal> {
    let digits = text.strip_prefix("AS").or_else(|| text.strip_prefix("as")).unwrap_or(text);
    if matches!(digits, "" | "-" | "0") {
        return Ok(None);
    }
    let number =
        digits.parse().map_err(|_other| Invalid::value("asn", text, "a number below 2^32, or - for unknown"));
    Ok(Some(number?))
}

fn place(column: &Column, names: Option<&[String]>) -> Result<usize, HistoryError> {
    const SHOWN: usize = 40;
    match (column, names) {
        (Column::Number(number), None) => Ok(number.saturating_sub(1)),
        (Column::Number(number), Some(names)) if *number <= names.len() => Ok(number.saturating_sub(1)),
        (Column::Name(name), Some(names)) => names.iter().position(|each| each == name).ok_or_else(|| {
            let known: Vec<_> = names.iter().take(SHOWN).map(String::as_str).collect();
            HistoryError::Usage(format!(
                "mapping: there is no column {name:?}; the columns are: {}",
                known.join(", ")
            ))
        }),
        (column, _) => Err(HistoryError::Usage(format!("mapping: there is no column {column:?}"))),
    }
}

/// What a cell says in a closed vocabulary.
enum Word<T> {
    Is(T),
    Absent,
    /// The mapping says [`IGNORE`].
    Ignored,
}

impl<T> Word<T> {
    /// `None` where the mapping leaves the record out.
    fn needed(self, field: &str) -> Result<Option<T>, Refusal> {
        match self {
            Self::Is(value) => Ok(Some(value)),
            Self::Ignored => Ok(None),
            Self::Absent => {
                let problem = format!("absent, and the mapping has no defaults.{field}");
                Err(Invalid::new(field, problem).into())
            }
        }
    }

    fn value(self) -> Option<T> {
        if let Self::Is(value) = self { Some(value) } else { None }
    }
}

/// A closed vocabulary with a source's own words for it. `None` stands for [`IGNORE`].
struct Words<T> {
    field: &'static str,
    theirs: HashMap<String, Option<T>>,
    default: Option<T>,
}

impl<T: Copy + std::str::FromStr<Err = Invalid>> Words<T> {
    fn new(
        field: &'static str,
        values: &BTreeMap<String, String>,
        default: Option<&str>,
    ) -> Result<Self, String> {
        let parse = |word: &str| word.parse::<T>().map_err(|invalid| invalid.problem);
        let mut theirs = HashMap::new();
        for (their, our) in values {
            let ours = if our == IGNORE { Ok(None) } else { parse(our).map(Some) };
            let ours = ours.map_err(|problem| format!("values.{field}: {problem}, {IGNORE}"))?;
            theirs.insert(their.clone(), ours);
        }
        let default =
            default.map(parse).transpose().map_err(|problem| format!("defaults.{field}: {problem}"))?;
        Ok(Self { field, theirs, default })
    }

    /// The value for a cell: by the mapping, or because it is our own word, or the default.
    fn read(&self, cell: Option<Cow<'_, str>>) -> Result<Word<T>, Refusal> {
        let Some(word) = cell else { return Ok(self.default.map_or(Word::Absent, Word::Is)) };
        if let Some(mapped) = self.theirs.get(word.as_ref()) {
            return Ok(mapped.map_or(Word::Ignored, Word::Is));
        }
        word.parse::<T>().map(Word::Is).map_err(|invalid| {
            let problem =
                format!("{}; or a word listed in the mapping's [values.{}]", invalid.problem, self.field);
            Invalid::new(self.field, problem).into()
        })
    }
}
