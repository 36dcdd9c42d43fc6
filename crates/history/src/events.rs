//! Rows of history back into events: what [`crate::rows`] turned into columns. Must not know what is done with them.
//!
//! Not everything comes back. Of a bank account history keeps bank, branch and a keyed hash, none of which is an account; of a
//! contact only its type. Country and autonomous system are not part of an event.

use std::ops::RangeInclusive;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type};
use arrow_array::{Array as _, DictionaryArray, PrimitiveArray, RecordBatch, StringArray};
use model::event::{EventId, Share};
use model::{
    Channel, Client, Contact, ContactType, Credential, Event, EventKind, Factor, Invalid, Money, Order,
    Outcome, Time,
};

use crate::files::HistoryFile;
use crate::rows::Recorded;
use crate::schema::column;
use crate::{HistoryError, Watch, compact, reading};

/// A row as an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its number in the file, from 1.
    pub row: u64,
    /// The event.
    pub event: Event,
    /// Whether the row has an identifier; else the event has `-`.
    pub has_id: bool,
    /// What stands beside the event.
    pub beside: Beside,
}

/// What a row holds that is no part of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// Country and autonomous system recorded with the event.
    pub recorded: Recorded,
    /// The bank account's keyed hash where a server wrote it, 16 hexadecimal digits; who has its secret knows what it names.
    pub account_key: Option<u64>,
    /// `0001-001`: bank and branch.
    pub bank_branch: Option<String>,
}

/// A row that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoEvent {
    /// Its number in the file, from 1.
    pub row: u64,
    /// The column, what it holds, what is allowed.
    pub invalid: Invalid,
}

/// Reads every row of a file, in the file's order. Memory: one batch of 16,384 rows.
///
/// # Errors
/// The file cannot be read, `each` fails, or `watch` says stop.
pub fn read<E: From<HistoryError>>(
    file: &HistoryFile,
    watch: &Watch,
    mut each: impl FnMut(Result<Told, NoEvent>) -> Result<(), E>,
) -> Result<(), E> {
    let mut row = 0_u64;
    for group in 0..file.metadata.metadata().num_row_groups() {
        for batch in reading::open(file, group, &[], None)? {
            watch.check()?;
            let batch = compact::conform(&file.path, &batch?)?;
            let columns = Columns::of(file, &batch)?;
            for place in 0..batch.num_rows() {
                row = row.saturating_add(1);
                each(columns.told(place, row))?;
            }
        }
    }
    Ok(())
}

/// Reads the rows of a file whose times, microseconds since 1970, are of a span, in the file's order. Memory: one batch of rows, and
/// 8 bytes for each row of the span.
///
/// # Errors
/// As [`read`].
pub fn read_span<E: From<HistoryError>>(
    file: &HistoryFile,
    span: &RangeInclusive<i64>,
    watch: &Watch,
    mut each: impl FnMut(Result<Told, NoEvent>) -> Result<(), E>,
) -> Result<(), E> {
    let mut before = 0_u64;
    for group in 0..file.metadata.metadata().num_row_groups() {
        let mut chosen = Vec::new();
        times_of_group(file, group, span, watch, |row, time_us| {
            if span.contains(&time_us) {
                chosen.push(row);
            }
        })?;
        if chosen.is_empty() {
            before = before.saturating_add(file.group_rows(group));
            continue;
        }
        let mut rows = chosen.iter();
        reading::read_chosen(file, group, &[], chosen.iter().copied(), |batch, places| {
            watch.check()?;
            let batch = compact::conform(&file.path, batch)?;
            let columns = Columns::of(file, &batch)?;
            for (place, row) in places.iter().zip(rows.by_ref()) {
                let row = u64::try_from(*row).unwrap_or(u64::MAX).saturating_add(1);
                each(columns.told(*place, before.saturating_add(row)))?;
            }
            Ok::<_, E>(())
        })?;
        before = before.saturating_add(file.group_rows(group));
    }
    Ok(())
}

/// Shows the times of a file's rows, microseconds since 1970: of all that are of a span, and of some that are not.
///
/// # Errors
/// The file cannot be read, or `watch` says stop.
pub fn times(
    file: &HistoryFile,
    span: &RangeInclusive<i64>,
    watch: &Watch,
    mut each: impl FnMut(i64),
) -> Result<(), HistoryError> {
    let groups = 0..file.metadata.metadata().num_row_groups();
    groups.into_iter().try_for_each(|group| times_of_group(file, group, span, watch, |_, time| each(time)))
}

