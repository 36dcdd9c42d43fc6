//! What a customer proves, judged: one module for each kind of proof.
//!
//! Pure like `model` and `engine`: no IO, clock or randomness. Lists come as bytes, and what only an impure library can say of
//! a password (how many guesses it takes) comes as an argument. Must not know who asks, or what follows from an answer.

pub mod password;
