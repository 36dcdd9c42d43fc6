//! `sekisho history`: describe and compact.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use crate::say;
use crate::session::{Session, Stopwatch};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What a history holds: files, rows, times, kinds, how far its columns are filled.
    Describe {
        /// History files or folders.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Rewrite history into few files clustered by customer, which sweeps read fastest.
    Compact {
        /// History files or folders.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// New folder for the result.
        #[arg(long)]
        out: PathBuf,
    },
}

pub(crate) fn run(command: &Command, session: &Session) -> anyhow::Result<ExitCode> {
    match command {
        Command::Describe { paths, json } => describe(paths, *json, session),
        Command::Compact { paths, out } => {
            let watch = Stopwatch::start();
            let files = history::files::open_all(paths)?;
            let written =
                session.watched("compact", false, |watch| history::compact::compact(&files, out, watch))?;
            say::line(format!(
                "{} rows from {} files into {} files, {} MiB, in {:.1} s: {}",
                say::thousands(written.rows),
                files.len(),
                written.files.len(),
                written.bytes >> 20,
                watch.seconds(),
                out.display()
            ));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn describe(paths: &[PathBuf], json: bool, session: &Session) -> anyhow::Result<ExitCode> {
    let files = history::files::open_all(paths)?;
    let description =
        session.watched("describe", false, |watch| history::describe::describe(&files, watch))?;
    if json {
        say::line(serde_json::to_string_pretty(&description)?);
        return Ok(ExitCode::SUCCESS);
    }
    let text = |time: Option<model::Time>| time.map_or_else(|| "unknown".to_owned(), |time| time.to_string());
    say::line(format!(
        "{} rows in {} files, {} MiB, {} to {}",
        say::thousands(description.rows),
        description.files,
        description.bytes >> 20,
        text(description.first),
        text(description.last)
    ));
    for (order, files) in &description.orders {
        say::line(format!("  {files} files ordered by {order}"));
    }
    let mut rows = vec![["kind", "attempted", "succeeded", "failed"].map(str::to_owned).to_vec()];
    for (kind, outcomes) in &description.kinds {
        let count = |outcome: &str| say::thousands(outcomes.get(outcome).copied().unwrap_or(0));
        rows.push(vec![kind.clone(), count("attempted"), count("succeeded"), count("failed")]);
    }
    say::table(&rows);
    let filled: Vec<String> = description
        .filled_percent
        .iter()
        .filter(|(_, percent)| **percent > 0)
        .map(|(name, percent)| format!("{name} {percent} %"))
        .collect();
    say::line(format!("filled: {}", filled.join(", ")));
    Ok(ExitCode::SUCCESS)
}
