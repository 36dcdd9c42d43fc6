//! One answer among bytes that came: status, body, when to come again. Must not know where the bytes come from.

use std::borrow::Cow;

use super::HttpError;

/// Bytes of one answer at most: a batch of 10,000 events that are all refused, with reasons.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 << 20;
const HEADERS_MAX: usize = 64;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: Cow<'a, [u8]>,
    /// `Retry-After` in seconds.
    pub(crate) retry_after_s: Option<u64>,
    /// Given before: `Idempotent-Replayed`.
    pub(crate) repeated: bool,
    /// Whether the connection ends after it.
    pub(crate) closes: bool,
}

enum Length {
    Bytes(usize),
    Chunked,
}

impl<'a> Answer<'a> {
    /// The answer at the beginning of these bytes; `None` if more have to come.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Option<Self>, HttpError> {
        let foreign = |what: &str| HttpError::Foreign(what.to_owned());
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        let start = match head.parse(bytes) {
            Ok(httparse::Status::Complete(start)) => start,
            Ok(httparse::Status::Partial) if bytes.len() < ANSWER_BYTES_MAX => return Ok(None),
            Ok(httparse::Status::Partial) => return Err(foreign("the head of an answer has no end")),
            Err(error) => return Err(HttpError::Foreign(format!("it does not speak HTTP/1.1 ({error})"))),
        };
        let status = head.code.unwrap_or(0);
        let mut length = Length::Bytes(0);
        let (mut retry_after_s, mut repeated, mut closes) = (None, false, head.version == Some(0));
        for header in head.headers.iter() {
            let value = std::str::from_utf8(header.value).unwrap_or("").trim();
            if header.name.eq_ignore_ascii_case("content-length") {
                let bytes = value.parse().ok().filter(|bytes| *bytes <= ANSWER_BYTES_MAX);
                length = Length::Bytes(bytes.ok_or_else(|| foreign("an answer of unreasonable length"))?);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                length = Length::Chunked;
            } else if header.name.eq_ignore_ascii_case("retry-after") {
                retry_after_s = value.parse().ok();
            } else if header.name.eq_ignore_ascii_case("idempotent-replayed") {
                repeated = value == "true";
            } else if header.name.eq_ignore_ascii_case("connection") {
                closes |= value.eq_ignore_ascii_case("close");
            }
        }
        let rest = bytes.get(start..).unwrap_or_default();
        let body = match length {
            Length::Bytes(length) => rest.get(..length).map(Cow::Borrowed),
            Length::Chunked => unchunk(rest)?.map(Cow::Owned),
        };
        let Some(body) = body else { return Ok(None) };
        Ok(Some(Self { status, body, retry_after_s, repeated, closes }))
    }
}

/// A chunked body; `None` if more have to come. A proxy in front may chunk.
fn unchunk(mut rest: &[u8]) -> Result<Option<Vec<u8>>, HttpError> {
    let mut body = Vec::new();
    loop {
        let parsed = httparse::parse_chunk_size(rest);
        let parsed = parsed.map_err(|_invalid| HttpError::Foreign("a chunk without a size".to_owned()))?;
        let httparse::Status::Complete((start, size)) = parsed else { return Ok(None) };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if body.len().saturating_add(size) > ANSWER_BYTES_MAX {
            return Err(HttpError::Foreign("an answer of unreasonable length".to_owned()));
        }
        let end = start.saturating_add(size);
        let (Some(chunk), Some(after)) = (rest.get(start..end), rest.get(end.saturating_add(2)..)) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        rest = after;
        if size == 0 {
            return Ok(Some(body));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;

    const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nIdempotent-Replayed: true\r\n\r\nhello";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\nRetry-After: 7\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";

    #[test]
    fn whole_answers_and_nothing_before_they_are_whole() {
        for (bytes, status, retry_after_s, repeated) in
            [(PLAIN, 200, None, true), (CHUNKED, 503, Some(7), false)]
        {
            for cut in 0..bytes.len() {
                assert!(Answer::read(&bytes[..cut]).unwrap().is_none(), "{cut}");
            }
            let more = [bytes, b"HTTP/1.1"].concat();
            let answer = Answer::read(&more).unwrap().unwrap();
            assert_eq!((answer.status, answer.body.as_ref()), (status, b"hello".as_slice()));
            assert_eq!((answer.retry_after_s, answer.repeated), (retry_after_s, repeated));
        }
    }

    #[test]
    fn what_is_not_http_is_said() {
        for bytes in [
            b"SSH-2.0-OpenSSH_9.2\r\n".as_slice(),
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            assert!(Answer::read(bytes).is_err());
        }
    }
}