/// The same with a row's number in its group, from 0.
fn times_of_group(
    file: &HistoryFile,
    group: usize,
    span: &RangeInclusive<i64>,
    watch: &Watch,
    mut each: impl FnMut(usize, i64),
) -> Result<(), HistoryError> {
    let known = file.range(group, column::TIME);
    if known.is_some_and(|(first, last)| last < *span.start() || first > *span.end()) {
        return Ok(());
    }
    let mut before = 0_usize;
    for batch in reading::open(file, group, &[column::TIME], None)? {
        watch.check()?;
        let batch = batch?;
        let wrong = || reading::wrong_type(file, column::TIME);
        let times = batch.column_by_name(column::TIME).ok_or_else(wrong)?;
        let times = times.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(wrong)?;
        times.values().iter().zip(before..).for_each(|(time, row)| each(row, *time));
        before = before.saturating_add(batch.num_rows());
    }
    Ok(())
}

/// A batch's columns, with the words of dictionaries parsed once.
struct Columns<'a> {
    time: &'a PrimitiveArray<TimestampMicrosecondType>,
    id: &'a StringArray,
    customer: &'a StringArray,
    ip: &'a StringArray,
    device: &'a StringArray,
    session: &'a StringArray,
    username_hash: &'a StringArray,
    order: &'a StringArray,
    amount_minor: &'a PrimitiveArray<Int64Type>,
    balance_share: &'a PrimitiveArray<UInt32Type>,
    kind: Words<'a, EventKind>,
    outcome: Words<'a, Outcome>,
    channel: Words<'a, Channel>,
    user_agent: Words<'a, model::client::UserAgentText>,
    ja4: Words<'a, model::client::Ja4>,
    language: Words<'a, model::client::Language>,
    reason: Words<'a, model::event::Reason>,
    credential: Words<'a, Credential>,
    factor: Words<'a, Factor>,
    amount_currency: Words<'a, model::Currency>,
    contact_type: Words<'a, ContactType>,
    account_key: &'a StringArray,
    bank_branch: &'a StringArray,
    country: Words<'a, Letters>,
    asn: &'a PrimitiveArray<UInt32Type>,
}

/// A country.
#[derive(Debug, Clone, Copy)]
struct Letters([u8; 2]);

impl std::str::FromStr for Letters {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let letters: Result<[u8; 2], _> = text.as_bytes().try_into();
        letters.map(Self).map_err(|_| Invalid::value(column::COUNTRY, text, "two letters"))
    }
}

impl<'a> Columns<'a> {
    fn of(file: &HistoryFile, batch: &'a RecordBatch) -> Result<Self, HistoryError> {
        let found = |name: &str| batch.column_by_name(name).ok_or_else(|| reading::wrong_type(file, name));
        let text =
            |name: &str| found(name)?.as_string_opt::<i32>().ok_or_else(|| reading::wrong_type(file, name));
        Ok(Self {
            time: found(column::TIME)?
                .as_primitive_opt()
                .ok_or_else(|| reading::wrong_type(file, column::TIME))?,
            id: text(column::ID)?,
            customer: text(column::CUSTOMER)?,
            ip: text(column::IP)?,
            device: text(column::DEVICE)?,
            session: text(column::SESSION)?,
            username_hash: text(column::USERNAME_HASH)?,
            order: text(column::ORDER)?,
            amount_minor: found(column::AMOUNT_MINOR)?
                .as_primitive_opt()
                .ok_or_else(|| reading::wrong_type(file, column::AMOUNT_MINOR))?,
            balance_share: found(column::BALANCE_SHARE_PPM)?
                .as_primitive_opt()
                .ok_or_else(|| reading::wrong_type(file, column::BALANCE_SHARE_PPM))?,
            kind: Words::of(file, batch, column::KIND)?,
            outcome: Words::of(file, batch, column::OUTCOME)?,
            channel: Words::of(file, batch, column::CHANNEL)?,
            user_agent: Words::of(file, batch, column::USER_AGENT)?,
            ja4: Words::of(file, batch, column::JA4)?,
            language: Words::of(file, batch, column::LANGUAGE)?,
            reason: Words::of(file, batch, column::REASON)?,
            credential: Words::of(file, batch, column::CREDENTIAL)?,
            factor: Words::of(file, batch, column::FACTOR)?,
            amount_currency: Words::of(file, batch, column::AMOUNT_CURRENCY)?,
            contact_type: Words::of(file, batch, column::CONTACT_TYPE)?,
            account_key: text(column::BANK_ACCOUNT_KEY)?,
            bank_branch: text(column::BANK_BRANCH)?,
            country: Words::of(file, batch, column::COUNTRY)?,
            asn: found(column::ASN)?
                .as_primitive_opt()
                .ok_or_else(|| reading::wrong_type(file, column::ASN))?,
        })
    }

