//! Envelopes for what is kept of a person: sealed before the journal, opened to be shown masked. Must not know what is in
//! them.
//!
//! An envelope is a byte for its form, a byte for the key it is sealed with, a random nonce of 24 bytes, and the content under
//! XChaCha20-Poly1305 (RFC 8439 with the extended nonce of draft-irtf-cfrg-xchacha-03). The first two bytes and the customer's identifier are authenticated with it: nobody
//! can put one customer's envelope in the place of another's. When keys rotate, the second byte says which to open it with.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use model::CustomerId;

use crate::secret::Secret;

/// The form described above.
const FORM: u8 = 1;
/// The key derived from the folder's secret.
const FOLDER_KEY: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Seals what is known of a customer.
///
/// # Errors
/// There is no randomness, or the content is larger than the cipher allows (256 GiB).
pub(crate) fn seal(secret: &Secret, customer: &CustomerId, content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut nonce = [0_u8; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(std::io::Error::other)?;
    let aad = authenticated(customer);
    let sealed = cipher(secret)
        .encrypt(&XNonce::from(nonce), Payload { msg: content, aad: &aad })
        .map_err(|_too_large| std::io::Error::other("sealing a profile failed"))?;
    Ok([&[FORM, FOLDER_KEY], nonce.as_slice(), &sealed].concat())
}

/// Opens an envelope; `None` if it is none of this customer's and of this folder's secret.
pub(crate) fn open(secret: &Secret, customer: &CustomerId, envelope: &[u8]) -> Option<Vec<u8>> {
    let rest = envelope.strip_prefix(&[FORM, FOLDER_KEY])?;
    let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
    let aad = authenticated(customer);
    cipher(secret).decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: &aad }).ok()
}

fn cipher(secret: &Secret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(secret.profile_key().into())
}

fn authenticated(customer: &CustomerId) -> Vec<u8> {
    [&[FORM, FOLDER_KEY], customer.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::{Secret, open, seal};

    #[test]
    fn only_the_right_customer_and_secret_open_it() {
        let (ours, other) = (Secret::from_bytes(&[1; 32]), Secret::from_bytes(&[2; 32]));
        let (one, two) = ("C1".parse().unwrap(), "C2".parse().unwrap());
        let envelope = seal(&ours, &one, "ヤマダ".as_bytes()).unwrap();
        assert_eq!(open(&ours, &one, &envelope).as_deref(), Some("ヤマダ".as_bytes()));
        assert_eq!(open(&ours, &two, &envelope), None);
        assert_eq!(open(&other, &one, &envelope), None);
        assert_ne!(envelope, seal(&ours, &one, "ヤマダ".as_bytes()).unwrap(), "no two are alike");
        for place in 0..envelope.len() {
            let mut changed = envelope.clone();
            changed[place] ^= 1;
            assert_eq!(open(&ours, &one, &changed), None, "{place}");
            assert_eq!(open(&ours, &one, &envelope[..place]), None);
        }
    }
}
