//! What the support centre confirms, over real HTTP: calls to the registered number, and signed forms. Two persons where much is at
//! stake; and *not me* on the telephone locks.

use serde_json::{Value, json};

use crate::browser::Chromium;
use crate::codes::{admin, tell_contacts};
use crate::http::{Answer, Connection};
use crate::proof::{Broker, event, withdrawal};
use crate::serve::key_of;

const OFFERED: &str = "cooling_hours = 0\nname = \"関所証券\"\n[proof.calls]\noffered = true\n";

/// A server, a customer with a number, and operators with keys of their own.
struct Centre {
    broker: Broker,
    keys: [String; 2],
}

impl Centre {
    fn start(proof: &str) -> Self {
        let broker = Broker::start(proof);
        tell_contacts(&broker, "C1", "ja", &[("phone", "090-1234-5678")]);
        let keys = ["suzuki", "sato"].map(|name| key_of(&broker.place, name, "operator"));
        Self { broker, keys }
    }

    fn suzuki(&self) -> Connection {
        self.broker.server.connect(&self.keys[0])
    }

    fn sato(&self) -> Connection {
        self.broker.server.connect(&self.keys[1])
    }

    /// A withdrawal for which the customer asks to be called; gives its challenge and the call's number.
    fn called(&self, id: &str) -> (String, u64) {
        let decision = self.broker.withdrawal(id, "C1");
        assert_eq!(self.broker.methods(&decision), json!(["phone"]), "{decision}");
        self.called_for("C1", decision["challenge"]["id"].as_str().unwrap())
    }

    /// The same for a challenge that no decision asked for.
    fn called_by(&self, customer: &str) -> (String, u64) {
        let body = withdrawal(customer).to_string();
        let made = self.broker.asks().post("/v1/challenges", &body).unwrap().json();
        self.called_for(customer, made["id"].as_str().unwrap())
    }

    fn called_for(&self, customer: &str, challenge: &str) -> (String, u64) {
        let asked = self.ask_by(customer, challenge);
        assert_eq!(asked.status, 202, "{asked:?}");
        let asked = asked.json();
        assert_eq!(
            (&asked["call"]["status"], &asked["call"]["to"]),
            (&"open".into(), &"•••••••••••78".into())
        );
        (challenge.to_owned(), asked["call"]["number"].as_u64().unwrap())
    }

    fn ask(&self, challenge: &str) -> Answer {
        self.ask_by("C1", challenge)
    }

    fn ask_by(&self, customer: &str, challenge: &str) -> Answer {
        let body = json!({ "customer": customer }).to_string();
        self.broker.asks().post(&format!("/v1/challenges/{challenge}/call"), &body).unwrap()
    }

    fn stands(&self, challenge: &str) -> Value {
        self.broker.asks().get(&format!("/v1/challenges/{challenge}")).unwrap().json()
    }

    fn acts(&self) -> Vec<(String, String)> {
        let acts = admin(&self.broker).get("/v1/audit").unwrap().json();
        let told = |act: &Value| ["by", "act"].map(|name| act[name].as_str().unwrap().to_owned()).into();
        acts["acts"].as_array().unwrap().iter().map(told).collect()
    }
}

/// Looks the number up first, as who calls does.
fn say(mut operator: Connection, number: u64, what: &str) -> Answer {
    if what == "confirm" {
        operator.post(&format!("/v1/calls/{number}/unmask"), "").unwrap();
    }
    only_say(operator, number, what)
}

fn only_say(mut operator: Connection, number: u64, what: &str) -> Answer {
    operator.post(&format!("/v1/calls/{number}/{what}"), "{\"reason\":\"復唱と一致\"}").unwrap()
}

