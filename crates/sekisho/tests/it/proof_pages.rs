//! The pages in a real browser on a telephone's window: a passkey is added, a withdrawal confirmed with it, and the broker's site
//! is told; in Japanese and English.

use serde_json::{Value, json};

use crate::browser::Chromium;
use crate::proof::{App, Broker, withdrawal};

/// Words of the pages by which the test knows where it is.
struct Words {
    language: &'static str,
    security: &'static str,
    added: &'static str,
    confirm_first: &'static str,
    amount: &'static str,
    reported: &'static str,
}

const JA: Words = Words {
    language: "ja",
    security: "セキュリティ設定",
    added: "登録",
    confirm_first: "変更の前に",
    amount: "5,000,000円",
    reported: "手続きは行われません",
};
const EN: Words = Words {
    language: "en",
    security: "Your security",
    added: "added",
    confirm_first: "To change something here",
    amount: "JPY 5,000,000",
    reported: "Nothing is carried out",
};

#[test]
fn a_customer_adds_a_passkey_and_confirms_a_withdrawal() {
    for words in [JA, EN] {
        let site = crate::nginx::Site::start();
        let broker = Broker::start(&format!(
            "cooling_hours = 0\nname = \"関所証券\"\nreturn_origins = [\"http://{}\"]",
            site.address
        ));
        let language = words.language;
        let mut browser = Chromium::start(&broker.place, language);
        browser.add_authenticator();
        let security = json!({"customer": "C1", "page": "security", "language": language});
        browser.open(&broker.handover(&security));
        browser.until_text(words.security);
        browser.picture(&format!("security-empty-{language}"));
        browser.click("[data-act=enrol]");
        browser.until("the passkey on the page", |browser| browser.has("li[data-id]").then_some(()));
        browser.until_text(words.added);
        browser.until_text(words.confirm_first);
        browser.picture(&format!("security-{language}"));

        let decision = broker.withdrawal("w-1", "C1");
        let challenge = decision["challenge"]["id"].as_str().unwrap().to_owned();
        assert_eq!(broker.methods(&decision), json!(["passkey"]));
        let back = format!("http://{}/withdrawn?id=1", site.address);
        let verify = json!({
            "customer": "C1", "page": "verify", "challenge": challenge, "language": language, "return_to": back,
        });
        browser.open(&broker.handover(&verify));
        browser.until_text(words.amount);
        browser.picture(&format!("verify-{language}"));
        browser.click("[data-act=passkey]");
        let url = browser
            .until("the broker's site", |browser| Some(browser.url()).filter(|url| url.starts_with(&back)));
        let result = url.split("sekisho_result=").nth(1).unwrap();
        let claims = claims(&broker, result);
        assert_eq!(claims["sub"], "C1");
        assert_eq!(claims["acr"], "phr");
        assert_eq!(claims["aud"], format!("http://{}", site.address));
        assert_eq!(claims["challenge"], challenge.as_str());
        assert_eq!(broker.redeem(&challenge, &withdrawal("C1")).json()["passed"]["method"], "passkey");

        // Another one that they did not ask for.
        let other = broker.withdrawal("w-2", "C1");
        let other = other["challenge"]["id"].as_str().unwrap().to_owned();
        let verify = json!({"customer": "C1", "page": "verify", "challenge": other, "language": language});
        browser.open(&broker.handover(&verify));
        browser.click("[data-act=report]");
        browser.accept_dialog();
        browser.until_text(words.reported);
        browser.picture(&format!("reported-{language}"));
        assert_eq!(broker.redeem(&other, &withdrawal("C1")).status, 409);
    }
}

#[test]
fn an_app_and_a_keypad_do_until_there_is_a_passkey() {
    let broker = Broker::start("cooling_hours = 0");
    let mut browser = Chromium::start(&broker.place, "ja");
    let app = enrol_app(&broker, &mut browser);
    let challenge = broker.withdrawal("w-1", "C1")["challenge"]["id"].as_str().unwrap().to_owned();
    browser.open(&broker.handover(&json!({"customer": "C1", "page": "verify", "challenge": challenge})));
    browser.until_text("認証アプリのコード");
    browser.picture("verify-keypad-ja");
    browser.type_into("form.code input", "000000");
    browser.click("form.code [type=submit]");
    browser.until_text("コードが違います");
    for digit in app.code(0).chars() {
        browser.click(&format!("[data-key=\"{digit}\"]"));
    }
    browser.click("form.code [type=submit]");
    browser.until_text("確認できました");
    assert_eq!(broker.redeem(&challenge, &withdrawal("C1")).status, 200);
}

/// Adds an app as who cannot scan its picture does: by the key below it.
fn enrol_app(broker: &Broker, browser: &mut Chromium) -> App {
    browser.open(&broker.handover(&json!({"customer": "C1", "page": "security"})));
    browser.click("details summary");
    browser.click("[data-act=totp]");
    let is_key = |word: &str| word.len() >= 26 && word.chars().all(|c| matches!(c, 'A'..='Z' | '2'..='7'));
    let key = browser.until("the app's key", |browser| {
        let text = browser.text();
        text.split_whitespace().find(|word| is_key(word)).map(str::to_owned)
    });
    browser.click("[data-act=copy]");
    browser.until_text("コピーしました");
    browser.picture("security-app-ja");
    let app = App::new(&key);
    browser.type_into("#totp-code", &app.code(-1));
    browser.click("#totp [type=submit]");
    browser.until("the app on the page", |browser| browser.has("li[data-id]").then_some(()));
    app
}

