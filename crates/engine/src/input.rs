//! What changes the state: an event as observed, with what files said of it, or an operator's command. Must not know the
//! wire form it came in ([`model::Event`]) beyond turning it into this.
//!
//! Inputs are what the journal keeps. They hold no bank account number and no contact in clear: both are hashed by whoever
//! makes the input, with a key that this crate never sees.

use model::client::{DeviceId, Ja4, Language, SessionId, UserAgentText};
use model::customer::text_key;
use model::event::{EventId, Reason, Share, UsernameHash};
use model::{
    Address, Channel, ContactType, Credential, CustomerId, Disposition, Event, EventKind, Factor, Invalid,
    Money, OrderSide, Outcome, Time, Verification,
};
use serde::{Deserialize, Serialize};

use crate::key::RecordKey;

/// Lists that one address may stand in at most; more are cut by whoever observes.
pub const LISTS_MAX: usize = 16;
/// Bytes of a document at most.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 19;

/// One input, in the journal's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its place in the journal, from 1, without gap.
    pub seq: u64,
    /// When it arrived.
    pub time: Time,
    /// What it is.
    pub body: Body,
}

/// What an input is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Body {
    /// An event, with or without a question.
    Event(Box<Observed>),
    /// What is kept of a customer beside their events.
    Profile(Profile),
    /// From here on this policy decides.
    Policy {
        /// What decisions name.
        version: u32,
        /// As written.
        text: String,
        /// Who made it the policy.
        by: String,
    },
    /// A hold is let go or refused.
    HoldSettled {
        /// Whose.
        customer: CustomerId,
        /// The event that was held.
        event: EventId,
        /// Let go, or refused for good.
        released: bool,
        /// Who settled it.
        by: String,
        /// Why, if they said so.
        reason: Option<Reason>,
    },
    /// A document is kept from here on in place of what had its name.
    Document {
        /// `list/mule-addresses`.
        name: String,
        /// At most [`DOCUMENT_BYTES_MAX`]; nothing removes it.
        bytes: Option<Vec<u8>>,
        /// Who brought it.
        by: String,
    },
    /// Somebody does what changes no record and must not be done unseen: noted before it is done.
    Act {
        /// What: `profile.unmask`.
        act: String,
        /// To what: a customer, a number.
        of: String,
        /// Who.
        by: String,
        /// Why, if they said so.
        reason: Option<Reason>,
    },
}

/// An event as observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The sender's identifier.
    pub id: EventId,
    /// When it happened, by the sender.
    pub time: Time,
    /// What was done.
    pub kind: EventKind,
    /// In whose name.
    pub customer: Option<CustomerId>,
    /// How it reached the broker.
    pub channel: Option<Channel>,
    /// How it ended.
    pub outcome: Outcome,
    /// What the password verifier said.
    pub credential: Option<Credential>,
    /// The further factor used.
    pub factor: Option<Factor>,
    /// Source address.
    pub ip: Option<Address>,
    /// Device.
    pub device: Option<DeviceId>,
    /// TLS fingerprint.
    pub ja4: Option<Ja4>,
    /// Session.
    pub session: Option<SessionId>,
    /// Preferred language.
    pub language: Option<Language>,
    /// The user agent, parsed.
    pub agent: Option<Agent>,
    /// How much.
    pub amount: Option<Money>,
    /// Which share of the balance, in millionths.
    pub balance_share_ppm: Option<u32>,
    /// The bank account, hashed.
    pub account: Option<Account>,
    /// Which contact changed.
    pub contact: Option<ContactType>,
    /// The order.
    pub order: Option<Order>,
    /// What the instruction to pay says.
    pub payment: Option<Payment>,
    /// What files know of the address.
    pub place: Place,
    /// What is kept beside it.
    pub kept: Kept,
    /// Whether a decision is asked for; else it is a fact.
    pub asked: bool,
}

