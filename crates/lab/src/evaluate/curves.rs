//! Catch rate against re-authentication rate, as the literature measures it: how often customers are asked in their first
//! logins where so many of an attacker's logins are to be noticed. Must not know what answers do to people.
//!
//! Wiefling et al. (ACM TOPS 2022) take a customer's first 12 or 39 logins: the re-authentication rate is the share of them
//! that are asked for proof, its median over customers stands; attackers try after them. Half of the customers here are
//! told from the [`WARM_DAYS`]th day on only, so that everybody's frequencies are known when their histories begin.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::signal::Signal;
use engine::{Policy, Verdict};
use history::Watch;
use model::time::HOUR_US;
use model::{Event, EventKind, Outcome};

use super::figures::float;
use super::judge::{Judge as _, Local};
use super::{EvaluateError, HISTORY_DAYS, SEEDS_MAX, simulation};
use crate::simulate::Attacker;
use crate::simulate::brokerage::{Brokerage, reactions};

/// Lengths of history that are looked at.
const HISTORIES: [usize; 2] = [12, 39];
/// Days before the histories that are looked at begin.
const WARM_DAYS: u64 = 90;
/// Logins that each kind of attacker tries on a customer.
const TRIES: u64 = 4;
/// Catch rates of a curve, in tenths of a per mille.
const CATCHES: [u64; 12] =
    [5_000, 6_000, 7_000, 8_000, 8_500, 9_000, 9_500, 9_700, 9_800, 9_900, 9_950, 9_990];
/// Where a rule, and not the points, asks for proof.
const BY_RULE: f64 = 1_000.0;

/// What to draw.
#[derive(Debug, Clone)]
pub struct CurvesOptions {
    /// Customers of each brokerage; half of them are looked at.
    pub customers: u32,
    /// A brokerage for each.
    pub seeds: Vec<u64>,
    /// The policy, as written.
    pub policy: String,
}

/// How often customers are asked where so much is caught.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Point {
    /// Share of the attacker's logins that are asked for proof, at least.
    pub catch: f64,
    /// Median over customers of the share of their logins that are.
    pub median: f64,
    /// The mean.
    pub mean: f64,
}

/// One curve.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Curve {
    /// `login.score`, or `policy`: by the points of its rules.
    pub by: &'static str,
    /// naive, vpn, targeted, very-targeted.
    pub attacker: &'static str,
    /// Logins of history.
    pub history: u64,
    /// Customers with so many.
    pub customers: u64,
    /// Logins of attackers.
    pub attempts: u64,
    /// By rising catch rate.
    pub points: Vec<Point>,
    /// The published medians at 99 %, 99.5 % and 99.9 %, where there are any.
    pub published: Option<[f64; 3]>,
    /// Where the policy stands with its own threshold; for `policy` only.
    pub operating: Option<Point>,
}

/// All curves.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Curves {
    /// Customers of each brokerage.
    pub customers: u32,
    /// The brokerages.
    pub seeds: Vec<u64>,
    /// Score before policy, naive before targeted, short before long.
    pub curves: Vec<Curve>,
}

/// Median re-authentication rates of Wiefling et al. 2022 at 99 %, 99.5 %, 99.9 % caught, for histories 12 and 39. The very
/// targeted attacker is not among the figures we have.
fn published(attacker: &str, history: usize) -> Option<[f64; 3]> {
    Some(match (attacker, history) {
        ("naive", 12) => [0.17, 0.25, 0.58],
        ("naive", 39) => [0.03, 0.05, 0.15],
        ("vpn", 12) => [0.25, 0.33, 0.58],
        ("vpn", 39) => [0.05, 0.08, 0.21],
        ("targeted", 12) => [0.33, 0.42, 0.67],
        ("targeted", 39) => [0.08, 0.10, 0.23],
        _ => return None,
    })
}

