//! `GET|POST|DELETE /v1/policies…`: versions of the policy, a new one, and a candidate on trial beside it. Must not know rules.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use engine::Policy;
use engine::input::Body;
use engine::policy::Model;
use engine::state::policy_name;
use model::Time;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

use super::App;
use super::lists::BUSY_REST;
use super::openapi::Refused;
use super::parts::{Named, number, read_json, read_nothing};
use super::problem::Problem;
use crate::comparison::{Pair, RuleTold};
use crate::keys::Role;
use crate::policies::{PREFIX, version};
use crate::sequencer::AskError;
use crate::shadow::{Candidate, DOCUMENT};

/// Bytes of a request at most: a policy of 512 KiB, escaped.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What is to be done with a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// Only say whether it compiles.
    Validate,
    /// Decide by it from the next event on.
    Activate,
    /// Weigh every question by it too, and count what it would have said. It changes no answer, and is on trial again after a restart.
    Shadow,
}

/// A policy, and what is to be done with it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"mode": "validate", "policy": "[thresholds]\nstep_up = 30\nhold = 70\ndeny = 101\n"}))]
pub(super) struct PolicyForm {
    /// The policy in TOML, at most 512 KiB.
    policy: String,
    /// What is to be done with it.
    mode: Mode,
}

/// What was done with a policy.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyTaken {
    /// Rules in it.
    rules: usize,
    /// What tells its learned model from others, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// The version that is in force now.
    active: u32,
    /// Whether that is a new one; the one in force is not made a version again.
    changed: bool,
}

/// Versions of the policy.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PoliciesTold {
    /// The version in force.
    active: u32,
    /// All versions, the newest first.
    versions: Vec<PolicyVersion>,
    /// The candidate on trial, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<ShadowTold>,
}

/// A version of the policy.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyVersion {
    /// What decisions name.
    version: u32,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    at: Time,
    /// By whom: the name of a key, or `(file)`: given to the server at its start.
    by: String,
    /// Whether it is in force.
    active: bool,
    /// The place in the journal from which on it decided.
    seq: u64,
}

/// A candidate on trial.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShadowTold {
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Time,
    /// By whom: the name of a key.
    by: String,
    /// Since when they are counted: the server's last start, if that was later.
    #[schema(value_type = String, format = DateTime)]
    counted_since: Time,
    /// Questions weighed by both.
    questions: u64,
    /// Questions on which both said the same.
    same: u64,
    /// Questions by what was answered and what the candidate would have answered, where there were any.
    pairs: Vec<Pair>,
    /// By rule, those that differ most first.
    rules: Vec<RuleTold>,
}

impl From<&Candidate> for ShadowTold {
    fn from(candidate: &Candidate) -> Self {
        let counted = candidate.counted();
        Self {
            since: candidate.since,
            by: candidate.by.clone(),
            counted_since: candidate.counted_since,
            questions: counted.matrix.questions(),
            same: counted.matrix.same(),
            pairs: counted.matrix.came(),
            rules: counted.rules(),
        }
    }
}

