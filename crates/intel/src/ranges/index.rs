//! Between which positions of a sorted array to search, told by the leading bits of an address: a table by the first
//! 16 bits, and below crowded entries one by the next 8 bits.
//!
//! The second level is for IPv6, whose allocations begin with some sixty values of 16 bits; it halves the time of a
//! lookup there. Memory: 256 KiB, and 1 KiB for each crowded entry.

const BUCKETS: usize = 1 << 16;
/// Entries of a second-level block: one per value of 8 bits, and the end.
const BLOCK: usize = 257;
/// A bucket with more starts than this gets a block.
const CROWDED: usize = 256;
/// Marks an entry that is the number of a block and not a position. Positions are far below (see `RANGES_MAX`).
const IS_BLOCK: u32 = 1 << 31;

/// The first 16 bits of an address, and the 8 bits after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leading {
    pub(super) bucket: usize,
    pub(super) slot: usize,
}

/// Positions by leading bits.
#[derive(Default)]
pub(super) struct Index {
    /// For each bucket: how many starts are in buckets below, or the number of its block.
    coarse: Vec<u32>,
    /// Blocks: for each slot, how many starts are below it, counted from the beginning of the array.
    fine: Vec<u32>,
}

impl Index {
    /// `leading` gives the leading bits of a start; `starts` are sorted.
    pub(super) fn new<S: Copy>(starts: &[S], leading: impl Fn(S) -> Leading) -> Self {
        let bucket = |start: S| leading(start).bucket;
        let mut coarse = positions(starts, 0, BUCKETS, bucket);
        let mut fine = Vec::new();
        let mut at = 0_usize;
        for crowd in starts.chunk_by(|a, b| bucket(*a) == bucket(*b)) {
            let first = at;
            at = first.saturating_add(crowd.len());
            let entry = crowd.first().and_then(|start| coarse.get_mut(bucket(*start)));
            if let Some(entry) = entry.filter(|_| crowd.len() > CROWDED) {
                *entry = IS_BLOCK | position(fine.len().checked_div(BLOCK).unwrap_or_default());
                fine.extend(positions(crowd, first, BLOCK.saturating_sub(1), |start| leading(start).slot));
            }
        }
        fine.shrink_to_fit();
        Self { coarse, fine }
    }

    /// The starts with these leading bits are at these positions or, when they are many, those among them that lie
    /// close. All before are lower, all behind are higher.
    pub(super) fn bounds(&self, leading: Leading) -> Option<(usize, usize)> {
        let entry = *self.coarse.get(leading.bucket)?;
        let (low, high) = if entry & IS_BLOCK == 0 {
            (entry, self.first_of(*self.coarse.get(leading.bucket.checked_add(1)?)?)?)
        } else {
            let at = block_start(entry)?.checked_add(leading.slot)?;
            (*self.fine.get(at)?, *self.fine.get(at.checked_add(1)?)?)
        };
        Some((usize::try_from(low).ok()?, usize::try_from(high).ok()?))
    }

    /// How many starts are in the buckets below an entry.
    fn first_of(&self, entry: u32) -> Option<u32> {
        if entry & IS_BLOCK == 0 { Some(entry) } else { self.fine.get(block_start(entry)?).copied() }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(self.coarse.as_slice()).saturating_add(size_of_val(self.fine.as_slice()))
    }
}

fn block_start(entry: u32) -> Option<usize> {
    usize::try_from(entry & !IS_BLOCK).ok()?.checked_mul(BLOCK)
}

fn position(at: usize) -> u32 {
    // Never the maximum: tables are far smaller.
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// For each key up to `keys` (included): the position of the first start with that key or a later one, or the end.
/// The first of `starts` is at position `first`.
fn positions<S: Copy>(starts: &[S], first: usize, keys: usize, key: impl Fn(S) -> usize) -> Vec<u32> {
    let mut positions = Vec::with_capacity(keys.saturating_add(1));
    for (at, start) in (first..).zip(starts) {
        while positions.len() <= key(*start) {
            positions.push(position(at));
        }
    }
    positions.resize(keys.saturating_add(1), position(first.saturating_add(starts.len())));
    positions
}

#[cfg(test)]
mod tests {
    use super::super::Address;
    use super::{BLOCK, BUCKETS, CROWDED, Index};

    #[test]
    fn bounds_hold_every_start_that_matters() {
        // Buckets 1 and 2 are crowded, others are not.
        let mut starts = vec![0_u32, 5, 0x0004_0000, 0xffff_ffff];
        starts.extend((0..400).map(|number| 0x0001_0000 + number * 160));
        starts.extend((0..400).map(|number| 0x0002_8000 + number));
        starts.sort_unstable();
        let index = Index::new(&starts, <u32 as Address>::leading);
        assert_eq!((index.coarse.len(), index.fine.len()), (BUCKETS + 1, 2 * BLOCK));
        assert_eq!(index.memory_bytes(), 4 * (65_537 + 2 * 257));
        let probes =
            starts.iter().flat_map(|start| [start.saturating_sub(1), *start, start.saturating_add(1)]);
        for probe in probes.chain([0x0003_0000, 0x8000_0000, 0xfffe_ffff]) {
            let (low, high) = index.bounds(u32::leading(probe)).unwrap();
            assert!(starts[..low].iter().all(|start| *start < probe), "{probe}");
            assert!(starts[high..].iter().all(|start| *start > probe), "{probe}");
            assert!(high - low <= CROWDED, "{probe}");
        }
    }

    #[test]
    fn an_empty_index_has_no_bounds() {
        assert_eq!(Index::default().bounds(u32::leading(7)), None);
        assert_eq!(Index::default().memory_bytes(), 0);
    }
}
