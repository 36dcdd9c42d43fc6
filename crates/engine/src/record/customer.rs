//! What is kept of a customer: where they were seen and since when, what they changed, how money moves, what is held.
//! With 12 logins it stays below 1 KiB; there are millions, so times are whole seconds, values are hashes, and what most
//! customers do not have stands apart.

use model::event::EventId;
use model::time::{DAY_US, SECOND_US};
use model::{Address, Time, Verification};
use serde::{Deserialize, Serialize};

use super::familiar::{Feature, Place, Trait};
use crate::bounded::Recent;
use crate::decayed::Decayed;
use crate::input::Spot;

/// Addresses kept of a customer.
pub const IPS_MAX: usize = 48;
/// Open holds of a customer.
pub const HOLDS_MAX: usize = 16;

/// How a customer was seen with a value: an address, a device. The ledger's pair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// First, seconds since 1970.
    pub first_s: u32,
    /// Last, seconds since 1970.
    pub last_s: u32,
    /// Accesses in good order.
    pub accesses: u32,
    /// Logins among them.
    pub logins: u32,
    /// Different UTC days of them, in the order they came.
    pub days: u16,
}

/// What an identifier of a held event takes on the heap, about.
const HOLD_ID_BYTES: usize = 48;
/// Seconds of a day.
const DAY_S: u32 = 86_400;
/// A value is a customer's own when it was first seen this long before, on [`ESTABLISHED_DAYS`] days: the sweep's rule.
pub const ESTABLISHED_AFTER_US: i64 = 14 * DAY_US;
/// Different days on which it was seen.
pub const ESTABLISHED_DAYS: u16 = 2;
/// And last seen within this time: the past year.
pub const REMEMBERED_US: i64 = 365 * DAY_US;

/// Whole seconds since 1970; the end of the range after 2106.
#[must_use]
pub fn seconds(time: Time) -> u32 {
    u32::try_from(time.as_us() / SECOND_US).unwrap_or(u32::MAX)
}

/// As microseconds since 1970.
#[must_use]
pub fn as_us(seconds: u32) -> i64 {
    i64::from(seconds) * SECOND_US
}

impl Seen {
    /// Notes an access at `time`.
    pub fn note(&mut self, time: Time, is_login: bool) {
        let now_s = seconds(time);
        if self.accesses == 0 || now_s / DAY_S != self.last_s / DAY_S {
            self.days = self.days.saturating_add(1);
        }
        self.first_s = if self.accesses == 0 { now_s } else { self.first_s.min(now_s) };
        self.last_s = self.last_s.max(now_s);
        self.accesses = self.accesses.saturating_add(1);
        self.logins = self.logins.saturating_add(u32::from(is_login));
    }

    /// Different UTC days of accesses before the day of `now`.
    #[must_use]
    pub fn days_before(&self, now: Time) -> u16 {
        let is_today = self.accesses > 0 && self.last_s / DAY_S == seconds(now) / DAY_S;
        self.days.saturating_sub(u16::from(is_today))
    }

    /// Whether what was seen is the customer's own by `now`: not just since before the change.
    #[must_use]
    pub fn is_established(&self, now: Time) -> bool {
        self.days >= ESTABLISHED_DAYS
            && now.as_us().saturating_sub(as_us(self.first_s)) >= ESTABLISHED_AFTER_US
            && now.as_us().saturating_sub(as_us(self.last_s)) <= REMEMBERED_US
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

/// Sessions kept of a customer: a browser's, the telephone's, and those of whoever else is in.
pub const SESSIONS_MAX: usize = 4;

/// A session. Nothing but equality is asked of its values, so they are hashes of 32 bits, 0 for none: 16 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its identifier.
    pub id: u32,
    /// The network it was first seen with.
    pub network: u32,
    /// The user agent it was first seen with.
    pub agent: u32,
    /// Events in it, procedures not counted, up to 65,535.
    pub steps: u16,
    /// Whether it was seen with another network or user agent since.
    pub moved: bool,
}

/// The sessions last seen, the one seen last at the end; unused places have the identifier 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions([Session; SESSIONS_MAX]);

impl Sessions {
    /// A session.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&Session> {
        self.0.iter().rev().find(|session| session.id == id && id != 0)
    }

