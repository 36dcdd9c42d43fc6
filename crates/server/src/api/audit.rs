//! `GET /v1/audit`: who did what. Must not know how it is kept.

#![expect(unused_qualifications, reason = "utoipa names parameters by their path")]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use engine::input::Body;
use model::Time;
use model::event::Reason;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::openapi::Refused;
use super::parts::{self, Asked, limit, query};
use super::problem::Problem;
use crate::keys::Role;
use crate::sequencer::Acted;

/// Which acts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Only what was done before this place in the journal: `next` of the page before.
    #[param(minimum = 1, maximum = 9_223_372_036_854_775_807_u64)]
    before: Option<u64>,
    /// Acts in the answer, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// What somebody did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "seq": 36, "at": "2026-01-05T01:00:00.000000Z", "by": "support", "act": "profile.unmask", "of": "C0012345",
    "reason": "電話での照会",
}))]
pub(super) struct ActForm {
    /// Its place in the journal.
    seq: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Time,
    /// Who: the name of a key, or `(file)`: given to the server at its start.
    by: String,
    /// What; docs/api.md names the acts.
    act: String,
    /// To what: a customer, an event, a list, a number. Empty where there is nothing to name.
    of: String,
    /// Why, where they said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Acts, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditPage {
    /// The acts.
    acts: Vec<ActForm>,
    /// What to ask with as `before` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// Who did what, the newest first.
#[utoipa::path(
    get, operation_id = "audit_list", path = "/v1/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = AuditPage, description = "What was done"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    asked: Asked<AuditQuery>,
) -> Result<Json<AuditPage>, Problem> {
    app.authorize(&headers, Role::may_change)?;
    let AuditQuery { before, limit: asked } = query(asked)?;
    let limit = limit(asked)?;
    let committed = app.sequencer.gauges().committed.load(Ordering::Acquire);
    let audit = app.sequencer.audit();
    let before = parts::before(before)?;
    let mut acts = app
        .readers
        .read_state(move |state| audit.before(before, committed, limit.saturating_add(1), state))
        .await?;
    let more = acts.len() > limit;
    acts.truncate(limit);
    let next = acts.last().map(|(seq, _)| *seq).filter(|_| more);
    let told = |(seq, acted): (u64, Acted)| {
        let Acted { at, by, act, of, reason } = acted;
        ActForm { seq, at, by, act, of, reason }
    };
    Ok(Json(AuditPage { acts: acts.into_iter().map(told).collect(), next }))
}

impl App {
    /// Notes who does what, and why, before it is done; gives the note's place in the journal.
    ///
    /// # Errors
    /// It cannot be noted: then it must not be done.
    pub(super) async fn act(
        &self,
        act: &str,
        of: String,
        by: String,
        reason: Option<Reason>,
    ) -> Result<u64, Problem> {
        let body = Body::Act { act: act.to_owned(), of, by, reason };
        Ok(self.sequencer.ask(None, [0; 16], body, false).await?.seq)
    }
}
