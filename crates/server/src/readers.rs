//! Connections that read journal and index for questions, so that no question waits for the path of a decision, and no
//! more than a few read at once. Must not know what is asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use store::{FolderView, IndexReader, JournalReader, StateReader, StoreError};
use tokio::sync::Semaphore;

/// Questions that read at once; further ones wait for a moment.
const READERS_MAX: usize = 4;
/// How long a question waits for a reader.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// A reader of journal and index.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Of the journal.
    pub(crate) journal: JournalReader,
    /// Of the index, and of which making of it: one that was made anew is another file.
    pub(crate) index: Option<(u64, IndexReader)>,
    /// Of the state, once it was asked for.
    pub(crate) state: Option<StateReader>,
}

impl Reader {
    /// A reader of a folder's journal.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn of(view: &FolderView) -> Result<Self, StoreError> {
        Ok(Self { journal: view.journal_reader()?, index: None, state: None })
    }
}

/// Why a question could not be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// Too many others are asking.
    #[error("more than {READERS_MAX} questions are being answered; ask again in a second")]
    Busy,
    /// A file could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was asked for is there and makes no sense to this version.
    #[error("input {0} of the journal cannot be read by this version; start the version that wrote it")]
    Unreadable(u64),
    /// The reading itself went wrong.
    #[error("reading ended unexpectedly; see the server's log")]
    Ended,
}

/// Readers that are not in use, and how many may be.
#[derive(Debug)]
pub(crate) struct Readers {
    view: FolderView,
    idle: Mutex<Vec<Reader>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Readers of a folder whose files exist.
    #[must_use]
    pub(crate) fn new(view: FolderView) -> Arc<Self> {
        Arc::new(Self { view, idle: Mutex::default(), permits: Arc::new(Semaphore::new(READERS_MAX)) })
    }

    /// Reads the state on a thread that may block.
    ///
    /// # Errors
    /// Too many others read, or `read` failed.
    pub(crate) async fn read_state<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&StateReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let view = self.view.clone();
        self.read(move |reader| {
            let state = match &mut reader.state {
                Some(state) => state,
                none => none.insert(view.state_reader()?),
            };
            Ok(read(state)?)
        })
        .await
    }

    /// Runs `read` on a thread that may block.
    ///
    /// # Errors
    /// Too many others read, or `read` failed.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&mut Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let permit = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.permits).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(ReadError::Busy) };
        let readers = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let _until_done = permit;
            let idle = readers.idle.lock().ok().and_then(|mut idle| idle.pop());
            let mut reader = match idle {
                Some(reader) => reader,
                None => Reader::of(&readers.view)?,
            };
            let answer = read(&mut reader);
            // After a failure it is opened anew.
            if answer.is_ok()
                && let Ok(mut idle) = readers.idle.lock()
            {
                idle.push(reader);
            }
            answer
        });
        reading.await.unwrap_or(Err(ReadError::Ended))
    }
}
