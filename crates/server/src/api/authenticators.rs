//! What a customer proves themselves with: enrolled from pages of the broker's own, listed, and removed for who lost it. Must not
//! know what makes an authenticator.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::event::Reason;
use model::{Client, CustomerId, Factor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::App;
use super::openapi::Refused;
use super::parts::{Named, name, read_json};
use super::problem::Problem;
use crate::keys::Role;
use crate::proof::{ChallengeId, PasskeySignals, ShownAuthenticator, adding, parse_authenticator_id};

/// Bytes of a body at most.
const BODY_BYTES_MAX: usize = 4 << 10;
/// A passkey that nobody named.
const NAME: &str = "passkey";
/// With what a browser gives of a passkey.
const ENROLMENT_BYTES_MAX: usize = 32 << 10;

/// What a customer has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuthenticatorsForm {
    /// All of it, at most 20.
    authenticators: Vec<ShownAuthenticator>,
    /// What a page of the broker's own tells the browser after a change, so that it offers no passkey that is gone.
    signals: PasskeySignals,
}

/// Why it is removed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "lost telephone, identity checked in the branch"}))]
pub(super) struct RemovalSent {
    /// Noted beside who did it.
    #[schema(value_type = String, min_length = 1, max_length = 256, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    reason: Reason,
}

/// A passkey to enrol, from a page of the broker's own.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "telephone"}))]
pub(super) struct EnrolmentSent {
    /// What beginning it gave; nothing to begin.
    #[serde(default)]
    token: Option<String>,
    /// What `navigator.credentials.create` gave, as JSON; nothing to begin.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    credential: Option<Value>,
    /// What its owner calls it, 1 to 40 characters; `passkey` if nobody says. To begin, and to end: the same one, or none where a
    /// challenge tells it.
    #[serde(default)]
    name: Option<String>,
    /// To begin: a challenge for `factor.enroll` of a passkey that the customer passed, by the same `name` if it told one. Needed where
    /// they have anything to confirm it with: an authenticator, or a number or address where codes are sent.
    #[serde(default)]
    challenge: Option<String>,
    /// To begin: the browser, in the words of events.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    client: Option<Client>,
}

/// An enrolment that began.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EnrolmentBegun {
    /// Comes back with what the browser gave, within five minutes.
    token: String,
    /// For `navigator.credentials.create`, as JSON.
    #[schema(value_type = Object)]
    options: Value,
}

/// Enrols a passkey from a page of the broker's own (one of `related_origins`): first without `token` and `credential` for what the
/// browser is given, then with both. Whoever gets no answer sends the same again.
#[utoipa::path(
    post, operation_id = "passkeys_enrol", path = "/v1/customers/{id}/passkeys", tag = "proof", request_body = EnrolmentSent,
    params(("id" = String, Path, description = "The broker's identifier",
            max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "C0012345")),
    responses(
        (status = 200, body = ShownAuthenticator, description = "With `credential` once more, since no answer came: it was enrolled"),
        (status = 201, body = ShownAuthenticator, description = "With `credential`: it is enrolled"),
        (status = 202, body = EnrolmentBegun, description = "Without: what the browser is given"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "The customer has no such challenge"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It has to be confirmed first with what they have, it is enrolled already, nothing began, or the account is locked"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "The passkey is refused, or a field cannot be accepted"),
        Refused,
    ),
)]
pub(super) async fn enrol(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Response, Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let customer: CustomerId = name(id)?;
    let sent: EnrolmentSent = read_json(request, ENROLMENT_BYTES_MAX).await?;
    let begins = sent.token.is_none() && sent.credential.is_none();
    if begins {
        let challenge = sent.challenge.as_deref().map(str::parse::<ChallengeId>).transpose();
        let challenge = challenge.map_err(|invalid| Problem::invalid("challenge", invalid.problem))?;
        let name = sent.name.as_deref().unwrap_or(NAME);
        let change = adding(customer, Factor::Passkey, name)?;
        let visit = app.proofs.visit_by_api(change, sent.client.as_ref(), challenge).await?;
        let options = app.proofs.begin_passkey(&visit, name).await?;
        let token = app.proofs.enrolment_token(&visit).unwrap_or_default();
        return Ok((StatusCode::ACCEPTED, Json(EnrolmentBegun { token, options })).into_response());
    }
    let missing = |field: &'static str, other: &str| {
        Problem::invalid(field, format!("is missing; leave `{other}` out to begin"))
    };
    let token = sent.token.ok_or_else(|| missing("token", "credential"))?;
    let credential = sent.credential.ok_or_else(|| missing("credential", "token"))?;
    let visit = app.proofs.enrolment(&token)?;
    if visit.customer != customer {
        return Err(Problem::absent("the customer began no such enrolment"));
    }
    let name = sent.name.as_deref().or(visit.proven_name()).unwrap_or(NAME);
    let (enrolled, is_new) = app.proofs.end_passkey(&app.observer, &visit, credential, name).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(enrolled)).into_response())
}

/// What a customer proves themselves with.
#[utoipa::path(
    get, operation_id = "authenticators_list", path = "/v1/customers/{id}/authenticators", tag = "proof",
    params(("id" = String, Path, description = "The broker's identifier",
            max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "C0012345")),
    responses((status = 200, body = AuthenticatorsForm, description = "What they have"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<AuthenticatorsForm>, Problem> {
    app.authorize(request.headers(), Role::may_follow)?;
    let customer: CustomerId = name(id)?;
    let authenticators = app.proofs.authenticators(&customer).await?;
    Ok(Json(AuthenticatorsForm { authenticators, signals: app.proofs.signals(&customer).await? }))
}

/// Removes one for a customer who lost it. Who did it and why is noted first.
#[utoipa::path(
    post, operation_id = "authenticators_remove", path = "/v1/customers/{id}/authenticators/{authenticator}/remove", tag = "proof", request_body = RemovalSent,
    params(
        ("id" = String, Path, description = "The broker's identifier",
         max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "C0012345"),
        ("authenticator" = String, Path, description = "Its `id`", pattern = "^[0-9a-f]{32}$",
         example = "00112233445566778899aabbccddeeff"),
    ),
    responses(
        (status = 204, description = "It is removed"),
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
    app.act("factor.remove", customer.as_str().to_owned(), holder.name.clone(), Some(sent.reason)).await?;
    app.proofs.remove_for(&app.observer, &customer, bytes).await?;
    Ok(StatusCode::NO_CONTENT)
}
