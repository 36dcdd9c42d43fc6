//! The warm sweep: procedures by the ledger of a sequencer that has many customers, results written.

use std::sync::Arc;

use anyhow::Context as _;
use engine::Policy;
use history::procedures::Examined;
use history::rows::Recorded;
use history::sweep::Window;
use intel::Intel;
use model::time::DAY_US;
use model::{EventKind, Procedure, Time};
use server::ledger::sweep;
use server::sequencer::{Options, start};

use super::decide::{START_US, Size, ask_all, customer, event};
use super::median;
use crate::say;
use crate::session::{Session, Stopwatch};

/// As many as au Kabucom had to examine in September 2020.
const PROCEDURES: u64 = 10_005;
/// Days between a customer's login and the procedure.
const DAYS: i64 = 100;

/// Every customer has logged in once, nineteen of twenty from where their procedure comes.
pub(super) fn run(size: Size, runs: usize, session: &Session) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("a temporary folder is needed")?;
    let data = store::DataFolder::open(&folder.path().join("data"))?;
    let now = Time::from_us(START_US.saturating_add(DAYS * DAY_US)).context("in range")?;
    let (sequencer, thread) = start(&data, Policy::SHIPPED, Arc::new(move || now), &Options::default())?;
    let before = Time::from_us(START_US).context("in range")?;
    let logins = 0..size.customers;
    ask_all(&sequencer, logins.map(|number| event(number, number, EventKind::Login, before, false)))?;

    let examined: Vec<Examined> =
        (0..PROCEDURES).map(|number| procedure(number, size, now)).collect::<anyhow::Result<_>>()?;
    // A customer's first event is away from home where their number is a multiple of twenty.
    let at_home = (0..PROCEDURES).filter(|number| !customer(*number, size).is_multiple_of(20));
    let at_home = u64::try_from(at_home.count())?;
    let window = Window::around(&examined, None, None, None);
    let mut seconds = Vec::new();
    for run in 0..runs {
        let out = folder.path().join(format!("warm-{run}"));
        let timer = Stopwatch::start();
        let to = (out.as_path(), false);
        let summary = session.watched("warm sweep", false, |watch| {
            sweep(&sequencer, &examined, &Intel::none(), window, to, watch)
        })?;
        seconds.push(timer.seconds());
        anyhow::ensure!(
            (summary.certain, summary.uncertain) == (at_home, PROCEDURES - at_home),
            "the ledger is certain of {} procedures, not of {at_home}",
            summary.certain
        );
    }
    drop(sequencer);
    let _ended = thread.join();
    say::line(format!(
        "warm sweep: {} procedures of {} customers, {} certain, median {:.3} s, results written (bar 0.2 s)",
        say::thousands(PROCEDURES),
        say::thousands(size.customers),
        say::thousands(at_home),
        median(seconds),
    ));
    Ok(())
}

fn procedure(number: u64, size: Size, time: Time) -> anyhow::Result<Examined> {
    let customer = customer(number, size);
    // From home: its number is no multiple of twenty.
    let made = event(customer * 20 + 1, customer, EventKind::BankAccountChange, time, false)?;
    let procedure = Procedure {
        id: format!("p-{number}").parse()?,
        customer: made.customer.context("a customer")?,
        time,
        kind: made.kind,
        ip: made.ip,
        device: made.device,
    };
    Ok(Examined { procedure, recorded: Recorded::default() })
}
