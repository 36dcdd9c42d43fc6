//! `GET /v1/events`: events of a customer, from an address or a device, what customers said was not them, or all, the newest first.

#![expect(unused_qualifications, reason = "utoipa names parameters by their path")]

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use model::client::DeviceId;
use model::{Address, CustomerId, EventKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::event_form::{EventForm, event};
use super::openapi::Refused;
use super::parts::{self, Asked, limit, query};
use super::problem::Problem;
use crate::indexer::{Indexer, Subject};
use crate::keys::Role;
use crate::readers::{ReadError, Reader};

/// Rows of the journal looked at for one answer at most, where not all of them are events.
const ROWS_LOOKED_AT_MAX: usize = 4_096;
/// Bytes of them.
const BYTES_LOOKED_AT_MAX: usize = 4 << 20;

/// Whose events. At most one of customer, ip, device and kind.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// In whose name.
    #[param(value_type = Option<String>, max_length = 64)]
    customer: Option<CustomerId>,
    /// From which address.
    #[param(value_type = Option<String>, example = "203.0.113.7")]
    ip: Option<Address>,
    /// From which device.
    #[param(value_type = Option<String>, max_length = 128)]
    device: Option<DeviceId>,
    /// `customer.report`: what customers said was not them, all customers together. Other kinds are not kept apart.
    #[param(value_type = Option<String>, pattern = "^customer\\.report$")]
    kind: Option<String>,
    /// Only events before this place in the journal: `next` of the page before.
    #[param(minimum = 1, maximum = 9_223_372_036_854_775_807_u64)]
    before: Option<u64>,
    /// Events in the answer, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// Events, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventPage {
    /// The events.
    events: Vec<EventForm>,
    /// What to ask with as `before` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    /// The input up to which this is true.
    as_of_seq: u64,
    /// Whether that is everything durable when it was asked; if not, ask again in a moment.
    complete: bool,
}

/// Whose events are asked for.
#[derive(Debug, Clone)]
pub(super) enum Whose {
    /// A customer's.
    Customer(CustomerId),
    /// An address's.
    Ip(Address),
    /// A device's.
    Device(DeviceId),
    /// What customers said was not them.
    Reports,
}

impl Whose {
    fn subject(&self) -> Subject {
        match self {
            Self::Customer(customer) => Subject::customer(customer),
            Self::Ip(ip) => Subject::ip(*ip),
            Self::Device(device) => Subject::device(device),
            Self::Reports => Subject::Reports,
        }
    }

    /// Whether an event is one of theirs, and not of somebody with the same hash.
    fn has(&self, event: &engine::Observed) -> bool {
        match self {
            Self::Customer(customer) => event.customer.as_ref() == Some(customer),
            Self::Ip(ip) => event.ip == Some(*ip),
            Self::Device(device) => event.device.as_ref() == Some(device),
            Self::Reports => event.kind == EventKind::CustomerReport,
        }
    }
}

/// Events, the newest first: of a customer, from an address, from a device, what customers said was not them, or all.
#[utoipa::path(
    get, operation_id = "events_list", path = "/v1/events", tag = "read", params(EventQuery),
    responses((status = 200, body = EventPage, description = "A page of events"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    asked: Asked<EventQuery>,
) -> Result<Json<EventPage>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let EventQuery { customer, ip, device, kind, before, limit: asked } = query(asked)?;
    let limit = limit(asked)?;
    if kind.as_deref().is_some_and(|kind| kind != EventKind::CustomerReport.as_str()) {
        return Err(Problem::invalid_query("`kind`: allowed: customer.report, the only one kept apart"));
    }
    let reports = kind.map(|_report| Whose::Reports);
    let whose = [customer.map(Whose::Customer), ip.map(Whose::Ip), device.map(Whose::Device), reports];
    let mut whose = whose.into_iter().flatten();
    let first = whose.next();
    if whose.next().is_some() {
        return Err(Problem::invalid_query(
            "allowed: one of `customer`, `ip`, `device` and `kind`, or none for all",
        ));
    }
    let before = parts::before(before)?;
    let last = app.readers.read(|reader| Ok(reader.journal.last_seq()?)).await?;
    let as_of_seq = if first.is_some() { app.indexer.reach(last).await } else { last };
    let indexer = Arc::clone(&app.indexer);
    let read = move |reader: &mut Reader| match first {
        Some(whose) => of_subject(reader, &indexer, &whose, before, limit),
        None => of_all(reader, before, limit),
    };
    let (events, next) = app.readers.read(read).await?;
    Ok(Json(EventPage { events, next, as_of_seq, complete: as_of_seq >= last }))
}

/// A page of a subject's events, and where the next one begins.
pub(super) fn of_subject(
    reader: &mut Reader,
    indexer: &Indexer,
    whose: &Whose,
    before: u64,
    limit: usize,
) -> Result<(Vec<EventForm>, Option<u64>), ReadError> {
    // One more than asked for tells whether there is a next page.
    let mut seqs = indexer.find(reader, whose.subject(), before, limit.saturating_add(1))?;
    let more = seqs.len() > limit;
    seqs.truncate(limit);
    let next = seqs.last().copied().filter(|_| more);
    let mut events = Vec::with_capacity(seqs.len());
    for seq in seqs {
        // What was trimmed meanwhile is in history.
        let Some(entry) = reader.journal.get(seq)? else { continue };
        if let Some((received, observed)) = event(&entry)?
            && whose.has(&observed)
        {
            events.push(EventForm::new(&entry, received, &observed));
        }
    }
    Ok((events, next))
}

fn of_all(
    reader: &mut Reader,
    mut before: u64,
    limit: usize,
) -> Result<(Vec<EventForm>, Option<u64>), ReadError> {
    let mut events = Vec::with_capacity(limit);
    let mut looked_at = 0;
    while looked_at < ROWS_LOOKED_AT_MAX {
        let entries = reader.journal.read_back(before, limit, BYTES_LOOKED_AT_MAX)?;
        if entries.is_empty() {
            return Ok((events, None));
        }
        for entry in &entries {
            looked_at += 1;
            before = entry.seq;
            if let Some((received, observed)) = event(entry)? {
                events.push(EventForm::new(entry, received, &observed));
            }
            if events.len() >= limit {
                return Ok((events, Some(before).filter(|before| *before > 1)));
            }
        }
    }
    Ok((events, Some(before)))
}