/// Versions of the policy, and the candidate on trial.
#[utoipa::path(
    get, operation_id = "policies_list", path = "/v1/policies", tag = "policies", responses((status = 200, body = PoliciesTold, description = "The policy, or policies, as they are now"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Json<PoliciesTold>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let look = |state: &engine::State, policy: &Policy| {
        let active = policy.version();
        let told = |document: &engine::record::Document| {
            let version = version(document)?;
            let at = Time::from_us(document.at_us)?;
            let (by, seq) = (document.by.clone(), document.seq);
            Some(PolicyVersion { version, at, by, active: version == active, seq })
        };
        let versions: Vec<_> = state.documents(PREFIX).into_iter().rev().filter_map(told).collect();
        (active, versions)
    };
    let (active, versions) = app.sequencer.look(Vec::new(), look).await?;
    let shadow = app.sequencer.shadow().get().map(|candidate| ShadowTold::from(&*candidate));
    Ok(Json(PoliciesTold { active, versions, shadow }))
}

/// The text of a version.
#[utoipa::path(
    get, operation_id = "policies_get", path = "/v1/policies/{version}", tag = "policies",
    params(("version" = u32, Path, description = "As decisions name it", example = 1)),
    responses(
        (status = 200, body = String, content_type = "application/toml", description = "The policy as it was written"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such version"),
        Refused,
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    asked: Named,
) -> Result<impl IntoResponse, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let name = policy_name(number(asked)?);
    let look =
        move |state: &engine::State, _: &Policy| state.document(&name).map(|document| document.bytes.clone());
    let text = app.sequencer.look(Vec::new(), look).await?;
    let text = text.ok_or_else(|| Problem::absent("there is no such version; all are at /v1/policies"))?;
    Ok(([(header::CONTENT_TYPE, "application/toml")], text))
}

/// Checks a policy, makes it the one in force, or puts it on trial.
#[utoipa::path(
    post, operation_id = "policies_submit", path = "/v1/policies", tag = "policies", request_body = PolicyForm,
    responses(
        (status = 200, body = PolicyTaken, description = "The policy, or policies, as they are now"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "The policy does not compile; `line` and `column` say where"),
        Refused,
    ),
)]
pub(super) async fn post(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<PolicyTaken>, Problem> {
    let actor = app.authorize(request.headers(), Role::may_change)?;
    let PolicyForm { policy: text, mode } = read_json(request, BODY_BYTES_MAX).await?;
    let compile = {
        let text = text.clone();
        tokio::task::spawn_blocking(move || Policy::compile(&text, 0))
    };
    let compiled = compile.await.map_err(|_| Problem::not_now("compiling ended unexpectedly", 10))?;
    let compiled = compiled.map_err(Problem::invalid_policy)?;
    let (rules, model) = (compiled.rules().len(), compiled.model().map(Model::digest));
    let asked = text.clone();
    let look = move |state: &engine::State, policy: &Policy| {
        let document = state.document(&policy_name(policy.version()));
        (policy.version(), document.is_some_and(|document| document.bytes == asked.as_bytes()))
    };
    let (active, is_active) = app.sequencer.look(Vec::new(), look).await?;
    match mode {
        Mode::Validate => {}
        Mode::Shadow => {
            change_shadow(app, Some((compiled, text)), actor.name.clone()).await?;
        }
        Mode::Activate if is_active => {}
        Mode::Activate => {
            let body = Body::Policy { version: 0, text, by: actor.name.clone() };
            let answered = app.sequencer.ask(None, [0; 16], body, false).await?;
            let active = taken_version(&answered.json).unwrap_or(active);
            return Ok(Json(PolicyTaken { rules, model, active, changed: true }));
        }
    }
    Ok(Json(PolicyTaken { rules, model, active, changed: false }))
}

/// Puts a candidate on trial, or ends the trial; gives the one before.
async fn change_shadow(
    app: Arc<App>,
    candidate: Option<(Policy, String)>,
    by: String,
) -> Result<Option<Arc<Candidate>>, Problem> {
    // Whoever asked may go away: what is durable counts all the same, since every request that changes something is done to its end.
    // One after the other, so that the one on trial is that of the last change.
    let _one = app.changing_shadow.lock().await;
    let before = app.sequencer.shadow().get();
    let (policy, text) = candidate.unzip();
    let known = |state: &engine::State, _: &Policy| state.document(DOCUMENT).cloned();
    if text.is_none() && app.sequencer.look(Vec::new(), known).await?.is_none() {
        return Err(Problem::absent("no candidate is on trial"));
    }
    let body = Body::Document { name: DOCUMENT.to_owned(), bytes: text.map(String::into_bytes), by };
    app.sequencer.ask(None, [0; 16], body, false).await?;
    // It is durable: what counts must follow, however long that takes.
    let document = loop {
        match app.sequencer.look(Vec::new(), known).await {
            Err(AskError::Busy | AskError::Late) => tokio::time::sleep(BUSY_REST).await,
            looked => break looked?,
        }
    };
    let candidate =
        policy.zip(document).map(|(policy, document)| Candidate::new(policy, &document, (app.clock)()));
    app.sequencer.shadow().set(candidate);
    Ok(before)
}

fn taken_version(answer: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Taken {
        version: u32,
    }
    serde_json::from_slice::<Taken>(answer).ok().map(|taken| taken.version)
}

/// Ends the trial of a candidate; gives what was counted.
#[utoipa::path(
    delete, operation_id = "policies_shadow_end", path = "/v1/policies/shadow", tag = "policies",
    responses(
        (status = 200, body = Option<ShadowTold>,
         description = "What was counted; nothing if it was written by another version of the program"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "None is on trial"),
        Refused,
    ),
)]
pub(super) async fn end_shadow(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Option<ShadowTold>>, Problem> {
    let actor = app.authorize(&headers, Role::may_change)?;
    read_nothing(request).await?;
    let ended = change_shadow(app, None, actor.name.clone()).await?;
    Ok(Json(ended.map(|candidate| ShadowTold::from(&*candidate))))
}
