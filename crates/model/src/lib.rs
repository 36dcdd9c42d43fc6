//! Sekisho's words as types: events, clients, procedures, bank accounts, money, customers – and their wire form (v1, JSON).
//!
//! Every value here is *valid by construction*: parsing is the only way in, and an error names the field, what came and
//! what is allowed. Two things are deliberately absent: IO of any kind, and any knowledge of who uses these types (no
//! storage, no policy, no clock, no randomness). Whatever needs one of those lives in another crate.

pub mod bank_account;
pub mod client;
pub mod customer;
pub mod details;
pub mod error;
pub mod event;
pub mod kana;
pub mod kind;
pub mod mask;
pub mod money;
pub mod objects;
pub mod procedure;
pub mod settings;
pub mod time;
pub mod unseen;
mod wire;
mod words;

pub use bank_account::{AccountNumber, BankAccount, Verification};
pub use client::{Address, Client, Network};
pub use customer::{Customer, CustomerId, CustomerKey};
pub use details::{Contact, ContactType, Domain, Order, OrderEffect, OrderSide, Payment};
pub use error::Invalid;
pub use event::Event;
pub use kana::HolderName;
pub use kind::{Channel, Credential, Disposition, EventKind, Factor, Outcome};
pub use money::{Currency, Money};
pub use procedure::Procedure;
pub use time::Time;
#[doc(hidden)]
pub use wire::from_text;
