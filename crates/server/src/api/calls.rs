//! Calls that customers asked for, for the support centre: what waits, whom to call and what to say, and what came of it. Whoever does
//! something is noted first. Must not know what makes a call enough.

#![expect(unused_qualifications, reason = "utoipa names parameters by their path")]

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use model::event::Reason;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::openapi::Refused;
use super::parts::{Asked, Named, after, limit, name, query, read_json, read_json_or_default};
use super::problem::Problem;
use super::{App, prefers_japanese};
use crate::keys::Role;
use crate::pages::texts::Texts;
use crate::proof::{Call, CallStep, ShownCall};
use crate::wording;

/// Bytes of a body at most.
const BODY_BYTES_MAX: usize = 4 << 10;

/// A call's number.
#[derive(Debug, Clone, Copy)]
struct CallNumber(u64);

impl std::str::FromStr for CallNumber {
    type Err = model::Invalid;

    fn from_str(text: &str) -> Result<Self, model::Invalid> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && *number >= 1);
        number.map(Self).ok_or_else(|| model::Invalid::value("number", text, "a call's number, such as 17"))
    }
}

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// `open` (those that wait, which is what is given unless something else is asked for) or `all`, those of the last day too.
    #[param(pattern = "^(open|all)$")]
    status: Option<String>,
    /// Only those with a higher number: `next` of the page before.
    #[param(minimum = 0, maximum = 9_223_372_036_854_775_807_u64)]
    after: Option<u64>,
    /// How many, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// Calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallsTold {
    /// The one that waits longest first.
    calls: Vec<ShownCall>,
    /// Ask with `after` at this for the next ones; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    next: Option<u64>,
}

/// A call and what to say.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallTold {
    #[serde(flatten)]
    call: ShownCall,
    /// What to do and say, in order: in English where that is preferred, else in Japanese.
    script: Vec<String>,
}

/// The number to call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"number": "090-1234-5678"}))]
pub(super) struct NumberTold {
    /// In full.
    number: String,
}

/// Why a number is asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CallUnmasking, example = json!({"reason": "calling back"}))]
pub(super) struct Unmasking {
    /// Why, 1 to 256 bytes; kept in clear beside who asked: no personal data in it.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    #[serde(default)]
    reason: Option<Reason>,
}

/// What came of a call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CallSettling, example = json!({"reason": "ご本人、金額と振込先を復唱"}))]
pub(super) struct Settling {
    /// What was said, 1 to 256 bytes; kept in clear with the name of the key: no personal data in it.
    #[schema(value_type = String, min_length = 1, max_length = 256, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    reason: Reason,
}

