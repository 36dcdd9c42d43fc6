//! `GET /v1/lists`, `GET|PUT|DELETE /v1/lists/{name}`: lists of addresses and networks, symbols, domains. A list is written as a whole, through
//! the journal, and counts from the next event on.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use engine::input::{Body, DOCUMENT_BYTES_MAX};
use engine::record::Document;
use intel::LISTS_MAX;
use model::Time;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

use super::App;
use super::openapi::Refused;
use super::parts::{Named, given, name, read_json, read_nothing};
use super::problem::Problem;
use crate::keys::Role;
use crate::lists::{Kind, ListDocument, PREFIX, compile, documents};
use crate::sequencer::AskError;

/// A list's name: 1 to 64 of ASCII letters, digits, `.`, `_`, `-`, no `.` first.
#[derive(Debug, Clone)]
struct ListName(String);

impl std::str::FromStr for ListName {
    type Err = model::Invalid;

    fn from_str(text: &str) -> Result<Self, model::Invalid> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        // `.` and `..` mean something else in a path.
        if text.is_empty() || text.len() > 64 || !text.bytes().all(allowed) || text.starts_with('.') {
            return Err(model::Invalid::value(
                "name",
                text,
                "1 to 64 of ASCII letters, digits, `.`, `_`, `-`, no `.` first",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A list to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "blocklist", "networks": ["203.0.113.7", "2001:db8::/32"]}))]
pub(super) struct ListForm {
    /// `blocklist` (an event from it has the signal `ip.listed`), `hosting`, `vpn`, `tor`, or `allow`: what it holds is marked by no other list; `thin_symbols` (an
    /// order for one has the signal `order.thin_symbol`); `known_domains` (a domain that looks like one has `payment.lookalike_domain`).
    #[schema(pattern = "^(tor|vpn|hosting|blocklist|allow|thin_symbols|known_domains)$")]
    kind: String,
    /// Addresses and networks (CIDR); 512 KiB of them.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Vec<String>, required = false)]
    networks: Option<Vec<String>>,
    /// Symbols of `thin_symbols`, domains of `known_domains` (the first 10,000 count); 512 KiB of them.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Vec<String>, required = false)]
    values: Option<Vec<String>>,
}

/// A list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListTold {
    /// Its name.
    name: String,
    /// `blocklist`, `hosting`, `vpn`, `tor`, `allow`, `thin_symbols` or `known_domains`.
    kind: String,
    /// Entries in it.
    entries: u64,
    /// `api`, or `file`: of the server's configuration, changed there.
    from: &'static str,
    /// When it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Time>,
    /// By whom: the name of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// What is in it, where one list was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    networks: Option<Vec<String>>,
    /// The same, of a list of symbols or domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<String>>,
}

/// All lists.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListsTold {
    /// The lists, those of the API first, by name.
    lists: Vec<ListTold>,
}

/// A list, written or removed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListKept {
    /// The change's place in the journal.
    seq: u64,
    /// Addresses and networks in it.
    entries: u64,
}

/// All lists.
#[utoipa::path(
    get, operation_id = "lists_list", path = "/v1/lists", tag = "lists", responses((status = 200, body = ListsTold, description = "The list, or lists, as they are now"), Refused),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Json<ListsTold>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let documents = app.sequencer.look(Vec::new(), |state, _| documents(state)).await?;
    let mut lists: Vec<ListTold> = documents.iter().filter_map(|document| told(document, false)).collect();
    let intel = app.observer.intel();
    let every = intel::ListKind::ALL.map(|kind| intel.lists_of_kind(kind));
    let of_files = every.into_iter().fold(intel::ListSet::EMPTY, intel::ListSet::union);
    lists.extend(intel.listed(of_files).map(|list| ListTold {
        name: list.name.clone(),
        kind: list.kind.as_str().to_owned(),
        entries: list.entries,
        from: "file",
        at: None,
        by: None,
        networks: None,
        values: None,
    }));
    Ok(Json(ListsTold { lists }))
}

