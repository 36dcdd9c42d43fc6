//! Why a challenge does not do what it is asked. Must not know who asked.

use model::Time;
use model::time::SECOND_US;

/// Why an answer was not taken, or the action not let through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It came too late.
    #[error("the challenge is over since {since}; ask for a new one")]
    Expired {
        /// Since when.
        since: Time,
    },
    /// It is not open, or not passed.
    #[error("the challenge is {0}")]
    Standing(&'static str),
    /// It is not answered in this way.
    #[error("the challenge is not answered by {0}")]
    Method(&'static str),
    /// The answer is wrong.
    #[error("the answer is wrong; {left} more are looked at")]
    Wrong {
        /// Further answers that are looked at.
        left: u8,
    },
    /// It must wait.
    #[error("the next one is taken at {until}")]
    Wait {
        /// Until then.
        until: Time,
        /// How long that is, in whole seconds.
        wait_s: u32,
    },
    /// A code was sent, or a call asked for, just now or often today.
    #[error("the next one is taken at {until}; another way is open at once")]
    AskedLately {
        /// Until then.
        until: Time,
        /// How long that is, in whole seconds.
        wait_s: u32,
    },
    /// Enough codes were sent.
    #[error("no further code is sent for this challenge; ask for a new one")]
    SentEnough,
    /// No call waits that this could be said of.
    #[error("the call is {0}")]
    Call(&'static str),
    /// Who did not see the number cannot have called it.
    #[error("{by} did not look the number up: see POST /v1/calls/{{number}}/unmask, call, then confirm")]
    NotCalled {
        /// Who.
        by: String,
    },
    /// It takes two, and this is the same person again.
    #[error("{by} confirmed it already; somebody else, with a key of their own, must confirm it too")]
    SamePerson {
        /// Who.
        by: String,
    },
    /// Another form came first.
    #[error("another form was recorded for this challenge: {reference}, come on {received}")]
    OtherForm {
        /// What it is filed under.
        reference: String,
        /// The day on which it came.
        received: String,
    },
    /// It is bound to another action.
    #[error("the proof is for another action: {} differs", fields.join(", "))]
    OtherAction {
        /// What differs.
        fields: Vec<&'static str>,
    },
    /// Who began it may be somebody else than who proved it.
    #[error(
        "the customer was sent away to prove who they are: redeem it with `result`, the `sekisho_result` that came back in the browser \
         that is let in"
    )]
    NotBack,
    /// The authenticator is too new for this.
    #[error("the authenticator is new and confirms this from {until} on")]
    Cooling {
        /// From then on.
        until: Time,
        /// How long that is, in whole seconds.
        wait_s: u32,
    },
}

impl Refusal {
    /// It must wait until then.
    pub(crate) fn asked_lately(until: Time, now: Time) -> Self {
        Self::AskedLately { until, wait_s: wait_s(until, now) }
    }

    /// Wrong answers make it wait until then.
    #[must_use]
    pub fn wait(until: Time, now: Time) -> Self {
        Self::Wait { until, wait_s: wait_s(until, now) }
    }

    /// It confirms nothing before then.
    #[must_use]
    pub fn cooling(until: Time, now: Time) -> Self {
        Self::Cooling { until, wait_s: wait_s(until, now) }
    }

    /// Why, in a word that stays.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "expired",
            Self::Standing(standing) => standing,
            Self::Method(_) => "method",
            Self::Wrong { .. } => "wrong",
            Self::Wait { .. } => "wait",
            Self::AskedLately { .. } => "asked_lately",
            Self::SentEnough => "sent_enough",
            Self::Call(_) => "call_over",
            Self::NotCalled { .. } => "not_called",
            Self::SamePerson { .. } => "same_person",
            Self::OtherForm { .. } => "other_form",
            Self::OtherAction { .. } => "other_action",
            Self::NotBack => "not_back",
            Self::Cooling { .. } => "cooling",
        }
    }

    /// Whole seconds after which it is looked at again, if time is what is missing.
    #[must_use]
    pub const fn wait_s(&self) -> Option<u32> {
        match self {
            Self::Wait { wait_s, .. } | Self::AskedLately { wait_s, .. } | Self::Cooling { wait_s, .. } => {
                Some(*wait_s)
            }
            _ => None,
        }
    }
}

/// Whole seconds from now until then, at least one.
fn wait_s(until: Time, now: Time) -> u32 {
    let left_us = until.as_us().saturating_sub(now.as_us()).max(1);
    u32::try_from(left_us.saturating_add(SECOND_US - 1) / SECOND_US).unwrap_or(u32::MAX)
}
