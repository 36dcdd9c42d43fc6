//! The one pass over history: keys of every row, the rest only of rows that concern a target. Must not know what the sums
//! are for.
//!
//! Work is dealt out by row group, so memory is a batch and a list of hits a thread, whatever the size of the history.

use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, TimestampMicrosecondType, UInt32Type};
use arrow_array::{Array as _, ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::DataType;
use intel::Intel;
use model::{Address, EventKind, Network, Outcome};
use parquet::arrow::arrow_reader::RowSelection;

use super::pairs::{self, Pairs};
use super::tally::{AddressTotals, Row, Tally, kind_bit};
use super::targets::Targets;
use super::{Columns, Window};
use crate::columns::texts;
use crate::files::HistoryFile;
use crate::reading::{BATCH_ROWS, damaged, open, u64_values, wrong_type};
use crate::schema::column;
use crate::{HistoryError, Watch};

/// Below this share of hits in a row group, columns are decoded for selected rows only (one in …).
const SELECT_BELOW: usize = 4;

/// A scan's surroundings.
pub(super) struct Scan<'a> {
    pub(super) files: &'a [HistoryFile],
    pub(super) targets: &'a Targets,
    pub(super) tally: &'a Tally,
    pub(super) intel: &'a Intel,
    pub(super) window: Window,
    pub(super) columns: Columns,
    pub(super) watch: &'a Watch,
    pub(super) spill_folder: &'a std::path::Path,
}

/// A row that concerns a target.
#[derive(Debug, Clone, Copy)]
struct Hit {
    row: usize,
    customer_key: u64,
    bits: u128,
    customer: Option<u32>,
    address: Option<u32>,
}

/// What one thread counts for itself, because many threads would fight over it.
struct Local {
    pairs: Pairs,
    addresses: Vec<AddressTotals>,
    scanned: Scanned,
}

/// What was counted beside the tally.
pub(super) struct Counted {
    /// Distinct customers for each pair number.
    pub(super) pairs: Vec<u32>,
    /// Totals of each target address.
    pub(super) addresses: Vec<AddressTotals>,
    pub(super) scanned: Scanned,
}

/// How many rows were looked at and how many concerned a target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Rows in row groups that may lie in the window.
    pub rows: u64,
    /// Rows that concerned a target.
    pub hits: u64,
}