#[test]
fn much_money_takes_two_operators_on_the_telephone() {
    let centre = Centre::start(OFFERED);
    let (challenge, number) = centre.called("w-1");
    assert_eq!(centre.ask(&challenge).json()["call"]["number"], number, "asked again, it is the same call");
    let waiting = centre.suzuki().get("/v1/calls?status=open").unwrap().json();
    assert_eq!(waiting["calls"][0]["number"], number);
    assert_eq!(waiting["calls"][0]["persons"], 2);

    // What to say, and whom to call; who asks for the number is noted.
    let call = centre
        .suzuki()
        .send("GET", &format!("/v1/calls/{number}"), &[("Accept-Language", "en")], "")
        .unwrap();
    assert!(!call.body.contains("1234-5678"), "{}", call.body);
    for text in ["JPY 5,000,000", "bank 0001, branch 001", "Never ask for a password", "refuse"] {
        assert!(call.body.contains(text), "{text}: {}", call.body);
    }
    let japanese = centre.suzuki().get(&format!("/v1/calls/{number}")).unwrap();
    assert!(
        japanese.body.contains("5,000,000円") && japanese.body.contains("決して伺いません"),
        "{japanese:?}"
    );
    let misspelt = "{\"reson\":\"calling back\"}";
    let refused = centre.suzuki().post(&format!("/v1/calls/{number}/unmask"), misspelt).unwrap();
    assert_eq!((refused.status, &refused.json()["field"]), (422, &json!("reson")), "{refused:?}");
    let reason = "{\"reason\":\"calling back\"}";
    let unmasked = centre.suzuki().post(&format!("/v1/calls/{number}/unmask"), reason).unwrap();
    assert_eq!(unmasked.json()["number"], "090-1234-5678");
    let noted = admin(&centre.broker).get("/v1/audit?limit=1").unwrap().json()["acts"][0].clone();
    assert_eq!((&noted["act"], &noted["reason"]), (&json!("call.unmask"), &json!("calling back")));

    let first = say(centre.suzuki(), number, "confirm");
    assert_eq!((first.status, &first.json()["status"]), (200, &"open".into()), "{first:?}");
    let again = say(centre.suzuki(), number, "confirm");
    assert_eq!(again.status, 409, "the same person: {again:?}");
    assert_eq!(centre.broker.redeem(&challenge, &withdrawal("C1")).status, 409, "one is not enough");
    let broker = centre.broker.killed_and_started_again();
    let centre = Centre { broker, keys: centre.keys };
    let second = say(centre.sato(), number, "confirm");
    assert_eq!((second.status, &second.json()["status"]), (200, &"confirmed".into()), "{second:?}");
    let stands = centre.stands(&challenge);
    assert_eq!(stands["passed"]["acr"], "urn:sekisho:acr:call-back", "{stands}");
    assert_eq!(centre.broker.redeem(&challenge, &withdrawal("C1")).status, 200);
    assert!(centre.suzuki().get("/v1/calls").unwrap().json()["calls"].as_array().unwrap().is_empty());
    let all = centre.suzuki().get("/v1/calls?status=all").unwrap().json();
    let by: Vec<&Value> =
        all["calls"][0]["confirmed"].as_array().unwrap().iter().map(|each| &each["by"]).collect();
    assert_eq!(by, ["suzuki", "sato"]);
    assert_eq!(say(centre.suzuki(), number, "unreached").status, 409, "it is over");
    assert_eq!(centre.suzuki().post(&format!("/v1/calls/{number}/unmask"), "").unwrap().status, 409);
    let acts = centre.acts();
    let expected = [
        ("sato", "call.confirm"),
        ("sato", "call.unmask"),
        ("suzuki", "call.unmask"),
        ("suzuki", "call.confirm"),
    ];
    assert_eq!(
        acts[..4],
        expected.map(|(by, act)| (by.to_owned(), act.to_owned())),
        "refused ones are not noted"
    );
}

#[test]
fn little_money_takes_one_and_calls_are_listed_in_pages() {
    let centre = Centre::start(&format!("{OFFERED}two_persons_above = 5000000\n"));
    let calls: Vec<(String, u64)> = (0..3).map(|n| centre.called(&format!("w-{n}"))).collect();
    let decision = centre.broker.withdrawal("w-9", "C1");
    let fourth = centre.ask(decision["challenge"]["id"].as_str().unwrap());
    assert_eq!(fourth.status, 409, "three a day: {fourth:?}");
    let mut operator = centre.suzuki();
    let mut page = |query: &str| operator.get(&format!("/v1/calls?{query}")).unwrap().json();
    let first = page("limit=2");
    let numbers = |page: &Value| -> Vec<u64> {
        page["calls"].as_array().unwrap().iter().map(|call| call["number"].as_u64().unwrap()).collect()
    };
    assert_eq!((numbers(&first), &first["next"]), (vec![1, 2], &2.into()));
    let rest = page("limit=2&after=2");
    assert_eq!((numbers(&rest), &rest["next"]), (vec![3], &Value::Null));
    for (query, status) in [("status=closed", 400), ("limit=0", 400), ("before=1", 400)] {
        assert_eq!(operator.get(&format!("/v1/calls?{query}")).unwrap().status, status, "{query}");
    }
    for path in ["/v1/calls/9", "/v1/calls/9/unmask"] {
        let method = if path.ends_with("unmask") { "POST" } else { "GET" };
        assert_eq!(operator.send(method, path, &[], "").unwrap().status, 404, "{path}");
    }

    let (challenge, number) = &calls[0];
    assert_eq!(operator.post(&format!("/v1/calls/{number}/confirm"), "{}").unwrap().status, 422, "no reason");
    assert_eq!(say(centre.suzuki(), *number, "confirm").json()["status"], "confirmed");
    assert_eq!(centre.broker.redeem(challenge, &withdrawal("C1")).status, 200);
    for times in 1..=5 {
        let told = say(centre.sato(), calls[1].1, "unreached").json();
        assert_eq!(
            (&told["unreached"], &told["status"]),
            (&times.into(), &(if times < 5 { "open" } else { "unreached" }).into())
        );
    }
    assert_eq!(say(centre.sato(), calls[1].1, "confirm").status, 409);
    assert_eq!(centre.stands(&calls[1].0)["status"], "open", "another way may still answer");
    assert_eq!(numbers(&centre.suzuki().get("/v1/calls").unwrap().json()), [3]);
}