/// One list with what is in it.
#[utoipa::path(
    get, operation_id = "lists_get", path = "/v1/lists/{name}", tag = "lists",
    params(("name" = String, Path, description = "The list's name", pattern = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$", example = "reported")),
    responses(
        (status = 200, body = ListTold, description = "The list, or lists, as they are now"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such list"),
        Refused,
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    list: Named,
) -> Result<Json<ListTold>, Problem> {
    app.authorize(&headers, Role::may_read)?;
    let ListName(name) = name(list)?;
    let document = format!("{PREFIX}{name}");
    let found = app.sequencer.look(Vec::new(), move |state, _| state.document(&document).cloned()).await?;
    found.and_then(|document| told(&document, true)).map(Json).ok_or_else(no_such_list)
}

fn no_such_list() -> Problem {
    Problem::absent("no list of this name came over the API; all lists are at /v1/lists")
}

fn told(document: &Document, whole: bool) -> Option<ListTold> {
    let list = ListDocument::read(document)?;
    let is_of_networks = matches!(Kind::from_word(&list.kind), Some(Kind::Networks(_)));
    Some(ListTold {
        name: document.name.strip_prefix(PREFIX)?.to_owned(),
        entries: u64::try_from(list.entries()).unwrap_or(u64::MAX),
        kind: list.kind,
        from: "api",
        at: Time::from_us(document.at_us),
        by: Some(document.by.clone()),
        networks: (whole && is_of_networks).then_some(list.networks),
        values: (whole && !is_of_networks).then_some(list.values),
    })
}

/// Writes a list, in place of what it held before.
#[utoipa::path(
    put, operation_id = "lists_put", path = "/v1/lists/{name}", tag = "lists", request_body = ListForm,
    params(("name" = String, Path, description = "The list's name", pattern = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$", example = "reported")),
    responses(
        (status = 200, body = ListKept, description = "The list, or lists, as they are now"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There are 64 lists already"),
        (status = 413, body = Problem, content_type = "application/problem+json",
         description = "The body is too large"),
        (status = 422, body = Problem, content_type = "application/problem+json",
         description = "A field cannot be accepted; `field` names it"),
        Refused,
    ),
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    list: Named,
    request: Request,
) -> Result<Json<ListKept>, Problem> {
    let actor = app.authorize(request.headers(), Role::may_change)?;
    let list: ListName = name(list)?;
    let form: ListForm = read_json(request, DOCUMENT_BYTES_MAX).await?;
    if form.networks.is_none() && form.values.is_none() {
        return Err(Problem::invalid(".", "missing field `networks`, or `values` for symbols and domains"));
    }
    let document = ListDocument {
        kind: form.kind,
        networks: form.networks.unwrap_or_default(),
        values: form.values.unwrap_or_default(),
    };
    document.check().map_err(|bad| Problem::invalid(bad.field, bad.problem))?;
    write(&app, list, Some(document), actor.name.clone()).await
}

/// Removes a list.
#[utoipa::path(
    delete, operation_id = "lists_delete", path = "/v1/lists/{name}", tag = "lists",
    params(("name" = String, Path, description = "The list's name", pattern = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$", example = "reported")),
    responses(
        (status = 200, body = ListKept, description = "The list, or lists, as they are now"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No such list"),
        Refused,
    ),
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    list: Named,
    request: Request,
) -> Result<Json<ListKept>, Problem> {
    let actor = app.authorize(&headers, Role::may_change)?;
    read_nothing(request).await?;
    write(&app, name(list)?, None, actor.name.clone()).await
}

/// How long to wait when the sequencer's queue is full.
pub(super) const BUSY_REST: std::time::Duration = std::time::Duration::from_millis(50);

async fn write(
    app: &App,
    ListName(list): ListName,
    document: Option<ListDocument>,
    by: String,
) -> Result<Json<ListKept>, Problem> {
    // One after the other, so that the lists that count are those of the last change.
    let _one = app.changing_lists.lock().await;
    let name = format!("{PREFIX}{list}");
    let asked = name.clone();
    let look = move |state: &engine::State, _: &engine::Policy| {
        (state.document(&asked).is_some(), state.documents(PREFIX).len())
    };
    let (is_there, count) = app.sequencer.look(Vec::new(), look).await?;
    match (&document, is_there) {
        (None, false) => return Err(no_such_list()),
        (Some(_), false) if count >= LISTS_MAX => {
            let problem = format!("there are {LISTS_MAX} lists already; DELETE one, or put two together");
            return Err(Problem::conflict(problem));
        }
        _ => {}
    }
    let entries = document.as_ref().map_or(0, ListDocument::entries);
    let bytes = document.map(|document| serde_json::to_vec(&document).unwrap_or_default());
    if bytes.as_ref().is_some_and(|bytes| bytes.len() > DOCUMENT_BYTES_MAX) {
        return Err(Problem::too_large(format!("a list may have {DOCUMENT_BYTES_MAX} bytes; use two lists")));
    }
    let answered = app.sequencer.ask(None, [0; 16], Body::Document { name, bytes, by }, false).await?;
    // It is durable: what counts must follow, however long the queue is.
    let documents = loop {
        match app.sequencer.look(Vec::new(), |state, _| documents(state)).await {
            Ok(documents) => break documents,
            Err(AskError::Busy | AskError::Late) => tokio::time::sleep(BUSY_REST).await,
            Err(error) => return Err(error.into()),
        }
    };
    let compiled = tokio::task::spawn_blocking(move || compile(&documents)).await;
    let compiled =
        compiled.map_err(|_| Problem::not_now("the lists could not be compiled; restart the server", 60))?;
    app.observer.set_lists(compiled);
    Ok(Json(ListKept { seq: answered.seq, entries: u64::try_from(entries).unwrap_or(u64::MAX) }))
}
