//! Jobs that write a word: taken, refused, done, failed, stopped, and gone on with after a restart.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use history::Watch;
use model::Time;
use serde::{Deserialize, Serialize};

use super::{JobError, JobState, Jobs, Work, start, write_json};
use crate::background::Priority;
use crate::sequencer::Clock;

const FAILS: &str = "fails";

/// How long a test waits for what must come at last.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    word: String,
}

/// Writes the word that is asked for. While `held` is held, it waits.
#[derive(Debug, Default)]
struct Writing {
    held: Arc<Mutex<()>>,
}

impl Work for Writing {
    type Request = Request;
    type About = String;
    type Error = std::io::Error;

    const NAMES: (&'static str, &'static str) = ("word", "words");
    const FOLDER: &'static str = "words";
    const RESULT: &'static str = "word.json";
    const WAITING_MAX: usize = 4;
    const KEPT_MAX: usize = 6;
    const MAKES_ROOM: bool = true;
    const QUEUES: &'static [&'static str] = &["words"];
    const PRIORITY: Priority = Priority::Lower;

    fn asked(_: &Request) -> (Time, &str) {
        (Time::MIN, "ops")
    }

    fn about(request: &Request) -> String {
        request.word.clone()
    }

    fn queue(_: &String) -> usize {
        0
    }

    fn run(&self, folder: &Path, request: &Request, watch: &Watch) -> std::io::Result<()> {
        watch.advance(7);
        let _held = self.held.lock().unwrap();
        watch.check().map_err(std::io::Error::other)?;
        if request.word == FAILS {
            return Err(std::io::Error::other(format!("{} is no word", folder.display())));
        }
        write_json(&folder.join(Self::RESULT), &request.word)
    }
}

fn clock() -> Clock {
    Arc::new(|| Time::MIN)
}

fn word(word: &str) -> Request {
    Request { word: word.to_owned() }
}

/// Waits until something has come true.
fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() {
        if is_true() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("waited {} s for {what}", PATIENCE.as_secs());
}

fn over(jobs: &Jobs<Writing>, id: u32) -> JobState {
    let state = || jobs.get(id).unwrap().state;
    until("the end of a job", || state().is_over());
    state()
}

