//! What is known of a customer, and what a guesser would make of it: parts of names, romaji of kana, the many forms of a date of
//! birth, ends of telephone numbers. Must not know candidates.

use std::collections::BTreeSet;
use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use super::placed::Needle;
use super::romaji;

/// Items of a customer that are looked at; further ones are left out.
pub const ITEMS_MAX: usize = 64;
/// Characters of an item that are looked at.
const ITEM_LENGTH_MAX: usize = 128;
/// Strings that are given to an estimator at most.
const INPUTS_MAX: usize = 128;
/// Letters of a part of a name that is looked for wherever it stands, and of one that must stand by itself.
const LETTERS_MIN: usize = 4;
const LETTERS_ALONE_MIN: usize = 3;
/// The same for digits.
const DIGITS_MIN: usize = 6;
const DIGITS_ALONE_MIN: usize = 4;

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BirthDate {
    year: u16,
    month: u8,
    day: u8,
}

impl BirthDate {
    /// Of `YYYY-MM-DD`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut number = |digits: usize| -> Option<u16> {
            let part = parts.next()?;
            let is_plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|_| is_plain)
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        let is_day = (1868..=2999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        let whole = parts.next().is_none() && is_day;
        whole.then_some(Self { year, month: u8::try_from(month).ok()?, day: u8::try_from(day).ok()? })
    }

    /// The years of the Japanese eras with their letters.
    fn eras(self) -> Vec<(char, u16)> {
        // Years an era began before, and lasted until.
        const ERAS: [(char, u16, u16); 5] =
            [('m', 1867, 1912), ('t', 1911, 1926), ('s', 1925, 1989), ('h', 1988, 2019), ('r', 2018, 2999)];
        let is_of = |(_, before, until): &(char, u16, u16)| self.year > *before && self.year <= *until;
        ERAS.iter()
            .filter(|era| is_of(era))
            .map(|(letter, before, _)| (*letter, self.year.saturating_sub(*before)))
            .collect()
    }

    fn written(self) -> Vec<String> {
        let Self { year, month, day } = self;
        let short = year % 100;
        let mut forms = vec![
            format!("{year}{month:02}{day:02}"),
            format!("{month:02}{day:02}{year}"),
            format!("{day:02}{month:02}{year}"),
            format!("{short:02}{month:02}{day:02}"),
            format!("{month:02}{day:02}{short:02}"),
            format!("{day:02}{month:02}{short:02}"),
            format!("{year}{month:02}"),
            format!("{month:02}{day:02}"),
            format!("{day:02}{month:02}"),
            format!("{year}"),
        ];
        for (letter, of_era) in self.eras() {
            forms.push(format!("{letter}{of_era:02}{month:02}{day:02}"));
            forms.push(format!("{of_era:02}{month:02}{day:02}"));
            forms.push(format!("{letter}{of_era}"));
        }
        forms
    }
}

/// What is known of a customer. Shows nothing of itself.
#[derive(Clone, Default)]
pub struct Personal {
    words: Vec<String>,
    births: Vec<BirthDate>,
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Personal({} items)", self.words.len().saturating_add(self.births.len()))
    }
}

impl Personal {
    /// A name, an address, an identifier, a telephone or account number: anything the customer is known by.
    pub fn add(&mut self, text: &str) {
        if self.words.len() < ITEMS_MAX {
            self.words.push(text.nfkc().take(ITEM_LENGTH_MAX).collect());
        }
    }

    /// A mail address: its name, and the name of its domain without what all domains share.
    pub fn add_email(&mut self, address: &str) {
        let (name, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        self.add(name);
        if let Some(first) = domain.split('.').next().filter(|first| !first.is_empty()) {
            self.add(first);
        }
    }

    /// A day of birth.
    pub fn add_birth(&mut self, date: BirthDate) {
        if self.births.len() < ITEMS_MAX {
            self.births.push(date);
        }
    }

    /// The same as strings, for an estimator that looks for them itself.
    #[must_use]
    pub fn inputs(&self) -> Vec<String> {
        let Needles { anywhere, whole } = Needles::of(self);
        let texts: BTreeSet<String> =
            anywhere.iter().chain(&whole).map(|needle| needle.text.iter().collect()).collect();
        texts.into_iter().take(INPUTS_MAX).collect()
    }
}

/// What is looked for in a candidate.
pub(super) struct Needles {
    pub(super) anywhere: Vec<Needle>,
    /// Only where no further letter or digit stands beside it.
    pub(super) whole: Vec<Needle>,
}

impl Needles {
    pub(super) fn of(personal: &Personal) -> Self {
        let mut needles = Self { anywhere: Vec::new(), whole: Vec::new() };
        for text in &personal.words {
            needles.add_text(text);
        }
        for date in &personal.births {
            for form in date.written() {
                needles.add_part(&form);
            }
        }
        for list in [&mut needles.anywhere, &mut needles.whole] {
            let mut seen = BTreeSet::new();
            list.retain(|needle| seen.insert((needle.text.clone(), needle.is_folded)));
        }
        needles
    }

