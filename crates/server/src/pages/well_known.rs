//! What browsers, password managers and the broker's site look up: origins on which passkeys work (WebAuthn Level 3, related
//! origin requests), where passkeys are managed (passkey endpoints well-known URL), and the keys that check results (RFC 7517).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::api::App;

pub(super) async fn webauthn(State(app): State<Arc<App>>) -> Json<Value> {
    let settings = app.proofs.settings();
    let origins: Vec<&String> = std::iter::once(&settings.origin).chain(&settings.related_origins).collect();
    Json(json!({ "origins": origins }))
}

pub(super) async fn passkey_endpoints(State(app): State<Arc<App>>) -> Json<Value> {
    let place = format!("{}/security", app.proofs.settings().origin);
    Json(json!({ "enroll": place, "manage": place }))
}

pub(super) async fn jwks(State(app): State<Arc<App>>) -> Json<Value> {
    Json(app.proofs.result_keys())
}
