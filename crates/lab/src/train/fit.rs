//! A card fitted to questions: logistic regression over bins of signals, its weights rounded to points. Must not know files.
//!
//! Every signal is cut into bins, a question is in one bin of each. The weights of one signal's bins do not touch each other, so
//! that Newton's step for all of them is a division each; signals are taken in turn until nothing moves (block coordinate descent on
//! the penalised likelihood). One thread, one order: the same questions give the same card.

use engine::policy::{Card, DOUBLE_POINTS, POINTS_MAX, Scored};
use engine::signal::{Signal, Unit};
use model::EventKind;

use crate::evaluate::Question;

/// Weights cost half of this times their square (ridge): a bin with few questions stays near nothing.
const RIDGE: f64 = 4.0;
/// Times all signals are taken in turn, at most.
const SWEEPS_MAX: usize = 60;
/// When nothing moves by more, it is over.
const STILL: f64 = 1e-4;
/// A weight moves by no more at once.
const STEP_MAX: f64 = 2.0;
/// Bins are cut at every so many per mille of the attackers' and of the honest numbers.
const CUTS_PERMILLE: [usize; 7] = [50, 200, 400, 600, 800, 950, 990];
/// Signals whose bins all give fewer points are left out.
const WORTH_POINTS: i32 = 2;

/// The card of some kinds, without bands.
pub(super) fn card(kinds: Vec<EventKind>, questions: &[&Question]) -> Card {
    let signals: Vec<(Signal, Vec<f64>)> = Signal::ALL
        .iter()
        .filter(|signal| **signal != Signal::ModelRisk)
        .map(|signal| (*signal, bounds(*signal, questions)))
        .filter(|(_, bounds)| !bounds.is_empty())
        .collect();
    let columns: Vec<Column> =
        signals.iter().map(|(signal, bounds)| Column::of(*signal, bounds, questions)).collect();
    let truth: Vec<f64> = questions.iter().map(|question| f64::from(u8::from(question.is_fraud))).collect();
    let (bias, weights) = fit(&columns, &truth);
    let per_weight = f64::from(DOUBLE_POINTS) / std::f64::consts::LN_2;
    let mut base = bias;
    let mut scored = Vec::new();
    for (((signal, bounds), column), weights) in signals.into_iter().zip(&columns).zip(weights) {
        // What the average question has belongs to all: points then say how an event differs from it.
        let mean = column.mean(&weights);
        base += mean;
        let points: Vec<i32> = weights.iter().map(|weight| points((weight - mean) * per_weight)).collect();
        if points.iter().any(|points| points.abs() >= WORTH_POINTS) {
            scored.push(Scored { signal, bounds, points });
        }
    }
    Card { kinds, base: points(base * per_weight), signals: scored, bands: Vec::new() }
}

fn points(number: f64) -> i32 {
    let most = f64::from(POINTS_MAX);
    i32::try_from(whole_f64(number.round().clamp(-most, most))).unwrap_or(0)
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "clamped by who calls; nothing else converts"
)]
pub(super) fn whole_f64(number: f64) -> i64 {
    number as i64
}

/// A count as a number.
pub(super) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Where a signal's bins end; none where all questions have one number.
fn bounds(signal: Signal, questions: &[&Question]) -> Vec<f64> {
    let numbers = |is_fraud: bool| -> Vec<f64> {
        let of = questions.iter().filter(|question| question.is_fraud == is_fraud);
        let mut numbers: Vec<f64> =
            of.filter_map(|question| question.numbers.get(signal.place()).copied()).collect();
        numbers.sort_by(f64::total_cmp);
        numbers
    };
    let both = [numbers(true), numbers(false)];
    let least = both.iter().filter_map(|numbers| numbers.first()).copied().fold(f64::INFINITY, f64::min);
    let most = both.iter().filter_map(|numbers| numbers.last()).copied().fold(f64::NEG_INFINITY, f64::max);
    if least >= most {
        return Vec::new();
    }
    if signal.about().unit == Unit::Flag {
        return vec![0.5];
    }
    let cut = |numbers: &Vec<f64>, permille: usize| numbers.get(numbers.len() * permille / 1_000).copied();
    let cuts = both.iter().flat_map(|numbers| CUTS_PERMILLE.map(|permille| cut(numbers, permille)));
    // A bin of its own for what is above nothing, and for what is not known.
    let mut bounds: Vec<f64> = cuts.flatten().chain([f64::MIN_POSITIVE]).map(short).collect();
    if most.is_infinite() {
        bounds.push(f64::INFINITY);
    }
    bounds.retain(|bound| *bound > least && *bound <= most);
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    bounds
}

