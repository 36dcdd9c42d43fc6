//! Numbers and times as people read them. Must not know languages: what differs between them is in [`super::words`].

use model::time::{DAY_US, HOUR_US, SECOND_US};
use model::{Currency, Time};

const MINUTE_US: i64 = 60 * SECOND_US;

/// With a comma after every three digits.
pub(in crate::sweep) fn thousands<N: TryInto<u64>>(number: N) -> String {
    grouped(&number.try_into().unwrap_or(u64::MAX).to_string())
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len().saturating_mul(2));
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn part(us: i64, length: usize) -> String {
    let text = Time::from_us(us).unwrap_or(if us < 0 { Time::MIN } else { Time::MAX }).to_string();
    text.get(..length).unwrap_or_default().replacen('T', " ", 1)
}

/// `2020-09-16`.
pub(super) fn day(us: i64) -> String {
    part(us, 10)
}

/// `2020-09-16 06:05`.
pub(super) fn minute(us: i64) -> String {
    part(us, 16)
}

/// `2020-09-16 06:05:00`.
pub(super) fn second(us: i64) -> String {
    part(us, 19)
}

/// How long before (−) or after (+): `−3d 4h`, `+12m`, `±0`.
pub(super) fn distance(us: i64) -> String {
    let sign = match us {
        0 => return "±0".to_owned(),
        1.. => '+',
        _ => '−',
    };
    let us = us.saturating_abs();
    let (days, hours) = (us / DAY_US, us % DAY_US / HOUR_US);
    let (minutes, seconds) = (us % HOUR_US / MINUTE_US, us % MINUTE_US / SECOND_US);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{seconds}s"),
        (0, 0, _) => format!("{sign}{minutes}m"),
        (0, ..) => format!("{sign}{hours}h {minutes:02}m"),
        _ => format!("{sign}{days}d {hours}h"),
    }
}

/// Tenths of a percent of a whole, rounded down so that 100 % means all and something never shows as nothing more.
pub(super) fn percent(count: u64, whole: u64) -> String {
    let tenths = count.saturating_mul(1_000).checked_div(whole).unwrap_or(0);
    match tenths {
        0 if count > 0 => "< 0.1 %".to_owned(),
        _ => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

/// A share in millionths as percent.
pub(super) fn share(ppm: u64) -> String {
    percent(ppm, 1_000_000)
}

/// `JPY 5,000,000` or `USD 12.50`; the plain minor units where the currency is not known.
pub(super) fn money(minor: i128, code: &str) -> String {
    let digits = code.parse::<Currency>().map_or(0, |currency| usize::from(currency.minor_digits()));
    let text = format!("{:0>width$}", minor.max(0), width = digits.saturating_add(1));
    let (whole, rest) = text.split_at(text.len().saturating_sub(digits));
    if rest.is_empty() {
        format!("{code} {}", grouped(whole))
    } else {
        format!("{code} {}.{rest}", grouped(whole))
    }
}

/// An identifier with its middle left out: enough to compare by eye, not to use.
pub(super) fn shortened(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let ends = if characters.len() >= 12 { 4 } else { characters.len() / 4 };
    let head: String = characters.iter().take(ends).collect();
    let tail: String = characters.iter().skip(characters.len().saturating_sub(ends)).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use model::time::{DAY_US, HOUR_US, SECOND_US};

    use super::{distance, money, percent, second, shortened, thousands};

    #[test]
    fn numbers_have_separators() {
        for (number, text) in [(0_u64, "0"), (999, "999"), (1_000, "1,000"), (108_600_000, "108,600,000")] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn money_has_the_digits_of_its_currency() {
        assert_eq!(money(98_640_000, "JPY"), "JPY 98,640,000");
        assert_eq!(money(1_250, "USD"), "USD 12.50");
        assert_eq!(money(5, "USD"), "USD 0.05");
        assert_eq!(money(7, "<x>"), "<x> 7");
    }

    #[test]
    fn distances_have_two_units_at_most() {
        let cases = [
            (0, "±0"),
            (-40 * SECOND_US, "−40s"),
            (12 * 60 * SECOND_US, "+12m"),
            (-(HOUR_US + 120 * SECOND_US), "−1h 02m"),
            (3 * DAY_US + 4 * HOUR_US, "+3d 4h"),
        ];
        for (us, text) in cases {
            assert_eq!(distance(us), text);
        }
    }

    #[test]
    fn percents_never_hide_something() {
        assert_eq!(percent(1, 10_005), "< 0.1 %");
        assert_eq!(percent(0, 10_005), "0.0 %");
        assert_eq!(percent(9_999, 10_000), "99.9 %");
        assert_eq!(percent(0, 0), "0.0 %");
    }

    #[test]
    fn identifiers_keep_their_ends_only() {
        assert_eq!(shortened("device-000123-abcd"), "devi…abcd");
        assert_eq!(shortened("d1"), "…");
        assert_eq!(shortened("端末一二三四五六"), "端末…五六");
        assert_eq!(second(-5), "1970-01-01 00:00:00");
    }
}
