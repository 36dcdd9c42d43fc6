//! `PUT /v1/customers/{id}`, `POST /v1/customers/{id}/unmask`: what the broker tells of a customer. Everything personal is sealed before it goes anywhere; the
//! engine gets a keyed hash of the holder's name and the day the account was opened. Shown again only masked, but for who says why and is noted.

use axum::Json;
use axum::extract::{Request, State};
use engine::input::Body;
use model::client::Language;
use model::details::ContactValue;
use model::event::Reason;
use model::{ContactType, CustomerId, HolderName, Time, mask};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use stepup::password::Personal;
use utoipa::ToSchema;

use super::App;
use super::openapi::Refused;
use super::parts::{Named, name, read_json};
use super::problem::Problem;
use crate::keys::Role;
use crate::profile::{self, Contact, Profile};

/// Bytes of a profile at most.
const BODY_BYTES_MAX: usize = 16 << 10;
/// How far ahead of this clock a day may lie: clocks differ.
const AHEAD_MAX_US: i64 = 5 * 60 * model::time::SECOND_US;
/// Contacts of a customer at most.
const CONTACTS_MAX: usize = 16;

/// What the broker tells of a customer. It takes the place of what was told before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "holder": "ヤマダ タロウ", "language": "ja", "opened": "2019-04-01T00:00:00+09:00",
    "contacts": [{"type": "email", "value": "taro@example.jp"}, {"type": "phone", "value": "090-1234-5678"}],
}))]
pub(super) struct ProfileForm {
    /// The name in kana, as the customer's bank accounts must carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 192)]
    holder: Option<HolderName>,
    /// How the customer is reached, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    contacts: Vec<ContactForm>,
    /// Language for notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    language: Option<Language>,
    /// When the account was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    opened: Option<Time>,
}

/// A way to reach a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ContactForm {
    /// `email`, `phone` or `address`.
    #[schema(value_type = String, pattern = "^(email|phone|address)$")]
    r#type: ContactType,
    /// The mail address, number or postal address.
    #[schema(value_type = String, min_length = 1, max_length = 320)]
    value: ContactValue,
}

/// What is shown of a profile: enough to recognise it, not enough to use it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "holder": "ヤ•••••", "language": "ja", "opened": "2019-03-31T15:00:00.000000Z",
    "contacts": [{"type": "email", "value": "t•••@example.jp"}, {"type": "phone", "value": "•••••••••••78"}],
}))]
pub(super) struct MaskedProfile {
    /// The name's first character.
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
    /// Contacts with their middle hidden.
    contacts: Vec<MaskedContact>,
    /// Language for notices.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// When the account was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    opened: Option<Time>,
}

/// A contact with most of it hidden.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MaskedContact {
    /// `email`, `phone` or `address`.
    r#type: &'static str,
    /// What is shown of it.
    value: String,
}

/// What became of a profile.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProfileKept {
    /// The profile as it is shown.
    profile: MaskedProfile,
    /// Whether it is another one than before; the same one again is not written again.
    changed: bool,
}

