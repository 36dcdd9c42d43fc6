//! Forbidden words in sources: what the standard library offers to everybody, `cargo tree` cannot see.
//!
//! This reads lines, not Rust. It misses what is written to be missed; it catches what is written by habit.

use super::rules::WordRule;
use crate::report::Problem;
use crate::source::{has_word, without_comment};

/// Problems of one file, at most one for each line and rule.
pub(super) fn check(path: &str, text: &str, rules: &[WordRule]) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !path.ends_with(".rs") {
        return problems;
    }
    for rule in rules.iter().filter(|rule| rule.folders.iter().any(|folder| path.starts_with(folder))) {
        for (number, line) in (1..).zip(text.lines()) {
            let code = without_comment(line);
            if let Some(word) = rule.words.iter().find(|word| has_word(code, word)) {
                problems.push(Problem::at_line(path, number, format!("`{word}`: {}", rule.reason)));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &[WordRule] = &[WordRule {
        folders: &["crates/model/src/"],
        words: &["std::fs", "fs::", "SystemTime", "Instant::now"],
        reason: "no IO",
    }];

    fn check_line(line: &str) -> Vec<String> {
        check("crates/model/src/lib.rs", line, RULES).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn io_and_clocks_are_found_however_they_are_imported() {
        for line in [
            "use std::fs;",
            "use std::{fs::File, io};",
            "    let text = fs::read_to_string(path)?;",
            "use std::time::{Duration, SystemTime};",
            "let start = std::time::Instant::now();",
        ] {
            assert_eq!(check_line(line).len(), 1, "{line}");
        }
    }

    #[test]
    fn the_message_says_where_what_and_why() {
        assert_eq!(check_line("\nuse std::fs;"), ["crates/model/src/lib.rs:2: `std::fs`: no IO"]);
    }

    #[test]
    fn comments_longer_words_and_other_folders_are_left_alone() {
        for line in ["// never std::fs here", "let x = 1; // fs::read", "offs::get()", "SystemTimeout::new()"]
        {
            assert_eq!(check_line(line), [""; 0], "{line}");
        }
        assert!(check("crates/history/src/lib.rs", "use std::fs;", RULES).is_empty());
        assert!(check("crates/model/src/data.csv", "fs::", RULES).is_empty());
    }

    #[test]
    fn an_address_in_a_string_does_not_hide_what_follows() {
        assert_eq!(check_line(r#"get("https://a.example/"); fs::read("x");"#).len(), 1);
    }
}
