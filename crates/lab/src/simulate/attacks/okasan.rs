//! `okasan-2020`: 208 accounts entered within two days from Chinese and Malaysian addresses, many more locked by wrong
//! passwords. A separate trading password kept the money: the few changes of bank accounts that were tried failed.

use model::time::DAY_US;
use model::{EventKind, Time};

use super::campaign::Campaign;
use super::{Intruder, Planner};
use crate::simulate::error::LabError;
use crate::simulate::life::name;
use crate::simulate::networks::{Network, Purpose, Source};
use crate::simulate::visit::bank_account;

/// Accounts entered.
const ENTERED: u64 = 208;

pub(super) fn plan(planner: &mut Planner<'_>) -> Result<(), LabError> {
    let day = planner.day(830, 870);
    let sources: Vec<Source> = (0..40).map(|_| from_china_or_malaysia(planner)).collect();
    let campaign = Campaign::new(planner, &sources, (day, day + 1));
    let victims = planner.victims(ENTERED, 20);
    let mut found = Vec::new();
    for victim in victims {
        let wrong = planner.dice.quantile(&[(0, 0), (500, 1), (1_000, 4)]);
        found.push((victim, campaign.guess(planner, victim, (wrong, true))?));
    }
    for _ in 0..found.len() * 2 {
        let customer = planner.dice.below(planner.world.customers());
        let wrong = planner.dice.between(1, 6);
        campaign.guess(planner, customer, (wrong, false))?;
        campaign.miss(planner)?;
    }
    for known in found.iter().step_by(40) {
        let source = from_china_or_malaysia(planner);
        try_bank_account(planner, *known, source, day)?;
    }
    Ok(())
}

/// Not before the password was found.
fn try_bank_account(
    planner: &mut Planner<'_>,
    (victim, found): (u64, Option<Time>),
    source: Source,
    day: u64,
) -> Result<(), LabError> {
    planner.leave_trace(source);
    let intruder = Intruder::person(&mut planner.dice, source);
    let later = day + planner.dice.between(1, 3);
    let time = planner.time(later, (8, 23));
    let time = if found.is_some_and(|found| time <= found) { time.plus_us(DAY_US) } else { time };
    let holder = name(planner.world, victim)?;
    let account = bank_account(&mut planner.dice, holder)?;
    let mut visit = planner.visit(&intruder, time)?;
    visit.login(None);
    visit.plain(&mut planner.dice, EventKind::ProfileView);
    for _ in 0..planner.dice.between(1, 3) {
        visit.bank(&mut planner.dice, EventKind::BankAccountChange, &account, Some("trading_password"));
    }
    planner.add(Some(victim), visit);
    Ok(())
}

fn from_china_or_malaysia(planner: &mut Planner<'_>) -> Source {
    loop {
        let source = Network::choose(&mut planner.dice, Purpose::Abroad).any(&mut planner.dice);
        if [*b"CN", *b"MY"].contains(&source.network.country) {
            return source;
        }
    }
}
