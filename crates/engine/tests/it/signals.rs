//! Every signal: what it says, and where it says nothing.

mod campaigns;
mod factors;
mod orders;

use engine::signal::{Signal, Unit};

use crate::made::{Made, World, at_home, day, hour, made};

const HOME: &str = "198.51.100.7";
const AWAY: &str = "203.0.113.99";

/// A customer of 90 days at home; then `before` happens, and the signal is asked of `event`.
fn value(signal: Signal, before: Vec<Made>, event: Made) -> Option<f64> {
    let mut world = World::new();
    world.settle("C1", HOME, "phone", 90);
    for made in before {
        world.apply(made);
    }
    world.state.signal(signal, &event.observed())
}

fn home(kind: &str) -> Made {
    at_home(made(kind, "C1", day(91)), HOME, "phone")
}

fn away(kind: &str) -> Made {
    made(kind, "C1", day(91))
        .ip(AWAY)
        .device("other")
        .place("CN", 4134)
        .agent("python-requests")
        .with("client.language", "zh")
}

fn check(signal: Signal, cases: Vec<(&str, Vec<Made>, Made, Option<f64>)>) {
    for (name, before, event, expected) in cases {
        assert_eq!(value(signal, before, event), expected, "{} {name}", signal.name());
    }
}

const YES: Option<f64> = Some(1.0);
const NO: Option<f64> = Some(0.0);

#[test]
fn of_place_and_client() {
    let stranger = || made("login", "C9", day(91)).ip(AWAY).device("x").place("CN", 4134).agent("python");
    for signal in [
        Signal::IpNewForCustomer,
        Signal::NetNewForCustomer,
        Signal::AsnNewForCustomer,
        Signal::CountryNewForCustomer,
        Signal::DeviceNewForCustomer,
        Signal::UaNewForCustomer,
    ] {
        check(
            signal,
            vec![
                ("at home", vec![], home("login"), NO),
                ("away", vec![], away("login"), YES),
                ("without a past", vec![], stranger(), None),
            ],
        );
    }
    let neighbour = || home("login").ip("198.51.100.200");
    check(Signal::IpNewForCustomer, vec![("a neighbour", vec![], neighbour(), YES)]);
    check(Signal::NetNewForCustomer, vec![("a neighbour", vec![], neighbour(), NO)]);
    let minutes_before = || away("login").with("time", hour(91 * 24 - 1).to_string());
    check(
        Signal::IpNewForCustomer,
        vec![("seen an hour before", vec![minutes_before()], away("login"), YES)],
    );
    let seen_on = |days: &[i64]| {
        let on = |at: &i64| away("login").with("time", day(*at).to_string()).with("id", format!("a-{at}"));
        days.iter().map(on).collect::<Vec<_>>()
    };
    check(
        Signal::IpNewForCustomer,
        vec![
            ("seen once, long before", seen_on(&[60]), away("login"), YES),
            ("seen twice, lately", seen_on(&[88, 90]), away("login"), YES),
            ("seen on two days, long before", seen_on(&[60, 75]), away("login"), NO),
        ],
    );
    let no_address = || made("login", "C1", day(91)).with("channel", "phone");
    // Ten more customers who come to the address again and again make a carrier's of it.
    let carrier = || {
        let visit = |number: i64| {
            let customer = format!("N{}", number % 10);
            at_home(made("login", &customer, day(number / 10 * 40)), HOME, &customer)
                .with("id", format!("n-{number}"))
        };
        (0..30).map(visit).collect::<Vec<_>>()
    };
    let new_phone = || home("login").device("new phone");
    // A customer of a broker that sends no devices.
    let plain =
        |hours: i64| made("login", "P", hour(hours)).ip(HOME).place("JP", 2516).agent("Firefox on Windows");
    let plain_past = || {
        let mut before = carrier();
        before.extend((0..30).map(|number| plain(number * 3 * 24)));
        before
    };
    check(
        Signal::ClientUnfamiliar,
        vec![
            ("no devices, at a carrier's address", plain_past(), plain(91 * 24), NO),
            ("no devices until now", plain_past(), plain(91 * 24).device("new phone"), YES),
            ("no devices, elsewhere", plain_past(), plain(91 * 24).ip(AWAY), YES),
            ("at home", vec![], home("login"), NO),
            ("away", vec![], away("login"), YES),
            ("a new telephone at home", vec![], new_phone(), NO),
            ("a new telephone at a carrier's address", carrier(), new_phone(), YES),
            ("the old one at a carrier's address", carrier(), home("login"), NO),
            ("without a past", vec![], stranger(), None),
            ("no address", vec![], no_address(), None),
        ],
    );
    check(Signal::IpNewForCustomer, vec![("no address", vec![], no_address(), None)]);
    check(Signal::DeviceNewForCustomer, vec![("no device", vec![], no_address(), YES)]);
    let neither = || made("order", "C9", day(91)).ip(AWAY);
    let on = |ats: &[i64]| {
        let login = |at: &i64| away("login").with("time", day(*at).to_string()).with("id", format!("d-{at}"));
        ats.iter().map(login).collect::<Vec<_>>()
    };
    check(
        Signal::DeviceEarlierDays,
        vec![
            ("never seen", vec![], away("order"), NO),
            ("seen a fortnight ago", on(&[77]), away("order"), Some(1.0)),
            ("and today", on(&[77, 91]), away("order"), Some(1.0)),
            ("on three days", on(&[70, 77, 80]), away("order"), Some(3.0)),
            ("no device", on(&[77]), made("order", "C1", day(91)).ip(HOME), NO),
            ("by telephone", on(&[77]), no_address(), None),
            ("of a customer without devices", vec![neither().with("id", "n")], neither(), None),
        ],
    );
    check(
        Signal::DeviceKnownHours,
        vec![
            ("never seen", vec![], away("order"), NO),
            ("seen a fortnight ago", on(&[77]), away("order"), Some(14.0 * 24.0)),
            ("no device", on(&[77]), made("order", "C1", day(91)).ip(HOME), NO),
            ("by telephone", on(&[77]), no_address(), None),
            ("of a customer without devices", vec![neither().with("id", "n")], neither(), None),
        ],
    );
    check(
        Signal::LanguageNewForCustomer,
        vec![
            ("same", vec![], home("login"), NO),
            ("other", vec![], away("login"), YES),
            ("none", vec![], no_address(), None),
        ],
    );
    check(
        Signal::UaAutomation,
        vec![
            ("browser", vec![], home("login"), NO),
            ("script", vec![], away("login"), YES),
            ("none", vec![], no_address(), None),
        ],
    );
    let at_night = || home("login").with("time", hour(91 * 24 + 12).to_string());
    check(
        Signal::HourUnusual,
        vec![("noon", vec![], home("login"), NO), ("midnight", vec![], at_night(), YES)],
    );
    check(
        Signal::AccountDormantDays,
        vec![("days", vec![], home("login"), Some(4.0)), ("never seen", vec![], stranger(), None)],
    );
}

