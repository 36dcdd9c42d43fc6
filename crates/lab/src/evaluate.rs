//! A policy on simulated brokerages: how much of the fraud it stops, and how often it bothers honest people.
//!
//! Events go through the real engine, told and asked as a broker would: a year of facts, then questions about everything
//! that is tried, and facts about what became of it. What answers do to people is a model (`answers`); attackers who are
//! stopped come back or give up (`chain`). The same options give the same figures, on any machine. `docs/lab-evaluate.md`
//! is for users. Must not know how policies are written, nor judge by anything but what the engine answered.

mod answers;
mod campaigns;
mod chain;
mod counts;
mod curves;
mod error;
mod figures;
mod html;
mod judge;
mod output;
mod recorder;
mod remote;
mod run;
mod split;
mod svg;
mod swap;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use engine::Policy;
use history::Watch;

pub use campaigns::{AttackCampaigns, CampaignFigures, Recognised};
pub use counts::{AttackFigures, Intended, Noticed, RuleWork};
pub use curves::{Curve, Curves, CurvesOptions, Point, curves};
pub use error::EvaluateError;
pub use figures::{Bar, BarResult, HonestFigures, Interval};
pub use output::{write, write_curves};
pub use split::Split;
pub use swap::Swapped;

use crate::http::Target;
use crate::simulate::brokerage::Brokerage;
use crate::simulate::{Attack, Attacker, SimulateOptions};
pub(crate) use answers::Group;
use counts::{Answered, Counts};
use judge::Local;
use recorder::Questions;
use recorder::Recorder;
pub(crate) use recorder::{QUESTIONS_MAX, Question};
use run::Run;

/// Days of facts before the first question.
pub const HISTORY_DAYS: u32 = 366;
/// Days on which attackers are at work and everything is asked about: 14 January to 31 March 2020.
pub const ASKED_DAYS: u32 = 78;
/// Most customers of one evaluated brokerage: what attackers intend stays in memory, and so does the engine's state.
pub const CUSTOMERS_MAX: u32 = 50_000;
/// Most brokerages of one run.
pub const SEEDS_MAX: usize = 100;

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// Customers of each brokerage, 100 to [`CUSTOMERS_MAX`].
    pub customers: u32,
    /// Days of facts before, 30 to 1,000.
    pub history_days: u32,
    /// A brokerage for each, at most [`SEEDS_MAX`].
    pub seeds: Vec<u64>,
    /// Planted in every brokerage.
    pub attacks: Vec<Attack>,
    /// How the newer attacks' attackers go about it.
    pub attacker: Attacker,
    /// The policy, as written.
    pub policy: String,
}

impl EvaluateOptions {
    /// What is simulated for one seed.
    pub(crate) fn simulation(&self, seed: u64) -> SimulateOptions {
        simulation(self.customers, self.history_days, seed, &self.attacks, self.attacker)
    }

    fn check(&self) -> Result<(), EvaluateError> {
        if self.seeds.is_empty() || self.seeds.len() > SEEDS_MAX {
            return Err(EvaluateError::Seeds { came: self.seeds.len(), max: SEEDS_MAX });
        }
        if self.customers > CUSTOMERS_MAX {
            return Err(EvaluateError::Customers { came: self.customers, max: CUSTOMERS_MAX });
        }
        Ok(())
    }
}

