//! `GET /v1/holds`, `GET /v1/holds/{id}`, `POST /v1/holds/{id}/release|refuse`: what waits for somebody, and what became of it. A hold is settled once:
//! the settlement is journaled under an identifier derived from the event's, as the answer to a repeated event is found.

#![expect(unused_qualifications, reason = "utoipa names parameters by their path")]

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use engine::input::Body;
use engine::key::RecordKey;
use model::event::{EventId, Reason};
use model::{Address, CustomerId, Time};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::event_form::{Decided, EventForm, event, read};
use super::openapi::Refused;
use super::parts::{self, Asked, Named, limit, name, query, read_json_or_default};
use super::problem::Problem;
use crate::indexer::{Indexer, Subject, was_settled};
use crate::keys::Role;
use crate::readers::{ReadError, Reader};
use crate::secret::Secret;
use crate::sequencer::AskError;

/// Bytes of a settlement's body at most.
const BODY_BYTES_MAX: usize = 4 << 10;
/// Held events looked at for one answer at most: those that are settled or over are passed by.
const LOOKED_AT_MAX: usize = 1_000;

/// What became of a hold.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HoldState {
    /// `open`, `released`, `refused`, or `over`: nobody settled it in time.
    pub(crate) state: &'static str,
    /// Until when it is held if nobody settles it.
    #[schema(value_type = String, format = DateTime)]
    until: Time,
    /// Who settled it: the name of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Time>,
}

/// How a hold is settled.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "お客さまに電話で確認"}))]
pub(super) struct Settling {
    /// Why, at most 256 bytes.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    reason: Option<Reason>,
}

/// A hold, settled.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Settled {
    /// The held event.
    id: String,
    /// `released` or `refused`.
    state: &'static str,
    /// The settlement's place in the journal.
    seq: u64,
    /// Whether it was settled so before, by whomever: nothing changed then.
    again: bool,
}

/// Whose holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HoldQuery {
    /// Of this customer; of all without it.
    #[param(value_type = Option<String>, max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    customer: Option<CustomerId>,
    /// Only what was held before this place in the journal: `next` of the page before.
    #[param(minimum = 1, maximum = 9_223_372_036_854_775_807_u64)]
    before: Option<u64>,
    /// Holds in the answer, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// An open hold.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpenHold {
    /// Until when it is held if nobody settles it.
    #[schema(value_type = String, format = DateTime)]
    until: Time,
    /// The campaign that it has to do with, by what is known now: one that got into the customer within 60 days before, or one that has
    /// the address and was on. See `GET /v1/campaigns/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<u32>,
    /// By what the campaign is found.
    #[serde(skip)]
    #[schema(ignore)]
    of: (Option<CustomerId>, Option<Address>, Time),
    /// The event, with the decision.
    event: EventForm,
}

/// Open holds, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HoldPage {
    /// The holds.
    holds: Vec<OpenHold>,
    /// What to ask with as `before` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    /// The input up to which this is true.
    as_of_seq: u64,
    /// Whether that is everything durable when it was asked; if not, ask again in a moment.
    complete: bool,
}

/// Open holds, the newest first.
#[utoipa::path(
    get, operation_id = "holds_list", path = "/v1/holds", tag = "holds", params(HoldQuery),
    responses((status = 200, body = HoldPage, description = "The hold, or holds, as they are now"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    asked: Asked<HoldQuery>,
) -> Result<Json<HoldPage>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let HoldQuery { customer, before, limit: asked } = query(asked)?;
    let limit = limit(asked)?;
    let now = (app.clock)();
    if let Some(customer) = customer {
        let mut page = of_customer(&app, customer, before, limit, now).await?;
        name_campaigns(&app, &mut page.holds).await?;
        return Ok(Json(page));
    }
    let last = app.readers.read(|reader| Ok(reader.journal.last_seq()?)).await?;
    let as_of_seq = app.indexer.reach(last).await;
    let indexer = Arc::clone(&app.indexer);
    let before = parts::before(before)?;
    let (mut holds, next) =
        app.readers.read(move |reader| open(reader, &indexer, before, limit, now)).await?;
    name_campaigns(&app, &mut holds).await?;
    Ok(Json(HoldPage { holds, next, as_of_seq, complete: as_of_seq >= last }))
}

/// Which campaign each has to do with. Campaigns are always in memory.
async fn name_campaigns(app: &App, holds: &mut [OpenHold]) -> Result<(), Problem> {
    if holds.is_empty() {
        return Ok(());
    }
    let of: Vec<_> = holds.iter().map(|hold| hold.of.clone()).collect();
    let look = move |state: &engine::State, _: &engine::Policy| {
        let concerning = |(customer, ip, time): &(Option<CustomerId>, Option<Address>, Time)| {
            state.campaigns().concerning(customer.as_ref().map(CustomerId::as_str), *ip, *time)
        };
        of.iter().map(concerning).collect::<Vec<_>>()
    };
    let campaigns = app.sequencer.look(Vec::new(), look).await?;
    for (hold, campaign) in holds.iter_mut().zip(campaigns) {
        hold.campaign = campaign;
    }
    Ok(())
}

