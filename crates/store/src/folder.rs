//! The data folder: who has it, what is in it, and copies of it as a whole. Must not know what its files hold beyond their
//! sequence numbers.
//!
//! **What makes a copy consistent.** The state is true up to some number; a restart replays the journal from the next one.
//! So a copy may be used if `journal.first - 1 <= state.seq <= journal.last`. The state is looked at first: a checkpoint
//! holds only what is in the journal already, so the journal as it is a moment later holds all of it, which gives the right
//! half. The left half could fail only if in that moment a checkpoint was written *and* the journal trimmed up to it; both
//! snapshots are taken before anything is copied, which makes the moment short, and if it happens both are taken again.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::copy::Snapshot;
use crate::schema::{JOURNAL, STATE, VAULT};
use crate::sqlite::sync_folder_of;
use crate::{Journal, JournalReader, Limits, State, StateReader, StoreError, Vault, journal, state};

/// Names of the files.
const JOURNAL_FILE: &str = "journal.db";
const STATE_FILE: &str = "state.db";
const INDEX_FILE: &str = "index.db";
const VAULT_FILE: &str = "proof.db";
/// Name of the file of [`FolderView::base_path`].
pub const BASE_FILE: &str = "bootstrap.db";
const LOCK_FILE: &str = "lock";

/// How often snapshots are taken until they fit together. Trimming at that very moment again and again is no accident.
const SNAPSHOTS_MAX: u32 = 10;

/// A data folder for reading, whether or not a server has it.
#[derive(Debug, Clone)]
pub struct FolderView {
    path: PathBuf,
}

impl FolderView {
    /// Where `journal.db` is.
    #[must_use]
    pub fn journal_path(&self) -> PathBuf {
        self.path.join(JOURNAL_FILE)
    }

    /// Where `state.db` is.
    #[must_use]
    pub fn state_path(&self) -> PathBuf {
        self.path.join(STATE_FILE)
    }

    /// Where `index.db` is. It is no part of a backup: a server without one makes it.
    #[must_use]
    pub fn index_path(&self) -> PathBuf {
        self.path.join(INDEX_FILE)
    }

    /// Where `proof.db` is.
    #[must_use]
    pub fn vault_path(&self) -> PathBuf {
        self.path.join(VAULT_FILE)
    }

    /// Where the records are kept that a bootstrap made, and that the journal therefore does not have.
    #[must_use]
    pub fn base_path(&self) -> PathBuf {
        self.path.join(BASE_FILE)
    }

    /// See [`JournalReader::open`].
    ///
    /// # Errors
    /// See [`JournalReader::open`].
    pub fn journal_reader(&self) -> Result<JournalReader, StoreError> {
        JournalReader::open(&self.journal_path())
    }

    /// See [`StateReader::open`].
    ///
    /// # Errors
    /// See [`StateReader::open`].
    pub fn state_reader(&self) -> Result<StateReader, StoreError> {
        StateReader::open(&self.state_path())
    }

    /// Copies journal, state and vault, each as it is at about one moment, into a folder that is empty or does not exist, while a server goes on.
    /// The folder appears whole, durable, with all files, or not at all. It is a data folder itself.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`]; reading or writing failed; the two do not fit together.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        require_empty(to)?;
        let (state, journal) = self.snapshots()?;
        // A folder that no server of this version had has none.
        let vault = self.vault_path();
        let vault = vault.exists().then(|| Snapshot::take(&vault, &VAULT)).transpose()?;
        let partial = partial_of(to)?;
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(StoreError::io(&partial, "removing an unfinished copy"))?;
        }
        create_private(&partial)?;
        let copied = state
            .copy(&partial.join(STATE_FILE))
            .and_then(|()| journal.copy(&partial.join(JOURNAL_FILE)))
            .and_then(|()| vault.map_or(Ok(()), |vault| vault.copy(&partial.join(VAULT_FILE))))
            .and_then(|()| {
                // Takes the place of an empty folder.
                fs::rename(&partial, to).map_err(StoreError::io(to, "renaming"))?;
                sync_folder_of(to)
            });
        if copied.is_err() {
            let _ignored = fs::remove_dir_all(&partial);
        }
        copied
    }

    fn snapshots(&self) -> Result<(Snapshot, Snapshot), StoreError> {
        let mut attempts: u32 = 0;
        loop {
            let state = Snapshot::take(&self.state_path(), &STATE)?;
            let journal = Snapshot::take(&self.journal_path(), &JOURNAL)?;
            let seq = state::seq(state.database())?;
            let (first, last) = journal::span(journal.database())?;
            match agree(&self.path, seq, first, last) {
                Ok(()) => return Ok((state, journal)),
                Err(error) if attempts >= SNAPSHOTS_MAX => return Err(error),
                Err(_) => attempts = attempts.saturating_add(1),
            }
        }
    }
}

