//! Sign-in by passkey alone, for the broker's login page: the browser offers the passkeys it has (conditional UI), and the passkey
//! says who signs in. Whether they may is another question: ask it with the login event.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::App;
use super::openapi::Refused;
use super::parts::{Named, name, read_json, read_nothing};
use super::problem::Problem;
use crate::keys::Role;
use crate::proof::ShownProof;

/// Bytes of a body at most.
const BODY_BYTES_MAX: usize = 16 << 10;

/// A sign-in that began.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignInBegun {
    /// By which it is ended, within five minutes and once.
    id: String,
    /// For `navigator.credentials.get`, as JSON.
    #[schema(value_type = Object)]
    options: Value,
}

/// What the browser gave.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"credential": {
    "id": "AQID", "rawId": "AQID", "type": "public-key", "extensions": {},
    "response": {"authenticatorData": "AQID", "clientDataJSON": "AQID", "signature": "AQID", "userHandle": "AQID"},
}}))]
pub(super) struct SignInSent {
    /// What `navigator.credentials.get` gave, as JSON.
    #[schema(value_type = Object)]
    credential: Value,
}

/// Who signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignedIn {
    /// The customer.
    customer: String,
    /// How they proved it.
    passed: ShownProof,
}

/// The sign-in's identifier, as received.
struct SignInId(String);

impl std::str::FromStr for SignInId {
    type Err = model::Invalid;

    fn from_str(text: &str) -> Result<Self, model::Invalid> {
        let fits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let allowed = "the `id` that beginning it gave";
        if fits { Ok(Self(text.to_owned())) } else { Err(model::Invalid::value("id", text, allowed)) }
    }
}

/// Begins a sign-in by passkey. With `mediation: "conditional"` the browser offers passkeys in the form's field.
#[utoipa::path(
    post, operation_id = "sign_ins_begin", path = "/v1/sign-ins", tag = "proof",
    responses(
        (status = 201, body = SignInBegun, description = "What the browser is given"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field came where none is expected; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn post(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<SignInBegun>), Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    read_nothing(request).await?;
    let (id, options) = app.proofs.begin_sign_in()?;
    Ok((StatusCode::CREATED, Json(SignInBegun { id, options })))
}

/// Ends it.
#[utoipa::path(
    post, operation_id = "sign_ins_end", path = "/v1/sign-ins/{id}", tag = "proof", request_body = SignInSent,
    params(("id" = String, Path, description = "The sign-in", pattern = "^[0-9a-f]{32}$",
            example = "00112233445566778899aabbccddeeff")),
    responses(
        (status = 200, body = SignedIn, description = "Who it is"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It is over, or never began"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "The passkey is refused; `detail` says why"),
        Refused,
    ),
)]
pub(super) async fn end(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<SignedIn>, Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let SignInId(id) = name(id)?;
    let sent: SignInSent = read_json(request, BODY_BYTES_MAX).await?;
    let (customer, passed) = app.proofs.end_sign_in(&app.observer, &id, sent.credential).await?;
    Ok(Json(SignedIn { customer: customer.as_str().to_owned(), passed: ShownProof::from(&passed) }))
}
