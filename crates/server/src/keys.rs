//! API keys: who may ask what. Kept hashed in `keys.json` of the data folder; a key itself is shown once. Must not know HTTP.
//!
//! Keys are 32 random bytes, so a plain fast hash of them is enough: there is nothing to guess.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant, SystemTime};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

/// The file in the data folder.
const NAME: &str = "keys.json";
/// Locked while the file is changed, so that nobody writes over what somebody else just wrote.
const LOCK_NAME: &str = "keys.lock";
/// Keys at most.
const KEYS_MAX: usize = 1_000;
/// What every key begins with, so that a leaked one is recognised for what it is.
const PREFIX: &str = "sekisho_";

model::words! {
    /// What a key allows.
    Role, "role" {
        /// Ask for decisions and send events: the broker's systems.
        Sender = "sender",
        /// Read everything that can be read.
        Reader = "reader",
        /// Read, settle holds, run sweeps: an analyst.
        Operator = "operator",
        /// Everything.
        Admin = "admin",
    }
}

impl Role {
    /// Whether events may be sent and decisions asked for.
    #[must_use]
    pub const fn may_send(self) -> bool {
        matches!(self, Self::Sender | Self::Admin)
    }

    /// Whether records may be read.
    #[must_use]
    pub const fn may_read(self) -> bool {
        matches!(self, Self::Reader | Self::Operator | Self::Admin)
    }

    /// Whether it may be asked what concerns who asked for a decision, too: what became of a hold, what a customer proves themselves with.
    /// Everybody may.
    #[must_use]
    pub const fn may_follow(self) -> bool {
        self.may_send() || self.may_read()
    }

    /// Whether holds may be settled and sweeps started.
    #[must_use]
    pub const fn may_operate(self) -> bool {
        matches!(self, Self::Operator | Self::Admin)
    }

    /// Whether what decisions depend on may be changed: policies, lists, profiles.
    #[must_use]
    pub const fn may_change(self) -> bool {
        matches!(self, Self::Admin)
    }
}

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// What its owner calls it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// BLAKE3 of the key, hexadecimal.
    pub hash: String,
}

/// Why a key cannot be made or keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{path}: {doing} failed")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not what this program writes.
    #[error("{path}: not a list of keys; restore it from a backup, or remove it and create keys anew")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Where.
        source: serde_json::Error,
    },
    /// The name cannot be taken.
    #[error("a key {0}")]
    Name(String),
    /// No key has this name.
    #[error("no key is named {0:?}; `sekisho key list` names them all")]
    Unknown(String),
}

/// Makes a key, adds its hash to the folder's, and gives it. A running server takes notice.
///
/// # Errors
/// The name is taken or no name, there are too many, or the file cannot be read or written.
pub fn create(folder: &Path, name: &str, role: Role) -> Result<String, KeyError> {
    let path = folder.join(NAME);
    let _changing = lock(folder)?;
    let mut entries = read(&path)?;
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        return Err(KeyError::Name("needs a name of 1 to 64 bytes".to_owned()));
    }
    if name.starts_with('(') {
        let problem = "must not begin with `(`: such names stand for the server itself";
        return Err(KeyError::Name(problem.to_owned()));
    }
    if entries.iter().any(|entry| entry.name == name) {
        return Err(KeyError::Name(format!("named {name:?} exists already; choose another name")));
    }
    if entries.len() >= KEYS_MAX {
        return Err(KeyError::Name(format!(
            "more than {KEYS_MAX} cannot be kept; revoke some: sekisho key revoke NAME"
        )));
    }
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| KeyError::Io {
        path,
        doing: "drawing random bytes",
        source: std::io::Error::other(error),
    })?;
    // The hash of random bytes is as random, and is hexadecimal already.
    let key = format!("{PREFIX}{}", blake3::hash(&bytes).to_hex());
    entries.push(KeyEntry { name: name.to_owned(), role, hash: hash(&key) });
    write(folder, &entries)?;
    Ok(key)
}

/// The folder's keys, in the order in which they were made.
///
/// # Errors
/// The file cannot be read.
pub fn list(folder: &Path) -> Result<Vec<KeyEntry>, KeyError> {
    read(&folder.join(NAME))
}

