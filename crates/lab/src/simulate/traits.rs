//! What a customer has and is like: devices, travels, a VPN, a heavy hand at typing. Must not know days' doings.

use super::clients::{Device, Slot};
use super::dice::{Dice, Stream};
use super::networks::{Network, Purpose, Source, hotel, tor_exit, vpn_exit};
use super::population::{Person, World, YEAR_DAYS};

/// Some days away from home.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trip {
    from: u64,
    to: u64,
    /// Where the hotel's or host's wireless comes out.
    pub(super) lodging: Source,
}

/// What hides a customer's address.
#[derive(Debug, Clone, Copy)]
pub(super) enum Veil {
    Vpn(&'static Network),
    Tor,
}

impl Veil {
    /// Most VPN users stay with a few exits.
    pub(super) fn source(self, dice: &mut Dice, device: u64) -> Source {
        match self {
            Self::Vpn(network) if dice.permille(700) => vpn_exit(network, device.wrapping_add(dice.below(3))),
            Self::Vpn(network) => vpn_exit(network, dice.next()),
            Self::Tor => tor_exit(dice.next()),
        }
    }
}

/// How a customer shows the device's identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identifier {
    /// The same every time.
    Kept,
    /// Another one every time: private windows.
    Fresh,
    /// None: blocked.
    Hidden,
}

/// Drawn once for a customer.
#[derive(Debug)]
pub(super) struct Traits {
    phone: Vec<Device>,
    computer: Vec<Device>,
    computer_permille: u64,
    pub(super) identifier: Identifier,
    veil: Option<(Veil, u64)>,
    trips: Vec<Trip>,
    /// Share of logins that begin with a wrong password.
    pub(super) typo_permille: u64,
    /// Share of the phone's sessions at home that go over the home's wireless.
    pub(super) wireless_permille: u64,
    pub(super) language: &'static str,
}

impl Traits {
    pub(super) fn draw(dice: &mut Dice, world: &World, person: &Person) -> Self {
        let days = world.calendar.days();
        let has_computer = dice.permille(780);
        let household = world.household(person);
        let computer = match household.filter(|household| household.shares_computer) {
            _ if !has_computer => Vec::new(),
            Some(household) => {
                let mut dice = Dice::new(world.seed, Stream::SharedComputer, household.number);
                Device::draw_all(&mut dice, Slot::Computer, days)
            }
            None => Device::draw_all(dice, Slot::Computer, days),
        };
        let phone = if has_computer && dice.permille(180) {
            Vec::new()
        } else {
            Device::draw_all(dice, Slot::Phone, days)
        };
        Self {
            phone,
            computer,
            // Most people keep to one device.
            computer_permille: dice.quantile(&[(0, 5), (350, 50), (500, 500), (650, 950), (1_000, 1_000)]),
            identifier: match dice.below(1_000) {
                0..40 => Identifier::Hidden,
                40..50 => Identifier::Fresh,
                _ => Identifier::Kept,
            },
            veil: draw_veil(dice),
            trips: draw_trips(dice, days),
            typo_permille: dice.quantile(&[(0, 5), (500, 35), (900, 90), (1_000, 220)]),
            wireless_permille: dice.quantile(&[(0, 150), (300, 550), (1_000, 950)]),
            language: dice.weighted(&[
                (620, "ja"),
                (310, "ja-JP"),
                (35, "en-US"),
                (20, "zh-CN"),
                (8, "ko-KR"),
                (7, "en"),
            ]),
        }
    }

    /// The device for a session; `at_work` favours the computer.
    pub(super) fn device(&self, dice: &mut Dice, day: u64, at_work: bool) -> (Slot, Device) {
        let share = if at_work { self.computer_permille / 2 + 250 } else { self.computer_permille };
        let wants_computer = dice.permille(share);
        let phone = Device::on(&self.phone, day).map(|device| (Slot::Phone, device));
        let computer = Device::on(&self.computer, day).map(|device| (Slot::Computer, device));
        let chosen = if wants_computer { computer.or(phone) } else { phone.or(computer) };
        chosen.unwrap_or((Slot::Phone, Device::default()))
    }

    pub(super) fn trip(&self, day: u64) -> Option<Trip> {
        self.trips.iter().find(|trip| (trip.from..=trip.to).contains(&day)).copied()
    }

    /// The VPN, in those sessions in which it is on.
    pub(super) fn veil(&self, dice: &mut Dice) -> Option<Veil> {
        self.veil.filter(|(_, permille)| dice.permille(*permille)).map(|(veil, _)| veil)
    }
}

fn draw_veil(dice: &mut Dice) -> Option<(Veil, u64)> {
    if !dice.permille(28) {
        return None;
    }
    let veil = if dice.permille(30) { Veil::Tor } else { Veil::Vpn(Network::choose(dice, Purpose::Vpn)) };
    Some((veil, dice.between(150, 1_000)))
}

fn draw_trips(dice: &mut Dice, days: u64) -> Vec<Trip> {
    let mut trips = Vec::new();
    let times = dice.quantile(&[(0, 0), (400, 0), (800, 3), (1_000, 9)]) * days / YEAR_DAYS;
    for _ in 0..times {
        let from = dice.below(days);
        let trip = Trip { from, to: from + dice.between(0, 3), lodging: hotel(dice) };
        trips.push(trip);
    }
    if dice.ppm(110_000 * days / YEAR_DAYS) {
        let from = dice.below(days);
        let lodging = Network::choose(dice, Purpose::Abroad).any(dice);
        trips.push(Trip { from, to: from + dice.between(2, 10), lodging });
    }
    trips
}
