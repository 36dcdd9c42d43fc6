//! Removes stored records that count as none ([`engine::record::retention`]), a few at a time, on the thread that writes records,
//! when it has nothing to write. No decision waits for it, and none changes by it. Must not know what is in memory: a record
//! that is there and named again is written again.

use engine::key::RecordKey;
use engine::record::Record;
use model::Time;
use model::time::DAY_US;
use store::{State as Stored, StoreError};

use super::Gauges;
use crate::log::with_sources;

/// Records looked at in one step at most: some milliseconds.
pub(super) const LOOKED_AT: usize = 1_024;
/// How much longer than they count they are kept, should a clock have been ahead.
const SPARE_US: i64 = 30 * DAY_US;
/// Where it is.
#[derive(Debug, Default)]
pub(super) struct Retention {
    /// When the input arrived as of which records were last written; none before the first were.
    now: Option<Time>,
    kind: u8,
    /// The key from which on to look.
    from: Vec<u8>,
    /// The day, of [`Self::now`], on which this round through all records began.
    began: i64,
    /// The same of the last round that is over. What is spent is known by the day, so once a day is enough.
    done: Option<i64>,
}

impl Retention {
    /// Records were written as of an input that arrived then.
    pub(super) const fn arrived(&mut self, now: Time) {
        self.now = Some(now);
    }

    /// Looks at some records.
    pub(super) fn step(&mut self, stored: &mut Stored, gauges: &Gauges) {
        let Some(now) = self.now else { return };
        let today = now.as_us() / DAY_US;
        if self.done == Some(today) {
            return;
        }
        if self.kind == 0 && self.from.is_empty() {
            self.began = today;
        }
        match self.remove_some(stored, now.plus_us(-SPARE_US)) {
            Ok(removed) => Gauges::add(&gauges.forgotten, removed),
            Err(error) => {
                self.done = Some(today);
                crate::log::line("retention.failed", &with_sources(&error));
            }
        }
    }

    fn remove_some(&mut self, stored: &mut Stored, now: Time) -> Result<u64, StoreError> {
        let records = stored.scan(self.kind, &self.from, LOOKED_AT)?;
        match records.last() {
            // The next key in order is the last one with a zero byte behind it.
            Some((last, _)) => self.from = [last.as_slice(), &[0]].concat(),
            None => self.go_on(),
        }
        let spent = |bytes: &[u8]| Record::decode(bytes).is_ok_and(|record| record.is_spent(now));
        let kind = self.kind;
        let spent: Vec<(u8, Vec<u8>, Option<Vec<u8>>)> =
            records.into_iter().filter(|(_, bytes)| spent(bytes)).map(|(key, _)| (kind, key, None)).collect();
        let removed = u64::try_from(spent.len()).unwrap_or(0);
        if removed > 0 {
            stored.checkpoint(stored.seq()?, spent)?;
        }
        Ok(removed)
    }

    /// To the next kind of records; after the last, to the first of another day.
    fn go_on(&mut self) {
        self.from.clear();
        self.kind = self.kind.saturating_add(1);
        if !RecordKey::KINDS.contains(&self.kind) {
            (self.kind, self.done) = (0, Some(self.began));
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::key::RecordKey;
    use engine::record::{Customer, Ip, Named, Record};
    use model::Time;
    use model::time::DAY_US;
    use store::{DataFolder, Limits};

    use super::{Gauges, LOOKED_AT, Retention};

    /// More records than one step looks at, every other of them spent: those go, in steps, and nothing else does.
    #[test]
    fn stored_records_that_count_as_none_go_in_steps() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(&folder.path().join("data")).unwrap();
        let (_journal, mut stored) = data.files(&Limits::default()).unwrap();
        let day = |days: i64| Time::from_us(days * DAY_US).unwrap();
        let ip =
            |named| Record::Ip(Box::new(Ip { named: Named::at(named), ..Ip::default() })).encode().unwrap();
        let count = u128::try_from(2 * LOOKED_AT + 100).unwrap();
        let mut records: Vec<(RecordKey, Vec<u8>)> = (0..count)
            .map(|bits| (RecordKey::Ip(bits), ip(day(if bits % 2 == 0 { 20_000 } else { 20_100 }))))
            .collect();
        let customer = Record::Customer(Box::<Customer>::default()).encode().unwrap();
        records.push((RecordKey::Customer(7), customer.clone()));
        let rows = records.iter().map(|(key, bytes)| (key.kind(), key.bytes(), Some(bytes)));
        stored.checkpoint(9, rows).unwrap();
        let left = |stored: &store::State| stored.scan(2, &[], usize::MAX).unwrap().len();

        let (mut retention, gauges) = (Retention::default(), Gauges::default());
        retention.step(&mut stored, &gauges);
        // Not yet: 30 days are to spare.
        retention.arrived(day(20_430));
        (0..30).for_each(|_| retention.step(&mut stored, &gauges));
        assert_eq!(left(&stored), records.len() - 1);
        // All were looked at, so that only another day begins anew.
        retention.arrived(day(20_431));
        let mut before = left(&stored);
        for _ in 0..30 {
            retention.step(&mut stored, &gauges);
            assert!(before - left(&stored) <= LOOKED_AT);
            before = left(&stored);
        }
        assert_eq!(before, LOOKED_AT + 50);
        assert_eq!(
            gauges.forgotten.load(std::sync::atomic::Ordering::Relaxed),
            u64::try_from(before).unwrap()
        );
        assert_eq!(stored.load(1, &RecordKey::Customer(7).bytes()).unwrap(), Some(customer));
        assert_eq!(stored.seq().unwrap(), 9, "it is as true as before");
    }
}
