//! `sekisho lab`: simulate, score, sweep-quality, evaluate, train, load.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Subcommand, ValueEnum};
use history::watch::WatchedReader;
use lab::score::{ScoreOptions, score_rba};
use lab::simulate::{Attack, SimulateOptions, simulate};

use crate::session::{Session, Stopwatch};
use crate::{evaluate, load, quality, say, train};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a seeded brokerage: history, procedures, intel and the truth about every procedure.
    Simulate(SimulateArgs),
    /// Score every login with history by the causal risk score (Freeman et al. 2016, Wiefling et al. 2022).
    Score(ScoreArgs),
    /// Measure the sweep on simulated brokerages: what it catches, and whom it suspects wrongly.
    SweepQuality(quality::Args),
    /// Measure a policy on simulated brokerages: the fraud it stops, and how often it bothers honest customers.
    Evaluate(evaluate::Args),
    /// Train a model on simulated brokerages or on a server's feedback: one more signal for a policy, with reasons.
    Train(train::Args),
    /// Put load on a running server and measure its answers.
    Load(load::Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct SimulateArgs {
    /// Customers, 100 to 1,000,000.
    #[arg(long, default_value_t = 20_000)]
    customers: u32,
    /// Days up to 16 September 2020, 30 to 1,100.
    #[arg(long, default_value_t = 366)]
    days: u32,
    /// Everything follows from the seed: the same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Attacks to plant [default: those that the sweep is measured on]; see docs/lab-simulate.md.
    #[arg(long, value_delimiter = ',', num_args = 1..)]
    attack: Vec<String>,
    #[command(flatten)]
    attacker: evaluate::AttackerArgs,
    /// Much befalls honest customers: a renumbered carrier, a popular new issue, tax season, retirements.
    #[arg(long)]
    honest_year: bool,
    /// Also write the events as NDJSON in the wire form.
    #[arg(long)]
    ndjson: bool,
    /// New folder for the result.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScoreFormat {
    /// The RBA data set's CSV.
    Rba,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ScoreArgs {
    /// The log to score.
    file: PathBuf,
    /// Its format.
    #[arg(long, value_enum)]
    format: ScoreFormat,
    /// Where to write `row,score`.
    #[arg(long)]
    out: PathBuf,
    /// Write only rows from this one on (0 is the first); earlier rows still count as history.
    #[arg(long, default_value_t = 0)]
    from_row: u64,
    /// Only successful logins become history.
    #[arg(long)]
    successful_only: bool,
}

pub(crate) fn run(command: &Command, session: &Session) -> anyhow::Result<ExitCode> {
    match command {
        Command::Simulate(args) => {
            let options = args.options()?;
            let timer = Stopwatch::start();
            let summary = session.watched("simulate", false, |watch| simulate(&options, &args.out, watch))?;
            say::line(format!(
                "{} accesses of {} customers over {} days in {:.1} s: {}",
                say::thousands(summary.rows),
                say::thousands(summary.customers.into()),
                summary.days,
                timer.seconds(),
                args.out.display()
            ));
            say::line(format!(
                "sweep it: sekisho sweep --procedures {0}/procedures.csv --history {0}/history --intel {0}/intel --out {0}/sweep",
                args.out.display()
            ));
            Ok(ExitCode::SUCCESS)
        }
        Command::Score(args) => score(args, session),
        Command::SweepQuality(args) => quality::run(args, session),
        Command::Evaluate(args) => evaluate::run(args, session),
        Command::Train(args) => train::run(args, session),
        Command::Load(args) => load::run(args, session),
    }
}

impl SimulateArgs {
    fn options(&self) -> anyhow::Result<SimulateOptions> {
        let attacks = match self.attack.as_slice() {
            [] => Attack::SWEPT.to_vec(),
            words => words.iter().map(|word| word.parse()).collect::<Result<_, _>>()?,
        };
        let start = SimulateOptions::start_for(self.days);
        Ok(SimulateOptions {
            customers: self.customers,
            days: self.days,
            seed: self.seed,
            start,
            attacks,
            attacker: self.attacker.attacker()?,
            honest_year: self.honest_year,
            ndjson: self.ndjson,
        })
    }
}

fn score(args: &ScoreArgs, session: &Session) -> anyhow::Result<ExitCode> {
    let ScoreFormat::Rba = args.format;
    let bytes = |file: &File| file.metadata().map_or(0, |metadata| metadata.len());
    let input = File::open(&args.file).with_context(|| format!("{}: opening failed", args.file.display()))?;
    let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = args.out.file_name() else { bail!("{}: --out wants a file", args.out.display()) };
    let staged = tempfile::Builder::new()
        .prefix(".staging-")
        .tempfile_in(folder)
        .with_context(|| format!("{}: writing failed; does the folder exist?", folder.display()))?;
    let options = ScoreOptions { from_row: args.from_row, successful_only: args.successful_only };
    let timer = Stopwatch::start();
    let mut out = BufWriter::new(staged.as_file());
    let summary = session.watched("score", true, |watch| -> anyhow::Result<_> {
        watch.expect(bytes(&input));
        let input = history::import::decompress(WatchedReader::new(input, watch))
            .with_context(|| format!("{}: reading failed", args.file.display()))?;
        Ok(score_rba(BufReader::new(input), &mut out, &options)?)
    })?;
    out.flush().with_context(|| format!("{}: writing failed", args.out.display()))?;
    drop(out);
    staged.persist(folder.join(name)).with_context(|| format!("{}: renaming failed", args.out.display()))?;
    say::line(format!(
        "{} rows read, {} with history scored, {} written, {} rejected, in {:.1} s: {}",
        say::thousands(summary.rows),
        say::thousands(summary.scored),
        say::thousands(summary.written),
        say::thousands(summary.malformed),
        timer.seconds(),
        args.out.display()
    ));
    for row in &summary.malformed_first {
        say::note(format!("row {}: {}", row.row, row.fault));
    }
    Ok(if summary.malformed > 0 { ExitCode::from(say::REJECTED) } else { ExitCode::SUCCESS })
}
