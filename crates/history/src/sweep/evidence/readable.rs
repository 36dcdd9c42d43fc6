//! Reading what people want to see of chosen rows. Must not know why they were chosen.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, UInt32Type};
use arrow_array::{Array as _, ArrowPrimitiveType, RecordBatch};
use hashbrown::HashMap;
use intel::Intel;
use model::{Address, Channel, ContactType, CustomerId, EventKind, Factor, Outcome};

use super::pass::{select, times};
use super::{Place, deal};
use crate::columns::texts;
use crate::files::HistoryFile;
use crate::reading::{open, u64_values, wrong_type};
use crate::schema::column;
use crate::sweep::targets::index;
use crate::{HistoryError, Watch};

/// Longest text of a foreign file that is kept, in bytes; ours has smaller limits.
const TEXT_BYTES_MAX: usize = 256;
/// Longest part of a user agent that is kept when no rules tell what it says, in characters.
const USER_AGENT_CHARS_MAX: usize = 72;

/// Columns of text that are shown.
const TEXTS: &[&str] = &[
    column::KIND,
    column::OUTCOME,
    column::CHANNEL,
    column::COUNTRY,
    column::DEVICE,
    column::USER_AGENT,
    column::AMOUNT_CURRENCY,
    column::CONTACT_TYPE,
    column::FACTOR,
    column::BANK_BRANCH,
];

/// An access as people see it.
#[derive(Debug, Clone)]
pub(in crate::sweep) struct Access {
    pub(in crate::sweep) time: i64,
    pub(in crate::sweep) kind: Option<EventKind>,
    pub(in crate::sweep) outcome: Option<Outcome>,
    pub(in crate::sweep) channel: Option<Channel>,
    pub(in crate::sweep) address: Option<Address>,
    pub(in crate::sweep) country: Option<String>,
    pub(in crate::sweep) asn: Option<u32>,
    pub(in crate::sweep) device: Option<String>,
    /// What the user agent says of itself, or the beginning of it as it came.
    pub(in crate::sweep) user_agent: Option<String>,
    /// Minor units and ISO 4217 code.
    pub(in crate::sweep) amount: Option<(i64, String)>,
    pub(in crate::sweep) share_ppm: Option<u32>,
    pub(in crate::sweep) contact: Option<ContactType>,
    pub(in crate::sweep) factor: Option<Factor>,
    /// Bank and branch, `0001-001`.
    pub(in crate::sweep) bank: Option<String>,
}

/// Where to read from.
pub(super) struct Source<'a> {
    pub(super) files: &'a [HistoryFile],
    pub(super) intel: &'a Intel,
    pub(super) threads: usize,
    pub(super) watch: &'a Watch,
}

/// Chosen rows of one row group.
struct Task<'a> {
    file: &'a HistoryFile,
    places: Vec<Place>,
}

