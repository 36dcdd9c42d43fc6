//! Procedures taken out of the history itself, for brokers whose logs are all they have. Must not know why they are examined.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{TimestampMicrosecondType, UInt32Type};
use arrow_array::{Array as _, RecordBatch};
use hashbrown::HashMap;
use model::event::EventId;
use model::{EventKind, Outcome, Procedure};
use parquet::arrow::arrow_reader::RowSelection;

use super::{PROCEDURES_MAX, Window};
use crate::columns::texts;
use crate::files::HistoryFile;
use crate::procedures::Examined;
use crate::reading::{open, wrong_type};
use crate::rows::Recorded;
use crate::schema::column;
use crate::{HistoryError, Watch};

/// Columns that make a procedure.
const READABLE: &[&str] = &[
    column::ID,
    column::CUSTOMER,
    column::TIME,
    column::KIND,
    column::OUTCOME,
    column::IP,
    column::DEVICE,
    column::COUNTRY,
    column::ASN,
];

/// All events of the given kinds within `within`, by time and identifier: without those that failed, except logins, and
/// without those that name nobody.
///
/// # Errors
/// More than [`PROCEDURES_MAX`], unreadable history, or the run was stopped.
pub fn extract(
    files: &[HistoryFile],
    kinds: &[EventKind],
    within: Window,
    watch: &Watch,
) -> Result<Vec<Examined>, HistoryError> {
    let mut found = Vec::new();
    for file in files {
        for group in 0..file.metadata.metadata().num_row_groups() {
            watch.check()?;
            if file.range(group, column::TIME).is_none_or(|(first, last)| within.overlaps(first, last)) {
                from_group(file, group, kinds, within, &mut found)?;
            }
            if found.len() > PROCEDURES_MAX {
                let problem =
                    format!("more than {PROCEDURES_MAX} procedures; choose fewer kinds or a later --since");
                return Err(HistoryError::Usage(problem));
            }
        }
    }
    Ok(told_apart(found))
}

/// By time and identifier. The same event imported twice is one procedure. Different ones with one identifier – two files
/// of one name have equal numbers of lines – are kept, from the second on with `#2` and so on behind it. Neither depends
/// on the order of files.
fn told_apart(mut found: Vec<Examined>) -> Vec<Examined> {
    fn key(each: &Examined) -> impl Ord + '_ {
        let Procedure { id, customer, time, kind, ip, device } = &each.procedure;
        (*time, id, customer, kind.as_str(), *ip, device.as_ref().map(|device| device.as_str()))
    }
    found.sort_by(|one, other| key(one).cmp(&key(other)));
    found.dedup_by(|one, other| one.procedure == other.procedure);
    let mut times: HashMap<EventId, u32> = HashMap::with_capacity(found.len());
    for each in &mut found {
        let times = times.entry(each.procedure.id.clone()).or_default();
        *times = times.saturating_add(1);
        if *times > 1
            && let Ok(id) = format!("{}#{times}", each.procedure.id).parse()
        {
            each.procedure.id = id;
        }
    }
    found
}

fn from_group(
    file: &HistoryFile,
    group: usize,
    kinds: &[EventKind],
    within: Window,
    found: &mut Vec<Examined>,
) -> Result<(), HistoryError> {
    let mut rows = Vec::new();
    let mut start = 0_usize;
    for batch in open(file, group, &[column::TIME, column::KIND, column::OUTCOME], None)? {
        let batch = batch?;
        let times = times(file, &batch)?;
        let (Some(kind), Some(outcome)) =
            (batch.column_by_name(column::KIND), batch.column_by_name(column::OUTCOME))
        else {
            return Err(wrong_type(file, column::KIND));
        };
        for (((kind, outcome), time), row) in texts(kind).zip(texts(outcome)).zip(times).zip(start..) {
            let Some(kind) = kind.and_then(EventKind::from_word).filter(|kind| kinds.contains(kind)) else {
                continue;
            };
            // A change that failed changed nothing; a login that failed is what an attack looks like.
            let counts = kind == EventKind::Login || outcome != Some(Outcome::Failed.as_str());
            if counts && within.holds(*time) {
                rows.push(row);
            }
        }
        start = start.saturating_add(batch.num_rows());
    }
    if rows.is_empty() {
        return Ok(());
    }
    let selection =
        RowSelection::from_consecutive_ranges(rows.iter().map(|row| *row..row.saturating_add(1)), start);
    for batch in open(file, group, READABLE, Some(selection))? {
        let batch = batch?;
        read(file, &batch, found)?;
    }
    Ok(())
}

