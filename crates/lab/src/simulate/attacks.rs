//! Attacks, planned before anybody lives a day: which customers are hit, when, from where. An attack is a list of drafts
//! for customers' streams, made by the same [`Visit`] as honest ones. Must not know what customers do on their own.

mod campaign;
mod factor;
mod okasan;
mod pump;
mod quiet;
mod raid;
mod sbi;
mod stuffing;

use std::collections::{BTreeMap, BTreeSet};

use model::Time;

use super::clients::{Device, Slot};
use super::dice::{Dice, Stream};
use super::error::LabError;
use super::life::Recovery;
use super::networks::{Network, Purpose, Source, vpn_exit};
use super::population::World;
use super::traits::Traits;
use super::visit::{Culprit, Draft, Seen, Visit};
use super::{Agents, Attack, Attacker, Proxies};

/// Everything that attackers do, and what their victims do about it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    by_customer: BTreeMap<u64, Vec<Draft>>,
    nobody: Vec<Draft>,
    recoveries: BTreeMap<u64, Recovery>,
    /// Where attackers came from, for the lists that know some of it.
    pub(super) addresses: Vec<Source>,
}

impl Plan {
    /// What is done in a customer's name, taken out of the plan.
    pub(super) fn take(&mut self, customer: u64) -> Vec<Draft> {
        self.by_customer.remove(&customer).unwrap_or_default()
    }

    /// What is tried with names that nobody has, taken out of the plan.
    pub(super) fn take_nobody(&mut self) -> Vec<Draft> {
        std::mem::take(&mut self.nobody)
    }

    pub(super) fn recovery(&self, customer: u64) -> Option<&Recovery> {
        self.recoveries.get(&customer)
    }
}

/// Plans the attacks that are asked for and the background that is always there.
pub(super) fn plan(world: &mut World, attacks: &[Attack], attacker: Attacker) -> Result<Plan, LabError> {
    let mut planner = Planner {
        dice: Dice::new(world.seed, Stream::Attack, 0),
        world,
        plan: Plan::default(),
        culprit: Culprit::Background,
        taken: BTreeSet::new(),
        attacker,
    };
    campaign::background(&mut planner)?;
    for (number, attack) in (1..).zip(Attack::ALL) {
        if !attacks.contains(attack) {
            continue;
        }
        planner.dice = Dice::new(planner.world.seed, Stream::Attack, number);
        planner.culprit = Culprit::Attack(*attack);
        match attack {
            // An examination that found no damage: nothing is planted.
            Attack::Kabucom2020Sweep => {}
            Attack::Sbi2020 => sbi::plan(&mut planner)?,
            Attack::Okasan2020 => okasan::plan(&mut planner)?,
            Attack::Gmo2020 => quiet::gmo(&mut planner)?,
            Attack::QuietTakeover => quiet::takeovers(&mut planner)?,
            Attack::QuietAddress => quiet::addresses(&mut planner)?,
            Attack::Jp2025Pump => pump::plan(&mut planner)?,
            Attack::PasswordSpray => stuffing::spray(&mut planner)?,
            Attack::SlowStuffing => stuffing::slow(&mut planner)?,
            Attack::AitmPhish => factor::phish(&mut planner)?,
            Attack::SimSwap => factor::sim_swap(&mut planner)?,
            Attack::InsiderAddress => factor::insider(&mut planner)?,
            Attack::MuleRing => raid::mule_ring(&mut planner)?,
        }
    }
    Ok(planner.plan)
}

/// A plan in the making.
struct Planner<'w> {
    world: &'w mut World,
    plan: Plan,
    dice: Dice,
    culprit: Culprit,
    /// Victims so far: nobody is hit twice.
    taken: BTreeSet<u64>,
    attacker: Attacker,
}

