//! `sbi-2020`: passwords found by stuffing over weeks; holdings sold; money withdrawn to accounts that carry the victims'
//! own names. Six accounts lost 98.64 million yen, one of them 33.7 million in four withdrawals after its password was
//! changed; five more were sold down, and stopped in time.

use std::rc::Rc;

use model::details::{ContactType, OrderSide};
use model::{BankAccount, EventKind, Time};

use super::campaign::Campaign;
use super::{Intruder, Planner, hosting, vpn};
use crate::simulate::dice::{count, place};
use crate::simulate::error::LabError;
use crate::simulate::life::name;
use crate::simulate::networks::Source;
use crate::simulate::population::World;
use crate::simulate::visit::{Visit, bank_account};

/// What was withdrawn from each drained account, in yen.
pub(super) const WITHDRAWN: &[&[u64]] = &[
    &[9_000_000, 8_500_000, 8_200_000, 8_000_000],
    &[11_300_000, 10_000_000],
    &[6_000_000, 5_240_000, 5_000_000],
    &[7_400_000, 5_000_000],
    &[9_000_000],
    &[6_000_000],
];
/// Accounts that were sold down, but from which nothing was withdrawn.
const SOLD_ONLY: u64 = 5;

pub(super) fn plan(planner: &mut Planner<'_>) -> Result<(), LabError> {
    let customers = planner.world.customers();
    let from = planner.day(40, 40);
    let to = planner.day(560, 560);
    let mut sources: Vec<Source> = Vec::new();
    for _ in 0..60 {
        let dice = &mut planner.dice;
        sources.push(match dice.below(100) {
            0..58 => hosting(dice),
            58..82 => vpn(dice),
            _ => World::some_home(dice),
        });
    }
    let campaign = Campaign::new(planner, &sources, (from, to));
    campaign.spray(planner, customers * 3 / 5)?;
    // Some passwords fit, and nothing comes of it.
    for customer in planner.victims(customers / 1_000, 1_000) {
        campaign.guess(planner, customer, (0, true))?;
    }
    let pool = draw_pool(planner);
    let drained = planner.victims(count(WITHDRAWN.len()), 300);
    let sold = planner.victims(SOLD_ONLY, 300);
    for (number, victim) in (0..).zip(drained) {
        let amounts = WITHDRAWN.get(number).copied().unwrap_or_default();
        let had = amounts.iter().sum::<u64>() * planner.dice.between(1_010, 1_120) / 1_000;
        planner.world.set_balance(victim, had);
        Takeover { victim, amounts, had, changes_password: number == 0 }.plan(planner, &campaign, &pool)?;
    }
    for victim in sold {
        let had = planner.worth(victim);
        Takeover { victim, amounts: &[], had, changes_password: false }.plan(planner, &campaign, &pool)?;
    }
    Ok(())
}

/// The few addresses from which the accounts are emptied.
fn draw_pool(planner: &mut Planner<'_>) -> Vec<Source> {
    let dice = &mut planner.dice;
    let pool = vec![vpn(dice), vpn(dice), hosting(dice), World::some_home(dice), World::some_home(dice)];
    for source in &pool {
        planner.leave_trace(*source);
    }
    pool
}

struct Takeover<'a> {
    victim: u64,
    /// Withdrawn in this order; none where it was stopped before.
    amounts: &'a [u64],
    /// Balance before.
    had: u64,
    changes_password: bool,
}

impl Takeover<'_> {
    fn plan(&self, planner: &mut Planner<'_>, campaign: &Campaign, pool: &[Source]) -> Result<(), LabError> {
        let day = planner.day(200, 720);
        let day = planner.world.calendar.trading_day(day, 0);
        campaign.find_before(planner, self.victim, day)?;
        let source = choose(planner, pool);
        let mut intruder = Intruder::person(&mut planner.dice, source);
        // The account was opened with forged papers in the victim's name.
        let holder = name(planner.world, self.victim)?;
        let account = bank_account(&mut planner.dice, holder)?;
        let locked_from = self.prepare(planner, &intruder, &account, day)?;
        let mut day = day;
        for _ in 0..planner.dice.between(1, 3) {
            day = planner.world.calendar.trading_day(day, 1);
            if planner.dice.permille(300) {
                intruder.source = choose(planner, pool);
            }
            self.sell(planner, &intruder, day)?;
        }
        // Money of a sale is there two trading days later.
        let settled = planner.world.calendar.trading_day(day, 2);
        let last = self.withdraw(planner, &intruder, &account, settled)?;
        planner.report(self.victim, locked_from, last);
        Ok(())
    }

    /// The first evening: a look, the contact, the password, the bank account; or the account a day later.
    fn prepare(
        &self,
        planner: &mut Planner<'_>,
        intruder: &Intruder,
        account: &Rc<BankAccount>,
        day: u64,
    ) -> Result<Option<Time>, LabError> {
        let time = planner.time(day, (8, 21));
        let mut visit = planner.visit(intruder, time)?;
        self.look_around(planner, &mut visit);
        if self.changes_password || planner.dice.permille(550) {
            visit.contact(&mut planner.dice, ContactType::Email);
        }
        let changes_password = self.changes_password || planner.dice.permille(550);
        if changes_password {
            visit.plain(&mut planner.dice, EventKind::PasswordChange);
        }
        let locked_from = changes_password.then_some(time);
        if planner.dice.permille(400) {
            planner.add(Some(self.victim), visit);
            let time = planner.time(day + 1, (8, 21));
            visit = planner.visit(intruder, time)?;
            visit.login(None);
        }
        visit.bank(&mut planner.dice, EventKind::BankAccountChange, account, None);
        planner.add(Some(self.victim), visit);
        Ok(locked_from)
    }

    /// What an account is worth is judged in minutes.
    fn look_around(&self, planner: &mut Planner<'_>, visit: &mut Visit) {
        let dice = &mut planner.dice;
        visit.login(None);
        let pages = dice.between(1, 4);
        visit.browse(dice, pages);
        visit.plain(dice, EventKind::ProfileView);
    }

    fn sell(&self, planner: &mut Planner<'_>, intruder: &Intruder, day: u64) -> Result<(), LabError> {
        let time = planner.time(day, (9, 14));
        let mut visit = planner.visit(intruder, time)?;
        visit.login(None);
        for _ in 0..planner.dice.between(2, 5) {
            visit.order(&mut planner.dice, OrderSide::Sell, self.had / 6)?;
        }
        planner.add(Some(self.victim), visit);
        Ok(())
    }

    /// One or two withdrawals a day; gives the last day.
    fn withdraw(
        &self,
        planner: &mut Planner<'_>,
        intruder: &Intruder,
        account: &Rc<BankAccount>,
        first_day: u64,
    ) -> Result<u64, LabError> {
        let mut day = first_day;
        let mut left = self.had;
        for amounts in self.amounts.chunks(2) {
            let time = planner.time(day, (8, 16));
            let mut visit = planner.visit(intruder, time)?;
            visit.login(None);
            for amount in amounts {
                let share_ppm = amount * 1_000_000 / left.max(1);
                left = left.saturating_sub(*amount);
                visit.pay_out(&mut planner.dice, EventKind::Withdrawal, account, (*amount, share_ppm));
            }
            planner.add(Some(self.victim), visit);
            day = planner.world.calendar.trading_day(day, 1);
        }
        Ok(day)
    }
}

fn choose(planner: &mut Planner<'_>, pool: &[Source]) -> Source {
    let number = planner.dice.below(count(pool.len()));
    pool.get(place(number)).copied().unwrap_or_else(|| hosting(&mut planner.dice))
}
