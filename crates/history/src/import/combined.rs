//! The access log of nginx and Apache: `common` (up to the size) and `combined` (referrer and user agent behind it), with
//! further quoted fields at the end. Must not know which paths mean what: that is the mapping's.

use std::borrow::Cow;

use jiff::civil::DateTime;
use model::{Address, Event, Invalid, Time};

use super::clock::parse_offset;
use super::mapping::{CustomerSource, PathMapping};
use super::parser::{Fate, Out, Parser, Record, Refusal, customer};
use super::paths::Rules;
use crate::HistoryError;
use crate::rows::Recorded;

/// The parser of `combined`.
pub(crate) struct Combined {
    customer: CustomerSource,
    rules: Rules,
}

impl Combined {
    pub(crate) fn new(mapping: Option<&PathMapping>) -> Result<Self, HistoryError> {
        let rules = mapping.map_or_else(|| Ok(Rules::built_in()), Rules::new)?;
        Ok(Self { customer: mapping.map_or(CustomerSource::User, |mapping| mapping.customer.clone()), rules })
    }
}

/// Whether a line is one of an access log.
pub(crate) fn is_access(line: &str) -> bool {
    Access::parse(line)
        .is_some_and(|access| access.address.parse::<Address>().is_ok() && time(access.time).is_some())
}

/// The fields of one line, as they stand there.
struct Access<'a> {
    address: &'a str,
    user: &'a str,
    time: &'a str,
    request: &'a str,
    status: &'a str,
    /// The quoted fields behind the size: referrer, user agent, others.
    quoted: &'a str,
}

impl<'a> Access<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (address, rest) = word(line)?;
        let (_ident, rest) = word(rest)?;
        let (user, time, rest) = user_and_time(rest)?;
        let (request, rest) = quoted(rest)?;
        let (status, rest) = word(rest.strip_prefix(' ')?)?;
        let quoted = word(rest).map_or("", |(_size, quoted)| quoted);
        Some(Self { address, user, time, request, status, quoted })
    }
}

/// What stands before the first space, and behind it.
fn word(text: &str) -> Option<(&str, &str)> {
    let end = memchr::memchr(b' ', text.as_bytes())?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Splits `user [time] "…`. A user may hold spaces and brackets, but no bare quote: so the first `[time] "` ends it.
fn user_and_time(text: &str) -> Option<(&str, &str, &str)> {
    let place = memchr::memchr_iter(b'[', text.as_bytes()).find(|place| {
        let close = place.saturating_add(1).saturating_add(TIME_BYTES);
        text.get(close..).is_some_and(|after| after.starts_with("] \""))
    })?;
    let user = text.get(..place)?.strip_suffix(' ')?;
    let (time, rest) = text.get(place + 1..)?.split_at_checked(TIME_BYTES)?;
    Some((user, time, rest.get(2..)?))
}

/// The inside of the quoted text that `text` begins with, and what follows it. A backslash takes the next character along.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut from = 0;
    loop {
        let found = memchr::memchr2(b'"', b'\\', inside.as_bytes().get(from..)?)? + from;
        if inside.as_bytes().get(found) == Some(&b'"') {
            return Some((inside.get(..found)?, inside.get(found + 1..)?));
        }
        from = found + 2;
    }
}

const TIME_BYTES: usize = "10/Oct/2023:13:55:36 -0700".len();
const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// The month (1 to 12) of an English abbreviation.
pub(crate) fn month(name: &str) -> Option<i8> {
    let place = MONTHS.chunks_exact(3).position(|each| each == name.as_bytes())?;
    i8::try_from(place + 1).ok()
}

/// `10/Oct/2023:13:55:36 -0700`.
fn time(text: &str) -> Option<Time> {
    let [d1, d2, b'/', _, _, _, b'/', y1, y2, y3, y4, b':', h1, h2, b':', m1, m2, b':', s1, s2, b' ', ..] =
        *text.as_bytes()
    else {
        return None;
    };
    let number = |tens: u8, ones: u8| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        let digit = |byte: u8| i8::try_from(byte.wrapping_sub(b'0')).ok();
        if digits { Some(digit(tens)? * 10 + digit(ones)?) } else { None }
    };
    let year = i16::from(number(y1, y2)?) * 100 + i16::from(number(y3, y4)?);
    // A leap second is logged as the 60th; history has none.
    let second = number(s1, s2)?.min(59);
    let month = month(text.get(3..6)?)?;
    let local =
        DateTime::new(year, month, number(d1, d2)?, number(h1, h2)?, number(m1, m2)?, second, 0).ok()?;
    let offset = parse_offset(text.get("10/Oct/2023:13:55:36 ".len()..)?)?;
    Time::from_us(offset.to_timestamp(local).ok()?.as_microsecond())
}

