//! Jobs that write a word: taken, refused, done, failed, stopped, and gone on with after a restart.

use std::path::Path;
use std::sync::{Arc, Mutex};

use history::Watch;
use model::Time;
use serde::{Deserialize, Serialize};

use super::{JobError, JobState, Jobs, Work, start, write_json};
use crate::background::Priority;
use crate::sequencer::Clock;

const FAILS: &str = "fails";

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

fn over(jobs: &Jobs<Writing>, id: u32) -> JobState {
    loop {
        match jobs.get(id).unwrap().state {
            state @ (JobState::Done | JobState::Failed(_)) => return state,
            _ => std::thread::yield_now(),
        }
    }
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
    while jobs.get(3).unwrap().state == JobState::Waiting {
        std::thread::yield_now();
    }
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
    jobs.forget(|job| job.id < 7).unwrap();
    let left: Vec<u32> = jobs.list().iter().map(|job| job.id).collect();
    assert_eq!(left, [7]);
    assert_eq!(jobs.take(&word("next")).unwrap(), 8);
    assert_eq!(over(&jobs, 8), JobState::Done);
    drop(jobs);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// What a process leaves that is killed while it does a job, or while it makes or removes one.
#[test]
fn a_job_that_the_server_does_not_survive_twice_is_not_begun_again() {
    let data = tempfile::tempdir().unwrap();
    let place = data.path().join(Writing::FOLDER);
    let killed = |id: u32| {
        let folder = place.join(super::folder_name(id));
        write_json(&folder.join("begun.json"), &1).unwrap();
        folder
    };
    let folders = super::Folders::of(place.clone());
    (1..=2).for_each(|id| folders.make(id, &word("word")).unwrap());
    killed(1);
    write_json(&killed(2).join("begun.json"), &2).unwrap();
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
        while !jobs.folder(1).join("begun.json").exists() {
            std::thread::yield_now();
        }
        drop(jobs);
        drop(keep);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
    let (jobs, threads) = start(data.path(), Writing::default(), &clock()).unwrap();
    assert_eq!(over(&jobs, 1), JobState::Done);
    drop(jobs);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
