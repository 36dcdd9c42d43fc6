//! What people need to judge the alarms: the accesses around each, and everybody who was at the addresses behind them.
//!
//! A second, much smaller look at history: `wanted` says whom and what it concerns, `pass` finds the rows by their keys
//! (row groups that cannot hold any are skipped), `nearest` and `visitors` keep a bounded choice of them, `readable` reads
//! what people want to see of the chosen rows. The result does not depend on threads. Must not know how it is shown.

mod nearest;
mod pass;
mod readable;
mod visitors;
mod wanted;

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use hashbrown::HashMap;
use intel::Intel;
use model::{Address, CustomerId};

use super::{AddressTotals, Finding, Reason, Swept, Verdict};
use crate::files::HistoryFile;
use crate::{HistoryError, Watch};
use nearest::{Around, NEAR_US};
pub(super) use readable::Access;
use visitors::Visitor;
use wanted::Wanted;

/// Alarms that are shown with their evidence at most; the others are in `result.csv` only.
pub const ALARMS_SHOWN_MAX: usize = 200;
/// Addresses behind alarms that are shown with their customers at most.
pub const ADDRESSES_SHOWN_MAX: usize = 100;
/// Customers of one address that are shown at most.
pub const ADDRESS_CUSTOMERS_SHOWN_MAX: usize = 200;
/// Customers of all addresses together that are shown at most.
pub const CUSTOMERS_SHOWN_MAX: usize = 500;

/// A place in history: file, row group, row. Its order is that of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    file: u32,
    group: u32,
    row: u32,
}

/// All evidence that is shown.
#[derive(Debug, Default)]
pub(super) struct Evidence<'a> {
    pub(super) alarms: Vec<Alarm<'a>>,
    /// Alarms beyond those.
    pub(super) alarms_more: usize,
    pub(super) addresses: Vec<AlarmAddress>,
    /// Addresses behind alarms beyond those.
    pub(super) addresses_more: usize,
    /// Customers that were entered near the alarms from the addresses behind them, shared ones left out.
    pub(super) entered: u64,
    /// Whether `entered` is all of them; if not, it is the least.
    pub(super) entered_exact: bool,
}

/// An alarm and what its customer did around it.
#[derive(Debug)]
pub(super) struct Alarm<'a> {
    pub(super) finding: &'a Finding,
    /// By time.
    pub(super) accesses: Vec<Shown>,
    /// Events of the chain beyond those shown.
    pub(super) chain_more: u64,
}

/// An access with its part in an alarm.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// Where it is in history; the same access may belong to several alarms.
    pub(super) place: Place,
    pub(super) access: Access,
    /// It is the procedure itself.
    pub(super) is_procedure: bool,
    /// It is a change before, or money leaving after.
    pub(super) in_chain: bool,
}

/// An address that alarms came from.
#[derive(Debug)]
pub(super) struct AlarmAddress {
    pub(super) address: Address,
    pub(super) country: Option<String>,
    pub(super) asn: Option<u32>,
    pub(super) lists: Vec<String>,
    pub(super) totals: AddressTotals,
    pub(super) alarms: u32,
    /// Many customers use it as they use any. They are counted, not listed: to have used it says nothing of them.
    pub(super) shared: bool,
    /// From 30 days before the first alarm from it to 30 days after the last, microseconds. An address has other users at
    /// other times, who have nothing to do with the alarms.
    near: RangeInclusive<i64>,
    /// Customers with accesses from it in the whole window.
    pub(super) customers_total: u64,
    /// Customers near the alarms.
    pub(super) customers: Vec<Customer>,
}

/// A customer at an address that alarms came from.
#[derive(Debug)]
pub(super) struct Customer {
    /// None where history holds a key only.
    pub(super) id: Option<CustomerId>,
    pub(super) visitor: Visitor,
    /// The gravest verdict on this customer's procedures from there.
    pub(super) verdict: Option<Verdict>,
}

