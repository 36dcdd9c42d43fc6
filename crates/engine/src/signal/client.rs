//! Signals about where a customer comes from and with what, against the customer's own past.

use super::{View, flag};
use crate::login_score::{ADDRESS_WEIGHTS, CLIENT_WEIGHTS, Everybody, Level, Levels, login_score};
use crate::record::Seen;
use crate::record::customer::as_us;
use crate::record::familiar::{Feature, country};
use crate::state::session_key;
use model::customer::text_key;

/// Logins from which an unusual hour says something.
const HOURS_LOGINS_MIN: u32 = 10;
/// Steps of a session within which a procedure is its purpose.
const STRAIGHT_STEPS_MAX: u16 = 2;

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
    new(view, Some(view.is_established(view.customer.seen_with(Feature::Asn, u64::from(asn)))))
}

pub(super) fn country_new(view: &View<'_>) -> Option<f64> {
    let country = country(view.event.place.country?);
    new(view, Some(view.is_established(view.customer.seen_with(Feature::Country, country))))
}

pub(super) fn device_new(view: &View<'_>) -> Option<f64> {
    match view.own_device() {
        Some(own) => new(view, Some(own)),
        // An event without a device, of a customer who always had one.
        None if view.customer.has_any(Feature::Device) => new(view, Some(false)),
        None => None,
    }
}

/// How the customer was seen with the event's device: never, where they have devices and none came. Nothing where they have none, and
/// where the event comes from no client.
fn seen_with_device(view: &View<'_>) -> Option<Option<Seen>> {
    if view.event.ip.is_none() && view.device_key.is_none() {
        return None;
    }
    let devices = view.customer.has_any(Feature::Device);
    let seen = view.device_key.and_then(|key| view.customer.seen_with(Feature::Device, key));
    devices.then(|| seen.copied())
}

pub(super) fn device_earlier_days(view: &View<'_>) -> Option<f64> {
    let seen = seen_with_device(view)?;
    Some(seen.map_or(0.0, |seen| f64::from(seen.days_before(view.time()))))
}

pub(super) fn device_known_hours(view: &View<'_>) -> Option<f64> {
    let seen = seen_with_device(view)?;
    Some(seen.map_or(0.0, |seen| view.hours_since(as_us(seen.first_s))))
}

pub(super) fn unfamiliar(view: &View<'_>) -> Option<f64> {
    let customer = view.customer;
    flag(customer.is_unfamiliar(view.event.ip, view.device_key, view.ip.is_shared(), view.time())?)
}

pub(super) fn agent_new(view: &View<'_>) -> Option<f64> {
    let agent = view.event.agent?;
    if !view.customer.has_any(Feature::Agent) {
        return None;
    }
    flag(view.customer.logins_with(Feature::Agent, agent.text) == 0)
}

pub(super) fn language_new(view: &View<'_>) -> Option<f64> {
    let language = text_key(view.event.language.as_ref()?.as_str());
    if !view.customer.has_any(Feature::Language) {
        return None;
    }
    flag(view.customer.logins_with(Feature::Language, language) == 0)
}

pub(super) fn hour_unusual(view: &View<'_>) -> Option<f64> {
    if view.customer.logins < HOURS_LOGINS_MIN {
        return None;
    }
    flag(view.customer.hours.around(view.time()) == 0)
}

pub(super) fn dormant_days(view: &View<'_>) -> Option<f64> {
    let last = view.customer.last_s;
    if last == 0 { None } else { Some((view.hours_since(as_us(last)) / 24.0).floor()) }
}

pub(super) fn automation(view: &View<'_>) -> Option<f64> {
    flag(view.event.agent?.automation)
}

pub(super) fn session_changed(view: &View<'_>) -> Option<f64> {
    let id = session_key(view.event.session.as_ref()?.as_str());
    let session = view.customer.sessions.get(id)?;
    flag(session.moved || session.is_moved_by(view.event))
}

pub(super) fn session_straight(view: &View<'_>) -> Option<f64> {
    if !view.event.kind.is_procedure() {
        return None;
    }
    let id = session_key(view.event.session.as_ref()?.as_str());
    let steps = view.customer.sessions.get(id).map_or(0, |session| session.steps);
    flag(steps < STRAIGHT_STEPS_MAX)
}

pub(super) fn score(view: &View<'_>) -> Option<f64> {
    let (customer, shared, event) = (view.customer, view.shared, view.event);
    let logins = |seen: Option<&Seen>| seen.map_or(0, |seen| seen.logins);
    let ip = event.ip?;
    let address = Levels {
        weights: ADDRESS_WEIGHTS,
        levels: [
            Level { all: view.ip.logins, own: logins(customer.at(ip)) },
            event.place.asn.map_or_else(Level::default, |asn| Level {
                all: view.asn.logins,
                own: logins(customer.seen_with(Feature::Asn, u64::from(asn))),
            }),
            event.place.country.map(country).map_or_else(Level::default, |country| Level {
                all: shared.countries.of(country),
                own: logins(customer.seen_with(Feature::Country, country)),
            }),
        ],
        distinct: shared.asns.saturating_add(length(shared.countries.values())),
        distinct_with_top: u32::from(view.ip.above),
    };
    let client = event.agent.map_or(
        Levels { weights: CLIENT_WEIGHTS, levels: [Level::default(); 4], distinct: 0, distinct_with_top: 0 },
        |agent| Levels {
            weights: CLIENT_WEIGHTS,
            levels: [
                Level { all: view.agent.logins, own: customer.logins_with(Feature::Agent, agent.text) },
                Level {
                    all: shared.browsers.of(agent.browser),
                    own: customer.logins_with(Feature::Browser, agent.browser),
                },
                Level {
                    all: shared.systems.of(agent.system),
                    own: customer.logins_with(Feature::System, agent.system),
                },
                Level {
                    all: shared.device_types.of(agent.device_type),
                    own: customer.logins_with(Feature::DeviceType, agent.device_type),
                },
            ],
            distinct: length(
                shared.browsers.values() + shared.systems.values() + shared.device_types.values(),
            ),
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