pub(crate) fn simulation(
    customers: u32,
    history_days: u32,
    seed: u64,
    attacks: &[Attack],
    attacker: Attacker,
) -> SimulateOptions {
    let days = history_days.saturating_add(ASKED_DAYS);
    let back = jiff::Span::new().try_days(i64::from(days) - 1).unwrap_or_default();
    SimulateOptions {
        customers,
        days,
        seed,
        start: jiff::civil::date(2020, 3, 31).saturating_sub(back),
        attacks: attacks.to_vec(),
        attacker,
        honest_year: true,
        ndjson: false,
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Evaluation {
    /// Customers of each brokerage.
    pub customers: u32,
    /// The brokerages.
    pub seeds: Vec<u64>,
    /// The attackers' ways.
    pub attacker: Attacker,
    /// Questions asked.
    pub asked: u64,
    /// Of all answers in their order, brokerage by brokerage: equal for equal runs.
    pub digests: Vec<String>,
    /// What honest customers were asked.
    pub honest: HonestFigures,
    /// By attack.
    pub attacks: BTreeMap<&'static str, AttackFigures>,
    /// What was recognised as a campaign.
    pub campaigns: CampaignFigures,
    /// By rule, in the order of the policy.
    pub rules: Vec<(String, RuleWork)>,
    /// The bars of the project and whether they are held.
    pub bars: Vec<Bar>,
}

/// Counts of all brokerages together.
struct Sum {
    honest: Vec<Answered>,
    attacks: BTreeMap<&'static str, AttackFigures>,
    campaigns: CampaignFigures,
    rules: Vec<RuleWork>,
    digests: Vec<String>,
    asked: u64,
}

/// Evaluates a policy in this process. Progress in `watch` is in days.
///
/// # Errors
/// Options out of their limits, a policy that cannot be compiled, no temporary folder, and a stop by `watch`.
pub fn evaluate(options: &EvaluateOptions, watch: &Watch) -> Result<Evaluation, EvaluateError> {
    let policy = Arc::new(Policy::compile(&options.policy, 1)?);
    each_brokerage(options, &policy, watch, |seed, intel| Local::new(Arc::clone(&policy), intel, seed))
}

/// The rules alone, the rules with a model's part of a policy behind them, and both on the same questions.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct WithModel {
    /// What tells the model from others.
    pub digest: String,
    /// The rules alone.
    pub rules: Evaluation,
    /// The policy with the model's part behind it.
    pub with_model: Evaluation,
    /// At the same price: what was asked of the rules alone, a part of it exchanged.
    pub swapped: Vec<Swapped>,
}

/// Evaluates a policy without and with a model's part (`[model]` and the rules that ask for it) appended to it.
///
/// # Errors
/// As [`evaluate`]; the part holds no model.
pub fn evaluate_with_model(
    options: &EvaluateOptions,
    part: &str,
    watch: &Watch,
) -> Result<WithModel, EvaluateError> {
    let with_model = EvaluateOptions { policy: format!("{}\n{part}", options.policy), ..options.clone() };
    let model = Policy::compile(&with_model.policy, 1)?.model().cloned().ok_or(EvaluateError::NoModel)?;
    let (rules, questions) = evaluate_recorded(options, watch)?;
    let swapped = swap::swapped(&model, &questions);
    drop(questions);
    let with_model = evaluate(&with_model, watch)?;
    Ok(WithModel { digest: model.digest(), rules, with_model, swapped })
}

/// [`evaluate`], and every question that was asked.
pub(crate) fn evaluate_recorded(
    options: &EvaluateOptions,
    watch: &Watch,
) -> Result<(Evaluation, Vec<Question>), EvaluateError> {
    let policy = Arc::new(Policy::compile(&options.policy, 1)?);
    let questions = Questions::default();
    let evaluation = each_brokerage(options, &policy, watch, |seed, intel| {
        let local = Local::new(Arc::clone(&policy), intel, seed)?;
        Ok(Recorder { local, questions: Rc::clone(&questions) })
    })?;
    Ok((evaluation, questions.take()))
}

/// The same against a server that knows nothing yet and has this policy and the intel that [`write_intel`] writes for the seed.
///
/// # Errors
/// As [`evaluate`]; more than one seed; the server cannot be reached or answers with a problem.
pub fn evaluate_against(
    options: &EvaluateOptions,
    (target, key): (&Target, &str),
    watch: &Watch,
) -> Result<Evaluation, EvaluateError> {
    if options.seeds.len() != 1 {
        return Err(EvaluateError::Seeds { came: options.seeds.len(), max: 1 });
    }
    let policy = Arc::new(Policy::compile(&options.policy, 1)?);
    each_brokerage(options, &policy, watch, |_, _| {
        Ok(remote::Remote::new(target.clone(), key.to_owned(), Arc::clone(&policy)))
    })
}

/// Writes what is publicly known of the networks of one brokerage into a folder, for a server that is to be evaluated.
///
/// # Errors
/// Options out of their limits, failing writes.
pub fn write_intel(options: &EvaluateOptions, seed: u64, folder: &Path) -> Result<(), EvaluateError> {
    Ok(Brokerage::new(&options.simulation(seed))?.write_intel(folder)?)
}

fn each_brokerage<J: judge::Judge>(
    options: &EvaluateOptions,
    policy: &Policy,
    watch: &Watch,
    mut judge: impl FnMut(u64, &Path) -> Result<J, EvaluateError>,
) -> Result<Evaluation, EvaluateError> {
    options.check()?;
    let days = u64::from(options.history_days.saturating_add(ASKED_DAYS));
    watch.expect(days.saturating_mul(u64::try_from(options.seeds.len()).unwrap_or(u64::MAX)));
    let mut sum = Sum {
        honest: Vec::new(),
        attacks: BTreeMap::new(),
        campaigns: CampaignFigures::default(),
        rules: vec![RuleWork::default(); policy.rules().len()],
        digests: Vec::new(),
        asked: 0,
    };
    for seed in &options.seeds {
        let mut brokerage = Brokerage::new(&options.simulation(*seed))?;
        let folder = tempfile::tempdir().map_err(EvaluateError::Folder)?;
        brokerage.write_intel(folder.path())?;
        let mut judge = judge(*seed, folder.path())?;
        let customers = usize::try_from(options.customers).unwrap_or(0);
        let counts = Counts::new(customers, policy, &options.policy)?;
        let run = Run::new(&mut judge, &mut brokerage, (*seed, options.attacker), counts)?;
        let (counts, courses, told) = run.live(watch)?;
        sum.campaigns.merge(&CampaignFigures::of(&told, &counts.tries, &courses));
        sum.add(&counts, counts.attacks(&courses));
    }
    Ok(sum.evaluation(options, policy))
}

impl Sum {
    fn add(&mut self, counts: &Counts, attacks: BTreeMap<&'static str, AttackFigures>) {
        self.honest.extend_from_slice(&counts.honest);
        for (attack, figures) in attacks {
            self.attacks.entry(attack).or_default().merge(&figures);
        }
        for (sum, work) in self.rules.iter_mut().zip(&counts.rules) {
            sum.add(work);
        }
        self.digests.push(format!("{:016x}", counts.digest));
        self.asked = self.asked.saturating_add(counts.asked);
    }

    fn evaluation(self, options: &EvaluateOptions, policy: &Policy) -> Evaluation {
        let honest = HonestFigures::of(&self.honest, options.seeds.first().copied().unwrap_or(0));
        let mut bars = figures::bars(&honest, &self.attacks);
        bars.extend(self.campaigns.bars());
        let rules = policy.rules().iter().map(|rule| rule.name.clone()).zip(self.rules).collect();
        Evaluation {
            customers: options.customers,
            seeds: options.seeds.clone(),
            attacker: options.attacker,
            asked: self.asked,
            digests: self.digests,
            honest,
            attacks: self.attacks,
            campaigns: self.campaigns,
            rules,
            bars,
        }
    }
}

/// The policy without one of its rules; none where it has no such rule.
///
/// # Errors
/// The text is no policy.
pub fn without_rule(policy: &str, name: &str) -> Result<Option<String>, EvaluateError> {
    let mut table: toml::Table = toml::from_str(policy)?;
    let Some(toml::Value::Array(rules)) = table.get_mut("rule") else { return Ok(None) };
    let before = rules.len();
    rules.retain(|rule| rule.get("name").and_then(toml::Value::as_str) != Some(name));
    if rules.len() == before {
        return Ok(None);
    }
    Ok(Some(toml::to_string(&table).map_err(EvaluateError::PolicyText)?))
}
