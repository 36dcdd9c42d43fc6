//! A candidate read in several ways – lower case, digits for letters, without what stands between, folded romaji – where each
//! character remembers the places it stands for. Must not know what is looked for.

use zeroize::Zeroize as _;

use super::romaji;

/// A character and the places of the candidate it stands for.
#[derive(Clone, Copy)]
pub(super) struct Placed {
    pub(super) character: char,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The readings of a candidate.
pub(super) struct Forms {
    length: usize,
    readings: Vec<Vec<Placed>>,
    /// Those where romaji is folded: names are looked for in them.
    folded: Vec<Vec<Placed>>,
}

/// Something to look for: as it is written, in lower case, or folded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Needle {
    pub(super) text: Vec<char>,
    pub(super) is_folded: bool,
}

/// Which characters of a candidate are something that was looked for.
pub(super) struct Marks(Vec<bool>);

impl Forms {
    pub(super) fn of(text: &str) -> Self {
        let lower = text.chars().enumerate().flat_map(|(place, character)| {
            character.to_lowercase().map(move |character| Placed { character, start: place, end: place })
        });
        let lower: Vec<Placed> = lower.collect();
        let meant: Vec<Placed> = lower
            .iter()
            .map(|placed| Placed { character: letter_meant(placed.character), ..*placed })
            .collect();
        let bare = |form: &[Placed]| -> Vec<Placed> {
            form.iter().filter(|placed| placed.character.is_alphanumeric()).copied().collect()
        };
        let backwards: Vec<Placed> = lower.iter().rev().copied().collect();
        let folded = [&lower, &meant, &backwards].map(|form| romaji::fold(form));
        let (bare_lower, bare_meant) = (bare(&lower), bare(&meant));
        let length = text.chars().count();
        Self {
            length,
            readings: vec![lower, meant, bare_lower, bare_meant, backwards],
            folded: folded.into(),
        }
    }

    /// Marks every place of every needle: those of `anywhere` wherever they stand, those of `whole` where no further letter
    /// or digit is at either side.
    pub(super) fn marks(&self, anywhere: &[Needle], whole: &[Needle]) -> Marks {
        let mut marks = Marks(vec![false; self.length]);
        let sorted =
            anywhere.iter().map(|needle| (needle, false)).chain(whole.iter().map(|needle| (needle, true)));
        for (needle, is_whole) in sorted {
            let forms = if needle.is_folded { &self.folded } else { &self.readings };
            for form in forms {
                marks.mark(form, &needle.text, is_whole);
            }
        }
        marks
    }
}

impl Drop for Forms {
    fn drop(&mut self) {
        for placed in self.readings.iter_mut().chain(&mut self.folded).flatten() {
            placed.character.zeroize();
        }
    }
}

impl Marks {
    fn mark(&mut self, form: &[Placed], needle: &[char], is_whole: bool) {
        let Some(begins) = needle.first() else { return };
        let is_same_sort = |character: char, as_this: char| {
            character.is_alphabetic() && as_this.is_alphabetic()
                || character.is_numeric() && as_this.is_numeric()
        };
        // Hundreds of words are looked for at hundreds of places: nearly all are passed by at their first letter.
        let starts = form.iter().enumerate().filter(|(_, placed)| placed.character == *begins);
        for (at, first) in starts {
            let Some(window) = form.get(at..at.saturating_add(needle.len())) else { return };
            let is_there = window.iter().map(|placed| placed.character).eq(needle.iter().copied());
            let Some(last) = window.last().filter(|_| is_there) else { continue };
            let before = at.checked_sub(1).and_then(|at| form.get(at));
            let after = form.get(at.saturating_add(needle.len()));
            let goes_on = before.is_some_and(|before| is_same_sort(before.character, first.character))
                || after.is_some_and(|after| is_same_sort(after.character, last.character));
            if is_whole && goes_on {
                continue;
            }
            let (start, end) = (first.start.min(last.start), first.end.max(last.end));
            for mark in self.0.iter_mut().take(end.saturating_add(1)).skip(start) {
                *mark = true;
            }
        }
    }

    /// Whether anything was found.
    pub(super) fn any(&self) -> bool {
        self.0.contains(&true)
    }

    /// Characters that are something found.
    pub(super) fn covered(&self) -> usize {
        self.0.iter().filter(|mark| **mark).count()
    }

    /// What either found.
    pub(super) fn with(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| *one | *other).collect())
    }
}

/// The letter for which a digit or a sign is written: `p@ssw0rd`.
fn letter_meant(character: char) -> char {
    match character {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        other => other,
    }
}
