//! Serde for types that are one string on the wire. Must not know what the strings mean.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::Deserializer;
use serde::de::Visitor;

use crate::Invalid;

/// Implements `Serialize` by `as_str` and `Deserialize` by `FromStr` without an intermediate `String`.
#[doc(hidden)]
#[macro_export]
macro_rules! through_str {
    ($name:ty, $what:literal) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::from_text(deserializer, concat!("a string with ", $what))
            }
        }
    };
}

/// The same for a type that is a number where nobody reads along, in journal and state: `Serialize` by `Display` or by `$to`,
/// `Deserialize` by `FromStr` or by `$from`, which gives none for what is no such value.
macro_rules! through_str_or_number {
    ($name:ty, $number:ty, $to:expr, $from:expr, $what:literal) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    let number: $number = $to(*self);
                    number.serialize(serializer)
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    return $crate::from_text(deserializer, concat!("a string with ", $what));
                }
                let number = <$number>::deserialize(deserializer)?;
                $from(number).ok_or_else(|| serde::de::Error::custom(concat!("not ", $what)))
            }
        }
    };
}

/// Reads a value out of a string, without an intermediate `String`; `expected` says what it should be.
///
/// # Errors
/// It is no string, or not such a value.
#[doc(hidden)]
pub fn from_text<'de, T: FromStr<Err = Invalid>, D: Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
) -> Result<T, D::Error> {
    struct Text<T>(&'static str, PhantomData<T>);
    impl<T: FromStr<Err = Invalid>> Visitor<'_> for Text<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(|invalid: Invalid| E::custom(invalid.problem))
        }
    }
    deserializer.deserialize_str(Text(expected, PhantomData))
}

/// Refuses text that is empty, longer than `bytes_max`, or holds control characters; `field` names it in the error.
pub(crate) fn plain_text(field: &str, text: &str, bytes_max: usize) -> Result<(), Invalid> {
    if text.is_empty() || text.len() > bytes_max || has_control(text) {
        let allowed = format!("1 to {bytes_max} bytes of text without control characters");
        return Err(Invalid::value(field, text, &allowed));
    }
    Ok(())
}

/// Whether any character is a control character. Looks at bytes first, many at a time: nearly all text is ASCII, and this
/// runs for every field of every event.
fn has_control(text: &str) -> bool {
    let (mut control, mut beyond_ascii) = (false, false);
    for byte in text.bytes() {
        control |= byte.is_ascii_control();
        beyond_ascii |= !byte.is_ascii();
    }
    control || (beyond_ascii && text.chars().any(char::is_control))
}

/// A string newtype with a limit: non-empty, without control characters, at most `$max` bytes.
macro_rules! text {
    ($(#[$meta:meta])* $name:ident, $field:literal, $max:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Longest accepted text in bytes.
            pub const BYTES_MAX: usize = $max;

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(&self.0) }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Invalid;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::wire::plain_text($field, text, Self::BYTES_MAX)?;
                Ok(Self(text.into()))
            }
        }

        $crate::through_str!($name, $field);
    };
}

pub(crate) use {text, through_str_or_number};
