//! Makes batches durable and answers them, on a thread of its own, so that the next batch is applied meanwhile. Must not know
//! the state.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};

use engine::input::Body;
use engine::state::Outcome;
use engine::{Policy, Verdict};
use model::Time;
use store::{Entry, Found, Journal};
use tokio::sync::Notify;

use super::answer::decision_json;
use super::asking::{Answered, Ask, AskError};
use super::trim::Trimming;
use super::{Clock, Gauges};
use crate::log::with_sources;

/// The kind under which the journal keeps inputs of [`engine::input::Body`]'s encoding, version 3. Those before were never released.
pub(crate) const INPUT_V3: u8 = 3;

/// Why nothing is taken any more. Records in memory are ahead of the journal from then on: they must not be written back,
/// and only a restart, which replays the journal, is right again.
pub(super) type Failure = Arc<OnceLock<String>>;

/// An input applied and not yet durable.
pub(super) struct Pending {
    pub(super) seq: u64,
    pub(super) time: Time,
    pub(super) ask: Ask,
    pub(super) outcome: Outcome,
    pub(super) policy: Arc<Policy>,
}

/// What is written at once.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) pending: Vec<Pending>,
    /// Asks with the identifier of one that is in this batch or one before.
    pub(super) twins: Vec<Ask>,
}

/// Bytes of inputs from which none is added to a batch, nor a batch to a commit: with answers it stays far below what the
/// journal takes at once.
pub(super) const COMMIT_BYTES: usize = 2 << 20;
/// Inputs from which no further batch is added to a commit.
const COMMIT_MAX: usize = 1_024;

impl Batch {
    /// Bytes of its inputs.
    fn bytes(&self) -> usize {
        self.pending.iter().map(|each| each.ask.input.len()).sum()
    }
}

/// The thread's own.
pub(super) struct Committer {
    pub(super) journal: Journal,
    pub(super) gauges: Arc<Gauges>,
    pub(super) failure: Failure,
    pub(super) committed: Arc<Notify>,
    pub(super) trimming: Trimming,
    pub(super) clock: Clock,
}

impl Committer {
    /// Takes batches until there are no more to come, and gives the journal back.
    pub(super) fn run(mut self, batches: &Receiver<Batch>) -> Self {
        while let Ok(mut batch) = batches.recv() {
            // What was applied while the batch before was written goes with this one: one sync for all.
            let mut bytes = batch.bytes();
            while batch.pending.len() < COMMIT_MAX
                && bytes < COMMIT_BYTES
                && let Ok(next) = batches.try_recv()
            {
                bytes = bytes.saturating_add(next.bytes());
                batch.pending.extend(next.pending);
                batch.twins.extend(next.twins);
            }
            // Since its first input came somebody waits.
            let since = batch.pending.first().and_then(|first| u64::try_from(first.time.as_us()).ok());
            Gauges::set(&self.gauges.committing_since, since.unwrap_or(0));
            self.commit(batch);
            Gauges::set(&self.gauges.committing_since, 0);
        }
        self
    }

    fn commit(&mut self, batch: Batch) {
        let Batch { pending, twins } = batch;
        let written = match self.failure.get() {
            Some(problem) => Err(problem.clone()),
            None => self.write(&pending),
        };
        let answers = match written {
            Ok(answers) => answers,
            Err(problem) => {
                let asks = pending.into_iter().map(|each| each.ask).chain(twins);
                asks.for_each(|ask| tell(ask, Err(AskError::Refusing(problem.clone()))));
                return;
            }
        };
        for (Pending { seq, time, ask, .. }, json) in pending.into_iter().zip(answers) {
            tell(ask, Ok(Answered { seq, time, json, again: false }));
        }
        for twin in twins {
            let answered = self.answered_before(&twin);
            Gauges::add(&self.gauges.repeated, u64::from(answered.is_ok()));
            tell(twin, answered);
        }
        self.trim();
    }