/// Takes a key back. A running server refuses it within half a second.
///
/// # Errors
/// No key has this name, or the file cannot be read or written.
pub fn revoke(folder: &Path, name: &str) -> Result<(), KeyError> {
    if !folder.is_dir() {
        return Err(KeyError::Unknown(name.to_owned()));
    }
    let _changing = lock(folder)?;
    let mut entries = list(folder)?;
    let before = entries.len();
    entries.retain(|entry| entry.name != name);
    if entries.len() == before {
        return Err(KeyError::Unknown(name.to_owned()));
    }
    write(folder, &entries)
}

/// Waits for whoever changes the keys. Given up when it is dropped, or the process ends.
fn lock(folder: &Path) -> Result<fs::File, KeyError> {
    let path = folder.join(LOCK_NAME);
    let file = fs::File::options().create(true).truncate(false).write(true).open(&path);
    let locked = file.and_then(|file| file.lock().map(|()| file));
    locked.map_err(|source| KeyError::Io { path, doing: "locking", source })
}

fn write(folder: &Path, entries: &[KeyEntry]) -> Result<(), KeyError> {
    let path = folder.join(NAME);
    let io = |doing, source| KeyError::Io { path: path.clone(), doing, source };
    let json = serde_json::to_vec_pretty(entries).map_err(|error| io("writing", error.into()))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| io("writing", error))?;
    std::io::Write::write_all(&mut file, &json).map_err(|error| io("writing", error))?;
    file.as_file().sync_all().map_err(|error| io("syncing", error))?;
    file.persist(&path).map(drop).map_err(|error| io("renaming", error.error))
}

fn read(path: &Path) -> Result<Vec<KeyEntry>, KeyError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|source| KeyError::Unreadable { path: path.to_owned(), source }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(KeyError::Io { path: path.to_owned(), doing: "reading", source }),
    }
}

fn hash(key: &str) -> String {
    blake3::hash(key.as_bytes()).to_hex().to_string()
}

/// How often it is looked whether the file has changed: a key taken out of it stops working within this time.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The folder's keys, read again when the file changes.
#[derive(Debug)]
pub struct Keys {
    path: PathBuf,
    known: RwLock<Known>,
    look_every: Duration,
}

#[derive(Debug)]
struct Known {
    state: Option<FileState>,
    looked: Instant,
    /// By hash: comparing hashes of random keys tells nothing by its time.
    by_hash: HashMap<[u8; 32], Arc<Holder>>,
}

/// Whose a key is.
#[derive(Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its name.
    pub name: String,
    /// What it allows.
    pub role: Role,
}

