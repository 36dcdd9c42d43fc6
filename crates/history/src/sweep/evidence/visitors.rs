//! Who was at an address: one record a customer, for a bounded choice of customers that does not depend on the order in
//! which rows come. Must not know history.
//!
//! Customers are ranked before anything is read (those with procedures from the address first, then by key). Kept are the
//! lowest ranks: a customer that is among them at the end was so all along, hence their record is complete.

use std::collections::BTreeMap;

use model::{EventKind, Outcome};

use super::Place;
use super::pass::Row;

/// Customers kept of one address; of more, those with procedures and a sample of the others.
pub(super) const CUSTOMERS_KEPT_MAX: usize = 2_000;

/// What a customer did at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sweep) struct Visitor {
    pub(in crate::sweep) customer_key: u64,
    /// Time of the first access; none where history has none (the procedure came from a file).
    pub(in crate::sweep) first: Option<i64>,
    pub(in crate::sweep) last: Option<i64>,
    pub(in crate::sweep) accesses: u64,
    pub(in crate::sweep) logins_failed: u64,
    pub(in crate::sweep) procedures: u64,
    /// A login or anything else was completed.
    pub(in crate::sweep) entered: bool,
    /// One of the rows.
    pub(super) place: Option<Place>,
}

impl Visitor {
    fn new(customer_key: u64) -> Self {
        Self {
            customer_key,
            first: None,
            last: None,
            accesses: 0,
            logins_failed: 0,
            procedures: 0,
            entered: false,
            place: None,
        }
    }

    fn note(&mut self, row: &Row) {
        let failed = row.outcome == Some(Outcome::Failed);
        let is_login = row.kind == Some(EventKind::Login);
        self.merge(&Self {
            first: Some(row.time),
            last: Some(row.time),
            accesses: 1,
            logins_failed: u64::from(is_login && failed),
            procedures: u64::from(!failed && row.kind.is_some_and(EventKind::is_procedure)),
            // Only who is signed in does anything but log in, so what was asked for counts too.
            entered: row.outcome == Some(Outcome::Succeeded) || (!is_login && !failed),
            place: Some(row.place),
            ..Self::new(self.customer_key)
        });
    }

    fn merge(&mut self, other: &Self) {
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.accesses = self.accesses.saturating_add(other.accesses);
        self.logins_failed = self.logins_failed.saturating_add(other.logins_failed);
        self.procedures = self.procedures.saturating_add(other.procedures);
        self.entered |= other.entered;
        self.place = self.place.into_iter().chain(other.place).min();
    }
}

/// Lower comes first: `false` for customers with procedures from the address.
type Rank = (bool, u64);

/// The customers of one address.
#[derive(Debug, Clone, Default)]
pub(super) struct Visitors {
    kept: BTreeMap<Rank, Visitor>,
    /// Whether somebody found no room.
    cut: bool,
}

impl Visitors {
    /// Notes a row; `is_known` says whether the customer has procedures from the address.
    pub(super) fn note(&mut self, is_known: bool, row: &Row) {
        if let Some(visitor) = self.room((!is_known, row.customer_key)) {
            visitor.note(row);
        }
    }

    /// Makes sure that a customer with a procedure from the address is among them, on record or not.
    pub(super) fn expect(&mut self, customer_key: u64) {
        let _made = self.room((false, customer_key));
    }

    fn room(&mut self, rank: Rank) -> Option<&mut Visitor> {
        if !self.kept.contains_key(&rank) {
            if self.kept.len() >= CUSTOMERS_KEPT_MAX {
                self.cut = true;
                if self.kept.last_key_value().is_some_and(|(last, _)| *last < rank) {
                    return None;
                }
                self.kept.pop_last();
            }
            self.kept.insert(rank, Visitor::new(rank.1));
        }
        self.kept.get_mut(&rank)
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.cut |= other.cut;
        for (rank, theirs) in other.kept {
            if let Some(visitor) = self.room(rank) {
                visitor.merge(&theirs);
            }
        }
    }

    /// Whether these are all customers of the address.
    pub(super) fn is_whole(&self) -> bool {
        !self.cut
    }

    /// Keys of customers that were entered.
    pub(super) fn entered(&self) -> impl Iterator<Item = u64> + '_ {
        self.kept.values().filter(|visitor| visitor.entered).map(|visitor| visitor.customer_key)
    }

    pub(super) fn into_visitors(self) -> impl Iterator<Item = Visitor> {
        self.kept.into_values()
    }
}

#[cfg(test)]
mod tests {
    use model::{EventKind, Outcome};

    use super::{CUSTOMERS_KEPT_MAX, Place, Row, Visitor, Visitors};

    fn row(number: u32, customer_key: u64, kind: EventKind, outcome: Outcome) -> Row {
        Row {
            place: Place { file: 0, group: 0, row: number },
            time: i64::from(number),
            kind: Some(kind),
            outcome: Some(outcome),
            customer_key,
            ip_bits: 7,
        }
    }

    #[test]
    fn a_visitor_adds_up() {
        let mut visitors = Visitors::default();
        visitors.note(true, &row(9, 5, EventKind::BankAccountChange, Outcome::Attempted));
        visitors.note(true, &row(3, 5, EventKind::Login, Outcome::Failed));
        visitors.note(false, &row(4, 6, EventKind::Login, Outcome::Failed));
        visitors.expect(8);
        let found: Vec<Visitor> = visitors.into_visitors().collect();
        let expected = Visitor {
            customer_key: 5,
            first: Some(3),
            last: Some(9),
            accesses: 2,
            logins_failed: 1,
            procedures: 1,
            entered: true,
            place: Some(Place { file: 0, group: 0, row: 3 }),
        };
        assert_eq!(found[0], expected);
        assert_eq!(found[1], Visitor::new(8));
        assert!(!found[2].entered && found[2].logins_failed == 1);
    }

    #[test]
    fn too_many_are_cut_the_same_way_in_any_order_and_in_parts() {
        let many = u64::try_from(CUSTOMERS_KEPT_MAX).unwrap() + 500;
        let rows: Vec<Row> = (0..2 * many)
            .map(|n| {
                let key = 1 + n % many;
                row(u32::try_from(n).unwrap(), key, EventKind::Login, Outcome::Succeeded)
            })
            .collect();
        let gather = |rows: &mut dyn Iterator<Item = &Row>| {
            let mut visitors = Visitors::default();
            for row in rows {
                visitors.note(row.customer_key == many, row);
            }
            visitors
        };
        let whole = gather(&mut rows.iter());
        let mut parts = gather(&mut rows.iter().rev().take(2_000));
        parts.merge(gather(&mut rows.iter().rev().skip(2_000)));
        assert!(!whole.is_whole() && !parts.is_whole());
        let whole: Vec<Visitor> = whole.into_visitors().collect();
        assert_eq!(whole, parts.into_visitors().collect::<Vec<_>>());
        assert_eq!(whole.len(), CUSTOMERS_KEPT_MAX);
        assert!(whole.iter().all(|visitor| visitor.accesses == 2));
        assert_eq!(whole[0].customer_key, many, "who has procedures there is always kept");
    }
}
