//! What is confirmed, in words: rows of a page, the message that brings a code, what the support centre says on the telephone. Must
//! not know how any of them travels.
//!
//! A message never holds a link, also none that somebody else made up: what came from outside stands in it with signs that no
//! telephone takes for an address.

use model::unseen::{visible, visible_name};
use model::{EventKind, Time};
use stepup::Action;

use crate::pages::texts::Texts;

/// Names and values of what is confirmed, as they are to be read.
pub(crate) fn rows(action: &Action, texts: Texts) -> Vec<(&'static str, String)> {
    let mut rows: Vec<_> =
        what_for(action, texts).into_iter().map(|(label, value)| (label, visible(&value))).collect();
    rows.extend(by_what(action, texts).into_iter().map(|(label, value)| (label, visible_name(&value))));
    rows
}

/// Money, accounts, contacts, orders.
fn what_for(action: &Action, texts: Texts) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(amount) = &action.amount {
        rows.push((texts.of("action.amount"), texts.money(amount)));
    }
    if let Some(account) = &action.account {
        let digits = texts.of("action.ending").replace("{digits}", &account.ending);
        let (bank, branch) = account.branch.split_once('-').unwrap_or((&account.branch, ""));
        let at = texts.of("action.at").replace("{bank}", bank).replace("{branch}", branch);
        rows.push((texts.of("action.account"), format!("{at} {digits}")));
        if let Some(holder) = &account.holder {
            rows.push((texts.of("action.holder"), holder.clone()));
        }
    }
    if let Some(contact) = &action.contact {
        let shown = contact.shown.clone().unwrap_or_default();
        rows.push((
            texts.of("action.contact"),
            format!("{} {shown}", texts.of_word("contact", contact.r#type.as_str())),
        ));
    }
    if let Some(order) = &action.order {
        let side = texts.of_word("side", order.side.as_str());
        let count = texts.of("action.shares").replace("{n}", &order.quantity.to_string());
        rows.push((texts.of("action.order"), format!("{} {side} {count}", order.symbol)));
        if let Some(notional) = &order.notional {
            rows.push((texts.of("action.notional"), texts.money(notional)));
        }
    }
    if let Some(payee) = &action.payee {
        rows.push((texts.of("action.payee"), payee.clone()));
    }
    rows
}

/// What the customer proves themselves with, and from where they are let in, by the names that they gave.
fn by_what(action: &Action, texts: Texts) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(device) = &action.device {
        rows.push((texts.of("action.device"), named(device.name.as_deref(), &device.device)));
    }
    if let Some(authenticator) = &action.authenticator {
        let factor = texts.of_word("factor", authenticator.factor.as_str());
        rows.push((texts.of("action.authenticator"), named(authenticator.name.as_deref(), &factor)));
    }
    if let Some(only) = action.only_own_devices {
        let devices = texts.of(if only { "action.only_own" } else { "action.any" });
        rows.push((texts.of("action.let_in"), devices.to_owned()));
    }
    rows
}

/// `telephone (Passkey)`: what its owner calls it, and what it is.
fn named(name: Option<&str>, what: &str) -> String {
    let name = name.filter(|name| !name.eq_ignore_ascii_case(what));
    name.map_or_else(|| what.to_owned(), |name| format!("{name} ({what})"))
}

/// What is done, in a few words: `Withdrawal`.
pub(crate) fn kind(action: &Action, texts: Texts) -> String {
    texts.of_word("kind", action.kind.as_str())
}

/// The message that brings a code: what is confirmed first, because that is what must be read.
pub(crate) fn code_message(name: &str, action: &Action, code: &str, texts: Texts) -> String {
    let mut lines = vec![texts.of("message.begin").replace("{name}", name), kind(action, texts)];
    lines
        .extend(rows(action, texts).into_iter().map(|(label, value)| format!("{label} {}", no_link(&value))));
    lines.push(texts.of("message.code").replace("{code}", code));
    lines.push(texts.of("message.never").to_owned());
    lines.join("\n")
}

/// The message that tells of a change: what, when, and what to do if it was not the customer's own.
pub(crate) fn notice(name: &str, kind: EventKind, at: Time, support: Option<&str>, texts: Texts) -> String {
    let mut lines = vec![
        texts.of("message.changed").replace("{name}", name),
        texts.of_word("notice_kind", kind.as_str()),
        texts.time(at),
        texts.of("message.not_you").to_owned(),
    ];
    lines.extend(support.map(no_link));
    lines.join("\n")
}

/// What an operator does and says on the telephone, in order.
pub(crate) fn call_script(name: &str, action: &Action, texts: Texts) -> Vec<String> {
    let about: Vec<String> =
        rows(action, texts).into_iter().map(|(label, value)| format!("{label} {value}")).collect();
    let about = if about.is_empty() {
        kind(action, texts)
    } else {
        format!("{}: {}", kind(action, texts), about.join(", "))
    };
    vec![
        texts.of("call.dial").to_owned(),
        texts.of("call.greet").replace("{name}", name),
        texts.of("call.ask").to_owned(),
        texts.of("call.read").replace("{about}", &about),
        texts.of("call.never").to_owned(),
        texts.of("call.pressed").to_owned(),
        texts.of("call.settle").to_owned(),
    ]
}

