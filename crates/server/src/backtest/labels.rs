//! What feedback says of questions that came before it. Must not know policies.
//!
//! A piece of feedback labels the questions about its customer that happened in the days before it. `customer.report` and
//! `bank.notice` say fraud; `case.disposition` says what its `reason` begins with, `fraud` or `honest`, and nothing otherwise.
//! A `bank.notice` that names a bank account also labels every customer's questions that name it. Feedback that `failed` was
//! taken back and says nothing. Where several label one question, the one told last counts.

use engine::{Observed, Verdict};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use model::customer::text_key;
use model::time::DAY_US;
use model::{Disposition, EventKind, Outcome};
use serde::Serialize;
use utoipa::ToSchema;

use super::BacktestOptions;
use crate::comparison::{Matrix, Pair};

/// How many days before a piece of feedback it labels, unless it is said.
pub const LABEL_DAYS: u16 = 30;
/// How many at most.
pub const LABEL_DAYS_MAX: u16 = 400;
/// Pieces of feedback that label, at most; further ones are counted.
const LABELS_MAX: u64 = 1_000_000;
/// Customers of whom it is kept what was answered, at most, of each label; questions of further ones are counted.
const CUSTOMERS_MAX: usize = 1_000_000;
/// A piece of feedback in memory, at most, by customer and by bank account; a customer.
const LABEL_BYTES: usize = 352;
const CUSTOMER_BYTES: usize = 40;

/// What feedback says of the questions, and what the two policies said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Labelled {
    /// How many days before a piece of feedback it labels.
    pub days: u16,
    /// Pieces of feedback by kind and what they say: `customer.report fraud`.
    #[schema(value_type = Object)]
    pub feedback: std::collections::BTreeMap<String, u64>,
    /// Pieces of feedback beyond what is kept in memory.
    pub left_out: u64,
    /// Questions that feedback calls fraud.
    pub fraud: Stopped,
    /// Questions that feedback calls honest.
    pub honest: Stopped,
}

/// Labelled questions, and who was stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stopped {
    /// Questions by what was answered and what the candidate answers, where there were any.
    pub pairs: Vec<Pair>,
    /// The same for withdrawals and transfers alone.
    pub money: Vec<Pair>,
    /// Customers with such questions.
    pub customers: u64,
    /// Questions of customers beyond the 1,000,000 that are counted as such.
    pub left_out: u64,
    /// Customers of whom a question was held or refused.
    pub customers_stopped: u64,
    /// Customers of whom the candidate holds or refuses a question.
    pub customers_stopped_by_candidate: u64,
    /// Customers with a withdrawal or transfer that was let through, without or after proof.
    pub customers_paid: u64,
    /// Customers with a withdrawal or transfer that the candidate lets through.
    pub customers_paid_by_candidate: u64,
}

/// What a piece of feedback says.
#[derive(Debug, Clone, Copy)]
struct Given {
    from_us: i64,
    until_us: i64,
    is_fraud: bool,
    seq: u64,
}

#[derive(Debug, Default)]
struct Counts {
    all: Matrix,
    money: Matrix,
    customers: HashMap<u64, Flags>,
    left_out: u64,
}

/// Of one customer: what was answered, and what the candidate answers.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    stopped: [bool; 2],
    paid: [bool; 2],
}

/// The feedback of a journal about some questions, and what was counted with it.
#[derive(Debug, Default)]
pub(super) struct Labels {
    customers: HashMap<u64, Vec<Given>>,
    accounts: HashMap<u64, Vec<Given>>,
    about: BacktestOptions,
    feedback: std::collections::BTreeMap<String, u64>,
    kept: u64,
    left_out: u64,
    fraud: Counts,
    honest: Counts,
}

impl Labels {
    /// None yet, about these questions.
    pub(super) fn about(options: &BacktestOptions) -> Self {
        Self { about: *options, ..Self::default() }
    }

