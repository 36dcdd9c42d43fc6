//! `POST /v1/passwords/check`: a candidate password, judged. It is kept nowhere and told to nobody: refusals say where they found
//! what, and never what came.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::IntoResponse;
use model::CustomerId;
use model::customer::text_key;
use serde::{Deserialize, Deserializer, Serialize};
use stepup::password::{BirthDate, Candidate, OtherVerifier, Personal};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::openapi::Refused;
use super::parts::read_json_blind;
use super::problem::Problem;
use super::{App, prefers_japanese, profiles};
use crate::keys::Role;
use crate::passwords::{self, Asked, NotNow};

/// Bytes of a request at most.
const BODY_BYTES_MAX: usize = 16 << 10;
/// Items of the customer's own data at most.
const ITEMS_MAX: usize = 32;
/// Bytes of each.
const ITEM_BYTES_MAX: usize = 320;
/// What fields are called: a refusal names no other.
const FIELDS: &[&str] = &[
    "password",
    "customer",
    "with_other_factor",
    "profile",
    "personal",
    "other_verifier",
    "names",
    "emails",
    "phones",
    "addresses",
    "identifiers",
    "birth_date",
];

/// A text that clears itself and is never shown.
#[derive(Default)]
struct Hidden(Zeroizing<String>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(…)")
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// A candidate password and what is known of whose it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "password": "correct zebra anthem mailbox", "customer": "C0012345", "with_other_factor": false,
    "personal": {"names": ["山田 太郎", "ヤマダ タロウ"], "emails": ["taro@example.jp"], "phones": ["090-1234-5678"], "birth_date": "1980-04-01"},
}))]
pub(super) struct PasswordForm {
    /// The candidate as it was typed. Kept nowhere.
    #[schema(value_type = String, format = Password, max_length = 4096)]
    password: Hidden,
    /// Whose it would be, 1 to 64 bytes: a profile that was PUT is looked at too, and the customer's rate counts.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    customer: Option<String>,
    /// Whether another factor is asked for beside it: it may be shorter then.
    #[serde(default)]
    with_other_factor: bool,
    /// `nist-800-63b-4` or `broker-classic`, in place of the configured one.
    #[schema(pattern = "^(nist-800-63b-4|broker-classic)$")]
    profile: Option<String>,
    /// What a guesser may know of the customer. Kept nowhere.
    #[serde(default)]
    #[schema(required = false)]
    personal: PersonalForm,
    /// What the broker keeps of the customer's other password: a PHC string (argon2, scrypt, pbkdf2) or bcrypt's. Kept nowhere.
    #[schema(value_type = Option<String>, max_length = 512)]
    other_verifier: Option<Hidden>,
}

/// What a guesser may know of a customer: at most 32 items of up to 320 bytes.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PersonalForm {
    /// Names in kanji, kana and Latin letters.
    #[schema(required = false, max_items = 32)]
    names: Vec<String>,
    /// Mail addresses.
    #[schema(required = false, max_items = 32)]
    emails: Vec<String>,
    /// Telephone numbers.
    #[schema(required = false, max_items = 32)]
    phones: Vec<String>,
    /// Postal addresses.
    #[schema(required = false, max_items = 32)]
    addresses: Vec<String>,
    /// Login names, account numbers and the like.
    #[schema(required = false, max_items = 32)]
    identifiers: Vec<String>,
    /// `YYYY-MM-DD`.
    #[schema(value_type = Option<String>, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    birth_date: Option<String>,
}

impl std::fmt::Debug for PersonalForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonalForm(…)")
    }
}

/// What became of a candidate.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PasswordJudged {
    /// Whether nothing refuses it.
    acceptable: bool,
    /// From 0, guessed at once, to 4, more than 10^10 guesses.
    #[schema(minimum = 0, maximum = 4)]
    score: u8,
    /// By which profile.
    profile: &'static str,
    /// What is wrong with it.
    findings: Vec<BrokenRule>,
}

/// A rule that is broken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BrokenRule {
    /// The rule's name; docs/passwords.md has them all.
    rule: &'static str,
    /// Whether the candidate is refused for it; else it is advice.
    refuses: bool,
    /// What to tell the customer: in Japanese, or in English where `Accept-Language` prefers it.
    text: String,
}

