//! What is known of an IP address (country, autonomous system, named lists of networks) and of a user agent.
//!
//! Everything comes from files the operator names, is loaded once ([`Intel::load`]) and never changes: to refresh,
//! load again and swap the whole. Without files everything still works, and [`Intel::unknowns`] says what cannot be
//! known. Lookups of addresses never fail, never wait and take tens of nanoseconds (IPv6 spread over the whole Internet
//! a hundred or two); whatever is wrong with a file is an error or a counted bad line ([`LoadReport`]) at load time.
//!
//! An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is the IPv4 address everywhere: in files and in lookups.
//!
//! Deliberately absent: network access, clocks, randomness, and any opinion on what a fact means for a customer.

mod config;
mod country;
mod error;
mod facts;
mod lists;
mod lookalike;
mod mmdb;
mod open;
mod range_csv;
mod ranges;
mod report;
mod span;
mod spot;
mod text;
mod unknown;
mod user_agent;

pub use config::{Column, IntelConfig, ListConfig};
pub use country::Country;
pub use error::IntelError;
pub use facts::{Facts, Intel};
pub use lists::{
    BadNetwork, LIST_ENTRIES_MAX, LISTS_MAX, List, ListKind, ListSet, NamedLists, NamedListsBuilder,
};
pub use lookalike::{DOMAINS_MAX, Domains};
pub use range_csv::RANGES_MAX;
pub use report::{BadLine, FileReport, FileRole, LoadReport};
pub use spot::Spot;
pub use unknown::Unknown;
pub use user_agent::{USER_AGENT_BYTES_MAX, USER_AGENTS_CACHED_MAX, UserAgent};
