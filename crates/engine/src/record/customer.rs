//! What is kept of a customer: where they were seen and since when, what they changed, how money moves, what is held.
//! With 12 logins it stays below 1 KiB.

use model::client::SessionId;
use model::event::EventId;
use model::time::DAY_US;
use model::{Address, Time};
use serde::{Deserialize, Serialize};

use crate::bounded::Recent;
use crate::decayed::Decayed;

/// Addresses kept of a customer.
pub const IPS_MAX: usize = 48;
/// Devices kept of a customer.
pub const DEVICES_MAX: usize = 24;
/// Autonomous systems kept of a customer.
pub const ASNS_MAX: usize = 24;
/// Values kept of a feature with few values: countries, browsers, systems, device types, languages.
pub const FEW_MAX: usize = 12;
/// User agents kept of a customer: every update of a browser is a new one.
pub const AGENTS_MAX: usize = 24;
/// Open holds of a customer.
pub const HOLDS_MAX: usize = 16;

/// How a customer was seen with a value: an address, a device. The ledger's pair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// First, microseconds since 1970; 0 for never.
    pub first_us: i64,
    /// Last, microseconds since 1970.
    pub last_us: i64,
    /// Accesses in good order.
    pub accesses: u32,
    /// Logins among them.
    pub logins: u32,
    /// Different UTC days of them, in the order they came.
    pub days: u16,
}

/// A value is a customer's own when it was first seen this long before, on [`ESTABLISHED_DAYS`] days: the sweep's rule.
pub const ESTABLISHED_AFTER_US: i64 = 14 * DAY_US;
/// Different days on which it was seen.
pub const ESTABLISHED_DAYS: u16 = 2;
/// And last seen within this time: the past year.
pub const REMEMBERED_US: i64 = 365 * DAY_US;

impl Seen {
    /// Notes an access at `time`.
    pub fn note(&mut self, time: Time, is_login: bool) {
        let us = time.as_us();
        if self.accesses == 0 || us / DAY_US != self.last_us / DAY_US {
            self.days = self.days.saturating_add(1);
        }
        self.first_us = if self.accesses == 0 { us } else { self.first_us.min(us) };
        self.last_us = self.last_us.max(us);
        self.accesses = self.accesses.saturating_add(1);
        self.logins = self.logins.saturating_add(u32::from(is_login));
    }

    /// Whether what was seen is the customer's own by `now`: not just since before the change.
    #[must_use]
    pub fn is_established(&self, now: Time) -> bool {
        self.days >= ESTABLISHED_DAYS
            && now.as_us().saturating_sub(self.first_us) >= ESTABLISHED_AFTER_US
            && now.as_us().saturating_sub(self.last_us) <= REMEMBERED_US
    }
}

/// A change of who can reach the money, and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When, microseconds since 1970.
    pub at_us: i64,
    /// From which address.
    pub ip: Option<Address>,
    /// From which device, hashed.
    pub device: Option<u64>,
    /// Whether the address, its network or the device was the customer's own then; nothing where it came from nowhere, or
    /// where the customer had no past to compare with.
    pub own: Option<bool>,
}

/// The session last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its identifier.
    pub id: SessionId,
    /// The address it was first seen with.
    pub ip: Option<Address>,
    /// The user agent it was first seen with.
    pub agent: Option<u64>,
    /// Whether it was seen with another network or user agent since.
    pub moved: bool,
    /// Events in it, procedures not counted.
    pub steps: u32,
}

/// A procedure that waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The event that was held.
    pub event: EventId,
    /// Since when, microseconds since 1970.
    pub since_us: i64,
    /// Until when, if nobody settles it.
    pub until_us: i64,
}

/// What is kept of a customer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// First event, microseconds since 1970; 0 for none.
    pub first_us: i64,
    /// Last access in good order.
    pub last_us: i64,
    /// When the account was opened, if the broker told.
    pub opened_us: Option<i64>,
    /// Hash of the holder's name, if the broker told.
    pub holder: Option<u64>,
    /// Logins in good order.
    pub logins: u32,
    /// The ledger: addresses.
    pub ips: Recent<u128, Seen>,
    /// The ledger: devices.
    pub devices: Recent<u64, Seen>,
    /// Logins by autonomous system.
    pub asns: Recent<u32, Seen>,
    /// Logins by country.
    pub countries: Recent<[u8; 2], Seen>,
    /// Logins by user agent.
    pub agents: Recent<u64, u32>,
    /// Logins by browser.
    pub browsers: Recent<u64, u32>,
    /// Logins by operating system.
    pub systems: Recent<u64, u32>,
    /// Logins by device type.
    pub device_types: Recent<u64, u32>,
    /// Logins by language.
    pub languages: Recent<u64, u32>,
    /// Logins by hour of the day (UTC), each up to 255.
    pub hours: Hours,
    /// Last change of a contact.
    pub contact: Option<Change>,
    /// Last change of the password.
    pub password: Option<Change>,
    /// Last change of a factor.
    pub factor: Option<Change>,
    /// Last change of the bank account.
    pub bank: Option<Change>,
    /// The last one by a stranger: a later change, from home or by telephone, does not make it undone.
    pub bank_by_stranger: Option<Change>,
    /// The bank account money goes to, hashed.
    pub account: Option<u64>,
    /// Withdrawals and transfers in good order, half-life one day.
    pub withdrawals: Decayed,
    /// Withdrawals and transfers in good order.
    pub withdrawals_done: u32,
    /// The largest amount of them, minor units.
    pub amount_max: i64,
    /// The session last seen.
    pub session: Option<Session>,
    /// Open holds.
    pub holds: Vec<Hold>,
}

/// Logins by hour of the day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours([u8; 24]);

impl Hours {
    /// The UTC hour of a time.
    fn place(time: Time) -> usize {
        usize::try_from(time.as_us() / model::time::HOUR_US % 24).unwrap_or(0)
    }

    /// Notes a login.
    pub fn note(&mut self, time: Time) {
        if let Some(hour) = self.0.get_mut(Self::place(time)) {
            *hour = hour.saturating_add(1);
        }
    }

    /// Logins within an hour before and after the hour of `time`.
    #[must_use]
    pub fn around(&self, time: Time) -> u32 {
        let place = Self::place(time);
        let hours = [(place + 23) % 24, place, (place + 1) % 24];
        hours.iter().filter_map(|hour| self.0.get(*hour)).map(|count| u32::from(*count)).sum()
    }
}
