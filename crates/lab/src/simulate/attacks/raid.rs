//! One victim, robbed step by step: entered, the bank account changed, money taken. Most attacks end in this, whatever gave
//! them the password; so does `mule-ring`, where several victims' money goes to the same few bank accounts.

use std::rc::Rc;

use model::details::ContactType;
use model::time::DAY_US;
use model::{BankAccount, EventKind, Time};

use super::{Intruder, Planner};
use crate::simulate::dice::{count, place};
use crate::simulate::error::LabError;
use crate::simulate::life::name;
use crate::simulate::networks::Source;
use crate::simulate::visit::{Visit, bank_account};

/// Withdrawals that an attacker who stays below a limit makes at most.
const PARTS_MAX: u64 = 4;
/// Days between such withdrawals at most: by then the victim will have looked.
const PARTS_DAYS_MAX: u64 = 3;
/// Bank accounts of a ring.
const MULES: usize = 3;

/// One victim, who robs them, and where the money goes.
pub(super) struct Raid {
    pub(super) victim: u64,
    pub(super) intruder: Intruder,
    pub(super) account: Rc<BankAccount>,
    /// Whether the attacker can prove to be the victim.
    pub(super) holds_factor: bool,
    /// When the visit before was over: whoever robs does one thing after the other.
    free_from: Option<Time>,
}

impl Raid {
    /// A person at home somewhere, and an account in the victim's own name.
    pub(super) fn at_home(planner: &mut Planner<'_>, victim: u64, source: Source) -> Result<Self, LabError> {
        planner.leave_trace(source);
        let intruder = Intruder::person(&mut planner.dice, source);
        Self::by(planner, victim, intruder)
    }

    /// The same by somebody given.
    pub(super) fn by(planner: &mut Planner<'_>, victim: u64, intruder: Intruder) -> Result<Self, LabError> {
        let holder = name(planner.world, victim)?;
        let account = bank_account(&mut planner.dice, holder)?;
        Ok(Self { victim, intruder, account, holds_factor: false, free_from: None })
    }

    /// A session of the intruder, in which nothing was done yet; at the same hour of a later day if the one before is not over.
    pub(super) fn visit(&self, planner: &mut Planner<'_>, time: Time) -> Result<Visit, LabError> {
        let mut time = time;
        while self.free_from.is_some_and(|free_from| time <= free_from) {
            time = time.plus_us(DAY_US);
        }
        let mut visit = planner.visit(&self.intruder, time)?;
        visit.holds_factor = self.holds_factor;
        Ok(visit)
    }

    /// Enters; what follows is up to the caller.
    pub(super) fn begin(&self, planner: &mut Planner<'_>, time: Time) -> Result<Visit, LabError> {
        let mut visit = self.visit(planner, time)?;
        visit.login(None);
        Ok(visit)
    }

    /// The visit is over, as it was meant.
    pub(super) fn end(&mut self, planner: &mut Planner<'_>, visit: Visit) {
        let last = visit.drafts.iter().map(|draft| draft.time).max();
        self.free_from = self.free_from.max(last);
        planner.add(Some(self.victim), visit);
    }

    /// Enters and looks; then does what `kinds` say.
    pub(super) fn enter(
        &mut self,
        planner: &mut Planner<'_>,
        day: u64,
        kinds: &[EventKind],
    ) -> Result<Time, LabError> {
        let time = planner.time(day, (8, 22));
        let mut visit = self.begin(planner, time)?;
        let dice = &mut planner.dice;
        let pages = dice.between(1, 5);
        visit.browse(dice, pages);
        for kind in kinds {
            match kind {
                EventKind::BankAccountChange | EventKind::BankAccountRegister => {
                    visit.bank(dice, *kind, &self.account, None);
                }
                EventKind::ContactChange => {
                    let contact = if dice.permille(700) { ContactType::Email } else { ContactType::Phone };
                    visit.contact(dice, contact);
                }
                other => visit.plain(dice, *other),
            }
        }
        self.end(planner, visit);
        Ok(time)
    }

    /// Enters and withdraws; `left` is what is there before.
    pub(super) fn withdraw(
        &mut self,
        planner: &mut Planner<'_>,
        day: u64,
        (amount, left): (u64, u64),
    ) -> Result<(), LabError> {
        let time = planner.time(day, (8, 16));
        let mut visit = self.begin(planner, time)?;
        visit.browse(&mut planner.dice, 1);
        let share_ppm = (amount * 1_000_000 / left.max(1)).min(1_000_000);
        visit.pay_out(&mut planner.dice, EventKind::Withdrawal, &self.account, (amount, share_ppm));
        self.end(planner, visit);
        Ok(())
    }

    /// The whole of it from a day on, with the attacker's patience and greed; gives the last day.
    pub(super) fn rob(&mut self, planner: &mut Planner<'_>, day: u64) -> Result<u64, LabError> {
        let (patience, amount_max) = (planner.attacker.patience_days, planner.attacker.amount_max_jpy);
        let mut day = day;
        if patience > 0 {
            self.enter(planner, day, &[EventKind::ProfileView])?;
            day += patience;
        }
        self.enter(planner, day, &[EventKind::BankAccountChange])?;
        day += patience.max(1);
        self.take(planner, day, amount_max)
    }

    /// Withdraws from a day on: once what is worth it, or in parts below a limit. Gives the last day.
    pub(super) fn take(
        &mut self,
        planner: &mut Planner<'_>,
        day: u64,
        amount_max: Option<u64>,
    ) -> Result<u64, LabError> {
        let had = planner.worth(self.victim);
        let mut wanted = had * planner.dice.between(600, 960) / 1_000;
        let (mut left, mut day) = (had, day);
        for _ in 0..PARTS_MAX {
            let amount =
                amount_max.map_or(wanted, |max| wanted.min(max * planner.dice.between(800, 990) / 1_000));
            if amount == 0 {
                break;
            }
            self.withdraw(planner, day, (amount, left))?;
            wanted -= amount;
            left -= amount;
            day += planner.attacker.patience_days.clamp(1, PARTS_DAYS_MAX);
        }
        Ok(day)
    }
}

/// `mule-ring`: passwords bought somewhere, a few mules' accounts at a bank that does not check whose name is given.
pub(super) fn mule_ring(planner: &mut Planner<'_>) -> Result<(), LabError> {
    let mut mules = Vec::new();
    for _ in 0..MULES {
        let holder = name(planner.world, planner.world.customers())?;
        mules.push(bank_account(&mut planner.dice, holder)?);
    }
    let mut day = planner.day(50, 150);
    for victim in planner.victims(60, 160) {
        let intruder = planner.intruder(victim);
        let mut raid = Raid::by(planner, victim, intruder)?;
        let mule = planner.dice.below(count(mules.len()));
        if let Some(mule) = mules.get(place(mule)) {
            let holder = Some(name(planner.world, victim)?);
            raid.account = Rc::new(BankAccount { holder, ..BankAccount::clone(mule) });
        }
        // Half of the ring's passwords come with a victim who confirms what is asked: they were phished.
        raid.holds_factor = planner.dice.permille(500);
        let last = raid.rob(planner, day)?;
        planner.report(victim, None, last);
        day += planner.dice.between(0, 2);
    }
    Ok(())
}