impl Scan<'_> {
    /// Runs over all files with `threads` threads.
    pub(super) fn run(&self, threads: usize) -> Result<Counted, HistoryError> {
        let tasks: Vec<(&HistoryFile, usize)> = self
            .files
            .iter()
            .flat_map(|file| (0..file.metadata.metadata().num_row_groups()).map(move |group| (file, group)))
            .collect();
        self.watch.expect(self.files.iter().map(HistoryFile::rows).sum());
        let next = AtomicUsize::new(0);
        let entries_max = pairs::ENTRIES_MAX / threads.max(1);
        let work = || -> Result<Local, HistoryError> {
            let mut local = Local {
                pairs: Pairs::new(self.spill_folder, entries_max),
                addresses: vec![AddressTotals::default(); self.targets.addresses.len()],
                scanned: Scanned::default(),
            };
            while let Some((file, group)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.watch.check()?;
                self.row_group(file, *group, &mut local)?;
            }
            Ok(local)
        };
        let results: Vec<Result<Local, HistoryError>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined.map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        self.merge(results)
    }

    fn merge(&self, results: Vec<Result<Local, HistoryError>>) -> Result<Counted, HistoryError> {
        let mut counted = Counted {
            pairs: Vec::new(),
            addresses: vec![AddressTotals::default(); self.targets.addresses.len()],
            scanned: Scanned::default(),
        };
        let mut sets = Vec::new();
        for result in results {
            let local = result?;
            sets.push(local.pairs);
            for (sum, part) in counted.addresses.iter_mut().zip(&local.addresses) {
                sum.add(part);
            }
            counted.scanned.rows = counted.scanned.rows.saturating_add(local.scanned.rows);
            counted.scanned.hits = counted.scanned.hits.saturating_add(local.scanned.hits);
        }
        counted.pairs = pairs::count(sets, self.targets.pairs_len)?;
        Ok(counted)
    }

    fn row_group(&self, file: &HistoryFile, group: usize, local: &mut Local) -> Result<(), HistoryError> {
        let rows = file.group_rows(group);
        let times = file.range(group, column::TIME);
        if times.is_none_or(|(first, last)| self.window.overlaps(first, last)) {
            let hits = self.find_hits(file, group)?;
            self.apply(file, group, &hits, rows, local)?;
            local.scanned.rows = local.scanned.rows.saturating_add(rows);
            local.scanned.hits = local.scanned.hits.saturating_add(u64::try_from(hits.len()).unwrap_or(0));
        }
        self.watch.advance(rows);
        Ok(())
    }

    /// First the keys: which rows are of a customer with procedures, or from an address of one.
    fn find_hits(&self, file: &HistoryFile, group: usize) -> Result<Vec<Hit>, HistoryError> {
        let only_v4 = file.range(group, column::IP_HI) == Some((0, 0));
        let mut names = vec![column::CUSTOMER_KEY, column::IP_LO];
        if !only_v4 {
            names.push(column::IP_HI);
        }
        let mut hits = Vec::new();
        let mut candidates: Vec<(u32, bool, bool)> = Vec::with_capacity(BATCH_ROWS);
        let mut start = 0;
        for batch in open(file, group, &names, None)? {
            self.watch.check()?;
            let batch = batch.map_err(|error| damaged(file, error))?;
            let keys = u64_values(file, &batch, column::CUSTOMER_KEY)?;
            let lows = u64_values(file, &batch, column::IP_LO)?;
            let highs = if only_v4 { &[] } else { u64_values(file, &batch, column::IP_HI)? };
            candidates.clear();
            for ((key, low), place) in keys.iter().zip(lows).zip(0_u32..) {
                let customer = self.targets.customer_filter.may_hold(*key);
                let address = self.targets.address_filter.may_hold(*low);
                if customer | address {
                    candidates.push((place, customer, address));
                }
            }
            for (place, customer, address) in &candidates {
                let place = super::targets::index(*place);
                let (Some(key), Some(low)) = (keys.get(place), lows.get(place)) else { continue };
                let bits = u128::from(highs.get(place).copied().unwrap_or(0)) << 64 | u128::from(*low);
                let customer = if *customer { self.targets.customer(*key) } else { None };
                let address = if *address && bits != 0 { self.targets.address(bits) } else { None };
                if customer.is_some() || address.is_some() {
                    hits.push(Hit {
                        row: place.saturating_add(start),
                        customer_key: *key,
                        bits,
                        customer,
                        address,
                    });
                }
            }
            start = start.saturating_add(batch.num_rows());
        }
        Ok(hits)
    }

    /// Then the rest of the rows that matter.
    fn apply(
        &self,
        file: &HistoryFile,
        group: usize,
        hits: &[Hit],
        rows: u64,
        local: &mut Local,
    ) -> Result<(), HistoryError> {
        if hits.is_empty() {
            return Ok(());
        }
        let mut names = vec![column::TIME];
        if self.columns == Columns::All {
            names.extend([column::KIND, column::OUTCOME]);
            if !self.targets.device.slots.is_empty() {
                names.push(column::DEVICE_KEY);
            }
            names.extend(
                [column::BALANCE_SHARE_PPM, column::ASN]
                    .into_iter()
                    .filter(|name| !file.all_null(group, name)),
            );
        }
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let selective = hits.len() < rows / SELECT_BELOW;
        let selection = selective.then(|| select(hits, rows));
        let mut hits = hits.iter().peekable();
        let mut row = 0;
        for batch in open(file, group, &names, selection)? {
            self.watch.check()?;
            let batch = batch.map_err(|error| damaged(file, error))?;
            let columns = Rest::of(file, &batch)?;
            for place in 0..batch.num_rows() {
                let at_hit = selective || hits.peek().is_some_and(|hit| hit.row == row);
                row = row.saturating_add(1);
                if at_hit && let Some(hit) = hits.next() {
                    self.note(hit, &columns, place, local)?;
                }
            }
        }
        Ok(())
    }

    fn note(
        &self,
        hit: &Hit,
        columns: &Rest<'_>,
        place: usize,
        local: &mut Local,
    ) -> Result<(), HistoryError> {
        let Some(time) = columns.times.get(place).copied().filter(|time| self.window.holds(*time)) else {
            return Ok(());
        };
        let (kind, kind_bit) = columns.kinds.get(place).map_or((None, 0), |(kind, bit)| (Some(kind), bit));
        let outcome = columns.outcomes.get(place);
        if let Some(customer) = hit.customer {
            let asn =
                || columns.asns.get(place).or_else(|| self.intel.asn(Address::from_bits(hit.bits).ip()));
            let wants_asn =
                hit.bits != 0 && self.columns == Columns::All && !self.targets.asn.slots.is_empty();
            let row = Row {
                time,
                ip_bits: hit.bits,
                net_bits: Network::around(hit.bits).bits(),
                device_key: columns.devices.get(place).copied().unwrap_or(0),
                asn: if wants_asn { asn() } else { None },
                kind,
                kind_bit,
                outcome,
                share_ppm: columns.shares.get(place).unwrap_or(0),
            };
            self.tally.note_customer(self.targets, customer, &row);
        }
        if let Some(address) = hit.address {
            let failed = kind == Some(EventKind::Login) && outcome == Some(Outcome::Failed);
            if let Some(totals) = local.addresses.get_mut(super::targets::index(address)) {
                totals.note(kind, failed);
            }
            self.note_pairs(address, hit.customer_key, kind, failed, &mut local.pairs)?;
        }
        Ok(())
    }

    fn note_pairs(
        &self,
        address: u32,
        customer: u64,
        kind: Option<EventKind>,
        failed: bool,
        pairs: &mut Pairs,
    ) -> Result<(), HistoryError> {
        let Some(target) = self.targets.addresses.get(super::targets::index(address)) else { return Ok(()) };
        if customer == 0 {
            return Ok(());
        }
        pairs.insert(target.pairs, customer)?;
        if failed {
            pairs.insert(target.pairs.saturating_add(1), customer)?;
        }
        if let Some(pair) = kind.and_then(|kind| self.targets.pair_of_kind(address, kind)) {
            pairs.insert(pair, customer)?;
        }
        Ok(())
    }
}

