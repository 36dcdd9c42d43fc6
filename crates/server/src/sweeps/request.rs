//! What a sweep is asked, as it is kept on disk. Must not know how it is done.

use std::path::PathBuf;

use model::client::DeviceId;
use model::event::EventId;
use model::{Address, CustomerId, EventKind, Time};
use serde::{Deserialize, Serialize};

model::words! {
    /// What a sweep asks.
    Source, "source" {
        /// All there is of a year.
        History = "history",
        /// What is known at once, and only what is certain.
        Ledger = "ledger",
    }
}

/// What is to be examined, and against what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SweepRequest {
    /// When it was asked for.
    pub(crate) at: Time,
    /// By whom.
    pub(crate) by: String,
    /// Procedures to examine; where there are none, those of `kinds` in history.
    pub(crate) procedures: Vec<AskedProcedure>,
    /// Kinds of procedures to take out of history.
    pub(crate) kinds: Vec<EventKind>,
    /// Since when.
    pub(crate) since: Option<Time>,
    /// Before when.
    pub(crate) until: Option<Time>,
    /// How far to look back from the earliest procedure, in days.
    pub(crate) window_days: u16,
    /// The folder of history, below the data folder.
    pub(crate) history: PathBuf,
    /// Show customers and devices in full, to who asked.
    pub(crate) unmask: bool,
    /// The re-examination of every day; see [`crate::daily`].
    #[serde(default)]
    pub(crate) daily: bool,
    /// What it asks.
    #[serde(default = "history")]
    pub(crate) source: Source,
    /// Only the procedures of which this sweep by the ledger was not certain, which examined the same.
    #[serde(default)]
    pub(crate) rest_of: Option<u32>,
}

/// What sweeps ask that do not say.
const fn history() -> Source {
    Source::History
}

impl SweepRequest {
    /// Whether history is read.
    pub(super) const fn reads_history(&self) -> bool {
        matches!(self.source, Source::History) || self.procedures.is_empty()
    }
}

/// A procedure to examine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AskedProcedure {
    /// Its identifier, unique in the sweep.
    pub(crate) id: EventId,
    /// In whose name.
    pub(crate) customer: CustomerId,
    /// When.
    pub(crate) time: Time,
    /// What.
    pub(crate) kind: EventKind,
    /// From which address.
    pub(crate) ip: Option<Address>,
    /// From which device.
    pub(crate) device: Option<DeviceId>,
}
