//! What the scan adds up for each procedure. Every cell is an atomic that only grows, shrinks or collects bits, so threads
//! share one tally and the result does not depend on how rows are dealt out. Must not know files.
//!
//! Cells hold what *begins* at a slot; [`Tally::own`] sums them along each group: a row noted at the first later procedure
//! counts for all later ones. Counts that hold only for a span of time (72 hours, 30 days) are noted with +1 where the span
//! begins and −1 behind its end.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use model::time::{DAY_US, HOUR_US};
use model::{EventKind, Outcome};

use super::Columns;
use super::targets::{Dimension, Targets, index};

/// Changes this long before a procedure belong to its chain.
pub const CHAIN_BEFORE_US: i64 = 72 * HOUR_US;
/// Withdrawals this long after a procedure belong to its chain.
pub const CHAIN_AFTER_US: i64 = 30 * DAY_US;

/// How often and since when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Accesses.
    pub count: u64,
    /// Time of the first one, microseconds.
    pub first: Option<i64>,
    /// Accesses that did not fail: guesses of a password must not make an attacker's place look familiar.
    pub done: u64,
    /// Time of the first of those.
    pub first_done: Option<i64>,
}

/// What was added up for one procedure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Own {
    /// From anywhere.
    pub any: Seen,
    /// From the same address.
    pub ip: Seen,
    /// Time of the last access from the same address.
    pub ip_last: Option<i64>,
    /// Distinct UTC days of accesses from the same address.
    pub ip_days: u32,
    /// From the same network.
    pub net: Seen,
    /// From the same /48, for IPv6 only.
    pub site: Seen,
    /// From the same autonomous system.
    pub asn: Seen,
    /// From the same device.
    pub device: Seen,
    /// Contact changes within 72 h before.
    pub contact_changes: u32,
    /// Password changes and resets within 72 h before.
    pub password_changes: u32,
    /// Factors enrolled or removed within 72 h before.
    pub factor_changes: u32,
    /// Withdrawals and transfers within 30 days after.
    pub withdrawals: u32,
    /// Those from the procedure's address.
    pub withdrawals_same_ip: u32,
    /// Sum of their shares of the balance, millionths.
    pub withdrawals_share_ppm: u64,
}

/// All there is to know of one address in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AddressTotals {
    /// Events of any kind.
    pub accesses: u64,
    /// Logins.
    pub logins: u64,
    /// Failed logins.
    pub logins_failed: u64,
}

impl AddressTotals {
    /// Adds one event.
    pub(super) fn note(&mut self, kind: Option<EventKind>, failed_login: bool) {
        self.accesses = self.accesses.saturating_add(1);
        self.logins = self.logins.saturating_add(u64::from(kind == Some(EventKind::Login)));
        self.logins_failed = self.logins_failed.saturating_add(u64::from(failed_login));
    }

    /// Adds what another thread counted.
    pub(super) fn add(&mut self, other: &Self) {
        self.accesses = self.accesses.saturating_add(other.accesses);
        self.logins = self.logins.saturating_add(other.logins);
        self.logins_failed = self.logins_failed.saturating_add(other.logins_failed);
    }
}

/// One row of history as far as the tally needs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) time: i64,
    pub(super) ip_bits: u128,
    pub(super) net_bits: u128,
    /// 0 for IPv4.
    pub(super) site_bits: u128,
    pub(super) device_key: u64,
    pub(super) asn: Option<u32>,
    pub(super) kind: Option<EventKind>,
    /// [`kind_bit`] of the kind, 0 without one.
    pub(super) kind_bit: u32,
    pub(super) outcome: Option<Outcome>,
    pub(super) share_ppm: u32,
}

#[derive(Debug)]
struct SeenCell {
    count: AtomicU64,
    first: AtomicI64,
    done: AtomicU64,
    first_done: AtomicI64,
}

impl SeenCell {
    fn many(length: usize) -> Vec<Self> {
        let cell = || Self {
            count: AtomicU64::new(0),
            first: AtomicI64::new(i64::MAX),
            done: AtomicU64::new(0),
            first_done: AtomicI64::new(i64::MAX),
        };
        std::iter::repeat_with(cell).take(length).collect()
    }

