//! Figures from counts: rates of honest customers with intervals, and the project's bars. Must not know how they are shown.
//!
//! Intervals are percentile bootstraps over customers (Efron 1979): customers are drawn again with replacement as often as
//! there are, [`RESAMPLES`] times, and the middle 95 % of the rates stand.

use std::collections::BTreeMap;

use super::answers::Group;
use super::counts::{Answered, AttackFigures, Intended};
use crate::simulate::brokerage::{any_of, resampling};

/// Resamples of the bootstrap.
pub(super) const RESAMPLES: usize = 1_000;
/// Verdicts in the order of `Verdict::ALL`.
const STEP_UP: usize = 1;
const HOLD: usize = 2;
const DENY: usize = 3;

/// A rate of a thousand with the interval in which it lies with 95 %.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Interval {
    /// The rate.
    pub per_mille: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How often it happened.
    pub times: u64,
    /// Of how many.
    pub of: u64,
}

/// What honest customers were asked.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct HonestFigures {
    /// Customers.
    pub customers: u64,
    /// Extra proof in logins.
    pub login_step_up: Interval,
    /// Logins refused.
    pub login_denied: Interval,
    /// Extra proof in withdrawals and transfers.
    pub withdrawal_step_up: Interval,
    /// Withdrawals and transfers held or refused.
    pub withdrawal_stopped: Interval,
    /// Extra proof in other procedures.
    pub change_step_up: Interval,
    /// Other procedures held or refused.
    pub change_stopped: Interval,
    /// Extra proof in orders.
    pub order_step_up: Interval,
    /// Orders held or refused.
    pub order_stopped: Interval,
    /// Anything held or refused.
    pub stopped: Interval,
}

/// Which answers of which groups a rate counts.
type Rate = (&'static [Group], &'static [usize]);

const RATES: [Rate; 9] = [
    (&[Group::Login], &[STEP_UP]),
    (&[Group::Login], &[DENY]),
    (&[Group::Money], &[STEP_UP]),
    (&[Group::Money], &[HOLD, DENY]),
    (&[Group::Change], &[STEP_UP]),
    (&[Group::Change], &[HOLD, DENY]),
    (&[Group::Order], &[STEP_UP]),
    (&[Group::Order], &[HOLD, DENY]),
    (&Group::ALL, &[HOLD, DENY]),
];

/// Times and of how many, of one customer.
type Pair = [u32; 2];

fn pair(answered: &Answered, (groups, verdicts): Rate) -> Pair {
    let rows = groups.iter().filter_map(|group| answered.get(group.place()));
    let (mut times, mut of) = (0, 0);
    for row in rows {
        of += row.iter().sum::<u32>();
        times += verdicts.iter().filter_map(|verdict| row.get(*verdict)).sum::<u32>();
    }
    [times, of]
}

impl HonestFigures {
    /// The figures of these customers; `seed` for the resampling.
    pub(super) fn of(honest: &[Answered], seed: u64) -> Self {
        let customers: Vec<[Pair; RATES.len()]> =
            honest.iter().map(|answered| RATES.map(|rate| pair(answered, rate))).collect();
        let mut sums = [[0_u64; 2]; RATES.len()];
        for customer in &customers {
            add(&mut sums, customer);
        }
        let mut dice = resampling(seed);
        let mut resampled: [Vec<f64>; RATES.len()] = Default::default();
        for _ in 0..RESAMPLES {
            let mut sums = [[0_u64; 2]; RATES.len()];
            for _ in 0..customers.len() {
                if let Some(customer) = customers.get(any_of(&mut dice, customers.len())) {
                    add(&mut sums, customer);
                }
            }
            for (rates, sum) in resampled.iter_mut().zip(sums) {
                rates.push(per_mille(sum));
            }
        }
        let mut intervals = [Interval::default(); RATES.len()];
        for ((interval, mut rates), sum) in intervals.iter_mut().zip(resampled).zip(sums) {
            rates.sort_by(f64::total_cmp);
            let at = |place: usize| rates.get(place).copied().unwrap_or(0.0);
            let [times, of] = sum;
            let (low, high) = (at(RESAMPLES / 40), at(RESAMPLES - 1 - RESAMPLES / 40));
            *interval = Interval { per_mille: per_mille(sum), low, high, times, of };
        }
        let [
            login_step_up,
            login_denied,
            withdrawal_step_up,
            withdrawal_stopped,
            change_step_up,
            change_stopped,
            order_step_up,
            order_stopped,
            stopped,
        ] = intervals;
        Self {
            customers: u64::try_from(honest.len()).unwrap_or(u64::MAX),
            login_step_up,
            login_denied,
            withdrawal_step_up,
            withdrawal_stopped,
            change_step_up,
            change_stopped,
            order_step_up,
            order_stopped,
            stopped,
        }
    }
}

fn add<const N: usize>(sums: &mut [[u64; 2]; N], customer: &[Pair; N]) {
    for (sum, pair) in sums.iter_mut().zip(customer) {
        for (total, count) in sum.iter_mut().zip(pair) {
            *total += u64::from(*count);
        }
    }
}

fn per_mille([times, of]: [u64; 2]) -> f64 {
    if of == 0 { 0.0 } else { float(times) * 1_000.0 / float(of) }
}

