//! Sign-in by passkey alone, on the broker's own login page. It says who; whether they may is the question of the login event
//! ([`Client::decide`]).

use model::CustomerId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Again, Client, ClientError, Proof, percent_encoded};

/// A sign-in that began.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SignIn {
    /// By which it is ended, within five minutes and once.
    pub id: String,
    /// For `navigator.credentials.get`, as JSON; with `mediation: "conditional"` the browser offers passkeys in the form's field.
    pub options: Value,
}

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SignedIn {
    /// The customer.
    pub customer: CustomerId,
    /// How they proved it: the `factor` to tell with the login.
    pub passed: Proof,
}

#[derive(Serialize)]
struct CredentialSent<'a> {
    credential: &'a Value,
}

impl Client {
    /// Begins a sign-in by passkey. Anybody may ask a login page for one: limit how often.
    ///
    /// # Errors
    /// The server does not answer, or the key is not a sender's.
    pub fn begin_sign_in(&self) -> Result<SignIn, ClientError> {
        self.ask_through(&self.sign_ins, "/v1/sign-ins", Some(b"{}"), Again::No)
    }

    /// Ends it with what the browser gave. It is not tried again when no answer comes: it may have been taken.
    ///
    /// # Errors
    /// The passkey is refused, or is none that is known; or the server does not answer.
    pub fn end_sign_in(&self, id: &str, credential: &Value) -> Result<SignedIn, ClientError> {
        let path = format!("/v1/sign-ins/{}", percent_encoded(id));
        let body = serde_json::to_vec(&CredentialSent { credential });
        let body = body.map_err(|error| ClientError::Unreadable(error.to_string()))?;
        self.ask_through(&self.sign_ins, &path, Some(&body), Again::No)
    }
}
