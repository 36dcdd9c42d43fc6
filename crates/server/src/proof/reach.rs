//! Where a customer is reached: by contacts of the profile that stood there before anything changed. Whoever took an account over
//! registers a number of their own first, so a new one waits as long as a new authenticator does. Must not know what is sent.

use model::time::HOUR_US;
use model::{ContactType, CustomerId, Time};
use stepup::Method;

use super::reports::Settling;
use super::{ProofError, Proofs};
use crate::pages::texts::Texts;
use crate::profile::{self, Profile};

/// Where a customer is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    phone: Option<String>,
    mail: Option<String>,
    /// If the profile tells a language.
    japanese: Option<bool>,
}

impl Reach {
    /// By the first contacts of each type that stood in the profile for so many hours at this time; longer where that was in doubt.
    fn of(profile: &Profile, hours: u32, settling: Option<Settling>, at: Time) -> Self {
        let waits_us = i64::from(hours).saturating_mul(HOUR_US);
        let counts_from = |since: Time| {
            let counts = since.plus_us(waits_us);
            settling.map_or(counts, |settling| settling.counts_from(since, counts, waits_us))
        };
        let first = |sort: ContactType| {
            let mut old = profile.contacts.iter().filter(|contact| {
                contact.r#type == sort && contact.since.is_none_or(|since| counts_from(since) <= at)
            });
            old.next().map(|contact| contact.value.as_str().to_owned())
        };
        Self {
            phone: first(ContactType::Phone),
            mail: first(ContactType::Email),
            japanese: profile.reads_japanese(),
        }
    }

    /// The language of what reaches them: the profile's; else that of the page on which it was asked for, if it was; else Japanese.
    pub(crate) fn texts(&self, page: Option<Texts>) -> Texts {
        let told = self.japanese.map(|japanese| Texts { japanese });
        told.or(page).unwrap_or(Texts { japanese: true })
    }

    /// Where a method reaches them.
    pub(crate) fn by(&self, method: Method) -> Option<&str> {
        match method {
            Method::Sms | Method::Phone => self.phone.as_deref(),
            Method::Mail => self.mail.as_deref(),
            Method::Passkey | Method::Paper | Method::Totp | Method::Recovery => None,
        }
    }

    /// The same as it is shown.
    pub(crate) fn masked(&self, method: Method) -> Option<String> {
        let kind = if method == Method::Mail { model::mask::Kind::Email } else { model::mask::Kind::Phone };
        self.by(method).map(|value| model::mask::value(kind, value))
    }
}

impl Proofs {
    /// Where this customer is reached by contacts that had settled at this time, and before they said that it was not them, if they did.
    pub(super) async fn reach(&self, customer: &CustomerId, at: Time) -> Result<Reach, ProofError> {
        let reports = self.reports(customer).await?;
        let at = reports.since().map_or(at, |since| since.min(at));
        self.reached(customer, reports.settling(), at).await
    }

    /// The same by what settled since they said so, too, which may be the thief's.
    pub(super) async fn reach_in_doubt(&self, customer: &CustomerId, at: Time) -> Result<Reach, ProofError> {
        self.reached(customer, None, at).await
    }

    async fn reached(
        &self,
        customer: &CustomerId,
        settling: Option<Settling>,
        at: Time,
    ) -> Result<Reach, ProofError> {
        let sealed = profile::sealed(&self.sequencer, customer).await?;
        let opened = sealed.and_then(|sealed| profile::open(&self.secret, customer, &sealed));
        let hours = self.settings.cooling_hours;
        Ok(opened.map_or_else(Reach::default, |profile| Reach::of(&profile, hours, settling, at)))
    }

    /// Whether this customer reads Japanese: unless the profile says otherwise.
    pub(crate) async fn reads_japanese(&self, customer: &CustomerId) -> Result<bool, ProofError> {
        let sealed = profile::sealed(&self.sequencer, customer).await?;
        let opened = sealed.and_then(|sealed| profile::open(&self.secret, customer, &sealed));
        Ok(opened.and_then(|profile| profile.reads_japanese()).unwrap_or(true))
    }