/// Gathers the evidence on the alarms with `threads` threads.
///
/// # Errors
/// Unreadable history, or the run was stopped.
pub(super) fn collect<'a>(
    swept: &'a Swept,
    files: &[HistoryFile],
    intel: &Intel,
    threads: usize,
    watch: &Watch,
) -> Result<Evidence<'a>, HistoryError> {
    let mut alarms = alarms(&swept.findings);
    let mut addresses = addresses(&alarms);
    if alarms.is_empty() {
        return Ok(Evidence { entered_exact: true, ..Evidence::default() });
    }
    let alarms_more = alarms.len().saturating_sub(ALARMS_SHOWN_MAX);
    alarms.truncate(ALARMS_SHOWN_MAX);
    let addresses_more = addresses.len().saturating_sub(ADDRESSES_SHOWN_MAX);
    addresses.truncate(ADDRESSES_SHOWN_MAX);

    let wanted = Wanted::new(&alarms, &addresses, &swept.findings);
    let found = pass::Pass { files, wanted: &wanted, window: swept.window, watch }.run(threads)?;
    let source = readable::Source { files, intel, threads, watch };

    let mut entered: Vec<u64> = Vec::new();
    let mut entered_exact = addresses_more == 0;
    for (address, visitors) in addresses.iter_mut().zip(found.visitors) {
        if !address.shared {
            entered.extend(visitors.entered());
            entered_exact &= visitors.is_whole();
        }
        address.choose(visitors, &wanted);
    }
    entered.sort_unstable();
    entered.dedup();
    limit_customers(&mut addresses);
    name_customers(&mut addresses, &swept.findings, &source)?;
    let alarms = show(&alarms, &found.around, &source)?;
    Ok(Evidence {
        alarms,
        alarms_more,
        addresses,
        addresses_more,
        entered: u64::try_from(entered.len()).unwrap_or(u64::MAX),
        entered_exact,
    })
}

/// All alarms: those with the largest share of the balance gone first, then by time.
fn alarms(findings: &[Finding]) -> Vec<&Finding> {
    let mut alarms: Vec<&Finding> =
        findings.iter().filter(|finding| finding.verdict == Verdict::Alarm).collect();
    alarms.sort_unstable_by_key(|finding| {
        let procedure = &finding.examined.procedure;
        (Reverse(finding.own.withdrawals_share_ppm), procedure.time, &procedure.id)
    });
    alarms
}

/// All addresses behind alarms: those with the most alarms first, then those that the fewest use beside.
fn addresses(alarms: &[&Finding]) -> Vec<AlarmAddress> {
    let mut addresses: HashMap<Address, AlarmAddress> = HashMap::new();
    for finding in alarms {
        let Some(address) = finding.examined.procedure.ip else { continue };
        let time = finding.examined.procedure.time.as_us();
        let (first, last) = (time.saturating_sub(NEAR_US), time.saturating_add(NEAR_US));
        let entry = addresses.entry(address).or_insert_with(|| AlarmAddress {
            address,
            country: finding.country.clone(),
            asn: finding.asn,
            lists: finding.lists.clone(),
            totals: finding.address,
            alarms: 0,
            shared: finding.reasons.contains(&Reason::IpShared),
            near: first..=last,
            customers_total: u64::from(finding.other_customers).saturating_add(1),
            customers: Vec::new(),
        });
        entry.alarms = entry.alarms.saturating_add(1);
        entry.near = first.min(*entry.near.start())..=last.max(*entry.near.end());
    }
    let mut addresses: Vec<AlarmAddress> = addresses.into_values().collect();
    addresses
        .sort_unstable_by_key(|each| (each.shared, Reverse(each.alarms), each.customers_total, each.address));
    addresses
}

impl AlarmAddress {
    /// Customers that are counted but not listed.
    pub(super) fn customers_more(&self) -> u64 {
        self.customers_total.saturating_sub(u64::try_from(self.customers.len()).unwrap_or(u64::MAX))
    }

