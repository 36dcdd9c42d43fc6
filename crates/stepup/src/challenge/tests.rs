//! Challenges as a broker and a customer meet them, step by step. Must not know how they are kept.

use model::time::{HOUR_US, SECOND_US};
use model::{Event, EventKind, Factor, Time};

use super::{CODE_S, Challenge, Method, OPEN_S, Passed, REDEEM_S, Refusal, SENT_MAX, WRONG_MAX, Ways, ways};
use crate::Action;
use crate::code::Sent;

fn at(seconds: i64) -> Time {
    Time::from_us((1_600_000_000 + seconds) * SECOND_US).unwrap()
}

fn action(event: &str) -> Action {
    let event = Event::from_json(event.as_bytes()).unwrap();
    Action::of(&event, |text| *blake3::hash(text.as_bytes()).as_bytes()).unwrap()
}

const WITHDRAWAL: &str = r#"{"id":"w","time":"2020-09-16T03:00:00Z","kind":"withdrawal","customer":"C1","outcome":"attempted",
    "amount":{"minor":5000000,"currency":"JPY"},
    "bank_account":{"bank":"0001","branch":"001","number":"1234567","holder":"ヤマダ タロウ"}}"#;

fn withdrawal() -> Challenge {
    let ways = by_settled(&[Method::Passkey, Method::Totp, Method::Sms]);
    Challenge::new(action(WITHDRAWAL), Some("w".to_owned()), ways, at(0), OPEN_S)
}

fn by_settled(methods: &[Method]) -> Ways {
    Ways { methods: methods.to_vec(), young: false }
}

fn sent(key: &[u8; 32], code: &str, at: Time) -> Sent {
    Sent::new(key, "id", code, at, "•••78".to_owned())
}

fn by(method: Method, now: Time) -> Passed {
    Passed { method, authenticator: Some([1; 16]), at: now, matured: true }
}

#[test]
fn a_proof_lets_its_own_action_through_once() {
    let mut challenge = withdrawal();
    assert_eq!(challenge.standing(at(1)), "open");
    assert_eq!(challenge.redeem(&action(WITHDRAWAL), false, at(1)), Err(Refusal::Standing("open")));
    challenge.pass(by(Method::Passkey, at(2)), at(0)).unwrap();
    assert_eq!(challenge.pass(by(Method::Passkey, at(2)), at(0)), Err(Refusal::Standing("passed")));
    assert_eq!(challenge.redeem(&action(WITHDRAWAL), false, at(3)), Ok(by(Method::Passkey, at(2))));
    assert_eq!(challenge.redeem(&action(WITHDRAWAL), false, at(3)), Err(Refusal::Standing("redeemed")));
}

#[test]
fn what_was_not_let_through_is_over_with_a_report_of_something_else() {
    let (open, mut passed, mut redeemed) = (withdrawal(), withdrawal(), withdrawal());
    passed.pass(by(Method::Passkey, at(1)), at(0)).unwrap();
    redeemed.pass(by(Method::Passkey, at(1)), at(0)).unwrap();
    redeemed.redeem(&action(WITHDRAWAL), false, at(2)).unwrap();
    for (challenge, standing) in [(open, "reported"), (passed, "reported"), (redeemed, "redeemed")] {
        let mut voided = challenge;
        voided.void();
        assert_eq!(voided.standing(at(3)), standing);
        assert_eq!(voided.redeem(&action(WITHDRAWAL), false, at(3)), Err(Refusal::Standing(standing)));
        assert!(voided.pass(by(Method::Passkey, at(3)), at(0)).is_err());
    }
}

fn event(kind: &str, more: &str) -> Action {
    let bare = r#"{"id":"e","time":"2020-09-16T03:00:00Z","customer":"C1","outcome":"attempted","kind":"#;
    action(&format!("{bare}\"{kind}\"{more}}}"))
}

