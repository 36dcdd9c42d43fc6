//! The laboratory: Sekisho's ideas tried on made and on public data, with figures anybody can repeat.

pub mod bulk;
pub mod evaluate;
pub mod http;
mod latency;
pub mod load;
pub mod proof;
pub mod replay;
pub mod score;
pub mod simulate;
pub mod train;

pub use latency::Latency;
