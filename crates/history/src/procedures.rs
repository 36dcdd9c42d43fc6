//! Procedures to examine, as read from files.

use crate::rows::Recorded;

/// A procedure, and what its source had recorded about its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The procedure.
    pub procedure: model::Procedure,
    /// Country and autonomous system, if recorded.
    pub recorded: Recorded,
}
