//! Reads what `cargo tree --prefix depth` prints, with a tab between the package and one more field.
//!
//! A package that occurs twice has its own dependencies printed once, so the nodes here name every package that is
//! reached, each with the first way to it, not every way to it.

/// One line of the tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// 0 for a package the tree was asked for.
    pub(crate) depth: usize,
    pub(crate) name: String,
    pub(crate) version: String,
    /// The field after the tab, empty when there is none: features or licence, as the caller asked.
    pub(crate) field: String,
    /// Names from the root to this package, itself included.
    pub(crate) path: Vec<String>,
}

impl Node {
    /// `a → b → c`, for messages.
    pub(crate) fn route(&self) -> String {
        self.path.join(" → ")
    }
}

/// Lines that are no package (blank, `[dev-dependencies]`) are skipped.
pub(crate) fn parse(text: &str) -> Vec<Node> {
    let mut path: Vec<String> = Vec::new();
    let mut nodes = Vec::new();
    for line in text.lines() {
        let Some(mut node) = parse_line(line) else { continue };
        path.truncate(node.depth);
        path.push(node.name.clone());
        node.path.clone_from(&path);
        nodes.push(node);
    }
    nodes
}

fn parse_line(line: &str) -> Option<Node> {
    let digits = line.find(|c: char| !c.is_ascii_digit())?;
    let (depth, rest) = line.split_at(digits);
    let depth = depth.parse().ok()?;
    let rest = rest.trim_end().trim_end_matches(" (*)");
    let (package, field) = rest.split_once('\t').unwrap_or((rest, ""));
    let mut words = package.split_whitespace();
    let name = words.next()?.to_owned();
    let version = words.next()?.strip_prefix('v')?.to_owned();
    Some(Node { depth, name, version, field: field.trim().to_owned(), path: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
0model v0.1.0 (/src/crates/model)\t
1jiff v0.2.43\talloc,std
2jiff-core v0.1.5\t
1serde_derive v1.0.1 (proc-macro)\t (*)

0engine v0.1.0 (/src/crates/engine)\t
[dev-dependencies]
1jiff v0.2.43\talloc,std (*)
";

    #[test]
    fn every_line_has_its_name_field_and_way_from_the_root() {
        let nodes = parse(TREE);
        let seen: Vec<_> = nodes.iter().map(|n| (n.route(), n.version.as_str(), n.field.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("model".into(), "0.1.0", ""),
                ("model → jiff".into(), "0.2.43", "alloc,std"),
                ("model → jiff → jiff-core".into(), "0.1.5", ""),
                ("model → serde_derive".into(), "1.0.1", ""),
                ("engine".into(), "0.1.0", ""),
                ("engine → jiff".into(), "0.2.43", "alloc,std"),
            ]
        );
    }
}