/// What was measured by one of the two.
#[derive(Debug, Default)]
struct Measured {
    /// Every looked-at customer's first logins; infinite where nothing can be said, so that proof is asked for.
    honest: Vec<Vec<f64>>,
    /// By attacker and history.
    attempts: BTreeMap<(usize, usize), Vec<f64>>,
}

const BY: [&str; 2] = ["login.score", "policy"];

/// Measures and draws. Progress in `watch` is in days.
///
/// # Errors
/// As [`super::evaluate`].
pub fn curves(options: &CurvesOptions, watch: &Watch) -> Result<Curves, EvaluateError> {
    if options.seeds.is_empty() || options.seeds.len() > SEEDS_MAX {
        return Err(EvaluateError::Seeds { came: options.seeds.len(), max: SEEDS_MAX });
    }
    let policy = Arc::new(Policy::compile(&options.policy, 1)?);
    let mut measured = [Measured::default(), Measured::default()];
    let brokerages = u64::try_from(options.seeds.len()).unwrap_or(u64::MAX);
    watch.expect((u64::from(HISTORY_DAYS) + u64::from(super::ASKED_DAYS)) * brokerages);
    for seed in &options.seeds {
        measure(options, &policy, *seed, watch, &mut measured)?;
    }
    let step_up = f64::from(super::counts::step_up(&options.policy)?);
    let mut all = Vec::new();
    for (by, measured) in BY.iter().zip(&measured) {
        for (kind, (attacker, _)) in Attacker::ALL.iter().enumerate() {
            for history in HISTORIES {
                let attempts = measured.attempts.get(&(kind, history)).cloned().unwrap_or_default();
                let operating = (*by == "policy").then_some(step_up);
                all.push(curve((by, attacker), history, &measured.honest, attempts, operating));
            }
        }
    }
    Ok(Curves { customers: options.customers, seeds: options.seeds.clone(), curves: all })
}

fn measure(
    options: &CurvesOptions,
    policy: &Arc<Policy>,
    seed: u64,
    watch: &Watch,
    measured: &mut [Measured; 2],
) -> Result<(), EvaluateError> {
    let brokerage =
        Brokerage::new(&simulation(options.customers, HISTORY_DAYS, seed, &[], Attacker::TARGETED))?;
    let folder = tempfile::tempdir().map_err(EvaluateError::Folder)?;
    brokerage.write_intel(folder.path())?;
    let mut judge = Local::new(Arc::clone(policy), folder.path(), seed)?;
    let mut histories: BTreeMap<u64, [Vec<f64>; 2]> = BTreeMap::new();
    let mut living = brokerage.live()?;
    for day in 0..brokerage.days() {
        watch.check()?;
        for step in living.next_day(|index| index.is_multiple_of(2) || day >= WARM_DAYS)? {
            let (event, customer) = (step.event, step.customer.unwrap_or(0));
            let is_login = event.kind == EventKind::Login && event.outcome == Outcome::Succeeded;
            if customer.is_multiple_of(2) || !is_login {
                judge.tell(event)?;
                continue;
            }
            let history = histories.entry(customer).or_default();
            let values = values(&judge, policy, event.clone())?;
            for (known, value) in history.iter_mut().zip(values) {
                known.push(value);
            }
            let logins = history.first().map_or(0, Vec::len);
            let time = event.time.plus_us(HOUR_US);
            judge.tell(event)?;
            if !HISTORIES.contains(&logins) {
                continue;
            }
            for (kind, (_, attacker)) in Attacker::ALL.iter().enumerate() {
                for number in 0..TRIES {
                    let mut dice = reactions(
                        seed,
                        customer << 16 | u64::try_from(logins << 8 | kind << 4).unwrap_or(0) | number,
                    );
                    let attempt = brokerage.attempt(&mut dice, customer, time, *attacker)?;
                    let values = self::values(&judge, policy, attempt.event)?;
                    for (measured, value) in measured.iter_mut().zip(values) {
                        measured.attempts.entry((kind, logins)).or_default().push(value);
                    }
                }
            }
        }
        watch.advance(1);
    }
    for history in histories.into_values() {
        for (measured, values) in measured.iter_mut().zip(history) {
            measured.honest.push(values);
        }
    }
    Ok(())
}

