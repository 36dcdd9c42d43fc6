//! What can go wrong when a simulation is asked for or written. Every message names the option or file and the way on.

use std::path::PathBuf;

use history::HistoryError;
use jiff::civil::Date;

/// An error of the simulation.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// An attack that is not known.
    #[error("attack: came {came:?}; allowed: {allowed}")]
    Attack {
        /// What came, cut to 64 characters.
        came: String,
        /// The known words.
        allowed: String,
    },
    /// A word that is not known.
    #[error("{what}: came {came:?}; allowed: {allowed}")]
    Word {
        /// The option.
        what: &'static str,
        /// What came, cut to 64 characters.
        came: String,
        /// The known words.
        allowed: String,
    },
    /// Too few or too many customers.
    #[error("customers: came {came}; allowed: {min} to {max}")]
    Customers {
        /// What came.
        came: u32,
        /// Fewest.
        min: u32,
        /// Most.
        max: u32,
    },
    /// Too few or too many days.
    #[error("days: came {came}; allowed: {min} to {max}")]
    Days {
        /// What came.
        came: u32,
        /// Fewest.
        min: u32,
        /// Most.
        max: u32,
    },
    /// A first day that leaves the calendar.
    #[error("start: came {came}; allowed: the years 1971 to 9000")]
    Start {
        /// What came.
        came: Date,
    },
    /// The output folder holds something that would be mixed with the new simulation.
    #[error("{path} is there already; give another folder, or remove it")]
    Occupied {
        /// What is in the way.
        path: PathBuf,
    },
    /// A value that the simulation made is not allowed: a mistake in the simulation.
    #[error(
        "the simulation made an event that is not allowed; please report this with the options and the seed"
    )]
    Invalid(#[from] model::Invalid),
    /// The simulation made nothing where it makes something: a mistake in the simulation.
    #[error("the simulation made no event where it must; please report this with the options and the seed")]
    Nothing,
    /// History could not be written, or the run was stopped.
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl LabError {
    /// For `map_err` on IO with a path.
    pub(super) fn io(
        path: &std::path::Path,
        doing: &'static str,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let to_history = HistoryError::io(path, doing);
        move |source| Self::History(to_history(source))
    }

    /// For `map_err` on writing lines of text.
    pub(super) fn text<E: Into<std::io::Error>>(path: &std::path::Path) -> impl FnOnce(E) -> Self + use<E> {
        let to_history = HistoryError::io(path, "writing");
        move |source| Self::History(to_history(source.into()))
    }
}
