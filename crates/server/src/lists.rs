//! Lists of addresses and networks that came over the API: kept as documents of the state, compiled for lookups. Must not
//! know requests.

use engine::State;
use engine::record::Document;
use intel::{BadNetwork, ListKind, NamedLists, NamedListsBuilder};
use serde::{Deserialize, Serialize};

use crate::log::line;

/// Where documents of lists are.
pub const PREFIX: &str = "list/";

/// A list as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListDocument {
    /// The word for its kind.
    pub kind: String,
    /// Addresses and networks (CIDR).
    pub networks: Vec<String>,
}

/// The kind for a word.
#[must_use]
pub fn kind(word: &str) -> Option<ListKind> {
    ListKind::ALL.into_iter().find(|kind| kind.as_str() == word)
}

/// The words for kinds.
#[must_use]
pub fn kinds() -> String {
    ListKind::ALL.map(ListKind::as_str).join(", ")
}

impl ListDocument {
    /// Reads a document.
    #[must_use]
    pub fn read(document: &Document) -> Option<Self> {
        serde_json::from_slice(&document.bytes).ok()
    }

    /// Makes sure that everything in it is an address or a network.
    ///
    /// # Errors
    /// The first that is neither.
    pub fn check(&self) -> Result<(), BadNetwork> {
        NamedListsBuilder::default().add("", ListKind::Allow, self.networks.iter().map(String::as_str))
    }
}

/// The state's lists by name.
#[must_use]
pub fn documents(state: &State) -> Vec<Document> {
    state.documents(PREFIX).into_iter().cloned().collect()
}

/// Compiles the state's lists. One that cannot be read, which was then written by another version, is left out and said so.
#[must_use]
pub fn compile(documents: &[Document]) -> NamedLists {
    let mut builder = NamedListsBuilder::default();
    for document in documents {
        let name = document.name.strip_prefix(PREFIX).unwrap_or(&document.name);
        let list = ListDocument::read(document).and_then(|list| Some((kind(&list.kind)?, list.networks)));
        let added = list.map(|(kind, networks)| builder.add(name, kind, networks.iter().map(String::as_str)));
        if !matches!(added, Some(Ok(()))) {
            line(
                "list.unreadable",
                &format!("the list {name} is left out: another version wrote it; PUT it again"),
            );
        }
    }
    builder.compile()
}
