//! Takes what gathered, applies it in turn and hands it on to be made durable. Must not know where asks come from.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use engine::input::Body;
use engine::{Input, Policy, State};
use hashbrown::HashSet;
use model::customer::text_key;
use rustc_hash::FxBuildHasher;
use store::Finder;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::asking::{Answered, Ask, AskError, Message};
use super::committing::{Batch, COMMIT_BYTES, Committer, Failure, Pending, same_or_conflict, tell};
use super::merging::Merging;
use super::residence::Residence;
use super::writeback::Writeback;
use super::{Audit, BATCH_MAX, Clock, Gauges};
use crate::log::with_sources;
use crate::shadow::Shadow;

/// Records copied out while a batch waits to be written, beside a few for each of its inputs.
const COPIED_BETWEEN: usize = 128;
/// Records copied out for each input while copying: more than an input changes, or it would never end.
const COPIED_PER_INPUT: usize = 12;
/// Records copied out at once when nothing waits.
const COPIED_IDLE: usize = 2_048;

/// The thread's own.
pub(super) struct Applier {
    pub(super) state: State,
    pub(super) policy: Arc<Policy>,
    pub(super) finder: Finder,
    pub(super) residence: Residence,
    pub(super) writeback: Writeback,
    pub(super) committing: Option<(SyncSender<Batch>, JoinHandle<Committer>)>,
    pub(super) merging: Merging,
    pub(super) flying: Flying,
    pub(super) clock: Clock,
    pub(super) gauges: Arc<Gauges>,
    pub(super) failure: Failure,
    pub(super) shadow: Arc<Shadow>,
    pub(super) audit: Arc<Audit>,
}

/// Identifiers of inputs that are applied and may not be durable yet, by their hashes. Two with one hash are told apart by
/// the journal, when it has them.
#[derive(Default)]
pub(super) struct Flying {
    ids: HashSet<u64, FxBuildHasher>,
    order: VecDeque<(u64, u64)>,
}

impl Flying {
    fn add(&mut self, id: &str, seq: u64) {
        let hash = text_key(id);
        self.ids.insert(hash);
        self.order.push_back((seq, hash));
    }

    fn has(&self, id: &str) -> bool {
        !self.ids.is_empty() && self.ids.contains(&text_key(id))
    }

    /// Forgets what is durable: the journal knows it.
    fn landed(&mut self, committed: u64) {
        while let Some((_, id)) = self.order.pop_front_if(|(seq, _)| *seq <= committed) {
            self.ids.remove(&id);
        }
    }
}

impl Applier {
    /// Takes what comes until every handle is gone, then writes back and ends.
    pub(super) fn run(mut self, mut waiting: Receiver<Message>) {
        let mut messages = Vec::with_capacity(BATCH_MAX);
        while self.receive(&mut waiting, &mut messages) {
            self.take(&mut messages);
        }
        self.finish();
    }

    /// Waits for messages; false if none will come any more. While records are being copied out, it goes on with that.
    fn receive(&mut self, waiting: &mut Receiver<Message>, messages: &mut Vec<Message>) -> bool {
        while self.writeback.is_copying() {
            match waiting.try_recv() {
                Ok(message) => {
                    messages.push(message);
                    while messages.len() < BATCH_MAX
                        && let Ok(message) = waiting.try_recv()
                    {
                        messages.push(message);
                    }
                    return true;
                }
                Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => {
                    if !self.writeback.go_on(&mut self.state, COPIED_IDLE) {
                        break;
                    }
                }
            }
        }
        waiting.blocking_recv_many(messages, BATCH_MAX) > 0
    }

    fn take(&mut self, messages: &mut Vec<Message>) {
        let committed = self.gauges.committed.load(Ordering::Acquire);
        self.flying.landed(committed);
        let mut asks = Vec::with_capacity(messages.len());
        let mut looks = Vec::new();
        let mut ticked = false;
        for message in messages.drain(..) {
            match message {
                Message::Ask(ask) => asks.push(ask),
                Message::Look(keys, look) => looks.push((keys, look)),
                Message::Warm(records, all, _token) => {
                    let room = self.writeback.has_room();
                    self.residence.warm(records, all, room, &mut self.state);
                }
                Message::Tick => ticked = true,
            }
        }
        let inputs = asks.len();
        self.apply_all(asks);
        for (keys, look) in looks {
            // Records in memory are ahead of what is durable, and stay so.
            if let Some(problem) = self.failure.get() {
                look(Err(AskError::Refusing(problem.clone())));
                continue;
            }
            match self.residence.load(keys.into_iter(), &mut self.state) {
                Ok(()) => look(Ok((&self.state, &self.policy))),
                Err(problem) => look(Err(AskError::Refusing(problem))),
            }
        }
        if self.failure.get().is_none() {
            let at_most = inputs.saturating_mul(COPIED_PER_INPUT).saturating_add(COPIED_BETWEEN);
            self.writeback.after_batch(&mut self.state, &mut self.residence, at_most, ticked);
            let pause = self.writeback.pause(&self.state, inputs);
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
        }
        Gauges::set(&self.gauges.seq, self.state.seq());
        Gauges::set(&self.gauges.records, self.state.records());
    }

