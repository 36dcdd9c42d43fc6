//! What browsers, password managers and the broker's site look up: origins on which passkeys work (WebAuthn Level 3, related
//! origin requests), where passkeys are managed (passkey endpoints well-known URL), and the keys that check results (RFC 7517).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::App;

/// What changes with the settings is looked up anew.
type Told<T> = ([(HeaderName, &'static str); 1], Json<T>);

fn told<T>(value: T) -> Told<T> {
    ([(header::CACHE_CONTROL, "no-store")], Json(value))
}

/// Where passkeys of this server work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RelatedOrigins {
    /// This server's own, then `related_origins`.
    origins: Vec<String>,
}

/// Where customers manage their passkeys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PasskeyEndpoints {
    /// Where one is added.
    enroll: String,
    /// Where they are seen and removed.
    manage: String,
}

/// Origins on which passkeys of this server work, for browsers (related origin requests).
#[utoipa::path(
    get, operation_id = "well_known_webauthn", path = "/.well-known/webauthn", tag = "server", security(()),
    responses((status = 200, body = RelatedOrigins, description = "The origins")),
)]
pub(super) async fn webauthn(State(app): State<Arc<App>>) -> Told<RelatedOrigins> {
    let settings = app.proofs.settings();
    let origins = std::iter::once(&settings.origin).chain(&settings.related_origins);
    told(RelatedOrigins { origins: origins.cloned().collect() })
}

/// Where customers manage their passkeys, for browsers and password managers.
#[utoipa::path(
    get, operation_id = "well_known_passkey_endpoints", path = "/.well-known/passkey-endpoints", tag = "server", security(()),
    responses((status = 200, body = PasskeyEndpoints, description = "The pages")),
)]
pub(super) async fn passkey_endpoints(State(app): State<Arc<App>>) -> Told<PasskeyEndpoints> {
    let place = format!("{}/security", app.proofs.settings().origin);
    told(PasskeyEndpoints { enroll: place.clone(), manage: place })
}

/// The keys by which results (`sekisho_result`) are checked, as a JWK set.
#[utoipa::path(
    get, operation_id = "well_known_jwks", path = "/.well-known/jwks.json", tag = "server", security(()),
    responses((status = 200, body = Object, description = "The keys")),
)]
pub(super) async fn jwks(State(app): State<Arc<App>>) -> Told<Value> {
    told(app.proofs.result_keys())
}
