//! Codes by SMS and mail, over real HTTP and a gateway that checks signatures: what the customer reads, what helps nobody else, and
//! what a gateway that fails leaves behind.

use serde_json::{Value, json};

use crate::browser::Chromium;
use crate::gateway::{Gateway, Mood};
use crate::http::Answer;
use crate::process::{run, stderr};
use crate::proof::{Broker, event, withdrawal};
use crate::serve::{key, metric};

const NUMBER: &str = "090-1234-5678";
const ADDRESS: &str = "taro.yamada@example.jp";

/// A server with a gateway, and a customer who told how they are reached.
pub(crate) fn broker(gateway: &Gateway, more: &str) -> Broker {
    let broker = Broker::start(&format!("{more}\nname = \"関所証券\"\n{}", gateway.config()));
    tell_contacts(&broker, "C1", "en", &[("phone", NUMBER), ("email", ADDRESS)]);
    broker
}

pub(crate) fn tell_contacts(broker: &Broker, customer: &str, language: &str, contacts: &[(&str, &str)]) {
    let contacts: Vec<Value> =
        contacts.iter().map(|(sort, value)| json!({"type": sort, "value": value})).collect();
    let profile = json!({"language": language, "contacts": contacts}).to_string();
    let kept = admin(broker).put(&format!("/v1/customers/{customer}"), &profile).unwrap();
    assert_eq!(kept.status, 200, "{kept:?}");
}

/// The admin's key is made once.
pub(crate) fn admin(broker: &Broker) -> crate::http::Connection {
    let file = broker.place.path("admin-key");
    if !file.exists() {
        broker.place.write("admin-key", key(&broker.place, "admin"));
    }
    broker.server.connect(&std::fs::read_to_string(file).unwrap())
}

fn send(broker: &Broker, challenge: &str, method: &str) -> Answer {
    let body = json!({"customer": "C1", "method": method}).to_string();
    broker.asks().post(&format!("/v1/challenges/{challenge}/send"), &body).unwrap()
}

fn answer(broker: &Broker, challenge: &str, method: &str, code: &str) -> Answer {
    let body = json!({"customer": "C1", "method": method, "code": code}).to_string();
    broker.asks().post(&format!("/v1/challenges/{challenge}/answer"), &body).unwrap()
}

fn challenge(decision: &Value) -> String {
    decision["challenge"]["id"].as_str().unwrap().to_owned()
}

/// Another code than this.
pub(crate) fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[test]
fn a_code_comes_with_what_it_is_for_and_is_good_for_that() {
    let gateway = Gateway::start();
    let broker = broker(&gateway, "cooling_hours = 0");
    let decision = broker.withdrawal("w-1", "C1");
    assert_eq!(broker.methods(&decision), json!(["sms", "mail"]));
    let id = challenge(&decision);
    let sent = send(&broker, &id, "sms");
    assert_eq!(sent.status, 202, "{sent:?}");
    assert_eq!(sent.json()["code"]["to"], "•••••••••••78");
    assert_eq!(sent.json()["code"]["left"], 2);
    let came = gateway.until(1);
    assert_eq!(
        (&came.message["to"], &came.message["method"], &came.message["language"]),
        (&NUMBER.into(), &"sms".into(), &"en".into())
    );
    assert!(came.message["expires"].as_str().unwrap().parse::<model::Time>().is_ok());
    for text in ["関所証券", "Withdrawal", "JPY 5,000,000", "bank 0001, branch 001", "567", "never ask"] {
        assert!(came.text().contains(text), "{text}: {}", came.text());
    }
    assert!(!came.text().contains("://") && !came.text().contains("1234567"), "{}", came.text());

    let again = send(&broker, &id, "mail");
    assert_eq!(again.status, 409, "not in the same moment: {again:?}");
    assert_eq!(send(&broker, &id, "fax").status, 422);
    let code = came.code();
    assert_eq!(answer(&broker, &id, "mail", &code).status, 409, "it was not sent there");
    // The same digits are no answer to another challenge.
    let second = challenge(&broker.withdrawal("w-2", "C1"));
    assert_eq!(answer(&broker, &second, "sms", &code).status, 409);
    assert_eq!(answer(&broker, &id, "sms", &code).status, 200);
    assert_eq!(answer(&broker, &id, "sms", &code).status, 409, "once");
    let redeemed = broker.redeem(&id, &withdrawal("C1")).json();
    assert_eq!(
        (&redeemed["passed"]["factor"], &redeemed["passed"]["acr"]),
        (&"sms".into(), &"urn:sekisho:acr:one-time-code".into())
    );

    // Pages are in the profile's language unless another is told.
    for (language, text) in [(None, "Your security"), (Some("ja"), "セキュリティ設定")] {
        let handover = json!({"customer": "C1", "page": "security", "language": language});
        let page = broker.browser_of(&handover).get("/security");
        assert!(page.body.contains(text), "{language:?}: {page:?}");
    }

    // In the customer's language, and to an address.
    tell_contacts(&broker, "C1", "ja", &[("email", ADDRESS)]);
    let contact = json!({"contact": {"type": "email", "new": "evil@evil.example"}});
    let third = broker.decides(&event("c-1", "contact.change", "C1", &contact));
    assert_eq!(broker.methods(&third), json!(["mail"]), "the number is gone");
    assert_eq!(send(&broker, &challenge(&third), "mail").status, 202);
    let came = gateway.until(2);
    assert_eq!(came.message["to"], ADDRESS);
    assert!(
        came.text().contains("連絡先の変更") && came.text().contains("evil＠evil・example"),
        "{}",
        came.text()
    );
    assert_eq!(answer(&broker, &challenge(&third), "mail", &came.code()).status, 200);
}

