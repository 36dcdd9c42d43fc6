//! What operators do for a challenge: they call the registered number back, or a signed form came. Nobody does it alone where much
//! is at stake: two persons, each with a key of their own, who both looked the number up. Must not know who operators are, nor the
//! customer's number.
//!
//! A call waits until somebody confirmed or refused it, or nobody was reached too often:
//! ```text
//! open ──confirm──► (another confirms) ──► confirmed: the challenge is passed
//!   ├──refuse──► refused: the customer says that it was not them
//!   └──unreached, too often──► unreached
//! ```

use model::{EventKind, Money, Time};
use serde::{Deserialize, Serialize};

use super::{Challenge, Method, Passed, Refusal, Standing};
use crate::Action;
use crate::authenticator::needs_mature;

/// Times that nobody is reached before a call is given up.
const UNREACHED_MAX: u8 = 5;
/// Persons who confirm that a form came.
const PERSONS_FOR_A_FORM: u8 = 2;

/// How many persons confirm on the telephone: one up to so many yen; two for more, for other currencies, which cannot be compared
/// here, and for what changes who can reach the money, whatever amount it names.
#[must_use]
pub fn persons(action: &Action, two_above_yen: u64) -> u8 {
    let is_little =
        |amount: &Money| amount.currency.as_str() == "JPY" && amount.minor.unsigned_abs() <= two_above_yen;
    let one_is_enough =
        if moves(action) { moved(action).is_some_and(is_little) } else { !needs_mature(action.kind) };
    if one_is_enough { 1 } else { 2 }
}

fn moves(action: &Action) -> bool {
    action.kind.moves_money() || matches!(action.kind, EventKind::Order | EventKind::PaymentInstruction)
}

/// How many yen an action moves, as far as it says so in yen: what adds up, over a day, against the limit of [`persons`].
#[must_use]
pub fn moved_yen(action: &Action) -> u64 {
    let yen = moved(action).filter(|amount| moves(action) && amount.currency.as_str() == "JPY");
    yen.map_or(0, |amount| amount.minor.unsigned_abs())
}

/// How much it moves: of an order what it is worth, whatever else is told beside it.
fn moved(action: &Action) -> Option<&Money> {
    match action.kind {
        EventKind::Order => action.order.as_ref()?.notional.as_ref(),
        _ => action.amount.as_ref(),
    }
}

/// Persons who confirm the same thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Persons {
    needed: u8,
    by: Vec<(String, Time)>,
}

impl Persons {
    /// Adds one; whether there are enough.
    fn add(&mut self, by: &str, at: Time) -> Result<bool, Refusal> {
        if self.by.iter().any(|(before, _)| before == by) {
            return Err(Refusal::SamePerson { by: by.to_owned() });
        }
        self.by.push((by.to_owned(), at));
        Ok(self.by.len() >= usize::from(self.needed))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Outcome {
    Open,
    Confirmed,
    Refused,
    Unreached,
}

/// A call that the customer asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    number: u64,
    asked: Time,
    to: String,
    persons: Persons,
    /// Who saw the number.
    seen_by: Vec<String>,
    unreached: u8,
    outcome: Outcome,
}

/// Operators who are remembered to have seen a call's number: then the one who saw it first has to look again.
const SEEN_MAX: usize = 16;

impl Call {
    /// A call asked for now. `to` is the number that is called, masked; so many persons confirm.
    #[must_use]
    pub const fn new(number: u64, asked: Time, to: String, persons: u8) -> Self {
        let persons = Persons { needed: persons, by: Vec::new() };
        Self { number, asked, to, persons, seen_by: Vec::new(), unreached: 0, outcome: Outcome::Open }
    }

    /// Its number, by which it is known to the support centre.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// When it was asked for.
    #[must_use]
    pub const fn asked(&self) -> Time {
        self.asked
    }

    /// The number that is called, masked.
    #[must_use]
    pub fn to(&self) -> &str {
        &self.to
    }

    /// How many persons must confirm.
    #[must_use]
    pub const fn persons(&self) -> u8 {
        self.persons.needed
    }

    /// Who confirmed, and when.
    #[must_use]
    pub fn confirmed(&self) -> &[(String, Time)] {
        &self.persons.by
    }

    /// How often nobody was reached.
    #[must_use]
    pub const fn unreached(&self) -> u8 {
        self.unreached
    }
}

/// A signed form that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    reference: String,
    received: String,
    persons: Persons,
}

impl Form {
    /// What it is filed under.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The day on which it came.
    #[must_use]
    pub fn received(&self) -> &str {
        &self.received
    }

    /// Who says so, and since when.
    #[must_use]
    pub fn confirmed(&self) -> &[(String, Time)] {
        &self.persons.by
    }

    /// How many must say so.
    #[must_use]
    pub const fn persons(&self) -> u8 {
        self.persons.needed
    }
}

impl Challenge {
    /// The call that was asked for.
    #[must_use]
    pub const fn call(&self) -> Option<&Call> {
        self.call.as_ref()
    }

    /// The form that came.
    #[must_use]
    pub const fn form(&self) -> Option<&Form> {
        self.form.as_ref()
    }

