//! The laboratory: Sekisho's ideas tried on made and on public data, with figures anybody can repeat.

pub mod bulk;
pub mod score;
pub mod simulate;
