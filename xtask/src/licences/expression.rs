//! SPDX licence expressions: `MIT OR (Apache-2.0 WITH LLVM-exception AND Unicode-3.0)`, and the old `MIT/Apache-2.0`.
//!
//! Knows how the words combine, not which licences exist: what is allowed is the caller's list.

/// How deep brackets may nest; real expressions have one level.
const DEPTH_MAX: usize = 16;

/// Whether somebody who accepts exactly the licences in `allowed` may use what is under `expression`.
/// A licence with an exception is a licence of its own, `Apache-2.0 WITH LLVM-exception`.
///
/// # Errors
///
/// Says what in the expression was not understood; nothing is allowed by accident.
pub(super) fn satisfied(expression: &str, allowed: &[String]) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allowed };
    let verdict = reader.any(0)?;
    match reader.words.first() {
        None => Ok(verdict),
        Some(word) => Err(format!("`{word}` is not expected there")),
    }
}

struct Reader<'a> {
    words: &'a [&'a str],
    allowed: &'a [String],
}

impl Reader<'_> {
    /// Terms joined by `OR`, which binds less than `AND`. All are read, whatever the first says.
    fn any(&mut self, depth: usize) -> Result<bool, String> {
        let mut verdict = self.all(depth)?;
        while self.take("OR") {
            verdict |= self.all(depth)?;
        }
        Ok(verdict)
    }

    fn all(&mut self, depth: usize) -> Result<bool, String> {
        let mut verdict = self.one(depth)?;
        while self.take("AND") {
            verdict &= self.one(depth)?;
        }
        Ok(verdict)
    }

    fn one(&mut self, depth: usize) -> Result<bool, String> {
        if self.take("(") {
            if depth == DEPTH_MAX {
                return Err(format!("brackets nest deeper than {DEPTH_MAX}"));
            }
            let verdict = self.any(depth + 1)?;
            return if self.take(")") { Ok(verdict) } else { Err("a bracket is not closed".to_owned()) };
        }
        let mut licence = self.identifier()?.to_owned();
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.identifier()?);
        }
        Ok(self.allowed.contains(&licence))
    }

    fn identifier(&mut self) -> Result<&str, String> {
        match self.words.split_first() {
            Some((word, rest)) if !matches!(*word, "OR" | "AND" | "WITH" | "(" | ")") => {
                self.words = rest;
                Ok(word)
            }
            Some((word, _)) => Err(format!("`{word}` stands where a licence should be")),
            None => Err("it ends where a licence should be".to_owned()),
        }
    }

    fn take(&mut self, wanted: &str) -> bool {
        match self.words.split_first() {
            Some((word, rest)) if *word == wanted => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str) -> Result<bool, String> {
        satisfied(expression, &["MIT".to_owned(), "Zlib".to_owned(), "A WITH exception".to_owned()])
    }

    #[test]
    fn words_combine_as_spdx_says() {
        for (expression, verdict) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("GPL-3.0-only OR MIT", true),
            ("MIT AND GPL-3.0-only", false),
            ("MIT AND Zlib", true),
            ("GPL-3.0-only/MIT", true),
            ("GPL-3.0-only AND Zlib OR MIT", true),
            ("GPL-3.0-only AND (Zlib OR MIT)", false),
            ("(MIT OR GPL-3.0-only) AND Zlib", true),
            ("A WITH exception", true),
            ("A", false),
            ("MIT WITH exception", false),
        ] {
            assert_eq!(check(expression), Ok(verdict), "{expression}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for expression in ["", "MIT OR", "MIT MIT", "(MIT", "MIT)", "AND MIT", "MIT WITH", &"(".repeat(100)] {
            assert!(check(expression).is_err(), "{expression}");
        }
    }
}
