//! Arguments that several commands take: intel, time zones, durations, secrets. Must not know the commands.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use history::import::{parse_time, parse_timezone};
use intel::{Intel, IntelConfig};
use server::daily::Daily;

use crate::config::has_intel;

/// Loads intel from `--intel` (a folder or a file), else from the `[intel]` table of `--config`, else none.
pub(crate) fn intel(intel: Option<&Path>, config: Option<&Path>) -> anyhow::Result<Intel> {
    let source = match (intel, config) {
        (Some(path), _) => IntelConfig::load(path),
        (None, Some(path)) if has_intel(path)? => IntelConfig::load(path),
        _ => return Ok(Intel::none()),
    };
    let config = source.context("the intel configuration cannot be used")?;
    let loaded = Intel::load(&config).context("an intel file cannot be used")?;
    let bad = loaded.report().bad();
    if bad > 0 {
        crate::say::note(format!("note: {bad} lines of the intel files were not understood and left out"));
    }
    Ok(loaded)
}

/// A duration such as `365d`, `72h` or `30m`, in microseconds.
pub(crate) fn duration_us(text: &str) -> anyhow::Result<i64> {
    let unit_us: i64 = match text.chars().last() {
        Some('d') => model::time::DAY_US,
        Some('h') => model::time::HOUR_US,
        Some('m') => 60 * model::time::SECOND_US,
        _ => bail!("`{text}` is not a duration; write days, hours or minutes, e.g. 365d, 72h, 30m"),
    };
    let number = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    let number: i64 = number.parse().with_context(|| format!("`{text}` is not a duration; e.g. 365d"))?;
    match number.checked_mul(unit_us).filter(|us| *us > 0) {
        Some(us) => Ok(us),
        None => bail!("`{text}` is not a duration; allowed: more than zero, less than 290,000 years"),
    }
}

/// A point in time, local in `timezone` (else UTC) where it names no zone of its own; a date is its midnight.
pub(crate) fn time(text: &str, timezone: Option<&str>) -> anyhow::Result<model::Time> {
    Ok(parse_time(text, parse_timezone(timezone.unwrap_or("UTC"))?)?)
}

/// When procedures are examined again every day; `never` for not at all.
pub(crate) fn daily(at: &str, timezone: &str) -> anyhow::Result<Option<Daily>> {
    if at == "never" {
        return Ok(None);
    }
    let parsed = at.split_once(':').and_then(|(hour, minute)| {
        let is_short = |text: &str| (1..=2).contains(&text.len());
        let (hour, minute) = (is_short(hour).then_some(hour)?, is_short(minute).then_some(minute)?);
        Daily::at(hour.parse().ok()?, minute.parse().ok()?, parse_timezone(timezone).ok()?)
    });
    let problem = || {
        format!(
            "examine_at came as {at:?} in {timezone:?}; allowed: HH:MM in a zone such as Asia/Tokyo, or never"
        )
    };
    Ok(Some(parsed.with_context(problem)?))
}

/// The key for a server: from a file, else from the environment; never an argument, which others on the machine could see.
pub(crate) fn key(file: Option<&Path>) -> anyhow::Result<String> {
    const VARIABLE: &str = "SEKISHO_KEY";
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("{}: reading the key failed", path.display()))?,
        None => std::env::var(VARIABLE)
            .context("a key is needed: --key-file FILE, or SEKISHO_KEY in the environment; make one: sekisho key create")?,
    };
    let key = text.trim();
    if key.is_empty() || key.len() > 512 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("that is no key: it is one word of at most 512 letters, as `sekisho key create` printed it");
    }
    Ok(key.to_owned())
}

/// The secret that account numbers are hashed with: a file, never an argument.
pub(crate) fn account_hasher(key_file: Option<&PathBuf>) -> anyhow::Result<history::rows::AccountHasher> {
    const BYTES_MIN: usize = 16;
    let Some(path) = key_file else { return Ok(history::rows::AccountHasher::none()) };
    let secret =
        std::fs::read(path).with_context(|| format!("{}: reading the key failed", path.display()))?;
    if secret.len() < BYTES_MIN {
        bail!(
            "{}: the key has {} bytes; give at least {BYTES_MIN}, e.g. head -c 32 /dev/urandom > FILE",
            path.display(),
            secret.len()
        );
    }
    Ok(history::rows::AccountHasher::with_secret(&secret))
}

#[cfg(test)]
mod tests {
    use super::{duration_us, time};

    #[test]
    fn durations_have_units_and_limits() {
        assert_eq!(duration_us("365d").unwrap(), 365 * 86_400 * 1_000_000);
        for text in ["", "365", "d", "-1d", "0h", "1.5d", "99999999999999d", "é"] {
            assert!(duration_us(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_midnights_where_the_clock_stood() {
        for (text, zone, moment) in [
            ("2020-07-01", None, "2020-07-01T00:00:00Z"),
            ("2020-07-01", Some("Asia/Tokyo"), "2020-06-30T15:00:00Z"),
            ("2020-07-01 09:00:00", Some("+09:00"), "2020-07-01T00:00:00Z"),
            ("2020-07-01T09:00:00-01:00", Some("+09:00"), "2020-07-01T10:00:00Z"),
        ] {
            assert_eq!(time(text, zone).unwrap(), moment.parse().unwrap(), "{text}");
        }
        for text in ["yesterday", "", "2020-13-01", "2020-07-01Z", "1969-12-31"] {
            assert!(time(text, None).unwrap_err().to_string().contains("--timezone"), "{text}");
        }
    }
}
