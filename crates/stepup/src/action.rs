//! What a proof is bound to: the customer, what is done, how much, and to whom. A proof for one action is none for another
//! (dynamic linking: Delegated Regulation (EU) 2018/389, article 5). Must not know how an action is proven.
//!
//! Account numbers and contacts are never held in clear: who makes an action brings a keyed digest to compare, and the few
//! characters by which the customer recognises what is meant.

use model::{ContactType, CustomerId, Event, EventKind, Money, OrderEffect, OrderSide};
use serde::{Deserialize, Serialize};

/// What is to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// In whose name.
    pub customer: CustomerId,
    /// What is done.
    pub kind: EventKind,
    /// How much.
    pub amount: Option<Money>,
    /// To which bank account.
    pub account: Option<Account>,
    /// Which contact, and what it becomes.
    pub contact: Option<Contact>,
    /// What is bought or sold.
    pub order: Option<Order>,
    /// Whom the broker's treasury pays.
    pub payee: Option<String>,
}

/// A bank account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Of bank, branch and number.
    pub digest: [u8; 32],
    /// `0001-001`: bank and branch.
    pub branch: String,
    /// The number's last digits.
    pub ending: String,
    /// The holder's name.
    pub holder: Option<String>,
}

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Of which type.
    pub r#type: ContactType,
    /// Of what it was and what it becomes.
    pub digest: [u8; 32],
    /// What it becomes, masked.
    pub shown: Option<String>,
}

/// An order: what would be another order if it changed. Context such as the day's turnover is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The security.
    pub symbol: String,
    /// Buys or sells.
    pub side: OrderSide,
    /// Opens or closes a position.
    pub effect: Option<OrderEffect>,
    /// How many.
    pub quantity: u64,
    /// Price times quantity.
    pub notional: Option<Money>,
}

/// What an action shows of an account number.
const ENDING_DIGITS: usize = 3;

impl Action {
    /// The action that an event is; `None` if it names no customer. `digest` is keyed and never shown; `mask` leaves of a
    /// contact what its owner recognises.
    #[must_use]
    pub fn of(
        event: &Event,
        digest: impl Fn(&str) -> [u8; 32],
        mask: impl Fn(ContactType, &str) -> String,
    ) -> Option<Self> {
        let account = event.bank_account.as_ref().map(|account| {
            let identity = account.identity();
            let ending = identity.len().saturating_sub(ENDING_DIGITS);
            Account {
                digest: digest(&identity),
                branch: format!("{}-{}", account.bank, account.branch),
                ending: identity.get(ending..).unwrap_or_default().to_owned(),
                holder: account.holder.as_ref().map(ToString::to_string),
            }
        });
        let contact = event.contact.as_ref().map(|contact| {
            let (old, new) = (contact.old.as_ref(), contact.new.as_ref());
            let text = |value: Option<&model::details::ContactValue>| {
                value.map_or_else(String::new, |value| value.as_str().to_owned())
            };
            Contact {
                r#type: contact.r#type,
                // Lengths keep one pair from reading as another.
                digest: digest(&format!("{} {}{}", text(old).len(), text(old), text(new))),
                shown: new.map(|new| mask(contact.r#type, new.as_str())),
            }
        });
        Some(Self {
            customer: event.customer.clone()?,
            kind: event.kind,
            amount: event.amount,
            account,
            contact,
            order: event.order.as_ref().map(|order| Order {
                symbol: order.symbol.as_str().to_owned(),
                side: order.side,
                effect: order.effect,
                quantity: order.quantity,
                notional: order.notional,
            }),
            payee: event
                .payment
                .as_ref()
                .and_then(|payment| Some(payment.payee_domain.as_ref()?.to_string())),
        })
    }

    /// The fields in which another action differs, in the words of events.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let compared = [
            ("customer", self.customer == other.customer),
            ("kind", self.kind == other.kind),
            ("amount", self.amount == other.amount),
            ("bank_account", self.account == other.account),
            ("contact", self.contact == other.contact),
            ("order", self.order == other.order),
            ("payment", self.payee == other.payee),
        ];
        compared.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect()
    }
}
