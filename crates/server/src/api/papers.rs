//! `POST /v1/challenges/{id}/paper`: a signed form came by post or to a branch. Two operators read it, and each says what it asks for;
//! who did is noted first. Must not know what makes it enough.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use model::event::Reason;
use model::time::HOUR_US;
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;
use super::actions::ActionSent;
use super::openapi::Refused;
use super::parts::{Named, name, read_json};
use super::problem::Problem;
use crate::keys::Role;
use crate::proof::{ChallengeId, FormSeen, ShownChallenge};

/// Bytes of a body at most.
const BODY_BYTES_MAX: usize = 16 << 10;
/// Bytes of what a form is filed under.
const REFERENCE_BYTES_MAX: usize = 64;
/// How many days ago a form may have come.
const DAYS_MAX: i32 = 90;
/// Japan has kept UTC+9 without summer time since 1952.
const JAPAN_US: i64 = 9 * HOUR_US;

/// A form that came.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "reference": "F-2020-0917", "received": "2020-09-14", "reason": "届出印を照合",
    "action": {"customer": "C0012345", "kind": "withdrawal", "amount": {"minor": 5000000, "currency": "JPY"},
               "bank_account": {"bank": "0001", "branch": "001", "number": "1234567"}},
}))]
pub(super) struct PaperSent {
    /// What it is filed under, 1 to 64 bytes; no personal data in it.
    #[schema(min_length = 1, max_length = 64)]
    reference: String,
    /// The day on which it came, in Japan: at most 90 days ago.
    #[schema(value_type = String, format = Date)]
    received: String,
    /// How it was checked, 1 to 256 bytes; kept in clear with the name of the key: no personal data in it.
    #[schema(value_type = String, min_length = 1, max_length = 256)]
    reason: Reason,
    /// What the form asks for, as it stands there: it must be what the challenge protects.
    action: ActionSent,
}

/// Says that a signed form came. When a second operator says the same, the challenge is passed. Who said so is noted first.
#[utoipa::path(
    post, operation_id = "challenges_paper", path = "/v1/challenges/{id}/paper", tag = "calls", request_body = PaperSent,
    params(("id" = String, Path, description = "The challenge", pattern = "^ch_[0-9A-Za-z_-]{21}[AQgw]$",
            example = "ch_q83vEjRWeJCrze8SNFZ4kA")),
    responses(
        (status = 200, body = ShownChallenge, description = "The challenge as it stands now"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such challenge"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It is not open, the form asks for something else, another form was recorded, or the same person said so before"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn post(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<ShownChallenge>, Problem> {
    let actor = app.authorize(request.headers(), Role::may_operate)?;
    let id: ChallengeId = name(id)?;
    let sent: PaperSent = read_json(request, BODY_BYTES_MAX).await?;
    sent.action.check_no_result("action.result")?;
    let today = (app.clock)().plus_us(JAPAN_US).timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
    let form = FormSeen {
        reference: reference(&sent.reference)?,
        received: received(&sent.received, today)?,
        action: sent.action.action(&app)?,
    };
    app.proofs.record_form(id, form.clone(), &actor.name, false).await?;
    let of = format!("{}, {id}, {}", form.action.customer, form.reference);
    app.act("challenge.paper", of, actor.name.clone(), Some(sent.reason)).await?;
    Ok(Json(app.proofs.record_form(id, form, &actor.name, true).await?))
}

fn reference(text: &str) -> Result<String, Problem> {
    let fits = (1..=REFERENCE_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    let text = fits.then(|| text.trim().to_owned()).filter(|text| !text.is_empty());
    text.ok_or_else(|| Problem::invalid("reference", format!("allowed: 1 to {REFERENCE_BYTES_MAX} bytes")))
}

/// The day as it is kept: `2020-09-14`.
fn received(text: &str, today: jiff::civil::Date) -> Result<String, Problem> {
    let day: Option<jiff::civil::Date> = text.parse().ok().filter(|_| text.len() == "2020-09-14".len());
    let ago = day.and_then(|day| today.since(day).ok()).map(|span| span.get_days());
    match (day, ago) {
        (Some(day), Some(0..=DAYS_MAX)) => Ok(day.to_string()),
        _ => {
            let came: String = text.chars().take(32).collect();
            let allowed = format!("a day such as {today}, not to come and at most {DAYS_MAX} days ago");
            Err(Problem::invalid("received", format!("came {came:?}; allowed: {allowed}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{received, reference};

    #[test]
    fn a_form_came_on_a_day_that_was() {
        let today = jiff::civil::date(2026, 3, 1);
        for (text, good) in [
            ("2026-03-01", true),
            ("2026-02-28", true),
            ("2025-12-01", true),
            ("2025-11-30", false),
            ("2026-03-02", false),
            ("2026-02-29", false),
            ("2026-3-1", false),
            ("2026-02-28T10:00:00Z", false),
            ("", false),
        ] {
            assert_eq!(received(text, today).is_ok(), good, "{text}");
        }
        for (text, good) in [("F-1", true), (" 受付 17 ", true), ("", false), (" ", false), ("a\nb", false)]
        {
            assert_eq!(reference(text).is_ok(), good, "{text:?}");
        }
        assert!(reference(&"x".repeat(65)).is_err());
    }
}
