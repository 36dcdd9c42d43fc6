//! Proof: the customer is sent to the server's pages, comes back, and what they proved is redeemed right before it is done.

use std::borrow::Cow;

use model::client::DeviceId;
use model::{
    BankAccount, Client as Browser, Contact, CustomerId, Event, EventKind, Factor, Money, Order, Payment,
};
use serde::{Deserialize, Serialize};

use crate::{Again, Challenge, Client, ClientError, NewDevice};

/// What is confirmed: the part of an event that binds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Action {
    customer: CustomerId,
    kind: EventKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bank_account: Option<BankAccount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Contact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<Payment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<Device>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticator: Option<Authenticator>,
    #[serde(skip_serializing_if = "Option::is_none")]
    only_own_devices: Option<bool>,
}

/// A device that is registered or taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Device {
    device: DeviceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// An authenticator that is enrolled or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Authenticator {
    factor: Factor,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl Action {
    /// What an event does; `None` if it names no customer. It says of a device or an authenticator what events do: no key, no name and
    /// no `id`.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let of_device = matches!(event.kind, EventKind::DeviceRegister | EventKind::DeviceRemove);
        let of_factor = matches!(event.kind, EventKind::FactorEnroll | EventKind::FactorRemove);
        let device = event.client.device.clone().filter(|_| of_device);
        let factor = event.factor.filter(|_| of_factor);
        Some(Self {
            customer: event.customer.clone()?,
            kind: event.kind,
            amount: event.amount,
            bank_account: event.bank_account.clone(),
            contact: event.contact.clone(),
            order: event.order.clone(),
            payment: event.payment.clone(),
            device: device.map(|device| Device { device, public_key: None, name: None }),
            authenticator: factor.map(|factor| Authenticator { factor, id: None, name: None }),
            only_own_devices: None,
        })
    }

    fn bare(customer: CustomerId, kind: EventKind) -> Self {
        Self {
            customer,
            kind,
            amount: None,
            bank_account: None,
            contact: None,
            order: None,
            payment: None,
            device: None,
            authenticator: None,
            only_own_devices: None,
        }
    }

    /// That this device is registered, by this key and name.
    #[must_use]
    pub fn registering(customer: CustomerId, new: &NewDevice<'_>) -> Self {
        let (public_key, name) = (new.public_key.map(str::to_owned), Some(new.name.to_owned()));
        let device = Some(Device { device: new.device.clone(), public_key, name });
        Self { device, ..Self::bare(customer, EventKind::DeviceRegister) }
    }

    /// That an authenticator is enrolled, by this name if it is told.
    #[must_use]
    pub fn enrolling(customer: CustomerId, factor: Factor, name: Option<&str>) -> Self {
        let authenticator = Some(Authenticator { factor, id: None, name: name.map(str::to_owned) });
        Self { authenticator, ..Self::bare(customer, EventKind::FactorEnroll) }
    }

    /// That the authenticator with this `id` is removed.
    #[must_use]
    pub fn removing(customer: CustomerId, factor: Factor, id: &str) -> Self {
        let authenticator = Some(Authenticator { factor, id: Some(id.to_owned()), name: None });
        Self { authenticator, ..Self::bare(customer, EventKind::FactorRemove) }
    }

    /// That only registered devices are let in, or any again.
    #[must_use]
    pub fn restricting(customer: CustomerId, only_own_devices: bool) -> Self {
        let only_own_devices = Some(only_own_devices);
        Self { only_own_devices, ..Self::bare(customer, EventKind::DeviceRestrict) }
    }
}

/// Where a customer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page<'a> {
    /// To answer a challenge.
    Verify(&'a str),
    /// To see and change what they prove themselves with.
    Security,
}

/// An address for one customer's browser, good once and for two minutes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Handover {
    /// Redirect the customer to it; never send it by mail or SMS.
    pub url: String,
}

/// A proof that was redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Proof {
    /// How it was given.
    pub method: String,
    /// The `factor` to tell with the event.
    pub factor: String,
}

/// Bytes of a browser that a handover or a registration takes along.
const CLIENT_BYTES_MAX: usize = 1_024;

/// A browser as it travels along: what is long of one is its user agent, and nothing is decided by it there.
pub(crate) fn travelling(browser: &Browser) -> Cow<'_, Browser> {
    let fits = serde_json::to_string(browser).is_ok_and(|text| text.len() <= CLIENT_BYTES_MAX);
    if fits { Cow::Borrowed(browser) } else { Cow::Owned(Browser { user_agent: None, ..browser.clone() }) }
}

#[derive(Serialize)]
struct HandoverSent<'a> {
    customer: &'a CustomerId,
    page: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_to: Option<&'a str>,
    language: &'static str,
    client: &'a Browser,
}

#[derive(Serialize)]
struct RedeemSent<'a> {
    #[serde(flatten)]
    action: &'a Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a str>,
}

#[derive(Deserialize)]
struct Redeemed {
    passed: Proof,
}

impl Client {
    /// A challenge that no decision asked for.
    ///
    /// # Errors
    /// The server refused it, or does not answer.
    pub fn challenge(&self, action: &Action) -> Result<Challenge, ClientError> {
        self.post("/v1/challenges", action, Again::Yes)
    }

    /// An address at which this customer, who is signed in at the broker's site, is known. `browser` is theirs as the site sees it; a user
    /// agent that is too long to travel along is left out.
    ///
    /// # Errors
    /// The server refused it, or does not answer.
    pub fn hand_over(
        &self,
        customer: &CustomerId,
        page: Page<'_>,
        return_to: Option<&str>,
        browser: &Browser,
    ) -> Result<Handover, ClientError> {
        let (page, challenge) = match page {
            Page::Verify(challenge) => ("verify", Some(challenge)),
            Page::Security => ("security", None),
        };
        let language = if self.options.japanese { "ja" } else { "en" };
        let client = &*travelling(browser);
        let sent = HandoverSent { customer, page, challenge, return_to, language, client };
        self.post("/v1/handovers", &sent, Again::Yes)
    }

    /// Uses a proof up: `Some` if exactly this action was proven and was not let through before. Ask right before it is done, and do it
    /// only then. `result` is the `sekisho_result` with which the customer came back **in the browser that goes on**, if they were sent
    /// away: a login is let in only by it, or whoever began it with a stolen password is let in by the proof of its owner.
    ///
    /// It is not tried again when no answer comes: the proof may be used up. The customer then proves it anew.
    ///
    /// # Errors
    /// The server does not answer, or refused what was sent.
    pub fn redeem(
        &self,
        challenge: &str,
        action: &Action,
        result: Option<&str>,
    ) -> Result<Option<Proof>, ClientError> {
        const CONFLICT: u16 = 409;
        const ABSENT: u16 = 404;
        // What comes of a customer's address goes into a path.
        if !challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
            return Ok(None);
        }
        let sent = RedeemSent { action, result };
        match self.post(&format!("/v1/challenges/{challenge}/redeem"), &sent, Again::No) {
            Ok(Redeemed { passed }) => Ok(Some(passed)),
            Err(ClientError::Refused { status: CONFLICT | ABSENT, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
