//! Made accesses as events: the texts that go with the numbers. Must not know how the numbers were drawn.

use std::fmt::Write as _;
use std::str::FromStr;

use history::rows::Recorded;
use model::bank_account::{BankCode, BranchCode};
use model::client::{DeviceId, Ja4, Language, SessionId, UserAgentText};
use model::details::Symbol;
use model::event::{EventId, Reason, Share, UsernameHash};
use model::{
    AccountNumber, BankAccount, Channel, Client, Contact, ContactType, Credential, Currency, CustomerId,
    Event, EventKind, Factor, Invalid, Money, Order, OrderEffect, OrderSide, Outcome, Time,
};

use super::access::Access;
use super::calendar::START_US;
use super::draw::{Draw, mix};
use super::people::Person;

/// Days between versions of a browser.
const VERSION_DAYS: i64 = 42;
const VERSIONS: i64 = 9;
const SYMBOLS: u64 = 3_700;

/// Texts that repeat, and space to write those that do not.
pub(super) struct EventMaker<'a> {
    people: &'a [Person],
    /// By family of browser, then version.
    computers: Vec<(UserAgentText, Ja4)>,
    phones: Vec<(UserAgentText, Ja4)>,
    languages: Vec<Language>,
    reason: Reason,
    yen: Currency,
    text: String,
}

impl<'a> EventMaker<'a> {
    pub(super) fn new(people: &'a [Person]) -> Result<Self, Invalid> {
        Ok(Self {
            people,
            computers: agents(&COMPUTERS)?,
            phones: agents(&PHONES)?,
            languages: ["ja", "ja", "ja-JP", "ja,en-US;q=0.8", "en-US"]
                .into_iter()
                .map(str::parse)
                .collect::<Result<_, _>>()?,
            reason: "wrong_password".parse()?,
            yen: "JPY".parse()?,
            text: String::new(),
        })
    }

    /// The identifier of the access with this number.
    pub(super) fn id(&mut self, number: u64) -> Result<EventId, Invalid> {
        self.hexadecimal("", mix(number))
    }

    pub(super) fn device(&mut self, device: u64) -> Result<DeviceId, Invalid> {
        self.hexadecimal("d-", device)
    }

    pub(super) fn customer(&mut self, index: usize) -> Result<Option<CustomerId>, Invalid> {
        let Some(id) = self.people.get(index).and_then(|person| person.id) else { return Ok(None) };
        self.text.clear();
        // Writing into a string cannot fail.
        let _infallible = write!(self.text, "C{id:08}");
        self.text.parse().map(Some)
    }

    fn hexadecimal<T: FromStr<Err = Invalid>>(&mut self, prefix: &str, bits: u64) -> Result<T, Invalid> {
        self.text.clear();
        let _infallible = write!(self.text, "{prefix}{bits:016x}");
        self.text.parse()
    }

    /// The event of an access and what was recorded beside it.
    pub(super) fn event(&mut self, access: &Access) -> Result<(Event, Recorded), Invalid> {
        let mut draw = Draw::named(&[access.details]);
        let customer = self.customer(access.person)?;
        let is_login = access.kind == EventKind::Login;
        let failed = access.outcome == Outcome::Failed;
        let credential = match (is_login, failed, customer.is_some()) {
            (false, _, _) => None,
            (true, _, false) => Some(Credential::UnknownUser),
            (true, true, true) => Some(Credential::Wrong),
            (true, false, true) => Some(Credential::Correct),
        };
        let factors = [Factor::None, Factor::None, Factor::Sms, Factor::Totp, Factor::Passkey];
        let username_hash = match customer {
            Some(_) => None,
            None => Some(self.hexadecimal::<UsernameHash>("", mix(access.details))?),
        };
        let event = Event {
            id: self.id(access.number)?,
            time: Time::from_us(access.time_us).unwrap_or(Time::MIN),
            kind: access.kind,
            customer,
            channel: Some(match (access.place, access.on_phone) {
                (None, _) => Channel::Phone,
                (Some(_), true) => Channel::App,
                (Some(_), false) => Channel::Web,
            }),
            client: self.client(access)?,
            outcome: access.outcome,
            reason: failed.then(|| self.reason.clone()),
            credential,
            factor: factors.get(draw_index(&mut draw, 5)).copied().filter(|_| is_login && !failed),
            username_hash,
            amount: if access.kind.moves_money() { Some(self.money(&mut draw)?) } else { None },
            balance_share: access.share_ppm.and_then(Share::from_ppm),
            bank_account: if names_bank_account(access.kind) { Some(bank_account(&mut draw)?) } else { None },
            contact: contact(access.kind, &mut draw),
            order: if access.kind == EventKind::Order { Some(self.order(&mut draw)?) } else { None },
            payment: None,
        };
        let place = access.place;
        let recorded =
            Recorded { country: place.map(|place| place.country), asn: place.map(|place| place.asn) };
        Ok((event, recorded))
    }

