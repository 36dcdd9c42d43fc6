//! Live decisions: events weighed in memory, and the same through sequencer and journal, durable before they are answered.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::Context as _;
use engine::input::{Agent, Body, Kept, Place};
use engine::state::Outcome;
use engine::{Input, Observed, Policy, State};
use model::time::{DAY_US, SECOND_US};
use model::{Address, EventKind, Time};
use server::sequencer::{Ask, Handle, Options, start};

use super::{attack, median, single};
use crate::say;
use crate::session::Stopwatch;

/// Logins every customer has before anything is measured.
const LOGINS: u64 = 12;
/// 2020-01-01T00:00:00Z.
pub(super) const START_US: i64 = 1_577_836_800 * SECOND_US;
/// Asks on their way to the sequencer at once.
const OUTSTANDING: usize = 1_024;

/// How much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) customers: u64,
    pub(super) decisions: u64,
}

/// A customer's event: at home, with the own device, now and then from elsewhere.
pub(super) fn event(
    number: u64,
    customer: u64,
    kind: EventKind,
    time: Time,
    asked: bool,
) -> anyhow::Result<Observed> {
    let away = number.is_multiple_of(20);
    let home = u32::try_from(customer % 0x00ff_ffff)?;
    let ip = if away { 0x0b00_0000 + u32::try_from(number % 100_000)? } else { 0x0a00_0000 + home };
    let agent = customer % 200;
    Ok(Observed {
        id: format!("e-{number}").parse()?,
        time,
        kind,
        customer: Some(format!("C{customer:07}").parse()?),
        channel: Some(model::Channel::Web),
        outcome: model::Outcome::Succeeded,
        credential: Some(model::Credential::Correct),
        factor: None,
        ip: Some(Address::from(std::net::Ipv4Addr::from(ip))),
        device: Some(format!("d-{customer}").parse()?),
        ja4: None,
        session: Some(format!("s-{number}").parse()?),
        language: Some("ja".parse()?),
        agent: Some(Agent {
            text: 1_000 + agent,
            browser: 1 + agent % 40,
            system: 1 + agent % 10,
            device_type: 1 + agent % 2,
            automation: false,
        }),
        amount: None,
        balance_share_ppm: None,
        account: None,
        contact: None,
        order: None,
        payment: None,
        place: Place {
            country: Some(*b"JP"),
            asn: Some(64_500 + u32::try_from(customer % 50)?),
            ..Place::default()
        },
        kept: Kept::default(),
        asked,
    })
}

/// Every fifth event moves money, every hundredth changes the bank account, the rest are logins.
pub(super) const fn kind(number: u64) -> EventKind {
    match number % 100 {
        0 => EventKind::BankAccountChange,
        1..=20 => EventKind::Withdrawal,
        _ => EventKind::Login,
    }
}

/// A customer chosen by the number, spread over all.
pub(super) const fn customer(number: u64, size: Size) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size.customers
}

/// `engine::State::apply`, one core, the shipped policy; then what an attack on all customers takes.
pub(super) fn apply(size: Size, runs: usize) -> anyhow::Result<()> {
    let policy = Policy::compile(Policy::SHIPPED, 1)?;
    let mut state = State::default();
    let before = resident_bytes();
    let mut seq = 0;
    for login in 0..LOGINS {
        for customer in 0..size.customers {
            let days = i64::try_from(login)?.saturating_mul(7 * DAY_US);
            let time = Time::from_us(START_US.saturating_add(days)).context("in range")?;
            seq += 1;
            let event = event(customer * 20 + 1 + login, customer, EventKind::Login, time, false)?;
            state.apply(&policy, &Input { seq, time, body: Body::Event(Box::new(event)) });
        }
    }
    let bytes = resident_bytes().saturating_sub(before) / size.customers.max(1);
    let mut seconds = Vec::new();
    for run in 0..u64::try_from(runs)? {
        let time = Time::from_us(START_US.saturating_add(100 * DAY_US)).context("in range")?;
        let first = seq + 1;
        let inputs = (first..first.saturating_add(size.decisions)).map(|number| {
            let event = event(number + run, customer(number, size), kind(number), time, true)?;
            Ok(Input { seq: number, time, body: Body::Event(Box::new(event)) })
        });
        let inputs: Vec<Input> = inputs.collect::<anyhow::Result<_>>()?;
        let timer = Stopwatch::start();
        let decided =
            inputs.iter().filter(|input| matches!(state.apply(&policy, input), Outcome::Decided(_)));
        let decided = decided.count();
        seconds.push(timer.seconds());
        anyhow::ensure!(decided == inputs.len(), "every event was asked about");
        seq = state.seq();
    }
    let seconds = median(seconds);
    say::line(format!(
        "engine apply: {} customers with {LOGINS} logins ({bytes} bytes each, addresses and devices included), {} decisions, \
         median {seconds:.2} s, {:.0} decisions/s on one core",
        say::thousands(size.customers),
        say::thousands(size.decisions),
        per_second(size.decisions, seconds),
    ));
    single::run(&mut state, &policy, size)?;
    attack::run(&mut state, &policy, size)
}

