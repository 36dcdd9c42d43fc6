//! Registered devices: from pages and apps of the broker's own, shown to be there by their key, taken back, and whether nothing else
//! is let in. Must not know what is let in: that is policy.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::client::DeviceId;
use model::event::Reason;
use model::{Client, CustomerId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::openapi::Refused;
use super::parts::{Named, name, read_json};
use super::problem::Problem;
use crate::keys::Role;
use crate::proof::{ChallengeId, NewDevice, ShownDevice, parse_authenticator_id};

/// Bytes of a body at most.
const BODY_BYTES_MAX: usize = 8 << 10;

/// What a customer registered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DevicesForm {
    /// All of them, at most 8.
    devices: Vec<ShownDevice>,
    /// Whether nothing else is let in.
    only: bool,
}

/// A device to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"device": "d-7f3a", "name": "telephone"}))]
pub(super) struct DeviceSent {
    /// The broker's identifier, as in `client.device`.
    #[schema(value_type = String, min_length = 1, max_length = 128, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    device: DeviceId,
    /// What its owner calls it, at most 40 characters.
    #[schema(min_length = 1)]
    name: String,
    /// Its public key: `SubjectPublicKeyInfo` of a P-256 key, in base64.
    #[serde(default)]
    public_key: Option<String>,
    /// A challenge for `device.register` of this device, with this key if it has one, that the customer passed. Needed where they have
    /// anything to confirm it with.
    #[serde(default)]
    challenge: Option<String>,
    /// The client that registers it, in the words of events.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    client: Option<Client>,
}

/// A device that shows that it is there.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(super) struct PresenceSent {
    /// What it was asked to sign; nothing to be asked.
    #[serde(default)]
    token: Option<String>,
    /// ECDSA with SHA-256 over the bytes of `token`, raw or DER, in base64url.
    #[serde(default)]
    signature: Option<String>,
}

/// What a device is asked to sign.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PresenceAsked {
    /// Its bytes are signed, and it comes back with the signature within two minutes.
    token: String,
}

/// Whether only registered devices are let in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"only": false, "reason": "new telephone, called back"}))]
pub(super) struct OnlySent {
    /// Whether.
    only: bool,
    /// Noted beside who did it.
    #[schema(value_type = String, min_length = 1, max_length = 256, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    reason: Reason,
}

/// Why it is taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "stolen, called back"}))]
pub(super) struct TakingBack {
    /// Noted beside who did it.
    #[schema(value_type = String, min_length = 1, max_length = 256, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    reason: Reason,
}