    /// Ways to answer that need nothing but a contact, as far as they are set up and there is one now; each with the time from when
    /// on it confirms procedures, which is over.
    pub(super) async fn ways_to_reach(
        &self,
        customer: &CustomerId,
        now: Time,
    ) -> Result<Vec<(Method, Time)>, ProofError> {
        let is_set_up = |method: &Method| match method {
            Method::Phone => self.settings.calls.offered,
            sent => self.gateway.as_ref().is_some_and(|gateway| gateway.sends(*sent)),
        };
        let mut ways: Vec<Method> =
            [Method::Sms, Method::Mail, Method::Phone].into_iter().filter(is_set_up).collect();
        if !ways.is_empty() {
            let reach = self.reach(customer, now).await?;
            ways.retain(|method| reach.by(*method).is_some());
        }
        Ok(ways.into_iter().map(|method| (method, now)).collect())
    }
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::HOUR_US;
    use stepup::Method;

    use super::{Reach, Texts};
    use crate::profile::{Contact, Profile};

    #[test]
    fn messages_are_in_the_language_of_the_profile_or_else_of_the_page() {
        for (told, page, japanese) in [
            (Some(false), Some(true), false),
            (Some(true), Some(false), true),
            (None, Some(false), false),
            (None, None, true),
        ] {
            let reach = Reach { japanese: told, ..Reach::default() };
            let page = page.map(|japanese| Texts { japanese });
            assert_eq!(reach.texts(page), Texts { japanese }, "{told:?} {page:?}");
        }
    }

    #[test]
    fn a_contact_that_just_changed_is_not_used() {
        let now: Time = "2026-01-01T00:00:00Z".parse().unwrap();
        let profile = |contacts: &[(&str, &str, Option<i64>)]| {
            let contact = |(sort, value, hours): &(&str, &str, Option<i64>)| Contact {
                r#type: sort.parse().unwrap(),
                value: value.parse().unwrap(),
                since: hours.map(|hours| now.plus_us(-hours * HOUR_US)),
            };
            Profile {
                holder: None,
                contacts: contacts.iter().map(contact).collect(),
                language: None,
                opened: None,
            }
        };
        /// Contacts with the hours since when they are known, and where SMS and mail go.
        type Case<'a> = (&'a [(&'a str, &'a str, Option<i64>)], Option<&'a str>, Option<&'a str>);
        let cases: [Case<'_>; 7] = [
            (&[], None, None),
            (&[("phone", "1", None), ("email", "a@x.jp", Some(12))], Some("1"), Some("a@x.jp")),
            (&[("phone", "1", Some(1)), ("email", "a@x.jp", Some(11))], None, None),
            (
                &[("phone", "new", Some(1)), ("phone", "old", Some(99)), ("phone", "older", None)],
                Some("old"),
                None,
            ),
            (&[("phone", "1", Some(0))], None, None),
            (&[("phone", "1", Some(-5))], None, None),
            (&[("address", "東京都", None)], None, None),
        ];
        for (contacts, phone, mail) in cases {
            let reach = Reach::of(&profile(contacts), 12, None, now);
            assert_eq!((reach.by(Method::Sms), reach.by(Method::Mail)), (phone, mail), "{contacts:?}");
            assert_eq!(reach.by(Method::Phone), phone);
            assert_eq!(reach.by(Method::Totp), None);
        }
        let just_now = profile(&[("phone", "090-1234-5678", Some(0))]);
        let reach = Reach::of(&just_now, 0, None, now);
        assert_eq!(
            reach.masked(Method::Sms).as_deref(),
            Some("•••••••••••78"),
            "nothing waits where nothing is to"
        );
    }
}
