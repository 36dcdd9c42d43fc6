//! Signals about procedures: what was changed before, where money goes, and the comparison of D5 on every withdrawal and
//! transfer – who changed the account, who asks now, and the customer's own past year.

use model::Verification;
use model::time::DAY_US;

use super::{View, flag};
use crate::decayed::parts_to_f64;
use crate::record::Change;
use crate::record::customer::as_us;

/// How long a change of the account weighs on withdrawals.
const MATCH_WITHIN_US: i64 = 30 * DAY_US;
/// How long a bank's notice weighs.
const LISTED_FOR_US: i64 = 365 * DAY_US;
/// Half-life of the count of withdrawals.
pub(crate) const VELOCITY_HALF_LIFE_US: i64 = DAY_US;
/// Withdrawals from which an amount can be unusual.
const AMOUNTS_MIN: u32 = 2;

fn hours(view: &View<'_>, change: Option<&Change>) -> Option<f64> {
    change.map(|change| view.hours_since(change.at_us))
}

pub(super) fn reported(view: &View<'_>) -> Option<f64> {
    Some(view.hours_since(view.customer.dealings().reported()?))
}

pub(super) fn copied(view: &View<'_>) -> Option<f64> {
    Some(view.hours_since(view.customer.dealings().copied()?))
}

pub(super) fn contact_changed(view: &View<'_>) -> Option<f64> {
    hours(view, view.customer.dealings().contact.as_ref())
}

pub(super) fn password_changed(view: &View<'_>) -> Option<f64> {
    hours(view, view.customer.dealings().password.as_ref())
}

pub(super) fn factor_changed(view: &View<'_>) -> Option<f64> {
    hours(view, view.customer.dealings().factor.as_ref())
}

pub(super) fn bank_changed(view: &View<'_>) -> Option<f64> {
    hours(view, view.customer.dealings().bank.as_ref())
}

pub(super) fn holder_mismatch(view: &View<'_>) -> Option<f64> {
    let named = view.event.account.as_ref()?.holder?;
    flag(named != view.customer.holder?)
}

pub(super) fn bank_customers(view: &View<'_>) -> Option<f64> {
    view.event.account.as_ref()?;
    Some(parts_to_f64(view.account.customers.count_without(view.customer_key)))
}

pub(super) fn bank_listed(view: &View<'_>) -> Option<f64> {
    view.event.account.as_ref()?;
    let (listed_us, now_us) = (as_us(view.account.listed_s), view.time().as_us());
    flag(listed_us > 0 && now_us.saturating_sub(listed_us) <= LISTED_FOR_US)
}

pub(super) fn bank_verification(view: &View<'_>) -> Option<f64> {
    let named = view.event.account.as_ref();
    let told = named.and_then(|named| named.verification);
    let known = view.customer.dealings().bank_check(named.map(|named| named.key));
    let verification = told.or(known)?;
    Some(match verification {
        // What says nothing is 0 in a policy.
        Verification::Failed => 1.0,
        Verification::Pending => 2.0,
        Verification::Confirmed => 3.0,
    })
}

pub(super) fn only_own_devices(view: &View<'_>) -> Option<f64> {
    flag(view.customer.dealings().only_own_devices())
}

pub(super) fn device_not_registered(view: &View<'_>) -> Option<f64> {
    let own = |device| view.customer.dealings().has_own_device(device, view.time());
    flag(!view.device_key.is_some_and(own))
}

/// The change of the account that weighs on this withdrawal: a stranger's before any other.
fn recent_change<'a>(view: &View<'a>) -> Option<&'a Change> {
    let recent = |change: &&Change| view.time().as_us().saturating_sub(change.at_us) <= MATCH_WITHIN_US;
    let dealings = view.customer.dealings();
    dealings.bank_by_stranger.as_ref().filter(recent).or_else(|| dealings.bank.as_ref().filter(recent))
}

/// Whether the event comes from a place of the customer's own: address, network or device.
fn own_place(view: &View<'_>) -> Option<bool> {
    let answers = [view.own_ip(), view.own_network(), view.own_device()];
    answers.iter().any(Option::is_some).then(|| answers.contains(&Some(true)))
}

pub(super) fn match_change(view: &View<'_>) -> Option<f64> {
    if !view.event.kind.moves_money() {
        return None;
    }
    flag(!recent_change(view)?.own?)
}

pub(super) fn match_withdraw(view: &View<'_>) -> Option<f64> {
    if !view.event.kind.moves_money() {
        return None;
    }
    let change = recent_change(view)?;
    let same = |one: Option<u64>, other: Option<u64>| one.zip(other).is_some_and(|(one, other)| one == other);
    let same_ip = change.ip.zip(view.event.ip).is_some_and(|(one, other)| one == other);
    flag((same_ip || same(change.device, view.device_key)) && own_place(view) == Some(false))
}

pub(super) fn match_history(view: &View<'_>) -> Option<f64> {
    if !view.event.kind.moves_money() {
        return None;
    }
    flag(own_place(view)?)
}

pub(super) fn amount_unusual(view: &View<'_>) -> Option<f64> {
    let amount = view.event.amount.as_ref()?;
    if !view.event.kind.moves_money() || view.customer.dealings().withdrawals_done < AMOUNTS_MIN {
        return None;
    }
    flag(amount.minor > view.customer.dealings().amount_max.saturating_mul(2))
}

pub(super) fn balance_share(view: &View<'_>) -> Option<f64> {
    view.event.balance_share_ppm.map(|ppm| f64::from(ppm) / 1_000_000.0)
}

pub(super) fn velocity(view: &View<'_>) -> Option<f64> {
    if !view.event.kind.moves_money() {
        return None;
    }
    Some(view.customer.dealings().withdrawals.value(view.time(), VELOCITY_HALF_LIFE_US) + 1.0)
}