/// What history holds of an event beside what signals ask for. Campaigns read the user agent's text and the user name's hash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The user agent's text.
    pub user_agent: Option<UserAgentText>,
    /// Why it ended as it did.
    pub reason: Option<Reason>,
    /// Hash of the user name, where the event names nobody.
    pub username_hash: Option<UsernameHash>,
    /// `0001-001`: bank and branch.
    pub bank_branch: Option<String>,
    /// The order, as JSON.
    pub order: Option<String>,
}

/// What files know of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Country, ISO 3166-1 alpha-2.
    pub country: Option<[u8; 2]>,
    /// Autonomous system.
    pub asn: Option<u32>,
    /// Names of the lists that hold the address, at most [`LISTS_MAX`].
    pub lists: Vec<String>,
    /// A hosting provider's.
    pub hosting: bool,
    /// A VPN's.
    pub vpn: bool,
    /// A Tor exit.
    pub tor: bool,
    /// Where the network is.
    pub spot: Option<Spot>,
}

/// Where a network is, about: as `intel` knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// Tenths of a degree north of the equator.
    pub north: i16,
    /// Tenths of a degree east of Greenwich.
    pub east: i16,
    /// Within so many kilometres.
    pub radius_km: u16,
}

/// An order, as far as signals ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The security, hashed.
    pub symbol: u64,
    /// Whether it buys; else it sells.
    pub buys: bool,
    /// Price times quantity, minor units.
    pub notional: Option<i64>,
    /// Which share of the customer's holdings it sells, in millionths.
    pub holdings_share_ppm: Option<u32>,
    /// What is usually traded of the symbol in a day, minor units; none in another currency than `notional`.
    pub daily_turnover: Option<i64>,
    /// Whether a list of thin symbols holds it; none without such a list.
    pub listed_thin: Option<bool>,
}

/// What an instruction to pay says, as far as signals ask for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Whether the domain of whoever asks looks like a known one and is not it; none without a domain or known ones.
    pub lookalike: Option<bool>,
    /// Whether it presses for haste; none without a memo.
    pub urgency: Option<bool>,
    /// Whether it asks for secrecy; none without a memo.
    pub secrecy: Option<bool>,
}

/// A user agent as hashes of its parts: the text is in history, the state needs only equality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// The whole text.
    pub text: u64,
    /// Browser and version.
    pub browser: u64,
    /// Operating system and version.
    pub system: u64,
    /// Device type.
    pub device_type: u64,
    /// Whether it names an automation tool.
    pub automation: bool,
}

/// A bank account, hashed with the broker's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Of bank, branch and number.
    pub key: u64,
    /// Of the holder's name in its comparable form, if it came.
    pub holder: Option<u64>,
    /// How far the check of it is, if that came.
    pub verification: Option<Verification>,
}

/// What is kept of a customer beside their events, as far as signals ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Whose.
    pub customer: CustomerId,
    /// Hash of the name in its comparable form.
    pub holder: Option<u64>,
    /// When the account was opened.
    pub opened: Option<Time>,
    /// The rest, encrypted with a key that this crate never sees; kept as it comes.
    pub sealed: Vec<u8>,
}

/// What an observer adds to an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Additions {
    /// The bank account, hashed.
    pub account: Option<Account>,
    /// `0001-001`: bank and branch.
    pub bank_branch: Option<String>,
    /// The order, as JSON.
    pub order: Option<String>,
    /// Whether a list of thin symbols holds the order's symbol.
    pub listed_thin: Option<bool>,
    /// What the instruction to pay says.
    pub payment: Option<Payment>,
    /// The user agent, parsed.
    pub agent: Option<Agent>,
    /// What files know of the address.
    pub place: Place,
    /// Whether a decision is asked for.
    pub asked: bool,
}

