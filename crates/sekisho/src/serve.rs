//! `sekisho serve` and `sekisho key`: the live server, and the keys of those who may ask it.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use server::exporter::ExportOptions;
use server::keys::Role;
use server::log::{self, Level};
use server::sequencer::{Options, REPLAY_MAX};
use server::serve::{ServeOptions, serve, stop_asked, tell_started, wall_clock};

use crate::{config, inputs, say};

/// Where the server listens unless it is told.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8480));

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
    /// Folder of journal, state and keys; created if it does not exist [default: sekisho-data].
    #[arg(long)]
    data: Option<PathBuf>,
    /// Address to listen at [default: 127.0.0.1:8480].
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Policy (TOML); the shipped one without it. See docs/policy.md.
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Country, autonomous systems, lists: a folder or a TOML file; see docs/intel.md.
    #[arg(long)]
    intel: Option<PathBuf>,
    /// sekisho.toml: its [serve] for what is not given here, its [intel] unless --intel is given, its tables `passwords` and `proof`.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Memory that records may take, about; further ones are read from the data folder when they are needed [default: 4096].
    #[arg(long, value_name = "MIB")]
    memory_mib: Option<u32>,
    /// How many inputs a restart after a crash may have to replay, about; when more are not written back, answers slow down
    /// [default: 200000].
    #[arg(long, value_name = "INPUTS")]
    replay_max: Option<u32>,
    /// How many days inputs stay in the journal at least, from 1. So long a repeated id is recognised and `state verify` can
    /// recompute; the history keeps events for good [default: 7].
    #[arg(long, value_name = "DAYS")]
    journal_days: Option<u32>,
    /// How many milliseconds an event may wait before it is added to the history, up to 60,000 [default: 1500].
    #[arg(long, value_name = "MS")]
    export_after_ms: Option<u64>,
    /// When procedures of the last two days are examined again, every day: HH:MM, or `never`. See docs/serve.md [default: 04:30].
    #[arg(long, value_name = "TIME")]
    examine_at: Option<String>,
    /// Time zone of --examine-at: Asia/Tokyo, UTC, +09:00 [default: Asia/Tokyo].
    #[arg(long)]
    timezone: Option<String>,
    /// How many days back an event may lie that is asked about; 0 for any, as a replay of the past needs it [default: 400].
    #[arg(long, value_name = "DAYS")]
    ask_days: Option<u32>,
    /// The lowest level of lines in the log: info, warning, error [default: info].
    #[arg(long, value_name = "LEVEL")]
    log_from: Option<Level>,
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
    /// Name all keys and what each allows, as tab-separated lines. The keys themselves are not kept.
    List {
        /// The server's data folder.
        #[arg(long, default_value = "sekisho-data")]
        data: PathBuf,
    },
    /// Take a key back. A running server refuses it within half a second.
    Revoke {
        /// What the key is called.
        name: String,
        /// The server's data folder.
        #[arg(long, default_value = "sekisho-data")]
        data: PathBuf,
    },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let intel = inputs::intel(args.intel.as_deref(), args.config.as_deref())?;
    let config = config::serve_config(args.config.as_deref())?;
    let journal_days = args.journal_days.or(config.journal_days).unwrap_or(7);
    let export_after_ms = args.export_after_ms.or(config.export_after_ms).unwrap_or(1_500);
    let memory_mib = args.memory_mib.or(config.memory_mib).unwrap_or(4_096);
    ensure!(journal_days >= 1, "journal_days is 0; allowed: from 1");
    ensure!(export_after_ms <= 60_000, "export_after_ms is {export_after_ms}; allowed: up to 60000");
    let replay_max = args.replay_max.or(config.replay_max).unwrap_or(REPLAY_MAX);
    ensure!(replay_max >= 1_000, "replay_max is {replay_max}; allowed: from 1000");
    ensure!(memory_mib >= 64, "memory_mib is {memory_mib}; allowed: from 64");
    let export = ExportOptions {
        flush_after: Duration::from_millis(export_after_ms),
        journal_keep: Duration::from_secs(u64::from(journal_days) * 24 * 60 * 60),
        ..ExportOptions::default()
    };
    let listen = args.listen.or(config.listen).unwrap_or(DEFAULT_LISTEN);
    let proof = config::proof_settings(args.config.as_deref(), listen.port())?;
    let ask_days = args.ask_days.or(config.ask_days).unwrap_or(400);
    let examine_at = args.examine_at.as_deref().or(config.examine_at.as_deref()).unwrap_or("04:30");
    let timezone = args.timezone.as_deref().or(config.timezone.as_deref()).unwrap_or("Asia/Tokyo");
    let options = ServeOptions {
        data: args.data.clone().or(config.data).unwrap_or_else(|| PathBuf::from("sekisho-data")),
        listen,
        policy: args.policy.clone().or(config.policy),
        export,
        ask_days: Some(ask_days).filter(|days| *days > 0),
        daily: inputs::daily(examine_at, timezone)?,
        passwords: config::password_options(args.config.as_deref())?,
        proof,
        sequencer: Options {
            memory_bytes: usize::try_from(memory_mib)?.saturating_mul(1 << 20),
            replay_max: u64::from(replay_max),
        },
    };
    log::tell_from(args.log_from.or(config.log_from).unwrap_or(Level::Info));
    let data = options.data.display();
    let started = |at: SocketAddr, has_keys: bool| {
        tell_started(at);
        say::note(format!("listening at http://{at}, data in {data}; Ctrl-C stops"));
        if !has_keys {
            say::note(format!(
                "nobody has a key yet; in another terminal: sekisho key create NAME --role sender --data {data}"
            ));
        }
    };
    serve(&options, intel, wall_clock(), started, stop_asked())
        .with_context(|| format!("the server on {data} ended"))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn key(command: &KeyCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeyCommand::Create { name, role, data } => {
            if !data.is_dir() {
                store::DataFolder::open(data)?;
            }
            let key = server::keys::create(data, name, *role)?;
            say::line(key);
            say::note("this key is not shown again; send it as `Authorization: Bearer KEY`");
        }
        KeyCommand::List { data } => {
            ensure!(data.is_dir(), "{}: no such folder; name a server's with --data", data.display());
            for entry in server::keys::list(data)? {
                say::line(format!("{}\t{}", entry.name, entry.role.as_str()));
            }
        }
        KeyCommand::Revoke { name, data } => {
            server::keys::revoke(data, name)?;
            say::note(format!("the key of {name:?} is not taken any more"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
