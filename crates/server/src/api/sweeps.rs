//! `GET|POST /v1/sweeps`, `GET /v1/sweeps/{id}`, `POST /v1/sweeps/{id}/stop`: procedures re-examined by history or by the
//! ledger, and what was found.

#![expect(unused_qualifications, reason = "utoipa names parameters by their path")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use history::sweep::{RESULT_CSV, SUMMARY, Verdict};
use model::event::Reason;
use model::{EventKind, Time};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::finding_form::FindingColumns;
use super::jobs::{self, JobTold};
use super::openapi::Refused;
use super::parts::{self, Asked, Named, limit, number, query, read_json, read_nothing};
use super::problem::Problem;
use crate::jobs::JobState;
use crate::keys::Role;
use crate::sweeps::{AskedProcedure, Source, Sweep, SweepError, SweepRequest};

/// Bytes of a request at most.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Procedures in a request at most.
const PROCEDURES_MAX: usize = 100_000;
/// Kinds of procedures named in the audit at most.
const KINDS_NAMED: usize = 16;
/// Days to look back at most.
const WINDOW_DAYS_MAX: u16 = 3_660;

/// What is to be examined: `procedures`, those of `kinds` in history, or the `rest_of` a sweep by the ledger.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kinds": ["bank_account.change"], "since": "2026-01-01T00:00:00+09:00"}))]
pub(super) struct SweepForm {
    /// Procedures to examine, at most 100,000.
    #[serde(default)]
    #[schema(value_type = Vec<ProcedureForm>, required = false)]
    procedures: Vec<ProcedureForm>,
    /// Kinds of events to take out of history instead; docs/events.md names them.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false)]
    kinds: Vec<EventKind>,
    /// With `kinds`: since when; needed.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Time>,
    /// With `kinds`: before when.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
    /// A sweep by the ledger that is done: examine in history, in the same window, the procedures it was not certain of.
    #[serde(default)]
    rest_of: Option<u32>,
    /// What is asked: `history`, or `ledger`, which answers at once for those procedures it is certain of; `history` unless
    /// given.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(history|ledger)$")]
    source: Option<Source>,
    /// How far to look back from the earliest procedure: 1 to 3660 days, 365 unless given.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3660)]
    window_days: Option<u16>,
    /// The folder of history below the data folder; `history` unless given. Not with `procedures` and the ledger, which
    /// read none.
    #[serde(default)]
    history: Option<String>,
    /// Show customers and devices in full, to who asks; needs a `reason`.
    #[serde(default)]
    unmask: bool,
    /// Why, 1 to 256 bytes; kept in clear with the name of the key: see /v1/audit.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    reason: Option<Reason>,
}

/// A procedure to examine.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcedureForm {
    /// Its identifier, unique in the request.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    id: model::event::EventId,
    /// In whose name.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    customer: model::CustomerId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    time: Time,
    /// What; docs/events.md names the kinds.
    #[schema(value_type = String)]
    kind: EventKind,
    /// From which address.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    ip: Option<model::Address>,
    /// From which device.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 128)]
    device: Option<model::client::DeviceId>,
}

/// A sweep that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SweepTaken {
    /// Its number: `GET /v1/sweeps/{id}`.
    pub(super) id: u32,
}

/// A sweep as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SweepTold {
    #[serde(flatten)]
    job: JobTold,
    /// What it asks: `history` or `ledger`.
    source: &'static str,
    /// Rows of history read so far, while it is running; by the ledger, procedures looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_done: Option<u64>,
    /// Rows to be read, procedures to be looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_total: Option<u64>,
}

/// All sweeps, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SweepsTold {
    /// The sweeps.
    sweeps: Vec<SweepTold>,
}

/// A sweep with its results.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SweepResult {
    #[serde(flatten)]
    sweep: SweepTold,
    /// The figures; docs/sweep.md explains them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    summary: Option<Box<RawValue>>,
    /// A page of findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<FindingColumns>>,
    /// What to ask with as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// Which findings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FindingQuery {
    /// Only those with this verdict.
    #[param(value_type = Option<String>, pattern = "^(clear|explained|review|alarm)$")]
    verdict: Option<Verdict>,
    /// Only those whose verdict is certain, or is not: by the ledger some are not, by history all are.
    certain: Option<bool>,
    /// Those after this place: `next` of the page before.
    #[param(minimum = 0, maximum = 9_223_372_036_854_775_807_u64)]
    after: Option<u64>,
    /// Findings in the answer, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// Takes a sweep: it is run when those before it are done, also after a restart.