/// Calls that wait for somebody, the one that waits longest first.
#[utoipa::path(
    get, operation_id = "calls_list", path = "/v1/calls", tag = "calls", params(ListQuery),
    responses((status = 200, body = CallsTold, description = "The calls"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    asked: Asked<ListQuery>,
) -> Result<Json<CallsTold>, Problem> {
    app.authorize(&headers, Role::may_operate)?;
    let asked = query(asked)?;
    let open = match asked.status.as_deref() {
        None | Some("open") => true,
        Some("all") => false,
        Some(other) => {
            let other: String = other.chars().take(32).collect();
            let problem = format!("`status` came as {other:?}; allowed: open, all");
            return Err(Problem::invalid_parameter("status", problem));
        }
    };
    let (after, limit) = (after(asked.after)?, limit(asked.limit)?);
    let at_most = u32::try_from(limit.saturating_add(1)).unwrap_or(u32::MAX);
    let mut calls = app.proofs.calls(after, at_most, open).await?;
    let more = calls.len() > limit;
    calls.truncate(limit);
    let next = calls.last().filter(|_| more).map(|call| call.number);
    Ok(Json(CallsTold { calls, next }))
}

/// One call, with what to do and say. The number to call: `POST /v1/calls/{number}/unmask`.
#[utoipa::path(
    get, operation_id = "calls_get", path = "/v1/calls/{number}", tag = "calls",
    params(
        ("number" = u64, Path, description = "The call", minimum = 1, example = 17),
        ("Accept-Language" = Option<String>, Header, description = "`en` for the script in English; else Japanese"),
    ),
    responses(
        (status = 200, body = CallTold, description = "The call"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "There is none, or it is over for more than a day"),
        Refused,
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    number: Named,
) -> Result<Json<CallTold>, Problem> {
    app.authorize(&headers, Role::may_operate)?;
    let CallNumber(number) = name(number)?;
    let call = app.proofs.call(number).await?;
    let texts = Texts { japanese: prefers_japanese(&headers) };
    let script = wording::call_script(&app.proofs.settings().name, &call.action, texts);
    Ok(Json(CallTold { call: call.shown, script }))
}

/// The number to call, in full: one that was registered before the call was asked for and before it could be a thief's. Who asked
/// is noted first, with the reason if one is told.
#[utoipa::path(
    post, operation_id = "calls_unmask", path = "/v1/calls/{number}/unmask", tag = "calls", request_body = Option<Unmasking>,
    params(("number" = u64, Path, description = "The call", minimum = 1, example = 17)),
    responses(
        (status = 200, body = NumberTold, description = "The number"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such call"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "The call does not wait any more, or the number was changed since it was asked for"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn unmask(
    State(app): State<Arc<App>>,
    number: Named,
    request: Request,
) -> Result<Json<NumberTold>, Problem> {
    let actor = app.authorize(request.headers(), Role::may_operate)?;
    let CallNumber(number) = name(number)?;
    let Unmasking { reason } = read_json_or_default(request, BODY_BYTES_MAX).await?;
    let call = app.proofs.call(number).await?;
    if call.shown.status != "open" {
        return Err(Problem::conflict(format!("the call is {}; nobody needs its number", call.shown.status)));
    }
    let told = app.proofs.call_number(&call).await?;
    app.act("call.unmask", of(&call), actor.name.clone(), reason).await?;
    app.proofs.see_number(number, &actor.name).await?;
    Ok(Json(NumberTold { number: told }))
}

/// The customer confirmed it on the telephone. Where two persons are asked for, the challenge is passed when another one confirms
/// it, too.
#[utoipa::path(
    post, operation_id = "calls_confirm", path = "/v1/calls/{number}/confirm", tag = "calls", request_body = Settling,
    params(("number" = u64, Path, description = "The call", minimum = 1, example = 17)),
    responses(
        (status = 200, body = ShownCall, description = "The call as it stands now"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such call"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "The call is not open, the same person confirmed it before, or did not ask for its number (`not_called`)"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn confirm(
    State(app): State<Arc<App>>,
    number: Named,
    request: Request,
) -> Result<Json<ShownCall>, Problem> {
    Ok(Json(settle(&app, number, request, ("call.confirm", CallStep::Confirm)).await?.shown))
}

/// The customer says on the telephone that it was not them: the challenge is over, and the account is locked as by *this was not me*.
#[utoipa::path(
    post, operation_id = "calls_refuse", path = "/v1/calls/{number}/refuse", tag = "calls", request_body = Settling,
    params(("number" = u64, Path, description = "The call", minimum = 1, example = 17)),
    responses(
        (status = 200, body = ShownCall, description = "The call as it stands now"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such call"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn refuse(
    State(app): State<Arc<App>>,
    number: Named,
    request: Request,
) -> Result<Json<ShownCall>, Problem> {
    let call = settle(&app, number, request, ("call.refuse", CallStep::Refuse)).await?;
    app.proofs.report_call(&app.observer, &call).await?;
    Ok(Json(call.shown))
}

/// Nobody was reached. After the fifth time the call is given up; other ways to answer stay open.
#[utoipa::path(
    post, operation_id = "calls_unreached", path = "/v1/calls/{number}/unreached", tag = "calls", request_body = Settling,
    params(("number" = u64, Path, description = "The call", minimum = 1, example = 17)),
    responses(
        (status = 200, body = ShownCall, description = "The call as it stands now"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such call"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The call is not open"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn unreached(
    State(app): State<Arc<App>>,
    number: Named,
    request: Request,
) -> Result<Json<ShownCall>, Problem> {
    Ok(Json(settle(&app, number, request, ("call.unreached", CallStep::Unreached)).await?.shown))
}

/// Looks whether it can be said, notes who says it, and lets it count.
async fn settle(
    app: &App,
    number: Named,
    request: Request,
    (act, step): (&'static str, CallStep),
) -> Result<Call, Problem> {
    let actor = app.authorize(request.headers(), Role::may_operate)?;
    let CallNumber(number) = name(number)?;
    let Settling { reason } = read_json(request, BODY_BYTES_MAX).await?;
    let looked = app.proofs.settle_call(number, step, &actor.name, false).await?;
    app.act(act, of(&looked), actor.name.clone(), Some(reason)).await?;
    Ok(app.proofs.settle_call(number, step, &actor.name, true).await?)
}

/// What is noted of a call.
fn of(call: &Call) -> String {
    format!("{}, call {}, {}", call.customer, call.shown.number, call.shown.challenge)
}