/// What says too little to be bound is not asked to be confirmed.
#[test]
fn an_action_says_what_it_misses() {
    let (amount, account, payee, contact, order) = (
        r#","amount":{"minor":1,"currency":"JPY"}"#,
        r#","bank_account":{"bank":"0001","branch":"001","number":"1234567"}"#,
        r#","payment":{"payee_domain":"example.co.jp"}"#,
        r#","contact":{"type":"email","new":"b@example.jp"}"#,
        r#","order":{"symbol":"7203","side":"buy","quantity":100}"#,
    );
    let paying = format!("{amount}{payee}");
    let paying_to = format!("{amount}{account}");
    for (kind, more, missing) in [
        ("withdrawal", "", vec!["amount", "bank_account"]),
        ("transfer", amount, vec!["bank_account"]),
        ("withdrawal", &paying_to, vec![]),
        ("bank_account.register", "", vec!["bank_account"]),
        ("bank_account.change", "", vec!["bank_account"]),
        ("bank_account.change", account, vec![]),
        ("contact.change", "", vec!["contact"]),
        ("contact.change", r#","contact":{"type":"email"}"#, vec!["contact"]),
        ("contact.change", contact, vec![]),
        ("order", "", vec!["order"]),
        ("order", order, vec![]),
        ("payment.instruction", "", vec!["amount", "payment.payee_domain"]),
        ("payment.instruction", amount, vec!["payment.payee_domain"]),
        ("payment.instruction", &paying, vec![]),
        ("payment.instruction", &paying_to, vec![]),
        ("device.register", "", vec!["device"]),
        ("factor.enroll", "", vec!["authenticator"]),
        ("factor.remove", r#","factor":"passkey""#, vec!["authenticator.id"]),
        ("login", "", vec![]),
    ] {
        assert_eq!(event(kind, more).missing(), missing, "{kind} {more}");
    }
}

/// What is told beside the point of a login makes nothing more of its proof.
#[test]
fn what_says_only_who_says_so_by_its_kind() {
    let amount = r#","amount":{"minor":1,"currency":"JPY"}"#;
    for (kind, more, only_who, beside) in [
        ("login", "", true, None),
        ("login", amount, true, Some("amount")),
        ("password.reset", amount, true, Some("amount")),
        ("withdrawal", amount, false, None),
        ("withdrawal", "", true, None),
        ("contact.change", amount, true, None),
    ] {
        let action = event(kind, more);
        assert_eq!((action.says_only_who(), action.beside_its_point()), (only_who, beside), "{kind} {more}");
    }
}

/// What is added or taken back binds: which device, by which key, which authenticator, under which name.
#[test]
fn a_change_binds_what_is_changed() {
    let device = |device: &str, key: Option<u8>, name: Option<&str>| {
        let key = key.map(|byte| [byte; 32]);
        let name = name.map(str::to_owned);
        let device = Some(crate::action::Device { device: device.to_owned(), key, name });
        Action { device, ..Action::bare("C1".parse().unwrap(), EventKind::DeviceRegister) }
    };
    let authenticator = |factor, id: Option<u8>, name: Option<&str>| {
        let (id, name) = (id.map(|byte| [byte; 16]), name.map(str::to_owned));
        let authenticator = Some(crate::action::Authenticator { factor, id, name });
        Action { authenticator, ..Action::bare("C1".parse().unwrap(), EventKind::FactorRemove) }
    };
    let none = || Action::bare("C1".parse().unwrap(), EventKind::DeviceRegister);
    let only = |only| Action { only_own_devices: Some(only), ..none() };
    for (proven, other, expected) in [
        (device("d", None, None), device("d", None, None), vec![]),
        (device("d", None, None), device("d", None, Some("mine")), vec![]),
        (device("d", Some(1), Some("mine")), device("d", Some(1), Some("mine")), vec![]),
        (device("d", None, Some("mine")), device("d", None, Some("other")), vec!["device"]),
        (device("d", None, Some("mine")), device("d", None, None), vec!["device"]),
        (device("d", None, None), device("e", None, None), vec!["device"]),
        (device("d", None, None), device("d", Some(1), None), vec!["device"]),
        (device("d", Some(1), None), device("d", Some(2), None), vec!["device"]),
        (device("d", Some(1), None), device("d", None, None), vec!["device"]),
        (device("d", None, None), none(), vec!["device"]),
        (none(), device("d", None, None), vec!["device"]),
        (only(true), only(false), vec!["only_own_devices"]),
        (only(true), none(), vec!["only_own_devices"]),
        (
            authenticator(Factor::Passkey, Some(1), None),
            authenticator(Factor::Passkey, Some(1), Some("x")),
            vec![],
        ),
        (
            authenticator(Factor::Passkey, Some(1), None),
            authenticator(Factor::Passkey, Some(2), None),
            vec!["authenticator"],
        ),
        (
            authenticator(Factor::Passkey, None, None),
            authenticator(Factor::Passkey, Some(2), None),
            vec!["authenticator"],
        ),
        (
            authenticator(Factor::Passkey, None, Some("x")),
            authenticator(Factor::Passkey, None, Some("y")),
            vec!["authenticator"],
        ),
        (
            authenticator(Factor::Passkey, None, None),
            authenticator(Factor::Totp, None, None),
            vec!["authenticator"],
        ),
    ] {
        assert_eq!(proven.differences(&other), expected, "{proven:?} {other:?}");
    }
}

#[test]
fn every_bound_field_voids_the_proof_when_it_changes() {
    let order = r#"{"id":"o","time":"2020-09-16T03:00:00Z","kind":"order","customer":"C1","outcome":"attempted",
        "order":{"symbol":"7203","side":"buy","effect":"open","quantity":100,"notional":{"minor":200000,"currency":"JPY"}}}"#;
    let contact = r#"{"id":"c","time":"2020-09-16T03:00:00Z","kind":"contact.change","customer":"C1","outcome":"attempted",
        "contact":{"type":"email","old":"a@example.jp","new":"b@example.jp"}}"#;
    let payment = r#"{"id":"p","time":"2020-09-16T03:00:00Z","kind":"payment.instruction","outcome":"attempted","customer":"C1",
        "amount":{"minor":1,"currency":"JPY"},"payment":{"payee_domain":"example.co.jp"}}"#;
    for (event, from, to, field) in [
        (WITHDRAWAL, "\"C1\"", "\"C2\"", "customer"),
        (WITHDRAWAL, "\"withdrawal\"", "\"transfer\"", "kind"),
        (WITHDRAWAL, "5000000", "5000001", "amount"),
        (WITHDRAWAL, "JPY", "USD", "amount"),
        (WITHDRAWAL, "\"0001\"", "\"0002\"", "bank_account"),
        (WITHDRAWAL, "\"001\"", "\"002\"", "bank_account"),
        (WITHDRAWAL, "1234567", "2234567", "bank_account"),
        (WITHDRAWAL, "ヤマダ", "ヤマモト", "bank_account"),
        (order, "7203", "7204", "order"),
        (order, "\"buy\"", "\"sell\"", "order"),
        (order, "\"open\"", "\"close\"", "order"),
        (order, "\"quantity\":100", "\"quantity\":101", "order"),
        (order, "200000", "200001", "order"),
        (contact, "\"email\"", "\"address\"", "contact"),
        (contact, "b@example.jp", "c@example.jp", "contact"),
        (contact, "a@example.jp", "c@example.jp", "contact"),
        (payment, "example.co.jp", "examp1e.co.jp", "payment"),
    ] {
        let mut challenge =
            Challenge::new(action(event), None, by_settled(&[Method::Passkey]), at(0), OPEN_S);
        challenge.pass(by(Method::Passkey, at(1)), at(0)).unwrap();
        let other = event.replacen(from, to, 1);
        assert_ne!(other, event, "{from} is in the event");
        let refused = challenge.redeem(&action(&other), false, at(2));
        assert_eq!(refused, Err(Refusal::OtherAction { fields: vec![field] }), "{from} -> {to}");
        assert!(challenge.redeem(&action(event), false, at(2)).is_ok(), "a wrong question uses nothing up");
    }
}

