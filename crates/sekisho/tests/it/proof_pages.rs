//! The pages in a real browser on a telephone's window: a passkey is added, a withdrawal confirmed with it, and the broker's site
//! is told; in Japanese and English.

use serde_json::{Value, json};

use crate::browser::Chromium;
use crate::proof::{Broker, withdrawal};

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
        assert_eq!(decision["challenge"]["methods"], json!(["passkey"]));
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
    let app = broker.browser("C1").enrol_app();
    let challenge = broker.withdrawal("w-1", "C1")["challenge"]["id"].as_str().unwrap().to_owned();
    let mut browser = Chromium::start(&broker.place, "ja");
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

/// What a result says, after its signature was checked by the published key.
fn claims(broker: &Broker, result: &str) -> Value {
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
