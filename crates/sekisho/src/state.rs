//! `sekisho state`: verify, back up and restore a data folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use server::secret::{self, Secret};

use crate::say;

/// The folder of history in the data folder.
const HISTORY: &str = "history";
/// Files beside journal and state that belong into a backup.
const BESIDE: [&str; 5] = [
    secret::NAME,
    secret::CHECK_NAME,
    "keys.json",
    server::bootstrap::BASE_FILE,
    server::bootstrap::PLACES_FILE,
];

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Recompute the state from the journal and compare records and decisions; differences give exit code 1. Not while a
    /// server runs on the folder: verify a backup then.
    Verify {
        /// The server's data folder.
        #[arg(long, default_value = "sekisho-data")]
        data: PathBuf,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copy the folder, consistent in itself, while the server runs.
    Backup {
        /// The server's data folder.
        #[arg(long, default_value = "sekisho-data")]
        data: PathBuf,
        /// A folder that is empty or does not exist.
        #[arg(long)]
        to: PathBuf,
        /// Copy the history too: as links where both lie on one file system.
        #[arg(long)]
        with_history: bool,
    },
    /// Make a data folder of a backup.
    Restore {
        /// The backup.
        #[arg(long)]
        from: PathBuf,
        /// The data folder to make: empty, or not there.
        #[arg(long, default_value = "sekisho-data")]
        data: PathBuf,
    },
}

pub(crate) fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify { data, json } => verify(data, *json),
        Command::Backup { data, to, with_history } => copy(data, to, *with_history),
        // What a backup has of it belongs to it.
        Command::Restore { from, data } => copy(from, data, true),
    }
}

fn verify(data: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let verified = server::verify::verify(data)?;
    if json {
        say::line(serde_json::to_string_pretty(&verified)?);
    } else {
        say::line(format!(
            "{} inputs applied again, to the journal's end: {} decisions and {} stored records compared, {} differ",
            say::thousands(verified.inputs),
            say::thousands(verified.decisions),
            say::thousands(verified.records),
            say::thousands(verified.differences)
        ));
        if verified.state_seq < verified.journal_seq {
            say::line(format!(
                "the stored records are as of input {} of {}: the rest is in the journal, and is applied when a server starts; nothing \
                 is missing",
                say::thousands(verified.state_seq),
                say::thousands(verified.journal_seq)
            ));
        }
        if verified.base != "journal" {
            say::line(format!(
                "the base is the bootstrap as of input {}: it was taken as it stands, only what followed was recomputed",
                say::thousands(verified.base_seq)
            ));
        }
        for difference in &verified.listed {
            say::line(format!("  {difference}"));
        }
    }
    Ok(if verified.differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn copy(from: &Path, to: &Path, with_history: bool) -> anyhow::Result<ExitCode> {
    if !from.join(secret::NAME).is_file() {
        bail!("{}: there is no secret, so this is not the folder of a server", from.display());
    }
    Secret::check_folder(from)?;
    let place =
        |path: &Path| std::path::absolute(path).with_context(|| format!("{}: no place", path.display()));
    if place(to)?.starts_with(place(from)?) {
        bail!("{}: lies in the folder that is copied; name a folder elsewhere", to.display());
    }
    store::DataFolder::restore(from, to)?;
    for name in BESIDE {
        let source = from.join(name);
        match std::fs::copy(&source, to.join(name)) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && name != secret::NAME => {
                if name == "keys.json" {
                    say::note(format!(
                        "{} has no keys.json: nobody can ask a server on the copy before `sekisho key create`",
                        from.display()
                    ));
                }
            }
            Err(error) => return Err(error).with_context(|| format!("copying {} failed", source.display())),
        }
    }
    if !from.join("proof.db").is_file() {
        say::note(format!(
            "{} has no proof.db: whatever customers prove with, they register anew",
            from.display()
        ));
    }
    let history = from.join(HISTORY);
    if with_history && history.is_dir() {
        let files = history::live::copy(&history, &to.join(HISTORY))?;
        say::note(format!("{files} files of the history copied, or linked where they could be"));
    } else if history.is_dir() {
        say::note("the history is not in the copy: add --with-history, or copy `history` by other means");
    }
    say::note(format!("copied to {}; it holds the secret: keep it as safe as the original", to.display()));
    Ok(ExitCode::SUCCESS)
}
