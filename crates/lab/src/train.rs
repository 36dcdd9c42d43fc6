//! A model trained on questions of which it is known who asked: of simulated brokerages for tuning, or of a server's journal with its
//! feedback. What comes out is a part of a policy, in TOML. `docs/learning.md` is for users. Must not know how a policy
//! weighs it, nor read what results are reported on.

mod fit;
mod journal;
mod write;

use engine::Policy;
use engine::policy::{Band, Card, Model};
use engine::signal::Signal;
use history::Watch;
use model::EventKind;

pub use self::journal::JournalOptions;
use crate::evaluate::{EvaluateError, EvaluateOptions, Group, Question, Split, evaluate_recorded};

/// Of the questions, in their order, so many per mille are kept from training: calibration and thresholds are measured on them.
const HELD_BACK_PERMILLE: usize = 250;
/// Attackers' questions that a group needs for a card, and as many among those kept from training as a fifth of it.
const FRAUD_MIN: usize = 50;
/// Bands of the calibration are so wide, points, or wider.
const BAND_POINTS: i32 = 20;
/// Honest questions, or a tenth as many of attackers, that a band holds at least.
const BAND_QUESTIONS_MIN: u64 = 200;

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The simulation, or a stop.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The journal.
    #[error(transparent)]
    Past(#[from] server::past::PastError),
    /// Too little to learn from.
    #[error(
        "no group of questions has {FRAUD_MIN} of attackers ({found}); give more seeds, or more feedback"
    )]
    TooLittle {
        /// What there is.
        found: String,
    },
    /// What was made is no part of a policy: a mistake in this program.
    #[error("the policy with the model is refused")]
    Policy(#[from] engine::policy::PolicyError),
}

/// What to train with.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// The policy to which the model is to be added; its rules answer while questions are gathered.
    pub policy: String,
    /// Of a thousand honest questions of a group that the policy lets through, so many may be asked for proof by the model's rule.
    pub price_per_mille: f64,
    /// The command, to stand in the file.
    pub command: String,
}

/// A trained model.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The part of a policy: `[model]` and a rule for each card.
    pub text: String,
    /// The model itself.
    pub model: Model,
    /// How each group fared.
    pub groups: Vec<GroupTrained>,
}

/// What was learned of a group, on questions kept from training.
#[derive(Debug, Clone)]
pub struct GroupTrained {
    /// `login`, `change`, `withdrawal`, `order`.
    pub group: &'static str,
    /// Questions trained on, and attackers' among them.
    pub trained: (usize, usize),
    /// Questions kept from training, and attackers' among them.
    pub held_back: (usize, usize),
    /// From how many points on the rule gives points; nothing where there was too little to learn a card from.
    pub from: Option<i32>,
    /// Share of pairs of an attacker's and an honest question in which the attacker's has more points, held back.
    pub auc: f64,
}

/// Trains on simulated brokerages of the part for tuning.
///
/// # Errors
/// Seeds or attacks that results are reported on; as [`crate::evaluate::evaluate`]; too few attackers' questions.
pub fn train_on_simulation(
    simulation: &EvaluateOptions,
    options: &TrainOptions,
    watch: &Watch,
) -> Result<Trained, TrainError> {
    Split::Tune.check(&simulation.seeds, &simulation.attacks)?;
    let (_, questions) = evaluate_recorded(simulation, watch)?;
    trained(&questions, options)
}

/// Trains on a server's journal: what feedback calls fraud is, everything else is not.
///
/// # Errors
/// The journal cannot be told, or `watch` says stop; too few questions that feedback calls fraud.
pub fn train_on_journal(
    journal: &JournalOptions,
    options: &TrainOptions,
    watch: &Watch,
) -> Result<Trained, TrainError> {
    trained(&journal::questions(journal, watch)?, options)
}

