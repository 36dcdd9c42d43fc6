//! Signals about journeys, orders and the broker's own payments.

use engine::signal::Signal;

use super::{NO, YES, away, check, home};
use crate::made::{Made, day, hour, made};

#[test]
fn of_journeys() {
    let at = |event: Made, hours: i64, north: i16, east: i16| {
        event
            .change_place(|place| {
                place.spot = Some(engine::input::Spot { north, east, radius_km: 20 });
            })
            .with("time", hour(91 * 24 + hours).to_string())
    };
    let tokyo = |hours: i64| at(home("login").with("id", format!("t-{hours}")), hours, 357, 1_398);
    let beijing = |hours: i64| at(away("login"), hours, 399, 1_164);
    let rented = |event: Made| event.change_place(|place| place.vpn = true);
    check(
        Signal::TravelImpossible,
        vec![
            ("two hours", vec![tokyo(-2)], beijing(0), Some(1_001.0)),
            ("a day", vec![tokyo(-24)], beijing(0), Some(83.0)),
            ("within five minutes", vec![tokyo(0)], beijing(0), Some(24_027.0)),
            ("the same place", vec![tokyo(-1)], tokyo(0), Some(0.0)),
            ("never seen anywhere", vec![], beijing(0), None),
            ("not known where", vec![tokyo(-2)], away("login"), None),
            ("through a VPN", vec![tokyo(-2)], rented(beijing(0)), None),
            ("a VPN is nowhere", vec![rented(tokyo(-2))], beijing(0), None),
            ("who failed was not there", vec![tokyo(-20), beijing(-19).failed()], tokyo(-18), Some(0.0)),
        ],
    );
}

#[test]
fn of_orders() {
    let order = |at: i64, minor: i64, share: f64| {
        home("order")
            .with("time", day(at).to_string())
            .with("id", format!("o-{at}-{minor}"))
            .order("7203", minor, share)
    };
    let buy = || order(91, 1_000, 0.0).with("order.side", "buy");
    check(
        Signal::OrderLiquidationShare,
        vec![
            ("the first", vec![], order(91, 1, 0.25), Some(0.25)),
            ("after another today", vec![order(91, 2, 0.5)], order(91, 1, 0.25), Some(0.75)),
            ("after another three days ago", vec![order(88, 2, 0.5)], order(91, 1, 0.25), Some(0.5)),
            ("all", vec![order(91, 2, 1.0)], order(91, 1, 1.0), YES),
            ("one that failed", vec![order(91, 2, 1.0).failed()], order(91, 1, 0.25), Some(0.25)),
            ("a purchase", vec![], buy(), None),
        ],
    );
    let stranger = |at: i64, minor: i64, share: f64| {
        away("order")
            .with("time", day(at).to_string())
            .with("id", format!("s-{at}-{minor}"))
            .order("7203", minor, share)
    };
    let by_telephone =
        || made("order", "C1", day(90)).with("channel", "phone").with("id", "p").order("7203", 2, 0.5);
    let newcomer =
        |at: i64| made("order", "C9", day(at)).ip("203.0.113.99").device("own").order("7203", 1, 0.25);
    check(
        Signal::OrderStrangerShare,
        vec![
            ("from home", vec![stranger(91, 2, 0.5)], order(91, 1, 0.25), None),
            ("the first", vec![], stranger(91, 1, 0.25), Some(0.25)),
            ("after one from home", vec![order(91, 2, 0.5)], stranger(91, 1, 0.25), Some(0.25)),
            ("after another today", vec![stranger(91, 2, 0.5)], stranger(91, 1, 0.25), Some(0.75)),
            ("after one by telephone", vec![by_telephone()], stranger(91, 1, 0.25), Some(0.25)),
            ("after the first of all", vec![newcomer(90)], newcomer(91), Some(0.25)),
            ("after one that failed", vec![stranger(91, 2, 0.5).failed()], stranger(91, 1, 0.25), Some(0.25)),
            ("a purchase", vec![], stranger(91, 1, 0.25).with("order.side", "buy"), None),
        ],
    );
    let turnover = |minor: i64| {
        buy().with("order.daily_turnover", serde_json::json!({"minor": minor, "currency": "JPY"}))
    };
    let other_currency =
        || buy().with("order.daily_turnover", serde_json::json!({"minor": 1, "currency": "USD"}));
    let listed = |listed: bool| buy().additions(|additions| additions.listed_thin = Some(listed));
    check(
        Signal::OrderThinSymbol,
        vec![
            ("a twentieth of the day", vec![], turnover(20_000), YES),
            ("less", vec![], turnover(20_001), NO),
            ("another currency", vec![], other_currency(), None),
            ("listed", vec![], listed(true), YES),
            ("not listed", vec![], listed(false), NO),
            ("nothing is known", vec![], buy(), None),
        ],
    );
    check(
        Signal::OrderSoldLately,
        vec![
            ("nothing sold", vec![], buy(), NO),
            ("half of it, today", vec![order(91, 2, 0.5)], buy(), Some(0.5)),
            ("three days ago", vec![order(88, 2, 0.5)], buy(), Some(0.25)),
            ("before another sale", vec![order(91, 2, 0.5)], order(91, 1, 0.25), Some(0.5)),
            ("one that failed", vec![order(91, 2, 0.5).failed()], buy(), NO),
            ("no order", vec![order(91, 2, 0.5)], home("withdrawal"), None),
        ],
    );
    let past = || vec![order(60, 1_000, 0.0), order(61, 2_000, 0.0), order(62, 1_500, 0.0)];
    check(
        Signal::OrderFarFromNorm,
        vec![
            ("above three times the largest", past(), order(91, 6_001, 0.0), YES),
            ("three times", past(), order(91, 6_000, 0.0), NO),
            ("too few before", past().split_off(1), order(91, 6_001, 0.0), None),
            ("no order", past(), home("login"), None),
        ],
    );
}

