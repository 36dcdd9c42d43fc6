//! `sekisho lab train`: a model as a part of a policy. Must not know how it is trained.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use lab::evaluate::{EvaluateOptions, HISTORY_DAYS, Split};
use lab::simulate::{Attack, Attacker, Knowledge as _};
use lab::train::{JournalOptions, TrainOptions, Trained, train_on_journal, train_on_simulation};
use server::backtest::{BacktestOptions, LABEL_DAYS, LABEL_DAYS_MAX};

use crate::session::{Session, Stopwatch};
use crate::{evaluate, inputs, say};

/// Signals of a card that are told; the file has all of them.
const SIGNALS_TOLD: usize = 8;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// File for the model and the rules that ask for it: a part of a policy, to be appended to one.
    #[arg(long)]
    out: PathBuf,
    /// The policy to which it is to be added; its rules answer while questions are gathered [default: the shipped one].
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Of a thousand honest questions of a kind that the rules let through, so many may be asked for proof by the model's rule.
    #[arg(long, default_value_t = 1.0)]
    price: f64,
    /// Simulated brokerages: the first so many seeds for tuning.
    #[arg(long, default_value_t = 8, conflicts_with = "data")]
    seeds: usize,
    /// These seeds instead; those that results are reported on are refused.
    #[arg(long, value_delimiter = ',', num_args = 1.., conflicts_with_all = ["seeds", "data"])]
    seed: Vec<u64>,
    /// Attacks to plant [default: all for tuning].
    #[arg(long, value_delimiter = ',', num_args = 1.., conflicts_with = "data")]
    attack: Vec<String>,
    /// Customers of each brokerage.
    #[arg(long, default_value_t = 2_000, conflicts_with = "data")]
    customers: u32,
    /// Days of facts before the first question.
    #[arg(long, default_value_t = HISTORY_DAYS, conflicts_with = "data")]
    history_days: u32,
    /// Instead of simulations: a server's data folder, whose journal holds questions and feedback.
    #[arg(long)]
    data: Option<PathBuf>,
    /// With --data: history of the time before the journal, where its beginning was trimmed.
    #[arg(long, num_args = 1.., requires = "data")]
    history: Vec<PathBuf>,
    /// With --data: questions about what happened from then on.
    #[arg(long, requires = "data")]
    from: Option<String>,
    /// With --data: questions about what happened before that. Leave out the last weeks: their fraud is not reported yet.
    #[arg(long, requires = "data")]
    to: Option<String>,
    /// Time zone of --from and --to where they have none [default: UTC].
    #[arg(long)]
    timezone: Option<String>,
    /// With --data: how many days before a piece of feedback it labels, 1 to 400.
    #[arg(long, default_value_t = LABEL_DAYS)]
    label_days: u16,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<ExitCode> {
    if !(0.0..=100.0).contains(&args.price) {
        bail!("--price came {}; allowed: 0 to 100 of a thousand", args.price);
    }
    let options = TrainOptions {
        policy: evaluate::policy(args.policy.as_deref())?,
        price_per_mille: args.price,
        command: command(),
    };
    let timer = Stopwatch::start();
    let trained = match &args.data {
        Some(data) => {
            let journal = args.journal(data)?;
            session.watched("train", false, |watch| train_on_journal(&journal, &options, watch))?
        }
        None => {
            let simulation = args.simulation(options.policy.clone())?;
            session.watched("train", false, |watch| train_on_simulation(&simulation, &options, watch))?
        }
    };
    std::fs::write(&args.out, &trained.text)
        .with_context(|| format!("{}: writing failed", args.out.display()))?;
    tell(&trained);
    say::line(format!("{}: model {}, {:.1} s", args.out.display(), trained.model.digest(), timer.seconds()));
    say::line(format!(
        "try it: sekisho lab evaluate --model {0}; use it: append {0} to a policy (docs/learning.md)",
        args.out.display()
    ));
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn simulation(&self, policy: String) -> anyhow::Result<EvaluateOptions> {
        let attacks: Vec<Attack> = match self.attack.as_slice() {
            [] => Split::Tune.attacks()?,
            words => words.iter().map(|word| word.parse()).collect::<Result<_, _>>()?,
        };
        let seeds = if self.seed.is_empty() { Split::Tune.seeds(self.seeds)? } else { self.seed.clone() };
        Ok(EvaluateOptions {
            customers: self.customers,
            history_days: self.history_days,
            seeds,
            attacks,
            attacker: Attacker::of_word("targeted")?,
            policy,
        })
    }

    fn journal(&self, data: &Path) -> anyhow::Result<JournalOptions> {
        if !(1..=LABEL_DAYS_MAX).contains(&self.label_days) {
            bail!("--label-days came {}; allowed: 1 to {LABEL_DAYS_MAX}", self.label_days);
        }
        let time = |text: &Option<String>| {
            text.as_deref().map(|text| inputs::time(text, self.timezone.as_deref())).transpose()
        };
        let options =
            BacktestOptions { from: time(&self.from)?, to: time(&self.to)?, label_days: self.label_days };
        Ok(JournalOptions { data: data.to_owned(), history: self.history.clone(), options })
    }
}

/// What was typed, for the file; at most 500 bytes.
fn command() -> String {
    let words = std::env::args().skip(1);
    let typed = std::iter::once("sekisho".to_owned()).chain(words).collect::<Vec<String>>().join(" ");
    let mut short = String::new();
    for character in typed.chars().take_while(|character| !character.is_control()) {
        if short.len() + character.len_utf8() > 500 {
            break;
        }
        short.push(character);
    }
    short
}

fn tell(trained: &Trained) {
    let words = ["questions", "trained on", "fraud", "held back", "fraud", "AUC", "rule from"];
    let mut rows = vec![words.map(str::to_owned).to_vec()];
    for group in &trained.groups {
        let count = |number: usize| say::thousands(u64::try_from(number).unwrap_or(u64::MAX));
        let auc = if group.from.is_some() { format!("{:.4}", group.auc) } else { "–".to_owned() };
        rows.push(vec![
            group.group.to_owned(),
            count(group.trained.0),
            count(group.trained.1),
            count(group.held_back.0),
            count(group.held_back.1),
            auc,
            group.from.map_or_else(|| "too little".to_owned(), |from| format!("{from} points")),
        ]);
    }
    say::table(&rows);
    for card in &trained.model.cards {
        let first = card.kinds.first().map_or("", |kind| kind.as_str());
        let mut spread: Vec<(i32, &str)> = card
            .signals
            .iter()
            .map(|scored| {
                let (most, least) = (scored.points.iter().max(), scored.points.iter().min());
                (most.unwrap_or(&0).saturating_sub(*least.unwrap_or(&0)), scored.signal.name())
            })
            .collect();
        spread.sort_unstable_by(|one, other| other.cmp(one));
        let told: Vec<String> =
            spread.iter().take(SIGNALS_TOLD).map(|(points, name)| format!("{name} {points}")).collect();
        say::line("");
        say::line(format!(
            "{first} …: {} signals; points between their bins: {}",
            spread.len(),
            told.join(", ")
        ));
        for band in card.bands.iter().rev().filter(|band| band.fraud > 0) {
            let share = 100.0 * number(band.fraud) / number(band.questions.max(1));
            say::line(format!(
                "  from {:>5} points: {} questions held back, {share:.1} % fraud",
                band.from,
                say::thousands(band.questions)
            ));
        }
    }
}

fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
