//! `GET /v1/ips/{ip}`: what is known of an address and its network, and what files and lists say of it.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use engine::key::RecordKey;
use engine::record::attempts::Attempts;
use engine::record::customer::as_us;
use engine::record::{Ip, Network};
use model::{Address, Time};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

use super::App;
use super::event_form::PlaceForm;
use super::openapi::Refused;
use super::parts::{Named, name};
use super::problem::Problem;
use crate::keys::Role;

/// What is known of an address.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IpForm {
    /// The address.
    #[schema(example = "203.0.113.7")]
    ip: String,
    /// The network around it: /24, or /64 of IPv6.
    #[schema(example = "203.0.113.0/24")]
    network: String,
    /// What files and lists say of it now.
    place: PlaceForm,
    /// Whose network it is, where the files name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    /// Lists that hold it, of every kind.
    lists: Vec<ListedForm>,
    /// First seen; absent where it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    first: Option<Time>,
    /// Last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last: Option<Time>,
    /// Logins in good order.
    logins: u32,
    /// Customers with an access in good order: exact up to 32, then an estimate.
    customers: u64,
    /// Of these, those who come from here for 30 days and longer.
    customers_settled: u64,
    /// Customers whose logins failed here.
    customers_failed: u64,
    /// Whether so many customers come from here for long that it is a carrier's or a company's.
    shared: bool,
    /// Logins tried here.
    attempts: AttemptsForm,
    /// Logins tried in the whole network.
    network_attempts: AttemptsForm,
}

/// A list that holds an address.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListedForm {
    /// The list.
    name: String,
    /// `blocklist`, `hosting`, `vpn`, `tor` or `allow`.
    kind: &'static str,
    /// `file` (of the server's configuration) or `api`.
    from: &'static str,
}

/// Logins tried, forgotten by and by.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttemptsForm {
    /// Those of the last hours: half of them are forgotten in an hour.
    recent: f64,
    /// Those of the last days: half of them are forgotten in a day.
    all: f64,
    /// Of these, failed.
    failed: f64,
    /// Of these, for nobody known.
    unknown: f64,
}

/// What is known of an address.
#[utoipa::path(
    get, operation_id = "ips_get", path = "/v1/ips/{ip}", tag = "read",
    params(("ip" = String, Path, description = "IPv4 or IPv6 address", example = "203.0.113.7")),
    responses((status = 200, body = IpForm, description = "What is known"), Refused),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    ip: Named,
) -> Result<Json<IpForm>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let ip: Address = name(ip)?;
    let (bits, around) = (ip.bits(), ip.network().bits());
    let keys = vec![RecordKey::ip(ip), RecordKey::network(ip.network())];
    let look = move |state: &engine::State, _: &engine::Policy| {
        (state.ip(bits).cloned().unwrap_or_default(), state.network(around).copied().unwrap_or_default())
    };
    let (record, network) = app.sequencer.look(keys, look).await?;
    Ok(Json(form(&app, ip, &record, &network)))
}

fn form(app: &App, ip: Address, record: &Ip, network: &Network) -> IpForm {
    let now = (app.clock)();
    let seen = app.observer.look_up(ip);
    let listed =
        seen.listed.into_iter().map(|(name, kind, from)| ListedForm { name, kind: kind.as_str(), from });
    let prefix = if ip.ip().is_ipv4() { 24 } else { 64 };
    IpForm {
        ip: ip.to_string(),
        network: format!("{}/{prefix}", Address::from_bits(ip.network().bits())),
        place: PlaceForm::from(&seen.place),
        organisation: seen.organisation,
        lists: listed.collect(),
        first: Time::from_us(as_us(record.first_s)).filter(|_| record.first_s != 0),
        last: Time::from_us(as_us(record.last_s)).filter(|_| record.last_s != 0),
        logins: record.logins,
        customers: record.customers.count(),
        customers_settled: record.settled.count(),
        customers_failed: record.failed_customers.count(),
        shared: record.settled.count() >= engine::signal::CARRIER_CUSTOMERS_MIN,
        attempts: AttemptsForm::new(&record.attempts, now),
        network_attempts: AttemptsForm::new(&network.attempts, now),
    }
}

impl AttemptsForm {
    fn new(attempts: &Attempts, now: Time) -> Self {
        // Two decimals: further ones are only of the way decay is computed.
        let value = |value: f64| (value * 100.0).round() / 100.0;
        Self {
            recent: value(attempts.recent(now)),
            all: value(attempts.all(now)),
            failed: value(attempts.failed(now)),
            unknown: value(attempts.unknown(now)),
        }
    }
}
