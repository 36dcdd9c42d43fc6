//! A bank account as the Zengin system names it. The number must not appear in any output: it is hashed on arrival.

use serde::{Deserialize, Serialize};

use crate::{HolderName, Invalid, words};

/// Bank (4 digits), branch (3 digits), number and the holder's name in kana.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankAccount {
    /// Bank code, four digits.
    pub bank: BankCode,
    /// Branch code, three digits.
    pub branch: BranchCode,
    /// Account number, in clear only between arrival and hashing.
    pub number: AccountNumber,
    /// Holder's name in kana.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<HolderName>,
    /// How far the broker is with making sure, through the bank, that the account is the customer's; absent where nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
}

words! {
    /// How far a check of a bank account is: by the bank's own sign-in, a small transfer with a code, or a question to the bank.
    Verification, "bank_account.verification" {
        /// The bank does not know the account, or knows it as somebody else's.
        Failed = "failed",
        /// Asked, not answered.
        Pending = "pending",
        /// The bank says that it is the customer's.
        Confirmed = "confirmed",
    }
}

impl BankAccount {
    /// The text that identifies the account, for a keyed hash. Never log or store it.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{}-{}-{}", self.bank.0, self.branch.0, self.number.0)
    }
}

macro_rules! digits {
    ($(#[$meta:meta])* $name:ident, $field:literal, $digits:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The digits.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(&self.0) }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                if text.len() != $digits || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(Invalid::value($field, text, concat!(stringify!($digits), " digits")));
                }
                Ok(Self(text.into()))
            }
        }

        crate::through_str!($name, $field);
    };
}

digits! {
    /// Zengin bank code.
    BankCode, "bank", 4
}
digits! {
    /// Zengin branch code.
    BranchCode, "branch", 3
}

/// An account number of one to seven digits, kept with leading zeros as seven. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountNumber(Box<str>);

impl std::fmt::Debug for AccountNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountNumber(•)")
    }
}

impl Serialize for AccountNumber {
    /// The number in clear, for senders that build events; nothing that stores or shows uses it.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AccountNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl serde::de::Visitor<'_> for Digits {
            type Value = AccountNumber;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string of 1 to 7 digits")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<AccountNumber, E> {
                text.parse().map_err(|invalid: Invalid| E::custom(invalid.problem))
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

impl std::str::FromStr for AccountNumber {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || text.len() > 7 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let problem = format!("came text of {} bytes (not shown); allowed: 1 to 7 digits", text.len());
            return Err(Invalid::new("bank_account.number", problem));
        }
        Ok(Self(format!("{text:0>7}").into()))
    }
}

#[cfg(test)]
mod tests {
    use super::{AccountNumber, BankAccount};

    #[test]
    fn numbers_are_padded_and_never_shown() {
        let number: AccountNumber = "12345".parse().unwrap();
        assert_eq!(number, "0012345".parse().unwrap());
        assert!(!format!("{number:?}").contains("12345"));
        let refused = "12-345678".parse::<AccountNumber>().unwrap_err().to_string();
        assert!(!refused.contains("345") && refused.contains("1 to 7 digits"), "{refused}");
    }

    #[test]
    fn codes_have_fixed_length() {
        let parse = |bank: &str| {
            serde_json::from_str::<BankAccount>(&format!(
                r#"{{"bank":"{bank}","branch":"001","number":"1234567","holder":"ヤマダ タロウ"}}"#
            ))
        };
        assert_eq!(parse("0001").unwrap().identity(), "0001-001-1234567");
        assert!(parse("1").unwrap_err().to_string().contains("4 digits"));
    }
}