/// A count as a number for division; counts here stay far below 2^32.
pub(super) fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// One of the project's bars and what was measured.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Bar {
    /// Its name.
    pub name: &'static str,
    /// In Japanese.
    #[serde(skip)]
    pub ja: &'static str,
    /// What is to hold, in per mille.
    pub bar_per_mille: f64,
    /// Whether it is a least (true) or a most.
    pub at_least: bool,
    /// What was measured, in per mille; none where there was nothing to measure.
    pub per_mille: Option<f64>,
    /// How many cases stand behind it.
    pub of: u64,
    /// What came of it.
    pub result: BarResult,
}

/// What came of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BarResult {
    /// It is held.
    Held,
    /// It is missed.
    Missed,
    /// Nothing of the kind happened: neither.
    NothingToMeasure,
}

impl Bar {
    /// `per_mille` of `of` cases beside its bar, which is a least or a most.
    pub(super) fn new(
        (name, ja): (&'static str, &'static str),
        at_least: bool,
        bar_per_mille: f64,
        (per_mille, of): (f64, u64),
    ) -> Self {
        let is_held = if at_least { per_mille >= bar_per_mille } else { per_mille <= bar_per_mille };
        let result = match (of, is_held) {
            (0, _) => BarResult::NothingToMeasure,
            (_, true) => BarResult::Held,
            (_, false) => BarResult::Missed,
        };
        let per_mille = Some(per_mille).filter(|_| of > 0);
        Self { name, ja, bar_per_mille, at_least, per_mille, of, result }
    }

    /// Whether something was measured, and is on the wrong side.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        self.result == BarResult::Missed
    }
}

/// The bars of the project.
pub(super) fn bars(honest: &HonestFigures, attacks: &BTreeMap<&'static str, AttackFigures>) -> Vec<Bar> {
    let stopped = |names, bar, of: &dyn Fn(&AttackFigures) -> &Intended| {
        let mut all = Intended::default();
        for figures in attacks.values() {
            all.merge(of(figures));
        }
        Bar::new(names, true, bar, (per_mille([all.all - all.done, all.all]), all.all))
    };
    let most =
        |names, bar, interval: Interval| Bar::new(names, false, bar, (interval.per_mille, interval.of));
    vec![
        stopped(("fraudulent withdrawals stopped", "不正出金の阻止"), 990.0, &|figures| {
            &figures.withdrawals
        }),
        stopped(
            ("hijacked orders stopped from the third account on", "乗っ取り注文の阻止（三口座目以降）"),
            970.0,
            &|figures| &figures.orders_from_third,
        ),
        most(("honest logins asked for proof", "正規ログインの追加認証"), 10.0, honest.login_step_up),
        most(("honest withdrawals asked for proof", "正規出金の追加認証"), 30.0, honest.withdrawal_step_up),
        most(("honest withdrawals held or refused", "正規出金の保留・拒否"), 1.0, honest.withdrawal_stopped),
        most(("anything honest held or refused", "正規操作すべての保留・拒否"), 1.0, honest.stopped),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{BarResult, Group, HonestFigures, bars};
    use crate::evaluate::counts::{Answered, AttackFigures, Intended};

    /// So many logins of which so many were asked for proof.
    fn customer(asked: u32, of: u32) -> Answered {
        let mut answered = Answered::default();
        answered[Group::Login.place()] = [of - asked, asked, 0, 0];
        answered
    }

    #[test]
    fn an_interval_holds_the_rate_and_is_wide_where_one_customer_makes_all_of_it() {
        let even: Vec<Answered> = (0..200).map(|_| customer(1, 20)).collect();
        let one: Vec<Answered> =
            (0..200).map(|number| customer(if number == 0 { 200 } else { 0 }, 200)).collect();
        let [even, one] = [even, one].map(|customers| HonestFigures::of(&customers, 7).login_step_up);
        assert_eq!((even.per_mille, even.low, even.high), (50.0, 50.0, 50.0));
        assert_eq!((one.times, one.of, one.per_mille), (200, 40_000, 5.0));
        assert!(one.low < 1.0 && one.high > 10.0, "{one:?}");
    }

    #[test]
    fn bars_sum_over_attacks_and_where_nothing_was_intended_there_is_nothing_to_measure() {
        let lost = Intended { all: 100, done: 2, ..Intended::default() };
        let attack = |withdrawals| AttackFigures { withdrawals, ..AttackFigures::default() };
        let honest = HonestFigures::default();
        let first = |attacks: BTreeMap<&'static str, AttackFigures>| bars(&honest, &attacks)[0].clone();
        let none = first(BTreeMap::from([("b", attack(Intended::default()))]));
        assert_eq!((none.per_mille, none.of, none.result), (None, 0, BarResult::NothingToMeasure));
        assert!(
            bars(&honest, &BTreeMap::new()).iter().all(|bar| !bar.is_missed() && bar.per_mille.is_none())
        );
        let json = serde_json::to_value(&none).unwrap();
        assert_eq!(
            (&json["result"], &json["per_mille"]),
            (&"nothing_to_measure".into(), &serde_json::Value::Null)
        );
        let two = first(BTreeMap::from([("a", attack(lost)), ("b", attack(Intended::default()))]));
        assert_eq!((two.per_mille, two.of, two.result), (Some(980.0), 100, BarResult::Missed));
    }
}
