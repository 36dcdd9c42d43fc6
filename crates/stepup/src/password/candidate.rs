//! A candidate password: held so that it clears itself and never shows. Must not know rules.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use zeroize::Zeroizing;

use super::LENGTH_MAX;

/// A candidate, as it came and normalised (NFKC, as SP 800-63B-4 names for text that is not only ASCII).
pub struct Candidate {
    raw: Zeroizing<String>,
    normal: Zeroizing<String>,
    length: usize,
}

impl Candidate {
    /// Of what the customer typed.
    #[must_use]
    pub fn new(raw: Zeroizing<String>) -> Self {
        // Longer than it can become, so that no part of it is left behind where it grew from: one character becomes up to 18.
        let mut normal = Zeroizing::new(String::with_capacity(raw.len().saturating_mul(18)));
        normal.extend(raw.nfkc());
        let length = normal.chars().count();
        Self { raw, normal, length }
    }

    /// As it came.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// Normalised.
    #[must_use]
    pub fn normal(&self) -> &str {
        &self.normal
    }

    /// Characters of the normalised form.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Of the normalised form as much as a password may have: what rules look at.
    #[must_use]
    pub(super) fn looked_at(&self) -> &str {
        let end = self.normal.char_indices().nth(LENGTH_MAX).map_or(self.normal.len(), |(end, _)| end);
        self.normal.get(..end).unwrap_or_default()
    }

    /// Whether it has letters, digits, and anything else.
    pub(super) fn sorts(&self) -> (bool, bool, bool) {
        let (mut letters, mut digits, mut symbols) = (false, false, false);
        for character in self.normal.chars() {
            let (letter, digit) = (character.is_alphabetic(), character.is_numeric());
            letters |= letter;
            digits |= digit;
            symbols |= !letter && !digit && !is_combining_mark(character);
        }
        (letters, digits, symbols)
    }

    /// Whether it has characters that no keyboard gives, or that other systems change or lose.
    pub(super) fn has_unusable(&self) -> bool {
        let is_unusable = |character: char| {
            let code = u32::from(character);
            character.is_control()
                || matches!(code, 0xE000..=0xF8FF | 0xF_0000..=0x10_FFFF | 0xFDD0..=0xFDEF | 0xFFF9..=0xFFFD)
                || code & 0xFFFE == 0xFFFE
                || matches!(code, 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF)
        };
        self.raw.chars().fold(false, |found, character| found | is_unusable(character))
    }
}

/// An empty text of so many bytes that clears itself, for reading a candidate into.
#[must_use]
pub fn hidden(bytes: usize) -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(bytes))
}

impl From<String> for Candidate {
    fn from(raw: String) -> Self {
        Self::new(Zeroizing::new(raw))
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Candidate(…)")
    }
}
