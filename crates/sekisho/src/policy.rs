//! `sekisho policy`: a candidate against the journal, and a decision taken apart. What that means is the server's; here are
//! arguments and tables.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use engine::Policy;
use server::backtest::{
    Backtest, BacktestOptions, LABEL_DAYS, LABEL_DAYS_MAX, Stopped, backtest, backtest_history,
};
use server::comparison::Pair;
use server::explain::{Explanation, ModelExplained, explain};
use server::past::{Base, Memory, Past, PastError};

use crate::session::{Session, Stopwatch};
use crate::{inputs, say};

/// Rules told; all of them with --json.
const RULES_TOLD: usize = 20;
/// Examples told; all that are kept with --json.
const EXAMPLES_TOLD: usize = 20;

/// Signals of a model told; all of them with --json.
const PARTS_TOLD: usize = 10;

/// Shown under `--help`.
const EXAMPLES: &str = "\
Examples:
  sekisho policy backtest --policy candidate.toml --from 2026-01-01 --timezone Asia/Tokyo
  sekisho policy backtest --version 3 --data sekisho-data --json
  sekisho policy backtest --policy candidate.toml --history-alone --history imported --against live.toml
  sekisho policy explain w-1

Both only read, also while a server runs on the folder. See docs/backtest.md.";

