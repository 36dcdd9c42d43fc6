//! A made access: all that is drawn about it, in a form small enough to sort a day of them. Must not know files.

use model::{EventKind, Outcome};

use super::places::Place;

/// One row of the history to be. `number` is its own in the whole history and stands for its identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) number: u64,
    /// Index in the population; 0 is nobody.
    pub(super) person: usize,
    pub(super) time_us: i64,
    pub(super) kind: EventKind,
    pub(super) outcome: Outcome,
    /// None for what was done by telephone.
    pub(super) place: Option<Place>,
    /// None where the client kept no identifier.
    pub(super) device: Option<u64>,
    pub(super) on_phone: bool,
    pub(super) session: u64,
    /// Millionths of the balance that leave.
    pub(super) share_ppm: Option<u32>,
    /// What remaining details are drawn from.
    pub(super) details: u64,
}

impl Access {
    /// Order by time; the number decides between equal times, so that there is one order only.
    pub(super) const fn by_time(&self) -> (i64, u64) {
        (self.time_us, self.number)
    }
}