    /// Bytes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let customers = self.fraud.customers.len().saturating_add(self.honest.customers.len());
        let kept = usize::try_from(self.kept).unwrap_or(usize::MAX);
        kept.saturating_mul(LABEL_BYTES).saturating_add(customers.saturating_mul(CUSTOMER_BYTES))
    }

    /// Notes a piece of feedback; what is none says nothing.
    pub(super) fn note(&mut self, seq: u64, event: &Observed) {
        let says = match event.kind {
            EventKind::CustomerReport | EventKind::BankNotice => Some("fraud"),
            EventKind::CaseDisposition => match event.disposition() {
                Some(Disposition::Fraud) => Some("fraud"),
                Some(Disposition::Honest) => Some("honest"),
                Some(Disposition::Verified) | None => None,
            },
            _ => return,
        };
        let says = says.filter(|_| event.outcome != Outcome::Failed);
        let name = format!("{} {}", event.kind.as_str(), says.unwrap_or("says nothing"));
        let count = self.feedback.entry(name).or_default();
        *count = count.saturating_add(1);
        let Some(says) = says else { return };
        let until_us = event.time.as_us();
        let from_us = until_us.saturating_sub(i64::from(self.about.label_days).saturating_mul(DAY_US));
        let is_before = self.about.from.is_some_and(|from| until_us <= from.as_us());
        if is_before || self.about.to.is_some_and(|to| from_us >= to.as_us()) {
            // It labels none of them.
            return;
        }
        if self.kept >= LABELS_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        self.kept = self.kept.saturating_add(1);
        let given = Given { from_us, until_us, is_fraud: says == "fraud", seq };
        if let Some(customer) = &event.customer {
            self.customers.entry(text_key(customer.as_str())).or_default().push(given);
        }
        if let (EventKind::BankNotice, Some(account)) = (event.kind, &event.account) {
            self.accounts.entry(account.key).or_default().push(given);
        }
    }

    /// Whether feedback calls a question fraud, if it says anything of it.
    pub(super) fn say(&self, event: &Observed) -> Option<bool> {
        let customer = event.customer.as_ref().map(|customer| text_key(customer.as_str()));
        let of_customer = customer.and_then(|key| self.customers.get(&key));
        let of_account = event.account.as_ref().and_then(|account| self.accounts.get(&account.key));
        let at = event.time.as_us();
        let given = of_customer.into_iter().chain(of_account).flatten();
        let covering = given.filter(|given| (given.from_us..given.until_us).contains(&at));
        covering.max_by_key(|given| given.seq).map(|given| given.is_fraud)
    }

    /// Counts a question by what feedback says of it; gives that.
    pub(super) fn count(&mut self, event: &Observed, pair: (Verdict, Verdict)) -> Option<&'static str> {
        let is_fraud = self.say(event)?;
        let customer = event.customer.as_ref().map(|customer| text_key(customer.as_str()));
        let counts = if is_fraud { &mut self.fraud } else { &mut self.honest };
        counts.all.count(pair.0, pair.1);
        let moves_money = event.kind.moves_money();
        if moves_money {
            counts.money.count(pair.0, pair.1);
        }
        let is_full = counts.customers.len() >= CUSTOMERS_MAX;
        let flags = match counts.customers.entry(customer.unwrap_or(0)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) if !is_full => new.insert(Flags::default()),
            Entry::Vacant(_) => {
                counts.left_out = counts.left_out.saturating_add(1);
                return Some(word(is_fraud));
            }
        };
        for (place, verdict) in [pair.0, pair.1].into_iter().enumerate() {
            let is_stopped = verdict >= Verdict::Hold;
            let flag = if is_stopped { flags.stopped.get_mut(place) } else { flags.paid.get_mut(place) };
            if let Some(flag) = flag {
                *flag |= is_stopped || moves_money;
            }
        }
        Some(word(is_fraud))
    }

    pub(super) fn told(self) -> Labelled {
        Labelled {
            days: self.about.label_days,
            feedback: self.feedback,
            left_out: self.left_out,
            fraud: self.fraud.told(),
            honest: self.honest.told(),
        }
    }
}

const fn word(is_fraud: bool) -> &'static str {
    if is_fraud { "fraud" } else { "honest" }
}

impl Counts {
    fn told(&self) -> Stopped {
        let count = |is: fn(&Flags) -> bool| {
            u64::try_from(self.customers.values().filter(|flags| is(flags)).count()).unwrap_or(u64::MAX)
        };
        Stopped {
            pairs: self.all.came(),
            money: self.money.came(),
            customers: count(|_| true),
            left_out: self.left_out,
            customers_stopped: count(|flags| flags.stopped.first() == Some(&true)),
            customers_stopped_by_candidate: count(|flags| flags.stopped.last() == Some(&true)),
            customers_paid: count(|flags| flags.paid.first() == Some(&true)),
            customers_paid_by_candidate: count(|flags| flags.paid.last() == Some(&true)),
        }
    }
}
