//! What the ledger knows of procedures, for a warm sweep: asked of a running sequencer a few at a time, or read out of a data
//! folder. Must not know what follows from it: [`history::sweep::run_warm`] does.

use std::path::Path;
use std::time::Duration;

use engine::key::{KeyBytes, RecordKey};
use engine::record::{Customer, Feature, Record, Seen};
use history::procedures::Examined;
use history::staging::Staging;
use history::sweep::{Known, OUTPUTS, SUMMARY, Sighting, WarmSummary, Window, is_near, run_warm, write_warm};
use history::{HistoryError, Watch};
use intel::Intel;
use model::Procedure;
use model::customer::text_key;
use store::{FolderView, StoreError};

use crate::sequencer::{AskError, Handle};

/// Procedures looked at between two batches of inputs: a tenth of a millisecond where their customers are in memory.
const LOOKED_AT_ONCE: usize = 128;
/// How long to wait for room in the sequencer's queue, and how often.
const BUSY_WAIT: Duration = Duration::from_millis(5);
const BUSY_WAITS_MAX: u32 = 2_000;

/// Why the ledger does not say.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The sequencer does not.
    #[error("the ledger cannot be asked")]
    Ask(#[from] AskError),
    /// The stored records cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored record is none of this version.
    #[error("the stored record {key:?} cannot be read by this version")]
    Unreadable {
        /// Which.
        key: RecordKey,
    },
    /// The results cannot be written, or the run was stopped.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Nothing can wait for the sequencer.
    #[error("the ledger cannot be waited for")]
    Runtime(#[source] std::io::Error),
}

/// What is known of procedures, each in its place.
#[derive(Debug)]
pub struct Looked {
    /// Of each of them.
    pub known: Vec<Known>,
    /// Up to which input of the journal that is true at least.
    pub as_of: u64,
}

/// Sweeps procedures by the ledger of a running sequencer, the results in `out`, whole or not at all. Not from async code.
///
/// # Errors
/// There are none or too many procedures, the sequencer does not say, a file cannot be written, or `watch` says stop.
pub fn sweep(
    sequencer: &Handle,
    examined: &[Examined],
    intel: &Intel,
    window: Window,
    (out, unmask): (&Path, bool),
    watch: &Watch,
) -> Result<WarmSummary, LedgerError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let looked = runtime.map_err(LedgerError::Runtime)?.block_on(ask(sequencer, examined, watch))?;
    let findings = run_warm(examined, &looked.known, intel, window);
    let staging = Staging::begin(out)?.replacing(OUTPUTS);
    let summary = write_warm(&findings, window, Some(looked.as_of), &staging, unmask, watch)?;
    staging.publish(Some(SUMMARY))?;
    Ok(summary)
}

/// What a running sequencer's ledger knows of procedures. Inputs are applied between two looks, so what is known of one procedure
/// may be later than of another.
///
/// # Errors
/// As [`Handle::look`], or `watch` says stop.
async fn ask(sequencer: &Handle, examined: &[Examined], watch: &Watch) -> Result<Looked, LedgerError> {
    watch.expect(u64::try_from(examined.len()).unwrap_or(u64::MAX));
    let (mut known, mut as_of) = (Vec::with_capacity(examined.len()), None);
    for some in examined.chunks(LOOKED_AT_ONCE) {
        watch.check()?;
        let (of_some, seq) = look(sequencer, some).await?;
        watch.advance(u64::try_from(of_some.len()).unwrap_or(u64::MAX));
        known.extend(of_some);
        as_of.get_or_insert(seq);
    }
    Ok(Looked { known, as_of: as_of.unwrap_or(0) })
}

async fn look(sequencer: &Handle, some: &[Examined]) -> Result<(Vec<Known>, u64), AskError> {
    let mut waits = 0;
    loop {
        let procedures: Vec<Procedure> = some.iter().map(|each| each.procedure.clone()).collect();
        let keys = procedures.iter().map(key).collect();
        let looked = sequencer.look(keys, move |state, _| {
            let of = |procedure: &Procedure| {
                state.customer(procedure.customer.as_str()).map(|customer| known(customer, procedure))
            };
            (procedures.iter().map(|procedure| of(procedure).unwrap_or_default()).collect(), state.seq())
        });
        match looked.await {
            Err(AskError::Busy) if waits < BUSY_WAITS_MAX => waits = waits.saturating_add(1),
            looked => return looked,
        }
        tokio::time::sleep(BUSY_WAIT).await;
    }
}

/// What the stored ledger of a data folder knows of procedures. It may be behind a running server's by some minutes, which only
/// makes less certain.
///
/// # Errors
/// Records cannot be read, or `watch` says stop.
pub fn read(view: &FolderView, examined: &[Examined], watch: &Watch) -> Result<Looked, LedgerError> {
    let stored = view.state_reader()?;
    let as_of = stored.seq()?;
    let mut of_all = Vec::with_capacity(examined.len());
    for some in examined.chunks(LOOKED_AT_ONCE) {
        watch.check()?;
        let keys: Vec<RecordKey> = some.iter().map(|each| key(&each.procedure)).collect();
        let bytes: Vec<KeyBytes> = keys.iter().map(|key| key.bytes()).collect();
        let named: Vec<(u8, &[u8])> =
            keys.iter().zip(&bytes).map(|(key, bytes)| (key.kind(), &**bytes)).collect();
        for ((each, key), record) in some.iter().zip(&keys).zip(stored.load_many(&named)?) {
            let record = record.map(|bytes| Record::decode(&bytes)).transpose();
            of_all.push(match record.map_err(|_| LedgerError::Unreadable { key: *key })? {
                Some(Record::Customer(customer)) => known(&customer, &each.procedure),
                _ => Known::default(),
            });
        }
    }
    Ok(Looked { known: of_all, as_of })
}

fn key(procedure: &Procedure) -> RecordKey {
    RecordKey::customer(procedure.customer.as_str())
}

fn known(customer: &Customer, procedure: &Procedure) -> Known {
    let near = procedure.ip.map(|ip| {
        let near = customer.addresses().filter(move |(address, _)| is_near(*address, ip));
        near.filter_map(|(_, seen)| sighting(seen)).collect()
    });
    let device = procedure.device.as_ref().map(|device| text_key(device.as_str()));
    Known {
        ip: procedure.ip.and_then(|ip| customer.at(ip)).and_then(sighting),
        near: near.unwrap_or_default(),
        device: device.and_then(|device| customer.seen_with(Feature::Device, device)).and_then(sighting),
    }
}

fn sighting(seen: &Seen) -> Option<Sighting> {
    (seen.accesses > 0).then_some(Sighting { first_s: seen.first_s, last_s: seen.last_s })
}
