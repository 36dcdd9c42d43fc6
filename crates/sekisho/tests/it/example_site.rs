//! The example broker's own pages in a real browser: in the customer's language, at the widths of a telephone and of a desk, and with a
//! passkey in place of the password.

use crate::browser::Chromium;
use crate::proof::Broker;
use crate::proof_pages::{HOME, example_broker, sign_in, tell_past};

struct Words {
    language: &'static str,
    login: &'static str,
    balance: &'static str,
    wrong: &'static str,
    /// The other language, as the link to it says, and the balance in it.
    other: (&'static str, &'static str),
    security: &'static str,
    amount: &'static str,
    left: &'static str,
}

const LANGUAGES: [Words; 2] = [
    Words {
        language: "ja",
        login: "お客さま名",
        balance: "残高 10,000,000円",
        wrong: "ログインできません",
        other: ("English", "Balance JPY 10,000,000"),
        security: "セキュリティ設定",
        amount: "50,000円",
        left: "残高 9,950,000円",
    },
    Words {
        language: "en",
        login: "Customer name",
        balance: "Balance JPY 10,000,000",
        wrong: "You cannot sign in",
        other: ("日本語", "残高 10,000,000円"),
        security: "Your security",
        amount: "JPY 50,000",
        left: "Balance JPY 9,950,000",
    },
];

#[test]
fn a_customer_signs_in_by_passkey_in_their_language() {
    for words in &LANGUAGES {
        for width in [360, 1280] {
            visit(words, width);
        }
    }
}

fn visit(words: &Words, width: u32) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = format!("[\"http://localhost:{}\"]", listener.local_addr().unwrap().port());
    let broker = Broker::start(&format!(
        "cooling_hours = 0\nname = \"関所証券\"\nreturn_origins = {own}\nrelated_origins = {own}"
    ));
    tell_past(&broker);
    let site = example_broker(listener, &broker);
    let mut browser = Chromium::of_width(&broker.place, words.language, width);
    let authenticator = browser.add_authenticator();
    browser.come_from(HOME);
    let look = |browser: &mut Chromium, page: &str| {
        browser.picture(&format!("{page}-{}-{width}", words.language));
        assert!(!browser.scrolls_sideways(), "{page} fits the window");
    };
    let new_browser = |browser: &mut Chromium| {
        browser.open(&format!("{site}/passkeys.js"));
        browser.forget_cookies();
        browser.script("document.cookie = 'device=d-taro; path=/'");
    };
    new_browser(&mut browser);

    // By password; the language is the browser's, until another one is chosen.
    browser.open(&site);
    browser.until_text(words.login);
    look(&mut browser, "site-login");
    browser.type_into("[name=name]", "taro");
    browser.type_into("[name=password]", "wrong");
    browser.click("#login");
    browser.until_text(words.wrong);
    look(&mut browser, "site-wrong");
    sign_in(&mut browser, &site);
    browser.until_text(words.balance);
    look(&mut browser, "site-home");
    let (other, balance) = words.other;
    browser.until_text(other);
    browser.click("#lang");
    browser.until_text(balance);
    browser.open(&format!("{site}/home"));
    browser.until_text(balance);
    browser.click("#lang");
    browser.until_text(words.balance);

    // A passkey is added, and then signs in by itself.
    browser.click("#security");
    browser.until_text(words.security);
    browser.click("[data-act=enrol]");
    browser.until("the passkey on the page", |browser| browser.has("li[data-id]").then_some(()));
    look(&mut browser, "site-security");
    assert_eq!(browser.credentials(&authenticator).len(), 1);
    new_browser(&mut browser);
    browser.open(&site);
    browser.until_text(words.balance);

    browser.come_from("192.0.2.50");
    browser.click("#withdraw");
    browser.until_text(words.amount);
    look(&mut browser, "site-verify");
    browser.click("[data-act=passkey]");
    browser.until_text(words.left);
    let events = broker.by("reader").get("/v1/events?customer=C-TARO").unwrap().body;
    assert!(events.contains("\"kind\":\"login\"") && events.contains("\"factor\":\"passkey\""), "{events}");
}

/// Words of Sekisho's pages and of the broker's own, once something went wrong.
struct WordsAfter {
    language: &'static str,
    security: &'static str,
    locked: &'static str,
    waits: &'static str,
    sale: &'static str,
    sold: &'static str,
    refused: &'static str,
    untouched: &'static str,
}