/// Many small withdrawals are a large one; and who did not look the number up did not call.
#[test]
fn one_operator_lets_no_large_sum_through_in_parts() {
    // Half of one withdrawal more than the two that are confirmed first.
    let centre = Centre::start(&format!("{OFFERED}two_persons_above = 12500000\n"));
    for number in 1..=2 {
        let (challenge, called) = centre.called(&format!("w-{number}"));
        let unseen = only_say(centre.suzuki(), called, "confirm");
        assert_eq!((unseen.status, &unseen.json()["reason"]), (409, &"not_called".into()), "{unseen:?}");
        let sato = centre.sato().post(&format!("/v1/calls/{called}/unmask"), "").unwrap();
        assert_eq!(sato.status, 200);
        assert_eq!(only_say(centre.suzuki(), called, "confirm").status, 409, "somebody else looked it up");
        assert_eq!(say(centre.suzuki(), called, "confirm").json()["status"], "confirmed");
        assert_eq!(centre.broker.redeem(&challenge, &withdrawal("C1")).status, 200);
    }
    let (challenge, third) = centre.called("w-3");
    let broker = centre.broker.killed_and_started_again();
    let centre = Centre { broker, keys: centre.keys };
    let first = say(centre.suzuki(), third, "confirm").json();
    assert_eq!((&first["status"], &first["persons"]), (&"open".into(), &2.into()), "{first}");
    assert_eq!(centre.broker.redeem(&challenge, &withdrawal("C1")).status, 409);
    assert_eq!(say(centre.sato(), third, "confirm").json()["status"], "confirmed");
    assert_eq!(centre.broker.redeem(&challenge, &withdrawal("C1")).status, 200);
}

/// What one operator lets through alone adds up over all customers; beyond it they are the first of two.
#[test]
fn one_operator_lets_no_large_sum_through_for_many_customers() {
    let limits = "two_persons_above = 5000000\none_person_daily_yen = 10000000\n";
    let centre = Centre::start(&format!("{OFFERED}{limits}"));
    for number in 2..=5 {
        tell_contacts(&centre.broker, &format!("C{number}"), "ja", &[("phone", "090-1234-5678")]);
    }
    for customer in ["C1", "C2"] {
        let (challenge, number) = centre.called_by(customer);
        assert_eq!(say(centre.suzuki(), number, "confirm").json()["status"], "confirmed", "{customer}");
        assert_eq!(centre.broker.redeem(&challenge, &withdrawal(customer)).status, 200);
    }
    let broker = centre.broker.killed_and_started_again();
    let centre = Centre { broker, keys: centre.keys };
    let (challenge, third) = centre.called_by("C3");
    let first = say(centre.suzuki(), third, "confirm").json();
    assert_eq!((&first["status"], &first["persons"]), (&"open".into(), &2.into()), "{first}");
    assert_eq!(centre.broker.redeem(&challenge, &withdrawal("C3")).status, 409);
    assert_eq!(say(centre.sato(), third, "confirm").json()["status"], "confirmed");
    assert_eq!(centre.broker.redeem(&challenge, &withdrawal("C3")).status, 200);
    // What two let through is no sum of either's; and suzuki's is not sato's.
    for customer in ["C4", "C5"] {
        let (_, number) = centre.called_by(customer);
        assert_eq!(say(centre.sato(), number, "confirm").json()["status"], "confirmed", "{customer}");
    }
}

