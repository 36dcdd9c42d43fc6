//! What is kept, as values: sealed on the way in, opened on the way out. Must not know what may be done with them.

use model::time::DAY_US;
use model::{CustomerId, Time};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stepup::allowance::Allowance;
use stepup::device::Device;
use stepup::guesses::Guesses;
use stepup::sum::DaySum;
use stepup::{Authenticator, Challenge};
use store::Sheet;

use super::ProofError;
use super::keeper::Desk;
use super::keys::ProofKeys;
use super::reports::Settling;
use crate::envelope;

/// Sorts of records. A number that was given is never used for something else.
#[derive(Debug, Clone, Copy)]
enum Sort {
    Challenge,
    Authenticator,
    Credential,
    Guesses,
    Spent,
    Handle,
    Device,
    Call,
    OpenCall,
    Allowance,
    Count,
    Confirmed,
    ConfirmedAlone,
    Doubt,
    Settling,
}

impl Sort {
    const fn kind(self) -> u8 {
        match self {
            // 1 was a challenge without calls and forms, 20 one without devices and authenticators, 25 one that knew not whether
            // it was handed over.
            Self::Challenge => 29,
            Self::Authenticator => 2,
            Self::Credential => 3,
            Self::Guesses => 4,
            Self::Spent => 5,
            Self::Handle => 6,
            Self::Device => 16,
            Self::Call => 21,
            Self::OpenCall => 22,
            Self::Allowance => 23,
            Self::Count => 24,
            Self::Confirmed => 26,
            Self::ConfirmedAlone => 27,
            Self::Doubt => 28,
            Self::Settling => 30,
        }
    }
}

/// How long a challenge that is over is kept: to say what became of it.
const CHALLENGE_KEPT_US: i64 = DAY_US;
/// How long wrong answers are kept: until their count is surely halved to none.
const GUESSES_KEPT_US: i64 = 32 * DAY_US;

/// Whose sum of what was confirmed on the telephone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose<'a> {
    /// By whomever, for this customer.
    Customer(&'a CustomerId),
    /// By this operator alone, for all customers together.
    Operator(&'a str),
}

/// What is kept, within one act.
pub(crate) struct Kept<'a> {
    sheet: &'a Sheet<'a>,
    keys: &'a ProofKeys,
    desk: &'a Desk,
}

impl<'a> Kept<'a> {
    pub(super) fn new(sheet: &'a Sheet<'a>, desk: &'a Desk) -> Self {
        Self { sheet, keys: &desk.keys, desk }
    }

    /// A challenge. One that was only noted is made and kept from now on.
    pub(crate) fn challenge(&self, id: &[u8; 16]) -> Result<Option<Challenge>, ProofError> {
        let kept: Option<Challenge> = self.get(Sort::Challenge, id)?;
        if kept.is_some() {
            return Ok(kept);
        }
        let Some(noted) = self.desk.noted(id) else { return Ok(None) };
        let made = noted.make(self)?;
        self.put_challenge(id, &made)?;
        Ok(Some(made))
    }

    /// Keeps it; and the call it waits for, if there is one, where it is found by its number.
    pub(crate) fn put_challenge(&self, id: &[u8; 16], challenge: &Challenge) -> Result<(), ProofError> {
        let ends = Some(challenge.expires().plus_us(CHALLENGE_KEPT_US));
        self.put(Sort::Challenge, id, challenge, ends)?;
        let Some(call) = challenge.call() else { return Ok(()) };
        let number = call.number().to_be_bytes();
        self.put(Sort::Call, &number, id, ends)?;
        if challenge.waits_for_call() {
            return self.put(Sort::OpenCall, &number, id, Some(challenge.expires()));
        }
        Ok(self.sheet.remove(Sort::OpenCall.kind(), &number)?)
    }

    /// The challenge that a call is for.
    pub(crate) fn call(&self, number: u64) -> Result<Option<[u8; 16]>, ProofError> {
        self.get(Sort::Call, &number.to_be_bytes())
    }