    fn note(&self, row: &Row) {
        self.count.fetch_add(1, Relaxed);
        self.first.fetch_min(row.time, Relaxed);
        if row.outcome != Some(Outcome::Failed) {
            self.done.fetch_add(1, Relaxed);
            self.first_done.fetch_min(row.time, Relaxed);
        }
    }

    /// Adds what was noted here to a running sum.
    fn add_to(&self, sum: &mut Seen) {
        let earlier = |one: Option<i64>, cell: &AtomicI64| match cell.load(Relaxed) {
            i64::MAX => one,
            other => Some(one.map_or(other, |one| one.min(other))),
        };
        sum.count = sum.count.saturating_add(self.count.load(Relaxed));
        sum.first = earlier(sum.first, &self.first);
        sum.done = sum.done.saturating_add(self.done.load(Relaxed));
        sum.first_done = earlier(sum.first_done, &self.first_done);
    }
}

/// The sums in the making.
#[derive(Debug)]
pub(super) struct Tally {
    columns: Columns,
    first_day: i64,
    day_words: usize,
    any: Vec<SeenCell>,
    ip: Vec<SeenCell>,
    ip_last: Vec<AtomicI64>,
    ip_days: Vec<AtomicU64>,
    net: Vec<SeenCell>,
    site: Vec<SeenCell>,
    asn: Vec<SeenCell>,
    device: Vec<SeenCell>,
    contact: Vec<AtomicI64>,
    password: Vec<AtomicI64>,
    factor: Vec<AtomicI64>,
    withdrawals: Vec<AtomicI64>,
    share: Vec<AtomicI64>,
    same_ip: Vec<AtomicI64>,
    /// For each group of the address dimension: bit 31 = the customer was here in the window, bit k = with kind k.
    present: Vec<AtomicU32>,
}

const PRESENT: u32 = 1 << 31;

impl Tally {
    /// Room for `targets`; accesses that matter lie between the first and the last of `times`, and before the last
    /// procedure. A procedure dated in a far year must not ask for a day's bit up to then.
    pub(super) fn new(targets: &Targets, times: (i64, i64), columns: Columns) -> Self {
        let from = times.0;
        let last =
            targets.own.slots.iter().map(|slot| slot.time).max().unwrap_or(from).min(times.1).max(from);
        let first_day = from.div_euclid(DAY_US);
        let days = last.div_euclid(DAY_US).saturating_sub(first_day).saturating_add(1);
        let day_words = usize::try_from(days.max(1)).unwrap_or(1).div_ceil(64);
        let (ranks, ips) = (targets.own.slots.len(), targets.ip.slots.len());
        let spans = |length: usize| zeros(length.saturating_add(1));
        Self {
            columns,
            first_day,
            day_words,
            any: SeenCell::many(ranks),
            ip: SeenCell::many(ips),
            ip_last: std::iter::repeat_with(|| AtomicI64::new(i64::MIN)).take(ips).collect(),
            ip_days: std::iter::repeat_with(AtomicU64::default).take(ips.saturating_mul(day_words)).collect(),
            net: SeenCell::many(targets.net.slots.len()),
            site: SeenCell::many(targets.site.slots.len()),
            asn: SeenCell::many(targets.asn.slots.len()),
            device: SeenCell::many(targets.device.slots.len()),
            contact: spans(ranks),
            password: spans(ranks),
            factor: spans(ranks),
            withdrawals: spans(ranks),
            share: spans(ranks),
            same_ip: spans(ips),
            present: std::iter::repeat_with(AtomicU32::default).take(targets.ip.groups_len()).collect(),
        }
    }