#[test]
fn not_me_on_the_telephone_stops_it_and_locks_the_account() {
    let centre = Centre::start(OFFERED);
    let (challenge, number) = centre.called("w-1");
    assert_eq!(say(centre.suzuki(), number, "confirm").status, 200);
    let refused = say(centre.sato(), number, "refuse");
    assert_eq!((refused.status, &refused.json()["status"]), (200, &"refused".into()), "{refused:?}");
    assert_eq!(say(centre.sato(), number, "refuse").status, 200, "said twice");
    assert_eq!(say(centre.sato(), number, "confirm").status, 409);
    assert_eq!(centre.stands(&challenge)["status"], "reported");
    assert_eq!(centre.broker.redeem(&challenge, &withdrawal("C1")).status, 409);
    let next = event("w-2", "withdrawal", "C1", &withdrawal("C1"));
    let next = centre.broker.asks().post("/v1/decide", &next).unwrap().json();
    assert_eq!(next["decision"], "hold", "{next}");
    let known = centre.suzuki().get("/v1/customers/C1").unwrap().json();
    assert!(known["reported"].is_string(), "{known}");
    let told = centre.suzuki().get("/v1/events?customer=C1").unwrap().json();
    let report = told["events"].as_array().unwrap().iter().find(|event| event["kind"] == "customer.report");
    assert_eq!(report.unwrap()["channel"], "phone", "{told}");
}

/// The customer reports somewhere else: what operators said of a call before counts for nothing, and nothing more is said.
#[test]
fn a_report_ends_calls_that_wait() {
    let centre = Centre::start(OFFERED);
    let (challenge, number) = centre.called("w-1");
    assert_eq!(say(centre.suzuki(), number, "confirm").status, 200);
    let report = event("r-1", "customer.report", "C1", &json!({"outcome": "succeeded"}));
    assert_eq!(centre.broker.asks().post("/v1/events", &report).unwrap().status, 200);
    assert_eq!(say(centre.sato(), number, "confirm").status, 409);
    let waiting = centre.suzuki().get("/v1/calls?status=open").unwrap().json();
    assert_eq!(waiting["calls"], json!([]));
    assert_eq!(centre.ask(&challenge).json()["status"], "reported");
    assert_eq!(centre.broker.redeem(&challenge, &withdrawal("C1")).status, 409);
}

#[test]
fn a_number_that_came_after_the_question_is_not_called() {
    let centre = Centre::start(OFFERED);
    let (_challenge, number) = centre.called("w-1");
    // The same number in another notation is the same.
    tell_contacts(&centre.broker, "C1", "ja", &[("phone", "+81 (0)90-1234-5678")]);
    let unmasked = centre.suzuki().post(&format!("/v1/calls/{number}/unmask"), "").unwrap();
    assert_eq!(unmasked.json()["number"], "+81 (0)90-1234-5678", "{unmasked:?}");
    tell_contacts(&centre.broker, "C1", "ja", &[("phone", "080-6666-6666")]);
    let refused = centre.suzuki().post(&format!("/v1/calls/{number}/unmask"), "").unwrap();
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.body.contains("did not just change") && !refused.body.contains("6666"), "{refused:?}");
    assert_eq!(centre.acts().iter().filter(|(_, act)| act == "call.unmask").count(), 1, "nothing was shown");
    let confirmed = say(centre.suzuki(), number, "confirm");
    assert_eq!(confirmed.status, 409, "nobody can have been called: {confirmed:?}");
    // Where calls are not offered, and where a number is new, there are none.
    for proof in ["cooling_hours = 0", "[proof.calls]\noffered = true"] {
        let centre = Centre::start(proof);
        let decision = centre.broker.withdrawal("w-1", "C1");
        assert_eq!(centre.broker.methods(&decision), json!([]), "{proof}");
        assert_eq!(centre.ask(decision["challenge"]["id"].as_str().unwrap()).status, 409, "{proof}");
    }
}

