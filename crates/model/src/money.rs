//! Amounts as integer minor units with an ISO 4217 currency. Must not know exchange rates; never floats.

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// An ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Three-letter code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0.code()
    }

    /// Digits after the decimal point of the major unit: 0 for JPY, 2 for USD; 0 where ISO 4217 names none.
    #[must_use]
    pub fn minor_digits(self) -> u16 {
        self.0.exponent().unwrap_or(0)
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Currency {
    type Err = Invalid;
    fn from_str(code: &str) -> Result<Self, Invalid> {
        iso_currency::Currency::from_code(code)
            .map(Self)
            .ok_or_else(|| Invalid::value("currency", code, "a three-letter ISO 4217 code such as JPY"))
    }
}

crate::through_str!(Currency, "an ISO 4217 currency code");

/// An amount in the currency's minor unit (JPY: yen, USD: cent); never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Money {
    /// Minor units.
    pub minor: i64,
    /// Currency.
    pub currency: Currency,
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            #[serde(deserialize_with = "minor")]
            minor: i64,
            currency: Currency,
        }
        let Wire { minor, currency } = Wire::deserialize(deserializer)?;
        Ok(Self { minor, currency })
    }
}

/// Minor units, refused where they stand and not with the whole amount, so that an error names this field.
fn minor<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let minor = i64::deserialize(deserializer)?;
    not_negative(minor).map_err(|invalid| serde::de::Error::custom(invalid.problem))
}

fn not_negative(minor: i64) -> Result<i64, Invalid> {
    if minor < 0 {
        let problem = format!(
            "came {minor}, a negative amount; allowed: zero or more minor units (the kind says which way money goes)"
        );
        return Err(Invalid::new("amount.minor", problem));
    }
    Ok(minor)
}

impl Money {
    /// An amount.
    ///
    /// # Errors
    /// A negative amount: direction is said by the event, not by a sign.
    pub fn new(minor: i64, currency: Currency) -> Result<Self, Invalid> {
        Ok(Self { minor: not_negative(minor)?, currency })
    }
}

#[cfg(test)]
mod tests {
    use super::Money;

    fn parse(json: &str) -> Result<Money, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_minor_units() {
        let money = parse(r#"{"minor":5000000,"currency":"JPY"}"#).unwrap();
        assert_eq!(
            (money.minor, money.currency.as_str(), money.currency.minor_digits()),
            (5_000_000, "JPY", 0)
        );
    }

    #[test]
    fn refuses_floats_negatives_and_unknown_currencies() {
        for (json, part) in [
            (r#"{"minor":1.5,"currency":"JPY"}"#, "floating point"),
            (r#"{"minor":-1,"currency":"JPY"}"#, "zero or more"),
            (r#"{"minor":1,"currency":"YEN"}"#, "ISO 4217"),
            (r#"{"minor":1,"currency":"JPY","unit":"x"}"#, "unknown field `unit`"),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }
}
