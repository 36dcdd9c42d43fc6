//! `sekisho replay`: the past told again to a server or to a data folder. How is the laboratory's; here are arguments, figures
//! while it runs, and the summary.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use lab::http::Target;
use lab::replay::{Ask, Decided, Ids, Live, Pace, Place, ReplayOptions, ReplaySummary, replay};

use crate::load::latency;
use crate::session::Session;
use crate::{inputs, say};

/// Shown under `--help`.
const EXAMPLES: &str = "\
Examples:
  sekisho replay simulated/history --local --facts-until 2020-09-01 --timezone Asia/Tokyo --intel simulated/intel
  sekisho replay history --against http://127.0.0.1:8480 --key-file key --ask none
  sekisho replay yesterday.ndjson --against http://127.0.0.1:8480 --ask all --speed 60

What is told counts as really done: use a data folder of its own. See docs/replay.md.";

/// Rules told of a summary; all of them with --json.
const RULES_TOLD: usize = 10;
/// Refused lines told of a summary; a thousand with --json.
const REFUSED_TOLD: usize = 20;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// History (Parquet) and events (NDJSON, also .gz and .zst): files, or folders of them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// A server: http://HOST:PORT.
    #[arg(long, required_unless_present = "local", conflicts_with = "local")]
    against: Option<String>,
    /// No server: through the sequencer itself.
    #[arg(long)]
    local: bool,
    /// With --local: the data folder, no server running on it; a temporary one without.
    #[arg(long, conflicts_with = "against")]
    data: Option<PathBuf>,
    /// With --local: country, autonomous systems, lists; see docs/intel.md.
    #[arg(long, conflicts_with = "against")]
    intel: Option<PathBuf>,
    /// With --local: policy (TOML); the shipped one without.
    #[arg(long, conflicts_with = "against")]
    policy: Option<PathBuf>,
    /// With --against: file with the key; else the environment's SEKISHO_KEY.
    #[arg(long, conflicts_with = "local")]
    key_file: Option<PathBuf>,
    /// With --against: connections. With one, everything stays in one order; with more, only each customer's events do.
    #[arg(long, default_value_t = 1, conflicts_with = "local")]
    connections: u32,
    /// With --against: also another machine. What is told counts as really done there.
    #[arg(long, conflicts_with = "local")]
    allow_remote: bool,
    /// Events a second; as fast as it goes without.
    #[arg(long, conflicts_with = "speed")]
    rate: Option<u32>,
    /// So many times as fast as it happened.
    #[arg(long)]
    speed: Option<f64>,
    /// What is asked about; the rest is told as facts: all, procedures, none.
    #[arg(long, default_value_t = Ask::Procedures)]
    ask: Ask,
    /// Before this everything is told as facts, as fast as it goes.
    #[arg(long)]
    facts_until: Option<String>,
    /// Time zone of --facts-until where it has none [default: UTC].
    #[arg(long)]
    timezone: Option<String>,
    /// Identifiers of events: own, or hash where they are not unique.
    #[arg(long, default_value_t = Ids::Own)]
    ids: Ids,
    /// Write every decision there, one a line (JSON).
    #[arg(long)]
    decisions: Option<PathBuf>,
    /// The summary as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<ExitCode> {
    let facts_until =
        args.facts_until.as_deref().map(|text| inputs::time(text, args.timezone.as_deref())).transpose()?;
    let pace = match (args.rate, args.speed) {
        (Some(rate), _) => Pace::Rate(rate),
        (None, Some(speed)) => Pace::Speed(speed),
        (None, None) => Pace::FlatOut,
    };
    let options =
        ReplayOptions { paths: args.paths.clone(), pace, ask: args.ask, facts_until, ids: args.ids };
    let decisions = args.decisions.as_ref().map(Decisions::begin).transpose()?;
    let listener = |decided: &Decided<'_>| {
        if let Some(decisions) = &decisions {
            decisions.put(decided);
        }
    };
    let summary = match &args.against {
        Some(url) => {
            let target = Target::parse(url, args.allow_remote)?;
            let key = inputs::key(args.key_file.as_deref())?;
            let place = Place::Remote { target: &target, key: &key, connections: args.connections };
            watched(&options, &place, session, &listener)?
        }
        None => local(args, &options, session, &listener)?,
    };
    if let Some(decisions) = decisions {
        decisions.finish()?;
    }
    if args.json {
        say::line(serde_json::to_string_pretty(&summary)?);
    } else {
        tell(&summary);
    }
    if summary.stopped {
        say::note("stopped on request; the same replay again goes on where it stopped");
        return Ok(ExitCode::from(say::STOPPED));
    }
    Ok(if summary.refused > 0 { ExitCode::from(say::REJECTED) } else { ExitCode::SUCCESS })
}

