//! The profiles as data: what each asks for, and which rules refuse. To change what is asked, change a row here and in
//! docs/passwords.md. Must not know candidates.

use super::Rule;

/// Characters that are taken by every profile at most. SP 800-63B-4 asks that at least 64 are.
pub const LENGTH_MAX: usize = 256;

/// What breaking a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Nothing.
    Off,
    /// It is told.
    Advise,
    /// The candidate is refused.
    Refuse,
}

/// Whether something that is neither letter nor digit is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbols {
    /// May be there.
    Allowed,
    /// At least one.
    Required,
}

/// What is asked of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Its name in configuration and API.
    pub name: &'static str,
    /// Characters at least, where nothing else proves who the customer is.
    pub length_min_alone: usize,
    /// Characters at least, where another factor is asked for too.
    pub length_min_with_factor: usize,
    /// Characters at most.
    pub length_max: usize,
    /// The lowest score that is not refused, 0 to 4.
    pub score_min: u8,
    /// Whether symbols are asked for.
    pub symbols: Symbols,
    /// What is advice only.
    advises: &'static [Rule],
    /// What is not looked at.
    ignores: &'static [Rule],
}

/// SP 800-63B-4: length and lists instead of composition.
const NIST: Profile = Profile {
    name: "nist-800-63b-4",
    length_min_alone: 15,
    length_min_with_factor: 8,
    length_max: LENGTH_MAX,
    score_min: 3,
    symbols: Symbols::Allowed,
    advises: &[Rule::PersonalPart, Rule::KeyboardRun, Rule::Sequence, Rule::Repeat],
    ignores: &[Rule::LettersAndDigits, Rule::Symbol, Rule::Word],
};

/// What a Japanese broker asked of its customers after the incidents of 2020.
const CLASSIC: Profile = Profile {
    name: "broker-classic",
    length_min_alone: 10,
    length_min_with_factor: 10,
    length_max: LENGTH_MAX,
    score_min: 3,
    symbols: Symbols::Allowed,
    advises: &[],
    ignores: &[],
};

impl Profile {
    /// All profiles; the first is the default.
    pub const ALL: [Self; 2] = [NIST, CLASSIC];

    /// The profile of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name == name)
    }

    /// The same, asking for a symbol or not.
    #[must_use]
    pub const fn with_symbols(self, symbols: Symbols) -> Self {
        Self { symbols, ..self }
    }

    /// What breaking a rule does.
    #[must_use]
    pub fn weight(&self, rule: Rule) -> Weight {
        match (rule, self.symbols) {
            (Rule::Symbol, Symbols::Required) => Weight::Refuse,
            (Rule::Symbol, Symbols::Allowed) => Weight::Off,
            _ if self.ignores.contains(&rule) => Weight::Off,
            _ if self.advises.contains(&rule) => Weight::Advise,
            _ => Weight::Refuse,
        }
    }
}

impl Default for Profile {
    fn default() -> Self {
        NIST
    }
}