const AFTER: [WordsAfter; 2] = [
    WordsAfter {
        language: "ja",
        security: "セキュリティ設定",
        locked: "お取引を止めています",
        waits: "受付を保留しました",
        sale: "7203",
        sold: "注文件数 1",
        refused: "お手続きできません",
        untouched: "残高 10,000,000円",
    },
    WordsAfter {
        language: "en",
        security: "Your security",
        locked: "Your account is locked",
        waits: "it waits for a check",
        sale: "7203",
        sold: "Orders 1",
        refused: "This cannot be done",
        untouched: "Balance JPY 10,000,000",
    },
];

/// A customer with a past and a passkey that counts, signed in at the example's site.
fn signed_in(words: &WordsAfter) -> (Broker, String, Chromium) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = format!("[\"http://localhost:{}\"]", listener.local_addr().unwrap().port());
    let broker = Broker::start(&format!("cooling_hours = 0\nname = \"関所証券\"\nreturn_origins = {own}"));
    tell_past(&broker);
    let site = example_broker(listener, &broker);
    let mut browser = Chromium::of_width(&broker.place, words.language, 360);
    browser.add_authenticator();
    browser.come_from(HOME);
    browser.open(&site);
    browser.script("document.cookie = 'device=d-taro; path=/'");
    sign_in(&mut browser, &site);
    browser.click("#security");
    browser.until_text(words.security);
    browser.click("[data-act=enrol]");
    browser.until("the passkey on the page", |browser| browser.has("li[data-id]").then_some(()));
    (broker, site, browser)
}

/// What moves money out waits; what turns securities into money that stays is let through by a proof.
#[test]
fn who_says_that_it_was_not_them_stops_withdrawals_and_sells_with_a_proof() {
    for words in &AFTER {
        let (broker, site, mut browser) = signed_in(words);
        browser.click("[data-act=disown]");
        browser.accept_dialog();
        browser.until_text(words.locked);
        browser.picture(&format!("site-locked-{}", words.language));
        assert!(!browser.scrolls_sideways(), "it fits the window");

        for what in ["#withdraw", "#bank", "#order"] {
            browser.open(&format!("{site}/home"));
            browser.click(what);
            browser.until_text(words.waits);
        }
        browser.open(&format!("{site}/home"));
        browser.until_text(words.untouched);
        browser.click("#sell");
        browser.until_text(words.sale);
        browser.picture(&format!("verify-sale-{}", words.language));
        assert!(!browser.scrolls_sideways(), "it fits the window");
        browser.click("[data-act=passkey]");
        browser.until_text(words.sold);
        let events = broker.events_of("C-TARO");
        let is_sale =
            |event: &&serde_json::Value| event["kind"] == "order" && event["outcome"] == "succeeded";
        let sale = events.iter().find(is_sale).unwrap();
        assert_eq!((&sale["factor"], &sale["order"]["side"]), (&"passkey".into(), &"sell".into()), "{sale}");
    }
}

/// The session's cookie on another machine, somewhere else: the site knows it, and Sekisho that it moved.
#[test]
fn a_stolen_session_moves_no_money_from_another_machine() {
    for words in &AFTER {
        let (broker, site, mut own) = signed_in(words);
        own.open(&format!("{site}/home"));
        let session = own.cookie("session");
        let mut thief = Chromium::of_width(&broker.place, words.language, 360);
        thief.add_authenticator();
        thief.come_from("203.0.113.9");
        thief.open(&site);
        thief.set_cookie("session", &session);
        for what in ["#withdraw", "#bank", "#order"] {
            thief.open(&format!("{site}/home"));
            thief.until_text(words.untouched);
            thief.click(what);
            thief.until("a stop", |browser| {
                let text = browser.text();
                let stopped = text.contains(words.waits) || text.contains(words.refused);
                (stopped || browser.has("[data-act=passkey]")).then_some(())
            });
            // Where proof is asked for, only the customer's passkey gives it.
            if thief.has("[data-act=passkey]") {
                thief.click("[data-act=passkey]");
                thief.until("a problem", |browser| browser.has("#problem:not(:empty)").then_some(()));
            }
        }
        thief.picture(&format!("stolen-session-{}", words.language));
        let events = broker.events_of("C-TARO");
        let done = |event: &&serde_json::Value| {
            event["outcome"] == "succeeded" && event["client"]["ip"] == "203.0.113.9"
        };
        assert!(!events.iter().any(|event| done(&event)), "{events:?}");
        own.open(&format!("{site}/home"));
        own.until_text(words.untouched);
    }
}
