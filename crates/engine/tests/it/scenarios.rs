//! Incidents of 2020 in small, against the shipped policy.

use engine::Verdict;
use engine::input::Body;
use engine::state::Outcome;

use crate::made::{World, at_home, day, hour, made};

const HOME: &str = "198.51.100.7";
const THIEF: &str = "203.0.113.99";

fn thief(event: crate::made::Made) -> crate::made::Made {
    event.ip(THIEF).device("evil").place("CN", 4134).agent("Chrome on Linux").with("client.session", "stolen")
}

#[test]
fn an_honest_year_is_let_through() {
    let mut world = World::new();
    world.settle("C1", HOME, "phone", 90);
    let login = world.ask(at_home(made("login", "C1", day(91)), HOME, "phone"));
    assert_eq!((login.verdict, login.score), (Verdict::Allow, 0), "{:?}", world.fired(&login));
    let withdrawal = at_home(made("withdrawal", "C1", day(91)), HOME, "phone").with("balance_share", 0.9);
    let withdrawal = world.ask(withdrawal);
    assert_eq!(withdrawal.verdict, Verdict::Allow, "{:?}", world.fired(&withdrawal));
    let change =
        world.ask(at_home(made("bank_account.change", "C1", day(92)), HOME, "phone").account(1, None));
    assert_eq!(world.fired(&change), ["change_needs_proof"]);
    assert_eq!(change.verdict, Verdict::StepUp);
}

/// sbi-2020: login, password, bank account, and everything leaves.
#[test]
fn the_thief_of_2020_is_stopped_before_the_first_withdrawal() {
    let mut world = World::new();
    world.settle("C1", HOME, "phone", 90);
    let login = world.ask(thief(made("login", "C1", hour(91 * 24))));
    assert_eq!(login.verdict, Verdict::StepUp, "a login cannot wait: {:?}", world.fired(&login));
    // The broker has no second factor yet, and lets them go on: these are facts, without a question.
    world.apply(thief(made("password.change", "C1", hour(91 * 24 + 1))));
    world.apply(thief(made("bank_account.change", "C1", hour(91 * 24 + 2))).account(7, Some("ヤマダ")));
    let withdrawal =
        world.ask(thief(made("withdrawal", "C1", hour(91 * 24 + 3))).with("balance_share", 0.95));
    assert_eq!(withdrawal.verdict, Verdict::Hold);
    let fired = world.fired(&withdrawal);
    for rule in ["money_needs_proof", "changed_and_withdrawn_by_the_same_stranger", "drained_after_changes"] {
        assert!(fired.contains(&rule), "{rule}: {fired:?}");
    }
    assert_eq!(withdrawal.held_until, Some(hour(91 * 24 + 3 + 72)));
    let holds = &world.state.customer("C1").unwrap().dealings().holds;
    assert_eq!(holds.len(), 1);

    let settled = Body::HoldSettled {
        customer: "C1".parse().unwrap(),
        event: holds[0].event.clone(),
        released: false,
        by: "ops".to_owned(),
        reason: None,
    };
    assert_eq!(world.input(day(92), settled.clone()), Outcome::Settled(true));
    assert_eq!(world.input(day(92), settled), Outcome::Settled(false));
}

/// A queue at the broker was down for four days: what it then asks waits as long as anything.
#[test]
fn a_hold_counts_from_when_the_event_arrived_and_is_settled_before_it_is_over() {
    let held = || {
        let mut world = World::new();
        world.settle("C1", HOME, "phone", 90);
        world.apply(thief(made("bank_account.change", "C1", hour(91 * 24 + 2))).account(7, None));
        let late = thief(made("withdrawal", "C1", hour(91 * 24 + 3))).asked().observed();
        let id = late.id.clone();
        match world.input(hour(95 * 24), Body::Event(Box::new(late))) {
            Outcome::Decided(decision) => (world, id, decision),
            other => panic!("{other:?}"),
        }
    };
    let settle = |at, settled_in: (World, model::event::EventId)| {
        let (mut world, event) = settled_in;
        let (customer, by) = ("C1".parse().unwrap(), "ops".to_owned());
        world.input(at, Body::HoldSettled { customer, event, released: true, by, reason: None })
    };
    let (world, id, decision) = held();
    assert_eq!((decision.verdict, decision.held_until), (Verdict::Hold, Some(hour((95 + 3) * 24))));
    let hold = world.state.customer("C1").unwrap().dealings().holds[0].clone();
    assert_eq!(hold.since_us, hour(95 * 24).as_us());
    assert_eq!(settle(hour(98 * 24 - 1), (world, id)), Outcome::Settled(true));
    let (world, id, _) = held();
    assert_eq!(settle(hour(98 * 24), (world, id)), Outcome::Settled(false), "it is over");
}

