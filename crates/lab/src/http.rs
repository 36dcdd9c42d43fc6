//! As much of HTTP/1.1 as asking a Sekisho server needs: where it is, what it answered, one connection kept open. Must not know
//! what is asked. No TLS: the server speaks none either.
//!
//! Heads are parsed by `httparse`; what is around them is little, because whoever measures a server must not be busier than it.

mod answer;
mod client;
mod target;

pub(crate) use answer::Answer;
pub(crate) use client::{Client, connect, head};
pub use target::{Target, TargetError};

/// What a server counts: the text of `GET /metrics`.
///
/// # Errors
/// It cannot be asked, or answers with something else.
pub fn metrics(target: &Target) -> Result<String, HttpError> {
    let mut client = Client::new(target.clone(), String::new());
    let answer = client.send("GET", "/metrics", &[])?;
    match answer.status {
        200 => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
        status => Err(HttpError::Foreign(format!("/metrics has status {status}"))),
    }
}

/// A connection on which one question is asked after the other.
pub struct Asking(Client);

impl Asking {
    /// To a server, with a key for it.
    #[must_use]
    pub fn new(target: Target, key: String) -> Self {
        Self(Client::new(target, key))
    }

    /// Posts a body of JSON; gives the status.
    ///
    /// # Errors
    /// It cannot be asked, or answers with something else than HTTP.
    pub fn post(&mut self, path: &str, body: &[u8]) -> Result<u16, HttpError> {
        self.0.post(path, body).map(|answer| answer.status)
    }
}

/// Why a server's bytes are no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The connection failed.
    #[error("the connection to {address} failed")]
    Io {
        /// The server.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not HTTP/1.1, or more of it than is read here.
    #[error("what answers is no Sekisho server: {0}")]
    Foreign(String),
}