#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// Weigh the journal's questions by a candidate beside what was really answered.
    Backtest(BacktestArgs),
    /// Show every signal, rule and point of a decision, recomputed from the journal.
    Explain {
        /// The event's identifier.
        event: String,
        #[command(flatten)]
        past: PastArgs,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct BacktestArgs {
    /// The candidate (TOML); the shipped policy without it and --version.
    #[arg(long)]
    policy: Option<PathBuf>,
    /// The candidate: a version the server has had.
    #[arg(long, conflicts_with = "policy")]
    version: Option<u32>,
    /// Questions about what happened from then on.
    #[arg(long)]
    from: Option<String>,
    /// Questions about what happened before that.
    #[arg(long)]
    to: Option<String>,
    /// Time zone of --from and --to where they have none [default: UTC].
    #[arg(long)]
    timezone: Option<String>,
    /// How many days before a piece of feedback it labels, 1 to 400.
    #[arg(long, default_value_t = LABEL_DAYS)]
    label_days: u16,
    /// Without a journal: what was attempted or succeeded in --history stands for the questions.
    #[arg(long, requires = "history", conflicts_with_all = ["data", "version"])]
    history_alone: bool,
    /// With --history-alone: the policy (TOML) to compare with; the shipped policy without it.
    #[arg(long, requires = "history_alone")]
    against: Option<PathBuf>,
    /// With --history-alone: country, autonomous systems, lists as of today; see docs/intel.md. A server recorded them with its events.
    #[arg(long, requires = "history_alone")]
    intel: Option<PathBuf>,
    #[command(flatten)]
    past: PastArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PastArgs {
    /// The server's data folder.
    #[arg(long, default_value = "sekisho-data")]
    data: PathBuf,
    /// History of the time before the journal's first input, where its beginning was trimmed: files, or folders of them
    /// [default: `history` in the data folder].
    #[arg(long, num_args = 1..)]
    history: Vec<PathBuf>,
}

pub(crate) fn run(command: &Command, session: &Session) -> anyhow::Result<ExitCode> {
    match command {
        Command::Backtest(args) => run_backtest(args, session),
        Command::Explain { event, past, json } => run_explain(event, past, *json, session),
    }
}

fn run_backtest(args: &BacktestArgs, session: &Session) -> anyhow::Result<ExitCode> {
    let time = |text: &Option<String>| {
        text.as_deref().map(|text| inputs::time(text, args.timezone.as_deref())).transpose()
    };
    if !(1..=LABEL_DAYS_MAX).contains(&args.label_days) {
        bail!("--label-days came {}; allowed: 1 to {LABEL_DAYS_MAX}", args.label_days);
    }
    let options =
        BacktestOptions { from: time(&args.from)?, to: time(&args.to)?, label_days: args.label_days };
    let candidate = candidate(args)?;
    let timer = Stopwatch::start();
    let PastArgs { data, history } = &args.past;
    let found = if args.history_alone {
        let against = args.against.as_deref().map_or_else(|| Ok(Policy::SHIPPED.to_owned()), read)?;
        let against = Policy::compile(&against, 0).context("the policy of --against is refused")?;
        let intel = Arc::new(inputs::intel(args.intel.as_deref(), None)?);
        session.watched("backtest", false, |watch| {
            let within = (&options, Memory::default());
            backtest_history(history, intel, (&against, &candidate), within, watch)
        })
    } else {
        session.watched("backtest", false, |watch| {
            backtest(Past::open(data, history, Memory::default(), watch)?, &candidate, &options, watch)
        })
    };
    let found = found.map_err(past_error)?;
    if args.json {
        say::line(serde_json::to_string_pretty(&found)?);
    } else {
        tell(&found, timer.seconds());
    }
    Ok(ExitCode::SUCCESS)
}

/// The candidate, compiled.
fn candidate(args: &BacktestArgs) -> anyhow::Result<Policy> {
    let text = match (&args.policy, args.version) {
        (Some(path), _) => read(path)?,
        (None, Some(version)) => server::past::policy_text(&args.past.data, version)?
            .with_context(|| format!("{}: there is no policy {version}", args.past.data.display()))?,
        (None, None) => Policy::SHIPPED.to_owned(),
    };
    Policy::compile(&text, args.version.unwrap_or(0)).context("the candidate is refused")
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{}: reading failed", path.display()))
}

/// A stop on request is told as one.
pub(crate) fn past_error(error: PastError) -> anyhow::Error {
    match error {
        PastError::History(error) => error.into(),
        error => error.into(),
    }
}

fn tell(found: &Backtest, seconds: f64) {
    let span = match (&found.first, &found.last) {
        (Some(first), Some(last)) => format!(", of {first} to {last}"),
        _ => String::new(),
    };
    say::line(format!(
        "{} questions weighed{span}; {} inputs told again in {seconds:.1} s",
        say::thousands(found.questions),
        say::thousands(found.inputs)
    ));
    tell_base(&found.base);
    if found.unreadable > 0 {
        say::line(format!(
            "{} answers cannot be read by this version and are not compared",
            say::thousands(found.unreadable)
        ));
    }
    if found.questions == 0 {
        say::line(format!("there is nothing to compare: {}", no_questions(found)));
        return;
    }
    say::line("");
    tell_matrix("answered \\ candidate", &found.pairs);
    say::line(format!(
        "the same on {}, another on {}",
        say::thousands(found.same),
        say::thousands(found.questions.saturating_sub(found.same))
    ));
    tell_rules(found);
    tell_labels(found);
    if !found.examples.is_empty() {
        say::line("");
        for example in found.examples.iter().take(EXAMPLES_TOLD) {
            say::line(format!(
                "{} {} {} {}: {} {} → {} {} ({})",
                example.id,
                example.time,
                example.kind,
                example.customer.as_deref().unwrap_or("–"),
                example.live.decision.as_str(),
                example.live.score,
                example.candidate.decision.as_str(),
                example.candidate.score,
                example.candidate.rules.join(", ")
            ));
        }
    }
}

/// Why there may be none, and what to do.
const fn no_questions(found: &Backtest) -> &'static str {
    match found.inputs {
        0 => "there are no events",
        _ if found.unreadable > 0 => "no answer can be read",
        _ => "no questions in this span; look at --from, --to and --timezone, or leave them out",
    }
}

fn tell_base(base: &Base) {
    say::line(match base.from {
        "history" | "bootstrap and history" => format!(
            "base: {}: {} events of history, then the journal from input {}",
            base.from,
            say::thousands(base.history_events),
            say::thousands(base.first_seq)
        ),
        "history alone" => {
            format!("base: history alone: {} events, no journal", say::thousands(base.history_events))
        }
        "bootstrap" => {
            format!("base: the bootstrap, then the journal from input {}", say::thousands(base.first_seq))
        }
        _ => "base: the journal from its beginning".to_owned(),
    });
    base.notes.iter().for_each(|note| say::line(format!("  {note}")));
}

fn tell_matrix(title: &str, pairs: &[Pair]) {
    let words = engine::Verdict::ALL.map(engine::Verdict::as_str);
    let mut rows: Vec<Vec<String>> =
        vec![std::iter::once(title).chain(words).chain([""]).map(str::to_owned).collect()];
    for live in engine::Verdict::ALL {
        let count = |candidate| {
            let pair = pairs.iter().find(|pair| pair.live == live && pair.candidate == candidate);
            say::thousands(pair.map_or(0, |pair| pair.count))
        };
        let counts = engine::Verdict::ALL.map(count);
        rows.push(std::iter::once(live.as_str().to_owned()).chain(counts).chain([String::new()]).collect());
    }
    say::table(&rows);
}

fn tell_rules(found: &Backtest) {
    let header = ["rule", "fired", "would fire", "gained", "lost", "changed answers"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for rule in found.rules.iter().take(RULES_TOLD) {
        let counts = [rule.live, rule.candidate, rule.gained, rule.lost].map(say::thousands);
        let changed: Vec<String> = rule.changed.iter().map(arrow).collect();
        rows.push(std::iter::once(rule.rule.clone()).chain(counts).chain([changed.join(" · ")]).collect());
    }
    say::line("");
    say::table(&rows);
    if found.rules.len() > RULES_TOLD {
        say::line(format!("{RULES_TOLD} of {} rules are shown; --json has all", found.rules.len()));
    }
}

fn arrow(pair: &Pair) -> String {
    format!("{}→{} {}", pair.live.as_str(), pair.candidate.as_str(), say::thousands(pair.count))
}

fn tell_labels(found: &Backtest) {
    let labelled = &found.labelled;
    if labelled.feedback.is_empty() {
        say::line("no feedback in the journal: what it would have caught is not known");
        return;
    }
    let feedback: Vec<String> =
        labelled.feedback.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    say::line("");
    say::line(format!("feedback: {}; each labels {} days before it", feedback.join(" · "), labelled.days));
    let line = |what: &str, stopped: &Stopped| {
        if stopped.customers == 0 {
            return;
        }
        say::line(format!(
            "{what}: {} customers; held or refused of {}, by the candidate of {}; paid {}, with the candidate {}",
            say::thousands(stopped.customers),
            say::thousands(stopped.customers_stopped),
            say::thousands(stopped.customers_stopped_by_candidate),
            say::thousands(stopped.customers_paid),
            say::thousands(stopped.customers_paid_by_candidate)
        ));
        let pairs: Vec<String> = stopped.pairs.iter().map(arrow).collect();
        say::line(format!("  questions {}", pairs.join(" · ")));
    };
    line("fraud", &labelled.fraud);
    line("honest", &labelled.honest);
    if labelled.left_out > 0 {
        say::line(format!(
            "{} further pieces of feedback are not used: too many",
            say::thousands(labelled.left_out)
        ));
    }
    let left_out = labelled.fraud.left_out.saturating_add(labelled.honest.left_out);
    if left_out > 0 {
        say::line(format!(
            "{} questions of further customers are not counted: too many",
            say::thousands(left_out)
        ));
    }
}

fn run_explain(event: &str, past: &PastArgs, json: bool, session: &Session) -> anyhow::Result<ExitCode> {
    let PastArgs { data, history } = past;
    let explained = session.watched("explain", false, |watch| explain(data, history, event, watch));
    let Some(explained) = explained.map_err(past_error)? else {
        bail!(
            "no event `{}` is in the journal of {}; one that is older than the journal is in history, which keeps no answers",
            event.chars().take(128).collect::<String>(),
            data.display()
        );
    };
    if json {
        say::line(serde_json::to_string_pretty(&explained)?);
    } else {
        tell_explained(&explained, data);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_explained(explained: &Explanation, data: &Path) {
    say::line(format!(
        "{} {} {} {} (input {} of {})",
        explained.id,
        explained.time,
        explained.kind,
        explained.customer.as_deref().unwrap_or("–"),
        say::thousands(explained.seq),
        data.display()
    ));
    tell_base(&explained.base);
    if !explained.asked {
        say::line("it came as a fact: nothing was answered; this is what would have been");
    }
    say::line("");
    for rule in explained.rules.iter().filter(|rule| rule.fired) {
        let points = if rule.shadow { "in shadow".to_owned() } else { format!("{} points", rule.points) };
        say::line(format!("  fired  {}: {points}, at least {}", rule.rule, rule.at_least.as_str()));
        say::line(format!("         {}", rule.when));
    }
    for rule in explained.rules.iter().filter(|rule| !rule.fired) {
        let why = if rule.unmet.is_empty() {
            "the rest of its condition is not so".to_owned()
        } else {
            rule.unmet.join(" · ")
        };
        say::line(format!("  not    {}: {why}", rule.rule));
    }
    say::line(format!("  {} rules are for other kinds of events", explained.other_rules));
    say::line("");
    let thresholds = explained.thresholds;
    say::line(format!(
        "{} points, score {}: {} by policy {} (step_up from {}, hold from {}, deny from {})",
        explained.points,
        explained.score,
        explained.decision.as_str(),
        explained.policy,
        thresholds.step_up,
        thresholds.hold,
        thresholds.deny
    ));
    if let Some(model) = &explained.model {
        tell_model(model);
    }
    if let Some(answered) = &explained.answered {
        say::line(format!("answered then: {answered}"));
    }
    say::line("");
    let mut rows = vec![["signal", "value", "unit"].map(str::to_owned).to_vec()];
    for signal in &explained.signals {
        let value = signal.value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
        rows.push(vec![signal.signal.to_owned(), value, signal.unit.to_owned()]);
    }
    say::table(&rows);
}

fn tell_model(model: &ModelExplained) {
    let band = model.band.map_or_else(String::new, |band| {
        format!(
            "; where it was calibrated, {} of {} questions with about as many were fraud",
            say::thousands(band.fraud),
            say::thousands(band.questions)
        )
    });
    say::line(format!("model {}: {} points{band}", model.digest, model.points));
    say::line(format!("  {:>5}  every event of the kind", model.base));
    for part in model.parts.iter().take(PARTS_TOLD) {
        let number = part.number.map_or_else(|| "not known".to_owned(), |number| format!("{number:.2}"));
        say::line(format!("  {:>+5}  {} (is {number})", part.points, part.signal));
    }
    let rest: i32 = model.parts.iter().skip(PARTS_TOLD).map(|part| part.points).sum();
    let left = model.parts.len().saturating_sub(PARTS_TOLD);
    if left > 0 {
        say::line(format!("  {rest:>+5}  {left} more, with --json"));
    }
}
