//! The journal becomes history: what is durable there is added to the history folder seconds later, each event once. Must not
//! know decisions, HTTP or the journal's writer: it reads beside it, and no decision waits for it.
//!
//! A thread looks at the journal's end ten times a second. What has waited [`ExportOptions::flush_after`], or has become many,
//! is read (`gather`), made into rows (`row`) and published as one file ([`history::live`]). Another thread merges small
//! files (`merging`). After any error everything is opened anew, which is what happens at a start too: there is one way to
//! recover. Until it succeeds nothing is lost, because the journal is trimmed only behind what is published (`keeping`).

mod gather;
mod keeping;
mod merging;
mod row;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use history::HistoryError;
use history::live::{Limits, LiveFolder, Span};
use history::rows::{AccountHasher, RowBuffer};
use store::{FolderView, JournalReader, StoreError};

use self::keeping::Keeping;
use self::merging::Merging;
use crate::background::{self, Priority};
use crate::log::with_sources;
use crate::sequencer::{Clock, Gauges};

/// How often the journal's end is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long to wait after an error, at first and at most.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long superseded files are kept for those who read them.
const RETIRED_KEEP: Duration = Duration::from_secs(600);
/// How long the last export may go on once the server is asked to stop. What is left is exported at the next start.
const REST_WAIT_MAX: Duration = Duration::from_secs(5);
/// Small files after which it is flushed more rarely, should merging fail for long.
const FILES_SMALL: u32 = 256;

/// How the journal is exported, and how much of it is kept.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// How long an input may wait in the journal. A reader of the history sees it half a second later at most, unless the
    /// machine is overloaded.
    pub flush_after: Duration,
    /// Inputs that are exported without waiting, and at once at most.
    pub flush_rows: u64,
    /// Bytes of inputs that are exported at once at most.
    pub flush_bytes: usize,
    /// How small files are merged.
    pub merge: Limits,
    /// How long inputs stay in the journal at least, by their time. So long a repeated identifier is recognised, and
    /// decisions can be verified.
    pub journal_keep: Duration,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            flush_after: Duration::from_millis(1_500),
            flush_rows: 1 << 17,
            flush_bytes: 64 << 20,
            merge: Limits::default(),
            journal_keep: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

/// Why nothing can be exported. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The history cannot be written.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// An input is not understood.
    #[error("input {seq} of the journal cannot be read by this version; start the version that wrote it")]
    Unreadable {
        /// That input.
        seq: u64,
    },
}

/// Where from and where to.
#[derive(Debug, Clone)]
pub struct Places {
    /// The data folder with the journal.
    pub journal: FolderView,
    /// The history folder.
    pub history: PathBuf,
    /// What tells this server's files from those of others: [`Secret::history_tag`](crate::secret::Secret::history_tag).
    pub tag: u32,
}

/// A running exporter.
pub struct Running {
    stop: Sender<()>,
    thread: JoinHandle<Exporter>,
}

impl Running {
    /// Ends the thread and lets the journal go, so that its writer can close it.
    #[must_use]
    pub fn stop(self) -> Option<Exporter> {
        drop(self.stop);
        // A panic there was told by the thread itself; what it lacked is exported at the next start.
        self.thread.join().ok()
    }
}

/// Starts a thread that exports until it is stopped. Whatever fails there is told in the log and in `gauges`.
///
/// # Errors
/// A thread cannot be started.
pub fn start(
    places: Places,
    options: ExportOptions,
    clock: Clock,
    gauges: Arc<Gauges>,
) -> std::io::Result<Running> {
    let (stop, stopped) = channel();
    let mut exporter = Exporter::new(places, options, clock, gauges);
    exporter.merging = Some(Merging::start()?);
    let thread = background::spawn("exporter", Priority::Low, move || {
        exporter.run(&stopped);
        exporter
    })?;
    Ok(Running { stop, thread })
}

/// Exports one journal.
pub struct Exporter {
    places: Places,
    options: ExportOptions,
    gauges: Arc<Gauges>,
    keeping: Keeping,
    opened: Option<Opened>,
    merging: Option<Merging>,
    rows: RowBuffer,
    /// Since when inputs wait.
    waiting: Option<Duration>,
    begun: Instant,
    /// The journal's end before this run added to it, until the folder was opened once: an older copy of a journal is known
    /// by what its history is ahead, and that only until it has caught up with it.
    began_with: Option<u64>,
}

/// What is opened anew after an error.
struct Opened {
    journal: JournalReader,
    folder: LiveFolder,
}

impl Exporter {
    /// An exporter that is not running: see [`Self::catch_up`]. Make it before further inputs come.
    #[must_use]
    pub fn new(places: Places, options: ExportOptions, clock: Clock, gauges: Arc<Gauges>) -> Self {
        Self {
            began_with: places.journal.journal_reader().and_then(|journal| journal.last_seq()).ok(),
            keeping: Keeping::new(clock, options.journal_keep),
            places,
            options,
            gauges,
            opened: None,
            merging: None,
            rows: RowBuffer::new(AccountHasher::none()),
            waiting: None,
            begun: now(),
        }
    }

    /// Exports, on the caller's thread, what is in the journal now, as far as `wait_max` allows; says up to which input.
    ///
    /// # Errors
    /// The journal cannot be read or the history not written.
    pub fn catch_up(&mut self, wait_max: Duration) -> Result<u64, ExportError> {
        let end = self.since_begun().saturating_add(wait_max);
        loop {
            let opened = self.open()?;
            let (last, seq) = (opened.journal.last_seq()?, opened.folder.seq());
            if seq >= last || self.since_begun() >= end {
                return Ok(seq);
            }
            self.export(last)?;
        }
    }

