//! Up to where the journal may be trimmed without losing what an open hold is settled by: its event is found in the journal.
//! Must not know who trims, nor how old inputs are kept otherwise.
//!
//! Only what is about to go is looked at, the oldest first; what was over or settled stays so.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::input::Body;
use model::Time;
use model::time::SECOND_US;

use super::subject::held_until;
use super::{Shared, Subject, was_settled};
use crate::readers::{ReadError, Reader};
use crate::sequencer::{Clock, Gauges, recovery};

/// How often it is looked.
const EVERY_US: i64 = 2 * SECOND_US;
/// Held events looked at in one step at most.
const LOOKED_AT: usize = 4_096;
/// Held events read from the index at once.
const PAGE: usize = 1_024;

/// The indexing thread's own.
pub(super) struct Holding {
    reader: Reader,
    clock: Clock,
    gauges: Arc<Gauges>,
    next: Time,
    /// No hold is open up to here.
    clear: u64,
    /// Held events behind that, in order, up to `known`.
    held: VecDeque<u64>,
    known: u64,
}

impl Holding {
    /// Nothing may go until it was looked.
    pub(super) fn new(reader: Reader, clock: Clock, gauges: Arc<Gauges>) -> Self {
        gauges.unheld.store(0, Ordering::Relaxed);
        Self { reader, clock, gauges, next: Time::MIN, clear: 0, held: VecDeque::new(), known: 0 }
    }

    /// Looks on, if it is time.
    pub(super) fn step(&mut self, shared: &Shared) -> Result<(), ReadError> {
        let now = (self.clock)();
        if now < self.next {
            return Ok(());
        }
        self.next = now.plus_us(EVERY_US);
        let to = self.gauges.trimmable.load(Ordering::Relaxed).min(*shared.reached.borrow());
        if self.held.is_empty() && to > self.clear {
            self.find(shared, to)?;
        }
        for _ in 0..LOOKED_AT {
            let Some(seq) = self.held.front().copied() else { break };
            if self.is_open(shared, seq, now)? {
                break;
            }
            self.held.pop_front();
        }
        self.clear = self.held.front().map_or(self.known, |open| open.saturating_sub(1)).max(self.clear);
        self.gauges.unheld.store(self.clear, Ordering::Relaxed);
        Ok(())
    }

    fn find(&mut self, shared: &Shared, to: u64) -> Result<(), ReadError> {
        let mut held = VecDeque::new();
        let mut before = to.saturating_add(1);
        loop {
            let page = shared.find(&mut self.reader, Subject::Held, before, PAGE)?;
            let Some(last) = page.last().copied() else { break };
            page.into_iter().filter(|seq| *seq > self.clear).for_each(|seq| held.push_front(seq));
            if last <= self.clear {
                break;
            }
            before = last;
        }
        (self.held, self.known) = (held, to);
        Ok(())
    }

    /// Whether a held event still waits for somebody.
    fn is_open(&mut self, shared: &Shared, seq: u64, now: Time) -> Result<bool, ReadError> {
        let Some(entry) = self.reader.journal.get(seq)? else { return Ok(false) };
        if held_until(&entry.answer).is_none_or(|until| until <= now) {
            return Ok(false);
        }
        let Some(id) = entry.id else { return Ok(false) };
        for settlement in shared.find(&mut self.reader, Subject::settled(&id), u64::MAX, 4)? {
            if let Some(entry) = self.reader.journal.get(settlement)?
                && let Ok(input) = recovery::input(&entry.as_entry())
                && let Body::HoldSettled { event, .. } = input.body
                && event.as_str() == id
                && was_settled(&entry.answer)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
