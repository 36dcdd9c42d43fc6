//! Domains that look like one that is known and are not it. Must not know whose domains they are.
//!
//! Compared is what somebody sees: letters of other scripts and digits that look like Latin letters are read as these, `rn` as
//! `m` and `vv` as `w`. One letter more, less, other or swapped with its neighbour in the name still looks alike, and so does the name under
//! another ending (`example.com` for `example.co.jp`).

use std::collections::{BTreeMap, BTreeSet};

/// Domains known at most; more are left out.
pub const DOMAINS_MAX: usize = 10_000;
/// Names shorter than this are too common for one letter to count.
const NAME_MIN: usize = 5;

/// Domains that are known.
#[derive(Debug, Clone, Default)]
pub struct Domains {
    known: BTreeSet<String>,
    /// What is seen of them, by length.
    seen: BTreeMap<usize, BTreeSet<Vec<char>>>,
}

impl Domains {
    /// These, in lower case.
    pub fn new(domains: impl IntoIterator<Item = String>) -> Self {
        let known: BTreeSet<String> = domains.into_iter().take(DOMAINS_MAX).collect();
        let mut seen = BTreeMap::<usize, BTreeSet<Vec<char>>>::new();
        for domain in &known {
            let name = skeleton(name(domain));
            seen.entry(name.len()).or_default().insert(name);
        }
        Self { known, seen }
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether a domain in lower case, or one it is under, is known.
    #[must_use]
    pub fn has(&self, domain: &str) -> bool {
        let under = domain.match_indices('.').filter_map(|(dot, _)| domain.get(dot.saturating_add(1)..));
        std::iter::once(domain).chain(under).any(|each| self.known.contains(each))
    }

    /// Whether it looks like one that is known and is not it.
    #[must_use]
    pub fn look_like(&self, domain: &str) -> bool {
        if self.has(domain) {
            return false;
        }
        let name = skeleton(name(domain));
        if name.len() < NAME_MIN {
            return self.seen.get(&name.len()).is_some_and(|names| names.contains(&name));
        }
        let lengths = name.len().saturating_sub(1)..=name.len().saturating_add(1);
        let near = self.seen.range(lengths).flat_map(|(_, names)| names);
        near.filter(|known| known.len() >= NAME_MIN).any(|known| is_near(known, &name))
    }
}

/// The label that names somebody: before `co.jp`, `com`.
fn name(domain: &str) -> &str {
    /// Second levels that stand for a sort and not for somebody.
    const SORTS: [&str; 10] = ["co", "or", "ne", "ac", "go", "com", "net", "org", "gr", "ed"];
    let mut labels = domain.rsplit('.');
    let _ending = labels.next();
    let second = labels.next().unwrap_or(domain);
    match labels.next() {
        Some(third) if SORTS.contains(&second) => third,
        _ => second,
    }
}

/// What is seen of a name.
fn skeleton(name: &str) -> Vec<char> {
    let letters: String = name.chars().filter(|letter| *letter != '-' && *letter != '_').map(latin).collect();
    letters.replace("rn", "m").replace("vv", "w").chars().collect()
}

/// The Latin letter that a character looks like: the pairs used most (Unicode TR39, confusables).
const fn latin(letter: char) -> char {
    match letter {
        '0' | 'о' | 'ο' | 'ö' | 'ó' | 'ò' => 'o',
        '1' | 'l' | 'і' | 'ι' | 'ı' | 'í' | 'ì' | '!' => 'i',
        '3' | 'е' | 'ё' | 'é' | 'è' | 'ê' => 'e',
        '5' | 'ѕ' => 's',
        'а' | 'α' | 'á' | 'à' | 'ä' => 'a',
        'р' | 'ρ' => 'p',
        'с' | 'ç' => 'c',
        'у' | 'γ' | 'ý' => 'y',
        'х' | 'χ' => 'x',
        'ν' => 'v',
        'к' | 'κ' => 'k',
        'ü' | 'ú' | 'ù' => 'u',
        other => other,
    }
}

/// Whether one letter more, less or other, or two neighbours swapped, make one of the other, or they are the same.
fn is_near(one: &[char], other: &[char]) -> bool {
    let start = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.get(start..).unwrap_or(&[]), other.get(start..).unwrap_or(&[]));
    let end = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    let rest = |letters: &[char]| letters.len().saturating_sub(end);
    match (rest(one), rest(other)) {
        (0 | 1, 0 | 1) => true,
        (2, 2) => one.first() == other.get(1) && one.get(1) == other.first(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Domains;

    #[test]
    fn what_looks_like_a_known_domain() {
        let domains = Domains::new(["sekisho.co.jp", "example.com", "abc.jp"].map(str::to_owned));
        for (domain, expected) in [
            ("sekisho.co.jp", false),
            ("mail.sekisho.co.jp", false),
            ("sekisho.com", true),
            ("sekish0.co.jp", true),
            ("sekiisho.co.jp", true),
            ("sekihso.co.jp", true),
            ("sekish.jp", true),
            ("ѕеkіѕhо.jp", true),
            ("exarnple.com", true),
            ("ex-ample.com", true),
            ("kurenai.co.jp", false),
            ("abd.jp", false),
            ("abc.com", true),
            ("sekishosekisho.jp", false),
        ] {
            assert_eq!(domains.look_like(domain), expected, "{domain}");
        }
        assert!(!Domains::default().look_like("sekisho.co.jp"));
    }
}