    /// Takes the customers to show: those with procedures there first, then those entered, then by failed logins and time.
    fn choose(&mut self, visitors: visitors::Visitors, wanted: &Wanted) {
        let mut customers: Vec<Customer> = visitors
            .into_visitors()
            .map(|visitor| {
                let verdict = wanted.verdict_at(self.address, visitor.customer_key);
                Customer { id: None, visitor, verdict }
            })
            .collect();
        // More than were counted only where procedures from a file are not in history.
        self.customers_total = self.customers_total.max(u64::try_from(customers.len()).unwrap_or(u64::MAX));
        customers.sort_unstable_by_key(|each| {
            let visitor = &each.visitor;
            let weight = (each.verdict, visitor.entered, visitor.logins_failed);
            (Reverse(weight), visitor.first, visitor.customer_key)
        });
        customers.truncate(ADDRESS_CUSTOMERS_SHOWN_MAX);
        self.customers = customers;
    }
}

/// Holds all addresses together to [`CUSTOMERS_SHOWN_MAX`].
fn limit_customers(addresses: &mut [AlarmAddress]) {
    let mut room = CUSTOMERS_SHOWN_MAX;
    for address in addresses {
        address.customers.truncate(room);
        room = room.saturating_sub(address.customers.len());
    }
}

/// Customers with procedures are known by name already; the others are read from history.
fn name_customers(
    addresses: &mut [AlarmAddress],
    findings: &[Finding],
    source: &readable::Source<'_>,
) -> Result<(), HistoryError> {
    let shown = || addresses.iter().flat_map(|address| &address.customers);
    let mut names: HashMap<u64, Option<CustomerId>> =
        shown().map(|each| (each.visitor.customer_key, None)).collect();
    for finding in findings {
        let customer = &finding.examined.procedure.customer;
        if let Some(name) = names.get_mut(&customer.key().0) {
            name.get_or_insert_with(|| customer.clone());
        }
    }
    let mut places: HashMap<u64, Place> = HashMap::new();
    for each in shown() {
        let key = each.visitor.customer_key;
        if let (Some(None), Some(place)) = (names.get(&key), each.visitor.place) {
            let first = places.entry(key).or_insert(place);
            *first = place.min(*first);
        }
    }
    let read = source.customers(places.values().copied().collect())?;
    for (key, place) in places {
        names.insert(key, read.get(&place).cloned());
    }
    for each in addresses.iter_mut().flat_map(|address| &mut address.customers) {
        each.id = names.get(&each.visitor.customer_key).cloned().flatten();
    }
    Ok(())
}

/// Reads the chosen accesses.
fn show<'a>(
    alarms: &[&'a Finding],
    around: &[Around],
    source: &readable::Source<'_>,
) -> Result<Vec<Alarm<'a>>, HistoryError> {
    let mut places: Vec<Place> = around.iter().flat_map(Around::places).collect();
    places.sort_unstable();
    places.dedup();
    let accesses = source.accesses(places)?;
    let shown = alarms.iter().zip(around).map(|(finding, around)| {
        let mut shown: Vec<Shown> = around
            .places()
            .filter_map(|place| {
                let access = accesses.get(&place)?.clone();
                let is_procedure = around.procedure() == Some(place);
                Some(Shown { place, access, is_procedure, in_chain: around.in_chain(place) })
            })
            .collect();
        shown.sort_unstable_by_key(|each| (each.access.time, each.place));
        shown.dedup_by_key(|each| each.place);
        Alarm { finding, accesses: shown, chain_more: around.chain_more() }
    });
    Ok(shown.collect())
}

/// Deals tasks out to threads, each with a state of its own; gives the states.
fn deal<T: Sync, S: Send>(
    tasks: &[T],
    threads: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> Result<(), HistoryError> + Sync,
) -> Result<Vec<S>, HistoryError> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let next = AtomicUsize::new(0);
    let run = || -> Result<S, HistoryError> {
        let mut mine = state();
        while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(&mut mine, task)?;
        }
        Ok(mine)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.clamp(1, tasks.len().max(1))).map(|_| scope.spawn(run)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