fn trained(questions: &[Question], options: &TrainOptions) -> Result<Trained, TrainError> {
    let mut model = Model { trained: options.command.clone(), cards: Vec::new() };
    let (mut groups, mut rules) = (Vec::new(), Vec::new());
    for group in Group::ALL {
        let own: Vec<&Question> =
            questions.iter().filter(|question| Group::of(question.kind) == Some(group)).collect();
        let begin = own.len() - own.len() * HELD_BACK_PERMILLE / 1_000;
        let (of_training, held_back) = own.split_at(begin);
        let frauds = |of: &[&Question]| of.iter().filter(|question| question.is_fraud).count();
        let mut told = GroupTrained {
            group: group.as_str(),
            trained: (of_training.len(), frauds(of_training)),
            held_back: (held_back.len(), frauds(held_back)),
            from: None,
            auc: 0.0,
        };
        if told.trained.1 >= FRAUD_MIN && told.held_back.1 >= FRAUD_MIN / 5 {
            let mut card = fit::card(kinds(group), of_training);
            let scores = scores(&card, held_back);
            card.bands = bands(&scores);
            let from = threshold(&card, held_back, options.price_per_mille);
            (told.from, told.auc) = (Some(from), auc(&scores));
            rules.push((group, from));
            model.cards.push(card);
        }
        groups.push(told);
    }
    if model.cards.is_empty() {
        let found: Vec<String> = groups
            .iter()
            .map(|told| format!("{} {}", told.group, told.trained.1.saturating_add(told.held_back.1)))
            .collect();
        return Err(TrainError::TooLittle { found: found.join(", ") });
    }
    let text = write::part(&model, &rules);
    Policy::compile(&format!("{}\n{text}", options.policy), 0)?;
    Ok(Trained { text, model, groups })
}

fn kinds(group: Group) -> Vec<EventKind> {
    EventKind::ALL.iter().copied().filter(|kind| Group::of(*kind) == Some(group)).collect()
}

/// Points and truth, the fewest points first.
fn scores(card: &Card, questions: &[&Question]) -> Vec<(i32, bool)> {
    let mut scores: Vec<(i32, bool)> = questions
        .iter()
        .map(|question| {
            let number = |signal: Signal| question.numbers.get(signal.place()).copied().unwrap_or(0.0);
            (card.points(number), question.is_fraud)
        })
        .collect();
    scores.sort_unstable();
    scores
}

/// What points mean: bands of so many points, joined until each has enough questions.
fn bands(scores: &[(i32, bool)]) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for (points, is_fraud) in scores {
        let from = points.div_euclid(BAND_POINTS) * BAND_POINTS;
        let is_full = |band: &Band| {
            let enough =
                band.questions >= BAND_QUESTIONS_MIN || band.fraud.saturating_mul(10) >= BAND_QUESTIONS_MIN;
            enough && band.from != from && band.from + BAND_POINTS <= from
        };
        match bands.last_mut() {
            Some(band) if !is_full(band) => {
                band.questions += 1;
                band.fraud += u64::from(*is_fraud);
            }
            _ => bands.push(Band { from, questions: 1, fraud: u64::from(*is_fraud) }),
        }
    }
    // Where few have more points, the last bands hold too little to say anything.
    let keep = engine::policy::BOUNDS_MAX;
    while bands.len() > keep || bands.last().is_some_and(|last| bands.len() > 1 && last.questions < 20) {
        let Some(last) = bands.pop() else { break };
        if let Some(before) = bands.last_mut() {
            before.questions += last.questions;
            before.fraud += last.fraud;
        }
    }
    bands
}

/// The fewest points at which, of honest questions that were let through, the model's rule asks no more than `per_mille`.
fn threshold(card: &Card, held_back: &[&Question], per_mille: f64) -> i32 {
    let passed = || {
        held_back
            .iter()
            .copied()
            .filter(|question| !question.is_fraud && question.verdict == engine::Verdict::Allow)
    };
    let is_set = |question: &Question, signal: Signal| {
        question.numbers.get(signal.place()).is_some_and(|number| *number > 0.0)
    };
    let strange: Vec<&Question> = passed()
        .filter(|question| write::RULE_SIGNALS.iter().any(|signal| is_set(question, *signal)))
        .collect();
    let reached = scores(card, &strange);
    let share = per_mille.clamp(0.0, 1_000.0) / 1_000.0;
    let allowed = usize::try_from(fit::whole_f64(fit::float(passed().count()) * share)).unwrap_or(0);
    let next = reached.iter().rev().nth(allowed).map(|(points, _)| points.saturating_add(1));
    next.unwrap_or_else(|| reached.first().map_or(0, |(points, _)| *points))
}

/// The area under the curve, by ranks; ties count half.
fn auc(scores: &[(i32, bool)]) -> f64 {
    let (mut below, mut sum, mut frauds) = (0_usize, 0.0, 0_usize);
    for same in scores.chunk_by(|one, other| one.0 == other.0) {
        let fraud = same.iter().filter(|(_, is_fraud)| *is_fraud).count();
        let honest = same.len() - fraud;
        sum += fit::float(fraud) * (fit::float(below) + fit::float(honest) / 2.0);
        below += honest;
        frauds += fraud;
    }
    if frauds == 0 || below == 0 { 0.0 } else { sum / (fit::float(frauds) * fit::float(below)) }
}

#[cfg(test)]
mod tests;