#[utoipa::path(
    post, operation_id = "sweeps_start", path = "/v1/sweeps", tag = "sweeps", request_body = SweepForm,
    responses(
        (status = 202, body = SweepTaken, description = "The sweep, or sweeps, as they are now"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "There is no such history, or too many results are kept"),
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
) -> Result<(StatusCode, Json<SweepTaken>), Problem> {
    let actor = app.authorize(request.headers(), Role::may_operate)?;
    let form: SweepForm = read_json(request, BODY_BYTES_MAX).await?;
    let (of, reason) = (form.of(), form.reason.clone());
    let at = (app.clock)();
    let asked = match form.rest_of {
        Some(before) => form.rest_checked(&app, before, at, actor.name.clone()).await?,
        None => form.checked(at, actor.name.clone())?,
    };
    let act = if asked.unmask { "sweep.start_unmasked" } else { "sweep.start" };
    app.act(act, of, actor.name.clone(), reason).await?;
    let sweeps = std::sync::Arc::clone(&app.sweeps);
    let taken = tokio::task::spawn_blocking(move || sweeps.ask(&asked)).await;
    let taken = taken.map_err(|_| Problem::not_now("taking the sweep ended unexpectedly", 10))?;
    let id = taken.map_err(not_taken)?;
    Ok((StatusCode::ACCEPTED, Json(SweepTaken { id })))
}

pub(super) fn not_taken(error: SweepError) -> Problem {
    match error {
        SweepError::Job(error) => jobs::not_taken(error),
        SweepError::History(problem) => Problem::conflict(problem),
        SweepError::Outside(problem) => Problem::invalid("history", problem),
    }
}

impl SweepForm {
    /// What is examined, in a few words.
    fn of(&self) -> String {
        let of = match self.rest_of {
            Some(before) => format!("rest of {before}"),
            None if self.kinds.is_empty() => format!("{} procedures", self.procedures.len()),
            None => {
                let kinds = self.kinds.iter().map(|kind| kind.as_str()).take(KINDS_NAMED);
                kinds.collect::<Vec<&str>>().join(",")
            }
        };
        match self.source {
            Some(Source::Ledger) => format!("{of} by the ledger"),
            _ => of,
        }
    }

    /// The sweep over history of what one by the ledger was not certain of.
    async fn rest_checked(
        self,
        app: &App,
        before: u32,
        at: Time,
        by: String,
    ) -> Result<SweepRequest, Problem> {
        let alone = self.procedures.is_empty()
            && self.kinds.is_empty()
            && self.since.or(self.until).is_none()
            && self.window_days.is_none()
            && self.source != Some(Source::Ledger);
        if !alone {
            let problem = "came with what the sweep it names has said already; allowed with it: `history`, `unmask` and `reason`";
            return Err(Problem::invalid("rest_of", problem));
        }
        self.check_reason()?;
        let sweep = app.sweeps.get(before).filter(|sweep| sweep.about.source == Source::Ledger);
        let sweep = sweep.ok_or_else(|| {
            Problem::invalid(
                "rest_of",
                format!("came {before}; allowed: the number of a sweep by the ledger"),
            )
        })?;
        if sweep.state != JobState::Done {
            return Err(Problem::conflict(format!("sweep {before} is {}, not done", sweep.state.as_str())));
        }
        let sweeps = Arc::clone(&app.sweeps);
        let read = tokio::task::spawn_blocking(move || sweeps.request(before)).await;
        let asked = read.map_err(std::io::Error::other).flatten().map_err(|error| {
            crate::log::line("sweep.unreadable", &format!("sweep {before}: {error}"));
            Problem::not_now("what that sweep was asked cannot be read; the server's log says why", 60)
        })?;
        Ok(SweepRequest {
            at,
            by,
            history: self.history.map_or(asked.history.clone(), PathBuf::from),
            unmask: self.unmask,
            source: Source::History,
            rest_of: Some(before),
            ..asked
        })
    }

