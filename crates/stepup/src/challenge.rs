//! A challenge: a demand for proof of one action, as a state machine. It is short-lived, is answered in the ways it allows, is
//! passed once and redeemed once, for the action it is bound to and no other. Must not know how a passkey is checked: who did
//! says so with [`Challenge::pass`].
//!
//! ```text
//! open ──pass──► passed ──redeem──► redeemed
//!   │  ╲             │
//!   │   ╲──report────┴──► reported        (the customer says: this was not me)
//!   └── too many wrong answers ──► failed
//! ```
//! What operators do for it – calls, forms on paper – is in `operators`. Time ends every state but the last two of a way: what is not passed, or not redeemed, in time is over.

use model::time::SECOND_US;
use model::{Factor, Time};
use serde::{Deserialize, Serialize};

use crate::Action;
use crate::code::Sent;

mod operators;
mod refusal;
mod ways;

pub use operators::{Call, Form, moved_yen, persons};
pub use refusal::Refusal;
pub use ways::{Ways, ways};

/// Wrong answers to one challenge.
pub const WRONG_MAX: u8 = 5;
/// Codes sent for one challenge.
pub const SENT_MAX: u8 = 3;
/// Between two codes at least.
pub const RESEND_S: i64 = 30;
/// How long a code is good.
pub const CODE_S: i64 = 5 * 60;
/// How long a challenge that was passed waits to be redeemed.
pub const REDEEM_S: i64 = 5 * 60;
/// The same for what operators confirmed: the customer was not at the page, and has to come back to it.
pub const REDEEM_LATER_S: i64 = 60 * 60;
/// How long a challenge is open, unless it is told.
pub const OPEN_S: i64 = 10 * 60;

/// How a challenge may be answered, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A WebAuthn credential with user verification: bound to the site, so that no page in between can use it.
    Passkey,
    /// The support centre called the registered number back.
    Phone,
    /// A signed form came. Operators record it; no customer can choose it.
    Paper,
    /// A time-based code of an app.
    Totp,
    /// A code by SMS, beside amount and destination.
    Sms,
    /// A code by mail, beside amount and destination.
    Mail,
    /// A recovery code.
    Recovery,
}

impl Method {
    /// All, the strongest first.
    pub const ALL: [Self; 7] =
        [Self::Passkey, Self::Phone, Self::Paper, Self::Totp, Self::Sms, Self::Mail, Self::Recovery];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::Phone => "phone",
            Self::Paper => "paper",
            Self::Totp => "totp",
            Self::Sms => "sms",
            Self::Mail => "mail",
            Self::Recovery => "recovery",
        }
    }

    /// The method of this word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == word)
    }

    /// Whether somebody who does not have it could guess the answer: then answers are counted and slowed.
    #[must_use]
    pub const fn is_guessed(self) -> bool {
        matches!(self, Self::Totp | Self::Sms | Self::Mail | Self::Recovery)
    }

    /// Whether a code is sent for it.
    #[must_use]
    pub const fn is_sent(self) -> bool {
        matches!(self, Self::Sms | Self::Mail)
    }

    /// Whether operators answer by it, and not the customer at a page.
    #[must_use]
    pub const fn is_by_operators(self) -> bool {
        matches!(self, Self::Phone | Self::Paper)
    }

    /// Authentication context class (OpenID Connect EAP ACR values 1.0 for `phr`): what RFC 9470 asks for and answers with.
    #[must_use]
    pub const fn acr(self) -> &'static str {
        match self {
            Self::Passkey => "phr",
            Self::Phone => "urn:sekisho:acr:call-back",
            Self::Paper => "urn:sekisho:acr:paper",
            Self::Totp | Self::Sms | Self::Mail => "urn:sekisho:acr:one-time-code",
            Self::Recovery => "urn:sekisho:acr:recovery",
        }
    }

    /// Authentication methods (RFC 8176, which has no word for paper).
    #[must_use]
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Passkey => &["swk", "user", "mfa"],
            Self::Phone => &["tel"],
            Self::Paper => &[],
            Self::Totp | Self::Mail | Self::Recovery => &["otp"],
            Self::Sms => &["sms", "otp"],
        }
    }

    /// The factor of an event that was proven so.
    #[must_use]
    pub const fn factor(self) -> Factor {
        match self {
            Self::Passkey => Factor::Passkey,
            Self::Totp => Factor::Totp,
            Self::Sms => Factor::Sms,
            Self::Mail => Factor::Email,
            Self::Phone | Self::Paper | Self::Recovery => Factor::None,
        }
    }
}

/// A proof that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// How.
    pub method: Method,
    /// With which authenticator, if it is one that is kept.
    pub authenticator: Option<[u8; 16]>,
    /// When.
    pub at: Time,
    /// Whether it had cooled off.
    pub matured: bool,
}

