//! Codes on pages of the broker's own: sent, and answered with. Whatever the customer is to hear – a wrong code, a wait – is a refusal
//! with a reason ([`ClientError::Refused`]).

use model::CustomerId;
use serde::{Deserialize, Serialize};

use crate::{Again, Challenge, Client, ClientError, percent_encoded};

/// A challenge that was answered rightly.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Answered {
    /// The challenge.
    #[serde(flatten)]
    pub challenge: Challenge,
    /// For the customer's browser to keep, in a cookie that no script reads, and to bring with later codes: then nobody else's tries
    /// slow it. None where it brought one.
    #[serde(default)]
    pub known_browser: Option<String>,
}

#[derive(Serialize)]
struct CodeSent<'a> {
    customer: &'a CustomerId,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    known_browser: Option<&'a str>,
}

impl Client {
    /// Sends a code by `sms` or `mail` to the customer's registered contact; any earlier one is void. It is not tried again when no
    /// answer comes: one may be on its way.
    ///
    /// # Errors
    /// None is sent now: `reason` says why. Or the server does not answer.
    pub fn send_code(
        &self,
        challenge: &str,
        customer: &CustomerId,
        method: &str,
        known_browser: Option<&str>,
    ) -> Result<Challenge, ClientError> {
        let sent = CodeSent { customer, method, code: None, known_browser };
        self.post(&format!("/v1/challenges/{}/send", percent_encoded(challenge)), &sent, Again::No)
    }

    /// Answers with a code: `totp`, `sms`, `mail` or `recovery`. It is not tried again when no answer comes: it may have counted.
    ///
    /// # Errors
    /// It is wrong, or is not looked at now: `reason` says why. Or the server does not answer.
    pub fn answer(
        &self,
        challenge: &str,
        customer: &CustomerId,
        method: &str,
        code: &str,
        known_browser: Option<&str>,
    ) -> Result<Answered, ClientError> {
        let sent = CodeSent { customer, method, code: Some(code), known_browser };
        self.post(&format!("/v1/challenges/{}/answer", percent_encoded(challenge)), &sent, Again::No)
    }
}
