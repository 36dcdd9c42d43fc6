//! Who did what: every operator's command of the journal, kept in the state for good, because the journal is trimmed. What is not
//! written there yet stands in memory; after a crash it comes again with the inputs that are replayed. Must not know who may
//! ask.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::Input;
use engine::input::Body;
use engine::state::Outcome;
use model::Time;
use serde::{Deserialize, Serialize};
use store::{StateReader, StoreError};

use crate::lists::PREFIX as LISTS;
use crate::shadow::DOCUMENT as SHADOW;

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Acted {
    /// When.
    pub(crate) at: Time,
    /// Who: the name of a key, or `(file)`.
    pub(crate) by: String,
    /// What.
    pub(crate) act: String,
    /// To what.
    pub(crate) of: String,
    /// Why, if they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// What is not in the state yet, by the number of its input.
#[derive(Debug, Default)]
pub(crate) struct Audit(Mutex<BTreeMap<u64, Acted>>);

impl Audit {
    /// The kind of these records in the state; the engine's kinds are below it. Their keys are the inputs' numbers.
    pub(crate) const KIND: u8 = 128;

    /// Notes an applied input, if it is somebody's act.
    pub(crate) fn note(&self, input: &Input, outcome: &Outcome) {
        if let Some(acted) = acted(input, outcome) {
            self.lock().insert(input.seq, acted);
        }
    }

    /// What the state is to hold when it is true up to an input: key and bytes.
    pub(crate) fn up_to(&self, seq: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
        let recent = self.lock();
        let encoded = |acted: &Acted| serde_json::to_vec(acted).unwrap_or_default();
        recent.range(..=seq).map(|(seq, acted)| (seq.to_be_bytes().to_vec(), encoded(acted))).collect()
    }

    /// The state holds everything up to an input.
    pub(super) fn stored(&self, seq: u64) {
        let mut recent = self.lock();
        *recent = recent.split_off(&seq.saturating_add(1));
    }

    /// The last acts before an input, the newest first, at most so many, of what is durable. Blocks on the file.
    ///
    /// # Errors
    /// The state could not be read.
    pub(crate) fn before(
        &self,
        seq: u64,
        committed: u64,
        limit: usize,
        stored: &StateReader,
    ) -> Result<Vec<(u64, Acted)>, StoreError> {
        // Memory first: what leaves it is stored by then.
        let end = seq.min(committed.saturating_add(1));
        let mut acts: BTreeMap<u64, Acted> =
            self.lock().range(..end).rev().take(limit).map(|(seq, acted)| (*seq, acted.clone())).collect();
        for (key, bytes) in stored.scan_back(Self::KIND, &seq.to_be_bytes(), limit)? {
            let seq = key.as_slice().try_into().map(u64::from_be_bytes);
            if let (Ok(seq), Ok(acted)) = (seq, serde_json::from_slice(&bytes)) {
                acts.insert(seq, acted);
            }
        }
        Ok(acts.into_iter().rev().take(limit).collect())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Acted>> {
        // Every change is a single one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn acted(input: &Input, outcome: &Outcome) -> Option<Acted> {
    let (act, of, by, reason) = match &input.body {
        Body::Event(_) | Body::Profile(_) => return None,
        Body::Policy { version, by, .. } => ("policy.activate", version.to_string(), by, None),
        Body::Document { name, bytes, by } => {
            let (act, of) = match (name.strip_prefix(LISTS), bytes.is_some()) {
                (Some(list), true) => ("list.put", list),
                (Some(list), false) => ("list.delete", list),
                (None, true) if name == SHADOW => ("policy.shadow", ""),
                (None, false) if name == SHADOW => ("policy.shadow_end", ""),
                (None, _) => ("document", name.as_str()),
            };
            (act, of.to_owned(), by, None)
        }
        Body::HoldSettled { .. } if *outcome != Outcome::Settled(true) => return None,
        Body::HoldSettled { event, released, by, reason, .. } => {
            let act = if *released { "hold.release" } else { "hold.refuse" };
            (act, event.to_string(), by, reason.as_ref())
        }
        Body::Act { act, of, by, reason } => (act.as_str(), of.clone(), by, reason.as_ref()),
    };
    Some(Acted {
        at: input.time,
        by: by.clone(),
        act: act.to_owned(),
        of,
        reason: reason.map(ToString::to_string),
    })
}
