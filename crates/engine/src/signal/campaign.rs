//! Signals about what many customers have in common: campaigns, what a client or an address did to others, purchases of one symbol.

use model::Outcome;

use super::{View, flag};
use crate::decayed::parts_to_f64;
use crate::facet::{self, Facet, facets};
use crate::state::is_abroad;

/// Of those who buy a symbol, the share that must be at risk for it to say something: of a popular issue few are.
const AT_RISK_SHARE: f64 = 0.25;

pub(super) fn login_campaign(view: &View<'_>) -> Option<f64> {
    view.event.ip?;
    if !view.is_stranger() {
        return flag(false);
    }
    let facets = facets(view.event, is_abroad(view.event, view.shared));
    let failed = view.event.outcome == Outcome::Failed;
    flag(view.campaigns.of(&facets, view.time(), failed).is_some())
}

/// Whether a campaign got into a customer lately.
fn is_entered(view: &View<'_>, customer: u64) -> bool {
    view.campaigns.entered_lately(customer, view.time()).is_some()
}

pub(super) fn customer_in_campaign(view: &View<'_>) -> Option<f64> {
    if view.customer_key == 0 {
        return None;
    }
    flag(is_entered(view, view.customer_key))
}

pub(super) fn client_cluster(view: &View<'_>) -> Option<f64> {
    view.event.agent?;
    let facets = facets(view.event, false);
    let key = facets.get(usize::from(Facet::Client.place())).copied()?;
    let cluster = view.campaigns.cluster(key);
    let (all, failed) =
        cluster.map_or((0.0, 0.0), |cluster| cluster.lately(view.time(), facet::name(view.customer_key)));
    Some(if failed * 2.0 >= all { failed } else { 0.0 })
}

pub(super) fn ip_procedures(view: &View<'_>) -> Option<f64> {
    view.event.ip?;
    Some(parts_to_f64(view.ip.procedures.count_without(view.customer_key)))
}

pub(super) fn device_procedures(view: &View<'_>) -> Option<f64> {
    view.event.device.as_ref()?;
    Some(parts_to_f64(view.device.procedures.count_without(view.customer_key)))
}

pub(super) fn bank_entered(view: &View<'_>) -> Option<f64> {
    view.event.account.as_ref()?;
    let others = view.account.customers.keys().iter().filter(|customer| **customer != view.customer_key);
    let entered = others.filter(|customer| is_entered(view, **customer)).count();
    Some(parts_to_f64(u64::try_from(entered).unwrap_or(0)))
}

pub(super) fn sold_down(view: &View<'_>) -> Option<f64> {
    view.event.order?;
    let cluster = view.campaigns.cluster(facet::sold_down());
    Some(cluster.map_or(0.0, |cluster| cluster.unusual(view.time(), facet::name(view.customer_key))))
}

pub(super) fn symbol_cluster(view: &View<'_>) -> Option<f64> {
    let order = view.event.order.filter(|order| order.buys)?;
    let Some(cluster) = view.campaigns.cluster(facet::symbol(order.symbol)) else { return Some(0.0) };
    let (all, at_risk) = cluster.lately(view.time(), facet::name(view.customer_key));
    Some(if at_risk >= all * AT_RISK_SHARE { at_risk } else { 0.0 })
}

pub(super) fn symbol_rush(view: &View<'_>) -> Option<f64> {
    let order = view.event.order.filter(|order| order.buys)?;
    let cluster = view.campaigns.cluster(facet::symbol(order.symbol));
    Some(cluster.map_or(0.0, |cluster| cluster.rush(view.time(), facet::name(view.customer_key))))
}
