//! What one record of an MMDB says of a network, in the layouts that public files use.
//!
//! A record is a map, or just a text or a number. Keys and types that are not known are passed over, so that a
//! richer file (cities, coordinates) does as well as a small one.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::country::{Country, CountryField};
use crate::range_csv::parse_asn;

/// What is of use here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) country: Option<Country>,
    pub(super) asn: Option<u32>,
    pub(super) organisation: Option<String>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    #[serde(alias = "country_code")]
    Country,
    #[serde(alias = "autonomous_system_number")]
    Asn,
    #[serde(
        alias = "autonomous_system_organization",
        alias = "organization",
        alias = "organisation",
        alias = "as_name"
    )]
    Name,
    #[serde(other)]
    Other,
}

impl Record {
    /// Of two keys that say the same (`country` = "Japan", `country_code` = "JP") the first that makes sense counts.
    fn set(&mut self, key: &Key, leaf: Leaf) {
        match (key, leaf) {
            (Key::Country, Leaf::Text(text)) => {
                if let (None, Some(CountryField::Known(country))) = (self.country, CountryField::parse(&text))
                {
                    self.country = Some(country);
                }
            }
            (Key::Asn, Leaf::Text(text)) => self.asn = self.asn.or(parse_asn(&text)),
            (Key::Asn, Leaf::Number(number)) => self.asn = self.asn.or(u32::try_from(number).ok()),
            (Key::Name, Leaf::Text(text)) if self.organisation.is_none() => self.organisation = Some(text),
            _ => {}
        }
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map, a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Record, E> {
        let mut record = Record::default();
        record.set(&Key::Country, Leaf::Text(text.to_owned()));
        record.set(&Key::Asn, Leaf::Text(text.to_owned()));
        Ok(record)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Record, E> {
        Ok(Record { asn: u32::try_from(number).ok(), ..Record::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
        let mut record = Record::default();
        while let Some(key) = map.next_key::<Key>()? {
            if let Key::Other = key {
                map.next_value::<IgnoredAny>()?;
            } else {
                record.set(&key, map.next_value::<Leaf>()?);
            }
        }
        Ok(record)
    }
}

/// A value of a record; of a map only its `iso_code`.
enum Leaf {
    Text(String),
    Number(u64),
    Other,
}

impl<'de> Deserialize<'de> for Leaf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LeafVisitor)
    }
}

struct LeafVisitor;

impl<'de> Visitor<'de> for LeafVisitor {
    type Value = Leaf;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Leaf, E> {
        Ok(Leaf::Text(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Leaf, E> {
        Ok(Leaf::Number(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Leaf, E> {
        Ok(u64::try_from(number).map_or(Leaf::Other, Leaf::Number))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Leaf, E> {
        Ok(u64::try_from(number).map_or(Leaf::Other, Leaf::Number))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Leaf, E> {
        Ok(Leaf::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Leaf, E> {
        Ok(Leaf::Other)
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Leaf, E> {
        Ok(Leaf::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Leaf, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Leaf::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Leaf, A::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "snake_case")]
        enum Inner {
            IsoCode,
            #[serde(other)]
            Other,
        }
        let mut code = None;
        while let Some(key) = map.next_key::<Inner>()? {
            match key {
                Inner::IsoCode => code = Some(map.next_value::<String>()?),
                Inner::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(code.map_or(Leaf::Other, Leaf::Text))
    }
}
