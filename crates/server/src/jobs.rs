//! Long work asked for over the API, such as sweeps and back-tests: kept, done one after the other, listed. Each has a folder of
//! its own with what was asked, which is on disk before it is acknowledged, and then what came of it; so a restart goes on with
//! what is not over and shows what is. A job that seems to be what ends the server is not begun again (`begun`). Must not
//! know HTTP, nor what the work is.

mod begun;
mod folder;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use history::Watch;
use history::watch::Reading;
use model::Time;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::folder::Folders;
pub(crate) use self::folder::{folder_name, read_json, write_json};
use self::worker::Worker;
use crate::background::{self, Priority};
use crate::log::{line, with_sources};
use crate::sequencer::Clock;

/// Why a job that was asked to stop before it had begun has no result.
const STOPPED: &str = "stopped on request";

/// A kind of work.
pub(crate) trait Work: Send + Sync + Sized + 'static {
    /// What is asked, as it is kept on disk.
    type Request: Serialize + DeserializeOwned + Send + 'static;
    /// What of that is told without reading it again.
    type About: Clone + Debug + Send + 'static;
    /// Why it ended without a result.
    type Error: std::error::Error + From<std::io::Error>;

    /// What one is called in the log, and many of them.
    const NAMES: (&'static str, &'static str);
    /// The folder of all in the data folder.
    const FOLDER: &'static str;
    /// The file in a job's folder that is there when its results are whole.
    const RESULT: &'static str;
    /// Jobs that wait at most.
    const WAITING_MAX: usize;
    /// Jobs that are kept at most.
    const KEPT_MAX: usize;
    /// Whether the oldest that are over make room; else whoever runs the server does.
    const MAKES_ROOM: bool;
    /// A queue each, and a thread of this name: those of one are done one after the other.
    const QUEUES: &'static [&'static str];
    /// How far the threads step back.
    const PRIORITY: Priority;

    /// When and by whom it was asked for.
    fn asked(request: &Self::Request) -> (Time, &str);

    /// What of it is told.
    fn about(request: &Self::Request) -> Self::About;

    /// In which of the queues it waits.
    fn queue(about: &Self::About) -> usize;

    /// Does it, with the results in its folder, whole or not at all.
    fn run(&self, folder: &Path, request: &Self::Request, watch: &Watch) -> Result<(), Self::Error>;
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobState {
    /// Others come first.
    Waiting,
    /// It is being done.
    Running,
    /// Its results are there.
    Done,
    /// It ended without: why.
    Failed(String),
}

impl JobState {
    /// The word used on the wire.
    #[must_use]
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether nothing will change any more.
    const fn is_over(&self) -> bool {
        matches!(self, Self::Done | Self::Failed(_))
    }
}

/// A job, as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Job<A> {
    /// Its number, from 1.
    pub(crate) id: u32,
    /// When it was asked for.
    pub(crate) at: Time,
    /// By whom.
    pub(crate) by: String,
    /// What it is.
    pub(crate) about: A,
    /// How far it is.
    pub(crate) state: JobState,
    watch: Arc<Watch>,
}

impl<A> Job<A> {
    fn new<W: Work<About = A>>(id: u32, request: &W::Request, state: JobState) -> Self {
        let (at, by) = W::asked(request);
        Self { id, at, by: by.to_owned(), about: W::about(request), state, watch: Arc::default() }
    }

    /// How far it is, while it is running.
    #[must_use]
    pub(crate) fn progress(&self) -> Option<Reading> {
        (self.state == JobState::Running).then(|| self.watch.read())
    }

    /// Why it failed, if it did.
    #[must_use]
    pub(crate) fn problem(&self) -> Option<&str> {
        match &self.state {
            JobState::Failed(problem) => Some(problem),
            _ => None,
        }
    }
}

/// Why a job is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    /// Too many wait.
    #[error("{most} {many} are waiting already; come again when one is done")]
    Busy {
        /// How many may.
        most: usize,
        /// What they are.
        many: &'static str,
    },
    /// Too many are kept.
    #[error(
        "the results of {most} {many} are kept; remove old folders of `{folder}` in the data folder and restart"
    )]
    Full {
        /// How many may be.
        most: usize,
        /// What they are.
        many: &'static str,
        /// Where they are.
        folder: &'static str,
    },
    /// The request could not be written, or an old job not removed.
    #[error("the request could not be kept")]
    Io(#[from] std::io::Error),
}

/// All jobs of a kind. The threads end when the last of these is gone.
#[derive(Debug)]
pub(crate) struct Jobs<W: Work> {
    folders: Folders,
    work: Arc<W>,
    shared: Arc<Shared<W>>,
    queues: Vec<Sender<u32>>,
}

