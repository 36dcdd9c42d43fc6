//! To a server over HTTP: facts in batches, questions one by one, over a few connections. Must not know where events come from.
//!
//! A customer's events all go over one connection, where each waits for the answer to the one before, so that they never
//! overtake each other. What the server is too busy for, and what a broken connection leaves unknown, is sent again: the
//! server recognises an event by its identifier and counts it once.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use history::Watch;

use super::answer::{Answered, Batch, Decided, Problem};
use super::pace::wait;
use super::tally::{Live, Tally};
use super::{Drive, Listener, ReplayError, Work};
use crate::http::{Client, HttpError, Target};
use crate::latency::now;

/// Events waiting for one connection at most.
const QUEUE: usize = 2_048;
/// Facts in one request at most.
const BATCH_EVENTS: usize = 1_000;
/// Bytes of one request at most, well below what the server takes.
const BATCH_BYTES: usize = 2 << 20;
/// How long a server that was there may be away.
const AWAY_WAIT_MAX: Duration = Duration::from_secs(60);
/// How long a server may say that it is busy.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(300);
/// The longest `Retry-After` that is obeyed in full.
const RETRY_AFTER_S_MAX: u64 = 60;
/// Between the first two tries to reach a server that is away; it doubles up to five seconds.
const AWAY_WAIT: Duration = Duration::from_millis(100);

pub(super) fn run(
    drive: Drive<'_>,
    target: &Target,
    key: &str,
    connections: u32,
    listener: Listener<'_>,
) -> Result<(Tally, bool), ReplayError> {
    let (watch, live) = (drive.watch, drive.live);
    std::thread::scope(|threads| {
        let (mut senders, mut workers) = (Vec::new(), Vec::new());
        for _ in 0..connections {
            let (sender, receiver) = sync_channel(QUEUE);
            let client = Client::new(target.clone(), key.to_owned());
            let worker = Worker {
                client,
                host: target.host.clone(),
                watch,
                live,
                listener,
                tally: Tally::new()?,
                batch: Vec::new(),
                batch_bytes: 0,
                reached: false,
            };
            senders.push(sender);
            workers.push(threads.spawn(move || worker.run(&receiver)));
        }
        let driven =
            drive.run(|work| sender_of(&senders, work.item.customer).is_some_and(|to| to.send(work).is_ok()));
        drop(senders);
        // Why a worker ended says more than that nothing could be sent to it.
        let ended: Vec<_> =
            workers.into_iter().map(|worker| worker.join().map_err(|_panic| ReplayError::Broken)).collect();
        let mut tallies = Vec::new();
        for tally in ended {
            tallies.push(tally??);
        }
        let (mut tally, stopped) = driven?;
        for other in tallies {
            tally.add(other);
        }
        Ok((tally, stopped || watch.check().is_err()))
    })
}

/// Customer keys are hashes, so their remainders spread.
fn sender_of(senders: &[SyncSender<Work>], customer: u64) -> Option<&SyncSender<Work>> {
    let count = u64::try_from(senders.len()).ok()?;
    senders.get(usize::try_from(customer.checked_rem(count)?).ok()?)
}

struct Worker<'a> {
    client: Client,
    host: String,
    watch: &'a Watch,
    live: &'a Live,
    listener: Listener<'a>,
    tally: Tally,
    /// Facts not sent yet.
    batch: Vec<Work>,
    batch_bytes: usize,
    /// Whether the server ever answered.
    reached: bool,
}

/// An answer that settles the matter.
struct Settled {
    status: u16,
    body: Vec<u8>,
    repeated: bool,
}

