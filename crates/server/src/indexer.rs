//! Follows the journal and keeps the index of who it concerns: customers, addresses, devices, holds. On a thread of its own
//! that reads behind the writer; a decision never waits for it. Must not know questions beyond "which inputs concern this".
//!
//! What came lately stands in memory and is written in runs of [`RUN_ROWS`] rows of the journal; what was not written when
//! the server stops is read again at the next start. A missing, damaged or foreign index is made anew.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::input::{Body, Observed};
use model::customer::text_key;
use serde::Deserialize;
use store::{FolderView, Index, IndexReader, IndexRow, JournalReader, OwnedEntry, Reached, StoreError};
use tokio::sync::watch;

use crate::readers::{ReadError, Reader};
use crate::sequencer::recovery;
use crate::serve::{log, told};

/// Rows of the journal that one run of the index covers. Those of the last run stand in memory, some 25 MB at most.
const RUN_ROWS: u64 = 131_072;
/// Rows and bytes read at once.
const READ_ROWS: usize = 2_048;
const READ_BYTES: usize = 4 << 20;
/// How often the journal is looked at when nobody asks.
const POLL: Duration = Duration::from_millis(200);
/// Rest after each reading while there is much to catch up with and nobody asks.
const REST: Duration = Duration::from_millis(10);
/// Rest after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// How long a question waits for the index.
const QUESTION_WAIT_MAX: Duration = Duration::from_secs(2);
/// Rows of the journal after which it is looked whether it was trimmed.
const TRIM_EVERY_ROWS: u64 = 8_192;

/// What a row of the index concerns. The numbers are in the file and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A customer, by the hash of their identifier.
    Customer(u64),
    /// An address, by a hash of its 128 bits.
    Ip(u64),
    /// A device, by the hash of its identifier.
    Device(u64),
    /// Events that were held.
    Held,
    /// The settlement of a held event, by the hash of its identifier.
    Settled(u64),
}

impl Subject {
    /// A customer.
    #[must_use]
    pub(crate) fn customer(id: &model::CustomerId) -> Self {
        Self::Customer(text_key(id.as_str()))
    }

    /// An address.
    #[must_use]
    pub(crate) fn ip(ip: model::Address) -> Self {
        Self::Ip(text_key(&ip.to_string()))
    }

    /// A device.
    #[must_use]
    pub(crate) fn device(id: &model::client::DeviceId) -> Self {
        Self::Device(text_key(id.as_str()))
    }

    /// The settlement of a held event.
    #[must_use]
    pub(crate) fn settled(event: &str) -> Self {
        Self::Settled(text_key(event))
    }

    const fn kind_and_key(self) -> (u8, u64) {
        match self {
            Self::Customer(key) => (1, key),
            Self::Ip(key) => (2, key),
            Self::Device(key) => (3, key),
            Self::Held => (4, 0),
            Self::Settled(key) => (5, key),
        }
    }
}

/// Rows that are not in the file yet: the newest part of the index.
#[derive(Debug, Default)]
struct Memory {
    rows: BTreeSet<(u8, u64, u64)>,
    /// The first row of the journal that they cover.
    first_seq: u64,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    memory: RwLock<Memory>,
    reached: watch::Sender<u64>,
    /// Which making of the file this is.
    making: AtomicU64,
    /// The file was found damaged.
    is_damaged: AtomicBool,
    /// Questions that wait.
    waiting: AtomicUsize,
}

/// The index, to ask. The thread ends when the last of these is gone.
#[derive(Debug)]
pub(crate) struct Indexer {
    shared: Arc<Shared>,
    wake: SyncSender<()>,
}

/// Starts following the journal.
///
/// # Errors
/// The journal cannot be read, or the thread cannot be started.
pub(crate) fn start(view: &FolderView) -> Result<(Arc<Indexer>, JoinHandle<()>), StoreError> {
    let path = view.index_path();
    let journal = view.journal_reader()?;
    let shared = Arc::new(Shared {
        path: path.clone(),
        memory: RwLock::default(),
        reached: watch::channel(0).0,
        making: AtomicU64::new(1),
        is_damaged: AtomicBool::new(false),
        waiting: AtomicUsize::new(0),
    });
    let (wake, woken) = sync_channel(1);
    let mut follower = Follower { journal, index: None, shared: Arc::clone(&shared), seq: 0, check: 0 };
    let thread = std::thread::Builder::new()
        .name("indexer".to_owned())
        .spawn(move || follower.run(&woken))
        .map_err(|source| StoreError::Io { path, doing: "starting its thread", source })?;
    Ok((Arc::new(Indexer { shared, wake }), thread))
}

