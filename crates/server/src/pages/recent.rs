//! What happened in a customer's account lately, as the journal has it: logins, and what was changed, stopped or said. Must not know in
//! which words or shapes it is shown.

use std::sync::Arc;

use engine::Observed;
use engine::input::Spot;
use engine::record::customer::{ESTABLISHED_AFTER_US, as_us};
use engine::record::familiar::Feature;
use engine::record::{Customer, Seen};
use model::customer::text_key;
use model::event::EventId;
use model::time::DAY_US;
use model::{
    Address, Channel, Client, ContactType, CustomerId, Disposition, EventKind, Factor, Outcome, Time,
};

use crate::api::App;
use crate::api::event_form::{Decided, event};
use crate::api::holds::hold_state;
use crate::indexer::{Indexer, Subject};
use crate::observe::Observer;
use crate::proof::ProofError;
use crate::readers::{ReadError, Reader};
use crate::secret::Secret;

/// Logins shown at most.
const LOGINS_MAX: usize = 50;
/// Of these, failed ones: whoever fails often must not hide that they got in.
const FAILED_MAX: usize = 20;
/// Notices shown at most.
const NOTICES_MAX: usize = 50;
/// How far notices go back.
const NOTICES_US: i64 = 90 * DAY_US;
/// Rows of the journal looked at for one page at most.
const ROWS_LOOKED_AT_MAX: usize = 1_000;
/// Rows of the index read at once.
const ROWS_AT_ONCE: usize = 200;
/// How long after a login was asked about a fact may say how it ended.
const TOLD_AFTER_US: i64 = DAY_US / 24 / 4;

/// What happened in an account lately.
#[derive(Debug)]
pub(super) struct Recent {
    /// The newest first.
    pub(super) logins: Vec<Login>,
    /// Failed logins that are not among them.
    pub(super) failed_more: usize,
    /// The newest first.
    pub(super) notices: Vec<Notice>,
    /// From when on everything is here, if that is less than notices go back.
    pub(super) since: Option<Time>,
}

/// How a login ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The customer, or whoever it was, got in.
    Succeeded,
    /// It failed.
    Failed,
    /// Proof was asked for, and how that ended was not told.
    Asked,
    /// It was held.
    Held,
    /// It was refused.
    Denied,
    /// It was let through, and how it ended was not told.
    Tried,
}

impl Ended {
    /// The word by which texts know it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Asked => "asked",
            Self::Held => "held",
            Self::Denied => "denied",
            Self::Tried => "tried",
        }
    }

    fn of(event: &Observed, decision: Option<&str>) -> Self {
        match (decision, event.outcome) {
            (Some("deny"), _) => Self::Denied,
            (Some("hold"), _) => Self::Held,
            (_, Outcome::Failed) => Self::Failed,
            (Some("step_up"), _) => Self::Asked,
            (_, Outcome::Succeeded) => Self::Succeeded,
            (_, Outcome::Attempted) => Self::Tried,
        }
    }
}

/// Where something came from, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) ip: Option<Address>,
    pub(super) country: Option<[u8; 2]>,
    pub(super) asn: Option<u32>,
    pub(super) spot: Option<Spot>,
    pub(super) user_agent: Option<String>,
    pub(super) channel: Option<Channel>,
}

impl Origin {
    /// Of a browser as the broker's site tells it.
    pub(super) fn of_client(client: &Client, observer: &Observer) -> Self {
        let place = client.ip.map(|ip| observer.place(ip)).unwrap_or_default();
        Self {
            ip: client.ip,
            country: place.country,
            asn: place.asn,
            spot: place.spot,
            user_agent: client.user_agent.as_ref().map(ToString::to_string),
            channel: None,
        }
    }

    fn of(event: &Observed) -> Self {
        Self {
            ip: event.ip,
            country: event.place.country,
            asn: event.place.asn,
            spot: event.place.spot,
            user_agent: event.kept.user_agent.as_ref().map(ToString::to_string),
            channel: event.channel,
        }
    }
}

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) id: EventId,
    pub(super) time: Time,
    pub(super) origin: Origin,
    pub(super) ended: Ended,
    /// Neither the network nor the provider had been the customer's for two weeks.
    pub(super) new_place: bool,
    /// The device had not, or none was shown by a customer who has devices.
    pub(super) new_device: bool,
}

