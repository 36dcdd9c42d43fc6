//! What is known of everybody's passwords: lists of common and breached ones, words, the names of the service. Must not know
//! where they come from.

use super::personal::Needles;
use super::placed::Needle;
use super::{Candidate, Filter, key};

/// Lists to look a candidate up in.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Keys, in order.
    common: Vec<u64>,
    filter: Option<Filter>,
    words: Vec<Needle>,
    service: Vec<Needle>,
}

impl Known {
    /// Of texts with an entry a line, where `#` begins a line of explanation: passwords that are refused whole, and words that
    /// are looked for inside. `service` are names of the service.
    #[must_use]
    pub fn new(common: &str, words: &str, service: &[String]) -> Self {
        let mut keys: Vec<u64> = lines(common).map(key).collect();
        keys.sort_unstable();
        keys.dedup();
        Self {
            common: keys,
            filter: None,
            words: Needles::of_words(lines(words)),
            service: Needles::of_words(service.iter().map(String::as_str)),
        }
    }

    /// The same with a further list.
    #[must_use]
    pub fn with_filter(self, filter: Option<Filter>) -> Self {
        Self { filter, ..self }
    }

    /// Entries of the further list; 0 without one.
    #[must_use]
    pub fn filter_entries(&self) -> u64 {
        self.filter.as_ref().map_or(0, Filter::entries)
    }

    /// Whether it is on a list. One that is not may be taken for one that is, at the filter's rate.
    pub(super) fn is_common(&self, candidate: &Candidate) -> bool {
        let key = key(candidate.normal());
        let is_built_in = self.common.binary_search(&key).is_ok();
        let is_filtered = self.filter.as_ref().is_some_and(|filter| filter.contains(key));
        is_built_in | is_filtered
    }

    pub(super) fn words(&self) -> &[Needle] {
        &self.words
    }

    pub(super) fn service(&self) -> &[Needle] {
        &self.service
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}
