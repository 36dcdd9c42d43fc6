//! The simulated brokerage lived day by day, for whoever answers while it happens: what customers do today, in order of time,
//! and what attackers intend. Must not know how anything is answered.
//!
//! Nothing is written, and memory does not grow with days: a few hundred bytes a customer, and what attackers intend.

use std::path::Path;

use model::details::{Order, OrderSide};
use model::event::Share;
use model::{Address, CustomerId, Event, HolderName, Time};

use super::SimulateOptions;
use super::attacks::{self, Plan};
use super::calendar::Calendar;
use super::dice::{Dice, Stream, count, place, scramble};
use super::error::LabError;
use super::intelligence;
use super::life::{self, Life};
use super::population::World;
use super::visit::{self, Draft};

/// Set in the numbers of events that customers did not do.
const OTHERS: u64 = 1 << 63;

/// One thing done or intended, as it would end if nobody stood in its way.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// As done.
    pub(crate) event: Event,
    /// In whose name; none for names that nobody has.
    pub(crate) customer: Option<u64>,
    /// Which attack's it is; none for the customer's own.
    pub(crate) attack: Option<&'static str>,
    /// Whether an attacker could prove to be the customer here.
    pub(crate) holds_factor: bool,
}

/// Everything one attack intends in one customer's name, in order of time.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) attack: &'static str,
    pub(crate) customer: u64,
    pub(crate) steps: Vec<Step>,
    /// When the victim calls, if anything was done; after that nothing is.
    pub(crate) reported: Option<Time>,
}

/// Who there is, and what attackers intend.
pub(crate) struct Brokerage {
    world: World,
    plan: Plan,
}

impl Brokerage {
    /// Draws customers and attacks.
    pub(crate) fn new(options: &SimulateOptions) -> Result<Self, LabError> {
        options.check()?;
        let calendar = Calendar::new(options.start, options.days)?;
        let mut world = World::new(options.seed, calendar, options.customers.into(), options.honest_year);
        let plan = attacks::plan(&mut world, &options.attacks, options.attacker)?;
        Ok(Self { world, plan })
    }

    /// Writes what is publicly known of the networks into a folder.
    pub(crate) fn write_intel(&self, folder: &Path) -> Result<(), LabError> {
        intelligence::write(folder, &self.world, &self.plan.addresses)
    }

    /// Customers.
    pub(crate) fn customers(&self) -> u64 {
        self.world.customers()
    }

    /// Days.
    pub(crate) fn days(&self) -> u64 {
        self.world.calendar.days()
    }

    /// When a day begins.
    pub(crate) fn day_begins(&self, day: u64) -> Time {
        self.world.calendar.time(day, 0)
    }

    /// The first of the days on which attackers are at work.
    pub(crate) fn attacked_from(&self) -> u64 {
        self.world.calendar.examined_from()
    }

    /// The broker's identifier of a customer, and their name.
    pub(crate) fn person(&self, index: u64) -> Result<(CustomerId, HolderName), LabError> {
        Ok((self.world.customer_id(index)?, life::name(&self.world, index)?))
    }

    /// What attackers intend, taken out: chains by customer, and what names nobody, each in order of time.
    pub(crate) fn intentions(&mut self) -> Result<(Vec<Chain>, Vec<Step>), LabError> {
        let end = self.world.calendar.end();
        let begin = self.world.calendar.time(0, 0);
        let (mut chains, mut number) = (Vec::new(), OTHERS);
        let mut steps_of = |world: &World, customer: Option<u64>, mut drafts: Vec<Draft>| {
            drafts.retain(|draft| (begin..end).contains(&draft.time));
            drafts.sort_by_key(|draft| draft.time);
            let mut steps = Vec::with_capacity(drafts.len());
            for draft in drafts {
                number += 1;
                steps.push(step(world, customer, number, draft)?);
            }
            Ok::<_, LabError>(steps)
        };
        for customer in 0..self.world.customers() {
            let reported = self.plan.recovery(customer).map(|recovery| recovery.reported);
            let mut left = self.plan.take(customer);
            while let Some(culprit) = left.first().and_then(|draft| draft.culprit) {
                let (own, others) = left.into_iter().partition(|draft| draft.culprit == Some(culprit));
                left = others;
                let steps = steps_of(&self.world, Some(customer), own)?;
                chains.push(Chain { attack: culprit.as_str(), customer, steps, reported });
            }
        }
        let nobody = steps_of(&self.world, None, self.plan.take_nobody())?;
        Ok((chains, nobody))
    }