    /// Makes inputs durable; gives their answers.
    fn write(&mut self, pending: &[Pending]) -> Result<Vec<Vec<u8>>, String> {
        let answers: Vec<Vec<u8>> = pending.iter().map(|each| self.answer(each)).collect();
        let entries: Vec<Entry<'_>> =
            pending.iter().zip(&answers).map(|(each, answer)| each.entry(answer)).collect();
        if let Err(error) = self.journal.append(&entries) {
            let problem = with_sources(&error);
            self.fail(problem.clone());
            return Err(problem);
        }
        if let Some(last) = pending.last() {
            self.gauges.committed.store(last.seq, Ordering::Release);
            self.committed.notify_waiters();
            Gauges::add(&self.gauges.commits, 1);
            Gauges::add(&self.gauges.inputs, u64::try_from(pending.len()).unwrap_or(0));
        }
        Ok(answers)
    }

    fn answer(&self, pending: &Pending) -> Vec<u8> {
        match &pending.outcome {
            Outcome::Decided(decision) => {
                let verdict = Verdict::ALL.iter().position(|verdict| *verdict == decision.verdict);
                if let Some(counter) = verdict.and_then(|place| self.gauges.decisions.get(place)) {
                    Gauges::add(counter, 1);
                }
                let id = pending.ask.id.as_deref().unwrap_or("");
                decision_json(decision, &pending.policy, id, pending.seq, pending.ask.japanese)
            }
            Outcome::Noted => match &pending.ask.body {
                Body::Policy { version, .. } => format!("{{\"version\":{version}}}").into_bytes(),
                _ => b"{}".to_vec(),
            },
            Outcome::Settled(settled) => format!("{{\"settled\":{settled}}}").into_bytes(),
        }
    }

    /// What an input that is durable by now was answered.
    fn answered_before(&self, ask: &Ask) -> Result<Answered, AskError> {
        let id = ask.id.as_deref().unwrap_or("");
        let found = self.journal.find(id).map_err(|error| AskError::Refusing(with_sources(&error)))?;
        // It was refused with its batch, or this would have been refused too.
        let found = found.ok_or(AskError::Busy)?;
        same_or_conflict(ask, found)
    }

    /// Takes nothing any more.
    fn fail(&self, problem: String) {
        Gauges::set(&self.gauges.refusing, 1);
        self.committed.notify_waiters();
        crate::log::line("journal.refusing", &problem);
        let _first = self.failure.set(problem);
    }

    /// Lets the journal forget what is neither needed nor young.
    pub(super) fn trim(&mut self) {
        self.trimming.step(&mut self.journal, &self.gauges, (self.clock)());
        if let Some(refusing) = self.journal.refusing()
            && self.failure.get().is_none()
        {
            self.fail(with_sources(&refusing));
        }
    }
}

/// A panic takes the thread with it: who waits for what it had in hand is told at once.
impl Drop for Committer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.fail("the journal's thread has ended".to_owned());
        }
    }
}

impl Pending {
    fn entry<'a>(&'a self, answer: &'a [u8]) -> Entry<'a> {
        Entry {
            seq: self.seq,
            id: self.ask.id.as_deref(),
            kind: INPUT_V3,
            time: self.time.as_us(),
            digest: self.ask.id.is_some().then_some(self.ask.digest.as_slice()),
            input: &self.ask.input,
            answer,
        }
    }
}

/// The answer given before, if it was to the same input.
pub(super) fn same_or_conflict(ask: &Ask, found: Found) -> Result<Answered, AskError> {
    if found.digest.as_deref() != Some(ask.digest.as_slice()) {
        return Err(AskError::Conflict { seq: found.seq });
    }
    let time = Time::from_us(found.time).unwrap_or(Time::MIN);
    Ok(Answered { seq: found.seq, time, json: found.answer, again: true })
}

pub(super) fn tell(ask: Ask, answered: Result<Answered, AskError>) {
    // Nobody may be waiting any more.
    let _unheard = ask.answer.send(answered);
}
