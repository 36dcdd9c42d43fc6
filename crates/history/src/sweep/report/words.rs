//! The report's texts in both languages, from `config/locales`. Every text is written out in both; the page shows one.
//! Must not know where on the page a text stands.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::sync::LazyLock;

use askama::filters::{Escaper as _, Html, HtmlSafe};
use hashbrown::HashMap;
use model::Time;
use model::time::HOUR_US;

use super::format;
use crate::locales::texts;

/// Japan has kept UTC+9 without summer time since 1952.
const JAPAN_US: i64 = 9 * HOUR_US;

static TEXTS: LazyLock<HashMap<String, Both>> = LazyLock::new(|| {
    let [ja, en] = texts("report");
    let pair = |(key, ja): (String, String)| {
        let en = en.get(&key)?.clone();
        Some((key, Both { ja: ja.into(), en: en.into() }))
    };
    ja.into_iter().filter_map(pair).collect()
});

/// A text in both languages. As HTML it is one element for each, escaped, of which the page shows one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sweep) struct Both {
    pub(in crate::sweep) ja: Cow<'static, str>,
    pub(in crate::sweep) en: Cow<'static, str>,
}

impl Both {
    /// A text that is the same in both languages: a number, an address.
    pub(in crate::sweep) fn same(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        Self { ja: text.clone(), en: text }
    }

    /// The texts one after the other with a separator that has its own form in each language.
    pub(super) fn join(parts: &[Self], separator: &Self) -> Self {
        let join = |side: fn(&Self) -> &str| {
            let parts: Vec<&str> = parts.iter().map(side).collect();
            Cow::Owned(parts.join(side(separator)))
        };
        Self { ja: join(|both| &both.ja), en: join(|both| &both.en) }
    }

    /// For places that can hold one text only (attributes, the page's title).
    pub(super) fn plain(&self) -> String {
        if self.ja == self.en { self.ja.to_string() } else { format!("{} / {}", self.ja, self.en) }
    }
}

impl Display for Both {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.ja == self.en {
            return Html.write_escaped_str(f, &self.ja);
        }
        f.write_str("<span lang=ja>")?;
        Html.write_escaped_str(&mut *f, &self.ja)?;
        f.write_str("</span><span lang=en>")?;
        Html.write_escaped_str(&mut *f, &self.en)?;
        f.write_str("</span>")
    }
}

/// What `Display` writes is escaped already.
impl HtmlSafe for Both {}

/// The text of a key. A key without a text shows itself in brackets, which no test lets pass.
pub(in crate::sweep) fn both(key: &str) -> Both {
    TEXTS.get(key).cloned().unwrap_or_else(|| Both::same(format!("⟦{key}⟧")))
}

/// The text of a word of a vocabulary: `kind.login`.
pub(super) fn word(vocabulary: &str, word: &str) -> Both {
    both(&format!("{vocabulary}.{word}"))
}

/// Whether there is a text for the key.
pub(in crate::sweep) fn is_known(key: &str) -> bool {
    TEXTS.contains_key(key)
}

/// The text of a key with `{names}` filled in.
pub(in crate::sweep) fn fill(key: &str, values: &[(&str, Both)]) -> Both {
    let Both { mut ja, mut en } = both(key);
    for (name, value) in values {
        let name = format!("{{{name}}}");
        ja = ja.replace(&name, &value.ja).into();
        en = en.replace(&name, &value.en).into();
    }
    Both { ja, en }
}

/// A number with thousands separators.
pub(in crate::sweep) fn number<N: TryInto<u64>>(number: N) -> Both {
    Both::same(format::thousands(number))
}

/// A point in time to the minute with its zone, as the reader of each language expects it in a sentence.
pub(in crate::sweep) fn moment(us: i64) -> Both {
    let Both { ja, en } = clock(us);
    Both { ja: format!("{ja}（日本時間）").into(), en: format!("{en} UTC").into() }
}

