//! `POST /v1/handovers`: the broker's site sends a signed-in customer to this server's pages. Must not know the pages.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use model::{Client, CustomerId, EventKind, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::openapi::Refused;
use super::parts::read_json;
use super::problem::Problem;
use crate::keys::Role;
use crate::proof::Page;

/// Bytes of a body at most.
const BODY_BYTES_MAX: usize = 8 << 10;

/// Who is sent where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"customer": "C0012345", "page": "security", "language": "ja"}))]
pub(super) struct HandoverSent {
    /// The customer who is signed in.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    customer: CustomerId,
    /// `security`, where customers see and change what they prove themselves with, or `verify` with a `challenge`.
    page: String,
    /// The challenge to answer.
    #[serde(default)]
    challenge: Option<String>,
    /// Where the customer goes afterwards, at one of `return_origins`; a result is added to it. Needed for a challenge that says
    /// no more than who somebody is (a login, `password.reset`, `password.change`, `session.activity`, `profile.view`): it is redeemed only
    /// where they came back.
    #[serde(default)]
    return_to: Option<String>,
    /// `ja` or `en`; as the customer's profile says unless it is told.
    #[serde(default)]
    language: Option<String>,
    /// The browser as the broker's site sees it, in the words of events. The page says so: it is how a customer who was led there by
    /// somebody else notices.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    client: Option<Client>,
}

/// Where to send them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "url": "http://localhost:8480/enter?token=…", "expires": "2020-09-16T03:02:00.000000Z",
}))]
pub(super) struct HandoverForm {
    /// Good once.
    url: String,
    /// Until then.
    #[schema(value_type = String, format = DateTime)]
    expires: Time,
}

/// An address at which a customer is known here. Redirect them to it; never send it by mail or SMS.
#[utoipa::path(
    post, operation_id = "handovers_create", path = "/v1/handovers", tag = "proof", request_body = HandoverSent,
    responses(
        (status = 201, body = HandoverForm, description = "The address"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "The customer has no such challenge"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn post(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<HandoverForm>), Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let sent: HandoverSent = read_json(request, BODY_BYTES_MAX).await?;
    let page = match (sent.page.as_str(), &sent.challenge) {
        ("security", None) => Page::Security,
        ("verify", Some(challenge)) => Page::Verify(
            challenge
                .parse()
                .map_err(|invalid: model::Invalid| Problem::invalid("challenge", invalid.problem))?,
        ),
        _ => return Err(Problem::invalid("page", "allowed: `security`, or `verify` with `challenge`")),
    };
    let japanese = match sent.language.as_deref() {
        None => app.proofs.reads_japanese(&sent.customer).await?,
        Some("ja") => true,
        Some("en") => false,
        Some(_) => return Err(Problem::invalid("language", "allowed: `ja` or `en`")),
    };
    let mut signed_in = true;
    if let Page::Verify(id) = page {
        let found = app.proofs.find(id).await?;
        let action = found.challenge.action();
        if action.customer != sent.customer {
            return Err(Problem::absent("the customer has no such challenge"));
        }
        // These come before a customer is: they have a password, or not even that.
        signed_in = !matches!(action.kind, EventKind::Login | EventKind::PasswordReset);
        if action.says_only_who() && sent.return_to.is_none() {
            let kind = action.kind;
            let problem =
                format!("is missing; `{kind}` is redeemed only with the result that comes back there");
            return Err(Problem::invalid("return_to", problem));
        }
    }
    let page = (page, signed_in);
    let handed = app.proofs.hand_over(sent.customer, page, sent.return_to, japanese, sent.client.as_ref());
    let (token, expires) = handed.await?;
    let url = format!("{}/enter?token={token}", app.proofs.settings().origin);
    Ok((StatusCode::CREATED, Json(HandoverForm { url, expires })))
}
