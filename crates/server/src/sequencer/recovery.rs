//! From the files to a state that is true: what the journal has beyond the state is applied again. Must not know asks.

use engine::input::Body;
use engine::key::RecordKey;
use engine::record::Document;
use engine::{Input, Policy, State};
use model::Time;
use store::{Entry, Journal, OwnedEntry, State as Stored};

use super::committing::INPUT_V2;
use super::residence::decode;
use super::{Audit, StartError};
use crate::policies::{FILE, PREFIX as POLICIES};

/// Rows and bytes of the journal read at once.
pub(crate) const READ_ROWS: usize = 4_096;
pub(crate) const READ_BYTES: usize = 8 << 20;
/// Records read at once.
const SCAN_RECORDS: usize = 1_024;

/// What was recovered.
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) policy: Policy,
}

/// Replays the journal behind the stored state. Records are loaded as they are touched; those that are always in memory all.
pub(super) fn recover(journal: &Journal, stored: &Stored, audit: &Audit) -> Result<Recovered, StartError> {
    let mut state = State::at(stored.seq()?);
    if let Some(bytes) = stored.load(RecordKey::Shared.kind(), &RecordKey::Shared.bytes())? {
        put(&mut state, RecordKey::Shared, &bytes)?;
    }
    for kind in RecordKey::RESIDENT_KINDS {
        load_all(&mut state, stored, kind)?;
    }
    let policy = match last_policy(&state, |_| true) {
        // Before the first policy came, nothing was asked.
        None => Policy::compile(Policy::SHIPPED, 0)?,
        Some((version, text)) => compile(&text, version)?,
    };
    let mut recovered = Recovered { state, policy };
    loop {
        let entries = journal.read(recovered.state.seq(), READ_ROWS, READ_BYTES)?;
        if entries.is_empty() {
            return Ok(recovered);
        }
        let inputs = entries.iter().map(input).collect::<Result<Vec<Input>, _>>()?;
        load(&mut recovered.state, stored, inputs.iter().flat_map(|input| input.body.touches()))?;
        for input in &inputs {
            let outcome = recovered.state.apply(&recovered.policy, input);
            audit.note(input, &outcome);
            if let Body::Policy { version, text, .. } = &input.body {
                recovered.policy = compile(text, *version)?;
            }
        }
    }
}

impl Recovered {
    /// Makes `text` the policy, by an input of its own, unless it was the last that came from a file: one that came through
    /// the API since stays.
    pub(super) fn take_policy_file(
        &mut self,
        journal: &mut Journal,
        text: &str,
        time: Time,
        audit: &Audit,
    ) -> Result<(), StartError> {
        if last_policy(&self.state, |document| document.by == FILE).is_some_and(|(_, last)| last == text) {
            return Ok(());
        }
        let version = self.policy.version().saturating_add(1);
        let policy = Policy::compile(text, version)?;
        let body = Body::Policy { version, text: text.to_owned(), by: FILE.to_owned() };
        let input = Input { seq: self.state.seq().saturating_add(1), time, body };
        let bytes = input.body.encode().map_err(|_never| StartError::Unreadable { seq: input.seq })?;
        let answer = format!("{{\"version\":{version}}}");
        let entry = Entry {
            seq: input.seq,
            id: None,
            kind: INPUT_V2,
            time: input.time.as_us(),
            digest: None,
            input: &bytes,
            answer: answer.as_bytes(),
        };
        journal.append(&[entry])?;
        let outcome = self.state.apply(&policy, &input);
        audit.note(&input, &outcome);
        self.policy = policy;
        Ok(())
    }
}

/// A policy that was in force. One that this version of the program refuses must not keep the server from starting: the
/// shipped one takes its place, and that is told.
pub(crate) fn compile(text: &str, version: u32) -> Result<Policy, StartError> {
    match Policy::compile(text, version) {
        Ok(policy) => Ok(policy),
        Err(error) => {
            crate::log::line(
                "policy.refused",
                &format!("version {version}: {error}; the shipped one is used"),
            );
            Ok(Policy::compile(Policy::SHIPPED, version)?)
        }
    }
}

/// Version and text of the last policy that is wanted.
pub(crate) fn last_policy(state: &State, wanted: impl Fn(&Document) -> bool) -> Option<(u32, String)> {
    let documents = state.documents(POLICIES);
    let last = documents.into_iter().rev().find(|document| wanted(document))?;
    let version = last.name.strip_prefix(POLICIES)?.parse().ok()?;
    Some((version, String::from_utf8_lossy(&last.bytes).into_owned()))
}

fn load(state: &mut State, stored: &Stored, keys: impl Iterator<Item = RecordKey>) -> Result<(), StartError> {
    let missing = keys.filter(|key| !state.holds(*key)).map(|key| (key.kind(), key.bytes(), key));
    let mut missing: Vec<(u8, Vec<u8>, RecordKey)> = missing.collect();
    missing.sort_unstable();
    missing.dedup();
    let named: Vec<(u8, &[u8])> = missing.iter().map(|(kind, key, _)| (*kind, key.as_slice())).collect();
    for ((_, _, key), bytes) in missing.iter().zip(stored.load_many(&named)?) {
        if let Some(bytes) = bytes {
            put(state, *key, &bytes)?;
        }
    }
    Ok(())
}

/// Loads all records of a kind.
fn load_all(state: &mut State, stored: &Stored, kind: u8) -> Result<(), StartError> {
    let mut from = Vec::new();
    loop {
        let records = stored.scan(kind, &from, SCAN_RECORDS)?;
        let Some((last, _)) = records.last() else { return Ok(()) };
        // The next key in order is the last one with a zero byte behind it.
        from.clone_from(last);
        from.push(0);
        for (key, bytes) in &records {
            let key = RecordKey::parse(kind, key).ok_or_else(|| damaged(format!("{key:?} is no key")))?;
            put(state, key, bytes)?;
        }
    }
}

fn put(state: &mut State, key: RecordKey, bytes: &[u8]) -> Result<(), StartError> {
    let record = decode(key, bytes).map_err(damaged)?;
    state.load(key, record);
    Ok(())
}

pub(crate) fn damaged(problem: String) -> StartError {
    StartError::Store(store::StoreError::Damaged { path: "state.db".into(), problem, source: None })
}

/// The input of a row of the journal.
pub(crate) fn input(entry: &OwnedEntry) -> Result<Input, StartError> {
    let body = (entry.kind == INPUT_V2).then(|| Body::decode(&entry.input).ok()).flatten();
    match (body, Time::from_us(entry.time)) {
        (Some(body), Some(time)) => Ok(Input { seq: entry.seq, time, body }),
        _ => Err(StartError::Unreadable { seq: entry.seq }),
    }
}
