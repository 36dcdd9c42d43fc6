//! What a campaign from many addresses costs a state that has all customers: memory by kind of record, and what of it is shared
//! between customers. Must not know how the state came to be.

use anyhow::Context as _;
use engine::input::Body;
use engine::state::{KindTaken, Taken};
use engine::{Input, Observed, Policy, State};
use model::time::DAY_US;
use model::{Address, Credential, EventKind, Outcome, Time};

use super::decide::{START_US, Size, customer, event, resident_bytes};
use crate::say;
use crate::session::Stopwatch;

/// Addresses of the attack, each in a network of its own: the most records it can make.
const ADDRESSES: u64 = 100_000;
/// Names tried at each.
const TRIES: u64 = 4;
/// One password in so many is right.
const RIGHT: u64 = 200;
/// Days after the first login of all: behind everything that was decided.
const DAYS: i64 = 101;
/// MiB that everything shared between customers may take, see docs/serve.md.
const SHARED_MIB_MAX: u64 = 1_024;

/// Tries passwords at names spread over all customers within a day, then tells what the records take.
pub(super) fn run(state: &mut State, policy: &Policy, size: Size) -> anyhow::Result<()> {
    let before = state.taken();
    let tries = ADDRESSES * TRIES;
    let from = Time::from_us(START_US.saturating_add(DAYS * DAY_US)).context("in range")?;
    let step_us = DAY_US / i64::try_from(tries)?;
    let first = state.seq();
    let timer = Stopwatch::start();
    for number in 0..tries {
        let time = from.plus_us(i64::try_from(number)?.saturating_mul(step_us));
        let guess = guess(number, first, time, size)?;
        let (seq, body) = (state.seq() + 1, Body::Event(Box::new(guess)));
        state.apply(policy, &Input { seq, time, body });
    }
    let seconds = timer.seconds();
    let largest = state.campaigns().newest(u32::MAX).max_by_key(|campaign| campaign.logins);
    let largest = largest.context("the attack was not recognised")?;
    anyhow::ensure!(largest.logins > tries / 2, "the attack was not recognised as one");
    say::line(format!(
        "a campaign from {} addresses: {} tries at {} customers in {seconds:.1} s; recognised: {} of them, {} customers entered",
        say::thousands(ADDRESSES),
        say::thousands(tries),
        say::thousands(size.customers.min(tries)),
        say::thousands(largest.logins),
        say::thousands(largest.entered.into()),
    ));
    tell(&before, &state.taken());
    Ok(())
}

/// A stranger abroad with a name of the list: from a new device each time, with one of a hundred clients.
fn guess(number: u64, first: u64, time: Time, size: Size) -> anyhow::Result<Observed> {
    let address = u32::try_from(number % ADDRESSES)?;
    let is_right = number % RIGHT == RIGHT - 1;
    let home = event(first + number, customer(number, size), EventKind::Login, time, false)?;
    let mut guess = Observed {
        ip: Some(Address::from(std::net::Ipv4Addr::from(0x2d00_0000 + address * 256 + 7))),
        device: Some(format!("made-up-{number}").parse()?),
        outcome: if is_right { Outcome::Succeeded } else { Outcome::Failed },
        credential: Some(if is_right { Credential::Correct } else { Credential::Wrong }),
        ..home
    };
    guess.place.country = Some(*b"CN");
    guess.place.asn = Some(4_134 + address % 50);
    if let Some(agent) = &mut guess.agent {
        agent.text = 9_000 + number % 100;
    }
    Ok(guess)
}

fn tell(before: &[KindTaken], after: &[KindTaken]) {
    let mut rows = vec![
        ["kind of record", "one customer's", "MiB", "shared", "MiB", "MiB by the attack", ""]
            .map(str::to_owned)
            .to_vec(),
    ];
    let grown = |one: Taken, other: Taken| other.bytes.saturating_sub(one.bytes);
    let (mut own, mut shared, mut attack) = (0, 0, 0);
    for (was, is) in before.iter().zip(after) {
        let by_attack = grown(was.own, is.own).saturating_add(grown(was.shared, is.shared));
        own += is.own.bytes;
        shared += is.shared.bytes;
        attack += by_attack;
        let [of_one, of_several] = [is.own, is.shared].map(|taken| say::thousands(taken.records));
        let row = [of_one, mib(is.own.bytes), of_several, mib(is.shared.bytes), mib(by_attack)];
        rows.push(std::iter::once(is.kind.to_owned()).chain(row).chain([String::new()]).collect());
    }
    let sum = [
        "together".to_owned(),
        String::new(),
        mib(own),
        String::new(),
        mib(shared),
        mib(attack),
        String::new(),
    ];
    rows.push(sum.to_vec());
    say::table(&rows);
    say::line(format!(
        "memory of the process: {} MiB; records {} MiB, the rest is for what changed and for the events themselves",
        mib(resident_bytes()),
        mib(own.saturating_add(shared))
    ));
    let held = if shared <= SHARED_MIB_MAX << 20 { "HELD" } else { "MISSED" };
    say::line(format!(
        "shared between customers: {} MiB (bar {} MiB): {held}",
        mib(shared),
        say::thousands(SHARED_MIB_MAX)
    ));
}

/// MiB with a tenth.
fn mib(bytes: u64) -> String {
    let tenths = (bytes.saturating_mul(10) + (1 << 19)) >> 20;
    format!("{}.{}", say::thousands(tenths / 10), tenths % 10)
}
