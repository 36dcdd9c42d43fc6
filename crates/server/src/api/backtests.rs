//! `POST /v1/policies/{version}/backtest`, `GET /v1/backtests…`, `POST /v1/backtests/{id}/stop`: a policy tried on the journal.
//! Must not know how it is weighed.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use engine::Policy;
use engine::state::policy_name;
use model::Time;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::App;
use super::jobs::{self, JobTold};
use super::openapi::Refused;
use super::parts::{Named, number, read_json_or_default, read_nothing};
use super::problem::Problem;
use crate::backtest::{Backtest, BacktestOptions, LABEL_DAYS, LABEL_DAYS_MAX};
use crate::backtests::{Alone, BacktestJob, BacktestRequest, Backtesting};
use crate::jobs::{JobError, JobState, Work as _};
use crate::keys::Role;
use crate::shadow::DOCUMENT;
use crate::sweeps::history_folder;

/// Bytes of a request at most: a policy of 512 KiB, escaped.
const BODY_BYTES_MAX: usize = 1 << 20;
/// In the place of a version: the candidate on trial.
const SHADOW: &str = "shadow";
/// In the place of a version: the policy that comes in the request.
const DRAFT: &str = "draft";

/// Which questions are weighed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "2026-01-01T00:00:00+09:00", "history_alone": true, "against": 1}))]
pub(super) struct BacktestForm {
    /// Those about what happened from then on.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Time>,
    /// Those about what happened before that.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Time>,
    /// How many days before a piece of feedback it labels: 1 to 400, 30 unless given.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 400)]
    label_days: Option<u16>,
    /// With `draft`: the policy in TOML, at most 512 KiB.
    #[serde(default)]
    policy: Option<String>,
    /// Not the journal's questions: what was attempted or succeeded in history stands for them, and for what was answered what the
    /// policy of `against` says. For logs that were bootstrapped or imported.
    #[serde(default)]
    #[schema(example = true)]
    history_alone: bool,
    /// With `history_alone`: the version to compare with; the one in force unless given.
    #[serde(default)]
    #[schema(minimum = 1, example = 1)]
    against: Option<u32>,
    /// With `history_alone`: a folder of history below the data folder; unless given, the server's own history and what it was
    /// bootstrapped with.
    #[serde(default)]
    #[schema(example = "history")]
    history: Option<String>,
}

/// A back-test that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BacktestTaken {
    /// Its number: `GET /v1/backtests/{id}`.
    id: u32,
}

/// A back-test as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BacktestTold {
    #[serde(flatten)]
    job: JobTold,
    /// The candidate: a version, `shadow` or `draft`.
    policy: String,
    /// Inputs and rows of history read so far, while it is running. The journal is read twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<u64>,
    /// Those to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_read: Option<u64>,
}

/// Back-tests, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BacktestsTold {
    /// The back-tests.
    backtests: Vec<BacktestTold>,
}

/// A back-test with what it found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BacktestResult {
    #[serde(flatten)]
    backtest: BacktestTold,
    /// What it found; docs/backtest.md explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Backtest>)]
    result: Option<Box<RawValue>>,
}

