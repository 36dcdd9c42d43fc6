//! `POST /v1/mask`: personal data with most of it hidden, as this server shows it itself. Nothing of it is kept.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use model::mask;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::event_sent::MaskWord;
use super::openapi::Refused;
use super::parts::read_json_blind;
use super::problem::Problem;

/// Bytes of a request at most.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Values at most.
const FIELDS_MAX: usize = 256;
/// What fields are called: a refusal names no other.
const FIELDS: &[&str] = &["fields", "kind", "value", "text"];

/// What is to be masked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "fields": [{"kind": "name", "value": "山田太郎"}, {"kind": "phone", "value": "03-1234-5678"}],
    "text": "昭和55年4月1日生まれ、連絡先はtaro@example.jp",
}))]
pub(super) struct MaskForm {
    /// Values of a known kind, at most 256.
    #[serde(default)]
    #[schema(required = false, max_items = 256)]
    fields: Vec<FieldForm>,
    /// Free text, in which mail addresses, dates and numbers of somebody's are found. Names are not.
    text: Option<String>,
}

/// A value and its kind.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldForm {
    #[schema(value_type = MaskWord)]
    kind: mask::Kind,
    /// What is to be masked.
    value: String,
}

/// What was masked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Masked {
    /// The values in their order.
    fields: Vec<FieldMasked>,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// What was found in the text, in its order.
    #[schema(value_type = Vec<MaskWord>)]
    found: Vec<mask::Kind>,
}

/// A value, masked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FieldMasked {
    #[schema(value_type = MaskWord)]
    kind: mask::Kind,
    /// What is shown of it.
    value: String,
}

/// Masks personal data, by its kind and in free text. Nothing of it is kept.
#[utoipa::path(
    post, operation_id = "mask", path = "/v1/mask", tag = "customers", request_body = MaskForm,
    responses(
        (status = 200, body = Masked, description = "What may be shown"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn post(State(app): State<Arc<App>>, request: Request) -> Result<Json<Masked>, Problem> {
    app.authorize(request.headers(), |_any_role| true)?;
    let form: MaskForm = read_json_blind(request, BODY_BYTES_MAX, FIELDS).await?;
    if form.fields.len() > FIELDS_MAX {
        let problem = format!("came {}; allowed: at most {FIELDS_MAX}", form.fields.len());
        return Err(Problem::invalid("fields", problem));
    }
    let fields = form
        .fields
        .iter()
        .map(|field| FieldMasked { kind: field.kind, value: mask::value(field.kind, &field.value) });
    let (text, found) = form.text.as_deref().map(mask::text).map(|found| (found.text, found.kinds)).unzip();
    Ok(Json(Masked { fields: fields.collect(), text, found: found.unwrap_or_default() }))
}
