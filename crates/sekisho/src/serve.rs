//! `sekisho serve` and `sekisho key`: the live server, and the keys of those who may ask it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
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
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print it, once; only its hash is kept. A running server takes notice.
    Create {
        /// What the key is called, e.g. the system that will use it.
        name: String,
        /// What it allows: sender (decide, events), reader, admin.
        #[arg(long)]
        role: Role,
        /// The server's data folder.
        #[arg(long, default_value = "sekisho-data")]
        data: PathBuf,
    },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let intel = inputs::intel(args.intel.as_deref(), args.config.as_deref())?;
    let options = ServeOptions { data: args.data.clone(), listen: args.listen, policy: args.policy.clone() };
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