/// The rows of the hits, as runs to read and gaps to skip.
fn select(hits: &[Hit], rows: usize) -> RowSelection {
    RowSelection::from_consecutive_ranges(hits.iter().map(|hit| hit.row..hit.row.saturating_add(1)), rows)
}

/// The columns that are read only for rows that matter.
struct Rest<'a> {
    times: &'a [i64],
    kinds: Words<'a, (EventKind, u32)>,
    outcomes: Words<'a, Outcome>,
    devices: &'a [u64],
    asns: Optional<'a>,
    shares: Optional<'a>,
}

impl<'a> Rest<'a> {
    fn of(file: &HistoryFile, batch: &'a RecordBatch) -> Result<Self, HistoryError> {
        let times = batch
            .column_by_name(column::TIME)
            .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        let devices = match batch.column_by_name(column::DEVICE_KEY) {
            Some(_) => u64_values(file, batch, column::DEVICE_KEY)?,
            None => &[],
        };
        Ok(Self {
            times: times.ok_or_else(|| wrong_type(file, column::TIME))?.values(),
            kinds: Words::of(batch.column_by_name(column::KIND), |word| {
                EventKind::from_word(word).map(|kind| (kind, kind_bit(kind)))
            }),
            outcomes: Words::of(batch.column_by_name(column::OUTCOME), Outcome::from_word),
            devices,
            asns: Optional::of(batch.column_by_name(column::ASN)),
            shares: Optional::of(batch.column_by_name(column::BALANCE_SHARE_PPM)),
        })
    }
}

/// A nullable 32-bit column that may be absent.
struct Optional<'a>(Option<&'a UInt32Array>);

impl<'a> Optional<'a> {
    fn of(column: Option<&'a ArrayRef>) -> Self {
        Self(column.and_then(|column| column.as_primitive_opt::<UInt32Type>()))
    }

    fn get(&self, place: usize) -> Option<u32> {
        let column = self.0?;
        (place < column.len() && column.is_valid(place))
            .then(|| column.values().get(place).copied())
            .flatten()
    }
}

/// A column of words: a dictionary as we write it, or plain text as others do.
enum Words<'a, T> {
    Absent,
    Dictionary { keys: &'a [i32], values: Vec<Option<T>> },
    Text(Vec<Option<T>>),
}

impl<'a, T: Copy> Words<'a, T> {
    fn of(column: Option<&'a ArrayRef>, parse: impl Fn(&str) -> Option<T>) -> Self {
        let Some(column) = column else { return Self::Absent };
        match column.data_type() {
            DataType::Dictionary(..) => match column.as_dictionary_opt::<Int32Type>() {
                Some(dictionary) => {
                    let values = texts(dictionary.values()).map(|text| text.and_then(&parse)).collect();
                    Self::Dictionary { keys: dictionary.keys().values(), values }
                }
                None => Self::Absent,
            },
            _ => Self::Text(texts(column).map(|text| text.and_then(&parse)).collect()),
        }
    }

    fn get(&self, place: usize) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Dictionary { keys, values } => {
                let key = usize::try_from(*keys.get(place)?).ok()?;
                values.get(key).copied().flatten()
            }
            Self::Text(values) => values.get(place).copied().flatten(),
        }
    }
}
