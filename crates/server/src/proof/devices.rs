//! Registered devices: added, shown, taken back. What is registered, and whether a customer lets nothing else in, is told to the journal:
//! decisions go by that. Here are names and keys. Must not know pages, nor how a device shows that it is there.

use data_encoding::{BASE64, HEXLOWER};
use engine::key::RecordKey;
use model::client::DeviceId;
use model::customer::text_key;
use model::{Client, CustomerId, EventKind, Factor, Outcome, Time};
use p256::ecdsa::VerifyingKey;
use p256::pkcs8::DecodePublicKey as _;
use serde::Serialize;
use stepup::device::Device;
use stepup::{Action, action};

use super::authenticators::{By, by_visit};
use super::facts::Fact;
use super::given::{Given, May, used};
use super::handover::Visit;
use super::kept::Kept;
use super::keys::random;
use super::room::room_for;
use super::{ProofError, Proofs, named};
use crate::observe::Observer;
use crate::sequencer::AskError;

/// A registered device as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = RegisteredDevice)]
pub struct Shown {
    /// By which it is taken back.
    pub id: String,
    /// The broker's identifier, as in `client.device`.
    pub device: String,
    /// What its owner calls it.
    pub name: String,
    /// Whether it has a key of its own.
    pub has_key: bool,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    pub made: Time,
    /// From when on decisions take it for the customer's own; null if an event of the broker's took it back.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub counts_from: Option<Time>,
    /// When its key last showed that it was there.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub used: Option<Time>,
}

impl Shown {
    fn new(device: &Device, counts_from: Option<Time>) -> Self {
        Self {
            id: HEXLOWER.encode(&device.id),
            device: device.device.to_string(),
            name: device.name.clone(),
            has_key: device.key.is_some(),
            made: device.made,
            counts_from,
            used: device.used,
        }
    }
}

/// A device to register, looked at.
pub(crate) struct NewDevice {
    device: DeviceId,
    name: String,
    key: Option<Vec<u8>>,
}

impl NewDevice {
    /// `key` is a public key as `SubjectPublicKeyInfo`, in base64.
    pub(crate) fn checked(device: DeviceId, name: &str, key: Option<&str>) -> Result<Self, ProofError> {
        Ok(Self { device, name: named(name)?, key: key.map(public_key).transpose()? })
    }

    /// That it is registered.
    pub(crate) fn registering(&self, customer: &CustomerId) -> Action {
        let device = meant(&self.device, self.key.as_deref(), Some(&self.name));
        Action { device: Some(device), ..Action::bare(customer.clone(), EventKind::DeviceRegister) }
    }
}

/// A device that the broker names in what is to be confirmed.
pub(crate) fn meant_by_broker(
    device: &DeviceId,
    key: Option<&str>,
    name: Option<&str>,
) -> Result<action::Device, ProofError> {
    let (key, name) = (key.map(public_key).transpose()?, name.map(named).transpose()?);
    Ok(meant(device, key.as_deref(), name.as_deref()))
}

fn meant(device: &DeviceId, key: Option<&[u8]>, name: Option<&str>) -> action::Device {
    action::Device {
        device: device.as_str().to_owned(),
        key: key.map(|key| *blake3::hash(key).as_bytes()),
        name: name.map(str::to_owned),
    }
}

/// Which devices decisions let in.
#[derive(Debug, Clone, Copy, Default)]
struct LetIn {
    /// Only registered ones.
    only: bool,
    /// Whether the one that was asked about is registered and counts by now.
    this: bool,
    /// Whether any does.
    any: bool,
}

impl Proofs {
    /// All that a customer registered.
    pub(crate) async fn devices(&self, customer: &CustomerId) -> Result<Vec<Shown>, ProofError> {
        let owner = customer.clone();
        let devices = self.keeper.act(move |kept| kept.devices(&owner)).await?;
        let count = self.counting(customer).await?;
        let shown = |device: &Device| {
            let key = text_key(device.device.as_str());
            let counts_from = count.iter().find(|(each, _)| *each == key).and_then(|(_, from)| *from);
            Shown::new(device, counts_from)
        };
        Ok(devices.iter().map(shown).collect())
    }

