//! Brokers who send less than the policy would like, and what does not come through a browser: honest customers are not held for it.

use engine::Verdict;

use crate::made::{Made, World, day, hour, made};

/// What a broker sends with an event.
#[derive(Debug, Clone, Copy)]
struct Sends {
    name: &'static str,
    device: bool,
    provider: bool,
    client: bool,
}

const ALL: [Sends; 4] = [
    Sends { name: "everything", device: true, provider: true, client: true },
    Sends { name: "no devices", device: false, provider: true, client: true },
    Sends { name: "no devices, no providers", device: false, provider: false, client: true },
    Sends { name: "no clients with procedures", device: true, provider: true, client: false },
];

const HOME: &str = "198.51.100.7";

impl Sends {
    fn event(self, made: Made, ip: &str) -> Made {
        let made = made.ip(ip).agent("Firefox on Windows");
        let made = if self.device { made.device("own") } else { made };
        if self.provider { made.place("JP", 2516) } else { made }
    }

    fn procedure(self, made: Made) -> Made {
        if self.client { self.event(made, HOME) } else { made }
    }

    /// A customer of three months, behind an address that a carrier's customers share.
    fn world(self) -> World {
        let mut world = World::new();
        for customer in ["C1", "N1", "N2", "N3", "N4", "N5", "N6", "N7", "N8", "N9"] {
            for at in (0..90).step_by(3) {
                world.apply(self.event(made("login", customer, day(at)), HOME));
            }
        }
        world
    }
}

fn verdict(world: &mut World, made: Made) -> (Verdict, Vec<String>) {
    let decision = world.ask(made);
    let fired = world.fired(&decision).into_iter().map(str::to_owned).collect();
    (decision.verdict, fired)
}

/// The account is changed two days after the password, at home; the money is asked for a week later.
#[test]
fn who_stays_at_home_is_not_held() {
    for sends in ALL {
        let mut world = sends.world();
        world.apply(sends.procedure(made("password.change", "C1", day(90))));
        let change = sends.procedure(made("bank_account.change", "C1", day(92))).account(7, None);
        let (of_change, fired) = verdict(&mut world, change.clone());
        assert_eq!(of_change, Verdict::StepUp, "{}: {fired:?}", sends.name);
        world.apply(change.with("id", "done"));
        let money = sends.procedure(made("withdrawal", "C1", day(99))).account(7, None);
        let (of_money, fired) = verdict(&mut world, money);
        assert!(of_money <= Verdict::StepUp, "{}: {fired:?}", sends.name);
        let thin = sends
            .event(made("order", "C1", day(99)), HOME)
            .order("Z1", 1_000, 0.0)
            .with("order.side", "buy")
            .additions(|additions| additions.listed_thin = Some(true));
        assert_eq!(verdict(&mut world, thin).0, Verdict::Allow, "{}", sends.name);
    }
}

#[test]
fn nobody_is_asked_for_what_a_broker_does_not_send() {
    for sends in ALL {
        let mut world = sends.world();
        let money = sends.procedure(made("withdrawal", "C1", day(91)));
        let (of_money, fired) = verdict(&mut world, money);
        assert_eq!(of_money, Verdict::Allow, "{}: {fired:?}", sends.name);
        // The telephone got another address of its carrier.
        let moved = sends.event(made("login", "C1", day(91)), "100.64.9.9");
        let (of_login, fired) = verdict(&mut world, moved);
        assert_eq!(of_login, Verdict::Allow, "{}: {fired:?}", sends.name);
        let sale =
            sends.event(made("order", "C1", hour(91 * 24 + 1)), "100.64.9.9").order("7203", 1_000, 0.2);
        let (of_sale, fired) = verdict(&mut world, sale);
        assert!(of_sale <= Verdict::StepUp, "{}: {fired:?}", sends.name);
        let feed = sends.event(made("login", "C1", day(92)), HOME).agent("python-requests");
        let (of_feed, fired) = verdict(&mut world, feed);
        assert_eq!(of_feed, Verdict::Allow, "{}: {fired:?}", sends.name);
    }
}

/// In a branch somebody stands there, and a form is looked at by somebody: no comparison of devices holds it.
#[test]
fn branch_and_paper_are_not_compared_with_devices() {
    for channel in ["branch", "paper"] {
        let mut world = ALL[0].world();
        let there = |kind: &str, at: i64| made(kind, "C1", day(at)).with("channel", channel);
        world.apply(there("contact.change", 91));
        let (of_change, fired) = verdict(&mut world, there("bank_account.change", 92).account(7, None));
        assert_eq!(of_change, Verdict::Allow, "{channel}: {fired:?}");
        world.apply(there("bank_account.change", 92).account(7, None).with("id", "done"));
        let money = there("withdrawal", 93).account(7, None).with("balance_share", 0.9);
        let (of_money, fired) = verdict(&mut world, money);
        assert_eq!(of_money, Verdict::Allow, "{channel}: {fired:?}");
    }
    let mut world = ALL[0].world();
    world.apply(made("contact.change", "C1", day(91)).with("channel", "phone"));
    let by_telephone = made("bank_account.change", "C1", day(92)).with("channel", "phone").account(7, None);
    assert_eq!(verdict(&mut world, by_telephone).0, Verdict::Hold, "whoever has the number can call");
}