    /// A session to change, begun if it is new, from here on the one seen last.
    pub(crate) fn touch(&mut self, id: u32) -> &mut Session {
        let place = self.0.iter().position(|session| session.id == id).unwrap_or(0);
        let known = self.0.get(place).copied().filter(|session| session.id == id);
        if let Some(from) = self.0.get_mut(place..) {
            from.rotate_left(1);
        }
        let [.., last] = &mut self.0;
        *last = known.unwrap_or(Session { id, ..Session::default() });
        last
    }
}

/// Where a customer was seen last, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    /// Seconds since 1970.
    pub at_s: u32,
    /// Where.
    pub spot: Spot,
}

/// Orders in good order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trading {
    /// How many.
    pub orders: u32,
    /// The largest, minor units.
    pub notional_max: i64,
    /// Shares of the holdings sold, in millionths, half-life three days.
    pub sold: Decayed,
    /// Of these, sold by clients that nothing showed to be the customer's.
    pub sold_by_strangers: Decayed,
}

/// A procedure that waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The event that was held.
    pub event: EventId,
    /// Since when, microseconds since 1970: when the event arrived.
    pub since_us: i64,
    /// Until when, if nobody settles it.
    pub until_us: i64,
}

/// Devices that a customer registered, at most: a further one takes the place of the oldest.
pub const OWN_DEVICES_MAX: usize = 8;
/// How long a new device waits until it counts, unless a passkey confirmed it or the customer had long used it.
pub const DEVICE_WAITS_US: i64 = DAY_US / 2;

/// A device that the customer registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDevice {
    /// Hash of its identifier.
    pub device: u64,
    /// From when on it counts, microseconds since 1970.
    pub from_us: i64,
}

/// Changes, money and holds: what most customers have none of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Dealings {
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
    /// Withdrawals and transfers in good order, half-life one day.
    pub withdrawals: Decayed,
    /// Withdrawals and transfers in good order.
    pub withdrawals_done: u32,
    /// The largest amount of them, minor units.
    pub amount_max: i64,
    /// Open holds, at most [`HOLDS_MAX`].
    pub holds: Vec<Hold>,
    /// When the customer last said that it was not them, microseconds since 1970; 0 for never.
    pub reported_us: i64,
    /// When the customer was last identified anew, microseconds since 1970; 0 for never.
    pub verified_us: i64,
    /// Devices that the customer registered, at most [`OWN_DEVICES_MAX`], in that order.
    pub own_devices: Vec<OwnDevice>,
    /// When the customer last said that only these are let in, microseconds since 1970; 0 for never.
    pub restricted_us: i64,
    /// When they last took that back, microseconds since 1970; 0 for never.
    pub unrestricted_us: i64,
    /// When a factor last looked like a copy, microseconds since 1970; 0 for never.
    pub copied_us: i64,
    /// When the last such factor was removed, microseconds since 1970; 0 for never.
    pub uncopied_us: i64,
    /// The account that was last registered or changed to, hashed, if it was named.
    pub bank_named: Option<u64>,
    /// What is known of checks of bank accounts, at most [`BANK_CHECKS_MAX`].
    pub bank_checks: Vec<BankCheck>,
}

/// Bank accounts of a customer whose checks are remembered.
pub const BANK_CHECKS_MAX: usize = 4;

/// What is known of the check of a customer's bank account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankCheck {
    /// When, microseconds since 1970.
    pub at_us: i64,
    /// Which account, hashed.
    pub account: u64,
    /// How far it is.
    pub verification: Verification,
}

impl Dealings {
    /// Nothing.
    const NONE: Self = Self {
        contact: None,
        password: None,
        factor: None,
        bank: None,
        bank_by_stranger: None,
        withdrawals: Decayed::NONE,
        withdrawals_done: 0,
        amount_max: 0,
        holds: Vec::new(),
        reported_us: 0,
        verified_us: 0,
        own_devices: Vec::new(),
        restricted_us: 0,
        unrestricted_us: 0,
        copied_us: 0,
        uncopied_us: 0,
        bank_named: None,
        bank_checks: Vec::new(),
    };

