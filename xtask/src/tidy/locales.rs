//! The texts of the product exist in every language, or in none.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::files::TrackedFile;
use crate::report::Problem;

const LOCALES: [&str; 2] = ["config/locales/ja.toml", "config/locales/en.toml"];

pub(super) fn check(files: &[TrackedFile]) -> Vec<Problem> {
    let present: Vec<_> = TrackedFile::texts(files).filter(|(path, _)| LOCALES.contains(path)).collect();
    if present.is_empty() {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let mut keys_of = Vec::new();
    for path in LOCALES {
        let Some((_, text)) = present.iter().find(|(there, _)| *there == path) else {
            problems.push(Problem::new(path, "is missing: every language needs its file"));
            continue;
        };
        match text.parse::<Table>() {
            Ok(table) => keys_of.push((path, keys(&table, ""))),
            Err(error) => problems.push(Problem::new(path, format!("not TOML: {error}"))),
        }
    }
    if let [(first_path, first), (second_path, second)] = keys_of.as_slice() {
        problems.extend(lacking(first_path, first, second_path, second));
        problems.extend(lacking(second_path, second, first_path, first));
    }
    problems
}

fn lacking(path: &str, keys: &BTreeSet<String>, other: &str, there: &BTreeSet<String>) -> Vec<Problem> {
    there
        .difference(keys)
        .map(|key| Problem::new(path, format!("lacks `{key}`, which {other} has")))
        .collect()
}

/// Dotted keys of all values, tables opened.
fn keys(table: &Table, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => found.extend(keys(inner, &format!("{key}."))),
            _ => {
                found.insert(key);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;

    #[test]
    fn both_languages_have_the_same_keys() {
        let [ja, en] = LOCALES;
        let files = [
            TrackedFile::of(ja, "title = \"関所\"\n[verdict]\nclear = \"問題なし\"\n"),
            TrackedFile::of(en, "title = \"Sekisho\"\n[verdict]\nclear = \"clear\"\nalarm = \"alarm\"\n"),
        ];
        assert_eq!(lines(check, &files), [format!("{ja}: lacks `verdict.alarm`, which {en} has")]);
    }

    #[test]
    fn one_language_alone_is_not_enough_and_none_is_fine() {
        let [ja, en] = LOCALES;
        let found = lines(check, &[TrackedFile::of(ja, "title = \"関所\"\n")]);
        assert_eq!(found, [format!("{en}: is missing: every language needs its file")]);
        assert_eq!(lines(check, &[]), [""; 0]);
    }

    #[test]
    fn a_broken_file_is_a_problem_of_that_file() {
        let [ja, en] = LOCALES;
        let found = lines(check, &[TrackedFile::of(ja, "title ="), TrackedFile::of(en, "title = \"a\"\n")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("{ja}: not TOML: ")), "{found:?}");
    }
}