/// A customer has at most sixteen: the record knows them.
async fn of_customer(
    app: &App,
    customer: CustomerId,
    before: Option<u64>,
    limit: usize,
    now: Time,
) -> Result<HoldPage, Problem> {
    let key = RecordKey::customer(customer.as_str());
    let look = move |state: &engine::State, _: &engine::Policy| {
        let holds = state.customer(customer.as_str()).map_or(&[][..], |record| &record.dealings().holds);
        let open = holds.iter().filter(|hold| hold.until_us > now.as_us());
        let ids: Vec<EventId> = open.map(|hold| hold.event.clone()).collect();
        (ids, state.seq())
    };
    let (ids, as_of_seq) = app.sequencer.look(vec![key], look).await?;
    let before = parts::before(before)?;
    let mut holds = app
        .readers
        .read(move |reader| {
            let mut holds = Vec::new();
            for id in ids {
                let found = reader.journal.find(id.as_str())?.map(|found| found.seq);
                if let Some(seq) = found.filter(|seq| *seq < before)
                    && let Some(hold) = held(reader, seq)?
                {
                    holds.push(hold);
                }
            }
            Ok(holds)
        })
        .await?;
    holds.sort_by_key(|hold| std::cmp::Reverse(hold.event.seq));
    let more = holds.len() > limit;
    holds.truncate(limit);
    let next = holds.last().map(|hold| hold.event.seq).filter(|_| more);
    Ok(HoldPage { holds, next, as_of_seq, complete: true })
}

/// A page of open holds, and where the next one begins.
fn open(
    reader: &mut Reader,
    indexer: &Indexer,
    mut before: u64,
    limit: usize,
    now: Time,
) -> Result<(Vec<OpenHold>, Option<u64>), ReadError> {
    let mut holds = Vec::new();
    let mut looked_at = 0;
    while looked_at < LOOKED_AT_MAX {
        let seqs = indexer.find(reader, Subject::Held, before, limit)?;
        let Some(last) = seqs.last().copied() else { return Ok((holds, None)) };
        looked_at = looked_at.saturating_add(seqs.len());
        for seq in seqs {
            let Some(hold) = held(reader, seq)? else { continue };
            let is_open = hold.until > now && settlement(reader, indexer, &hold.event)?.is_none();
            if is_open {
                holds.push(hold);
            }
            if holds.len() >= limit {
                return Ok((holds, Some(seq)));
            }
        }
        before = last;
    }
    Ok((holds, Some(before)))
}

/// The settlement of a held event, by the index.
fn settlement(reader: &mut Reader, indexer: &Indexer, of: &EventForm) -> Result<Option<u64>, ReadError> {
    for seq in indexer.find(reader, Subject::settled(of.id()), u64::MAX, 4)? {
        if let Some(entry) = reader.journal.get(seq)?
            && let Body::HoldSettled { event, .. } = read(&entry)?.body
            && event.as_str() == of.id()
        {
            return Ok(Some(seq));
        }
    }
    Ok(None)
}

/// The held event of a row of the journal.
fn held(reader: &Reader, seq: u64) -> Result<Option<OpenHold>, ReadError> {
    let Some(entry) = reader.journal.get(seq)? else { return Ok(None) };
    let Some(until) = Decided::of(&entry).and_then(|decided| decided.held_until()) else { return Ok(None) };
    let observed = event(&entry)?;
    Ok(observed.map(|(received, event)| OpenHold {
        until,
        campaign: None,
        of: (event.customer.clone(), event.ip, event.time),
        event: EventForm::new(&entry, received, &event),
    }))
}