    /// The last export, when the journal's writer has ended. Nobody waits for what it cannot do in time.
    pub fn rest(mut self) {
        if let Err(error) = self.catch_up(REST_WAIT_MAX) {
            self.failed(&error);
        }
    }

    fn run(&mut self, stopped: &std::sync::mpsc::Receiver<()>) {
        let mut retry_after = RETRY_AFTER.0;
        loop {
            let wait = match self.step() {
                Ok(worked) => {
                    if self.gauges.export_failing.swap(0, Ordering::Relaxed) == 1 {
                        crate::log::line("export.works_again", "");
                    }
                    retry_after = RETRY_AFTER.0;
                    if worked { Duration::ZERO } else { LOOK_EVERY }
                }
                Err(error) => {
                    self.failed(&error);
                    let wait = retry_after;
                    retry_after = retry_after.saturating_mul(2).min(RETRY_AFTER.1);
                    wait
                }
            };
            if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        if let Some(merging) = self.merging.take() {
            merging.stop();
        }
        self.opened = None;
    }

    /// Does what is to be done now; whether there may be more at once.
    fn step(&mut self) -> Result<bool, ExportError> {
        let now = self.since_begun();
        let options = (self.options.flush_after, self.options.flush_rows);
        let opened = self.open()?;
        let last = opened.journal.last_seq()?;
        let waiting = last.saturating_sub(opened.folder.seq());
        let small = u32::try_from(opened.folder.files_small()).unwrap_or(u32::MAX) / FILES_SMALL;
        let flush_after = options.0.saturating_mul(small.saturating_add(1));
        let mut worked = false;
        if waiting == 0 {
            self.waiting = None;
        } else {
            let since = *self.waiting.get_or_insert(now);
            if waiting >= options.1 || now.saturating_sub(since) >= flush_after {
                self.export(last)?;
                worked = true;
            }
        }
        self.tend(now)?;
        Ok(worked)
    }

    /// Exports inputs up to `last`, or as many of them as go into one file.
    fn export(&mut self, last: u64) -> Result<(), ExportError> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        let gathered =
            gather::gather(&opened.journal, opened.folder.seq(), last, &self.options, &mut self.rows)?;
        opened.folder.publish(gathered.to, &gathered.day, gathered.rows.as_ref())?;
        if gathered.to >= last {
            self.waiting = None;
        }
        self.tell();
        Ok(())
    }

    /// Merges files, removes old ones, and finds out how much of the journal is still to be kept.
    fn tend(&mut self, now: Duration) -> Result<(), ExportError> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        if let Some(merging) = &mut self.merging {
            match merging.step(&mut opened.folder, now) {
                Ok(_) => opened.folder.forget_days(),
                Err(error) => {
                    Gauges::add(&self.gauges.export_failures, 1);
                    crate::log::line("merge.failed", &with_sources(&error));
                    // What was moved and what was not is found out when it is opened anew.
                    self.opened = None;
                    return Ok(());
                }
            }
        }
        opened.folder.remove_retired(RETIRED_KEEP, now)?;
        self.keeping.step(&opened.journal, opened.folder.seq(), now, &self.gauges)?;
        Gauges::set(&self.gauges.export_files, opened.folder.files());
        Ok(())
    }

    fn open(&mut self) -> Result<&mut Opened, ExportError> {
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => {
                let journal = self.places.journal.journal_reader()?;
                let last = self.began_with.map_or_else(|| journal.last_seq(), Ok)?;
                let span = Span { first: journal.first_seq()?, last };
                let Places { history, tag, .. } = &self.places;
                let folder = LiveFolder::open(history, *tag, span, self.options.merge, self.since_begun())?;
                self.began_with = None;
                tell_of(&folder);
                Opened { journal, folder }
            }
        };
        let opened = self.opened.insert(opened);
        Gauges::set(&self.gauges.exported, opened.folder.seq());
        Ok(opened)
    }

    fn tell(&self) {
        if let Some(opened) = &self.opened {
            Gauges::set(&self.gauges.exported, opened.folder.seq());
            Gauges::set(&self.gauges.export_files, opened.folder.files());
        }
    }

    fn failed(&mut self, error: &ExportError) {
        Gauges::add(&self.gauges.export_failures, 1);
        Gauges::set(&self.gauges.export_failing, 1);
        crate::log::line("export.failed", &with_sources(error));
        self.opened = None;
        // What was read belongs to no file; what is being merged belongs to a folder that is opened anew.
        self.rows = RowBuffer::new(AccountHasher::none());
        if let Some(merging) = &mut self.merging {
            merging.forget();
        }
    }

    fn since_begun(&self) -> Duration {
        now().duration_since(self.begun)
    }
}

/// What whoever runs the server should know of a folder just opened.
fn tell_of(folder: &LiveFolder) {
    if let Some(missing) = folder.missing() {
        let detail = format!(
            "inputs {} to {} are neither in the history nor in the journal: restore the history's files that hold them",
            missing.start(),
            missing.end()
        );
        crate::log::line("export.missing", &detail);
    }
}

#[expect(clippy::disallowed_methods, reason = "how long something waits, and nothing else, depends on it")]
fn now() -> Instant {
    Instant::now()
}
