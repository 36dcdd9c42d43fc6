//! Words by which a request to pay presses for haste or asks for secrecy, in Japanese and English. Must not know payments.
//!
//! The lists are short on purpose: each word is one that honest requests seldom hold. Who writes in other words is not seen.

/// What a request presses for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pressure {
    /// Haste.
    pub(crate) urgency: bool,
    /// Secrecy.
    pub(crate) secrecy: bool,
}

const URGENCY: [&str; 17] = [
    "至急",
    "大至急",
    "緊急",
    "急ぎ",
    "本日中",
    "今日中",
    "今すぐ",
    "直ちに",
    "早急に",
    "urgent",
    "immediately",
    "as soon as possible",
    "asap",
    "right away",
    "by end of day",
    "today only",
    "time-sensitive",
];

const SECRECY: [&str; 15] = [
    "内密",
    "極秘",
    "秘密",
    "他言",
    "口外",
    "内緒",
    "機密案件",
    "confidential",
    "do not discuss",
    "don't discuss",
    "do not tell",
    "don't tell",
    "keep this between us",
    "strictly between",
    "secret",
];

/// Reads a request.
pub(crate) fn of(text: &str) -> Pressure {
    let text = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    Pressure { urgency: has(&URGENCY), secrecy: has(&SECRECY) }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn requests_that_press() {
        for (text, urgency, secrecy) in [
            ("【至急】本日中にお振込みください。他言無用でお願いします", true, true),
            ("URGENT: wire the deposit today, and keep this between us", true, true),
            ("極秘の買収案件です", false, true),
            ("今すぐ手続きをお願いします", true, false),
            ("10月分のご請求書をお送りします", false, false),
            ("Invoice 2020-114, due in 30 days", false, false),
        ] {
            let pressure = of(text);
            assert_eq!((pressure.urgency, pressure.secrecy), (urgency, secrecy), "{text}");
        }
    }
}