/// Where a challenge stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It waits for an answer.
    Open,
    /// It was answered rightly.
    Passed(Passed),
    /// What it protects was let through.
    Redeemed(Passed),
    /// Too many answers were wrong.
    Failed,
    /// The customer said it was not them.
    Reported,
}

/// A challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    action: Action,
    /// The event that was asked about, if it came of a decision.
    event: Option<String>,
    made: Time,
    expires: Time,
    allowed: Vec<Method>,
    standing: Standing,
    wrong: u8,
    sent: u8,
    code: Option<(Method, Sent)>,
    call: Option<Call>,
    form: Option<Form>,
    /// Whether what has not cooled off may answer.
    young: bool,
    /// The visit on which the customer answers it, where they were sent away for that.
    visit: Option<[u8; 16]>,
}

impl Challenge {
    /// A challenge made now, open so many seconds.
    #[must_use]
    pub fn new(action: Action, event: Option<String>, ways: Ways, now: Time, open_s: i64) -> Self {
        let Ways { methods: allowed, young } = ways;
        Self {
            action,
            event,
            made: now,
            expires: now.plus_us(open_s.saturating_mul(SECOND_US)),
            allowed,
            young,
            visit: None,
            standing: Standing::Open,
            wrong: 0,
            sent: 0,
            code: None,
            call: None,
            form: None,
        }
    }

