//! Records written behind: changed ones are copied out little by little and written by a thread of its own, so that no
//! decision waits for it; and when memory is full, those that are stored as they are leave it. Must not know inputs.
//!
//! A round copies the records as they are at one input and writes them in one transaction, which is finished only when the
//! journal holds that input durably: the state is never ahead of it. After a round that could not be written its records
//! count as changed again; the journal has everything meanwhile.
//!
//! What is not written yet is replayed after a crash and stays in memory until then, so it has a limit: from two fifths of it on
//! rounds follow each other without rest, and from half of it on inputs are slowed, the more the further records lag behind.
//! The first comes well before the second, since a round that is under way counts until it ends, and so does what comes meanwhile.

mod parts;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::State;
use engine::key::RecordKey;
use engine::state::Copies;
use model::Time;
use store::{State as Stored, StoreError};

use self::parts::{Parts, Run};
use super::committing::Failure;
use super::residence::Residence;
use super::retention::Retention;
use super::{Audit, Gauges, Options, StartError, trim};
use crate::background::{self, Priority};
use crate::log::with_sources;

/// Ticks after which changed records are copied out, if there are any.
const TICKS_BETWEEN: u64 = 10;
/// Changed records after which they are copied out at once: so many inputs are replayed after a crash, about a third.
const CHANGED_MAX: usize = 300_000;
/// A round is given this many times its own length of rest, but no more than [`TICKS_BETWEEN`]: where rounds take long, what a
/// restart has to replay must not grow for it.
const REST_RATIO: u64 = 2;
/// The pause for each input when records lag behind by the limit; it grows with the square of what is beyond half of that. So a
/// stream of 5,000 a second is never slowed below the limit.
const PAUSE_AT_LIMIT: Duration = Duration::from_micros(200);
/// Of five parts of the limit, those from which on rounds follow each other without rest. The fewer, the more often records that
/// change all the time are written; the more, the longer a restart takes.
const HURRIED_FIFTHS: u64 = 2;
/// The longest pause at once: what waits is looked at again.
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// Copies on their way to the thread at once.
const CHUNKS_MAX: usize = 4;
/// Records a chunk has about.
const CHUNK_RECORDS: usize = 4_096;
/// How long the thread waits before it looks again whether the journal is as far.
const WAIT: Duration = Duration::from_millis(1);
/// How long the thread is idle before it gives memory back and looks for stored records that count as none.
const RETENTION_STEP: Duration = Duration::from_millis(500);
/// Parts of the records looked through at a tick for what may leave memory; after every other batch one.
const PARTS_A_TICK: usize = 32;
/// Inputs within which a record was used to stay in memory, at first; halved while memory is full.
const KEPT_INPUTS: u64 = 1 << 22;

/// A part of a round.
struct Chunk {
    copies: Copies,
    /// The input as of which they are.
    seq: u64,
    /// When the input applied last arrived.
    now: Time,
    last: bool,
}

/// What became of a round.
enum Report {
    Stored,
    Failed(Vec<RecordKey>),
}

/// The sequencer's side of it.
pub(super) struct Writeback {
    chunks: Option<SyncSender<Chunk>>,
    /// Copies that are written, to be used anew: memory of this size, asked for anew, comes page by page.
    rooms: Receiver<Copies>,
    reports: Receiver<Report>,
    thread: Option<JoinHandle<()>>,
    gauges: Arc<Gauges>,
    round: Round,
    /// What the thread had no room for.
    unsent: Option<Chunk>,
    /// Ticks so far, and those at which the round before began and ended.
    ticks: u64,
    began: u64,
    ended: u64,
    /// Whether the round before could not be written.
    failed: bool,
    replay_max: u64,
    memory: Memory,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Everything copied is stored.
    None,
    /// Records are being copied as of an input.
    Copying(u64),
    /// All are copied, not all stored.
    Storing,
    /// Nothing is written any more.
    Ended,
}