    /// Calls with higher numbers than this, in their order, up to so many, each with its challenge: all, or those that wait. Some of
    /// the latter may be over for a moment.
    pub(crate) fn calls(
        &self,
        after: u64,
        at_most: u32,
        open: bool,
    ) -> Result<Vec<(u64, [u8; 16])>, ProofError> {
        let sort = if open { Sort::OpenCall } else { Sort::Call };
        let rows = self.sheet.after(sort.kind(), &after.to_be_bytes(), at_most)?;
        let number = |key: &[u8]| key.try_into().map_or(u64::MAX, u64::from_be_bytes);
        rows.iter().map(|(key, bytes)| Ok((number(key), self.open(sort, key, bytes)?))).collect()
    }

    /// A number for one more call, from 1; none while so many wait.
    pub(crate) fn next_call(&self, open_max: u32) -> Result<Option<u64>, ProofError> {
        const NAME: &[u8] = b"call";
        let open = self.sheet.after(Sort::OpenCall.kind(), &[], open_max)?.len();
        if open >= usize::try_from(open_max).unwrap_or(usize::MAX) {
            return Ok(None);
        }
        let number = self.get::<u64>(Sort::Count, NAME)?.unwrap_or(0).saturating_add(1);
        self.put(Sort::Count, NAME, &number, None)?;
        Ok(Some(number))
    }

    /// How many yen operators confirmed on the telephone in the day before, for a customer or alone.
    pub(crate) fn confirmed(&self, whose: Whose<'_>) -> Result<DaySum, ProofError> {
        let (sort, key) = self.of(whose);
        Ok(self.get(sort, &key)?.unwrap_or_default())
    }

    /// Notes that so many more were.
    pub(crate) fn add_confirmed(&self, whose: Whose<'_>, yen: u64, now: Time) -> Result<(), ProofError> {
        let mut sum = self.confirmed(whose)?;
        sum.add(yen, now);
        let (sort, key) = self.of(whose);
        self.put(sort, &key, &sum, sum.over())
    }

    fn of(&self, whose: Whose<'_>) -> (Sort, [u8; 16]) {
        match whose {
            Whose::Customer(customer) => (Sort::Confirmed, self.customer(customer)),
            Whose::Operator(name) => (Sort::ConfirmedAlone, self.keys.name("operator", name)),
        }
    }

    /// Takes one of what a customer is allowed so often a day; `of` says what, and by whom.
    pub(crate) fn take_allowance(
        &self,
        customer: &CustomerId,
        of: &str,
        a_day: u8,
        now: Time,
    ) -> Result<(), ProofError> {
        let key = self.guesser(customer, of);
        let mut allowance: Allowance = self.get(Sort::Allowance, &key)?.unwrap_or_default();
        allowance.take(a_day, now)?;
        self.put(Sort::Allowance, &key, &allowance, Some(now.plus_us(DAY_US)))
    }

    /// All a customer has by now.
    pub(crate) fn authenticators(
        &self,
        customer: &CustomerId,
        now: Time,
    ) -> Result<Vec<Authenticator>, ProofError> {
        let mut has = self.ever(customer)?;
        has.retain(|each| each.is_there(now));
        Ok(has)
    }

    /// Also what was replaced, as long as it is kept.
    pub(crate) fn ever(&self, customer: &CustomerId) -> Result<Vec<Authenticator>, ProofError> {
        const AT_MOST: u32 = 64;
        let rows = self.sheet.below(Sort::Authenticator.kind(), &self.customer(customer), AT_MOST)?;
        rows.iter().map(|(key, bytes)| self.open(Sort::Authenticator, key, bytes)).collect()
    }

    pub(crate) fn put_authenticator(&self, authenticator: &Authenticator) -> Result<(), ProofError> {
        let key = [self.customer(&authenticator.customer), authenticator.id].concat();
        self.put(Sort::Authenticator, &key, authenticator, None)
    }

    pub(crate) fn remove_authenticator(&self, authenticator: &Authenticator) -> Result<(), ProofError> {
        let key = [self.customer(&authenticator.customer), authenticator.id].concat();
        Ok(self.sheet.remove(Sort::Authenticator.kind(), &key)?)
    }

