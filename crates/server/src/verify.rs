//! Recomputes the state from the journal and compares: records bit by bit, decisions with what was really answered. Must not
//! know HTTP.

use std::path::Path;

use engine::input::Body;
use engine::key::RecordKey;
use engine::record::Record;
use engine::state::Outcome;
use engine::{Decision, Policy, State};
use serde::{Deserialize, Serialize};
use store::{DataFolder, JournalReader, OwnedEntry, StateReader};

use crate::bootstrap;
use crate::past::{Memory, Past, PastError};
use crate::sequencer::{Audit, StartError, recovery};

/// Differences listed at most; further ones are counted.
const LISTED_MAX: usize = 20;
/// Stored records read at once.
const SCAN_RECORDS: usize = 4_096;

/// What verifying found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Up to which input the stored state is true.
    pub state_seq: u64,
    /// What it was recomputed from: `journal`, from its beginning, or `bootstrap`: the state as that left it, taken as it
    /// stands.
    pub base: &'static str,
    /// The input as of which that is; 0 for the journal's beginning.
    pub base_seq: u64,
    /// The journal's last input: those behind `state_seq` are applied when a server starts.
    pub journal_seq: u64,
    /// Inputs applied again, to the journal's end.
    pub inputs: u64,
    /// Decisions compared with what was answered.
    pub decisions: u64,
    /// Stored records compared.
    pub records: u64,
    /// Records and decisions that differ.
    pub differences: u64,
    /// The first of them, in words.
    pub listed: Vec<String>,
}

impl Verified {
    fn differs(&mut self, what: String) {
        self.differences += 1;
        if self.listed.len() < LISTED_MAX {
            self.listed.push(what);
        }
    }
}

/// What is compared of an answer.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Answer {
    decision: String,
    score: u16,
    policy: u32,
}

/// Verifies a data folder that no server is running on: of one that is, verify a backup. Of a folder that was bootstrapped,
/// only what followed is verified.
///
/// # Errors
/// A server is running on it, journal or state cannot be read, or the journal was trimmed: then there is nothing to recompute from.
pub fn verify(folder: &Path) -> Result<Verified, PastError> {
    DataFolder::read_only(folder)?;
    // Ours while it is read: a checkpoint in between would look like a difference.
    let locked = DataFolder::open(folder)?;
    let view = locked.view();
    let stored = view.state_reader()?;
    let first = view.journal_reader()?.first_seq()?;
    // History is not enough: it does not give the records bit by bit.
    if first > bootstrap::seq_of(&stored)?.unwrap_or(0).saturating_add(1) {
        return Err(StartError::Trimmed { first }.into());
    }
    let past = Past::of(view, folder, &[], Memory::default(), &history::Watch::default())?;
    let (journal, mut state, mut policy, base) = past.into_parts();
    let mut verified =
        Verified { state_seq: stored.seq()?, base: base.from, base_seq: state.seq(), ..Verified::default() };
    let audit = Audit::default();
    let end = verified.state_seq;
    replay(&journal, (&mut state, &mut policy), &audit, end, &mut verified)?;
    compare(&stored, &state, &mut verified)?;
    for (key, bytes) in audit.up_to(verified.state_seq) {
        if stored.load(Audit::KIND, &key)? != Some(bytes) {
            verified.differs("the audit lacks what somebody did, or tells it otherwise".to_owned());
        }
    }
    // What is not in the stored records yet was answered all the same.
    replay(&journal, (&mut state, &mut policy), &audit, u64::MAX, &mut verified)?;
    verified.journal_seq = state.seq();
    Ok(verified)
}

fn replay(
    journal: &JournalReader,
    (state, policy): (&mut State, &mut Policy),
    audit: &Audit,
    end: u64,
    verified: &mut Verified,
) -> Result<(), StartError> {
    while state.seq() < end {
        let entries = journal.read(state.seq(), recovery::READ_ROWS, recovery::READ_BYTES)?;
        if entries.is_empty() {
            return Ok(());
        }
        for entry in entries.iter().take_while(|entry| entry.seq <= end) {
            let input = recovery::input(&entry.as_entry())?;
            let outcome = state.apply(policy, &input);
            audit.note(&input, &outcome);
            if let Body::Policy { version, text, .. } = &input.body {
                *policy = recovery::compile(text, *version)?;
            }
            verified.inputs += 1;
            if let Outcome::Decided(decision) = &outcome {
                verified.decisions += 1;
                compare_answer(entry, decision, verified);
            }
        }
    }
    Ok(())
}

fn compare_answer(entry: &OwnedEntry, decision: &Decision, verified: &mut Verified) {
    let now = Answer {
        decision: decision.verdict.as_str().to_owned(),
        score: decision.score,
        policy: decision.policy,
    };
    match serde_json::from_slice::<Answer>(&entry.answer) {
        Ok(then) if then == now => {}
        Ok(then) => verified.differs(format!(
            "input {}: answered {} with score {} then, {} with {} now",
            entry.seq, then.decision, then.score, now.decision, now.score
        )),
        Err(error) => verified.differs(format!("input {}: its answer cannot be read: {error}", entry.seq)),
    }
}

fn compare(stored: &StateReader, state: &State, verified: &mut Verified) -> Result<(), StartError> {
    let mut missing: std::collections::BTreeSet<RecordKey> = state.keys().into_iter().collect();
    for kind in RecordKey::KINDS {
        let mut from = Vec::new();
        loop {
            let records = stored.scan(kind, &from, SCAN_RECORDS)?;
            let Some((last, _)) = records.last() else { break };
            // The next key in order is the last one with a zero byte behind it.
            from.clone_from(last);
            from.push(0);
            for (stored_key, bytes) in &records {
                verified.records += 1;
                let Some(key) = RecordKey::parse(kind, stored_key) else {
                    verified.differs(format!("a stored key of kind {kind} is no key: {stored_key:?}"));
                    continue;
                };
                missing.remove(&key);
                let recomputed = state.encoded(key);
                if recomputed.as_deref() != Some(bytes.as_slice()) {
                    verified.differs(format!("{key:?}: the stored record is not what the journal gives"));
                }
            }
        }
    }
    for key in missing {
        let bytes = state.encoded(key);
        // What counts as none may be gone; what was never touched is empty, and need not be stored.
        if bytes
            .as_deref()
            .and_then(|bytes| Record::decode(bytes).ok())
            .is_some_and(|record| record.is_spent(state.now()))
        {
            continue;
        }
        if bytes != Record::empty(key).and_then(|empty| empty.encode().ok()) {
            verified.differs(format!("{key:?}: the journal gives a record that is not stored"));
        }
    }
    Ok(())
}
