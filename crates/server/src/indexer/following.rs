//! The thread that follows the journal and writes the index. Must not know who asks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use store::{Index, JournalReader, Reached, StoreError};

use super::holding::Holding;
use super::subject::rows;
use super::{Memory, Shared};
use crate::log::{line, with_sources};

/// Rows read in one transaction: the journal's log cannot begin anew meanwhile.
const READ_ROWS: usize = 2_048;
/// How often the journal is looked at when nobody asks.
const POLL: Duration = Duration::from_millis(200);
/// Rest after each reading while there is much to catch up with and nobody asks.
const REST: Duration = Duration::from_millis(10);
/// Rest after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// Rows of the journal after which it is looked whether it was trimmed.
const TRIM_EVERY_ROWS: u64 = 8_192;

/// The thread's own.
pub(super) struct Follower {
    pub(super) journal: JournalReader,
    pub(super) index: Option<Index>,
    pub(super) shared: Arc<Shared>,
    /// Rows of the journal that one run covers.
    pub(super) run_rows: u64,
    /// The row of the journal read last, and what it is known by.
    pub(super) seq: u64,
    pub(super) check: u64,
}

impl Follower {
    pub(super) fn run(&mut self, woken: &Receiver<()>, holding: &mut Holding) {
        loop {
            let rest = match self.step() {
                // Far behind: leave the processor to others, unless somebody waits.
                Ok(true) if self.shared.waiting.load(Ordering::Relaxed) == 0 => REST,
                Ok(true) => Duration::ZERO,
                Ok(false) => POLL,
                Err(error) => {
                    line("index.failed", &with_sources(&error));
                    // Damage does not go away by itself.
                    self.index = None;
                    RETRY
                }
            };
            // While the index is behind, what is behind it stays.
            if let Err(error) = holding.step(&self.shared) {
                line("index.failed", &with_sources(&error));
            }
            if rest.is_zero() {
                if woken.try_recv() == Err(TryRecvError::Disconnected) {
                    return;
                }
            } else if woken.recv_timeout(rest) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    /// Reads some rows of the journal; says whether there may be more.
    pub(super) fn step(&mut self) -> Result<bool, StoreError> {
        if self.shared.is_damaged.swap(false, Ordering::AcqRel) {
            line("index.renewed", "the index was damaged; it is made anew from the journal");
            self.renew()?;
        }
        if self.index.is_none() {
            self.open()?;
        }
        let (mut seen, mut found) = (0, Vec::new());
        let (mut last, mut input) = (self.seq, Vec::new());
        let visited = self.journal.visit(self.seq, READ_ROWS, |entry| {
            found.extend(rows(entry));
            // Of the last row; which one that is shows afterwards.
            last = entry.seq;
            input.clear();
            input.extend_from_slice(entry.input);
            seen += 1;
            true
        });
        match visited {
            Err(StoreError::Trimmed { first, .. }) => {
                self.seq = first.saturating_sub(1);
                return Ok(true);
            }
            visited => visited?,
        }
        if seen == 0 {
            return Ok(false);
        }
        let (before, first_seq) = (self.seq, self.seq.saturating_add(1));
        (self.seq, self.check) = (last, check(&input));
        let covered = match self.shared.memory.write() {
            Ok(mut memory) => {
                if memory.first_seq == 0 {
                    memory.first_seq = first_seq;
                }
                memory.rows.append(&mut found);
                self.seq.saturating_sub(memory.first_seq).saturating_add(1)
            }
            Err(_poisoned) => return Ok(false),
        };
        self.shared.reached.send_replace(self.seq);
        if covered >= self.run_rows {
            self.write()?;
        }
        if before / TRIM_EVERY_ROWS != self.seq / TRIM_EVERY_ROWS {
            self.trim()?;
        }
        Ok(seen == READ_ROWS)
    }

    /// Opens the index, or makes it anew where it is not one of this journal.
    fn open(&mut self) -> Result<(), StoreError> {
        let opened = Index::open(&self.shared.path).and_then(|index| Ok((index.reached()?, index)));
        match opened {
            Ok((reached, index)) if self.belongs(reached)? => {
                (self.index, self.seq, self.check) = (Some(index), reached.seq, reached.check);
                self.begin(reached.seq)
            }
            Ok(_) => {
                line("index.renewed", "the index is of another journal; it is made anew");
                self.renew()
            }
            Err(error) => {
                line("index.renewed", &with_sources(&error));
                self.renew()
            }
        }
    }

    fn belongs(&self, reached: Reached) -> Result<bool, StoreError> {
        if reached.seq == 0 {
            return Ok(true);
        }
        if reached.seq > self.journal.last_seq()? {
            return Ok(false);
        }
        // Of a row that is trimmed nothing can be said.
        Ok(self.journal.get(reached.seq)?.is_none_or(|entry| check(&entry.input) == reached.check))
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        self.index = None;
        self.index = Some(Index::renew(&self.shared.path)?);
        self.shared.making.fetch_add(1, Ordering::AcqRel);
        (self.seq, self.check) = (0, 0);
        self.begin(0)
    }

    /// Memory holds nothing, the file everything up to `seq`.
    fn begin(&self, seq: u64) -> Result<(), StoreError> {
        if let Ok(mut memory) = self.shared.memory.write() {
            *memory = Memory { rows: Vec::new(), first_seq: seq.saturating_add(1) };
        }
        self.shared.reached.send_replace(seq);
        Ok(())
    }

    /// Writes what is in memory as a run. In case of failure it stays there, and is tried again.
    fn write(&mut self) -> Result<(), StoreError> {
        let reached = Reached { seq: self.seq, check: self.check };
        let Some(index) = &mut self.index else { return Ok(()) };
        {
            // Only this thread writes to memory; questions may read it meanwhile.
            let Ok(memory) = self.shared.memory.read() else { return Ok(()) };
            let mut rows = memory.rows.clone();
            let first_seq = memory.first_seq;
            drop(memory);
            rows.sort_unstable();
            index.append(rows, first_seq, reached)?;
        }
        let written = match self.shared.memory.write() {
            Ok(mut memory) => {
                memory.first_seq = reached.seq.saturating_add(1);
                std::mem::take(&mut memory.rows)
            }
            Err(_poisoned) => return Ok(()),
        };
        // Freed here, not under the lock.
        drop(written);
        Ok(())
    }

    pub(super) fn trim(&mut self) -> Result<(), StoreError> {
        let first_seq = self.journal.first_seq()?;
        if let Some(index) = &mut self.index {
            index.trim(first_seq)?;
        }
        Ok(())
    }
}

/// What a row of the journal is known by: its input.
fn check(input: &[u8]) -> u64 {
    let hash = blake3::hash(input);
    let (first, _) = hash.as_bytes().split_at(8);
    first.try_into().map_or(0, u64::from_be_bytes)
}