#[test]
fn a_contact_that_was_told_just_now_gets_no_code() {
    let gateway = Gateway::start();
    let broker = broker(&gateway, "");
    let decision = broker.withdrawal("w-1", "C1");
    assert_eq!(broker.methods(&decision), json!([]), "it settles for twelve hours");
    assert_eq!(send(&broker, &challenge(&decision), "sms").status, 409);
    let login = json!({"customer": "C1", "kind": "login"}).to_string();
    let login = broker.asks().post("/v1/challenges", &login).unwrap().json();
    assert_eq!(login["methods"], json!([]), "not for a login, either");
    assert!(gateway.came().is_empty());
}

#[test]
fn a_gateway_that_fails_is_asked_again_and_keeps_nobody_waiting() {
    let gateway = Gateway::start();
    let broker = broker(&gateway, "cooling_hours = 0\nfallback = [\"sms\"]");
    let count = |outcome: &str| {
        metric(&mut broker.asks(), &format!("sekisho_gateway_messages_total{{outcome=\"{outcome}\"}}"))
    };
    let until = |outcome: &str, expected: u64| {
        while count(outcome) < expected {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    };
    gateway.becomes(Mood::Answers(500));
    let first = challenge(&broker.withdrawal("w-1", "C1"));
    assert_eq!(send(&broker, &first, "sms").status, 202, "it is on its way");
    let failed = gateway.until(1);
    gateway.becomes(Mood::Answers(200));
    let taken = gateway.until(2);
    assert_eq!(
        (&failed.id, &failed.message),
        (&taken.id, &taken.message),
        "the same message, so that it is sent once"
    );
    until("taken", 1);
    assert_eq!(answer(&broker, &first, "sms", &taken.code()).status, 200);

    // What the gateway does not understand it will not understand the next time.
    gateway.becomes(Mood::Answers(400));
    let second = challenge(&broker.withdrawal("w-2", "C1"));
    assert_eq!(send(&broker, &second, "mail").status, 202);
    until("failed", 1);
    assert_eq!(gateway.came().len(), 3);
    assert_eq!(metric(&mut broker.asks(), "sekisho_gateway_failing"), 1);

    // One that hangs keeps neither the API nor other messages waiting.
    gateway.becomes(Mood::Hangs);
    let third = challenge(&broker.withdrawal("w-3", "C1"));
    assert_eq!(send(&broker, &third, "sms").status, 202);
    let hung = gateway.until(4);
    gateway.becomes(Mood::Answers(200));
    tell_contacts(&broker, "C2", "ja", &[("phone", "080-8765-4321")]);
    let fourth = challenge(&broker.withdrawal("w-4", "C2"));
    let body = json!({"customer": "C2", "method": "sms"}).to_string();
    assert_eq!(broker.asks().post(&format!("/v1/challenges/{fourth}/send"), &body).unwrap().status, 202);
    let other = gateway.until(5);
    until("taken", 2);

    // Nothing personal is anywhere in clear: in the log, in what is kept, in what is counted.
    let page = broker.on(&mut broker.browser("C1"), "C1", &third).get(&format!("/verify/{third}"));
    assert!(page.body.contains("•••••••••••78"), "{}", page.body);
    let (metrics, answers) = (broker.asks().get("/metrics").unwrap().body, page.body);
    let (log, data) = (broker.server.told(), broker.place.path("data"));
    assert!(log.contains("gateway.failed") && log.contains("answered 400"), "{log}");
    assert_eq!(broker.server.stop(), Some(0));
    let codes = [taken.code(), hung.code(), other.code()];
    let secrets =
        [NUMBER, "09012345678", ADDRESS, "080-8765-4321", "gateway-key", "of gateway and of server"];
    for secret in secrets.into_iter().chain(codes.iter().map(String::as_str)) {
        for (what, text) in [("the log", &log), ("metrics", &metrics), ("a page", &answers)] {
            // A time may hold any six digits.
            let is_there = text.lines().any(|line| {
                line.split(|c: char| !c.is_ascii_alphanumeric() && !"-@._".contains(c))
                    .any(|word| word == secret)
            });
            assert!(!is_there, "{secret} in {what}");
        }
        if secret.len() > 6 {
            crate::api::everything_below(&data, secret);
        }
    }
}

#[test]
fn nothing_goes_out_that_others_could_read() {
    let gateway = Gateway::start();
    // The gateway does not speak TLS.
    let config = gateway.config().replace("http://127.0.0.1", "https://localhost");
    let broker = Broker::start(&format!("cooling_hours = 0\n{config}"));
    tell_contacts(&broker, "C1", "en", &[("phone", NUMBER)]);
    let id = challenge(&broker.withdrawal("w-1", "C1"));
    assert_eq!(send(&broker, &id, "sms").status, 202);
    while metric(&mut broker.asks(), "sekisho_gateway_failures_total") == 0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(gateway.came().is_empty());

    let start = |config: &str| {
        let config = broker.place.write("bad.toml", config);
        let data = broker.place.text("other-data");
        let ended = run(&["serve", "--data", &data, "--listen", "127.0.0.1:0", "--config", &config]);
        assert_eq!(ended.status.code(), Some(1));
        stderr(&ended)
    };
    let gateway_at = |url: &str| gateway.config().replace(&format!("http://{}", gateway.address()), url);
    let without_secret = "[proof.gateway]\nurl = \"https://a\"\nmethods = [\"sms\"]\n";
    for (config, said) in [
        (gateway_at("http://sms.example"), "gateway.url"),
        (without_secret.to_owned(), "SEKISHO_GATEWAY_SECRET"),
        (gateway.config().replace("[\"sms\", \"mail\"]", "[\"fax\"]"), "gateway.methods"),
        ("[proof.calls]\nopen_hours = 100\n".to_owned(), "calls.open_hours"),
        ("[proof]\nfallback = [\"paper\"]\n".to_owned(), "fallback"),
    ] {
        let told = start(&config);
        assert!(told.contains(said) && !told.contains("gateway-key"), "{said}: {told}");
    }
}

#[test]
fn ten_thousand_guesses_of_a_sent_code_get_a_handful_of_looks_and_few_codes() {
    let gateway = Gateway::start();
    let broker = broker(&gateway, "cooling_hours = 0");
    let mut own = broker.browser("C1");
    let by_page = |own: &mut crate::proof::Browser, id: &str| {
        let before = gateway.came().len();
        let sent = broker.on(own, "C1", id).post(&format!("/verify/{id}/send"), &json!({"method": "sms"}));
        assert_eq!(sent.status, 200, "{sent:?}");
        gateway.until(before + 1).code()
    };
    let first = challenge(&broker.withdrawal("w-0", "C1"));
    let code = by_page(&mut own, &first);
    let body = json!({"method": "sms", "code": code});
    assert_eq!(own.post(&format!("/verify/{first}/answer"), &body).status, 200);

    let mut attacker = broker.asks();
    let (mut looked_at, mut id) = (0, String::new());
    for guess in 0..10_000 {
        if guess % 5 == 0 {
            let made = attacker.post("/v1/challenges", &withdrawal("C1").to_string()).unwrap();
            assert_eq!(made.status, 201, "{made:?}");
            id = made.json()["id"].as_str().unwrap().to_owned();
            let sent = send(&broker, &id, "sms");
            assert!([202, 409].contains(&sent.status), "{sent:?}");
        }
        let body = json!({"customer": "C1", "method": "sms", "code": format!("{guess:06}")}).to_string();
        let told = attacker.post(&format!("/v1/challenges/{id}/answer"), &body).unwrap();
        assert_eq!(told.status, 409, "{told:?}");
        looked_at += u32::from(told.body.contains("the answer is wrong"));
    }
    assert!(looked_at < 20, "{looked_at} of 10,000 were looked at");
    let sent = gateway.came().len();
    assert!((2..=11).contains(&sent), "{sent} codes were sent");

    // In the browser they used before, the customer goes on as if nothing were.
    let last = attacker.post("/v1/challenges", &withdrawal("C1").to_string()).unwrap().json();
    let last = last["id"].as_str().unwrap();
    let code = by_page(&mut own, last);
    let path = format!("/verify/{last}/answer");
    let wrong = own.post(&path, &json!({"method": "sms", "code": other(&code)}));
    assert!(wrong.body.contains("not the right code"), "{wrong:?}");
    assert_eq!(own.post(&path, &json!({"method": "sms", "code": code})).status, 200);
}

#[test]
fn a_customer_asks_for_a_code_and_types_it_on_a_telephone() {
    let gateway = Gateway::start();
    let broker = broker(&gateway, "cooling_hours = 0\n");
    let mut browser = Chromium::start(&broker.place, "ja");
    browser.add_authenticator();
    let verify = |id: &str| json!({"customer": "C1", "page": "verify", "challenge": id, "language": "ja"});
    let id = challenge(&broker.withdrawal("w-1", "C1"));
    browser.open(&broker.handover(&verify(&id)));
    browser.until_text("SMSでコードを受け取る");
    browser.picture("verify-send-ja");
    browser.click("[data-act=send][data-method=sms]");
    browser.until_text("•••••••••••78 にコードを送りました");
    browser.until_text("誰にも教えないでください");
    browser.picture("verify-sent-ja");
    let code = gateway.until(1).code();
    browser.type_into("form.code[data-method=sms] input", &other(&code));
    browser.click("form.code[data-method=sms] [type=submit]");
    browser.until_text("コードが違います");
    browser.click("[data-act=send][data-method=sms]");
    browser.until_text("続けてお申し込み");
    for digit in code.chars() {
        browser.click(&format!("form.code[data-method=sms] [data-key=\"{digit}\"]"));
    }
    browser.click("form.code[data-method=sms] [type=submit]");
    browser.until_text("確認できました");
    assert_eq!(broker.redeem(&id, &withdrawal("C1")).status, 200);

    // Who has a passkey is asked for nothing less.
    browser.open(&broker.handover(&json!({"customer": "C1", "page": "security", "language": "ja"})));
    browser.until_text("変更の前に");
    browser.click("[data-act=enrol]");
    // By what the customer has already: a code, on the page on which it is confirmed, and then back.
    browser.until_text("SMSでコードを受け取る");
    browser.click("[data-act=send][data-method=sms]");
    browser.until_text("コードを送りました");
    browser.picture("verify-enrol-ja");
    let code = gateway.until(2).code();
    browser.type_into("form.code[data-method=sms] input", &code);
    browser.click("form.code[data-method=sms] [type=submit]");
    browser.until_text("変更はまだ行われていません");
    browser.picture("security-confirmed-ja");
    assert!(!browser.scrolls_sideways(), "it fits the window");
    browser.click("[data-act=resume]");
    browser.until("the passkey on the page", |browser| browser.has("li[data-id]").then_some(()));
    assert!(!browser.url().contains('#'), "once: {}", browser.url());
    let stronger = broker.withdrawal("w-2", "C1");
    assert_eq!(broker.methods(&stronger), json!(["passkey"]));
    assert_eq!(send(&broker, &challenge(&stronger), "sms").status, 409);
}

/// Whoever is in the customer's session can change what the page shows, not what comes by mail.
#[test]
fn a_customer_is_told_by_mail_that_somebody_adds_a_way_to_confirm() {
    let gateway = Gateway::start();
    let broker = broker(&gateway, "cooling_hours = 0\nsupport = \"0120-000-000 https://evil.example\"");
    let mut browser = broker.browser("C1");
    // Somebody who reads the customer's messages, too, for a moment.
    let app = json!({"act": "totp"});
    assert_eq!(browser.post("/security/totp", &json!({})).status, 409, "the session alone adds nothing");
    let proof = browser.confirm(&app, "sms", || gateway.until(1).code());
    browser.enrol_app_by(&proof);
    let told = gateway.until(2);
    assert_eq!(
        (&told.message["method"], &told.message["to"], &told.message["language"]),
        (&"mail".into(), &ADDRESS.into(), &"en".into())
    );
    for text in
        ["関所証券: something changed", "A way to confirm was added", "call us at once", "0120-000-000"]
    {
        assert!(told.text().contains(text), "{text}: {}", told.text());
    }
    assert!(
        !told.text().contains("://") && !told.text().contains("evil.example"),
        "no link: {}",
        told.text()
    );

    // A new address does not hear of what is done by whoever gave it; the old one is not used any more.
    tell_contacts(&broker, "C1", "ja", &[("phone", NUMBER)]);
    let reported = browser.post("/security/report", &json!({}));
    assert_eq!(reported.status, 200, "{reported:?}");
    let told = gateway.until(3);
    assert_eq!((&told.message["method"], &told.message["to"]), (&"sms".into(), &NUMBER.into()));
    assert!(told.text().contains("お取引を止めました"), "{}", told.text());
    assert_eq!(browser.post("/security/report", &json!({})).status, 200);
    assert_eq!(gateway.came().len(), 3, "the same report again is told once");

    // The same where the broker tells it: once, and not what is long past.
    tell_contacts(&broker, "C2", "en", &[("email", ADDRESS)]);
    let report = |id: &str, time: &str| {
        let report = json!({"outcome": "succeeded", "time": time});
        let told = broker.asks().post("/v1/events", &event(id, "customer.report", "C2", &report)).unwrap();
        assert_eq!(told.status, 200, "{told:?}");
        told.json()
    };
    assert_eq!(report("r-old", &crate::serve::days_ago(3))["accepted"], 1);
    let now = crate::serve::days_ago(0);
    assert_eq!(report("r-1", &now)["accepted"], 1);
    let told = gateway.until(4);
    assert_eq!(told.message["to"], ADDRESS);
    assert!(told.text().contains("The account was locked"), "{}", told.text());
    assert_eq!(report("r-1", &now)["repeated"], 1);
    assert_eq!(gateway.came().len(), 4, "told once, and not of what is past");
}

/// A broker with pages of its own tells which browser is known: then nobody with the password, and another browser, keeps the
/// customer out by using up tries, codes and calls in their name.
#[test]
fn a_known_browser_is_not_kept_out_by_strangers_on_pages_of_the_brokers_own() {
    let gateway = Gateway::start();
    let config = gateway.config();
    let broker = Broker::start(&format!("cooling_hours = 0\n{config}\n[proof.calls]\noffered = true\n"));
    tell_contacts(&broker, "C1", "en", &[("phone", NUMBER), ("email", ADDRESS)]);
    let post = |id: &str, what: &str, known: &Value, more: Value| {
        let mut body = more;
        body["customer"] = "C1".into();
        body["known_browser"] = known.clone();
        broker.asks().post(&format!("/v1/challenges/{id}/{what}"), &body.to_string()).unwrap()
    };
    let made = || {
        let made = broker.asks().post("/v1/challenges", &withdrawal("C1").to_string()).unwrap();
        made.json()["id"].as_str().unwrap().to_owned()
    };
    let sms = || json!({"method": "sms"});
    let typed = |code: &str| json!({"method": "sms", "code": code});
    // The customer proves themselves once; their browser keeps what came of it.
    let first = made();
    assert_eq!(post(&first, "send", &Value::Null, sms()).status, 202);
    let answered = post(&first, "answer", &Value::Null, typed(&gateway.until(1).code()));
    assert_eq!(answered.status, 200, "{answered:?}");
    let known = answered.json()["known_browser"].clone();
    assert!(known.is_string(), "{answered:?}");

    // A stranger uses up whatever strangers have, also with a token that is made up or somebody else's.
    let mut refusals = std::collections::BTreeMap::<String, u64>::new();
    for round in 0..30 {
        let id = made();
        let token = if round % 2 == 0 { Value::Null } else { json!(format!("{}x", known.as_str().unwrap())) };
        for answer in [
            post(&id, "answer", &token, typed("000000")),
            post(&id, "send", &token, sms()),
            post(&id, "call", &token, json!({})),
        ] {
            if answer.status == 409 {
                let told = answer.json();
                let reason = told["reason"].as_str().unwrap().to_owned();
                if ["wait", "asked_lately"].contains(&reason.as_str()) {
                    let wait = told["retry_after_seconds"].as_u64().unwrap();
                    assert!(
                        wait > 0 && answer.headers.contains(&format!("retry-after: {wait}")),
                        "{answer:?}"
                    );
                }
                *refusals.entry(reason).or_default() += 1;
            }
        }
    }
    for reason in ["wrong", "wait", "asked_lately"] {
        assert!(refusals.contains_key(reason), "{refusals:?}");
    }
    let id = made();
    assert_eq!(post(&id, "answer", &Value::Null, typed("000000")).json()["reason"], "wait");

    // The customer goes on.
    let sent = gateway.came().len();
    assert_eq!(post(&id, "send", &known, sms()).status, 202);
    let code = gateway.until(sent + 1).code();
    let wrong = post(&id, "answer", &known, typed(&other(&code)));
    assert_eq!(wrong.json()["reason"], "wrong", "looked at: {wrong:?}");
    assert_eq!(post(&id, "call", &known, json!({})).status, 202);
    let right = post(&id, "answer", &known, typed(&code));
    assert_eq!((right.status, &right.json()["known_browser"]), (200, &Value::Null), "{right:?}");
}

/// Who was in the account before *this was not me* may have been the thief: their browser is a stranger's from then on.
#[test]
fn a_browser_known_before_a_report_is_a_strangers() {
    let gateway = Gateway::start();
    let broker = Broker::start(&format!("cooling_hours = 0\n{}", gateway.config()));
    tell_contacts(&broker, "C1", "en", &[("phone", NUMBER)]);
    let post = |id: &str, what: &str, known: &Value, code: Option<&str>| {
        let mut body = json!({"customer": "C1", "method": "sms", "known_browser": known});
        if let Some(code) = code {
            body["code"] = code.into();
        }
        broker.asks().post(&format!("/v1/challenges/{id}/{what}"), &body.to_string()).unwrap()
    };
    let made = || {
        let made = broker.asks().post("/v1/challenges", &withdrawal("C1").to_string()).unwrap();
        made.json()["id"].as_str().unwrap().to_owned()
    };
    let proven = |known: &Value| {
        let (id, sent) = (made(), gateway.came().len());
        assert_eq!(post(&id, "send", known, None).status, 202);
        let answered = post(&id, "answer", known, Some(&gateway.until(sent + 1).code()));
        assert_eq!(answered.status, 200, "{answered:?}");
        answered.json()["known_browser"].clone()
    };
    let before = proven(&Value::Null);
    assert_eq!(proven(&before), Value::Null, "it is known");
    let report = event("r-1", "customer.report", "C1", &json!({"outcome": "succeeded"}));
    assert_eq!(broker.asks().post("/v1/events", &report).unwrap().status, 200);
    let reason = "{\"reason\":\"identified by telephone\"}";
    assert_eq!(broker.by("operator").post("/v1/customers/C1/unlock", reason).unwrap().status, 200);
    let after = proven(&before);
    assert!(after.is_string(), "the old token counts for nothing, so there is a new one");
    let id = made();
    for _ in 0..4 {
        post(&id, "answer", &Value::Null, Some("000000"));
    }
    for (known, reason) in [(&before, "wait"), (&after, "wrong")] {
        assert_eq!(post(&made(), "answer", known, Some("000000")).json()["reason"], reason);
    }
}
