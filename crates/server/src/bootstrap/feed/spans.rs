//! How many events of history files are in memory when they are read file by file, and spans of time of which each has no more than
//! a number of them. Must not know what events are.

use std::ops::RangeInclusive;

use history::files::{self, HistoryFile};
use history::{HistoryError, Watch, events};
use model::Time;

/// Parts of a span whose events are counted one by one.
const BUCKETS: usize = 1 << 16;

/// Events that are held at most where files are read one after the other in the order of their first times: those of all that overlap, and
/// two files more, one that is taken and one that is being read.
pub(super) fn held_of_files(files: &[(i64, HistoryFile)]) -> u64 {
    let mut ends: Vec<(i64, bool, u64)> = Vec::with_capacity(files.len().saturating_mul(2));
    for (first, file) in files {
        let last = files::time_range(std::slice::from_ref(file)).map_or(i64::MAX, |(_, last)| last);
        ends.extend([(*first, false, file.rows()), (last, true, file.rows())]);
    }
    ends.sort_unstable();
    let (mut most, mut overlap) = (0_u64, 0_u64);
    for (_, is_last, rows) in ends {
        overlap = if is_last { overlap.saturating_sub(rows) } else { overlap.saturating_add(rows) };
        most = most.max(overlap);
    }
    let largest = files.iter().map(|(_, file)| file.rows()).max().unwrap_or(0);
    most.saturating_add(largest.saturating_mul(2))
}

/// Spans, in order, that hold every time there is and at most so many events each, unless more have the same time.
pub(super) fn spans(
    files: &[(i64, HistoryFile)],
    events_max: u64,
    watch: &Watch,
) -> Result<Vec<RangeInclusive<i64>>, HistoryError> {
    let mut starts = vec![i64::MIN];
    cut(files, (Time::MIN.as_us(), Time::MAX.as_us()), events_max, watch, &mut starts)?;
    let ends = starts.iter().skip(1).map(|start| start.saturating_sub(1)).chain([i64::MAX]);
    Ok(starts.iter().copied().zip(ends).map(|(start, end)| start..=end).collect())
}

/// Adds where further spans begin between two times, which are of it.
fn cut(
    files: &[(i64, HistoryFile)],
    (first, last): (i64, i64),
    events_max: u64,
    watch: &Watch,
    starts: &mut Vec<i64>,
) -> Result<(), HistoryError> {
    let buckets = i64::try_from(BUCKETS).unwrap_or(i64::MAX);
    let width = last.saturating_sub(first) / buckets + 1;
    let mut counts = vec![0_u64; BUCKETS];
    for (_, file) in files {
        events::times(file, &(first..=last), watch, |time| {
            let place = usize::try_from(time.saturating_sub(first) / width).ok();
            let is_of_it = time >= first && time <= last;
            if let Some(count) = place.filter(|_| is_of_it).and_then(|place| counts.get_mut(place)) {
                *count = count.saturating_add(1);
            }
        })?;
    }
    let mut gathered = 0_u64;
    for (count, place) in counts.into_iter().zip(0_i64..) {
        let from = first.saturating_add(place.saturating_mul(width));
        if gathered.saturating_add(count) > events_max && gathered > 0 {
            starts.push(from);
            gathered = 0;
        }
        gathered = gathered.saturating_add(count);
        if count > events_max && width > 1 {
            cut(files, (from, from.saturating_add(width - 1).min(last)), events_max, watch, starts)?;
            // What comes next begins a span of its own.
            gathered = events_max;
        }
    }
    Ok(())
}