impl Indexer {
    /// Waits, for a bounded time, until the index has reached a row of the journal; gives what it has reached.
    pub(crate) async fn reach(&self, seq: u64) -> u64 {
        let mut reached = self.shared.reached.subscribe();
        let now = *reached.borrow_and_update();
        if now >= seq {
            return now;
        }
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        // If it is full, the thread is about to wake.
        let _woken = self.wake.try_send(());
        let waited = tokio::time::timeout(QUESTION_WAIT_MAX, reached.wait_for(|reached| *reached >= seq));
        let _reached_or_late = waited.await.is_ok();
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        *self.shared.reached.borrow()
    }

    /// Rows of the journal before `before_seq` that concern a subject, the newest first, at most `limit`. Blocks on the file.
    ///
    /// # Errors
    /// The file could not be read; if it is damaged, it is being made anew.
    pub(crate) fn find(
        &self,
        reader: &mut Reader,
        subject: Subject,
        before_seq: u64,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        let (kind, key) = subject.kind_and_key();
        // Memory first: what leaves it is in the file by then.
        let (mut found, first_seq) = match self.shared.memory.read() {
            Ok(memory) => {
                let range = (kind, key, 0)..(kind, key, before_seq);
                let newest = memory.rows.range(range).rev().take(limit).map(|(_, _, seq)| *seq);
                (newest.collect::<Vec<u64>>(), memory.first_seq)
            }
            Err(_poisoned) => return Err(ReadError::Ended),
        };
        let room = limit.saturating_sub(found.len());
        let before = before_seq.min(first_seq);
        if room == 0 || before <= 1 {
            return Ok(found);
        }
        let making = self.shared.making.load(Ordering::Acquire);
        let index = match reader.index.take() {
            Some((of, index)) if of == making => index,
            _ => IndexReader::open(&self.shared.path)?,
        };
        match index.find(kind, key, before, room) {
            Ok(stored) => found.extend(stored),
            Err(error) => {
                if matches!(error, StoreError::Damaged { .. }) {
                    self.shared.is_damaged.store(true, Ordering::Release);
                    let _woken = self.wake.try_send(());
                }
                return Err(error.into());
            }
        }
        if self.shared.making.load(Ordering::Acquire) != making {
            return Err(ReadError::Busy);
        }
        reader.index = Some((making, index));
        Ok(found)
    }
}

/// The thread's own.
struct Follower {
    journal: JournalReader,
    index: Option<Index>,
    shared: Arc<Shared>,
    /// The row of the journal read last, and what it is known by.
    seq: u64,
    check: u64,
}