/// How much of it is taken.
struct Memory {
    bytes_max: usize,
    /// As estimated when there were so many records.
    bytes: usize,
    records: u64,
    /// The part looked at next.
    part: usize,
    kept_inputs: u64,
}

impl Writeback {
    pub(super) fn start(
        stored: Stored,
        options: &Options,
        gauges: &Arc<Gauges>,
        failure: &Failure,
        audit: &Arc<Audit>,
    ) -> Result<Self, StartError> {
        Gauges::set(&gauges.checkpoint, stored.seq()?);
        let (chunks, waiting) = sync_channel(CHUNKS_MAX);
        let (report, reports) = channel();
        let (rooms_back, rooms) = sync_channel(CHUNKS_MAX);
        let writer = Writer {
            stored,
            rooms: rooms_back,
            run: Run::default(),
            gauges: Arc::clone(gauges),
            failure: Arc::clone(failure),
            retention: Retention::default(),
            audit: Arc::clone(audit),
        };
        let thread = background::spawn("writeback", Priority::Low, move || writer.run(&waiting, &report))?;
        let memory = Memory {
            bytes_max: options.memory_bytes,
            bytes: 0,
            records: 0,
            part: 0,
            kept_inputs: KEPT_INPUTS,
        };
        Ok(Self {
            chunks: Some(chunks),
            rooms,
            reports,
            thread: Some(thread),
            gauges: Arc::clone(gauges),
            round: Round::None,
            unsent: None,
            ticks: 0,
            began: 0,
            ended: 0,
            failed: false,
            replay_max: options.replay_max.max(1),
            memory,
        })
    }

    /// Whether there is something to copy, and room to send it to.
    pub(super) const fn is_copying(&self) -> bool {
        matches!(self.round, Round::Copying(_))
    }

    /// Whether further records may come into memory.
    pub(super) const fn has_room(&self) -> bool {
        self.memory.bytes < self.memory.bytes_max
    }

    /// Begins a round if it is time, goes on with the one under way, and lets records leave memory.
    pub(super) fn after_batch(
        &mut self,
        state: &mut State,
        residence: &mut Residence,
        at_most: usize,
        ticked: bool,
    ) {
        self.ticks = self.ticks.saturating_add(u64::from(ticked));
        self.hear(state);
        if self.round == Round::None && self.is_time(state) {
            self.begin(state);
        }
        if self.is_copying() {
            self.go_on(state, at_most);
        }
        self.memory.measure(state, &self.gauges, ticked && self.ticks.is_multiple_of(TICKS_BETWEEN));
        if self.round == Round::None && residence.is_complete() {
            for _part in 0..if ticked { PARTS_A_TICK } else { 1 } {
                self.memory.shrink(state, residence);
            }
        }
    }

    /// How long to wait after so many inputs, so that records keep up.
    pub(super) fn pause(&self, state: &State, inputs: usize) -> Duration {
        let each = PAUSE_AT_LIMIT.mul_f64(pressure(self.behind(state), self.replay_max));
        each.saturating_mul(u32::try_from(inputs).unwrap_or(u32::MAX)).min(PAUSE_MAX)
    }

    /// Inputs whose records are not written yet.
    fn behind(&self, state: &State) -> u64 {
        state.seq().saturating_sub(self.gauges.checkpoint.load(Ordering::Relaxed))
    }

    fn is_time(&self, state: &State) -> bool {
        let hurried = !self.failed && self.behind(state) > self.replay_max / 5 * HURRIED_FIFTHS;
        if hurried {
            return state.changed() > 0;
        }
        let rest = self.ended.saturating_sub(self.began).saturating_mul(REST_RATIO).min(TICKS_BETWEEN);
        let rested = self.ticks >= self.ended.saturating_add(rest);
        let changed = state.changed();
        rested && (changed >= CHANGED_MAX || changed > 0 && self.ticks >= self.began + TICKS_BETWEEN)
    }

