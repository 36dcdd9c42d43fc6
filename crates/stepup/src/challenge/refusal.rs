//! Why a challenge does not do what it is asked. Must not know who asked.

use model::Time;

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
    },
    /// A code was sent, or a call asked for, just now or often today.
    #[error("the next one is taken at {until}; another way is open at once")]
    AskedLately {
        /// Until then.
        until: Time,
    },
    /// Enough codes were sent.
    #[error("no further code is sent for this challenge; ask for a new one")]
    SentEnough,
    /// No call waits that this could be said of.
    #[error("the call is {0}")]
    Call(&'static str),
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
    /// The authenticator is too new for this.
    #[error("the authenticator is new and confirms this from {until} on")]
    Cooling {
        /// From then on.
        until: Time,
    },
}
