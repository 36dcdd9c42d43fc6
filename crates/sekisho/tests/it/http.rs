//! As much of an HTTP client as the tests need: one connection, one request after the other.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// A connection to a server on loopback.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    key: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    /// As they came: values keep their case.
    pub(crate) raw_headers: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Connection {
    pub(crate) fn open(address: &str, key: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), key: key.to_owned() })
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn get(&mut self, path: &str) -> std::io::Result<Answer> {
        self.send("GET", path, &[], "")
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> std::io::Result<Answer> {
        self.send("POST", path, &[], body)
    }

    pub(crate) fn put(&mut self, path: &str, body: &str) -> std::io::Result<Answer> {
        self.send("PUT", path, &[], body)
    }

    pub(crate) fn delete(&mut self, path: &str) -> std::io::Result<Answer> {
        self.send("DELETE", path, &[], "")
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> std::io::Result<Answer> {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut headers, mut raw_headers) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                break;
            }
            headers += &line.to_ascii_lowercase();
            raw_headers += &line;
        }
        let length =
            headers.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body)?;
        let status = headers.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok(Answer { status, headers, raw_headers, body: String::from_utf8_lossy(&body).into_owned() })
    }
}
