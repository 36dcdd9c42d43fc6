//! A list of passwords as a binary fuse filter, and its file form. A filter says of every entry that it is there, and of 65,536
//! others about one: bytes in, bytes out. Must not know files.
//!
//! The file, all numbers little endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `SEKIPASS` |
//! | 2 | version of the form, 1 |
//! | 2 | bits of a fingerprint, 16 |
//! | 4 | length of a segment, a power of two |
//! | 4 | length of all first segments |
//! | 4 | fingerprints |
//! | 8 | entries |
//! | 8 | seed |
//! | 32 | BLAKE3 of all the rest: what is before, then what is behind |
//! | 2 × fingerprints | fingerprints |

use unicode_normalization::UnicodeNormalization as _;
use xorf::{BinaryFuse16, Descriptor, Filter as _};

/// Entries of a filter at most: making it takes about 33 bytes of memory an entry.
pub const ENTRIES_MAX: usize = 100_000_000;

const MAGIC: &[u8; 8] = b"SEKIPASS";
const VERSION: u16 = 1;
const FINGERPRINT_BITS: u16 = 16;
/// What the library makes at most; a larger one would reach beyond the fingerprints.
const SEGMENT_LENGTH_MAX: u32 = 1 << 18;
const HEAD_BYTES: usize = 40;
const DIGEST_BYTES: usize = 32;

/// The key of a password: XXH3-64 of its UTF-8 text after NFKC and in lower case. Lists and candidates are looked up by it.
#[must_use]
pub fn key(password: &str) -> u64 {
    let folded = zeroize::Zeroizing::new(password.nfkc().flat_map(char::to_lowercase).collect::<String>());
    xxhash_rust::xxh3::xxh3_64(folded.as_bytes())
}

/// Why bytes are no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Something else.
    #[error(
        "it is no password list of Sekisho: it does not begin with SEKIPASS; make one: sekisho passwords build LIST --out FILE"
    )]
    Foreign,
    /// Of another version.
    #[error("it has form {0}, and this version reads form {VERSION}; build it again with this version")]
    Version(u16),
    /// Cut off, or longer than it says.
    #[error("it has {came} bytes where it should have {expected}: it is damaged; copy or build it again")]
    Length {
        /// Bytes that came.
        came: usize,
        /// Bytes that should have come.
        expected: usize,
    },
    /// Something in it changed.
    #[error("its digest does not fit its content: it is damaged; copy or build it again")]
    Digest,
    /// The digest fits, and the content makes no sense.
    #[error("its figures contradict each other; build it again")]
    Contradictory,
}

/// Why no filter can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// No entry.
    #[error("the list is empty")]
    Empty,
    /// Too many.
    #[error(
        "the list has {0} different entries; allowed: at most {ENTRIES_MAX}. Lists are sorted by frequency: take its beginning"
    )]
    TooMany(usize),
    /// The construction did not succeed in a thousand tries, which does not happen by chance.
    #[error("the filter could not be made: {0}")]
    Failed(&'static str),
}

/// A list of passwords.
#[derive(Debug, Clone)]
pub struct Filter {
    fuse: BinaryFuse16,
    entries: u64,
}

impl Filter {
    /// Of keys, see [`key`], in any order.
    ///
    /// # Errors
    /// There are none, or too many.
    pub fn build(mut keys: Vec<u64>) -> Result<Self, BuildError> {
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Err(BuildError::Empty);
        }
        if keys.len() > ENTRIES_MAX {
            return Err(BuildError::TooMany(keys.len()));
        }
        let entries = u64::try_from(keys.len()).unwrap_or(u64::MAX);
        let fuse = BinaryFuse16::try_from(&keys).map_err(BuildError::Failed)?;
        Ok(Self { fuse, entries })
    }

    /// Whether an entry has this key. May be wrong where it says yes, see [`Filter::false_positive_rate`].
    #[must_use]
    pub fn contains(&self, key: u64) -> bool {
        self.fuse.contains(&key)
    }

    /// Different entries.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Of what is not in the list, the share that is taken for an entry: 2^-16.
    #[must_use]
    pub const fn false_positive_rate() -> f64 {
        1.0 / 65_536.0
    }

    /// The file's content.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { fuse, entries } = self;
        let count = u32::try_from(fuse.fingerprints.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(HEAD_BYTES + DIGEST_BYTES + fuse.fingerprints.len() * 2);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&FINGERPRINT_BITS.to_le_bytes());
        for number in [fuse.descriptor.segment_length, fuse.descriptor.segment_count_length, count] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&entries.to_le_bytes());
        bytes.extend_from_slice(&fuse.descriptor.seed.to_le_bytes());
        let fingerprints: Vec<u8> = fuse.fingerprints.iter().flat_map(|print| print.to_le_bytes()).collect();
        let digest = digest(&bytes, &fingerprints);
        bytes.extend_from_slice(&digest);
        bytes.extend_from_slice(&fingerprints);
        bytes
    }

    /// Of a file's content.
    ///
    /// # Errors
    /// It is something else, of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FilterError> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(FilterError::Foreign)?;
        let length = |expected: usize| FilterError::Length { came: bytes.len(), expected };
        let least = || length(HEAD_BYTES + DIGEST_BYTES);
        let version = u16::from_le_bytes(take(&mut rest).ok_or_else(least)?);
        if version != VERSION {
            return Err(FilterError::Version(version));
        }
        let bits = u16::from_le_bytes(take(&mut rest).ok_or_else(least)?);
        let segment_length = u32::from_le_bytes(take(&mut rest).ok_or_else(least)?);
        let segment_count_length = u32::from_le_bytes(take(&mut rest).ok_or_else(least)?);
        let count = u32::from_le_bytes(take(&mut rest).ok_or_else(least)?);
        let entries = u64::from_le_bytes(take(&mut rest).ok_or_else(least)?);
        let seed = u64::from_le_bytes(take(&mut rest).ok_or_else(least)?);
        let kept: [u8; DIGEST_BYTES] = take(&mut rest).ok_or_else(least)?;
        let print_bytes = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(2);
        if rest.len() != print_bytes {
            return Err(length(print_bytes.saturating_add(HEAD_BYTES + DIGEST_BYTES)));
        }
        if kept != digest(bytes.get(..HEAD_BYTES).unwrap_or_default(), rest) {
            return Err(FilterError::Digest);
        }
        // Look-ups reach up to two segments behind the first ones, and nothing beyond.
        let reach = segment_length.checked_mul(2).and_then(|two| two.checked_add(segment_count_length));
        let is_sound = bits == FINGERPRINT_BITS
            && segment_length.is_power_of_two()
            && segment_length <= SEGMENT_LENGTH_MAX
            && segment_count_length > 0
            && segment_count_length.is_multiple_of(segment_length)
            && reach == Some(count);
        if !is_sound {
            return Err(FilterError::Contradictory);
        }
        let prints = rest.as_chunks::<2>().0.iter().map(|print| u16::from_le_bytes(*print));
        let descriptor = Descriptor {
            seed,
            segment_length,
            segment_length_mask: segment_length.saturating_sub(1),
            segment_count_length,
        };
        Ok(Self { fuse: BinaryFuse16 { descriptor, fingerprints: prints.collect() }, entries })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

