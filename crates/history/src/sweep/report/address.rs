//! An address behind alarms as the report shows it. Must not know how its customers were chosen.

use intel::Intel;

use super::words::{Both, both, fill, number};
use super::{Badge, Mask, format, network};
use crate::sweep::evidence::{AlarmAddress, Customer};

/// An address with its customers.
pub(super) struct AddressView {
    pub(super) address: String,
    pub(super) network: String,
    pub(super) lists: Option<Both>,
    pub(super) shared: bool,
    pub(super) alarms: String,
    pub(super) customers_total: String,
    pub(super) accesses: String,
    pub(super) logins_failed: String,
    pub(super) customers: Vec<CustomerRow>,
    pub(super) customers_more: Option<Both>,
}

/// A customer at an address.
pub(super) struct CustomerRow {
    pub(super) customer: String,
    pub(super) verdict: Option<Badge>,
    pub(super) entered: bool,
    /// First and last access; none where history has none.
    pub(super) span: Option<(String, String)>,
    pub(super) accesses: String,
    pub(super) logins_failed: String,
    pub(super) procedures: String,
}

impl AddressView {
    pub(super) fn new(address: &AlarmAddress, mask: Mask, intel: &Intel) -> Self {
        let lists = (!address.lists.is_empty())
            .then(|| fill("addresses.lists", &[("lists", Both::same(address.lists.join(", ")))]));
        let more = address.customers_more();
        Self {
            address: address.address.to_string(),
            network: network(intel, address.country.as_deref(), address.asn),
            lists,
            shared: address.shared,
            alarms: format::thousands(address.alarms),
            customers_total: format::thousands(address.customers_total),
            accesses: format::thousands(address.totals.accesses),
            logins_failed: format::thousands(address.totals.logins_failed),
            customers: address.customers.iter().map(|customer| CustomerRow::new(customer, mask)).collect(),
            customers_more: (more > 0).then(|| fill("addresses.customers_more", &[("n", number(more))])),
        }
    }
}

impl CustomerRow {
    fn new(customer: &Customer, mask: Mask) -> Self {
        let visitor = &customer.visitor;
        let span = visitor.first.zip(visitor.last);
        Self {
            customer: customer
                .id
                .as_ref()
                .map_or_else(|| both("alarm.unknown").plain(), |id| mask.customer(id)),
            verdict: customer.verdict.map(Badge),
            entered: visitor.entered,
            span: span.map(|(first, last)| (format::minute(first), format::minute(last))),
            accesses: format::thousands(visitor.accesses),
            logins_failed: format::thousands(visitor.logins_failed),
            procedures: format::thousands(visitor.procedures),
        }
    }
}