    fn apply_all(&mut self, asks: Vec<Ask>) {
        if asks.is_empty() {
            return;
        }
        if let Some(problem) = self.failure.get() {
            asks.into_iter().for_each(|ask| tell(ask, Err(AskError::Refusing(problem.clone()))));
            return;
        }
        // All at once; if one cannot be read, each ask by itself.
        let touched = asks.iter().flat_map(|ask| ask.body.touches());
        let all_here = self.residence.load(touched, &mut self.state).is_ok();
        let mut batch = Batch { pending: Vec::with_capacity(asks.len()), twins: Vec::new() };
        let mut bytes = 0;
        for ask in asks {
            if !all_here
                && let Err(problem) = self.residence.load(ask.body.touches().into_iter(), &mut self.state)
            {
                tell(ask, Err(AskError::Refusing(problem)));
                continue;
            }
            if bytes > COMMIT_BYTES {
                self.hand_on(std::mem::take(&mut batch));
                bytes = 0;
            }
            bytes += ask.input.len();
            if ask.id.as_ref().is_some_and(|id| self.flying.has(id)) {
                batch.twins.push(ask);
                continue;
            }
            match self.answered_before(&ask) {
                None => batch.pending.extend(self.apply(ask)),
                Some(answered) => {
                    Gauges::add(&self.gauges.repeated, u64::from(answered.is_ok()));
                    tell(ask, answered);
                }
            }
        }
        self.hand_on(batch);
    }

    /// Hands a batch on to be made durable.
    fn hand_on(&self, batch: Batch) {
        if let Some((committer, _)) = &self.committing
            && let Err(gone) = committer.send(batch)
        {
            // The thread ended by a panic, and said so as it went.
            let problem = self.failure.get().cloned().unwrap_or_default();
            let asks = gone.0.pending.into_iter().map(|each| each.ask).chain(gone.0.twins);
            asks.for_each(|ask| tell(ask, Err(AskError::Refusing(problem.clone()))));
        }
    }

    /// The answer an input with this identifier was given before.
    fn answered_before(&self, ask: &Ask) -> Option<Result<Answered, AskError>> {
        match self.finder.find(ask.id.as_deref()?) {
            Ok(found) => Some(same_or_conflict(ask, found?)),
            Err(error) => Some(Err(AskError::Refusing(with_sources(&error)))),
        }
    }

    /// Applies an input; one that cannot be is answered with why.
    fn apply(&mut self, mut ask: Ask) -> Option<Pending> {
        let compiled = match self.number_policy(&mut ask) {
            Ok(compiled) => compiled,
            Err(problem) => {
                tell(ask, Err(AskError::Refusing(problem)));
                return None;
            }
        };
        let time = (self.clock)();
        let seq = self.state.seq().saturating_add(1);
        // The policy in force decides; a new one decides from the next input on.
        let policy = Arc::clone(&self.policy);
        let body = std::mem::replace(&mut ask.body, nothing());
        let input = Input { seq, time, body };
        let said = self.shadow.candidate(&self.state, &input);
        let outcome = self.state.apply(&policy, &input);
        self.shadow.compare(said, &outcome, &policy);
        self.audit.note(&input, &outcome);
        if let Some(compiled) = compiled {
            self.policy = Arc::new(compiled);
        }
        if let Some(id) = &ask.id {
            self.flying.add(id, seq);
        }
        if !matches!(input.body, Body::Event(_)) {
            ask.body = input.body;
        }
        Some(Pending { seq, time, ask, outcome, policy })
    }

    /// Gives a policy the next version, and gives it compiled. One that does not compile must not end up in the journal.
    fn number_policy(&self, ask: &mut Ask) -> Result<Option<Policy>, String> {
        let Body::Policy { version, text, .. } = &mut ask.body else { return Ok(None) };
        *version = self.policy.version().saturating_add(1);
        let compiled = Policy::compile(text, *version).map_err(|error| error.to_string())?;
        ask.input = ask.body.encode().map_err(|error| error.to_string())?;
        Ok(Some(compiled))
    }

    fn finish(mut self) {
        let Some((batches, committing)) = self.committing.take() else { return };
        drop(batches);
        // A panic there was told by the thread itself; then nothing is written back.
        let committer = committing.join().ok();
        if self.failure.get().is_none() && committer.is_some() {
            self.writeback.write_rest(&mut self.state);
        }
        // Who writes a file closes it last, and so merges its log.
        drop(self.residence);
        self.writeback.finish();
        self.merging.finish();
        drop(self.finder);
        if let Some(mut committer) = committer.filter(|_| self.failure.get().is_none()) {
            committer.trim();
        }
    }
}

/// Stands where a body was taken out.
const fn nothing() -> Body {
    Body::Document { name: String::new(), bytes: None, by: String::new() }
}
