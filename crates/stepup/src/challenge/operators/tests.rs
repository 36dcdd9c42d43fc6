//! Calls and forms, step by step.

use model::time::SECOND_US;
use model::{Event, Time};

use super::super::{Challenge, Method, OPEN_S, REDEEM_LATER_S, Refusal, Ways};
use super::{Call, SEEN_MAX, UNREACHED_MAX, moved_yen, persons};
use crate::Action;

const HOUR_S: i64 = 3_600;

fn at(seconds: i64) -> Time {
    Time::from_us((1_600_000_000 + seconds) * SECOND_US).unwrap()
}

fn action(kind: &str, details: &str) -> Action {
    let event = format!(
        r#"{{"id":"e","time":"2020-09-16T03:00:00Z","kind":"{kind}","customer":"C1","outcome":"attempted"{details}}}"#
    );
    let event = Event::from_json(event.as_bytes()).unwrap();
    Action::of(&event, |text| *blake3::hash(text.as_bytes()).as_bytes()).unwrap()
}

fn yen(amount: u64) -> Action {
    action("withdrawal", &format!(r#","amount":{{"minor":{amount},"currency":"JPY"}}"#))
}

fn by_settled(methods: &[Method]) -> Ways {
    Ways { methods: methods.to_vec(), young: false }
}

fn challenge() -> Challenge {
    Challenge::new(yen(1), None, by_settled(&[Method::Phone, Method::Totp]), at(0), OPEN_S)
}

fn called(persons: u8) -> Challenge {
    let mut challenge = challenge();
    challenge.ask_call(Call::new(7, at(1), "•••78".to_owned(), persons), 24 * HOUR_S).unwrap();
    challenge
}

/// Looks the number up, calls, and says that it was confirmed.
fn confirm(challenge: &mut Challenge, by: &str, now: Time) -> Result<(), Refusal> {
    challenge.see_number(by, now)?;
    challenge.confirm_call(by, 1, now)
}

#[test]
fn little_takes_one_person_and_everything_else_two() {
    for (action, expected) in [
        (yen(1_000_000), 1),
        (yen(1_000_001), 2),
        (action("withdrawal", r#","amount":{"minor":1,"currency":"USD"}"#), 2),
        (action("withdrawal", ""), 2),
        (action("bank_account.change", ""), 2),
        (action("contact.change", ""), 2),
        (action("login", ""), 1),
        (action("profile.view", ""), 1),
        (action("order", r#","order":{"symbol":"7203","side":"buy","quantity":1}"#), 2),
        // What is told beside what it is worth makes nothing of it little.
        (
            action(
                "order",
                r#","amount":{"minor":1,"currency":"JPY"},"order":{"symbol":"7203","side":"buy","quantity":1000000000}"#,
            ),
            2,
        ),
        (
            action(
                "order",
                r#","order":{"symbol":"7203","side":"buy","quantity":1,"notional":{"minor":9,"currency":"JPY"}}"#,
            ),
            1,
        ),
    ] {
        assert_eq!(persons(&action, 1_000_000), expected, "{action:?}");
    }
    assert_eq!(persons(&yen(1), 0), 2, "nothing is little");
    let order =
        r#","order":{"symbol":"7203","side":"buy","quantity":1,"notional":{"minor":9,"currency":"JPY"}}"#;
    for (action, expected) in [
        (yen(7), 7),
        (action("withdrawal", r#","amount":{"minor":7,"currency":"USD"}"#), 0),
        (action("contact.change", r#","amount":{"minor":7,"currency":"JPY"}"#), 0),
        (action("order", order), 9),
        (action("order", &[r#","amount":{"minor":1,"currency":"JPY"}"#, order].concat()), 9),
    ] {
        assert_eq!(moved_yen(&action), expected, "{action:?}");
    }
}

#[test]
fn one_person_passes_a_call_and_the_customer_has_time_to_come_back() {
    let mut challenge = called(1);
    let now = at(5 * HOUR_S);
    assert_eq!(
        (challenge.standing(now), challenge.call_standing(now)),
        ("open", Some("open")),
        "it waits for the call"
    );
    confirm(&mut challenge, "suzuki", now).unwrap();
    let passed = challenge.passed().unwrap();
    assert_eq!((passed.method, passed.matured), (Method::Phone, true));
    assert_eq!(challenge.call_standing(now), Some("confirmed"));
    assert!(!challenge.waits_for_call());
    let late = at(5 * HOUR_S + REDEEM_LATER_S);
    assert!(challenge.clone().redeem(&yen(1), false, late.plus_us(-1)).is_ok());
    assert_eq!(challenge.redeem(&yen(1), false, late), Err(Refusal::Expired { since: late }));
}

#[test]
fn two_persons_are_two() {
    let mut challenge = called(2);
    confirm(&mut challenge, "suzuki", at(2)).unwrap();
    assert_eq!(challenge.passed(), None);
    assert_eq!(
        confirm(&mut challenge, "suzuki", at(3)),
        Err(Refusal::SamePerson { by: "suzuki".to_owned() })
    );
    assert_eq!(challenge.redeem(&yen(1), false, at(3)), Err(Refusal::Standing("open")));
    confirm(&mut challenge, "sato", at(4)).unwrap();
    assert!(challenge.passed().is_some());
    assert_eq!(confirm(&mut challenge, "ito", at(5)), Err(Refusal::Standing("passed")));
    assert_eq!(challenge.call().unwrap().confirmed().len(), 2);
}

#[test]
fn who_did_not_look_the_number_up_confirms_nothing() {
    let mut challenge = called(1);
    let not_called = |by: &str| Err(Refusal::NotCalled { by: by.to_owned() });
    assert_eq!(challenge.confirm_call("suzuki", 1, at(2)), not_called("suzuki"));
    challenge.see_number("suzuki", at(2)).unwrap();
    assert_eq!(challenge.confirm_call("sato", 1, at(3)), not_called("sato"), "somebody else saw it");
    // More were needed meanwhile.
    challenge.confirm_call("suzuki", 2, at(3)).unwrap();
    assert_eq!((challenge.passed(), challenge.call().unwrap().persons()), (None, 2));
    for by in 0..SEEN_MAX {
        challenge.see_number(&by.to_string(), at(4)).unwrap();
    }
    challenge.see_number("sato", at(4)).unwrap();
    assert_eq!(challenge.confirm_call("0", 1, at(5)), not_called("0"), "too many looked since");
    challenge.confirm_call("sato", 1, at(5)).unwrap();
    assert!(challenge.passed().is_some());
}

#[test]
fn not_me_on_the_telephone_is_heard_whatever_became_of_the_challenge() {
    for confirm_first in [0, 1, 2] {
        let mut challenge = called(2);
        for by in ["suzuki", "sato"].into_iter().take(confirm_first) {
            confirm(&mut challenge, by, at(2)).unwrap();
        }
        challenge.refuse_call().unwrap();
        challenge.refuse_call().unwrap();
        assert_eq!(
            (challenge.standing(at(3)), challenge.call_standing(at(3))),
            ("reported", Some("refused"))
        );
        assert_eq!(confirm(&mut challenge, "ito", at(4)), Err(Refusal::Standing("reported")));
        assert_eq!(challenge.redeem(&yen(1), false, at(4)), Err(Refusal::Standing("reported")));
    }
    assert_eq!(challenge().refuse_call(), Err(Refusal::Method("phone")), "no call was asked for");
}

#[test]
fn nobody_reached_five_times_ends_the_call_and_not_the_challenge() {
    let mut challenge = called(1);
    for _ in 0..UNREACHED_MAX {
        assert_eq!(challenge.call_standing(at(2)), Some("open"));
        challenge.note_unreached(at(2)).unwrap();
    }
    assert_eq!((challenge.standing(at(3)), challenge.call_standing(at(3))), ("open", Some("unreached")));
    assert_eq!(challenge.note_unreached(at(3)), Err(Refusal::Call("unreached")));
    assert_eq!(confirm(&mut challenge, "suzuki", at(3)), Err(Refusal::Call("unreached")));
    let again = Call::new(8, at(4), String::new(), 1);
    assert_eq!(challenge.ask_call(again, HOUR_S), Err(Refusal::Call("unreached")), "one call a challenge");
    challenge.refuse_call().unwrap();
}

#[test]
fn a_call_is_asked_for_once_where_it_is_a_way_and_not_for_ever() {
    let mut without = Challenge::new(yen(1), None, by_settled(&[Method::Totp]), at(0), OPEN_S);
    let call = || Call::new(1, at(1), String::new(), 1);
    assert_eq!(without.ask_call(call(), HOUR_S), Err(Refusal::Method("phone")));
    assert_eq!(confirm(&mut without, "suzuki", at(1)), Err(Refusal::Method("phone")));
    let mut challenge = called(1);
    assert_eq!(challenge.ask_call(call(), HOUR_S), Err(Refusal::Call("open")));
    let over = at(1 + 24 * HOUR_S);
    assert_eq!(challenge.call_standing(over), Some("over"));
    assert_eq!(confirm(&mut challenge, "suzuki", over), Err(Refusal::Expired { since: over }));
}

#[test]
fn a_form_is_recorded_by_two_who_read_the_same() {
    let day = "2020-09-14";
    let mut challenge = challenge();
    let mut record = |reference: &str, action: &Action, by: &str, now| {
        let recorded = challenge.record_form((reference, day), action, by, now, 24 * HOUR_S);
        (recorded, challenge.standing(now))
    };
    let other = Refusal::OtherAction { fields: vec!["amount"] };
    assert_eq!(record("F-1", &yen(2), "suzuki", at(1)), (Err(other), "open"));
    assert_eq!(record("F-1", &yen(1), "suzuki", at(1)), (Ok(()), "open"));
    let now = at(5 * HOUR_S);
    let same = Refusal::SamePerson { by: "suzuki".to_owned() };
    assert_eq!(record("F-1", &yen(1), "suzuki", now), (Err(same), "open"), "it waits for the second");
    let form = Refusal::OtherForm { reference: "F-1".to_owned(), received: day.to_owned() };
    assert_eq!(record("F-2", &yen(1), "sato", now), (Err(form), "open"));
    assert_eq!(record("F-1", &yen(1), "sato", now), (Ok(()), "passed"));
    assert_eq!(record("F-1", &yen(1), "ito", now), (Err(Refusal::Standing("passed")), "passed"));
    assert_eq!(challenge.passed().unwrap().method, Method::Paper);
    assert_eq!(challenge.form().unwrap().confirmed().len(), 2);
    let mut late = self::challenge();
    let expired = Refusal::Expired { since: at(OPEN_S) };
    assert_eq!(late.record_form(("F-1", day), &yen(1), "suzuki", at(OPEN_S), HOUR_S), Err(expired));
}