    /// Devices a customer registered.
    pub(crate) fn devices(&self, customer: &CustomerId) -> Result<Vec<Device>, ProofError> {
        const AT_MOST: u32 = 64;
        let rows = self.sheet.below(Sort::Device.kind(), &self.customer(customer), AT_MOST)?;
        rows.iter().map(|(key, bytes)| self.open(Sort::Device, key, bytes)).collect()
    }

    pub(crate) fn put_device(&self, device: &Device) -> Result<(), ProofError> {
        let key = [self.customer(&device.customer), device.id].concat();
        self.put(Sort::Device, &key, device, None)
    }

    pub(crate) fn remove_device(&self, device: &Device) -> Result<(), ProofError> {
        let key = [self.customer(&device.customer), device.id].concat();
        Ok(self.sheet.remove(Sort::Device.kind(), &key)?)
    }

    /// Whose credential that is.
    pub(crate) fn credential(&self, credential: &[u8]) -> Result<Option<CustomerId>, ProofError> {
        self.get(Sort::Credential, blake3::hash(credential).as_bytes())
    }

    pub(crate) fn put_credential(&self, credential: &[u8], of: &CustomerId) -> Result<(), ProofError> {
        self.put(Sort::Credential, blake3::hash(credential).as_bytes(), of, None)
    }

    pub(crate) fn remove_credential(&self, credential: &[u8]) -> Result<(), ProofError> {
        Ok(self.sheet.remove(Sort::Credential.kind(), blake3::hash(credential).as_bytes())?)
    }

    /// Wrong answers of a guesser: one of the customer's browsers, or all strangers together.
    pub(crate) fn guesses(&self, customer: &CustomerId, guesser: &str) -> Result<Guesses, ProofError> {
        Ok(self.get(Sort::Guesses, &self.guesser(customer, guesser))?.unwrap_or_default())
    }

    pub(crate) fn put_guesses(
        &self,
        customer: &CustomerId,
        guesser: &str,
        guesses: &Guesses,
        now: Time,
    ) -> Result<(), ProofError> {
        let key = self.guesser(customer, guesser);
        if guesses.is_forgotten(now) {
            return Ok(self.sheet.remove(Sort::Guesses.kind(), &key)?);
        }
        self.put(Sort::Guesses, &key, guesses, Some(now.plus_us(GUESSES_KEPT_US)))
    }

    /// Spends what is good once; false if it was spent before. It is kept until it is good no more anyway.
    pub(crate) fn spend(&self, id: &[u8; 16], good_until: Time) -> Result<bool, ProofError> {
        if self.sheet.get(Sort::Spent.kind(), id)?.is_some() {
            return Ok(false);
        }
        self.sheet.put(Sort::Spent.kind(), id, &[], Some(good_until.as_us()))?;
        Ok(true)
    }

    /// Whether it was spent before, as long as that is kept.
    pub(crate) fn is_spent(&self, id: &[u8; 16]) -> Result<bool, ProofError> {
        Ok(self.sheet.get(Sort::Spent.kind(), id)?.is_some())
    }

    /// Since when what a customer has is in doubt, if it is: their first report that was not dealt with when it was last looked.
    pub(crate) fn doubt(&self, customer: &CustomerId) -> Result<Option<Time>, ProofError> {
        self.get(Sort::Doubt, &self.customer(customer))
    }

    pub(crate) fn put_doubt(&self, customer: &CustomerId, since: Time) -> Result<(), ProofError> {
        self.put(Sort::Doubt, &self.customer(customer), &since, None)
    }

    pub(crate) fn remove_doubt(&self, customer: &CustomerId) -> Result<(), ProofError> {
        Ok(self.sheet.remove(Sort::Doubt.kind(), &self.customer(customer))?)
    }

    /// What was in doubt and cools off again, until it has.
    pub(super) fn settling(&self, customer: &CustomerId) -> Result<Option<Settling>, ProofError> {
        self.get(Sort::Settling, &self.customer(customer))
    }