#[test]
fn of_sessions() {
    let activity = |event: Made| event.with("client.session", "s1");
    let at = |hours: i64, event: Made| event.with("time", hour(91 * 24 + hours).to_string());
    let began = || at(-1, activity(home("login")));
    let others = |count: i64| {
        (0..count).map(move |n| {
            home("session.activity").with("client.session", format!("o{n}")).with("id", format!("o{n}"))
        })
    };
    check(
        Signal::SessionClientChanged,
        vec![
            ("the same client", vec![began()], activity(home("withdrawal")), NO),
            ("another client", vec![began()], activity(away("withdrawal")), YES),
            ("another network only", vec![began()], activity(home("withdrawal")).ip("192.0.2.1"), YES),
            (
                "back after another client",
                vec![began(), at(-1, activity(away("session.activity")))],
                activity(home("withdrawal")),
                YES,
            ),
            ("another session", vec![began()], home("withdrawal").with("client.session", "s2"), None),
            (
                "after three other sessions",
                vec![began()].into_iter().chain(others(3)).collect(),
                activity(away("withdrawal")),
                YES,
            ),
            (
                "after four other sessions",
                vec![began()].into_iter().chain(others(4)).collect(),
                activity(away("withdrawal")),
                None,
            ),
        ],
    );
    let step = |hours| at(hours, activity(home("session.activity")));
    check(
        Signal::SessionStraight,
        vec![
            ("first step", vec![], activity(home("withdrawal")), YES),
            ("second step", vec![began()], activity(home("withdrawal")), YES),
            ("third step", vec![began(), step(-1)], activity(home("withdrawal")), NO),
            ("no procedure", vec![], activity(home("login")), None),
            ("no session", vec![], home("withdrawal"), None),
        ],
    );
}

