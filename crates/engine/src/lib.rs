//! The state machine: what is known of customers, addresses, networks, devices and bank accounts, the signals an event gives
//! against it, the policy that weighs them, and the decision.
//!
//! [`apply`](state::State::apply) is a pure function of records, policy and input: no IO, no clock, no randomness, no global.
//! Time is the time in the input; what files say of an address (country, lists) was added to the input before. So one
//! journal gives the same records and the same decisions everywhere: restart, back-test and a bug report are all replay.
//! Must not know where records are kept ([`key`] names them, somebody else loads them), how inputs arrive, or who asks.

pub mod bounded;
pub mod decayed;
pub mod decision;
pub mod distinct;
pub mod facet;
pub mod input;
pub mod key;
mod login_score;
pub mod policy;
pub mod record;
pub mod signal;
pub mod state;

pub use decision::{Decision, Verdict};
pub use input::{Input, Observed};
pub use policy::Policy;
pub use state::State;
