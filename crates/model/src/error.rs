//! What is wrong with an input. Must not know where the input came from: files add line numbers, the API adds a status.

/// One field that cannot be accepted: its name, what came, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {problem}")]
pub struct Invalid {
    /// Path of the field in the wire form, e.g. `client.ip`; `.` for the whole document.
    pub field: String,
    /// What came and what is allowed, in one sentence without personal data beyond a short excerpt.
    pub problem: String,
}

impl Invalid {
    /// An error about `field`: `came` is shortened to 64 characters and quoted, `allowed` completes "allowed: …".
    #[must_use]
    pub fn value(field: &str, came: &str, allowed: &str) -> Self {
        Self { field: field.to_owned(), problem: unexpected(came, allowed) }
    }

    /// An error whose wording is already complete.
    #[must_use]
    pub fn new(field: &str, problem: impl Into<String>) -> Self {
        Self { field: field.to_owned(), problem: problem.into() }
    }
}

/// "`came` is not allowed here …", the one sentence form for a refused value.
pub(crate) fn unexpected(came: &str, allowed: &str) -> String {
    format!("came {}; allowed: {allowed}", excerpt(came))
}

/// At most 64 characters of `text`, quoted and escaped, so that hostile input cannot flood or forge a log line.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 64;
    let short: String = text.chars().take(CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        format!("{short:?}… ({} bytes)", text.len())
    } else {
        format!("{short:?}")
    }
}
