//! Details that only some kinds of event carry. Must not know which values are unusual: that is a signal's work.

use serde::{Deserialize, Serialize};

use crate::{Money, words};

words! {
    /// Which contact was changed.
    ContactType, "contact.type" {
        /// Mail address.
        Email = "email",
        /// Telephone number.
        Phone = "phone",
        /// Postal address.
        Address = "address",
    }
}

words! {
    /// Side of an order.
    OrderSide, "order.side" {
        /// Buy.
        Buy = "buy",
        /// Sell.
        Sell = "sell",
    }
}

words! {
    /// Whether an order opens or closes a position.
    OrderEffect, "order.effect" {
        /// Opens.
        Open = "open",
        /// Closes.
        Close = "close",
    }
}

crate::wire::text! {
    /// A contact's value, at most 320 bytes (the longest mail address); hashed or encrypted on arrival.
    ContactValue, "contact value", 320
}
crate::wire::text! {
    /// Symbol of a security, at most 32 bytes.
    Symbol, "order.symbol", 32
}

/// A change of contact: what it was and what it became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Which contact.
    pub r#type: ContactType,
    /// Before, if the sender tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<ContactValue>,
    /// After, if the sender tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<ContactValue>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Security.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: OrderSide,
    /// Opens or closes a position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<OrderEffect>,
    /// Shares or contracts.
    pub quantity: u64,
    /// Price times quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notional: Option<Money>,
}
