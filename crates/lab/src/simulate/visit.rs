//! Events in the making, and a visit: things done one after the other from one client. Customers and attackers make
//! their events here alike, so nothing but behaviour tells them apart. Must not know why anything is done.

use std::rc::Rc;

use model::details::{Contact, ContactType, Order, OrderEffect, OrderSide};
use model::event::Share;
use model::{
    BankAccount, Channel, Client, Credential, CustomerId, Event, EventKind, Factor, HolderName, Money,
    Outcome, Time,
};

use super::Attack;
use super::calendar::seconds_us;
use super::clients::Device;
use super::dice::Dice;
use super::error::LabError;
use super::networks::{Network, Source};
use super::oddity::Oddities;

/// What was not done by the customer, and by whom it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Culprit {
    /// One of the attacks that were asked for.
    Attack(Attack),
    /// The guessing that every broker sees every day.
    Background,
}

impl Culprit {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Attack(attack) => attack.as_str(),
            Self::Background => super::BACKGROUND,
        }
    }
}

/// A client and the network it was seen in; none for what comes by telephone or post.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) client: Client,
    pub(super) network: Option<&'static Network>,
}

impl Seen {
    /// A session of a device, which may hide its identifier.
    pub(super) fn new(
        dice: &mut Dice,
        source: Source,
        (device, identified): (&Device, bool),
        (language, time): (&str, Time),
    ) -> Result<Rc<Self>, LabError> {
        let identifier = if identified { Some(format!("d{:016x}", device.key).parse()?) } else { None };
        let client = Client {
            ip: Some(source.ip),
            user_agent: Some(device.user_agent(time).parse()?),
            device: identifier,
            ja4: None,
            session: Some(format!("s{:016x}", dice.next()).parse()?),
            language: Some(language.parse()?),
        };
        Ok(Rc::new(Self { client, network: Some(source.network) }))
    }

    /// The same session from another address.
    pub(super) fn moved_to(&self, source: Source) -> Rc<Self> {
        let client = Client { ip: Some(source.ip), ..self.client.clone() };
        Rc::new(Self { client, network: Some(source.network) })
    }
}

/// What only some kinds of event carry.
#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) reason: Option<&'static str>,
    pub(super) credential: Option<Credential>,
    pub(super) factor: Option<Factor>,
    pub(super) username: Option<u64>,
    pub(super) amount_jpy: Option<u64>,
    pub(super) share_ppm: Option<u64>,
    pub(super) account: Option<Rc<BankAccount>>,
    pub(super) contact: Option<ContactType>,
    pub(super) order: Option<Order>,
}

/// An event without its identifier and customer.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) time: Time,
    pub(super) kind: EventKind,
    pub(super) channel: Channel,
    pub(super) outcome: Outcome,
    pub(super) seen: Rc<Seen>,
    pub(super) details: Details,
    /// Who did it, if not the customer.
    pub(super) culprit: Option<Culprit>,
    /// Whether a culprit could prove to be the customer here: has the telephone number, or the customer at the other end.
    pub(super) holds_factor: bool,
    /// What makes it look strange, if the customer did it.
    pub(super) oddities: Oddities,
}

impl Draft {
    /// Done by a customer's word to the staff, by telephone or on paper.
    pub(super) fn staffed(time: Time, kind: EventKind, channel: Channel, details: Details) -> Self {
        let seen = Rc::new(Seen::default());
        Self {
            time,
            kind,
            channel,
            outcome: Outcome::Succeeded,
            seen,
            details,
            culprit: None,
            holds_factor: false,
            oddities: Oddities::default(),
        }
    }

