//! Recovery codes: ten of fifty random bits, shown once, kept as keyed digests, each good for one time. Must not know what
//! they recover.

use serde::{Deserialize, Serialize};
use subtle::{Choice, ConstantTimeEq as _};

/// Codes in a set.
pub const CODES: usize = 10;
/// Random bytes a set is made of.
pub const RANDOM_BYTES: usize = CODES * BYTES;
/// Random bytes of a code: seven, of which fifty bits are used.
const BYTES: usize = 7;
const SYMBOLS: usize = 10;
/// Crockford's base 32: no letter that is taken for another.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A set as it is kept: used codes are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    digests: Vec<[u8; 32]>,
}

/// A new set, and its codes to show once.
#[must_use]
pub fn make(key: &[u8; 32], random: &[u8; RANDOM_BYTES]) -> (Set, Vec<String>) {
    let (chunks, _) = random.as_chunks::<BYTES>();
    let codes: Vec<String> = chunks.iter().map(code).collect();
    let digests = codes.iter().map(|code| digest(key, &comparable(code))).collect();
    (Set { digests }, codes)
}

impl Set {
    /// Uses a code up; false if it is none of these, or was used. Every digest is compared, whatever came.
    pub fn take(&mut self, key: &[u8; 32], given: &str) -> bool {
        let given = digest(key, &comparable(given));
        let mut found = Choice::from(0);
        let mut place = None;
        for (number, digest) in self.digests.iter().enumerate() {
            let same = digest.ct_eq(&given);
            found |= same;
            if same.into() {
                place = Some(number);
            }
        }
        if let Some(place) = place {
            self.digests.swap_remove(place);
        }
        found.into()
    }

    /// How many are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.digests.len()
    }
}

/// Whether this can be a code at all.
#[must_use]
pub fn is_one(typed: &str) -> bool {
    let comparable = comparable(typed);
    comparable.len() == SYMBOLS && comparable.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// `ABCDE-FGHJK`.
fn code(random: &[u8; BYTES]) -> String {
    let bits = random.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let symbol = |place: usize| {
        let index = usize::try_from(bits >> (5 * place) & 31).unwrap_or(0);
        char::from(ALPHABET.get(index).copied().unwrap_or(b'0'))
    };
    let (first, second): (String, String) =
        ((0..SYMBOLS / 2).map(symbol).collect(), (SYMBOLS / 2..SYMBOLS).map(symbol).collect());
    format!("{first}-{second}")
}

/// Without hyphens and blanks, in capitals, and with what is taken for another symbol as that.
fn comparable(code: &str) -> String {
    const TYPED_MAX: usize = 64;
    let kept = code.chars().take(TYPED_MAX).filter(char::is_ascii_alphanumeric);
    kept.map(|c| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    })
    .collect()
}

fn digest(key: &[u8; 32], code: &str) -> [u8; 32] {
    *blake3::keyed_hash(key, code.as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::{CODES, RANDOM_BYTES, is_one, make};

    #[test]
    fn each_code_is_good_once() {
        let mut random = [0; RANDOM_BYTES];
        random.iter_mut().zip(0_u8..).for_each(|(byte, number)| *byte = number.wrapping_mul(37));
        let (mut set, codes) = make(&[1; 32], &random);
        assert_eq!((codes.len(), set.left()), (CODES, CODES));
        assert!(codes.iter().all(|code| code.len() == 11 && code.as_bytes()[5] == b'-'), "{codes:?}");
        assert!(!set.take(&[1; 32], "00000-00001"));
        assert!(set.take(&[1; 32], &codes[3].to_lowercase().replace('-', " ").replace('0', "o")));
        assert!(!set.take(&[1; 32], &codes[3]), "used");
        assert!(!set.take(&[2; 32], &codes[4]), "another key");
        assert_eq!(set.left(), CODES - 1);
    }

    #[test]
    fn what_cannot_be_a_code_is_told_from_a_wrong_one() {
        for code in ["00000-00001", "2k7qm x94td", " 2K7QM-X94TD ", "oOiIl-LLLLL"] {
            assert!(is_one(code), "{code}");
        }
        for other in ["", "2K7QM-X94T", "2K7QM-X94TDA", "2K7QM-X94TU", "123456", "２Ｋ７ＱＭ-X94TD"] {
            assert!(!is_one(other), "{other}");
        }
    }
}
