//! Signals about orders: whether a portfolio is sold down, whether the market is thin, whether it is like the customer.

use model::time::DAY_US;

use super::{View, flag};
use crate::decayed::parts_to_f64;

/// Half-life of shares sold: a portfolio is sold over days.
pub(crate) const SOLD_HALF_LIFE_US: i64 = 3 * DAY_US;
/// A share of a day's turnover, as one of so many, from which an order moves the market.
const TURNOVER_PART: i64 = 20;
/// Orders from which one can be far from the norm, and how many times the largest it is then.
const ORDERS_MIN: u32 = 3;
const NORM_TIMES: i64 = 3;
const PPM: f64 = 1_000_000.0;

pub(super) fn liquidation_share(view: &View<'_>) -> Option<f64> {
    let order = view.event.order?;
    if order.buys {
        return None;
    }
    let now = f64::from(order.holdings_share_ppm?);
    let before = view.customer.trading().sold.value(view.time(), SOLD_HALF_LIFE_US);
    Some(((before + now) / PPM).min(1.0))
}

pub(super) fn sold_by_strangers(view: &View<'_>) -> Option<f64> {
    let order = view.event.order?;
    if order.buys || super::client::unfamiliar(view)? < 1.0 {
        return None;
    }
    let now = f64::from(order.holdings_share_ppm?);
    let before = view.customer.trading().sold_by_strangers.value(view.time(), SOLD_HALF_LIFE_US);
    Some(((before + now) / PPM).min(1.0))
}

pub(super) fn sold_lately(view: &View<'_>) -> Option<f64> {
    view.event.order?;
    let sold = view.customer.trading().sold.value(view.time(), SOLD_HALF_LIFE_US);
    Some((sold / PPM).min(1.0))
}

pub(super) fn thin_symbol(view: &View<'_>) -> Option<f64> {
    let order = view.event.order?;
    let large = order.notional.zip(order.daily_turnover);
    let large = large.map(|(notional, turnover)| notional.saturating_mul(TURNOVER_PART) >= turnover);
    match (order.listed_thin, large) {
        (None, None) => None,
        (listed, large) => flag(listed == Some(true) || large == Some(true)),
    }
}

pub(super) fn far_from_norm(view: &View<'_>) -> Option<f64> {
    let (order, trading) = (view.event.order?, view.customer.trading());
    if trading.orders < ORDERS_MIN || trading.notional_max == 0 {
        return None;
    }
    flag(order.notional? > trading.notional_max.saturating_mul(NORM_TIMES))
}

pub(super) fn new_beneficiary(view: &View<'_>) -> Option<f64> {
    /// Paid to for so long, an account is no longer new.
    const NEW_HOURS: f64 = 7.0 * 24.0;
    if view.event.kind != model::EventKind::PaymentInstruction {
        return None;
    }
    view.event.account.as_ref()?;
    let first = view.account.paid_first_s;
    flag(first == 0 || view.hours_since(crate::record::customer::as_us(first)) < NEW_HOURS)
}

pub(super) fn lookalike(view: &View<'_>) -> Option<f64> {
    flag(view.event.payment?.lookalike?)
}

/// How much it presses: one for haste, one for secrecy.
pub(super) fn secrecy_urgency(view: &View<'_>) -> Option<f64> {
    let payment = view.event.payment?;
    let (urgency, secrecy) = (payment.urgency?, payment.secrecy?);
    Some(parts_to_f64(u64::from(urgency) + u64::from(secrecy)))
}

pub(super) fn split(view: &View<'_>) -> Option<f64> {
    if view.event.kind != model::EventKind::PaymentInstruction {
        return None;
    }
    view.event.account.as_ref()?;
    Some(view.account.paid.value(view.time(), super::VELOCITY_HALF_LIFE_US) + 1.0)
}
