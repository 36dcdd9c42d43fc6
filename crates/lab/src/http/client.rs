//! One connection, one request after the other, waiting for each answer. Must not know when to try again: that depends on what
//! was asked.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::{Answer, HttpError, Target};

/// How long a connection may take to come about.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(60);
const READ_BYTES: usize = 64 << 10;

/// A client of one server. Connects when first asked, and again after a connection broke.
pub(crate) struct Client {
    target: Target,
    key: String,
    stream: Option<TcpStream>,
    /// Bytes of the answer to the last request.
    answer: Vec<u8>,
    request: Vec<u8>,
}

impl Client {
    pub(crate) fn new(target: Target, key: String) -> Self {
        Self { target, key, stream: None, answer: Vec::new(), request: Vec::new() }
    }

    /// Sends one request and waits for its answer. After an error whether it was done is not known.
    pub(crate) fn post(&mut self, path: &str, body: &[u8]) -> Result<Answer<'_>, HttpError> {
        self.send("POST", path, body)
    }

    /// The same with any method.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Answer<'_>, HttpError> {
        self.request.clear();
        head(&mut self.request, &self.target, &self.key, (method, path), body.len());
        self.request.extend_from_slice(body);
        let address = &self.target.host;
        let io = |source| HttpError::Io { address: address.clone(), source };
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(&self.target).map_err(io)?,
        };
        stream.write_all(&self.request).map_err(io)?;
        self.answer.clear();
        loop {
            let before = self.answer.len();
            self.answer.resize(before.saturating_add(READ_BYTES), 0);
            let read = stream.read(self.answer.get_mut(before..).unwrap_or_default()).map_err(io)?;
            self.answer.truncate(before.saturating_add(read));
            if read == 0 {
                return Err(io(std::io::ErrorKind::UnexpectedEof.into()));
            }
            // Looked at twice, because a borrow that is given back out of a loop ends the loop for the borrow checker.
            if Answer::read(&self.answer)?.is_some() {
                break;
            }
        }
        let Some(answer) = Answer::read(&self.answer)? else {
            return Err(HttpError::Foreign("the answer has no end".to_owned()));
        };
        if !answer.closes {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

pub(crate) fn connect(target: &Target) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&target.address, CONNECT_WAIT_MAX)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_WAIT_MAX))?;
    stream.set_write_timeout(Some(ANSWER_WAIT_MAX))?;
    Ok(stream)
}

/// The head of a request.
pub(crate) fn head(
    out: &mut Vec<u8>,
    target: &Target,
    key: &str,
    (method, path): (&str, &str),
    body_bytes: usize,
) {
    let host = &target.host;
    // Reasons are not shown, so that their language does not matter; English is shorter.
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nAccept-Language: en\r\n\
         Content-Length: {body_bytes}\r\n\r\n"
    );
    out.extend_from_slice(text.as_bytes());
}
