//! From drafts to files: history, the examined procedures, the truth about them. Customers come one after the other, so
//! memory does not grow with events; procedures and truth are kept to be sorted by time. Must not know how drafts are made.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use history::rows::{AccountHasher, Recorded, RowBuffer};
use history::staging::Staging;
use history::writer::{HistoryWriter, Order, Written};
use history::{HistoryError, Watch};
use model::{Event, EventKind, Time};
use serde::Serialize;

use super::dice::{count, scramble};
use super::error::LabError;
use super::networks::Network;
use super::oddity::Oddities;
use super::population::World;
use super::summary::Tally;
use super::visit::{Culprit, Draft, Seen};

/// Rows that are gathered before they go to the history writer.
const BATCH_ROWS: usize = 1 << 17;
/// Stands for nobody in the numbers of events; there are fewer customers.
const NOBODY: u64 = 0xffff_ffff;

/// Names in the output folder.
pub(super) const HISTORY: &str = "history";
pub(super) const PROCEDURES: &str = "procedures.csv";
pub(super) const TRUTH: &str = "truth.csv";
pub(super) const EVENTS_TRUTH: &str = "events-truth.csv.zst";
pub(super) const INTEL: &str = "intel";
pub(super) const SIMULATION: &str = "simulation.json";
pub(super) const EVENTS: &str = "events.ndjson";

/// One examined procedure, a row of `procedures.csv`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct ProcedureRow {
    #[serde(skip)]
    at: Time,
    id: String,
    customer: String,
    time: String,
    kind: &'static str,
    ip: Option<String>,
    device: Option<String>,
    asn: Option<u32>,
    country: Option<String>,
}

/// What one event really was, a row of `truth.csv`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct TruthRow {
    #[serde(skip)]
    at: Time,
    id: String,
    customer: Option<String>,
    truth: &'static str,
    attack: Option<&'static str>,
}

/// The output in the making.
pub(super) struct Output<'w> {
    world: &'w World,
    watch: &'w Watch,
    staging: Staging,
    history: HistoryWriter,
    rows: RowBuffer,
    events: Option<BufWriter<File>>,
    procedures: Vec<ProcedureRow>,
    truth: Vec<TruthRow>,
    truths: Truths,
    pub(super) tally: Tally,
    examined_from: Time,
}

impl<'w> Output<'w> {
    pub(super) fn begin(
        world: &'w World,
        out: &Path,
        ndjson: bool,
        watch: &'w Watch,
    ) -> Result<Self, LabError> {
        for name in [HISTORY, PROCEDURES, TRUTH, EVENTS_TRUTH, INTEL, SIMULATION, EVENTS] {
            let path = out.join(name);
            if path.exists() {
                return Err(LabError::Occupied { path });
            }
        }
        let staging = Staging::begin(out)?;
        let history = HistoryWriter::begin(&staging.path(HISTORY), Order::Customer)?;
        let events = if ndjson {
            let path = staging.path(EVENTS);
            let file = File::create(&path).map_err(LabError::io(&path, "creating"))?;
            Some(BufWriter::with_capacity(1 << 18, file))
        } else {
            None
        };
        let truths = Truths::begin(staging.path(EVENTS_TRUTH))?;
        let secret = format!("simulated brokerage {:016x}", world.seed);
        Ok(Self {
            world,
            watch,
            staging,
            history,
            rows: RowBuffer::new(AccountHasher::with_secret(secret.as_bytes())),
            events,
            procedures: Vec::new(),
            truth: Vec::new(),
            truths,
            tally: Tally::default(),
            examined_from: world.calendar.time(world.calendar.examined_from(), 0),
        })
    }

    /// Writes what was done in one customer's name, or in nobody's.
    pub(super) fn stream(&mut self, index: Option<u64>, mut drafts: Vec<Draft>) -> Result<(), LabError> {
        let calendar = &self.world.calendar;
        let span = calendar.time(0, 0)..calendar.end();
        drafts.retain(|draft| span.contains(&draft.time));
        drafts.sort_by_key(|draft| draft.time);
        self.tally.stream(&drafts, self.examined_from);
        let customer = index.map(|index| self.world.customer_id(index)).transpose()?;
        let first = index.unwrap_or(NOBODY) << 32;
        let mut last: Option<(Rc<Seen>, Event)> = None;
        for (draft, number) in drafts.into_iter().zip(first..) {
            let seen = Rc::clone(&draft.seen);
            // Customer and client are moved from one event of a session to the next.
            let (customer, client) = match last.take() {
                Some((before, event)) if Rc::ptr_eq(&before, &seen) => (event.customer, event.client),
                Some((_, event)) => (event.customer, seen.client.clone()),
                None => (customer.clone(), seen.client.clone()),
            };
            let (culprit, oddities) = (draft.culprit, draft.oddities);
            // Distinct numbers stay distinct, and say nothing of what they stand for.
            let id = scramble(number ^ scramble(self.world.seed));
            let event = draft.event(id, customer, client)?;
            self.event(&event, seen.network, culprit)?;
            self.truths.write(&event, culprit, oddities)?;
            last = Some((seen, event));
        }
        Ok(())
    }