    /// One of them as it is shown.
    pub(super) async fn shown(&self, device: &Device) -> Result<Shown, ProofError> {
        let all = self.devices(&device.customer).await?;
        let id = HEXLOWER.encode(&device.id);
        all.into_iter().find(|each| each.id == id).ok_or(ProofError::Absent("device"))
    }

    /// Devices that decisions know as the customer's own, and from when on.
    async fn counting(&self, customer: &CustomerId) -> Result<Vec<(u64, Option<Time>)>, ProofError> {
        let (key, asked) = (RecordKey::customer(customer.as_str()), customer.clone());
        let look = move |state: &engine::State, _: &engine::Policy| {
            let own = &state.customer(asked.as_str())?.dealings().own_devices;
            Some(own.iter().map(|own| (own.device, Time::from_us(own.from_us))).collect())
        };
        Ok(self.sequencer.look(vec![key], look).await?.unwrap_or_default())
    }

    /// Whether only these are let in.
    pub(crate) async fn lets_in_only_own_devices(&self, customer: &CustomerId) -> Result<bool, ProofError> {
        Ok(self.let_in(customer, None).await?.only)
    }

    /// Whether somebody would be let in if only registered devices were.
    pub(crate) async fn lets_anybody_in(&self, customer: &CustomerId) -> Result<bool, ProofError> {
        Ok(self.let_in(customer, None).await?.any)
    }

    /// Whether a device counts by now that is not the one this change is about.
    async fn lets_in_without(&self, change: &Action) -> Result<bool, ProofError> {
        let gone = change.device.as_ref().map(|device| text_key(&device.device));
        let (count, now) = (self.counting(&change.customer).await?, self.now());
        Ok(count.iter().any(|(each, from)| Some(*each) != gone && from.is_some_and(|from| from <= now)))
    }

    async fn let_in(&self, customer: &CustomerId, device: Option<DeviceId>) -> Result<LetIn, ProofError> {
        let (key, asked, now) = (RecordKey::customer(customer.as_str()), customer.clone(), self.now());
        let device = device.map(|device| text_key(device.as_str()));
        let look = move |state: &engine::State, _: &engine::Policy| {
            let dealings = state.customer(asked.as_str())?.dealings();
            let this = device.is_some_and(|device| dealings.has_own_device(device, now));
            let any = dealings.own_devices.iter().any(|own| dealings.has_own_device(own.device, now));
            Some(LetIn { only: dealings.only_own_devices(), this, any })
        };
        Ok(self.sequencer.look(vec![key], look).await?.unwrap_or_default())
    }

    /// The device as it is shown, if it is registered already and would stay as it is. One that an event of the broker's took back
    /// would not: it counts again.
    pub(crate) async fn registered_so(
        &self,
        customer: &CustomerId,
        new: &NewDevice,
    ) -> Result<Option<Shown>, ProofError> {
        let (owner, device) = (customer.clone(), new.device.clone());
        let known = self.keeper.act(move |kept| {
            let has = kept.devices(&owner)?;
            Ok(has.into_iter().find(|each| each.device == device))
        });
        let known = known.await?.filter(|known| known.name == new.name);
        match known.filter(|known| new.key.is_none() || new.key == known.key) {
            None => Ok(None),
            Some(same) => Ok(Some(self.shown(&same).await?).filter(|shown| shown.counts_from.is_some())),
        }
    }

