//! The holder of an account. Must not know names in clear beyond what a comparison needs.

use serde::{Deserialize, Serialize};

use crate::client::Language;
use crate::{HolderName, Time, mask};

crate::wire::text! {
    /// The broker's opaque identifier of a customer, 1 to 64 bytes.
    CustomerId, "customer", 64
}

/// A fixed-width key for a customer, for joins and scans: XXH3-64 of the identifier's bytes, never 0.
///
/// Two of n customers share a key with probability about n²/3.7e19: 7e-7 for five million. Customers without an
/// identifier (a login that names nobody known) have [`CustomerKey::NOBODY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerKey(pub u64);

impl CustomerKey {
    /// No customer.
    pub const NOBODY: Self = Self(0);
}

impl CustomerId {
    /// The fixed-width key of this identifier.
    #[must_use]
    pub fn key(&self) -> CustomerKey {
        CustomerKey(text_key(self.as_str()))
    }

    /// The identifier with its middle hidden, see [`mask`].
    #[must_use]
    pub fn masked(&self) -> String {
        mask::value(mask::Kind::Identifier, self.as_str())
    }
}

/// XXH3-64 of `text`, with 0 moved to 1 because 0 means "none" in history.
#[must_use]
pub fn text_key(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes()).max(1)
}

/// What is kept of a customer beside their events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// The broker's identifier.
    pub id: CustomerId,
    /// Name in kana, as bank accounts in the customer's name must carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<HolderName>,
    /// Language for notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// When the account was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::CustomerId;

    #[test]
    fn identifiers_have_limits() {
        assert!("".parse::<CustomerId>().is_err());
        assert!("a".repeat(65).parse::<CustomerId>().is_err());
        assert!("a\u{0}b".parse::<CustomerId>().unwrap_err().to_string().contains("control characters"));
        assert!("顧客-0001".parse::<CustomerId>().is_ok());
    }
}
