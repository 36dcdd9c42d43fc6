//! `GET /v1/findings`, `POST /v1/findings/examine`: what the re-examination of every day found.

#![expect(unused_qualifications, reason = "utoipa names parameters by their path")]

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use history::sweep::{RESULT_CSV, Verdict};
use model::Time;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::finding_form::FindingColumns;
use super::openapi::Refused;
use super::parts::{Asked, limit, query, read_nothing};
use super::problem::Problem;
use super::sweeps::{SweepTaken, not_taken};
use crate::jobs::JobState;
use crate::keys::Role;

/// What was found, the latest examination first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FindingsTold {
    /// Findings.
    findings: Vec<FindingTold>,
    /// What to ask with as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A procedure that was found worth looking at.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FindingTold {
    /// The examination: `GET /v1/sweeps/{id}`.
    sweep: u32,
    /// When it was asked for: what was known by then counts.
    #[schema(value_type = String, format = DateTime)]
    examined: Time,
    #[serde(flatten)]
    columns: FindingColumns,
}

/// Which findings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FindingsQuery {
    /// Only those with this verdict; `alarm` and `review` unless given.
    #[param(value_type = Option<String>, pattern = "^(clear|explained|review|alarm)$")]
    verdict: Option<Verdict>,
    /// Those after this place: `next` of the page before.
    after: Option<String>,
    /// Findings in the answer, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// What the re-examination of every day found. A procedure that a later one examined again stands there only.
#[utoipa::path(
    get, operation_id = "findings_list", path = "/v1/findings", tag = "sweeps", params(FindingsQuery),
    responses((status = 200, body = FindingsTold, description = "Findings, the latest examination first"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    asked: Asked<FindingsQuery>,
) -> Result<Json<FindingsTold>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let FindingsQuery { verdict, after, limit: asked } = query(asked)?;
    let limit = limit(asked)?;
    let after = after.as_deref().map(place).transpose()?;
    let examinations = examinations(&app);
    // The readers' permits bound how many such files are read at once.
    let read = app.readers.read(move |_| Ok(page(&examinations, verdict, after, limit))).await?;
    read.map(Json).map_err(|error| {
        crate::log::line("findings.unreadable", &error.to_string());
        Problem::not_now("the findings cannot be read; the server's log says why", 60)
    })
}

