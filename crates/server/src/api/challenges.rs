//! Challenges for the broker: made, looked at, redeemed, answered from pages of its own. Must not know what makes an answer right.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use model::CustomerId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepup::{Action, Method};
use utoipa::ToSchema;

use super::App;
use super::actions::ActionSent;
use super::openapi::Refused;
use super::parts::{Named, name, read_json};
use super::problem::Problem;
use crate::keys::Role;
use crate::proof::{ChallengeId, ProofError, ShownChallenge};

/// Bytes of a body at most.
const BODY_BYTES_MAX: usize = 16 << 10;

/// An answer by a code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"customer": "C0012345", "method": "totp", "code": "123456"}))]
pub(super) struct AnswerSent {
    /// Who answers: the customer signed in at the broker's site.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    customer: CustomerId,
    /// `totp`, `sms`, `mail` or `recovery`.
    #[schema(value_type = String, example = "totp")]
    method: String,
    /// What was typed.
    #[schema(max_length = 64)]
    code: String,
    /// `known_browser` of an earlier answer, if this browser of the customer's kept it: its tries are counted by themselves.
    #[serde(default)]
    known_browser: Option<String>,
}

/// A code that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"customer": "C0012345", "method": "sms"}))]
pub(super) struct SendSent {
    /// The customer signed in at the broker's site.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    customer: CustomerId,
    /// `sms` or `mail`, one of the challenge's `methods`.
    #[schema(value_type = String, example = "sms")]
    method: String,
    /// `known_browser` of an earlier answer, if this browser of the customer's kept it: its tries are counted by themselves.
    #[serde(default)]
    known_browser: Option<String>,
}

/// Who asks to be called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"customer": "C0012345"}))]
pub(super) struct CallSent {
    /// The customer signed in at the broker's site.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    customer: CustomerId,
    /// `known_browser` of an earlier answer, if this browser of the customer's kept it: its tries are counted by themselves.
    #[serde(default)]
    known_browser: Option<String>,
}

/// A challenge that was answered rightly.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AnsweredForm {
    #[serde(flatten)]
    challenge: ShownChallenge,
    /// For the customer's browser to keep, in a cookie that no script reads, and to come back with what it asks for later: then
    /// nobody else's tries slow it. Good for 400 days and for this customer; absent where it came with the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    known_browser: Option<String>,
}

/// Who answers with a passkey.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"customer": "C0012345"}))]
pub(super) struct PasskeySent {
    /// The customer signed in at the broker's site.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    customer: CustomerId,
    /// What `navigator.credentials.get` gave, as JSON; nothing to begin.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    credential: Option<Value>,
    /// `known_browser` of an earlier answer: then no other one is made.
    #[serde(default)]
    known_browser: Option<String>,
}

/// What a browser is given to ask for a passkey.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PasskeyOptions {
    /// For `navigator.credentials.get`, or `create`, as JSON.
    #[schema(value_type = Object)]
    options: Value,
}

/// What an action has to say, or its proof would be good for another one, too; and nothing beside its point, which nobody looks at.
fn whole(action: Action) -> Result<Action, Problem> {
    let Action { kind, .. } = action;
    let (field, problem) = match (action.beside_its_point(), action.missing().first()) {
        (Some(field), _) => {
            (field, format!("has no place for `{kind}`: its proof says only who somebody is"))
        }
        (None, Some(field)) => {
            (*field, format!("is missing; a proof for `{kind}` without it is good for any"))
        }
        (None, None) => return Ok(action),
    };
    Err(Problem::invalid(field, problem))
}

/// Makes a challenge that no decision asked for.
#[utoipa::path(
    post, operation_id = "challenges_create", path = "/v1/challenges", tag = "proof", request_body = ActionSent,
    responses(
        (status = 201, body = ShownChallenge, description = "The challenge, open"),
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
) -> Result<(StatusCode, Json<ShownChallenge>), Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let action: ActionSent = read_json(request, BODY_BYTES_MAX).await?;
    action.check_no_result("result")?;
    if action.kind.is_feedback() {
        return Err(Problem::invalid("kind", "is nothing that a customer does; tell it by POST /v1/events"));
    }
    let made = app.proofs.for_broker(whole(action.action(&app)?)?).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Where a challenge stands.
