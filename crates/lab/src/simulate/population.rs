//! Who the customers are and what they share: households with their line, offices, carriers' gateways.
//!
//! Everything that two customers can share is drawn here, before anybody lives a day, so that customers can be simulated
//! one by one in any order. Must not know what customers do.

use model::{Address, CustomerId, Factor};

use super::calendar::{Calendar, Habit};
use super::dice::{Dice, Stream, count, mix, place};
use super::error::LabError;
use super::networks::{Network, Purpose, Source};
use super::year::Year;

/// Sessions a year: a few come daily, many three times a year.
const SESSIONS: &[(u64, u64)] = &[
    (0, 1),
    (100, 2),
    (250, 4),
    (400, 7),
    (550, 13),
    (700, 26),
    (800, 46),
    (900, 105),
    (960, 200),
    (990, 320),
    (1_000, 900),
];
/// Balance in yen.
const BALANCES: &[(u64, u64)] = &[
    (0, 5_000),
    (150, 60_000),
    (350, 350_000),
    (550, 1_100_000),
    (750, 3_600_000),
    (900, 11_000_000),
    (980, 38_000_000),
    (1_000, 160_000_000),
];
/// Customers who share one address of a carrier.
const CUSTOMERS_PER_MOBILE_ADDRESS: u64 = 150;
/// Most addresses of one gateway: it fills at most one /24.
const GATEWAY_ADDRESSES_MAX: u64 = 200;
/// Addresses that one regional exchange of a provider hands out.
const REGION_ADDRESSES: u64 = 1 << 14;
/// Days in the year that yearly rates are given for.
pub(super) const YEAR_DAYS: u64 = 366;

/// Everything that is drawn once for all.
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) calendar: Calendar,
    people: Vec<Person>,
    households: Vec<Household>,
    offices: Vec<Source>,
    /// Added to customers' numbers, so that they say nothing of the order here.
    first_number: u64,
    /// What befalls many customers at once, in a year in which it does.
    pub(super) year: Option<Year>,
}

/// What is kept of every customer; the rest is drawn when their turn comes.
#[derive(Debug, Clone)]
pub(super) struct Person {
    household: u64,
    /// The office worked in, and from which day on another one.
    pub(super) office: Option<u64>,
    pub(super) next_office: Option<(u64, u64)>,
    pub(super) carrier: Carrier,
    pub(super) sessions_per_year: u64,
    pub(super) habit: Habit,
    pub(super) balance_jpy: u64,
    /// Day on which the account was opened; none for those who were there before.
    pub(super) joined: Option<u64>,
    /// The factor asked for at login from the beginning on, where the customer has enrolled one.
    pub(super) factor: Option<Factor>,
}

/// A mobile contract: the carrier and the gateway near home.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carrier {
    network: &'static Network,
    gateway: u64,
    gateways: u64,
    /// Addresses of one gateway.
    addresses: u64,
}

impl Carrier {
    fn draw(dice: &mut Dice, customers: u64) -> Self {
        let network = Network::choose(dice, Purpose::Mobile);
        // Four carriers of unlike size; an equal share is near enough for the number of addresses.
        let addresses = (customers / 4 / CUSTOMERS_PER_MOBILE_ADDRESS).max(4);
        let gateways = (addresses / 12).clamp(1, 128);
        let addresses = (addresses / gateways).min(GATEWAY_ADDRESSES_MAX);
        Self { network, gateway: dice.below(gateways), gateways, addresses }
    }

    /// The shared address of a session: mostly of the gateway near home, or of any while travelling.
    pub(super) fn source(&self, dice: &mut Dice, away: bool) -> Source {
        let elsewhere = away || dice.permille(60);
        let gateway = if elsewhere { dice.below(self.gateways) } else { self.gateway };
        self.at(gateway, dice)
    }

    /// Any address of any gateway of any carrier, for somebody unknown.
    pub(super) fn anybody(dice: &mut Dice, customers: u64) -> Source {
        let carrier = Self::draw(dice, customers);
        carrier.at(carrier.gateway, dice)
    }

    fn at(&self, gateway: u64, dice: &mut Dice) -> Source {
        self.network.v4(gateway * 256 + 1 + dice.below(self.addresses))
    }
}

/// People who share a line and perhaps a computer.
#[derive(Debug, Clone)]
pub(super) struct Household {
    pub(super) number: u64,
    line: Line,
    /// Day of a move and the line after it.
    moved: Option<(u64, Line)>,
    pub(super) shares_computer: bool,
    pub(super) members: u64,
}