/// A number of at most four digits.
pub(crate) fn digits(text: &str) -> Option<i16> {
    let fits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// The text that a log wrote with escapes (`\"`, `\\`, `\xNN`). If it is not readable then, as it came.
fn unescaped(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let (byte, after) = match (byte, after) {
            (b'\\', [b'x', high, low, after @ ..]) => match hex(*high, *low) {
                Some(byte) => (byte, after),
                None => return Cow::Borrowed(text),
            },
            (b'\\', [escaped @ (b'"' | b'\\'), after @ ..]) => (*escaped, after),
            (byte, after) => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    match String::from_utf8(bytes) {
        Ok(plain) if !plain.chars().any(char::is_control) => Cow::Owned(plain),
        _ => Cow::Borrowed(text),
    }
}

pub(crate) fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

impl Combined {
    /// Who the request came from, as text; `None` for nobody.
    fn customer_text<'a>(&self, access: &Access<'a>, query: &'a str) -> Option<Cow<'a, str>> {
        let text = match &self.customer {
            CustomerSource::User => unescaped(access.user),
            CustomerSource::Query(name) => parameter(query, name)?,
            CustomerSource::Cookie(name) => cookie(access.quoted, name)?,
        };
        (!text.is_empty() && text != "-").then_some(text)
    }
}

/// A cookie in the third quoted field behind the size (after referrer and user agent).
fn cookie<'a>(quoted_fields: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let (_referrer, rest) = quoted(quoted_fields)?;
    let (_user_agent, rest) = quoted(rest.strip_prefix(' ')?)?;
    let (cookies, _) = quoted(rest.strip_prefix(' ')?)?;
    let pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| percent_decoded(value))
}

/// A parameter of a query.
fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| percent_decoded(value))
}

/// `%NN` decoded; as it came if that is not UTF-8.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let decoded = match (byte, after) {
            (b'%', [high, low, after @ ..]) => hex(*high, *low).map(|byte| (byte, after)),
            _ => None,
        };
        let (byte, after) = decoded.unwrap_or((*byte, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

impl Parser for Combined {
    fn record(&self, record: &Record<'_>, out: &mut Out<'_>) -> Result<Fate, Refusal> {
        let access = Access::parse(record.text()?).ok_or_else(|| {
            let shape =
                "not a line of a common or combined log: address ident user [time] \"request\" status size …";
            Refusal::line("not an access log line", shape)
        })?;
        let (method, rest) = word(access.request).unwrap_or((access.request, ""));
        let target = word(rest).map_or(rest, |(target, _protocol)| target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let allowed = "three digits of HTTP";
        let status = digits(access.status)
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| (100..=999).contains(status))
            .ok_or_else(|| Invalid::value("status", access.status, allowed))?;
        let decided = self.rules.decide(method, path, status);
        out.facts.path_rules.mark(decided.rule);
        let Some((kind, outcome)) = decided.event else {
            return Ok(Fate::ignored(self.rules.left_out));
        };
        let who = self.customer_text(&access, query).map(|text| customer(&text)).transpose()?;
        if who.is_none() && kind != model::EventKind::Login {
            return Ok(Fate::ignored("names no customer"));
        }
        let allowed = "a time such as 10/Oct/2023:13:55:36 +0900";
        let time = time(access.time).ok_or_else(|| Invalid::value("time", access.time, allowed))?;
        let ip: Address = access.address.parse()?;
        let mut event = Event::bare(out.made_id(record.line, None)?, time, kind, outcome);
        event.customer = who;
        event.client.ip = Some(ip);
        let agent = quoted(access.quoted).and_then(|(_referrer, rest)| quoted(rest.strip_prefix(' ')?));
        event.client.user_agent = agent.and_then(|(agent, _)| out.user_agent(&unescaped(agent)));
        out.push(&event, Recorded::default());
        Ok(Fate::Rows)
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, cookie, parameter, time, unescaped};

    #[test]
    fn splits_lines_with_hostile_fields() {
        let line = r#"192.0.2.7 - john [x] doe [10/Oct/2023:13:55:36 -0700] "GET /a\"b [10/Oct/2023:13:55:36 -0700] HTTP/1.1" 200 23 "-" "U\"A\x41" "sid=a%3Db; x=1""#;
        let access = Access::parse(line).unwrap();
        assert_eq!((access.address, access.user, access.status), ("192.0.2.7", "john [x] doe", "200"));
        assert_eq!(access.request, r#"GET /a\"b [10/Oct/2023:13:55:36 -0700] HTTP/1.1"#);
        assert_eq!(cookie(access.quoted, "sid").unwrap(), "a=b");
        assert_eq!(cookie(access.quoted, "none"), None);
        assert_eq!(unescaped(r#"U\"A\x41\\"#), "U\"AA\\");
        assert_eq!(unescaped(r"\xff\xfe"), r"\xff\xfe");
        assert_eq!(unescaped(r"a\x0ab"), r"a\x0ab");
        assert_eq!(parameter("a=1&uid=%E9%A1%A7&uid=2", "uid").unwrap(), "顧");
        let common = r#"192.0.2.7 - - [10/Oct/2023:13:55:36 -0700] "GET / HTTP/1.0" 200 2326"#;
        assert_eq!(Access::parse(common).unwrap().quoted, "");
        for broken in [
            "",
            "a",
            "a b c",
            "1 2 3 [10/Oct/2023:13:55:36 -0700] GET",
            r#"1 - - [10/Oct/2023:13:55:36 -0700] "x\"#,
        ] {
            assert!(Access::parse(broken).is_none(), "{broken}");
        }
    }

    #[test]
    fn reads_times() {
        let read = |text: &str| time(text).map(|time| time.to_string());
        assert_eq!(read("10/Oct/2023:13:55:36 -0700").unwrap(), "2023-10-10T20:55:36.000000Z");
        assert_eq!(read("31/Dec/2016:23:59:60 +0000").unwrap(), "2016-12-31T23:59:59.000000Z");
        for bad in
            ["32/Oct/2023:13:55:36 -0700", "10/Okt/2023:13:55:36 -0700", "10/Oct/2023:25:55:36 +0000", "x"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