#[utoipa::path(
    get, operation_id = "challenges_get", path = "/v1/challenges/{id}", tag = "proof",
    params(("id" = String, Path, description = "`challenge.id` of a decision", pattern = "^ch_[0-9A-Za-z_-]{21}[AQgw]$",
            example = "ch_q83vEjRWeJCrze8SNFZ4kA")),
    responses(
        (status = 200, body = ShownChallenge, description = "The challenge"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "There is none, or it is over for more than a day"),
        Refused,
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<ShownChallenge>, Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    Ok(Json(app.proofs.find(name(id)?).await?.shown))
}

/// Lets an action through, once, if it is the one that was proven: ask right before it is done.
#[utoipa::path(
    post, operation_id = "challenges_redeem", path = "/v1/challenges/{id}/redeem", tag = "proof", request_body = ActionSent,
    params(("id" = String, Path, description = "The challenge", pattern = "^ch_[0-9A-Za-z_-]{21}[AQgw]$",
            example = "ch_q83vEjRWeJCrze8SNFZ4kA")),
    responses(
        (status = 200, body = ShownChallenge, description = "The action may be done, now and once"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is none"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It was not proven, was redeemed before, is over, was proven for another action, or came back nowhere"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn redeem(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<ShownChallenge>, Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let id: ChallengeId = name(id)?;
    let mut action: ActionSent = read_json(request, BODY_BYTES_MAX).await?;
    let result = action.result.take();
    Ok(Json(app.proofs.redeem(id, action.action(&app)?, result.as_deref()).await?))
}

/// Answers with a code, from a page of the broker's own.
#[utoipa::path(
    post, operation_id = "challenges_answer", path = "/v1/challenges/{id}/answer", tag = "proof", request_body = AnswerSent,
    params(("id" = String, Path, description = "The challenge", pattern = "^ch_[0-9A-Za-z_-]{21}[AQgw]$",
            example = "ch_q83vEjRWeJCrze8SNFZ4kA")),
    responses(
        (status = 200, body = AnsweredForm, description = "It was right"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "The customer has no such challenge"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It was wrong, or is not looked at now; `detail` says which"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn answer(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<AnsweredForm>, Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let id: ChallengeId = name(id)?;
    let sent: AnswerSent = read_json(request, BODY_BYTES_MAX).await?;
    let method = Method::of(&sent.method).filter(|method| method.is_guessed());
    let method =
        method.ok_or_else(|| Problem::invalid("method", "is not one; allowed: totp, sms, mail, recovery"))?;
    let guesser = app.proofs.guesser(&sent.customer, sent.known_browser.as_deref()).await?;
    let challenge = app.proofs.answer(id, &sent.customer.clone().into(), guesser, method, &sent.code).await?;
    let known = sent.known_browser.as_deref();
    Ok(Json(AnsweredForm::new(&app, challenge, &sent.customer, known).await))
}

impl AnsweredForm {
    /// With a token for the browser, unless it has one.
    async fn new(app: &App, challenge: ShownChallenge, customer: &CustomerId, known: Option<&str>) -> Self {
        let known_browser = app.proofs.new_browser_token(customer, known).await;
        Self { challenge, known_browser }
    }
}

/// That the customer has this challenge: a refusal behind it is then about the challenge, not about one that there never was.
async fn has(app: &App, id: ChallengeId, customer: &CustomerId) -> Result<(), Problem> {
    let found = app.proofs.find(id).await?;
    match found.challenge.action().customer == *customer {
        true => Ok(()),
        false => Err(ProofError::Absent("challenge").into()),
    }
}

/// Sends a code to the customer's registered number or address, from a page of the broker's own. Whether it arrives is not known
/// here. An earlier code is void.
#[utoipa::path(
    post, operation_id = "challenges_send", path = "/v1/challenges/{id}/send", tag = "proof", request_body = SendSent,
    params(("id" = String, Path, description = "The challenge", pattern = "^ch_[0-9A-Za-z_-]{21}[AQgw]$",
            example = "ch_q83vEjRWeJCrze8SNFZ4kA")),
    responses(
        (status = 202, body = ShownChallenge, description = "It is on its way to `code.to`"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "The customer has no such challenge"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It is not answered so, no contact can be used, or enough were sent; `detail` says which"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn send(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<(StatusCode, Json<ShownChallenge>), Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let id: ChallengeId = name(id)?;
    let sent: SendSent = read_json(request, BODY_BYTES_MAX).await?;
    let method = Method::of(&sent.method).filter(|method| method.is_sent());
    let method = method.ok_or_else(|| Problem::invalid("method", "is not one; allowed: sms, mail"))?;
    has(&app, id, &sent.customer).await?;
    let guesser = app.proofs.guesser(&sent.customer, sent.known_browser.as_deref()).await?;
    let shown = app.proofs.send_code(id, &sent.customer.clone().into(), guesser, method).await?;
    Ok((StatusCode::ACCEPTED, Json(shown)))
}

/// Asks the support centre to call the customer's registered number. Asked again, it is the same call.
#[utoipa::path(
    post, operation_id = "challenges_call", path = "/v1/challenges/{id}/call", tag = "proof", request_body = CallSent,
    params(("id" = String, Path, description = "The challenge", pattern = "^ch_[0-9A-Za-z_-]{21}[AQgw]$",
            example = "ch_q83vEjRWeJCrze8SNFZ4kA")),
    responses(
        (status = 202, body = ShownChallenge, description = "The call waits, and the challenge for it"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "The customer has no such challenge"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It is not answered so, no number can be used, or enough calls were asked for"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn call(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<(StatusCode, Json<ShownChallenge>), Problem> {
    app.authorize(request.headers(), Role::may_send)?;
    let id: ChallengeId = name(id)?;
    let sent: CallSent = read_json(request, BODY_BYTES_MAX).await?;
    has(&app, id, &sent.customer).await?;
    let guesser = app.proofs.guesser(&sent.customer, sent.known_browser.as_deref()).await?;
    Ok((StatusCode::ACCEPTED, Json(app.proofs.ask_call(id, &sent.customer.clone().into(), guesser).await?)))
}

/// Answers with a passkey, from a page of the broker's own (one of `related_origins`): first without `credential` for what the
/// browser is given, then with what it gave.
#[utoipa::path(
    post, operation_id = "challenges_passkey", path = "/v1/challenges/{id}/passkey", tag = "proof", request_body = PasskeySent,
    params(("id" = String, Path, description = "The challenge", pattern = "^ch_[0-9A-Za-z_-]{21}[AQgw]$",
            example = "ch_q83vEjRWeJCrze8SNFZ4kA")),
    responses(
        (status = 200, body = AnsweredForm, description = "With `credential`: it was right"),
        (status = 202, body = PasskeyOptions, description = "Without: what the browser is given"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "The customer has no such challenge, or no passkey for it"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It is not answered so, or not now"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "The passkey is refused; `detail` says why"),
        Refused,
    ),
)]
pub(super) async fn passkey(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<axum::response::Response, Problem> {
    use axum::response::IntoResponse as _;
    app.authorize(request.headers(), Role::may_send)?;
    let id: ChallengeId = name(id)?;
    let sent: PasskeySent = read_json(request, BODY_BYTES_MAX).await?;
    match sent.credential {
        None => {
            let options = app.proofs.begin_answer(id, &sent.customer.clone().into()).await?;
            Ok((StatusCode::ACCEPTED, Json(PasskeyOptions { options })).into_response())
        }
        Some(credential) => {
            let challenge =
                app.proofs.end_answer(&app.observer, id, &sent.customer.clone().into(), credential).await?;
            let known = sent.known_browser.as_deref();
            Ok(Json(AnsweredForm::new(&app, challenge, &sent.customer, known).await).into_response())
        }
    }
}
