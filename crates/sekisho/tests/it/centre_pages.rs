//! The security centre in a real browser on a telephone's window, in Japanese and English: logins as a list and as a picture, a login
//! that was not theirs, and a passkey that is gone.

use serde_json::json;

use crate::browser::Chromium;
use crate::centre::tell_logins;
use crate::proof::Broker;

/// Words of the pages by which the test knows where it is.
struct Words {
    language: &'static str,
    new_place: &'static str,
    locked: &'static str,
}

const WORDS: [Words; 2] = [
    Words { language: "ja", new_place: "初めての場所", locked: "お取引を止めています" },
    Words { language: "en", new_place: "new place", locked: "Your account is locked" },
];

#[test]
fn a_customer_finds_a_login_that_was_not_theirs_and_locks_the_account() {
    for Words { language, new_place, locked } in WORDS {
        let broker = Broker::start("name = \"関所証券\"\nsupport = \"0120-000-000\"");
        tell_logins(&broker);
        let mut browser = Chromium::of_width(&broker.place, language, 360);
        browser.open(&broker.handover(&json!({"customer": "C1", "page": "security", "language": language})));
        browser.until_text(new_place);
        assert!(browser.has("svg.picture[role=img] desc"));
        assert!(!browser.scrolls_sideways(), "it fits the window");
        browser.picture(&format!("centre-{language}"));
        // By the keyboard alone; the first question is answered with no.
        browser.press_enter("[data-event=strange-2]");
        browser.dismiss_dialog();
        assert!(!browser.text().contains(locked));
        browser.press_enter("[data-event=strange-2]");
        browser.accept_dialog();
        browser.until_text(locked);
        browser.until_text("0120-000-000");
        assert!(!browser.has("[data-act=enrol]"), "nothing is added while it is locked");
        browser.picture(&format!("centre-locked-{language}"));
        let events = broker.by("reader").get("/v1/events?customer=C1").unwrap();
        assert!(events.body.contains("event strange-2"), "{events:?}");
    }
}

#[test]
fn a_browser_forgets_a_passkey_that_was_removed() {
    let broker = Broker::start("cooling_hours = 0");
    let mut browser = Chromium::start(&broker.place, "en");
    let authenticator = browser.add_authenticator();
    let handover = json!({"customer": "C1", "page": "security", "language": "en"});
    browser.open(&broker.handover(&handover));
    browser.click("[data-act=enrol]");
    browser.until("the passkey on the page", |browser| browser.has("li[data-id]").then_some(()));
    let kept = browser.credentials(&authenticator);
    assert_eq!(kept.len(), 1, "{kept:?}");

    // Somebody lost a key; the support centre removes it.
    broker.remove_first_authenticator("C1");
    browser.open(&broker.handover(&handover));
    let forgotten = |browser: &mut Chromium| {
        browser.until("the browser to forget it", |browser| {
            browser.credentials(&authenticator).is_empty().then_some(())
        });
    };
    forgotten(&mut browser);

    // And once more between the browser's answer and its coming here.
    browser.click("[data-act=enrol]");
    browser.until("the passkey on the page", |browser| browser.has("li[data-id]").then_some(()));
    let challenge = broker.withdrawal("w-1", "C1")["challenge"]["id"].as_str().unwrap().to_owned();
    browser.open(&broker.handover(&json!({
        "customer": "C1", "page": "verify", "challenge": challenge, "language": "en",
    })));
    browser.script(
        "const get = navigator.credentials.get.bind(navigator.credentials);
         navigator.credentials.get = async (options) => {
             const given = await get(options);
             document.body.dataset.given = '';
             await new Promise((go) => (window.go = go));
             return given;
         };",
    );
    browser.click("[data-act=passkey]");
    browser.until("the browser's answer", |browser| browser.has("[data-given]").then_some(()));
    broker.remove_first_authenticator("C1");
    browser.script("window.go()");
    browser.until_text("This passkey is not known here");
    forgotten(&mut browser);
}