/// What became of one hold. Who asked for the decision may ask too: they do what was held once it is released.
#[utoipa::path(
    get, operation_id = "holds_get", path = "/v1/holds/{id}", tag = "holds",
    params(("id" = String, Path, description = "The held event's identifier",
            max_length = 128, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "w-1")),
    responses(
        (status = 200, body = HoldState, description = "The hold as it is now; by whom and why is told to roles that read"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such event"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "It was not held"),
        Refused,
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    id: Named,
) -> Result<Json<HoldState>, Problem> {
    let asker = app.authorize(&headers, Role::may_follow)?;
    let id: EventId = name(id)?;
    let (now, secret) = ((app.clock)(), app.secret.clone());
    let state = app.readers.read(move |reader| {
        Ok(match hold_of(reader, &id)? {
            Ok(Held { until, .. }) => Ok(hold_state(reader, &secret, &id, until, now)?),
            Err(problem) => Err(problem),
        })
    });
    let mut state = state.await??;
    if !asker.role.may_read() {
        (state.by, state.reason) = (None, None);
    }
    Ok(Json(state))
}

/// What became of the hold of an event that was held until then.
pub(crate) fn hold_state(
    reader: &Reader,
    secret: &Secret,
    id: &EventId,
    until: Time,
    now: Time,
) -> Result<HoldState, ReadError> {
    let unsettled = HoldState {
        state: if until > now { "open" } else { "over" },
        until,
        by: None,
        reason: None,
        at: None,
    };
    let Some(found) = reader.journal.find(&secret.settlement_id(id.as_str()))? else { return Ok(unsettled) };
    let Some(entry) = reader.journal.get(found.seq)? else { return Ok(unsettled) };
    let input = read(&entry)?;
    Ok(match input.body {
        Body::HoldSettled { released, by, reason, .. } if was_settled(&entry.answer) => HoldState {
            state: word(released),
            until,
            by: Some(by),
            reason: reason.map(|reason| reason.to_string()),
            at: Some(input.time),
        },
        _ => unsettled,
    })
}

const fn word(released: bool) -> &'static str {
    if released { "released" } else { "refused" }
}

/// Lets a held event go. Once released or refused it stays so.
#[utoipa::path(
    post, operation_id = "holds_release", path = "/v1/holds/{id}/release", tag = "holds", request_body = Option<Settling>,
    params(("id" = String, Path, description = "The held event's identifier",
            max_length = 128, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")),
    responses(
        (status = 200, body = Settled, description = "The hold, or holds, as they are now"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such event"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It was not held, is held no longer, or was settled the other way"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn release(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<Settled>, Problem> {
    settle(&app, id, request, true).await
}

/// Refuses a held event for good. Once released or refused it stays so.
#[utoipa::path(
    post, operation_id = "holds_refuse", path = "/v1/holds/{id}/refuse", tag = "holds", request_body = Option<Settling>,
    params(("id" = String, Path, description = "The held event's identifier",
            max_length = 128, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")),
    responses(
        (status = 200, body = Settled, description = "The hold, or holds, as they are now"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such event"),
        (status = 409, body = Problem, content_type = "application/problem+json",
         description = "It was not held, is held no longer, or was settled the other way"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn refuse(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<Settled>, Problem> {
    settle(&app, id, request, false).await
}

async fn settle(app: &App, id: Named, request: Request, released: bool) -> Result<Json<Settled>, Problem> {
    let actor = app.authorize(request.headers(), Role::may_operate)?;
    let id: EventId = name(id)?;
    let Settling { reason } = read_json_or_default(request, BODY_BYTES_MAX).await?;
    let asked = id.clone();
    let Held { customer, .. } = app.readers.read(move |reader| hold_of(reader, &asked)).await??;
    let body = Body::HoldSettled { customer, event: id.clone(), released, by: actor.name.clone(), reason };
    // The same settlement again is the same input; the other one under this identifier is a conflict.
    let digest = app.secret.digest(word(released).as_bytes());
    let asked = app.sequencer.ask(Some(app.secret.settlement_id(id.as_str())), digest, body, false).await;
    let answered = asked.map_err(|error| match error {
        AskError::Conflict { seq } => Problem::conflict(format!(
            "it was not {} but settled the other way before, as input {seq}; that stays so",
            word(released)
        )),
        other => other.into(),
    })?;
    if !was_settled(&answered.json) {
        let problem =
            "it is not held any more: its time was over, or newer holds of the customer took its place";
        return Err(Problem::conflict(problem));
    }
    Ok(Json(Settled { id: id.to_string(), state: word(released), seq: answered.seq, again: answered.again }))
}

/// A hold, as the decision made it.
struct Held {
    customer: CustomerId,
    until: Time,
}

/// The hold of an event.
fn hold_of(reader: &mut Reader, id: &EventId) -> Result<Result<Held, Problem>, ReadError> {
    let nothing = || {
        let problem = "no event with this id is in the journal; open holds are listed at /v1/holds";
        Err(Problem::absent(problem))
    };
    let Some(found) = reader.journal.find(id.as_str())? else { return Ok(nothing()) };
    let Some(entry) = reader.journal.get(found.seq)? else { return Ok(nothing()) };
    let Some((_, event)) = event(&entry)? else { return Ok(nothing()) };
    let decided = Decided::of(&entry).filter(|_| event.asked);
    let until = decided.as_ref().and_then(Decided::held_until);
    Ok(match (until, event.customer) {
        (Some(until), Some(customer)) => Ok(Held { customer, until }),
        _ => {
            let said = decided.map_or_else(
                || "it was told as a fact".to_owned(),
                |decided| format!("the decision was `{}`", decided.decision),
            );
            Err(Problem::conflict(format!("the event was not held: {said}")))
        }
    })
}