impl Observed {
    /// The event with what was added to it, and without what must not be kept.
    ///
    /// # Errors
    /// It lies further ahead of `now` than clocks differ.
    pub fn new(event: Event, additions: Additions, now: Time) -> Result<Self, Invalid> {
        /// How far a sender's clock may be ahead.
        const AHEAD_US_MAX: i64 = 5 * 60 * model::time::SECOND_US;
        if event.time > now.plus_us(AHEAD_US_MAX) {
            let problem = format!(
                "came {}, which is more than 5 minutes ahead of {now}; allowed: the time at which it happened",
                event.time
            );
            return Err(Invalid::new("time", problem));
        }
        let Additions { account, bank_branch, order, listed_thin, payment, agent, mut place, asked } =
            additions;
        place.lists.truncate(LISTS_MAX);
        Ok(Self {
            id: event.id,
            time: event.time,
            kind: event.kind,
            customer: event.customer,
            channel: event.channel,
            outcome: event.outcome,
            credential: event.credential,
            factor: event.factor,
            ip: event.client.ip,
            device: event.client.device,
            ja4: event.client.ja4,
            session: event.client.session,
            language: event.client.language,
            agent,
            amount: event.amount,
            balance_share_ppm: event.balance_share.map(Share::as_ppm),
            account,
            contact: event.contact.map(|contact| contact.r#type),
            order: event.order.as_ref().map(|order| Order::new(order, listed_thin)),
            payment,
            place,
            kept: Kept {
                user_agent: event.client.user_agent,
                reason: event.reason,
                username_hash: event.username_hash,
                bank_branch,
                order,
            },
            asked,
        })
    }
}

impl Observed {
    /// How an analyst closed a case; none of other events, and where the reason begins with no such word.
    #[must_use]
    pub fn disposition(&self) -> Option<Disposition> {
        let reason = self.kept.reason.as_ref().filter(|_| self.kind == EventKind::CaseDisposition)?;
        Disposition::of(reason.as_str())
    }
}

impl Place {
    /// Whether nobody lives there: a rented server, a VPN, a Tor exit.
    #[must_use]
    pub const fn is_rented(&self) -> bool {
        self.hosting || self.vpn || self.tor
    }
}

impl Order {
    fn new(order: &model::Order, listed_thin: Option<bool>) -> Self {
        let turnover = order.daily_turnover.as_ref().zip(order.notional.as_ref());
        let turnover = turnover.filter(|(turnover, notional)| turnover.currency == notional.currency);
        Self {
            symbol: text_key(order.symbol.as_str()),
            buys: order.side == OrderSide::Buy,
            notional: order.notional.as_ref().map(|notional| notional.minor),
            holdings_share_ppm: order.holdings_share.map(Share::as_ppm),
            daily_turnover: turnover.map(|(turnover, _)| turnover.minor),
            listed_thin,
        }
    }
}

impl Body {
    /// The records this reads or changes, in a fixed order: what must be in memory before it is applied.
    #[must_use]
    pub fn touches(&self) -> Vec<RecordKey> {
        match self {
            // Documents are always in memory.
            Self::Policy { .. } | Self::Document { .. } | Self::Act { .. } => Vec::new(),
            Self::Profile(profile) => {
                let id = profile.customer.as_str();
                vec![RecordKey::customer(id), RecordKey::profile(id)]
            }
            Self::HoldSettled { customer, .. } => vec![RecordKey::customer(customer.as_str())],
            Self::Event(event) => {
                let device = event.device.as_ref().map(|device| RecordKey::Device(text_key(device.as_str())));
                let customer = event.customer.as_ref().map(|customer| RecordKey::customer(customer.as_str()));
                let touched = [
                    Some(RecordKey::Shared),
                    customer,
                    event.ip.map(RecordKey::ip),
                    event.ip.map(|ip| RecordKey::network(ip.network())),
                    event.place.asn.map(RecordKey::Asn),
                    device,
                    event.agent.map(|agent| RecordKey::Agent(agent.text)),
                    event.account.as_ref().map(|account| RecordKey::Account(account.key)),
                ];
                touched.into_iter().flatten().collect()
            }
        }
    }

    /// The bytes for the journal, which keeps number and time of an input beside them.
    ///
    /// # Errors
    /// Never for inputs of this crate; the format's own error otherwise.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(self)
    }

    /// Back from [`Self::encode`].
    ///
    /// # Errors
    /// The bytes are no input of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        postcard::from_bytes(bytes)
    }
}