impl Planner<'_> {
    /// A day of the examined span, in thousandths of it.
    fn day(&mut self, low: u64, high: u64) -> u64 {
        let from = self.world.calendar.examined_from();
        let span = self.world.calendar.days() - from;
        from + span * self.dice.between(low, high) / 1_000
    }

    fn time(&mut self, day: u64, (from_hour, to_hour): (u64, u64)) -> Time {
        let hour = self.dice.between(from_hour, to_hour);
        self.world.calendar.in_hour(&mut self.dice, day, hour)
    }

    /// Anybody who had an account well before the examined span, needs no second factor and was not hit yet.
    fn victim(&mut self) -> Option<u64> {
        let before = self.world.calendar.examined_from().saturating_sub(60);
        for _ in 0..1_000 {
            let index = self.dice.below(self.world.customers());
            let person = self.world.person(index)?;
            let settled = person.joined.is_none_or(|joined| joined < before);
            if settled && person.factor.is_none() && self.taken.insert(index) {
                return Some(index);
            }
        }
        None
    }

    /// So many victims: as many as were hit in life, fewer where there are few customers.
    fn victims(&mut self, in_life: u64, customers_each: u64) -> Vec<u64> {
        let number = in_life.min((self.world.customers() / customers_each).max(1));
        (0..number).filter_map(|_| self.victim()).collect()
    }

    /// What a victim has: at least so much that it is worth the trouble.
    fn worth(&mut self, victim: u64) -> u64 {
        let has = self.world.person(victim).map_or(0, |person| person.balance_jpy);
        let worth = has.max(self.dice.between(900_000, 6_000_000));
        self.world.set_balance(victim, worth);
        worth
    }

    fn visit(&mut self, intruder: &Intruder, time: Time) -> Result<Visit, LabError> {
        let mut device = intruder.device;
        if intruder.forgets {
            device.key = self.dice.next();
        }
        let identity = (&device, intruder.identified);
        let seen = Seen::new(&mut self.dice, intruder.source, identity, (intruder.language, time))?;
        let clock = (device.platform.channel(), time);
        Ok(Visit::begin(Vec::new(), seen, clock, Some(self.culprit)))
    }

    fn add(&mut self, customer: Option<u64>, visit: Visit) {
        match customer {
            Some(customer) => self.plan.by_customer.entry(customer).or_default().extend(visit.drafts),
            None => self.plan.nobody.extend(visit.drafts),
        }
    }

    /// The victim finds out some days after `day` and calls.
    fn report(&mut self, customer: u64, locked_from: Option<Time>, day: u64) {
        let later = day + self.dice.between(1, if locked_from.is_some() { 9 } else { 25 });
        let reported = self.time(later, (9, 16));
        self.plan.recoveries.insert(customer, Recovery { locked_from, reported });
    }

    /// Where an attacker of these ways would come from.
    fn proxy(&mut self, victim: u64) -> Source {
        proxy(self.world, &mut self.dice, victim, self.attacker)
    }

    /// A person with a client of the attacker's ways, from `source`.
    fn client(&mut self, victim: u64, source: Source) -> Intruder {
        client(self.world, &mut self.dice, victim, (self.attacker, source))
    }

    /// A person of the attacker's ways, who leaves a trace.
    fn intruder(&mut self, victim: u64) -> Intruder {
        let source = self.proxy(victim);
        self.leave_trace(source);
        self.client(victim, source)
    }

    /// A device that the victim uses.
    fn device_of(&self, victim: u64) -> Option<Device> {
        device_of(self.world, victim)
    }

    /// Remembers where attackers came from.
    fn leave_trace(&mut self, source: Source) {
        self.plan.addresses.push(source);
    }
}

/// Somebody else's client.
#[derive(Debug, Clone, Copy)]
struct Intruder {
    source: Source,
    device: Device,
    /// Shows an identifier.
    identified: bool,
    /// Shows another one every time.
    forgets: bool,
    language: &'static str,
}

impl Intruder {
    /// A person at a computer or telephone.
    fn person(dice: &mut Dice, source: Source) -> Self {
        let slot = if dice.permille(650) { Slot::Computer } else { Slot::Phone };
        let language = dice.weighted(&[(60, "ja"), (28, "ja-JP"), (6, "zh-CN"), (6, "en-US")]);
        let device = Device::draw(dice, slot);
        Self { source, device, identified: dice.permille(940), forgets: false, language }
    }

    /// A program that tries passwords and pretends to be a browser.
    fn program(dice: &mut Dice, source: Source) -> Self {
        Self { identified: dice.permille(500), forgets: true, ..Self::person(dice, source) }
    }
}

pub(super) fn proxy(world: &World, dice: &mut Dice, victim: u64, attacker: Attacker) -> Source {
    match attacker.proxies {
        Proxies::Anywhere if dice.permille(600) => hosting(dice),
        Proxies::Anywhere => Network::choose(dice, Purpose::Abroad).any(dice),
        Proxies::Vpn => vpn_at_home(dice),
        Proxies::City => World::some_home(dice),
        Proxies::Neighbour => world.near(victim, dice),
    }
}

fn client(world: &World, dice: &mut Dice, victim: u64, (attacker, source): (Attacker, Source)) -> Intruder {
    let mut intruder = Intruder::person(dice, source);
    if attacker.agents != Agents::Own {
        intruder.language = "ja";
    }
    if attacker.agents == Agents::Victims
        && let Some(device) = device_of(world, victim)
    {
        intruder.device = device.with_key(dice.next());
    }
    intruder
}

/// A device that a customer uses.
fn device_of(world: &World, victim: u64) -> Option<Device> {
    let person = world.person(victim)?;
    let mut dice = Dice::new(world.seed, Stream::Customer, victim);
    let traits = Traits::draw(&mut dice, world, person);
    Some(traits.device(&mut dice, world.calendar.examined_from(), false).1)
}

/// A login of an attacker of these ways, at a time.
pub(super) fn attempt(
    world: &World,
    dice: &mut Dice,
    victim: u64,
    time: Time,
    attacker: Attacker,
) -> Result<Draft, LabError> {
    let source = proxy(world, dice, victim, attacker);
    let intruder = client(world, dice, victim, (attacker, source));
    let identity = (&intruder.device, intruder.identified);
    let seen = Seen::new(dice, source, identity, (intruder.language, time))?;
    let clock = (intruder.device.platform.channel(), time);
    let mut visit = Visit::begin(Vec::new(), seen, clock, Some(Culprit::Background));
    visit.login(None);
    visit.drafts.pop().ok_or(LabError::Nothing)
}

/// An exit in Japan of a VPN, or a server there.
fn vpn_at_home(dice: &mut Dice) -> Source {
    loop {
        let source = if dice.permille(700) { vpn(dice) } else { hosting(dice) };
        if source.network.country == *b"JP" {
            return source;
        }
    }
}

/// A server, by hour or for good.
fn hosting(dice: &mut Dice) -> Source {
    Network::choose(dice, Purpose::Hosting).any(dice)
}

/// An exit of a VPN that honest people use, too.
fn vpn(dice: &mut Dice) -> Source {
    let number = dice.next();
    vpn_exit(Network::choose(dice, Purpose::Vpn), number)
}