    fn client(&mut self, access: &Access) -> Result<Client, Invalid> {
        let Some(place) = access.place else { return Ok(Client::default()) };
        // A device keeps its family of browser and goes through the versions with the months.
        let mut draw = Draw::named(&[access.device.unwrap_or(access.session)]);
        let agents = if access.on_phone { &self.phones } else { &self.computers };
        let families = u64::try_from(agents.len()).unwrap_or(0) / VERSIONS.unsigned_abs();
        let days = (access.time_us - START_US) / model::time::DAY_US;
        let version = (days / VERSION_DAYS).clamp(0, VERSIONS - 1).unsigned_abs();
        let agent = usize::try_from(draw.below(families) * VERSIONS.unsigned_abs() + version).unwrap_or(0);
        let (user_agent, ja4) = agents.get(agent).cloned().unzip();
        let language = draw.pick(&self.languages).cloned();
        Ok(Client {
            ip: Some(place.address),
            user_agent,
            device: access.device.map(|device| self.device(device)).transpose()?,
            ja4,
            session: Some(self.hexadecimal::<SessionId>("", access.session)?),
            language,
        })
    }

    fn money(&self, draw: &mut Draw) -> Result<Money, Invalid> {
        Money::new(i64::try_from(10_000 * (1 + draw.below(500))).unwrap_or(0), self.yen)
    }

    fn order(&mut self, draw: &mut Draw) -> Result<Order, Invalid> {
        self.text.clear();
        let _infallible = write!(self.text, "{}", 1_300 + draw.below(SYMBOLS));
        Ok(Order {
            symbol: self.text.parse::<Symbol>()?,
            side: if draw.percent(50) { OrderSide::Buy } else { OrderSide::Sell },
            effect: Some(if draw.percent(50) { OrderEffect::Open } else { OrderEffect::Close }),
            quantity: 100 * (1 + draw.below(20)),
            notional: Some(self.money(draw)?),
            holdings_share: None,
            daily_turnover: None,
        })
    }
}

fn draw_index(draw: &mut Draw, count: u64) -> usize {
    usize::try_from(draw.below(count)).unwrap_or(0)
}

const fn names_bank_account(kind: EventKind) -> bool {
    kind.moves_money() || matches!(kind, EventKind::BankAccountRegister | EventKind::BankAccountChange)
}

fn bank_account(draw: &mut Draw) -> Result<BankAccount, Invalid> {
    Ok(BankAccount {
        bank: format!("{:04}", draw.below(600)).parse::<BankCode>()?,
        branch: format!("{:03}", draw.below(1_000)).parse::<BranchCode>()?,
        number: format!("{:07}", draw.below(10_000_000)).parse::<AccountNumber>()?,
        holder: None,
        verification: None,
    })
}

fn contact(kind: EventKind, draw: &mut Draw) -> Option<Contact> {
    let r#type = draw.pick(ContactType::ALL).copied()?;
    (kind == EventKind::ContactChange).then_some(Contact { r#type, old: None, new: None })
}

/// Every version of every family, in that order.
fn agents(families: &[(&str, i64, &str)]) -> Result<Vec<(UserAgentText, Ja4)>, Invalid> {
    let mut agents = Vec::new();
    for (pattern, first_version, ja4) in families {
        for version in (*first_version..).take(usize::try_from(VERSIONS).unwrap_or(0)) {
            agents.push((pattern.replace("{}", &version.to_string()).parse()?, ja4.parse()?));
        }
    }
    Ok(agents)
}

/// User agent with a place for the version, first version, JA4.
const COMPUTERS: [(&str, i64, &str); 4] = [
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.4044.138 Safari/537.36",
        77,
        "t13d1516h2_8daaf6152771_e5627efa2ab1",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_6) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.4044.138 Safari/537.36",
        77,
        "t13d1516h2_8daaf6152771_b0da82dd1658",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{}.0) Gecko/20100101 Firefox/{}.0",
        72,
        "t13d1715h2_5b57614c22b0_3d5424432f57",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.{} Safari/605.1.15",
        0,
        "t13d2014h2_a09f3c656075_14788d8d241b",
    ),
];
const PHONES: [(&str, i64, &str); 3] = [
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 13_{} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Mobile/15E148 Safari/604.1",
        0,
        "t13d2014h2_a09f3c656075_e42f34c56612",
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; SO-51A) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.4044.138 Mobile Safari/537.36",
        77,
        "t13d1515h2_8daaf6152771_de4a06bb82e3",
    ),
    ("BrokerApp/5.{} (iPhone; iOS 13.6; Scale/3.00)", 1, "t13d1014h2_f9ac01b6d7b8_2b729b4bf6f3"),
];