fn digest(head: &[u8], prints: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head);
    hasher.update(prints);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
    use unicode_normalization::UnicodeNormalization as _;

    use super::{BuildError, DIGEST_BYTES, Filter, FilterError, HEAD_BYTES, digest, key};

    fn numbers(count: u64) -> Vec<u64> {
        (0..count).map(|number| key(&format!("entry-{number}"))).collect()
    }

    #[test]
    fn a_million_entries_fit_and_few_others_are_taken_for_them() {
        let filter = Filter::build(numbers(1_000_000)).unwrap();
        let bytes = filter.to_bytes();
        assert!(bytes.len() <= 2_500_000, "{} bytes", bytes.len());
        let filter = Filter::from_bytes(&bytes).unwrap();
        assert_eq!(filter.entries(), 1_000_000);
        assert!(numbers(1_000_000).into_iter().all(|key| filter.contains(key)));
        let wrong = (0..1_000_000).filter(|number| filter.contains(key(&format!("absent-{number}")))).count();
        // 15 are expected of a million; 20 of a million are the bar, with room for chance: this never changes.
        assert!(wrong <= 30, "{wrong} of a million");
    }

    #[test]
    fn foreign_and_damaged_files_are_refused() {
        let bytes = Filter::build(numbers(100)).unwrap().to_bytes();
        let refused = |bytes: &[u8]| Filter::from_bytes(bytes).unwrap_err();
        assert_eq!(refused(b""), FilterError::Foreign);
        assert_eq!(refused(b"password\n123456\n"), FilterError::Foreign);
        for length in 8..bytes.len() {
            assert!(matches!(refused(&bytes[..length]), FilterError::Length { .. }), "{length}");
        }
        assert!(matches!(refused(&[&bytes[..], &[0]].concat()), FilterError::Length { .. }));
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x10;
            assert!(Filter::from_bytes(&changed).is_err(), "{place}");
        }
        // Whoever makes a digest that fits makes no look-up outside the fingerprints of it.
        for (place, byte) in [(12, 0x81), (15, 0x7f), (16, 1), (10, 8)] {
            let mut changed = bytes.clone();
            changed[place] = byte;
            let digest = digest(&changed[..HEAD_BYTES], &changed[HEAD_BYTES + DIGEST_BYTES..]);
            changed[HEAD_BYTES..HEAD_BYTES + DIGEST_BYTES].copy_from_slice(&digest);
            assert_eq!(refused(&changed), FilterError::Contradictory, "{place}");
        }
        assert_eq!(Filter::build(Vec::new()).unwrap_err(), BuildError::Empty);
    }

    #[test]
    fn keys_do_not_depend_on_case_and_width() {
        assert_eq!(key("Passw0rd"), key("ｐａｓｓｗ０ｒｄ"));
        assert_eq!(key("ｻｸﾗ2020"), key("サクラ2020"));
        assert_ne!(key("password"), key("password1"));
    }

    proptest! {
        #[test]
        fn no_entry_is_ever_missed(keys in prop::collection::vec(any::<u64>(), 1..2_000)) {
            let filter = Filter::from_bytes(&Filter::build(keys.clone()).unwrap().to_bytes()).unwrap();
            prop_assert!(keys.iter().all(|key| filter.contains(*key)));
        }

        #[test]
        fn normalising_again_changes_no_key(text in "\\PC{0,40}") {
            let normal: String = text.nfkc().collect();
            prop_assert_eq!(key(&text), key(&normal));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let with_head = [b"SEKIPASS\x01\0".as_slice(), &bytes].concat();
            prop_assert!(Filter::from_bytes(&with_head).is_err());
        }
    }
}
