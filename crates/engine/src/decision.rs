//! What is answered: let through, ask for proof, hold or refuse, and why. Must not know how it was reached.

use model::Time;
use serde::{Deserialize, Serialize};

/// The four answers, from the mildest to the strictest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Let it through.
    #[default]
    Allow,
    /// Let it through after proof.
    StepUp,
    /// Let it wait for somebody.
    Hold,
    /// Refuse it.
    Deny,
}

impl Verdict {
    /// All, the mildest first.
    pub const ALL: [Self; 4] = [Self::Allow, Self::StepUp, Self::Hold, Self::Deny];

    /// The word used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::StepUp => "step_up",
            Self::Hold => "hold",
            Self::Deny => "deny",
        }
    }
}

/// One reason: a rule that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's place in its policy.
    pub rule: u16,
    /// Points it gave.
    pub points: u16,
}

/// A decision about one event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The answer.
    pub verdict: Verdict,
    /// Points of all live rules that fired, at most 100.
    pub score: u16,
    /// The live rules that fired, in the order of the policy.
    pub reasons: Vec<Reason>,
    /// Rules in shadow that would have fired.
    pub shadow: Vec<Reason>,
    /// Version of the policy.
    pub policy: u32,
    /// Until when it is held, counted from when the event arrived.
    pub held_until: Option<Time>,
}
