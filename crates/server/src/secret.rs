//! The data folder's secret: random bytes made at the first start, from which keys for hashing are derived. Must not know
//! what is hashed with them.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

/// The file in the data folder.
const NAME: &str = "secret";
/// The file that cannot do without it.
const JOURNAL: &str = "journal.db";
const BYTES: usize = 32;

/// Keys derived from the folder's secret.
#[derive(Clone)]
pub struct Secret {
    accounts: [u8; 32],
    digests: [u8; 32],
    profiles: [u8; 32],
    proof: [u8; 32],
    history_tag: u32,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(•)")
    }
}

impl Secret {
    /// Reads the folder's secret, or makes it. Without it accounts are not recognised again and repeated events not
    /// compared: it belongs into every backup.
    ///
    /// # Errors
    /// It can neither be read nor made, or is not of 32 bytes.
    pub fn of_folder(folder: &Path) -> std::io::Result<Self> {
        let path = folder.join(NAME);
        let mut bytes = [0_u8; BYTES];
        match File::open(&path) {
            Ok(mut file) => file.read_exact(&mut bytes)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && folder.join(JOURNAL).exists() => {
                let problem = "the journal's secret is missing: without it no bank account is recognised again; \
                               restore the file `secret` from a backup";
                return Err(std::io::Error::other(problem));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
                // Whole or not there: half a secret would keep every start from succeeding.
                let mut file = tempfile::NamedTempFile::new_in(folder)?;
                file.write_all(&bytes)?;
                file.as_file().sync_all()?;
                file.persist(&path).map_err(|error| error.error)?;
                File::open(folder)?.sync_all()?;
            }
            Err(error) => return Err(error),
        }
        Ok(Self::from_bytes(&bytes))
    }

    /// Keys derived from these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let tag = blake3::derive_key("sekisho history files v1", bytes);
        Self {
            history_tag: tag.first_chunk().map_or(0, |first| u32::from_be_bytes(*first)),
            accounts: blake3::derive_key("sekisho state bank account v1", bytes),
            digests: blake3::derive_key("sekisho journal event digest v1", bytes),
            profiles: blake3::derive_key("sekisho profile envelope v1", bytes),
            proof: blake3::derive_key("sekisho proof v1", bytes),
        }
    }

    /// A bank account's key: the first 64 bits of a keyed hash.
    #[must_use]
    pub fn account_key(&self, identity: &str) -> u64 {
        self.key("account", identity)
    }

    /// The key of a holder's name in its comparable form.
    #[must_use]
    pub fn holder_key(&self, comparable: &str) -> u64 {
        self.key("holder", comparable)
    }

    /// What tells the history files of this folder's server from those of others. Not secret: it stands in their names.
    #[must_use]
    pub const fn history_tag(&self) -> u32 {
        self.history_tag
    }

    fn key(&self, what: &str, text: &str) -> u64 {
        let hash = blake3::keyed_hash(&self.accounts, format!("{what} {text}").as_bytes());
        let (first, _) = hash.as_bytes().split_at(8);
        first.try_into().map_or(0, u64::from_be_bytes)
    }

    /// What profiles are sealed with.
    pub(crate) const fn profile_key(&self) -> &[u8; 32] {
        &self.profiles
    }

    /// What the keys of everything about proof are derived from.
    pub(crate) const fn proof_key(&self) -> &[u8; 32] {
        &self.proof
    }

    /// The identifier under which the settlement of a held event is journaled, so that it happens once. No sender can
    /// guess it.
    #[must_use]
    pub fn settlement_id(&self, event: &str) -> String {
        let hash = blake3::keyed_hash(&self.digests, format!("settlement of {event}").as_bytes());
        format!("settlement-{}", hash.to_hex().get(..32).unwrap_or_default())
    }

    /// What tells one event from another with the same identifier: keyed, because it covers what is not kept.
    #[must_use]
    pub fn digest(&self, event: &[u8]) -> [u8; 16] {
        let hash = blake3::keyed_hash(&self.digests, event);
        let (first, _) = hash.as_bytes().split_at(16);
        first.try_into().unwrap_or([0; 16])
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_folder_keeps_its_secret_and_others_have_another() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Secret::of_folder(one.path()).unwrap();
        let again = Secret::of_folder(one.path()).unwrap();
        let elsewhere = Secret::of_folder(other.path()).unwrap();
        assert_eq!(first.account_key("0001-001-1234567"), again.account_key("0001-001-1234567"));
        assert_ne!(first.account_key("0001-001-1234567"), elsewhere.account_key("0001-001-1234567"));
        assert_eq!(first.digest(b"x"), again.digest(b"x"));
        assert_ne!(first.account_key("x"), first.holder_key("x"));
        assert_eq!(first.history_tag(), again.history_tag());
        assert_ne!(first.history_tag(), elsewhere.history_tag());
        std::fs::write(one.path().join("secret"), b"short").unwrap();
        assert!(Secret::of_folder(one.path()).is_err());
        std::fs::remove_file(one.path().join("secret")).unwrap();
        std::fs::write(one.path().join("journal.db"), b"").unwrap();
        assert!(Secret::of_folder(one.path()).unwrap_err().to_string().contains("restore the file"));
    }
}
