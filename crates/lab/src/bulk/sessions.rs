//! What people do day by day: sessions that begin with a login. Must not know the procedures to be examined.

use model::{EventKind, Outcome};

use super::access::Access;
use super::calendar::{self, Calendar, DAYS, PROCEDURE_DAYS, SESSION_US_MAX};
use super::draw::Draw;
use super::people::Person;
use super::places::{Places, Spot};

/// Days after which a customer has another computer or telephone.
const DEVICE_DAYS: u64 = 250;

/// Everybody's sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    calendar: Calendar,
    pub(super) places: Places,
}

impl Sessions {
    pub(super) fn new(places: Places) -> Self {
        Self { calendar: Calendar::new(), places }
    }

    /// The day of a person's session: never earlier for a later session.
    pub(super) fn day(&self, person: &Person, session: u32) -> u32 {
        let within = Draw::named(&[person.seed, 5, u64::from(session)]).below(1 << 32);
        let point = ((u64::from(session) << 32) + within) / u64::from(person.sessions()).max(1);
        self.calendar.day(point)
    }

    /// Adds the accesses of one session, all on its day.
    pub(super) fn append(&self, index: usize, person: &Person, session: u32, accesses: &mut Vec<Access>) {
        let day = self.day(person, session);
        let mut draw = Draw::named(&[person.seed, 6, u64::from(session)]);
        let start_us = calendar::session_start_us(day, &mut draw);
        let first = session * person.session_rows;
        let rows = person.session_rows.min(person.rows - first);
        let step_us = SESSION_US_MAX / i64::from(rows.max(1));
        let spot =
            if person.id.is_some() { customer_spot(person.seed, &mut draw) } else { nobody_spot(&mut draw) };
        let place = spot.map(|spot| self.places.place(spot, person.seed, u64::from(day), &mut draw));
        let on_phone = spot == Some(Spot::Mobile) || draw.percent(30);
        let has_device = person.id.is_some() && place.is_some() && !draw.percent(6);
        let device = has_device.then(|| own_device(person.seed, on_phone, u64::from(day)));
        let login_fails = person.id.is_none() || draw.percent(8);
        let procedures_too = day < DAYS - PROCEDURE_DAYS;
        let session_id = draw.bits();
        for position in 0..rows {
            let (kind, outcome) = if position == 0 && login_fails {
                (EventKind::Login, Outcome::Failed)
            } else if position == 0 || (position == 1 && login_fails) {
                (EventKind::Login, Outcome::Succeeded)
            } else {
                deed(procedures_too, &mut draw)
            };
            accesses.push(Access {
                number: person.first_row + u64::from(first + position),
                person: index,
                time_us: start_us + i64::from(position) * step_us + draw.span_us(step_us),
                kind,
                outcome,
                place,
                device,
                on_phone,
                session: session_id,
                share_ppm: share_ppm(kind, &mut draw),
                details: draw.bits(),
            });
        }
    }
}

fn customer_spot(seed: u64, draw: &mut Draw) -> Option<Spot> {
    let has_office = seed % 7 < 3;
    match draw.below(100) {
        0..13 if has_office => Some(Spot::Office),
        0..63 => Some(Spot::Home),
        63..95 => Some(Spot::Mobile),
        95..97 => Some(Spot::Hosting),
        97..99 => Some(Spot::Away),
        _ => None,
    }
}

fn nobody_spot(draw: &mut Draw) -> Option<Spot> {
    Some(if draw.percent(70) { Spot::Hosting } else { Spot::Away })
}

/// The computer or telephone that a customer has on a day.
pub(super) fn own_device(seed: u64, on_phone: bool, day: u64) -> u64 {
    let phase = Draw::named(&[seed, 7, u64::from(on_phone)]).below(DEVICE_DAYS);
    Draw::named(&[seed, 8, u64::from(on_phone), (day + phase) / DEVICE_DAYS]).bits()
}

/// What is done after the login. Procedures that would be examined are left out of the days that have their own.
fn deed(procedures_too: bool, draw: &mut Draw) -> (EventKind, Outcome) {
    let kind = match draw.below(10_000) {
        0..2_500 => EventKind::Order,
        2_500..3_700 => EventKind::ProfileView,
        3_700..3_800 => EventKind::Withdrawal,
        3_800..3_815 => EventKind::Transfer,
        3_815..3_840 => EventKind::ContactChange,
        3_840..3_860 => EventKind::PasswordChange,
        3_860..3_870 => EventKind::PasswordReset,
        3_870..3_885 => EventKind::FactorEnroll,
        3_885..3_890 => EventKind::FactorRemove,
        3_890..3_905 => EventKind::DeviceRegister,
        3_905..3_910 => EventKind::DeviceRemove,
        3_910..3_912 if procedures_too => EventKind::BankAccountRegister,
        3_912..3_917 if procedures_too => EventKind::BankAccountChange,
        _ => EventKind::SessionActivity,
    };
    let outcome = match draw.below(100) {
        0..2 => Outcome::Failed,
        2..3 => Outcome::Attempted,
        _ => Outcome::Succeeded,
    };
    (kind, outcome)
}

/// What leaves with a withdrawal or transfer; now and then the source did not say.
fn share_ppm(kind: EventKind, draw: &mut Draw) -> Option<u32> {
    let told = kind.moves_money() && !draw.percent(5);
    told.then(|| u32::try_from(draw.below(1_000_001)).unwrap_or(0))
}