/// Judges a candidate password. Nothing of it is kept.
#[utoipa::path(
    post, operation_id = "passwords_check", path = "/v1/passwords/check", tag = "send", request_body = PasswordForm,
    responses(
        (status = 200, body = PasswordJudged, description = "It is judged"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        (status = 429, body = Problem, content_type = "application/problem+json",
         description = "Too many in a short time for the key or the customer; `Retry-After` says when to come again"),
        Refused,
    ),
)]
pub(super) async fn check(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<impl IntoResponse, Problem> {
    let holder = app.authorize(request.headers(), Role::may_send)?;
    let japanese = prefers_japanese(request.headers());
    let form: PasswordForm = read_json_blind(request, BODY_BYTES_MAX, FIELDS).await?;
    let customer = form.customer.as_deref().map(customer_id).transpose()?;
    let who = customer.as_ref().map(|id| id.key().0);
    app.passwords.rates.take(text_key(&holder.name), who, (app.clock)().as_us()).map_err(|often| {
        let detail = format!("too many passwords for this {}; nothing was judged", often.whose);
        Problem::too_often(detail, often.retry_after_s)
    })?;
    let mut personal = form.personal.read()?;
    if let Some(id) = &customer {
        personal.add(id.as_str());
        if let Some(known) = profiles::known(&app, id).await? {
            known.add_to(&mut personal);
        }
    }
    let profile = form.profile.as_deref().map(|name| passwords::profile(name, false)).transpose();
    let other = form.other_verifier.as_ref().map(|text| OtherVerifier::parse(&text.0)).transpose();
    let asked = Asked {
        candidate: Candidate::new(form.password.0),
        personal,
        other: other.map_err(|error| Problem::invalid("other_verifier", error.to_string()))?,
        with_other_factor: form.with_other_factor,
        // The name that came is not repeated: a password may have got there.
        profile: profile
            .map_err(|_named| Problem::invalid("profile", "allowed: nist-800-63b-4, broker-classic"))?,
    };
    let (judgement, profile) = app.passwords.judge(asked).await.map_err(|error| match error {
        NotNow::Busy => Problem::not_now("too many passwords are being judged", 1),
        NotNow::Ended => Problem::not_now("judging the password ended unexpectedly", 10),
    })?;
    let findings = judgement.findings.iter().map(|finding| BrokenRule {
        rule: finding.rule.as_str(),
        refuses: finding.refuses,
        text: passwords::text(finding.rule, &judgement, &profile, japanese),
    });
    let judged = PasswordJudged {
        acceptable: judgement.is_acceptable(),
        score: judgement.score,
        profile: profile.name,
        findings: findings.collect(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(judged)))
}

fn customer_id(text: &str) -> Result<CustomerId, Problem> {
    text.parse().map_err(|_invalid: model::Invalid| {
        Problem::invalid("customer", "allowed: 1 to 64 bytes of text without control characters")
    })
}

impl PersonalForm {
    fn read(&self) -> Result<Personal, Problem> {
        let Self { names, emails, phones, addresses, identifiers, birth_date } = self;
        let texts = [names, phones, addresses, identifiers].into_iter().flatten();
        let count = texts.clone().count().saturating_add(emails.len());
        if count > ITEMS_MAX {
            return Err(Problem::invalid(
                "personal",
                format!("came {count} items; allowed: at most {ITEMS_MAX}"),
            ));
        }
        if texts.clone().chain(emails).any(|text| text.len() > ITEM_BYTES_MAX) {
            let problem = format!("an item is too long; allowed: at most {ITEM_BYTES_MAX} bytes");
            return Err(Problem::invalid("personal", problem));
        }
        let mut personal = Personal::default();
        texts.for_each(|text| personal.add(text));
        emails.iter().for_each(|address| personal.add_email(address));
        if let Some(date) = birth_date {
            let date = BirthDate::parse(date)
                .ok_or_else(|| Problem::invalid("personal.birth_date", "allowed: a day as YYYY-MM-DD"))?;
            personal.add_birth(date);
        }
        Ok(personal)
    }
}
