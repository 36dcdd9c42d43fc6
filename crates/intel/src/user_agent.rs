//! What a user agent says of itself: browser, operating system, device.
//!
//! The rules are those of the uap-core project ([`rules`] reads them), run by the crate `ua-parser`. Parsing takes tens of
//! microseconds, so results are kept in a bounded cache ([`cache`]). A user agent is a claim of the sender and
//! proves nothing.

mod cache;
mod rules;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use ua_parser::Extractor;

use crate::error::IntelError;
use crate::report::FileReport;
use cache::Cache;

pub use cache::USER_AGENTS_CACHED_MAX;

/// Longest part of a user agent that is looked at, in bytes. The rest is cut off.
pub const USER_AGENT_BYTES_MAX: usize = 1024;

/// What a user agent says. Parts that no rule recognises are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserAgent {
    /// Browser or program, such as `Chrome Mobile` or `curl`.
    pub browser: Option<String>,
    /// Its version, up to three numbers: `120.0.6099`.
    pub browser_version: Option<String>,
    /// Operating system, such as `iOS`.
    pub os: Option<String>,
    /// Its version, up to three numbers.
    pub os_version: Option<String>,
    /// Device, such as `iPhone` or `Spider`.
    pub device: Option<String>,
}

/// The rules, compiled, and the user agents seen last.
pub(crate) struct UserAgents {
    extractor: Extractor<'static>,
    cache: Cache,
}

impl UserAgents {
    pub(crate) fn load(path: &Path) -> Result<(Self, FileReport), IntelError> {
        let (extractor, report) = rules::load(path)?;
        Ok((Self { extractor, cache: Cache::default() }, report))
    }

    pub(crate) fn parse(&self, text: &str) -> Arc<UserAgent> {
        let text = text.get(..text.floor_char_boundary(USER_AGENT_BYTES_MAX)).unwrap_or_default();
        self.cache.get_or_insert(text, || self.extract(text))
    }

    fn extract(&self, text: &str) -> UserAgent {
        let (browser, os, device) = self.extractor.extract(text);
        let mut found = UserAgent::default();
        if let Some(browser) = browser {
            found.browser_version = version([browser.major, browser.minor, browser.patch]);
            found.browser = filled(browser.family);
        }
        if let Some(os) = os {
            found.os_version = version([os.major.as_deref(), os.minor.as_deref(), os.patch.as_deref()]);
            found.os = filled(os.os);
        }
        found.device = device.and_then(|device| filled(device.device));
        found
    }
}

fn filled(text: Cow<'_, str>) -> Option<String> {
    (!text.is_empty()).then(|| text.into_owned())
}

/// The numbers that are given, up to the first that is not.
fn version(parts: [Option<&str>; 3]) -> Option<String> {
    let given: Vec<&str> = parts.into_iter().map_while(|part| part.filter(|part| !part.is_empty())).collect();
    (!given.is_empty()).then(|| given.join("."))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{USER_AGENT_BYTES_MAX, UserAgent, UserAgents, version};

    const RULES: &str = r"
user_agent_parsers:
  - regex: '(Chrome)/(\d+)\.(\d+)\.(\d+)'
  - regex: '(curl)/(\d+)'
    family_replacement: 'cURL'
os_parsers:
  - regex: '(iPhone) OS (\d+)_(\d+)'
    os_replacement: 'iOS'
device_parsers:
  - regex: '(spider)'
    regex_flag: 'i'
    device_replacement: 'Spider'
";

    fn load() -> UserAgents {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("user_agents.yaml");
        std::fs::write(&path, RULES).unwrap();
        UserAgents::load(&path).unwrap().0
    }

    fn agent(browser: &str, browser_version: &str, os: &str, os_version: &str, device: &str) -> UserAgent {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        UserAgent {
            browser: some(browser),
            browser_version: some(browser_version),
            os: some(os),
            os_version: some(os_version),
            device: some(device),
        }
    }

    #[test]
    fn parts_are_recognised_on_their_own() {
        let agents = load();
        let cases = [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2) Chrome/120.0.6099.5",
                agent("Chrome", "120.0.6099", "iOS", "17.2", ""),
            ),
            ("curl/8.5.0", agent("cURL", "8", "", "", "")),
            ("AnySPIDER/1", agent("", "", "", "", "Spider")),
            ("", agent("", "", "", "", "")),
            ("\u{0}日本語", agent("", "", "", "", "")),
        ];
        for _ in 0..2 {
            for (text, expected) in &cases {
                assert_eq!(*agents.parse(text), *expected, "{text}");
            }
        }
    }

    #[test]
    fn long_user_agents_are_cut() {
        let agents = load();
        let long = |length: usize| format!("{}curl/8", "日".repeat(length / 3));
        assert_eq!(agents.parse(&long(900)).browser.as_deref(), Some("cURL"));
        assert_eq!(agents.parse(&long(USER_AGENT_BYTES_MAX + 3)).browser, None);
        let (a, b) = (format!("{}a", "x".repeat(1024)), format!("{}b", "x".repeat(1024)));
        assert!(Arc::ptr_eq(&agents.parse(&a), &agents.parse(&b)), "equal after the cut");
    }

    #[test]
    fn threads_share_the_parser() {
        let agents = load();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..500 {
                        let found = agents.parse(&format!("curl/{}", number % 50));
                        assert_eq!(
                            found.browser_version.as_deref(),
                            Some((number % 50).to_string().as_str())
                        );
                    }
                });
            }
        });
    }

    #[test]
    fn versions_end_at_the_first_gap() {
        assert_eq!(version([Some("1"), None, Some("3")]).as_deref(), Some("1"));
        assert_eq!(version([None, Some("2"), None]), None);
        assert_eq!(version([Some("1"), Some("2"), Some("3")]).as_deref(), Some("1.2.3"));
    }
}
