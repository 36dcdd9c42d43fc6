//! `cargo xtask licences`: the licence and the source of every dependency, against the lists in `deny.toml`.
//!
//! `cargo deny` says more, where it is installed. This part of it needs nothing but cargo, so it holds on every
//! machine; docs/adr/001 says why. Advisories are not looked up here: their database is elsewhere.

mod expression;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Result, bail};
use toml::{Table, Value};

use crate::files::{self, TrackedFile};
use crate::report::{Problem, conclude, say};
use crate::shell;
use crate::tree::{self, Node};

/// How Cargo.lock writes the registry everything comes from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks every package of the workspace's dependency graph, on all targets, for building and testing too.
pub(crate) fn run() -> Result<()> {
    let root = shell::root()?;
    let read = |name: &str| -> Result<Table> {
        let text = fs::read_to_string(root.join(name)).with_context(|| format!("cannot read {name}"))?;
        text.parse().with_context(|| format!("{name} is not TOML"))
    };
    let allowed = allowed_licences(&read("deny.toml")?)?;
    let nodes = tree::parse(&shell::cargo_tree(&["--workspace", "--edges", "normal,build,dev"], "{p}\t{l}")?);
    let lock = locked(&read("Cargo.lock")?)?;
    let files = files::load()?;

    let mut problems = unlicensed(&nodes, &allowed);
    problems.extend(strangers(&lock, &files));
    problems.extend(wildcards(&files));
    for note in duplicates(&lock) {
        say(&format!("licences: note: {note}"));
    }
    for licence in unneeded(&nodes, &allowed) {
        say(&format!("licences: note: deny.toml allows {licence}, which no dependency needs any more"));
    }
    conclude("licences", &format!("{} packages", lock.len()), &problems)
}

fn allowed_licences(deny: &Table) -> Result<Vec<String>> {
    let list = deny.get("licenses").and_then(|licenses| licenses.get("allow")).and_then(Value::as_array);
    let list = list.context("deny.toml has no licenses.allow")?;
    let names: Option<Vec<String>> = list.iter().map(|name| name.as_str().map(str::to_owned)).collect();
    names.filter(|names| !names.is_empty()).context("deny.toml: licenses.allow must be a list of names")
}

/// Packages that may not be used under any of the allowed licences. Each is said once.
fn unlicensed(nodes: &[Node], allowed: &[String]) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for node in nodes.iter().filter(|node| seen.insert((&node.name, &node.version))) {
        let what = match expression::satisfied(&node.field, allowed) {
            Ok(true) => continue,
            Ok(false) => format!("licence `{}` is not satisfied by deny.toml's licenses.allow", node.field),
            Err(error) => format!("licence `{}` cannot be read: {error}", node.field),
        };
        let what = format!("{what}; it came by {}", node.route());
        problems.push(Problem::new(format!("{} {}", node.name, node.version), what));
    }
    problems
}

/// Licences that could leave the list without a package becoming unusable.
fn unneeded<'a>(nodes: &[Node], allowed: &'a [String]) -> Vec<&'a str> {
    let without =
        |name: &String| -> Vec<String> { allowed.iter().filter(|other| *other != name).cloned().collect() };
    let usable = unlicensed(nodes, allowed).len();
    let is_unneeded = |name: &&String| unlicensed(nodes, &without(name)).len() == usable;
    allowed.iter().filter(is_unneeded).map(String::as_str).collect()
}

/// A package of Cargo.lock.
#[derive(Debug)]
struct Locked {
    name: String,
    version: String,
    /// Nothing for a folder on this machine.
    source: Option<String>,
}

fn locked(lock: &Table) -> Result<Vec<Locked>> {
    let packages = lock.get("package").and_then(Value::as_array).context("Cargo.lock has no packages")?;
    let text = |package: &Value, key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut found = Vec::new();
    for package in packages {
        let (Some(name), Some(version)) = (text(package, "name"), text(package, "version")) else {
            bail!("Cargo.lock has a package without a name or a version");
        };
        found.push(Locked { name, version, source: text(package, "source") });
    }
    Ok(found)
}

/// Packages that are neither from crates.io nor folders of this repository.
fn strangers(lock: &[Locked], files: &[TrackedFile]) -> Vec<Problem> {
    let is_ours = |name: &str| {
        // `examples/broker` is `example-broker`: programs of all folders lie beside each other when they are built.
        let example = name.strip_prefix("example-").map(|name| format!("examples/{name}/Cargo.toml"));
        let manifests = [format!("crates/{name}/Cargo.toml"), format!("{name}/Cargo.toml")];
        files.iter().any(|file| manifests.iter().chain(&example).any(|manifest| *manifest == file.path))
    };
    let mut problems = Vec::new();
    for package in lock {
        let what = match package.source.as_deref() {
            Some(CRATES_IO) => continue,
            Some(source) => format!("comes from {source}: only crates.io is allowed"),
            None if is_ours(&package.name) => continue,
            None => "is a folder outside the repository: a fresh clone will not have it".to_owned(),
        };
        problems.push(Problem::new(format!("{} {}", package.name, package.version), what));
    }
    problems
}