#[test]
fn what_is_only_told_beside_an_action_does_not_bind() {
    let mut challenge = withdrawal();
    challenge.pass(by(Method::Passkey, at(1)), at(0)).unwrap();
    let again =
        WITHDRAWAL.replace("\"w\"", "\"w-2\"").replace("03:00", "03:01").replace("attempted", "succeeded");
    assert!(challenge.redeem(&action(&again), false, at(2)).is_ok());
}

#[test]
fn time_ends_it() {
    let mut late = withdrawal();
    assert_eq!(late.takes(Method::Passkey, at(OPEN_S - 1)), Ok(()));
    assert_eq!(
        late.pass(by(Method::Passkey, at(OPEN_S)), at(0)),
        Err(Refusal::Expired { since: at(OPEN_S) })
    );
    assert_eq!(late.standing(at(OPEN_S)), "expired");
    let mut passed = withdrawal();
    passed.pass(by(Method::Passkey, at(1)), at(0)).unwrap();
    let over = at(1 + REDEEM_S);
    assert_eq!(passed.redeem(&action(WITHDRAWAL), false, over), Err(Refusal::Expired { since: over }));
}

#[test]
fn only_allowed_ways_answer() {
    let mut challenge = withdrawal();
    for method in [Method::Mail, Method::Phone, Method::Recovery] {
        assert_eq!(challenge.pass(by(method, at(1)), at(0)), Err(Refusal::Method(method.as_str())));
    }
    let sent = sent(&[0; 32], "000000", at(1));
    assert_eq!(
        challenge.send(Method::Totp, sent, at(1)),
        Err(Refusal::Method("totp")),
        "nothing is sent for it"
    );
}

