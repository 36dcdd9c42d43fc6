//! Details that only some kinds of event carry. Must not know which values are unusual: that is a signal's work.

use serde::{Deserialize, Serialize};

use crate::event::Share;
use crate::{Invalid, Money, words};

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
    /// Which share of all that the customer holds a selling order sells, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdings_share: Option<Share>,
    /// What is usually traded of the symbol in a day, price times quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_turnover: Option<Money>,
}

crate::wire::text! {
    /// What a payment says of itself, at most 1,024 bytes; looked at for words of haste and secrecy, and not kept.
    Memo, "payment.memo", 1024
}

/// The domain of whoever asks to be paid, in lower case without a dot at its end, at most 253 bytes (RFC 1035).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Box<str>);

impl Domain {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for Domain {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const BYTES_MAX: usize = 253;
        let domain = text.strip_suffix('.').unwrap_or(text).to_lowercase();
        let fits = |label: &str| {
            (1..=63).contains(&label.len())
                && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        };
        if domain.len() > BYTES_MAX || !domain.contains('.') || !domain.split('.').all(fits) {
            let allowed = "a domain such as example.co.jp, without scheme, path or @, at most 253 bytes";
            return Err(Invalid::value("payment.payee_domain", text, allowed));
        }
        Ok(Self(domain.into()))
    }
}

crate::through_str!(Domain, "a domain");

/// What an instruction to pay says beside amount and account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// Domain of the mail address, or site, of whoever asks to be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payee_domain: Option<Domain>,
    /// What is said of it, as in the mail that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<Memo>,
}

#[cfg(test)]
mod tests {
    use super::Domain;

    #[test]
    fn domains_are_names_alone() {
        assert_eq!("Example.CO.jp.".parse::<Domain>().unwrap().as_str(), "example.co.jp");
        assert!("株式会社.jp".parse::<Domain>().is_ok());
        for bad in ["", "localhost", "a@b.jp", "https://a.jp", "a..jp", "a.jp/x", " a.jp"] {
            assert!(bad.parse::<Domain>().is_err(), "{bad}");
        }
    }
}
