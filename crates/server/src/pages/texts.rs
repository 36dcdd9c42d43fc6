//! The pages' texts in the customer's language, from `config/locales`, and how times and amounts are written there. Must not
//! know where a text stands.

use std::sync::LazyLock;

use hashbrown::HashMap;
use model::time::HOUR_US;
use model::{Money, Time};

/// Japan has kept UTC+9 without summer time since 1952.
pub(super) const JAPAN_US: i64 = 9 * HOUR_US;

static TEXTS: LazyLock<[HashMap<String, String>; 2]> = LazyLock::new(|| history::locales::texts("pages"));

/// The texts of one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) japanese: bool,
}

impl Texts {
    /// A text; its key where there is none, which a test excludes.
    pub(crate) fn of(self, key: &'static str) -> &'static str {
        self.find(key).unwrap_or(key)
    }

    /// A text whose key is put together.
    pub(crate) fn of_word(self, group: &str, word: &str) -> String {
        self.find(&format!("{group}.{word}")).unwrap_or(word).to_owned()
    }

    fn find(self, key: &str) -> Option<&'static str> {
        let [ja, en] = &*TEXTS;
        let texts = if self.japanese { ja } else { en };
        texts.get(key).map(String::as_str)
    }

    /// `ja` or `en`.
    pub(crate) const fn language(self) -> &'static str {
        if self.japanese { "ja" } else { "en" }
    }

    /// Day and time of day in Japan.
    pub(crate) fn time(self, time: Time) -> String {
        let written = if self.japanese { "%Y年%-m月%-d日 %H:%M" } else { "%-d %B %Y, %H:%M (Japan)" };
        time.plus_us(JAPAN_US).timestamp().strftime(written).to_string()
    }

    /// The same in few letters, for lists that say elsewhere whose time it is.
    pub(super) fn short(self, time: Time) -> String {
        let written = if self.japanese { "%Y年%-m月%-d日 %H:%M" } else { "%-d %b %Y, %H:%M" };
        time.plus_us(JAPAN_US).timestamp().strftime(written).to_string()
    }

    /// A day of Japan, in few letters.
    pub(super) fn date(self, time: Time) -> String {
        let written = if self.japanese { "%-m/%-d" } else { "%-d %b" };
        time.plus_us(JAPAN_US).timestamp().strftime(written).to_string()
    }

    /// Time of day in Japan, to the second.
    pub(crate) fn clock(self, time: Time) -> String {
        time.plus_us(JAPAN_US).timestamp().strftime("%H:%M:%S").to_string()
    }

    /// A time to wait for, never too early: a minute is full when it is over.
    pub(crate) fn until(self, time: Time) -> String {
        self.time(time.plus_us(HOUR_US / 60 - 1))
    }

    /// An amount: `5,000,000円`, `JPY 5,000,000`, `USD 12.50`.
    pub(crate) fn money(self, money: &Money) -> String {
        let digits = usize::from(money.currency.minor_digits());
        let text = format!("{:0>width$}", money.minor.unsigned_abs(), width = digits.saturating_add(1));
        let (whole, part) = text.split_at(text.len().saturating_sub(digits));
        let mut amount = grouped(whole);
        if !part.is_empty() {
            amount.push('.');
            amount.push_str(part);
        }
        let sign = if money.minor < 0 { "-" } else { "" };
        match (self.japanese, money.currency.as_str()) {
            (true, "JPY") => format!("{sign}{amount}円"),
            (_, currency) => format!("{sign}{currency} {amount}"),
        }
    }
}

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len().saturating_sub(place)).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use model::{Money, Time};

    use super::{TEXTS, Texts};

    #[test]
    fn both_languages_have_the_same_texts_with_the_same_places_to_fill() {
        let [ja, en] = &*TEXTS;
        assert!(ja.len() > 60, "{}", ja.len());
        let mut keys: Vec<_> = ja.keys().collect();
        let mut others: Vec<_> = en.keys().collect();
        keys.sort();
        others.sort();
        assert_eq!(keys, others);
        let places = |text: &str| {
            let mut places: Vec<String> =
                text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect();
            places.sort();
            places
        };
        for key in keys {
            assert_eq!(places(&ja[key]), places(&en[key]), "{key}");
        }
    }

    #[test]
    fn every_text_a_page_asks_for_is_there() {
        let sources = [
            include_str!("../pages.rs"),
            include_str!("verify.rs"),
            include_str!("../wording.rs"),
            include_str!("security.rs"),
            include_str!("centre.rs"),
            include_str!("origin.rs"),
            include_str!("picture.rs"),
            include_str!("../../templates/layout.html"),
            include_str!("../../templates/verify.html"),
            include_str!("../../templates/security.html"),
            include_str!("../../templates/logins.html"),
            include_str!("../../templates/notices.html"),
            include_str!("../../templates/locked.html"),
            include_str!("../../templates/login.html"),
            include_str!("../../templates/what_next.html"),
            include_str!("../../templates/message.html"),
        ];
        let mut asked = 0;
        for source in sources {
            for rest in source.split(".of(\"").skip(1) {
                let key = rest.split('"').next().unwrap();
                assert!(TEXTS[0].contains_key(key), "{key}");
                asked += 1;
            }
        }
        assert!(asked > 50, "{asked}");
        for kind in model::EventKind::ALL {
            assert!(TEXTS[0].contains_key(&format!("kind.{}", kind.as_str())), "{kind:?}");
        }
        let words: [(&str, &[&str]); 5] = [
            ("channel", model::Channel::WORDS),
            ("contact", model::ContactType::WORDS),
            ("factor", model::Factor::WORDS),
            ("login", &["succeeded", "failed", "asked", "held", "denied", "tried"]),
            ("notice", &["open", "released", "refused", "over"]),
        ];
        for (group, words) in words {
            for word in words {
                assert!(TEXTS[0].contains_key(&format!("{group}.{word}")), "{group}.{word}");
            }
        }
    }

    #[test]
    fn times_and_amounts_as_people_write_them() {
        let (ja, en) = (Texts { japanese: true }, Texts { japanese: false });
        let time: Time = "2020-09-16T03:04:05Z".parse().unwrap();
        assert_eq!(ja.time(time), "2020年9月16日 12:04");
        assert_eq!(en.time(time), "16 September 2020, 12:04 (Japan)");
        assert_eq!(
            (ja.short(time).as_str(), en.short(time).as_str()),
            ("2020年9月16日 12:04", "16 Sep 2020, 12:04")
        );
        assert_eq!((ja.date(time).as_str(), en.date(time).as_str()), ("9/16", "16 Sep"));
        for (minor, currency, japanese, english) in [
            (5_000_000, "JPY", "5,000,000円", "JPY 5,000,000"),
            (0, "JPY", "0円", "JPY 0"),
            (1_234, "USD", "USD 12.34", "USD 12.34"),
            (5, "USD", "USD 0.05", "USD 0.05"),
        ] {
            let money: Money =
                serde_json::from_value(serde_json::json!({"minor": minor, "currency": currency})).unwrap();
            assert_eq!((ja.money(&money).as_str(), en.money(&money).as_str()), (japanese, english));
        }
    }
}