/// Events in memory at once.
const MADE_AT_ONCE: usize = 100_000;
/// Customers of the durable benchmark are a fifth: each decides five times.
const DURABLE_PART: u64 = 5;

/// Through sequencer and journal, each answered when it is durable. Every customer has logged in once before.
pub(super) fn durable(size: Size, runs: usize) -> anyhow::Result<()> {
    let size = Size { customers: (size.customers / DURABLE_PART).max(1), ..size };
    let mut seconds = Vec::new();
    for _ in 0..runs {
        let folder = tempfile::tempdir().context("a temporary folder is needed")?;
        let data = store::DataFolder::open(&folder.path().join("data"))?;
        let now = Time::from_us(START_US.saturating_add(100 * DAY_US)).context("in range")?;
        let (sequencer, thread) = start(&data, Policy::SHIPPED, Arc::new(move || now), &Options::default())?;
        let before = Time::from_us(START_US).context("in range")?;
        ask_all(
            &sequencer,
            (0..size.customers).map(|number| event(number, number, EventKind::Login, before, false)),
        )?;
        let first = size.customers;
        let mut questions = (first..first + size.decisions)
            .map(|number| event(number, customer(number, size), kind(number), now, true))
            .peekable();
        let mut passed = 0.0;
        while questions.peek().is_some() {
            // Making events up is not what is measured.
            let made: Vec<_> = questions.by_ref().take(MADE_AT_ONCE).collect();
            let timer = Stopwatch::start();
            ask_all(&sequencer, made.into_iter())?;
            passed += timer.seconds();
        }
        seconds.push(passed);
        drop(sequencer);
        let _ended = thread.join();
    }
    let seconds = median(seconds);
    say::line(format!(
        "durable decisions: {} of {} customers, median {seconds:.2} s, {:.0} decisions/s in process",
        say::thousands(size.decisions),
        say::thousands(size.customers),
        per_second(size.decisions, seconds),
    ));
    Ok(())
}

/// Sends events, not too many at once, and waits for all answers.
pub(super) fn ask_all(
    sequencer: &Handle,
    events: impl Iterator<Item = anyhow::Result<Observed>>,
) -> anyhow::Result<()> {
    let mut waiting = VecDeque::with_capacity(OUTSTANDING);
    for event in events {
        let event = event?;
        let id = Some(event.id.as_str().to_owned());
        let (ask, answered) = Ask::new(id, [0; 16], Body::Event(Box::new(event)), true)?;
        sequencer.send_blocking(ask)?;
        waiting.push_back(answered);
        if waiting.len() >= OUTSTANDING
            && let Some(first) = waiting.pop_front()
        {
            first.blocking_recv()??;
        }
    }
    for answered in waiting {
        answered.blocking_recv()??;
    }
    Ok(())
}

fn per_second(count: u64, seconds: f64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / seconds.max(1e-9)
}

pub(super) fn resident_bytes() -> u64 {
    resident_bytes_of("self")
}

/// Memory of a process that is in use, as Linux tells it; 0 elsewhere.
pub(super) fn resident_bytes_of(process: &str) -> u64 {
    const PAGE_BYTES: u64 = 4_096;
    let told = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    told.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0).saturating_mul(PAGE_BYTES)
}