    pub(super) fn put_settling(
        &self,
        customer: &CustomerId,
        settling: &Settling,
        until: Time,
    ) -> Result<(), ProofError> {
        self.put(Sort::Settling, &self.customer(customer), settling, Some(until))
    }

    /// Whom a passkey's user handle names.
    pub(crate) fn handle(&self, handle: &[u8; 16]) -> Result<Option<CustomerId>, ProofError> {
        self.get(Sort::Handle, handle)
    }

    pub(crate) fn put_handle(&self, handle: &[u8; 16], of: &CustomerId) -> Result<(), ProofError> {
        self.put(Sort::Handle, handle, of, None)
    }

    fn customer(&self, customer: &CustomerId) -> [u8; 16] {
        self.keys.name("customer", customer.as_str())
    }

    fn guesser(&self, customer: &CustomerId, guesser: &str) -> [u8; 32] {
        let mut key = [0; 32];
        let (left, right) = key.split_at_mut(16);
        left.copy_from_slice(&self.customer(customer));
        right.copy_from_slice(&self.keys.name("guesser", guesser));
        key
    }

    fn get<T: DeserializeOwned>(&self, sort: Sort, key: &[u8]) -> Result<Option<T>, ProofError> {
        let bytes = self.sheet.get(sort.kind(), key)?;
        bytes.map(|bytes| self.open(sort, key, &bytes)).transpose()
    }

    fn put<T: Serialize>(
        &self,
        sort: Sort,
        key: &[u8],
        value: &T,
        ends: Option<Time>,
    ) -> Result<(), ProofError> {
        let failed = |_error| ProofError::Broken("something cannot be kept".to_owned());
        let bytes = postcard::to_allocvec(value).map_err(failed)?;
        let place = [&[sort.kind()], key].concat();
        let sealed = envelope::seal(&self.keys.envelope, &place, &bytes)
            .map_err(|_error| ProofError::Broken("the system gives no random bytes".to_owned()))?;
        Ok(self.sheet.put(sort.kind(), key, &sealed, ends.map(Time::as_us))?)
    }

    fn open<T: DeserializeOwned>(&self, sort: Sort, key: &[u8], sealed: &[u8]) -> Result<T, ProofError> {
        let place = [&[sort.kind()], key].concat();
        let opened = envelope::open(&self.keys.envelope, &place, sealed);
        opened.and_then(|bytes| read(sort, bytes)).ok_or_else(|| {
            crate::log::line("proof.unreadable", "a record does not open; is `secret` the folder's own?");
            ProofError::Broken("a record cannot be opened; the server's log says why".to_owned())
        })
    }
}

/// A value. An authenticator that was kept before there was `ends`, its last field, ends without it: then there was none.
fn read<T: DeserializeOwned>(sort: Sort, mut bytes: Vec<u8>) -> Option<T> {
    if matches!(sort, Sort::Authenticator) {
        bytes.push(0);
    }
    postcard::from_bytes(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use model::Time;
    use stepup::{Authenticator, Kind};

    use super::{Sort, read};

    #[test]
    fn an_authenticator_of_an_earlier_build_is_read() {
        let at = Time::from_us(1_600_000_000_000_000).unwrap();
        let now = |ends| Authenticator {
            id: [1; 16],
            customer: "C1".parse().unwrap(),
            kind: Kind::Passkey("{}".to_owned()),
            name: "mine".to_owned(),
            made: at,
            matures: at,
            used: Some(at),
            cloned: None,
            ends,
        };
        for kept in [now(None), now(Some(at))] {
            let bytes = postcard::to_allocvec(&kept).unwrap();
            assert_eq!(read::<Authenticator>(Sort::Authenticator, bytes), Some(kept));
        }
        let mut earlier = postcard::to_allocvec(&now(None)).unwrap();
        assert_eq!(earlier.pop(), Some(0));
        assert_eq!(read::<Authenticator>(Sort::Authenticator, earlier), Some(now(None)));
    }
}