/// The thief's own accesses, however often, are not the customer's past within a day.
#[test]
fn a_thief_does_not_become_a_known_face_within_a_day() {
    let mut world = World::new();
    world.settle("C1", HOME, "phone", 90);
    for step in 0..20 {
        world.apply(thief(made("login", "C1", hour(91 * 24 + step))));
    }
    world.apply(thief(made("bank_account.change", "C1", hour(91 * 24 + 20))).account(7, None));
    let withdrawal = world.ask(thief(made("withdrawal", "C1", hour(91 * 24 + 21))));
    assert_eq!(withdrawal.verdict, Verdict::Hold, "{:?}", world.fired(&withdrawal));
}

/// The honest customer's own withdrawal after a thief changed the account is held too: the money would go to the thief.
#[test]
fn money_does_not_follow_a_strangers_change_of_account() {
    let mut world = World::new();
    world.settle("C1", HOME, "phone", 90);
    world.apply(thief(made("bank_account.change", "C1", day(91))).account(7, None));
    let withdrawal = world.ask(at_home(made("withdrawal", "C1", day(92)), HOME, "phone"));
    assert_eq!(withdrawal.verdict, Verdict::Hold, "{:?}", world.fired(&withdrawal));
    assert_eq!(world.fired(&withdrawal), ["account_changed_by_a_stranger"]);
}

/// Whoever has the victim's telephone number has every code, and often the same carrier: the network is the victim's own, and many
/// people's. The password set anew by an unknown device, the account changed soon after: staff look first. Without the other change it is
/// a new telephone.
#[test]
fn a_carrier_everybody_shares_clears_nobody() {
    let thief = |kind: &str, at: i64| at_home(made(kind, "C1", hour(91 * 24 + at)), HOME, "unknown");
    for is_reset in [true, false] {
        let mut world = World::new();
        for customer in 1..12 {
            world.settle(&format!("C{customer}"), HOME, &format!("phone {customer}"), 90);
        }
        if is_reset {
            world.apply(thief("password.reset", 0));
        }
        let change = world.ask(thief("bank_account.change", 2).account(7, None));
        let expected = if is_reset { Verdict::Hold } else { Verdict::StepUp };
        assert_eq!(change.verdict, expected, "{:?}", world.fired(&change));
        world.apply(thief("bank_account.change", 3).account(7, None).with("id", "done"));
        let money = world.ask(thief("withdrawal", 30));
        assert_eq!(
            world.fired(&money).contains(&"money_after_changes"),
            is_reset,
            "{:?}",
            world.fired(&money)
        );
    }
}

/// A new customer, and every customer of a new installation: no past is no stranger.
#[test]
fn without_a_past_nobody_is_a_stranger() {
    let mut world = World::new();
    world.apply(at_home(made("login", "N1", hour(0)), HOME, "phone"));
    world.apply(at_home(made("bank_account.register", "N1", hour(1)), HOME, "phone").account(3, None));
    let withdrawal = world.ask(at_home(made("withdrawal", "N1", day(5)), HOME, "phone"));
    assert_eq!(withdrawal.verdict, Verdict::StepUp, "{:?}", world.fired(&withdrawal));
}

/// The broker asks first and tells afterwards: each withdrawal counts once.
#[test]
fn asking_and_telling_counts_once() {
    let mut world = World::new();
    world.settle("C1", HOME, "phone", 90);
    for n in 0..3 {
        let withdrawal = || at_home(made("withdrawal", "C1", hour(91 * 24 + n)), HOME, "phone");
        let decision = world.ask(withdrawal().with("outcome", "attempted").with("id", format!("ask-{n}")));
        assert_eq!(decision.verdict, Verdict::Allow, "{:?}", world.fired(&decision));
        world.apply(withdrawal().with("id", format!("done-{n}")));
    }
}

/// okasan-2020: one address abroad, many accounts.
#[test]
fn an_address_that_fails_for_many_customers_is_seen() {
    let mut world = World::new();
    for n in 0..12 {
        world.apply(thief(made("login", &format!("V{n}"), hour(n))).failed());
    }
    let login = world.ask(thief(made("login", "V99", hour(13))));
    assert!(world.fired(&login).contains(&"address_fails_often"), "{:?}", world.fired(&login));
    assert!(login.verdict >= Verdict::StepUp);
}

#[test]
fn nobody_known_and_no_address_are_decided_too() {
    let mut world = World::new();
    let login = world.ask(made("login", "C1", day(1)).nobody().with("outcome", "failed"));
    assert_eq!(login.verdict, Verdict::Allow);
    let paper = world.ask(made("bank_account.register", "C1", day(1)).with("channel", "paper"));
    assert_eq!(paper.verdict, Verdict::Allow);
}

/// A device of the victim's own kind in the victim's own network, a fortnight after it was first seen: established, and hardly used.
fn patient(kind: &str, days: i64) -> crate::made::Made {
    let session = format!("s-{days}");
    at_home(made(kind, "C1", day(days)), "198.51.100.200", "waiting").with("client.session", session)
}