/// The devices a customer registered.
#[utoipa::path(
    get, operation_id = "devices_list", path = "/v1/customers/{id}/devices", tag = "proof",
    params(("id" = String, Path, description = "The broker's identifier",
            max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "C0012345")),
    responses((status = 200, body = DevicesForm, description = "What they registered"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<DevicesForm>, Problem> {
    app.authorize(request.headers(), Role::may_follow)?;
    let customer: CustomerId = name(id)?;
    let devices = app.proofs.devices(&customer).await?;
    Ok(Json(DevicesForm { devices, only: app.proofs.lets_in_only_own_devices(&customer).await? }))
}

/// Registers a device from a page or an app of the broker's own. The same `device` again gets the new name and key;
/// where nothing changes, no proof is needed and none is used up. Whoever gets no answer sends the same again, with the same `challenge`.
#[utoipa::path(
    post, operation_id = "devices_register", path = "/v1/customers/{id}/devices", tag = "proof", request_body = DeviceSent,
    params(("id" = String, Path, description = "The broker's identifier",
            max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "C0012345")),
    responses(
        (status = 200, body = ShownDevice, description = "It was registered so before; nothing changed"),
        (status = 201, body = ShownDevice, description = "It is registered, or has the new name or key"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "The customer has no such challenge"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It has to be confirmed first with what they have, the challenge is for another device or key, or there are eight"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn register(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Response, Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let customer: CustomerId = name(id)?;
    let sent: DeviceSent = read_json(request, BODY_BYTES_MAX).await?;
    // Before a proof is used up.
    let new = NewDevice::checked(sent.device, &sent.name, sent.public_key.as_deref())?;
    // Whoever asks again, since no answer came, has used the proof up.
    if let Some(registered) = app.proofs.registered_so(&customer, &new).await? {
        return Ok(Json(registered).into_response());
    }
    let challenge = sent.challenge.as_deref().map(str::parse::<ChallengeId>).transpose();
    let challenge = challenge.map_err(|invalid| Problem::invalid("challenge", invalid.problem))?;
    let change = new.registering(&customer);
    let visit = app.proofs.visit_by_api(change, sent.client.as_ref(), challenge).await?;
    let registered = app.proofs.register_device(&app.observer, &visit, new, true).await?;
    Ok((StatusCode::CREATED, Json(registered)).into_response())
}

/// A device shows by its key that it is there: first without `token` for what to sign, then with it and the signature. Tell `client.device` with
/// events only of a device that did.
#[utoipa::path(
    post, operation_id = "devices_presence", path = "/v1/customers/{id}/devices/{device}/presence", tag = "proof", request_body = PresenceSent,
    params(
        ("id" = String, Path, description = "The broker's identifier",
         max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "C0012345"),
        ("device" = String, Path, description = "Its `id`", pattern = "^[0-9a-f]{32}$",
         example = "00112233445566778899aabbccddeeff"),
    ),
    responses(
        (status = 200, body = ShownDevice, description = "With `signature`: it is there"),
        (status = 202, body = PresenceAsked, description = "Without: what it is to sign"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is none"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It has no key, or was not asked, or showed it with this before"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "The signature is not its own, or a field cannot be accepted"),
        Refused,
    ),
)]
pub(super) async fn presence(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let (customer, id) = named(path)?;
    let sent: PresenceSent = read_json(request, BODY_BYTES_MAX).await?;
    match (sent.token, sent.signature) {
        (None, None) => {
            let token = app.proofs.ask_device(&customer, id).await?;
            Ok((StatusCode::ACCEPTED, Json(PresenceAsked { token })).into_response())
        }
        (Some(token), Some(signature)) => {
            Ok(Json(app.proofs.device_is_there(&customer, id, &token, &signature).await?).into_response())
        }
        (None, Some(_)) => Err(Problem::invalid("token", "is missing; `signature` is of what was asked")),
        (Some(_), None) => Err(Problem::invalid("signature", "is missing; leave `token` out to be asked")),
    }
}

/// Takes a device back for a customer who cannot. Who did it and why is noted first.
#[utoipa::path(
    post, operation_id = "devices_remove", path = "/v1/customers/{id}/devices/{device}/remove", tag = "proof", request_body = TakingBack,
    params(
        ("id" = String, Path, description = "The broker's identifier",
         max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "C0012345"),
        ("device" = String, Path, description = "Its `id`", pattern = "^[0-9a-f]{32}$",
         example = "00112233445566778899aabbccddeeff"),
    ),
    responses(
        (status = 204, description = "It is taken back"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is none"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let holder = app.authorize(request.headers(), Role::may_operate)?;
    let (customer, id) = named(path)?;
    let TakingBack { reason } = read_json(request, BODY_BYTES_MAX).await?;
    let has = app.proofs.devices(&customer).await?;
    if !has.iter().any(|each| parse_authenticator_id(&each.id) == Some(id)) {
        return Err(Problem::absent("the customer registered no such device"));
    }
    app.act("device.remove", customer.as_str().to_owned(), holder.name.clone(), Some(reason)).await?;
    app.proofs.remove_device_for(&app.observer, &customer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets any device of a customer in again, or only registered ones. Who did it and why is noted first.
#[utoipa::path(
    put, operation_id = "devices_restrict", path = "/v1/customers/{id}/only-own-devices", tag = "proof", request_body = OnlySent,
    params(("id" = String, Path, description = "The broker's identifier",
            max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "C0012345")),
    responses(
        (status = 204, description = "So it is from the next event on"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "Nothing is registered, so nobody would be let in"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn only(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<StatusCode, Problem> {
    let holder = app.authorize(request.headers(), Role::may_operate)?;
    let customer: CustomerId = name(id)?;
    let OnlySent { only, reason } = read_json(request, BODY_BYTES_MAX).await?;
    if only && !app.proofs.lets_anybody_in(&customer).await? {
        let problem = "no device that the customer registered counts yet, so nobody would be let in";
        return Err(Problem::conflict(problem));
    }
    let act = if only { "device.restrict" } else { "device.unrestrict" };
    app.act(act, customer.as_str().to_owned(), holder.name.clone(), Some(reason)).await?;
    app.proofs.restrict_to_devices_for(&app.observer, &customer, only).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn named(path: Result<Path<(String, String)>, PathRejection>) -> Result<(CustomerId, [u8; 16]), Problem> {
    let Path((customer, id)) = path.map_err(|error| Problem::invalid_query(error.body_text()))?;
    let customer =
        customer.parse().map_err(|invalid: model::Invalid| Problem::invalid_query(invalid.to_string()))?;
    let id = parse_authenticator_id(&id);
    Ok((customer, id.ok_or_else(|| Problem::invalid_query("`device` is not an `id` of one"))?))
}