/// A number with few digits, as somebody would write it.
fn short(number: f64) -> f64 {
    if number.is_infinite() { number } else { format!("{number:.2e}").parse().unwrap_or(number) }
}

/// The bins of all questions for one signal.
struct Column {
    bins: Vec<u8>,
    size: usize,
}

impl Column {
    fn of(signal: Signal, bounds: &[f64], questions: &[&Question]) -> Self {
        let bin = |question: &&Question| {
            let number = question.numbers.get(signal.place()).copied().unwrap_or(0.0);
            u8::try_from(bounds.partition_point(|bound| number >= *bound)).unwrap_or(u8::MAX)
        };
        Self { bins: questions.iter().map(bin).collect(), size: bounds.len().saturating_add(1) }
    }

    fn mean(&self, weights: &[f64]) -> f64 {
        let sum: f64 = self.bins.iter().map(|bin| of(weights, *bin)).sum();
        sum / float(self.bins.len().max(1))
    }
}

fn of(weights: &[f64], bin: u8) -> f64 {
    weights.get(usize::from(bin)).copied().unwrap_or(0.0)
}

/// The bias, and the weights of every column's bins.
fn fit(columns: &[Column], truth: &[f64]) -> (f64, Vec<Vec<f64>>) {
    let share = (truth.iter().sum::<f64>() / float(truth.len().max(1))).clamp(1e-6, 1.0 - 1e-6);
    let mut bias = (share / (1.0 - share)).ln();
    let mut weights: Vec<Vec<f64>> = columns.iter().map(|column| vec![0.0; column.size]).collect();
    let mut margins = vec![bias; truth.len()];
    for _ in 0..SWEEPS_MAX {
        let mut moved = 0.0_f64;
        for (column, weights) in columns.iter().zip(&mut weights) {
            let mut slopes = vec![(0.0_f64, 0.0_f64); column.size];
            for ((bin, margin), truth) in column.bins.iter().zip(&margins).zip(truth) {
                let chance = 1.0 / (1.0 + (-margin).exp());
                if let Some((first, second)) = slopes.get_mut(usize::from(*bin)) {
                    *first += chance - truth;
                    *second += chance * (1.0 - chance);
                }
            }
            let steps: Vec<f64> = weights
                .iter_mut()
                .zip(slopes)
                .map(|(weight, (first, second))| {
                    let step = -(first + RIDGE * *weight) / (second + RIDGE);
                    let step = step.clamp(-STEP_MAX, STEP_MAX);
                    *weight += step;
                    moved = moved.max(step.abs());
                    step
                })
                .collect();
            for (margin, bin) in margins.iter_mut().zip(&column.bins) {
                *margin += of(&steps, *bin);
            }
        }
        let (first, second) =
            margins.iter().zip(truth).fold((0.0, 0.0), |(first, second), (margin, truth)| {
                let chance = 1.0 / (1.0 + (-margin).exp());
                (first + chance - truth, second + chance * (1.0 - chance))
            });
        let step = (-first / (second + 1e-9)).clamp(-STEP_MAX, STEP_MAX);
        bias += step;
        margins.iter_mut().for_each(|margin| *margin += step);
        if moved.max(step.abs()) < STILL {
            break;
        }
    }
    (bias, weights)
}
