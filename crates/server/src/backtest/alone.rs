//! A back-test over history alone, where there is no journal: no question was asked and no answer is known, so that what happened
//! stands for the questions and a policy of today's for the answers. Must not know terminals.
//!
//! A question is what a broker asks about: a login, a procedure (withdrawals and transfers among them), an order or a payment of
//! the broker's own, that was attempted or succeeded. What failed is none: it was told, not asked. Where a history holds both the
//! question and what became of it – an attempt, and within a day a success of the same kind in the same customer's name – that is one.

use std::path::PathBuf;
use std::sync::Arc;

use engine::input::Body;
use engine::{Decision, Input, Observed, Policy, State};
use hashbrown::HashMap;
use history::Watch;
use intel::Intel;
use model::customer::text_key;
use model::time::DAY_US;
use model::{EventKind, Outcome};

use super::{Backtest, BacktestOptions, Compared, Found, Labels};
use crate::bootstrap::Feed;
use crate::comparison::fired;
use crate::observe::Observer;
use crate::past::{Base, LOOK_INPUTS, Memory, PastError};

/// What is not as it was.
const NOTES: [&str; 4] = [
    "history keeps no questions and answers: what was attempted or succeeded stands for what was asked, the policy compared with for what was answered",
    "everything in it happened, whatever the policies say: what an answer would have led to is not known",
    "history was told as facts in the order of its times; it arrived in another order",
    "customers' profiles and lists are not known; bank accounts only where a server wrote the history, and never what a bank said of them",
];

/// Weighs what happened in history files by two policies. Where `intel` knows nothing of an address, what was recorded with it stands.
///
/// # Errors
/// The history cannot be read, records and feedback take more than `memory`, or `watch` says stop.
pub fn backtest_history(
    files: &[PathBuf],
    intel: Arc<Intel>,
    (live, candidate): (&Policy, &Policy),
    (options, memory): (&BacktestOptions, Memory),
    watch: &Watch,
) -> Result<Backtest, PastError> {
    let mut labels = Labels::about(options);
    let observer = Observer::of_history(intel);
    let feed = Feed::open(files)?.with_memory(memory.bytes_max);
    let mut state = State::default();
    each_event(&feed, &observer, watch, |seq, event| {
        labels.note(seq, &event);
        if seq.is_multiple_of(LOOK_INPUTS) { memory.check_feedback(&state, labels.bytes()) } else { Ok(()) }
    })?;
    let mut found = Found::new(candidate, labels);
    let (mut questions, mut events) = (Questions::default(), 0_u64);
    each_event(&feed, &observer, watch, |seq, event| {
        events = seq;
        // What was known after the last question is not needed.
        if options.to.is_some_and(|to| event.time >= to) {
            return Ok(());
        }
        let is_asked = questions.is_one(&event) && options.is_within(event.time);
        if is_asked {
            let said = state.weigh(live, &event);
            let rules = fired(live, &said);
            found.compare(&state, (seq, &event), &compared(&said, rules));
        }
        let time = event.time;
        state.apply(live, &Input { seq, time, body: Body::Event(event) });
        if !seq.is_multiple_of(LOOK_INPUTS) {
            return Ok(());
        }
        memory.check_feedback(&state, found.labels.bytes().saturating_add(questions.bytes()))
    })?;
    let base = Base { from: "history alone", first_seq: 0, history_events: events, notes: NOTES.to_vec() };
    Ok(found.told(base, events))
}

fn compared<'a>(said: &Decision, rules: Vec<&'a str>) -> Compared<'a> {
    Compared { decision: said.verdict, score: said.score, policy: said.policy, rules }
}

/// Attempts of a customer and kind that are remembered as open at most.
const OPEN_MAX: usize = 16;

/// Every event in the order of its time, with its number in it, from 1.
fn each_event(
    feed: &Feed,
    observer: &Observer,
    watch: &Watch,
    mut look: impl FnMut(u64, Box<Observed>) -> Result<(), PastError>,
) -> Result<(), PastError> {
    let mut seq = 0_u64;
    feed.run(observer, watch, |event| {
        seq = seq.saturating_add(1);
        look(seq, event)?;
        if seq.is_multiple_of(LOOK_INPUTS) { Ok(watch.check()?) } else { Ok(()) }
    })?;
    Ok(())
}

/// Attempts of which it was not told yet how they ended: customer and kind, and when, the oldest first.
#[derive(Default)]
struct Questions(HashMap<(u64, EventKind), Vec<i64>>);

impl Questions {
    /// Bytes in memory, about.
    fn bytes(&self) -> usize {
        /// A place in the table, and a few times on the heap.
        const OPEN_BYTES: usize = size_of::<((u64, EventKind), Vec<i64>)>() + 56;
        self.0.len().saturating_mul(OPEN_BYTES)
    }

    /// Whether an event stands for a question of its own: an attempt, and what was done without one in the day before.
    fn is_one(&mut self, event: &Observed) -> bool {
        let kind = event.kind;
        let is_asked_about = kind.is_procedure()
            || matches!(kind, EventKind::Login | EventKind::Order | EventKind::PaymentInstruction);
        if !is_asked_about {
            return false;
        }
        let customer = event.customer.as_ref().map_or(0, |customer| text_key(customer.as_str()));
        let at_us = event.time.as_us();
        let open = self.0.entry((customer, kind)).or_default();
        open.retain(|attempt_us| at_us.saturating_sub(*attempt_us) <= DAY_US);
        if event.outcome == Outcome::Attempted {
            if open.len() >= OPEN_MAX {
                open.remove(0);
            }
            open.push(at_us);
            return true;
        }
        let ends_one = !open.is_empty();
        if ends_one {
            open.remove(0);
        }
        !ends_one && event.outcome != Outcome::Failed
    }
}
