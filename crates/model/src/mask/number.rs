//! Numbers in a text: which of them are somebody's. Takes characters that were made [`super::plain`].

use super::Kind;

/// Digits in a row that make an account number or the like.
const DIGITS_MIN: usize = 7;

/// What the number at the beginning of `text` is, and how many characters it has; `None` where it is nobody's. `before` is the
/// character before it.
pub(super) fn found(text: &[char], before: Option<char>) -> Option<(Kind, usize)> {
    let wide = Run::of(text, true);
    let narrow = Run::of(text, false);
    // Groups between spaces belong together only where they make something that is written so.
    let is_spaced = |kind: Kind| matches!(kind, Kind::Phone | Kind::Card | Kind::IndividualNumber);
    if let Some(kind) = wide.kind(text).filter(|kind| is_spaced(*kind) && wide.length > narrow.length) {
        return Some((kind, wide.length));
    }
    let kind = narrow.kind(text)?;
    let after = text.get(narrow.length).copied().unwrap_or(' ');
    let is_amount = "円万億株%".contains(after) || before.is_some_and(|sign| "¥$€\\".contains(sign));
    let could_be = matches!(kind, Kind::BankAccount) && narrow.groups.len() == 1;
    (!(is_amount && could_be)).then_some((kind, narrow.length))
}

/// How many characters of `text` are digits and what stands between them, whether it is somebody's or not.
pub(super) fn length(text: &[char]) -> usize {
    Run::of(text, false).length
}

/// Groups of digits with single signs between them.
struct Run {
    /// Digits of each group.
    groups: Vec<usize>,
    length: usize,
    plus: bool,
    postal: bool,
}

impl Run {
    fn of(text: &[char], with_spaces: bool) -> Self {
        let mut run = Self { groups: Vec::new(), length: 0, plus: false, postal: false };
        let mut at = 0_usize;
        while let Some(sign @ ('+' | '〒' | '(' | ' ')) = text.get(at) {
            if *sign == ' ' && !run.postal {
                break;
            }
            run.plus |= *sign == '+';
            run.postal |= *sign == '〒';
            at = at.saturating_add(1);
        }
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let digits = rest.iter().take_while(|character| character.is_ascii_digit()).count();
            if digits == 0 {
                return run;
            }
            run.groups.push(digits);
            at = at.saturating_add(digits);
            run.length = at;
            let rest = text.get(at..).unwrap_or_default();
            let is_between =
                |character: &char| matches!(character, '-' | '(' | ')') || with_spaces && *character == ' ';
            let between = rest.iter().take_while(|character| is_between(character)).count();
            if !(1..=2).contains(&between) {
                return run;
            }
            at = at.saturating_add(between);
        }
    }

    fn kind(&self, text: &[char]) -> Option<Kind> {
        let digits: Vec<u32> =
            text.iter().take(self.length).filter_map(|character| character.to_digit(10)).collect();
        let count = digits.len();
        let groups = self.groups.as_slice();
        if self.postal && count == DIGITS_MIN || groups == [3, 4] {
            return Some(Kind::PostalCode);
        }
        // With its zero or the country's code.
        let is_phone = match self.plus {
            true => (8..=15).contains(&count),
            false => digits.first() == Some(&0) && (10..=11).contains(&count) && digits.get(1) != Some(&0),
        };
        match count {
            _ if is_phone => Some(Kind::Phone),
            12 if groups == [12] || groups == [4, 4, 4] => Some(Kind::IndividualNumber),
            13..=19 if luhn(&digits) => Some(Kind::Card),
            DIGITS_MIN.. => Some(Kind::BankAccount),
            _ => None,
        }
    }
}

/// Whether the last digit is the check digit of a card's number (ISO/IEC 7812-1).
fn luhn(digits: &[u32]) -> bool {
    let doubled = |digit: u32| {
        if digit > 4 { digit.saturating_mul(2).saturating_sub(9) } else { digit.saturating_mul(2) }
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 1 { doubled(*digit) } else { *digit })
        .sum();
    sum.is_multiple_of(10)
}
