//! A batch: applied, journaled, answered. Must not know where asks come from.

use std::sync::Arc;

use engine::decision::Reason;
use engine::input::Body;
use engine::key::RecordKey;
use engine::record::Record;
use engine::state::Outcome;
use engine::{Decision, Input, Policy, State, Verdict};
use hashbrown::HashMap;
use model::Time;
use serde::Serialize;
use store::{DataFolder, Entry, Journal, Limits, Mark};
use tokio::sync::mpsc;

use super::merging::Merging;
use super::writeback::Writeback;
use super::{Answered, Ask, AskError, BATCH_MAX, Clock, Gauges, Message, StartError, recovery};
use crate::shadow::Shadow;

/// The kind under which the journal keeps inputs of [`engine::Input`]'s encoding, version 1.
pub(super) const INPUT_V1: u8 = 1;

/// The thread's own.
pub(super) struct Sequencer {
    pub(super) state: State,
    pub(super) policy: Policy,
    pub(super) policy_text: String,
    pub(super) journal: Journal,
    pub(super) writeback: Writeback,
    merging: Merging,
    clock: Clock,
    gauges: Arc<Gauges>,
    /// Up to which input the journal knows that records are written back.
    marked: u64,
    /// Why nothing is taken any more. Records are ahead of the journal from then on: they must not be written back, and only
    /// a restart, which replays the journal, is right again.
    failed: Option<String>,
    shadow: Arc<Shadow>,
}

/// An input applied and not yet durable.
struct Pending {
    input: Vec<u8>,
    seq: u64,
    time: Time,
    json: Vec<u8>,
    ask: Ask,
}

/// A decision on the wire.
#[derive(Serialize)]
struct DecisionForm<'a> {
    id: &'a str,
    decision: &'static str,
    score: u16,
    reasons: Vec<ReasonForm<'a>>,
    /// Rules in shadow that would have fired.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shadow: Vec<ReasonForm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<HoldForm>,
    policy: u32,
    seq: u64,
}

#[derive(Serialize)]
struct ReasonForm<'a> {
    signal: &'a str,
    rule: &'a str,
    points: u16,
    text: &'a str,
}

#[derive(Serialize)]
struct HoldForm {
    until: Time,
}

impl Sequencer {
    pub(super) fn open(
        folder: &DataFolder,
        policy: &str,
        shadow: Arc<Shadow>,
        clock: Clock,
        gauges: Arc<Gauges>,
    ) -> Result<Self, StartError> {
        // A policy that is wrong must not end up in the journal.
        Policy::compile(policy, 0)?;
        let (journal, stored) = folder.files(&Limits::default())?;
        let recovered = recovery::recover(&journal, &stored)?;
        let mut sequencer = Self {
            state: recovered.state,
            policy: recovered.policy,
            policy_text: recovered.policy_text,
            merging: Merging::start(journal.checkpointer()?)?,
            failed: None,
            marked: journal.marked(Mark::Checkpointed)?,
            journal,
            writeback: Writeback::start(folder, stored, Arc::clone(&gauges))?,
            clock,
            gauges,
            shadow,
        };
        if crate::policies::is_new_file(&sequencer.state, policy) {
            sequencer.take_policy(policy)?;
        }
        sequencer.tell();
        Ok(sequencer)
    }

    /// Makes `text` the policy, by an input of its own.
    fn take_policy(&mut self, text: &str) -> Result<(), StartError> {
        let version = self.policy.version().saturating_add(1);
        let policy = Policy::compile(text, version)?;
        let body = Body::Policy { version, text: text.to_owned(), by: crate::policies::FILE.to_owned() };
        let input = Input { seq: self.state.seq().saturating_add(1), time: (self.clock)(), body };
        let bytes = input.encode().map_err(|_never| StartError::Unreadable { seq: input.seq })?;
        let entry = Entry {
            seq: input.seq,
            id: None,
            kind: INPUT_V1,
            time: input.time.as_us(),
            digest: None,
            input: &bytes,
            answer: b"{}",
        };
        self.journal.append(&[entry])?;
        self.state.apply(&policy, &input);
        self.policy = policy;
        text.clone_into(&mut self.policy_text);
        Ok(())
    }

    /// Takes asks until every handle is gone.
    pub(super) fn run(&mut self, mut waiting: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(BATCH_MAX);
        while waiting.blocking_recv_many(&mut messages, BATCH_MAX) > 0 {
            let (mut asks, mut looks) = (Vec::with_capacity(messages.len()), Vec::new());
            for message in messages.drain(..) {
                match message {
                    Message::Ask(ask) => asks.push(*ask),
                    Message::Look(look) => looks.push(look),
                }
            }
            self.batch(&mut asks);
            for look in looks {
                look(self);
            }
        }
        if self.failed.is_none() {
            self.writeback.copy_out_rest(&mut self.state, &self.policy_text, self.policy.version());
        }
        self.writeback.finish();
        if self.failed.is_none() {
            self.mark();
        }
        self.merging.finish();
    }

