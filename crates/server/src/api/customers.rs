//! `GET /v1/customers/{id}`: what is known of a customer, with contacts masked.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use engine::key::RecordKey;
use engine::record::customer::as_us;
use engine::record::familiar::Trait;
use engine::record::{Change, Customer, Seen};
use hashbrown::HashMap;
use model::customer::text_key;
use model::{CustomerId, Time};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::event_form::EventForm;
use super::event_list::{Whose, of_subject};
use super::openapi::Refused;
use super::parts::{Named, name};
use super::problem::Problem;
use super::profiles::{MaskedProfile, masked};
use crate::keys::Role;

/// Events shown with a customer.
const EVENTS: usize = 20;

/// What is known of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CustomerForm {
    /// The broker's identifier.
    customer: String,
    /// What the broker told, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<MaskedProfile>,
    /// First event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    first: Option<Time>,
    /// Last access in good order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last: Option<Time>,
    /// Logins in good order.
    logins: u32,
    /// Where the customer was seen, the place seen last first.
    addresses: Vec<SeenAddress>,
    /// With which devices, the one seen last first.
    devices: Vec<SeenDevice>,
    /// Last changes of who can reach the money.
    changes: Vec<ChangeForm>,
    /// The campaign that got into the account last; see /v1/campaigns.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<u32>,
    /// When the customer said that it was not them, if nobody identified them since; see /v1/customers/{id}/unlock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    reported: Option<Time>,
    /// Open holds; see /v1/holds.
    holds: Vec<HoldForm>,
    /// The newest events; more at /v1/events.
    events: Vec<EventForm>,
    /// The input up to which the events are complete.
    as_of_seq: u64,
}

/// How often and when.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeenForm {
    /// First access in good order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    first: Option<Time>,
    /// Last access in good order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last: Option<Time>,
    /// Accesses in good order.
    accesses: u32,
    /// Logins among them.
    logins: u32,
    /// Different days.
    days: u16,
    /// Whether it is the customer's own by now.
    established: bool,
}

/// An address of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeenAddress {
    /// The address.
    #[schema(example = "203.0.113.7")]
    ip: String,
    #[serde(flatten)]
    seen: SeenForm,
}

/// A device of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeenDevice {
    /// A hash of its identifier.
    device_hash: String,
    /// Its identifier, where one of the events below names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(flatten)]
    seen: SeenForm,
}

/// A change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangeForm {
    /// `contact`, `password`, `factor`, `bank_account`, or `bank_account_by_stranger`.
    what: &'static str,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Time>,
    /// From which address.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    /// From which device, hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_hash: Option<String>,
    /// Whether the place was the customer's own then; absent where nothing can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    own: Option<bool>,
}

/// An open hold.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HoldForm {
    /// The held event.
    id: String,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Time>,
    /// Until when, if nobody settles it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
}

/// What is known of a customer.
#[utoipa::path(
    get, operation_id = "customers_get", path = "/v1/customers/{id}", tag = "customers",
    params(("id" = String, Path, description = "The broker's identifier",
            max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "C0012345")),
    responses(
        (status = 200, body = CustomerForm, description = "What is known"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "Nothing is known of this customer"),
        Refused,
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    id: Named,
) -> Result<Json<CustomerForm>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let id: CustomerId = name(id)?;
    let keys = vec![RecordKey::customer(id.as_str()), RecordKey::profile(id.as_str())];
    let asked = id.clone();
    let look = move |state: &engine::State, _: &engine::Policy| {
        let sealed = state.profile(asked.as_str()).map(|profile| profile.bytes.clone());
        let entry = state.campaigns().entry(text_key(asked.as_str()));
        (state.customer(asked.as_str()).cloned(), sealed, entry.map(|entry| entry.campaign))
    };
    let (record, sealed, campaign) = app.sequencer.look(keys, look).await?;
    let profile = sealed.map(|sealed| masked(&app, &id, &sealed)).transpose()?;
    let last = app.readers.read(|reader| Ok(reader.journal.last_seq()?)).await?;
    let as_of_seq = app.indexer.reach(last).await;
    let (indexer, whose) = (Arc::clone(&app.indexer), Whose::Customer(id.clone()));
    let events =
        app.readers.read(move |reader| of_subject(reader, &indexer, &whose, u64::MAX, EVENTS)).await?;
    let record = record.unwrap_or_default();
    if profile.is_none() && events.0.is_empty() && record.first_s == 0 {
        let problem = "nothing is known of this customer; PUT a profile, or send events that name them";
        return Err(Problem::absent(problem));
    }
    let form = CustomerForm::new(&id, &record, profile, events.0, as_of_seq, (app.clock)());
    Ok(Json(CustomerForm { campaign, ..form }))
}

impl CustomerForm {
    fn new(
        id: &CustomerId,
        record: &Customer,
        profile: Option<MaskedProfile>,
        events: Vec<EventForm>,
        as_of_seq: u64,
        now: Time,
    ) -> Self {
        let named: HashMap<u64, String> = events
            .iter()
            .filter_map(EventForm::device)
            .map(|device| (Trait::kept(text_key(device)), device.to_owned()))
            .collect();
        let devices = record.devices().rev().map(|(key, seen)| SeenDevice {
            device_hash: device_hash(key),
            device: named.get(&key).cloned(),
            seen: SeenForm::new(seen, now),
        });
        let addresses = record
            .addresses()
            .rev()
            .map(|(ip, seen)| SeenAddress { ip: ip.to_string(), seen: SeenForm::new(seen, now) });
        let holds =
            record.dealings().holds.iter().filter(|hold| hold.until_us > now.as_us()).map(|hold| HoldForm {
                id: hold.event.to_string(),
                since: Time::from_us(hold.since_us),
                until: Time::from_us(hold.until_us),
            });
        Self {
            customer: id.to_string(),
            profile,
            first: time(as_us(record.first_s)),
            last: time(as_us(record.last_s)),
            logins: record.logins,
            addresses: addresses.collect(),
            devices: devices.collect(),
            changes: changes(record),
            campaign: None,
            reported: record.dealings().reported().and_then(Time::from_us),
            holds: holds.collect(),
            events,
            as_of_seq,
        }
    }
}

impl SeenForm {
    fn new(seen: &Seen, now: Time) -> Self {
        Self {
            first: time(as_us(seen.first_s)),
            last: time(as_us(seen.last_s)),
            accesses: seen.accesses,
            logins: seen.logins,
            days: seen.days,
            established: seen.is_established(now),
        }
    }
}

fn changes(record: &Customer) -> Vec<ChangeForm> {
    let dealings = record.dealings();
    let changes = [
        ("contact", dealings.contact),
        ("password", dealings.password),
        ("factor", dealings.factor),
        ("bank_account", dealings.bank),
        ("bank_account_by_stranger", dealings.bank_by_stranger),
    ];
    let form = |what: &'static str, change: Change| ChangeForm {
        what,
        at: time(change.at_us),
        ip: change.ip.map(|ip| ip.to_string()),
        device_hash: change.device.map(device_hash),
        own: change.own,
    };
    changes.into_iter().filter_map(|(what, change)| change.map(|change| form(what, change))).collect()
}

/// As the ledger knows a device: changes name it alike.
fn device_hash(key: u64) -> String {
    format!("{:014x}", Trait::kept(key))
}

/// 0 stands for never.
fn time(us: i64) -> Option<Time> {
    Time::from_us(us).filter(|_| us != 0)
}