impl Keys {
    /// Reads a folder's keys.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn of_folder(folder: &Path) -> Result<Self, KeyError> {
        let path = folder.join(NAME);
        let known = Known { state: state(&path), looked: now(), by_hash: by_hash(read(&path)?) };
        Ok(Self { path, known: RwLock::new(known), look_every: LOOK_EVERY })
    }

    /// Whether there is none: nobody can ask anything yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.read().map_or(true, |known| known.by_hash.is_empty())
    }

    /// Whose key it is, and what it allows. The file is read again when it changed: a new key works at once, and one taken out
    /// of it stops working within half a second.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<Arc<Holder>> {
        if !key.starts_with(PREFIX) {
            return None;
        }
        let hash = blake3::hash(key.as_bytes());
        self.refresh(self.look_every);
        self.known(&hash).or_else(|| {
            self.refresh(Duration::ZERO);
            self.known(&hash)
        })
    }

    fn known(&self, hash: &blake3::Hash) -> Option<Arc<Holder>> {
        self.known.read().ok()?.by_hash.get(hash.as_bytes()).map(Arc::clone)
    }

    /// Reads the file again if it has changed and it was not looked at within `look_every`.
    fn refresh(&self, look_every: Duration) {
        let now = now();
        if self.known.read().is_ok_and(|known| now.duration_since(known.looked) < look_every) {
            return;
        }
        let Ok(mut known) = self.known.write() else { return };
        let at = state(&self.path);
        known.looked = now;
        if known.state == at {
            return;
        }
        match read(&self.path) {
            Ok(entries) => (known.state, known.by_hash) = (at, by_hash(entries)),
            // Told once for each change of the file, and not for every question.
            Err(error @ KeyError::Unreadable { .. }) => {
                known.state = at;
                crate::log::line("keys.unreadable", &format!("those known before still hold: {error}"));
            }
            // Looked at again.
            Err(_unread) => {}
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long ago a file was looked at; decides nothing else")]
fn now() -> Instant {
    Instant::now()
}

/// An entry whose hash is none is never found.
fn by_hash(entries: Vec<KeyEntry>) -> HashMap<[u8; 32], Arc<Holder>> {
    let found = |entry: KeyEntry| {
        let hash = blake3::Hash::from_hex(&entry.hash).ok()?;
        Some((*hash.as_bytes(), Arc::new(Holder { name: entry.name, role: entry.role })))
    };
    entries.into_iter().filter_map(found).collect()
}

/// What tells a file from the one that was there before: time stamps alone are as coarse as the system's ticks.
type FileState = (SystemTime, u64);

fn state(path: &Path) -> Option<FileState> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::{Duration, Keys, Role, create, list, revoke};

    #[test]
    fn keys_made_and_taken_back_at_once_are_all_kept_and_gone() {
        let folder = tempfile::tempdir().unwrap();
        create(folder.path(), "old", Role::Admin).unwrap();
        std::thread::scope(|threads| {
            for number in 0..20 {
                let place = folder.path();
                threads.spawn(move || create(place, &format!("key {number}"), Role::Reader).unwrap());
            }
            threads.spawn(|| revoke(folder.path(), "old").unwrap());
        });
        let mut names: Vec<String> = list(folder.path()).unwrap().into_iter().map(|key| key.name).collect();
        names.sort();
        let mut made: Vec<String> = (0..20).map(|number| format!("key {number}")).collect();
        made.sort();
        assert_eq!(names, made);
    }

    #[test]
    fn a_broken_list_changes_nothing_until_it_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let key = create(folder.path(), "site", Role::Sender).unwrap();
        let keys = Keys { look_every: Duration::ZERO, ..Keys::of_folder(folder.path()).unwrap() };
        let whole = std::fs::read(folder.path().join("keys.json")).unwrap();
        std::fs::write(folder.path().join("keys.json"), "[").unwrap();
        assert!(keys.find(&key).is_some());
        std::fs::write(folder.path().join("keys.json"), "[]").unwrap();
        assert!(keys.find(&key).is_none());
        std::fs::write(folder.path().join("keys.json"), whole).unwrap();
        assert!(keys.find(&key).is_some());
    }

    #[test]
    fn keys_are_shown_once_kept_hashed_and_found_while_running() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys { look_every: Duration::ZERO, ..Keys::of_folder(folder.path()).unwrap() };
        let find = |key: &str| keys.find(key).map(|holder| (holder.name.clone(), holder.role));
        assert!(keys.is_empty());
        let key = create(folder.path(), "site", Role::Sender).unwrap();
        assert!(!std::fs::read_to_string(folder.path().join("keys.json")).unwrap().contains(&key));
        assert_eq!(find(&key), Some(("site".to_owned(), Role::Sender)));
        std::fs::remove_file(folder.path().join("keys.json")).unwrap();
        assert_eq!(find(&key), None, "taken away");
        let key = create(folder.path(), "site", Role::Sender).unwrap();
        assert_eq!(find(&key), Some(("site".to_owned(), Role::Sender)));
        assert_eq!(find("sekisho_nonsense"), None);
        assert_eq!(find(""), None);
        assert!(
            create(folder.path(), "site", Role::Admin).unwrap_err().to_string().contains("exists already")
        );
        assert!(create(folder.path(), "", Role::Admin).is_err());
        let other = create(folder.path(), "other", Role::Operator).unwrap();
        assert_eq!(list(folder.path()).unwrap().len(), 2);
        revoke(folder.path(), "other").unwrap();
        assert_eq!(find(&other), None, "revoked");
        assert_eq!(find(&key), Some(("site".to_owned(), Role::Sender)), "the other one stays");
        assert!(revoke(folder.path(), "other").unwrap_err().to_string().contains("key list"));
        let rarely = Keys { look_every: Duration::MAX, ..keys };
        let new = create(folder.path(), "new", Role::Reader).unwrap();
        assert!(rarely.find(&new).is_some(), "a new one works at once");
    }
}
