//! What is kept of a person: sealed before the journal, opened to be used or shown masked. Beside every contact stands since when it
//! is known, so that one that just changed is not used to prove anything. Must not know HTTP, nor what a contact is used for.

use engine::key::RecordKey;
use model::client::Language;
use model::details::ContactValue;
use model::{ContactType, CustomerId, HolderName, Time};
use serde::{Deserialize, Serialize};

use crate::envelope;
use crate::secret::Secret;
use crate::sequencer::{AskError, Handle};

/// What is kept of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// The name in kana.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) holder: Option<HolderName>,
    /// How the customer is reached, those to use first in front.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) contacts: Vec<Contact>,
    /// Language for notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<Language>,
    /// When the account was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) opened: Option<Time>,
}

/// A way to reach a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contact {
    /// Of which type.
    pub(crate) r#type: ContactType,
    /// The mail address, number or postal address.
    pub(crate) value: ContactValue,
    /// Since when it is known; none of profiles that were kept before this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Time>,
}

impl Profile {
    /// With contacts that stood in the one before known as long as there, and all others since now.
    pub(crate) fn following(mut self, before: Option<&Self>, now: Time) -> Self {
        let known = before.map_or(&[][..], |before| before.contacts.as_slice());
        for contact in &mut self.contacts {
            contact.since = match known.iter().find(|known| known.is_same(contact)) {
                Some(known) => known.since,
                None => Some(now),
            };
        }
        self
    }

    /// Whether the customer reads Japanese, if a language is told.
    pub(crate) fn reads_japanese(&self) -> Option<bool> {
        let first = self.language.as_ref()?.as_str().get(..2);
        Some(first.is_none_or(|first| first.eq_ignore_ascii_case("ja")))
    }
}

impl Contact {
    /// Whether it is the same one, though a number may be written in another way.
    fn is_same(&self, other: &Self) -> bool {
        let number = |contact: &Self| phone_number(contact.value.as_str());
        self.r#type == other.r#type
            && (self.value == other.value
                || self.r#type == ContactType::Phone && number(self) == number(other))
    }
}

/// A telephone number in one notation: ASCII digits, without what only divides them, and from Japan without the country: `09012345678`
/// for `+81 (0)90-1234-5678`, `０９０－１２３４－５６７８` and the like.
fn phone_number(text: &str) -> String {
    let wide = u32::from('！') - u32::from('!');
    let narrow = |c: char| match c {
        '！'..='～' => char::from_u32(u32::from(c).wrapping_sub(wide)).unwrap_or(c),
        c => c,
    };
    let counts = |c: &char| {
        !matches!(*c, '-' | '(' | ')' | '.' | '\u{2010}'..='\u{2015}' | '−' | 'ー' | 'ｰ')
            && !c.is_whitespace()
    };
    let number: String = text.chars().map(narrow).filter(counts).collect();
    match number.strip_prefix("+81") {
        Some(rest) => format!("0{}", rest.strip_prefix('0').unwrap_or(rest)),
        None => number,
    }
}

/// Seals what is kept of a customer.
///
/// # Errors
/// See [`envelope::seal`].
pub(crate) fn seal(secret: &Secret, customer: &CustomerId, profile: &Profile) -> std::io::Result<Vec<u8>> {
    let content = serde_json::to_vec(profile).map_err(std::io::Error::other)?;
    envelope::seal(secret.profile_key(), customer.as_str().as_bytes(), &content)
}

/// Opens an envelope; `None` if it is none of this customer's and of this folder's secret.
pub(crate) fn open(secret: &Secret, customer: &CustomerId, envelope: &[u8]) -> Option<Profile> {
    let content = envelope::open(secret.profile_key(), customer.as_str().as_bytes(), envelope)?;
    serde_json::from_slice(&content).ok()
}

/// What is kept sealed of a customer.
pub(crate) async fn sealed(sequencer: &Handle, id: &CustomerId) -> Result<Option<Vec<u8>>, AskError> {
    let (key, asked) = (RecordKey::profile(id.as_str()), id.clone());
    let look = move |state: &engine::State, _: &engine::Policy| {
        state.profile(asked.as_str()).map(|profile| profile.bytes.clone())
    };
    sequencer.look(vec![key], look).await
}

#[cfg(test)]
mod tests {
    use model::Time;

    use super::{Contact, Profile};

    fn profile(contacts: &[(&str, &str)], language: Option<&str>) -> Profile {
        let contact = |(sort, value): &(&str, &str)| Contact {
            r#type: sort.parse().unwrap(),
            value: value.parse().unwrap(),
            since: None,
        };
        let language = language.map(|language| language.parse().unwrap());
        Profile { holder: None, contacts: contacts.iter().map(contact).collect(), language, opened: None }
    }

    #[test]
    fn a_contact_is_known_since_it_stands_there() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        let (one, two, three) =
            (at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"), at("2026-03-01T00:00:00Z"));
        let phone = ("phone", "090-1234-5678");
        let first = profile(&[phone], None).following(None, one);
        assert_eq!(first.contacts[0].since, Some(one), "the first one too: who told it is not known");
        let second = profile(&[("email", "a@example.jp"), ("phone", "09012345678")], None);
        let second = second.following(Some(&first), two);
        assert_eq!(
            [second.contacts[0].since, second.contacts[1].since],
            [Some(two), Some(one)],
            "written otherwise"
        );
        let third = profile(&[("email", "A@example.jp"), ("phone", "090-1234-5679")], None);
        let third = third.following(Some(&second), three);
        assert_eq!([third.contacts[0].since, third.contacts[1].since], [Some(three); 2]);
        let back = profile(&[phone], None).following(Some(&third), three);
        assert_eq!(back.contacts[0].since, Some(three), "a number that was gone is a new one");
        // As profiles were kept before.
        let old = profile(&[phone], None);
        assert_eq!(profile(&[phone], None).following(Some(&old), one).contacts[0].since, None);
    }

    #[test]
    fn a_number_is_the_same_in_every_notation() {
        for written in [
            "090-1234-5678",
            "09012345678",
            "０９０－１２３４－５６７８",
            "０９０（１２３４）５６７８",
            "090‐1234–5678",
            "090ー1234ー5678",
            "+81 90 1234 5678",
            "+81-(0)90-1234-5678",
            "＋８１　９０　１２３４　５６７８",
        ] {
            assert_eq!(super::phone_number(written), "09012345678", "{written}");
        }
        for (one, other) in [("+1 90 1234 5678", "090-1234-5678"), ("8190-1234-5678", "090-1234-5678")] {
            assert_ne!(super::phone_number(one), super::phone_number(other));
        }
    }

    #[test]
    fn what_is_no_language_counts_as_japanese() {
        for (language, japanese) in [
            (None, None),
            (Some("ja"), Some(true)),
            (Some("ja-JP"), Some(true)),
            (Some("JA"), Some(true)),
            (Some("en-GB"), Some(false)),
            (Some("zh"), Some(false)),
            (Some("x"), Some(true)),
        ] {
            assert_eq!(profile(&[], language).reads_japanese(), japanese, "{language:?}");
        }
    }
}
