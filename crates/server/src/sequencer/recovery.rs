//! From the files to a state that is true: what the journal has beyond the state is applied again. Must not know asks.

use std::sync::mpsc::{SyncSender, sync_channel};

use engine::input::Body;
use engine::key::{KeyBytes, RecordKey};
use engine::record::{Document, Record};
use engine::{Input, Policy, State};
use hashbrown::HashSet;
use model::Time;
use store::{Entry, FolderView, Journal, JournalReader, State as Stored, StateReader};

use super::committing::INPUT_V3;
use super::residence::decode;
use super::{Audit, StartError};
use crate::policies::{FILE, PREFIX as POLICIES};

/// Rows and bytes of the journal read at once.
pub(crate) const READ_ROWS: usize = 4_096;
pub(crate) const READ_BYTES: usize = 8 << 20;
/// What each reader of records keeps of `state.db` while the journal is replayed.
const CACHE_BYTES: u32 = 128 << 20;
/// Reads on their way to be applied.
const AHEAD_MAX: usize = 4;
/// Keys, next to each other in the file, that one of the readers looks for.
const RUN_KEYS: usize = 64;
/// Records read at once.
const SCAN_RECORDS: usize = 1_024;

/// What was recovered.
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) policy: Policy,
}

/// Inputs in their order, and the stored records that they are the first to touch.
struct Ahead {
    inputs: Vec<Input>,
    records: Vec<(RecordKey, Record)>,
}

/// Replays the journal behind the stored state. Records that are always in memory are loaded first, others as they are
/// touched: a thread of its own reads ahead, because looking for records takes longer than applying inputs.
pub(super) fn recover(view: &FolderView, stored: &Stored, audit: &Audit) -> Result<Recovered, StartError> {
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
    let after = recovered.state.seq();
    let journal = view.journal_reader()?;
    let reader = || StateReader::open_to_read_much(&view.state_path(), CACHE_BYTES);
    let readers = [reader()?, reader()?];
    std::thread::scope(|threads| {
        let (ahead, coming) = sync_channel(AHEAD_MAX);
        let reading = std::thread::Builder::new()
            .name("recovery".to_owned())
            .spawn_scoped(threads, move || read_ahead(&journal, readers, after, &ahead))?;
        for ahead in coming {
            recovered.replay(ahead, audit)?;
        }
        match reading.join() {
            Ok(read) => read,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })?;
    Ok(recovered)
}

/// Reads the journal and looks for the records until there is no more, or nobody takes it.
fn read_ahead(
    journal: &JournalReader,
    mut stored: [StateReader; 2],
    mut after: u64,
    to: &SyncSender<Ahead>,
) -> Result<(), StartError> {
    let mut looked_for = HashSet::new();
    loop {
        let entries = journal.read(after, READ_ROWS, READ_BYTES)?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.seq;
        let inputs =
            entries.iter().map(|entry| input(&entry.as_entry())).collect::<Result<Vec<Input>, _>>()?;
        let touched = inputs.iter().flat_map(|input| input.body.touches());
        let records = load(&mut stored, touched.filter(|key| looked_for.insert(*key)))?;
        if to.send(Ahead { inputs, records }).is_err() {
            return Ok(());
        }
    }
}

impl Recovered {
    fn replay(&mut self, ahead: Ahead, audit: &Audit) -> Result<(), StartError> {
        for (key, record) in ahead.records {
            if !self.state.holds(key) {
                self.state.load(key, record);
            }
        }
        for input in &ahead.inputs {
            let outcome = self.state.apply(&self.policy, input);
            audit.note(input, &outcome);
            if let Body::Policy { version, text, .. } = &input.body {
                self.policy = compile(text, *version)?;
            }
        }
        Ok(())
    }

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
            kind: INPUT_V3,
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
    match Policy::compile_taken(text, version) {
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

/// Kind and bytes of a key, and the key.
type Wanted = (u8, KeyBytes, RecordKey);

/// Those of the records that are stored. Each reader looks for half of them.
fn load(
    readers: &mut [StateReader; 2],
    keys: impl Iterator<Item = RecordKey>,
) -> Result<Vec<(RecordKey, Record)>, StartError> {
    let mut wanted: Vec<Wanted> = keys.map(|key| (key.kind(), key.bytes(), key)).collect();
    // In the order in which they are stored. Kinds differ in what it takes to find one, so each reader gets some of all.
    wanted.sort_unstable();
    let (first, second) = alternating(&wanted);
    let [one, other] = readers;
    std::thread::scope(|threads| {
        let helping = std::thread::Builder::new()
            .name("recovery".to_owned())
            .spawn_scoped(threads, || load_with(other, &second))?;
        let mut records = load_with(one, &first)?;
        match helping.join() {
            Ok(loaded) => records.extend(loaded?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(records)
    })
}

/// Every other run of keys, and those between.
fn alternating(wanted: &[Wanted]) -> (Vec<&Wanted>, Vec<&Wanted>) {
    let runs = || wanted.chunks(RUN_KEYS);
    (runs().step_by(2).flatten().collect(), runs().skip(1).step_by(2).flatten().collect())
}

fn load_with(stored: &mut StateReader, wanted: &[&Wanted]) -> Result<Vec<(RecordKey, Record)>, StartError> {
    let named: Vec<(u8, &[u8])> = wanted.iter().map(|(kind, key, _)| (*kind, &**key)).collect();
    let loaded = wanted.iter().zip(stored.load_many(&named)?);
    let decoded = loaded.filter_map(|((_, _, key), bytes)| {
        let record = decode(*key, &bytes?).map_err(damaged);
        Some(record.map(|record| (*key, record)))
    });
    decoded.collect()
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
pub(crate) fn input(entry: &Entry<'_>) -> Result<Input, StartError> {
    let body = (entry.kind == INPUT_V3).then(|| Body::decode(entry.input).ok()).flatten();
    match (body, Time::from_us(entry.time)) {
        (Some(body), Some(time)) => Ok(Input { seq: entry.seq, time, body }),
        _ => Err(StartError::Unreadable { seq: entry.seq }),
    }
}
