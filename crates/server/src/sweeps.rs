//! Sweeps over the server's own history, or by its ledger, as [jobs](crate::jobs). Those over history are done one after the
//! other, those by the ledger beside them, since they take no time. Must not know HTTP.

mod request;
mod work;

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use history::Watch;
use intel::Intel;
use model::Time;

pub(crate) use self::request::{AskedProcedure, Source, SweepRequest};
use self::work::WorkError;
pub(crate) use self::work::history_folder;
use crate::background::Priority;
use crate::jobs::{Job, JobError, Jobs, Work};
use crate::sequencer::Handle;

/// What sweeps need.
#[derive(Debug)]
pub(crate) struct Sweeping {
    /// The data folder.
    pub(crate) data: PathBuf,
    /// What files know of addresses.
    pub(crate) intel: Arc<Intel>,
    /// What the server's own files of history are tagged with.
    pub(crate) tag: u32,
    /// Who has the ledger.
    pub(crate) sequencer: Handle,
}

/// All sweeps.
pub(crate) type Sweeps = Jobs<Sweeping>;
/// A sweep, as it stands.
pub(crate) type Sweep = Job<AboutSweep>;

/// What is told of a sweep.
#[derive(Debug, Clone)]
pub(crate) struct AboutSweep {
    /// Whether it shows customers and devices in full.
    pub(crate) unmask: bool,
    /// For the re-examination of every day: since when procedures are examined.
    pub(crate) daily_since: Option<Time>,
    /// What it asks.
    pub(crate) source: Source,
}

impl Work for Sweeping {
    type Request = SweepRequest;
    type About = AboutSweep;
    type Error = WorkError;

    const NAMES: (&'static str, &'static str) = ("sweep", "sweeps");
    const FOLDER: &'static str = "sweeps";
    const RESULT: &'static str = history::sweep::SUMMARY;
    const WAITING_MAX: usize = 16;
    const KEPT_MAX: usize = 1_000;
    const MAKES_ROOM: bool = false;
    const QUEUES: &'static [&'static str] = &["sweeps", "ledger sweeps"];
    const PRIORITY: Priority = Priority::Lower;

    fn asked(request: &SweepRequest) -> (Time, &str) {
        (request.at, &request.by)
    }

    fn about(request: &SweepRequest) -> AboutSweep {
        let daily_since = request.since.filter(|_| request.daily);
        AboutSweep { unmask: request.unmask, daily_since, source: request.source }
    }

    fn queue(about: &AboutSweep) -> usize {
        match about.source {
            Source::History => 0,
            Source::Ledger => 1,
        }
    }

    fn run(&self, folder: &Path, request: &SweepRequest, watch: &Watch) -> Result<(), WorkError> {
        work::sweep(self, folder, request, watch)
    }
}

/// Why a sweep is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    /// The folder of history is none.
    #[error("{0}")]
    History(String),
    /// What was named can be no folder of history.
    #[error("{0}")]
    Outside(String),
    /// There is no room, or it cannot be kept.
    #[error(transparent)]
    Job(#[from] JobError),
}

impl Sweeps {
    /// Takes a request; gives the sweep's number. Blocks on the disk.
    ///
    /// # Errors
    /// There is no such history, or as [`Jobs::take`].
    pub(crate) fn ask(&self, request: &SweepRequest) -> Result<u32, SweepError> {
        if request.reads_history() {
            let wrong = if is_below(&request.history) { SweepError::History } else { SweepError::Outside };
            history_folder(&self.work().data, &request.history).map_err(wrong)?;
        }
        Ok(self.take(request)?)
    }
}

/// Whether a path stays below the folder it is joined to.
fn is_below(path: &Path) -> bool {
    let mut components = path.components().peekable();
    components.peek().is_some() && components.all(|component| matches!(component, Component::Normal(_)))
}