#[test]
fn of_addresses() {
    let from =
        |customer: &str, hours: i64| made("login", customer, hour(91 * 24 + hours)).ip(AWAY).device("shared");
    let many = |count: i64| (0..count).map(|n| from(&format!("V{n}"), -1)).collect::<Vec<_>>();
    let failing = |count: i64| (0..count).map(|n| from(&format!("V{n}"), 0).failed()).collect::<Vec<_>>();
    check(
        Signal::IpCustomers,
        vec![("three others", many(3), away("login"), Some(3.0)), ("oneself", vec![], home("login"), NO)],
    );
    check(
        Signal::DeviceCustomers,
        vec![("three others", many(3), away("login").device("shared"), Some(3.0))],
    );
    check(Signal::IpFailedCustomers, vec![("four others", failing(4), away("login"), Some(4.0))]);
    check(
        Signal::IpFailureRatio,
        vec![
            ("too few to tell", failing(4), away("login"), None),
            ("all failed", failing(6), away("login"), YES),
        ],
    );
    let strangers = || (0..6).map(|n| from(&format!("V{n}"), 0).failed().nobody()).collect::<Vec<_>>();
    check(
        Signal::UnknownRatio,
        vec![("nobody known", strangers(), away("login"), YES), ("known", failing(6), away("login"), NO)],
    );
    check(Signal::IpAttempts, vec![("this one too", failing(6), away("login"), Some(7.0))]);
    type Change = fn(&mut engine::input::Place);
    let listed: Change = |place| place.lists.push("bad".to_owned());
    let hosting: Change = |place| place.hosting = true;
    let vpn: Change = |place| place.vpn = true;
    let tor: Change = |place| place.tor = true;
    for (signal, change) in [
        (Signal::IpListed, listed),
        (Signal::NetHosting, hosting),
        (Signal::NetVpn, vpn),
        (Signal::NetTor, tor),
    ] {
        check(
            signal,
            vec![
                ("so", vec![], away("login").change_place(change), YES),
                ("not so", vec![], away("login"), NO),
            ],
        );
    }
    let long_standing = |count: i64| {
        let visits = |n: i64| {
            [10, 80].map(|at| {
                from(&format!("V{n}"), 0).with("time", day(at).to_string()).with("id", format!("{n}-{at}"))
            })
        };
        (0..count).flat_map(visits).collect::<Vec<_>>()
    };
    check(
        Signal::IpSharedCarrier,
        vec![("eight", long_standing(8), away("login"), YES), ("seven", long_standing(7), away("login"), NO)],
    );
}

#[test]
fn of_procedures() {
    let before =
        |kind: &str, event: fn(&str) -> Made| event(kind).with("time", hour(91 * 24 - 5).to_string());
    for (signal, kind) in [
        (Signal::ContactChangedHours, "contact.change"),
        (Signal::PasswordChangedHours, "password.reset"),
        (Signal::FactorChangedHours, "factor.enroll"),
        (Signal::BankChangedHours, "bank_account.change"),
    ] {
        check(
            signal,
            vec![
                ("five hours", vec![before(kind, home)], home("withdrawal"), Some(5.0)),
                ("failed", vec![before(kind, home).failed()], home("withdrawal"), None),
                ("never", vec![], home("withdrawal"), None),
            ],
        );
    }
    let changed = |event: fn(&str) -> Made| vec![before("bank_account.change", event)];
    check(
        Signal::MatchChangeIp,
        vec![
            ("by a stranger", changed(away), home("withdrawal"), YES),
            ("by oneself", changed(home), away("withdrawal"), NO),
            (
                "by oneself after a stranger",
                changed(away).into_iter().chain(changed(home)).collect(),
                home("withdrawal"),
                YES,
            ),
            (
                "only tried by a stranger",
                vec![before("bank_account.change", away).with("outcome", "attempted")],
                home("withdrawal"),
                None,
            ),
            ("never", vec![], away("withdrawal"), None),
            ("no money", changed(away), home("login"), None),
        ],
    );
    check(
        Signal::MatchWithdrawIp,
        vec![
            ("the stranger asks", changed(away), away("withdrawal"), YES),
            ("the customer asks", changed(away), home("withdrawal"), NO),
            (
                "a second stranger asks",
                changed(away),
                away("withdrawal").ip("192.0.2.66").device("third"),
                NO,
            ),
        ],
    );
    check(
        Signal::MatchHistoryIp,
        vec![
            ("at home", vec![], home("withdrawal"), YES),
            ("away", vec![], away("withdrawal"), NO),
            ("away with the own device", vec![], away("withdrawal").device("phone"), YES),
            ("by telephone", vec![], made("withdrawal", "C1", day(91)).with("channel", "phone"), None),
        ],
    );
    let withdrawal = |minor: i64, at: i64| {
        home("withdrawal")
            .with("amount", serde_json::json!({"minor": minor, "currency": "JPY"}))
            .with("time", day(at).to_string())
            .with("id", format!("w-{minor}-{at}"))
    };
    let past = || vec![withdrawal(1_000, 60), withdrawal(3_000, 70)];
    check(
        Signal::AmountUnusual,
        vec![
            ("above twice the largest", past(), withdrawal(6_001, 91), YES),
            ("twice the largest", past(), withdrawal(6_000, 91), NO),
            ("only one before", vec![withdrawal(1_000, 60)], withdrawal(6_000, 91), None),
        ],
    );
    check(
        Signal::BalanceShare,
        vec![
            ("half", vec![], home("withdrawal").with("balance_share", 0.5), Some(0.5)),
            ("not told", vec![], home("withdrawal"), None),
        ],
    );
    check(
        Signal::Velocity,
        vec![
            ("the first", vec![], home("withdrawal"), YES),
            (
                "the third of the day",
                vec![withdrawal(1, 91), withdrawal(2, 91)],
                home("withdrawal"),
                Some(3.0),
            ),
        ],
    );
}

