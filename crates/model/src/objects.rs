//! JSON read strictly: what is an object is read from an object alone. Serde's derived code also takes an array for one, its
//! elements for the fields in their order, and so `[]` for an object without fields. Must not know what is read.
//!
//! [`Objects`] stands between serde and the JSON, all the way down, but not inside of enums with content. Errors say what is
//! expected in words of the wire form instead of Rust's.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Unexpected, Visitor};

/// A deserializer whose structs are read from objects alone.
#[derive(Debug)]
pub struct Objects<D>(pub D);

/// Reads a whole text.
///
/// # Errors
/// It is no JSON, not what is wanted, or more follows.
pub fn from_str<'de, T: serde::Deserialize<'de>>(text: &'de str) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(Objects(&mut deserializer))?;
    deserializer.end()?;
    Ok(value)
}

/// Reads whole bytes.
///
/// # Errors
/// As [`from_str`].
pub fn from_slice<'de, T: serde::Deserialize<'de>>(json: &'de [u8]) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = T::deserialize(Objects(&mut deserializer))?;
    deserializer.end()?;
    Ok(value)
}

/// What is wrong with JSON that could be read, in the words of the wire form. A value of a wrong type is not repeated: what was sent
/// where something else belongs may be an account number.
#[must_use]
pub fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    for (serde, json) in [("sequence", "an array"), ("map", "an object")] {
        if let Some(rest) = text.strip_prefix("invalid type: ").and_then(|text| text.strip_prefix(serde)) {
            return format!("invalid type: {json}{rest}");
        }
    }
    for (serde, json) in
        [("string \"", "a string"), ("integer `", "a number"), ("floating point `", "a number")]
    {
        if let Some(rest) = text.strip_prefix("invalid type: ").and_then(|text| text.strip_prefix(serde))
            && let Some((_came, expected)) = rest.rsplit_once(", expected ")
        {
            return format!("invalid type: {json}, expected {expected}");
        }
    }
    text
}

/// A number that JSON can write and no computer keeps, `1e999` say. serde_json calls that no JSON at all; it is a value that does not
/// fit its field, as others are.
fn fitting<E: serde::de::Error>(error: E, expected: Option<&str>) -> E {
    let text = error.to_string();
    let Some(place) = text.strip_prefix("number out of range") else { return error };
    let expected = expected.unwrap_or("something else than a number, or a smaller one");
    E::custom(format!("invalid value: a number too large to be read, expected {expected}{place}"))
}

/// The same for what is none of the words of a list and no text either, which serde_json calls no JSON.
fn one_of<E: serde::de::Error>(error: E, words: &[&str]) -> E {
    let text = error.to_string();
    let Some(place) = text.strip_prefix("expected value") else { return fitting(error, None) };
    E::custom(format!("invalid type: no text, expected one of `{}`{place}", words.join("`, `")))
}

macro_rules! forward {
    ($($method:ident $expected:expr;)+) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Strict { visitor, expected: $expected }).map_err(|error| fitting(error, $expected))
        }
    )+ };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Objects<D> {
    type Error = D::Error;

    forward! {
        deserialize_any None;
        deserialize_bool Some("true or false");
        deserialize_i8 Some("a whole number from -128 to 127");
        deserialize_i16 Some("a whole number from -32768 to 32767");
        deserialize_i32 Some("a whole number from -2147483648 to 2147483647");
        deserialize_i64 Some("a whole number of at most 9223372036854775807");
        deserialize_i128 Some("a whole number");
        deserialize_u8 Some("a whole number from 0 to 255");
        deserialize_u16 Some("a whole number from 0 to 65535");
        deserialize_u32 Some("a whole number from 0 to 4294967295");
        deserialize_u64 Some("a whole number from 0 to 18446744073709551615");
        deserialize_u128 Some("a whole number from 0");
        deserialize_f32 Some("a number");
        deserialize_f64 Some("a number");
        deserialize_char None;
        deserialize_str None;
        deserialize_string None;
        deserialize_bytes None;
        deserialize_byte_buf None;
        deserialize_option None;
        deserialize_unit None;
        deserialize_seq Some("an array");
        deserialize_map Some("an object");
        deserialize_identifier None;
        deserialize_ignored_any None;
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, Strict { visitor, expected: None })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Strict { visitor, expected: None })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, Strict { visitor, expected: None })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, len, Strict { visitor, expected: None })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let strict = Strict { visitor, expected: None };
        self.0.deserialize_enum(name, variants, strict).map_err(|error| one_of(error, variants))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// A visitor that passes on what comes, and what is inside of it strictly.
struct Strict<V> {
    visitor: V,
    /// What is expected, where the visitor would name a type of Rust's.
    expected: Option<&'static str>,
}

macro_rules! pass {
    ($($method:ident $value:ty;)+) => { $(
        fn $method<E: serde::de::Error>(self, value: $value) -> Result<Self::Value, E> {
            self.visitor.$method(value)
        }
    )+ };
}

