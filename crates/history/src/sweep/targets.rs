//! The procedures arranged for one pass over history: whom and what a row may concern. Must not know how rows are read.
//!
//! Procedures are ranked by customer and time. In every dimension (address, network, autonomous system, device) those of
//! one customer with one value form a *group* of *slots* in the order of time. A row at time t concerns the slots after t;
//! it is noted at the first of them only, and sums over the group give every slot its due ([`super::tally`]). So a row
//! costs a few look-ups and a binary search, however many procedures a customer has.

use intel::Intel;
use model::EventKind;
use rustc_hash::FxHashMap;

use super::filter::Filter;
use crate::procedures::Examined;
use crate::rows::halves;

/// Procedures in one sweep at most.
pub const PROCEDURES_MAX: usize = 1_000_000;

/// A slot's procedure: when it was, and its rank.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) time: i64,
    pub(super) rank: u32,
}

/// Groups of slots by (customer, value). The groups of a customer lie side by side, sorted by value.
#[derive(Debug)]
pub(super) struct Dimension<V> {
    /// First group of each customer, and the number of groups at the end.
    customers: Vec<u32>,
    /// The value of each group.
    values: Vec<V>,
    /// First slot of each group, and the number of slots at the end.
    starts: Vec<u32>,
    pub(super) slots: Vec<Slot>,
}

impl<V: Ord + Copy> Dimension<V> {
    /// `members` are (customer, value, slot) for customers below `customers_len`; order does not matter.
    fn new(mut members: Vec<(u32, V, Slot)>, customers_len: usize) -> Self {
        members.sort_unstable_by_key(|(customer, value, slot)| (*customer, *value, slot.time, slot.rank));
        let mut dimension = Self {
            customers: vec![0],
            values: Vec::new(),
            starts: Vec::new(),
            slots: Vec::with_capacity(members.len()),
        };
        let mut last = None;
        for (customer, value, slot) in members {
            if last != Some((customer, value)) {
                dimension.begin_customers_up_to(index(customer));
                dimension.values.push(value);
                dimension.starts.push(index_u32(dimension.slots.len()));
                last = Some((customer, value));
            }
            dimension.slots.push(slot);
        }
        dimension.begin_customers_up_to(customers_len);
        dimension.starts.push(index_u32(dimension.slots.len()));
        dimension
    }

    fn begin_customers_up_to(&mut self, customer: usize) {
        while self.customers.len() <= customer {
            self.customers.push(index_u32(self.values.len()));
        }
    }

    pub(super) fn group(&self, customer: u32, value: V) -> Option<u32> {
        let first = index(*self.customers.get(index(customer))?);
        let end = index(*self.customers.get(index(customer).saturating_add(1))?);
        let values = self.values.get(first..end)?;
        let place = match values {
            [only] => (*only == value).then_some(0)?,
            _ => values.binary_search(&value).ok()?,
        };
        Some(index_u32(first.saturating_add(place)))
    }

    pub(super) fn groups_len(&self) -> usize {
        self.values.len()
    }

    /// First index and slots of a group.
    pub(super) fn slots_of(&self, group: u32) -> (usize, &[Slot]) {
        let bound = |group: u32| self.starts.get(index(group)).map_or(0, |start| index(*start));
        let (start, end) = (bound(group), bound(group.saturating_add(1)));
        (start, self.slots.get(start..end).unwrap_or_default())
    }

    /// Index of the first slot of the group strictly after `time`, if any.
    pub(super) fn first_after(&self, group: u32, time: i64) -> Option<usize> {
        let (start, slots) = self.slots_of(group);
        let place = slots.partition_point(|slot| slot.time <= time);
        (place < slots.len()).then(|| start.saturating_add(place))
    }

    /// Indices of the group's slots with `low <= slot.time <= high`.
    pub(super) fn between(&self, group: u32, low: i64, high: i64) -> std::ops::Range<usize> {
        let (start, slots) = self.slots_of(group);
        let from = slots.partition_point(|slot| slot.time < low);
        let to = slots.partition_point(|slot| slot.time <= high);
        start.saturating_add(from)..start.saturating_add(to.max(from))
    }
}

/// An address that procedures came from.
#[derive(Debug)]
pub(super) struct TargetAddress {
    pub(super) bits: u128,
    /// Kinds of the procedures that came from it, each once.
    pub(super) kinds: Vec<EventKind>,
    /// First of its pair numbers: any access, failed login, then one for each of `kinds`.
    pub(super) pairs: u32,
}

/// The addresses with one lower half, which lie side by side: nearly always a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Addresses {
    first: u32,
    end: u32,
}

/// Everything a row is compared with.
#[derive(Debug)]
pub(super) struct Targets {
    /// Rank → place in the caller's list.
    pub(super) places: Vec<u32>,
    /// All procedures of a customer are one group of this dimension, value `()`.
    pub(super) own: Dimension<()>,
    pub(super) ip: Dimension<u128>,
    pub(super) net: Dimension<u128>,
    /// /48, for IPv6 only.
    pub(super) site: Dimension<u128>,
    pub(super) asn: Dimension<u32>,
    pub(super) device: Dimension<u64>,
    pub(super) addresses: Vec<TargetAddress>,
    /// Number of distinct pair numbers.
    pub(super) pairs_len: u32,
    customers: FxHashMap<u64, u32>,
    lows: FxHashMap<u64, Addresses>,
    pub(super) customer_filter: Filter,
    pub(super) address_filter: Filter,
}

