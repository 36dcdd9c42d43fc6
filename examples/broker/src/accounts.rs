//! The broker's own: who may sign in, what they have, and what waits for proof. In memory, as an example may.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{CustomerId, Event, EventKind};

/// Name, password, customer. An example has no secrets to keep.
const USERS: [(&str, &str, &str); 2] =
    [("taro", "correct horse battery", "C-TARO"), ("hanako", "staple paper clip", "C-HANAKO")];
/// Sessions and challenges kept at most.
const KEPT_MAX: usize = 1_000;
const YEN: i64 = 10_000_000;

/// The number of a customer's account at their bank: everybody has one of their own, or Sekisho would look at who shares it.
pub(crate) fn number(customer: &CustomerId) -> &'static str {
    if customer.as_str() == "C-TARO" { "2000001" } else { "2000002" }
}

#[derive(Debug, Default)]
pub(crate) struct Accounts(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    sessions: HashMap<String, CustomerId>,
    /// What is done when the customer comes back with this challenge.
    pending: HashMap<String, (String, Event)>,
    withdrawn: HashMap<CustomerId, i64>,
    accounts: HashMap<CustomerId, String>,
    orders: HashMap<CustomerId, u64>,
}

impl Accounts {
    /// Whose name that is, and whether the password is right.
    pub(crate) fn check(name: &str, password: &str) -> Option<(CustomerId, bool)> {
        let (_, right, customer) = USERS.into_iter().find(|(user, _, _)| *user == name)?;
        Some((customer.parse().ok()?, right == password))
    }

    pub(crate) fn who(&self, session: &str) -> Option<CustomerId> {
        self.lock().sessions.get(session).cloned()
    }

    /// Keeps what waits for proof, for this browser.
    pub(crate) fn wait(&self, challenge: String, session: &str, event: Event) {
        let mut inside = self.lock();
        if inside.pending.len() < KEPT_MAX {
            inside.pending.insert(challenge, (session.to_owned(), event));
        }
    }

    /// What waited, if it was this browser's.
    pub(crate) fn take(&self, challenge: &str, session: &str) -> Option<Event> {
        let mut inside = self.lock();
        let (_, event) = inside.pending.remove(challenge).filter(|(whose, _)| whose == session)?;
        Some(event)
    }

    /// Does what an event says.
    pub(crate) fn carry_out(&self, session: &str, event: &Event) {
        let Some(customer) = event.customer.clone() else { return };
        let mut inside = self.lock();
        match event.kind {
            EventKind::Login if inside.sessions.len() < KEPT_MAX => {
                inside.sessions.insert(session.to_owned(), customer);
            }
            EventKind::Withdrawal => {
                let amount = event.amount.map_or(0, |amount| amount.minor);
                *inside.withdrawn.entry(customer).or_default() += amount;
            }
            EventKind::BankAccountChange => {
                let branch = event.bank_account.as_ref().map(|account| account.branch.to_string());
                inside.accounts.insert(customer, branch.unwrap_or_default());
            }
            EventKind::Order => *inside.orders.entry(customer).or_default() += 1,
            _ => {}
        }
    }

    /// Money left, branch of the bank account, orders.
    pub(crate) fn shown(&self, customer: &CustomerId) -> (i64, String, u64) {
        let inside = self.lock();
        let withdrawn = inside.withdrawn.get(customer).copied().unwrap_or(0);
        let branch = inside.accounts.get(customer).cloned().unwrap_or_else(|| "001".to_owned());
        (YEN - withdrawn, branch, inside.orders.get(customer).copied().unwrap_or(0))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
