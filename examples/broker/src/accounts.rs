//! The broker's own: who may sign in, what they have, and what waits for proof. In memory, as an example may.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{CustomerId, Event, EventKind};
use serde_json::{Value, json};

/// Name, password, customer. An example has no secrets to keep.
const USERS: [(&str, &str, &str); 2] =
    [("taro", "correct horse battery", "C-TARO"), ("hanako", "staple paper clip", "C-HANAKO")];
/// Sessions and challenges kept at most.
const KEPT_MAX: usize = 1_000;
const YEN: i64 = 10_000_000;

/// A customer's account at their bank to begin with: everybody has one of their own, or Sekisho would look at who shares it.
fn first_account(customer: &CustomerId) -> Value {
    let number = if customer.as_str() == "C-TARO" { "2000001" } else { "2000002" };
    json!({"bank": "0001", "branch": "001", "number": number})
}

#[derive(Debug, Default)]
pub(crate) struct Accounts(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    sessions: HashMap<String, CustomerId>,
    /// What is done when the customer comes back with this challenge.
    pending: HashMap<String, (String, Event)>,
    withdrawn: HashMap<CustomerId, i64>,
    accounts: HashMap<CustomerId, Value>,
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
                if let Ok(account) = serde_json::to_value(&event.bank_account) {
                    inside.accounts.insert(customer, account);
                }
            }
            EventKind::Order => *inside.orders.entry(customer).or_default() += 1,
            _ => {}
        }
    }

    /// Money left, the bank account it is paid out to, orders.
    pub(crate) fn shown(&self, customer: &CustomerId) -> (i64, Value, u64) {
        let inside = self.lock();
        let withdrawn = inside.withdrawn.get(customer).copied().unwrap_or(0);
        let account = inside.accounts.get(customer).cloned().unwrap_or_else(|| first_account(customer));
        (YEN - withdrawn, account, inside.orders.get(customer).copied().unwrap_or(0))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