#[test]
fn a_code_is_good_for_its_challenge_and_its_time() {
    let key = [7; 32];
    let mut challenge = withdrawal();
    assert_eq!(challenge.is_code(Method::Sms, &key, "id", "123456", at(1)), Ok(false), "none was sent");
    challenge.send(Method::Sms, sent(&key, "123456", at(1)), at(1)).unwrap();
    for (method, id, given, now, good) in [
        (Method::Sms, "id", "123456", 2, true),
        (Method::Sms, "id", "123457", 2, false),
        (Method::Sms, "other", "123456", 2, false),
        (Method::Sms, "id", "123456", CODE_S, true),
        (Method::Sms, "id", "123456", 1 + CODE_S, false),
    ] {
        assert_eq!(challenge.is_code(method, &key, id, given, at(now)), Ok(good), "{id} {given} {now}");
    }
    assert_eq!(challenge.is_code(Method::Mail, &key, "id", "123456", at(2)), Err(Refusal::Method("mail")));
}

#[test]
fn codes_are_sent_seldom_and_the_last_one_counts() {
    let key = [7; 32];
    let mut challenge = withdrawal();
    for number in 0..i64::from(SENT_MAX) {
        let (now, code) = (at(number * 30), format!("{number:06}"));
        challenge.send(Method::Sms, sent(&key, &code, now), now).unwrap();
        let again = challenge.send(Method::Sms, sent(&key, &code, now), now);
        let waits = Refusal::AskedLately { until: at(number * 30 + 30), wait_s: 30 };
        assert_eq!(again, Err(if number + 1 < i64::from(SENT_MAX) { waits } else { Refusal::SentEnough }));
    }
    assert_eq!(challenge.is_code(Method::Sms, &key, "id", "000001", at(70)), Ok(false));
    assert_eq!(challenge.is_code(Method::Sms, &key, "id", "000002", at(70)), Ok(true));
}

#[test]
fn five_wrong_answers_end_it() {
    let mut challenge = withdrawal();
    for left in (0..WRONG_MAX).rev() {
        assert_eq!(challenge.note_wrong(at(1)), Refusal::Wrong { left });
    }
    assert_eq!(challenge.note_wrong(at(1)), Refusal::Standing("failed"));
    assert_eq!(challenge.pass(by(Method::Passkey, at(2)), at(0)), Err(Refusal::Standing("failed")));
}

#[test]
fn what_the_customer_reports_is_over() {
    for pass_first in [false, true] {
        let mut challenge = withdrawal();
        if pass_first {
            challenge.pass(by(Method::Passkey, at(1)), at(0)).unwrap();
        }
        assert!(challenge.report());
        assert!(!challenge.report(), "once");
        assert_eq!(challenge.redeem(&action(WITHDRAWAL), false, at(2)), Err(Refusal::Standing("reported")));
        assert_eq!(challenge.pass(by(Method::Passkey, at(2)), at(0)), Err(Refusal::Standing("reported")));
    }
}