#[test]
fn of_the_brokers_own_payments() {
    let payment = |at: i64, payment: Option<engine::input::Payment>| {
        made("payment.instruction", "C1", day(at))
            .nobody()
            .account(77, None)
            .additions(|additions| additions.payment = payment)
    };
    let plain = |at: i64| payment(at, None);
    let no_account = || made("payment.instruction", "C1", day(91)).nobody();
    check(
        Signal::PaymentNewBeneficiary,
        vec![
            ("never paid", vec![], plain(91), YES),
            ("paid for long", vec![plain(80)], plain(91), NO),
            ("paid since yesterday", vec![plain(90)], plain(91), YES),
            ("only asked for", vec![plain(80).with("outcome", "attempted")], plain(91), YES),
            ("nobody is named", vec![], no_account(), None),
            ("a customer's withdrawal", vec![], home("withdrawal").account(77, None), None),
        ],
    );
    check(
        Signal::PaymentSplit,
        vec![
            ("the first", vec![], plain(91), YES),
            ("the second today", vec![plain(91).with("id", "p-1")], plain(91), Some(2.0)),
            ("a customer's withdrawal", vec![], home("withdrawal").account(77, None), None),
        ],
    );
    let said = |lookalike, urgency, secrecy| {
        payment(91, Some(engine::input::Payment { lookalike, urgency, secrecy }))
    };
    check(
        Signal::PaymentLookalikeDomain,
        vec![
            ("alike", vec![], said(Some(true), None, None), YES),
            ("not alike", vec![], said(Some(false), None, None), NO),
            ("no domain", vec![], said(None, None, None), None),
        ],
    );
    check(
        Signal::PaymentSecrecyUrgency,
        vec![
            ("both", vec![], said(None, Some(true), Some(true)), Some(2.0)),
            ("one", vec![], said(None, Some(true), Some(false)), YES),
            ("neither", vec![], said(None, Some(false), Some(false)), NO),
            ("no memo", vec![], plain(91), None),
        ],
    );
}
