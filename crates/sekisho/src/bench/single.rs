//! What one decision takes at worst, and what one more pair of customer and address takes of memory. Must not know how the state came
//! to be.

use anyhow::Context as _;
use engine::input::Body;
use engine::state::Taken;
use engine::{Input, Policy, State};
use model::time::DAY_US;
use model::{Address, EventKind, Time};

use super::decide::{START_US, Size, customer, event, kind};
use crate::say;
use crate::session::Stopwatch;

/// Decisions timed by themselves.
const TIMED: u64 = 200_000;
/// Customers who come from one more address.
const PAIRS: u64 = 100_000;

/// Times each of some decisions, and adds an address to some customers.
pub(super) fn run(state: &mut State, policy: &Policy, size: Size) -> anyhow::Result<()> {
    let time = Time::from_us(START_US.saturating_add(100 * DAY_US)).context("in range")?;
    let mut took_us = Vec::new();
    for number in 0..TIMED.min(size.decisions) {
        let seq = state.seq() + 1;
        let event = event(seq, customer(seq, size), kind(number), time, true)?;
        let input = Input { seq, time, body: Body::Event(Box::new(event)) };
        let timer = Stopwatch::start();
        state.apply(policy, &input);
        took_us.push(timer.seconds() * 1e6);
    }
    took_us.sort_by(f64::total_cmp);
    say::line(format!(
        "one decision: p50 {:.1} µs, p99 {:.1} µs (bar 20 µs)",
        super::percentile(&took_us, 50),
        super::percentile(&took_us, 99)
    ));
    let bytes = pair(state, policy, size)?;
    say::line(format!(
        "one more pair of customer and address: {bytes} bytes, the record of an address that only they use included (bar 100)"
    ));
    Ok(())
}

/// Bytes that a customer's record grows by, and that the record of an address takes which only one customer uses.
fn pair(state: &mut State, policy: &Policy, size: Size) -> anyhow::Result<u64> {
    let of = |state: &State, kind: &str| {
        let taken = state.taken().into_iter().find(|taken| taken.kind == kind);
        taken.map_or(Taken::default(), |taken| taken.own)
    };
    let pairs = PAIRS.min(size.customers);
    let before = of(state, "customers");
    let time = Time::from_us(START_US.saturating_add(100 * DAY_US)).context("in range")?;
    for number in 0..pairs {
        let seq = state.seq() + 1;
        let mut event = event(seq, number, EventKind::Login, time, false)?;
        event.ip = Some(Address::from(std::net::Ipv4Addr::from(0x0c00_0000 + u32::try_from(number)?)));
        state.apply(policy, &Input { seq, time, body: Body::Event(Box::new(event)) });
    }
    let (after, addresses) = (of(state, "customers"), of(state, "addresses"));
    let of_customer = after.bytes.saturating_sub(before.bytes) / pairs.max(1);
    Ok(of_customer + addresses.bytes / addresses.records.max(1))
}
