//! Candidate passwords, judged by a [`Profile`]: which rules they break, and whether that refuses them.
//!
//! Every rule is looked at every time: how much is done depends on the length of what came, never on which rule it breaks.
//! Nothing is kept. What holds a password clears itself when it goes, and shows nothing of itself under `Debug`.
//! Must not know how a finding is worded, or where lists lie.

mod candidate;
mod filter;
mod keyboard;
mod known;
mod personal;
mod placed;
mod profile;
mod romaji;
mod rule;
mod verifier;

pub use candidate::{Candidate, hidden};
pub use filter::{BuildError, ENTRIES_MAX, Filter, FilterError, key};
pub use known::Known;
pub use personal::{BirthDate, ITEMS_MAX, Personal};
pub use profile::{LENGTH_MAX, Profile, Symbols, Weight};
pub use rule::Rule;
pub use verifier::{OtherVerifier, VerifierError};

use personal::Needles;
use placed::{Forms, Marks};

/// What an estimator of guesses says of the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// From 0, guessed at once, to 4: more than 10^10 guesses.
    pub score: u8,
    /// Whether it is made with a word of a dictionary, of four letters and more.
    pub has_word: bool,
}

/// What is asked about a candidate.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The candidate.
    pub candidate: &'a Candidate,
    /// Whether it is used only together with another factor.
    pub with_other_factor: bool,
    /// What is known of the customer.
    pub personal: &'a Personal,
    /// The customer's other password, as the broker can verify it.
    pub other: Option<&'a OtherVerifier>,
    /// How hard it is to guess.
    pub estimate: Estimate,
}

/// What is wrong with a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// The rule it breaks.
    pub rule: Rule,
    /// Whether it is refused for it; else it is advice.
    pub refuses: bool,
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// From 0 to 4, as estimated; 0 for one that is on a list.
    pub score: u8,
    /// In the order of [`Rule::ALL`].
    pub findings: Vec<Finding>,
    /// Characters that are asked for at least.
    pub length_min: usize,
}

impl Judgement {
    /// Whether nothing refuses it.
    #[must_use]
    pub fn is_acceptable(&self) -> bool {
        self.findings.iter().all(|finding| !finding.refuses)
    }
}

/// Judges a candidate by all rules of a profile.
#[must_use]
pub fn judge(profile: &Profile, known: &Known, question: &Question<'_>) -> Judgement {
    let candidate = question.candidate;
    let length_min =
        if question.with_other_factor { profile.length_min_with_factor } else { profile.length_min_alone };
    let forms = Forms::of(candidate.looked_at());
    let needles = Needles::of(question.personal);
    let personal = forms.marks(&needles.anywhere, &needles.whole);
    let service = forms.marks(known.service(), &[]);
    let word = forms.marks(known.words(), &[]);
    // What is not known of the customer and the service must be long enough by itself.
    let falls_short = |marks: &Marks| candidate.length().saturating_sub(marks.covered()) < length_min;
    let both = personal.with(&service);
    let is_common = known.is_common(candidate);
    let (letters, digits, symbols) = candidate.sorts();
    let breaks = |rule: Rule| match rule {
        Rule::LengthMin => candidate.length() < length_min,
        Rule::LengthMax => candidate.length() > profile.length_max,
        Rule::Characters => candidate.has_unusable(),
        Rule::LettersAndDigits => !letters || !digits,
        Rule::Symbol => !symbols,
        Rule::Common => is_common,
        Rule::Personal => personal.any() && falls_short(&both),
        Rule::PersonalPart => personal.any(),
        Rule::Service => service.any() && falls_short(&both),
        Rule::Word => question.estimate.has_word | word.any(),
        Rule::KeyboardRun => keyboard::has_run(candidate.looked_at()),
        Rule::Sequence => keyboard::has_sequence(candidate.looked_at()),
        Rule::Repeat => keyboard::has_repeat(candidate.looked_at()),
        Rule::Guessable => question.estimate.score < profile.score_min,
        Rule::SameAsOther => question.other.is_some_and(|other| other.is(candidate)),
    };
    let broken: Vec<Finding> = Rule::ALL
        .iter()
        // Asked before the weight is looked at: what is done does not depend on the profile.
        .map(|rule| (*rule, breaks(*rule), profile.weight(*rule)))
        .filter(|(_, is_broken, weight)| *is_broken && *weight != Weight::Off)
        .map(|(rule, _, weight)| Finding { rule, refuses: weight == Weight::Refuse })
        .collect();
    let score = if is_common { 0 } else { question.estimate.score };
    Judgement { score, findings: without_lesser(broken), length_min }
}

/// Of two findings about the same thing the one that says more.
fn without_lesser(findings: Vec<Finding>) -> Vec<Finding> {
    let has = |rule: Rule| findings.iter().any(|finding| finding.rule == rule);
    let is_said = |rule: Rule| match rule {
        Rule::PersonalPart => has(Rule::Personal),
        _ => false,
    };
    findings.iter().filter(|finding| !is_said(finding.rule)).copied().collect()
}

#[cfg(test)]
mod tests;
