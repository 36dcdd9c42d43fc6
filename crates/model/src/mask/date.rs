//! Dates: written with Western years or in the Japanese eras, in figures of either width or in Chinese numerals.

use super::{SIGN, plain};

/// Everything hidden but what stands between year, month and day.
pub(super) fn hidden(value: &str) -> String {
    let is_between = |character: char| matches!(plain(character), '年' | '月' | '日' | '-' | '/' | '.' | ' ');
    value.chars().map(|character| if is_between(character) { character } else { SIGN }).collect()
}

/// How many characters a complete date at the beginning of `text` has, which was made [`plain`] before.
pub(super) fn length(text: &[char]) -> Option<usize> {
    let era = era(text);
    let mut rest = text.get(era..)?;
    let year = figures(rest, 4)
        .or_else(|| numerals(rest).filter(|_| era > 0))
        .or_else(|| (rest.first()? == &'元').then_some(1))?;
    // A year without an era has four figures.
    let is_western = era == 0;
    if is_western && year != 4 {
        return None;
    }
    let mut length = era.saturating_add(year);
    rest = rest.get(year..)?;
    let (first, second, last) = match rest.first()? {
        '年' => ('年', '月', Some('日')),
        '-' => ('-', '-', None),
        '/' => ('/', '/', None),
        '.' => ('.', '.', None),
        _ => return None,
    };
    for (before, after) in [(first, second), (second, last.unwrap_or(' '))] {
        let spaces = usize::from(rest.get(1) == Some(&' '));
        let behind = rest.strip_prefix(&[before])?.get(spaces..)?;
        let count = figures(behind, 2).or_else(|| numerals(behind))?;
        if !(1..=31).contains(&number(behind.get(..count)?)) {
            return None;
        }
        length = length.saturating_add(1).saturating_add(spaces).saturating_add(count);
        rest = behind.get(count..)?;
        if after == '日' {
            rest = rest.strip_prefix(&['日'])?;
            length = length.saturating_add(1);
        }
    }
    // What goes on with digits is another number.
    (!rest.first().is_some_and(char::is_ascii_digit)).then_some(length)
}

/// Characters of the name or the letter of an era.
fn era(text: &[char]) -> usize {
    match text {
        ['明', '治', ..] | ['大', '正', ..] | ['昭', '和', ..] | ['平', '成', ..] | ['令', '和', ..] => {
            2
        }
        ['M' | 'T' | 'S' | 'H' | 'R' | 'm' | 't' | 's' | 'h' | 'r', after, ..] if after.is_ascii_digit() => 1,
        ['㍾' | '㍽' | '㍼' | '㍻' | '㋿', ..] => 1,
        _ => 0,
    }
}

/// Digits at the beginning, up to so many.
fn figures(text: &[char], max: usize) -> Option<usize> {
    let count = text.iter().take_while(|character| character.is_ascii_digit()).count();
    (1..=max).contains(&count).then_some(count)
}

/// Chinese numerals at the beginning, up to three.
fn numerals(text: &[char]) -> Option<usize> {
    let count = text.iter().take_while(|character| "〇一二三四五六七八九十".contains(**character)).count();
    (1..=3).contains(&count).then_some(count)
}

/// The number of up to two figures; Chinese numerals are taken for one that fits.
fn number(text: &[char]) -> u32 {
    text.iter()
        .try_fold(0_u32, |number, character| {
            Some(number.saturating_mul(10).saturating_add(character.to_digit(10)?))
        })
        .unwrap_or(1)
}
