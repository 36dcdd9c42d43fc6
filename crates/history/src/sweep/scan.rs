//! The one pass over history: keys of every row, the rest only of rows that concern a target. Must not know what the sums
//! are for.
//!
//! Work is dealt out by row group, so memory is a batch and a list of hits a thread, whatever the size of the history.

mod facts;

use std::sync::atomic::{AtomicUsize, Ordering};

use intel::Intel;
use model::{Address, EventKind, Network, Outcome};

use super::filter::MARKED;
use super::pairs::{self, Pairs};
use super::tally::{AddressTotals, Row, Tally};
use super::targets::{Addresses, Targets, index, index_u32};
use super::{Columns, Window};
use crate::files::HistoryFile;
use crate::reading::{open, read_chosen, u64_values};
use crate::schema::column;
use crate::{HistoryError, Watch};
use facts::Facts;

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

/// A row whose keys may concern a target.
#[derive(Debug, Clone, Copy)]
struct Hit {
    row: u32,
    customer_key: u64,
    ip_lo: u64,
    customer: Option<u32>,
    /// Those with this lower half.
    addresses: Option<Addresses>,
}

/// A row of a customer with procedures, as far as it is known before the columns only such rows need.
#[derive(Debug, Clone, Copy)]
struct OwnHit {
    row: u32,
    customer: u32,
    ip_bits: u128,
    kind: Option<(EventKind, u32)>,
    outcome: Option<Outcome>,
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
            if !hits.is_empty() {
                let own = self.note_addresses(file, group, &hits, local)?;
                self.note_customers(file, group, &own)?;
            }
            local.scanned.rows = local.scanned.rows.saturating_add(rows);
            local.scanned.hits = local.scanned.hits.saturating_add(u64::try_from(hits.len()).unwrap_or(0));
        }
        self.watch.advance(rows);
        Ok(())
    }

    /// First the keys: which rows are of a customer with procedures, or from an address of one.
    fn find_hits(&self, file: &HistoryFile, group: usize) -> Result<Vec<Hit>, HistoryError> {
        let targets = self.targets;
        let mut hits = Vec::new();
        let mut start = 0_u32;
        for batch in open(file, group, &[column::CUSTOMER_KEY, column::IP_LO], None)? {
            self.watch.check()?;
            let batch = batch?;
            let keys = u64_values(file, &batch, column::CUSTOMER_KEY)?;
            let lows = u64_values(file, &batch, column::IP_LO)?;
            for (keys, lows) in keys.chunks(MARKED).zip(lows.chunks(MARKED)) {
                // Nearly all rows end here: two bits each, without a branch.
                let customers = targets.customer_filter.marks(keys);
                let addresses = targets.address_filter.marks(lows);
                let mut marked = customers | addresses;
                while marked != 0 {
                    let place = marked.trailing_zeros();
                    let bit = 1 << place;
                    marked ^= bit;
                    let (Some(key), Some(low)) = (keys.get(index(place)), lows.get(index(place))) else {
                        break;
                    };
                    let customer = if customers & bit != 0 { targets.customer(*key) } else { None };
                    let addresses =
                        if addresses & bit != 0 { targets.addresses_with_low(*low) } else { None };
                    if customer.is_some() || addresses.is_some() {
                        let row = start.saturating_add(place);
                        hits.push(Hit { row, customer_key: *key, ip_lo: *low, customer, addresses });
                    }
                }
                start = start.saturating_add(index_u32(keys.len()));
            }
        }
        Ok(hits)
    }

    /// Then what every one of them is counted by at its address. Gives those of customers with procedures.
    fn note_addresses(
        &self,
        file: &HistoryFile,
        group: usize,
        hits: &[Hit],
        local: &mut Local,
    ) -> Result<Vec<OwnHit>, HistoryError> {
        let mut names = Vec::new();
        let inside = file
            .range(group, column::TIME)
            .is_some_and(|(first, last)| self.window.holds(first) && self.window.holds(last));
        names.extend((!inside).then_some(column::TIME));
        names.extend((file.range(group, column::IP_HI) != Some((0, 0))).then_some(column::IP_HI));
        if self.columns == Columns::All {
            names.extend([column::KIND, column::OUTCOME]);
        }
        let mut own = Vec::new();
        let mut take = |hit: &Hit, facts: &Facts<'_>, place: usize| -> Result<(), HistoryError> {
            if !inside && !facts.time(place).is_some_and(|time| self.window.holds(time)) {
                return Ok(());
            }
            let ip_bits = u128::from(facts.ip_hi(place)) << 64 | u128::from(hit.ip_lo);
            let (kind, outcome) = (facts.kind(place), facts.outcome(place));
            if let Some(address) = hit.addresses.and_then(|among| self.targets.address_among(among, ip_bits))
            {
                self.note_address(address, hit.customer_key, kind.map(|(kind, _)| kind), outcome, local)?;
            }
            if let Some(customer) = hit.customer {
                own.push(OwnHit { row: hit.row, customer, ip_bits, kind, outcome });
            }
            Ok(())
        };
        if names.is_empty() {
            hits.iter().try_for_each(|hit| take(hit, &Facts::default(), 0))?;
            return Ok(own);
        }
        let rows = hits.iter().map(|hit| index(hit.row));
        let mut hits = hits.iter();
        read_chosen(file, group, &names, rows, |batch, places| {
            self.watch.check()?;
            let facts = Facts::of(file, batch)?;
            places.iter().zip(&mut hits).try_for_each(|(place, hit)| take(hit, &facts, *place))
        })?;
        Ok(own)
    }

    /// And last what only the rows of customers with procedures are counted by.
    fn note_customers(&self, file: &HistoryFile, group: usize, own: &[OwnHit]) -> Result<(), HistoryError> {
        if own.is_empty() {
            return Ok(());
        }
        let all = self.columns == Columns::All;
        let mut names = vec![column::TIME];
        if all {
            names.extend((!self.targets.device.slots.is_empty()).then_some(column::DEVICE_KEY));
            let optional = [column::BALANCE_SHARE_PPM, column::ASN];
            names.extend(optional.into_iter().filter(|name| !file.all_null(group, name)));
        }
        let wants_asn = all && !self.targets.asn.slots.is_empty();
        let rows = own.iter().map(|hit| index(hit.row));
        let mut hits = own.iter();
        read_chosen(file, group, &names, rows, |batch, places| {
            self.watch.check()?;
            let facts = Facts::of(file, batch)?;
            for (place, hit) in places.iter().zip(&mut hits) {
                let Some(time) = facts.time(*place) else { continue };
                let address = Address::from_bits(hit.ip_bits);
                let look_up = || self.intel.asn(address.ip());
                let row = Row {
                    time,
                    ip_bits: hit.ip_bits,
                    net_bits: Network::around(hit.ip_bits).bits(),
                    site_bits: address.site().map_or(0, Network::bits),
                    device_key: facts.device_key(*place),
                    asn: if wants_asn && hit.ip_bits != 0 {
                        facts.asn(*place).or_else(look_up)
                    } else {
                        None
                    },
                    kind: hit.kind.map(|(kind, _)| kind),
                    kind_bit: hit.kind.map_or(0, |(_, bit)| bit),
                    outcome: hit.outcome,
                    share_ppm: facts.share_ppm(*place),
                };
                self.tally.note_customer(self.targets, hit.customer, &row);
            }
            Ok(())
        })
    }

    fn note_address(
        &self,
        address: u32,
        customer: u64,
        kind: Option<EventKind>,
        outcome: Option<Outcome>,
        local: &mut Local,
    ) -> Result<(), HistoryError> {
        let failed = kind == Some(EventKind::Login) && outcome == Some(Outcome::Failed);
        if let Some(totals) = local.addresses.get_mut(index(address)) {
            totals.note(kind, failed);
        }
        let Some(target) = self.targets.addresses.get(index(address)) else { return Ok(()) };
        if customer == 0 {
            return Ok(());
        }
        let pairs = &mut local.pairs;
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
