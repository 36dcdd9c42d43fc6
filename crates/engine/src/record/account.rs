//! What is kept of a bank account: in whose hands it is.

use serde::{Deserialize, Serialize};

use super::retention::Named;
use crate::decayed::Decayed;
use crate::distinct::Distinct;

/// What is kept of a bank account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// First named, microseconds since 1970; 0 for never.
    pub first_us: i64,
    /// Customers who named it.
    pub customers: Distinct,
    /// When an input last named it.
    pub named: Named,
    /// First paid to by the broker itself, seconds since 1970; 0 for never.
    pub paid_first_s: u32,
    /// The broker's own payments to it, half-life one day.
    pub paid: Decayed,
    /// When a bank last told of it, seconds since 1970; 0 for never, and where that was taken back.
    pub listed_s: u32,
}

impl Account {
    /// Whether one customer named it, and nobody else ever did.
    #[must_use]
    pub const fn is_of_one(&self) -> bool {
        matches!(self.customers, Distinct::One(_))
    }
}