    /// Where the call stands, as a word; `over` where the challenge ended in another way.
    #[must_use]
    pub fn call_standing(&self, now: Time) -> Option<&'static str> {
        Some(match self.call.as_ref()?.outcome {
            Outcome::Open if self.is_open(now).is_err() => "over",
            Outcome::Open => "open",
            Outcome::Confirmed => "confirmed",
            Outcome::Refused => "refused",
            Outcome::Unreached => "unreached",
        })
    }

    /// Whether a call waits, as long as time does not end it.
    #[must_use]
    pub fn waits_for_call(&self) -> bool {
        self.standing == Standing::Open
            && self.call.as_ref().is_some_and(|call| call.outcome == Outcome::Open)
    }

    /// Notes that the customer asked to be called, once; it stays open so many seconds for it.
    ///
    /// # Errors
    /// It is not open, not answered so, or a call was asked for before.
    pub fn ask_call(&mut self, call: Call, open_s: i64) -> Result<(), Refusal> {
        self.takes(Method::Phone, call.asked)?;
        if let Some(standing) = self.call_standing(call.asked) {
            return Err(Refusal::Call(standing));
        }
        self.keep_open(call.asked, open_s);
        self.call = Some(call);
        Ok(())
    }

    /// An operator sees the number to call.
    ///
    /// # Errors
    /// No call is open.
    pub fn see_number(&mut self, by: &str, now: Time) -> Result<(), Refusal> {
        let call = self.open_call(now)?;
        call.seen_by.retain(|seen| seen != by);
        if call.seen_by.len() >= SEEN_MAX {
            call.seen_by.remove(0);
        }
        call.seen_by.push(by.to_owned());
        Ok(())
    }

    /// An operator says that the customer confirmed it on the telephone. When enough have said so, it is passed: at least so many,
    /// if that is more than were thought to be enough when it was asked for.
    ///
    /// # Errors
    /// No call is open, this person did not see the number, or said so before.
    pub fn confirm_call(&mut self, by: &str, persons: u8, now: Time) -> Result<(), Refusal> {
        let call = self.open_call(now)?;
        if !call.seen_by.iter().any(|seen| seen == by) {
            return Err(Refusal::NotCalled { by: by.to_owned() });
        }
        call.persons.needed = call.persons.needed.max(persons);
        if call.persons.add(by, now)? {
            call.outcome = Outcome::Confirmed;
            self.set_passed(by_operators(Method::Phone, now));
        }
        Ok(())
    }

    /// The customer says on the telephone that it was not them. That is heard whatever became of the call; said again, it
    /// changes nothing.
    ///
    /// # Errors
    /// No call was asked for.
    pub fn refuse_call(&mut self) -> Result<(), Refusal> {
        let call = self.call.as_mut().ok_or(Refusal::Method(Method::Phone.as_str()))?;
        call.outcome = Outcome::Refused;
        self.report();
        Ok(())
    }

    /// Nobody was reached. After the fifth time the call is given up.
    ///
    /// # Errors
    /// No call is open.
    pub fn note_unreached(&mut self, now: Time) -> Result<(), Refusal> {
        let call = self.open_call(now)?;
        call.unreached = call.unreached.saturating_add(1);
        if call.unreached >= UNREACHED_MAX {
            call.outcome = Outcome::Unreached;
        }
        Ok(())
    }

    /// An operator says that a signed form came, and what it says of the action. When a second one says the same, it is passed. In
    /// between it stays open so many seconds.
    ///
    /// # Errors
    /// It is not open, the form is for another action, another one was recorded before, or this person said so before.
    pub fn record_form(
        &mut self,
        (reference, received): (&str, &str),
        action: &Action,
        by: &str,
        now: Time,
        open_s: i64,
    ) -> Result<(), Refusal> {
        self.is_open(now)?;
        let fields = self.action.differences(action);
        if !fields.is_empty() {
            return Err(Refusal::OtherAction { fields });
        }
        if let Some(form) = &self.form
            && (form.reference.as_str(), form.received.as_str()) != (reference, received)
        {
            let (reference, received) = (form.reference.clone(), form.received.clone());
            return Err(Refusal::OtherForm { reference, received });
        }
        self.keep_open(now, open_s);
        let form = self.form.get_or_insert_with(|| Form {
            reference: reference.to_owned(),
            received: received.to_owned(),
            persons: Persons { needed: PERSONS_FOR_A_FORM, by: Vec::new() },
        });
        if form.persons.add(by, now)? {
            self.set_passed(by_operators(Method::Paper, now));
        }
        Ok(())
    }

    fn open_call(&mut self, now: Time) -> Result<&mut Call, Refusal> {
        self.is_open(now)?;
        match &mut self.call {
            Some(call) if call.outcome == Outcome::Open => Ok(call),
            // An open challenge's call is given up where it is not open.
            Some(_) => Err(Refusal::Call("unreached")),
            None => Err(Refusal::Method(Method::Phone.as_str())),
        }
    }
}

/// What persons confirm needs no authenticator that cools off.
const fn by_operators(method: Method, at: Time) -> Passed {
    Passed { method, authenticator: None, at, matured: true }
}

#[cfg(test)]
mod tests;
