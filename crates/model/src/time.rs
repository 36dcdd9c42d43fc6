//! Points in time as microseconds since 1970 UTC. Must not know the current time: whoever needs it passes it in.

use crate::Invalid;

/// A point in time, microseconds since 1970-01-01T00:00:00Z; 1970 up to the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// Microseconds in a second.
pub const SECOND_US: i64 = 1_000_000;
/// Microseconds in an hour.
pub const HOUR_US: i64 = 3_600 * SECOND_US;
/// Microseconds in a UTC day (which has no leap seconds here).
pub const DAY_US: i64 = 24 * HOUR_US;

/// 9999-12-30T00:00:00Z.
const MICROSECONDS_MAX: i64 = 253_402_128_000 * SECOND_US;

impl Time {
    /// The earliest accepted time, 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);
    /// The latest accepted time.
    pub const MAX: Self = Self(MICROSECONDS_MAX);

    /// A time from microseconds since 1970, `None` outside 1970 to 9999.
    #[must_use]
    pub const fn from_us(us: i64) -> Option<Self> {
        if us >= 0 && us <= MICROSECONDS_MAX { Some(Self(us)) } else { None }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_us(self) -> i64 {
        self.0
    }

    /// This time moved by `us` microseconds, stopping at [`Self::MIN`] and [`Self::MAX`].
    #[must_use]
    pub fn plus_us(self, us: i64) -> Self {
        Self(self.0.saturating_add(us).clamp(0, MICROSECONDS_MAX))
    }

    /// The UTC day, counted from 1970-01-01.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0 / DAY_US
    }

    /// Converts from `jiff`, cutting below a microsecond.
    ///
    /// # Errors
    /// Outside 1970 to 9999.
    pub fn from_timestamp(timestamp: jiff::Timestamp) -> Result<Self, Invalid> {
        Self::from_us(timestamp.as_microsecond())
            .ok_or_else(|| Invalid::value("time", &timestamp.to_string(), "the years 1970 to 9999"))
    }

    /// As `jiff`'s type, for calendars and time zones.
    #[must_use]
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl std::fmt::Display for Time {
    /// RFC 3339 in UTC with six digits of the second: `2020-09-16T06:05:00.000000Z`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.6}", self.timestamp())
    }
}

impl std::str::FromStr for Time {
    type Err = Invalid;

    /// RFC 3339 with a zone (`Z` or an offset); digits below a microsecond are cut.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        const ALLOWED: &str =
            "RFC 3339 with a zone between 1970 and 9999, e.g. 2020-09-16T15:05:00.000000+09:00";
        let timestamp: jiff::Timestamp =
            text.parse().map_err(|_unreadable| Invalid::value("time", text, ALLOWED))?;
        Self::from_us(timestamp.as_microsecond()).ok_or_else(|| Invalid::value("time", text, ALLOWED))
    }
}

crate::wire::through_str_or_number!(Time, i64, Time::as_us, Time::from_us, "an RFC 3339 time with a zone");

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn reads_zones_and_prints_utc_microseconds() {
        for (text, printed) in [
            ("2020-09-16T15:05:00+09:00", "2020-09-16T06:05:00.000000Z"),
            ("2020-09-16T06:05:00.1234567Z", "2020-09-16T06:05:00.123456Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn refuses_what_has_no_zone_or_is_out_of_range() {
        for text in ["2020-09-16T15:05:00", "1969-12-31T23:59:59Z", "16/Sep/2020", "", "2020-13-01T00:00:00Z"]
        {
            let error = text.parse::<Time>().unwrap_err().to_string();
            assert!(error.contains("`time`") && error.contains("RFC 3339"), "{error}");
        }
    }
}