    fn check_reason(&self) -> Result<(), Problem> {
        if self.unmask && self.reason.is_none() {
            let problem = "absent; `unmask` needs it: why customers and devices must be seen in full";
            return Err(Problem::invalid("reason", problem));
        }
        Ok(())
    }

    fn checked(self, at: Time, by: String) -> Result<SweepRequest, Problem> {
        match (self.procedures.is_empty(), self.kinds.is_empty()) {
            (true, true) | (false, false) => {
                return Err(Problem::invalid(
                    "procedures",
                    "allowed: either `procedures` or `kinds`, not empty, or `rest_of`",
                ));
            }
            (true, false) if self.since.is_none() => {
                return Err(Problem::invalid("since", "absent; `kinds` needs it: since when"));
            }
            (false, true) if self.since.is_some() || self.until.is_some() => {
                return Err(Problem::invalid("since", "came with `procedures`; allowed: only with `kinds`"));
            }
            _ => {}
        }
        if self.since.zip(self.until).is_some_and(|(since, until)| until <= since) {
            return Err(Problem::invalid("until", "not after `since`; allowed: a later time"));
        }
        self.check_reason()?;
        if self.history.is_some() && self.source == Some(Source::Ledger) && self.kinds.is_empty() {
            let problem = "came with `procedures` and the ledger, which read none; allowed: with `kinds`, which are taken out of it";
            return Err(Problem::invalid("history", problem));
        }
        if self.procedures.len() > PROCEDURES_MAX {
            let problem = format!("came {}; allowed: at most {PROCEDURES_MAX}", self.procedures.len());
            return Err(Problem::invalid("procedures", problem));
        }
        let window_days = self.window_days.unwrap_or(365);
        if !(1..=WINDOW_DAYS_MAX).contains(&window_days) {
            let problem = format!("came {window_days}; allowed: 1 to {WINDOW_DAYS_MAX}");
            return Err(Problem::invalid("window_days", problem));
        }
        let repeated = {
            let mut ids = hashbrown::HashSet::with_capacity(self.procedures.len());
            self.procedures.iter().position(|procedure| !ids.insert(&procedure.id))
        };
        if let Some(place) = repeated {
            return Err(Problem::invalid(format!("procedures[{place}].id"), "came before in this request"));
        }
        let asked = |form: ProcedureForm| AskedProcedure {
            id: form.id,
            customer: form.customer,
            time: form.time,
            kind: form.kind,
            ip: form.ip,
            device: form.device,
        };
        Ok(SweepRequest {
            at,
            by,
            procedures: self.procedures.into_iter().map(asked).collect(),
            kinds: self.kinds,
            since: self.since,
            until: self.until,
            window_days,
            history: PathBuf::from(self.history.unwrap_or_else(|| "history".to_owned())),
            unmask: self.unmask,
            daily: false,
            source: self.source.unwrap_or(Source::History),
            rest_of: None,
        })
    }
}

