//! From the files to a state that is true: what the journal has beyond the state is applied again. Must not know asks.

use engine::input::Body;
use engine::key::RecordKey;
use engine::{Input, Policy, State};
use store::{Journal, OwnedEntry, State as Stored};

use super::StartError;
use super::batch::{INPUT_V1, decode};

/// Under which name the state keeps the policy's text.
pub(super) const POLICY: &str = "policy";
/// Under which name the state keeps the policy's version.
pub(super) const POLICY_VERSION: &str = "policy_version";
/// Under which name the state keeps its documents.
pub(super) const DOCUMENTS: &str = "documents";

/// Rows and bytes of the journal read at once.
pub(crate) const READ_ROWS: usize = 4_096;
pub(crate) const READ_BYTES: usize = 8 << 20;

/// What was recovered.
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) policy: Policy,
    pub(super) policy_text: String,
}

/// Replays the journal behind the stored state. Records are loaded as they are touched.
pub(super) fn recover(journal: &Journal, stored: &Stored) -> Result<Recovered, StartError> {
    let text = stored.meta(POLICY)?.and_then(|bytes| String::from_utf8(bytes).ok());
    let version =
        stored.meta(POLICY_VERSION)?.and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes);
    let policy_text = text.unwrap_or_default();
    // Before the first policy came, nothing was asked.
    let policy = match policy_text.is_empty() {
        true => Policy::compile(Policy::SHIPPED, 0)?,
        false => Policy::compile(&policy_text, version)?,
    };
    let mut recovered = Recovered { state: State::at(stored.seq()?), policy, policy_text };
    if let Some(bytes) = stored.meta(DOCUMENTS)? {
        recovered.state.load_documents(postcard::from_bytes(&bytes).unwrap_or_default());
    }
    load(&mut recovered.state, stored, RecordKey::Shared)?;
    loop {
        let entries = journal.read(recovered.state.seq(), READ_ROWS, READ_BYTES)?;
        if entries.is_empty() {
            return Ok(recovered);
        }
        for entry in &entries {
            recovered.apply(stored, entry)?;
        }
    }
}

impl Recovered {
    fn apply(&mut self, stored: &Stored, entry: &OwnedEntry) -> Result<(), StartError> {
        let input = input(entry)?;
        if let Body::Policy { version, text, .. } = &input.body {
            self.policy = Policy::compile(text, *version)?;
            self.policy_text.clone_from(text);
        }
        for key in input.touches() {
            if !self.state.holds(key) {
                load(&mut self.state, stored, key)?;
            }
        }
        self.state.apply(&self.policy, &input);
        Ok(())
    }
}

fn load(state: &mut State, stored: &Stored, key: RecordKey) -> Result<(), StartError> {
    if let Some(bytes) = stored.load(key.kind(), &key.bytes())? {
        let record = decode(key, &bytes).map_err(|problem| {
            StartError::Store(store::StoreError::Damaged { path: "state.db".into(), problem, source: None })
        })?;
        state.load(key, record);
    }
    Ok(())
}

/// The input of a row of the journal.
pub(crate) fn input(entry: &OwnedEntry) -> Result<Input, StartError> {
    let input = (entry.kind == INPUT_V1).then(|| Input::decode(&entry.input).ok()).flatten();
    input.ok_or(StartError::Unreadable { seq: entry.seq })
}