/// What a result says, after its signature was checked by the published key.
pub(crate) fn claims(broker: &Broker, result: &str) -> Value {
    use p256::ecdsa::signature::Verifier as _;
    let decode = |text: &str| data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    let (signed, signature) = result.rsplit_once('.').unwrap();
    let keys = broker.asks().get("/.well-known/jwks.json").unwrap().json();
    let coordinate = |name: &str| decode(keys["keys"][0][name].as_str().unwrap());
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
    let signature = p256::ecdsa::Signature::from_slice(&decode(signature)).unwrap();
    key.verify(signed.as_bytes(), &signature).unwrap();
    serde_json::from_slice(&decode(signed.split_once('.').unwrap().1)).unwrap()
}

/// The example broker on a thread of its own; gives its address.
pub(crate) fn example_broker(listener: std::net::TcpListener, broker: &Broker) -> String {
    let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    listener.set_nonblocking(true).unwrap();
    let options = sekisho_client::Options::new(&format!("http://{}", broker.server.address), &broker.key);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            example_broker::serve(listener, options, true).await.unwrap();
        });
    });
    origin
}

pub(crate) const HOME: &str = "198.51.100.7";

/// A customer who signed in from home, with a device of their own, once a month for a year.
pub(crate) fn tell_past(broker: &Broker) {
    let login = |month: u64| {
        json!({
            "id": format!("past-{month}"), "time": crate::serve::days_ago(30 * month), "kind": "login", "customer": "C-TARO",
            "outcome": "succeeded", "credential": "correct", "channel": "web", "client": {"ip": HOME, "device": "d-taro"},
        })
    };
    let past: Vec<Value> = (1..=12).rev().map(login).collect();
    let told = broker.asks().post("/v1/events", &Value::from(past).to_string()).unwrap();
    assert_eq!(told.json()["accepted"], 12, "{told:?}");
}

pub(crate) fn sign_in(browser: &mut Chromium, site: &str) {
    browser.open(site);
    browser.type_into("[name=name]", "taro");
    browser.type_into("[name=password]", "correct horse battery");
    browser.click("#login");
}

/// Words of Sekisho's pages and of the broker's own.
struct BrokerWords {
    language: &'static str,
    branch: &'static str,
    money: &'static str,
    refused: &'static str,
    security: &'static str,
    change: &'static str,
    amount: &'static str,
    cancelled: &'static str,
}

#[test]
fn a_brokers_site_is_protected_from_sign_in_to_withdrawal() {
    for words in [
        BrokerWords {
            language: "ja",
            branch: "出金先支店 002",
            money: "残高 9,950,000円",
            refused: "お手続きできません",
            security: "セキュリティ設定",
            change: "出金先口座の変更",
            amount: "50,000円",
            cancelled: "確認できませんでした",
        },
        BrokerWords {
            language: "en",
            branch: "Paid out to branch 002",
            money: "Balance JPY 9,950,000",
            refused: "This cannot be done",
            security: "Your security",
            change: "Change the bank account",
            amount: "JPY 50,000",
            cancelled: "Nothing was confirmed",
        },
    ] {
        protect_a_site(&words);
    }
}

fn protect_a_site(words: &BrokerWords) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let broker = Broker::start(&format!(
        "cooling_hours = 0\nname = \"関所証券\"\nreturn_origins = [\"http://localhost:{port}\"]"
    ));
    tell_past(&broker);
    let site = example_broker(listener, &broker);
    let mut own = Chromium::of_width(&broker.place, words.language, 360);
    own.add_authenticator();
    own.come_from(HOME);
    own.open(&site);
    own.script("document.cookie = 'device=d-taro; path=/'");
    sign_in(&mut own, &site);
    own.until_text("C-TARO");
    own.picture(&format!("broker-home-{}", words.language));
    assert!(!own.scrolls_sideways(), "it fits the window");
    own.click("#security");
    own.until_text(words.security);
    own.click("[data-act=enrol]");
    own.until("the passkey on the page", |browser| browser.has("li[data-id]").then_some(()));

    // At home the account is changed, on a journey money is withdrawn: each with a proof of its own.
    own.open(&format!("{site}/home"));
    own.click("#bank");
    own.until_text(words.change);
    own.until_text("321");
    own.picture(&format!("verify-bank-account-{}", words.language));
    assert!(!own.scrolls_sideways(), "it fits the window");
    own.click("[data-act=passkey]");
    own.until_text(words.branch);
    own.come_from("192.0.2.50");
    own.click("#withdraw");
    own.until_text(words.amount);
    own.click("[data-act=passkey]");
    own.until_text(words.money);

    // Somebody with the password, another device and a passkey of their own gets no money.
    let mut thief = Chromium::of_width(&broker.place, words.language, 360);
    thief.add_authenticator();
    thief.come_from("203.0.113.9");
    sign_in(&mut thief, &site);
    let stopped = |text: &str| {
        ["ご本人の確認", "Confirm it is you", "受付を保留しました", "it waits for a check", words.refused]
            .into_iter()
            .any(|each| text.contains(each))
    };
    thief.until("home, or a stop", |browser| {
        let text = browser.text();
        (text.contains("C-TARO") || stopped(&text)).then_some(())
    });
    if thief.text().contains("C-TARO") {
        thief.click("#withdraw");
    }
    thief.until("a stop", |browser| stopped(&browser.text()).then_some(()));
    thief.picture(&format!("thief-{}", words.language));
    if thief.has("[data-act=passkey]") {
        thief.click("[data-act=passkey]");
        thief.until_text(words.cancelled);
    }
    thief.open(&format!("{site}/returned?sekisho_challenge=ch_AAAAAAAAAAAAAAAAAAAAAA"));
    thief.until_text(words.refused);
    own.open(&format!("{site}/home"));
    own.until_text(words.money);
}
