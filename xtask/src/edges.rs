//! `cargo xtask edges`: the dependency edges that may never exist, asked of `cargo tree`, and the words of the
//! standard library that would bring the same things in without a dependency.
//!
//! What is forbidden, and why, is data in `rules`; `words` reads sources. A rule about a crate that does not exist
//! yet is kept and applies from the day its folder appears.

mod rules;
mod words;

use std::path::Path;

use anyhow::Result;
use rules::{Forbidden, Roots};

use crate::files::TrackedFile;
use crate::report::{Problem, conclude};
use crate::tree::{self, Node};
use crate::{files, shell};

/// Checks the whole workspace.
pub(crate) fn run() -> Result<()> {
    let root = shell::root()?;
    let mut problems = Vec::new();
    let mut waiting = Vec::new();

    for rule in rules::EDGES {
        let selection: &[&str] = match rule.from {
            Roots::DefaultMembers => &[],
            Roots::Crate(name) if exists(&root, name) => &["--package", name],
            Roots::Crate(name) => {
                waiting.push(name);
                continue;
            }
        };
        let edges = ["--edges", rule.kinds];
        let text = shell::cargo_tree(&[selection, edges.as_slice()].concat(), "{p}\t{f}")?;
        problems.extend(forbidden(&tree::parse(&text), rule.to));
    }

    for list in rules::DIRECT {
        if !exists(&root, list.from) {
            waiting.push(list.from);
            continue;
        }
        let args = ["--package", list.from, "--edges", "normal", "--depth", "1"];
        let text = shell::cargo_tree(&args, "{p}\t{f}")?;
        problems.extend(unlisted(&tree::parse(&text), list.allowed));
    }

    for (path, text) in TrackedFile::texts(&files::load()?) {
        problems.extend(words::check(path, text, rules::WORDS));
    }

    waiting.sort_unstable();
    waiting.dedup();
    let mut looked_at = format!("{} rules", rules::EDGES.len() + rules::DIRECT.len() + rules::WORDS.len());
    if !waiting.is_empty() {
        looked_at.push_str(&format!(" (not created yet: {})", waiting.join(", ")));
    }
    conclude("edges", &looked_at, &problems)
}

fn exists(root: &Path, krate: &str) -> bool {
    root.join("crates").join(krate).join("Cargo.toml").is_file()
}

/// Packages below the roots that match a pattern, each said once with the first way to it.
fn forbidden(nodes: &[Node], groups: &[Forbidden]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for node in nodes.iter().filter(|node| node.depth > 0) {
        for group in groups {
            for pattern in group.crates {
                if matches(pattern, node) {
                    problems
                        .push(Problem::new(node.route(), format!("forbidden ({pattern}): {}", group.reason)));
                }
            }
        }
    }
    problems.dedup();
    problems
}

/// Direct dependencies that the allow list does not name.
fn unlisted(nodes: &[Node], allowed: &[(&str, &str)]) -> Vec<Problem> {
    nodes
        .iter()
        .filter(|node| node.depth == 1 && !allowed.iter().any(|(name, _)| *name == node.name))
        .map(|node| {
            let advice = "not in the list of what this crate may depend on: do without, or argue for it in \
                          xtask/src/edges/rules.rs";
            Problem::new(node.route(), advice)
        })
        .collect()
}

/// Patterns: `name`, `name*` for a family, `name:feature` for a crate that is wrong only with that feature.
fn matches(pattern: &str, node: &Node) -> bool {
    let (name, feature) = pattern.split_once(':').map_or((pattern, None), |(n, f)| (n, Some(f)));
    let name_matches =
        name.strip_suffix('*').map_or(node.name == name, |prefix| node.name.starts_with(prefix));
    name_matches && feature.is_none_or(|wanted| node.field.split(',').any(|feature| feature == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IO: &[Forbidden] = &[Forbidden {
        crates: &["tokio", "datafusion*", "chrono:clock"],
        reason: "a pure crate has no runtime",
    }];

    fn check(text: &str) -> Vec<String> {
        forbidden(&tree::parse(text), IO).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_forbidden_crate_is_named_with_the_way_to_it_and_the_reason() {
        let found = check("0engine v0.1.0 (/src/engine)\t\n1cel v0.15.0\tregex\n2tokio v1.0.0\trt\n");
        assert_eq!(found, ["engine → cel → tokio: forbidden (tokio): a pure crate has no runtime"]);
    }

    #[test]
    fn a_family_matches_by_its_beginning_and_a_feature_only_when_it_is_on() {
        assert_eq!(check("0sekisho v0.1.0\t\n1datafusion-common v9.0.0\t\n").len(), 1);
        assert_eq!(check("0model v0.1.0\t\n1chrono v0.4.0\talloc,clock,std\n").len(), 1);
        assert_eq!(check("0model v0.1.0\t\n1chrono v0.4.0\talloc,clock-free\n"), [""; 0]);
    }

    #[test]
    fn a_root_may_have_the_name_of_what_others_may_not_reach() {
        assert_eq!(check("0tokio v1.0.0\t\n"), [""; 0]);
    }

    #[test]
    fn only_direct_dependencies_are_held_against_the_allow_list() {
        let nodes = tree::parse("0model v0.1.0\t\n1serde v1.0.0\t\n2serde_core v1.0.0\t\n1csv v1.0.0\t\n");
        let found = unlisted(&nodes, &[("serde", "the wire form")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().starts_with("model → csv: not in the list"), "{}", found[0]);
    }

    #[test]
    fn every_rule_has_a_reason_and_patterns_that_can_match() {
        let groups = rules::EDGES.iter().flat_map(|rule| rule.to);
        for group in groups {
            assert!(!group.reason.is_empty());
            for pattern in group.crates {
                let name = pattern.split(':').next().unwrap().trim_end_matches('*');
                assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{pattern}");
            }
        }
        assert!(rules::DIRECT.iter().all(|list| list.allowed.iter().all(|(_, why)| !why.is_empty())));
        assert!(rules::WORDS.iter().all(|rule| !rule.reason.is_empty() && !rule.words.is_empty()));
    }
}
