//! Texts that only this server makes and reads: a value, sealed for one purpose. Who holds them reads nothing in them: they travel in
//! links and cookies. Must not know what the values mean.

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::envelope;

/// Bytes of a token at most.
pub(crate) const TOKEN_BYTES_MAX: usize = 4_096;

/// None if the value is larger than a token may be, or the system gives no random bytes.
pub(crate) fn make<T: Serialize>(key: &[u8; 32], purpose: &str, value: &T) -> Option<String> {
    let value = postcard::to_allocvec(value).ok()?;
    let token = BASE64URL_NOPAD.encode(&envelope::seal(key, purpose.as_bytes(), &value).ok()?);
    Some(token).filter(|token| token.len() <= TOKEN_BYTES_MAX)
}

/// The value, if the token was made here for this purpose.
pub(crate) fn read<T: DeserializeOwned>(key: &[u8; 32], purpose: &str, token: &str) -> Option<T> {
    let sealed = Some(token).filter(|token| token.len() <= TOKEN_BYTES_MAX)?;
    let sealed = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
    postcard::from_bytes(&envelope::open(key, purpose.as_bytes(), &sealed)?).ok()
}

#[cfg(test)]
mod tests {
    use super::{make, read};

    #[test]
    fn a_token_is_read_for_its_purpose_and_unchanged() {
        let token = make(&[1; 32], "visit", &("C1", 7_u32)).unwrap();
        let of = |key, purpose: &str, token: &str| read::<(String, u32)>(key, purpose, token);
        assert_eq!(of(&[1; 32], "visit", &token), Some(("C1".to_owned(), 7)));
        assert_eq!(of(&[2; 32], "visit", &token), None);
        assert_eq!(of(&[1; 32], "handover", &token), None);
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(of(&[1; 32], "visit", &String::from_utf8(changed).unwrap()), None, "{place}");
        }
        assert_eq!(of(&[1; 32], "visit", ""), None);
    }

    #[test]
    fn who_holds_a_token_reads_nothing_in_it() {
        let value = "192.0.2.7 Mozilla/5.0".repeat(3);
        let token = make(&[1; 32], "visit", &value).unwrap();
        let bytes = data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).unwrap();
        assert!(!bytes.windows(8).any(|seen| value.as_bytes().windows(8).any(|part| part == seen)));
    }
}
