//! A bounded cache from a user agent to what it says, shared by all threads.
//!
//! Two generations stand in for "least recently used": when the young one is full it becomes the old one, and what
//! was old and not asked for again is gone. Keys are whole strings, so an answer is never another string's answer.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use super::UserAgent;

/// Most user agents kept. At up to 1 KiB each, with what is known of them, that is at most about 80 MiB; usual ones
/// (150 bytes) take about 25 MiB.
pub const USER_AGENTS_CACHED_MAX: usize = SHARDS * 2 * GENERATION_MAX;

/// Locks, so that threads seldom meet.
const SHARDS: usize = 16;
/// Entries of one generation of one shard.
const GENERATION_MAX: usize = 2048;

type Generation = HashMap<Box<str>, Arc<UserAgent>>;

#[derive(Default)]
struct Shard {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
pub(super) struct Cache {
    shards: [Mutex<Shard>; SHARDS],
    /// Seeded at random, so that nobody can aim user agents at one shard. No answer depends on it.
    hasher: RandomState,
}

impl Cache {
    /// What is kept for `text`, or what `make` gives. Threads that meet on a new string may each make it.
    pub(super) fn get_or_insert(&self, text: &str, make: impl FnOnce() -> UserAgent) -> Arc<UserAgent> {
        let shards = u64::try_from(SHARDS).unwrap_or(1);
        let number = usize::try_from(self.hasher.hash_one(text) % shards).unwrap_or_default();
        let Some(shard) = self.shards.get(number) else { return Arc::new(make()) };
        if let Some(found) = locked(shard, |shard| shard.get(text)) {
            return found;
        }
        let made = Arc::new(make());
        locked(shard, |shard| shard.insert(text.into(), Arc::clone(&made)));
        made
    }
}

fn locked<R>(shard: &Mutex<Shard>, act: impl FnOnce(&mut Shard) -> R) -> R {
    // A shard is a cache of pure results: it is right whatever another thread did.
    act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Shard {
    fn get(&mut self, text: &str) -> Option<Arc<UserAgent>> {
        if let Some(found) = self.young.get(text) {
            return Some(Arc::clone(found));
        }
        let (key, found) = self.old.remove_entry(text)?;
        self.insert(key, Arc::clone(&found));
        Some(found)
    }

    fn insert(&mut self, text: Box<str>, agent: Arc<UserAgent>) {
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(text, agent);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Cache, GENERATION_MAX, Shard, USER_AGENTS_CACHED_MAX, UserAgent};

    fn agent(name: &str) -> UserAgent {
        UserAgent { browser: Some(name.to_owned()), ..UserAgent::default() }
    }

    #[test]
    fn a_shard_forgets_what_is_not_asked_for() {
        let mut shard = Shard::default();
        let insert = |shard: &mut Shard, name: &str| shard.insert(name.into(), Arc::new(agent(name)));
        insert(&mut shard, "kept");
        insert(&mut shard, "lost");
        for number in 0..GENERATION_MAX * 3 {
            insert(&mut shard, &number.to_string());
            assert!(shard.young.len() + shard.old.len() <= 2 * GENERATION_MAX);
            assert!(shard.get("kept").is_some());
        }
        assert!(shard.get("lost").is_none());
    }

    #[test]
    fn the_cache_answers_for_the_same_string_only() {
        let cache = Cache::default();
        for _ in 0..2 {
            for name in ["a", "b", "c"] {
                assert_eq!(*cache.get_or_insert(name, || agent(name)), agent(name));
            }
        }
        let again = cache.get_or_insert("a", || panic!("must be kept"));
        assert_eq!(*again, agent("a"));
        assert_eq!(USER_AGENTS_CACHED_MAX, 65_536);
    }
}
