//! Passwords tried over many customers without noise: `password-spray`, a few common passwords over everybody in three
//! nights, and `slow-stuffing`, lists of other sites' users at a few tries an address and day over two weeks. What is found
//! is used.

use super::campaign::Campaign;
use super::raid::Raid;
use super::{Intruder, Planner};
use crate::simulate::error::LabError;
use crate::simulate::networks::Source;

/// Nights of a spray.
const SPRAY_NIGHTS: u64 = 3;
/// Tries of an address of a spray, about.
const SPRAY_TRIES: u64 = 25;
/// Days of a slow campaign.
const SLOW_DAYS: u64 = 14;
/// Tries of an address of a slow campaign over all its days, about.
const SLOW_TRIES: u64 = 8;

pub(super) fn spray(planner: &mut Planner<'_>) -> Result<(), LabError> {
    let customers = planner.world.customers();
    let from = planner.day(100, 500);
    let to = from + SPRAY_NIGHTS - 1;
    let sources = sources(planner, customers / SPRAY_TRIES);
    let campaign = Campaign::new(planner, &sources, (from, to));
    let found = planner.victims(40, 400);
    for customer in 0..customers {
        if planner.dice.permille(800) {
            campaign.guess(planner, customer, (1, false))?;
        }
    }
    use_what_was_found(planner, &campaign, &found, to)
}

pub(super) fn slow(planner: &mut Planner<'_>) -> Result<(), LabError> {
    let customers = planner.world.customers();
    let from = planner.day(50, 300);
    let to = from + SLOW_DAYS;
    let guesses = customers * 6 / 5;
    let sources = sources(planner, guesses / SLOW_TRIES);
    let campaign = Campaign::new(planner, &sources, (from, to));
    let found = planner.victims(40, 400);
    campaign.spray(planner, guesses)?;
    use_what_was_found(planner, &campaign, &found, to)
}

/// So many addresses of the attacker's ways. Nobody is near all victims, so a neighbour's is any home here.
fn sources(planner: &mut Planner<'_>, number: u64) -> Vec<Source> {
    let customers = planner.world.customers();
    (0..number.max(5))
        .map(|_| {
            let anybody = planner.dice.below(customers);
            planner.proxy(anybody)
        })
        .collect()
}

fn use_what_was_found(
    planner: &mut Planner<'_>,
    campaign: &Campaign,
    found: &[u64],
    to: u64,
) -> Result<(), LabError> {
    for victim in found {
        let day = to + 1 + planner.dice.between(0, 3);
        campaign.find_before(planner, *victim, day)?;
        let intruder: Intruder = planner.intruder(*victim);
        let mut raid = Raid::by(planner, *victim, intruder)?;
        let last = raid.rob(planner, day)?;
        planner.report(*victim, None, last);
    }
    Ok(())
}
