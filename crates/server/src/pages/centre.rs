//! Logins, notices and the lock on `/security`, as the template shows them, and what "this was not me" does there. Must not know
//! authenticators.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use intel::Intel;
use model::Time;
use model::event::EventId;
use serde::Deserialize;
use serde_json::json;

use super::Refused;
use super::origin::{place, program};
use super::picture::Picture;
use super::recent::{Login, Notice, Recent, What, is_theirs};
use super::texts::Texts;
use super::visits::{Visitor, acting_in_centre};
use crate::api::App;
use crate::proof::ProofError;

/// Logins that are shown without being asked for.
const SHOWN_FIRST: usize = 10;

/// What of the page is about the account and not about authenticators.
#[derive(Default)]
pub(super) struct Centre {
    pub(super) picture: Option<Picture>,
    pub(super) logins: Vec<LoginRow>,
    /// Behind a word that opens them.
    pub(super) more_logins: Vec<LoginRow>,
    /// That there are further failed ones.
    pub(super) failed_more: Option<String>,
    pub(super) notices: Vec<NoticeRow>,
    /// From when on everything is here.
    pub(super) since: Option<String>,
    /// Since when the account is locked.
    pub(super) locked: Option<String>,
    /// Whether what happened is not looked up just now.
    pub(super) is_left_out: bool,
}

/// A login.
pub(super) struct LoginRow {
    pub(super) id: String,
    pub(super) time: String,
    pub(super) place: String,
    /// None where nothing was told of it.
    pub(super) program: Option<String>,
    /// How it ended, in words and as a class.
    pub(super) ended: String,
    pub(super) class: &'static str,
    pub(super) new_place: bool,
    pub(super) new_device: bool,
}

/// A notice.
pub(super) struct NoticeRow {
    pub(super) time: String,
    pub(super) title: String,
    pub(super) what: String,
    pub(super) place: String,
}

/// What the script sends: the event it is about, if it is about one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportSent {
    #[serde(default)]
    event: Option<EventId>,
}

impl Centre {
    /// Without what happened where that is not looked up just now.
    pub(super) fn new(
        recent: Option<&Recent>,
        locked: Option<Time>,
        intel: &Intel,
        now: Time,
        texts: Texts,
    ) -> Self {
        let locked = locked.map(|since| texts.time(since));
        let Some(recent) = recent else { return Self { is_left_out: true, locked, ..Self::default() } };
        let mut logins: Vec<LoginRow> =
            recent.logins.iter().map(|login| LoginRow::new(login, intel, texts)).collect();
        let more_logins = logins.split_off(SHOWN_FIRST.min(logins.len()));
        Self {
            picture: Picture::of(&recent.logins, now, texts),
            logins,
            more_logins,
            failed_more: (recent.failed_more > 0)
                .then(|| texts.of("login.failed_more").replace("{n}", &recent.failed_more.to_string())),
            notices: recent.notices.iter().map(|notice| NoticeRow::new(notice, intel, texts)).collect(),
            since: recent.since.map(|since| texts.time(since)),
            locked,
            is_left_out: false,
        }
    }
}

impl LoginRow {
    fn new(login: &Login, intel: &Intel, texts: Texts) -> Self {
        let class = login.ended.as_str();
        Self {
            id: login.id.to_string(),
            time: texts.short(login.time),
            place: place(&login.origin, intel, texts),
            program: login.origin.user_agent.as_deref().map(|text| program(text, texts)),
            ended: texts.of_word("login", class),
            class,
            new_place: login.new_place,
            new_device: login.new_device,
        }
    }
}

impl NoticeRow {
    fn new(notice: &Notice, intel: &Intel, texts: Texts) -> Self {
        let contact = notice.contact.map(|contact| texts.of_word("contact", contact.as_str()));
        let factor = notice.factor.map(|factor| texts.of_word("factor", factor.as_str()));
        let kind = texts.of_word("kind", notice.kind.as_str());
        let title = match contact.or(factor) {
            Some(detail) => texts.of("notice.detail").replace("{kind}", &kind).replace("{detail}", &detail),
            None => kind,
        };
        let what = match notice.what {
            What::Done => texts.of("notice.done").to_owned(),
            What::Held(state) => texts.of_word("notice", state),
            What::Denied => texts.of("notice.denied").to_owned(),
            What::Reported => texts.of("notice.reported").to_owned(),
            What::Identified => texts.of("notice.identified").to_owned(),
        };
        let place = place(&notice.origin, intel, texts);
        Self { time: texts.short(notice.time), title, what, place }
    }
}

/// The customer says of a login, or of the account as a whole, that it was not them.
pub(super) async fn report(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (visitor, sent): (Visitor, ReportSent) = acting_in_centre(&app, request).await?;
    let Visitor { visit, texts, .. } = &visitor;
    let refused = |error| Refused::new(error, *texts);
    if let Some(event) = &sent.event
        && !is_theirs(&app, &visit.customer, event).await.map_err(refused)?
    {
        return Err(refused(ProofError::Absent("event")));
    }
    app.proofs.report_event(&app.observer, visit, sent.event.as_ref()).await.map_err(refused)?;
    Ok(Json(json!({ "text": texts.of("locked.title") })).into_response())
}
