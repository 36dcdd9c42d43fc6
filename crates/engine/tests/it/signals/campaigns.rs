//! Signals about many customers at once.

use engine::signal::Signal;

use super::{HOME, NO, YES, away, check, home, value};
use crate::made::{Made, at_home, day, hour, made};

/// Logins that fail, each of another customer, from two addresses with one client.
fn spray(count: i64) -> Vec<Made> {
    let login = |number: i64| {
        made("login", &format!("V{number}"), hour(91 * 24 - 1))
            .ip(["203.0.113.50", "192.0.2.50"][usize::from(number % 2 == 0)])
            .place("CN", 4134)
            .agent("python-requests")
            .failed()
    };
    (0..count).map(login).collect()
}

fn with(mut before: Vec<Made>, more: Made) -> Vec<Made> {
    before.push(more);
    before
}

#[test]
fn of_campaigns() {
    let from_there = |event: Made| event.ip("203.0.113.50");
    check(
        Signal::LoginCampaign,
        vec![
            ("from its address", spray(8), from_there(away("login")), YES),
            ("with its client and provider", spray(8), away("login"), YES),
            ("from the customer's home", spray(8), home("login"), NO),
            (
                "another client from elsewhere",
                spray(8),
                away("login")
                    .ip("198.18.0.1")
                    .place("JP", 2_497)
                    .agent("Firefox on Linux")
                    .with("client.language", "en"),
                NO,
            ),
            ("too few", spray(2), from_there(away("login")), NO),
            ("days later", spray(8), away("login").with("time", day(96).to_string()), NO),
            ("without an address", spray(8), made("login", "C1", day(91)).with("channel", "phone"), None),
        ],
    );
    let entered =
        |at: i64| from_there(away("login")).with("time", hour(91 * 24 + at).to_string()).with("id", "in");
    let before = || {
        let mut events = vec![entered(-2)];
        events.extend(spray(8));
        events
    };
    check(
        Signal::CustomerInCampaign,
        vec![
            ("entered", with(spray(8), entered(0)), home("withdrawal"), YES),
            ("entered before it was recognised", before(), home("withdrawal"), YES),
            ("only tried", with(spray(8), entered(0).failed()), home("withdrawal"), NO),
            ("entered two months ago", before(), home("withdrawal").with("time", day(152).to_string()), NO),
            ("untouched", spray(8), home("withdrawal"), NO),
            ("nobody", spray(8), away("login").nobody().failed(), None),
        ],
    );
    let account = |event: Made| event.account(9, None);
    let named = |customer: &str| {
        account(made("bank_account.change", customer, hour(91 * 24 - 3)).with("channel", "web"))
    };
    let other_entered =
        from_there(made("login", "C2", hour(91 * 24)).place("CN", 4134).agent("python-requests"));
    check(
        Signal::BankCampaignCustomers,
        vec![
            (
                "another's, who was entered later",
                with(with(spray(8), named("C2")), other_entered.clone()),
                account(home("bank_account.change")),
                YES,
            ),
            ("another's, who was not", with(spray(8), named("C3")), account(home("bank_account.change")), NO),
            ("no account", with(spray(8), other_entered), home("withdrawal"), None),
        ],
    );
    check(
        Signal::UaJa4Cluster,
        vec![
            (
                "a program that fails",
                spray(3)
                    .into_iter()
                    .map(|made| made.with("client.language", "zh").with("time", day(91).to_string()))
                    .collect(),
                away("login"),
                Some(3.0),
            ),
            ("the customer's browser", spray(3), home("login"), NO),
            ("no user agent", vec![], made("login", "C1", day(91)), None),
        ],
    );
}

#[test]
fn of_procedures_of_several_customers() {
    let change = |customer: &str| {
        made("contact.change", customer, hour(91 * 24 - 1))
            .ip("203.0.113.99")
            .device("other")
            .with("outcome", "attempted")
    };
    let two = || vec![change("V1"), change("V2"), change("V2").with("id", "again")];
    for signal in [Signal::IpProcedureCustomers, Signal::DeviceProcedureCustomers] {
        check(
            signal,
            vec![
                ("two others", two(), away("withdrawal"), Some(2.0)),
                ("oneself", vec![change("C1")], away("withdrawal"), NO),
                ("tried in vain", vec![change("V1").failed()], away("withdrawal"), NO),
                ("elsewhere", two(), home("withdrawal"), NO),
                ("neither", two(), made("withdrawal", "C1", day(91)).with("channel", "phone"), None),
            ],
        );
    }
}