/// All sweeps, the newest first.
#[utoipa::path(
    get, operation_id = "sweeps_list", path = "/v1/sweeps", tag = "sweeps", responses((status = 200, body = SweepsTold, description = "The sweep, or sweeps, as they are now"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Json<SweepsTold>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    Ok(Json(SweepsTold { sweeps: app.sweeps.list().iter().map(SweepTold::from).collect() }))
}

/// A sweep: how far it is, and a page of what it found.
#[utoipa::path(
    get, operation_id = "sweeps_get", path = "/v1/sweeps/{id}", tag = "sweeps",
    params(("id" = u32, Path, description = "Its number", example = 1), FindingQuery),
    responses(
        (status = 200, body = SweepResult, description = "The sweep, or sweeps, as they are now"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such sweep"),
        Refused,
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    id: Named,
    asked: Asked<FindingQuery>,
) -> Result<Json<SweepResult>, Problem> {
    let actor = app.authorize(&headers, Role::may_read)?;
    let sweep = app.sweeps.get(number(id)?).ok_or_else(no_such_sweep)?;
    if sweep.about.unmask && sweep.by != actor.name {
        let problem = "it shows customers in full, to who asked for it; start one of your own, with a reason";
        return Err(Problem::forbidden(problem));
    }
    let FindingQuery { verdict, certain, after, limit: asked } = query(asked)?;
    let (after, limit) = (parts::after(after)?, limit(asked)?);
    let told = SweepTold::from(&sweep);
    if sweep.state != JobState::Done {
        return Ok(Json(SweepResult { sweep: told, summary: None, findings: None, next: None }));
    }
    let folder = app.sweeps.folder(sweep.id);
    let page = move || page(&folder, (verdict, certain), after, limit);
    // The readers' permits bound how many such files are read at once.
    let read = app.readers.read(move |_| Ok(page())).await?;
    let (summary, findings, next) = read.map_err(|error| {
        crate::log::line("sweep.unreadable", &format!("sweep {}: {error}", sweep.id));
        Problem::not_now("the sweep's results cannot be read; the server's log says why", 60)
    })?;
    Ok(Json(SweepResult { sweep: told, summary: Some(summary), findings: Some(findings), next }))
}

fn no_such_sweep() -> Problem {
    Problem::absent("there is no such sweep; all are at /v1/sweeps")
}

/// Summary, findings, and where the next page begins.
type Page = (Box<RawValue>, Vec<FindingColumns>, Option<u64>);

fn page(
    folder: &Path,
    (verdict, certain): (Option<Verdict>, Option<bool>),
    after: u64,
    limit: usize,
) -> std::io::Result<Page> {
    let summary = std::fs::read_to_string(folder.join(SUMMARY))?;
    let summary = RawValue::from_string(summary)?;
    let mut reader = csv::Reader::from_path(folder.join(RESULT_CSV))?;
    let names = reader.headers()?.clone();
    let column = |wanted: &str| names.iter().position(|name| name == wanted);
    let (judged, told_certain) = (column("verdict"), column("certain"));
    let (mut findings, mut last) = (Vec::new(), after);
    let mut record = csv::StringRecord::new();
    let mut place: u64 = 0;
    while reader.read_record(&mut record)? {
        place = place.saturating_add(1);
        let cell = |column: Option<usize>| column.and_then(|column| record.get(column));
        let is_asked = verdict.is_none_or(|verdict| cell(judged) == Some(verdict.as_str()))
            && certain.is_none_or(|certain| certain == (cell(told_certain) != Some("false")));
        if place <= after || !is_asked {
            continue;
        }
        if findings.len() >= limit {
            return Ok((summary, findings, Some(last)));
        }
        last = place;
        findings.push(FindingColumns::of(&record, &names)?);
    }
    Ok((summary, findings, None))
}

/// Stops a sweep that waits or is running; one that is over stays as it is.
#[utoipa::path(
    post, operation_id = "sweeps_stop", path = "/v1/sweeps/{id}/stop", tag = "sweeps",
    params(("id" = u32, Path, description = "Its number", example = 1)),
    responses(
        (status = 202, body = SweepTold, description = "The sweep, or sweeps, as they are now"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such sweep"),
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
) -> Result<(StatusCode, Json<SweepTold>), Problem> {
    let actor = app.authorize(request.headers(), Role::may_operate)?;
    let id = number(id)?;
    read_nothing(request).await?;
    app.sweeps.get(id).ok_or_else(no_such_sweep)?;
    app.act("sweep.stop", id.to_string(), actor.name.clone(), None).await?;
    let sweeps = Arc::clone(&app.sweeps);
    jobs::stopped(tokio::task::spawn_blocking(move || sweeps.stop(id)).await)?;
    let sweep = app.sweeps.get(id).ok_or_else(no_such_sweep)?;
    Ok((StatusCode::ACCEPTED, Json(SweepTold::from(&sweep))))
}

impl From<&Sweep> for SweepTold {
    fn from(sweep: &Sweep) -> Self {
        let running = sweep.progress();
        Self {
            job: JobTold::of(sweep),
            source: sweep.about.source.as_str(),
            rows_done: running.map(|reading| reading.done),
            rows_total: running.map(|reading| reading.total),
        }
    }
}