    fn begin(&mut self, state: &mut State) {
        if state.begin_copying() {
            self.round = Round::Copying(state.seq());
            self.began = self.ticks;
        }
    }

    /// Copies further records; false if there is nothing to do now.
    pub(super) fn go_on(&mut self, state: &mut State, at_most: usize) -> bool {
        let Round::Copying(seq) = self.round else { return false };
        if let Some(chunk) = self.unsent.take() {
            return self.send(chunk);
        }
        let room = self.rooms.try_recv().unwrap_or_default();
        let (copies, done) = state.copy(at_most.min(CHUNK_RECORDS), room);
        let chunk = Chunk { copies, seq, now: state.now(), last: done };
        self.send(chunk)
    }

    /// Sends a part; one that there is no room for is kept. False if so.
    fn send(&mut self, chunk: Chunk) -> bool {
        let last = chunk.last;
        let sent = self.chunks.as_ref().map(|chunks| chunks.try_send(chunk));
        match sent {
            Some(Ok(())) | None => {
                if last {
                    self.round = Round::Storing;
                }
                true
            }
            Some(Err(TrySendError::Full(chunk))) => {
                self.unsent = Some(chunk);
                false
            }
            // The thread ended by a panic, which it told itself. Nothing is written back any more; a restart replays.
            Some(Err(TrySendError::Disconnected(_))) => {
                self.round = Round::Ended;
                crate::log::line("checkpoint.ended", "records are not written back until a restart");
                false
            }
        }
    }

    /// Hears what became of the round.
    fn hear(&mut self, state: &mut State) {
        while let Ok(report) = self.reports.try_recv() {
            self.failed = matches!(report, Report::Failed(_));
            if let Report::Failed(keys) = report {
                state.mark_changed(keys);
            }
            self.round = Round::None;
            self.ended = self.ticks;
        }
    }

    /// Copies and writes everything that changed. Waits for it.
    pub(super) fn write_rest(&mut self, state: &mut State) {
        for round in 0..2 {
            if self.round == Round::None && (round == 0 || state.changed() > 0) {
                self.begin(state);
            }
            while self.is_copying() {
                if !self.go_on(state, CHUNK_RECORDS) {
                    std::thread::sleep(WAIT);
                }
            }
            if self.round == Round::Storing
                && let Ok(report) = self.reports.recv()
            {
                if let Report::Failed(_) = report {
                    return;
                }
                self.round = Round::None;
            }
        }
    }

    /// Waits until everything copied out is written.
    pub(super) fn finish(&mut self) {
        self.chunks = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was told by the thread itself; what it lacked is replayed at the next start.
            let _ended = thread.join();
        }
    }
}

/// 0 while no more than half of the limit waits to be written, 1 at the limit, 9 at twice of it.
fn pressure(behind: u64, limit: u64) -> f64 {
    let half = limit.div_ceil(2);
    let over = u32::try_from(behind.saturating_sub(half)).unwrap_or(u32::MAX);
    let over = f64::from(over) / f64::from(u32::try_from(half).unwrap_or(u32::MAX));
    over * over
}

impl Memory {
    /// Estimates what is taken, by one part of the records, whenever their number has grown by a fiftieth, and now and then
    /// because they grow.
    fn measure(&mut self, state: &State, gauges: &Gauges, now: bool) {
        const RECORDS_MIN: u64 = 10_000;
        let records = state.records();
        if !now && records.abs_diff(self.records) < (self.records / 50).max(RECORDS_MIN) {
            return;
        }
        self.records = records;
        self.bytes = state.part_bytes(self.part % State::PARTS).saturating_mul(State::PARTS);
        Gauges::set(&gauges.memory, u64::try_from(self.bytes).unwrap_or(u64::MAX));
    }

