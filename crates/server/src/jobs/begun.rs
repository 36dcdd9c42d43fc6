//! Whether a job is what ends the server. A job that takes more memory than there is, or runs into a fault that takes the
//! process along, would do so at every start, and the server would never be there for long; a power cut, or whoever kills the
//! process for another reason, is no fault of the job that happens to be running. Must not know files.
//!
//! What tells the two apart is *where* the job was. The same request does the same work in the same order, so that what it
//! breaks at it breaks at again, while the end that comes from elsewhere meets it anywhere. So it is noted every few seconds
//! how far it is, in the unit in which it counts its work; as long as nothing is counted, how long it has been at it stands for that. Two
//! ends at about the same place, one after the other, are the job's. Five ends wherever they were are enough, since what a job
//! takes of memory depends on what else the server does. How long it ran says less where work is counted: on a busy machine the
//! same work takes twice as long.

use serde::{Deserialize, Serialize};

/// Ends in a row after which a job is not begun again, wherever they were.
const ENDS_MAX: usize = 5;

/// How far a job was when that was noted last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// What it had done, in the unit in which it counts.
    done: u64,
    /// How often it was noted, every few seconds.
    notes: u64,
}

impl Place {
    /// Whether it is about the same: within a tenth of the way, or, where nothing is counted, a quarter of the time.
    fn is_about(self, other: Self) -> bool {
        match self.done.max(other.done) {
            0 => self.notes.abs_diff(other.notes) <= self.notes.max(other.notes) / 4 + 1,
            done => self.done.abs_diff(other.done) <= done / 10,
        }
    }
}

/// The times in a row that a job was begun without an end, and where it was each time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    places: Vec<Place>,
}

impl Begun {
    /// It begins once more.
    pub(super) fn begin(&mut self) {
        self.places.push(Place::default());
    }

    /// It has done so much since.
    pub(super) fn came_to(&mut self, done: u64) {
        if let Some(last) = self.places.last_mut() {
            *last = Place { done, notes: last.notes.saturating_add(1) };
        }
    }

    /// How often in a row the server ended, if that seems to be the job's doing.
    pub(super) fn ends_the_server(&self) -> Option<usize> {
        let is_one_place = match self.places.as_slice() {
            [.., one, other] => one.is_about(*other),
            _ => false,
        };
        (is_one_place || self.places.len() >= ENDS_MAX).then_some(self.places.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{Begun, Place};

    #[test]
    fn ends_at_one_place_are_the_jobs_and_others_are_not() {
        let ends = |places: &[(u64, u64)]| {
            let places = places.iter().map(|(done, notes)| Place { done: *done, notes: *notes });
            Begun { places: places.collect() }.ends_the_server()
        };
        let counted = |came_to: &[u64]| {
            let places: Vec<(u64, u64)> =
                came_to.iter().zip(1..).map(|(done, notes)| (*done, notes)).collect();
            ends(&places)
        };
        // Nothing was counted yet.
        assert_eq!(ends(&[(0, 0), (0, 0)]), Some(2));
        assert_eq!(ends(&[(0, 20), (0, 16)]), Some(2));
        assert_eq!(ends(&[(0, 11), (0, 5)]), None);
        for (came_to, is_told) in [
            (&[][..], None),
            (&[500], None),
            (&[500, 500], Some(2)),
            (&[1_000, 900], Some(2)),
            (&[900, 1_000], Some(2)),
            // Power cuts.
            (&[1_000, 899], None),
            (&[500, 0], None),
            (&[500, 40, 300, 120], None),
            // One between two that are alike.
            (&[500, 40, 490], None),
            (&[500, 40, 490, 510], Some(4)),
            (&[500, 40, 300, 120, 900], Some(5)),
        ] {
            assert_eq!(counted(came_to), is_told, "{came_to:?}");
        }
    }
}
