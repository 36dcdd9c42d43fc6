//! Signals about where a customer comes from and with what, against the customer's own past.

use super::{View, flag};
use crate::login_score::{ADDRESS_WEIGHTS, CLIENT_WEIGHTS, Everybody, Feature, Level, login_score};
use crate::record::Seen;

/// Logins from which an unusual hour says something.
const HOURS_LOGINS_MIN: u32 = 10;
/// Steps of a session within which a procedure is its purpose.
const STRAIGHT_STEPS_MAX: u32 = 2;

/// Yes where a past exists and this is not of it; nothing where there is no past or the value is not known.
fn new(view: &View<'_>, own: Option<bool>) -> Option<f64> {
    if view.has_past() { flag(!own?) } else { None }
}

pub(super) fn ip_new(view: &View<'_>) -> Option<f64> {
    new(view, view.own_ip())
}

pub(super) fn net_new(view: &View<'_>) -> Option<f64> {
    new(view, view.own_network())
}

pub(super) fn asn_new(view: &View<'_>) -> Option<f64> {
    let asn = view.event.place.asn?;
    new(view, Some(view.is_established(view.customer.asns.get(asn))))
}

pub(super) fn country_new(view: &View<'_>) -> Option<f64> {
    let country = view.event.place.country?;
    new(view, Some(view.is_established(view.customer.countries.get(country))))
}

pub(super) fn device_new(view: &View<'_>) -> Option<f64> {
    match view.own_device() {
        Some(own) => new(view, Some(own)),
        // An event without a device, of a customer who always had one.
        None if !view.customer.devices.is_empty() => new(view, Some(false)),
        None => None,
    }
}

pub(super) fn agent_new(view: &View<'_>) -> Option<f64> {
    let agent = view.event.agent?;
    if view.customer.agents.is_empty() {
        return None;
    }
    flag(view.customer.agents.get(agent.text).is_none())
}

pub(super) fn language_new(view: &View<'_>) -> Option<f64> {
    let language = model::customer::text_key(view.event.language.as_ref()?.as_str());
    if view.customer.languages.is_empty() {
        return None;
    }
    flag(view.customer.languages.get(language).is_none())
}

pub(super) fn hour_unusual(view: &View<'_>) -> Option<f64> {
    if view.customer.logins < HOURS_LOGINS_MIN {
        return None;
    }
    flag(view.customer.hours.around(view.time()) == 0)
}

pub(super) fn dormant_days(view: &View<'_>) -> Option<f64> {
    let last = view.customer.last_us;
    if last == 0 { None } else { Some((view.hours_since(last) / 24.0).floor()) }
}

pub(super) fn automation(view: &View<'_>) -> Option<f64> {
    flag(view.event.agent?.automation)
}

pub(super) fn session_changed(view: &View<'_>) -> Option<f64> {
    let id = view.event.session.as_ref()?;
    let session = view.customer.session.as_ref().filter(|session| session.id == *id)?;
    flag(session.moved || session.is_moved_by(view.event))
}

pub(super) fn session_straight(view: &View<'_>) -> Option<f64> {
    if !view.event.kind.is_procedure() {
        return None;
    }
    let id = view.event.session.as_ref()?;
    let steps =
        view.customer.session.as_ref().filter(|session| session.id == *id).map_or(0, |session| session.steps);
    flag(steps < STRAIGHT_STEPS_MAX)
}

pub(super) fn score(view: &View<'_>) -> Option<f64> {
    let (customer, shared, event) = (view.customer, view.shared, view.event);
    let logins = |seen: Option<&Seen>| seen.map_or(0, |seen| seen.logins);
    let count = |count: Option<&u32>| count.copied().unwrap_or(0);
    let ip = event.ip?;
    let address = Feature {
        weights: ADDRESS_WEIGHTS,
        levels: [
            Level { all: view.ip.logins, own: logins(customer.ips.get(ip.bits())) },
            event.place.asn.map_or_else(Level::default, |asn| Level {
                all: view.asn.logins,
                own: logins(customer.asns.get(asn)),
            }),
            event.place.country.map_or_else(Level::default, |country| Level {
                all: count(shared.countries.get(country)),
                own: logins(customer.countries.get(country)),
            }),
        ],
        distinct: shared.asns.saturating_add(length(shared.countries.len())),
        distinct_with_top: view.ip.above,
    };
    let client = event.agent.map_or(
        Feature { weights: CLIENT_WEIGHTS, levels: [Level::default(); 4], distinct: 0, distinct_with_top: 0 },
        |agent| Feature {
            weights: CLIENT_WEIGHTS,
            levels: [
                Level { all: view.agent.logins, own: count(customer.agents.get(agent.text)) },
                Level {
                    all: count(shared.browsers.get(agent.browser)),
                    own: count(customer.browsers.get(agent.browser)),
                },
                Level {
                    all: count(shared.systems.get(agent.system)),
                    own: count(customer.systems.get(agent.system)),
                },
                Level {
                    all: count(shared.device_types.get(agent.device_type)),
                    own: count(customer.device_types.get(agent.device_type)),
                },
            ],
            distinct: length(shared.browsers.len() + shared.systems.len() + shared.device_types.len()),
            // One text has one browser, one system, one device type.
            distinct_with_top: if view.agent.logins > 0 { 3 } else { 0 },
        },
    );
    let everybody = Everybody {
        logins: u32::try_from(shared.logins).unwrap_or(u32::MAX),
        customers: u32::try_from(shared.customers).unwrap_or(u32::MAX),
    };
    login_score(&address, &client, customer.logins, everybody)
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
