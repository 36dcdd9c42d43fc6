//! Events in our own wire form, one JSON object a line. Must not know the wire form itself: that is `model`'s.

use model::Event;

use super::parser::{Fate, Out, Parser, Record, Refusal};
use crate::rows::Recorded;

/// The parser of `ndjson`.
pub(crate) struct Ndjson;

impl Parser for Ndjson {
    fn record(&self, record: &Record<'_>, out: &mut Out<'_>) -> Result<Fate, Refusal> {
        let event = Event::from_json(record.bytes)?;
        out.push(&event, Recorded::default());
        Ok(Fate::Rows)
    }
}