impl Follower {
    fn run(&mut self, woken: &Receiver<()>) {
        loop {
            let rest = match self.step() {
                // Far behind: leave the processor to others, unless somebody waits.
                Ok(true) if self.shared.waiting.load(Ordering::Relaxed) == 0 => REST,
                Ok(true) => Duration::ZERO,
                Ok(false) => POLL,
                Err(error) => {
                    log("index.failed", &told(&error));
                    // Damage does not go away by itself.
                    self.index = None;
                    RETRY
                }
            };
            if rest.is_zero() {
                if woken.try_recv() == Err(TryRecvError::Disconnected) {
                    return;
                }
            } else if woken.recv_timeout(rest) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    /// Reads some rows of the journal; says whether there may be more.
    fn step(&mut self) -> Result<bool, StoreError> {
        if self.shared.is_damaged.swap(false, Ordering::AcqRel) {
            log("index.renewed", "the index was damaged; it is made anew from the journal");
            self.renew()?;
        }
        if self.index.is_none() {
            self.open()?;
        }
        let entries = match self.journal.read(self.seq, READ_ROWS, READ_BYTES) {
            Err(StoreError::Trimmed { first, .. }) => {
                self.seq = first.saturating_sub(1);
                return Ok(true);
            }
            entries => entries?,
        };
        let Some(last) = entries.last() else { return Ok(false) };
        let rows: Vec<(u8, u64, u64)> = entries.iter().flat_map(rows).collect();
        let (before, first_seq) = (self.seq, self.seq.saturating_add(1));
        (self.seq, self.check) = (last.seq, check(last));
        let covered = match self.shared.memory.write() {
            Ok(mut memory) => {
                if memory.first_seq == 0 {
                    memory.first_seq = first_seq;
                }
                memory.rows.extend(rows);
                self.seq.saturating_sub(memory.first_seq).saturating_add(1)
            }
            Err(_poisoned) => return Ok(false),
        };
        self.shared.reached.send_replace(self.seq);
        if covered >= RUN_ROWS {
            self.write()?;
        }
        if before / TRIM_EVERY_ROWS != self.seq / TRIM_EVERY_ROWS {
            self.trim()?;
        }
        Ok(entries.len() == READ_ROWS)
    }

    /// Opens the index, or makes it anew where it is not one of this journal.
    fn open(&mut self) -> Result<(), StoreError> {
        let opened = Index::open(&self.shared.path).and_then(|index| Ok((index.reached()?, index)));
        match opened {
            Ok((reached, index)) if self.belongs(reached)? => {
                (self.index, self.seq, self.check) = (Some(index), reached.seq, reached.check);
                self.begin(reached.seq)
            }
            Ok(_) => {
                log("index.renewed", "the index is of another journal; it is made anew");
                self.renew()
            }
            Err(error) => {
                log("index.renewed", &told(&error));
                self.renew()
            }
        }
    }

    fn belongs(&self, reached: Reached) -> Result<bool, StoreError> {
        if reached.seq == 0 {
            return Ok(true);
        }
        if reached.seq > self.journal.last_seq()? {
            return Ok(false);
        }
        // Of a row that is trimmed nothing can be said.
        Ok(self.journal.get(reached.seq)?.is_none_or(|entry| check(&entry) == reached.check))
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        self.index = None;
        self.index = Some(Index::renew(&self.shared.path)?);
        self.shared.making.fetch_add(1, Ordering::AcqRel);
        (self.seq, self.check) = (0, 0);
        self.begin(0)
    }

    /// Memory holds nothing, the file everything up to `seq`.
    fn begin(&self, seq: u64) -> Result<(), StoreError> {
        if let Ok(mut memory) = self.shared.memory.write() {
            *memory = Memory { rows: BTreeSet::new(), first_seq: seq.saturating_add(1) };
        }
        self.shared.reached.send_replace(seq);
        Ok(())
    }

    /// Writes what is in memory as a run. In case of failure it stays there, and is tried again.
    fn write(&mut self) -> Result<(), StoreError> {
        let reached = Reached { seq: self.seq, check: self.check };
        let Some(index) = &mut self.index else { return Ok(()) };
        {
            // Only this thread writes to memory; questions may read it meanwhile.
            let Ok(memory) = self.shared.memory.read() else { return Ok(()) };
            let rows =
                memory.rows.iter().map(|(kind, key, seq)| IndexRow { kind: *kind, key: *key, seq: *seq });
            index.append(rows, memory.first_seq, reached)?;
        }
        let written = match self.shared.memory.write() {
            Ok(mut memory) => {
                memory.first_seq = reached.seq.saturating_add(1);
                std::mem::take(&mut memory.rows)
            }
            Err(_poisoned) => return Ok(()),
        };
        // Freed here, not under the lock.
        drop(written);
        Ok(())
    }

    fn trim(&mut self) -> Result<(), StoreError> {
        let first_seq = self.journal.first_seq()?;
        if let Some(index) = &mut self.index {
            index.trim(first_seq)?;
        }
        Ok(())
    }
}

/// What a row of the journal is known by.
fn check(entry: &OwnedEntry) -> u64 {
    let hash = blake3::hash(&entry.input);
    let (first, _) = hash.as_bytes().split_at(8);
    first.try_into().map_or(0, u64::from_be_bytes)
}

/// The subjects of a row of the journal. What this version cannot read concerns nobody.
fn rows(entry: &OwnedEntry) -> Vec<(u8, u64, u64)> {
    let Ok(input) = recovery::input(entry) else { return Vec::new() };
    let subjects: Vec<Option<Subject>> = match &input.body {
        Body::Event(event) => of_event(event, &entry.answer).into(),
        Body::HoldSettled { event, .. } if was_settled(&entry.answer) => {
            vec![Some(Subject::settled(event.as_str()))]
        }
        _ => Vec::new(),
    };
    let subjects = subjects.into_iter().flatten().map(Subject::kind_and_key);
    subjects.map(|(kind, key)| (kind, key, entry.seq)).collect()
}

fn of_event(event: &Observed, answer: &[u8]) -> [Option<Subject>; 4] {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        decision: &'a str,
    }
    let held = || serde_json::from_slice::<Answer<'_>>(answer).is_ok_and(|answer| answer.decision == "hold");
    [
        event.customer.as_ref().map(Subject::customer),
        event.ip.map(Subject::ip),
        event.device.as_ref().map(Subject::device),
        (event.asked && held()).then_some(Subject::Held),
    ]
}

/// Whether a settlement found its hold.
pub(crate) fn was_settled(answer: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        settled: bool,
    }
    serde_json::from_slice::<Answer>(answer).is_ok_and(|answer| answer.settled)
}
