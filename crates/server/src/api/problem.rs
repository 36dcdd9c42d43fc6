//! Problem documents (RFC 9457): what went wrong, for whom, and what to do next. Must not know what was asked.

use std::num::NonZeroU32;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::policy::PolicyError;
use model::Invalid;
use serde::Serialize;
use utoipa::ToSchema;

use crate::proof::ProofError;
use crate::readers::ReadError;
use crate::sequencer::AskError;

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Stable name of the problem: `urn:sekisho:problem:invalid-event` and the like.
    pub r#type: &'static str,
    /// The same in words.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What came, what is allowed, what to do.
    pub detail: String,
    /// The field, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The line of a text, from 1, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column of that line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Why a proof is not taken, in a word that stays: docs/proof.md lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Whole seconds after which to come again, as in `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub retry_after_seconds: Option<NonZeroU32>,
}

impl Problem {
    fn new(status: StatusCode, name: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            r#type: name,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            line: None,
            column: None,
            reason: None,
            retry_after_seconds: None,
        }
    }

    /// The event cannot be accepted.
    #[must_use]
    pub fn invalid_event(invalid: Invalid) -> Self {
        let problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "urn:sekisho:problem:invalid-event",
            "The event cannot be accepted",
            invalid.problem,
        );
        Self { field: Some(invalid.field), ..problem }
    }

    /// A field of a body cannot be accepted.
    #[must_use]
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let title = "The request cannot be accepted";
        let problem =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "urn:sekisho:problem:invalid", title, detail);
        Self { field: Some(field.into()), ..problem }
    }

    /// A policy does not compile.
    #[must_use]
    pub fn invalid_policy(error: PolicyError) -> Self {
        let title = "The policy is refused; the one in force stays";
        let problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "urn:sekisho:problem:invalid-policy",
            title,
            error.problem,
        );
        Self {
            field: Some("policy".to_owned()),
            line: u32::try_from(error.line).ok(),
            column: u32::try_from(error.column).ok(),
            ..problem
        }
    }

    /// The path or the query cannot be understood.
    #[must_use]
    pub fn invalid_query(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "urn:sekisho:problem:invalid-query",
            "The path or the query cannot be understood",
            detail,
        )
    }

    /// A parameter of the query cannot be accepted.
    #[must_use]
    pub fn invalid_parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: Some(name.into()), ..Self::invalid_query(detail) }
    }

    /// What the path names does not exist.
    #[must_use]
    pub fn absent(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "urn:sekisho:problem:absent", "There is no such thing", detail)
    }

    /// It does not fit what is so already.
    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "urn:sekisho:problem:conflict",
            "It does not fit what is so already",
            detail,
        )
    }

    /// Nothing is wrong with the request, but not now.
    #[must_use]
    pub fn not_now(detail: impl Into<String>, retry_after_s: u16) -> Self {
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "urn:sekisho:problem:not-now",
            "Not at the moment",
            detail,
        );
        Self { retry_after_seconds: NonZeroU32::new(retry_after_s.into()), ..problem }
    }

    /// Nothing is wrong with the request, but it came too soon after others.
    #[must_use]
    pub fn too_often(detail: impl Into<String>, retry_after_s: u16) -> Self {
        let problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "urn:sekisho:problem:too-often",
            "Too many in a short time",
            detail,
        );
        Self { retry_after_seconds: NonZeroU32::new(retry_after_s.into()), ..problem }
    }

    /// The body as a whole cannot be read.
    #[must_use]
    pub fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "urn:sekisho:problem:unreadable-body",
            "The body cannot be read",
            detail,
        )
    }

    /// The body is too large.
    #[must_use]
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "urn:sekisho:problem:too-large",
            "The body is too large",
            detail,
        )
    }

    /// The body is compressed.
    #[must_use]
    pub fn encoded() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "urn:sekisho:problem:encoded-body",
            "The body is encoded",
            "it came with the header `Content-Encoding`; send it as it is, without that header",
        )
    }

    /// No key, or an unknown one.
    #[must_use]
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "urn:sekisho:problem:unauthorized", "A key is needed", detail)
    }

    /// The key does not allow it.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "urn:sekisho:problem:forbidden",
            "The key does not allow this",
            detail,
        )
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        if matches!(error, ReadError::Busy) {
            return Self::not_now(error.to_string(), 1);
        }
        // The path of a file is for operators, who find it in the log.
        crate::log::line("read.failed", &crate::log::with_sources(&error));
        Self::not_now("the server could not read its records; its log says why", 10)
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        let detail = error.to_string();
        match error {
            AskError::Conflict { .. } => Self::new(
                StatusCode::CONFLICT,
                "urn:sekisho:problem:id-conflict",
                "The id came before with other content",
                detail,
            ),
            AskError::Busy => Self {
                retry_after_seconds: NonZeroU32::new(1),
                ..Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "urn:sekisho:problem:busy",
                    "Too many inputs are waiting",
                    detail,
                )
            },
            AskError::Late => Self {
                retry_after_seconds: NonZeroU32::new(5),
                ..Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "urn:sekisho:problem:late",
                    "No answer came in time",
                    detail,
                )
            },
            AskError::Refusing(_) => Self {
                retry_after_seconds: NonZeroU32::new(30),
                ..Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "urn:sekisho:problem:refusing",
                    "No inputs are taken",
                    detail,
                )
            },
        }
    }
}

impl From<ProofError> for Problem {
    fn from(error: ProofError) -> Self {
        let (detail, reason) = (error.to_string(), error.reason());
        let problem = match error {
            ProofError::Absent(_) => Self::absent(detail),
            ProofError::Invalid { field, .. } => Self::invalid(field, detail),
            ProofError::Unlisted(_) => Self::invalid("credential", detail),
            ProofError::UnknownPasskey => Self {
                r#type: "urn:sekisho:problem:unknown-passkey",
                title: "The passkey is not known",
                ..Self::invalid("credential", detail)
            },
            ProofError::Refused(refusal) => Self {
                retry_after_seconds: refusal.wait_s().and_then(NonZeroU32::new),
                ..Self::new(
                    StatusCode::CONFLICT,
                    "urn:sekisho:problem:proof-refused",
                    "The proof is not taken",
                    detail,
                )
            },
            ProofError::Conflict(_)
            | ProofError::NoContact(_)
            | ProofError::OtherDevice
            | ProofError::LastDevice
            | ProofError::Locked
            | ProofError::Visit => Self::conflict(detail),
            ProofError::NoCode | ProofError::NoRecoveryCode => Self::invalid("code", detail),
            ProofError::TooOften(wait_s) => Self::too_often(detail, wait_s),
            ProofError::Busy => Self::not_now(detail, 1),
            ProofError::Broken(_) => Self::not_now(detail, 30),
            ProofError::Ask(error) => error.into(),
        };
        Self { reason, ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after_seconds = self.retry_after_seconds;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.get()));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// No such path.
pub(super) async fn not_found() -> Problem {
    let detail = "the paths are listed at /openapi.json";
    Problem::new(StatusCode::NOT_FOUND, "urn:sekisho:problem:not-found", "There is nothing here", detail)
}

/// The path with another method.
pub(super) async fn method_not_allowed() -> Problem {
    let detail = "the path exists for another method; see the header `Allow`";
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "urn:sekisho:problem:method-not-allowed",
        "Not with this method",
        detail,
    )
}