#[test]
fn a_new_authenticator_confirms_no_withdrawal() {
    let mut challenge = withdrawal();
    let young = Passed { matured: false, ..by(Method::Passkey, at(1)) };
    assert_eq!(challenge.pass(young.clone(), at(43_200)), Err(Refusal::cooling(at(43_200), young.at)));
    assert_eq!(challenge.standing(at(1)), "open", "another one may still answer");
    let login =
        r#"{"id":"l","time":"2020-09-16T03:00:00Z","kind":"login","customer":"C1","outcome":"attempted"}"#;
    let mut login = Challenge::new(action(login), None, by_settled(&[Method::Passkey]), at(0), OPEN_S);
    assert_eq!(login.pass(young, at(43_200)), Ok(()));
}

#[test]
fn nobody_chooses_a_weaker_way_than_the_customer_has() {
    use Method::{Mail, Passkey, Recovery, Sms, Totp};
    let (old, young) = (at(0), at(0).plus_us(HOUR_US));
    let (login, withdrawal) = (EventKind::Login, EventKind::Withdrawal);
    /// What a customer has, what is done, the fallback, and what is asked for.
    type Case<'a> = (&'a [(Method, Time)], EventKind, &'a [Method], &'a [Method]);
    let (copied, order) = (Time::MAX, EventKind::Order);
    let cases: [Case<'_>; 16] = [
        (&[(Passkey, copied)], order, &[], &[]),
        (&[(Passkey, copied), (Sms, old)], order, &[], &[Sms]),
        (&[(Passkey, copied), (Sms, young)], order, &[], &[]),
        (&[(Passkey, young), (Recovery, old)], order, &[], &[]),
        (&[(Passkey, copied)], login, &[], &[Passkey]),
        (&[(Sms, old), (Totp, old)], withdrawal, &[], &[Totp, Sms]),
        (&[(Sms, old), (Passkey, old), (Totp, old)], withdrawal, &[], &[Passkey]),
        (&[(Passkey, old), (Totp, old), (Mail, old)], withdrawal, &[Totp], &[Passkey, Totp]),
        (&[(Passkey, young), (Totp, old)], withdrawal, &[], &[Totp]),
        (&[(Passkey, young), (Totp, old)], login, &[], &[Totp]),
        (&[(Passkey, young)], login, &[], &[Passkey]),
        (&[(Passkey, young), (Recovery, old)], login, &[], &[Passkey]),
        (&[(Passkey, young), (Passkey, old), (Sms, old)], login, &[], &[Passkey]),
        (&[(Recovery, old)], withdrawal, &[], &[]),
        (&[(Recovery, old)], login, &[], &[Recovery]),
        (&[(Passkey, young)], withdrawal, &[], &[]),
    ];
    for (has, kind, fallback, expected) in cases {
        let ways = ways(kind, has, at(1), fallback);
        assert_eq!(ways, by_settled(expected), "{has:?} {kind:?} {fallback:?}");
    }
}

/// Somebody else in the session has nothing of what the customer has, however new that is.
#[test]
fn what_proves_is_changed_by_whatever_the_customer_has() {
    use Method::{Passkey, Phone, Recovery, Sms, Totp};
    let (old, young, copied) = (at(0), at(0).plus_us(HOUR_US), Time::MAX);
    /// What a customer has, what is asked for, whether it may be young, and whether anything is at hand.
    type Case<'a> = (&'a [(Method, Time)], &'a [Method], bool, bool);
    let cases: [Case<'_>; 12] = [
        (&[], &[], false, false),
        (&[(Totp, old)], &[Totp], false, true),
        (&[(Totp, old), (Recovery, old), (Passkey, young)], &[Totp, Recovery], false, true),
        (&[(Recovery, old), (Recovery, young)], &[Recovery], false, true),
        (&[(Passkey, old), (Totp, old)], &[Passkey], false, true),
        (&[(Sms, old), (Totp, young)], &[Sms], false, true),
        (&[(Totp, young)], &[Totp], true, true),
        (&[(Totp, young), (Phone, old)], &[Phone, Totp], true, true),
        (&[(Recovery, young), (Passkey, young)], &[Passkey, Recovery], true, true),
        (&[(Recovery, old)], &[Recovery], false, true),
        (&[(Phone, old)], &[Phone], false, false),
        (&[(Passkey, copied)], &[], false, false),
    ];
    for (has, methods, young, at_hand) in cases {
        for kind in [EventKind::FactorEnroll, EventKind::FactorRemove, EventKind::DeviceRestrict] {
            let ways = ways(kind, has, at(1), &[]);
            assert_eq!(ways, Ways { methods: methods.to_vec(), young }, "{has:?} {kind:?}");
            assert_eq!(ways.are_at_hand(), at_hand, "{has:?}");
        }
    }
    for (young, taken) in [(true, true), (false, false)] {
        let kind = r#"{"id":"f","time":"2020-09-16T03:00:00Z","kind":"factor.enroll","customer":"C1","outcome":"attempted"}"#;
        let ways = Ways { methods: vec![Totp], young };
        let mut challenge = Challenge::new(action(kind), None, ways, at(0), OPEN_S);
        let passed = Passed { matured: false, ..by(Totp, at(1)) };
        assert_eq!(challenge.clone().pass(passed.clone(), at(43_200)).is_ok(), taken);
        assert!(challenge.pass(passed, copied).is_err(), "what looks like a copy is nobody's");
    }
}