#[derive(Debug)]
struct Shared<W: Work> {
    jobs: Mutex<BTreeMap<u32, Job<W::About>>>,
    /// Numbers of jobs whose requests are being written.
    taking: Mutex<BTreeSet<u32>>,
    /// Held while one is removed.
    removing: Mutex<()>,
    /// The server stops: what is not over is done after the next start.
    is_closing: AtomicBool,
}

impl<W: Work> Shared<W> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Job<W::About>>> {
        // Every change is a single one, so that a panic elsewhere leaves nothing half done.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Taken before [`Self::lock`] where both are.
    fn taking(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.taking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stops one that begins now, if it still waits.
    fn begin(&self, id: u32) -> Option<Arc<Watch>> {
        let mut jobs = self.lock();
        let job = jobs.get_mut(&id).filter(|job| job.state == JobState::Waiting)?;
        job.state = JobState::Running;
        Some(Arc::clone(&job.watch))
    }

    fn set(&self, id: u32, state: JobState) {
        if let Some(job) = self.lock().get_mut(&id) {
            job.state = state;
        }
    }
}

/// The jobs, and the threads that do them.
pub(crate) type Started<W> = (Arc<Jobs<W>>, Vec<JoinHandle<()>>);

/// Finds the jobs of a data folder and goes on with those that are not over.
///
/// # Errors
/// The folder cannot be read, or a thread cannot be started.
pub(crate) fn start<W: Work>(data: &Path, work: W, clock: &Clock) -> std::io::Result<Started<W>> {
    let folders = Folders::of(data.join(W::FOLDER));
    let jobs = found::<W>(&folders)?;
    let (mut queues, mut receivers) = (Vec::new(), Vec::new());
    for name in W::QUEUES {
        let (queue, waiting) = channel();
        queues.push(queue);
        receivers.push((*name, waiting));
    }
    for job in jobs.values().filter(|job| job.state == JobState::Waiting) {
        send::<W>(&queues, job.id, &job.about);
    }
    let shared = Arc::new(Shared {
        jobs: Mutex::new(jobs),
        taking: Mutex::default(),
        removing: Mutex::default(),
        is_closing: AtomicBool::new(false),
    });
    let work = Arc::new(work);
    let mut threads = Vec::new();
    for (name, waiting) in receivers {
        let worker = Worker {
            data: data.to_owned(),
            folders: folders.clone(),
            shared: Arc::clone(&shared),
            work: Arc::clone(&work),
            clock: Arc::clone(clock),
        };
        threads.push(background::spawn(name, W::PRIORITY, move || worker.run(&waiting))?);
    }
    Ok((Arc::new(Jobs { folders, work, shared, queues }), threads))
}

fn send<W: Work>(queues: &[Sender<u32>], id: u32, about: &W::About) {
    if let Some(queue) = queues.get(W::queue(about)) {
        // If the thread is gone the server stops, and goes on with it after the next start.
        let _sent = queue.send(id);
    }
}

/// The jobs in a folder. What cannot be read is told and left out.
fn found<W: Work>(folders: &Folders) -> std::io::Result<BTreeMap<u32, Job<W::About>>> {
    let mut jobs = BTreeMap::new();
    for found in folders.find()? {
        let id = found.id;
        let request = match folders.request(id) {
            Ok(request) => request,
            Err(error) => {
                let (one, _) = W::NAMES;
                line(
                    &format!("{one}.unreadable"),
                    &format!("{one} {id} is left out: {}", with_sources(&error)),
                );
                continue;
            }
        };
        let state = if folders.one(id).join(W::RESULT).exists() {
            JobState::Done
        } else if let Some(problem) = found.failed {
            JobState::Failed(problem)
        } else {
            JobState::Waiting
        };
        jobs.insert(id, Job::new::<W>(id, &request, state));
    }
    Ok(jobs)
}

impl<W: Work> Jobs<W> {
    /// Takes a request; gives the job's number. Blocks on the disk.
    ///
    /// # Errors
    /// Too many wait or are kept, or the request cannot be written.
    pub(crate) fn take(&self, request: &W::Request) -> Result<u32, JobError> {
        self.take_writing(request, Folders::make)
    }

    /// The same with what writes the request; others are answered while it does.
    fn take_writing(
        &self,
        request: &W::Request,
        write: impl FnOnce(&Folders, u32, &W::Request) -> std::io::Result<()>,
    ) -> Result<u32, JobError> {
        let id = self.reserve()?;
        let written = self.make_room().and_then(|()| write(&self.folders, id, request));
        let about = W::about(request);
        if written.is_ok() {
            self.shared.lock().insert(id, Job::new::<W>(id, request, JobState::Waiting));
        }
        self.shared.taking().remove(&id);
        written?;
        send::<W>(&self.queues, id, &about);
        Ok(id)
    }