    /// The event. Customer and client are given, because a whole session has the same ones and copies cost time.
    pub(super) fn event(
        self,
        id: u64,
        customer: Option<CustomerId>,
        client: Client,
    ) -> Result<Event, LabError> {
        let details = self.details;
        let share = details.share_ppm.map(|ppm| u32::try_from(ppm).unwrap_or(u32::MAX).min(1_000_000));
        Ok(Event {
            id: format!("{id:016x}").parse()?,
            time: self.time,
            kind: self.kind,
            customer,
            channel: Some(self.channel),
            client,
            outcome: self.outcome,
            reason: details.reason.map(str::parse).transpose()?,
            credential: details.credential,
            factor: details.factor,
            username_hash: match details.username {
                Some(name) => Some(format!("{name:016x}").parse()?),
                None => None,
            },
            amount: details.amount_jpy.map(yen).transpose()?,
            balance_share: share.and_then(Share::from_ppm),
            bank_account: details.account.map(|account| BankAccount::clone(&account)),
            contact: details.contact.map(|r#type| Contact { r#type, old: None, new: None }),
            order: details.order,
            payment: None,
        })
    }
}

pub(super) fn yen(amount_jpy: u64) -> Result<Money, LabError> {
    Ok(Money::new(i64::try_from(amount_jpy).unwrap_or(i64::MAX), "JPY".parse()?)?)
}

/// Things done from one client, with the time that passes between them.
pub(super) struct Visit {
    pub(super) drafts: Vec<Draft>,
    pub(super) seen: Rc<Seen>,
    channel: Channel,
    clock: Time,
    culprit: Option<Culprit>,
    /// Whether what is done from here on could be proven.
    pub(super) holds_factor: bool,
}

impl Visit {
    /// A visit that adds to `drafts`.
    pub(super) const fn begin(
        drafts: Vec<Draft>,
        seen: Rc<Seen>,
        (channel, clock): (Channel, Time),
        culprit: Option<Culprit>,
    ) -> Self {
        Self { drafts, seen, channel, clock, culprit, holds_factor: false }
    }

    /// Lets so many seconds pass.
    pub(super) fn wait(&mut self, dice: &mut Dice, low_s: u64, high_s: u64) {
        let fraction = i64::try_from(dice.below(1_000_000)).unwrap_or(0);
        self.clock = self.clock.plus_us(seconds_us(dice.between(low_s, high_s)) + fraction);
    }

    pub(super) fn add(&mut self, kind: EventKind, outcome: Outcome, details: Details) {
        self.drafts.push(Draft {
            time: self.clock,
            kind,
            channel: self.channel,
            outcome,
            seen: Rc::clone(&self.seen),
            details,
            culprit: self.culprit,
            holds_factor: self.holds_factor,
            oddities: Oddities::default(),
        });
    }

    /// A sign-in with the right password.
    pub(super) fn login(&mut self, factor: Option<Factor>) {
        let details = Details { credential: Some(Credential::Correct), factor, ..Details::default() };
        self.add(EventKind::Login, Outcome::Succeeded, details);
    }

    /// A sign-in with a wrong password.
    pub(super) fn wrong_password(&mut self, reason: &'static str) {
        let credential = Some(Credential::Wrong);
        let details = Details { credential, reason: Some(reason), ..Details::default() };
        self.add(EventKind::Login, Outcome::Failed, details);
    }

    /// So many looks at pages.
    pub(super) fn browse(&mut self, dice: &mut Dice, pages: u64) {
        for _ in 0..pages {
            self.wait(dice, 8, 240);
            self.add(EventKind::SessionActivity, Outcome::Succeeded, Details::default());
        }
    }

    /// A look at the registered data, or anything else without details.
    pub(super) fn plain(&mut self, dice: &mut Dice, kind: EventKind) {
        self.wait(dice, 20, 150);
        self.add(kind, Outcome::Succeeded, Details::default());
    }

    pub(super) fn contact(&mut self, dice: &mut Dice, contact: ContactType) {
        self.wait(dice, 30, 200);
        let details = Details { contact: Some(contact), ..Details::default() };
        self.add(EventKind::ContactChange, Outcome::Succeeded, details);
    }

    /// Registers or changes the bank account; `refused` says why not, if so.
    pub(super) fn bank(
        &mut self,
        dice: &mut Dice,
        kind: EventKind,
        account: &Rc<BankAccount>,
        refused: Option<&'static str>,
    ) {
        self.wait(dice, 60, 420);
        let outcome = if refused.is_some() { Outcome::Failed } else { Outcome::Succeeded };
        let details = Details { reason: refused, account: Some(Rc::clone(account)), ..Details::default() };
        self.add(kind, outcome, details);
    }

    /// Money out; `share_ppm` of what was there just before.
    pub(super) fn pay_out(
        &mut self,
        dice: &mut Dice,
        kind: EventKind,
        account: &Rc<BankAccount>,
        (amount_jpy, share_ppm): (u64, u64),
    ) {
        self.wait(dice, 40, 240);
        let details = Details {
            amount_jpy: Some(amount_jpy),
            share_ppm: Some(share_ppm),
            account: Some(Rc::clone(account)),
            ..Details::default()
        };
        self.add(kind, Outcome::Succeeded, details);
    }

