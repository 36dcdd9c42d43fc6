//! Reads times as logs write them, with or without a zone. Must not know the current time or the machine's zone.

use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::{Offset, TimeZone};
use model::{Invalid, Time};

use super::parser::Refusal;
use crate::HistoryError;

static PARSER: DateTimeParser = DateTimeParser::new();

/// The zone a user names: `UTC`, an IANA name such as `Asia/Tokyo`, or an offset such as `+09:00`.
///
/// # Errors
/// None of these.
pub fn parse_timezone(name: &str) -> Result<TimeZone, HistoryError> {
    if matches!(name, "UTC" | "utc" | "Z" | "z") {
        return Ok(TimeZone::UTC);
    }
    if let Some(offset) = parse_offset(name) {
        return Ok(TimeZone::fixed(offset));
    }
    let hint = "allowed: UTC, an offset such as +09:00, or an IANA name such as Asia/Tokyo";
    let problem = || HistoryError::Usage(format!("time zone: came {name:?}; {hint}"));
    if name.starts_with(['+', '-']) || name.is_empty() {
        return Err(problem());
    }
    TimeZone::get(name).map_err(|_unknown| problem())
}

/// A moment that a user names: RFC 3339, or a local time or a date (its midnight) where the clock stood in `zone`.
///
/// # Errors
/// None of these, or outside the years 1970 to 9999.
pub fn parse_time(text: &str, zone: TimeZone) -> Result<Time, HistoryError> {
    let clock = Clock::iso(Some(zone));
    let midnight = format!("{text} 00:00:00");
    let is_date = text.parse::<jiff::civil::Date>().is_ok() && !text.contains(['T', 't', ' ', ':']);
    clock.read(if is_date { &midnight } else { text }).map_err(|_unreadable| {
        HistoryError::Usage(format!(
            "came {text:?}; allowed: a date such as 2020-07-01, a time such as 2020-07-01T09:00:00+09:00, or one without \
             zone, where --timezone says where the clock stood (else UTC); 1970 to 9999"
        ))
    })
}

/// `+09:00`, `+0900` or `+09`.
pub(crate) fn parse_offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.as_bytes() {
        [_, _] => (digits, "0"),
        [_, _, b':', _, _] => digits.split_once(':')?,
        [_, _, _, _] => digits.split_at_checked(2)?,
        _ => return None,
    };
    if !hours.bytes().chain(minutes.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// How a source writes its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimeForm {
    /// RFC 3339, or the same with a space for the `T` and without zone.
    Iso,
    /// By `strftime` directives.
    Pattern(Arc<str>),
    /// Decimal seconds, milliseconds or microseconds since 1970 UTC: units in a second.
    Since1970 { units_per_second: i64 },
}

impl TimeForm {
    /// From a mapping's `time.format`.
    pub(crate) fn parse(format: &str) -> Result<Self, String> {
        match format {
            "iso" => Ok(Self::Iso),
            "unix" => Ok(Self::Since1970 { units_per_second: 1 }),
            "unix_ms" => Ok(Self::Since1970 { units_per_second: 1_000 }),
            "unix_us" => Ok(Self::Since1970 { units_per_second: 1_000_000 }),
            pattern => {
                check_pattern(pattern)?;
                Ok(Self::Pattern(pattern.into()))
            }
        }
    }
}

/// Writes a sample time by the pattern and reads it back: tells of unknown directives and of missing parts.
fn check_pattern(pattern: &str) -> Result<(), String> {
    const ALLOWED: &str = "allowed: iso, unix, unix_ms, unix_us, or strftime directives with date and time such as %Y/%m/%d %H:%M:%S";
    let sample =
        jiff::civil::date(2020, 9, 16).at(15, 5, 0, 0).in_tz("UTC").map_err(|error| error.to_string())?;
    let problem = |error: jiff::Error| format!("came {pattern:?} ({error}); {ALLOWED}");
    let text = strtime::format(pattern, &sample).map_err(problem)?;
    let read = strtime::parse(pattern, &text).map_err(problem)?;
    let whole = read.timestamp().is_some() || read.to_datetime().is_ok_and(|time| time == sample.datetime());
    if whole { Ok(()) } else { Err(format!("came {pattern:?}; {ALLOWED}")) }
}

