//! Habits of source files: a header, a length, nothing left unfinished.

use crate::files::TrackedFile;
use crate::report::Problem;
use crate::source::{has_word, without_comment};

/// A file longer than this holds more than one idea.
const LINES_MAX: usize = 500;

/// Languages people read here; data and generated files have no such limit.
const SOURCES: &[&str] = &[".rs", ".py", ".sh", ".js", ".css", ".html"];

/// Macros that say "not yet". Clippy denies them too, but not in code a `cfg` hides.
const LEFTOVERS: &[&str] = &["todo!", "unimplemented!", "dbg!"];

/// Every module of the workspace says first what it is for.
pub(super) fn headers(files: &[TrackedFile]) -> Vec<Problem> {
    TrackedFile::texts(files)
        .filter(|(path, _)| {
            path.ends_with(".rs")
                && ["crates/", "examples/", "xtask/"].iter().any(|folder| path.starts_with(folder))
        })
        .filter(|(_, text)| !opens_with_header(text))
        .map(|(path, _)| {
            let advice = "opens without a `//!` line: say what the module is for and what it must not know";
            Problem::at_line(path, 1, advice)
        })
        .collect()
}

fn opens_with_header(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    first.strip_prefix("//!").is_some_and(|header| !header.trim().is_empty())
}

pub(super) fn lengths(files: &[TrackedFile]) -> Vec<Problem> {
    TrackedFile::texts(files)
        .filter(|(path, _)| SOURCES.iter().any(|ending| path.ends_with(ending)))
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            let advice =
                format!("{lines} lines, at most {LINES_MAX}: give its second idea a file of its own");
            (lines > LINES_MAX).then(|| Problem::new(path, advice))
        })
        .collect()
}

pub(super) fn leftovers(files: &[TrackedFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in TrackedFile::texts(files).filter(|(path, _)| path.ends_with(".rs")) {
        for (number, line) in (1..).zip(text.lines()) {
            let code = without_comment(line);
            // A macro is called with a bracket; a string that only names it is no call.
            let left = LEFTOVERS.iter().find(|name| has_word(code, &format!("{name}(")));
            if let Some(name) = left {
                problems.push(Problem::at_line(path, number, format!("`{name}`: finish it or take it out")));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;

    #[test]
    fn a_module_opens_with_its_purpose() {
        let files = [
            TrackedFile::of("crates/a/src/lib.rs", "//! What it is for.\n"),
            TrackedFile::of("crates/a/src/late.rs", "\n//! After a blank line.\n"),
            TrackedFile::of("crates/a/src/empty.rs", "//!\nuse std::io;\n"),
            TrackedFile::of("xtask/src/none.rs", "use std::io;\n//! too late\n"),
            TrackedFile::of("fuzz/targets/other.rs", "use std::io;\n"),
        ];
        let found = lines(headers, &files);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("crates/a/src/empty.rs:1: "), "{found:?}");
        assert!(found[1].starts_with("xtask/src/none.rs:1: "), "{found:?}");
    }

    #[test]
    fn five_hundred_lines_are_enough_for_a_source_but_not_for_data() {
        let files = [
            TrackedFile::of("crates/a/src/full.rs", &"x\n".repeat(LINES_MAX)),
            TrackedFile::of("crates/a/src/long.rs", &"x\n".repeat(LINES_MAX + 1)),
            TrackedFile::of("crates/a/tests/fixtures/log.txt", &"x\n".repeat(LINES_MAX + 1)),
        ];
        let found = lines(lengths, &files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("crates/a/src/long.rs: 501 lines, at most 500"), "{found:?}");
    }

    #[test]
    fn unfinished_code_is_found_where_it_is_called() {
        let called = LEFTOVERS.iter().map(|name| format!("    {name}(\"later\")\n")).collect::<String>();
        let files = [
            TrackedFile::of("crates/a/src/lib.rs", &called),
            TrackedFile::of("crates/a/src/b.rs", "// todo!(\"only said\")\nlet not_a_todo = 1;\n"),
        ];
        let found = lines(leftovers, &files);
        assert_eq!(found.len(), LEFTOVERS.len(), "{found:?}");
        assert_eq!(found[0], "crates/a/src/lib.rs:1: `todo!`: finish it or take it out");
    }
}
