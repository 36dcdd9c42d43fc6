//! What customers and banks tell afterwards, and what it does to what comes next.

use engine::Verdict;
use engine::signal::Signal;

use crate::made::{Made, World, at_home, day, hour, made};

const HOME: &str = "198.51.100.7";

fn settled() -> World {
    let mut world = World::new();
    world.settle("C1", HOME, "phone", 90);
    world
}

/// Something the customer does at home, so many hours after day 91.
fn home(kind: &str, hours: i64) -> Made {
    at_home(made(kind, "C1", hour(91 * 24 + hours)), HOME, "phone")
}

fn report(hours: i64) -> Made {
    made("customer.report", "C1", hour(91 * 24 + hours))
}

fn closed(hours: i64, reason: &str) -> Made {
    made("case.disposition", "C1", hour(91 * 24 + hours)).with("reason", reason)
}

fn order(side: &str, hours: i64) -> Made {
    home("order", hours).with("order", serde_json::json!({"symbol": "1301", "side": side, "quantity": 100}))
}

/// SBI 2020, JSDA 2025: locked at once, unlocked by a fresh check of identity.
#[test]
fn a_report_locks_the_account_until_the_customer_is_identified_anew() {
    let mut world = settled();
    let verdicts = |world: &mut World, hours: i64| {
        let events = [
            home("withdrawal", hours),
            home("transfer", hours),
            home("bank_account.change", hours),
            home("password.change", hours),
            order("buy", hours),
            order("sell", hours),
            home("login", hours),
            home("withdrawal", hours).with("channel", "branch").with("id", format!("branch-{hours}")),
        ];
        events.map(|event| world.ask(event.with("outcome", "attempted")).verdict)
    };
    use Verdict::{Allow, Hold, StepUp};
    let usual = [Allow, Allow, StepUp, Allow, Allow, Allow, Allow, Allow];
    let locked = [Hold, Hold, Hold, Hold, Hold, StepUp, StepUp, Allow];
    assert_eq!(verdicts(&mut world, 0), usual);
    world.apply(report(1));
    assert_eq!(verdicts(&mut world, 2), locked);
    world.apply(closed(3, "fraud: an attacker in the middle"));
    assert_eq!(verdicts(&mut world, 4), locked, "a label says nothing of who the customer is");
    world.apply(closed(5, "verified, called back").failed());
    assert_eq!(
        verdicts(&mut world, 2_000),
        locked,
        "what was taken back says nothing, and time alone unlocks nothing"
    );
    world.apply(closed(2_001, "verified, called back"));
    assert_eq!(verdicts(&mut world, 2_002), usual);
    world.apply(report(2_003));
    assert_eq!(verdicts(&mut world, 2_004), locked, "a new report locks again");
}

#[test]
fn hours_since_a_report_count_until_a_check_that_came_after_it() {
    let asked = home("withdrawal", 10);
    for (what, before, expected) in [
        ("never", vec![], None),
        ("reported", vec![report(7)], Some(3.0)),
        ("reported twice", vec![report(1), report(7)], Some(3.0)),
        ("taken back", vec![report(7).failed()], None),
        ("identified after it", vec![report(7), closed(8, "verified")], None),
        ("identified before it", vec![closed(6, "verified"), report(7)], Some(3.0)),
        ("told in the other order", vec![closed(8, "verified"), report(7)], None),
    ] {
        let mut world = settled();
        for event in before {
            world.apply(event);
        }
        let value = world.state.signal(Signal::CustomerReportedHours, &asked.clone().observed());
        assert_eq!(value, expected, "{what}");
    }
}

/// The button is pressed wherever the challenge was seen: that makes no place the customer's own.
#[test]
fn where_feedback_comes_from_is_nobodys_place() {
    let mut world = settled();
    for at in 92..120 {
        world.apply(made("customer.report", "C1", day(at)).ip("203.0.113.9").device("other"));
    }
    let customer = world.state.customer("C1").unwrap();
    assert!(customer.at("203.0.113.9".parse().unwrap()).is_none());
}

