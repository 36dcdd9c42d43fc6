//! Who there is: customers in the order of their keys, how active each is, and nobody, to whom failed logins belong.
//! Must not know what they do.

use model::customer::text_key;

use super::BulkError;
use super::draw::Draw;

/// Rows for which there is one customer.
const ROWS_PER_CUSTOMER: u64 = 200;
/// One row in so many is a failed login that names nobody known.
const ROWS_PER_NOBODY: u64 = 200;
/// Smallest rank in the draw of activity: the most active customer has some 80 times the average.
const ACTIVITY_RANK_MIN: u64 = 131;

/// One customer, or nobody.
#[derive(Debug, Clone)]
pub(super) struct Person {
    /// The number in the identifier; none for nobody.
    pub(super) id: Option<u32>,
    pub(super) key: u64,
    pub(super) seed: u64,
    /// Accesses in a session; the last session may have fewer.
    pub(super) session_rows: u32,
    /// Accesses in the year.
    pub(super) rows: u32,
    /// Number of the first of them.
    pub(super) first_row: u64,
}

impl Person {
    /// Sessions in the year.
    pub(super) const fn sessions(&self) -> u32 {
        self.rows.div_ceil(self.session_rows)
    }

    /// The identifier, if there is a customer.
    pub(super) fn customer(&self) -> Option<String> {
        self.id.map(|id| format!("C{id:08}"))
    }

    /// How active this person is, relative to others: one over a uniform number, so a few do very much.
    fn activity(&self) -> u64 {
        (1 << 40) / (ACTIVITY_RANK_MIN + Draw::named(&[self.seed, 4]).below(1 << 16))
    }
}

/// Nobody, then the customers of `rows` rows by key. Nobody has accesses yet.
pub(super) fn people(rows: u64, seed: u64) -> Result<Vec<Person>, BulkError> {
    let customers = u32::try_from(customers(rows)).map_err(|_over| BulkError::rows(rows))?;
    let person = |id: Option<u32>| {
        let seed = Draw::named(&[seed, id.map_or(0, u64::from)]).bits();
        let session_rows = if id.is_some() { u32::try_from(3 + seed % 8).unwrap_or(3) } else { 1 };
        let mut person = Person { id, key: 0, seed, session_rows, rows: 0, first_row: 0 };
        person.key = person.customer().map_or(0, |customer| text_key(&customer));
        person
    };
    let mut people: Vec<Person> =
        std::iter::once(None).chain((1..=customers).map(Some)).map(person).collect();
    people.sort_by_key(|person| (person.key, person.id));
    Ok(people)
}

/// Customers that belong to a number of rows.
pub(super) const fn customers(rows: u64) -> u64 {
    rows / ROWS_PER_CUSTOMER
}

/// Gives exactly `rows` accesses to the people, by activity.
pub(super) fn share_out(people: &mut [Person], rows: u64) {
    let nobody = rows / ROWS_PER_NOBODY;
    let of_customers = u128::from(rows - nobody);
    let total = people.iter().skip(1).map(|person| u128::from(person.activity())).sum::<u128>().max(1);
    let (mut sum, mut before) = (0_u128, 0_u64);
    let mut first_row = 0;
    for person in people {
        let own = if person.id.is_none() {
            nobody
        } else {
            sum += u128::from(person.activity());
            let until = u64::try_from(of_customers * sum / total).unwrap_or(before);
            let own = until - before;
            before = until;
            own
        };
        person.rows = u32::try_from(own).unwrap_or(u32::MAX);
        person.first_row = first_row;
        first_row += own;
    }
}
