//! Passwords tried by programs from many addresses over many customers: credential stuffing, and the background of it
//! that never stops. Must not know what becomes of the passwords that are found.

use model::{Credential, EventKind, Outcome, Time};

use super::{Intruder, Planner, hosting, vpn};
use crate::simulate::dice::{count, place};
use crate::simulate::error::LabError;
use crate::simulate::networks::{Source, tor_exit};
use crate::simulate::population::{Carrier, World, YEAR_DAYS};
use crate::simulate::visit::Details;

/// Most guesses of one campaign: what is planned is held in memory.
const GUESSES_MAX: u64 = 60_000;

/// Some hours in which one address is at work.
#[derive(Debug, Clone, Copy)]
struct Shift {
    host: Intruder,
    day: u64,
    from_hour: u64,
    hours: u64,
}

/// A campaign of programs.
pub(super) struct Campaign {
    shifts: Vec<Shift>,
}

impl Campaign {
    /// A program on each of `sources`, at work in some shifts between two days, both included.
    pub(super) fn new(planner: &mut Planner<'_>, sources: &[Source], (from, to): (u64, u64)) -> Self {
        let mut shifts = Vec::new();
        for source in sources {
            planner.leave_trace(*source);
            let host = Intruder::program(&mut planner.dice, *source);
            for _ in 0..planner.dice.between(1, 6) {
                let day = planner.dice.between(from, to);
                let from_hour = planner.dice.below(20);
                shifts.push(Shift { host, day, from_hour, hours: planner.dice.between(1, 4) });
            }
        }
        Self { shifts }
    }

    /// One guess: so many wrong passwords for a customer, then the right one if it was found. Gives when it was over.
    pub(super) fn guess(
        &self,
        planner: &mut Planner<'_>,
        customer: u64,
        (wrong, found): (u64, bool),
    ) -> Result<Option<Time>, LabError> {
        let any = planner.dice.below(count(self.shifts.len()));
        self.guess_in(planner, any, customer, (wrong, found))
    }

    /// The same no later than on `day`, in the latest shift before it: what is found is used soon.
    pub(super) fn find_before(
        &self,
        planner: &mut Planner<'_>,
        customer: u64,
        day: u64,
    ) -> Result<(), LabError> {
        let earlier = (0..).zip(&self.shifts).filter(|(_, shift)| shift.day < day);
        let latest = earlier.max_by_key(|(_, shift)| shift.day).map_or(0, |(number, _)| number);
        self.guess_in(planner, latest, customer, (0, true))?;
        Ok(())
    }

    fn guess_in(
        &self,
        planner: &mut Planner<'_>,
        shift: u64,
        customer: u64,
        (wrong, found): (u64, bool),
    ) -> Result<Option<Time>, LabError> {
        let Some(shift) = self.shifts.get(place(shift)) else { return Ok(None) };
        let time = planner.time(shift.day, (shift.from_hour, shift.from_hour + shift.hours - 1));
        let mut visit = planner.visit(&shift.host, time)?;
        for number in 0..wrong {
            visit.wrong_password(if number < 4 { "wrong_password" } else { "locked" });
            visit.wait(&mut planner.dice, 1, 12);
        }
        if found {
            visit.login(None);
            if planner.dice.permille(300) {
                visit.plain(&mut planner.dice, EventKind::ProfileView);
            }
        }
        let over = visit.drafts.iter().map(|draft| draft.time).max();
        planner.add(Some(customer), visit);
        Ok(over)
    }

    /// A guess with a name that nobody has.
    pub(super) fn miss(&self, planner: &mut Planner<'_>) -> Result<(), LabError> {
        let any = planner.dice.below(count(self.shifts.len()));
        let Some(shift) = self.shifts.get(place(any)) else { return Ok(()) };
        let time = planner.time(shift.day, (shift.from_hour, shift.from_hour + shift.hours - 1));
        let mut visit = planner.visit(&shift.host, time)?;
        let details = Details {
            credential: Some(Credential::UnknownUser),
            reason: Some("unknown_user"),
            username: Some(planner.dice.next()),
            ..Details::default()
        };
        visit.add(EventKind::Login, Outcome::Failed, details);
        planner.add(None, visit);
        Ok(())
    }

    /// So many guesses over all customers, a third of them with a customer's name, all of them wrong.
    pub(super) fn spray(&self, planner: &mut Planner<'_>, guesses: u64) -> Result<(), LabError> {
        for _ in 0..guesses.min(GUESSES_MAX) {
            if planner.dice.permille(333) {
                let customer = planner.dice.below(planner.world.customers());
                self.guess(planner, customer, (1, false))?;
            } else {
                self.miss(planner)?;
            }
        }
        Ok(())
    }
}

/// What every broker sees: now and then somebody tries some names from somewhere.
pub(super) fn background(planner: &mut Planner<'_>) -> Result<(), LabError> {
    let (customers, days) = (planner.world.customers(), planner.world.calendar.days());
    let mut left = (customers * 3 / 10 * days / YEAR_DAYS).clamp(10, GUESSES_MAX);
    while left > 0 {
        let dice = &mut planner.dice;
        let source = match dice.below(100) {
            0..45 => hosting(dice),
            45..65 => vpn(dice),
            65..75 => tor_exit(dice.next()),
            75..90 => World::some_home(dice),
            _ => Carrier::anybody(dice, customers),
        };
        let guesses = dice.quantile(&[(0, 1), (500, 4), (900, 15), (1_000, 60)]).min(left);
        let day = dice.below(days);
        Campaign::new(planner, &[source], (day, day)).spray(planner, guesses)?;
        left -= guesses;
    }
    Ok(())
}