    /// Takes nothing any more.
    fn fail(&mut self, problem: String) {
        Gauges::set(&self.gauges.refusing, 1);
        crate::serve::log("journal.refusing", &problem);
        self.failed = Some(problem);
    }

    /// Tells the journal up to where records are written back: only behind that it may be trimmed.
    fn mark(&mut self) {
        let written = self.gauges.checkpoint.load(std::sync::atomic::Ordering::Relaxed);
        if written > self.marked {
            match self.journal.mark(Mark::Checkpointed, written) {
                Ok(()) => self.marked = written,
                Err(error) => crate::serve::log("mark.failed", &with_sources(&error)),
            }
        }
        if let Some(refusing) = self.journal.refusing() {
            self.fail(with_sources(&refusing));
        }
    }

    fn batch(&mut self, asks: &mut Vec<Ask>) {
        let mut pending: Vec<Pending> = Vec::with_capacity(asks.len());
        let mut in_batch: HashMap<String, usize> = HashMap::new();
        let mut twins: Vec<(usize, Ask)> = Vec::new();
        for ask in asks.drain(..) {
            if let Some(problem) = &self.failed {
                let _unheard = ask.answer.send(Err(AskError::Refusing(problem.clone())));
                continue;
            }
            if let Some(place) = ask.id.as_ref().and_then(|id| in_batch.get(id)) {
                twins.push((*place, ask));
                continue;
            }
            match self.answered_before(&ask) {
                Ok(None) => {}
                Ok(Some(answered)) => {
                    Gauges::add(&self.gauges.repeated, 1);
                    let _unheard = ask.answer.send(Ok(answered));
                    continue;
                }
                Err(error) => {
                    let _unheard = ask.answer.send(Err(error));
                    continue;
                }
            }
            if let Some(applied) = self.apply(ask) {
                if let Some(id) = &applied.ask.id {
                    in_batch.insert(id.clone(), pending.len());
                }
                pending.push(applied);
            }
        }
        self.commit(pending, twins);
    }

    /// Lets somebody look, with these records in memory.
    pub(super) fn look<T>(
        &mut self,
        keys: &[RecordKey],
        look: impl FnOnce(&State, &Policy) -> T,
    ) -> Result<T, AskError> {
        self.load_keys(keys).map_err(AskError::Refusing)?;
        Ok(look(&self.state, &self.policy))
    }

    /// The answer an input with this identifier was given before.
    fn answered_before(&self, ask: &Ask) -> Result<Option<Answered>, AskError> {
        let Some(id) = &ask.id else { return Ok(None) };
        let found = self.journal.find(id).map_err(|error| AskError::Refusing(error.to_string()))?;
        let Some(found) = found else { return Ok(None) };
        if found.digest.as_deref() != Some(ask.digest.as_slice()) {
            return Err(AskError::Conflict { seq: found.seq });
        }
        Ok(Some(Answered { seq: found.seq, json: found.answer, again: true }))
    }

    /// Applies an input; one that cannot be is answered with why.
    fn apply(&mut self, mut ask: Ask) -> Option<Pending> {
        let time = (self.clock)();
        let seq = self.state.seq().saturating_add(1);
        let mut body = std::mem::replace(&mut ask.body, nothing());
        let mut new_policy = None;
        if let Body::Policy { version, text, .. } = &mut body {
            *version = self.policy.version().saturating_add(1);
            match Policy::compile(text, *version) {
                Ok(policy) => new_policy = Some((policy, text.clone())),
                Err(error) => {
                    let _unheard = ask.answer.send(Err(AskError::Refusing(error.to_string())));
                    return None;
                }
            }
        }
        let input = Input { seq, time, body };
        let encoded = input.encode().map_err(|error| error.to_string());
        let bytes = match encoded.and_then(|bytes| self.load_touched(&input).map(|()| bytes)) {
            Ok(bytes) => bytes,
            Err(problem) => {
                let _unheard = ask.answer.send(Err(AskError::Refusing(problem)));
                return None;
            }
        };
        let candidate = self.shadow.candidate(&self.state, &input);
        let outcome = self.state.apply(&self.policy, &input);
        self.shadow.compare(candidate, &outcome);
        let id = ask.id.as_deref().unwrap_or("");
        let json = match &outcome {
            Outcome::Decided(decision) => self.decided(decision, id, seq, ask.japanese),
            Outcome::Noted => b"{}".to_vec(),
            Outcome::Settled(settled) => format!("{{\"settled\":{settled}}}").into_bytes(),
        };
        let json = match new_policy {
            Some((policy, text)) => {
                let version = policy.version();
                (self.policy, self.policy_text) = (policy, text);
                format!("{{\"version\":{version}}}").into_bytes()
            }
            None => json,
        };
        Some(Pending { input: bytes, seq, time, json, ask })
    }

