//! `sekisho lab evaluate`: a policy on simulated brokerages. Must not know how anything is counted.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use engine::Policy;
use lab::evaluate::{
    AttackFigures, Bar, CampaignFigures, CurvesOptions, EvaluateOptions, Evaluation, HISTORY_DAYS, Interval,
    Split, curves, evaluate, evaluate_against, evaluate_with_model, without_rule, write, write_curves,
    write_intel,
};
use lab::http::Target;
use lab::simulate::{Agents, Attack, Attacker, Knowledge as _, Proxies};

use crate::session::{Session, Stopwatch};
use crate::{inputs, say};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Attacks to plant [default: all of the split].
    #[arg(long, value_delimiter = ',', num_args = 1..)]
    attack: Vec<String>,
    /// Brokerages: the first so many seeds of the split.
    #[arg(long, default_value_t = 10)]
    seeds: usize,
    /// These seeds instead.
    #[arg(long, value_delimiter = ',', num_args = 1.., conflicts_with = "seeds")]
    seed: Vec<u64>,
    /// `tune` or `report`: which seeds and attacks (crates/lab/evaluation-split.toml). They are never mixed.
    #[arg(long, default_value = "report")]
    split: String,
    /// The policy [default: the shipped one].
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Customers of each brokerage.
    #[arg(long, default_value_t = 2_000)]
    customers: u32,
    /// Days of facts before the first question.
    #[arg(long, default_value_t = HISTORY_DAYS)]
    history_days: u32,
    #[command(flatten)]
    attacker: AttackerArgs,
    /// Also evaluate without each rule in turn.
    #[arg(long)]
    ablation: bool,
    /// Also with this model, a part of a policy that `sekisho lab train` made: beside the rules alone, and at the same price.
    #[arg(long, conflicts_with_all = ["ablation", "against", "curves"])]
    model: Option<PathBuf>,
    /// Instead: catch rate against re-authentication rate of login.score and of the policy, for the four attackers.
    #[arg(long, conflicts_with_all = ["ablation", "against"])]
    curves: bool,
    /// Folder for results.json, plots and the report.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Ask this server instead of the engine in this process; it must know nothing yet and have the intel of --write-intel.
    #[arg(long)]
    against: Option<String>,
    /// The server's admin key; else SEKISHO_KEY from the environment.
    #[arg(long, requires = "against")]
    key_file: Option<PathBuf>,
    /// Only write the networks' files for the first seed into this folder, for a server.
    #[arg(long)]
    write_intel: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AttackerArgs {
    /// How attackers go about it: naive, vpn, targeted, very-targeted.
    #[arg(long, default_value = "targeted")]
    attacker: String,
    /// Where from: anywhere, vpn, city, neighbour [default: the attacker's].
    #[arg(long)]
    proxies: Option<String>,
    /// With which clients: own, common, victims [default: the attacker's].
    #[arg(long)]
    agents: Option<String>,
    /// Days between steps [default: the attacker's].
    #[arg(long, value_parser = clap::value_parser!(u64).range(0..=30))]
    patience_days: Option<u64>,
    /// No withdrawal above, in yen; 0 for no limit [default: the attacker's].
    #[arg(long)]
    amount_max: Option<u64>,
    /// How often an attacker who was stopped comes back [default: the attacker's].
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=20))]
    retries: Option<u32>,
}

impl AttackerArgs {
    pub(crate) fn attacker(&self) -> anyhow::Result<Attacker> {
        let mut attacker = Attacker::of_word(&self.attacker)?;
        if let Some(word) = &self.proxies {
            attacker.proxies = Proxies::of_word(word)?;
        }
        if let Some(word) = &self.agents {
            attacker.agents = Agents::of_word(word)?;
        }
        attacker.patience_days = self.patience_days.unwrap_or(attacker.patience_days);
        attacker.retries = self.retries.unwrap_or(attacker.retries);
        if let Some(yen) = self.amount_max {
            attacker.amount_max_jpy = (yen > 0).then_some(yen);
        }
        Ok(attacker)
    }
}

