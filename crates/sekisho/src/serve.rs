//! `sekisho serve` and `sekisho key`: the live server, and the keys of those who may ask it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use server::exporter::ExportOptions;
use server::keys::Role;
use server::serve::{ServeOptions, serve, stop_asked};

use crate::{inputs, say};

/// Shown under `--help`.
const EXAMPLES: &str = "\
Examples:
  sekisho key create site --role sender
  sekisho serve
  curl -H \"Authorization: Bearer $KEY\" --data @event.json http://127.0.0.1:8480/v1/decide

Events: docs/events.md. API, data folder, what is kept: docs/serve.md.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Folder of journal, state and keys; created if it does not exist.
    #[arg(long, default_value = "sekisho-data")]
    data: PathBuf,
    /// Address to listen at.
    #[arg(long, default_value = "127.0.0.1:8480")]
    listen: SocketAddr,
    /// Policy (TOML); the shipped one without it. See docs/policy.md.
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Country, autonomous systems, lists: a folder or a TOML file; see docs/intel.md.
    #[arg(long)]
    intel: Option<PathBuf>,
    /// sekisho.toml, whose [intel] is used unless --intel is given.
    #[arg(long)]
    config: Option<PathBuf>,
    /// How many days inputs stay in the journal at least. So long a repeated id is recognised and `state verify` can
    /// recompute; the history keeps events for good.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    journal_days: u32,
    /// How many milliseconds an event may wait before it is added to the history.
    #[arg(long, value_name = "MS", default_value_t = 1_500, value_parser = clap::value_parser!(u64).range(..=60_000))]
    export_after_ms: u64,
    /// How many days back an event may lie that is asked about; 0 for any, as a replay of the past needs it.
    #[arg(long, value_name = "DAYS", default_value_t = 400)]
    ask_days: u32,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print it, once; only its hash is kept. A running server takes notice.
    Create {
        /// What the key is called, e.g. the system that will use it.
        name: String,
        /// What it allows: sender (ask and tell), reader, operator (also holds and sweeps), admin.
        #[arg(long)]
        role: Role,
        /// The server's data folder.
        #[arg(long, default_value = "sekisho-data")]
        data: PathBuf,
    },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let intel = inputs::intel(args.intel.as_deref(), args.config.as_deref())?;
    let export = ExportOptions {
        flush_after: Duration::from_millis(args.export_after_ms),
        journal_keep: Duration::from_secs(u64::from(args.journal_days) * 24 * 60 * 60),
        ..ExportOptions::default()
    };
    let options = ServeOptions {
        data: args.data.clone(),
        listen: args.listen,
        policy: args.policy.clone(),
        export,
        ask_days: Some(args.ask_days).filter(|days| *days > 0),
    };
    let data = args.data.display();
    let started = |at: SocketAddr, has_keys: bool| {
        say::note(format!("listening at http://{at}, data in {data}; Ctrl-C stops"));
        if !has_keys {
            say::note(format!(
                "nobody has a key yet; in another terminal: sekisho key create NAME --role sender --data {data}"
            ));
        }
    };
    serve(&options, intel, started, stop_asked()).with_context(|| format!("the server on {data} ended"))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn key(command: &KeyCommand) -> anyhow::Result<ExitCode> {
    let KeyCommand::Create { name, role, data } = command;
    if !data.is_dir() {
        store::DataFolder::open(data)?;
    }
    let key = server::keys::create(data, name, *role)?;
    say::line(key);
    say::note("this key is not shown again; send it as `Authorization: Bearer KEY`");
    Ok(ExitCode::SUCCESS)
}
