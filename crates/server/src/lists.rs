//! Lists that came over the API – of addresses and networks, of thin symbols, of known domains – kept as documents of the
//! state, compiled for lookups. Must not know requests.

use engine::State;
use engine::record::Document;
use hashbrown::HashSet;
use intel::{BadNetwork, Domains, ListKind, NamedLists, NamedListsBuilder};
use model::Domain;
use model::details::Symbol;
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// Symbols, or domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Addresses and networks.
    Networks(ListKind),
    /// Securities of which little is traded.
    ThinSymbols,
    /// Domains of the broker's own and of whom it pays.
    KnownDomains,
}

impl Kind {
    const THIN_SYMBOLS: &'static str = "thin_symbols";
    const KNOWN_DOMAINS: &'static str = "known_domains";

    /// The kind for a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            Self::THIN_SYMBOLS => Some(Self::ThinSymbols),
            Self::KNOWN_DOMAINS => Some(Self::KnownDomains),
            _ => ListKind::ALL.into_iter().find(|kind| kind.as_str() == word).map(Self::Networks),
        }
    }

    /// All words, for refusals.
    #[must_use]
    pub fn words() -> String {
        let networks = ListKind::ALL.map(ListKind::as_str).join(", ");
        format!("{networks}, {}, {}", Self::THIN_SYMBOLS, Self::KNOWN_DOMAINS)
    }
}

/// The first entry of a list that cannot be one of its kind: the field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadEntry {
    /// `networks[3]`.
    pub field: String,
    /// What came and what is allowed.
    pub problem: String,
}

impl ListDocument {
    /// Reads a document.
    #[must_use]
    pub fn read(document: &Document) -> Option<Self> {
        serde_json::from_slice(&document.bytes).ok()
    }

    /// Entries in it.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.networks.len().saturating_add(self.values.len())
    }

    /// Makes sure that everything in it is of its kind.
    ///
    /// # Errors
    /// The first entry that is not.
    pub fn check(&self) -> Result<(), BadEntry> {
        let misplaced = |field: &str, other: &str| BadEntry {
            field: field.to_owned(),
            problem: format!("came with a list of kind `{}`; allowed: its entries are `{other}`", self.kind),
        };
        let kind = Kind::from_word(&self.kind).ok_or_else(|| BadEntry {
            field: "kind".to_owned(),
            problem: format!(
                "came {:?}; allowed: {}",
                self.kind.chars().take(32).collect::<String>(),
                Kind::words()
            ),
        })?;
        match kind {
            Kind::Networks(_) if !self.values.is_empty() => Err(misplaced("values", "networks")),
            Kind::Networks(_) => self
                .check_networks()
                .map_err(|bad| BadEntry { field: format!("networks[{}]", bad.place), problem: bad.problem }),
            _ if !self.networks.is_empty() => Err(misplaced("networks", "values")),
            Kind::ThinSymbols => self.check_values(|value| value.parse::<Symbol>().map(drop)),
            Kind::KnownDomains => self.check_values(|value| value.parse::<Domain>().map(drop)),
        }
    }

    fn check_networks(&self) -> Result<(), BadNetwork> {
        NamedListsBuilder::default().add("", ListKind::Allow, self.networks.iter().map(String::as_str))
    }

    fn check_values(&self, check: impl Fn(&str) -> Result<(), model::Invalid>) -> Result<(), BadEntry> {
        for (place, value) in self.values.iter().enumerate() {
            check(value)
                .map_err(|bad| BadEntry { field: format!("values[{place}]"), problem: bad.problem })?;
        }
        Ok(())
    }
}

/// Lists compiled for lookups.
#[derive(Debug, Default)]
pub struct OwnLists {
    /// Of addresses.
    pub networks: NamedLists,
    /// Thin symbols; none without such a list.
    pub thin_symbols: Option<HashSet<String>>,
    /// Known domains.
    pub known_domains: Domains,
}

/// The state's lists by name.
#[must_use]
pub fn documents(state: &State) -> Vec<Document> {
    state.documents(PREFIX).into_iter().cloned().collect()
}

/// Compiles the state's lists. One that cannot be read, which was then written by another version, is left out and said so.
#[must_use]
pub fn compile(documents: &[Document]) -> OwnLists {
    let mut builder = NamedListsBuilder::default();
    let (mut symbols, mut domains) = (None::<HashSet<String>>, Vec::new());
    for document in documents {
        let name = document.name.strip_prefix(PREFIX).unwrap_or(&document.name);
        let list = ListDocument::read(document).and_then(|list| Some((Kind::from_word(&list.kind)?, list)));
        let added = match list {
            Some((Kind::Networks(kind), list)) => {
                builder.add(name, kind, list.networks.iter().map(String::as_str)).is_ok()
            }
            Some((Kind::ThinSymbols, list)) => {
                symbols.get_or_insert_default().extend(list.values);
                true
            }
            Some((Kind::KnownDomains, list)) => {
                domains.extend(list.values.iter().filter_map(|value| value.parse::<Domain>().ok()));
                true
            }
            None => false,
        };
        if !added {
            line(
                "list.unreadable",
                &format!("the list {name} is left out: another version wrote it; PUT it again"),
            );
        }
    }
    OwnLists {
        networks: builder.compile(),
        thin_symbols: symbols,
        known_domains: Domains::new(domains.iter().map(ToString::to_string)),
    }
}
