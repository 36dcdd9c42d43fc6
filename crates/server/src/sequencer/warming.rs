//! After a start, reads stored records ahead of being touched, on a thread of its own. Must not know the state.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use engine::key::RecordKey;
use store::StateReader;
use tokio::sync::mpsc::WeakSender;
use tokio::sync::mpsc::error::TrySendError;

use super::asking::Message;
use super::residence::decode;
use crate::background::{self, Priority};
use crate::log::with_sources;

/// Records read at once.
const CHUNK_RECORDS: usize = 2_048;
/// Parts on their way to the sequencer at most.
const CHUNKS_MAX: usize = 4;
/// How long to wait when the sequencer has much to do.
const REST: Duration = Duration::from_millis(2);

/// Reads all records and sends them to the sequencer, until that is gone. What cannot be read ends it: records are then
/// loaded as they are touched, which tells what is wrong.
pub(super) fn start(reader: StateReader, to: WeakSender<Message>) -> std::io::Result<JoinHandle<()>> {
    background::spawn("warming", Priority::Low, move || {
        if let Err(problem) = read_all(&reader, &to) {
            crate::log::line("warming.failed", &problem);
        }
    })
}

fn read_all(reader: &StateReader, to: &WeakSender<Message>) -> Result<(), String> {
    let token = Arc::new(());
    for kind in RecordKey::KINDS {
        let mut from = Vec::new();
        loop {
            let records = reader.scan(kind, &from, CHUNK_RECORDS).map_err(|error| with_sources(&error))?;
            let Some((last, _)) = records.last() else { break };
            // The next key in order is the last one with a zero byte behind it.
            from.clone_from(last);
            from.push(0);
            let mut decoded = Vec::with_capacity(records.len());
            for (key, bytes) in &records {
                let key =
                    RecordKey::parse(kind, key).ok_or_else(|| format!("no key of kind {kind}: {key:?}"))?;
                // Touching it will tell what is wrong with it.
                decoded.push((key, decode(key, bytes).ok()));
            }
            // Some on their way are enough.
            while Arc::strong_count(&token) > CHUNKS_MAX && to.strong_count() > 0 {
                std::thread::sleep(REST);
            }
            if !send(to, Message::Warm(decoded, false, Arc::clone(&token))) {
                return Ok(());
            }
        }
    }
    send(to, Message::Warm(Vec::new(), true, token));
    Ok(())
}

/// Says whether somebody is there.
fn send(to: &WeakSender<Message>, mut message: Message) -> bool {
    loop {
        let Some(sender) = to.upgrade() else { return false };
        // Inputs come first: half of the queue is theirs alone.
        if sender.capacity() < sender.max_capacity() / 2 {
            drop(sender);
            std::thread::sleep(REST);
            continue;
        }
        match sender.try_send(message) {
            Ok(()) => return true,
            Err(TrySendError::Closed(_)) => return false,
            Err(TrySendError::Full(back)) => message = back,
        }
        drop(sender);
        std::thread::sleep(REST);
    }
}