    fn event(
        &mut self,
        event: &Event,
        network: Option<&Network>,
        culprit: Option<Culprit>,
    ) -> Result<(), LabError> {
        let recorded = Recorded {
            country: network.map(|network| network.country),
            asn: network.map(|network| network.asn),
        };
        let examined = event.time >= self.examined_from && is_examined(event.kind);
        if examined {
            self.procedures.push(procedure(event, recorded));
        }
        if examined || culprit.is_some() {
            self.truth.push(truth(event, culprit));
        }
        if let Some(events) = &mut self.events {
            let path = self.staging.path(EVENTS);
            serde_json::to_writer(&mut *events, event).map_err(LabError::text(&path))?;
            events.write_all(b"\n").map_err(LabError::io(&path, "writing"))?;
        }
        self.rows.push(event, recorded);
        if self.rows.len() >= BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), LabError> {
        let rows = count(self.rows.len());
        let batch = self.rows.finish().map_err(HistoryError::arrow(self.staging.target()))?;
        self.history.push(batch, self.watch)?;
        self.watch.count(rows, 0);
        Ok(())
    }

    /// Writes the rest and gives what is then to be published.
    pub(super) fn finish(mut self) -> Result<(Finished, Tally), LabError> {
        self.flush()?;
        let Self { staging, history, events, mut procedures, mut truth, truths, tally, .. } = self;
        truths.finish()?;
        if let Some(mut events) = events {
            events.flush().map_err(LabError::io(&staging.path(EVENTS), "writing"))?;
        }
        procedures.sort_unstable();
        truth.sort_unstable();
        write_csv(&staging.path(PROCEDURES), &procedures)?;
        write_csv(&staging.path(TRUTH), &truth)?;
        let written = history.finish()?;
        let finished = Finished { staging, written, truth_rows: count(truth.len()) };
        Ok((finished, tally))
    }
}

/// Everything but `intel` and `simulation.json`, written and not yet in its place.
pub(super) struct Finished {
    pub(super) staging: Staging,
    pub(super) written: Written,
    pub(super) truth_rows: u64,
}

/// What the broker looked at: who may receive the money.
pub(super) const fn is_examined(kind: EventKind) -> bool {
    matches!(kind, EventKind::BankAccountRegister | EventKind::BankAccountChange)
}

fn procedure(event: &Event, recorded: Recorded) -> ProcedureRow {
    ProcedureRow {
        at: event.time,
        id: event.id.to_string(),
        customer: event.customer.as_ref().map(ToString::to_string).unwrap_or_default(),
        time: event.time.to_string(),
        kind: event.kind.as_str(),
        ip: event.client.ip.map(|ip| ip.to_string()),
        device: event.client.device.as_ref().map(ToString::to_string),
        asn: recorded.asn,
        country: recorded.country.map(|letters| letters.map(char::from).iter().collect()),
    }
}

fn truth(event: &Event, culprit: Option<Culprit>) -> TruthRow {
    TruthRow {
        at: event.time,
        id: event.id.to_string(),
        customer: event.customer.as_ref().map(ToString::to_string),
        truth: if culprit.is_some() { "fraud" } else { "honest" },
        attack: culprit.map(Culprit::as_str),
    }
}

/// The truth about every event, in the order in which they are made: a row each, packed, because there are millions.
struct Truths {
    path: PathBuf,
    out: BufWriter<zstd::Encoder<'static, File>>,
}

impl Truths {
    /// Identifiers are random and do not pack: trying harder costs more than it saves.
    const LEVEL: i32 = 1;

    fn begin(path: PathBuf) -> Result<Self, LabError> {
        let file = File::create(&path).map_err(LabError::io(&path, "creating"))?;
        let packed = zstd::Encoder::new(file, Self::LEVEL).map_err(LabError::io(&path, "creating"))?;
        let mut out = BufWriter::with_capacity(1 << 18, packed);
        out.write_all(b"id,truth,attack,strange\n").map_err(LabError::io(&path, "writing"))?;
        Ok(Self { path, out })
    }

    /// No word or identifier needs quotes.
    fn write(&mut self, event: &Event, culprit: Option<Culprit>, oddities: Oddities) -> Result<(), LabError> {
        let (out, failed) = (&mut self.out, LabError::io(&self.path, "writing"));
        let written = match culprit {
            Some(culprit) => writeln!(out, "{},fraud,{},", event.id, culprit.as_str()),
            None => write!(out, "{},honest,,", event.id).and_then(|()| {
                for (place, word) in oddities.words().enumerate() {
                    write!(out, "{}{word}", if place == 0 { "" } else { " " })?;
                }
                writeln!(out)
            }),
        };
        written.map_err(failed)
    }

    fn finish(self) -> Result<(), LabError> {
        let failed = || LabError::io(&self.path, "writing");
        let packed = self.out.into_inner().map_err(|error| failed()(error.into_error()))?;
        packed.finish().map(drop).map_err(failed())
    }
}

/// Writes rows with a header; nothing but a header line is impossible, because every simulation has procedures.
fn write_csv(path: &Path, rows: &[impl Serialize]) -> Result<(), LabError> {
    let mut out = csv::Writer::from_path(path).map_err(LabError::text(path))?;
    for row in rows {
        out.serialize(row).map_err(LabError::text(path))?;
    }
    out.flush().map_err(LabError::io(path, "writing"))
}
