//! Reads the rules of the uap-core project (`regexes.yaml`) and compiles them.
//!
//! That file uses a small part of YAML: three lists of flat maps with texts of one line. Exactly that is read here:
//! texts bare, in single quotes or in double quotes, comments, blank lines. Anything else is refused with its line,
//! never guessed at.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use ua_parser::{Extractor, ParseError, device, os, user_agent};

use crate::error::{IntelError, quoted};
use crate::open::Lines;
use crate::report::{FileReport, FileRole};

/// Most rules. uap-core has some 1,300.
const RULES_MAX: usize = 10_000;

#[derive(Clone, Copy)]
enum Section {
    UserAgent,
    Os,
    Device,
}

/// One rule as it stands in the file.
struct Rule {
    section: Section,
    line: u64,
    fields: BTreeMap<String, String>,
}

impl Rule {
    fn take(&mut self, key: &str) -> Option<Cow<'static, str>> {
        self.fields.remove(key).map(Cow::Owned)
    }

    fn take_regex(&mut self) -> Result<Cow<'static, str>, String> {
        self.take("regex").ok_or_else(|| "a rule without `regex`".to_owned())
    }

    fn is_used_up(&self) -> Result<(), String> {
        match self.fields.keys().next() {
            Some(key) => Err(format!("{} is not a key of this kind of rule", quoted(key))),
            None => Ok(()),
        }
    }
}

pub(super) fn load(path: &Path) -> Result<(Extractor<'static>, FileReport), IntelError> {
    let at = |line, reason| IntelError::Line { path: path.to_owned(), line, reason };
    let mut rules = Vec::new();
    let mut section = None;
    let mut lines = Lines::open(path)?;
    while let Some(line) = lines.next_line()? {
        let number = line.number;
        let text = line.text.ok_or_else(|| at(number, "longer than 64 KiB".to_owned()))?;
        read_line(&text, number, &mut section, &mut rules).map_err(|reason| at(number, reason))?;
    }
    let mut report = FileReport::new(path.to_owned(), FileRole::UserAgents);
    report.records = u64::try_from(rules.len()).unwrap_or(u64::MAX);
    report.entries = report.records;
    let mut builders = Builders::default();
    for rule in rules {
        let line = rule.line;
        builders = builders.push(rule).map_err(|reason| at(line, reason))?;
    }
    let extractor = builders.build().map_err(|reason| IntelError::config(path, reason))?;
    Ok((extractor, report))
}

fn read_line(
    line: &str,
    number: u64,
    section: &mut Option<Section>,
    rules: &mut Vec<Rule>,
) -> Result<(), String> {
    let text = line.trim();
    if text.is_empty() || text.starts_with('#') || text == "---" {
        return Ok(());
    }
    if !line.starts_with([' ', '-']) {
        *section = Some(match text {
            "user_agent_parsers:" => Section::UserAgent,
            "os_parsers:" => Section::Os,
            "device_parsers:" => Section::Device,
            _ => {
                let expected = "user_agent_parsers:, os_parsers: or device_parsers:";
                return Err(format!("{} is not {expected}; give the regexes.yaml of uap-core", quoted(text)));
            }
        });
        return Ok(());
    }
    let section = section.ok_or("a rule before the first section")?;
    let (is_new, text) = text.strip_prefix("- ").map_or((false, text), |rest| (true, rest.trim_start()));
    if is_new {
        if rules.len() == RULES_MAX {
            return Err(format!("more than {RULES_MAX} rules"));
        }
        rules.push(Rule { section, line: number, fields: BTreeMap::new() });
    }
    let (key, value) = text.split_once(':').ok_or_else(|| format!("{} is not `key: value`", quoted(text)))?;
    let rule = rules.last_mut().ok_or("a key before the first rule; a rule begins with `- regex:`")?;
    match rule.fields.insert(key.to_owned(), scalar(value.trim())?) {
        None => Ok(()),
        Some(_) => Err(format!("{} twice in one rule", quoted(key))),
    }
}

/// A text of one line.
fn scalar(text: &str) -> Result<String, String> {
    let (value, after) = if let Some(inside) = text.strip_prefix('\'') {
        single_quoted(inside)?
    } else if let Some(inside) = text.strip_prefix('"') {
        double_quoted(inside)?
    } else {
        let bare = text.split_once(" #").map_or(text, |(bare, _)| bare).trim();
        let special =
            bare.starts_with(['[', ']', '{', '}', '&', '*', '!', '|', '>', '%', '@', '`', ',', '?', '#']);
        if special || ["", "~", "null"].contains(&bare) || bare.contains(": ") {
            return Err(format!("{} cannot be read here; write the value in single quotes", quoted(text)));
        }
        return Ok(bare.to_owned());
    };
    let after = after.trim();
    if after.is_empty() || after.starts_with('#') {
        return Ok(value);
    }
    Err(format!("{} after the closing quote", quoted(after)))
}

/// `''` stands for a quote; nothing else is special.
fn single_quoted(inside: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut rest = inside;
    loop {
        let (text, after) = rest.split_once('\'').ok_or("a quote is opened and never closed on this line")?;
        value.push_str(text);
        match after.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Ok((value, after)),
        }
    }
}

fn double_quoted(inside: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut rest = inside.chars();
    loop {
        match rest.next().ok_or("a quote is opened and never closed on this line")? {
            '"' => return Ok((value, rest.as_str())),
            '\\' => match rest.next() {
                Some(escaped @ ('\\' | '"' | '/')) => value.push(escaped),
                Some('t') => value.push('\t'),
                _ => {
                    return Err(
                        "an escape that is not read here; write the value in single quotes".to_owned()
                    );
                }
            },
            other => value.push(other),
        }
    }
}

