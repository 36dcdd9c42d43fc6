//! What answers do to people: the model behind every figure, in one place. `docs/lab-evaluate.md` tells it to readers.
//!
//! - *allow*: it is done.
//! - *step_up*: a customer proves to be the customer, but for [`HONEST_FAILS_PERMILLE`]; an attacker fails, unless the attack
//!   holds the factor. What is not proven is not done; without a proven login there is no session.
//! - *hold*: it is not done. The staff call: a customer says yes after [`CALL_H`] hours and it is done then; an attacker's
//!   victim says no after [`FRAUD_CALL_H`] hours, and the account is closed to the attacker.
//! - *deny*: it is not done.
//! - A victim who reported is identified anew [`VERIFIED_H`] hours later.
//!
//! Must not know who is asked.

use engine::Verdict;
use model::EventKind;

/// Of a thousand customers who are asked for proof, so many fail: the telephone is elsewhere, the code came too late.
pub(super) const HONEST_FAILS_PERMILLE: u64 = 10;
/// Hours until the staff have reached a customer about a hold, from and to.
pub(super) const CALL_H: (u64, u64) = (1, 24);
/// Hours until the staff have reached a victim about a hold.
pub(super) const FRAUD_CALL_H: i64 = 2;
/// Hours until a customer who reported was identified anew.
pub(super) const VERIFIED_H: i64 = 24;

/// What becomes of something asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Done,
    Refused,
    Held,
}

/// What an answer does where the one who asks can or cannot prove to be the customer.
pub(super) const fn effect(verdict: Verdict, proves: bool) -> Effect {
    match verdict {
        Verdict::Allow => Effect::Done,
        Verdict::StepUp if proves => Effect::Done,
        Verdict::StepUp | Verdict::Deny => Effect::Refused,
        Verdict::Hold => Effect::Held,
    }
}

/// What is asked about, in groups that bars are set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Login,
    /// Everything that changes who can reach the money, withdrawals not counted.
    Change,
    /// Withdrawals and transfers.
    Money,
    Order,
}

impl Group {
    pub(crate) const ALL: [Self; 4] = [Self::Login, Self::Change, Self::Money, Self::Order];

    pub(super) const fn place(self) -> usize {
        match self {
            Self::Login => 0,
            Self::Change => 1,
            Self::Money => 2,
            Self::Order => 3,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Change => "change",
            Self::Money => "withdrawal",
            Self::Order => "order",
        }
    }

    /// The group of a kind; none where a broker tells and does not ask.
    pub(crate) const fn of(kind: EventKind) -> Option<Self> {
        match kind {
            EventKind::Login => Some(Self::Login),
            EventKind::Order => Some(Self::Order),
            kind if kind.moves_money() => Some(Self::Money),
            kind if kind.is_procedure() => Some(Self::Change),
            _ => None,
        }
    }
}
