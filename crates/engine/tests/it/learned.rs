//! A learned model in a policy: what it adds up, and what rules may not make of it.

use engine::signal::Signal;
use engine::{Policy, Verdict};
use expect_test::{Expect, expect};

use crate::made::{World, day, made};

const MODEL: &str = r#"
[model]
version = 1
trained = "by hand"

[[model.card]]
kinds = ["login", "withdrawal"]
base = -100
signals = [
  { signal = "net.new_for_customer", bounds = [0.5], points = [-10, 60] },
  { signal = "password.changed_within_h", bounds = [24.0, inf], points = [70, 5, -5] },
  { signal = "velocity", bounds = [1.0, 2.0], points = [0, 7, 30] },
]
bands = [
  { from = -200, questions = 900, fraud = 0 },
  { from = 0, questions = 100, fraud = 50 },
]
"#;

const RULE: &str = r#"
[[rule]]
name = "model"
kinds = ["login", "withdrawal"]
when = "signal.net.new_for_customer && signal.model.risk >= 10.0"
points = 30
reason = { ja = "理由", en = "reason" }
"#;

fn text(model: &str, rule: &str) -> String {
    format!("[thresholds]\nstep_up = 30\nhold = 70\ndeny = 101\n{model}{rule}")
}

fn refused(text: &str, expected: &Expect) {
    expected.assert_eq(&Policy::compile(text, 1).unwrap_err().to_string());
}

#[test]
fn points_are_those_of_the_bins_and_say_what_gave_them() {
    let mut world = World::new();
    world.settle("C1", "198.51.100.7", "d1", 60);
    world.policy = Policy::compile(&text(MODEL, RULE), 2).unwrap();
    let at_home = |kind: &str| made(kind, "C1", day(61)).ip("198.51.100.7").device("d1").asked().observed();
    let away = |kind: &str| made(kind, "C1", day(61)).ip("203.0.113.9").device("d2").asked().observed();
    let points = |world: &World, event: &engine::Observed| {
        world.state.explain(&world.policy, event).risk.map(|risk| risk.points)
    };
    // Home, and no change of the password is known: -100 - 10 - 5. Withdrawals count themselves.
    assert_eq!(points(&world, &at_home("login")), Some(-115));
    assert_eq!(points(&world, &at_home("withdrawal")), Some(-108));
    assert_eq!(points(&world, &away("login")), Some(-45));
    assert_eq!(points(&world, &away("order")), None, "no card");
    assert_eq!(world.state.weigh(&world.policy, &away("login")).verdict, Verdict::Allow);
    // A minute after the password was changed.
    let changed = made("password.change", "C1", day(61)).ip("203.0.113.9").device("d2");
    world.apply(changed);
    let event = away("withdrawal");
    let explained = world.state.explain(&world.policy, &event);
    let risk = explained.risk.clone().unwrap();
    let parts: Vec<(&str, i32)> = risk.parts.iter().map(|part| (part.signal.name(), part.points)).collect();
    let expected = [("password.changed_within_h", 70), ("net.new_for_customer", 60), ("velocity", 7)];
    assert_eq!((parts.as_slice(), risk.base, risk.points), (expected.as_slice(), -100, 37));
    assert_eq!(risk.band.map(|band| (band.from, band.questions, band.fraud)), Some((0, 100, 50)));
    let value = explained.signals.iter().find(|(signal, _)| *signal == Signal::ModelRisk).unwrap().1;
    assert_eq!(value, Some(37.0), "the signal is the sum");
    let decision = world.state.weigh(&world.policy, &event);
    assert_eq!((decision.verdict, decision.score), (Verdict::StepUp, 30));
    // Without a model the signal says nothing, and no record knows one.
    assert_eq!(world.state.signal(Signal::ModelRisk, &event), None);
    let numbers = world.state.numbers(&event);
    assert_eq!(numbers[Signal::NetNewForCustomer.place()].to_bits(), 1.0_f64.to_bits());
    assert!(numbers[Signal::FactorChangedHours.place()].is_infinite());
}

