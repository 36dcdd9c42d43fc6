//! Records written behind: changed ones are copied out now and then and written by a thread of its own, so that no decision
//! waits for it. Must not know inputs.
//!
//! Records stay in memory once they are touched; a budget after which written ones leave is still to come.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use engine::State;
use engine::key::RecordKey;
use engine::record::Record;
use hashbrown::HashMap;
use store::{DataFolder, State as Stored, StateReader};

use super::batch::{decode, with_sources};
use super::recovery::{DOCUMENTS, POLICY, POLICY_VERSION};
use super::{Gauges, StartError};

/// Inputs after which changed records are copied out.
const INPUTS_BETWEEN: u64 = 20_000;

/// A record's kind and key, as the store names it.
type StoredKey = (u8, Vec<u8>);

/// Changed records as of an input.
struct Checkpoint {
    seq: u64,
    records: Vec<(StoredKey, Vec<u8>)>,
    policy: String,
    version: u32,
    documents: Vec<u8>,
}

/// The sequencer's side of it.
pub(super) struct Writeback {
    reader: StateReader,
    checkpoints: Option<SyncSender<Checkpoint>>,
    thread: Option<JoinHandle<()>>,
    /// Up to which input records were copied out.
    copied: u64,
    /// Nothing was stored at the start. Records do not leave memory while the server runs, so then none has to be looked
    /// for: a look into SQLite for each new address and device would take longer than weighing the event.
    nothing_stored: bool,
}

impl Writeback {
    pub(super) fn start(
        folder: &DataFolder,
        stored: Stored,
        gauges: Arc<Gauges>,
    ) -> Result<Self, StartError> {
        let copied = stored.seq()?;
        Gauges::set(&gauges.checkpoint, copied);
        let reader = folder.view().state_reader()?;
        let (checkpoints, waiting) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("writeback".to_owned())
            .spawn(move || write(stored, &waiting, &gauges))?;
        let nothing_stored = copied == 0;
        Ok(Self { reader, checkpoints: Some(checkpoints), thread: Some(thread), copied, nothing_stored })
    }

    /// A record that is not in memory; `None` if there is none.
    pub(super) fn load(&self, key: RecordKey) -> Result<Option<Record>, String> {
        if self.nothing_stored {
            return Ok(None);
        }
        let bytes = self.reader.load(key.kind(), &key.bytes()).map_err(|error| with_sources(&error))?;
        bytes.map(|bytes| decode(key, &bytes)).transpose()
    }

    /// Copies changed records out, if enough has happened and the copy before is written.
    pub(super) fn after_commit(&mut self, state: &mut State, policy: &str, version: u32) {
        if state.seq().saturating_sub(self.copied) >= INPUTS_BETWEEN {
            self.copy_out(state, policy, version, false);
        }
    }

    /// Copies out what is left.
    pub(super) fn copy_out_rest(&mut self, state: &mut State, policy: &str, version: u32) {
        self.copy_out(state, policy, version, true);
    }

    /// Waits until everything copied out is written.
    pub(super) fn finish(&mut self) {
        self.checkpoints = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was told by the thread itself; what it lacked is replayed at the next start.
            let _ended = thread.join();
        }
    }

    fn copy_out(&mut self, state: &mut State, policy: &str, version: u32, wait: bool) {
        let Some(checkpoints) = &self.checkpoints else { return };
        let changed = state.take_changed();
        let encoded = changed.iter().filter_map(|key| {
            let bytes = state.record(*key)?.encode().ok()?;
            Some(((key.kind(), key.bytes()), bytes))
        });
        let documents = postcard::to_allocvec(&state.documents("")).unwrap_or_default();
        let policy = policy.to_owned();
        let checkpoint =
            Checkpoint { seq: state.seq(), records: encoded.collect(), policy, version, documents };
        let sent = if wait {
            checkpoints.send(checkpoint).is_ok()
        } else {
            match checkpoints.try_send(checkpoint) {
                Ok(()) => true,
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
            }
        };
        if sent {
            self.copied = state.seq();
        } else {
            // The one before is still being written: these stay changed, and go with the next.
            state.mark_changed(changed);
            self.copied = state.seq().saturating_sub(INPUTS_BETWEEN / 2);
        }
    }
}

fn write(mut stored: Stored, waiting: &Receiver<Checkpoint>, gauges: &Gauges) {
    // A checkpoint that cannot be written is kept and tried with the next; the journal has everything meanwhile.
    let mut kept: HashMap<StoredKey, Vec<u8>> = HashMap::new();
    for checkpoint in waiting {
        let Checkpoint { seq, records, policy, version, documents } = checkpoint;
        kept.extend(records);
        let meta = [
            (POLICY, policy.as_bytes()),
            (POLICY_VERSION, &version.to_be_bytes()[..]),
            (DOCUMENTS, &documents),
        ];
        let changed = kept.iter().map(|((kind, key), bytes)| (*kind, key, Some(bytes)));
        match stored.checkpoint(seq, changed, &meta) {
            Ok(()) => {
                kept.clear();
                Gauges::set(&gauges.checkpoint, seq);
            }
            Err(error) => crate::serve::log("checkpoint.failed", &with_sources(&error)),
        }
    }
}