/// Tries a policy on the journal, or on history alone: every question weighed beside what was answered, when the back-tests before it are done.
#[utoipa::path(
    post, operation_id = "backtests_start", path = "/v1/policies/{version}/backtest", tag = "policies", request_body = Option<BacktestForm>,
    params(("version" = String, Path,
            description = "A version, `shadow` for the candidate on trial, or `draft` for the policy in the request", example = "draft")),
    responses(
        (status = 202, body = BacktestTaken, description = "It waits, or is running"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "No such version, or no candidate on trial"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "Too many are waiting"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn post(
    State(app): State<Arc<App>>,
    version: Named,
    request: Request,
) -> Result<(StatusCode, Json<BacktestTaken>), Problem> {
    let actor = app.authorize(request.headers(), Role::may_operate)?;
    let (name, of) = named(version)?;
    let form: BacktestForm = read_json_or_default(request, BODY_BYTES_MAX).await?;
    let (options, alone) = (options(&form)?, alone(&app, &form).await?);
    let was_taken = name.is_some();
    let text = match (name, form.policy) {
        (None, Some(text)) => text,
        (None, None) => {
            return Err(Problem::invalid("policy", "absent; `draft` needs it: the policy in TOML"));
        }
        (Some(_), Some(_)) => {
            return Err(Problem::invalid("policy", "came with a version; allowed: only with `draft`"));
        }
        (Some(name), None) => {
            let look = move |state: &engine::State, _: &Policy| text_of(state, &name);
            let text = app.sequencer.look(Vec::new(), look).await?;
            text.ok_or_else(|| Problem::absent("there is no such policy; all are at /v1/policies"))?
        }
    };
    let version = of.parse().unwrap_or(0);
    let compile = move || {
        let compile = if was_taken { Policy::compile_taken } else { Policy::compile };
        compile(&text, version).map(|_compiles| text)
    };
    let compiled = tokio::task::spawn_blocking(compile).await;
    let compiled = compiled.map_err(|_| Problem::not_now("compiling ended unexpectedly", 10))?;
    let policy = compiled.map_err(Problem::invalid_policy)?;
    app.act("policy.backtest", of.clone(), actor.name.clone(), None).await?;
    let (at, by) = ((app.clock)(), actor.name.clone());
    let request = BacktestRequest { at, by, of, policy, version, options, alone };
    let backtests = Arc::clone(&app.backtests);
    let taken = tokio::task::spawn_blocking(move || backtests.take(&request)).await;
    let taken = taken.map_err(|_| Problem::not_now("taking the back-test ended unexpectedly", 10))?;
    let id = taken.map_err(|error| match error {
        // Whoever tries policies can wait for their own.
        JobError::Busy { .. } => Problem::conflict(error.to_string()),
        error => jobs::not_taken(error),
    })?;
    Ok((StatusCode::ACCEPTED, Json(BacktestTaken { id })))
}

/// The policy that a document holds.
fn text_of(state: &engine::State, name: &str) -> Option<String> {
    state.document(name).map(|document| String::from_utf8_lossy(&document.bytes).into_owned())
}

/// What stands for the journal, where it is not to be asked.
async fn alone(app: &App, form: &BacktestForm) -> Result<Option<Alone>, Problem> {
    if !form.history_alone {
        let came = [("against", form.against.is_some()), ("history", form.history.is_some())];
        return match came.into_iter().find(|(_, came)| *came) {
            Some((field, _)) => {
                Err(Problem::invalid(field, "came without `history_alone`; allowed: only with it"))
            }
            None => Ok(None),
        };
    }
    let history = form.history.as_ref().map(PathBuf::from);
    if let Some(asked) = history.clone() {
        let data = app.backtests.work().data.clone();
        let looked = tokio::task::spawn_blocking(move || history_folder(&data, &asked).map(drop)).await;
        let looked =
            looked.map_err(|_| Problem::not_now("looking for the history ended unexpectedly", 10))?;
        looked.map_err(|problem| Problem::invalid("history", problem))?;
    }
    let asked = form.against;
    let look = move |state: &engine::State, policy: &Policy| {
        let version = asked.unwrap_or_else(|| policy.version());
        Some((version, text_of(state, &policy_name(version))?))
    };
    let against = app.sequencer.look(Vec::new(), look).await?;
    let (version, against) = against
        .ok_or_else(|| Problem::invalid("against", "there is no such policy; all are at /v1/policies"))?;
    Ok(Some(Alone { against, version, history }))
}

/// The document that holds the candidate – none for one that comes in the request – and what it is called.
fn named(version: Named) -> Result<(Option<String>, String), Problem> {
    if let Ok(Path(text)) = &version {
        if text == SHADOW {
            return Ok((Some(DOCUMENT.to_owned()), SHADOW.to_owned()));
        }
        if text == DRAFT {
            return Ok((None, DRAFT.to_owned()));
        }
    }
    let number = number(version)?;
    Ok((Some(policy_name(number)), number.to_string()))
}

fn options(form: &BacktestForm) -> Result<BacktestOptions, Problem> {
    let label_days = form.label_days.unwrap_or(LABEL_DAYS);
    if !(1..=LABEL_DAYS_MAX).contains(&label_days) {
        let problem = format!("came {label_days}; allowed: 1 to {LABEL_DAYS_MAX}");
        return Err(Problem::invalid("label_days", problem));
    }
    if form.from.zip(form.to).is_some_and(|(from, to)| to <= from) {
        return Err(Problem::invalid("to", "not after `from`; allowed: a later time"));
    }
    Ok(BacktestOptions { from: form.from, to: form.to, label_days })
}

/// All back-tests, the newest first; the last 32 are kept.
#[utoipa::path(
    get, operation_id = "backtests_list", path = "/v1/backtests", tag = "policies",
    responses((status = 200, body = BacktestsTold, description = "As they are now"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Json<BacktestsTold>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    Ok(Json(BacktestsTold { backtests: app.backtests.list().iter().map(BacktestTold::from).collect() }))
}

/// A back-test: how far it is, and what it found.
#[utoipa::path(
    get, operation_id = "backtests_get", path = "/v1/backtests/{id}", tag = "policies",
    params(("id" = u32, Path, description = "Its number", example = 1)),
    responses(
        (status = 200, body = BacktestResult, description = "As it is now"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such back-test"),
        Refused,
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    id: Named,
) -> Result<Json<BacktestResult>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let job = app.backtests.get(number(id)?).ok_or_else(no_such_backtest)?;
    let backtest = BacktestTold::from(&job);
    if job.state != JobState::Done {
        return Ok(Json(BacktestResult { backtest, result: None }));
    }
    let file = app.backtests.folder(job.id).join(Backtesting::RESULT);
    let read = move || RawValue::from_string(std::fs::read_to_string(file)?).map_err(std::io::Error::other);
    // The readers' permits bound how many such files are read at once.
    let read = app.readers.read(move |_| Ok(read())).await?;
    let result = read.map_err(|error| {
        crate::log::line("backtest.unreadable", &format!("back-test {}: {error}", job.id));
        Problem::not_now("the back-test's result cannot be read; the server's log says why", 60)
    })?;
    Ok(Json(BacktestResult { backtest, result: Some(result) }))
}

fn no_such_backtest() -> Problem {
    Problem::absent("there is no such back-test; those that are kept are at /v1/backtests")
}

/// Stops a back-test that waits or is running; one that is over stays as it is.
#[utoipa::path(
    post, operation_id = "backtests_stop", path = "/v1/backtests/{id}/stop", tag = "policies",
    params(("id" = u32, Path, description = "Its number", example = 1)),
    responses(
        (status = 202, body = BacktestTold, description = "As it is now"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such back-test"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field came where none is expected; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<(StatusCode, Json<BacktestTold>), Problem> {
    let actor = app.authorize(request.headers(), Role::may_operate)?;
    let id = number(id)?;
    read_nothing(request).await?;
    app.backtests.get(id).ok_or_else(no_such_backtest)?;
    app.act("policy.backtest_stop", id.to_string(), actor.name.clone(), None).await?;
    let backtests = Arc::clone(&app.backtests);
    jobs::stopped(tokio::task::spawn_blocking(move || backtests.stop(id)).await)?;
    let job = app.backtests.get(id).ok_or_else(no_such_backtest)?;
    Ok((StatusCode::ACCEPTED, Json(BacktestTold::from(&job))))
}

impl From<&BacktestJob> for BacktestTold {
    fn from(job: &BacktestJob) -> Self {
        let running = job.progress();
        Self {
            job: JobTold::of(job),
            policy: job.about.clone(),
            read: running.map(|reading| reading.done),
            to_read: running.map(|reading| reading.total),
        }
    }
}