/// Reads times of one source.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    pub(crate) form: TimeForm,
    /// The zone of times that do not name theirs.
    pub(crate) zone: Option<TimeZone>,
}

impl Clock {
    pub(crate) const fn iso(zone: Option<TimeZone>) -> Self {
        Self { form: TimeForm::Iso, zone }
    }

    /// A time as text.
    pub(crate) fn read(&self, text: &str) -> Result<Time, Refusal> {
        match &self.form {
            TimeForm::Iso => self.iso_time(text),
            TimeForm::Pattern(pattern) => self.pattern_time(pattern, text),
            TimeForm::Since1970 { units_per_second } => since_1970(text, *units_per_second),
        }
    }

    fn iso_time(&self, text: &str) -> Result<Time, Refusal> {
        let refuse = || refuse(text, "a time such as 2020-09-16T15:05:00+09:00 or 2020-09-16 15:05:00");
        let pieces = PARSER.parse_pieces(text).map_err(|_unreadable| refuse())?;
        let Some(time) = pieces.time() else { return Err(refuse()) };
        let local = DateTime::from_parts(pieces.date(), time);
        match pieces.to_numeric_offset() {
            Some(offset) => instant(offset.to_timestamp(local), text),
            None if pieces.time_zone_annotation().is_some() => Err(refuse()),
            None => self.local(local, text),
        }
    }

    fn pattern_time(&self, pattern: &str, text: &str) -> Result<Time, Refusal> {
        let refuse = || refuse(text, &format!("a time like {pattern}"));
        let read = strtime::parse(pattern, text).map_err(|_unreadable| refuse())?;
        if let Some(timestamp) = read.timestamp() {
            return instant(Ok(timestamp), text);
        }
        let local = read.to_datetime().map_err(|_incomplete| refuse())?;
        match read.offset() {
            Some(offset) => instant(offset.to_timestamp(local), text),
            None => self.local(local, text),
        }
    }

    /// A local time in the stated zone. One that the zone skips moves forward by the gap, one that it has twice is the
    /// earlier (RFC 5545's way, `jiff`'s "compatible").
    pub(crate) fn local(&self, local: DateTime, text: &str) -> Result<Time, Refusal> {
        let Some(zone) = &self.zone else {
            let problem = format!(
                "came {text:?} without a zone; say where the clock stood: --timezone Asia/Tokyo (or +09:00, UTC)"
            );
            let group =
                "time without zone: say where the clock stood with --timezone Asia/Tokyo (or +09:00, UTC)";
            return Err(Refusal::line(group, Invalid::new("time", problem).to_string()));
        };
        instant(zone.to_timestamp(local), text)
    }
}

fn instant(timestamp: Result<jiff::Timestamp, jiff::Error>, text: &str) -> Result<Time, Refusal> {
    timestamp
        .ok()
        .and_then(|timestamp| Time::from_us(timestamp.as_microsecond()))
        .ok_or_else(|| refuse(text, "the years 1970 to 9999"))
}

/// Decimal digits with an optional fraction, exactly (no floating point).
fn since_1970(text: &str, units_per_second: i64) -> Result<Time, Refusal> {
    let exact = || {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        let us_per_unit = 1_000_000 / units_per_second;
        let mut us = whole.parse::<i64>().ok()?.checked_mul(us_per_unit)?;
        let mut worth = us_per_unit;
        for digit in fraction.bytes() {
            worth /= 10;
            us = us.checked_add(worth.checked_mul(i64::from(digit - b'0'))?)?;
        }
        Time::from_us(us)
    };
    exact().ok_or_else(|| refuse(text, "a number of seconds (or of the unit in time.format) since 1970"))
}

fn refuse(came: &str, allowed: &str) -> Refusal {
    Invalid::value("time", came, allowed).into()
}

#[cfg(test)]
mod tests {
    use super::{Clock, TimeForm, parse_timezone};

