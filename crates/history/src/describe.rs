//! What a history holds, for people: files, rows, times, kinds. Must not judge.

use std::collections::BTreeMap;

use model::Time;
use serde::Serialize;

use crate::files::{HistoryFile, time_range};
use crate::reading::open;
use crate::schema::{self, column};
use crate::{HistoryError, Watch};

/// A summary of a history.
#[derive(Debug, Clone, Serialize)]
pub struct Description {
    /// Files.
    pub files: usize,
    /// Rows in all of them.
    pub rows: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Earliest time.
    pub first: Option<Time>,
    /// Latest time.
    pub last: Option<Time>,
    /// Files by the order of their rows.
    pub orders: BTreeMap<String, usize>,
    /// Rows by kind and outcome.
    pub kinds: BTreeMap<String, BTreeMap<String, u64>>,
    /// Share of rows that have the column, in percent, for columns that may be empty.
    pub filled_percent: BTreeMap<String, u64>,
}

/// Describes files: footers for most of it, one pass over two small columns for the kinds.
///
/// # Errors
/// A file cannot be read, or the run was stopped.
pub fn describe(files: &[HistoryFile], watch: &Watch) -> Result<Description, HistoryError> {
    let rows: u64 = files.iter().map(HistoryFile::rows).sum();
    watch.expect(rows);
    let mut description = Description {
        files: files.len(),
        rows,
        bytes: 0,
        first: time_range(files).and_then(|(first, _)| Time::from_us(first)),
        last: time_range(files).and_then(|(_, last)| Time::from_us(last)),
        orders: BTreeMap::new(),
        kinds: BTreeMap::new(),
        filled_percent: BTreeMap::new(),
    };
    let mut nulls: BTreeMap<String, u64> = BTreeMap::new();
    for file in files {
        let metadata = crate::live::open(&file.path)
            .and_then(|handle| handle.metadata())
            .map_err(HistoryError::io(&file.path, "reading its size"))?;
        description.bytes = description.bytes.saturating_add(metadata.len());
        let order = file.footer(schema::ORDER_KEY).unwrap_or("unknown").to_owned();
        let count = description.orders.entry(order).or_default();
        *count = count.saturating_add(1);
        for group in 0..file.metadata.metadata().num_row_groups() {
            watch.check()?;
            count_kinds(file, group, &mut description.kinds, watch)?;
            for field in schema::schema().fields().iter().filter(|field| field.is_nullable()) {
                let sum = nulls.entry(field.name().clone()).or_default();
                *sum = sum.saturating_add(file.nulls(group, field.name()));
            }
        }
    }
    description.filled_percent = nulls
        .into_iter()
        .map(|(name, nulls)| {
            (name, rows.saturating_sub(nulls).saturating_mul(100).checked_div(rows).unwrap_or(0))
        })
        .collect();
    Ok(description)
}

fn count_kinds(
    file: &HistoryFile,
    group: usize,
    kinds: &mut BTreeMap<String, BTreeMap<String, u64>>,
    watch: &Watch,
) -> Result<(), HistoryError> {
    for batch in open(file, group, &[column::KIND, column::OUTCOME], None)? {
        let batch = batch?;
        watch.advance(u64::try_from(batch.num_rows()).unwrap_or(0));
        let (Some(kind), Some(outcome)) =
            (batch.column_by_name(column::KIND), batch.column_by_name(column::OUTCOME))
        else {
            continue;
        };
        let mut counts: hashbrown::HashMap<(&str, &str), u64> = hashbrown::HashMap::new();
        for (kind, outcome) in crate::columns::texts(kind).zip(crate::columns::texts(outcome)) {
            let count = counts.entry((kind.unwrap_or("?"), outcome.unwrap_or("?"))).or_default();
            *count = count.saturating_add(1);
        }
        for ((kind, outcome), count) in counts {
            let sum = kinds.entry(kind.to_owned()).or_default().entry(outcome.to_owned()).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    Ok(())
}
