//! Lets the journal forget its beginning: what is in the history, in a state that a power cut leaves alone, before every open
//! hold, and older than some days ([`crate::exporter`] finds out up to where that is). Must not know inputs.
//!
//! With an input its identifier is forgotten: the same event is new when it comes again after that time.

use std::sync::atomic::Ordering;

use model::Time;
use model::time::SECOND_US;
use store::{Journal, Mark, State as Stored, StoreError};

use super::Gauges;
use crate::log::with_sources;

/// How long to wait after a step, when there is more to remove: a step takes some milliseconds, for which inputs wait.
const AFTER_STEP_US: i64 = SECOND_US / 20;
/// How long to wait when there is not.
const AFTER_ALL_US: i64 = 60 * SECOND_US;

/// The sequencer's side of it.
pub(super) struct Trimming {
    /// Up to where the journal's marks allow it.
    marked: u64,
    not_before: Time,
}

impl Trimming {
    pub(super) fn of(journal: &Journal, gauges: &Gauges) -> Result<Self, StoreError> {
        Gauges::set(&gauges.first, journal.first_seq());
        let marked = journal.marked(Mark::Exported)?.min(journal.marked(Mark::Checkpointed)?);
        Ok(Self { marked, not_before: Time::MIN })
    }

    /// Removes some inputs, if there are any to remove and none were removed just now. A failed write is the journal's to tell.
    pub(super) fn step(&mut self, journal: &mut Journal, gauges: &Gauges, now: Time) {
        let read = |gauge: &std::sync::atomic::AtomicU64| gauge.load(Ordering::Relaxed);
        let (exported, synced) = (read(&gauges.exported), read(&gauges.synced));
        let up_to = read(&gauges.trimmable).min(read(&gauges.unheld)).min(exported).min(synced);
        if up_to < journal.first_seq() || now < self.not_before {
            return;
        }
        match self.remove(journal, up_to, exported, synced) {
            Ok(more) => self.not_before = now.plus_us(if more { AFTER_STEP_US } else { AFTER_ALL_US }),
            Err(error) => {
                self.not_before = now.plus_us(AFTER_ALL_US);
                crate::log::line("trim.failed", &with_sources(&error));
            }
        }
        Gauges::set(&gauges.first, journal.first_seq());
    }

    fn remove(
        &mut self,
        journal: &mut Journal,
        up_to: u64,
        exported: u64,
        synced: u64,
    ) -> Result<bool, StoreError> {
        // Marks move seldom and far: each costs a sync.
        if up_to > self.marked {
            journal.mark(Mark::Exported, exported)?;
            journal.mark(Mark::Checkpointed, synced)?;
            self.marked = exported.min(synced);
        }
        Ok(journal.trim(up_to)?.more)
    }
}

/// Makes written records durable, if the journal is to be trimmed further than they are so far. Once in some days.
pub(super) fn sync_if_needed(stored: &mut Stored, gauges: &Gauges) {
    if gauges.trimmable.load(Ordering::Relaxed) > gauges.synced.load(Ordering::Relaxed) {
        match stored.sync() {
            Ok(seq) => Gauges::set(&gauges.synced, seq),
            Err(error) => crate::log::line("checkpoint.not_durable", &with_sources(&error)),
        }
    }
}