/// An internet line at home.
#[derive(Debug, Clone, Copy)]
struct Line {
    network: &'static Network,
    supply: Supply,
    region: u64,
    key: u64,
    v6: bool,
}

/// How a line gets its IPv4 address.
#[derive(Debug, Clone, Copy)]
enum Supply {
    /// One for as long as it is there.
    Fixed,
    /// Another one of the region every so many days.
    Renewed { days: u64, phase: u64 },
    /// One of the region that several households share (IPv4 over IPv6).
    Shared { number: u64 },
    /// No line: everything goes over the mobile network.
    None,
}

impl Line {
    fn draw(dice: &mut Dice, customers: u64) -> Self {
        let network = Network::choose(dice, Purpose::Home);
        let renewed = |dice: &mut Dice, low, high| {
            let days = dice.between(low, high);
            Supply::Renewed { days, phase: dice.below(days) }
        };
        let supply = match dice.below(100) {
            0..25 => Supply::Fixed,
            25..62 => renewed(dice, 60, 300),
            62..76 => renewed(dice, 2, 21),
            76..86 => Supply::Shared { number: dice.below((customers / 60).max(1)) },
            _ => Supply::None,
        };
        let region = dice.below(network.size() / REGION_ADDRESSES);
        Self { network, supply, region, key: dice.next(), v6: dice.permille(450) }
    }

    /// The address of a device on a day; none where there is no line.
    fn source(&self, dice: &mut Dice, day: u64, device: u64) -> Option<Source> {
        if matches!(self.supply, Supply::None) {
            return None;
        }
        if self.v6 && dice.permille(700) {
            // The network stays; the device's part changes every day (RFC 8981).
            let v6 = self.network.v6(mix(self.key, 6), mix(device, day));
            if v6.is_some() {
                return v6;
            }
        }
        let within = match self.supply {
            Supply::Renewed { days, phase } => mix(self.key, (day + phase) / days),
            Supply::Shared { number } => mix(number, 4),
            Supply::Fixed | Supply::None => mix(self.key, 4),
        };
        Some(self.network.v4(self.region * REGION_ADDRESSES + within % REGION_ADDRESSES))
    }
}

impl Household {
    fn draw(dice: &mut Dice, number: u64, members: u64, (customers, days): (u64, u64)) -> Self {
        let line = Line::draw(dice, customers);
        let moves = dice.ppm(60_000 * days / YEAR_DAYS);
        let moved = moves.then(|| (dice.below(days), Line::draw(dice, customers)));
        Self { number, line, moved, shares_computer: members > 1 && dice.permille(350), members }
    }

    /// The address of a device at home on a day; none where there is no line.
    pub(super) fn source(&self, dice: &mut Dice, day: u64, device: u64) -> Option<Source> {
        let line = match &self.moved {
            Some((moved, after)) if day >= *moved => after,
            _ => &self.line,
        };
        line.source(dice, day, device)
    }

    pub(super) fn move_day(&self) -> Option<u64> {
        self.moved.as_ref().map(|(day, _)| *day)
    }
}

impl World {
    /// Draws `customers` people.
    pub(super) fn new(seed: u64, calendar: Calendar, customers: u64, eventful: bool) -> Self {
        let mut dice = Dice::new(seed, Stream::Population, 0);
        let size = (customers, calendar.days());
        let offices = (0..(customers / 40).max(1)).map(|_| draw_office(&mut dice)).collect();
        let mut world = Self {
            seed,
            calendar,
            people: Vec::new(),
            households: Vec::new(),
            offices,
            first_number: dice.below(100_000_000),
            year: None,
        };
        world.year = eventful.then(|| Year::draw(seed, &world.calendar));
        while count(world.people.len()) < customers {
            let household = count(world.households.len());
            let members = dice.weighted(&[(900, 1), (80, 2), (15, 3), (5, 4)]);
            world.households.push(Household::draw(&mut dice, household, members, size));
            for _ in 0..members {
                let person = world.draw_person(&mut dice, household, size);
                world.people.push(person);
            }
        }
        world.people.truncate(place(customers));
        world
    }

