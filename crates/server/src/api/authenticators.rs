//! What a customer proves themselves with, for the broker's staff: listed, and removed for who lost it. Must not know how they
//! are enrolled: customers do that themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use engine::input::Body;
use model::CustomerId;
use model::event::Reason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::openapi::Refused;
use super::parts::{Named, name, read_json};
use super::problem::Problem;
use crate::keys::Role;
use crate::proof::{ShownAuthenticator, parse_authenticator_id};

/// Bytes of a body at most.
const BODY_BYTES_MAX: usize = 4 << 10;

/// What a customer has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuthenticatorsForm {
    /// All of it, at most 20.
    authenticators: Vec<ShownAuthenticator>,
}

/// Why it is removed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "lost telephone, identity checked in the branch"}))]
pub(super) struct RemovalSent {
    /// Noted beside who did it.
    #[schema(value_type = String, min_length = 1, max_length = 256)]
    reason: Reason,
}

/// What a customer proves themselves with.
#[utoipa::path(
    get, path = "/v1/customers/{id}/authenticators", tag = "proof",
    params(("id" = String, Path, description = "The broker's identifier", max_length = 64, example = "C0012345")),
    responses((status = 200, body = AuthenticatorsForm, description = "What they have"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<AuthenticatorsForm>, Problem> {
    app.authorize(request.headers(), Role::may_read)?;
    let customer: CustomerId = name(id)?;
    Ok(Json(AuthenticatorsForm { authenticators: app.proofs.authenticators(&customer).await? }))
}

/// Removes one for a customer who lost it. Who did it and why is noted first.
#[utoipa::path(
    post, path = "/v1/customers/{id}/authenticators/{authenticator}/remove", tag = "proof", request_body = RemovalSent,
    params(
        ("id" = String, Path, description = "The broker's identifier", max_length = 64, example = "C0012345"),
        ("authenticator" = String, Path, description = "Its `id`", max_length = 32),
    ),
    responses(
        (status = 204, description = "It is removed"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is none"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large, or did not come whole"),
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
    let Path((customer, id)) = path.map_err(|error| Problem::invalid_query(error.body_text()))?;
    let customer: CustomerId =
        customer.parse().map_err(|invalid: model::Invalid| Problem::invalid_query(invalid.to_string()))?;
    let bytes = parse_authenticator_id(&id)
        .ok_or_else(|| Problem::invalid_query("`authenticator` is not an `id` of one"))?;
    let sent: RemovalSent = read_json(request, BODY_BYTES_MAX).await?;
    let has = app.proofs.authenticators(&customer).await?;
    if !has.iter().any(|each| each.id == id) {
        return Err(Problem::absent("the customer has no such authenticator"));
    }
    let act = Body::Act {
        act: "factor.remove".to_owned(),
        of: customer.as_str().to_owned(),
        by: holder.name.clone(),
        reason: Some(sent.reason),
    };
    app.sequencer.ask(None, [0; 16], act, true).await?;
    app.proofs.remove_for(&app.observer, &customer, bytes, None).await?;
    Ok(StatusCode::NO_CONTENT)
}