/// Who is sent away to prove who they are comes back, or somebody else is let in.
#[test]
fn who_was_sent_away_brings_the_result() {
    let kind = |kind: &str| {
        let bare = r#"{"id":"l","time":"2020-09-16T03:00:00Z","customer":"C1","outcome":"attempted","kind":"#;
        format!("{bare}\"{kind}\"}}")
    };
    for (name, sent_away, came_back, refused) in [
        ("login", true, false, Some(Refusal::NotBack)),
        ("login", true, true, None),
        ("login", false, false, None),
        ("password.reset", true, false, Some(Refusal::NotBack)),
        ("profile.view", true, false, Some(Refusal::NotBack)),
        ("password.change", true, false, Some(Refusal::NotBack)),
    ] {
        let what = action(&kind(name));
        let ways = by_settled(&[Method::Passkey]);
        let mut challenge = Challenge::new(what.clone(), None, ways, at(0), OPEN_S);
        if sent_away {
            challenge.hand_over([7; 16]);
        }
        challenge.pass(by(Method::Passkey, at(1)), at(0)).unwrap();
        assert_eq!(challenge.redeem(&what, came_back, at(2)).err(), refused, "{name} {sent_away}");
        assert_eq!(challenge.redeem(&what, true, at(2)).is_ok(), refused.is_some(), "nothing was used up");
    }
    let mut money = withdrawal();
    money.hand_over([7; 16]);
    money.pass(by(Method::Passkey, at(1)), at(0)).unwrap();
    assert!(money.redeem(&action(WITHDRAWAL), false, at(2)).is_ok(), "it says what is done");
}

#[test]
fn what_was_answered_on_a_visit_stays_with_it() {
    let mut challenge = withdrawal();
    for visit in [[1; 16], [2; 16]] {
        challenge.hand_over(visit);
        assert_eq!(challenge.visit(), Some(visit), "the customer comes again");
    }
    let mut at_the_brokers = challenge.clone();
    at_the_brokers.pass(by(Method::Passkey, at(1)), at(0)).unwrap();
    at_the_brokers.stay();
    assert_eq!(at_the_brokers.visit(), None);
    challenge.pass(by(Method::Passkey, at(1)), at(0)).unwrap();
    challenge.hand_over([3; 16]);
    assert_eq!(challenge.visit(), Some([2; 16]), "somebody else comes later");
    challenge.redeem(&action(WITHDRAWAL), false, at(2)).unwrap();
    challenge.hand_over([3; 16]);
    assert_eq!(challenge.visit(), Some([2; 16]));
    // Whom an operator called comes back on a visit of their own.
    let ways = by_settled(&[Method::Phone]);
    let mut called = Challenge::new(action(WITHDRAWAL), None, ways, at(0), OPEN_S);
    called.hand_over([1; 16]);
    called.ask_call(super::Call::new(1, at(0), "•••78".to_owned(), 1), OPEN_S).unwrap();
    called.see_number("operator", at(1)).unwrap();
    called.confirm_call("operator", 1, at(2)).unwrap();
    called.hand_over([2; 16]);
    assert_eq!((called.standing(at(3)), called.visit()), ("passed", Some([2; 16])));
}
