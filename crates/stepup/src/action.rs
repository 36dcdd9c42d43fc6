//! What a proof is bound to: the customer, what is done, how much, and to whom. A proof for one action is none for another
//! (dynamic linking: Delegated Regulation (EU) 2018/389, article 5). Must not know how an action is proven.
//!
//! Account numbers and old contacts are not held in clear: who makes an action brings a keyed digest to compare, and the few
//! characters by which the customer recognises what is meant. A new contact stands there in full: it is what they have to check.

use model::{ContactType, CustomerId, Event, EventKind, Factor, Money, OrderEffect, OrderSide};
use serde::{Deserialize, Serialize};

/// What is to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// In whose name.
    pub customer: CustomerId,
    /// What is done.
    pub kind: EventKind,
    /// How much.
    pub amount: Option<Money>,
    /// To which bank account.
    pub account: Option<Account>,
    /// Which contact, and what it becomes.
    pub contact: Option<Contact>,
    /// What is bought or sold.
    pub order: Option<Order>,
    /// Whom the broker's treasury pays.
    pub payee: Option<String>,
    /// Which device is registered or taken back.
    pub device: Option<Device>,
    /// Which authenticator is enrolled or removed.
    pub authenticator: Option<Authenticator>,
    /// Whether only registered devices are let in from now on.
    pub only_own_devices: Option<bool>,
}

/// A bank account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Of bank, branch and number.
    pub digest: [u8; 32],
    /// `0001-001`: bank and branch.
    pub branch: String,
    /// The number's last digits.
    pub ending: String,
    /// The holder's name.
    pub holder: Option<String>,
}

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Of which type.
    pub r#type: ContactType,
    /// Of what it was and what it becomes.
    pub digest: [u8; 32],
    /// What it becomes.
    pub shown: Option<String>,
}

/// An order: what would be another order if it changed. Context such as the day's turnover is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The security.
    pub symbol: String,
    /// Buys or sells.
    pub side: OrderSide,
    /// Opens or closes a position.
    pub effect: Option<OrderEffect>,
    /// How many.
    pub quantity: u64,
    /// Price times quantity.
    pub notional: Option<Money>,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// What the broker calls it.
    pub device: String,
    /// Of its public key, where it has one.
    pub key: Option<[u8; 32]>,
    /// What its owner calls it.
    pub name: Option<String>,
}

/// An authenticator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authenticator {
    /// What it is; `none` for recovery codes.
    pub factor: Factor,
    /// Which one, where there is one already.
    pub id: Option<[u8; 16]>,
    /// What its owner calls it.
    pub name: Option<String>,
}

/// What an action shows of an account number.
const ENDING_DIGITS: usize = 3;

impl Action {
    /// The action that an event is; `None` if it names no customer. `digest` is keyed and never shown.
    #[must_use]
    pub fn of(event: &Event, digest: impl Fn(&str) -> [u8; 32]) -> Option<Self> {
        let account = event.bank_account.as_ref().map(|account| {
            let identity = account.identity();
            let ending = identity.len().saturating_sub(ENDING_DIGITS);
            Account {
                digest: digest(&identity),
                branch: format!("{}-{}", account.bank, account.branch),
                ending: identity.get(ending..).unwrap_or_default().to_owned(),
                holder: account.holder.as_ref().map(ToString::to_string),
            }
        });
        // A type alone would be any contact of that type.
        let told = event.contact.as_ref().filter(|contact| contact.old.is_some() || contact.new.is_some());
        let contact = told.map(|contact| {
            let (old, new) = (contact.old.as_ref(), contact.new.as_ref());
            let text = |value: Option<&model::details::ContactValue>| {
                value.map_or_else(String::new, |value| value.as_str().to_owned())
            };
            Contact {
                r#type: contact.r#type,
                // Lengths keep one pair from reading as another.
                digest: digest(&format!("{} {}{}", text(old).len(), text(old), text(new))),
                shown: new.map(|new| new.as_str().to_owned()),
            }
        });
        Some(Self {
            customer: event.customer.clone()?,
            kind: event.kind,
            amount: event.amount,
            account,
            contact,
            order: event.order.as_ref().map(|order| Order {
                symbol: order.symbol.as_str().to_owned(),
                side: order.side,
                effect: order.effect,
                quantity: order.quantity,
                notional: order.notional,
            }),
            payee: event
                .payment
                .as_ref()
                .and_then(|payment| Some(payment.payee_domain.as_ref()?.to_string())),
            device: Self::device_of(event),
            authenticator: Self::authenticator_of(event),
            only_own_devices: None,
        })
    }

    /// An action of which nothing is said yet but whose it is and what.
    #[must_use]
    pub const fn bare(customer: CustomerId, kind: EventKind) -> Self {
        Self {
            customer,
            kind,
            amount: None,
            account: None,
            contact: None,
            order: None,
            payee: None,
            device: None,
            authenticator: None,
            only_own_devices: None,
        }
    }

