//! What several handlers read from a request: names in paths, queries, bodies of JSON. Every refusal says what is allowed.
//! Must not know what is done with them.

use std::convert::Infallible;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use model::objects::{self, Objects};
use serde::Deserializer;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::read_body;

/// Most that is given at once.
pub(super) const PAGE_MAX: u16 = 200;
/// Bytes of a body that has nothing to say.
const NOTHING_BYTES_MAX: usize = 4 << 10;
/// What is given at once where nothing else is asked for.
pub(super) const PAGE: u16 = 50;

/// The highest place in a journal.
pub(super) const PLACE_MAX: u64 = i64::MAX.unsigned_abs();

/// A name in a path, as received.
pub(super) type Named = Result<Path<String>, PathRejection>;

/// A query, as received: read, or why it cannot be.
#[derive(Debug)]
pub(super) struct Asked<T>(Result<T, Problem>);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let escaped = escapes(parts.uri.query().unwrap_or(""));
        Ok(Self(escaped.and_then(|()| {
            let read = Query::try_from_uri(&parts.uri);
            read.map(|Query(query)| query).map_err(|error| invalid_query(&error))
        })))
    }
}

/// The name in a path, as what it must be.
pub(super) fn name<T: std::str::FromStr<Err = model::Invalid>>(named: Named) -> Result<T, Problem> {
    let Path(text) = named.map_err(|error| Problem::invalid_query(error.body_text()))?;
    text.parse().map_err(|invalid: model::Invalid| Problem::invalid_query(invalid.to_string()))
}

/// The number in a path.
pub(super) fn number(named: Named) -> Result<u32, Problem> {
    let Path(text) = named.map_err(|error| Problem::invalid_query(error.body_text()))?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        let came: String = text.chars().take(32).collect();
        Problem::invalid_query(format!("came {came:?}; allowed: a whole number up to {}", u32::MAX))
    })
}

/// The query, as what it must be. Whoever calls this has looked at the key: why a query cannot be read is for who may ask.
pub(super) fn query<T>(asked: Asked<T>) -> Result<T, Problem> {
    asked.0
}

/// That every `%` begins a byte in two hexadecimal digits, and the bytes are UTF-8. What is read behind this puts replacement characters
/// in the place of what is not, and would look for a customer of another name.
fn escapes(query: &str) -> Result<(), Problem> {
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Ok(name) = unescaped(name) else {
            let problem = "a parameter's name is not UTF-8 in percent escapes; allowed: `%` and two hexadecimal digits a byte, as in %E3%81%82";
            return Err(Problem::invalid_query(problem));
        };
        unescaped(value).map_err(|problem| Problem::invalid_parameter(name, problem))?;
    }
    Ok(())
}

/// The text behind percent escapes, or what is wrong with them.
pub(super) fn unescaped(escaped: &str) -> Result<String, &'static str> {
    let is_byte = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !escaped.split('%').skip(1).all(is_byte) {
        return Err(
            "came with `%` before something else than two hexadecimal digits; allowed: `%25` for the sign itself",
        );
    }
    let text = percent_encoding::percent_decode_str(escaped).decode_utf8();
    let text = text
        .map_err(|_not_utf8| "came in percent escapes that are not UTF-8; allowed: UTF-8, as in %E3%81%82")?;
    Ok(text.into_owned())
}

/// Names the parameter that is wrong, which lies among the causes of the rejection.
fn invalid_query(error: &QueryRejection) -> Problem {
    type Bad = serde_path_to_error::Error<serde::de::value::Error>;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(bad) = error.downcast_ref::<Bad>() {
            return Problem::invalid_parameter(bad.path().to_string(), in_words(&bad.inner().to_string()));
        }
        cause = error.source();
    }
    Problem::invalid_query(error.body_text())
}

/// What the standard library says of numbers and flags, for who does not know it.
fn in_words(problem: &str) -> String {
    let words = match problem {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "this is no number; allowed: a whole number in digits"
        }
        "number too large to fit in target type" | "number too small to fit in target type" => {
            "the number is out of range; allowed: a smaller whole number, from 0"
        }
        "provided string was not `true` or `false`" => "allowed: true, false",
        other => other,
    };
    words.to_owned()
}

/// How many are asked for.
pub(super) fn limit(asked: Option<u16>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        let problem = format!("`limit` came as {limit}; allowed: 1 to {PAGE_MAX}");
        return Err(Problem::invalid_parameter("limit", problem));
    }
    Ok(usize::from(limit))
}

/// The place before which something is asked for: the end, unless given.
pub(super) fn before(asked: Option<u64>) -> Result<u64, Problem> {
    match asked {
        None => Ok(PLACE_MAX),
        Some(place) if (1..=PLACE_MAX).contains(&place) => Ok(place),
        Some(place) => {
            let problem =
                format!("`before` came as {place}; allowed: 1 to {PLACE_MAX}, `next` of the page before");
            Err(Problem::invalid_parameter("before", problem))
        }
    }
}