    /// Adds a row of a customer who has procedures.
    pub(super) fn note_customer(&self, targets: &Targets, customer: u32, row: &Row) {
        let ip_group = (row.ip_bits != 0).then(|| targets.ip.group(customer, row.ip_bits)).flatten();
        if let Some(group) = ip_group {
            if let Some(cell) = self.present.get(index(group)) {
                let bits = PRESENT | row.kind_bit;
                if cell.load(Relaxed) & bits != bits {
                    cell.fetch_or(bits, Relaxed);
                }
            }
            if let Some(slot) = targets.ip.first_after(group, row.time) {
                self.note_address(slot, row);
            }
        }
        if row.ip_bits != 0 {
            note(&self.net, &targets.net, customer, row.net_bits, row);
        }
        if self.columns == Columns::Core {
            return;
        }
        note(&self.any, &targets.own, customer, (), row);
        if row.site_bits != 0 {
            note(&self.site, &targets.site, customer, row.site_bits, row);
        }
        if let Some(asn) = row.asn {
            note(&self.asn, &targets.asn, customer, asn, row);
        }
        if row.device_key != 0 {
            note(&self.device, &targets.device, customer, row.device_key, row);
        }
        if row.outcome != Some(Outcome::Failed)
            && let (Some(kind), Some(group)) = (row.kind, targets.own.group(customer, ()))
        {
            self.note_chain(targets, group, ip_group, kind, row);
        }
    }

    fn note_address(&self, slot: usize, row: &Row) {
        let time = row.time;
        if let (Some(seen), Some(last)) = (self.ip.get(slot), self.ip_last.get(slot)) {
            seen.note(row);
            last.fetch_max(time, Relaxed);
        }
        let day = usize::try_from(time.div_euclid(DAY_US).saturating_sub(self.first_day)).unwrap_or(0);
        let start = slot.saturating_mul(self.day_words);
        let words = self.ip_days.get(start..start.saturating_add(self.day_words)).unwrap_or_default();
        if let Some(word) = words.get(day / 64) {
            word.fetch_or(1 << (day % 64), Relaxed);
        }
    }

    fn note_chain(&self, targets: &Targets, group: u32, ip_group: Option<u32>, kind: EventKind, row: &Row) {
        use EventKind as K;
        let changes = match kind {
            K::ContactChange => &self.contact,
            K::PasswordChange | K::PasswordReset => &self.password,
            K::FactorEnroll | K::FactorRemove => &self.factor,
            K::Withdrawal | K::Transfer => {
                // The procedures that this withdrawal came after, by at most 30 days.
                let (low, high) = (row.time.saturating_sub(CHAIN_AFTER_US), row.time.saturating_sub(1));
                let span = targets.own.between(group, low, high);
                note_span(&self.withdrawals, &span, 1);
                note_span(&self.share, &span, i64::from(row.share_ppm));
                if let Some(ip_group) = ip_group {
                    note_span(&self.same_ip, &targets.ip.between(ip_group, low, high), 1);
                }
                return;
            }
            _ => return,
        };
        let (low, high) = (row.time.saturating_add(1), row.time.saturating_add(CHAIN_BEFORE_US));
        note_span(changes, &targets.own.between(group, low, high), 1);
    }

    /// Whether the customer themself was at the address in the window, and whether with this kind of event.
    pub(super) fn own_presence(
        &self,
        targets: &Targets,
        customer: u32,
        ip_bits: u128,
        kind: EventKind,
    ) -> (bool, bool) {
        let group = targets.ip.group(customer, ip_bits);
        let bits =
            group.and_then(|group| self.present.get(index(group))).map_or(0, |cell| cell.load(Relaxed));
        (bits & PRESENT != 0, bits & kind_bit(kind) != 0)
    }

    /// The sums for every procedure, by rank.
    pub(super) fn own(&self, targets: &Targets) -> Vec<Own> {
        let mut own = vec![Own::default(); targets.places.len()];
        self.sum_addresses(targets, &mut own);
        sum_seen(&self.any, &targets.own, &mut own, |own| &mut own.any);
        sum_seen(&self.net, &targets.net, &mut own, |own| &mut own.net);
        sum_seen(&self.site, &targets.site, &mut own, |own| &mut own.site);
        sum_seen(&self.asn, &targets.asn, &mut own, |own| &mut own.asn);
        sum_seen(&self.device, &targets.device, &mut own, |own| &mut own.device);
        let count = |value: i64| u32::try_from(value.max(0)).unwrap_or(u32::MAX);
        sum_spans(&self.contact, &targets.own, &mut own, |own, value| own.contact_changes = count(value));
        sum_spans(&self.password, &targets.own, &mut own, |own, value| own.password_changes = count(value));
        sum_spans(&self.factor, &targets.own, &mut own, |own, value| own.factor_changes = count(value));
        sum_spans(&self.withdrawals, &targets.own, &mut own, |own, value| own.withdrawals = count(value));
        sum_spans(&self.share, &targets.own, &mut own, |own, value| {
            own.withdrawals_share_ppm = u64::try_from(value).unwrap_or(0);
        });
        sum_spans(&self.same_ip, &targets.ip, &mut own, |own, value| own.withdrawals_same_ip = count(value));
        own
    }