#[test]
fn of_purchases_of_one_symbol() {
    let buy = |event: Made, symbol: &str| event.order(symbol, 1_000, 0.0).with("order.side", "buy");
    let hijacked = |count: i64| -> Vec<Made> {
        let order = |number: i64| {
            buy(made("order", &format!("V{number}"), day(91)).ip("203.0.113.7").place("JP", 1), "Z1")
        };
        (0..count).map(order).collect()
    };
    let sale = home("order").order("Z1", 1_000, 0.0);
    let bought_daily = |from: i64| -> Vec<Made> {
        let order = |at: i64| {
            let event = made("order", &format!("W{at}"), day(at)).with("id", format!("w-{at}"));
            buy(at_home(event, HOME, "d"), "Z1")
        };
        (from..91).map(order).collect()
    };
    let of_a_popular_one = |count: i64| {
        let mut before = bought_daily(30);
        before.extend(hijacked(count));
        before
    };
    check(
        Signal::SymbolRush,
        vec![
            ("three of what nobody bought", hijacked(3), buy(home("order"), "Z1"), Some(3.0)),
            ("another symbol", hijacked(3), buy(home("order"), "Z2"), NO),
            ("oneself", vec![buy(home("order").with("id", "before"), "Z1")], buy(home("order"), "Z1"), NO),
            ("as every day", of_a_popular_one(0), buy(home("order"), "Z1"), NO),
            ("a sale", hijacked(3), sale.clone(), None),
        ],
    );
    let rush = value(Signal::SymbolRush, of_a_popular_one(9), buy(home("order"), "Z1"));
    assert!(rush.is_some_and(|rush| rush > 9.0), "{rush:?}");
    check(
        Signal::SymbolCluster,
        vec![
            ("three strangers", hijacked(3), buy(home("order"), "Z1"), Some(3.0)),
            ("another symbol", hijacked(3), buy(home("order"), "Z2"), NO),
            ("oneself", vec![buy(away("order").with("id", "before"), "Z1")], buy(away("order"), "Z1"), NO),
            ("a sale", hijacked(3), sale, None),
        ],
    );
}

#[test]
fn of_portfolios_sold_down() {
    let sale = |event: Made, share: f64| event.order("7203", 1_000, share);
    let named = |letter: &str, count: i64, share: f64, at: i64| -> Vec<Made> {
        let settled = |number: i64| home_of(&format!("{letter}{number}"), at);
        let order = |number: i64| {
            let event =
                made("order", &format!("{letter}{number}"), day(at)).ip("203.0.113.7").device("other");
            sale(event.with("outcome", "attempted"), share)
        };
        (0..count).flat_map(settled).chain((0..count).map(order)).collect()
    };
    let victims = |count: i64, share: f64, at: i64| named("V", count, share, at);
    // Somebody sold down a month ago: what is usual is known since.
    let watched = |more: Vec<Made>| {
        let mut before = named("W", 1, 0.5, 60);
        before.extend(more);
        before
    };
    let asked = || sale(away("order"), 0.5);
    let at_home = |count: i64| -> Vec<Made> {
        let order =
            |number: i64| sale(at_home(made("order", &format!("V{number}"), day(91)), HOME, "d"), 0.5);
        let settled = |number: i64| home_of(&format!("V{number}"), 91);
        (0..count).flat_map(settled).chain((0..count).map(order)).collect()
    };
    check(
        Signal::SoldDownCustomers,
        vec![
            ("three strangers", watched(victims(3, 0.5, 91)), asked(), Some(3.0)),
            ("a purchase", watched(victims(3, 0.5, 91)), asked().with("order.side", "buy"), Some(3.0)),
            ("in the first week", victims(3, 0.5, 91), asked(), NO),
            ("small sales", watched(victims(3, 0.2, 91)), asked(), NO),
            ("customers at home", watched(at_home(3)), asked(), NO),
            ("oneself", watched(vec![asked().with("id", "before")]), asked(), NO),
            ("no order", watched(victims(3, 0.5, 91)), away("withdrawal"), None),
        ],
    );
}

/// Logins of another customer at home up to a day.
fn home_of(customer: &str, until: i64) -> Vec<Made> {
    let login = |at: i64| at_home(made("login", customer, day(at)), HOME, "d");
    [40, 30, 20].map(|before| login(until - before)).to_vec()
}
