//! Exact distinct counting of (pair number, customer) in bounded memory: a hash set, and sorted runs on disk when it grows
//! too large. Must not know what a pair number stands for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::targets::index;
use crate::HistoryError;

/// Entries held in memory by all sets of a sweep together: about 150 MB of hash tables.
pub(super) const ENTRIES_MAX: usize = 4_000_000;

type Pair = (u32, u64);

/// One thread's set of pairs.
#[derive(Debug)]
pub(super) struct Pairs {
    set: FxHashSet<Pair>,
    entries_max: usize,
    folder: PathBuf,
    runs: Vec<File>,
    recent: Vec<Pair>,
}

/// Slots of the cache of recently seen pairs: most rows repeat a pair that was just seen.
const RECENT: usize = 1 << 13;

impl Pairs {
    /// A set that spills into unnamed files in `folder` beyond `entries_max`.
    pub(super) fn new(folder: &Path, entries_max: usize) -> Self {
        Self {
            set: FxHashSet::default(),
            entries_max,
            folder: folder.to_owned(),
            runs: Vec::new(),
            recent: vec![(u32::MAX, 0); RECENT],
        }
    }

    pub(super) fn insert(&mut self, pair: u32, customer: u64) -> Result<(), HistoryError> {
        let mixed = customer.wrapping_add(u64::from(pair)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let place = usize::try_from(mixed >> 51).unwrap_or(0);
        if let Some(recent) = self.recent.get_mut(place) {
            if *recent == (pair, customer) {
                return Ok(());
            }
            *recent = (pair, customer);
        }
        self.set.insert((pair, customer));
        if self.set.len() >= self.entries_max { self.spill() } else { Ok(()) }
    }

    fn sorted(&mut self) -> Vec<Pair> {
        let mut sorted: Vec<Pair> = self.set.drain().collect();
        sorted.sort_unstable();
        sorted
    }

    fn spill(&mut self) -> Result<(), HistoryError> {
        let failed = || HistoryError::io(&self.folder, "writing a temporary file in it");
        let file = tempfile::tempfile_in(&self.folder).map_err(failed())?;
        let sorted = self.sorted();
        let failed = || HistoryError::io(&self.folder, "writing a temporary file in it");
        let mut writer = BufWriter::new(&file);
        for (pair, customer) in sorted {
            writer.write_all(&pair.to_le_bytes()).map_err(failed())?;
            writer.write_all(&customer.to_le_bytes()).map_err(failed())?;
        }
        writer.flush().map_err(failed())?;
        drop(writer);
        let mut file = file;
        file.rewind().map_err(failed())?;
        self.runs.push(file);
        Ok(())
    }
}

/// Distinct customers for each pair number below `length`.
pub(super) fn count(sets: Vec<Pairs>, length: u32) -> Result<Vec<u32>, HistoryError> {
    let mut counts = vec![0_u32; index(length)];
    let mut sources: Vec<Box<dyn Iterator<Item = Result<Pair, HistoryError>>>> = Vec::new();
    for mut set in sets {
        let folder = set.folder.clone();
        for run in set.runs.drain(..) {
            sources.push(Box::new(Run { reader: BufReader::new(run), folder: folder.clone() }));
        }
        sources.push(Box::new(set.sorted().into_iter().map(Ok)));
    }
    let mut heap = BinaryHeap::new();
    for (place, source) in sources.iter_mut().enumerate() {
        if let Some(pair) = source.next() {
            heap.push(Reverse((pair?, place)));
        }
    }
    let mut last = None;
    while let Some(Reverse((pair, place))) = heap.pop() {
        if last != Some(pair) {
            if let Some(count) = counts.get_mut(index(pair.0)) {
                *count = count.saturating_add(1);
            }
            last = Some(pair);
        }
        if let Some(next) = sources.get_mut(place).and_then(Iterator::next) {
            heap.push(Reverse((next?, place)));
        }
    }
    Ok(counts)
}

/// A sorted run read back.
struct Run {
    reader: BufReader<File>,
    folder: PathBuf,
}

impl Iterator for Run {
    type Item = Result<Pair, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut pair, mut customer) = ([0; 4], [0; 8]);
        match self.reader.read_exact(&mut pair).and_then(|()| self.reader.read_exact(&mut customer)) {
            Ok(()) => Some(Ok((u32::from_le_bytes(pair), u64::from_le_bytes(customer)))),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => None,
            Err(error) => Some(Err(HistoryError::io(&self.folder, "reading a temporary file in it")(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pairs, count};

    #[test]
    fn spilled_and_unspilled_sets_count_the_same() {
        let folder = tempfile::tempdir().unwrap();
        for entries_max in [3, 1_000_000] {
            let mut sets =
                vec![Pairs::new(folder.path(), entries_max), Pairs::new(folder.path(), entries_max)];
            for row in 0_u64..5_000 {
                let set = usize::try_from(row % 2).unwrap();
                sets[set].insert(u32::try_from(row % 3).unwrap(), row % 70).unwrap();
            }
            assert_eq!(count(sets, 4).unwrap(), [70, 70, 70, 0]);
        }
    }
}
