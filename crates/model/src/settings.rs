//! What is wrong with a file that somebody wrote in TOML – a policy, the configuration, a mapping – in their words: what reads it names
//! types of Rust's. Must not know which file it is, nor what reads it.

/// Characters of what came that are shown.
const CHARACTERS_MAX: usize = 80;

/// A problem as a TOML reader tells it, in words of TOML: `came the text "x"; allowed: a whole number from 0 to 65535`. What is in words
/// already stays.
#[must_use]
pub fn told(problem: &str) -> String {
    let of_type = problem.strip_prefix("invalid type: ").or_else(|| problem.strip_prefix("invalid value: "));
    if let Some((came, expected)) = of_type.and_then(|rest| rest.rsplit_once(", expected ")) {
        return format!("came {}; allowed: {}", in_words(came), allowed(expected));
    }
    if let Some((came, words)) =
        problem.strip_prefix("unknown variant ").and_then(|rest| rest.rsplit_once(", expected "))
    {
        let words = words.strip_prefix("one of ").unwrap_or(words);
        return format!("came {came}; allowed: {words}");
    }
    if problem == "wanted string or table" {
        return "came something that is no word; allowed: one of the words for it, in quotes".to_owned();
    }
    problem.to_owned()
}

/// The same with the name of the setting whose value begins at `byte` of the text, where it stands on the same line.
#[must_use]
pub fn told_at(text: &str, byte: usize, problem: &str) -> String {
    let words = told(problem);
    match key(text, byte).filter(|_| words.starts_with("came ")) {
        Some(key) => format!("`{key}`: {words}"),
        None => words,
    }
}

/// A whole message that shows the line and ends with `problem`, in words.
#[must_use]
pub fn shown(message: &str, problem: &str) -> String {
    let message = message.trim_end();
    message
        .strip_suffix(problem.trim_end())
        .map_or_else(|| message.to_owned(), |place| place.to_owned() + &told(problem))
}

/// The key to the left of the last `=` that stands before `byte` on its line and in no quotes.
fn key(text: &str, byte: usize) -> Option<&str> {
    let before = text.get(..byte)?;
    let line = before.rsplit('\n').next()?;
    let (mut quote, mut equals) = (None, None);
    for (place, character) in line.char_indices() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, '=') => equals = Some(place),
            _ => {}
        }
    }
    let left = line.get(..equals?)?.trim_end();
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    left.rsplit(|c| !is_key(c)).next().filter(|key| !key.is_empty())
}

/// What came.
fn in_words(came: &str) -> String {
    let value = |kind: &str| came.strip_prefix(kind).and_then(|rest| rest.strip_suffix('`'));
    let number = value("integer `").or_else(|| value("floating point `"));
    match came {
        "sequence" => "a list".to_owned(),
        "map" => "a table or a date".to_owned(),
        _ => match (number, value("boolean `"), came.strip_prefix("string ")) {
            (Some(number), _, _) => format!("the number {number}"),
            (_, Some(flag), _) => flag.to_owned(),
            (_, _, Some(text)) => format!("the text {}", short(text)),
            _ => short(came),
        },
    }
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// What is allowed instead. Whole numbers of TOML end where 64 bits with a sign do.
fn allowed(expected: &str) -> String {
    let words = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" | "u128" => "a whole number from 0 to 9223372036854775807",
        "a nonzero u8" => "a whole number from 1 to 255",
        "a nonzero u16" => "a whole number from 1 to 65535",
        "a nonzero u32" => "a whole number from 1 to 4294967295",
        "a nonzero u64" | "a nonzero usize" => "a whole number from 1 to 9223372036854775807",
        "i8" => "a whole number from -128 to 127",
        "i16" => "a whole number from -32768 to 32767",
        "i32" => "a whole number from -2147483648 to 2147483647",
        "i64" | "isize" | "i128" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true, false",
        "a string" | "a borrowed string" => "a text in quotes",
        "a character" => "one character in quotes",
        "path string" => "a path in quotes",
        "socket address" => "an address with its port in quotes, as in \"127.0.0.1:8480\"",
        "a sequence" => "a list in [ ]",
        "a map" => "a table",
        other => {
            return match (other.strip_prefix("a string with "), other.starts_with("struct ")) {
                (Some(what), _) => format!("a text in quotes with {what}"),
                (None, true) => "a table".to_owned(),
                (None, false) => other.to_owned(),
            };
        }
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::{shown, told, told_at};

    #[test]
    fn types_of_rust_are_words_of_toml() {
        for (problem, words) in [
            (
                "invalid type: string \"x, expected y\", expected u16",
                "came the text \"x, expected y\"; allowed: a whole number from 0 to 65535",
            ),
            (
                "invalid value: integer `70000`, expected u16",
                "came the number 70000; allowed: a whole number from 0 to 65535",
            ),
            (
                "invalid type: floating point `1.5`, expected i64",
                "came the number 1.5; allowed: a whole number",
            ),
            ("invalid type: boolean `true`, expected a string", "came true; allowed: a text in quotes"),
            ("invalid type: sequence, expected a boolean", "came a list; allowed: true, false"),
            ("invalid type: map, expected f64", "came a table or a date; allowed: a number"),
            ("invalid type: integer `7`, expected struct RuleForm", "came the number 7; allowed: a table"),
            ("unknown variant `spam`, expected one of `tor`, `vpn`", "came `spam`; allowed: `tor`, `vpn`"),
            ("unknown variant `spam`, expected `tor` or `vpn`", "came `spam`; allowed: `tor` or `vpn`"),
            ("missing field `hold`", "missing field `hold`"),
        ] {
            assert_eq!(told(problem), words);
        }
        let long = format!("invalid type: string \"{}\", expected u8", "x".repeat(5_000));
        assert!(told(&long).len() < 200);
    }

    #[test]
    fn the_setting_is_named_where_its_line_names_it() {
        let text = "points = \"x\"\nreason = { ja = \"a = b\", en = 5 }\nlist = [\n  7\n]\n";
        let problem = "invalid type: integer `5`, expected a string";
        for (before, named) in [("\"x\"", "`points`: came"), ("5 }", "`en`: came"), ("7\n", "came")] {
            let said = told_at(text, text.find(before).unwrap(), problem);
            assert!(said.starts_with(named), "{before}: {said}");
        }
        assert_eq!(told_at(text, 9, "missing field `when`"), "missing field `when`");
        let message = "at line 1\n  | a = 5\ninvalid type: integer `5`, expected a string\n";
        assert_eq!(
            shown(message, problem),
            "at line 1\n  | a = 5\ncame the number 5; allowed: a text in quotes"
        );
    }
}
