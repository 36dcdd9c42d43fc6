//! Every text of the site, in both languages, in one place; and which of them a customer reads: what they chose last, else what their
//! browser asks for.

use axum::http::HeaderMap;

use crate::pages::cookie;

/// The texts in one language.
#[derive(Debug)]
pub(crate) struct Texts {
    pub(crate) japanese: bool,
    /// For `lang` of the page, of the address and of the cookie.
    pub(crate) language: &'static str,
    pub(crate) broker: &'static str,
    pub(crate) name: &'static str,
    pub(crate) password: &'static str,
    pub(crate) sign_in: &'static str,
    pub(crate) sign_in_by_passkey: &'static str,
    pub(crate) not_signed_in: &'static str,
    pub(crate) balance: &'static str,
    pub(crate) branch: &'static str,
    pub(crate) orders: &'static str,
    pub(crate) security: &'static str,
    pub(crate) amount: &'static str,
    pub(crate) withdraw: &'static str,
    pub(crate) branch_number: &'static str,
    pub(crate) account_number: &'static str,
    pub(crate) change_account: &'static str,
    pub(crate) symbol: &'static str,
    pub(crate) quantity: &'static str,
    pub(crate) buy: &'static str,
    pub(crate) sell: &'static str,
    pub(crate) waits: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) not_accepted: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) back: &'static str,
    /// Of the other language, in it.
    pub(crate) other: (&'static str, &'static str),
}

static JAPANESE: Texts = Texts {
    japanese: true,
    language: "ja",
    broker: "関所証券",
    name: "お客さま名",
    password: "パスワード",
    sign_in: "ログイン",
    sign_in_by_passkey: "パスキーでログイン",
    not_signed_in: "ログインできません",
    balance: "残高",
    branch: "出金先支店",
    orders: "注文件数",
    security: "セキュリティ設定",
    amount: "出金額（円）",
    withdraw: "出金する",
    branch_number: "支店番号",
    account_number: "口座番号",
    change_account: "出金先を変更する",
    symbol: "銘柄コード",
    quantity: "株数",
    buy: "買う",
    sell: "売る",
    waits: "受付を保留しました",
    refused: "お手続きできません",
    not_accepted: "入力内容をご確認ください",
    failed: "お手続きできません。しばらくしてからもう一度お試しください。",
    back: "戻る",
    other: ("en", "English"),
};

static ENGLISH: Texts = Texts {
    japanese: false,
    language: "en",
    broker: "Sekisho Securities",
    name: "Customer name",
    password: "Password",
    sign_in: "Sign in",
    sign_in_by_passkey: "Sign in with a passkey",
    not_signed_in: "You cannot sign in",
    balance: "Balance",
    branch: "Paid out to branch",
    orders: "Orders",
    security: "Security settings",
    amount: "Amount (yen)",
    withdraw: "Withdraw",
    branch_number: "Branch number",
    account_number: "Account number",
    change_account: "Change the account",
    symbol: "Symbol",
    quantity: "Shares",
    buy: "Buy",
    sell: "Sell",
    waits: "We received it; it waits for a check",
    refused: "This cannot be done",
    not_accepted: "Please check what you typed",
    failed: "This cannot be done now. Please try again in a while.",
    back: "Back",
    other: ("ja", "日本語"),
};

impl Texts {
    /// What this customer reads: `asked` in the address, else what the cookie keeps, else the first language of the browser that is one
    /// of the two, else Japanese.
    pub(crate) fn of(headers: &HeaderMap, asked: Option<&str>) -> &'static Self {
        let kept = cookie(headers, "lang");
        let browser = headers.get("accept-language").and_then(|value| value.to_str().ok()).unwrap_or("");
        let words = asked.into_iter().chain(kept.as_deref()).chain(browser.split(',').map(str::trim));
        words.filter_map(Self::named).next().unwrap_or(&JAPANESE)
    }

    fn named(word: &str) -> Option<&'static Self> {
        let primary = word.split(['-', ';']).next()?;
        [&JAPANESE, &ENGLISH].into_iter().find(|texts| texts.language.eq_ignore_ascii_case(primary))
    }

    /// An amount of yen as it is read.
    pub(crate) fn yen(&self, yen: i64) -> String {
        let digits = yen.unsigned_abs().to_string();
        let mut grouped = String::from(if yen < 0 { "-" } else { "" });
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        if self.japanese { format!("{grouped}円") } else { format!("JPY {grouped}") }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::Texts;

    #[test]
    fn what_was_asked_for_comes_before_what_is_kept_and_what_the_browser_says() {
        for (asked, kept, browser, language) in [
            (None, None, None, "ja"),
            (None, None, Some("en-GB,en;q=0.9,ja;q=0.8"), "en"),
            (None, None, Some("fr, ja;q=0.8, en;q=0.7"), "ja"),
            (None, Some("ja"), Some("en"), "ja"),
            (Some("en"), Some("ja"), Some("ja"), "en"),
            (Some("<script>"), Some("x"), Some("de"), "ja"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(kept) = kept {
                headers.insert("cookie", format!("session=1; lang={kept}").parse().unwrap());
            }
            if let Some(browser) = browser {
                headers.insert("accept-language", browser.parse().unwrap());
            }
            let read = Texts::of(&headers, asked).language;
            assert_eq!(read, language, "{asked:?} {kept:?} {browser:?}");
        }
    }

    #[test]
    fn yen_are_grouped() {
        let texts = Texts::of(&HeaderMap::new(), None);
        for (yen, text) in [(0, "0円"), (999, "999円"), (9_950_000, "9,950,000円"), (-1_000, "-1,000円")]
        {
            assert_eq!(texts.yen(yen), text);
        }
    }
}
