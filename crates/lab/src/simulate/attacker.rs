//! How an attacker goes about it: what is known of the victim, how patient, how greedy. Must not know the attacks that are
//! made of it.

use super::error::LabError;

/// Where an attacker's addresses come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proxies {
    /// Servers and homes anywhere in the world.
    Anywhere,
    /// Exits of VPNs and servers in Japan.
    Vpn,
    /// Homes in Japan (residential proxies).
    City,
    /// Homes of the victim's own provider and exchange, or the victim's mobile gateway.
    Neighbour,
}

/// What an attacker's clients say they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Agents {
    /// Whatever the attacker has; a foreign language now and then.
    Own,
    /// What is common among customers, in Japanese.
    Common,
    /// What the victim's own device says.
    Victims,
}

/// An attacker's ways. The four of the literature are constants; each knob can be turned by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Attacker {
    /// Where from.
    pub proxies: Proxies,
    /// With what.
    pub agents: Agents,
    /// Days between one step and the next (entering, changing the account, withdrawing), 0 to 30.
    pub patience_days: u64,
    /// No withdrawal is larger, in yen.
    pub amount_max_jpy: Option<u64>,
    /// How often an attacker who was stopped comes back, 0 to 20.
    pub retries: u32,
}

impl Attacker {
    /// Knows the password and nothing else.
    pub const NAIVE: Self = Self {
        proxies: Proxies::Anywhere,
        agents: Agents::Own,
        patience_days: 0,
        amount_max_jpy: None,
        retries: 1,
    };
    /// Knows the country.
    pub const VPN: Self = Self {
        proxies: Proxies::Vpn,
        agents: Agents::Own,
        patience_days: 1,
        amount_max_jpy: None,
        retries: 2,
    };
    /// Knows the city and what devices are common there; stays below limits.
    pub const TARGETED: Self = Self {
        proxies: Proxies::City,
        agents: Agents::Common,
        patience_days: 3,
        amount_max_jpy: Some(500_000),
        retries: 2,
    };
    /// Knows the victim's provider and device, and waits until its own place looks familiar.
    pub const VERY_TARGETED: Self = Self {
        proxies: Proxies::Neighbour,
        agents: Agents::Victims,
        patience_days: 15,
        amount_max_jpy: Some(500_000),
        retries: 3,
    };
    /// The four, with their words.
    pub const ALL: [(&'static str, Self); 4] = [
        ("naive", Self::NAIVE),
        ("vpn", Self::VPN),
        ("targeted", Self::TARGETED),
        ("very-targeted", Self::VERY_TARGETED),
    ];
}

/// What one of the knobs says, for `--attacker` and the single options.
pub trait Knowledge: Sized {
    /// Reads its word.
    ///
    /// # Errors
    /// A word that is not known.
    fn of_word(word: &str) -> Result<Self, LabError>;
}

fn unknown(what: &'static str, word: &str, allowed: &[&str]) -> LabError {
    LabError::Word { what, came: word.chars().take(64).collect(), allowed: allowed.join(", ") }
}

impl Knowledge for Attacker {
    fn of_word(word: &str) -> Result<Self, LabError> {
        let found = Self::ALL.iter().find(|(name, _)| *name == word);
        found
            .map(|(_, attacker)| *attacker)
            .ok_or_else(|| unknown("attacker", word, &Self::ALL.map(|(name, _)| name)))
    }
}

impl Knowledge for Proxies {
    fn of_word(word: &str) -> Result<Self, LabError> {
        match word {
            "anywhere" => Ok(Self::Anywhere),
            "vpn" => Ok(Self::Vpn),
            "city" => Ok(Self::City),
            "neighbour" => Ok(Self::Neighbour),
            _ => Err(unknown("proxies", word, &["anywhere", "vpn", "city", "neighbour"])),
        }
    }
}

impl Knowledge for Agents {
    fn of_word(word: &str) -> Result<Self, LabError> {
        match word {
            "own" => Ok(Self::Own),
            "common" => Ok(Self::Common),
            "victims" => Ok(Self::Victims),
            _ => Err(unknown("agents", word, &["own", "common", "victims"])),
        }
    }
}