    /// Lets records of one part leave, if memory is full.
    fn shrink(&mut self, state: &mut State, residence: &mut Residence) {
        if self.bytes <= self.bytes_max {
            self.kept_inputs = KEPT_INPUTS;
            return;
        }
        let gone = state.forget(self.part % State::PARTS, self.kept_inputs);
        residence.left(&gone);
        self.part = self.part.wrapping_add(1);
        if self.part.is_multiple_of(State::PARTS) {
            self.bytes = state.part_bytes(0).saturating_mul(State::PARTS);
            self.records = state.records();
            self.kept_inputs /= 2;
        }
    }
}

/// The thread's side of it.
struct Writer {
    stored: Stored,
    rooms: SyncSender<Copies>,
    run: Run,
    gauges: Arc<Gauges>,
    failure: Failure,
    retention: Retention,
    audit: Arc<Audit>,
}

impl Writer {
    fn run(mut self, chunks: &Receiver<Chunk>, reports: &Sender<Report>) {
        loop {
            match chunks.recv_timeout(RETENTION_STEP) {
                Ok(first) => {
                    let now = first.now;
                    let report = self.write(first, chunks);
                    if let Report::Stored = report {
                        self.retention.arrived(now);
                    }
                    if reports.send(report).is_err() {
                        return;
                    }
                    // Not before: what is written counts already, and who lags behind waits for nothing else.
                    if let Err(error) = self.stored.merge_if_long() {
                        crate::log::line("checkpoint.not_merged", &with_sources(&error));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.run.give_back();
                    self.retention.step(&mut self.stored, &self.gauges);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Writes one round, as its parts come.
    fn write(&mut self, first: Chunk, chunks: &Receiver<Chunk>) -> Report {
        let seq = first.seq;
        let mut parts = Parts::new(first, chunks, &self.rooms);
        let written = match self.journal_reaches(seq) {
            true => write_parts(&mut self.stored, seq, &mut parts, &mut self.run, &self.audit),
            false => Err(StoreError::GivenUp),
        };
        // What was not written is known by its keys.
        while parts.fill(&mut self.run).is_ok_and(|filled| filled) {}
        let keys = parts.into_keys();
        self.run.clear();
        match written {
            Ok(()) => {
                Gauges::set(&self.gauges.checkpoint, seq);
                self.audit.stored(seq);
                trim::sync_if_needed(&mut self.stored, &self.gauges);
                Report::Stored
            }
            Err(error) => {
                crate::log::line("checkpoint.failed", &with_sources(&error));
                Report::Failed(keys)
            }
        }
    }

    /// Waits until the journal holds an input durably; false if it never will.
    fn journal_reaches(&self, seq: u64) -> bool {
        while self.gauges.committed.load(Ordering::Acquire) < seq {
            if self.failure.get().is_some() {
                return false;
            }
            std::thread::sleep(WAIT);
        }
        true
    }
}

fn write_parts(
    stored: &mut Stored,
    seq: u64,
    parts: &mut Parts<'_>,
    run: &mut Run,
    audit: &Audit,
) -> Result<(), StoreError> {
    let mut checkpoint = stored.begin(seq)?;
    while parts.fill(run)? {
        checkpoint.put(run.rows())?;
    }
    checkpoint.put(audit.up_to(seq).into_iter().map(|(key, bytes)| (Audit::KIND, key, Some(bytes))))?;
    checkpoint.finish()
}

#[cfg(test)]
mod tests {
    use super::pressure;

    #[test]
    fn pressure_grows_from_half_of_the_limit_on() {
        for (behind, expected) in [(0, 0.0), (50, 0.0), (75, 0.25), (100, 1.0), (200, 9.0)] {
            assert!((pressure(behind, 100) - expected).abs() < 1e-9, "{behind}: {}", pressure(behind, 100));
        }
        assert!(pressure(u64::MAX, 1).is_finite());
        assert!(pressure(0, u64::MAX).abs() < 1e-9);
    }
}
