//! What of a customer's events is shown, and as what, in tables. Must not know the journal.

use engine::input::Body;
use engine::{Input, Observed, Policy, State};
use model::{Event, Time};
use serde_json::json;

use super::{Ended, What, novelty, says_how_it_ended, what};
use crate::observe::Observer;

/// An event of C1 on a day of September 2020, of which `more` says the rest.
fn event(day: u8, kind: &str, outcome: &str, more: &serde_json::Value) -> Observed {
    let asked = more["asked"] == true;
    let mut event = json!({
        "id": format!("{kind}-{day}"), "time": format!("2020-09-{day:02}T03:00:00Z"), "kind": kind, "customer": "C1",
        "outcome": outcome, "client": more["client"],
    });
    if more["client"].is_null() {
        event["client"] = json!({});
    }
    if more["reason"].is_string() {
        event["reason"] = more["reason"].clone();
    }
    let event = Event::from_json(event.to_string().as_bytes()).unwrap();
    let now: Time = "2020-10-01T00:00:00Z".parse().unwrap();
    Observer::without_files().observe(event, asked, now).unwrap().0
}

#[test]
fn how_a_login_ended_is_said_by_the_decision_and_then_by_the_outcome() {
    for (decision, outcome, ended) in [
        (None, "succeeded", Ended::Succeeded),
        (None, "failed", Ended::Failed),
        (None, "attempted", Ended::Tried),
        (Some("allow"), "attempted", Ended::Tried),
        (Some("allow"), "succeeded", Ended::Succeeded),
        (Some("step_up"), "attempted", Ended::Asked),
        (Some("step_up"), "succeeded", Ended::Asked),
        (Some("step_up"), "failed", Ended::Failed),
        (Some("hold"), "attempted", Ended::Held),
        (Some("deny"), "attempted", Ended::Denied),
        (Some("deny"), "succeeded", Ended::Denied),
    ] {
        let login = event(1, "login", outcome, &json!({}));
        assert_eq!(Ended::of(&login, decision), ended, "{decision:?} {outcome}");
    }
}

#[test]
fn what_was_done_or_stopped_is_a_notice_and_what_was_tried_is_none() {
    let verified = json!({"reason": "verified: papers"});
    let honest = json!({"reason": "honest"});
    for (kind, outcome, more, decision, expected) in [
        ("password.change", "succeeded", &json!({}), None, Some(What::Done)),
        ("password.change", "succeeded", &json!({}), Some("allow"), Some(What::Done)),
        ("password.change", "failed", &json!({}), None, None),
        ("password.change", "attempted", &json!({}), Some("step_up"), None),
        ("password.change", "attempted", &json!({}), Some("deny"), Some(What::Denied)),
        ("device.register", "succeeded", &json!({}), None, Some(What::Done)),
        ("withdrawal", "succeeded", &json!({}), None, None),
        ("withdrawal", "attempted", &json!({}), Some("deny"), Some(What::Denied)),
        ("login", "attempted", &json!({}), Some("deny"), None),
        ("session.activity", "succeeded", &json!({}), None, None),
        ("customer.report", "succeeded", &json!({}), None, Some(What::Reported)),
        ("customer.report", "failed", &json!({}), None, None),
        ("case.disposition", "succeeded", &verified, None, Some(What::Identified)),
        ("case.disposition", "succeeded", &honest, None, None),
    ] {
        let told = event(1, kind, outcome, more);
        assert_eq!(what(&told, decision), expected, "{kind} {outcome} {decision:?}");
    }
}

#[test]
fn a_fact_says_how_a_question_ended_if_it_came_from_there_soon_after() {
    let from = |ip: &str| json!({"client": {"ip": ip, "device": "d-1"}});
    let mut question = from("198.51.100.7");
    question["asked"] = true.into();
    let asked = event(5, "login", "attempted", &question);
    let fact = |day, ip| event(day, "login", "succeeded", &from(ip));
    assert!(says_how_it_ended(&fact(5, "198.51.100.7"), &asked));
    for (day, ip) in [(4, "198.51.100.7"), (6, "198.51.100.7"), (5, "198.51.100.8")] {
        assert!(!says_how_it_ended(&fact(day, ip), &asked), "{day} {ip}");
    }
    assert!(!says_how_it_ended(&asked, &asked));
}

#[test]
fn new_is_what_was_not_theirs_for_two_weeks_and_nothing_is_new_to_a_short_past() {
    let (mut state, policy) = (State::default(), Policy::compile(Policy::SHIPPED, 1).unwrap());
    let client = |ip: &str, device: &str| json!({"client": {"ip": ip, "device": device}});
    let home = client("198.51.100.7", "d-1");
    let other = client("203.0.113.9", "d-9");
    for (seq, (day, from)) in (1..).zip([(1, &home), (3, &home), (20, &other)]) {
        let login = event(day, "login", "succeeded", from);
        state.apply(&policy, &Input { seq, time: login.time, body: Body::Event(Box::new(login)) });
    }
    let record = state.customer("C1").unwrap();
    for (day, from, expected) in [
        // Two weeks after the first one.
        (14, &other, (false, false)),
        (15, &home, (false, false)),
        (15, &client("198.51.100.200", "d-1"), (false, false)),
        (15, &client("203.0.113.9", "d-1"), (true, false)),
        (21, &other, (true, true)),
        (21, &client("198.51.100.7", "d-2"), (false, true)),
        (21, &json!({"client": {"ip": "198.51.100.7"}}), (false, true)),
        (21, &json!({}), (false, false)),
    ] {
        let login = event(day, "login", "succeeded", from);
        assert_eq!(novelty(record, &login), expected, "{day} {from}");
    }
}