    /// Words of four letters and more, to be found wherever they stand.
    pub(super) fn of_words<'t>(words: impl Iterator<Item = &'t str>) -> Vec<Needle> {
        let mut needles = Self { anywhere: Vec::new(), whole: Vec::new() };
        for word in words {
            needles.add_part(&lower(&word.nfkc().collect::<String>()));
        }
        needles.anywhere
    }

    fn add_text(&mut self, text: &str) {
        let text = lower(text);
        let parts: Vec<&str> = text
            .split(|character: char| !character.is_alphanumeric())
            .filter(|part| !part.is_empty())
            .collect();
        for part in &parts {
            self.add_part(part);
            // The letters and the digits of `taro1980` by themselves.
            if part.chars().any(|character| character.is_ascii_digit()) {
                let of_sort = |sort: fn(char) -> bool| part.split(move |character| !sort(character));
                let digits = of_sort(|character| character.is_ascii_digit());
                let letters = of_sort(|character| !character.is_ascii_digit());
                digits
                    .chain(letters)
                    .filter(|piece| !piece.is_empty())
                    .for_each(|piece| self.add_part(piece));
            }
        }
        let whole = parts.concat();
        if parts.len() > 1 {
            self.add_part(&whole);
        }
        // A number that is written in groups is known by its ends too.
        if whole.len() > DIGITS_MIN && whole.bytes().all(|byte| byte.is_ascii_digit()) {
            for count in [8, DIGITS_ALONE_MIN] {
                let end = whole.len().checked_sub(count).and_then(|from| whole.get(from..));
                end.into_iter().for_each(|end| self.add_part(end));
            }
        }
    }

    fn add_part(&mut self, part: &str) {
        let text: Vec<char> = part.chars().collect();
        let is_number = text.iter().all(char::is_ascii_digit);
        let is_latin = text.iter().all(char::is_ascii);
        let (anywhere_min, alone_min) = match (is_number, is_latin) {
            (true, _) => (DIGITS_MIN, DIGITS_ALONE_MIN),
            (_, true) => (LETTERS_MIN, LETTERS_ALONE_MIN),
            // A character of Chinese or kana says more than a letter.
            _ => (2, 2),
        };
        let folded = match romaji::of_kana(part) {
            Some(romaji) => Some(romaji::folded(&romaji)),
            None => (is_latin && !is_number).then(|| romaji::folded(part)),
        };
        self.put(text, false, anywhere_min, alone_min);
        if let Some(folded) = folded {
            self.put(folded, true, LETTERS_MIN, LETTERS_ALONE_MIN);
        }
    }

    fn put(&mut self, text: Vec<char>, is_folded: bool, anywhere_min: usize, alone_min: usize) {
        let length = text.len();
        let needle = Needle { text, is_folded };
        if length >= anywhere_min {
            self.anywhere.push(needle);
        } else if length >= alone_min {
            self.whole.push(needle);
        }
    }
}

fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{BirthDate, Personal};

    #[test]
    fn dates_are_days() {
        for bad in
            ["", "1980", "1980-4-1", "1980-13-01", "1980-01-32", "1980-01-01-01", "19800401", "+980-01-01"]
        {
            assert_eq!(BirthDate::parse(bad), None, "{bad}");
        }
        let born = BirthDate::parse("1980-04-01").unwrap();
        for form in ["19800401", "800401", "0401", "1980", "s550401", "s55"] {
            assert!(born.written().contains(&form.to_owned()), "{form}");
        }
        let both = BirthDate::parse("1989-01-07").unwrap().eras();
        assert_eq!(both, [('s', 64), ('h', 1)], "the year in which an era ended belongs to two");
    }

    #[test]
    fn nothing_is_shown() {
        let mut personal = Personal::default();
        personal.add("山田太郎");
        assert_eq!(format!("{personal:?}"), "Personal(1 items)");
    }
}
