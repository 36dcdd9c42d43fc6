//! Registered devices on `/security`: what is registered, this device to add, others to take back, and the switch that lets in nothing
//! else. Must not know authenticators.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use model::Client;
use model::client::DeviceId;
use serde::Deserialize;

use super::Refused;
use super::security::said;
use super::texts::Texts;
use super::visits::{Visitor, acting_signed_in};
use crate::api::App;
use crate::proof::{NewDevice, ProofError, Visit, parse_authenticator_id};

/// What of the page is about devices.
pub(super) struct Devices {
    pub(super) rows: Vec<Row>,
    /// Whether nothing else is let in.
    pub(super) only: bool,
    /// Whether the device that looks at the page can be registered: the broker told which it is, and it is not yet.
    pub(super) can_add: bool,
}

/// A device.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) made: String,
    /// Whether it is the one that looks at the page.
    pub(super) is_this: bool,
}

/// What the script sends to register this device.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NameSent {
    name: String,
}

/// Which one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneSent {
    id: String,
}

/// Whether only these are let in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OnlySent {
    only: bool,
}

impl Devices {
    pub(super) async fn new(app: &App, visit: &Visit, texts: Texts) -> Result<Self, ProofError> {
        let this = this_device(visit);
        let has = app.proofs.devices(&visit.customer).await?;
        let is_this = |device: &str| this.as_ref().is_some_and(|this| this.as_str() == device);
        let can_add = this.is_some() && !has.iter().any(|each| is_this(&each.device));
        let rows = has.iter().map(|each| Row {
            id: each.id.clone(),
            name: each.name.clone(),
            made: texts.time(each.made),
            is_this: is_this(&each.device),
        });
        let only = app.proofs.lets_in_only_own_devices(&visit.customer).await?;
        Ok(Self { rows: rows.collect(), only, can_add })
    }
}

/// The device that looks at the page, as the broker told it with the handover.
fn this_device(visit: &Visit) -> Option<DeviceId> {
    serde_json::from_str::<Client>(visit.client.as_deref()?).ok()?.device
}

/// Registers the device that looks at the page.
pub(super) async fn add(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, NameSent) = acting_signed_in(&app, request).await?;
    let Visitor { visit, texts, .. } = &visitor;
    let refused = |error| Refused::new(error, *texts);
    let device = this_device(visit).ok_or_else(|| refused(ProofError::Absent("device")))?;
    let new = NewDevice::checked(device, &sent.name, None).map_err(refused)?;
    app.proofs.register_device(&app.observer, visit, new).await.map_err(refused)?;
    Ok(said(texts.of("device.added")))
}

/// Takes one back.
pub(super) async fn remove(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, OneSent) = acting_signed_in(&app, request).await?;
    let refused = |error| Refused::new(error, visitor.texts);
    let id = parse_authenticator_id(&sent.id).ok_or_else(|| refused(ProofError::Absent("device")))?;
    app.proofs.remove_device(&app.observer, &visitor.visit, id).await.map_err(refused)?;
    Ok(said(visitor.texts.of("device.removed")))
}

/// Lets in nothing else, or anything again.
pub(super) async fn only(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, OnlySent) = acting_signed_in(&app, request).await?;
    let refused = |error| Refused::new(error, visitor.texts);
    app.proofs.restrict_to_devices(&app.observer, &visitor.visit, sent.only).await.map_err(refused)?;
    Ok(said(visitor.texts.of(if sent.only { "device.only_now" } else { "device.any_now" })))
}
