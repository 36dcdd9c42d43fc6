//! Which request of an access log is which kind of event, and how it ended. Must not know lines.

use model::{EventKind, Outcome};

use super::mapping::{PathMapping, PathRule, kind_or_ignore};
use crate::HistoryError;

/// The rules of a mapping, compiled.
pub(crate) struct Rules {
    rules: Vec<Rule>,
    unmatched: Option<EventKind>,
    /// What is said of requests that the rules leave out.
    pub(crate) left_out: &'static str,
}

/// What the rules say of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decided {
    /// The place of the rule that fits; none if none does.
    pub(crate) rule: Option<usize>,
    /// The event it is; none leaves it out.
    pub(crate) event: Option<(EventKind, Outcome)>,
}

struct Rule {
    pattern: Pattern,
    method: Option<String>,
    /// `None`: leave it out.
    kind: Option<EventKind>,
    success: Vec<u16>,
    failure: Vec<u16>,
}

/// A path with `*` at its beginning or end.
struct Pattern {
    text: String,
    open_start: bool,
    open_end: bool,
}

impl Pattern {
    fn new(pattern: &str) -> Self {
        let (text, open_start) = pattern.strip_prefix('*').map_or((pattern, false), |text| (text, true));
        let (text, open_end) = text.strip_suffix('*').map_or((text, false), |text| (text, true));
        Self { text: text.to_owned(), open_start, open_end }
    }

    fn fits(&self, path: &str) -> bool {
        match (self.open_start, self.open_end) {
            (false, false) => path == self.text,
            (false, true) => path.starts_with(&self.text),
            (true, false) => path.ends_with(&self.text),
            (true, true) => path.contains(&self.text),
        }
    }
}

/// Ends of paths that are parts of a page rather than a visit.
const STATIC: [&str; 14] = [
    "*.css",
    "*.js",
    "*.map",
    "*.png",
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.svg",
    "*.ico",
    "*.webp",
    "*.woff",
    "*.woff2",
    "*.ttf",
    "/robots.txt",
];

impl Rules {
    pub(crate) fn new(mapping: &PathMapping) -> Result<Self, HistoryError> {
        let usage = |problem: String| HistoryError::Usage(format!("mapping: {problem}"));
        let compile = |rule: &PathRule| {
            Ok(Rule {
                pattern: Pattern::new(&rule.pattern),
                method: rule.method.clone(),
                kind: kind_or_ignore(&rule.kind).map_err(usage)?,
                success: rule.success.clone(),
                failure: rule.failure.clone(),
            })
        };
        let rules = mapping.paths.iter().map(compile).collect::<Result<Vec<_>, HistoryError>>()?;
        let unmatched = kind_or_ignore(&mapping.unmatched.kind).map_err(usage)?;
        Ok(Self { rules, unmatched, left_out: "left out by the paths of the mapping" })
    }

    /// Without a mapping: `POST …/login` (or `/signin`) is a login, parts of pages are left out, the rest is activity.
    pub(crate) fn built_in() -> Self {
        let rule = |pattern: &str, method: Option<&str>, kind| Rule {
            pattern: Pattern::new(pattern),
            method: method.map(str::to_owned),
            kind,
            success: Vec::new(),
            failure: Vec::new(),
        };
        let logins = ["*/login", "*/signin"].map(|path| rule(path, Some("POST"), Some(EventKind::Login)));
        let parts = STATIC.map(|path| rule(path, None, None));
        let left_out = "parts of pages (style sheets, scripts, pictures), no accesses of their own";
        Self {
            rules: logins.into_iter().chain(parts).collect(),
            unmatched: Some(EventKind::SessionActivity),
            left_out,
        }
    }

    /// The event a request is: the first rule that fits decides.
    pub(crate) fn decide(&self, method: &str, path: &str, status: u16) -> Decided {
        let fits = |rule: &Rule| {
            rule.method.as_deref().is_none_or(|wanted| wanted == method) && rule.pattern.fits(path)
        };
        let Some((place, rule)) = self.rules.iter().enumerate().find(|(_, rule)| fits(rule)) else {
            return Decided { rule: None, event: self.unmatched.map(|kind| (kind, by_status(status))) };
        };
        let outcome = if rule.success.contains(&status) {
            Outcome::Succeeded
        } else if rule.failure.contains(&status) {
            Outcome::Failed
        } else if rule.success.is_empty() && rule.failure.is_empty() {
            by_status(status)
        } else {
            Outcome::Attempted
        };
        Decided { rule: Some(place), event: rule.kind.map(|kind| (kind, outcome)) }
    }
}

const fn by_status(status: u16) -> Outcome {
    if status < 400 { Outcome::Succeeded } else { Outcome::Failed }
}

#[cfg(test)]
mod tests {
    use model::{EventKind, Outcome};

    use super::Rules;
    use crate::import::mapping::Mapping;

    #[test]
    fn built_in_rules() {
        let rules = Rules::built_in();
        assert_eq!(rules.decide("POST", "/x/login", 302).event, Some((EventKind::Login, Outcome::Succeeded)));
        assert_eq!(rules.decide("POST", "/login", 401).event, Some((EventKind::Login, Outcome::Failed)));
        assert_eq!(
            rules.decide("GET", "/login", 200).event,
            Some((EventKind::SessionActivity, Outcome::Succeeded))
        );
        assert_eq!(rules.decide("GET", "/a.css", 200).event, None);
        assert_eq!(rules.decide("", "", 400).event, Some((EventKind::SessionActivity, Outcome::Failed)));
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let text = r#"
            [[paths]]
            pattern = "/login"
            method = "POST"
            kind = "login"
            success = [302]
            failure = [200, 401]
            [[paths]]
            pattern = "/api/*"
            kind = "ignore"
            [[paths]]
            pattern = "*/bank*"
            kind = "bank_account.change"
            [unmatched]
            kind = "ignore""#;
        let Ok(Mapping::Paths(mapping)) = Mapping::parse(text) else { panic!("a path mapping") };
        let rules = Rules::new(&mapping).unwrap();
        assert_eq!(rules.decide("POST", "/login", 302).event, Some((EventKind::Login, Outcome::Succeeded)));
        assert_eq!(rules.decide("POST", "/login", 200).event, Some((EventKind::Login, Outcome::Failed)));
        assert_eq!(rules.decide("POST", "/login", 500).event, Some((EventKind::Login, Outcome::Attempted)));
        assert_eq!(rules.decide("GET", "/api/bank", 200).event, None);
        assert_eq!(
            rules.decide("GET", "/my/bank/1", 403).event,
            Some((EventKind::BankAccountChange, Outcome::Failed))
        );
        assert_eq!(rules.decide("GET", "/", 200).event, None);
        assert_eq!(rules.decide("GET", "/", 200).rule, None);
        assert_eq!(rules.decide("GET", "/my/bank/1", 403).rule, Some(2));
    }
}
