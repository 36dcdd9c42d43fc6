//! What is to be confirmed, as the broker says it: read, checked, and turned into the action that a challenge binds. Must not know
//! challenges.

use model::client::DeviceId;
use model::event::EventId;
use model::{BankAccount, Contact, CustomerId, Event, EventKind, Factor, Money, Order, Outcome, Payment};
use serde::Deserialize;
use stepup::{Action, action};
use utoipa::ToSchema;

use super::App;
use super::problem::Problem;
use crate::proof::{meant_by_broker, named, parse_authenticator_id};

/// What is to be confirmed, in the words of events.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "customer": "C0012345", "kind": "withdrawal", "amount": {"minor": 5000000, "currency": "JPY"},
    "bank_account": {"bank": "0001", "branch": "001", "number": "1234567"},
}))]
pub(super) struct ActionSent {
    /// In whose name.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    pub(super) customer: CustomerId,
    /// What is done.
    #[schema(value_type = String, example = "withdrawal")]
    pub(super) kind: EventKind,
    /// How much.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    amount: Option<Money>,
    /// To which bank account.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    bank_account: Option<BankAccount>,
    /// Which contact.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    contact: Option<Contact>,
    /// What is bought or sold.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    order: Option<Order>,
    /// Whom the treasury pays.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    payment: Option<Payment>,
    /// Which device is registered or taken back.
    #[serde(default)]
    device: Option<DeviceMeant>,
    /// Which authenticator is enrolled or removed.
    #[serde(default)]
    authenticator: Option<AuthenticatorMeant>,
    /// Whether only registered devices are let in from now on, for `device.restrict`.
    #[serde(default)]
    only_own_devices: Option<bool>,
    /// To redeem: the `sekisho_result` that came back in the browser that goes on. Needed for what was handed over and says no
    /// more than who somebody is (a login, say); looked at wherever it is told.
    #[serde(default)]
    #[schema(max_length = 4096)]
    pub(super) result: Option<String>,
}

/// A device that is registered or taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"device": "d-7f3a", "name": "telephone"}))]
pub(super) struct DeviceMeant {
    /// The broker's identifier, as in `client.device`.
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    device: DeviceId,
    /// Its public key, where it has one: `SubjectPublicKeyInfo` of a P-256 key, in base64.
    #[serde(default)]
    public_key: Option<String>,
    /// What its owner calls it; where it is told, it binds, too.
    #[serde(default)]
    name: Option<String>,
}

/// An authenticator that is enrolled or removed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"factor": "passkey", "name": "telephone"}))]
pub(super) struct AuthenticatorMeant {
    /// What it is, as in events: `passkey`, `totp`, `email`, `sms`; `none` for recovery codes.
    #[schema(value_type = String, example = "passkey")]
    factor: Factor,
    /// Which one: its `id`, needed to remove it. Of one that the broker keeps itself, 32 hexadecimal digits of its own.
    #[serde(default)]
    id: Option<String>,
    /// What its owner calls it; where it is told, it binds, too.
    #[serde(default)]
    name: Option<String>,
}

impl ActionSent {
    /// Refuses a result where nothing is redeemed.
    pub(super) fn check_no_result(&self, field: &'static str) -> Result<(), Problem> {
        match self.result {
            None => Ok(()),
            Some(_) => {
                Err(Problem::invalid(field, "is told where a challenge is redeemed, and nowhere else"))
            }
        }
    }

    /// What it binds.
    pub(super) fn action(mut self, app: &App) -> Result<Action, Problem> {
        let device = self.device.take().map(DeviceMeant::meant).transpose()?;
        let authenticator = self.authenticator.take().map(AuthenticatorMeant::meant).transpose()?;
        let only_own_devices = self.only_own_devices;
        self.check_binds()?;
        let action = app.proofs.action(&self.event(app)?);
        let action = action.ok_or_else(|| Problem::invalid("customer", "is missing"))?;
        Ok(Action { device, authenticator, only_own_devices, ..action })
    }

    /// Refuses what is told of a contact or a payment if nothing of it would be bound: whoever tells it takes it for bound.
    fn check_binds(&self) -> Result<(), Problem> {
        let contact = self.contact.as_ref();
        if contact.is_some_and(|contact| contact.old.is_none() && contact.new.is_none()) {
            return Err(Problem::invalid(
                "contact",
                "names neither `old` nor `new`; nothing else of it is bound",
            ));
        }
        let payment = self.payment.as_ref().filter(|_| self.kind != EventKind::PaymentInstruction);
        match payment.is_some_and(|payment| payment.payee_domain.is_none()) {
            true => Err(Problem::invalid("payment", "names no `payee_domain`; nothing else of it is bound")),
            false => Ok(()),
        }
    }

    fn into_event(self, id: EventId, now: model::Time) -> Event {
        let mut event = Event::bare(id, now, self.kind, Outcome::Attempted);
        event.customer = Some(self.customer);
        event.amount = self.amount;
        event.bank_account = self.bank_account;
        event.contact = self.contact;
        event.order = self.order;
        event.payment = self.payment;
        event
    }

    /// As an event, so that it is bound exactly as the event of a decision would be.
    fn event(self, app: &App) -> Result<Event, Problem> {
        Ok(self.into_event("action".parse().map_err(Problem::invalid_event)?, (app.clock)()))
    }
}

impl DeviceMeant {
    fn meant(self) -> Result<action::Device, Problem> {
        let meant = meant_by_broker(&self.device, self.public_key.as_deref(), self.name.as_deref());
        Ok(meant.map_err(|error| error.within("device"))?)
    }
}

impl AuthenticatorMeant {
    fn meant(self) -> Result<action::Authenticator, Problem> {
        let id = self.id.as_deref().map(|id| {
            parse_authenticator_id(id)
                .ok_or_else(|| Problem::invalid("authenticator.id", "is not an `id` of one"))
        });
        let name = self.name.as_deref().map(named).transpose();
        let name = name.map_err(|error| error.within("authenticator"))?;
        Ok(action::Authenticator { factor: self.factor, id: id.transpose()?, name })
    }
}