/// While one request is being written, jobs are shown, taken and refused as if it were there.
#[test]
fn nobody_waits_for_a_request_that_is_being_written() {
    let data = tempfile::tempdir().unwrap();
    let (jobs, threads) = start(data.path(), Writing::default(), &clock()).unwrap();
    let taken = jobs.take_writing(&word("one"), |_, _, _| {
        assert!(jobs.list().is_empty());
        let full = jobs.take_writing(&word("two"), |_, _, _| Err(std::io::Error::other("full")));
        assert_eq!(full.unwrap_err().to_string(), "the request could not be kept");
        // Its number is free again, this one's is not.
        assert_eq!(jobs.take(&word("two")).unwrap(), 2);
        Ok(())
    });
    assert_eq!(taken.unwrap(), 1);
    let ids: Vec<u32> = jobs.list().iter().map(|job| job.id).collect();
    assert_eq!(ids, [2, 1]);
    assert_eq!(over(&jobs, 2), JobState::Done);
    drop(jobs);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn what_is_not_over_is_done_after_a_restart_and_what_is_over_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let held = Arc::new(Mutex::new(()));
    let work = Writing { held: Arc::clone(&held) };
    let (jobs, threads) = start(data.path(), work, &clock()).unwrap();
    assert_eq!(jobs.take(&word("done")).unwrap(), 1);
    assert_eq!(jobs.take(&word(FAILS)).unwrap(), 2);
    assert_eq!(over(&jobs, 1), JobState::Done);
    // Where the data folder lies is not told.
    let failed = JobState::Failed("DATA/words/000002 is no word".to_owned());
    assert_eq!(over(&jobs, 2), failed);
    let keep = held.lock().unwrap();
    // One runs, the others wait.
    assert_eq!(jobs.take(&word("three")).unwrap(), 3);
    until("a job that runs", || jobs.get(3).unwrap().state == JobState::Running);
    let waiting: Vec<u32> = (0..4).map(|_| jobs.take(&word("later")).unwrap()).collect();
    assert_eq!(waiting, [4, 5, 6, 7]);
    let busy = jobs.take(&word("more")).unwrap_err();
    assert!(matches!(busy, JobError::Busy { most: 4, many: "words" }), "{busy}");
    // Six are kept: the first made room.
    assert!(jobs.get(1).is_none() && !jobs.folder(1).exists());
    assert_eq!(jobs.request(5).unwrap().word, "later");
    jobs.stop(4).unwrap();
    let stopped = JobState::Failed("stopped on request".to_owned());
    assert_eq!(jobs.get(4).unwrap().state, stopped);
    drop(jobs);
    drop(keep);
    threads.into_iter().for_each(|thread| thread.join().unwrap());

    let (jobs, threads) = start(data.path(), Writing::default(), &clock()).unwrap();
    assert_eq!(jobs.get(2).unwrap().state, failed);
    assert_eq!(jobs.get(4).unwrap().state, stopped);
    for id in [3, 5, 6, 7] {
        assert_eq!(over(&jobs, id), JobState::Done, "{id}");
        assert!(jobs.folder(id).join(Writing::RESULT).exists());
    }
    assert_eq!(jobs.get(7).unwrap().about, "later");
    jobs.forget(|job| job.id < 7);
    let left: Vec<u32> = jobs.list().iter().map(|job| job.id).collect();
    assert_eq!(left, [7]);
    assert_eq!(jobs.take(&word("next")).unwrap(), 8);
    assert_eq!(over(&jobs, 8), JobState::Done);
    drop(jobs);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// A folder that stays where it is stays in the list; another one makes room.
#[test]
fn what_cannot_be_removed_is_still_listed() {
    let data = tempfile::tempdir().unwrap();
    let (jobs, threads) = start(data.path(), Writing::default(), &clock()).unwrap();
    for id in 1..=6 {
        assert_eq!(jobs.take(&word("word")).unwrap(), id);
        assert_eq!(over(&jobs, id), JobState::Done);
    }
    let listed = || Vec::from_iter(jobs.list().iter().rev().map(|job| job.id));
    let in_the_way = |id: u32| data.path().join("words").join(format!(".gone-{id:06}"));
    std::fs::write(in_the_way(1), "no folder").unwrap();
    assert_eq!(jobs.take(&word("word")).unwrap(), 7);
    assert_eq!(over(&jobs, 7), JobState::Done);
    assert_eq!(listed(), [1, 3, 4, 5, 6, 7]);
    assert!(jobs.folder(1).join(Writing::RESULT).exists() && !jobs.folder(2).exists());
    // None can be removed: the next one is refused, and nothing is lost.
    (3..=7).for_each(|id| std::fs::write(in_the_way(id), "no folder").unwrap());
    assert!(matches!(jobs.take(&word("word")), Err(JobError::Io(_))));
    jobs.forget(|_| true);
    assert_eq!(listed(), [1, 3, 4, 5, 6, 7]);
    (3..=7).for_each(|id| std::fs::remove_file(in_the_way(id)).unwrap());
    jobs.forget(|_| true);
    assert_eq!(listed(), [1]);
    std::fs::remove_file(in_the_way(1)).unwrap();
    jobs.forget(|_| true);
    assert_eq!((listed(), jobs.folder(1).exists()), (vec![], false));
    // One that somebody removed by hand is no longer there, either.
    assert_eq!(jobs.take(&word("word")).unwrap(), 1);
    assert_eq!(over(&jobs, 1), JobState::Done);
    std::fs::remove_dir_all(jobs.folder(1)).unwrap();
    jobs.forget(|_| true);
    assert_eq!(listed(), [0; 0]);
    drop(jobs);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// What a process leaves that is killed while it does a job, or while it makes or removes one.
#[test]
fn a_job_that_the_server_does_not_survive_twice_at_one_place_is_not_begun_again() {
    let data = tempfile::tempdir().unwrap();
    let place = data.path().join(Writing::FOLDER);
    let folders = super::Folders::of(place.clone());
    (1..=2).for_each(|id| folders.make(id, &word("word")).unwrap());
    let killed = |id: u32, done: u64| {
        let mut begun = folders.begun(id);
        begun.begin();
        begun.came_to(done);
        folders.note(id, &begun).unwrap();
    };
    // Twice the power went off; twice the same thing was too much.
    [500, 200].into_iter().for_each(|done| killed(1, done));
    [500, 501].into_iter().for_each(|done| killed(2, done));
    for left in [".new-000003", ".gone-000003"] {
        std::fs::create_dir(place.join(left)).unwrap();
        std::fs::write(place.join(left).join("request.json"), "{").unwrap();
    }
    let (jobs, threads) = start(data.path(), Writing::default(), &clock()).unwrap();
    assert_eq!(over(&jobs, 1), JobState::Done);
    let JobState::Failed(problem) = over(&jobs, 2) else { panic!("it was begun a third time") };
    assert!(problem.starts_with("the server ended 2 times in a row"), "{problem}");
    let left: Vec<_> = std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(jobs.take(&word("next")).unwrap(), 3);
    assert_eq!(over(&jobs, 3), JobState::Done);
    drop(jobs);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let (jobs, threads) = start(data.path(), Writing::default(), &clock()).unwrap();
    assert_eq!(jobs.get(2).unwrap().problem(), Some(problem.as_str()));
    drop(jobs);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// What is known after a power cut.
#[test]
fn how_far_a_job_is_is_noted_while_it_runs() {
    let data = tempfile::tempdir().unwrap();
    let held = Arc::new(Mutex::new(()));
    let keep = held.lock().unwrap();
    let (jobs, threads) = start(data.path(), Writing { held: Arc::clone(&held) }, &clock()).unwrap();
    assert_eq!(jobs.take(&word("word")).unwrap(), 1);
    let noted = || std::fs::read_to_string(jobs.folder(1).join("begun.json")).unwrap_or_default();
    until("a note of how far it is", || noted().contains("\"done\":7,"));
    drop(keep);
    assert_eq!(over(&jobs, 1), JobState::Done);
    drop(jobs);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// A server that is asked to end is not one that did not survive.
#[test]
fn ends_on_request_are_not_counted() {
    let data = tempfile::tempdir().unwrap();
    let held = Arc::new(Mutex::new(()));
    for _start in 0..4 {
        let keep = held.lock().unwrap();
        let (jobs, threads) = start(data.path(), Writing { held: Arc::clone(&held) }, &clock()).unwrap();
        if jobs.get(1).is_none() {
            jobs.take(&word("word")).unwrap();
        }
        until("a job that has begun", || jobs.folder(1).join("begun.json").exists());
        drop(jobs);
        drop(keep);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
    let (jobs, threads) = start(data.path(), Writing::default(), &clock()).unwrap();
    assert_eq!(over(&jobs, 1), JobState::Done);
    drop(jobs);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
