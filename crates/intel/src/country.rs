//! A country as two letters.

use std::fmt;

/// A country: two capital letters, as in ISO 3166-1 alpha-2. Codes that the standard leaves to users (`XK`, `EU`)
/// are kept as the files give them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// What a file says of a country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountryField {
    Known(Country),
    /// The file says that it does not know: empty, `-`, `--`, `ZZ`, `XX` or `None`.
    Unknown,
}

impl Country {
    /// Two letters of any case. Anything else is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }

    /// The two capital letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Always ASCII letters: `parse` is the only way in.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl CountryField {
    /// None: neither a country nor a way of saying "unknown".
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "-" | "--" | "ZZ" | "XX" | "None" => Some(Self::Unknown),
            _ => Country::parse(text).map(Self::Known),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Country, CountryField};

    #[test]
    fn countries_are_two_letters() {
        assert_eq!(Country::parse("jp").unwrap().as_str(), "JP");
        assert_eq!(Country::parse("XK").unwrap().to_string(), "XK");
        for bad in ["", "J", "JPN", "A1", "日", "J ", "-"] {
            assert_eq!(Country::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn files_may_say_that_they_do_not_know() {
        for unknown in ["", "-", "--", "ZZ", "XX", "None"] {
            assert_eq!(CountryField::parse(unknown), Some(CountryField::Unknown), "{unknown}");
        }
        assert_eq!(CountryField::parse("13335"), None);
        assert_eq!(CountryField::parse("US"), Some(CountryField::Known(Country::parse("US").unwrap())));
    }
}