fn times<'a>(file: &HistoryFile, batch: &'a RecordBatch) -> Result<&'a [i64], HistoryError> {
    let column = batch.column_by_name(column::TIME);
    let times = column.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    Ok(times.ok_or_else(|| wrong_type(file, column::TIME))?.values())
}

fn read(file: &HistoryFile, batch: &RecordBatch, found: &mut Vec<Examined>) -> Result<(), HistoryError> {
    let column = |name| -> Vec<Option<&str>> {
        batch
            .column_by_name(name)
            .map_or_else(|| vec![None; batch.num_rows()], |column| texts(column).collect())
    };
    let (ids, customers, kinds) = (column(column::ID), column(column::CUSTOMER), column(column::KIND));
    let (ips, devices, countries) = (column(column::IP), column(column::DEVICE), column(column::COUNTRY));
    let asns = batch.column_by_name(column::ASN).and_then(|column| column.as_primitive_opt::<UInt32Type>());
    for (row, time) in times(file, batch)?.iter().enumerate() {
        let text = |column: &[Option<&str>]| column.get(row).copied().flatten().map(str::to_owned);
        let (Some(id), Some(customer), Some(kind)) = (text(&ids), text(&customers), text(&kinds)) else {
            continue;
        };
        let (Ok(id), Ok(customer), Ok(kind), Some(time)) =
            (id.parse(), customer.parse(), kind.parse(), model::Time::from_us(*time))
        else {
            return Err(HistoryError::unsuitable(
                &file.path,
                format!("event `{id}` is not a valid event; import the file again"),
            ));
        };
        let ip = text(&ips).and_then(|ip| ip.parse().ok());
        let device = text(&devices).and_then(|device| device.parse().ok());
        let country = text(&countries).and_then(|country| <[u8; 2]>::try_from(country.as_bytes()).ok());
        let asn = asns.filter(|asns| asns.is_valid(row)).and_then(|asns| asns.values().get(row).copied());
        found.push(Examined {
            procedure: Procedure { id, customer, time, kind, ip, device },
            recorded: Recorded { country, asn },
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Examined, Recorded, told_apart};

    fn procedure(id: &str, customer: &str, time: i64) -> Examined {
        let procedure = model::Procedure {
            id: id.parse().unwrap(),
            customer: customer.parse().unwrap(),
            time: model::Time::from_us(time).unwrap(),
            kind: model::EventKind::BankAccountChange,
            ip: None,
            device: None,
        };
        Examined { procedure, recorded: Recorded::default() }
    }

    #[test]
    fn equal_identifiers_lose_nobody_in_any_order() {
        let found = [
            procedure("x:2", "B", 7),
            procedure("x:2", "A", 7),
            procedure("x:2", "A", 7),
            procedure("x:2", "A", 3),
        ];
        let shown = |found: Vec<Examined>| -> Vec<String> {
            let told = told_apart(found);
            told.iter().map(|each| format!("{} {}", each.procedure.id, each.procedure.customer)).collect()
        };
        let expected = ["x:2 A", "x:2#2 A", "x:2#3 B"];
        assert_eq!(shown(found.to_vec()), expected);
        assert_eq!(shown(found.iter().rev().cloned().collect()), expected);
    }
}
