//! `sekisho bootstrap`: a year of history into the state. What that means is the server's; here are arguments and words.

use std::path::PathBuf;
use std::process::ExitCode;

use server::bootstrap::{Bootstrapped, bootstrap};

use crate::policy::past_error;
use crate::session::{Session, Stopwatch};
use crate::{inputs, say};

/// Shown under `--help`.
const EXAMPLES: &str = "\
Examples:
  sekisho import --format combined --out history access.log.*
  sekisho bootstrap --history history --data sekisho-data --intel intel
  sekisho serve --data sekisho-data --intel intel

No server may run on the folder meanwhile. Repeated, it takes only files it did not take before. The history itself stays where
it is: keep it. See docs/bootstrap.md.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// History (Parquet) as `sekisho import` writes it: files, or folders of them.
    #[arg(long, num_args = 1.., required = true)]
    history: Vec<PathBuf>,
    /// The server's data folder; created if it does not exist.
    #[arg(long, default_value = "sekisho-data")]
    data: PathBuf,
    /// Country, autonomous systems, lists; what was recorded with the events counts where these say nothing.
    #[arg(long)]
    intel: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<ExitCode> {
    let intel = inputs::intel(args.intel.as_deref(), None)?;
    let now = server::serve::wall_clock()();
    let timer = Stopwatch::start();
    let done = session
        .watched("bootstrap", false, |watch| bootstrap(&args.data, &args.history, intel, now, watch))
        .map_err(past_error)?;
    if args.json {
        say::line(serde_json::to_string_pretty(&done)?);
    } else {
        tell(&done, timer.seconds());
    }
    for refused in &done.refused_listed {
        say::note(format!("{}:{}: {}", refused.file.display(), refused.row, refused.problem));
    }
    Ok(if done.refused > 0 { ExitCode::from(say::REJECTED) } else { ExitCode::SUCCESS })
}

fn tell(done: &Bootstrapped, seconds: f64) {
    for (path, why) in &done.skipped {
        say::line(format!("{} left out: {why}", path.display()));
    }
    if done.files == 0 {
        say::line("nothing to take: the state is as it was");
        return;
    }
    let span = match (&done.first, &done.last) {
        (Some(first), Some(last)) => format!(", of {first} to {last}"),
        _ => String::new(),
    };
    say::line(format!(
        "{} events of {} files taken{span} in {seconds:.1} s; the state has {} records",
        say::thousands(done.events),
        say::thousands(done.files),
        say::thousands(done.records)
    ));
    if done.refused > 0 {
        say::line(format!("{} rows are no events and were left out", say::thousands(done.refused)));
    }
    say::line("the history was not copied: keep it, for sweeps and in case the state must be made again");
}