/// Requirements that accept any version, in any manifest of ours.
fn wildcards(files: &[TrackedFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in TrackedFile::texts(files).filter(|(path, _)| path.ends_with("Cargo.toml")) {
        // A manifest that is not TOML has stopped cargo long before.
        let Ok(manifest) = text.parse::<Table>() else { continue };
        for name in any_version(&manifest) {
            problems.push(Problem::new(
                path,
                format!("`{name}` accepts any version: name the one it works with"),
            ));
        }
    }
    problems
}

/// Names in dependency tables at any depth (`workspace.dependencies`, `target.'cfg(…)'.dev-dependencies`).
fn any_version(table: &Table) -> Vec<&str> {
    let mut found = Vec::new();
    for (key, value) in table {
        let Value::Table(inner) = value else { continue };
        if !key.ends_with("dependencies") {
            found.extend(any_version(inner));
            continue;
        }
        for (name, requirement) in inner {
            let version = requirement.as_str().or_else(|| requirement.get("version").and_then(Value::as_str));
            if version == Some("*") {
                found.push(name.as_str());
            }
        }
    }
    found
}

/// Packages that are compiled in several versions: no fault of ours most times, but worth seeing.
fn duplicates(lock: &[Locked]) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions.iter().map(|(name, versions)| format!("{name} in versions {}", versions.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
0model v0.1.0 (/src/crates/model)\tApache-2.0
1a v1.0.0\tMIT OR GPL-3.0-only
2b v2.0.0\tGPL-3.0-only
1c v3.0.0\t
2b v2.0.0\tGPL-3.0-only (*)
";

    const LOCK: &str = r#"
[[package]]
name = "model"
version = "0.1.0"

[[package]]
name = "a"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "a"
version = "2.0.0"
source = "git+https://git.example/a#0123"

[[package]]
name = "neighbour"
version = "0.1.0"
"#;

    fn strings(problems: &[Problem]) -> Vec<String> {
        problems.iter().map(ToString::to_string).collect()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_package_no_allowed_licence_covers_is_named_once_with_the_way_to_it() {
        let found = strings(&unlicensed(&tree::parse(TREE), &names(&["MIT", "Apache-2.0"])));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("b 2.0.0: licence `GPL-3.0-only` is not satisfied"), "{found:?}");
        assert!(found[0].ends_with("model → a → b"), "{found:?}");
        assert!(found[1].starts_with("c 3.0.0: licence `` cannot be read"), "{found:?}");
    }

    #[test]
    fn a_licence_nobody_needs_is_noted() {
        let allowed = names(&["MIT", "Apache-2.0", "Zlib"]);
        assert_eq!(unneeded(&tree::parse(TREE), &allowed), ["Zlib"]);
    }

    #[test]
    fn sources_are_crates_io_or_this_repository() {
        let lock = locked(&LOCK.parse().unwrap()).unwrap();
        let files =
            ["crates/model/Cargo.toml", "examples/broker/Cargo.toml"].map(|path| TrackedFile::of(path, ""));
        let found = strings(&strangers(&lock, &files));
        assert_eq!(
            found,
            [
                "a 2.0.0: comes from git+https://git.example/a#0123: only crates.io is allowed",
                "neighbour 0.1.0: is a folder outside the repository: a fresh clone will not have it",
            ]
        );
        assert_eq!(duplicates(&lock), ["a in versions 1.0.0, 2.0.0"]);
    }

    #[test]
    fn a_requirement_names_a_version() {
        let manifest = "[dependencies]\na = \"*\"\nb = \"1\"\nc = { path = \"../c\" }\n\
                        [target.'cfg(unix)'.dev-dependencies]\nd = { version = \"*\" }\n";
        let found = strings(&wildcards(&[TrackedFile::of("crates/x/Cargo.toml", manifest)]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("crates/x/Cargo.toml: `a` accepts any version"), "{found:?}");
        assert!(found[1].starts_with("crates/x/Cargo.toml: `d` accepts any version"), "{found:?}");
    }

    #[test]
    fn the_allow_list_must_be_there() {
        assert!(allowed_licences(&"[licenses]\nallow = []\n".parse().unwrap()).is_err());
        assert!(allowed_licences(&"[bans]\n".parse().unwrap()).is_err());
        let deny = "[licenses]\nallow = [\"MIT\"]\n".parse().unwrap();
        assert_eq!(allowed_licences(&deny).unwrap(), ["MIT"]);
    }
}
