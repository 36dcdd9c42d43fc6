//! How many guesses a candidate takes, by zxcvbn: names, words, dates, keyboards, repetitions, and the customer's own data.
//!
//! Not in `stepup`: zxcvbn reads the clock, for the year that dates are near to. It takes longer the more a candidate is made
//! of patterns, faster than in proportion to its length, so no more of it is looked at than [`LENGTH_MAX`]: the score of a
//! longer one is at least this. A fault in it must not tell what it was given: it is caught, and the candidate counts as
//! guessed at once.

use stepup::password::{Candidate, Estimate, Personal};
use zxcvbn::matching::patterns::MatchPattern;

/// Characters that are looked at; docs/passwords.md has the figures.
pub const LENGTH_MAX: usize = 64;
/// Letters of a word.
const WORD_MIN: usize = 4;

pub(super) fn estimate(candidate: &Candidate, personal: &Personal) -> Estimate {
    let inputs = personal.inputs();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let text = candidate.normal();
    let end = text.char_indices().nth(LENGTH_MAX).map_or(text.len(), |(end, _)| end);
    let text = text.get(..end).unwrap_or_default();
    history::guard::silently(|| of(text, &inputs)).unwrap_or(Estimate { score: 0, has_word: false })
}

fn of(text: &str, inputs: &[&str]) -> Estimate {
    let entropy = zxcvbn::zxcvbn(text, inputs);
    let is_word = |found: &zxcvbn::Match| {
        let letters = found.token.chars().filter(|character| character.is_alphabetic()).count();
        matches!(found.pattern, MatchPattern::Dictionary(_)) && letters >= WORD_MIN
    };
    Estimate { score: u8::from(entropy.score()), has_word: entropy.sequence().iter().any(is_word) }
}