    /// The event of a row that has this number in the file, and what stands beside it.
    fn told(&self, place: usize, row: u64) -> Result<Told, NoEvent> {
        let told = self.event(place).map(|(event, has_id)| {
            let beside = self.beside(place);
            Told { row, event, has_id, beside }
        });
        told.map_err(|invalid| NoEvent { row, invalid })
    }

    /// What stands beside the event of a row; what is not in its form is not known.
    fn beside(&self, row: usize) -> Beside {
        let text = |texts: &'a StringArray| (!texts.is_null(row)).then(|| texts.value(row));
        let country = self.country.value(row).ok().flatten();
        Beside {
            recorded: Recorded {
                country: country.map(|Letters(letters)| letters),
                asn: (!self.asn.is_null(row)).then(|| self.asn.value(row)),
            },
            account_key: text(self.account_key)
                .filter(|key| key.len() == 16)
                .and_then(|key| u64::from_str_radix(key, 16).ok()),
            bank_branch: text(self.bank_branch).map(str::to_owned),
        }
    }

    /// The event of a row, and whether it has an identifier of its own.
    fn event(&self, row: usize) -> Result<(Event, bool), Invalid> {
        let id = parse::<EventId>(self.id, row)?;
        let has_id = id.is_some();
        let kind = self.kind.required(row, column::KIND)?;
        let contact = self.contact_type.value(row)?.map(|r#type| Contact { r#type, old: None, new: None });
        let share = (!self.balance_share.is_null(row)).then(|| self.balance_share.value(row));
        let event = Event {
            id: id.map_or_else(|| "-".parse(), Ok)?,
            time: time(self.time.value(row))?,
            kind,
            customer: parse(self.customer, row)?,
            channel: self.channel.value(row)?,
            client: Client {
                ip: parse(self.ip, row)?,
                user_agent: self.user_agent.value(row)?,
                device: parse(self.device, row)?,
                ja4: self.ja4.value(row)?,
                session: parse(self.session, row)?,
                language: self.language.value(row)?,
            },
            outcome: self.outcome.required(row, column::OUTCOME)?,
            reason: self.reason.value(row)?,
            credential: self.credential.value(row)?,
            factor: self.factor.value(row)?,
            username_hash: parse(self.username_hash, row)?,
            amount: self.amount(row)?,
            balance_share: share.and_then(Share::from_ppm).filter(|_| kind.moves_money()),
            bank_account: None,
            contact: contact.filter(|_| kind == EventKind::ContactChange),
            order: self.order(row)?.filter(|_| kind == EventKind::Order),
            payment: None,
        };
        Ok((event, has_id))
    }

    fn amount(&self, row: usize) -> Result<Option<Money>, Invalid> {
        let currency = self.amount_currency.value(row)?;
        let minor = (!self.amount_minor.is_null(row)).then(|| self.amount_minor.value(row));
        Ok(minor.zip(currency).map(|(minor, currency)| Money { minor, currency }))
    }

    fn order(&self, row: usize) -> Result<Option<Order>, Invalid> {
        if self.order.is_null(row) {
            return Ok(None);
        }
        let read = serde_json::from_str(self.order.value(row));
        read.map(Some).map_err(|error| Invalid::new(column::ORDER, error.to_string()))
    }
}

fn time(us: i64) -> Result<Time, Invalid> {
    Time::from_us(us).ok_or_else(|| Invalid::value(column::TIME, &us.to_string(), "the years 1970 to 9999"))
}

/// A text column's value; nothing for null and for an empty text.
fn parse<T: std::str::FromStr<Err = Invalid>>(texts: &StringArray, row: usize) -> Result<Option<T>, Invalid> {
    if texts.is_null(row) || texts.value(row).is_empty() {
        return Ok(None);
    }
    texts.value(row).parse().map(Some)
}

/// A dictionary column whose values are parsed once for all rows.
struct Words<'a, T> {
    keys: &'a PrimitiveArray<Int32Type>,
    values: Vec<Result<T, Invalid>>,
}

