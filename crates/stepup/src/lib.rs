//! Proof that a customer means what is done in their name: challenges bound to an action, the codes and authenticators that
//! answer them, and how often somebody may guess. Everything is a state machine that is told the time and given its
//! randomness: no IO, no clock, no runtime. Must not know who keeps these values, nor how they travel.
//!
//! Beside it candidate [`password`]s are judged, as purely: lists come as bytes.

pub mod action;
pub mod allowance;
pub mod authenticator;
pub mod challenge;
pub mod code;
pub mod device;
pub mod guesses;
pub mod password;
pub mod recovery;
pub mod sum;
pub mod totp;

pub use action::Action;
pub use authenticator::{Authenticator, Kind};
pub use challenge::{Challenge, Method, Passed, Refusal};