/// The value with signs in place of those that make an address of a text.
fn no_link(value: &str) -> String {
    // `USD 12.50`: nothing ends in digits behind its only point that somebody could open.
    let is_digits = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    let is_amount = value.split_once('.').is_some_and(|(_, rest)| is_digits(rest));
    let sign = |c: char| match c {
        '.' if is_amount => c,
        '.' | '．' | '。' | '｡' | '․' => '・',
        '/' | '\\' | '⁄' | '∕' => '／',
        ':' => '：',
        '@' => '＠',
        c if c.is_control() => ' ',
        c => c,
    };
    value.chars().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use model::Event;
    use stepup::Action;

    use super::{Texts, call_script, code_message, no_link};

    const JA: Texts = Texts { japanese: true };
    const EN: Texts = Texts { japanese: false };

    fn withdrawal(holder: &str) -> Action {
        let event = serde_json::json!({
            "id": "w", "time": "2020-09-16T03:00:00Z", "kind": "withdrawal", "customer": "C1", "outcome": "attempted",
            "amount": {"minor": 5_000_000, "currency": "JPY"},
            "bank_account": {"bank": "0001", "branch": "001", "number": "1234567", "holder": holder},
        });
        let event = Event::from_json(event.to_string().as_bytes()).unwrap();
        Action::of(&event, |_| [0; 32]).unwrap()
    }

    #[test]
    fn nothing_reads_as_something_else() {
        let event = serde_json::json!({
            "id": "c", "time": "2020-09-16T03:00:00Z", "kind": "contact.change", "customer": "C1", "outcome": "attempted",
            "contact": {"type": "email", "new": "\u{202e}pj.elpmaxe@orat"},
        });
        let event = Event::from_json(event.to_string().as_bytes()).unwrap();
        let action = Action::of(&event, |_| [0; 32]).unwrap();
        assert_eq!(super::rows(&action, EN).last().unwrap().1, "Mail address �pj.elpmaxe@orat");
        assert!(code_message("Broker", &action, "123456", EN).contains("�pj・elpmaxe＠orat"));
    }

    #[test]
    fn what_somebody_named_is_read_as_they_named_it() {
        let customer = "C1".parse().unwrap();
        let named = |name: &str| stepup::action::Device {
            name: Some(name.to_owned()),
            device: "d-1".to_owned(),
            key: None,
        };
        let registering = Action::bare(customer, model::EventKind::DeviceRegister);
        for (name, shown) in [("👩\u{200d}👧", "👩\u{200d}👧 (d-1)"), ("my\u{200d} phone", "my� phone (d-1)")]
        {
            let action = Action { device: Some(named(name)), ..registering.clone() };
            assert_eq!(super::rows(&action, EN).last().unwrap().1, shown);
        }
    }

    #[test]
    fn a_message_says_what_the_code_is_for() {
        let action = withdrawal("ヤマダ タロウ");
        assert_eq!(
            code_message("関所証券", &action, "012345", JA),
            "【関所証券】次のお手続きの確認コードです。\n出金\n金額 5,000,000円\n振込先 銀行 0001 支店 001 口座番号の末尾 567\n\
             口座名義 ヤマダ タロウ\n確認コード 012345（5分間有効）\n\
             お心当たりがなければ入力しないでください。社員がコードをお聞きすることはありません。"
        );
        assert_eq!(
            code_message("Sekisho", &action, "012345", EN),
            "Sekisho: a code to confirm this.\nWithdrawal\nAmount JPY 5,000,000\nTo account bank 0001, branch 001, number ending in 567\n\
             Account holder ヤマダ タロウ\nCode 012345 (good for 5 minutes)\n\
             If you did not ask for this, do not type it. Our staff never ask for it."
        );
    }

    #[test]
    fn nobody_sends_a_link_through_our_message() {
        for (value, written) in [
            ("evil.example/login", "evil・example／login"),
            ("EVIL.COM", "EVIL・COM"),
            ("https://192.0.2.1:8080", "https：／／192・0・2・1：8080"),
            ("a@evil.example", "a＠evil・example"),
            ("t•••@example.jp", "t•••＠example・jp"),
            ("evil。example", "evil・example"),
            ("1.2.3.4", "1・2・3・4"),
            ("USD 12.50", "USD 12.50"),
            ("5,000,000円", "5,000,000円"),
            ("a\nb", "a b"),
        ] {
            assert_eq!(no_link(value), written);
        }
        for texts in [JA, EN] {
            let message = code_message("Sekisho", &withdrawal("HTTP://EVIL.EXAMPLE/X"), "012345", texts);
            assert!(!message.contains("://") && !message.contains("EVIL.EXAMPLE"), "{message}");
        }
    }

    #[test]
    fn a_script_reads_back_what_is_confirmed_and_asks_for_no_secret() {
        for (texts, about, never) in [
            (JA, "出金: 金額 5,000,000円", "パスワード"),
            (EN, "Withdrawal: Amount JPY 5,000,000", "password"),
        ] {
            let script = call_script("関所証券", &withdrawal("ヤマダ タロウ"), texts);
            assert!(script.iter().any(|line| line.contains(about)), "{script:?}");
            assert!(script.iter().any(|line| line.contains(never)), "{script:?}");
        }
    }
}
