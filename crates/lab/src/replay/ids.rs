//! Identifiers of replayed events: the same file gives the same ones, whenever and wherever it is replayed. Must not know where
//! they are sent.

use model::{Event, Invalid};

model::words! {
    /// Which identifiers events get.
    Ids, "--ids" {
        /// Their own; those without get one as with `hash`.
        Own = "own",
        /// `r-` and 128 bits of a hash of all that the event says, its own identifier included. For histories whose identifiers
        /// come again; rows that are the same in everything are one event.
        Hash = "hash",
    }
}

impl Ids {
    /// Gives the event its identifier.
    pub(super) fn give(self, event: &mut Event, has_id: bool) -> Result<(), Invalid> {
        if self == Self::Own && has_id {
            return Ok(());
        }
        let json = serde_json::to_vec(event).map_err(|error| Invalid::new(".", error.to_string()))?;
        event.id = format!("r-{:032x}", xxhash_rust::xxh3::xxh3_128(&json)).parse()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::Event;

    use super::Ids;

    const LOGIN: &str = r#"{"id":"1","time":"2020-09-16T06:05:00Z","kind":"login","customer":"C1","client":{},"outcome":"failed"}"#;

    fn id(json: &str, ids: Ids, has_id: bool) -> String {
        let mut event = Event::from_json(json.as_bytes()).unwrap();
        ids.give(&mut event, has_id).unwrap();
        event.id.to_string()
    }

    #[test]
    fn identifiers_follow_from_what_the_event_says() {
        assert_eq!(id(LOGIN, Ids::Own, true), "1");
        let made = id(LOGIN, Ids::Own, false);
        assert_eq!(made, "r-3db76c90e2a0c71dfc17583a609c0d7a");
        assert_eq!(made, id(LOGIN, Ids::Hash, true));
        assert_ne!(made, id(&LOGIN.replace("C1", "C2"), Ids::Hash, true));
    }
}