    /// What customers do, from the first day on.
    pub(crate) fn live(&self) -> Result<Living<'_>, LabError> {
        let lives = (0..self.world.customers())
            .map(|index| Ok(Life::begin(&self.world, index)?.map(|life| (life, 0))))
            .collect::<Result<Vec<_>, LabError>>()?;
        Ok(Living { world: &self.world, lives, waiting: Vec::new(), day: 0 })
    }

    /// From where an attacker of these ways comes back after being stopped.
    pub(crate) fn retry_address(&self, dice: &mut Dice, step: &Step, attacker: super::Attacker) -> Address {
        attacks::proxy(&self.world, dice, step.customer.unwrap_or(0), attacker).ip
    }

    /// An attacker's login as it could come at this moment, of these ways, for the curves.
    pub(crate) fn attempt(
        &self,
        dice: &mut Dice,
        victim: u64,
        time: Time,
        attacker: super::Attacker,
    ) -> Result<Step, LabError> {
        let draft = attacks::attempt(&self.world, dice, victim, time, attacker)?;
        step(&self.world, Some(victim), OTHERS | (dice.next() >> 1), draft)
    }
}

fn step(world: &World, customer: Option<u64>, number: u64, draft: Draft) -> Result<Step, LabError> {
    let attack = draft.culprit.map(visit::Culprit::as_str);
    let holds_factor = draft.holds_factor;
    let id = customer.map(|customer| world.customer_id(customer)).transpose()?;
    let client = draft.seen.client.clone();
    let mut event = draft.event(scramble(number ^ scramble(world.seed)), id, client)?;
    if let (Some(order), Some(person)) =
        (&mut event.order, customer.and_then(|customer| world.person(customer)))
    {
        complete(order, person.balance_jpy)?;
    }
    Ok(Step { event, customer, attack, holds_factor })
}

/// What a broker knows of an order beside the order: how much of the portfolio is sold, how much is usually traded.
fn complete(order: &mut Order, holdings_jpy: u64) -> Result<(), LabError> {
    let notional = order.notional.as_ref().map_or(0, |amount| u64::try_from(amount.minor).unwrap_or(0));
    if order.side == OrderSide::Sell {
        let ppm = (u128::from(notional) * 1_000_000 / u128::from(holdings_jpy.max(1))).min(1_000_000);
        order.holdings_share = Share::from_ppm(u32::try_from(ppm).unwrap_or(1_000_000));
    }
    order.daily_turnover = Some(visit::yen(visit::turnover_jpy(order.symbol.as_str()))?);
    Ok(())
}

/// All customers, at the beginning of a day.
pub(crate) struct Living<'w> {
    world: &'w World,
    /// Each with the number of things done so far.
    lives: Vec<Option<(Life<'w>, u64)>>,
    /// What was begun and happens after midnight.
    waiting: Vec<(Time, u64, u64, Draft)>,
    day: u64,
}

impl Living<'_> {
    /// What customers do on the next day, in order of time; of customers for whom `awake` says no, nothing.
    pub(crate) fn next_day(&mut self, awake: impl Fn(u64) -> bool) -> Result<Vec<Step>, LabError> {
        let mut today = std::mem::take(&mut self.waiting);
        for (index, life) in (0..).zip(&mut self.lives) {
            let Some((life, done)) = life else { continue };
            life.day(self.day)?;
            for draft in life.take() {
                *done += 1;
                if awake(index) {
                    today.push((draft.time, index, *done, draft));
                }
            }
        }
        self.day += 1;
        let midnight = self.world.calendar.time(self.day, 0);
        today.sort_by_key(|(time, index, number, _)| (*time, *index, *number));
        let later = today.partition_point(|(time, ..)| *time < midnight);
        self.waiting = today.split_off(later);
        let steps = today
            .into_iter()
            .map(|(_, index, number, draft)| step(self.world, Some(index), index << 32 | number, draft));
        steps.collect()
    }
}

/// Draws of what happens when attackers are stopped and customers asked: a stream for each purpose and number.
pub(crate) fn reactions(seed: u64, number: u64) -> Dice {
    Dice::new(seed, Stream::Reaction, number)
}

/// Draws for resampling.
pub(crate) fn resampling(seed: u64) -> Dice {
    Dice::new(seed, Stream::Bootstrap, 0)
}

/// Any of so many, as a place.
pub(crate) fn any_of(dice: &mut Dice, length: usize) -> usize {
    place(dice.below(count(length)))
}
