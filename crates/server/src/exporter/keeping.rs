//! How much of the journal is still to be kept: everything not exported, and what is younger than some days. The sequencer,
//! who alone may trim, does so behind it. Must not know what inputs mean beyond their time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use model::Time;
use store::{JournalReader, StoreError};

use crate::sequencer::{Clock, Gauges};

/// How often it is found out.
const EVERY: Duration = Duration::from_secs(5);

/// Finds out, now and then.
pub(super) struct Keeping {
    clock: Clock,
    keep_us: i64,
    next: Duration,
}

impl Keeping {
    pub(super) fn new(clock: Clock, keep: Duration) -> Self {
        let keep_us = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
        Self { clock, keep_us, next: Duration::ZERO }
    }

    /// Tells the sequencer up to which input the journal may go.
    pub(super) fn step(
        &mut self,
        journal: &JournalReader,
        exported: u64,
        now: Duration,
        gauges: &Gauges,
    ) -> Result<(), StoreError> {
        if now < self.next {
            return Ok(());
        }
        self.next = now.saturating_add(EVERY);
        let cutoff = (self.clock)().as_us().saturating_sub(self.keep_us);
        gauges.trimmable.store(before(journal, exported, cutoff)?, Ordering::Relaxed);
        Ok(())
    }
}

/// The last of the inputs up to `last` that came before `cutoff`; what comes before the first there is if none did. Times only
/// grow, but for a clock that is set back: then it is one of them.
fn before(journal: &JournalReader, last: u64, cutoff: i64) -> Result<u64, StoreError> {
    let mut kept = last.saturating_add(1);
    let mut older = journal.first_seq()?.saturating_sub(1);
    if cutoff <= Time::MIN.as_us() {
        return Ok(older);
    }
    while older.saturating_add(1) < kept {
        let middle = older.midpoint(kept);
        let mut time = None;
        journal.visit(middle.saturating_sub(1), 1, |entry| {
            time = Some(entry.time);
            true
        })?;
        match time {
            Some(time) if time < cutoff => older = middle,
            _ => kept = middle,
        }
    }
    Ok(older)
}

#[cfg(test)]
mod tests {
    use store::{DataFolder, Entry, Limits};

    use super::before;

    #[test]
    fn inputs_before_a_moment_are_found() {
        let place = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(place.path()).unwrap();
        let (mut journal, _state) = folder.files(&Limits::default()).unwrap();
        let reader = folder.view().journal_reader().unwrap();
        assert_eq!(before(&reader, 0, 5).unwrap(), 0);
        let row = |seq: u64| Entry {
            seq,
            id: None,
            kind: 1,
            time: i64::try_from(seq).unwrap() * 10,
            digest: None,
            input: b"",
            answer: b"",
        };
        journal.append(&(1..=100).map(row).collect::<Vec<_>>()).unwrap();
        for (last, cutoff, expected) in [
            (100, 0, 0),
            (100, 10, 0),
            (100, 11, 1),
            (100, 505, 50),
            (100, 9_999, 100),
            (30, 505, 30),
            (0, 505, 0),
        ] {
            assert_eq!(before(&reader, last, cutoff).unwrap(), expected, "{last}, {cutoff}");
        }
    }
}