/// What the bank said is kept for the account it was about, until it says otherwise.
#[test]
fn money_waits_on_its_way_to_an_account_that_the_bank_did_not_confirm() {
    use model::Verification as V;
    let mut world = settled();
    let asked = |kind: &str, hours: i64| home(kind, hours).with("outcome", "attempted");
    let signal = |world: &World, hours: i64, key: Option<u64>| {
        let event = asked("withdrawal", hours);
        let event = key.map_or(event.clone(), |key| event.account(key, None));
        world.state.signal(Signal::BankVerification, &event.observed())
    };
    assert_eq!(signal(&world, 0, Some(7)), None, "nobody asked");
    for (hours, verification, expected) in [(1, V::Pending, 2.0), (2, V::Confirmed, 3.0)] {
        let decision =
            world.ask(asked("bank_account.change", hours).account(7, None).verification(verification));
        assert!(!world.fired(&decision).contains(&"account_check_failed"), "{verification:?}");
        assert_eq!(signal(&world, 3, Some(7)), Some(expected));
    }
    assert_eq!(signal(&world, 3, None), Some(3.0), "the account whose check was told last");
    assert_eq!(signal(&world, 3, Some(8)), None, "of another nothing is known");
    // Told as a fact; what was told earlier and comes later changes nothing.
    world.apply(home("bank_account.change", 5).account(7, None).verification(V::Failed));
    world.apply(home("bank_account.change", 4).account(7, None).verification(V::Confirmed));
    for (at, account) in (6..).zip([Some(7), None]) {
        let event = asked("withdrawal", at);
        let event = account.map_or(event.clone(), |key| event.account(key, None));
        let decision = world.ask(event);
        assert_eq!(decision.verdict, Verdict::Hold, "{account:?}");
        assert!(world.fired(&decision).contains(&"account_check_failed"), "{account:?}");
    }
    let other = world.ask(asked("withdrawal", 8).account(8, None));
    assert!(!world.fired(&other).contains(&"account_check_failed"));
    // What is told of others does not make it forgotten, and the right account that follows a wrong one is not held for it.
    for key in 20..30 {
        world.apply(asked("bank_account.change", 9).account(key, None).verification(V::Pending));
    }
    assert_eq!(signal(&world, 10, Some(7)), Some(1.0));
    world.apply(home("bank_account.change", 11).account(8, None));
    assert_eq!((signal(&world, 12, None), signal(&world, 12, Some(7))), (None, Some(1.0)));
    // The bank's answer comes a month later; it is no change of the account.
    let late = 24 * 30;
    world.apply(home("bank_account.change", late).account(8, None).verification(V::Confirmed));
    let changed = world.state.signal(Signal::BankChangedHours, &asked("withdrawal", late + 1).observed());
    assert_eq!((signal(&world, late + 1, None), changed), (Some(3.0), Some(f64::from(24 * 30 + 1 - 11))));
}

/// Whoever asks first and acts then changes the account, whatever was told of it with the question.
#[test]
fn a_change_that_was_asked_about_with_its_check_is_a_change() {
    use model::Verification::Pending;
    let mut world = settled();
    let asked = home("bank_account.change", 0).with("outcome", "attempted");
    world.ask(asked.account(7, None).verification(Pending));
    world.apply(home("bank_account.change", 0).account(7, None).verification(Pending));
    let withdrawal = home("withdrawal", 2).with("outcome", "attempted").observed();
    assert_eq!(world.state.signal(Signal::BankChangedHours, &withdrawal), Some(2.0));
}

/// A bank knows the account, not the customers whose money went there.
#[test]
fn money_waits_on_its_way_to_an_account_that_a_bank_told_of() {
    let mut world = settled();
    let asked = |kind: &str, hours: i64| home(kind, hours).with("outcome", "attempted");
    let notice = |hours: i64| {
        let account = serde_json::json!({"bank": "0001", "branch": "001", "number": "1234567"});
        let notice = made("bank.notice", "-", hour(91 * 24 + hours)).nobody();
        notice.with("bank_account", account).account(7, None)
    };
    let before = world.ask(asked("withdrawal", 0).account(7, None));
    assert_eq!(before.verdict, Verdict::Allow, "{:?}", world.fired(&before));
    world.apply(notice(1));
    for (at, kind) in (2..).zip(["withdrawal", "transfer", "bank_account.register", "bank_account.change"]) {
        let decision = world.ask(asked(kind, at).account(7, None));
        assert_eq!(decision.verdict, Verdict::Hold, "{kind}");
        assert!(world.fired(&decision).contains(&"account_told_of_by_a_bank"), "{kind}");
    }
    let other = world.ask(asked("withdrawal", 6).account(8, None));
    assert_eq!(other.verdict, Verdict::Allow, "{:?}", world.fired(&other));

    let listed = |world: &World, hours: i64, key: u64| {
        world.state.signal(Signal::BankListed, &asked("withdrawal", hours).account(key, None).observed())
    };
    assert_eq!(listed(&world, 7, 7), Some(1.0));
    assert_eq!(listed(&world, 7, 8), Some(0.0));
    assert_eq!(
        world.state.signal(Signal::BankListed, &asked("withdrawal", 7).observed()),
        None,
        "which account?"
    );
    assert_eq!(listed(&world, 366 * 24 + 2, 7), Some(0.0), "a year later it is not news");
    world.apply(notice(8).failed());
    assert_eq!(listed(&world, 9, 7), Some(0.0), "taken back");
}