#[test]
fn of_bank_accounts() {
    let change = |customer: &str, holder: Option<&str>| {
        made("bank_account.change", customer, day(91)).account(7, holder).with("channel", "web")
    };
    check(
        Signal::BankCustomers,
        vec![
            ("two others", vec![change("V1", None), change("V2", None)], change("C1", None), Some(2.0)),
            ("alone", vec![], change("C1", None), NO),
        ],
    );
    let mut world = World::new();
    let profile = engine::input::Profile {
        sealed: Vec::new(),
        customer: "C1".parse().unwrap(),
        holder: Some(model::customer::text_key("ヤマダ")),
        opened: None,
    };
    assert_eq!(
        world.state.signal(Signal::BankHolderMismatch, &change("C1", Some("ヤマダ")).observed()),
        None
    );
    world.input(day(1), engine::input::Body::Profile(profile));
    assert_eq!(world.state.signal(Signal::BankHolderMismatch, &change("C1", Some("ヤマダ")).observed()), NO);
    assert_eq!(world.state.signal(Signal::BankHolderMismatch, &change("C1", Some("スズキ")).observed()), YES);
    assert_eq!(world.state.signal(Signal::BankHolderMismatch, &change("C1", None).observed()), None);
}

#[test]
fn of_the_login_score() {
    let own = value(Signal::LoginScore, vec![], home("login")).unwrap();
    let strange = value(Signal::LoginScore, vec![], away("login")).unwrap();
    assert!(own < 1.0 && strange > 10.0 * own, "{own} {strange}");
    assert_eq!(value(Signal::LoginScore, vec![], made("login", "C9", day(91)).ip(AWAY)), None);
}

/// A list of all signals that tests name, so that a new one without a test is noticed.
#[test]
fn every_signal_has_a_case_and_an_explanation() {
    let source = [
        include_str!("signals.rs"),
        include_str!("signals/campaigns.rs"),
        include_str!("signals/factors.rs"),
        include_str!("signals/orders.rs"),
        include_str!("feedback.rs"),
        include_str!("learned.rs"),
    ]
    .concat();
    for signal in Signal::ALL {
        let about = signal.about();
        let variant = format!("Signal::{signal:?}");
        assert!(source.contains(&variant), "{variant} has no case in this file");
        assert_eq!(Signal::from_name(about.name), Some(*signal));
        assert!(!about.meaning.is_empty() && !about.incident.is_empty() && !about.wrong.is_empty());
        assert!(about.unit != Unit::Days || about.name.ends_with("days"));
    }
    assert_eq!(Signal::from_name("nonsense"), None);
}

/// `docs/signals.md` is made of the catalogue: `UPDATE_EXPECT=1 cargo test --release -p engine` writes it.
#[test]
fn the_page_of_signals_is_the_catalogue() {
    let mut page = String::from(
        "# Signals\n\nWhat an event says against what is known of its customer, address, device and bank account. Made of the code \
         (`crates/engine/src/signal.rs`); do not edit.\nIn a policy a signal is `signal.` and its name; where it says nothing it is \
         false, 0, or, in hours and days since something, infinite.\n",
    );
    for signal in Signal::ALL {
        let about = signal.about();
        page += &format!(
            "\n## `{}`\n\n{}\n\n- unit: {}\n- answers: {}\n- can be wrong: {}\n",
            about.name,
            about.meaning,
            about.unit.as_str(),
            about.incident,
            about.wrong
        );
    }
    expect_test::expect_file!["../../../../docs/signals.md"].assert_eq(&page);
}
