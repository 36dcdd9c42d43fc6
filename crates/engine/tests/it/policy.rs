//! A policy is taken whole or refused with line, column and reason.

use engine::Policy;
use expect_test::{Expect, expect};

use crate::made::{World, day, made};

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
    assert!(policy.rules().iter().all(|rule| rule.points > 0 || rule.at_least > engine::Verdict::Allow));
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
        &with_rule("when = 'true'\nhold_h = 0"),
        &expect!["line 10, column 8: rule `r` holds for 0 hours; allowed: 1 to 720"],
    );
    refused(
        &with_rule("when = 'customer.name == \"x\"'"),
        &expect![
            "line 10, column 8: rule `r`: its condition asks for `customer.name`; allowed: signal.…, event.kind, event.channel, event.outcome, event.credential, event.factor, event.country, event.asn, event.amount, event.currency, event.contact, event.buys, event.has_ip, event.has_device, event.has_asn, customer.known, customer.logins, customer.age_days"
        ],
    );
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