impl Args {
    fn options(&self) -> anyhow::Result<EvaluateOptions> {
        let split = match self.split.as_str() {
            "tune" => Split::Tune,
            "report" => Split::Report,
            other => bail!("split: came {other:?}; allowed: tune, report"),
        };
        let attacks: Vec<Attack> = match self.attack.as_slice() {
            [] => split.attacks()?,
            words => words.iter().map(|word| word.parse()).collect::<Result<_, _>>()?,
        };
        let seeds = if self.seed.is_empty() { split.seeds(self.seeds)? } else { self.seed.clone() };
        split.check(&seeds, &attacks)?;
        Ok(EvaluateOptions {
            customers: self.customers,
            history_days: self.history_days,
            seeds,
            attacks,
            attacker: self.attacker.attacker()?,
            policy: policy(self.policy.as_deref())?,
        })
    }
}

/// The policy in a file, or the shipped one.
pub(crate) fn policy(path: Option<&Path>) -> anyhow::Result<String> {
    path.map_or(Ok(Policy::SHIPPED.to_owned()), |path| {
        std::fs::read_to_string(path).with_context(|| format!("{}: reading failed", path.display()))
    })
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<ExitCode> {
    let options = args.options()?;
    if let Some(folder) = &args.write_intel {
        let seed = options.seeds.first().copied().context("a seed is needed")?;
        write_intel(&options, seed, folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.curves {
        return draw(args, &options, session);
    }
    if let Some(model) = &args.model {
        return compare(args, model, &options, session);
    }
    let timer = Stopwatch::start();
    let evaluation = match &args.against {
        Some(url) => {
            let target = Target::parse(url, false)?;
            let key = inputs::key(args.key_file.as_deref())?;
            session.watched("evaluate", false, |watch| evaluate_against(&options, (&target, &key), watch))?
        }
        None => session.watched("evaluate", false, |watch| evaluate(&options, watch))?,
    };
    show(&evaluation);
    say::note(format!("{:.1} s", timer.seconds()));
    if args.ablation {
        ablation(&options, &evaluation, session)?;
    }
    if let Some(out) = &args.out {
        write(&evaluation, out)?;
    }
    Ok(if evaluation.bars.iter().any(Bar::is_missed) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The rules alone, and with a model.
fn compare(
    args: &Args,
    model: &Path,
    options: &EvaluateOptions,
    session: &Session,
) -> anyhow::Result<ExitCode> {
    let part =
        std::fs::read_to_string(model).with_context(|| format!("{}: reading failed", model.display()))?;
    let timer = Stopwatch::start();
    let found = session.watched("evaluate", false, |watch| evaluate_with_model(options, &part, watch))?;
    for (title, evaluation) in [("rules alone", &found.rules), ("rules and model", &found.with_model)] {
        say::line(format!("== {title}"));
        show(evaluation);
        say::line("");
    }
    say::line("== at the same price, on the questions of the rules alone");
    let words = ["questions", "exchanged", "honest", "not let through", "attackers'", "not let through"];
    let mut rows = vec![words.map(str::to_owned).to_vec()];
    for swapped in &found.swapped {
        let share = |part: u64, of: u64| {
            let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            format!("{} ({:.2} %)", say::thousands(part), 100.0 * number(part) / number(of.max(1)))
        };
        rows.push(vec![
            swapped.group.to_owned(),
            match swapped.exchanged_permille {
                0 => "rules alone".to_owned(),
                1_000 => "model alone".to_owned(),
                permille => format!("{} %", permille / 10),
            },
            say::thousands(swapped.honest),
            share(swapped.honest_stopped, swapped.honest),
            say::thousands(swapped.fraud),
            share(swapped.fraud_stopped, swapped.fraud),
        ]);
    }
    say::table(&rows);
    say::note(format!("model {}; {:.1} s", found.digest, timer.seconds()));
    if let Some(out) = &args.out {
        write(&found.with_model, out)?;
        write_json(&found, &out.join("with-model.json"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_json(value: &impl serde::Serialize, path: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(path, text).with_context(|| format!("{}: writing failed", path.display()))
}

fn draw(args: &Args, options: &EvaluateOptions, session: &Session) -> anyhow::Result<ExitCode> {
    let asked = CurvesOptions {
        customers: options.customers,
        seeds: options.seeds.clone(),
        policy: options.policy.clone(),
    };
    let drawn = session.watched("curves", false, |watch| curves(&asked, watch))?;
    let words = [
        "by",
        "attacker",
        "history",
        "customers",
        "attempts",
        "99 %",
        "99.5 %",
        "99.9 %",
        "published",
        "as shipped: caught, median, mean",
    ];
    let mut rows = vec![words.map(str::to_owned).to_vec()];
    for curve in &drawn.curves {
        let last: Vec<String> =
            curve.points.iter().rev().take(3).rev().map(|point| format!("{:.2}", point.median)).collect();
        let published = curve.published.map(|rates| rates.map(|rate| format!("{rate:.2}")).join(" "));
        let operating =
            curve.operating.map(|at| format!("{:.3}, {:.2}, {:.3}", at.catch, at.median, at.mean));
        let mut row = vec![curve.by.to_owned(), curve.attacker.to_owned(), curve.history.to_string()];
        row.extend([curve.customers.to_string(), curve.attempts.to_string()]);
        row.extend(last);
        row.extend([published.unwrap_or_default(), operating.unwrap_or_default()]);
        rows.push(row);
    }
    say::table(&rows);
    if let Some(out) = &args.out {
        write_curves(&drawn, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(evaluation: &Evaluation) {
    let words = [
        "attack",
        "victims",
        "entered",
        "unharmed",
        "withdrawals",
        "stopped",
        "orders",
        "stopped",
        "first noticed (event, after; median)",
    ];
    let mut rows = vec![words.map(str::to_owned).to_vec()];
    for (attack, figures) in evaluation.attacks.iter().filter(|(_, figures)| figures.victims > 0) {
        rows.push(row(attack, figures));
    }
    say::table(&rows);
    say::line("");
    show_campaigns(&evaluation.campaigns);
    let honest = &evaluation.honest;
    let mut rows =
        vec![["honest customers, per 1,000", "", "95 % interval", "times", "of"].map(str::to_owned).to_vec()];
    for (what, rate) in [
        ("logins asked for proof", honest.login_step_up),
        ("logins refused", honest.login_denied),
        ("withdrawals asked for proof", honest.withdrawal_step_up),
        ("withdrawals held or refused", honest.withdrawal_stopped),
        ("changes asked for proof", honest.change_step_up),
        ("changes held or refused", honest.change_stopped),
        ("orders asked for proof", honest.order_step_up),
        ("orders held or refused", honest.order_stopped),
        ("anything held or refused", honest.stopped),
    ] {
        rows.push(honest_row(what, rate));
    }
    say::table(&rows);
    say::line("");
    let mut rows =
        vec![["rule", "honest fired", "decisive", "fraud fired", "decisive", ""].map(str::to_owned).to_vec()];
    for (name, work) in &evaluation.rules {
        let by = |counts: [u64; 4]| counts.map(say::thousands).join("/");
        rows.push(vec![
            name.clone(),
            by(work.honest_fired),
            by(work.honest_decisive),
            by(work.fraud_fired),
            by(work.fraud_decisive),
            String::new(),
        ]);
    }
    say::table(&rows);
    say::line("(login/change/withdrawal/order)");
    for bar in &evaluation.bars {
        let (sign, bar_is) = (if bar.at_least { "≥" } else { "≤" }, bar.bar_per_mille / 10.0);
        let Some(per_mille) = bar.per_mille else {
            say::line(format!("–       {}: nothing to measure (bar {sign} {bar_is} %)", bar.name));
            continue;
        };
        let word = if bar.is_missed() { "MISSED" } else { "held" };
        say::line(format!(
            "{word:<7} {}: {:.2} % of {} (bar {sign} {bar_is} %)",
            bar.name,
            per_mille / 10.0,
            say::thousands(bar.of)
        ));
    }
}

fn show_campaigns(campaigns: &CampaignFigures) {
    let words = [
        "campaigns",
        "recognised",
        "at login, after, after the 20th (median)",
        "campaigns",
        "entered",
        "listed",
        "others listed",
    ];
    let mut rows = vec![words.map(str::to_owned).to_vec()];
    for (attack, counts) in &campaigns.attacks {
        let mut recognised = counts.recognised.clone();
        recognised.sort_unstable();
        let middle = recognised.get(recognised.len() / 2);
        let moment = middle.map_or("never".to_owned(), |middle| {
            let after_20th = middle.after_20th_s.map_or("–".to_owned(), signed);
            format!("{}, {}, {after_20th}", middle.login, time(middle.after_first_s))
        });
        rows.push(vec![
            (*attack).to_owned(),
            format!("{} of {}", recognised.len(), counts.brokerages),
            moment,
            say::thousands(counts.campaigns),
            say::thousands(counts.entered),
            say::thousands(counts.entered_listed),
            say::thousands(counts.others_listed),
        ]);
    }
    say::table(&rows);
    say::line(format!(
        "campaigns: {} hold an attack, {} only the guesses that are always there, {} no attacker; {} others listed as entered",
        campaigns.of_attacks, campaigns.of_background, campaigns.of_nobody, campaigns.others_listed
    ));
    say::line("");
}

fn signed(seconds: i64) -> String {
    if seconds < 0 { format!("-{}", time(seconds.saturating_neg())) } else { time(seconds) }
}

fn row(attack: &str, figures: &AttackFigures) -> Vec<String> {
    let share = |intended: &lab::evaluate::Intended| {
        if intended.all == 0 { "–".to_owned() } else { per_mille(intended.stopped_permille()) }
    };
    let mut noticed = figures.noticed.clone();
    noticed.sort_unstable();
    let middle = noticed.get(noticed.len() / 2);
    let noticed = middle.map_or("never".to_owned(), |middle| {
        format!("{} of {}: {}, {}", noticed.len(), figures.brokerages, middle.event, time(middle.after_s))
    });
    vec![
        attack.to_owned(),
        say::thousands(figures.victims),
        say::thousands(figures.entered),
        say::thousands(figures.victims_unharmed),
        say::thousands(figures.withdrawals.all),
        share(&figures.withdrawals),
        say::thousands(figures.orders.all),
        share(&figures.orders),
        noticed,
    ]
}

fn per_mille(permille: u64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

fn time(seconds: i64) -> String {
    match seconds {
        0..600 => format!("{seconds} s"),
        600..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn honest_row(what: &str, rate: Interval) -> Vec<String> {
    vec![
        what.to_owned(),
        format!("{:.2}", rate.per_mille),
        format!("{:.2} – {:.2}", rate.low, rate.high),
        say::thousands(rate.times),
        say::thousands(rate.of),
    ]
}

/// The same brokerages without each rule in turn. Without one that decided no answer every answer is the same, and so is everything after it.
fn ablation(options: &EvaluateOptions, whole: &Evaluation, session: &Session) -> anyhow::Result<()> {
    let words = [
        "without",
        "withdrawals stopped",
        "orders stopped",
        "logins asked",
        "withdrawals asked",
        "held or refused",
        "",
    ];
    let mut rows = vec![words.map(str::to_owned).to_vec(), ablation_row("(nothing)", whole)];
    let mut idle = Vec::new();
    for (name, work) in &whole.rules {
        if work.honest_decisive.iter().chain(&work.fraud_decisive).all(|times| *times == 0) {
            idle.push(name.as_str());
            continue;
        }
        let Some(policy) = without_rule(&options.policy, name)? else { continue };
        let without = EvaluateOptions { policy, ..options.clone() };
        let evaluation = session.watched("ablation", false, |watch| evaluate(&without, watch))?;
        rows.push(ablation_row(name, &evaluation));
    }
    say::line("");
    say::table(&rows);
    if !idle.is_empty() {
        say::line(format!("as with all of them without any one of: {}", idle.join(", ")));
    }
    Ok(())
}

fn ablation_row(name: &str, evaluation: &Evaluation) -> Vec<String> {
    let bar = |place: usize| {
        let measured = evaluation.bars.get(place).and_then(|bar| bar.per_mille);
        measured.map_or("–".to_owned(), |per_mille| format!("{per_mille:.1} ‰"))
    };
    let honest = &evaluation.honest;
    vec![
        name.to_owned(),
        bar(0),
        bar(1),
        format!("{:.2} ‰", honest.login_step_up.per_mille),
        format!("{:.2} ‰", honest.withdrawal_step_up.per_mille),
        format!("{:.2} ‰", honest.stopped.per_mille),
        String::new(),
    ]
}