fn local(
    args: &Args,
    options: &ReplayOptions,
    session: &Session,
    listener: lab::replay::Listener<'_>,
) -> anyhow::Result<ReplaySummary> {
    let temporary = tempfile::tempdir().context("a temporary folder is needed")?;
    let folder = args.data.clone().unwrap_or_else(|| temporary.path().join("data"));
    let intel = Arc::new(inputs::intel(args.intel.as_deref(), None)?);
    let policy = match &args.policy {
        None => engine::Policy::SHIPPED.to_owned(),
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("{}: reading failed", path.display()))?
        }
    };
    watched(options, &Place::Local { folder: &folder, intel, policy: &policy }, session, listener)
}

/// Replays with figures while it runs.
pub(crate) fn watched(
    options: &ReplayOptions,
    place: &Place<'_>,
    session: &Session,
    listener: lab::replay::Listener<'_>,
) -> anyhow::Result<ReplaySummary> {
    let live = Live::default();
    let figures = || figures(&live);
    let summary = session
        .watched_with("replay", Some(&figures), |watch| replay(options, place, watch, &live, listener))?;
    Ok(summary)
}

fn figures(live: &Live) -> String {
    let mut parts = vec![format!("facts {}", say::thousands(live.facts()))];
    let decided = live.decisions().into_iter().filter(|(_, count)| *count > 0);
    parts.extend(decided.map(|(word, count)| format!("{word} {}", say::thousands(count))));
    let (refused, retries) = live.troubles();
    let troubles = [("refused", refused), ("tried again", retries)];
    let troubles = troubles.into_iter().filter(|(_, count)| *count > 0);
    parts.extend(troubles.map(|(word, count)| format!("{word} {}", say::thousands(count))));
    parts.join(" · ")
}

/// The file of decisions. What is written in order stays in order.
struct Decisions {
    path: PathBuf,
    out: Mutex<(BufWriter<File>, std::io::Result<()>)>,
}

impl Decisions {
    fn begin(path: &PathBuf) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("{}: creating failed", path.display()))?;
        Ok(Self { path: path.clone(), out: Mutex::new((BufWriter::new(file), Ok(()))) })
    }

    fn put(&self, decided: &Decided<'_>) {
        let Ok(mut out) = self.out.lock() else { return };
        let (file, written) = &mut *out;
        if written.is_ok() {
            // The first failure is told at the end; the replay itself goes on.
            *written = serde_json::to_writer(&mut *file, decided.answered)
                .map_err(std::io::Error::from)
                .and_then(|()| file.write_all(b"\n"));
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        let ended = match self.out.into_inner() {
            Ok((mut file, written)) => written.and_then(|()| file.flush()),
            Err(_broken) => Ok(()),
        };
        ended.with_context(|| format!("{}: writing failed", self.path.display()))
    }
}

pub(crate) fn tell(summary: &ReplaySummary) {
    let span = match (&summary.first, &summary.last) {
        (Some(first), Some(last)) => format!(", of {first} to {last}"),
        _ => String::new(),
    };
    say::line(format!(
        "{} facts, {} questions in {:.1} s: {:.0} events/s{span}",
        say::thousands(summary.facts),
        say::thousands(summary.asked),
        summary.seconds,
        summary.per_second
    ));
    if summary.repeated > 0 {
        say::line(format!(
            "{} of them had been told before and changed nothing",
            say::thousands(summary.repeated)
        ));
    }
    if !summary.decisions.is_empty() {
        say::line("");
        tell_decisions(summary);
        say::line(format!("latency: {}", latency(&summary.latency)));
    }
    if summary.retries > 0 {
        say::line(format!("{} times something was sent again", say::thousands(summary.retries)));
    }
    if summary.refused > 0 {
        let problems =
            summary.problems.iter().map(|(name, count)| format!("{name} {}", say::thousands(*count)));
        let problems: Vec<String> = problems.collect();
        say::line(format!(
            "{} events were not taken: {}",
            say::thousands(summary.refused),
            problems.join(" · ")
        ));
        for refused in summary.refused_listed.iter().take(REFUSED_TOLD) {
            say::note(format!("{}:{}: {}", refused.file.display(), refused.line, refused.detail));
        }
    }
}

fn tell_decisions(summary: &ReplaySummary) {
    let words = engine::Verdict::ALL.map(engine::Verdict::as_str);
    let mut rows = vec![std::iter::once("asked").chain(words).chain([""]).map(str::to_owned).collect()];
    for (kind, counts) in &summary.decisions {
        let counts = words.iter().map(|word| say::thousands(counts.get(word).copied().unwrap_or(0)));
        rows.push(std::iter::once((*kind).to_owned()).chain(counts).chain([String::new()]).collect());
    }
    say::table(&rows);
    let rules: Vec<String> = summary
        .rules
        .iter()
        .take(RULES_TOLD)
        .map(|(rule, count)| format!("{rule} {}", say::thousands(*count)))
        .collect();
    if !rules.is_empty() {
        say::line(format!("rules that fired most: {}", rules.join(" · ")));
    }
}
