//! The data folder's secret: random bytes made at the first start, from which keys for hashing are derived. Must not know
//! what is hashed with them.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

/// The file in the data folder.
pub const NAME: &str = "secret";
/// The file beside it that tells whether it is still the same: a hash from which the secret cannot be had. It belongs into every backup.
pub const CHECK_NAME: &str = "secret.check";
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
    /// It can neither be read nor made, is not of 32 bytes, or not the one that the folder was written with.
    pub fn of_folder(folder: &Path) -> std::io::Result<Self> {
        let path = folder.join(NAME);
        let mut bytes = [0_u8; BYTES];
        match File::open(&path) {
            Ok(mut file) => {
                file.read_exact(&mut bytes)?;
                // A folder of an earlier version has no check: what it has is what it was written with.
                if !checked(folder, &bytes)? {
                    keep_whole(folder, CHECK_NAME, check_of(&bytes).as_bytes())?;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && folder.join(JOURNAL).exists() => {
                let problem = "the journal's secret is missing: without it no bank account is recognised again; \
                               restore the file `secret` from a backup";
                return Err(std::io::Error::other(problem));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
                // The check goes first: left over from before, it would refuse what is made now.
                keep_whole(folder, CHECK_NAME, check_of(&bytes).as_bytes())?;
                keep_whole(folder, NAME, &bytes)?;
            }
            Err(error) => return Err(error),
        }
        Ok(Self::from_bytes(&bytes))
    }

    /// That the secret of a folder, a backup say, is the one that the folder was written with. Nothing is made or changed; without a check,
    /// as in a folder of an earlier version, there is nothing to compare.
    ///
    /// # Errors
    /// It is another one, or cannot be read.
    pub fn check_folder(folder: &Path) -> std::io::Result<()> {
        let mut bytes = [0_u8; BYTES];
        File::open(folder.join(NAME))?.read_exact(&mut bytes)?;
        checked(folder, &bytes).map(|_is_kept| ())
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

/// What is kept beside the secret.
fn check_of(secret: &[u8; BYTES]) -> String {
    blake3::Hash::from_bytes(blake3::derive_key("sekisho secret check v1", secret)).to_hex().to_string()
}

/// Whether there is a check, with which the secret then agrees.
fn checked(folder: &Path, secret: &[u8; BYTES]) -> std::io::Result<bool> {
    let kept = match std::fs::read(folder.join(CHECK_NAME)) {
        Ok(kept) => kept,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if kept.trim_ascii() == check_of(secret).as_bytes() {
        return Ok(true);
    }
    let problem = format!(
        "{}: the file `secret` is not the one that this folder was written with (`secret.check` tells): with it profiles and authenticators \
         cannot be read and no bank account is recognised; put the old `secret` back, from a backup of this folder, or begin a new folder",
        folder.display()
    );
    Err(std::io::Error::other(problem))
}

/// Writes a file whole or not at all: half a secret would keep every start from succeeding.
fn keep_whole(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name)).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
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

    #[test]
    fn another_secret_than_the_folders_is_noticed() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Secret::of_folder(one.path()).unwrap();
        Secret::of_folder(other.path()).unwrap();
        let (path, check) = (one.path().join("secret"), one.path().join("secret.check"));
        let own = std::fs::read(&path).unwrap();
        std::fs::copy(other.path().join("secret"), &path).unwrap();
        for refused in [Secret::of_folder(one.path()).map(drop), Secret::check_folder(one.path())] {
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains("not the one that this folder was written with"), "{refused}");
        }
        std::fs::write(&path, &own).unwrap();
        assert_eq!(Secret::of_folder(one.path()).unwrap().digest(b"x"), first.digest(b"x"));
        // A folder of before there was a check gets one at its first start, and none by being looked at.
        std::fs::remove_file(&check).unwrap();
        Secret::check_folder(one.path()).unwrap();
        assert!(!check.exists());
        Secret::of_folder(one.path()).unwrap();
        assert!(check.exists() && !std::fs::read(&check).unwrap().starts_with(&own));
        // Where nothing is left to be read by the old secret, a new one may be made.
        std::fs::remove_file(&path).unwrap();
        let anew = Secret::of_folder(one.path()).unwrap();
        assert_ne!(anew.digest(b"x"), first.digest(b"x"));
        Secret::check_folder(one.path()).unwrap();
    }
}
