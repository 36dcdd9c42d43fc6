//! How good the sweep is: over many seeds, which planted fraud it finds and which honest procedures it suspects. The truth is
//! only read here, after the verdicts stand.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use history::procedures::read_procedures;
use history::sweep::{Columns, Finding, SweepOptions, Verdict, Window};
use lab::simulate::{SimulateOptions, simulate};

use crate::session::Session;
use crate::{inputs, say};

/// Share of honest procedures that may be alarms, in thousandths.
const HONEST_ALARM_PER_MILLE_MAX: u64 = 5;
/// Share of honest procedures that may be reviews, in thousandths.
const HONEST_REVIEW_PER_MILLE_MAX: u64 = 30;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Brokerages to simulate.
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Seed of the first one; the rules were tuned on 1 to 40.
    #[arg(long, default_value_t = 41)]
    first_seed: u64,
    /// Customers of each.
    #[arg(long, default_value_t = 20_000)]
    customers: u32,
    /// Without country, autonomous system and lists: what the sweep can do from logs alone.
    #[arg(long)]
    no_intel: bool,
    /// Also list every fraudulent procedure that was not noticed, and the reasons of reviews and alarms.
    #[arg(long)]
    explain: bool,
}

/// Verdicts counted, by truth: `honest`, or the attack.
type Counts = BTreeMap<String, BTreeMap<&'static str, u64>>;

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<ExitCode> {
    let mut total = Counts::new();
    let mut suspected: BTreeMap<String, u64> = BTreeMap::new();
    let mut worst = (0, 0);
    for seed in (args.first_seed..).take(usize::try_from(args.seeds)?) {
        let folder = tempfile::tempdir().context("a temporary folder is needed")?;
        let counts = one(args, seed, folder.path(), session, &mut suspected)?;
        let of = |truth: &str, verdict: Verdict| {
            counts.get(truth).and_then(|by| by.get(verdict.as_str())).copied().unwrap_or(0)
        };
        let honest: u64 = counts.get("honest").map_or(0, |by| by.values().sum());
        worst = (
            worst.0.max(per_mille(of("honest", Verdict::Alarm), honest)),
            worst.1.max(per_mille(of("honest", Verdict::Review), honest)),
        );
        for (truth, by) in counts {
            for (verdict, count) in by {
                let sum = total.entry(truth.clone()).or_default().entry(verdict).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    }
    let mut rows =
        vec![["truth", "procedures", "clear", "explained", "review", "alarm"].map(str::to_owned).to_vec()];
    let mut missed = 0_u64;
    for (truth, by) in &total {
        let count = |verdict: Verdict| by.get(verdict.as_str()).copied().unwrap_or(0);
        let mut row = vec![truth.clone(), say::thousands(by.values().sum())];
        row.extend(Verdict::ALL.iter().map(|verdict| say::thousands(count(*verdict))));
        rows.push(row);
        if truth != "honest" {
            missed = missed.saturating_add(count(Verdict::Clear)).saturating_add(count(Verdict::Explained));
        }
    }
    say::table(&rows);
    if args.explain {
        for (reasons, count) in &suspected {
            say::line(format!("{count:>6}  {reasons}"));
        }
    }
    let honest = total.get("honest");
    let all: u64 = honest.map_or(0, |by| by.values().sum());
    let share = |verdict: Verdict| {
        let count = honest.and_then(|by| by.get(verdict.as_str())).copied().unwrap_or(0);
        per_mille(count, all)
    };
    let (alarms, reviews) = (share(Verdict::Alarm), share(Verdict::Review));
    let percent = |per_mille: u64| format!("{}.{} %", per_mille / 10, per_mille % 10);
    say::line(format!(
        "over {} seeds from {}: {missed} fraudulent procedures missed; honest alarms {} (bar 0.5 %, worst seed {}), honest reviews {} (bar 3.0 %, worst seed {})",
        args.seeds,
        args.first_seed,
        percent(alarms),
        percent(worst.0),
        percent(reviews),
        percent(worst.1)
    ));
    let held = missed == 0 && alarms <= HONEST_ALARM_PER_MILLE_MAX && reviews <= HONEST_REVIEW_PER_MILLE_MAX;
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Thousandths, rounded up.
fn per_mille(count: u64, all: u64) -> u64 {
    count.saturating_mul(1_000).div_ceil(all.max(1))
}

fn one(
    args: &Args,
    seed: u64,
    folder: &Path,
    session: &Session,
    suspected: &mut BTreeMap<String, u64>,
) -> anyhow::Result<Counts> {
    let options = SimulateOptions { customers: args.customers, seed, ..SimulateOptions::default() };
    let place = folder.join("simulation");
    session.watched("simulate", false, |watch| simulate(&options, &place, watch))?;
    let procedures =
        read_procedures(&place.join("procedures.csv"), None, &history::Watch::default())?.procedures;
    let files = history::files::open_all(&[place.join("history")])?;
    let intel =
        if args.no_intel { intel::Intel::none() } else { inputs::intel(Some(&place.join("intel")), None)? };
    let options = SweepOptions {
        window: Window::around(&procedures, None, None, None),
        columns: Columns::All,
        threads: 2,
    };
    let swept = session.watched("sweep", false, |watch| {
        history::sweep::run(&procedures, &files, &intel, &options, folder, watch)
    })?;
    let truth = truth(&place.join("truth.csv"))?;
    let mut counts = Counts::new();
    for finding in &swept.findings {
        let id = finding.examined.procedure.id.as_str();
        let truth = truth.get(id).with_context(|| format!("truth.csv says nothing of procedure `{id}`"))?;
        let count = counts.entry(truth.clone()).or_default().entry(finding.verdict.as_str()).or_default();
        *count = count.saturating_add(1);
        if args.explain {
            explain(seed, finding, truth, suspected);
        }
    }
    Ok(counts)
}

fn explain(seed: u64, finding: &Finding, truth: &str, suspected: &mut BTreeMap<String, u64>) {
    let noticed = finding.verdict >= Verdict::Review;
    if noticed {
        let side = if truth == "honest" { "honest" } else { "fraud" };
        let why = format!("{side} {} {}", finding.verdict, finding.column("reasons", false));
        let count = suspected.entry(why).or_default();
        *count = count.saturating_add(1);
    }
    if truth != "honest" && !noticed {
        let columns: Vec<String> = history::sweep::COLUMNS
            .iter()
            .map(|name| format!("{name}={}", finding.column(name, true)))
            .collect();
        say::line(format!("missed (seed {seed}, {truth}): {}", columns.join(" ")));
    }
}

/// Procedure → `honest` or the attack's name.
fn truth(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("{}: reading failed", path.display()))?;
    let mut truth = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut fields = line.split(',');
        let (id, _customer, label, attack) = (fields.next(), fields.next(), fields.next(), fields.next());
        let (Some(id), Some(label)) = (id, label) else { continue };
        let name = attack.filter(|attack| label == "fraud" && !attack.is_empty()).unwrap_or(label);
        truth.insert(id.to_owned(), name.to_owned());
    }
    Ok(truth)
}
