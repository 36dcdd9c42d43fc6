//! `sekisho passwords`: a list of passwords that are refused, and one candidate judged. What that means is the server's; here
//! are arguments, progress and words. A candidate is read from standard input: arguments are seen by others on the machine.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use server::passwords::build::build;
use server::passwords::{Asked, Judge, PasswordOptions, profile, text};
use stepup::password::{BirthDate, Candidate, Filter, Personal};

use crate::session::{Session, Stopwatch};
use crate::{config, say};

/// Bytes of a candidate at most.
const CANDIDATE_BYTES_MAX: u64 = 4 << 10;

/// Shown under `--help`.
const EXAMPLES: &str = "\
Examples:
  sekisho passwords build breached.txt.gz --out breached.passwords
  sekisho passwords check --list breached.passwords --with-other-factor < candidate.txt

A list is plain text with a password a line, also packed with gzip or zstd. What the rules are: docs/passwords.md.";

#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// Make a compact list, for `[passwords] list` of sekisho.toml, of a text with a password a line.
    Build {
        /// The text, plain or packed with gzip or zstd.
        list: PathBuf,
        /// The file to write; one that is there is replaced.
        #[arg(long)]
        out: PathBuf,
    },
    /// Judge the candidate on standard input, up to the end of its line. Exit code 3 says that it is refused.
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// sekisho.toml, for its table `passwords`.
    #[arg(long)]
    config: Option<PathBuf>,
    /// A list that `sekisho passwords build` made.
    #[arg(long)]
    list: Option<PathBuf>,
    /// `nist-800-63b-4` or `broker-classic`.
    #[arg(long)]
    profile: Option<String>,
    /// Another factor is asked for beside it.
    #[arg(long)]
    with_other_factor: bool,
    /// Something that is known of the customer: a name, a telephone number. Any number of times.
    #[arg(long = "known", value_name = "TEXT")]
    known: Vec<String>,
    /// The customer's day of birth.
    #[arg(long, value_name = "YYYY-MM-DD")]
    birth_date: Option<String>,
    /// Advice in Japanese.
    #[arg(long)]
    japanese: bool,
}

pub(crate) fn run(command: &Command, session: &Session) -> anyhow::Result<ExitCode> {
    match command {
        Command::Build { list, out } => make(list, out, session),
        Command::Check(args) => check(args),
    }
}

fn make(list: &Path, out: &Path, session: &Session) -> anyhow::Result<ExitCode> {
    let timer = Stopwatch::start();
    let built = session.watched("passwords", true, |watch| build(list, out, watch))?;
    say::line(format!(
        "{}: {} entries of {} lines ({} left out), {} bytes, {:.2} bits an entry, about {:.1} of a million others are taken for \
         an entry, {:.1} s",
        out.display(),
        say::thousands(built.entries),
        say::thousands(built.lines),
        say::thousands(built.left_out),
        say::thousands(built.bytes),
        bits_an_entry(built.bytes, built.entries),
        Filter::false_positive_rate() * 1e6,
        timer.seconds(),
    ));
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a figure for people to read")]
pub(crate) fn bits_an_entry(bytes: u64, entries: u64) -> f64 {
    bytes as f64 * 8.0 / entries as f64
}

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let usual = config::password_options(args.config.as_deref())?;
    let options = PasswordOptions { list: args.list.clone().or(usual.list.clone()), ..usual };
    let other = args.profile.as_deref().map(|name| profile(name, false));
    let profile = other.transpose().map_err(|problem| anyhow::anyhow!("--profile {problem}"))?;
    let judge = Judge::new(&options)?;
    let mut personal = Personal::default();
    for known in &args.known {
        match known.contains('@') {
            true => personal.add_email(known),
            false => personal.add(known),
        }
    }
    if let Some(date) = &args.birth_date {
        personal.add_birth(BirthDate::parse(date).context("--birth-date is no day; allowed: YYYY-MM-DD")?);
    }
    let candidate = read_candidate()?;
    let asked =
        Asked { candidate, personal, other: None, with_other_factor: args.with_other_factor, profile };
    let judgement = judge.judge(&asked);
    let profile = judge.profile(&asked);
    let verdict = if judgement.is_acceptable() { "acceptable" } else { "refused" };
    say::line(format!("{verdict}, score {} of 4, by {}", judgement.score, profile.name));
    for finding in &judgement.findings {
        let weight = if finding.refuses { "refused" } else { "advice" };
        let told = text(finding.rule, &judgement, &profile, args.japanese);
        say::line(format!("  {weight}: {}: {told}", finding.rule));
    }
    Ok(if judgement.is_acceptable() { ExitCode::SUCCESS } else { ExitCode::from(say::REJECTED) })
}

fn read_candidate() -> anyhow::Result<Candidate> {
    let limit = CANDIDATE_BYTES_MAX.saturating_add(2);
    // As large as it can become, so that no part of it is left behind where it grew from.
    let mut text = stepup::password::hidden(usize::try_from(limit)?.saturating_add(1));
    std::io::stdin()
        .lock()
        .take(limit)
        .read_to_string(&mut text)
        .context("standard input cannot be read as text")?;
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    text.truncate(end);
    if text.len() > usize::try_from(CANDIDATE_BYTES_MAX)? {
        bail!("the candidate is longer than {CANDIDATE_BYTES_MAX} bytes");
    }
    Ok(Candidate::new(text))
}
