//! A policy is taken whole or refused with line, column and reason.

use engine::{Policy, Verdict};
use expect_test::{Expect, expect};

use crate::made::{World, at_home, day, made};

fn refused(text: &str, expected: &Expect) {
    expected.assert_eq(&Policy::compile(text, 1).unwrap_err().to_string());
}

fn with_rule(rule: &str) -> String {
    format!(
        "[thresholds]\nstep_up = 30\nhold = 70\ndeny = 100\n\n[[rule]]\nname = \"r\"\nkinds = [\"login\"]\n\
         reason = {{ ja = \"理由\", en = \"reason\" }}\n{rule}\n"
    )
}

#[test]
fn the_shipped_policy_compiles_and_its_rules_have_reasons() {
    let policy = Policy::compile(Policy::SHIPPED, 1).unwrap();
    assert!(policy.rules().len() >= 15);
    assert!(policy.rules().iter().all(|rule| rule.points > 0 || rule.at_least > Verdict::Allow));
}

/// The guide's rule for who asks for proof always: it stands beside the shipped ones, and asks at home, too.
#[test]
fn proof_can_be_asked_for_always() {
    const GUIDE: &str = include_str!("../../../../docs/policy.md");
    let (_, rule) = GUIDE.split_once("## What the shipped policy lets through without proof").unwrap();
    let rule = rule.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let text = format!("{}\n{rule}", Policy::SHIPPED);
    for (policy, expected) in [(Policy::SHIPPED, Verdict::Allow), (text.as_str(), Verdict::StepUp)] {
        let mut world = World::new();
        world.policy = Policy::compile(policy, 1).unwrap();
        world.settle("C1", "100.64.0.9", "d-1", 90);
        for kind in ["login", "withdrawal"] {
            let asked = at_home(made(kind, "C1", day(91)).with("id", kind), "100.64.0.9", "d-1");
            assert_eq!(world.ask(asked).verdict, expected, "{kind}");
        }
        let passkey = made("login", "C1", day(92)).with("factor", "passkey");
        assert_eq!(world.ask(at_home(passkey, "100.64.0.9", "d-1")).verdict, Verdict::Allow);
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    refused("[thresholds]\nstep_up = 30\n", &expect!["line 1, column 1: missing field `hold`"]);
    refused(
        "[thresholds]\nstep_up = 30\nhold = 20\ndeny = 100\n",
        &expect![
            "line 3, column 8: `hold` is 20; allowed: above the threshold before it (30) and at most 101 (never reached)"
        ],
    );
    refused(
        &with_rule("when = 'signal.ip.newish'"),
        &expect![
            "line 10, column 8: rule `r`: its condition asks for the signal `ip.newish`, which does not exist; docs/signals.md has all of them"
        ],
    );
    refused(
        &with_rule("when = 'event.kind == '"),
        &expect![
            "line 10, column 8: rule `r`: its condition is not CEL: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}, at its character 16"
        ],
    );
    refused(
        &with_rule("when = '[1, 2].all(x, x > 0)'"),
        &expect![
            "line 10, column 8: rule `r`: its condition loops (all, exists, exists_one, map, filter); write the cases out"
        ],
    );
    refused(
        &with_rule("when = 'true'\npoints = 101"),
        &expect!["line 10, column 8: rule `r` gives 101 points; allowed: at most 100"],
    );
    let reason = "理".repeat(171);
    refused(
        &with_rule("when = 'true'").replace("理由", &reason),
        &expect!["line 10, column 8: rule `r` has a reason of 513 bytes; allowed: at most 512 in a language"],
    );
    refused(
        &with_rule("when = 'true'\npiont = 1"),
        &expect![
            "line 11, column 1: unknown field `piont`, expected one of `name`, `kinds`, `when`, `points`, `at_least`, `hold_h`, `shadow`, `reason`"
        ],
    );
    refused(
        &with_rule("when = 'true'\nat_least = \"hold\"\nhold_h = 0"),
        &expect!["line 10, column 8: rule `r` holds for 0 hours; allowed: 1 to 720"],
    );
    for (line, problem) in [
        ("points = \"x\"", "`points`: came the text \"x\"; allowed: a whole number from 0 to 65535"),
        ("points = 70000", "`points`: came the number 70000; allowed: a whole number from 0 to 65535"),
        ("points = -1", "`points`: came the number -1; allowed: a whole number from 0 to 65535"),
        ("points = 1.5", "`points`: came the number 1.5; allowed: a whole number from 0 to 65535"),
        ("points = true", "`points`: came true; allowed: a whole number from 0 to 65535"),
        ("points = [1]", "`points`: came a list; allowed: a whole number from 0 to 65535"),
        ("hold_h = \"x\"", "`hold_h`: came the text \"x\"; allowed: a whole number from 0 to 65535"),
        ("shadow = 1", "`shadow`: came the number 1; allowed: true, false"),
        ("at_least = \"helt\"", "`at_least`: came `helt`; allowed: `allow`, `step_up`, `hold`, `deny`"),
        (
            "at_least = 5",
            "`at_least`: came something that is no word; allowed: one of the words for it, in quotes",
        ),
    ] {
        let error = Policy::compile(&with_rule(&format!("when = 'true'\n{line}")), 1).unwrap_err();
        assert_eq!((error.line, error.problem.as_str()), (11, problem), "{line}");
    }
    let beyond = Policy::compile(&with_rule("when = 'true'\npoints = 99999999999999999999"), 1).unwrap_err();
    assert!(beyond.line == 11 && !beyond.problem.contains("u16"), "{beyond}");
    let rule = Policy::compile(&format!("rule = 5\n{}", with_rule("when = 5").replace("[[rule]]", "[x]")), 1);
    assert_eq!(rule.unwrap_err().problem, "`rule`: came the number 5; allowed: a list in [ ]");
    refused(
        &with_rule("when = 'customer.name == \"x\"'"),
        &expect![
            "line 10, column 8: rule `r`: its condition asks for `customer.name`; allowed: signal.…, event.kind, event.channel, event.outcome, event.credential, event.factor, event.country, event.asn, event.amount, event.currency, event.buys, event.contact, event.has_ip, event.has_device, event.has_asn, customer.known, customer.logins, customer.age_days"
        ],
    );
}

/// Whoever tells a late day on which the account was opened silences no rule about customers who have been here for long.
#[test]
fn a_day_of_opening_makes_nobody_newer_who_was_seen_before() {
    let opened = |at: i64| {
        engine::input::Body::Profile(engine::input::Profile {
            customer: "C1".parse().unwrap(),
            holder: None,
            opened: Some(day(at)),
            sealed: Vec::new(),
        })
    };
    let aged = with_rule("when = 'customer.age_days >= 21.0'");
    // First seen on a day, opened on a day: is the customer known for three weeks on day 60?
    for (seen, told, is_aged) in [
        (None, None, false),
        (None, Some(59), false),
        (None, Some(0), true),
        (Some(50), None, false),
        (Some(50), Some(0), true),
        (Some(50), Some(59), false),
        (Some(0), None, true),
        (Some(0), Some(59), true),
        (Some(0), Some(0), true),
    ] {
        let mut world = World::new();
        world.policy = Policy::compile(&aged, 1).unwrap();
        if let Some(at) = seen {
            world.apply(made("login", "C1", day(at)).ip("198.51.100.7"));
        }
        if let Some(at) = told {
            world.input(day(60), opened(at));
        }
        let decision = world.ask(made("login", "C1", day(60)).ip("203.0.113.9"));
        assert_eq!(!decision.reasons.is_empty(), is_aged, "seen {seen:?}, opened {told:?}");
    }

    let stranger = || made("login", "C1", day(61)).ip("203.0.113.9").device("d2").place("CN", 4134);
    let decided = |late: bool| {
        let mut world = World::new();
        world.settle("C1", "198.51.100.7", "d1", 60);
        if late {
            world.input(day(61), opened(60));
        }
        world.ask(stranger())
    };
    assert!(!decided(false).reasons.is_empty());
    assert_eq!(decided(true), decided(false), "the shipped policy asks a stranger as before");
}

/// Hours for what is never held are a mistake: somebody counts on a hold, or on its length.
#[test]
fn hours_of_a_hold_need_a_hold() {
    let rule = |more: &str| with_rule(&format!("when = 'true'\n{more}"));
    refused(
        &rule("points = 80\nhold_h = 72"),
        &expect![[
            r#"line 12, column 10: rule `r` has `hold_h` and does not hold by itself (what is held by points alone is held for 24 hours); allowed: with `at_least = "hold"`, or leave `hold_h` out"#
        ]],
    );
    refused(
        &rule("at_least = \"deny\"\nhold_h = 72"),
        &expect![[
            r#"line 12, column 10: rule `r` has `hold_h` and does not hold by itself (what is held by points alone is held for 24 hours); allowed: with `at_least = "hold"`, or leave `hold_h` out"#
        ]],
    );
    let held = rule("at_least = \"hold\"\nhold_h = 72");
    refused(
        &held,
        &expect![
            "line 12, column 10: rule `r` has `hold_h`, and nothing of its `kinds` can be held: where that would be `hold` it is `step_up`; allowed: with a kind that can wait, or leave `hold_h` out"
        ],
    );
    let good = held.replace("\"login\"", "\"login\", \"withdrawal\"");
    assert_eq!(Policy::compile(&good, 1).unwrap().rules()[0].hold_h, 72);
    // What was taken when this was not looked at stays in force, and decides as it did.
    let taken = Policy::compile_taken(&rule("points = 80\nhold_h = 72"), 1).unwrap();
    assert_eq!(taken.rules()[0].points, 80);
}

/// The explanation is the decision, and says which parts of a condition are not so.
#[test]
fn a_decision_is_taken_apart() {
    let mut world = World::new();
    world.settle("C1", "198.51.100.7", "d1", 60);
    let stranger = |kind: &str, at| made(kind, "C1", day(at)).ip("203.0.113.9").device("d2");
    world.apply(stranger("bank_account.change", 60));
    let event = stranger("withdrawal", 61).asked().observed();
    let explained = world.state.explain(&world.policy, &event);
    assert_eq!(explained.decision, world.state.weigh(&world.policy, &event));
    let fired: Vec<u16> = explained.rules.iter().filter(|rule| rule.fired).map(|rule| rule.rule).collect();
    assert_eq!(fired, explained.decision.reasons.iter().map(|reason| reason.rule).collect::<Vec<_>>());
    assert!(!fired.is_empty() && fired.len() < explained.rules.len());
    assert_eq!(explained.rules.len() + explained.others, world.policy.rules().len());
    for (signal, value) in explained.signals {
        assert_eq!(value, world.state.signal(signal, &event), "{}", signal.name());
    }
    let parts = "signal.velocity >= 3.0 && !signal.ip.new_for_customer && (event.amount > 5 || event.has_ip)";
    let policy =
        Policy::compile(&with_rule(&format!("when = '{parts}'")).replace("\"login\"", "\"withdrawal\""), 1);
    let explained = world.state.explain(&policy.unwrap(), &event);
    let unmet: Vec<&str> = explained.rules[0].unmet.iter().map(String::as_str).collect();
    assert_eq!(unmet, ["signal.velocity >= 3 (is 1.00)", "!signal.ip.new_for_customer (is true)"]);
}

fn with_condition(when: &str) -> String {
    with_rule(&format!("when = \"\"\"{when}\"\"\""))
}

/// A rule that could never fire is no rule: what is compared with what is checked before.
#[test]
fn a_condition_that_could_never_hold_is_refused() {
    let fault = |when: &str| {
        let error = Policy::compile(&with_condition(when), 1).map(drop).expect_err(when);
        assert_eq!((error.line, error.column), (10, 8));
        error.problem.strip_prefix("rule `r`: its condition ").unwrap().to_owned()
    };
    let faults: Vec<String> = [
        "signal.net.vpn > 3",
        "signal.ip.new_for_customer == 1",
        "!signal.velocity",
        "event.amount",
        "event.kind == 5",
        "customer.logins > \"abc\"",
        "event.channel == 'brnch'",
        "signal.net.vpn && event.kind == 'logn'",
        "'' != event.outcome",
        "event.channel in ['branch', 'papier']",
        "event.country == 'jp'",
        "event.currency == 'YEN'",
        "event.amount / 0 > 1",
        "signal.velocity / 0.0 > 1.0",
        "signal.velocity + 1 > 2.0",
        "(signal.net.vpn ? 1 : 2) && signal.net.tor",
        "signal.net.vpn in 'abc'",
        "event.country.matches('J.')",
        "event.amount.startsWith('J')",
        "size(event.amount) > 1",
        "int(signal.net.vpn) > 0",
        "null == event.country",
        "[1] < [2]",
        "true ? event.amount : 1",
    ]
    .map(|when| format!("{when}\n  {}\n", fault(when)))
    .into();
    expect![[r#"
        signal.net.vpn > 3
          compares `signal.net.vpn` (yes or no) with `3` (a whole number); allowed: things of one type, at its character 16
        signal.ip.new_for_customer == 1
          compares `signal.ip.new_for_customer` (yes or no) with `1` (a whole number); allowed: things of one type, at its character 28
        !signal.velocity
          takes `signal.velocity` (a number with a decimal point) for yes or no; compare it with something, at its character 1
        event.amount
          gives `event.amount` (a whole number), not yes or no; compare it with something
        event.kind == 5
          compares `event.kind` (a text) with `5` (a whole number); allowed: things of one type, at its character 12
        customer.logins > "abc"
          compares `customer.logins` (a whole number) with "abc" (a text); allowed: things of one type, at its character 17
        event.channel == 'brnch'
          compares `event.channel` with "brnch", which it never is; allowed: web, app, api, phone, branch, paper, atm, or "", at its character 15
        signal.net.vpn && event.kind == 'logn'
          compares `event.kind` with "logn", which it never is; allowed: login, session.activity, password.change, password.reset, contact.change, factor.enroll, factor.remove, device.register, device.remove, bank_account.register, bank_account.change, withdrawal, transfer, order, profile.view, payment.instruction, customer.report, bank.notice, case.disposition, device.restrict, factor.copied, at its character 30
        '' != event.outcome
          compares `event.outcome` with "", which it never is; allowed: attempted, succeeded, failed, at its character 4
        event.channel in ['branch', 'papier']
          compares `event.channel` with "papier", which it never is; allowed: web, app, api, phone, branch, paper, atm, or "", at its character 15
        event.country == 'jp'
          compares `event.country` with "jp", which it never is; allowed: two capital letters such as JP, or "", at its character 15
        event.currency == 'YEN'
          compares `event.currency` with "YEN", which it never is; allowed: a code of ISO 4217 such as JPY, or "", at its character 16
        event.amount / 0 > 1
          divides by zero, which cannot be computed, at its character 14
        signal.velocity / 0.0 > 1.0
          divides by zero, which cannot be computed, at its character 17
        signal.velocity + 1 > 2.0
          calculates with `signal.velocity` (a number with a decimal point) and `1` (a whole number); allowed: two numbers of one type, see int() and double(), at its character 17
        (signal.net.vpn ? 1 : 2) && signal.net.tor
          takes a whole number for yes or no; compare it with something, at its character 26
        signal.net.vpn in 'abc'
          looks for something in "abc" (a text); allowed: in a list, at its character 16
        event.country.matches('J.')
          calls a function `matches` that does not exist, or not with that many arguments; allowed: contains, startsWith, endsWith, size, int, uint, double, string, bool, at its character 22
        event.amount.startsWith('J')
          asks `startsWith` of `event.amount` (a whole number); allowed: of texts, at its character 24
        size(event.amount) > 1
          asks for the size of `event.amount` (a whole number); allowed: of a text or a list, at its character 5
        int(signal.net.vpn) > 0
          makes a whole number of `signal.net.vpn` (yes or no), which cannot be, at its character 4
        null == event.country
          compares null with `event.country` (a text); allowed: things of one type, at its character 6
        [1] < [2]
          compares a list with a list; allowed: things of one type, at its character 5
        true ? event.amount : 1
          gives a whole number, not yes or no; compare it with something
    "#]].assert_eq(&faults.concat());
}

#[test]
fn conditions_that_can_hold_are_taken() {
    for when in [
        "true",
        "signal.velocity > 3",
        "signal.velocity >= 3.5 || 2 < signal.ip.attempts_rate",
        "signal.net.vpn == true && !signal.net.tor",
        "signal.net.vpn != signal.net.tor",
        "event.channel == '' || event.channel in ['branch', 'paper', '']",
        "'login' == event.kind && event.credential != 'unknown_user'",
        "event.country == 'JP' && event.currency == 'JPY' && event.asn == 2516",
        "event.amount / 100 + 1 > 5 && event.amount % 1000 == 0 && -event.amount < -1",
        "double(event.amount) * signal.balance.share > 1000.0",
        "event.country.startsWith('J') && size(event.currency) == 3 && event.country.size() > 0",
        "signal.net.vpn ? event.amount > 1000 : customer.known",
        "(signal.net.vpn ? 10 : 20) < event.amount",
        "{'JP': 1, 'US': 2}[event.country] > 0",
        "string(event.asn) + event.country == '2516JP'",
        "bool('true') && int('3') > 2 && uint(3) == 3u",
    ] {
        let taken = Policy::compile(&with_condition(when), 1);
        assert!(taken.is_ok(), "{when}: {}", taken.unwrap_err());
    }
}

/// A policy of before is not looked at anew: the journal tells what it decided.
#[test]
fn a_policy_that_was_taken_before_stays() {
    let text = with_condition("signal.net.vpn > 3");
    assert!(Policy::compile(&text, 1).is_err());
    assert_eq!(Policy::compile_taken(&text, 1).unwrap().rules().len(), 1);
}

/// What a decision names as its reason is what the condition names first, not what the catalogue has first.
#[test]
fn signals_of_a_rule_come_as_its_condition_names_them() {
    let signals = |when: &str| {
        let policy = Policy::compile(&with_condition(when), 1).unwrap();
        policy.rules()[0].signals.iter().map(|signal| signal.name()).collect::<Vec<_>>()
    };
    let many = "signal.ua.automation && (signal.device.new_for_customer || (!event.has_device && signal.net.new_for_customer)) \
                && signal.ua.automation && 1.0 < signal.velocity && [signal.net.vpn][0] == signal.ip.listed";
    assert_eq!(
        signals(many),
        [
            "ua.automation",
            "device.new_for_customer",
            "net.new_for_customer",
            "velocity",
            "net.vpn",
            "ip.listed"
        ]
    );
    assert_eq!(signals("event.channel != 'branch'"), [""; 0]);
}
