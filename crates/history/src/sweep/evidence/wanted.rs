//! Whom and what the evidence concerns, and which row groups cannot hold any of it. Must not know how rows are read.

use std::ops::RangeInclusive;

use hashbrown::{HashMap, HashSet};
use model::{Address, EventKind};

use super::AlarmAddress;
use super::nearest::{Around, NEAR_US};
use super::pass::Row;
use super::visitors::Visitors;
use crate::files::HistoryFile;
use crate::rows::halves;
use crate::schema::column;
use crate::sweep::filter::Filter;
use crate::sweep::{Finding, Verdict, Window};

/// One alarm of a customer.
#[derive(Debug)]
struct Moment {
    /// Its place among the alarms.
    alarm: usize,
    time: i64,
    kind: EventKind,
}

/// An address behind alarms.
#[derive(Debug)]
struct Spot {
    /// Its place among the addresses.
    place: usize,
    /// When accesses from it matter.
    near: RangeInclusive<i64>,
}

/// What is looked for.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Alarms by customer.
    customers: HashMap<u64, Vec<Moment>>,
    /// Addresses that are not shared.
    addresses: HashMap<u128, Spot>,
    addresses_len: usize,
    /// Their lower halves.
    lows: HashSet<u64>,
    /// The gravest verdict on a customer's procedures from an address near its alarms.
    verdicts: HashMap<(u128, u64), Verdict>,
    alarms_len: usize,
    pub(super) customer_filter: Filter,
    pub(super) address_filter: Filter,
}

/// Which of a row group's keys must be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) customers: bool,
    pub(super) addresses: bool,
}

/// What was found so far.
#[derive(Debug)]
pub(super) struct Found {
    /// For each alarm.
    pub(super) around: Vec<Around>,
    /// For each address.
    pub(super) visitors: Vec<Visitors>,
}

impl Wanted {
    pub(super) fn new(alarms: &[&Finding], addresses: &[AlarmAddress], findings: &[Finding]) -> Self {
        let mut customers: HashMap<u64, Vec<Moment>> = HashMap::new();
        for (alarm, finding) in alarms.iter().enumerate() {
            let procedure = &finding.examined.procedure;
            let moment = Moment { alarm, time: procedure.time.as_us(), kind: procedure.kind };
            customers.entry(procedure.customer.key().0).or_default().push(moment);
        }
        let addresses_len = addresses.len();
        let addresses: HashMap<u128, Spot> = addresses
            .iter()
            .enumerate()
            .filter(|(_, each)| !each.shared)
            .map(|(place, each)| (each.address.bits(), Spot { place, near: each.near.clone() }))
            .collect();
        let lows: HashSet<u64> = addresses.keys().map(|bits| halves(*bits).1).collect();
        let mut verdicts: HashMap<(u128, u64), Verdict> = HashMap::new();
        for finding in findings {
            let procedure = &finding.examined.procedure;
            let is_near = |bits: &u128| {
                addresses.get(bits).is_some_and(|spot| spot.near.contains(&procedure.time.as_us()))
            };
            let Some(bits) = procedure.ip.map(Address::bits).filter(is_near) else { continue };
            let verdict = verdicts.entry((bits, procedure.customer.key().0)).or_insert(finding.verdict);
            *verdict = finding.verdict.max(*verdict);
        }
        Self {
            customer_filter: Filter::new(customers.keys().copied()),
            address_filter: Filter::new(lows.iter().copied()),
            lows,
            customers,
            addresses,
            addresses_len,
            verdicts,
            alarms_len: alarms.len(),
        }
    }

    /// The gravest verdict on this customer's procedures from this address.
    pub(super) fn verdict_at(&self, address: Address, customer_key: u64) -> Option<Verdict> {
        self.verdicts.get(&(address.bits(), customer_key)).copied()
    }

    /// Whether a row with these keys is looked for; an address may still turn out to be another one.
    pub(super) fn wants(&self, customer_key: Option<u64>, ip_lo: u64) -> bool {
        customer_key.is_some_and(|key| self.customers.contains_key(&key)) || self.lows.contains(&ip_lo)
    }

    /// An empty result.
    pub(super) fn found(&self) -> Found {
        Found {
            around: vec![Around::new(); self.alarms_len],
            visitors: vec![Visitors::default(); self.addresses_len],
        }
    }

    /// Customers whose procedures came from a file were at their addresses even where history does not say so.
    pub(super) fn expect(&self, found: &mut Found) {
        for (bits, customer) in self.verdicts.keys() {
            let visitors = self.addresses.get(bits).and_then(|spot| found.visitors.get_mut(spot.place));
            if let Some(visitors) = visitors {
                visitors.expect(*customer);
            }
        }
    }

    /// Notes a row with all its keys.
    pub(super) fn note(&self, found: &mut Found, row: &Row) {
        for moment in self.customers.get(&row.customer_key).into_iter().flatten() {
            if let Some(around) = found.around.get_mut(moment.alarm) {
                around.note(moment.time, moment.kind, row);
            }
        }
        if row.customer_key != 0
            && let Some(spot) = self.addresses.get(&row.ip_bits)
            && spot.near.contains(&row.time)
            && let Some(visitors) = found.visitors.get_mut(spot.place)
        {
            visitors.note(self.verdicts.contains_key(&(row.ip_bits, row.customer_key)), row);
        }
    }

    /// What of a row group must be looked at, by its statistics; nothing where they rule everything out.
    pub(super) fn plan(&self, file: &HistoryFile, group: usize, window: Window) -> Option<Plan> {
        let times = file.range(group, column::TIME).unwrap_or((i64::MIN, i64::MAX));
        if !window.overlaps(times.0, times.1) {
            return None;
        }
        let keys = unsigned(file, group, column::CUSTOMER_KEY);
        let lows = unsigned(file, group, column::IP_LO);
        let customers = self.customers.iter().any(|(key, moments)| {
            keys.contains(key)
                && moments.iter().any(|moment| {
                    moment.time.saturating_sub(NEAR_US) <= times.1
                        && times.0 <= moment.time.saturating_add(NEAR_US)
                })
        });
        let addresses = self.addresses.iter().any(|(bits, spot)| {
            lows.contains(&halves(*bits).1) && *spot.near.start() <= times.1 && times.0 <= *spot.near.end()
        });
        (customers || addresses).then_some(Plan { customers, addresses })
    }
}

impl Found {
    /// Takes in what another thread found.
    pub(super) fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.around.iter_mut().zip(other.around) {
            mine.merge(theirs);
        }
        for (mine, theirs) in self.visitors.iter_mut().zip(other.visitors) {
            mine.merge(theirs);
        }
    }
}

/// Smallest and largest value of an unsigned column; statistics keep them in signed numbers of the same bits.
fn unsigned(file: &HistoryFile, group: usize, name: &str) -> RangeInclusive<u64> {
    match file.range(group, name) {
        Some((low, high)) if low.cast_unsigned() <= high.cast_unsigned() => {
            low.cast_unsigned()..=high.cast_unsigned()
        }
        _ => 0..=u64::MAX,
    }
}
