//! Back-tests asked for over the API, as [jobs](crate::jobs): one after the other, on a thread that steps back behind decisions, each
//! on connections of its own. Must not know HTTP.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use engine::Policy;
use engine::policy::PolicyError;
use history::files::find;
use history::{HistoryError, Watch};
use intel::Intel;
use model::Time;
use serde::{Deserialize, Serialize};
use store::FolderView;

use crate::background::Priority;
use crate::backtest::{Backtest, BacktestOptions, backtest, backtest_history};
use crate::bootstrap::bootstrapped;
use crate::explanations::PastTold;
use crate::jobs::{Job, Jobs, Work, write_json};
use crate::past::{Memory, Past, PastError};
use crate::serve::HISTORY;
use crate::sweeps::history_folder;

/// What is to be weighed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BacktestRequest {
    /// When it was asked for.
    pub(crate) at: Time,
    /// By whom.
    pub(crate) by: String,
    /// What the candidate is called: a version, `shadow`, `draft`.
    pub(crate) of: String,
    /// The candidate in TOML; it was compiled once.
    pub(crate) policy: String,
    /// Its version; 0 for none.
    pub(crate) version: u32,
    /// Which questions.
    pub(crate) options: BacktestOptions,
    /// Not the journal's, but those for which what happened in history stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alone: Option<Alone>,
}

/// A back-test over history alone.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Alone {
    /// The policy to compare with, in TOML; it was in force once.
    pub(crate) against: String,
    /// Its version.
    pub(crate) version: u32,
    /// A folder below the data folder; without one the server's own history and what it was bootstrapped with.
    pub(crate) history: Option<PathBuf>,
}

/// What is not as it was.
const GONE: &str = "some of the history that was bootstrapped is not there any more: customers may look as if they had no past";

/// What back-tests need. Each holds the records of the past beside those of the present: it ends when they take more than
/// `memory_bytes`, and nobody else tells the past meanwhile.
#[derive(Debug)]
pub(crate) struct Backtesting {
    /// Journal and state.
    pub(crate) view: FolderView,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// What files know of addresses.
    pub(crate) intel: Arc<Intel>,
    /// What the server's own files of history are tagged with.
    pub(crate) tag: u32,
    /// Bytes that records of the past may take, about.
    pub(crate) memory_bytes: usize,
    /// Held while the past is told.
    pub(crate) told: PastTold,
}

/// All back-tests.
pub(crate) type Backtests = Jobs<Backtesting>;
/// A back-test, as it stands; what is told of it is what the candidate is called.
pub(crate) type BacktestJob = Job<String>;

/// Why a back-test has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BacktestError {
    /// The past cannot be told, or the run was stopped.
    #[error(transparent)]
    Past(#[from] PastError),
    /// The candidate is none for this version of the program.
    #[error("the policy is refused: {0}")]
    Policy(#[from] PolicyError),
    /// What was asked for cannot be read, or the result not written.
    #[error("a file of it cannot be read or written")]
    Io(#[from] std::io::Error),
}

impl Work for Backtesting {
    type Request = BacktestRequest;
    type About = String;
    type Error = BacktestError;

    const NAMES: (&'static str, &'static str) = ("backtest", "back-tests");
    const FOLDER: &'static str = "backtests";
    const RESULT: &'static str = "result.json";
    const WAITING_MAX: usize = 8;
    const KEPT_MAX: usize = 32;
    const MAKES_ROOM: bool = true;
    const QUEUES: &'static [&'static str] = &["backtests"];
    const PRIORITY: Priority = Priority::Lowest;

    fn asked(request: &BacktestRequest) -> (Time, &str) {
        (request.at, &request.by)
    }

    fn about(request: &BacktestRequest) -> String {
        request.of.clone()
    }

    fn queue(_: &String) -> usize {
        0
    }

    fn run(&self, folder: &Path, request: &BacktestRequest, watch: &Watch) -> Result<(), BacktestError> {
        let candidate = Policy::compile_taken(&request.policy, request.version)?;
        let _alone = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        watch.check().map_err(PastError::from)?;
        let memory = Memory { bytes_max: Some(self.memory_bytes) };
        let options = &request.options;
        let found = match &request.alone {
            Some(alone) => self.of_history(alone, &candidate, (options, memory), watch)?,
            None => {
                let past = Past::of(&self.view, &self.data, &[], memory, watch)?;
                backtest(past, &candidate, options, watch)?
            }
        };
        Ok(write_json(&folder.join(Self::RESULT), &found)?)
    }
}

impl Backtesting {
    /// Over history alone.
    fn of_history(
        &self,
        alone: &Alone,
        candidate: &Policy,
        (options, memory): (&BacktestOptions, Memory),
        watch: &Watch,
    ) -> Result<Backtest, BacktestError> {
        let against = Policy::compile_taken(&alone.against, alone.version)?;
        let (files, gone) = self.history_files(alone.history.as_deref()).map_err(PastError::from)?;
        let intel = Arc::clone(&self.intel);
        let mut found = backtest_history(&files, intel, (&against, candidate), (options, memory), watch)?;
        if gone {
            found.base.notes.push(GONE);
        }
        Ok(found)
    }

    /// The files of a folder, or all that the server knows of; and whether some that it knew of are gone.
    fn history_files(&self, asked: Option<&Path>) -> Result<(Vec<PathBuf>, bool), HistoryError> {
        if let Some(asked) = asked {
            return Ok((vec![history_folder(&self.data, asked).map_err(HistoryError::Usage)?], false));
        }
        let (mut files, gone) = bootstrapped(&self.data, self.tag)?;
        let own = [self.data.join(HISTORY)];
        if own.iter().all(|own| own.is_dir()) && !find(&own)?.is_empty() {
            files.extend(own);
        }
        if files.is_empty() {
            let problem = "there is no history yet: none was exported or bootstrapped";
            return Err(HistoryError::Usage(problem.to_owned()));
        }
        Ok((files, !gone.is_empty()))
    }
}
