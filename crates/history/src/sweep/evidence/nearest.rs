//! The accesses nearest to a moment, in bounded space. What is kept does not depend on the order in which rows come. Must
//! not know history.

use model::{EventKind, Outcome};

use super::Place;
use super::pass::Row;
use crate::sweep::{CHAIN_AFTER_US, CHAIN_BEFORE_US};

/// Accesses before, and as many after.
pub(super) const SIDE_MAX: usize = 12;
/// Accesses at the very moment.
const SAME_TIME_MAX: usize = 4;
/// Events of the chain.
const CHAIN_MAX: usize = 16;
/// How far before and after, microseconds.
pub(super) const NEAR_US: i64 = 30 * model::time::DAY_US;

/// The places with the smallest distances, up to a limit; equal distances go by place.
#[derive(Debug, Clone)]
struct Nearest {
    limit: usize,
    members: Vec<(u64, Place)>,
    seen: u64,
}

impl Nearest {
    fn new(limit: usize) -> Self {
        Self { limit, members: Vec::new(), seen: 0 }
    }

    fn insert(&mut self, distance: u64, place: Place) {
        self.seen = self.seen.saturating_add(1);
        self.keep((distance, place));
    }

    fn keep(&mut self, member: (u64, Place)) {
        let at = self.members.partition_point(|each| *each < member);
        if at < self.limit {
            self.members.insert(at, member);
            self.members.truncate(self.limit);
        }
    }

    fn merge(&mut self, other: Self) {
        self.seen = self.seen.saturating_add(other.seen);
        for member in other.members {
            self.keep(member);
        }
    }

    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.members.iter().map(|(_, place)| *place)
    }
}

/// What is around one procedure.
#[derive(Debug, Clone)]
pub(super) struct Around {
    procedure: Nearest,
    same_time: Nearest,
    before: Nearest,
    after: Nearest,
    chain: Nearest,
}

impl Around {
    pub(super) fn new() -> Self {
        Self {
            procedure: Nearest::new(1),
            same_time: Nearest::new(SAME_TIME_MAX),
            before: Nearest::new(SIDE_MAX),
            after: Nearest::new(SIDE_MAX),
            chain: Nearest::new(CHAIN_MAX),
        }
    }

    /// Notes a row of the procedure's customer.
    pub(super) fn note(&mut self, time: i64, kind: EventKind, row: &Row) {
        let after = row.time.saturating_sub(time);
        let distance = after.unsigned_abs();
        if after.saturating_abs() > NEAR_US {
            return;
        }
        match after {
            0 => {
                self.same_time.insert(0, row.place);
                if row.kind == Some(kind) {
                    self.procedure.insert(0, row.place);
                }
            }
            1.. => self.after.insert(distance, row.place),
            _ => self.before.insert(distance, row.place),
        }
        if in_chain(after, row) {
            self.chain.insert(distance, row.place);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.procedure.merge(other.procedure);
        self.same_time.merge(other.same_time);
        self.before.merge(other.before);
        self.after.merge(other.after);
        self.chain.merge(other.chain);
    }

    /// The procedure's own row, if history has it; the first one where several look like it.
    pub(super) fn procedure(&self) -> Option<Place> {
        self.procedure.places().next()
    }

    pub(super) fn in_chain(&self, place: Place) -> bool {
        self.chain.places().any(|each| each == place)
    }

    /// Events of the chain that found no room.
    pub(super) fn chain_more(&self) -> u64 {
        self.chain.seen.saturating_sub(u64::try_from(self.chain.members.len()).unwrap_or(u64::MAX))
    }

    /// All places; one may come twice.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        [&self.procedure, &self.same_time, &self.before, &self.after, &self.chain]
            .into_iter()
            .flat_map(Nearest::places)
    }
}

/// The same events that the counted columns call the chain.
fn in_chain(after: i64, row: &Row) -> bool {
    use EventKind as K;
    row.outcome != Some(Outcome::Failed)
        && match row.kind {
            Some(
                K::ContactChange | K::PasswordChange | K::PasswordReset | K::FactorEnroll | K::FactorRemove,
            ) => (-CHAIN_BEFORE_US..0).contains(&after),
            Some(K::Withdrawal | K::Transfer) => 0 < after && after <= CHAIN_AFTER_US,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use model::time::{DAY_US, HOUR_US};
    use model::{EventKind, Outcome};

    use super::{Around, Place, Row, SIDE_MAX};

    const NOW: i64 = 1_000 * DAY_US;

    fn row(number: u32, time: i64, kind: EventKind) -> Row {
        Row {
            place: Place { file: 0, group: 0, row: number },
            time,
            kind: Some(kind),
            outcome: Some(Outcome::Succeeded),
            customer_key: 1,
            ip_bits: 0,
        }
    }

    fn around(rows: &[Row]) -> Around {
        let mut around = Around::new();
        for row in rows {
            around.note(NOW, EventKind::BankAccountChange, row);
        }
        around
    }

    fn sorted(around: &Around) -> Vec<Place> {
        let mut places: Vec<Place> = around.places().collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    #[test]
    fn keeps_the_nearest_whatever_the_order_and_the_parts() {
        let rows: Vec<Row> =
            (0..100).map(|n| row(n, NOW + (i64::from(n) - 50) * HOUR_US, EventKind::Login)).collect();
        let whole = around(&rows);
        assert_eq!(sorted(&whole).len(), 2 * SIDE_MAX + 1);
        let mut backwards = rows.clone();
        backwards.reverse();
        let (left, right) = backwards.split_at(37);
        let mut parts = around(left);
        parts.merge(around(right));
        assert_eq!(sorted(&parts), sorted(&whole));
    }

    #[test]
    fn finds_the_procedure_and_its_chain() {
        let mut failed = row(5, NOW - HOUR_US, EventKind::PasswordReset);
        failed.outcome = Some(Outcome::Failed);
        let rows = [
            row(0, NOW - 73 * HOUR_US, EventKind::ContactChange),
            row(1, NOW - 72 * HOUR_US, EventKind::ContactChange),
            row(2, NOW, EventKind::BankAccountChange),
            row(3, NOW, EventKind::SessionActivity),
            row(4, NOW + 30 * DAY_US, EventKind::Withdrawal),
            failed,
            row(6, NOW + 31 * DAY_US, EventKind::Withdrawal),
        ];
        let around = around(&rows);
        assert_eq!(around.procedure().map(|place| place.row), Some(2));
        let chain: Vec<u32> =
            (0..7).filter(|row| around.in_chain(Place { file: 0, group: 0, row: *row })).collect();
        assert_eq!(chain, [1, 4]);
        assert_eq!(sorted(&around).len(), 6, "the last one is too late to be shown");
        assert_eq!(around.chain_more(), 0);
    }
}
