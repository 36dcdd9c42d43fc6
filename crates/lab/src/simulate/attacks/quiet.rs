//! Attacks without noise: single victims, passwords known beforehand, addresses that look like home, and patience.
//!
//! `gmo-2020`: one account, 1.49 million yen. `quiet-takeover`: days between entering, changing the bank account and
//! withdrawing. `quiet-address`: the contact first, so that notices go astray, and small withdrawals weeks later.

use model::EventKind;

use super::raid::Raid;
use super::{Planner, vpn};
use crate::simulate::error::LabError;
use crate::simulate::population::World;

/// What was lost at `gmo-2020`, in yen.
pub(super) const GMO_LOSS_JPY: u64 = 1_490_000;
/// A withdrawal of this much needs no call back, so patient attackers stay below.
const UNASKED_JPY: u64 = 500_000;

pub(super) fn gmo(planner: &mut Planner<'_>) -> Result<(), LabError> {
    let Some(victim) = planner.victim() else { return Ok(()) };
    let had = GMO_LOSS_JPY * planner.dice.between(1_050, 1_600) / 1_000;
    planner.world.set_balance(victim, had);
    let source =
        if planner.dice.permille(500) { vpn(&mut planner.dice) } else { World::some_home(&mut planner.dice) };
    let mut raid = Raid::at_home(planner, victim, source)?;
    let day = planner.day(500, 800);
    raid.enter(planner, day, &[EventKind::ProfileView])?;
    let changed = day + planner.dice.between(0, 1);
    raid.enter(planner, changed, &[EventKind::BankAccountChange])?;
    let paid = planner.world.calendar.trading_day(changed + 1, planner.dice.between(0, 2));
    raid.withdraw(planner, paid, (GMO_LOSS_JPY, had))?;
    planner.report(victim, None, paid);
    Ok(())
}

pub(super) fn takeovers(planner: &mut Planner<'_>) -> Result<(), LabError> {
    for victim in planner.victims(4, 4_000) {
        let had = planner.worth(victim);
        let source = World::some_home(&mut planner.dice);
        let mut raid = Raid::at_home(planner, victim, source)?;
        let mut day = planner.day(50, 600);
        raid.enter(planner, day, &[])?;
        for _ in 0..planner.dice.between(1, 3) {
            day += planner.dice.between(1, 3);
            raid.enter(planner, day, &[])?;
        }
        day += planner.dice.between(1, 3);
        raid.enter(planner, day, &[EventKind::BankAccountChange])?;
        day += planner.dice.between(2, 7);
        let amount = had * planner.dice.between(500, 960) / 1_000;
        raid.withdraw(planner, day, (amount, had))?;
        planner.report(victim, None, day);
    }
    Ok(())
}

pub(super) fn addresses(planner: &mut Planner<'_>) -> Result<(), LabError> {
    for victim in planner.victims(4, 4_000) {
        let mut left = planner.worth(victim);
        let source = World::some_home(&mut planner.dice);
        let mut raid = Raid::at_home(planner, victim, source)?;
        let mut day = planner.day(50, 500);
        raid.enter(planner, day, &[EventKind::ProfileView, EventKind::ContactChange])?;
        day += planner.dice.between(1, 10);
        raid.enter(planner, day, &[EventKind::BankAccountChange])?;
        day += planner.dice.between(3, 12);
        for _ in 0..planner.dice.between(2, 6) {
            let amount = (UNASKED_JPY * planner.dice.between(700, 1_000) / 1_000).min(left);
            if amount == 0 {
                break;
            }
            raid.withdraw(planner, day, (amount, left))?;
            left -= amount;
            day += planner.dice.between(1, 4);
        }
        planner.report(victim, None, day);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::simulate::attacks::sbi::WITHDRAWN;

    #[test]
    fn losses_are_those_of_the_record() {
        let losses: Vec<u64> = WITHDRAWN.iter().map(|amounts| amounts.iter().sum()).collect();
        assert_eq!((losses.len(), losses.iter().sum::<u64>()), (6, 98_640_000));
        assert_eq!((WITHDRAWN[0].len(), losses[0]), (4, 33_700_000));
        assert_eq!(super::GMO_LOSS_JPY, 1_490_000);
    }
}