/// What a notice says of what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// It was done.
    Done,
    /// It was held: `open`, `released`, `refused` or `over`.
    Held(&'static str),
    /// It was refused.
    Denied,
    /// The customer said that it was not them.
    Reported,
    /// The customer was identified, and the account unlocked.
    Identified,
}

/// Something the customer should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) time: Time,
    pub(super) kind: EventKind,
    pub(super) contact: Option<ContactType>,
    pub(super) factor: Option<Factor>,
    pub(super) what: What,
    pub(super) origin: Origin,
}

/// What happened in a customer's account lately.
pub(super) async fn recent(app: &App, customer: &CustomerId, now: Time) -> Result<Recent, ProofError> {
    let asked = customer.clone();
    let look = move |state: &engine::State, _: &engine::Policy| state.customer(asked.as_str()).cloned();
    let keys = vec![engine::key::RecordKey::customer(customer.as_str())];
    let record = app.sequencer.look(keys, look).await?.unwrap_or_default();
    let last = app.readers.read(|reader| Ok(reader.journal.last_seq()?)).await?;
    app.indexer.reach(last).await;
    let (indexer, secret, customer) = (Arc::clone(&app.indexer), app.secret.clone(), customer.clone());
    let read = move |reader: &mut Reader| {
        let (told, since) = told(reader, &indexer, &customer, now)?;
        let notices = notices(reader, &secret, &told, now)?;
        let (logins, failed_more) = logins(&told, &record);
        Ok(Recent { logins, failed_more, notices, since })
    };
    Ok(app.readers.read(read).await?)
}

/// Whether an event is one of this customer's.
pub(super) async fn is_theirs(app: &App, customer: &CustomerId, id: &EventId) -> Result<bool, ProofError> {
    let (customer, id) = (customer.clone(), id.clone());
    let read = move |reader: &mut Reader| {
        let Some(found) = reader.journal.find(id.as_str())? else { return Ok(false) };
        let Some(entry) = reader.journal.get(found.seq)? else { return Ok(false) };
        Ok(event(&entry)?.is_some_and(|(_, event)| event.customer.as_ref() == Some(&customer)))
    };
    Ok(app.readers.read(read).await?)
}

/// An event, and what was decided about it if that was asked.
struct Told {
    event: Box<Observed>,
    decided: Option<Decided>,
}

impl Told {
    fn decision(&self) -> Option<&str> {
        self.decided.as_ref().map(|decided| decided.decision.as_str())
    }
}

/// A customer's events, those that came last first, and from when on they are all.
fn told(
    reader: &mut Reader,
    indexer: &Indexer,
    customer: &CustomerId,
    now: Time,
) -> Result<(Vec<Told>, Option<Time>), ReadError> {
    let from = now.plus_us(-NOTICES_US);
    let (mut told, mut before, mut looked_at) = (Vec::new(), u64::MAX, 0_usize);
    loop {
        let seqs = indexer.find(reader, Subject::customer(customer), before, ROWS_AT_ONCE)?;
        let Some(last) = seqs.last().copied() else { break };
        looked_at = looked_at.saturating_add(seqs.len());
        before = last;
        let mut came = now;
        for seq in seqs {
            // What was trimmed meanwhile is in history.
            let Some(entry) = reader.journal.get(seq)? else { continue };
            let Some((received, event)) = event(&entry)? else { continue };
            came = received;
            if event.customer.as_ref() == Some(customer) {
                let decided = Decided::of(&entry).filter(|_| event.asked);
                told.push(Told { event, decided });
            }
        }
        if looked_at >= ROWS_LOOKED_AT_MAX {
            return Ok((told, Some(came).filter(|came| *came > from)));
        }
    }
    let first = reader.journal.first_seq()?;
    let began = if first > 1 { reader.journal.get(first)? } else { None };
    let began = began.and_then(|entry| Time::from_us(entry.time));
    Ok((told, began.filter(|began| *began > from)))
}