    /// How far the check of a bank account is; without one, of the account that was last registered or changed to, or, where none was
    /// named since, of the one whose check was told last.
    #[must_use]
    pub fn bank_check(&self, account: Option<u64>) -> Option<Verification> {
        let known = match account.or(self.bank_named) {
            Some(account) => self.bank_checks.iter().find(|known| known.account == account),
            None => {
                let changed_us = self.bank.map_or(i64::MIN, |change| change.at_us);
                let since = self.bank_checks.iter().filter(|known| known.at_us >= changed_us);
                since.max_by_key(|known| known.at_us)
            }
        };
        known.map(|known| known.verification)
    }

    /// Notes what was told last of an account. Where there are too many, one that did not fail makes room, the oldest first.
    pub fn note_bank_check(&mut self, told: BankCheck) {
        if let Some(known) = self.bank_checks.iter_mut().find(|known| known.account == told.account) {
            if known.at_us <= told.at_us {
                *known = told;
            }
            return;
        }
        if self.bank_checks.len() >= BANK_CHECKS_MAX {
            let failed = |known: &BankCheck| known.verification == Verification::Failed;
            let oldest = (0..).zip(&self.bank_checks).min_by_key(|(_, known)| (failed(known), known.at_us));
            self.bank_checks.remove(oldest.map_or(0, |(place, _)| place));
        }
        self.bank_checks.push(told);
    }

    /// Whether only registered devices are let in.
    #[must_use]
    pub const fn only_own_devices(&self) -> bool {
        self.restricted_us > self.unrestricted_us
    }

    /// Whether a device is registered and counts by now.
    #[must_use]
    pub fn has_own_device(&self, device: u64, now: Time) -> bool {
        self.own_devices.iter().any(|own| own.device == device && own.from_us <= now.as_us())
    }

    /// When a factor looked like a copy, microseconds since 1970, if it was not removed since.
    #[must_use]
    pub fn copied(&self) -> Option<i64> {
        (self.copied_us > self.uncopied_us).then_some(self.copied_us)
    }

    /// When the customer said that it was not them, microseconds since 1970, if nobody identified them since.
    #[must_use]
    pub fn reported(&self) -> Option<i64> {
        (self.reported_us > self.verified_us).then_some(self.reported_us)
    }
}

/// What is kept of a customer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// First event, seconds since 1970; 0 for none.
    pub first_s: u32,
    /// Last access in good order, seconds since 1970; 0 for none.
    pub last_s: u32,
    /// When the account was opened, seconds since 1970, if the broker told.
    pub opened_s: Option<u32>,
    /// Logins in good order.
    pub logins: u32,
    /// Hash of the holder's name, if the broker told.
    pub holder: Option<u64>,
    /// The ledger: addresses.
    pub ips: Recent<Place, Seen>,
    /// The ledger: devices; and autonomous systems and countries of logins.
    pub(crate) familiar: Recent<Trait, Seen>,
    /// Logins by user agent, browser, system, device type, language.
    pub(crate) counted: Recent<Trait, u32>,
    /// Logins by hour of the day (UTC), each up to 255.
    pub hours: Hours,
    /// The sessions last seen.
    pub sessions: Sessions,
    /// Where the customer was seen last, where files say where networks are.
    pub whereabouts: Option<Whereabouts>,
    trading: Option<Box<Trading>>,
    dealings: Option<Box<Dealings>>,
}

impl Customer {
    /// Changes, money and holds.
    #[must_use]
    pub fn dealings(&self) -> &Dealings {
        static NONE: Dealings = Dealings::NONE;
        self.dealings.as_deref().unwrap_or(&NONE)
    }

    /// The same, to change.
    pub(crate) fn dealings_mut(&mut self) -> &mut Dealings {
        self.dealings.get_or_insert_default()
    }

    /// Orders in good order.
    #[must_use]
    pub fn trading(&self) -> Trading {
        self.trading.as_deref().copied().unwrap_or_default()
    }

