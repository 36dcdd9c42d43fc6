//! Keys for everything about proof, derived from the folder's secret. Must not know what is signed or sealed with them.

use p256::ecdsa::SigningKey;

use crate::secret::Secret;

/// The keys.
pub(crate) struct ProofKeys {
    /// Names under which things are kept, so that the file says nothing of customers.
    names: [u8; 32],
    /// Seals what is kept.
    pub(crate) envelope: [u8; 32],
    /// Digests of codes.
    pub(crate) codes: [u8; 32],
    /// Digests of what an action names.
    pub(crate) actions: [u8; 32],
    /// Seals links and cookies.
    pub(crate) tokens: [u8; 32],
    /// Signs results.
    pub(crate) results: Option<SigningKey>,
}

impl ProofKeys {
    pub(crate) fn of(secret: &Secret) -> Self {
        let derived = |what: &str| blake3::derive_key(what, secret.proof_key());
        Self {
            names: derived("sekisho proof names v1"),
            envelope: derived("sekisho proof envelope v1"),
            codes: derived("sekisho proof codes v1"),
            actions: derived("sekisho proof actions v1"),
            tokens: derived("sekisho proof tokens v2"),
            // One in 2^32 secrets gives no key of the curve.
            results: SigningKey::from_slice(&derived("sekisho proof results v1")).ok(),
        }
    }

    /// Sixteen bytes that stand for a name.
    pub(crate) fn name(&self, what: &str, name: &str) -> [u8; 16] {
        let text = format!("{} {what} {name}", what.len());
        let hash = blake3::keyed_hash(&self.names, text.as_bytes());
        hash.as_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// What stands for a bank account or a contact in an action.
    pub(crate) fn action_digest(&self, text: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.actions, text.as_bytes()).as_bytes()
    }
}

/// Random bytes.
///
/// # Errors
/// The system gives none.
pub(crate) fn random<const BYTES: usize>() -> Result<[u8; BYTES], super::ProofError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|_error| super::ProofError::Broken("the system gives no random bytes".to_owned()))?;
    Ok(bytes)
}
