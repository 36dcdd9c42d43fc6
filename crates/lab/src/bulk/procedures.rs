//! The procedures to be examined, what preceded them and what left after them. Must not know everyday sessions' rows.
//!
//! Times are drawn around the limits of the sweep's windows (72 hours before, 30 days after), and some lie exactly on
//! them, so that engines that disagree about a limit give different answers.

use model::time::{DAY_US, HOUR_US};
use model::{EventKind, Outcome};

use super::access::Access;
use super::calendar::{self, DAYS, PROCEDURE_DAYS, START_US};
use super::draw::Draw;
use super::people::Person;
use super::places::{Place, Places, Spot};
use super::sessions::own_device;

/// What can come before a procedure, with its frequency in percent.
const BEFORE: [(EventKind, u64); 5] = [
    (EventKind::ContactChange, 20),
    (EventKind::PasswordChange, 8),
    (EventKind::PasswordReset, 4),
    (EventKind::FactorEnroll, 8),
    (EventKind::FactorRemove, 4),
];

/// Procedures with what surrounds them.
#[derive(Debug, Default)]
pub(super) struct Procedures {
    /// The procedures by time.
    pub(super) examined: Vec<Access>,
    /// The procedures and what surrounds them, by time.
    pub(super) rows: Vec<Access>,
}

/// Makes `count` procedures of these customers; their rows are numbered downwards from below `numbers_end`.
pub(super) fn procedures(
    count: u32,
    seed: u64,
    people: &[Person],
    places: &Places,
    numbers_end: u64,
) -> Procedures {
    let mut made = Procedures::default();
    let customers = u64::try_from(people.len()).unwrap_or(0).saturating_sub(1);
    for procedure in 0..count {
        let mut draw = Draw::named(&[seed, 9, u64::from(procedure)]);
        let index = usize::try_from(1 + draw.below(customers)).unwrap_or(1);
        let Some(person) = people.get(index) else { continue };
        let story = Story { index, person, places };
        let access = story.procedure(&mut draw);
        made.examined.push(access);
        made.rows.push(access);
        story.before(&access, &mut draw, &mut made.rows);
        story.after(&access, &mut draw, &mut made.rows);
    }
    made.rows.retain(|access| access.time_us < calendar::end_us());
    // Equal times keep the order in which they were made, so numbers do not depend on how sorting works.
    made.rows.sort_by_key(|access| access.time_us);
    for (access, back) in made.rows.iter_mut().rev().zip(1..) {
        access.number = numbers_end.saturating_sub(back);
    }
    made.examined = made.rows.iter().filter(|access| is_examined(access)).copied().collect();
    made
}

/// No other row of a story is of these kinds.
fn is_examined(access: &Access) -> bool {
    matches!(access.kind, EventKind::BankAccountRegister | EventKind::BankAccountChange)
}

/// One customer's procedure.
struct Story<'a> {
    index: usize,
    person: &'a Person,
    places: &'a Places,
}

impl Story<'_> {
    fn procedure(&self, draw: &mut Draw) -> Access {
        let day = DAYS - PROCEDURE_DAYS + u32::try_from(draw.below(u64::from(PROCEDURE_DAYS))).unwrap_or(0);
        let time_us = calendar::session_start_us(day, draw);
        let kind =
            if draw.percent(30) { EventKind::BankAccountRegister } else { EventKind::BankAccountChange };
        let spot = match draw.below(400) {
            0 => None,
            1..9 => Some(Spot::Hosting),
            9..49 => Some(Spot::Away),
            49..97 => Some(Spot::Office),
            97..197 => Some(Spot::Mobile),
            _ => Some(Spot::Home),
        };
        let place = spot.map(|spot| self.places.place(spot, self.person.seed, u64::from(day), draw));
        let on_phone = spot == Some(Spot::Mobile) || draw.percent(30);
        let device = match draw.below(100) {
            _ if spot == Some(Spot::Hosting) => Some(draw.bits()),
            0..10 => Some(draw.bits()),
            10..12 => None,
            _ => Some(own_device(self.person.seed, on_phone, u64::from(day))),
        };
        Access {
            number: 0,
            person: self.index,
            time_us,
            kind,
            outcome: if draw.percent(3) { Outcome::Attempted } else { Outcome::Succeeded },
            place,
            device: device.filter(|_| place.is_some()),
            on_phone,
            session: draw.bits(),
            share_ppm: None,
            details: draw.bits(),
        }
    }

    /// Changes of contact, password and factor in the four days before.
    fn before(&self, procedure: &Access, draw: &mut Draw, rows: &mut Vec<Access>) {
        for (kind, share) in BEFORE {
            if !draw.percent(share) {
                continue;
            }
            let before_us = match draw.below(10) {
                0 => 72 * HOUR_US,
                _ => 1 + draw.span_us(96 * HOUR_US),
            };
            let outcome = if draw.percent(10) { Outcome::Failed } else { Outcome::Succeeded };
            rows.push(self.further(procedure, procedure.time_us - before_us, kind, outcome, draw));
        }
    }

    /// Withdrawals and transfers in the forty days after. Thieves come from hosting addresses and take nearly all.
    fn after(&self, procedure: &Access, draw: &mut Draw, rows: &mut Vec<Access>) {
        let thief = procedure.place.is_some_and(|place| (64_900..65_000).contains(&place.asn));
        let count = if thief || draw.percent(50) { 1 + draw.below(3) } else { 0 };
        for _ in 0..count {
            let after_us = match draw.below(40) {
                _ if thief => 1 + draw.span_us(2 * DAY_US),
                0 => 0,
                1..3 => 30 * DAY_US,
                _ => 1 + draw.span_us(40 * DAY_US),
            };
            let kind = if draw.percent(85) { EventKind::Withdrawal } else { EventKind::Transfer };
            let outcome = match draw.below(100) {
                0..8 => Outcome::Failed,
                8..16 => Outcome::Attempted,
                _ => Outcome::Succeeded,
            };
            let mut access = self.further(procedure, procedure.time_us + after_us, kind, outcome, draw);
            let share = if thief { 950_000 } else { draw.below(1_000_001) };
            access.share_ppm = if draw.percent(5) { None } else { u32::try_from(share).ok() };
            if thief {
                (access.place, access.device) = (procedure.place, procedure.device);
            }
            rows.push(access);
        }
    }

    /// A further row of the story: often from where the procedure came, else from home.
    fn further(
        &self,
        procedure: &Access,
        time_us: i64,
        kind: EventKind,
        outcome: Outcome,
        draw: &mut Draw,
    ) -> Access {
        let same = draw.percent(60);
        let day = u64::try_from((time_us - START_US) / DAY_US).unwrap_or(0);
        let home = |draw: &mut Draw| -> Option<Place> {
            Some(self.places.place(Spot::Home, self.person.seed, day, draw))
        };
        Access {
            time_us,
            kind,
            outcome,
            place: if same { procedure.place } else { home(draw) },
            device: if same { procedure.device } else { Some(own_device(self.person.seed, false, day)) },
            on_phone: same && procedure.on_phone,
            session: draw.bits(),
            details: draw.bits(),
            ..*procedure
        }
    }
}