    /// What does them.
    pub(crate) fn work(&self) -> &W {
        &self.work
    }

    /// A number for a further job, if there is room for one.
    fn reserve(&self) -> Result<u32, JobError> {
        let (_, many) = W::NAMES;
        let mut taking = self.shared.taking();
        let jobs = self.shared.lock();
        let waiting = jobs.values().filter(|job| job.state == JobState::Waiting).count();
        if waiting.saturating_add(taking.len()) >= W::WAITING_MAX {
            return Err(JobError::Busy { most: W::WAITING_MAX, many });
        }
        if !W::MAKES_ROOM && jobs.len().saturating_add(taking.len()) >= W::KEPT_MAX {
            return Err(JobError::Full { most: W::KEPT_MAX, many, folder: W::FOLDER });
        }
        let last = jobs.last_key_value().map(|(id, _)| *id).max(taking.last().copied()).unwrap_or(0);
        let id = last.saturating_add(1);
        taking.insert(id);
        Ok(id)
    }

    /// Removes the oldest that are over where too many are kept; fails where none of them can be removed.
    fn make_room(&self) -> std::io::Result<()> {
        if !W::MAKES_ROOM {
            return Ok(());
        }
        let (mut after, mut problem) = (0, None);
        loop {
            let jobs = self.shared.lock();
            let oldest = jobs.values().find(|job| job.state.is_over() && job.id > after).map(|job| job.id);
            let is_full = jobs.len() >= W::KEPT_MAX;
            drop(jobs);
            if !is_full {
                return Ok(());
            }
            let Some(oldest) = oldest else { return problem.map_or(Ok(()), Err) };
            after = oldest;
            problem = self.remove(oldest).err().or(problem);
        }
    }

    /// Removes one that is over: it is in the list until its folder is not in its place any more. What fails is told.
    fn remove(&self, id: u32) -> std::io::Result<()> {
        let told = |error: &std::io::Error| {
            let (one, _) = W::NAMES;
            line(&format!("{one}.not_removed"), &format!("{one} {id}: {error}"));
        };
        let removing = self.shared.removing.lock().unwrap_or_else(PoisonError::into_inner);
        let aside = self.folders.set_aside(id).inspect_err(told)?;
        self.shared.lock().remove(&id);
        drop(removing);
        // It is in nobody's way; what is left of it is removed at the next start.
        let _told = self.folders.clear(&aside).inspect_err(told);
        Ok(())
    }

    /// All of them, the newest first.
    #[must_use]
    pub(crate) fn list(&self) -> Vec<Job<W::About>> {
        self.shared.lock().values().rev().cloned().collect()
    }

    /// One of them.
    #[must_use]
    pub(crate) fn get(&self, id: u32) -> Option<Job<W::About>> {
        self.shared.lock().get(&id).cloned()
    }

    /// What one was asked. Blocks on the disk.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn request(&self, id: u32) -> std::io::Result<W::Request> {
        self.folders.request(id)
    }

    /// Asks one to stop; one that is over stays as it is. Blocks on the disk: a restart does not forget it.
    ///
    /// # Errors
    /// It cannot be kept. It stops all the same, unless the server ends before.
    pub(crate) fn stop(&self, id: u32) -> std::io::Result<()> {
        let Some(job) = self.get(id).filter(|job| !job.state.is_over()) else { return Ok(()) };
        job.watch.stop();
        // Should it be done by now, its result counts.
        let kept = self.folders.fail(id, STOPPED);
        if let Some(job) = self.shared.lock().get_mut(&id).filter(|job| job.state == JobState::Waiting) {
            job.state = JobState::Failed(STOPPED.to_owned());
        }
        match kept {
            // It was over and made room meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            kept => kept,
        }
    }

    /// Removes those that are over and that `is_old` says so of. One that cannot be removed is told, and stays. Blocks on the disk.
    pub(crate) fn forget(&self, is_old: impl Fn(&Job<W::About>) -> bool) {
        for job in self.list() {
            if job.state.is_over() && is_old(&job) {
                let _told = self.remove(job.id);
            }
        }
    }

    /// The folder of one's results.
    #[must_use]
    pub(crate) fn folder(&self, id: u32) -> PathBuf {
        self.folders.one(id)
    }
}

impl<W: Work> Drop for Jobs<W> {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Ordering::SeqCst);
        for job in self.shared.lock().values() {
            job.watch.stop();
        }
    }
}

#[cfg(test)]
mod tests;