impl Targets {
    pub(super) fn new(examined: &[Examined], intel: &Intel) -> Self {
        let mut places: Vec<u32> = (0..index_u32(examined.len())).collect();
        let key = |place: &u32| {
            examined
                .get(index(*place))
                .map(|each| (each.procedure.customer.key(), each.procedure.time, &each.procedure.id))
        };
        places.sort_unstable_by(|one, other| key(one).cmp(&key(other)));
        let mut customers = FxHashMap::default();
        let mut own = Vec::with_capacity(places.len());
        let (mut ips, mut nets, mut sites) = (Vec::new(), Vec::new(), Vec::new());
        let (mut asns, mut devices) = (Vec::new(), Vec::new());
        let mut kinds: FxHashMap<u128, Vec<EventKind>> = FxHashMap::default();
        for (rank, place) in (0_u32..).zip(&places) {
            let Some(each) = examined.get(index(*place)) else { continue };
            let procedure = &each.procedure;
            let next = index_u32(customers.len());
            let customer = *customers.entry(procedure.customer.key().0).or_insert(next);
            let slot = Slot { time: procedure.time.as_us(), rank };
            own.push((customer, (), slot));
            if let Some(address) = procedure.ip {
                ips.push((customer, address.bits(), slot));
                nets.push((customer, address.network().bits(), slot));
                sites.extend(address.site().map(|site| (customer, site.bits(), slot)));
                let kinds = kinds.entry(address.bits()).or_default();
                if !kinds.contains(&procedure.kind) {
                    kinds.push(procedure.kind);
                }
            }
            if let Some(asn) = asn_of(each, intel) {
                asns.push((customer, asn, slot));
            }
            if let Some(device) = &procedure.device {
                devices.push((customer, model::customer::text_key(device.as_str()), slot));
            }
        }
        let (addresses, lows, pairs_len) = arrange_addresses(kinds);
        Self {
            places,
            own: Dimension::new(own, customers.len()),
            ip: Dimension::new(ips, customers.len()),
            net: Dimension::new(nets, customers.len()),
            site: Dimension::new(sites, customers.len()),
            asn: Dimension::new(asns, customers.len()),
            device: Dimension::new(devices, customers.len()),
            customer_filter: Filter::new(customers.keys().copied()),
            address_filter: Filter::new(lows.keys().copied()),
            addresses,
            pairs_len,
            customers,
            lows,
        }
    }

    pub(super) fn customer(&self, key: u64) -> Option<u32> {
        self.customers.get(&key).copied()
    }

    pub(super) fn address(&self, bits: u128) -> Option<u32> {
        self.address_among(self.addresses_with_low(halves(bits).1)?, bits)
    }

    pub(super) fn addresses_with_low(&self, low: u64) -> Option<Addresses> {
        self.lows.get(&low).copied()
    }

    /// The address with these bits among those with their lower half.
    pub(super) fn address_among(&self, among: Addresses, bits: u128) -> Option<u32> {
        let addresses = self.addresses.get(index(among.first)..index(among.end))?;
        let place = match addresses {
            [only] => (only.bits == bits).then_some(0)?,
            _ => addresses.binary_search_by_key(&bits, |address| address.bits).ok()?,
        };
        Some(among.first.saturating_add(index_u32(place)))
    }

    /// The pair number for "a customer had an access / a failed login / an event of this kind here".
    pub(super) fn pair_of_kind(&self, address: u32, kind: EventKind) -> Option<u32> {
        let target = self.addresses.get(index(address))?;
        let place = target.kinds.iter().position(|each| *each == kind)?;
        Some(target.pairs.saturating_add(2).saturating_add(index_u32(place)))
    }
}

/// The autonomous system a procedure came from: as recorded with it, else as known of its address.
pub(super) fn asn_of(examined: &Examined, intel: &Intel) -> Option<u32> {
    examined.recorded.asn.or_else(|| examined.procedure.ip.and_then(|address| intel.asn(address.ip())))
}

type Arranged = (Vec<TargetAddress>, FxHashMap<u64, Addresses>, u32);

fn arrange_addresses(kinds: FxHashMap<u128, Vec<EventKind>>) -> Arranged {
    let mut sorted: Vec<_> = kinds.into_iter().collect();
    sorted.sort_unstable_by_key(|(bits, _)| (halves(*bits).1, *bits));
    let (mut addresses, mut lows, mut pairs) = (Vec::new(), FxHashMap::default(), 0_u32);
    for (bits, kinds) in sorted {
        let first = index_u32(addresses.len());
        let end = first.saturating_add(1);
        lows.entry(halves(bits).1).or_insert(Addresses { first, end }).end = end;
        let used = index_u32(kinds.len()).saturating_add(2);
        addresses.push(TargetAddress { bits, kinds, pairs });
        pairs = pairs.saturating_add(used);
    }
    (addresses, lows, pairs)
}

/// Lossless on every platform this runs on (32 bits or more).
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Lossless below [`PROCEDURES_MAX`] times the few slots a procedure has.
pub(super) fn index_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