impl<'a, T: Clone + std::str::FromStr<Err = Invalid>> Words<'a, T> {
    fn of(file: &HistoryFile, batch: &'a RecordBatch, name: &str) -> Result<Self, HistoryError> {
        let wrong = || reading::wrong_type(file, name);
        let column = batch.column_by_name(name).ok_or_else(wrong)?;
        let dictionary: &DictionaryArray<Int32Type> = column.as_dictionary_opt().ok_or_else(wrong)?;
        let texts: &StringArray = dictionary.values().as_string_opt().ok_or_else(wrong)?;
        Ok(Self {
            keys: dictionary.keys(),
            values: texts.iter().map(|text| text.unwrap_or_default().parse()).collect(),
        })
    }

    fn value(&self, row: usize) -> Result<Option<T>, Invalid> {
        if self.keys.is_null(row) {
            return Ok(None);
        }
        let place = usize::try_from(self.keys.value(row)).ok();
        place.and_then(|place| self.values.get(place)).cloned().transpose()
    }

    fn required(&self, row: usize, name: &str) -> Result<T, Invalid> {
        self.value(row)?.ok_or_else(|| Invalid::new(name, "absent; allowed: every row has it"))
    }
}

#[cfg(test)]
mod tests {
    use model::Event;

    use crate::files::{HistoryFile, find};
    use crate::rows::{AccountHasher, Recorded, RowBuffer};
    use crate::writer::{HistoryWriter, Order};
    use crate::{HistoryError, Watch};

    const EVENTS: [&str; 5] = [
        r#"{"id":"1","time":"2020-09-16T06:05:00.000001Z","kind":"login","customer":"C1","channel":"web","client":{"ip":"192.0.2.7","user_agent":"Mozilla/5.0","device":"d1","ja4":"t13d","session":"s","language":"ja"},"outcome":"failed","reason":"wrong_password","credential":"wrong","factor":"none"}"#,
        r#"{"id":"2","time":"2020-09-16T06:05:00.000002Z","kind":"login","client":{"ip":"2001:db8::1"},"outcome":"failed","credential":"unknown_user","username_hash":"ab12"}"#,
        r#"{"id":"3","time":"2020-09-16T06:05:00.000003Z","kind":"withdrawal","customer":"C1","client":{},"outcome":"attempted","amount":{"minor":5000000,"currency":"JPY"},"balance_share":0.25}"#,
        r#"{"id":"4","time":"2020-09-16T06:05:00.000004Z","kind":"order","customer":"C2","client":{},"outcome":"succeeded","order":{"symbol":"7203","side":"sell","effect":"close","quantity":100,"notional":{"minor":100,"currency":"JPY"}}}"#,
        r#"{"id":"5","time":"2020-09-16T06:05:00.000005Z","kind":"contact.change","customer":"C2","client":{},"outcome":"succeeded","contact":{"type":"email"}}"#,
    ];

    #[test]
    fn what_became_rows_becomes_the_same_events() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = RowBuffer::new(AccountHasher::none());
        let events = EVENTS.map(|json| Event::from_json(json.as_bytes()).unwrap());
        for event in &events {
            rows.push(event, Recorded::default());
        }
        let mut writer = HistoryWriter::begin(folder.path(), Order::Time).unwrap();
        writer.push(rows.finish().unwrap(), &Watch::default()).unwrap();
        writer.finish().unwrap();
        let file = HistoryFile::open(&find(&[folder.path().to_owned()]).unwrap()[0]).unwrap();
        let mut read = Vec::new();
        super::read(&file, &Watch::default(), |told| {
            let told = told.unwrap();
            assert_eq!((told.row, told.has_id), (u64::try_from(read.len()).unwrap() + 1, true));
            read.push(told.event);
            Ok::<_, HistoryError>(())
        })
        .unwrap();
        assert_eq!(read, events);
        let first_us = events[0].time.as_us();
        let (mut rows, mut times) = (Vec::new(), Vec::new());
        let span = first_us + 1..=first_us + 2;
        super::read_span(&file, &span, &Watch::default(), |told| {
            let told = told.unwrap();
            assert_eq!(told.event, events[usize::try_from(told.row).unwrap() - 1]);
            rows.push(told.row);
            Ok::<_, HistoryError>(())
        })
        .unwrap();
        super::times(&file, &span, &Watch::default(), |time| times.push(time - first_us)).unwrap();
        assert_eq!((rows, times), (vec![2, 3], vec![0, 1, 2, 3, 4]));
        let nothing = |_| -> Result<(), HistoryError> { panic!("a row outside") };
        super::read_span(&file, &(0..=first_us - 1), &Watch::default(), nothing).unwrap();
    }
}
