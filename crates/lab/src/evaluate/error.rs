//! What can go wrong in an evaluation. Every message names what came and the way on.

use history::HistoryError;

use crate::http::HttpError;
use crate::simulate::LabError;

/// An error of an evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// No brokerages, or too many.
    #[error("seeds: came {came}; allowed: 1 to {max}")]
    Seeds {
        /// How many came.
        came: usize,
        /// Most.
        max: usize,
    },
    /// Too many customers.
    #[error("customers: came {came}; allowed: at most {max}")]
    Customers {
        /// What came.
        came: u32,
        /// Most.
        max: u32,
    },
    /// A seed or an attack of the other part of the split.
    #[error("{what} is not for --split {split}: {why}")]
    Split {
        /// `seed 7`, `attack okasan-2020`.
        what: String,
        /// The part asked for.
        split: &'static str,
        /// What is.
        why: String,
    },
    /// The policy cannot be compiled.
    #[error("the policy is refused")]
    Policy(#[from] engine::policy::PolicyError),
    /// The policy is no TOML.
    #[error("the policy cannot be read")]
    PolicyRead(#[from] toml::de::Error),
    /// The policy cannot be written without a rule.
    #[error("the policy cannot be written")]
    PolicyText(#[source] toml::ser::Error),
    /// The simulation.
    #[error(transparent)]
    Simulation(#[from] LabError),
    /// History's own, a stop among them.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The simulated intel cannot be read.
    #[error("the simulated networks cannot be read")]
    Intel(#[from] intel::IntelError),
    /// An event that the engine does not accept.
    #[error("an event of the simulation is not accepted; please report this with the options and the seed")]
    Invalid(#[from] model::Invalid),
    /// Too many questions to keep.
    #[error("more than {max} questions; choose fewer seeds or customers")]
    Questions {
        /// Most.
        max: usize,
    },
    /// Nothing to compare with.
    #[error("the file holds no [model]; `sekisho lab train` makes one")]
    NoModel,
    /// A question without a decision.
    #[error("the engine did not decide what it was asked")]
    Unanswered,
    /// No temporary folder.
    #[error("a temporary folder is needed")]
    Folder(#[source] std::io::Error),
    /// The server cannot be reached.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server answered otherwise than it should.
    #[error("the server answered {status} to {path}: {body}")]
    Server {
        /// The path asked.
        path: String,
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// An answer that is none.
    #[error("the server's decision cannot be read")]
    Decision(#[source] serde_json::Error),
    /// A result cannot be written.
    #[error("{path}: {doing} failed")]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: std::io::Error,
    },
}