/// Examines now what the next examination of the day would.
#[utoipa::path(
    post, operation_id = "findings_examine", path = "/v1/findings/examine", tag = "sweeps",
    responses(
        (status = 202, body = SweepTaken, description = "The examination, a sweep"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There is no history yet"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field came where none is expected; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn examine(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, Json<SweepTaken>), Problem> {
    let actor = app.authorize(request.headers(), Role::may_operate)?;
    read_nothing(request).await?;
    app.act("findings.examine", String::new(), actor.name.clone(), None).await?;
    let id = crate::daily::ask(&app.sweeps, (app.clock)()).await.map_err(not_taken)?;
    Ok((StatusCode::ACCEPTED, Json(SweepTaken { id })))
}

/// An examination that is done.
struct Examination {
    sweep: u32,
    at: Time,
    /// From here on a later one examined again.
    until: Option<Time>,
    result: PathBuf,
}

/// All that are done, the latest first.
fn examinations(app: &App) -> Vec<Examination> {
    let mut until: Option<Time> = None;
    let mut examinations = Vec::new();
    for sweep in app.sweeps.list() {
        let Some(since) = sweep.about.daily_since.filter(|_| sweep.state == JobState::Done) else { continue };
        let result = app.sweeps.folder(sweep.id).join(RESULT_CSV);
        examinations.push(Examination { sweep: sweep.id, at: sweep.at, until, result });
        until = Some(until.map_or(since, |until| until.min(since)));
    }
    examinations
}

/// `12-345`: a sweep and a row of its result.
fn place(text: &str) -> Result<(u32, u64), Problem> {
    let parsed = text.split_once('-').and_then(|(sweep, row)| Some((sweep.parse().ok()?, row.parse().ok()?)));
    parsed.ok_or_else(|| {
        let came: String = text.chars().take(32).collect();
        Problem::invalid_parameter(
            "after",
            format!("`after` came as {came:?}; allowed: `next` of the page before"),
        )
    })
}

fn page(
    examinations: &[Examination],
    verdict: Option<Verdict>,
    after: Option<(u32, u64)>,
    limit: usize,
) -> std::io::Result<FindingsTold> {
    let is_wanted = |word: &str| match verdict {
        Some(verdict) => word == verdict.as_str(),
        None => [Verdict::Alarm, Verdict::Review].iter().any(|verdict| word == verdict.as_str()),
    };
    let mut findings = Vec::new();
    let mut last = after;
    for examination in examinations {
        let from = match after {
            Some((sweep, _)) if examination.sweep > sweep => continue,
            Some((sweep, row)) if examination.sweep == sweep => row,
            _ => 0,
        };
        let mut reader = csv::Reader::from_path(&examination.result)?;
        let names = reader.headers()?.clone();
        let column = |wanted: &str| names.iter().position(|name| name == wanted);
        let (judged, happened) = (column("verdict"), column("time"));
        let mut record = csv::StringRecord::new();
        let mut row: u64 = 0;
        while reader.read_record(&mut record)? {
            row = row.saturating_add(1);
            let cell = |place: Option<usize>| place.and_then(|place| record.get(place)).unwrap_or("");
            let is_judged_later = || {
                let time = cell(happened).parse::<Time>().ok();
                time.zip(examination.until).is_some_and(|(time, until)| time >= until)
            };
            if row <= from || !is_wanted(cell(judged)) || is_judged_later() {
                continue;
            }
            if findings.len() >= limit {
                let next = last.map(|(sweep, row)| format!("{sweep}-{row}"));
                return Ok(FindingsTold { findings, next });
            }
            last = Some((examination.sweep, row));
            findings.push(FindingTold {
                sweep: examination.sweep,
                examined: examination.at,
                columns: FindingColumns::of(&record, &names)?,
            });
        }
    }
    Ok(FindingsTold { findings, next: None })
}

#[cfg(test)]
mod tests {
    use super::{Examination, page, place};

    fn examination(
        folder: &std::path::Path,
        sweep: u32,
        until: Option<&str>,
        rows: &[(&str, &str, &str)],
    ) -> Examination {
        let result = folder.join(format!("{sweep}.csv"));
        let mut text = "id,time,verdict\n".to_owned();
        for (id, time, verdict) in rows {
            text.push_str(&format!("{id},{time},{verdict}\n"));
        }
        std::fs::write(&result, text).unwrap();
        let at = "2026-11-22T04:30:00Z".parse().unwrap();
        Examination { sweep, at, until: until.map(|until| until.parse().unwrap()), result }
    }

    #[test]
    fn what_was_examined_again_is_told_as_it_was_judged_last() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = ("2026-11-19T10:00:00Z", "2026-11-20T10:00:00Z");
        let examinations = [
            examination(
                folder.path(),
                7,
                None,
                &[("b", new, "alarm"), ("c", new, "clear"), ("d", new, "review")],
            ),
            examination(
                folder.path(),
                5,
                Some("2026-11-20T00:00:00Z"),
                &[("a", old, "review"), ("b", new, "review")],
            ),
        ];
        let mut told = Vec::new();
        let mut after = None;
        loop {
            let page = page(&examinations, None, after, 1).unwrap();
            told.extend(page.findings.iter().map(|found| (found.sweep, found.columns.id().to_owned())));
            match page.next {
                Some(next) => after = Some(place(&next).unwrap()),
                None => break,
            }
        }
        assert_eq!(told, [(7, "b".to_owned()), (7, "d".to_owned()), (5, "a".to_owned())]);
        let clear = page(&examinations, Some(history::sweep::Verdict::Clear), None, 10).unwrap();
        assert_eq!(clear.findings.len(), 1);
        assert!(place("7").is_err() && place("x-1").is_err());
    }
}
