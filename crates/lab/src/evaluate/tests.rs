//! Small brokerages through the engine: the same options give the same answers, what is stopped stays stopped, and a policy
//! that does nothing stops nothing.

use history::Watch;

use super::{BarResult, EvaluateOptions, Evaluation, evaluate, without_rule};
use crate::simulate::{Attack, Attacker};

/// Never fires: a policy needs a threshold and may have no rule.
const NOTHING: &str = "[thresholds]\nstep_up = 30\nhold = 70\ndeny = 101\n";

fn run(policy: &str, attacks: &[Attack], attacker: Attacker) -> Evaluation {
    let options = EvaluateOptions {
        customers: 300,
        history_days: 120,
        seeds: vec![1_001],
        attacks: attacks.to_vec(),
        attacker,
        policy: policy.to_owned(),
    };
    evaluate(&options, &Watch::default()).unwrap()
}

/// Whatever is tried is refused or held.
fn always(verdict: &str) -> String {
    format!(
        "{NOTHING}[[rule]]\nname = \"all\"\nkinds = [\"login\", \"withdrawal\", \"bank_account.change\", \"order\"]\nwhen = \"true\"\n\
         at_least = \"{verdict}\"\nreason = {{ ja = \"あ\", en = \"a\" }}\n"
    )
}

#[test]
fn a_policy_that_does_nothing_stops_nothing_and_asks_nobody() {
    let attacks = [Attack::QuietTakeover, Attack::SimSwap, Attack::Jp2025Pump, Attack::AitmPhish];
    let found = run(NOTHING, &attacks, Attacker::TARGETED);
    assert_eq!(found.honest.stopped.times + found.honest.login_step_up.times, 0);
    assert!(found.honest.login_step_up.of > 1_000, "{:?}", found.honest);
    for attack in attacks {
        let figures = &found.attacks[attack.as_str()];
        assert!(figures.victims > 0 && figures.entered == figures.victims, "{attack}: {figures:?}");
        assert!(figures.noticed.is_empty());
        let all = figures.withdrawals.all + figures.orders.all;
        assert!(all > 0 && figures.withdrawals.done + figures.orders.done == all, "{attack}: {figures:?}");
    }
}

#[test]
fn proof_stops_those_who_cannot_give_it() {
    let found = run(&always("step_up"), &[Attack::QuietTakeover, Attack::SimSwap], Attacker::TARGETED);
    let quiet = &found.attacks["quiet-takeover"];
    assert_eq!((quiet.entered, quiet.withdrawals.done), (0, 0), "{quiet:?}");
    assert!(quiet.withdrawals.stopped_at.contains_key("login"), "{quiet:?}");
    assert_eq!(quiet.noticed.first().map(|noticed| noticed.event), Some(1));
    let swapped = &found.attacks["sim-swap"];
    assert_eq!(swapped.withdrawals.done, swapped.withdrawals.all, "the number is theirs: {swapped:?}");
    assert_eq!(found.honest.login_step_up.times, found.honest.login_step_up.of);
}

#[test]
fn a_hold_stops_even_those_who_can_prove_and_honest_money_leaves_later() {
    let found = run(&always("hold"), &[Attack::SimSwap, Attack::Jp2025Pump], Attacker::NAIVE);
    let swapped = &found.attacks["sim-swap"];
    assert_eq!(swapped.withdrawals.done, 0, "{swapped:?}");
    assert_eq!(found.attacks["jp-2025-pump"].orders.done, 0);
    assert_eq!(found.honest.withdrawal_stopped.times, found.honest.withdrawal_stopped.of);
    assert!(found.bars.iter().any(|bar| bar.at_least && bar.result == BarResult::Held));
    assert!(found.bars.iter().any(|bar| !bar.at_least && bar.is_missed()));
}

#[test]
fn the_same_options_give_the_same_answers() {
    let attacks = [Attack::SlowStuffing, Attack::MuleRing];
    let [one, again] = [(); 2].map(|()| run(engine::Policy::SHIPPED, &attacks, Attacker::VERY_TARGETED));
    assert_eq!(one, again);
    let page = super::html::page(&one).unwrap();
    assert!(page.contains("slow-stuffing") && page.contains("<svg"), "{page}");
}

/// A spray is recognised, and those whose password it had are listed; without guesses nothing is.
#[test]
fn campaigns_are_measured() {
    let spray = run(engine::Policy::SHIPPED, &[Attack::PasswordSpray], Attacker::TARGETED).campaigns;
    let attack = &spray.attacks["password-spray"];
    assert_eq!((attack.brokerages, attack.recognised.len()), (1, 1), "{attack:?}");
    assert!(attack.recognised[0].login < 100 && attack.campaigns > 0, "{attack:?}");
    assert!(attack.entered_listed <= attack.entered && spray.of_attacks >= 1, "{spray:?}");
    let quiet = run(engine::Policy::SHIPPED, &[Attack::QuietTakeover], Attacker::TARGETED).campaigns;
    assert!(quiet.attacks.is_empty(), "{quiet:?}");
}

#[test]
fn a_rule_is_removed_and_nothing_else() {
    let policy = engine::Policy::compile(engine::Policy::SHIPPED, 1).unwrap();
    let names =
        |policy: &engine::Policy| policy.rules().iter().map(|rule| rule.name.clone()).collect::<Vec<_>>();
    let first = &names(&policy)[0];
    let without = without_rule(engine::Policy::SHIPPED, first).unwrap().unwrap();
    let without = engine::Policy::compile(&without, 1).unwrap();
    assert_eq!(names(&without), names(&policy)[1..]);
    assert_eq!(without_rule(engine::Policy::SHIPPED, "no_such_rule").unwrap(), None);
}