    fn sum_addresses(&self, targets: &Targets, own: &mut [Own]) {
        sum_seen(&self.ip, &targets.ip, own, |own| &mut own.ip);
        let mut days = vec![0_u64; self.day_words];
        for group in 0..super::targets::index_u32(targets.ip.groups_len()) {
            let (start, slots) = targets.ip.slots_of(group);
            days.fill(0);
            let mut last = i64::MIN;
            for (slot, place) in slots.iter().zip(start..) {
                last = last.max(self.ip_last.get(place).map_or(i64::MIN, |cell| cell.load(Relaxed)));
                let words = self.ip_days.iter().skip(place.saturating_mul(self.day_words));
                for (sum, word) in days.iter_mut().zip(words) {
                    *sum |= word.load(Relaxed);
                }
                if let Some(own) = own.get_mut(index(slot.rank)) {
                    own.ip_last = (last != i64::MIN).then_some(last);
                    own.ip_days = days.iter().map(|word| word.count_ones()).sum();
                }
            }
        }
    }
}

fn zeros(length: usize) -> Vec<AtomicI64> {
    std::iter::repeat_with(AtomicI64::default).take(length).collect()
}

/// One bit a kind, below [`PRESENT`].
pub(super) fn kind_bit(kind: EventKind) -> u32 {
    EventKind::ALL.iter().position(|each| *each == kind).map_or(0, |place| 1 << (place & 31))
}

fn note<V: Ord + Copy>(cells: &[SeenCell], dimension: &Dimension<V>, customer: u32, value: V, row: &Row) {
    let slot = dimension.group(customer, value).and_then(|group| dimension.first_after(group, row.time));
    if let Some(cell) = slot.and_then(|slot| cells.get(slot)) {
        cell.note(row);
    }
}

fn note_span(cells: &[AtomicI64], span: &std::ops::Range<usize>, amount: i64) {
    if span.is_empty() {
        return;
    }
    if let (Some(begin), Some(behind)) = (cells.get(span.start), cells.get(span.end)) {
        begin.fetch_add(amount, Relaxed);
        behind.fetch_sub(amount, Relaxed);
    }
}

/// Sums along each group: a slot has what was noted at it and at the slots before it.
fn sum_seen<V: Ord + Copy>(
    cells: &[SeenCell],
    dimension: &Dimension<V>,
    own: &mut [Own],
    field: impl Fn(&mut Own) -> &mut Seen,
) {
    for group in 0..super::targets::index_u32(dimension.groups_len()) {
        let (start, slots) = dimension.slots_of(group);
        let mut sum = Seen::default();
        for (slot, cell) in slots.iter().zip(cells.iter().skip(start)) {
            cell.add_to(&mut sum);
            if let Some(own) = own.get_mut(index(slot.rank)) {
                *field(own) = sum;
            }
        }
    }
}

/// Sums of +1 and −1 along all slots. Spans end within their group, so no group's sum reaches into the next.
fn sum_spans<V: Ord + Copy>(
    cells: &[AtomicI64],
    dimension: &Dimension<V>,
    own: &mut [Own],
    set: impl Fn(&mut Own, i64),
) {
    let mut sum = 0_i64;
    for (slot, cell) in dimension.slots.iter().zip(cells) {
        sum = sum.saturating_add(cell.load(Relaxed));
        if let Some(own) = own.get_mut(index(slot.rank)) {
            set(own, sum);
        }
    }
}