/// Keeps what the broker tells of a customer, in place of what was told before.
#[utoipa::path(
    put, operation_id = "customers_put", path = "/v1/customers/{id}", tag = "customers", request_body = ProfileForm,
    params(("id" = String, Path, description = "The broker's identifier",
            max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "C0012345")),
    responses(
        (status = 200, body = ProfileKept, description = "The profile is kept"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<ProfileKept>, Problem> {
    app.authorize(request.headers(), Role::may_change)?;
    let id: CustomerId = name(id)?;
    let form: ProfileForm = read_json(request, BODY_BYTES_MAX).await?;
    if form.contacts.len() > CONTACTS_MAX {
        let problem = format!("came {}; allowed: at most {CONTACTS_MAX}", form.contacts.len());
        return Err(Problem::invalid("contacts", problem));
    }
    let now = (app.clock)();
    if form.opened.is_some_and(|opened| opened > now.plus_us(AHEAD_MAX_US)) {
        return Err(Problem::invalid("opened", "lies ahead of now; allowed: the day the account was opened"));
    }
    let comparable = form.holder.as_ref().map(comparable).transpose()?;
    let before = profile::sealed(&app.sequencer, &id).await?;
    let before = before.and_then(|sealed| profile::open(&app.secret, &id, &sealed));
    let changed = before.as_ref().map(ProfileForm::from).as_ref() != Some(&form);
    if changed {
        let kept = Profile::from(&form).following(before.as_ref(), now);
        let sealed = profile::seal(&app.secret, &id, &kept)
            .map_err(|error| Problem::not_now(format!("sealing the profile failed: {error}"), 10))?;
        let holder = comparable.map(|holder| app.secret.holder_key(&holder));
        let body = engine::input::Profile { customer: id, holder, opened: form.opened, sealed };
        app.sequencer.ask(None, [0; 16], Body::Profile(body), false).await?;
    }
    Ok(Json(ProfileKept { profile: MaskedProfile::from(&form), changed }))
}

/// The form in which a name is compared. One that cannot be would silently take away a signal, so it is refused here, where no
/// customer waits; in an event, where one does, it only says nothing.
fn comparable(holder: &HolderName) -> Result<String, Problem> {
    let allowed = "came a name that cannot be compared (not shown); allowed: the name in kana, or Latin letters, as banks carry it";
    holder.comparable().ok_or_else(|| Problem::invalid("holder", allowed))
}

/// Why somebody must see a profile.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "電話での照会"}))]
pub(super) struct Unmasking {
    /// Why, 1 to 256 bytes; kept in clear with the name of the key: no personal data in it.
    #[schema(value_type = String, min_length = 1, max_length = 256, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    reason: Reason,
}

/// A profile in full.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnmaskedProfile {
    /// What the broker told.
    profile: ProfileForm,
}

/// Shows a customer's profile in full. Who asked and why is noted first, for good: see /v1/audit.
#[utoipa::path(
    post, operation_id = "customers_unmask", path = "/v1/customers/{id}/unmask", tag = "customers", request_body = Unmasking,
    params(("id" = String, Path, description = "The broker's identifier",
            max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", example = "C0012345")),
    responses(
        (status = 200, body = UnmaskedProfile, description = "The profile in full"),
        (status = 404, body = Problem, content_type = "application/problem+json",
         description = "No profile of this customer came"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn unmask(
    State(app): State<Arc<App>>,
    id: Named,
    request: Request,
) -> Result<Json<UnmaskedProfile>, Problem> {
    let actor = app.authorize(request.headers(), Role::may_operate)?;
    let id: CustomerId = name(id)?;
    let Unmasking { reason } = read_json(request, BODY_BYTES_MAX).await?;
    let sealed = profile::sealed(&app.sequencer, &id).await?;
    let sealed = sealed.ok_or_else(|| Problem::absent("no profile of this customer came; PUT one"))?;
    app.act("profile.unmask", id.to_string(), actor.name.clone(), Some(reason)).await?;
    let profile = opened(&app, &id, &sealed).ok_or_else(unopened)?;
    Ok(Json(UnmaskedProfile { profile }))
}

/// What the broker told of a customer, where it did and its envelope opens.
pub(super) async fn known(app: &App, id: &CustomerId) -> Result<Option<ProfileForm>, Problem> {
    let sealed = profile::sealed(&app.sequencer, id).await?;
    Ok(sealed.and_then(|sealed| opened(app, id, &sealed)))
}

impl ProfileForm {
    /// Tells what a guesser may know of the customer.
    pub(super) fn add_to(&self, personal: &mut Personal) {
        if let Some(holder) = &self.holder {
            personal.add(holder.as_str());
        }
        for contact in &self.contacts {
            match contact.r#type {
                ContactType::Email => personal.add_email(contact.value.as_str()),
                ContactType::Phone | ContactType::Address => personal.add(contact.value.as_str()),
            }
        }
    }
}

/// A profile that was kept, masked.
pub(super) fn masked(app: &App, id: &CustomerId, sealed: &[u8]) -> Result<MaskedProfile, Problem> {
    opened(app, id, sealed).as_ref().map(MaskedProfile::from).ok_or_else(unopened)
}

fn unopened() -> Problem {
    crate::log::line("profile.unreadable", "an envelope does not open; is `secret` the folder's own?");
    Problem::not_now("the customer's profile cannot be opened; the server's log says why", 60)
}

fn opened(app: &App, id: &CustomerId, sealed: &[u8]) -> Option<ProfileForm> {
    Some(ProfileForm::from(&profile::open(&app.secret, id, sealed)?))
}

impl From<&ProfileForm> for Profile {
    fn from(form: &ProfileForm) -> Self {
        let contact =
            |each: &ContactForm| Contact { r#type: each.r#type, value: each.value.clone(), since: None };
        Self {
            holder: form.holder.clone(),
            contacts: form.contacts.iter().map(contact).collect(),
            language: form.language.clone(),
            opened: form.opened,
        }
    }
}

impl From<&Profile> for ProfileForm {
    fn from(kept: &Profile) -> Self {
        let contact = |each: &Contact| ContactForm { r#type: each.r#type, value: each.value.clone() };
        Self {
            holder: kept.holder.clone(),
            contacts: kept.contacts.iter().map(contact).collect(),
            language: kept.language.clone(),
            opened: kept.opened,
        }
    }
}

impl From<&ProfileForm> for MaskedProfile {
    fn from(form: &ProfileForm) -> Self {
        let contacts = form.contacts.iter().map(|contact| MaskedContact {
            r#type: contact.r#type.as_str(),
            value: mask::value(contact.r#type.into(), contact.value.as_str()),
        });
        Self {
            holder: form.holder.as_ref().map(|holder| mask::value(mask::Kind::Name, holder.as_str())),
            contacts: contacts.collect(),
            language: form.language.as_ref().map(ToString::to_string),
            opened: form.opened,
        }
    }
}
