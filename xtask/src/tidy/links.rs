//! Links between documents: every one that leads to a file of the repository must find it.
//!
//! Anchors inside a page and links to other sites are not followed: CI must not fail because somebody else moved.

use std::collections::HashSet;

use crate::files::TrackedFile;
use crate::report::Problem;

pub(super) fn check(files: &[TrackedFile]) -> Vec<Problem> {
    let known = known_paths(files);
    let mut problems = Vec::new();
    for (path, text) in TrackedFile::texts(files).filter(|(path, _)| path.ends_with(".md")) {
        for (line, target) in links(text) {
            let Some(wanted) = resolve(path, target) else { continue };
            if !known.contains(wanted.as_str()) {
                let advice = format!("the link `{target}` leads to {wanted}, which is not in the repository");
                problems.push(Problem::at_line(path, line, advice));
            }
        }
    }
    problems
}

/// Files and the folders they lie in; the root is the empty path.
fn known_paths(files: &[TrackedFile]) -> HashSet<&str> {
    let mut known = HashSet::from([""]);
    for file in files {
        let mut path = Some(file.path.as_str());
        while let Some(now) = path.filter(|now| known.insert(now)) {
            path = now.rsplit_once('/').map(|(folder, _)| folder);
        }
    }
    known
}

/// Targets of `[text](target)`, `[label]: target`, `src="target"` and `href="target"` outside code, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code_block = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_code_block = !in_code_block;
        } else if !in_code_block {
            found.extend(links_of_line(line).into_iter().map(|target| (number, target)));
        }
    }
    found
}

fn links_of_line(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    // Every other piece between backticks is code.
    for prose in line.split('`').step_by(2) {
        for (opening, closing) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
            let pieces = prose.split(opening).skip(1);
            found.extend(pieces.filter_map(|piece| piece.split_once(closing).map(|(target, _)| target)));
        }
    }
    let reference = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
    found.extend(reference.map(|(_, target)| target));
    // A title may follow the target: `(page.md "Title")`.
    found.into_iter().map(|target| target.split_whitespace().next().unwrap_or("")).collect()
}

/// Path of the target from the root, or nothing when it leads to this page or to another site.
fn resolve(page: &str, target: &str) -> Option<String> {
    let target = target.split(['#', '?']).next().filter(|path| !path.is_empty())?;
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let mut folders: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => page.rsplit_once('/').map(|(folder, _)| folder.split('/').collect()).unwrap_or_default(),
    };
    for part in target.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part != ".." {
            folders.push(part);
        } else if folders.pop().is_none() {
            // Out of the repository: a name no file can have, so that the link is reported.
            folders.push("..");
        }
    }
    Some(folders.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;

    fn problems(page: &str) -> Vec<String> {
        let files = [
            TrackedFile::of("docs/guide.md", page),
            TrackedFile::of("docs/adr/001-a.md", ""),
            TrackedFile::of("README.md", ""),
        ];
        lines(check, &files)
    }

    #[test]
    fn links_to_files_folders_pages_and_other_sites_pass() {
        let page = "[a](adr/001-a.md) [b](../README.md#start \"Title\") [c](/docs/adr/) [d](#here)\n\
                    [e](https://a.example/x) ![f](./adr/001-a.md)\n[g]: adr/001-a.md\n[root](..)\n";
        assert_eq!(problems(page), [""; 0]);
    }

    #[test]
    fn links_to_nothing_are_reported_with_where_they_lead() {
        let found =
            problems("[a](missing.md)\n\n[b](../../README.md)\n<img src=\"plot.svg\">\n[c]: gone.md\n");
        assert_eq!(
            found,
            [
                "docs/guide.md:1: the link `missing.md` leads to docs/missing.md, which is not in the repository",
                "docs/guide.md:3: the link `../../README.md` leads to ../README.md, which is not in the repository",
                "docs/guide.md:4: the link `plot.svg` leads to docs/plot.svg, which is not in the repository",
                "docs/guide.md:5: the link `gone.md` leads to docs/gone.md, which is not in the repository",
            ]
        );
    }

    #[test]
    fn code_is_not_a_link() {
        assert_eq!(problems("`[a](missing.md)`\n```\n[b](missing.md)\n```\n"), [""; 0]);
    }
}
