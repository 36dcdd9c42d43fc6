//! Versions of the policy: which came from the server's file, and which were activated over the API. Must not know what a
//! policy means.
//!
//! Every version is a document of the state, so a restart knows them all. The file given at the start becomes a new version
//! only when it is another one than the file before: a policy activated meanwhile stays in force otherwise.

use engine::record::Document;

/// Where documents of policies are.
pub const PREFIX: &str = "policy/";
/// Who made a policy that came with the start: no key can be called so.
pub const FILE: &str = "(file)";

/// The version a document holds.
#[must_use]
pub fn version(document: &Document) -> Option<u32> {
    document.name.strip_prefix(PREFIX)?.parse().ok()
}
