//! Registered devices on `/security`: what is registered, this device to add, others to take back, and the switch that lets in nothing
//! else. Must not know authenticators.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use model::Client;
use model::client::DeviceId;
use model::unseen::visible_name;
use serde::Deserialize;

use super::Refused;
use super::changes::ChangeSent;
use super::security::said;
use super::texts::Texts;
use super::visits::{Visitor, acting_in_centre};
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
    /// Until then it does not count.
    pub(super) counts_from: Option<String>,
    /// Whether it is the one that looks at the page.
    pub(super) is_this: bool,
}

/// What the script sends to register this device.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NameSent {
    name: String,
    #[serde(default)]
    proof: Option<String>,
}

/// Which one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneSent {
    id: String,
    #[serde(default)]
    proof: Option<String>,
}

/// Whether only these are let in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OnlySent {
    only: bool,
    #[serde(default)]
    proof: Option<String>,
}

impl Devices {
    pub(super) async fn new(app: &App, visit: &Visit, texts: Texts) -> Result<Self, ProofError> {
        let (this, now) = (this_device(visit), (app.clock)());
        let has = app.proofs.devices(&visit.customer).await?;
        let is_this = |device: &str| this.as_ref().is_some_and(|this| this.as_str() == device);
        let can_add = this.is_some() && !has.iter().any(|each| is_this(&each.device));
        let rows = has.iter().map(|each| Row {
            id: each.id.clone(),
            name: visible_name(&each.name),
            made: texts.time(each.made),
            counts_from: each.counts_from.filter(|from| now < *from).map(|from| texts.time(from)),
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

/// The device that looks at the page, to be registered by this name.
pub(super) fn new_device(visit: &Visit, name: &str) -> Result<NewDevice, ProofError> {
    let device = this_device(visit).ok_or(ProofError::Absent("device"))?;
    NewDevice::checked(device, name, None)
}

/// Registers the device that looks at the page.
pub(super) async fn add(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, NameSent) = acting_in_centre(&app, request).await?;
    let texts = visitor.texts;
    let refused = |error| Refused::new(error, texts);
    let change = ChangeSent::Register { name: sent.name.clone() };
    let visit = change.confirmed(&app, &visitor, sent.proof.as_deref()).await.map_err(refused)?;
    let new = new_device(&visit, &sent.name).map_err(refused)?;
    app.proofs.register_device(&app.observer, &visit, new, false).await.map_err(refused)?;
    Ok(said(texts.of("device.added")))
}

/// Takes one back.
pub(super) async fn remove(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, OneSent) = acting_in_centre(&app, request).await?;
    let refused = |error| Refused::new(error, visitor.texts);
    let id = parse_authenticator_id(&sent.id).ok_or_else(|| refused(ProofError::Absent("device")))?;
    let change = ChangeSent::Forget { id: sent.id };
    let visit = change.confirmed(&app, &visitor, sent.proof.as_deref()).await.map_err(refused)?;
    app.proofs.remove_device(&app.observer, &visit, id).await.map_err(refused)?;
    Ok(said(visitor.texts.of("device.removed")))
}

/// Lets in nothing else, or anything again.
pub(super) async fn only(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, OnlySent) = acting_in_centre(&app, request).await?;
    let refused = |error| Refused::new(error, visitor.texts);
    let change = ChangeSent::Only { only: sent.only };
    let visit = change.confirmed(&app, &visitor, sent.proof.as_deref()).await.map_err(refused)?;
    app.proofs.restrict_to_devices(&app.observer, &visit, sent.only).await.map_err(refused)?;
    Ok(said(visitor.texts.of(if sent.only { "device.only_now" } else { "device.any_now" })))
}
