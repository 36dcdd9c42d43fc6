//! What a format must do: turn one record into rows, or say why not. Must not know files, blocks or threads.

use std::borrow::Cow;

use model::client::UserAgentText;
use model::event::{EventId, Reason, UsernameHash};
use model::{CustomerId, Event, Invalid};

use super::blocks::Shape;
use super::cells::Cells;
use super::sshd::Calendar;
use super::tally::Facts;
use crate::rows::{AccountHasher, Recorded, RowBuffer};

/// Reads the records of one format. One parser serves one file and all threads.
pub(crate) trait Parser: Send + Sync {
    /// What ends a record.
    fn shape(&self) -> Shape {
        Shape::Lines
    }

    /// Turns one record (never blank, never too long) into at least one row, or says what else it is.
    fn record(&self, record: &Record<'_>, out: &mut Out<'_>) -> Result<Fate, Refusal>;

    /// The year and month in which the file's first line lies, for formats whose times have no year.
    fn calendar(&self) -> Option<Calendar> {
        None
    }
}

/// One record and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    /// Without line break.
    pub(crate) bytes: &'a [u8],
    /// Number of its first line, from 1.
    pub(crate) line: u64,
    /// Where in the years this line lies; only for formats with [`Parser::calendar`].
    pub(crate) calendar: Calendar,
}

impl<'a> Record<'a> {
    pub(crate) fn text(&self) -> Result<&'a str, Refusal> {
        std::str::from_utf8(self.bytes).map_err(|error| {
            let problem = format!("not UTF-8 at byte {} of the line", error.valid_up_to().saturating_add(1));
            Refusal::line("not UTF-8", problem)
        })
    }
}

/// What became of a record that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It gave one or more rows.
    Rows,
    /// It is in order but is no access; says what it is instead.
    Ignored(Cow<'static, str>),
}

impl Fate {
    pub(crate) const fn ignored(what: &'static str) -> Self {
        Self::Ignored(Cow::Borrowed(what))
    }
}

/// Why a record cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The record is rejected and the run goes on.
    #[error("{reason}")]
    Line {
        /// What such rejections are counted under.
        group: Cow<'static, str>,
        /// In full, for the file of rejected lines.
        reason: String,
    },
    /// The run cannot go on, because an option is missing or wrong.
    #[error("{0}")]
    Run(String),
}

impl Refusal {
    pub(crate) fn line(group: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self::Line { group: group.into(), reason: reason.into() }
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Self::line(format!("field `{}`", invalid.field), invalid.to_string())
    }
}

/// Where the rows of a block go, with memory that its records share.
pub(crate) struct Out<'a> {
    rows: RowBuffer,
    pub(crate) facts: Facts,
    /// What identifiers begin with when the source has none.
    name: &'a str,
    accounts_kept: bool,
    /// Reused by the formats with cells.
    pub(crate) cells: Cells,
}

impl<'a> Out<'a> {
    /// `rows` is about how many are expected.
    pub(crate) fn new(name: &'a str, accounts: &AccountHasher, rows: usize) -> Self {
        Self {
            rows: RowBuffer::with_capacity(accounts.clone(), rows),
            facts: Facts::default(),
            name,
            accounts_kept: accounts.is_keyed(),
            cells: Cells::default(),
        }
    }

    pub(crate) fn push(&mut self, event: &Event, recorded: Recorded) {
        let facts = &mut self.facts;
        facts.rows += 1;
        facts.first = Some(facts.first.map_or(event.time, |first| first.min(event.time)));
        facts.last = Some(facts.last.map_or(event.time, |last| last.max(event.time)));
        facts.without_customer += u64::from(event.customer.is_none());
        facts.without_ip += u64::from(event.client.ip.is_none());
        facts.accounts_dropped += u64::from(event.bank_account.is_some() && !self.accounts_kept);
        self.rows.push(event, recorded);
    }

    pub(crate) fn into_rows(self) -> (RowBuffer, Facts) {
        (self.rows, self.facts)
    }

    /// An identifier for a record without one: `<file name>:<line>`, and `.k` for the k-th row of one line.
    pub(crate) fn made_id(&mut self, line: u64, row: Option<u64>) -> Result<EventId, Refusal> {
        self.facts.ids_made += 1;
        let id = match row {
            None => format!("{}:{line}", self.name),
            Some(row) => format!("{}:{line}.{row}", self.name),
        };
        Ok(id.parse::<EventId>()?)
    }

    /// A user agent of a foreign log. One that cannot be held (too long, control characters) is left out and counted,
    /// because the access must not escape history by it.
    pub(crate) fn user_agent(&mut self, text: &str) -> Option<UserAgentText> {
        if text.is_empty() || text == "-" {
            return None;
        }
        let parsed = text.parse().ok();
        self.facts.user_agents_dropped += u64::from(parsed.is_none());
        parsed
    }
}

/// What identifiers made from a file's name begin with: at most 80 bytes, no control characters.
pub(crate) fn id_prefix(name: &str) -> String {
    const BYTES_MAX: usize = 80;
    let mut prefix = String::new();
    for character in name.chars().map(|character| if character.is_control() { '_' } else { character }) {
        if prefix.len().saturating_add(character.len_utf8()) > BYTES_MAX {
            break;
        }
        prefix.push(character);
    }
    if prefix.is_empty() { "input".to_owned() } else { prefix }
}

/// A sender's reason in its own words: control characters become spaces, and it is cut to what history holds.
pub(crate) fn reason_text(text: &str) -> Option<Reason> {
    const ELLIPSIS: char = '…';
    let mut short = String::new();
    for character in text.trim().chars() {
        let character = if character.is_control() { ' ' } else { character };
        if short.len() + character.len_utf8() + ELLIPSIS.len_utf8() > Reason::BYTES_MAX {
            short.push(ELLIPSIS);
            break;
        }
        short.push(character);
    }
    short.parse().ok()
}

/// A hash of a user name that belongs to nobody known: such names are often passwords typed into the wrong field.
pub(crate) fn username_hash(name: &[u8]) -> Option<UsernameHash> {
    let mut hasher = blake3::Hasher::new_derive_key("sekisho user name of nobody v1");
    hasher.update(name);
    hasher.finalize().to_hex().get(..32)?.parse().ok()
}

/// A customer as a foreign log names it.
pub(crate) fn customer(text: &str) -> Result<CustomerId, Refusal> {
    Ok(text.parse::<CustomerId>()?)
}

#[cfg(test)]
mod tests {
    use super::{id_prefix, reason_text, username_hash};

    #[test]
    fn made_texts_fit_their_limits() {
        assert_eq!(id_prefix("access.log"), "access.log");
        assert_eq!(id_prefix("a\nb"), "a_b");
        assert_eq!(id_prefix(""), "input");
        assert_eq!(id_prefix(&"顧".repeat(40)).len(), 78);
        assert_eq!(reason_text(" a\tb ").unwrap().as_str(), "a b");
        assert!(reason_text(&"理".repeat(200)).unwrap().as_str().ends_with('…'));
        assert_eq!(reason_text("  "), None);
        let hash = username_hash(b"hunter2").unwrap();
        assert_eq!(hash.as_str().len(), 32);
        assert_ne!(Some(hash), username_hash(b"hunter3"));
    }
}