struct Builders {
    user_agent: user_agent::Builder<'static>,
    os: os::Builder<'static>,
    device: device::Builder<'static>,
}

impl Default for Builders {
    fn default() -> Self {
        // Not the builders' `default()`: that of `device` differs from its `new()`.
        Self {
            user_agent: user_agent::Builder::new(),
            os: os::Builder::new(),
            device: device::Builder::new(),
        }
    }
}

impl Builders {
    fn push(mut self, mut rule: Rule) -> Result<Self, String> {
        let regex = rule.take_regex()?;
        match rule.section {
            Section::UserAgent => {
                let parser = user_agent::Parser {
                    regex,
                    family_replacement: rule.take("family_replacement"),
                    v1_replacement: rule.take("v1_replacement"),
                    v2_replacement: rule.take("v2_replacement"),
                    v3_replacement: rule.take("v3_replacement"),
                    v4_replacement: rule.take("v4_replacement"),
                };
                self.user_agent = self.user_agent.push(parser).map_err(|error| match error {
                    ua_parser::Error::ParseError(error) => regex_reason(&error),
                    other => format!("this rule cannot be used: {other}"),
                })?;
            }
            Section::Os => {
                let parser = os::Parser {
                    regex,
                    os_replacement: rule.take("os_replacement"),
                    os_v1_replacement: rule.take("os_v1_replacement"),
                    os_v2_replacement: rule.take("os_v2_replacement"),
                    os_v3_replacement: rule.take("os_v3_replacement"),
                    os_v4_replacement: rule.take("os_v4_replacement"),
                };
                self.os = self.os.push(parser).map_err(|error| regex_reason(&error))?;
            }
            Section::Device => {
                let regex_flag = match rule.take("regex_flag").as_deref() {
                    None => None,
                    Some("i") => Some(device::Flag::IgnoreCase),
                    Some(other) => return Err(format!("regex_flag {} is not `i`", quoted(other))),
                };
                let parser = device::Parser {
                    regex,
                    regex_flag,
                    device_replacement: rule.take("device_replacement"),
                    brand_replacement: rule.take("brand_replacement"),
                    model_replacement: rule.take("model_replacement"),
                };
                self.device = self.device.push(parser).map_err(|error| regex_reason(&error))?;
            }
        }
        rule.is_used_up()?;
        Ok(self)
    }

    fn build(self) -> Result<Extractor<'static>, String> {
        let wrong = |error| format!("the rules cannot be compiled together: {error}");
        Ok(Extractor {
            ua: self.user_agent.build().map_err(wrong)?,
            os: self.os.build().map_err(wrong)?,
            dev: self.device.build().map_err(wrong)?,
        })
    }
}

/// What is wrong with an expression, in one line.
fn regex_reason(error: &ParseError) -> String {
    match error {
        // The last line of a drawing that points into the expression.
        ParseError::SyntaxError(text) => {
            format!("this regex cannot be read: {}", text.lines().last().unwrap_or_default())
        }
        other => format!("this regex cannot be used: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{load, scalar};

    #[test]
    fn texts() {
        let good = [
            (r"'(GeoEvent Server) (\d+)'", r"(GeoEvent Server) (\d+)"),
            ("'it''s'", "it's"),
            ("'a' # comment", "a"),
            (r#""a\\d \"x\"""#, r#"a\d "x""#),
            ("$1", "$1"),
            ("Windows 10 # comment", "Windows 10"),
            ("''", ""),
        ];
        for (text, value) in good {
            assert_eq!(scalar(text).as_deref(), Ok(value), "{text}");
        }
        for bad in ["'open", "\"open", "'a' b", r#""\d""#, "[a]", "|", "*x", "", "null", "a: b"] {
            assert!(scalar(bad).is_err(), "{bad}");
        }
    }

    fn check(text: &str) -> Result<u64, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        std::fs::write(&path, text).unwrap();
        load(&path)
            .map(|(_, report)| report.entries)
            .map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn files() {
        assert_eq!(check("").unwrap(), 0);
        assert_eq!(check("---\n# x\nuser_agent_parsers:\n  - regex: 'a'\n\n  - regex: b\n").unwrap(), 2);
        assert_eq!(check("os_parsers:\n- regex: 'a'\n  os_replacement: 'x'\ndevice_parsers:\n").unwrap(), 1);
        let section = "user_agent_parsers:\n";
        let bad = [
            ("bots:\n".to_owned(), "rules.yaml:1: `bots:` is not user_agent_parsers:"),
            ("  - regex: 'a'\n".to_owned(), "rules.yaml:1: a rule before the first section"),
            (format!("{section}  regex: 'a'\n"), "rules.yaml:2: a key before the first rule"),
            (
                format!("{section}  - regex: '(a'\n"),
                "rules.yaml:2: this regex cannot be read: error: unclosed group",
            ),
            (format!("{section}  - family_replacement: 'a'\n"), "rules.yaml:2: a rule without `regex`"),
            (format!("{section}  - regex: 'a'\n    brand: 'x'\n"), "rules.yaml:2: `brand` is not a key"),
            (format!("{section}  - regex: 'a'\n    regex: 'b'\n"), "rules.yaml:3: `regex` twice"),
            (
                format!("{section}  - regex: 'a'\n    nonsense\n"),
                "rules.yaml:3: `nonsense` is not `key: value`",
            ),
            (
                format!("{section}  - regex: 'a'\n    family_replacement: '$1'\n"),
                "rules.yaml:2: this rule cannot be used",
            ),
            (
                "device_parsers:\n  - regex: 'a'\n    regex_flag: 'x'\n".to_owned(),
                "rules.yaml:2: regex_flag `x` is not `i`",
            ),
        ];
        for (text, expected) in bad {
            let error = check(&text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