    fn draw_person(&self, dice: &mut Dice, household: u64, (customers, days): (u64, u64)) -> Person {
        let sessions_per_year = dice.quantile(SESSIONS);
        let habit = if sessions_per_year > 120 && dice.permille(600) {
            Habit::Trader
        } else if dice.permille(620) {
            Habit::Worker
        } else {
            Habit::AtHome
        };
        let offices = count(self.offices.len());
        // The larger of two draws: some companies have many customers of this broker, most have few.
        let office = |dice: &mut Dice| dice.below(offices).max(dice.below(offices));
        let works = habit == Habit::Worker && dice.permille(600);
        let office_now = works.then(|| office(dice));
        let changes = works && dice.ppm(60_000 * days / YEAR_DAYS);
        let next_office = changes.then(|| (dice.below(days), office(dice)));
        let joins = dice.ppm(50_000 * days / YEAR_DAYS);
        Person {
            household,
            office: office_now,
            next_office,
            carrier: Carrier::draw(dice, customers),
            sessions_per_year,
            habit,
            balance_jpy: dice.quantile(BALANCES),
            joined: joins.then(|| dice.below(days)),
            factor: dice.permille(180).then(|| draw_factor(dice)),
        }
    }

    pub(super) fn customers(&self) -> u64 {
        count(self.people.len())
    }

    pub(super) fn person(&self, index: u64) -> Option<&Person> {
        self.people.get(place(index))
    }

    /// Gives a customer another balance: what an incident is known to have cost must have been there.
    pub(super) fn set_balance(&mut self, index: u64, balance_jpy: u64) {
        if let Some(person) = self.people.get_mut(place(index)) {
            person.balance_jpy = balance_jpy;
        }
    }

    pub(super) fn household(&self, person: &Person) -> Option<&Household> {
        self.households.get(place(person.household))
    }

    /// Where a person's office is on a day; none for those who have none.
    pub(super) fn office(&self, person: &Person, day: u64) -> Option<Source> {
        let number = match person.next_office {
            Some((from, office)) if day >= from => Some(office),
            _ => person.office,
        };
        self.offices.get(place(number?)).copied()
    }

    /// The broker's identifier of a customer.
    pub(super) fn customer_id(&self, index: u64) -> Result<CustomerId, LabError> {
        // The factor shares no divisor with 10^8, so numbers are unique.
        let number = (self.first_number + index * 61_803_399) % 100_000_000;
        Ok(format!("C{number:08}").parse()?)
    }

    /// All customers in the order of their keys, in which history keeps them, so that nothing is left to sort.
    pub(super) fn by_key(&self) -> Result<Vec<u64>, LabError> {
        let key = |index| Ok((self.customer_id(index)?.key(), index));
        let mut keys = (0..self.customers()).map(key).collect::<Result<Vec<_>, LabError>>()?;
        keys.sort_unstable();
        Ok(keys.into_iter().map(|(_, index)| index).collect())
    }

    /// An address in Japan that some home has had, has or could have.
    pub(super) fn some_home(dice: &mut Dice) -> Source {
        Network::choose(dice, Purpose::Home).any(dice)
    }

    /// An address near a customer's: of the same exchange of the same provider, or of the same gateway of the same carrier
    /// where there is no line. What a residential proxy in the victim's city gives.
    pub(super) fn near(&self, index: u64, dice: &mut Dice) -> Source {
        let Some(person) = self.person(index) else { return Self::some_home(dice) };
        match self.household(person).map(|household| &household.line) {
            Some(line) if !matches!(line.supply, Supply::None) => {
                line.network.v4(line.region * REGION_ADDRESSES + dice.below(REGION_ADDRESSES))
            }
            _ => person.carrier.source(dice, false),
        }
    }

    /// The address of a home on a day, for lists that hold honest people by mistake.
    pub(super) fn home_of(&self, index: u64, day: u64, dice: &mut Dice) -> Option<Address> {
        let household = self.household(self.person(index)?)?;
        household.source(dice, day, 0).map(|source| source.ip)
    }

    /// Whether a source's provider gave other addresses lately.
    pub(super) fn is_freshly_renumbered(&self, source: Source, day: u64) -> bool {
        self.year.as_ref().is_some_and(|year| year.is_fresh(source, day))
    }

    /// Where a source is on a day: carriers renumber.
    pub(super) fn renumbered(&self, source: Source, day: u64) -> Source {
        self.year.as_ref().map_or(source, |year| year.renumbered(source, day))
    }
}

/// A company's way to the internet; a few send everything through a data centre.
fn draw_office(dice: &mut Dice) -> Source {
    let purpose = if dice.permille(30) { Purpose::Hosting } else { Purpose::Office };
    Network::choose(dice, purpose).any(dice)
}

/// A factor as people enrol it.
pub(super) fn draw_factor(dice: &mut Dice) -> Factor {
    // Weights and words together, because a factor has no default.
    match dice.below(100) {
        0..55 => Factor::Sms,
        55..90 => Factor::Email,
        _ => Factor::Totp,
    }
}