    /// The device that an event registers or takes back is the one it came from.
    fn device_of(event: &Event) -> Option<Device> {
        let is_about = matches!(event.kind, EventKind::DeviceRegister | EventKind::DeviceRemove);
        let device = event.client.device.as_ref().filter(|_| is_about)?;
        Some(Device { device: device.as_str().to_owned(), key: None, name: None })
    }

    /// An event says no more of the authenticator that it enrols or removes than what it is.
    fn authenticator_of(event: &Event) -> Option<Authenticator> {
        let is_about = matches!(event.kind, EventKind::FactorEnroll | EventKind::FactorRemove);
        let factor = event.factor.filter(|_| is_about)?;
        Some(Authenticator { factor, id: None, name: None })
    }

    /// Whether a proof of it says who somebody is, and nothing of what is done: a customer who was led to it by somebody else sees nothing
    /// that would be wrong. What is told beside what its kind is about changes nothing.
    #[must_use]
    pub fn says_only_who(&self) -> bool {
        !self.needed().iter().any(|(_, is_there)| *is_there)
    }

    /// What it says beside its point, where its kind says only who somebody is: whoever tells it takes it for bound, and nobody looks at
    /// it.
    #[must_use]
    pub fn beside_its_point(&self) -> Option<&'static str> {
        let told = [
            ("amount", self.amount.is_some()),
            ("bank_account", self.account.is_some()),
            ("contact", self.contact.is_some()),
            ("order", self.order.is_some()),
            ("payment", self.payee.is_some()),
            ("device", self.device.is_some()),
            ("authenticator", self.authenticator.is_some()),
            ("only_own_devices", self.only_own_devices.is_some()),
        ];
        let told = told.into_iter().find(|(_, is_there)| *is_there).map(|(field, _)| field);
        told.filter(|_| self.needed().is_empty())
    }

    /// What it would have to say, and does not, for a proof of it to be good for one thing only: in the words of events, and of
    /// `POST /v1/challenges` where events have none.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.needed().into_iter().filter(|(_, is_there)| !is_there).map(|(field, _)| field).collect()
    }

    /// The fields that say what is done, and whether they are there.
    fn needed(&self) -> Vec<(&'static str, bool)> {
        let needed: &[(&'static str, bool)] = match self.kind {
            EventKind::Withdrawal | EventKind::Transfer => {
                &[("amount", self.amount.is_some()), ("bank_account", self.account.is_some())]
            }
            EventKind::BankAccountRegister | EventKind::BankAccountChange => {
                &[("bank_account", self.account.is_some())]
            }
            EventKind::ContactChange => &[("contact", self.contact.is_some())],
            EventKind::Order => &[("order", self.order.is_some())],
            EventKind::PaymentInstruction => &[
                ("amount", self.amount.is_some()),
                ("payment.payee_domain", self.payee.is_some() || self.account.is_some()),
            ],
            EventKind::DeviceRegister | EventKind::DeviceRemove => &[("device", self.device.is_some())],
            EventKind::FactorEnroll => &[("authenticator", self.authenticator.is_some())],
            EventKind::FactorRemove => {
                let which = self.authenticator.as_ref();
                &[("authenticator.id", which.is_some_and(|which| which.id.is_some()))]
            }
            EventKind::DeviceRestrict => &[("only_own_devices", self.only_own_devices.is_some())],
            _ => &[],
        };
        needed.to_vec()
    }

    /// The fields in which another action differs from this one, which was proven, in the words of events. A name by which an owner
    /// knows something binds where it was told: it is what they read.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let compared = [
            ("customer", self.customer == other.customer),
            ("kind", self.kind == other.kind),
            ("amount", self.amount == other.amount),
            ("bank_account", self.account == other.account),
            ("contact", self.contact == other.contact),
            ("order", self.order == other.order),
            ("payment", self.payee == other.payee),
            ("device", same(self.device.as_ref(), other.device.as_ref(), Device::is)),
            (
                "authenticator",
                same(self.authenticator.as_ref(), other.authenticator.as_ref(), Authenticator::is),
            ),
            ("only_own_devices", self.only_own_devices == other.only_own_devices),
        ];
        compared.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect()
    }
}

impl Device {
    fn is(&self, other: &Self) -> bool {
        self.device == other.device
            && self.key == other.key
            && (self.name.is_none() || self.name == other.name)
    }
}

impl Authenticator {
    fn is(&self, other: &Self) -> bool {
        // One that is there is known by its id: whoever gives it another name meanwhile stops nothing.
        let is_named = self.id.is_some() || self.name.is_none() || self.name == other.name;
        self.factor == other.factor && self.id == other.id && is_named
    }
}

fn same<T>(proven: Option<&T>, other: Option<&T>, is: fn(&T, &T) -> bool) -> bool {
    match (proven, other) {
        (Some(proven), Some(other)) => is(proven, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
