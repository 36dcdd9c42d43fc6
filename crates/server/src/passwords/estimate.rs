//! How many guesses a candidate takes, by zxcvbn: names, words, dates, keyboards, repetitions, and the customer's own data.
//!
//! Not in `stepup`: zxcvbn reads the clock, for the year that dates are near to. How long it takes grows much faster than the
//! candidate: with its length, and with the number of different signs that may stand for letters, of which it tries every
//! combination. So no more is looked at than [`LENGTH_MAX`] characters – the score of a longer one is at least this – and
//! where there are many such signs, the letters that those stand for which are no digits are put in their place first. Digits stay: all
//! ten of them make a dozen combinations, and they are what rows of digits are known by. A fault in it must not tell what it was
//! given: it is caught, and the candidate counts as guessed at once.

use std::collections::BTreeSet;

use stepup::password::{Candidate, Estimate, Personal};
use zeroize::Zeroizing;
use zxcvbn::matching::patterns::MatchPattern;

/// Characters that are looked at; docs/passwords.md has the figures.
pub const LENGTH_MAX: usize = 32;
/// Letters of a word.
const WORD_MIN: usize = 4;
/// Signs beside digits that zxcvbn takes for letters, and the letter that each stands for first.
const SIGNS: [(char, char); 10] = [
    ('@', 'a'),
    ('(', 'c'),
    ('{', 'c'),
    ('[', 'c'),
    ('<', 'c'),
    ('!', 'i'),
    ('|', 'i'),
    ('$', 's'),
    ('+', 't'),
    ('%', 'x'),
];
/// Different signs in one candidate, digits counted, with which all are left to zxcvbn.
const SIGNS_MAX: usize = 6;

pub(super) fn estimate(candidate: &Candidate, personal: &Personal) -> Estimate {
    let inputs = personal.inputs();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let text: Zeroizing<String> = Zeroizing::new(candidate.normal().chars().take(LENGTH_MAX).collect());
    history::guard::silently(|| of(&with_few_signs(&text), &inputs))
        .unwrap_or(Estimate { score: 0, has_word: false })
}

/// The text, with letters for signs that are no digits where there are too many different ones.
fn with_few_signs(text: &str) -> Zeroizing<String> {
    let meant =
        |character: char| SIGNS.iter().find(|(sign, _)| *sign == character).map(|(_, letter)| *letter);
    let is_sign = |character: &char| character.is_ascii_digit() || meant(*character).is_some();
    let signs: BTreeSet<char> = text.chars().filter(is_sign).collect();
    let letter = |character: char| match signs.len() > SIGNS_MAX {
        true => meant(character).unwrap_or(character),
        false => character,
    };
    Zeroizing::new(text.chars().map(letter).collect())
}

fn of(text: &str, inputs: &[&str]) -> Estimate {
    let entropy = zxcvbn::zxcvbn(text, inputs);
    let is_word = |found: &zxcvbn::Match| {
        let letters = found.token.chars().filter(|character| character.is_alphabetic()).count();
        matches!(found.pattern, MatchPattern::Dictionary(_)) && letters >= WORD_MIN
    };
    Estimate { score: u8::from(entropy.score()), has_word: entropy.sequence().iter().any(is_word) }
}

#[cfg(test)]
mod tests {
    use super::{SIGNS, SIGNS_MAX, of, with_few_signs};

    #[test]
    fn few_signs_are_left_and_many_become_the_letters_they_stand_for() {
        let signs = |count: usize| SIGNS.iter().take(count).map(|(sign, _)| *sign).collect::<String>();
        for (text, looked_at) in [
            ("", ""),
            ("correct horse", "correct horse"),
            ("p4$$w0rd", "p4$$w0rd"),
            // One sign however often it comes is one.
            ("444444444444", "444444444444"),
            ("4@8({[", "4@8({["),
            ("4@8({[<", "4a8cccc"),
            ("日本4@8({[<3x", "日本4a8cccc3x"),
            ("password1234567890", "password1234567890"),
        ] {
            assert_eq!(with_few_signs(text).as_str(), looked_at, "{text}");
        }
        assert_eq!(with_few_signs(&signs(SIGNS_MAX)).as_str(), signs(SIGNS_MAX));
        let all = with_few_signs(&signs(SIGNS.len()));
        assert!(all.chars().all(|character| character.is_ascii_lowercase()), "{}", all.as_str());
    }

    /// With letters for digits, too, rows of them read as something nobody would guess.
    #[test]
    fn rows_of_digits_are_seen_as_such() {
        for text in [
            "1234567890123456",
            "password12345678",
            "iloveyou12345678",
            "qwerty1234567890",
            "0987654321",
            "12345678901",
        ] {
            let found = of(with_few_signs(text).as_str(), &[]);
            assert!(found.score <= 1, "{text}: {}", found.score);
        }
    }
}
