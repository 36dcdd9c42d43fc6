//! Candidate passwords, judged: the lists a server has, the estimator, and how many are judged at once. Nothing of a candidate
//! is kept or told anywhere. Must not know HTTP, nor what a rule asks for: that is `stepup::password`'s.

pub mod build;
mod estimate;
mod rate;
mod texts;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stepup::password::{
    Candidate, Filter, Judgement, Known, OtherVerifier, Personal, Profile, Question, Symbols,
};
use tokio::sync::Semaphore;

pub use estimate::LENGTH_MAX as ESTIMATED_LENGTH_MAX;
pub(crate) use rate::Rates;
pub use texts::text;

const COMMON: &str = include_str!("../../../config/common-passwords.txt");
const WORDS: &str = include_str!("../../../config/password-words.txt");

/// Names of the service that a password may not be made of, at most.
const SERVICE_NAMES_MAX: usize = 16;
/// Candidates with a verifier that are judged at once: each may take 64 MiB and a second.
const SLOW_MAX: usize = 2;
/// How long a candidate waits for its turn.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// How passwords are judged.
#[derive(Debug, Clone)]
pub struct PasswordOptions {
    /// The profile of candidates for which no other is asked.
    pub profile: Profile,
    /// A list that `sekisho passwords build` made.
    pub list: Option<PathBuf>,
    /// Names of the service.
    pub service_names: Vec<String>,
    /// Candidates a second of one API key, about.
    pub key_per_s: u32,
    /// Candidates a minute of one customer, about.
    pub customer_per_min: u32,
}

impl Default for PasswordOptions {
    fn default() -> Self {
        let profile = Profile::default();
        Self { profile, list: None, service_names: Vec::new(), key_per_s: 50, customer_per_min: 60 }
    }
}

/// Why lists cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The list cannot be read.
    #[error("{path}: reading the password list failed")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The list is none.
    #[error("{path}: {source}")]
    List {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: stepup::password::FilterError,
    },
    /// There are too many names.
    #[error("service_names has {0} names; allowed: at most {SERVICE_NAMES_MAX}")]
    Names(usize),
}

/// What judges candidates.
#[derive(Debug)]
pub struct Judge {
    profile: Profile,
    known: Known,
}

/// What is asked of a candidate.
#[derive(Debug)]
pub struct Asked {
    /// It.
    pub candidate: Candidate,
    /// What is known of the customer.
    pub personal: Personal,
    /// A verifier of the customer's other password.
    pub other: Option<OtherVerifier>,
    /// Whether another factor is asked for beside it.
    pub with_other_factor: bool,
    /// Another profile than the usual one.
    pub profile: Option<Profile>,
}

impl Judge {
    /// With the lists of this configuration.
    ///
    /// # Errors
    /// A list cannot be read, or is none.
    pub fn new(options: &PasswordOptions) -> Result<Self, PasswordError> {
        if options.service_names.len() > SERVICE_NAMES_MAX {
            return Err(PasswordError::Names(options.service_names.len()));
        }
        let filter = options.list.as_deref().map(read_list).transpose()?;
        let known = Known::new(COMMON, WORDS, &options.service_names).with_filter(filter);
        // Makes the estimator's dictionaries, so that the first customer does not wait for them.
        let _made = estimate::estimate(&Candidate::from("dictionaries".to_owned()), &Personal::default());
        Ok(Self { profile: options.profile, known })
    }

    /// The profile by which this is judged.
    #[must_use]
    pub fn profile(&self, asked: &Asked) -> Profile {
        asked.profile.unwrap_or(self.profile)
    }

    /// Judges a candidate. Takes milliseconds without a verifier, and up to a second with one.
    #[must_use]
    pub fn judge(&self, asked: &Asked) -> Judgement {
        let estimate = estimate::estimate(&asked.candidate, &asked.personal);
        let question = Question {
            candidate: &asked.candidate,
            with_other_factor: asked.with_other_factor,
            personal: &asked.personal,
            other: asked.other.as_ref(),
            estimate,
        };
        stepup::password::judge(&self.profile(asked), &self.known, &question)
    }
}

/// Reads a list that `sekisho passwords build` made.
///
/// # Errors
/// It cannot be read, or is none.
pub fn read_list(path: &Path) -> Result<Filter, PasswordError> {
    let bytes = std::fs::read(path).map_err(|source| PasswordError::Io { path: path.to_owned(), source })?;
    Filter::from_bytes(&bytes).map_err(|source| PasswordError::List { path: path.to_owned(), source })
}