/// insider-address: a contact is changed on a form that never came, and whoever has the letters sets the password anew.
#[test]
fn who_waits_is_told_by_a_device_that_is_newer_than_the_password() {
    let mut world = World::new();
    world.settle("C1", HOME, "phone", 90);
    world.apply(made("contact.change", "C1", day(60)).with("channel", "paper"));
    world.apply(patient("password.reset", 70));
    for visit in [70, 75, 80] {
        world.apply(patient("login", visit).with("id", format!("l-{visit}")));
    }
    let change = world.ask(patient("bank_account.change", 91).account(7, None));
    assert_eq!(change.verdict, Verdict::Hold);
    assert!(
        world.fired(&change).contains(&"account_change_with_a_device_newer_than_other_changes"),
        "{:?}",
        world.fired(&change)
    );
    // The customer's own telephone was there before; what comes on paper comes with no device.
    let own = world.ask(at_home(made("bank_account.change", "C1", day(92)), HOME, "phone").account(8, None));
    assert_eq!(world.fired(&own), ["change_needs_proof"]);
    let paper =
        world.ask(made("bank_account.change", "C1", day(93)).with("channel", "paper").account(9, None));
    assert_eq!(paper.verdict, Verdict::Allow, "{:?}", world.fired(&paper));
}

/// jp-2025-pump by attackers who looked in a fortnight before.
#[test]
fn who_waits_does_not_sell_everything_for_a_thin_symbol() {
    let mut world = World::new();
    world.settle("C1", HOME, "phone", 90);
    world.apply(patient("login", 75));
    world.apply(patient("login", 91).with("id", "again"));
    let thin = |made: crate::made::Made| {
        made.order("Z1600", 900_000, 0.0)
            .with("order.side", "buy")
            .with("order.daily_turnover", serde_json::json!({"minor": 4_000_000, "currency": "JPY"}))
    };
    let sale = world.ask(patient("order", 91).order("7203", 900_000, 0.4));
    assert_eq!(
        (sale.verdict, world.fired(&sale)),
        (Verdict::StepUp, vec!["holdings_sold_with_a_hardly_used_device"])
    );
    let purchase = world.ask(thin(patient("order", 91).with("id", "o-2")));
    assert_eq!(
        (purchase.verdict, world.fired(&purchase)),
        (Verdict::Hold, vec!["thin_symbol_with_a_hardly_used_device"])
    );
    // Others buy it, too: with whatever device, after selling, it waits.
    world.settle("C2", HOME, "C2's", 90);
    let own = |customer: &str, id: &str| {
        at_home(made("order", customer, day(91)), HOME, &format!("{customer}'s")).with("id", id.to_owned())
    };
    for other in ["C3", "C4"] {
        world.apply(thin(own(other, other)));
    }
    world.apply(own("C2", "o-3").order("7203", 900_000, 0.4));
    let rush = world.ask(thin(own("C2", "o-4")));
    assert_eq!(
        (rush.verdict, world.fired(&rush)),
        (Verdict::Hold, vec!["thin_symbol_in_a_rush_after_selling"])
    );
}

/// aitm-phish: whoever relays a login goes on in the customer's session, from a rented server. A session that moves to another telephone
/// mast needs proof and no more; a new session is a login's affair; and who uses a VPN of their own may move to it.
#[test]
fn a_session_that_moves_to_a_rented_address_waits() {
    const RELAY: &str = "203.0.113.50";
    let rule = "session_moved_to_a_rented_address";
    let order = |mut world: World, (session, is_rented, is_own): (&str, bool, bool)| {
        world.settle("C1", HOME, "phone", 90);
        if is_own {
            world.settle("C1", RELAY, "phone", 88);
        }
        world.apply(at_home(made("login", "C1", day(91)), HOME, "phone").with("client.session", "s-1"));
        let order = at_home(made("order", "C1", hour(91 * 24 + 1)), RELAY, "phone")
            .with("client.session", session)
            .order("7203", 500_000, 0.05)
            .place("JP", 64_500)
            .change_place(|place| place.hosting = is_rented);
        let decision = world.ask(order);
        (decision.verdict, world.fired(&decision).contains(&rule))
    };
    assert_eq!(order(World::new(), ("s-1", true, false)), (Verdict::Hold, true));
    assert_eq!(order(World::without(rule), ("s-1", true, false)), (Verdict::StepUp, false));
    assert_eq!(order(World::new(), ("s-1", false, false)), (Verdict::StepUp, false), "another network");
    assert_eq!(order(World::new(), ("s-2", true, false)), (Verdict::Allow, false), "another session");
    assert_eq!(order(World::new(), ("s-1", true, true)), (Verdict::Allow, false), "a VPN of their own");
}
