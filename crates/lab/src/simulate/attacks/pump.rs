//! `jp-2025-pump`: hijacked accounts sell what they hold and buy a thinly traded security, whose price the attacker wants to
//! rise. No money leaves the broker, and no bank account changes.

use model::EventKind;
use model::details::OrderSide;

use super::{Planner, raid::Raid};
use crate::simulate::error::LabError;
use crate::simulate::visit::{SECURITIES, THIN};

/// Of a thousand victims, so many were phished in the minute before, and confirm the login.
const PHISHED_PERMILLE: u64 = 600;
/// Of those, so many also confirm what is asked of them when orders are placed.
const CONFIRMS_ORDERS_PERMILLE: u64 = 400;

pub(super) fn plan(planner: &mut Planner<'_>) -> Result<(), LabError> {
    let security = SECURITIES + planner.dice.below(THIN);
    let first = planner.day(150, 700);
    let first = planner.world.calendar.trading_day(first, 0);
    for victim in planner.victims(200, 200) {
        let worth = planner.worth(victim);
        let intruder = planner.intruder(victim);
        let mut raid = Raid::by(planner, victim, intruder)?;
        raid.holds_factor = planner.dice.permille(PHISHED_PERMILLE);
        let mut day = planner.world.calendar.trading_day(first, planner.dice.below(3));
        if planner.attacker.patience_days > 0 {
            // A look some days before: what is held decides what is worth it.
            let before = day.saturating_sub(planner.attacker.patience_days);
            raid.enter(planner, before, &[EventKind::ProfileView])?;
        }
        for _ in 0..planner.dice.between(1, 2) {
            let time = planner.time(day, (9, 14));
            let mut visit = raid.begin(planner, time)?;
            visit.browse(&mut planner.dice, 1);
            visit.holds_factor &= planner.dice.permille(CONFIRMS_ORDERS_PERMILLE);
            let (sells, buys) = (planner.dice.between(2, 6), planner.dice.between(3, 8));
            for _ in 0..sells {
                visit.order(&mut planner.dice, OrderSide::Sell, worth / sells)?;
            }
            for _ in 0..buys {
                visit.wait(&mut planner.dice, 5, 90);
                visit.order_of(security, OrderSide::Buy, worth / buys)?;
            }
            raid.end(planner, visit);
            day = planner.world.calendar.trading_day(day, 1);
        }
        planner.report(victim, None, day);
    }
    Ok(())
}