/// The profile of this name, asking for symbols or not.
///
/// # Errors
/// There is none; the text says which there are.
pub fn profile(name: &str, symbols: bool) -> Result<Profile, String> {
    let profile = Profile::named(name).ok_or_else(|| {
        let names = Profile::ALL.map(|profile| profile.name).join(", ");
        format!("came {:?}; allowed: {names}", name.chars().take(64).collect::<String>())
    })?;
    Ok(if symbols { profile.with_symbols(Symbols::Required) } else { profile })
}

/// Why a candidate is not judged now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotNow {
    /// Too many others are.
    Busy,
    /// It broke off.
    Ended,
}

/// The service of a running server: judges a few at once, each on a thread that may take its time.
#[derive(Debug)]
pub(crate) struct Passwords {
    judge: Arc<Judge>,
    pub(crate) rates: Rates,
    quick: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

impl Passwords {
    /// # Errors
    /// A list cannot be read, or is none.
    pub(crate) fn new(options: &PasswordOptions) -> Result<Self, PasswordError> {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            judge: Arc::new(Judge::new(options)?),
            rates: Rates::new(options.key_per_s, options.customer_per_min),
            quick: Arc::new(Semaphore::new(at_once)),
            slow: Arc::new(Semaphore::new(SLOW_MAX)),
        })
    }

    /// Judges a candidate; tells by which profile.
    pub(crate) async fn judge(&self, asked: Asked) -> Result<(Judgement, Profile), NotNow> {
        let permits = if asked.other.is_some() { &self.slow } else { &self.quick };
        let permit = tokio::time::timeout(WAIT_MAX, Arc::clone(permits).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(NotNow::Busy) };
        let judge = Arc::clone(&self.judge);
        let judging = tokio::task::spawn_blocking(move || {
            let _until_done = permit;
            (judge.judge(&asked), judge.profile(&asked))
        });
        judging.await.map_err(|_broken| NotNow::Ended)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::{Asked, Candidate, Judge, PasswordOptions, Personal, profile};

    fn judged(text: &str, with_other_factor: bool, name: &str) -> (u8, String) {
        let judge = Judge::new(&PasswordOptions::default()).unwrap();
        let mut personal = Personal::default();
        personal.add("ヤマダ タロウ");
        let asked = Asked {
            candidate: Candidate::new(Zeroizing::new(text.to_owned())),
            personal,
            other: None,
            with_other_factor,
            profile: Some(profile(name, false).unwrap()),
        };
        let judgement = judge.judge(&asked);
        let rules: Vec<&str> = judgement.findings.iter().map(|finding| finding.rule.as_str()).collect();
        (judgement.score, rules.join(" "))
    }

    #[test]
    fn the_estimator_weighs_too() {
        for (text, with_other_factor, name, expected) in [
            ("correct zebra anthem mailbox", false, "nist-800-63b-4", (4, "")),
            ("aaaaaaaaaaaaaaaa", false, "nist-800-63b-4", (0, "repeat guessable")),
            ("passwordpassword", false, "nist-800-63b-4", (0, "repeat guessable")),
            ("blue9Kettle!v", true, "broker-classic", (4, "word")),
            ("kX7#qmTp2v", true, "broker-classic", (3, "")),
            ("yamadataro", true, "nist-800-63b-4", (0, "personal guessable")),
            ("password", true, "nist-800-63b-4", (0, "common guessable")),
            ("", true, "nist-800-63b-4", (0, "length_min guessable")),
        ] {
            let (score, rules) = judged(text, with_other_factor, name);
            assert_eq!((score, rules.as_str()), expected, "{text}");
        }
        assert!(profile("classic", false).unwrap_err().contains("broker-classic"));
    }

    #[test]
    fn lists_that_are_none_are_refused_with_their_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "password\n").unwrap();
        let options = PasswordOptions { list: Some(file.path().to_owned()), ..PasswordOptions::default() };
        let error = Judge::new(&options).unwrap_err().to_string();
        assert!(error.contains(&file.path().display().to_string()) && error.contains("SEKIPASS"), "{error}");
        let options = PasswordOptions { list: Some("/nothing/here".into()), ..options };
        assert!(Judge::new(&options).is_err());
    }
}
