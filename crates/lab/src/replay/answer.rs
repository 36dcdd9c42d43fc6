//! Answers as the API words them. Must not know how they came.

use serde::{Deserialize, Serialize};

/// A decision, as far as a replay looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The event's identifier.
    pub id: String,
    /// `allow`, `step_up`, `hold` or `deny`.
    pub decision: String,
    /// 0 to 100.
    pub score: u16,
    /// The rules that fired.
    pub reasons: Vec<Reason>,
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Its name in the policy.
    pub rule: String,
    /// Points it gave.
    pub points: u16,
    /// Why, for people.
    pub text: String,
}

/// A decision and the event it is about.
#[derive(Debug)]
pub struct Decided<'a> {
    /// The event's wire form.
    pub event: &'a [u8],
    /// The answer.
    pub answered: &'a Answered,
    /// Whether it had been given before.
    pub repeated: bool,
}

/// What became of a batch of facts.
#[derive(Debug, Deserialize)]
pub(super) struct Batch {
    pub(super) accepted: u64,
    pub(super) repeated: u64,
    pub(super) rejected: Vec<Rejected>,
}

/// An event of a batch that was not taken.
#[derive(Debug, Deserialize)]
pub(super) struct Rejected {
    pub(super) line: usize,
    #[serde(default)]
    pub(super) field: Option<String>,
    pub(super) detail: String,
    pub(super) retry: bool,
}

impl Rejected {
    /// The type of the problem, as a problem document would name it.
    pub(super) const fn problem(&self) -> &'static str {
        match (&self.field, self.retry) {
            (Some(_), _) => "invalid-event",
            (None, false) => "id-conflict",
            (None, true) => "busy",
        }
    }
}

/// A problem document (RFC 9457), as far as it is looked at.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Problem {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    pub(super) detail: String,
    #[serde(default)]
    field: Option<String>,
}

impl Problem {
    /// Out of an answer's body; what is no problem document is told by its beginning.
    pub(super) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_else(|_other| Self {
            detail: String::from_utf8_lossy(body).chars().take(200).collect(),
            ..Self::default()
        })
    }

    /// `urn:sekisho:problem:id-conflict` is `id-conflict`; where there is no type, the status.
    pub(super) fn name(&self, status: u16) -> String {
        match self.r#type.rsplit(':').next() {
            Some(name) if !name.is_empty() => name.chars().take(64).collect(),
            _ => format!("status {status}"),
        }
    }

    /// The field, if there is one, and what is wrong.
    pub(super) fn told(self) -> String {
        match self.field {
            Some(field) => format!("field `{field}`: {}", self.detail),
            None => self.detail,
        }
    }
}
