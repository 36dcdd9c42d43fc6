//! What the server answers, as far as a broker's systems act on it. Fields that are not known here are passed over, so that an older
//! client reads a newer server.

use serde::Deserialize;

use crate::WhenSilent;

/// The four answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Let it through.
    Allow,
    /// Let it through after proof.
    StepUp,
    /// Let it wait.
    Hold,
    /// Refuse it.
    Deny,
}

/// Who decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Source {
    /// The server.
    #[default]
    Server,
    /// Nobody: it is what the broker chose for when the server does not answer, and why it did not.
    Silence(String),
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Decision {
    /// What to do.
    #[serde(rename = "decision")]
    pub verdict: Verdict,
    /// Points, at most 100.
    #[serde(default)]
    pub score: u16,
    /// Why.
    #[serde(default)]
    pub reasons: Vec<Reason>,
    /// Where proof is asked for: what the customer is to answer. None where nobody could be asked, or the server did not answer.
    #[serde(default)]
    pub challenge: Option<AskedProof>,
    /// Where proof is asked for and the event said too little for it: what is missing. Ask with [`crate::Client::challenge`].
    #[serde(default)]
    pub challenge_needs: Vec<String>,
    /// Who decided.
    #[serde(skip)]
    pub source: Source,
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reason {
    /// The policy's rule.
    pub rule: String,
    /// In words.
    pub text: String,
}

/// A challenge as a decision names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AskedProof {
    /// Its identifier.
    pub id: String,
    /// The page on which the customer answers, below the server's own address.
    pub page: String,
}

/// What became of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hold {
    /// Where it stands.
    pub state: HoldState,
    /// Until when it is held if nobody settles it, in RFC 3339.
    pub until: String,
}

/// Where a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Nobody has settled it.
    Open,
    /// It may be done.
    Released,
    /// It must not be done.
    Refused,
    /// Nobody settled it in time: ask again what to do.
    Over,
}

/// A challenge.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Challenge {
    /// Its identifier.
    pub id: String,
    /// `open`, `passed`, `redeemed`, `failed`, `reported` or `expired`.
    pub status: String,
    /// How the customer may answer, the strongest first; none if they have nothing to prove themselves with.
    pub methods: Vec<String>,
}

/// What became of facts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Told {
    /// Taken, or known already.
    #[serde(default)]
    pub accepted: u64,
    /// Refused.
    #[serde(default)]
    pub rejected: Vec<Rejected>,
}

/// A fact that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Rejected {
    /// Which, from 1.
    pub line: usize,
    /// Why.
    pub detail: String,
    /// Whether to tell it again as it is: the server had no room.
    #[serde(default)]
    pub retry: bool,
}

/// A problem document (RFC 9457).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Problem {
    #[serde(default)]
    pub(crate) r#type: String,
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) retry_after_seconds: Option<u64>,
}

impl Decision {
    /// What holds when the server does not answer.
    pub(crate) fn instead(chosen: WhenSilent, why: String) -> Self {
        let verdict = match chosen {
            WhenSilent::LetThrough => Verdict::Allow,
            WhenSilent::AskForProof => Verdict::StepUp,
            WhenSilent::Hold => Verdict::Hold,
            WhenSilent::Refuse => Verdict::Deny,
        };
        Self {
            verdict,
            score: 0,
            reasons: Vec::new(),
            challenge: None,
            challenge_needs: Vec::new(),
            source: Source::Silence(why),
        }
    }
}