/// The newest logins, and how many failed ones are left out.
fn logins(told: &[Told], record: &Customer) -> (Vec<Login>, usize) {
    let mut logins: Vec<&Told> = told.iter().filter(|each| each.event.kind == EventKind::Login).collect();
    // Facts may be told long after they happened.
    logins.sort_by_key(|each| std::cmp::Reverse(each.event.time));
    let mut failed = 0_usize;
    logins.retain(|each| {
        let is_failed = each.event.outcome == Outcome::Failed;
        failed = failed.saturating_add(usize::from(is_failed));
        !is_failed || failed <= FAILED_MAX
    });
    logins.truncate(2 * LOGINS_MAX);
    let is_told_again = |asked: &Told| logins.iter().any(|fact| says_how_it_ended(&fact.event, &asked.event));
    let login = |each: &&Told| {
        let (new_place, new_device) = novelty(record, &each.event);
        Login {
            id: each.event.id.clone(),
            time: each.event.time,
            origin: Origin::of(&each.event),
            ended: Ended::of(&each.event, each.decision()),
            new_place,
            new_device,
        }
    };
    let shown = logins.iter().filter(|each| !is_told_again(each)).map(login).take(LOGINS_MAX);
    (shown.collect(), failed.saturating_sub(FAILED_MAX))
}

/// Whether a fact tells how a login ended that was asked about before: then it alone is shown.
fn says_how_it_ended(fact: &Observed, asked: &Observed) -> bool {
    let after = fact.time.as_us().saturating_sub(asked.time.as_us());
    asked.asked
        && asked.outcome == Outcome::Attempted
        && !fact.asked
        && (0..=TOLD_AFTER_US).contains(&after)
        && (fact.ip, &fact.device) == (asked.ip, &asked.device)
}

/// Whether place and device of an event were new to its customer then: not theirs for two weeks. Nothing is new to whose past
/// is shorter.
fn novelty(record: &Customer, event: &Observed) -> (bool, bool) {
    let before = event.time.plus_us(-ESTABLISHED_AFTER_US).as_us();
    let is_known = |seen: &Seen| as_us(seen.first_s) <= before;
    if record.first_s == 0 || as_us(record.first_s) > before {
        return (false, false);
    }
    let provider = event.place.asn.and_then(|asn| record.seen_with(Feature::Asn, u64::from(asn)));
    let is_known_network = |ip: Address| {
        let mut addresses = record.addresses();
        addresses.any(|(address, seen)| address.network() == ip.network() && is_known(seen))
    };
    let new_place = event.ip.is_some_and(|ip| !is_known_network(ip) && !provider.is_some_and(is_known));
    let new_device = match &event.device {
        Some(device) => !record.seen_with(Feature::Device, text_key(device.as_str())).is_some_and(is_known),
        None => event.ip.is_some() && record.devices().any(|(_, seen)| is_known(seen)),
    };
    (new_place, new_device)
}

fn notices(reader: &Reader, secret: &Secret, told: &[Told], now: Time) -> Result<Vec<Notice>, ReadError> {
    let from = now.plus_us(-NOTICES_US);
    let mut notices = Vec::new();
    for Told { event, decided } in told.iter().filter(|each| each.event.time >= from) {
        let held = decided.as_ref().and_then(Decided::held_until);
        let decision = decided.as_ref().map(|decided| decided.decision.as_str());
        let what = match held {
            Some(until) => What::Held(hold_state(reader, secret, &event.id, until, now)?.state),
            None => match what(event, decision) {
                Some(what) => what,
                None => continue,
            },
        };
        notices.push(Notice {
            time: event.time,
            kind: event.kind,
            contact: event.contact,
            factor: event.factor.filter(|_| is_of_factors(event.kind)),
            what,
            origin: Origin::of(event),
        });
        if notices.len() >= NOTICES_MAX {
            break;
        }
    }
    notices.sort_by_key(|notice| std::cmp::Reverse(notice.time));
    Ok(notices)
}

/// What an event that was not held is a notice of, if it is one: what was done, not what was tried.
fn what(event: &Observed, decision: Option<&str>) -> Option<What> {
    use EventKind as K;
    let is_change = event.kind.is_procedure() && !event.kind.moves_money();
    let stands = event.outcome != Outcome::Failed;
    match (event.kind, decision) {
        (kind, Some("deny")) if kind.is_procedure() || kind == K::Order => Some(What::Denied),
        (K::CustomerReport, _) if stands => Some(What::Reported),
        (K::CaseDisposition, _) if stands && event.disposition() == Some(Disposition::Verified) => {
            Some(What::Identified)
        }
        (_, None | Some("allow")) if is_change && event.outcome == Outcome::Succeeded => Some(What::Done),
        _ => None,
    }
}

const fn is_of_factors(kind: EventKind) -> bool {
    matches!(kind, EventKind::FactorEnroll | EventKind::FactorRemove)
}

#[cfg(test)]
mod tests;