/// The same without its zone, which must be told elsewhere: Japan's time in Japanese, UTC in English.
pub(super) fn clock(us: i64) -> Both {
    let local = Time::from_us(us).map_or(Time::MIN, |time| time.plus_us(JAPAN_US)).to_string();
    let part = |from: usize, to: usize| local.get(from..to).unwrap_or_default();
    let plain = |digits: &str| digits.trim_start_matches('0').to_owned();
    let ja = format!(
        "{}年{}月{}日{}:{}",
        part(0, 4),
        plain(part(5, 7)),
        plain(part(8, 10)),
        part(11, 13),
        part(14, 16)
    );
    Both { ja: ja.into(), en: format::minute(us).into() }
}

/// Japan's time to the second, for tables.
pub(super) fn japan_second(us: i64) -> String {
    format::second(us.saturating_add(JAPAN_US))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::{Channel, ContactType, EventKind, Factor, Outcome};

    use super::{Both, TEXTS, fill, is_known, moment, number, texts};
    use crate::sweep::{Reason, Verdict};

    #[test]
    fn both_languages_have_the_same_keys_and_the_same_places_to_fill() {
        let [ja, en] = texts("report");
        let keys =
            |texts: &hashbrown::HashMap<String, String>| texts.keys().cloned().collect::<BTreeSet<String>>();
        assert_eq!(keys(&ja), keys(&en));
        assert_eq!(TEXTS.len(), ja.len());
        let places = |text: &str| {
            let names = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
            names.map(|(name, _)| name.to_owned()).collect::<BTreeSet<String>>()
        };
        for (key, text) in &ja {
            assert!(!text.is_empty(), "{key}");
            assert_eq!(places(text), places(&en[key]), "{key}");
        }
    }

    #[test]
    fn every_word_has_a_text() {
        let vocabularies: [(&str, &[&str]); 9] = [
            ("verdict", Verdict::WORDS),
            ("verdict_text", Verdict::WORDS),
            ("reason", Reason::WORDS),
            ("reason_text", Reason::WORDS),
            ("kind", EventKind::WORDS),
            ("outcome", Outcome::WORDS),
            ("channel", Channel::WORDS),
            ("contact", ContactType::WORDS),
            ("factor", Factor::WORDS),
        ];
        for (vocabulary, words) in vocabularies {
            for word in words {
                assert!(is_known(&format!("{vocabulary}.{word}")), "{vocabulary}.{word}");
            }
        }
    }

    #[test]
    fn what_intelligence_does_not_know_has_a_text() {
        let codes = [
            "country.unknown",
            "country.ipv4.unknown",
            "country.ipv6.unknown",
            "asn.unknown",
            "asn.ipv4.unknown",
            "asn.ipv6.unknown",
            "lists.tor.unknown",
            "lists.vpn.unknown",
            "lists.hosting.unknown",
            "lists.blocklist.unknown",
            "user_agents.unknown",
        ];
        let missing = intel::Intel::none().unknowns();
        for code in codes.into_iter().chain(missing.iter().map(|unknown| unknown.code)) {
            let has_short = code.starts_with("user_agents.") || is_known(&format!("unknown_short.{code}"));
            assert!(is_known(&format!("unknown.{code}")) && has_short, "{code}");
        }
    }

    #[test]
    fn texts_are_escaped_and_same_texts_stand_once() {
        let both = Both { ja: "<あ>".into(), en: "a&b".into() };
        assert_eq!(both.to_string(), "<span lang=ja>&#60;あ&#62;</span><span lang=en>a&#38;b</span>");
        assert_eq!(Both::same("<7>").to_string(), "&#60;7&#62;");
        assert_eq!(number(10_005_u32).to_string(), "10,005");
    }

    #[test]
    fn moments_are_told_in_japan_time_and_in_utc() {
        let time = "2020-09-16T15:05:59Z".parse::<model::Time>().unwrap();
        let both = moment(time.as_us());
        assert_eq!(both.ja, "2020年9月17日00:05（日本時間）");
        assert_eq!(both.en, "2020-09-16 15:05 UTC");
        let filled = fill("unknown.history.begins_late", &[("time", both)]);
        assert!(filled.en.starts_with("Accesses before 2020-09-16 15:05 UTC:"), "{}", filled.en);
    }
}
