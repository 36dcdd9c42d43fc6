//! To the sequencer itself, in a data folder, without HTTP: what the server does with an event, and nothing around it. Must not
//! know where events come from.
//!
//! Everything goes through the one queue in one order, so that the same events give the same decisions, every time. Each is
//! durable before it counts.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use engine::input::Body;
use intel::Intel;
use model::{Event, Invalid, Time};
use server::observe::Observer;
use server::secret::Secret;
use server::sequencer::{self, Answered as Durable, Ask, AskError, Handle, Options};
use store::DataFolder;
use tokio::sync::oneshot;

use super::answer::{Answered, Decided};
use super::tally::{Live, Tally};
use super::{Drive, Listener, ReplayError, Work, io};
use crate::latency::now;

/// Events on their way at most.
const OUTSTANDING: usize = 1_024;

pub(super) fn run(
    drive: Drive<'_>,
    folder: &Path,
    intel: Arc<Intel>,
    policy: &str,
    listener: Listener<'_>,
) -> Result<(Tally, bool), ReplayError> {
    let data = DataFolder::open(folder)?;
    let secret = Secret::of_folder(folder).map_err(io("reading or making the folder's secret"))?;
    let clock = server::serve::wall_clock();
    let (handle, thread) = sequencer::start(&data, policy, Arc::clone(&clock), &Options::default())?;
    let mut local = Local {
        handle,
        observer: Observer::new(intel, secret),
        clock,
        waiting: VecDeque::with_capacity(OUTSTANDING),
        watch: drive.watch,
        live: drive.live,
        listener,
        tally: Tally::new()?,
    };
    let mut failed = None;
    let driven = drive.run(|work| match local.send(work) {
        Ok(()) => true,
        Err(error) => {
            failed = Some(error);
            false
        }
    });
    let ended = failed.map_or_else(|| local.settle(0), Err);
    let Local { handle, tally: own, .. } = local;
    // Without a handle left the sequencer writes back what changed, and ends.
    drop(handle);
    thread.join().map_err(|_panic| ReplayError::Broken)?;
    ended?;
    let (mut tally, stopped) = driven?;
    tally.add(own);
    Ok((tally, stopped))
}

struct Local<'a> {
    handle: Handle,
    observer: Observer,
    clock: sequencer::Clock,
    waiting: VecDeque<Waiting>,
    watch: &'a history::Watch,
    live: &'a Live,
    listener: Listener<'a>,
    tally: Tally,
}

/// An event on its way.
struct Waiting {
    work: Work,
    since: Instant,
    answer: oneshot::Receiver<Result<Durable, AskError>>,
}

impl Local<'_> {
    fn send(&mut self, work: Work) -> Result<(), ReplayError> {
        let observed = observe(&self.observer, &work, (self.clock)());
        let (observed, digest) = match observed {
            Ok(observed) => observed,
            Err(invalid) => {
                self.refuse(&work, "invalid-event", invalid.to_string());
                return Ok(());
            }
        };
        let id = Some(observed.id.as_str().to_owned());
        let body = Body::Event(Box::new(observed));
        let since = work.due.unwrap_or_else(now);
        // At a pace there is time to wait, and an answer noticed late would count as a slow one.
        let left = if work.due.is_some() { 0 } else { OUTSTANDING.saturating_sub(1) };
        let (ask, answered) = Ask::new(id, digest, body, false)?;
        self.handle.send_blocking(ask)?;
        self.waiting.push_back(Waiting { work, since, answer: answered });
        self.settle(left)
    }

    /// Waits for answers until no more than so many are on their way, and takes those that have come.
    fn settle(&mut self, left: usize) -> Result<(), ReplayError> {
        while let Some(mut first) = self.waiting.pop_front() {
            let answer = match first.answer.try_recv() {
                Ok(answer) => answer,
                Err(oneshot::error::TryRecvError::Empty) if self.waiting.len() < left => {
                    self.waiting.push_front(first);
                    return Ok(());
                }
                Err(_) => first
                    .answer
                    .blocking_recv()
                    .unwrap_or_else(|_gone| Err(AskError::Refusing("the sequencer ended".to_owned()))),
            };
            match answer {
                Ok(durable) => self.count(&first.work, first.since, &durable)?,
                Err(error @ AskError::Conflict { .. }) => {
                    self.refuse(&first.work, "id-conflict", error.to_string())
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn count(&mut self, work: &Work, since: Instant, durable: &Durable) -> Result<(), ReplayError> {
        self.tally.ended(&work.item);
        self.watch.advance(1);
        if !work.asked {
            self.tally.facts = self.tally.facts.saturating_add(1);
            self.tally.repeated = self.tally.repeated.saturating_add(u64::from(durable.again));
            Live::add(&self.live.facts, 1);
            return Ok(());
        }
        let answered: Answered = serde_json::from_slice(&durable.json)
            .map_err(|error| io("reading a decision")(std::io::Error::other(error)))?;
        self.tally.decided(work.item.kind, &answered, durable.again, since.elapsed());
        self.live.decided(&answered);
        (self.listener)(&Decided { event: &work.item.json, answered: &answered, repeated: durable.again });
        Ok(())
    }

    fn refuse(&mut self, work: &Work, problem: &str, detail: String) {
        Live::add(&self.live.refused, 1);
        self.tally.refuse(work.item.origin, problem, detail);
        self.watch.advance(1);
    }
}

fn observe(observer: &Observer, work: &Work, now: Time) -> Result<(engine::Observed, [u8; 16]), Invalid> {
    observer.observe(Event::from_json(&work.item.json)?, work.asked, now)
}