    /// What it protects.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.action
    }

    /// The event it came of.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    /// When it was made.
    #[must_use]
    pub const fn made(&self) -> Time {
        self.made
    }

    /// When it is over: for an answer, or to be redeemed.
    #[must_use]
    pub const fn expires(&self) -> Time {
        self.expires
    }

    /// How it may be answered.
    #[must_use]
    pub fn allowed(&self) -> &[Method] {
        &self.allowed
    }

    /// Where it stands now, as a word.
    #[must_use]
    pub fn standing(&self, now: Time) -> &'static str {
        match &self.standing {
            Standing::Open | Standing::Passed(_) if now >= self.expires => "expired",
            Standing::Open => "open",
            Standing::Passed(_) => "passed",
            Standing::Redeemed(_) => "redeemed",
            Standing::Failed => "failed",
            Standing::Reported => "reported",
        }
    }

    /// The proof, once it was given.
    #[must_use]
    pub const fn passed(&self) -> Option<&Passed> {
        match &self.standing {
            Standing::Passed(passed) | Standing::Redeemed(passed) => Some(passed),
            Standing::Open | Standing::Failed | Standing::Reported => None,
        }
    }

    /// Whether an answer in this way is looked at now.
    ///
    /// # Errors
    /// Why not.
    pub fn takes(&self, method: Method, now: Time) -> Result<(), Refusal> {
        self.is_open(now)?;
        if self.allowed.contains(&method) { Ok(()) } else { Err(Refusal::Method(method.as_str())) }
    }

    /// Whether what counts from then on, `Time::MAX` if it looked like a copy, may answer now.
    #[must_use]
    pub fn is_answered_by(&self, counts_from: Time, now: Time) -> bool {
        let may_be_young = self.young && counts_from < Time::MAX;
        may_be_young || crate::authenticator::answers(self.action.kind, counts_from, now)
    }

    /// Notes that the customer is sent away to answer, on this visit and on no other: who begins something in their name cannot have it
    /// answered on a visit that they know of otherwise. What was answered on a visit stays with it.
    pub fn hand_over(&mut self, visit: [u8; 16]) {
        let answered = self.passed().is_some_and(|passed| !passed.method.is_by_operators());
        if !answered {
            self.visit = Some(visit);
        }
    }

    /// Notes that it was answered where the customer was, and not on a visit.
    pub fn stay(&mut self) {
        self.visit = None;
    }

    /// The visit on which it is answered, where the customer was sent away.
    #[must_use]
    pub const fn visit(&self) -> Option<[u8; 16]> {
        self.visit
    }

    /// Whether it is redeemed only with the result that came back: who proves who they are, and nothing else, sees nothing on the page that
    /// would be wrong if somebody else had begun it.
    fn must_come_back(&self) -> bool {
        self.visit.is_some() && self.action.says_only_who()
    }

    /// Notes that a code was sent; any earlier one is void.
    ///
    /// # Errors
    /// No code is sent in this way, not yet again, or not any more.
    pub fn send(&mut self, method: Method, sent: Sent, now: Time) -> Result<(), Refusal> {
        self.takes(method, now)?;
        if !method.is_sent() {
            return Err(Refusal::Method(method.as_str()));
        }
        if self.sent >= SENT_MAX {
            return Err(Refusal::SentEnough);
        }
        if let Some((_, before)) = &self.code {
            let until = before.at.plus_us(RESEND_S * SECOND_US);
            if now < until {
                return Err(Refusal::asked_lately(until, now));
            }
        }
        self.sent = self.sent.saturating_add(1);
        self.code = Some((method, sent));
        Ok(())
    }

    /// The code that is out, by which way, as long as it is good; and how many further ones may be sent.
    #[must_use]
    pub fn code_out(&self, now: Time) -> Option<(Method, &Sent, u8)> {
        let (method, sent) = self.code.as_ref()?;
        let left = SENT_MAX.saturating_sub(self.sent);
        (now < sent.good_until()).then_some((*method, sent, left))
    }

    /// Whether this is the code that was sent. A wrong answer is for the caller to note.
    ///
    /// # Errors
    /// No code is looked at now.
    pub fn is_code(
        &self,
        method: Method,
        key: &[u8; 32],
        id: &str,
        given: &str,
        now: Time,
    ) -> Result<bool, Refusal> {
        self.takes(method, now)?;
        let Some((_, sent)) = self.code.as_ref().filter(|(way, _)| *way == method) else { return Ok(false) };
        Ok(now < sent.good_until() && sent.is(key, id, given))
    }

    /// Notes a wrong answer, and says so.
    pub fn note_wrong(&mut self, now: Time) -> Refusal {
        if let Err(refusal) = self.is_open(now) {
            return refusal;
        }
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong >= WRONG_MAX {
            self.standing = Standing::Failed;
        }
        Refusal::Wrong { left: WRONG_MAX.saturating_sub(self.wrong) }
    }

    /// Notes that it was answered rightly. From now on it waits to be redeemed.
    ///
    /// # Errors
    /// It is not open, not to be answered so, or by an authenticator that is too new for the action.
    pub fn pass(&mut self, passed: Passed, matures: Time) -> Result<(), Refusal> {
        let now = passed.at;
        self.takes(passed.method, now)?;
        if !passed.matured && !self.is_answered_by(matures, now) {
            // What never counts is none that this is answered by.
            return Err(match matures {
                Time::MAX => Refusal::Method(passed.method.as_str()),
                matures => Refusal::cooling(matures, now),
            });
        }
        self.set_passed(passed);
        Ok(())
    }

    fn set_passed(&mut self, passed: Passed) {
        let waits_s = if passed.method.is_by_operators() { REDEEM_LATER_S } else { REDEEM_S };
        self.expires = passed.at.plus_us(waits_s.saturating_mul(SECOND_US));
        self.standing = Standing::Passed(passed);
        self.code = None;
    }

    /// Lets the action through, once. `came_back`: whether its result was brought.
    ///
    /// # Errors
    /// It is another action, the proof was not given, is too old, or was used; or its result has to be brought and was not.
    pub fn redeem(&mut self, action: &Action, came_back: bool, now: Time) -> Result<Passed, Refusal> {
        let fields = self.action.differences(action);
        if !fields.is_empty() {
            return Err(Refusal::OtherAction { fields });
        }
        let Standing::Passed(passed) = &self.standing else {
            return Err(Refusal::Standing(self.standing(now)));
        };
        if now >= self.expires {
            return Err(Refusal::Expired { since: self.expires });
        }
        if self.must_come_back() && !came_back {
            return Err(Refusal::NotBack);
        }
        let passed = passed.clone();
        self.standing = Standing::Redeemed(passed.clone());
        Ok(passed)
    }

    /// The customer says that it was not them: it can neither be answered nor redeemed any more. False if it was before,
    /// or was let through already.
    pub fn report(&mut self) -> bool {
        // What was let through was: that stays to be seen.
        if matches!(self.standing, Standing::Redeemed(_) | Standing::Reported) {
            return false;
        }
        self.standing = Standing::Reported;
        self.code = None;
        true
    }

    /// The customer said of something else that it was not them: what was not let through yet is over as well.
    pub fn void(&mut self) {
        if matches!(self.standing, Standing::Open | Standing::Passed(_)) {
            self.report();
        }
    }

    /// What takes longer leaves it open until then, if it was not anyway.
    fn keep_open(&mut self, now: Time, open_s: i64) {
        self.expires = self.expires.max(now.plus_us(open_s.saturating_mul(SECOND_US)));
    }

    fn is_open(&self, now: Time) -> Result<(), Refusal> {
        match &self.standing {
            Standing::Open if now < self.expires => Ok(()),
            Standing::Open => Err(Refusal::Expired { since: self.expires }),
            Standing::Passed(_) | Standing::Redeemed(_) | Standing::Failed | Standing::Reported => {
                Err(Refusal::Standing(self.standing(now)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