    /// Registers a device on a visit; one that is registered already gets the new name. Its key changes only by a passkey: who could
    /// change it could show that a copy is it. `may_repeat`: the same with a proof that was used for it is the same request once more, to
    /// which no answer came.
    pub(crate) async fn register_device(
        &self,
        observer: &Observer,
        visit: &Visit,
        new: NewDevice,
        may_repeat: bool,
    ) -> Result<Shown, ProofError> {
        let _turn = self.turn(&visit.customer).await?;
        let change = new.registering(&visit.customer);
        let May { given, .. } = self.may_add(visit, &change).await?;
        let let_in = self.let_in(&visit.customer, told_client(visit.client.as_deref()).device).await?;
        let confirmed = confirmed_by(&given);
        if let_in.only && !let_in.this && confirmed.is_none() {
            return Err(ProofError::OtherDevice);
        }
        let NewDevice { device, name, key } = new;
        let (customer, id, made) = (visit.customer.clone(), random()?, self.now());
        let new = Device { id, customer, device, name, key, made, used: None };
        let (told_as, repeats) = (given.id(), may_repeat);
        let registered = self.keeper.act(move |kept| {
            room_for(kept, &change, made)?;
            let has = kept.devices(&new.customer)?;
            let known = has.iter().find(|each| each.device == new.device);
            let is_so =
                |known: &&Device| known.name == new.name && (new.key.is_none() || new.key == known.key);
            if let Some(same) = known.filter(is_so)
                && repeats
                && given.is_used(kept)?
            {
                return Ok(same.clone());
            }
            given.use_up(kept)?;
            let Some(known) = known else {
                kept.put_device(&new)?;
                return Ok(new);
            };
            let key = new.key.clone().or_else(|| known.key.clone());
            if key != known.key && confirmed.is_none() {
                let problem = "the device has another key; take it back first, or confirm with a passkey";
                return Err(ProofError::Conflict(problem.to_owned()));
            }
            let renamed = Device { name: new.name, key, ..known.clone() };
            kept.put_device(&renamed)?;
            Ok(renamed)
        });
        let registered = registered.await?;
        let kind = EventKind::DeviceRegister;
        self.tell_device(observer, (kind, told_as), &registered, (confirmed, by_visit(visit))).await?;
        // What was told before, and taken back since, is registered by no proof that was used.
        let shown = self.shown(&registered).await?;
        if shown.counts_from.is_some() { Ok(shown) } else { Err(used()) }
    }

    /// That one is taken back, for its owner to confirm.
    pub(crate) async fn taking_back(&self, visit: &Visit, id: [u8; 16]) -> Result<Action, ProofError> {
        let owner = visit.customer.clone();
        let device = self.keeper.act(move |kept| device_of(kept, &owner, &id)).await?;
        let taken = meant(&device.device, device.key.as_deref(), Some(&device.name));
        Ok(Action { device: Some(taken), ..Action::bare(device.customer, EventKind::DeviceRemove) })
    }

    /// Takes one back, by its owner.
    pub(crate) async fn remove_device(
        &self,
        observer: &Observer,
        visit: &Visit,
        id: [u8; 16],
    ) -> Result<(), ProofError> {
        // Of two that are taken back at once the second one sees what is left.
        let _turn = self.turn(&visit.customer).await?;
        let change = self.taking_back(visit, id).await?;
        let May { given, .. } = self.may_change(visit, &change).await?;
        let confirmed = confirmed_by(&given);
        if confirmed.is_none() {
            self.check_unlocked(&visit.customer).await?;
        }
        let let_in = self.let_in(&visit.customer, told_client(visit.client.as_deref()).device).await?;
        if let_in.only && !let_in.this && confirmed.is_none() {
            return Err(ProofError::OtherDevice);
        }
        if let_in.only && !self.lets_in_without(&change).await? {
            return Err(ProofError::LastDevice);
        }
        self.take_device(observer, (&visit.customer, id), given, (confirmed, by_visit(visit))).await
    }

    /// Takes one back for a customer who cannot.
    pub(crate) async fn remove_device_for(
        &self,
        observer: &Observer,
        customer: &CustomerId,
        id: [u8; 16],
    ) -> Result<(), ProofError> {
        let _turn = self.turn(customer).await?;
        self.take_device(observer, (customer, id), Given(None), (None, (None, None))).await
    }

