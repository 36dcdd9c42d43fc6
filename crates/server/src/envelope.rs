//! Envelopes for what must not be read on disk. Must not know what is in them.
//!
//! An envelope is a byte for its form, a byte for the key it is sealed with, a random nonce of 24 bytes, and the content under
//! XChaCha20-Poly1305 (RFC 8439 with the extended nonce of draft-irtf-cfrg-xchacha-03). The first two bytes and the name of the place it is for
//! are authenticated with it: nobody can put one envelope in the place of another. When keys rotate, the second byte says which to open it with.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};

/// The form described above.
const FORM: u8 = 1;
/// The key derived from the folder's secret.
const FOLDER_KEY: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Seals content for a place.
///
/// # Errors
/// There is no randomness, or the content is larger than the cipher allows (256 GiB).
pub(crate) fn seal(key: &[u8; 32], place: &[u8], content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut nonce = [0_u8; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(std::io::Error::other)?;
    let aad = authenticated(place);
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: content, aad: &aad })
        .map_err(|_too_large| std::io::Error::other("sealing failed"))?;
    Ok([&[FORM, FOLDER_KEY], nonce.as_slice(), &sealed].concat())
}

/// Opens an envelope; `None` if it is none for this place and of this key.
pub(crate) fn open(key: &[u8; 32], place: &[u8], envelope: &[u8]) -> Option<Vec<u8>> {
    let rest = envelope.strip_prefix(&[FORM, FOLDER_KEY])?;
    let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
    let aad = authenticated(place);
    XChaCha20Poly1305::new(key.into()).decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: &aad }).ok()
}

fn authenticated(place: &[u8]) -> Vec<u8> {
    [&[FORM, FOLDER_KEY], place].concat()
}

#[cfg(test)]
mod tests {
    use super::{open, seal};

    #[test]
    fn only_the_right_place_and_key_open_it() {
        let (ours, other) = ([1; 32], [2; 32]);
        let envelope = seal(&ours, b"C1", "ヤマダ".as_bytes()).unwrap();
        assert_eq!(open(&ours, b"C1", &envelope).as_deref(), Some("ヤマダ".as_bytes()));
        assert_eq!(open(&ours, b"C2", &envelope), None);
        assert_eq!(open(&other, b"C1", &envelope), None);
        assert_ne!(envelope, seal(&ours, b"C1", "ヤマダ".as_bytes()).unwrap(), "no two are alike");
        for place in 0..envelope.len() {
            let mut changed = envelope.clone();
            changed[place] ^= 1;
            assert_eq!(open(&ours, b"C1", &changed), None, "{place}");
            assert_eq!(open(&ours, b"C1", &envelope[..place]), None);
        }
    }
}