    fn read(form: &str, zone: &str, text: &str) -> String {
        let zone = (!zone.is_empty()).then(|| parse_timezone(zone).unwrap());
        let clock = Clock { form: TimeForm::parse(form).unwrap(), zone };
        clock.read(text).map_or_else(|refusal| refusal.to_string(), |time| time.to_string())
    }

    #[test]
    fn zones_in_three_spellings() {
        for (name, offset) in
            [("UTC", 0), ("Z", 0), ("+09:00", 9), ("+0900", 9), ("-08", -8), ("Asia/Tokyo", 9)]
        {
            let zone = parse_timezone(name).unwrap();
            let time = jiff::civil::date(2020, 1, 1).at(12, 0, 0, 0);
            let utc = zone.to_timestamp(time).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
            assert_eq!(utc.hour(), i8::try_from(12 - offset).unwrap(), "{name}");
        }
        for name in ["", "JST+9x", "+9", "+25:00", "Asia/Nowhere", "+", "09:00", "＋09:00", "+0é"] {
            let error = parse_timezone(name).unwrap_err().to_string();
            assert!(error.contains("Asia/Tokyo") && error.contains("+09:00"), "{name}: {error}");
        }
    }

    #[test]
    fn every_form() {
        let cases = [
            ("iso", "", "2020-09-16T15:05:00+09:00", "2020-09-16T06:05:00.000000Z"),
            ("iso", "", "2020-09-16 06:05:00.5Z", "2020-09-16T06:05:00.500000Z"),
            ("iso", "Asia/Tokyo", "2020-09-16 15:05:00", "2020-09-16T06:05:00.000000Z"),
            ("iso", "Asia/Tokyo", "2020-09-16T15:05:00Z", "2020-09-16T15:05:00.000000Z"),
            ("%Y/%m/%d %H:%M:%S", "+09:00", "2020/09/16 15:05:07", "2020-09-16T06:05:07.000000Z"),
            ("%d.%m.%Y %H:%M", "UTC", "16.09.2020 15:05", "2020-09-16T15:05:00.000000Z"),
            ("%d/%b/%Y:%T %z", "", "16/Sep/2020:15:05:07 +0900", "2020-09-16T06:05:07.000000Z"),
            ("unix", "", "1600236300.25", "2020-09-16T06:05:00.250000Z"),
            ("unix_ms", "", "1600236300123", "2020-09-16T06:05:00.123000Z"),
            ("unix_us", "", "1600236300123456", "2020-09-16T06:05:00.123456Z"),
        ];
        for (form, zone, text, expected) in cases {
            assert_eq!(read(form, zone, text), expected, "{form} {zone} {text}");
        }
    }

    #[test]
    fn refuses_with_the_way_on() {
        assert!(read("iso", "", "2020-09-16 15:05:00").contains("--timezone"));
        assert!(read("%Y/%m/%d %H:%M:%S", "", "2020/09/16 15:05:07").contains("--timezone"));
        for (form, text) in [
            ("iso", "2020-09-16"),
            ("iso", "yesterday"),
            ("iso", "1969-01-01T00:00:00Z"),
            ("iso", "2020-02-30T00:00:00Z"),
            ("iso", "2020-09-16T15:05:00[Asia/Tokyo]"),
            ("unix", "1e9"),
            ("unix", "-1"),
            ("unix", "99999999999999999999"),
            ("unix_ms", ""),
        ] {
            assert!(read(form, "UTC", text).contains("field `time`"), "{form} {text}");
        }
        for pattern in ["%Y/%m/%d", "%Q!", "", "no directives", "%H:%M:%S"] {
            assert!(TimeForm::parse(pattern).unwrap_err().contains("allowed: iso, unix"), "{pattern}");
        }
    }

    #[test]
    fn clocks_that_change_skip_forward_and_repeat_the_earlier() {
        let berlin = |text: &str| read("iso", "Europe/Berlin", text);
        assert_eq!(berlin("2023-03-26 02:30:00"), "2023-03-26T01:30:00.000000Z");
        assert_eq!(berlin("2023-10-29 02:30:00"), "2023-10-29T00:30:00.000000Z");
    }
}
