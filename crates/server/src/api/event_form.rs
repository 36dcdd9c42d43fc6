//! An event as it is told back: what the journal kept of it, with what was answered. Must not know how it was found.

use engine::input::{Body, Observed};
use engine::{Input, Verdict};
use model::{Money, Time};
use serde::Serialize;
use serde_json::value::RawValue;
use store::OwnedEntry;
use utoipa::ToSchema;

use super::event_sent::OrderSent;
use crate::readers::ReadError;
use crate::sequencer::recovery;

/// An event of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventForm {
    /// Its place in the journal.
    pub(super) seq: u64,
    /// The sender's identifier.
    id: String,
    /// When it happened, by the sender.
    #[schema(value_type = String, format = DateTime)]
    time: Time,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    received: Time,
    /// What was done.
    kind: &'static str,
    /// How it ended.
    outcome: &'static str,
    /// In whose name.
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    /// How it reached the broker.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'static str>,
    /// What the password verifier said.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'static str>,
    /// The further factor used.
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<&'static str>,
    /// Why it ended so, in the sender's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Where it came from.
    client: ClientForm,
    /// What files and lists said of the address when it came.
    place: PlaceForm,
    /// How much.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"minor": 5_000_000, "currency": "JPY"}))]
    amount: Option<Money>,
    /// Which share of the balance.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance_share: Option<f64>,
    /// Bank and branch of the account; its number is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    bank_branch: Option<String>,
    /// Which contact changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<&'static str>,
    /// The order, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OrderSent>)]
    order: Option<Box<RawValue>>,
    /// What the instruction to pay says of itself; its words are not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentForm>,
    /// Hash of the user name, of a login that names nobody known.
    #[serde(skip_serializing_if = "Option::is_none")]
    username_hash: Option<String>,
    /// What was answered, where it was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    decision: Option<Box<RawValue>>,
}

/// What an instruction to pay says of itself; absent is what could not be told when it came.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaymentForm {
    /// The domain of whoever asks to be paid looks like a known one and is not it.
    #[serde(skip_serializing_if = "Option::is_none")]
    lookalike_domain: Option<bool>,
    /// It presses for haste.
    #[serde(skip_serializing_if = "Option::is_none")]
    urgency: Option<bool>,
    /// It asks for secrecy.
    #[serde(skip_serializing_if = "Option::is_none")]
    secrecy: Option<bool>,
}

impl From<&engine::input::Payment> for PaymentForm {
    fn from(payment: &engine::input::Payment) -> Self {
        Self { lookalike_domain: payment.lookalike, urgency: payment.urgency, secrecy: payment.secrecy }
    }
}

/// Where an event came from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClientForm {
    /// Address.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    /// User agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    /// Device.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// TLS fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    ja4: Option<String>,
    /// A hash of the session: who has its identifier may have the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_hash: Option<String>,
    /// Language.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

/// What was known of an address.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct PlaceForm {
    /// Country, ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) country: Option<String>,
    /// Autonomous system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asn: Option<u32>,
    /// Lists of addresses reported for attacks that hold it.
    pub(super) lists: Vec<String>,
    /// A hosting provider's.
    pub(super) hosting: bool,
    /// A VPN's.
    pub(super) vpn: bool,
    /// A Tor exit.
    pub(super) tor: bool,
}

impl From<&engine::input::Place> for PlaceForm {
    fn from(place: &engine::input::Place) -> Self {
        Self {
            country: place.country.map(|country| String::from_utf8_lossy(&country).into_owned()),
            asn: place.asn,
            lists: place.lists.clone(),
            hosting: place.hosting,
            vpn: place.vpn,
            tor: place.tor,
        }
    }
}

impl EventForm {
    /// The form of an event that was read from the journal.
    pub(super) fn new(entry: &OwnedEntry, received: Time, event: &Observed) -> Self {
        let answer = event.asked.then(|| String::from_utf8(entry.answer.clone()).ok()).flatten();
        Self {
            seq: entry.seq,
            id: event.id.to_string(),
            time: event.time,
            received,
            kind: event.kind.as_str(),
            outcome: event.outcome.as_str(),
            customer: event.customer.as_ref().map(ToString::to_string),
            channel: event.channel.map(model::Channel::as_str),
            credential: event.credential.map(model::Credential::as_str),
            factor: event.factor.map(model::Factor::as_str),
            reason: event.kept.reason.as_ref().map(ToString::to_string),
            client: ClientForm {
                ip: event.ip.map(|ip| ip.to_string()),
                user_agent: event.kept.user_agent.as_ref().map(ToString::to_string),
                device: event.device.as_ref().map(ToString::to_string),
                ja4: event.ja4.as_ref().map(ToString::to_string),
                session_hash: event
                    .session
                    .as_ref()
                    .map(|session| format!("{:016x}", model::customer::text_key(session.as_str()))),
                language: event.language.as_ref().map(ToString::to_string),
            },
            place: PlaceForm::from(&event.place),
            amount: event.amount,
            balance_share: event.balance_share_ppm.map(|ppm| f64::from(ppm) / 1_000_000.0),
            bank_branch: event.kept.bank_branch.clone(),
            contact: event.contact.map(model::ContactType::as_str),
            order: event.kept.order.clone().and_then(|order| RawValue::from_string(order).ok()),
            payment: event.payment.as_ref().map(PaymentForm::from),
            username_hash: event.kept.username_hash.as_ref().map(ToString::to_string),
            decision: answer.and_then(|answer| RawValue::from_string(answer).ok()),
        }
    }

    /// The sender's identifier.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The device, as the sender names it.
    pub(super) fn device(&self) -> Option<&str> {
        self.client.device.as_deref()
    }

    /// Without what was answered: for where that is told beside it.
    pub(super) fn forget_decision(&mut self) {
        self.decision = None;
    }
}

/// The event of a row of the journal; `None` where it is none.
pub(crate) fn event(entry: &OwnedEntry) -> Result<Option<(Time, Box<Observed>)>, ReadError> {
    let Input { time, body, .. } = read(entry)?;
    Ok(match body {
        Body::Event(event) => Some((time, event)),
        _ => None,
    })
}

/// The input of a row of the journal.
pub(super) fn read(entry: &OwnedEntry) -> Result<Input, ReadError> {
    recovery::input(&entry.as_entry()).map_err(|_unknown| ReadError::Unreadable(entry.seq))
}

/// What is read of an answer that the journal kept.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Decided {
    /// The word for the decision.
    pub(crate) decision: String,
    /// Until when it is held.
    hold: Option<Until>,
}

/// Until when something is held.
#[derive(Debug, serde::Deserialize)]
struct Until {
    /// That time.
    until: Time,
}

impl Decided {
    /// The decision of a row of the journal, if it is one.
    pub(crate) fn of(entry: &OwnedEntry) -> Option<Self> {
        serde_json::from_slice(&entry.answer).ok()
    }

    /// Until when it is held, if it is.
    pub(crate) fn held_until(&self) -> Option<Time> {
        self.hold.as_ref().filter(|_| self.decision == Verdict::Hold.as_str()).map(|hold| hold.until)
    }
}
