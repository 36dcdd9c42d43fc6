//! Which runs may have a hash: a Bloom filter for each run, those of 64 runs laid side by side, so that one look asks all of
//! them (B. Bloom, *Space/time trade-offs in hash coding with allowable errors*, 1970). Must not know about SQLite.
//!
//! With 16 bits a row and eight probes, one run in about 1,700 is asked in vain: in a journal of 10 million rows, one look-up
//! in six asks a run. A restart that finds no runs would ask none,
//! so runs and their bits are written together.

/// Bits of one filter; 16 for each row of a run.
const BITS: usize = 1 << 19;

/// Places looked at for one hash.
const PROBES: usize = 8;

/// Words of 64 bits in one filter.
const WORDS: usize = BITS / 64;

/// Runs in one group: the bits of a word.
const RUNS: usize = 64;

/// The places of a hash, from its halves (A. Kirsch and M. Mitzenmacher, *Less hashing, same performance*, 2008).
fn places(hash: u64) -> [usize; PROBES] {
    let step = (hash >> 32) | 1;
    let mut place = hash;
    [(); PROBES].map(|()| {
        place = place.wrapping_add(step);
        usize::try_from(place).unwrap_or(0) % BITS
    })
}

/// The filter of one run, by itself.
#[derive(Debug, Clone)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new() -> Self {
        Self(vec![0; WORDS])
    }

    pub(super) fn add(&mut self, hash: u64) {
        for place in places(hash) {
            if let Some(word) = self.0.get_mut(place / 64) {
                *word |= 1 << (place % 64);
            }
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Bytes of another length give a filter that keeps nothing back, which costs time and loses nothing.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks();
        if words.len() != WORDS || !rest.is_empty() {
            return Self(vec![u64::MAX; WORDS]);
        }
        Self(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
    }

    fn places(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            let mut bits = *bits;
            std::iter::from_fn(move || {
                let bit = usize::try_from(bits.trailing_zeros()).ok().filter(|bit| *bit < 64)?;
                bits &= bits.wrapping_sub(1);
                Some(word.wrapping_mul(64).wrapping_add(bit))
            })
        })
    }
}

/// Up to 64 runs: bit n of each word belongs to run n.
#[derive(Debug)]
struct Group {
    runs: Vec<u64>,
    words: Vec<u64>,
}

/// The filters of all runs.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    /// In the order of their runs.
    groups: Vec<Group>,
    /// Runs up to this one are gone; their bits are ignored until all of their group are.
    gone: u64,
}

impl Sieve {
    /// Runs come in order.
    pub(super) fn add(&mut self, run: u64, bits: &Bits) {
        if self.groups.last().is_none_or(|group| group.runs.len() >= RUNS) {
            self.groups.push(Group { runs: Vec::with_capacity(RUNS), words: vec![0; BITS] });
        }
        let Some(group) = self.groups.last_mut() else { return };
        let bit = 1 << group.runs.len();
        group.runs.push(run);
        for place in bits.places() {
            if let Some(word) = group.words.get_mut(place) {
                *word |= bit;
            }
        }
    }

    pub(super) fn last_run(&self) -> Option<u64> {
        self.groups.last()?.runs.last().copied()
    }

    pub(super) fn remove_up_to(&mut self, run: u64) {
        self.gone = self.gone.max(run);
        let gone = self.gone;
        self.groups.retain(|group| group.runs.last().is_some_and(|last| *last > gone));
    }

    /// Runs that may have this hash, the last first.
    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = u64> {
        let gone = self.gone;
        let places = places(hash);
        self.groups.iter().rev().flat_map(move |group| {
            let mut runs = u64::MAX;
            for place in places {
                runs &= group.words.get(place).copied().unwrap_or(u64::MAX);
                // Most times after four or five.
                if runs == 0 {
                    break;
                }
            }
            let set = (0..group.runs.len()).rev().filter(move |run| runs & (1 << run) != 0);
            set.filter_map(|run| group.runs.get(run).copied()).filter(move |run| *run > gone)
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::{Bits, Sieve};

    #[test]
    fn no_run_is_forgotten_and_few_are_named_in_vain() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut sieve = Sieve::default();
        let mut known = Vec::new();
        for run in 1..=130_u64 {
            let mut bits = Bits::new();
            for row in 0..32_768 {
                let hash = random.random();
                bits.add(hash);
                if row % 1_000 == 0 {
                    known.push((hash, run));
                }
            }
            sieve.add(run, &Bits::from_bytes(&bits.to_bytes()));
        }
        for (hash, run) in &known {
            assert!(sieve.candidates(*hash).any(|candidate| candidate == *run));
        }
        let asked = 10_000;
        let vain: usize = (0..asked).map(|_| sieve.candidates(random.random()).count()).sum();
        assert!(vain < asked * 130 / 1_500, "{vain} of {}", asked * 130);
        sieve.remove_up_to(70);
        for (hash, run) in &known {
            assert_eq!(sieve.candidates(*hash).any(|candidate| candidate == *run), *run > 70);
        }
        assert_eq!(sieve.last_run(), Some(130));
    }
}