/// A switch of the customer's own: devices they registered, and no others.
#[test]
fn only_registered_devices_are_let_in_where_the_customer_asks_for_that() {
    use Verdict::{Allow, Deny, Hold};
    let mut world = settled();
    let device = |kind: &str, name: &str, hours: i64| {
        made(kind, "C1", hour(91 * 24 + hours)).device(name).with("id", format!("{kind}-{name}-{hours}"))
    };
    let from = |world: &mut World, name: &str, hours: i64| {
        ["login", "withdrawal"].map(|kind| {
            let asked = home(kind, hours).device(name).with("id", format!("{kind}-{name}-{hours}-asked"));
            world.ask(asked.with("outcome", "attempted")).verdict
        })
    };
    assert_eq!(from(&mut world, "phone", 0), [Allow, Allow]);
    world.apply(device("device.register", "phone", 1));
    assert_eq!(from(&mut world, "d9", 1), [Allow, Allow], "registering alone restricts nothing");
    world.apply(device("device.restrict", "phone", 2));
    assert_eq!(from(&mut world, "phone", 3), [Allow, Allow], "long used: it does not wait");
    assert_eq!(from(&mut world, "d9", 3), [Deny, Hold]);
    let unnamed =
        home("login", 3).with("client", serde_json::json!({"ip": "203.0.113.5"})).with("id", "unnamed");
    assert_eq!(world.ask(unnamed.with("outcome", "attempted")).verdict, Deny, "no device is none of them");
    let branch = home("withdrawal", 3).device("d9").with("channel", "branch").with("id", "branch");
    assert_eq!(world.ask(branch.with("outcome", "attempted")).verdict, Allow);

    world.apply(device("device.register", "d8", 4).failed());
    world.apply(device("device.register", "d8", 4).with("outcome", "attempted").with("id", "tried"));
    assert_eq!(from(&mut world, "d8", 30), [Deny, Hold], "what failed or was only asked registers nothing");
    world.apply(device("device.register", "d9", 31));
    assert_eq!(from(&mut world, "d9", 42), [Deny, Hold], "a new one waits half a day");
    assert_eq!(from(&mut world, "d9", 44), [Allow, Allow]);
    world.apply(device("device.register", "d7", 45).with("factor", "passkey"));
    assert_eq!(from(&mut world, "d7", 46)[0], Allow, "unless a passkey confirmed it");

    world.apply(device("device.remove", "d9", 50));
    assert_eq!(from(&mut world, "d9", 51), [Deny, Hold]);
    world.apply(device("device.restrict", "phone", 52).failed());
    assert_eq!(from(&mut world, "d6", 53)[0], Allow, "taken back");
    // Of nine the oldest goes.
    for number in 0..8 {
        world.apply(device("device.register", &format!("n{number}"), 60 + number).with("factor", "passkey"));
    }
    world.apply(device("device.restrict", "n0", 70));
    assert_eq!([from(&mut world, "phone", 71)[0], from(&mut world, "n7", 71)[0]], [Deny, Allow]);
}

/// A copied passkey answers where its owner's does: what moves money or changes the account is asked for another proof until it is gone.
#[test]
fn a_copied_factor_weighs_until_it_is_removed() {
    let mut world = settled();
    let copied = |hours: i64| made("factor.copied", "C1", hour(91 * 24 + hours)).with("factor", "passkey");
    let asked = |world: &mut World, hours: i64| {
        ["withdrawal", "transfer", "password.change", "login"].map(|kind| {
            let event = home(kind, hours).with("id", format!("{kind}-{hours}"));
            world.ask(event.with("outcome", "attempted")).verdict
        })
    };
    use Verdict::{Allow, StepUp};
    assert_eq!(asked(&mut world, 1), [Allow; 4]);
    world.apply(copied(2));
    assert_eq!(asked(&mut world, 3), [StepUp; 4]);
    let signal = |world: &World, hours: i64| {
        world.state.signal(Signal::FactorCopiedHours, &home("withdrawal", hours).observed())
    };
    assert_eq!(signal(&world, 5), Some(3.0));
    world.apply(copied(4).failed());
    assert_eq!((asked(&mut world, 5), signal(&world, 5)), ([Allow; 4], None), "removed");
    world.apply(copied(3).with("id", "told late"));
    assert_eq!(signal(&world, 5), None, "told in the other order");
    let customer = world.state.customer("C1").unwrap();
    assert!(customer.dealings().factor.is_none(), "nobody changed it");
}