    /// Decisions must know first: what is forgotten here could not be taken back any more.
    async fn take_device(
        &self,
        observer: &Observer,
        (customer, id): (&CustomerId, [u8; 16]),
        given: Given,
        by: (Option<Factor>, By<'_>),
    ) -> Result<(), ProofError> {
        self.check_unused(&given).await?;
        let owner = customer.clone();
        let device = self.keeper.act(move |kept| device_of(kept, &owner, &id)).await?;
        self.tell_device(observer, (EventKind::DeviceRemove, None), &device, by).await?;
        self.keeper
            .act(move |kept| {
                given.use_up(kept)?;
                kept.remove_device(&device)
            })
            .await
    }

    /// Lets only registered devices in from now on, or any again, by the customer: from a device that is let in either way, or with a
    /// passkey. Else who is in a session that is not theirs could keep the customer out, or let themselves in.
    pub(crate) async fn restrict_to_devices(
        &self,
        observer: &Observer,
        visit: &Visit,
        only: bool,
    ) -> Result<(), ProofError> {
        let _turn = self.turn(&visit.customer).await?;
        let change = visit.restricting(only);
        let May { given, .. } = self.may_add(visit, &change).await?;
        let confirmed = confirmed_by(&given);
        let let_in = self.let_in(&visit.customer, told_client(visit.client.as_deref()).device).await?;
        if !let_in.this && confirmed.is_none() {
            return Err(ProofError::OtherDevice);
        }
        check_anybody(only, let_in)?;
        self.check_unused(&given).await?;
        self.restrict(observer, &visit.customer, only, (confirmed, by_visit(visit))).await?;
        self.use_up(given).await
    }

    /// The same for a customer who cannot.
    pub(crate) async fn restrict_to_devices_for(
        &self,
        observer: &Observer,
        customer: &CustomerId,
        only: bool,
    ) -> Result<(), ProofError> {
        let _turn = self.turn(customer).await?;
        self.restrict(observer, customer, only, (None, (None, None))).await
    }

    async fn restrict(
        &self,
        observer: &Observer,
        customer: &CustomerId,
        only: bool,
        (factor, (channel, client)): (Option<Factor>, By<'_>),
    ) -> Result<(), ProofError> {
        check_anybody(only, self.let_in(customer, None).await?)?;
        let fact = Fact {
            id: format!("devices-{}", HEXLOWER.encode(&random::<16>()?)),
            kind: EventKind::DeviceRestrict,
            outcome: if only { Outcome::Succeeded } else { Outcome::Failed },
            customer,
            factor,
            reason: None,
            channel,
            client,
        };
        self.tell(observer, fact).await
    }

    async fn tell_device(
        &self,
        observer: &Observer,
        (kind, by_proof): (EventKind, Option<[u8; 16]>),
        device: &Device,
        (factor, (channel, client)): (Option<Factor>, By<'_>),
    ) -> Result<(), ProofError> {
        // Decisions know it by what the broker calls it, from wherever it is registered or taken back.
        let client = Client { device: Some(device.device.clone()), ..told_client(client) };
        let client = serde_json::to_string(&client)
            .map_err(|_error| ProofError::Broken("a device cannot be told".to_owned()))?;
        // What one proof was for happens once.
        let id = by_proof.map_or_else(random, Ok)?;
        let fact = Fact {
            id: format!("{kind}-{}", HEXLOWER.encode(&id)),
            kind,
            outcome: Outcome::Succeeded,
            customer: &device.customer,
            factor,
            reason: None,
            channel,
            client: Some(&client),
        };
        match self.tell(observer, fact).await {
            // It was told before it could be answered.
            Err(ProofError::Ask(AskError::Conflict { .. })) if by_proof.is_some() => Ok(()),
            told => told,
        }
    }
}

/// Who lets in registered devices only must have one that counts.
fn check_anybody(only: bool, let_in: LetIn) -> Result<(), ProofError> {
    if only && !let_in.any {
        let problem = "no registered device counts yet: nobody would be let in";
        return Err(ProofError::Conflict(problem.to_owned()));
    }
    Ok(())
}

/// The factor that confirmed a change.
fn confirmed_by(given: &Given) -> Option<Factor> {
    given.is_strong().then_some(Factor::Passkey)
}

/// The client as the broker told it.
fn told_client(client: Option<&str>) -> Client {
    client.and_then(|client| serde_json::from_str(client).ok()).unwrap_or_default()
}

pub(super) fn device_of(kept: &Kept<'_>, customer: &CustomerId, id: &[u8; 16]) -> Result<Device, ProofError> {
    let all = kept.devices(customer)?;
    all.into_iter().find(|each| each.id == *id).ok_or(ProofError::Absent("device"))
}

/// A public key, `SubjectPublicKeyInfo` in base64, as SEC 1 has it.
fn public_key(text: &str) -> Result<Vec<u8>, ProofError> {
    const ALLOWED: &str =
        "a SubjectPublicKeyInfo of a P-256 key in base64, as WebCrypto and key stores export it";
    let key =
        BASE64.decode(text.as_bytes()).ok().and_then(|der| VerifyingKey::from_public_key_der(&der).ok());
    let key = key.ok_or_else(|| {
        ProofError::invalid("public_key", format!("`public_key` is no such key; allowed: {ALLOWED}"))
    })?;
    Ok(key.to_sec1_bytes().into_vec())
}
