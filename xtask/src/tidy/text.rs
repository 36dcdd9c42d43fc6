//! Habits of every tracked file: small, free of one machine's paths, no blanks at line ends.

use crate::files::{TEXT_BYTES_MAX, TrackedFile};
use crate::report::Problem;

/// Folders of somebody's machine. Written in two parts, so that this file passes its own check.
const MACHINE_FOLDERS: &[&str] = &[concat!("/", "work/"), concat!("/", "root/"), concat!("/", "home/")];

/// Files that stand for foreign input keep its bytes as they are.
fn is_fixture(path: &str) -> bool {
    path.contains("/fixtures/")
}

pub(super) fn sizes(files: &[TrackedFile]) -> Vec<Problem> {
    files
        .iter()
        .filter(|file| file.size_bytes > TEXT_BYTES_MAX)
        .map(|file| {
            let advice = format!(
                "{} bytes, at most {TEXT_BYTES_MAX}: every clone pays for it for ever; generate it instead",
                file.size_bytes
            );
            Problem::new(&file.path, advice)
        })
        .collect()
}

pub(super) fn machine_paths(files: &[TrackedFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in TrackedFile::texts(files).filter(|(path, _)| !is_fixture(path)) {
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| begins_a_path(line, folder)) {
                let advice =
                    format!("`{folder}` is a place on one machine: use a path relative to the repository");
                problems.push(Problem::at_line(path, number, advice));
            }
        }
    }
    problems
}

/// Whether `folder` stands at the beginning of a path, and not inside one (`https://broker.example/home/`).
fn begins_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '~' | '}' | '*'))
    })
}

pub(super) fn trailing_whitespace(files: &[TrackedFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in TrackedFile::texts(files).filter(|(path, _)| !is_fixture(path)) {
        // Not `lines`, which would hide a carriage return.
        for (number, line) in (1..).zip(text.split('\n')) {
            if line.ends_with([' ', '\t', '\r']) {
                problems.push(Problem::at_line(
                    path,
                    number,
                    "ends in a blank or a carriage return: take it out",
                ));
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
    fn a_file_of_more_than_a_mebibyte_is_refused() {
        let mut large = TrackedFile::of("data/year.csv", "");
        large.size_bytes = TEXT_BYTES_MAX + 1;
        let mut full = TrackedFile::of("data/day.csv", "");
        full.size_bytes = TEXT_BYTES_MAX;
        let found = lines(sizes, &[large, full]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("data/year.csv: 1048577 bytes"), "{found:?}");
    }

    #[test]
    fn paths_of_one_machine_are_found_and_addresses_are_not() {
        let home = MACHINE_FOLDERS[2];
        let text = format!(
            "see {home}me/x\nhttps://broker.example{home}me\n$HOME/work/x\n\"{home}you\"\n../root/x\n./work/x\n"
        );
        let found = lines(machine_paths, &[TrackedFile::of("README.md", &text)]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("README.md:1: "), "{found:?}");
        assert!(found[1].starts_with("README.md:4: "), "{found:?}");
        assert!(machine_paths(&[TrackedFile::of("a/fixtures/auth.log", &text)]).is_empty());
    }

    #[test]
    fn blanks_at_line_ends_are_found_outside_fixtures() {
        let text = "fine\nblank \ntab\t\nwindows\r\nfine";
        let found = lines(trailing_whitespace, &[TrackedFile::of("a.md", text)]);
        let places: Vec<_> = found.iter().map(|line| line.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["a.md:2", "a.md:3", "a.md:4"]);
        assert!(trailing_whitespace(&[TrackedFile::of("a/fixtures/b.log", text)]).is_empty());
    }
}
