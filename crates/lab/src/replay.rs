//! Replay: the past is told again, in order of time, to a server over HTTP or to the sequencer itself, as facts and questions.
//!
//! How it fits: `timeline` puts events of many files into one order; `pace` says when each is due; `remote` and `local` send it
//! and wait for what is answered; `tally` counts. Every event keeps its identifier, so that a replay that is repeated, or
//! that goes on after a break, changes nothing that was told before. What the answers mean is for others to say.

mod answer;
mod ids;
mod local;
mod pace;
mod remote;
mod spool;
mod summary;
mod tally;
mod timeline;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use history::{HistoryError, Watch};
use intel::Intel;
use model::{EventKind, Time};

pub use answer::{Answered, Decided, Reason};
pub use ids::Ids;
pub use pace::Pace;
pub use summary::{Refused, ReplaySummary};
pub use tally::Live;

use crate::http::{HttpError, Target};

/// Connections at most: together they put no more into the server's queue than it holds.
pub const CONNECTIONS_MAX: u32 = 16;

model::words! {
    /// Which events are asked about; the others are told as facts.
    Ask, "--ask" {
        /// Everything but feedback.
        All = "all",
        /// Procedures: what changes who can reach the money.
        Procedures = "procedures",
        /// Nothing.
        None = "none",
    }
}

impl Ask {
    const fn asks(self, kind: EventKind) -> bool {
        let is_feedback = kind.is_feedback();
        match self {
            Self::All => !is_feedback,
            Self::Procedures => kind.is_procedure(),
            Self::None => false,
        }
    }
}

/// What to replay, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayOptions {
    /// History (Parquet) and events (NDJSON): files, or folders of them.
    pub paths: Vec<PathBuf>,
    /// How fast.
    pub pace: Pace,
    /// What is asked about.
    pub ask: Ask,
    /// Before this everything is told as facts, and as fast as it goes.
    pub facts_until: Option<Time>,
    /// Which identifiers events get.
    pub ids: Ids,
}

/// Where to.
pub enum Place<'a> {
    /// A server.
    Remote {
        /// Where it is.
        target: &'a Target,
        /// A key that may send.
        key: &'a str,
        /// Connections, 1 to [`CONNECTIONS_MAX`]. With one everything stays in one order; with more only each customer's events do.
        connections: u32,
    },
    /// A data folder that no server runs on.
    Local {
        /// The folder.
        folder: &'a Path,
        /// What is known of addresses and user agents.
        intel: Arc<Intel>,
        /// The policy (TOML).
        policy: &'a str,
    },
}

/// Who hears of decisions as they are made.
pub type Listener<'a> = &'a (dyn Fn(&Decided<'_>) + Sync);

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The files.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// An option out of its limits.
    #[error("{what}: came {came}; allowed: {allowed}")]
    Limit {
        /// The option.
        what: &'static str,
        /// What came.
        came: String,
        /// What may.
        allowed: String,
    },
    /// What answers is no Sekisho server, or none that answers any more.
    #[error(
        "{host} did not answer for {waited_s} seconds; what it acknowledged is told, and the same replay again goes on there"
    )]
    Unreachable {
        /// Where.
        host: String,
        /// How long it was tried.
        waited_s: u64,
        /// The last reason.
        source: HttpError,
    },
    /// The connection cannot be used.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server refuses the whole of it.
    #[error("the server refuses with status {status}: {detail}")]
    Refused {
        /// Its status.
        status: u16,
        /// What it said.
        detail: String,
    },
    /// The server keeps answering that it takes nothing.
    #[error("the server takes nothing for {waited_s} seconds: {detail}; the same replay again goes on there")]
    Busy {
        /// How long it was tried.
        waited_s: u64,
        /// What it said last.
        detail: String,
    },
    /// The sequencer on the data folder.
    #[error(transparent)]
    Start(#[from] server::sequencer::StartError),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The sequencer takes nothing more.
    #[error(transparent)]
    Ask(#[from] server::sequencer::AskError),
    /// Temporary files, the folder's secret.
    #[error("{what} failed")]
    Io {
        /// What was being done.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The histogram.
    #[error("measuring cannot begin")]
    Histogram(#[from] hdrhistogram::CreationError),
    /// A thread of the replay broke; a bug.
    #[error("a thread of the replay broke; please report this")]
    Broken,
}

fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> ReplayError {
    move |source| ReplayError::Io { what: what.into(), source }
}

/// Replays. A stop by `watch` is no error: the summary then says so and tells what was done.
///
/// Progress in `watch` is in events; `live` counts what came of them; `listener` hears of each decision, with more than one
/// connection from several threads.
///
/// # Errors
/// Nothing to read, a file that cannot be read, nobody to tell it to, a key that is not taken. Single events that are not
/// accepted are no error: the summary lists them.
pub fn replay(
    options: &ReplayOptions,
    place: &Place<'_>,
    watch: &Watch,
    live: &Live,
    listener: Listener<'_>,
) -> Result<ReplaySummary, ReplayError> {
    options.pace.check()?;
    let timeline = timeline::Timeline::open(&options.paths, options.ids, watch)?;
    let files = timeline.files();
    let drive = Drive { options, watch, live, timeline };
    let begun = crate::latency::now();
    let (tally, stopped) = match place {
        Place::Remote { target, key, connections } => {
            if !(1..=CONNECTIONS_MAX).contains(connections) {
                let allowed = format!("1 to {CONNECTIONS_MAX}");
                return Err(ReplayError::Limit {
                    what: "--connections",
                    came: connections.to_string(),
                    allowed,
                });
            }
            remote::run(drive, target, key, *connections, listener)?
        }
        Place::Local { folder, intel, policy } => {
            local::run(drive, folder, Arc::clone(intel), policy, listener)?
        }
    };
    Ok(ReplaySummary::of(tally, &files, begun.elapsed(), stopped))
}

/// One event on its way.
struct Work {
    item: spool::Item,
    asked: bool,
    /// When it was due; `None` flat out.
    due: Option<std::time::Instant>,
}

/// Takes events out of the timeline when they are due.
struct Drive<'a> {
    options: &'a ReplayOptions,
    watch: &'a Watch,
    live: &'a Live,
    timeline: timeline::Timeline<'a>,
}

impl Drive<'_> {
    /// Hands every event to `send` until that says no. Gives what could not be read, and whether it was stopped.
    fn run(mut self, mut send: impl FnMut(Work) -> bool) -> Result<(tally::Tally, bool), ReplayError> {
        let mut pacer = pace::Pacer::new(self.options.pace);
        loop {
            let item = match self.timeline.next() {
                Ok(Some(item)) => item,
                Ok(None) => return Ok((self.timeline.into_tally(), false)),
                Err(ReplayError::History(HistoryError::Stopped)) => {
                    return Ok((self.timeline.into_tally(), true));
                }
                Err(error) => return Err(error),
            };
            let is_past = self.options.facts_until.is_some_and(|until| item.time_us < until.as_us());
            let due = if is_past { None } else { pacer.due(item.time_us) };
            if !pace::wait(due, self.watch) {
                return Ok((self.timeline.into_tally(), true));
            }
            let asked = !is_past && self.options.ask.asks(item.kind);
            if !send(Work { item, asked, due }) {
                return Ok((self.timeline.into_tally(), false));
            }
        }
    }
}