#[test]
fn a_signed_form_is_read_by_two_who_say_the_same() {
    let centre = Centre::start("");
    let made = centre.broker.asks().post("/v1/challenges", &withdrawal("C1").to_string()).unwrap().json();
    assert_eq!(made["methods"], json!([]), "the customer has nothing to prove with");
    let challenge = made["id"].as_str().unwrap();
    let today = &crate::serve::days_ago(0)[..10];
    let form = |reference: &str, action: &Value| {
        json!({"reference": reference, "received": today, "reason": "届出印を照合", "action": action})
            .to_string()
    };
    let record = |mut operator: Connection, body: &str| {
        operator.post(&format!("/v1/challenges/{challenge}/paper"), body).unwrap()
    };
    let mut changed = withdrawal("C1");
    changed["amount"]["minor"] = 5_000_001.into();
    let refused = record(centre.suzuki(), &form("F-1", &changed));
    assert!(
        refused.status == 409 && refused.body.contains("amount"),
        "what the form says is not this: {refused:?}"
    );
    let first = record(centre.suzuki(), &form("F-1", &withdrawal("C1")));
    assert_eq!((first.status, &first.json()["status"]), (200, &"open".into()), "{first:?}");
    assert_eq!(record(centre.suzuki(), &form("F-1", &withdrawal("C1"))).status, 409, "the same person");
    let other = record(centre.sato(), &form("F-2", &withdrawal("C1")));
    assert!(other.status == 409 && other.body.contains("F-1"), "{other:?}");
    let second = record(centre.sato(), &form("F-1", &withdrawal("C1")));
    assert_eq!(
        (second.status, &second.json()["passed"]["acr"]),
        (200, &"urn:sekisho:acr:paper".into()),
        "{second:?}"
    );
    let redeemed = centre.broker.redeem(challenge, &withdrawal("C1")).json();
    assert_eq!(redeemed["passed"]["method"], "paper");
    assert_eq!(
        redeemed["paper"],
        json!({"reference": "F-1", "received": today, "confirmed": 2, "persons": 2})
    );
    for (field, value) in [("received", json!("2020-01-01")), ("reference", json!("")), ("reason", json!(""))]
    {
        let mut body: Value = serde_json::from_str(&form("F-1", &withdrawal("C1"))).unwrap();
        body[field] = value;
        let refused = record(centre.suzuki(), &body.to_string());
        assert_eq!((refused.status, &refused.json()["field"]), (422, &field.into()), "{refused:?}");
    }
    let acts = centre.acts();
    assert_eq!(acts.iter().filter(|(_, act)| act == "challenge.paper").count(), 2, "{acts:?}");
}

#[test]
fn a_customer_asks_to_be_called_and_the_page_says_what_comes() {
    let centre = Centre::start(&format!("{OFFERED}two_persons_above = 5000000\n"));
    let mut browser = Chromium::start(&centre.broker.place, "ja");
    let decision = centre.broker.withdrawal("w-1", "C1");
    let challenge = decision["challenge"]["id"].as_str().unwrap();
    let verify = json!({"customer": "C1", "page": "verify", "challenge": challenge, "language": "ja"});
    browser.open(&centre.broker.handover(&verify));
    browser.until_text("サポートセンターからの電話で確認する");
    browser.click("[data-act=call]");
    browser.until_text("•••••••••••78");
    browser.picture("verify-call-ja");
    assert_eq!(say(centre.suzuki(), 1, "confirm").status, 200);
    // The page looks by itself.
    browser.until_text("確認できました");
    assert_eq!(centre.broker.redeem(challenge, &withdrawal("C1")).status, 200);
}

/// What there is not is told as that, whether or not codes are sent and calls are made here.
#[test]
fn nobody_is_called_for_a_challenge_that_there_is_not() {
    let none = "ch_q83vEjRWeJCrze8SNFZ4kA";
    for proof in ["", OFFERED] {
        let centre = Centre::start(proof);
        tell_contacts(&centre.broker, "C2", "ja", &[("phone", "090-1234-9999")]);
        let body = withdrawal("C2").to_string();
        let others = centre.broker.asks().post("/v1/challenges", &body).unwrap().json();
        let others = others["id"].as_str().unwrap();
        for (what, body) in
            [("call", json!({"customer": "C1"})), ("send", json!({"customer": "C1", "method": "sms"}))]
        {
            let ask = |challenge: &str, body: &Value| {
                let path = format!("/v1/challenges/{challenge}/{what}");
                centre.broker.asks().post(&path, &body.to_string()).unwrap()
            };
            for challenge in [none, others] {
                let absent = ask(challenge, &body);
                assert_eq!(absent.status, 404, "{what} {challenge}: {absent:?}");
                assert_eq!(absent.json()["type"], "urn:sekisho:problem:absent");
            }
            let mut own = body.clone();
            own["customer"] = "C2".into();
            let expected = if what == "call" && proof == OFFERED { 202 } else { 409 };
            assert_eq!(ask(others, &own).status, expected, "{what}: it is not answered so here");
        }
    }
}
