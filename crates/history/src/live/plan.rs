//! Which live files of a day to merge next. Must not know disks: it sees ranges and sizes.
//!
//! While a day lasts, as many files of a level as [`Limits::fan_in`] become one of the next, so that every row is written
//! again once for each level and no more: a day of a flush every other second has four. What is large enough is left alone.
//! When the day is over, all that is not is merged, whatever its level.

use std::ops::Range;

use super::LiveName;
use crate::schema::ROW_GROUP_ROWS;

/// How files are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files of a level that become one of the next.
    pub fan_in: usize,
    /// Rows of a merged file at most; one of half as many is not merged any more.
    pub rows_max: u64,
    /// Bytes of columns of a merged file at most, not compressed; one of half as many is not merged any more.
    pub bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fan_in: 16, rows_max: u64::try_from(ROW_GROUP_ROWS).unwrap_or(u64::MAX), bytes_max: 256 << 20 }
    }
}

/// Files merged at once at most.
const FILES_MAX: usize = 256;

/// A live file and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sized {
    pub(super) name: LiveName,
    pub(super) rows: u64,
    /// Of its columns, not compressed.
    pub(super) bytes: u64,
}

impl Limits {
    pub(super) fn is_full(&self, file: &Sized) -> bool {
        file.rows >= self.rows_max / 2 || file.bytes >= self.bytes_max / 2
    }

    /// How many of `files` fit into one, from the first on.
    fn fitting(&self, files: &[Sized], files_max: usize) -> usize {
        let (mut rows, mut bytes) = (0_u64, 0_u64);
        let fits = |file: &&Sized| {
            rows = rows.saturating_add(file.rows);
            bytes = bytes.saturating_add(file.bytes);
            rows <= self.rows_max && bytes <= self.bytes_max
        };
        files.iter().take(files_max).take_while(fits).count()
    }

    /// The next files to merge, of a day's files in order, if there are any.
    pub(super) fn next(&self, files: &[Sized], is_over: bool) -> Option<Range<usize>> {
        let mut start = 0;
        while let Some(first) = files.get(start) {
            let rest = files.get(start..).unwrap_or_default();
            let alike =
                |file: &&Sized| !self.is_full(file) && (is_over || file.name.level == first.name.level);
            let run = rest.iter().take_while(alike).count();
            let run_files = rest.get(..run).unwrap_or_default();
            let files_max = if is_over { FILES_MAX } else { self.fan_in.max(2) };
            let fitting = self.fitting(run_files, files_max);
            // While the day lasts: as many as make a level, or as make a full file.
            if fitting >= 2 && (is_over || fitting == files_max || fitting < run) {
                return Some(start..start.saturating_add(fitting));
            }
            start = start.saturating_add(run.max(1));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Limits, Sized};
    use crate::live::LiveName;

    fn file(seq: u64, rows: u64) -> Sized {
        Sized { name: LiveName { origin: 1, from: seq, to: seq, level: 0 }, rows, bytes: rows * 200 }
    }

    /// Merges until there is nothing to do; gives how many rows were written for it.
    fn settle(limits: &Limits, files: &mut Vec<Sized>, is_over: bool) -> u64 {
        let mut written = 0;
        while let Some(range) = limits.next(files, is_over) {
            let merged: Vec<Sized> = files.drain(range.clone()).collect();
            let (first, last) = (merged.first().unwrap(), merged.last().unwrap());
            let level = merged.iter().map(|file| file.name.level).max().unwrap() + 1;
            let one = Sized {
                name: LiveName { from: first.name.from, to: last.name.to, level, ..first.name },
                rows: merged.iter().map(|file| file.rows).sum(),
                bytes: merged.iter().map(|file| file.bytes).sum(),
            };
            assert!(one.rows <= limits.rows_max && one.bytes <= limits.bytes_max);
            written += one.rows;
            files.insert(range.start, one);
        }
        written
    }

    /// A day of a flush every two seconds, at different speeds: few files at any time and in the end, no row written often.
    #[test]
    fn a_day_ends_as_few_files() {
        let limits = Limits::default();
        for (rows, files_most, files_end) in
            [(1, 60, 1), (20, 60, 1), (2_000, 240, 164), (80_000, 3_560, 3_560)]
        {
            let (mut files, mut most, mut written) = (Vec::new(), 0, 0);
            for seq in 1..=43_200 {
                files.push(file(seq, rows));
                written += settle(&limits, &mut files, false);
                most = most.max(files.len());
            }
            written += settle(&limits, &mut files, true);
            let times = written / (rows * 43_200);
            assert!(most <= files_most && files.len() <= files_end, "{rows}: {most}, {}", files.len());
            assert!(times <= 4, "{rows}: every row was written {times} times again");
            assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), rows * 43_200);
            assert!(files.windows(2).all(|pair| pair[0].name.to + 1 == pair[1].name.from));
        }
    }

    #[test]
    fn large_files_are_left_alone_and_small_ones_between_them_wait_for_the_end_of_the_day() {
        let limits = Limits { fan_in: 4, rows_max: 100, bytes_max: u64::MAX };
        let mut files: Vec<Sized> = [10, 60, 10, 10, 90, 45, 45, 45]
            .into_iter()
            .zip(1..)
            .map(|(rows, seq)| file(seq, rows))
            .collect();
        settle(&limits, &mut files, false);
        assert_eq!(files.iter().map(|file| file.rows).collect::<Vec<_>>(), [10, 60, 10, 10, 90, 90, 45]);
        settle(&limits, &mut files, true);
        assert_eq!(files.iter().map(|file| file.rows).collect::<Vec<_>>(), [10, 60, 20, 90, 90, 45]);
    }

    #[test]
    fn bytes_count_too() {
        let limits = Limits { fan_in: 4, rows_max: 100, bytes_max: 10_000 };
        let mut files: Vec<Sized> = (1..=8).map(|seq| Sized { bytes: 4_000, ..file(seq, 1) }).collect();
        settle(&limits, &mut files, true);
        assert_eq!(files.len(), 4);
    }
}
