//! Finding the rows that evidence is made of: the wanted keys in the row groups that may hold them, then what is needed to
//! choose among the rows. Must not know what people are shown.

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampMicrosecondType;
use model::{EventKind, Outcome};
use parquet::arrow::arrow_reader::RowSelection;

use super::wanted::{Found, Plan, Wanted};
use super::{Place, deal};
use crate::columns::texts;
use crate::files::HistoryFile;
use crate::reading::{open, u64_values, wrong_type};
use crate::schema::column;
use crate::sweep::Window;
use crate::sweep::filter::MARKED;
use crate::sweep::targets::{index, index_u32};
use crate::{HistoryError, Watch};

/// A row by its keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) time: i64,
    pub(super) kind: Option<EventKind>,
    pub(super) outcome: Option<Outcome>,
    pub(super) customer_key: u64,
    /// Not known, hence 0, where the row group holds no wanted address.
    pub(super) ip_bits: u128,
}

/// A row that is wanted by what was read of its keys.
struct Candidate {
    row: usize,
    /// None where only addresses are wanted of the row group.
    customer_key: Option<u64>,
    /// 0 where only customers are.
    ip_lo: u64,
}

/// A look through history.
pub(super) struct Pass<'a> {
    pub(super) files: &'a [HistoryFile],
    pub(super) wanted: &'a Wanted,
    pub(super) window: Window,
    pub(super) watch: &'a Watch,
}

/// A row group to look at.
struct Task<'a> {
    file: &'a HistoryFile,
    file_number: u32,
    group: usize,
    plan: Plan,
    rows: usize,
}

impl Pass<'_> {
    /// Looks through all row groups that may hold something.
    pub(super) fn run(&self, threads: usize) -> Result<Found, HistoryError> {
        let tasks: Vec<Task<'_>> =
            (0_u32..).zip(self.files).flat_map(|(number, file)| self.tasks(number, file)).collect();
        for task in &tasks {
            self.watch.expect(u64::try_from(task.rows).unwrap_or(0));
        }
        let parts = deal(
            &tasks,
            threads,
            || self.wanted.found(),
            |found, task| {
                let rows = self.candidates(task)?;
                self.note(task, &rows, found)?;
                self.watch.advance(u64::try_from(task.rows).unwrap_or(0));
                Ok(())
            },
        )?;
        let mut found = self.wanted.found();
        self.wanted.expect(&mut found);
        for part in parts {
            found.merge(part);
        }
        Ok(found)
    }

    fn tasks<'a>(&self, file_number: u32, file: &'a HistoryFile) -> Vec<Task<'a>> {
        let groups = file.metadata.metadata().row_groups().iter().enumerate();
        groups
            .filter_map(|(group, metadata)| {
                let plan = self.wanted.plan(file, group, self.window)?;
                let rows = usize::try_from(metadata.num_rows()).unwrap_or(0);
                Some(Task { file, file_number, group, plan, rows })
            })
            .collect()
    }

    /// Rows whose keys are wanted, in order. Of an address this looks at the lower half, which nearly always tells.
    fn candidates(&self, task: &Task<'_>) -> Result<Vec<Candidate>, HistoryError> {
        let wanted = self.wanted;
        let mut names = Vec::new();
        names.extend(task.plan.customers.then_some(column::CUSTOMER_KEY));
        names.extend(task.plan.addresses.then_some(column::IP_LO));
        let mut found = Vec::new();
        let mut start = 0_usize;
        for batch in open(task.file, task.group, &names, None)? {
            self.watch.check()?;
            let batch = batch?;
            let values = |wanted: bool, name| -> Result<&[u64], HistoryError> {
                if wanted { u64_values(task.file, &batch, name) } else { Ok(&[]) }
            };
            let keys = values(task.plan.customers, column::CUSTOMER_KEY)?;
            let lows = values(task.plan.addresses, column::IP_LO)?;
            for at in (0..batch.num_rows()).step_by(MARKED) {
                let stride = at..at.saturating_add(MARKED).min(batch.num_rows());
                let (keys, lows) = (part(keys, &stride), part(lows, &stride));
                let mut marks = wanted.customer_filter.marks(keys) | wanted.address_filter.marks(lows);
                while marks != 0 {
                    let place = index(marks.trailing_zeros());
                    marks &= marks.wrapping_sub(1);
                    let customer_key = keys.get(place).copied();
                    let ip_lo = lows.get(place).copied().unwrap_or(0);
                    if wanted.wants(customer_key, ip_lo) {
                        let row = start.saturating_add(at).saturating_add(place);
                        found.push(Candidate { row, customer_key, ip_lo });
                    }
                }
            }
            start = start.saturating_add(batch.num_rows());
        }
        Ok(found)
    }

    /// Reads what else must be known of the candidates, and notes them.
    fn note(&self, task: &Task<'_>, rows: &[Candidate], found: &mut Found) -> Result<(), HistoryError> {
        if rows.is_empty() {
            return Ok(());
        }
        let file = task.file;
        let mut names = vec![column::TIME, column::KIND, column::OUTCOME];
        names.extend((!task.plan.customers).then_some(column::CUSTOMER_KEY));
        let only_v4 = file.range(task.group, column::IP_HI) == Some((0, 0));
        names.extend((task.plan.addresses && !only_v4).then_some(column::IP_HI));
        let selection = select(rows.iter().map(|each| each.row), task.rows);
        let mut rows = rows.iter();
        for batch in open(file, task.group, &names, Some(selection))? {
            self.watch.check()?;
            let batch = batch?;
            let text = |name| batch.column_by_name(name).ok_or_else(|| wrong_type(file, name));
            let mut kinds = texts(text(column::KIND)?);
            let mut outcomes = texts(text(column::OUTCOME)?);
            let values =
                |name| batch.column_by_name(name).map(|_| u64_values(file, &batch, name)).transpose();
            let (keys, highs) = (values(column::CUSTOMER_KEY)?, values(column::IP_HI)?);
            for (place, time) in times(file, text(column::TIME)?)?.iter().enumerate() {
                let (kind, outcome) = (kinds.next().flatten(), outcomes.next().flatten());
                let Some(candidate) = rows.next() else { break };
                if !self.window.holds(*time) {
                    continue;
                }
                let high = highs.and_then(|highs| highs.get(place)).copied().unwrap_or(0);
                let key = || keys.and_then(|keys| keys.get(place)).copied();
                let row = Row {
                    place: Place {
                        file: task.file_number,
                        group: index_u32(task.group),
                        row: index_u32(candidate.row),
                    },
                    time: *time,
                    kind: kind.and_then(EventKind::from_word),
                    outcome: outcome.and_then(Outcome::from_word),
                    customer_key: candidate.customer_key.or_else(key).unwrap_or(0),
                    ip_bits: u128::from(high) << 64 | u128::from(candidate.ip_lo),
                };
                self.wanted.note(found, &row);
            }
        }
        Ok(())
    }
}

fn part<'a>(values: &'a [u64], range: &std::ops::Range<usize>) -> &'a [u64] {
    values.get(range.clone()).unwrap_or_default()
}

/// These rows of a row group, as runs to read and gaps to skip.
pub(super) fn select(rows: impl Iterator<Item = usize>, group_rows: usize) -> RowSelection {
    RowSelection::from_consecutive_ranges(rows.map(|row| row..row.saturating_add(1)), group_rows)
}

/// The values of `time`.
pub(super) fn times<'a>(file: &HistoryFile, column: &'a ArrayRef) -> Result<&'a [i64], HistoryError> {
    match column.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(times) => Ok(times.values()),
        None => Err(wrong_type(file, column::TIME)),
    }
}