/// A data folder that is ours: nobody else can open it so until this is dropped.
#[derive(Debug)]
pub struct DataFolder {
    view: FolderView,
    /// Locked. The operating system gives the lock up when the process ends, however it ends.
    _lock: File,
}

impl DataFolder {
    /// Opens a folder, creating it for this user alone (0700) if it does not exist, and locks it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another server has it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.is_dir() {
            create_private(path)?;
        }
        let lock_path = path.join(LOCK_FILE);
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(StoreError::io(&lock_path, "opening"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { view: FolderView { path: path.to_owned() }, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(StoreError::io(&lock_path, "locking")(error)),
        }
    }

    /// A folder for tools, while a server may be running on it.
    ///
    /// # Errors
    /// [`StoreError::NoData`] if there is no journal or no state.
    pub fn read_only(path: &Path) -> Result<FolderView, StoreError> {
        let view = FolderView { path: path.to_owned() };
        if view.journal_path().is_file() && view.state_path().is_file() {
            Ok(view)
        } else {
            Err(StoreError::NoData { path: path.to_owned() })
        }
    }

    /// For reading, and for copies.
    #[must_use]
    pub const fn view(&self) -> &FolderView {
        &self.view
    }

    /// Opens both files for writing, creating them the first time, and makes sure that they belong together. A state of an
    /// old form is begun anew if the journal has everything.
    ///
    /// # Errors
    /// See [`Journal::open`] and [`State::open`]; [`StoreError::Disagree`] if one of them was replaced, or lost its end;
    /// [`StoreError::OldForm`] if the journal was trimmed, or a bootstrap's records are in the state: then nothing was changed.
    pub fn files(&self, limits: &Limits) -> Result<(Journal, State), StoreError> {
        let journal = Journal::open(&self.view.journal_path(), limits.clone())?;
        let path = self.view.state_path();
        let state = match State::open(&path, limits.clone()) {
            Err(StoreError::OldForm { path }) => {
                let old = state::look_at_old(&path)?;
                agree(&self.view.path, old.seq, journal.first_seq(), journal.last_seq())?;
                if journal.first_seq() > 1 || old.goes_beyond_journal || self.view.base_path().exists() {
                    return Err(StoreError::OldForm { path });
                }
                remove(&path)?;
                State::open(&path, limits.clone())?
            }
            state => state?,
        };
        agree(&self.view.path, state.seq()?, journal.first_seq(), journal.last_seq())?;
        Ok((journal, state))
    }

    /// Opens the vault for writing, creating it the first time.
    ///
    /// # Errors
    /// See [`Vault::open`].
    pub fn vault(&self, limits: &Limits) -> Result<Vault, StoreError> {
        Vault::open(&self.view.vault_path(), limits)
    }

    /// Makes a data folder out of a backup, or out of another data folder: the same act as [`FolderView::backup`].
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`] if the target holds anything; [`StoreError::NoData`]; see [`FolderView::backup`].
    pub fn restore(from: &Path, to: &Path) -> Result<(), StoreError> {
        Self::read_only(from)?.backup(to)
    }
}

fn agree(path: &Path, state: u64, first: u64, last: u64) -> Result<(), StoreError> {
    if state <= last && state >= first.saturating_sub(1) {
        return Ok(());
    }
    Err(StoreError::Disagree { path: path.to_owned(), state, first, last })
}

/// Removes a file that SQLite had, its log first.
fn remove(path: &Path) -> Result<(), StoreError> {
    for end in ["-wal", "-shm", ""] {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io(path, "removing records of an old form")(error));
            }
            _ => {}
        }
    }
    sync_folder_of(path)
}

fn create_private(path: &Path) -> Result<(), StoreError> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(StoreError::io(path, "creating"))?;
    sync_folder_of(path)
}

fn require_empty(path: &Path) -> Result<(), StoreError> {
    match fs::read_dir(path) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(StoreError::NotEmpty { path: path.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io(path, "reading")(error)),
    }
}

/// A hidden folder beside the target, for the time of copying.
fn partial_of(to: &Path) -> Result<PathBuf, StoreError> {
    let absolute = std::path::absolute(to).map_err(StoreError::io(to, "finding"))?;
    let Some(name) = absolute.file_name() else {
        return Err(StoreError::NotEmpty { path: to.to_owned() });
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".partial");
    Ok(absolute.with_file_name(hidden))
}