/// The place after which something is asked for: the beginning, unless given.
pub(super) fn after(asked: Option<u64>) -> Result<u64, Problem> {
    let place = asked.unwrap_or(0);
    if place > PLACE_MAX {
        let problem =
            format!("`after` came as {place}; allowed: 0 to {PLACE_MAX}, `next` of the page before");
        return Err(Problem::invalid_parameter("after", problem));
    }
    Ok(place)
}

/// A list in a form that may be absent, but not `null`.
pub(super) fn given<'de, D: Deserializer<'de>, T: serde::Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The body, as what it must be. Names the first field that cannot be accepted.
pub(super) async fn read_json<T: DeserializeOwned>(request: Request, bytes_max: usize) -> Result<T, Problem> {
    parse_json(&read_body(request, bytes_max).await?)
}

/// As [`read_json`], for bodies that may hold a secret anywhere: a refusal repeats nothing that came, and names a field only by
/// one of these names.
pub(super) async fn read_json_blind<T: DeserializeOwned>(
    request: Request,
    bytes_max: usize,
    fields: &[&str],
) -> Result<T, Problem> {
    let body = read_body(request, bytes_max).await?;
    let mut deserializer = serde_json::Deserializer::from_slice(&body);
    let value = serde_path_to_error::deserialize(Objects(&mut deserializer)).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        match inner.classify() {
            serde_json::error::Category::Data => {
                let is_ours =
                    |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) || fields.contains(&part);
                let path = if path.split(['.', '[', ']']).all(is_ours) { path } else { ".".to_owned() };
                let told = without_what_came(&inner);
                Problem::invalid(field(path, &told), told)
            }
            _ => Problem::unreadable(format!(
                "not JSON, seen at line {} column {}",
                inner.line(),
                inner.column()
            )),
        }
    })?;
    deserializer.end().map_err(|_more| Problem::unreadable("not one JSON document: more came behind it"))?;
    Ok(value)
}

/// What serde says, without the part that repeats what came.
fn without_what_came(error: &serde_json::Error) -> String {
    let (line, column, text) = (error.line(), error.column(), error.to_string());
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _place)| text);
    // What came stands before; behind the last of these is only what this program expects.
    let begins = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    let expected = match text {
        _ if begins(&["invalid type: ", "invalid value: ", "unknown field `"]) => {
            text.rsplit_once(", expected ")
        }
        _ if begins(&["came "]) => text.rsplit_once("; allowed: "),
        _ => None,
    };
    let said = match expected {
        _ if begins(&["missing field `"]) => text.to_owned(),
        Some((_came, expected)) => format!("what came is not allowed here; allowed: {expected}"),
        None => "what came is not allowed here; the fields and their forms are at /openapi.json".to_owned(),
    };
    format!("{said}, at line {line} column {column}")
}

/// The field that is wrong: where one is missing or came twice, that one, and not what it belongs to.
fn field(path: String, told: &str) -> String {
    let named = told.strip_prefix("missing field `").or_else(|| told.strip_prefix("duplicate field `"));
    match named.and_then(|rest| rest.split('`').next()) {
        None => path,
        Some(name) if path == "." => name.to_owned(),
        Some(name) => format!("{path}.{name}"),
    }
}

fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(Objects(&mut deserializer)).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.into_inner());
        match inner.classify() {
            // What is wrong in it may come before where it breaks off.
            serde_json::error::Category::Data => not_json(body).unwrap_or_else(|| {
                let told = objects::told(&inner);
                Problem::invalid(field(path, &told), told)
            }),
            _ => Problem::unreadable(format!("not JSON: {inner}")),
        }
    })?;
    deserializer.end().map_err(|error| Problem::unreadable(format!("not one JSON document: {error}")))?;
    Ok(value)
}

/// What is wrong with a body that is no JSON at all.
pub(super) fn not_json(body: &[u8]) -> Option<Problem> {
    let problem = match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str::<serde::de::IgnoredAny>(text).err()?.to_string(),
        Err(_) => "it is not UTF-8".to_owned(),
    };
    Some(Problem::unreadable(format!("not one JSON object: {problem}")))
}

/// As [`read_json`]; where nothing came, or `null`, the default.
pub(super) async fn read_json_or_default<T: DeserializeOwned + Default>(
    request: Request,
    bytes_max: usize,
) -> Result<T, Problem> {
    let body = read_body(request, bytes_max).await?;
    if body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    Ok(parse_json::<Option<T>>(&body)?.unwrap_or_default())
}

/// That nothing came, or nothing in an object: a request that says all by its path. Who tells a reason where none is kept learns it.
pub(super) async fn read_nothing(request: Request) -> Result<(), Problem> {
    #[derive(Default, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    let Nothing {} = read_json_or_default(request, NOTHING_BYTES_MAX).await?;
    Ok(())
}