impl Source<'_> {
    /// The accesses at these places.
    pub(super) fn accesses(&self, places: Vec<Place>) -> Result<HashMap<Place, Access>, HistoryError> {
        let keys = [column::IP_HI, column::IP_LO, column::TIME];
        let numbers = [column::ASN, column::AMOUNT_MINOR, column::BALANCE_SHARE_PPM];
        let names: Vec<&str> = keys.into_iter().chain(numbers).chain(TEXTS.iter().copied()).collect();
        self.read(places, &names, |file, batch, places, found| self.batch(file, batch, places, found))
    }

    /// The customers' identifiers at these places.
    pub(super) fn customers(&self, places: Vec<Place>) -> Result<HashMap<Place, CustomerId>, HistoryError> {
        self.read(places, &[column::CUSTOMER], |_, batch, places, found| {
            let Some(customers) = batch.column_by_name(column::CUSTOMER) else { return Ok(()) };
            let named = places.iter().zip(texts(customers));
            found.extend(named.filter_map(|(place, name)| Some((*place, name?.parse().ok()?))));
            Ok(())
        })
    }

    /// Reads columns of chosen rows, row group by row group; `take` gets each batch with the places of its rows.
    fn read<T: Send>(
        &self,
        mut places: Vec<Place>,
        names: &[&str],
        take: impl Fn(&HistoryFile, &RecordBatch, &[Place], &mut HashMap<Place, T>) -> Result<(), HistoryError>
        + Sync,
    ) -> Result<HashMap<Place, T>, HistoryError> {
        places.sort_unstable();
        places.dedup();
        let tasks: Vec<Task<'_>> = places
            .chunk_by(|one, other| (one.file, one.group) == (other.file, other.group))
            .filter_map(|places| {
                let file = self.files.get(index(places.first()?.file))?;
                Some(Task { file, places: places.to_vec() })
            })
            .collect();
        let parts = deal(&tasks, self.threads, HashMap::new, |found, task| {
            let Some(group) = task.places.first().map(|place| index(place.group)) else { return Ok(()) };
            let rows = task.places.iter().map(|place| index(place.row));
            let group_rows = usize::try_from(task.file.group_rows(group)).unwrap_or(usize::MAX);
            let mut rest = task.places.as_slice();
            for batch in open(task.file, group, names, Some(select(rows, group_rows)))? {
                self.watch.check()?;
                let batch = batch?;
                let (places, behind) = rest.split_at(batch.num_rows().min(rest.len()));
                take(task.file, &batch, places, found)?;
                rest = behind;
            }
            Ok(())
        })?;
        Ok(parts.into_iter().flatten().collect())
    }

    fn batch(
        &self,
        file: &HistoryFile,
        batch: &RecordBatch,
        places: &[Place],
        found: &mut HashMap<Place, Access>,
    ) -> Result<(), HistoryError> {
        let time = batch.column_by_name(column::TIME).ok_or_else(|| wrong_type(file, column::TIME))?;
        let times = times(file, time)?;
        let highs = u64_values(file, batch, column::IP_HI)?;
        let lows = u64_values(file, batch, column::IP_LO)?;
        let columns = Readable::of(batch);
        for (row, ((place, time), (high, low))) in
            places.iter().zip(times).zip(highs.iter().zip(lows)).enumerate()
        {
            let bits = u128::from(*high) << 64 | u128::from(*low);
            let address = (bits != 0).then(|| Address::from_bits(bits));
            found.insert(*place, self.access(&columns, row, *time, address));
        }
        Ok(())
    }

    fn access(&self, columns: &Readable<'_>, row: usize, time: i64, address: Option<Address>) -> Access {
        let known = address.map(|address| self.intel.lookup(address.ip())).unwrap_or_default();
        let looked_up = || known.country.map(|country| country.as_str().to_owned());
        let minor = columns.number::<Int64Type>(column::AMOUNT_MINOR, row);
        let currency = || columns.short(column::AMOUNT_CURRENCY, row).unwrap_or_default();
        Access {
            time,
            kind: columns.text(column::KIND, row).and_then(EventKind::from_word),
            outcome: columns.text(column::OUTCOME, row).and_then(Outcome::from_word),
            channel: columns.text(column::CHANNEL, row).and_then(Channel::from_word),
            address,
            country: columns.short(column::COUNTRY, row).or_else(looked_up),
            asn: columns.number::<UInt32Type>(column::ASN, row).or(known.asn),
            device: columns.short(column::DEVICE, row),
            user_agent: columns.text(column::USER_AGENT, row).map(|text| describe(self.intel, text)),
            amount: minor.map(|minor| (minor, currency())),
            share_ppm: columns.number::<UInt32Type>(column::BALANCE_SHARE_PPM, row),
            contact: columns.text(column::CONTACT_TYPE, row).and_then(ContactType::from_word),
            factor: columns.text(column::FACTOR, row).and_then(Factor::from_word),
            bank: columns.short(column::BANK_BRANCH, row),
        }
    }
}

/// Columns that may be absent, for the few rows that were chosen.
struct Readable<'a> {
    texts: HashMap<&'static str, Vec<Option<&'a str>>>,
    batch: &'a RecordBatch,
}

impl<'a> Readable<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let column = |name: &&'static str| Some((*name, texts(batch.column_by_name(name)?).collect()));
        Self { texts: TEXTS.iter().filter_map(column).collect(), batch }
    }

    fn text(&self, name: &str, row: usize) -> Option<&'a str> {
        self.texts.get(name)?.get(row).copied().flatten()
    }

    fn short(&self, name: &str, row: usize) -> Option<String> {
        let text = self.text(name, row)?;
        text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).map(str::to_owned)
    }

    fn number<T: ArrowPrimitiveType>(&self, name: &str, row: usize) -> Option<T::Native> {
        let column = self.batch.column_by_name(name)?.as_primitive_opt::<T>()?;
        (row < column.len() && column.is_valid(row)).then(|| column.value(row))
    }
}

/// `Chrome 120.0 · Windows 10 · …` as far as the rules know; the beginning of the text where there are none.
fn describe(intel: &Intel, text: &str) -> String {
    let shortened = || {
        let mut characters = text.chars();
        let mut start: String = characters.by_ref().take(USER_AGENT_CHARS_MAX).collect();
        if characters.next().is_some() {
            start.push('…');
        }
        start
    };
    let Some(agent) = intel.user_agent(text) else { return shortened() };
    let with_version = |name: &Option<String>, version: &Option<String>| {
        let name = name.as_deref()?;
        Some(version.as_deref().map_or_else(|| name.to_owned(), |version| format!("{name} {version}")))
    };
    let parts: Vec<String> = [
        with_version(&agent.browser, &agent.browser_version),
        with_version(&agent.os, &agent.os_version),
        agent.device.clone(),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() { shortened() } else { parts.join(" · ") }
}

#[cfg(test)]
mod tests {
    use intel::Intel;

    use super::{USER_AGENT_CHARS_MAX, describe};

    #[test]
    fn user_agents_are_shortened_where_no_rules_are() {
        let long = "日".repeat(USER_AGENT_CHARS_MAX + 1);
        let shown = describe(&Intel::none(), &long);
        assert_eq!(shown.chars().count(), USER_AGENT_CHARS_MAX + 1);
        assert!(shown.ends_with('…'));
        assert_eq!(describe(&Intel::none(), "curl/8"), "curl/8");
    }
}