#[test]
fn a_model_alone_decides_nothing() {
    let rule = |from: &str, to: &str| text(MODEL, &RULE.replace(from, to));
    refused(
        &text("", RULE),
        &expect![
            "line 9, column 8: rule `model`: its condition asks for `model.risk`, and the policy has no [model]"
        ],
    );
    refused(
        &rule("signal.net.new_for_customer && ", ""),
        &expect![
            "line 26, column 8: rule `model`: its condition asks for `model.risk`, which is not enough by itself; allowed: with `&&` and another signal that has to be so (a flag, or a comparison with a number)"
        ],
    );
    refused(
        &rule("signal.net.new_for_customer &&", "event.has_ip &&"),
        &expect![
            "line 26, column 8: rule `model`: its condition asks for `model.risk`, which is not enough by itself; allowed: with `&&` and another signal that has to be so (a flag, or a comparison with a number)"
        ],
    );
    refused(
        &rule("signal.net.new_for_customer &&", "signal.net.new_for_customer ||"),
        &expect![
            "line 26, column 8: rule `model`: its condition asks for `model.risk`, which is not enough by itself; allowed: with `&&` and another signal that has to be so (a flag, or a comparison with a number)"
        ],
    );
    refused(
        &rule("points = 30", "at_least = \"hold\""),
        &expect![
            "line 26, column 8: rule `model`: its condition asks for `model.risk`, which may only add points; allowed: no `at_least`"
        ],
    );
    refused(
        &rule("\"withdrawal\"]", "\"order\"]"),
        &expect![
            "line 26, column 8: rule `model`: its condition asks for `model.risk`, and the model has no card for `order`"
        ],
    );
    let twice =
        format!("{RULE}{}", RULE.replace("\"model\"", "\"more\"").replace("points = 30", "points = 40"));
    refused(
        &text(MODEL, &twice),
        &expect![
            "line 1, column 1: rules that ask for `model.risk` give 70 points on `login` together; allowed: less than `hold` (70), since a model alone must not hold or refuse"
        ],
    );
    let either = "(signal.net.new_for_customer || signal.velocity >= 3.0) &&";
    Policy::compile(&rule("signal.net.new_for_customer &&", either), 1).unwrap();
}

#[test]
fn a_model_out_of_its_limits_is_refused() {
    let model = |from: &str, to: &str| text(&MODEL.replace(from, to), RULE);
    refused(
        &model("version = 1", "version = 2"),
        &expect!["line 7, column 11: the model is of version 2; allowed: 1"],
    );
    refused(
        &model("points = [0, 7, 30]", "points = [0, 7]"),
        &expect!["line 16, column 14: `velocity` has 2 bounds and 2 points; allowed: one more than bounds"],
    );
    refused(
        &model("[1.0, 2.0]", "[2.0, 1.0]"),
        &expect!["line 16, column 14: the bounds of `velocity` are not ascending, or more than 32"],
    );
    refused(
        &model("[1.0, 2.0]", "[nan, 2.0]"),
        &expect!["line 16, column 14: the bounds of `velocity` are not ascending, or more than 32"],
    );
    refused(
        &model("[0, 7, 30]", "[0, 7, 1001]"),
        &expect!["line 16, column 14: `velocity` gives 1001 points; allowed: -1000 to 1000"],
    );
    refused(
        &model("\"velocity\"", "\"model.risk\""),
        &expect!["line 16, column 14: `model.risk` is no signal that a model can be made of"],
    );
    refused(
        &model("\"velocity\"", "\"net.new_for_customer\""),
        &expect!["line 16, column 14: `net.new_for_customer` stands in this card before"],
    );
    refused(
        &model("from = 0,", "from = -300,"),
        &expect![
            "line 20, column 3: bands come with ascending `from`, at most 32, with no more fraud than questions"
        ],
    );
    let digest = |text: &str| Policy::compile(text, 1).unwrap().model().unwrap().digest();
    assert_eq!(digest(&text(MODEL, "")), digest(&text(MODEL, RULE)));
    assert_ne!(digest(&text(MODEL, "")), digest(&model("[0, 7, 30]", "[0, 7, 31]")));
}
