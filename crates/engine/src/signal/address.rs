//! Signals about an address, its network and a device, whoever came from them.

use model::EventKind;

use super::{View, flag};
use crate::decayed::parts_to_f64;
use crate::record::attempts::Attempts;

/// Attempts from which a ratio says something.
const RATIO_ATTEMPTS_MIN: f64 = 5.0;
/// Long-standing customers from which an address is a carrier's or a company's.
pub const CARRIER_CUSTOMERS_MIN: u64 = crate::record::ip::SHARED_CUSTOMERS_MIN;

/// Logins at the address; of IPv6 at its /64, in which one machine can change its address at will.
fn tried<'a>(view: &View<'a>) -> &'a Attempts {
    match view.event.ip.is_some_and(|ip| ip.ip().is_ipv6()) {
        true => &view.network.attempts,
        false => &view.ip.attempts,
    }
}

pub(super) fn customers(view: &View<'_>) -> Option<f64> {
    view.event.ip?;
    Some(parts_to_f64(view.ip.customers.count_without(view.customer_key)))
}

pub(super) fn failed_customers(view: &View<'_>) -> Option<f64> {
    view.event.ip?;
    Some(parts_to_f64(view.ip.failed_customers.count_without(view.customer_key)))
}

pub(super) fn failure_ratio(view: &View<'_>) -> Option<f64> {
    let (attempts, now) = (tried(view), view.time());
    let all = attempts.all(now);
    (all >= RATIO_ATTEMPTS_MIN).then(|| attempts.failed(now) / all)
}

pub(super) fn unknown_ratio(view: &View<'_>) -> Option<f64> {
    let (attempts, now) = (tried(view), view.time());
    let all = attempts.all(now);
    (all >= RATIO_ATTEMPTS_MIN).then(|| attempts.unknown(now) / all)
}

pub(super) fn attempts(view: &View<'_>) -> Option<f64> {
    view.event.ip?;
    let now = u64::from(view.event.kind == EventKind::Login);
    Some(tried(view).recent(view.time()) + parts_to_f64(now))
}

pub(super) fn listed(view: &View<'_>) -> Option<f64> {
    view.event.ip?;
    flag(!view.event.place.lists.is_empty())
}

pub(super) fn hosting(view: &View<'_>) -> Option<f64> {
    view.event.ip?;
    flag(view.event.place.hosting)
}

pub(super) fn vpn(view: &View<'_>) -> Option<f64> {
    view.event.ip?;
    flag(view.event.place.vpn)
}

pub(super) fn tor(view: &View<'_>) -> Option<f64> {
    view.event.ip?;
    flag(view.event.place.tor)
}

pub(super) fn shared_carrier(view: &View<'_>) -> Option<f64> {
    view.event.ip?;
    flag(view.ip.is_shared())
}

pub(super) fn device_customers(view: &View<'_>) -> Option<f64> {
    view.event.device.as_ref()?;
    Some(parts_to_f64(view.device.customers.count_without(view.customer_key)))
}
