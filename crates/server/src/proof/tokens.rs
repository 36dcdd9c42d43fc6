//! Texts that only this server makes: a value, and what authenticates it for one purpose. They are not secret to who holds
//! them. Must not know what the values mean.

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of a token at most.
pub(crate) const TOKEN_BYTES_MAX: usize = 4_096;

/// `VALUE.TAG`; none if the value is larger than a token may be.
pub(crate) fn make<T: Serialize>(key: &[u8; 32], purpose: &str, value: &T) -> Option<String> {
    let value = BASE64URL_NOPAD.encode(&postcard::to_allocvec(value).ok()?);
    let tag = BASE64URL_NOPAD.encode(tag(key, purpose, &value).as_bytes());
    Some(format!("{value}.{tag}")).filter(|token| token.len() <= TOKEN_BYTES_MAX)
}

/// The value, if the token was made here for this purpose.
pub(crate) fn read<T: DeserializeOwned>(key: &[u8; 32], purpose: &str, token: &str) -> Option<T> {
    let (value, given) = token.split_once('.').filter(|_| token.len() <= TOKEN_BYTES_MAX)?;
    let given: [u8; 32] = BASE64URL_NOPAD.decode(given.as_bytes()).ok()?.try_into().ok()?;
    // Hashes compare in constant time.
    if tag(key, purpose, value) != given {
        return None;
    }
    postcard::from_bytes(&BASE64URL_NOPAD.decode(value.as_bytes()).ok()?).ok()
}

fn tag(key: &[u8; 32], purpose: &str, value: &str) -> blake3::Hash {
    blake3::keyed_hash(key, format!("{purpose} {value}").as_bytes())
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
}