impl Worker<'_> {
    fn run(mut self, receiver: &Receiver<Work>) -> Result<Tally, ReplayError> {
        loop {
            let work = match receiver.try_recv() {
                Ok(work) => Some(work),
                // Nothing is waiting: what has gathered goes now, so that a paced replay is not late.
                Err(TryRecvError::Empty) => {
                    self.flush()?;
                    receiver.recv().ok()
                }
                Err(TryRecvError::Disconnected) => None,
            };
            let Some(work) = work else { break };
            if self.watch.check().is_err() {
                return Ok(self.tally);
            }
            if work.asked {
                self.flush()?;
                self.decide(&work)?;
            } else {
                self.batch_bytes = self.batch_bytes.saturating_add(work.item.json.len()).saturating_add(1);
                self.batch.push(work);
                if self.batch.len() >= BATCH_EVENTS || self.batch_bytes >= BATCH_BYTES {
                    self.flush()?;
                }
            }
        }
        self.flush()?;
        Ok(self.tally)
    }

    /// Sends the facts that have gathered, and those again for which the server had no room.
    fn flush(&mut self) -> Result<(), ReplayError> {
        let begun = now();
        let mut waiting = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        while !waiting.is_empty() {
            let mut body = Vec::with_capacity(waiting.iter().map(|work| work.item.json.len() + 1).sum());
            for work in &waiting {
                body.extend_from_slice(&work.item.json);
                body.push(b'\n');
            }
            let Some(settled) = self.ask("/v1/events", &body)? else { return Ok(()) };
            if settled.status != 200 {
                return Err(refused(&settled));
            }
            let batch: Batch = serde_json::from_slice(&settled.body)
                .map_err(|error| HttpError::Foreign(format!("the answer to a batch is none: {error}")))?;
            waiting = self.settle(waiting, batch);
            if !waiting.is_empty() {
                let detail = "there is no room for the events of a batch";
                self.pause(begun, BUSY_WAIT_MAX, Duration::from_secs(1), || busy(begun, detail.to_owned()))?;
            }
        }
        Ok(())
    }

    /// Counts what became of a batch. Gives what has to be sent again.
    fn settle(&mut self, sent: Vec<Work>, batch: Batch) -> Vec<Work> {
        let mut rejected: Vec<_> = sent.iter().map(|_| None).collect();
        for each in batch.rejected {
            if let Some(place) = each.line.checked_sub(1).and_then(|place| rejected.get_mut(place)) {
                *place = Some(each);
            }
        }
        let taken = batch.accepted.saturating_add(batch.repeated);
        self.tally.facts = self.tally.facts.saturating_add(taken);
        self.tally.repeated = self.tally.repeated.saturating_add(batch.repeated);
        Live::add(&self.live.facts, taken);
        let mut again = Vec::new();
        for (work, rejected) in sent.into_iter().zip(rejected) {
            match rejected {
                Some(rejected) if rejected.retry => again.push(work),
                Some(rejected) => {
                    let problem = rejected.problem();
                    let detail = match rejected.field {
                        Some(field) => format!("field `{field}`: {}", rejected.detail),
                        None => rejected.detail,
                    };
                    self.refuse(&work, problem, detail);
                }
                None => self.end(&work),
            }
        }
        again
    }

    fn decide(&mut self, work: &Work) -> Result<(), ReplayError> {
        let since = work.due.unwrap_or_else(now);
        let Some(settled) = self.ask("/v1/decide", &work.item.json)? else { return Ok(()) };
        if settled.status == 200 {
            let answered: Answered = serde_json::from_slice(&settled.body)
                .map_err(|error| HttpError::Foreign(format!("the answer to a question is none: {error}")))?;
            self.tally.decided(work.item.kind, &answered, settled.repeated, since.elapsed());
            self.live.decided(&answered);
            self.end(work);
            (self.listener)(&Decided {
                event: &work.item.json,
                answered: &answered,
                repeated: settled.repeated,
            });
            return Ok(());
        }
        if !matches!(settled.status, 400 | 409 | 413 | 422) {
            return Err(refused(&settled));
        }
        let problem = Problem::read(&settled.body);
        self.refuse(work, &problem.name(settled.status), problem.told());
        Ok(())
    }

    fn refuse(&mut self, work: &Work, problem: &str, detail: String) {
        Live::add(&self.live.refused, 1);
        self.tally.refuse(work.item.origin, problem, detail);
        self.watch.advance(1);
    }

    fn end(&mut self, work: &Work) {
        self.tally.ended(&work.item);
        self.watch.advance(1);
    }

    /// Asks until there is an answer that settles it; `None` once the replay is asked to stop.
    fn ask(&mut self, path: &str, body: &[u8]) -> Result<Option<Settled>, ReplayError> {
        let begun = now();
        let mut away_wait = AWAY_WAIT;
        loop {
            if self.watch.check().is_err() {
                return Ok(None);
            }
            match self.client.post(path, body) {
                Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) => {
                    let retry_after_s = answer.retry_after_s.unwrap_or(1).clamp(1, RETRY_AFTER_S_MAX);
                    let problem = Problem::read(&answer.body);
                    self.pause(begun, BUSY_WAIT_MAX, Duration::from_secs(retry_after_s), || {
                        busy(begun, problem.told())
                    })?;
                }
                Ok(answer) => {
                    let (status, repeated) = (answer.status, answer.repeated);
                    let settled = Settled { status, body: answer.body.into_owned(), repeated };
                    self.reached = true;
                    return Ok(Some(settled));
                }
                Err(source @ HttpError::Io { .. }) if self.reached => {
                    let (host, waited_s) = (self.host.clone(), begun.elapsed().as_secs());
                    let away = || ReplayError::Unreachable { host, waited_s, source };
                    self.pause(begun, AWAY_WAIT_MAX, away_wait, away)?;
                    away_wait = away_wait.saturating_mul(2).min(Duration::from_secs(5));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits before the next try, or gives up.
    fn pause(
        &mut self,
        begun: Instant,
        wait_max: Duration,
        pause: Duration,
        give_up: impl FnOnce() -> ReplayError,
    ) -> Result<(), ReplayError> {
        if begun.elapsed() > wait_max {
            return Err(give_up());
        }
        self.tally.retries = self.tally.retries.saturating_add(1);
        Live::add(&self.live.retries, 1);
        // Whoever goes on looks at the request to stop.
        let _stopped = wait(now().checked_add(pause), self.watch);
        Ok(())
    }
}

fn busy(begun: Instant, detail: String) -> ReplayError {
    ReplayError::Busy { waited_s: begun.elapsed().as_secs(), detail }
}

/// An answer after which nothing else will be taken either.
fn refused(settled: &Settled) -> ReplayError {
    ReplayError::Refused { status: settled.status, detail: Problem::read(&settled.body).told() }
}