    /// An order for about so many yen.
    pub(super) fn order(&mut self, dice: &mut Dice, side: OrderSide, yen_about: u64) -> Result<(), LabError> {
        self.wait(dice, 20, 400);
        // Half of the trading is in a tenth of the securities. The codes name nobody.
        let number = if dice.permille(500) { dice.below(60) } else { dice.below(SECURITIES) };
        self.order_of(number, side, yen_about)
    }

    /// An order for about so many yen of one security.
    pub(super) fn order_of(&mut self, number: u64, side: OrderSide, yen_about: u64) -> Result<(), LabError> {
        let price = 200 + number * 7 % 4_300;
        let quantity = (yen_about / price / 100).max(1) * 100;
        let effect = if side == OrderSide::Sell { OrderEffect::Close } else { OrderEffect::Open };
        let order = Order {
            symbol: format!("Z{:04}", 1_000 + number).parse()?,
            side,
            effect: Some(effect),
            quantity,
            notional: Some(yen(quantity * price)?),
            holdings_share: None,
            daily_turnover: None,
        };
        self.add(EventKind::Order, Outcome::Succeeded, Details { order: Some(order), ..Details::default() });
        Ok(())
    }
}

/// Securities that customers trade as a rule.
pub(super) const SECURITIES: u64 = 600;
/// Then come so many that hardly anybody trades; what has a higher number is new, and wanted.
pub(super) const THIN: u64 = 100;

/// What is traded of a security in a day, in yen.
pub(super) fn turnover_jpy(symbol: &str) -> u64 {
    const MILLION: u64 = 1_000_000;
    let number = symbol.trim_start_matches('Z').parse::<u64>().unwrap_or(0).saturating_sub(1_000);
    match number {
        0..60 => 5_000 * MILLION,
        60..SECURITIES => (150 + number % 10 * 90) * MILLION,
        number if number < SECURITIES + THIN => (4 + number % 9) * MILLION,
        _ => 20_000 * MILLION,
    }
}

const SURNAMES: &[&str] = &[
    "サトウ",
    "スズキ",
    "タカハシ",
    "タナカ",
    "イトウ",
    "ワタナベ",
    "ヤマモト",
    "ナカムラ",
    "コバヤシ",
    "カトウ",
    "ヨシダ",
    "ヤマダ",
    "ササキ",
    "ヤマグチ",
    "マツモト",
    "イノウエ",
    "キムラ",
    "ハヤシ",
    "シミズ",
    "サイトウ",
    "モリ",
    "イケダ",
    "ハシモト",
    "アベ",
    "イシカワ",
    "マエダ",
    "フジタ",
    "オガワ",
    "オカダ",
    "ゴトウ",
];
const GIVEN_NAMES: &[&str] = &[
    "タロウ",
    "ケイコ",
    "ヒロシ",
    "ヨウコ",
    "マコト",
    "ユミコ",
    "タケシ",
    "アケミ",
    "ケンイチ",
    "トモコ",
    "ダイスケ",
    "ナオミ",
    "ショウタ",
    "アイ",
    "カズオ",
    "サチコ",
    "ユウキ",
    "ミサキ",
    "シンジ",
    "エミ",
    "コウジ",
    "マユミ",
    "リョウ",
    "カオリ",
    "サトル",
    "クミコ",
];
/// Bank codes that no bank has.
const BANKS: &[&str] = &["0801", "0802", "0803", "0804", "0805", "0806", "0807", "0808"];

/// A holder's name in kana.
pub(super) fn holder(dice: &mut Dice) -> Result<HolderName, LabError> {
    Ok(format!("{} {}", dice.pick(SURNAMES), dice.pick(GIVEN_NAMES)).parse()?)
}

/// A bank account in a name.
pub(super) fn bank_account(dice: &mut Dice, holder: HolderName) -> Result<Rc<BankAccount>, LabError> {
    Ok(Rc::new(BankAccount {
        bank: dice.pick(BANKS).parse()?,
        branch: format!("{:03}", dice.between(1, 899)).parse()?,
        number: format!("{:07}", dice.below(10_000_000)).parse()?,
        holder: Some(holder),
        verification: None,
    }))
}
