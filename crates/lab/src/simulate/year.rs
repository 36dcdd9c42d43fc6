//! A year in which much befalls honest customers: a carrier gives its customers other addresses, everybody wants a new
//! issue, taxes are due, people retire and take their money out, families share a tablet. Must not know attacks.
//!
//! Drawn from streams of its own, so that without it everybody lives exactly as they would have.

use super::calendar::Calendar;
use super::clients::{Device, Slot};
use super::dice::{Dice, Stream};
use super::errands::{Errand, Task};
use super::networks::{NETWORKS, Purpose, Source};
use super::oddity::{Oddity, is_fresh};
use super::population::{Person, World, YEAR_DAYS};
use super::visit::{SECURITIES, THIN};

/// The new issue's number among securities; what attackers buy is another one.
const NEW_ISSUE: u64 = SECURITIES + 300;
/// Days on which everybody wants it.
const NEW_ISSUE_DAYS: u64 = 3;
/// Of a thousand sessions on these days, so many order it.
const NEW_ISSUE_PERMILLE: u64 = 180;
/// Of a thousand sessions of a telephone in a wireless network, so many leave it half-way.
const LEAVES_PERMILLE: u64 = 25;
/// Of a thousand sessions, so many order something that hardly anybody trades.
const THIN_PERMILLE: u64 = 5;
/// Of a thousand customers, so many retire in a year and take everything out.
const RETIRE_PERMILLE: u64 = 6;
/// Of those, so many name another bank account before.
const RETIRE_TO_NEW_ACCOUNT_PERMILLE: u64 = 350;
/// Of a thousand customers, so many withdraw for their taxes, between the middle of February and the middle of March.
const TAX_PERMILLE: u64 = 70;
/// Of a thousand households of several customers, so many have a tablet that all of them use.
const TABLET_PERMILLE: u64 = 400;
/// Of a thousand sessions of theirs, so many are on it.
const TABLET_SESSION_PERMILLE: u64 = 120;
/// Tax season in days after 1 January.
const TAX_FROM: u64 = 45;
const TAX_TO: u64 = 74;

/// What befalls many at once.
#[derive(Debug)]
pub(super) struct Year {
    /// The networks that renumber, and from which day on.
    renumbering: Vec<(u32, u64)>,
    new_issue_day: u64,
    tax_from: Vec<u64>,
}

impl Year {
    pub(super) fn draw(seed: u64, calendar: &Calendar) -> Self {
        let mut dice = Dice::new(seed, Stream::Year, 0);
        let (from, days) = (calendar.examined_from(), calendar.days());
        let mut renumbering = Vec::new();
        for purpose in [Purpose::Mobile, Purpose::Home] {
            let of_purpose: Vec<u32> = NETWORKS
                .iter()
                .filter(|network| network.purpose == purpose)
                .map(|network| network.asn)
                .collect();
            // The largest one moves rarely; any other may.
            let others = of_purpose.get(1..).unwrap_or_default();
            renumbering.push((dice.pick(others), dice.between(from, days)));
        }
        let new_issue_day = calendar.trading_day(dice.between(from, days), 0);
        let tax_from = (0..days).filter(|day| calendar.day_of_year(*day) == TAX_FROM).collect();
        Self { renumbering, new_issue_day, tax_from }
    }

    /// Whether a source's provider gave other addresses lately.
    pub(super) fn is_fresh(&self, source: Source, day: u64) -> bool {
        let moved = |(asn, from): &(u32, u64)| *asn == source.network.asn && is_fresh(*from, day);
        self.renumbering.iter().any(moved)
    }

    pub(super) fn renumbered(&self, source: Source, day: u64) -> Source {
        let moved = |(asn, from): &(u32, u64)| *asn == source.network.asn && day >= *from;
        if self.renumbering.iter().any(moved) { source.network.other_half(source.ip) } else { source }
    }
}

/// What befalls one customer in such a year; nothing in any other.
pub(super) struct Strange {
    dice: Option<Dice>,
    tablet: Option<Device>,
}

impl Strange {
    pub(super) fn new(world: &World, index: u64, person: &Person) -> Self {
        if world.year.is_none() {
            return Self { dice: None, tablet: None };
        }
        let several = world.household(person).filter(|household| household.members > 1);
        let tablet = several.and_then(|household| {
            let mut dice = Dice::new(world.seed, Stream::Tablet, household.number);
            dice.permille(TABLET_PERMILLE).then(|| Device::draw(&mut dice, Slot::Phone))
        });
        Self { dice: Some(Dice::new(world.seed, Stream::Strange, index)), tablet }
    }

    /// What there is to do beside everything else.
    pub(super) fn errands(&mut self, world: &World, person: &Person) -> Vec<Errand> {
        let (Some(dice), Some(year)) = (&mut self.dice, &world.year) else { return Vec::new() };
        let (days, from) = (world.calendar.days(), person.joined.unwrap_or(0));
        let mut errands = Vec::new();
        let mut add = |day: u64, task: Task, oddity: Oddity| {
            if (from..days).contains(&day) {
                errands.push(Errand { day, task, staffed: None, oddity: Some(oddity) });
            }
        };
        if dice.ppm(RETIRE_PERMILLE * 1_000 * days / YEAR_DAYS) {
            let day = dice.below(days);
            if dice.permille(RETIRE_TO_NEW_ACCOUNT_PERMILLE) {
                add(day.saturating_sub(dice.between(0, 14)), Task::BankChange, Oddity::TakesAll);
            }
            let parts = dice.between(1, 3);
            for part in 0..parts {
                let share_ppm = 1_000_000 / (parts - part);
                add(day + part * dice.between(1, 20), Task::Withdraw { share_ppm }, Oddity::TakesAll);
            }
        }
        for season in &year.tax_from {
            if dice.permille(TAX_PERMILLE) {
                let share_ppm = dice.between(10_000, 200_000);
                add(season + dice.below(TAX_TO - TAX_FROM), Task::Withdraw { share_ppm }, Oddity::Taxes);
            }
        }
        errands
    }

    /// The family's tablet, in those sessions in which it is used.
    pub(super) fn tablet(&mut self) -> Option<Device> {
        let tablet = self.tablet?;
        let used = self.dice.as_mut().is_some_and(|dice| dice.permille(TABLET_SESSION_PERMILLE));
        used.then_some(tablet)
    }

    /// Whether a telephone leaves the wireless network during a session, and goes on over its carrier.
    pub(super) fn leaves_wireless(&mut self) -> bool {
        self.dice.as_mut().is_some_and(|dice| dice.permille(LEAVES_PERMILLE))
    }

    /// What makes an order of such a security look strange.
    pub(super) const fn oddity(number: u64) -> Oddity {
        if number == NEW_ISSUE { Oddity::NewIssue } else { Oddity::ThinSymbol }
    }

    /// The new issue, or a security that hardly anybody trades, in those sessions in which one is ordered.
    pub(super) fn whim(&mut self, world: &World, day: u64) -> Option<u64> {
        let (dice, year) = (self.dice.as_mut()?, world.year.as_ref()?);
        if dice.permille(THIN_PERMILLE) {
            return Some(SECURITIES + dice.below(THIN));
        }
        let days = year.new_issue_day..year.new_issue_day + NEW_ISSUE_DAYS;
        (days.contains(&day) && dice.permille(NEW_ISSUE_PERMILLE)).then_some(NEW_ISSUE)
    }
}