    /// The same, to change.
    pub(crate) fn trading_mut(&mut self) -> &mut Trading {
        self.trading.get_or_insert_default()
    }

    /// How the customer was seen at an address.
    #[must_use]
    pub fn at(&self, ip: Address) -> Option<&Seen> {
        self.ips.get(Place::from(ip.bits()))
    }

    /// How the customer was seen with a device, autonomous system or country.
    #[must_use]
    pub fn seen_with(&self, feature: Feature, value: u64) -> Option<&Seen> {
        self.familiar.get(Trait::new(feature, value))
    }

    /// Whether any address in a network is the customer's own by `now`.
    #[must_use]
    pub fn owns_network(&self, network: model::Network, now: Time) -> bool {
        let mut places = self.ips.iter();
        places
            .any(|(place, seen)| model::Network::around(place.bits()) == network && seen.is_established(now))
    }

    /// Whether a device is the customer's own by `now`.
    #[must_use]
    pub fn owns_device(&self, device: u64, now: Time) -> bool {
        self.seen_with(Feature::Device, device).is_some_and(|seen| seen.is_established(now))
    }

    /// Whether neither the network nor the device that an event comes from is the customer's own.
    #[must_use]
    pub fn is_stranger(&self, ip: Address, device: Option<u64>, now: Time) -> bool {
        !device.is_some_and(|device| self.owns_device(device, now)) && !self.owns_network(ip.network(), now)
    }

    /// Whether anything at all is known of the customer's past.
    #[must_use]
    pub fn has_past(&self) -> bool {
        !self.ips.is_empty() || self.logins > 0
    }

    /// Whether nothing that an event comes with shows the customer: the device is not their own, and the network is not either. At
    /// an address that many share the network shows nobody who is known by devices. Nothing without an address or a past.
    #[must_use]
    pub fn is_unfamiliar(
        &self,
        ip: Option<Address>,
        device: Option<u64>,
        is_shared: bool,
        now: Time,
    ) -> Option<bool> {
        let ip = ip.filter(|_| self.has_past())?;
        let is_told_by_network = !is_shared || (device.is_none() && !self.has_any(Feature::Device));
        let own_network = is_told_by_network && self.owns_network(ip.network(), now);
        Some(!own_network && !device.is_some_and(|device| self.owns_device(device, now)))
    }

    /// Logins with a user agent, browser, system, device type or language.
    #[must_use]
    pub fn logins_with(&self, feature: Feature, value: u64) -> u32 {
        self.counted.get(Trait::new(feature, value)).copied().unwrap_or(0)
    }

    /// Whether any value of a feature was ever seen.
    #[must_use]
    pub fn has_any(&self, feature: Feature) -> bool {
        self.familiar.of_group(feature.group()).next().is_some()
            || self.counted.of_group(feature.group()).next().is_some()
    }

    /// The ledger of addresses, the one touched longest ago first.
    pub fn addresses(&self) -> impl DoubleEndedIterator<Item = (Address, &Seen)> {
        self.ips.iter().map(|(place, seen)| (Address::from_bits(place.bits()), seen))
    }

    /// The ledger of devices, by what [`Trait::kept`] leaves of their hashes, the one touched longest ago first.
    pub fn devices(&self) -> impl DoubleEndedIterator<Item = (u64, &Seen)> {
        self.familiar.of_group(Feature::Device.group()).map(|(key, seen)| (key.value(), seen))
    }

    /// Bytes on the heap, this record's own included.
    pub(crate) fn heap_bytes(&self) -> usize {
        let dealings = self.dealings.as_ref().map_or(0, |dealings| {
            size_of::<Dealings>()
                + dealings.holds.capacity() * (size_of::<Hold>() + HOLD_ID_BYTES)
                + dealings.own_devices.capacity() * size_of::<OwnDevice>()
        });
        size_of::<Self>()
            + self.ips.heap_bytes()
            + self.familiar.heap_bytes()
            + self.counted.heap_bytes()
            + self.trading.as_ref().map_or(0, |_| size_of::<Trading>())
            + dealings
    }
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
