//! Reading Rust by lines: enough to find a word that is code, with no claim to understand the language.

/// The line up to `//`, unless a colon stands before it as in `https://`.
pub(crate) fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line.get(..*at).unwrap_or("").ends_with(':'));
    comment.and_then(|(at, _)| line.get(..at)).unwrap_or(line)
}

/// Whether `word` stands in `code` as a word of its own; one that ends in `::` or `!` may be followed by anything.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        let after = code.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && (!word.ends_with(is_part) || !after.is_some_and(is_part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_ends_the_code_but_an_address_in_a_string_does_not() {
        assert_eq!(without_comment("let a = 1; // why"), "let a = 1; ");
        assert_eq!(without_comment("/// doc"), "");
        assert_eq!(without_comment(r#"get("https://a.example"); // b"#), r#"get("https://a.example"); "#);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("use std::{fs::File, io};", "fs::"));
        assert!(has_word("std::time::SystemTime", "SystemTime"));
        assert!(!has_word("SystemTimeout::new()", "SystemTime"));
        assert!(!has_word("offs::get()", "fs::"));
    }
}