/// A login's score, and its points by the policy.
fn values(judge: &Local, policy: &Policy, mut event: Event) -> Result<[f64; 2], EvaluateError> {
    event.outcome = Outcome::Attempted;
    let observed = judge.observe(event, true)?;
    let score = judge.state().signal(Signal::LoginScore, &observed);
    let decision = judge.state().weigh(policy, &observed);
    let points = f64::from(decision.score);
    let by_rule = decision
        .reasons
        .iter()
        .any(|reason| policy.rule(reason.rule).is_some_and(|rule| rule.at_least >= Verdict::StepUp));
    Ok([score.unwrap_or(f64::INFINITY), if by_rule { BY_RULE } else { points }])
}

fn curve(
    (by, attacker): (&'static str, &'static str),
    history: usize,
    honest: &[Vec<f64>],
    mut attempts: Vec<f64>,
    operating: Option<f64>,
) -> Curve {
    let customers: Vec<&[f64]> = honest.iter().filter_map(|logins| logins.get(..history)).collect();
    attempts.sort_by(|one, other| other.total_cmp(one));
    let number = u64::try_from(attempts.len()).unwrap_or(u64::MAX);
    let mut points = Vec::new();
    for catch in CATCHES {
        // The highest threshold at which so many of the attempts are caught.
        let needed = (number * catch).div_ceil(10_000).max(1);
        let place = usize::try_from(needed - 1).unwrap_or(usize::MAX);
        let Some(threshold) = attempts.get(place) else { continue };
        points.push(point(&customers, &attempts, *threshold));
    }
    Curve {
        by,
        attacker,
        history: u64::try_from(history).unwrap_or(0),
        customers: u64::try_from(customers.len()).unwrap_or(0),
        attempts: number,
        points,
        published: published(attacker, history).filter(|_| by == "login.score"),
        operating: operating.map(|threshold| point(&customers, &attempts, threshold)),
    }
}

fn point(customers: &[&[f64]], attempts: &[f64], threshold: f64) -> Point {
    let share = |values: &[f64]| {
        let over = values.iter().filter(|value| **value >= threshold).count();
        let count = |number: usize| float(u64::try_from(number).unwrap_or(u64::MAX));
        if values.is_empty() { 0.0 } else { count(over) / count(values.len()) }
    };
    let mut rates: Vec<f64> = customers.iter().map(|logins| share(logins)).collect();
    rates.sort_by(f64::total_cmp);
    let median = rates.get(rates.len() / 2).copied().unwrap_or(0.0);
    let mean = rates.iter().sum::<f64>() / float(u64::try_from(rates.len()).unwrap_or(1).max(1));
    Point { catch: share(attempts), median, mean }
}

#[cfg(test)]
mod tests {
    use super::{curve, point};

    #[test]
    fn a_curve_asks_for_what_it_must_to_catch_so_much() {
        let customers = [vec![f64::INFINITY, 0.1, 0.2, 0.9], vec![f64::INFINITY, 0.1, 0.1, 0.1]];
        let attempts: Vec<f64> = (1..=10_u8).map(f64::from).collect();
        let drawn = curve(("login.score", "naive"), 4, &customers, attempts, None);
        assert_eq!((drawn.customers, drawn.attempts), (2, 10));
        let last = drawn.points.last().unwrap();
        assert_eq!(
            (last.catch, last.mean),
            (1.0, 0.25),
            "everything caught at 1.0: only first logins are asked"
        );
        let slices: Vec<&[f64]> = customers.iter().map(Vec::as_slice).collect();
        let lower = point(&slices, &[0.15, 1.0], 0.15);
        assert_eq!((lower.catch, lower.mean), (1.0, 0.5));
    }
}
