//! What one record of an MMDB says of a network, in the layouts that public files use.
//!
//! A record is a map, or just a text or a number. Keys and types that are not known are passed over, so that a
//! richer file (cities) does as well as a small one.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::country::{Country, CountryField};
use crate::range_csv::parse_asn;
use crate::spot::Spot;

/// What is of use here.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Record {
    pub(super) country: Option<Country>,
    pub(super) asn: Option<u32>,
    pub(super) organisation: Option<String>,
    north: Option<f64>,
    east: Option<f64>,
    radius_km: Option<u64>,
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
    /// A map of coordinates.
    Location,
    #[serde(alias = "lat")]
    Latitude,
    #[serde(alias = "lng", alias = "lon")]
    Longitude,
    AccuracyRadius,
    #[serde(other)]
    Other,
}

impl Record {
    /// Where it is, if it says so and that is on earth.
    pub(super) fn spot(&self) -> Option<Spot> {
        Spot::new(self.north?, self.east?, self.radius_km)
    }

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
            (Key::Location, Leaf::Coordinates { north, east, radius_km }) => {
                self.north = self.north.or(north);
                self.east = self.east.or(east);
                self.radius_km = self.radius_km.or(radius_km);
            }
            (Key::Latitude, leaf) => self.north = self.north.or(leaf.number()),
            (Key::Longitude, leaf) => self.east = self.east.or(leaf.number()),
            (Key::AccuracyRadius, Leaf::Number(km)) => self.radius_km = self.radius_km.or(Some(km)),
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
            match key {
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
                key => record.set(&key, map.next_value::<Leaf>()?),
            }
        }
        Ok(record)
    }
}

/// A value of a record; of a map only its `iso_code` or its coordinates.
enum Leaf {
    Text(String),
    Number(u64),
    Fraction(f64),
    Coordinates { north: Option<f64>, east: Option<f64>, radius_km: Option<u64> },
    Other,
}

impl Leaf {
    /// As a coordinate.
    fn number(self) -> Option<f64> {
        match self {
            Self::Fraction(number) => Some(number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(number) => u32::try_from(number).ok().map(f64::from),
            Self::Coordinates { .. } | Self::Other => None,
        }
    }

    /// As a count.
    fn count(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }
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

    fn visit_f64<E: Error>(self, number: f64) -> Result<Leaf, E> {
        Ok(Leaf::Fraction(number))
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
            #[serde(alias = "lat")]
            Latitude,
            #[serde(alias = "lng", alias = "lon")]
            Longitude,
            AccuracyRadius,
            #[serde(other)]
            Other,
        }
        let (mut code, mut north, mut east, mut radius_km) = (None, None, None, None);
        while let Some(key) = map.next_key::<Inner>()? {
            match key {
                Inner::IsoCode => code = Some(map.next_value::<String>()?),
                Inner::Latitude => north = map.next_value::<Leaf>()?.number(),
                Inner::Longitude => east = map.next_value::<Leaf>()?.number(),
                Inner::AccuracyRadius => radius_km = map.next_value::<Leaf>()?.count(),
                Inner::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(code.map_or(Leaf::Coordinates { north, east, radius_km }, Leaf::Text))
    }
}