    fn load_touched(&mut self, input: &Input) -> Result<(), String> {
        self.load_keys(&input.touches())
    }

    fn load_keys(&mut self, keys: &[RecordKey]) -> Result<(), String> {
        for key in keys {
            if !self.state.holds(*key)
                && let Some(record) = self.writeback.load(*key)?
            {
                self.state.load(*key, record);
            }
        }
        Ok(())
    }

    fn decided(&self, decision: &Decision, id: &str, seq: u64, japanese: bool) -> Vec<u8> {
        if let Some(place) = Verdict::ALL.iter().position(|verdict| *verdict == decision.verdict)
            && let Some(counter) = self.gauges.decisions.get(place)
        {
            Gauges::add(counter, 1);
        }
        let told = |reason: &Reason| {
            let rule = self.policy.rule(reason.rule)?;
            Some(ReasonForm {
                signal: rule.signals.first().map_or("", |signal| signal.name()),
                rule: &rule.name,
                points: reason.points,
                text: if japanese { &rule.reason.ja } else { &rule.reason.en },
            })
        };
        let form = DecisionForm {
            id,
            decision: decision.verdict.as_str(),
            score: decision.score,
            reasons: decision.reasons.iter().filter_map(told).collect(),
            shadow: decision.shadow.iter().filter_map(told).collect(),
            hold: decision.held_until.map(|until| HoldForm { until }),
            policy: decision.policy,
            seq,
        };
        serde_json::to_vec(&form).unwrap_or_default()
    }

    /// Makes a batch durable and answers it.
    fn commit(&mut self, pending: Vec<Pending>, twins: Vec<(usize, Ask)>) {
        if !pending.is_empty() {
            let entries: Vec<Entry<'_>> = pending.iter().map(Pending::entry).collect();
            let written = self.journal.append(&entries);
            if let Err(error) = written {
                let problem = with_sources(&error);
                self.fail(problem.clone());
                let asks =
                    pending.into_iter().map(|each| each.ask).chain(twins.into_iter().map(|twin| twin.1));
                for ask in asks {
                    let _unheard = ask.answer.send(Err(AskError::Refusing(problem.clone())));
                }
                return;
            }
            Gauges::add(&self.gauges.commits, 1);
            Gauges::add(&self.gauges.inputs, u64::try_from(pending.len()).unwrap_or(0));
        }
        for (place, ask) in twins {
            let Some(first) = pending.get(place) else { continue };
            let answer = if first.ask.digest == ask.digest {
                Ok(Answered { seq: first.seq, json: first.json.clone(), again: true })
            } else {
                Err(AskError::Conflict { seq: first.seq })
            };
            let _unheard = ask.answer.send(answer);
        }
        for Pending { seq, json, ask, .. } in pending {
            let _unheard = ask.answer.send(Ok(Answered { seq, json, again: false }));
        }
        if self.failed.is_some() {
            return;
        }
        self.writeback.after_commit(&mut self.state, &self.policy_text, self.policy.version());
        self.mark();
        self.tell();
    }

    fn tell(&self) {
        Gauges::set(&self.gauges.seq, self.state.seq());
        Gauges::set(&self.gauges.records, self.state.records());
    }
}

impl Pending {
    fn entry(&self) -> Entry<'_> {
        Entry {
            seq: self.seq,
            id: self.ask.id.as_deref(),
            kind: INPUT_V1,
            time: self.time.as_us(),
            digest: self.ask.id.is_some().then_some(self.ask.digest.as_slice()),
            input: &self.input,
            answer: &self.json,
        }
    }
}

/// Stands where a body was taken out.
const fn nothing() -> Body {
    Body::Policy { version: 0, text: String::new(), by: String::new() }
}

/// An error and what caused it, in one line.
pub(super) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A stored record, decoded.
pub(super) fn decode(key: RecordKey, bytes: &[u8]) -> Result<Record, String> {
    Record::decode(bytes).map_err(|error| format!("the stored record {key:?} cannot be read: {error}"))
}
