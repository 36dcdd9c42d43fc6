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