macro_rules! pass_scalar {
    ($($method:ident $value:ty, $error:ident, $unexpected:path;)+) => { $(
        fn $method<E: serde::de::Error>(self, value: $value) -> Result<Self::Value, E> {
            let expected = self.expected;
            self.visitor.$method(value).map_err(|error| match expected {
                Some(expected) => E::$error($unexpected(value), &expected),
                None => error,
            })
        }
    )+ };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.expected {
            Some(expected) => f.write_str(expected),
            None => self.visitor.expecting(f),
        }
    }

    pass_scalar! {
        visit_bool bool, invalid_type, Unexpected::Bool;
        visit_i64 i64, invalid_value, Unexpected::Signed;
        visit_u64 u64, invalid_value, Unexpected::Unsigned;
        visit_f64 f64, invalid_type, Unexpected::Float;
    }

    pass! {
        visit_i128 i128;
        visit_u128 u128;
        visit_char char;
        visit_str &str;
        visit_borrowed_str &'de str;
        visit_string String;
        visit_bytes &[u8];
        visit_borrowed_bytes &'de [u8];
        visit_byte_buf Vec<u8>;
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.visitor.visit_some(Objects(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.visitor.visit_newtype_struct(Objects(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Self::Value, A::Error> {
        self.visitor.visit_seq(Inside(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        self.visitor.visit_map(Inside(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<Self::Value, A::Error> {
        self.visitor.visit_enum(variant)
    }
}

/// The elements of an array, or the entries of an object.
struct Inside<A>(A);

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Inside<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(Seed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Inside<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.0.next_value_seed(Seed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

struct Seed<T>(T);

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Seed<T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T::Value, D::Error> {
        self.0.deserialize(Objects(deserializer))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::{from_slice, from_str, told};
    use crate::Event;

    #[derive(Debug, Deserialize)]
    struct Outer<'a> {
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(default)]
        list: Vec<Inner>,
        #[serde(borrow, default)]
        raw: Option<&'a RawValue>,
        #[serde(default)]
        #[expect(dead_code, reason = "only refused here")]
        word: Option<Word>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        This,
        That,
    }

    #[derive(Debug, Default, Deserialize)]
    struct Inner {
        #[serde(default)]
        count: u16,
    }

    #[test]
    fn objects_are_objects_all_the_way_down() {
        let read: Outer<'_> =
            from_str(r#"{"inner": {"count": 3}, "list": [{}, {"count": 4}], "raw": [1,2]}"#).unwrap();
        let counts: Vec<u16> = read.inner.iter().chain(&read.list).map(|inner| inner.count).collect();
        assert_eq!((counts, read.raw.unwrap().get()), (vec![3, 0, 4], "[1,2]"));
        for (json, problem) in [
            ("[]", "invalid type: an array, expected an object"),
            ("[[1], [], []]", "invalid type: an array, expected an object"),
            (r#"{"inner": [1]}"#, "invalid type: an array, expected an object"),
            (r#"{"list": [{}, []]}"#, "invalid type: an array, expected an object"),
            (r#"{"list": {}}"#, "invalid type: an object, expected an array"),
            (r#"{"inner": {"count": "1"}}"#, "expected a whole number from 0 to 65535"),
            (r#"{"inner": {"count": -1}}"#, "invalid value: integer `-1`, expected a whole number from 0"),
            (r#"{"inner": {"count": 1.5}}"#, "invalid type: a number, expected a whole number from 0"),
            (
                r#"{"inner": {"count": 1e999}}"#,
                "invalid value: a number too large to be read, expected a whole number from 0 to 65535 at line 1 column",
            ),
            (r#"{"list": -1e999}"#, "too large to be read, expected an array"),
            (r#"{"word": 7}"#, "expected one of `this`, `that` at line 1"),
        ] {
            let error = told(&from_slice::<Outer<'_>>(json.as_bytes()).unwrap_err());
            assert!(error.contains(problem), "{json}: {error}");
        }
    }

    /// Every object of the wire form, as the array of its fields that serde would take for it.
    #[test]
    fn no_object_of_an_event_is_an_array() {
        let event = |kind: &str, more: &str| {
            format!(
                r#"{{"id":"1","time":"2026-01-05T10:00:00+09:00","kind":"{kind}","customer":"C1","outcome":"attempted"{more}}}"#
            )
        };
        let objects = [
            ("login", "client", r#"{"ip":"192.0.2.1"}"#, "[]"),
            ("withdrawal", "amount", r#"{"minor":1,"currency":"JPY"}"#, r#"[1,"JPY"]"#),
            (
                "withdrawal",
                "bank_account",
                r#"{"bank":"0001","branch":"001","number":"1"}"#,
                r#"["0001","001","1",null]"#,
            ),
            ("contact.change", "contact", r#"{"type":"email"}"#, r#"["email"]"#),
            (
                "order",
                "order",
                r#"{"symbol":"7203","side":"buy","quantity":1}"#,
                r#"["7203","buy",null,1,null,null,null]"#,
            ),
            ("payment.instruction", "payment", r#"{"memo":"x"}"#, "[]"),
        ];
        for (kind, field, object, array) in objects {
            let sent = |value: &str| event(kind, &format!(r#","{field}":{value}"#));
            Event::from_json(sent(object).as_bytes()).unwrap();
            let refused = Event::from_json(sent(array).as_bytes()).unwrap_err();
            assert_eq!(refused.field, field, "{refused}");
            assert!(refused.problem.contains("an array, expected an object"), "{refused}");
        }
        let array = br#"["1","2026-01-05T10:00:00+09:00","login","C1","web",{},"failed"]"#;
        let refused = Event::from_json(array).unwrap_err();
        assert_eq!(refused.field, ".");
        assert!(refused.problem.contains("an array, expected an object"), "{refused}");
    }
}
