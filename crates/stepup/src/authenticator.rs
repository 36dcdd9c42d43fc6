//! What a customer proves themselves with, as it is kept: its kind, name, age, and how long it must cool off before it may let
//! money out. Must not know how a proof is checked.
//!
//! Whoever took over a session enrols an authenticator of their own first. So a new one waits before it can confirm a procedure
//! (12 hours unless the broker chooses otherwise: MAS and ABS, 2024), and its owner is told; unless an old strong one confirmed it.

use model::time::HOUR_US;
use model::{CustomerId, EventKind, Time, unseen};
use serde::{Deserialize, Serialize};

use crate::challenge::{Method, Passed};
use crate::recovery;
use crate::totp::Totp;

/// Authenticators a customer may have.
pub const AUTHENTICATORS_MAX: usize = 20;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 40;
/// How long a new one waits, unless it is told.
pub const COOLING_HOURS: u32 = 12;

/// An authenticator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Authenticator {
    /// By which it is named.
    pub id: [u8; 16],
    /// Whose.
    pub customer: CustomerId,
    /// What it is.
    pub kind: Kind,
    /// What its owner calls it.
    pub name: String,
    /// When it was enrolled.
    pub made: Time,
    /// From when on it confirms procedures.
    pub matures: Time,
    /// When it was used last.
    pub used: Option<Time>,
    /// When it first looked like a copy: its counter did not grow.
    pub cloned: Option<Time>,
    /// Until when it is good, where another one replaced it: until that one counts.
    pub ends: Option<Time>,
}

/// What it is, and what is kept to check it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// WebAuthn credential: what the library that checks it keeps, as JSON.
    Passkey(String),
    /// Time-based codes.
    Totp(Totp),
    /// Recovery codes.
    Recovery(recovery::Set),
}

impl Kind {
    /// How it proves.
    #[must_use]
    pub const fn method(&self) -> Method {
        match self {
            Self::Passkey(_) => Method::Passkey,
            Self::Totp(_) => Method::Totp,
            Self::Recovery(_) => Method::Recovery,
        }
    }
}

impl Authenticator {
    /// From when on one enrolled now confirms procedures: at once if `with`, a proof just given, was by a passkey that had
    /// itself matured; else after so many hours.
    #[must_use]
    pub fn matures(now: Time, with: Option<&Passed>, hours: u32) -> Time {
        let waits = !with.is_some_and(|passed| passed.method == Method::Passkey && passed.matured);
        if waits { now.plus_us(i64::from(hours).saturating_mul(HOUR_US)) } else { now }
    }

    /// From when on it counts: never if it looked like a copy, which may be somebody else's.
    #[must_use]
    pub fn counts_from(&self) -> Time {
        if self.cloned.is_some() { Time::MAX } else { self.matures }
    }

    /// Whether it counts by now.
    #[must_use]
    pub fn counts(&self, now: Time) -> bool {
        now >= self.counts_from()
    }

    /// Whether it is still there: what was replaced goes when what replaced it counts.
    #[must_use]
    pub fn is_there(&self, now: Time) -> bool {
        self.ends.is_none_or(|ends| now < ends)
    }

    /// What becomes of it when another one takes its place: it stays until that one counts; its owner did not replace it, perhaps. None
    /// where it goes at once.
    #[must_use]
    pub fn replaced_by(self, new: &Self, now: Time) -> Option<Self> {
        let stays = self.is_there(now) && self.cloned.is_none() && now < new.matures;
        stays.then_some(Self { ends: Some(new.matures), ..self })
    }

    /// As it is once its owner said that it was not them: who replaced it may have been somebody else.
    #[must_use]
    pub fn brought_back(self, reported: Time) -> Self {
        Self { ends: self.ends.filter(|ends| *ends <= reported), ..self }
    }

    /// Whether it had not cooled off when its owner said that it was not them: then it may be a thief's, and counts for nothing until
    /// somebody identified the owner.
    #[must_use]
    pub fn is_in_doubt(&self, reported: Time) -> bool {
        self.matures > reported
    }

    /// As it is once its owner was identified: what was in doubt is as new as if it had been enrolled at that moment.
    #[must_use]
    pub fn settled(self, reported: Time, identified: Time, hours: u32) -> Self {
        let was_in_doubt = self.is_in_doubt(reported) && self.made <= identified;
        let again = if was_in_doubt { Self::matures(identified, None, hours) } else { self.matures };
        Self { matures: self.matures.max(again), ..self }
    }

    /// Whether it may confirm this now.
    #[must_use]
    pub fn confirms(&self, kind: EventKind, now: Time) -> bool {
        answers(kind, self.counts_from(), now)
    }
}

/// Of those of one method, the ones that answer: what counts, and while nothing does, the first; what came after may be a thief's.
#[must_use]
pub fn first_of(mut of_one_method: Vec<Authenticator>, now: Time) -> Vec<Authenticator> {
    if of_one_method.iter().any(|each| each.counts(now)) {
        of_one_method.retain(|each| each.counts(now));
    } else {
        of_one_method.sort_by_key(|each| (each.cloned.is_some(), each.made));
        of_one_method.truncate(1);
    }
    of_one_method
}

/// Whether what counts from then on – `Time::MAX` if it looked like a copy – may answer for this now. A copy still signs in: who has
/// nothing else would be locked out by a key that counts badly.
#[must_use]
pub fn answers(kind: EventKind, counts_from: Time, now: Time) -> bool {
    let young = !needs_mature(kind) && counts_from < Time::MAX;
    now >= counts_from || young || matches!(kind, EventKind::Login)
}

/// Whether only an authenticator that cooled off confirms it: what moves money or securities, or changes who can reach them. Orders, too:
/// the hijacked accounts of 2025 lost their money by them, and whoever is in a session enrols an authenticator in a minute.
#[must_use]
pub const fn needs_mature(kind: EventKind) -> bool {
    kind.is_procedure() || matches!(kind, EventKind::PaymentInstruction | EventKind::Order)
}

/// A name as it is kept: without control characters; `None` if it is longer than allowed, if it holds signs that nobody sees or that turn
/// the direction of text, by which it would read as another one, or if nothing of it is seen.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let kept: String = text.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX + 1).collect();
    let is_plain = unseen::shows(&kept) && unseen::visible_name(&kept) == kept;
    (is_plain && kept.chars().count() <= NAME_CHARS_MAX).then_some(kept)
}

#[cfg(test)]
mod tests {
    use model::time::HOUR_US;
    use model::{EventKind, Time};

    use super::{Authenticator, Kind, answers, first_of, name, needs_mature};
    use crate::challenge::{Method, Passed};

    #[test]
    fn a_new_one_waits_unless_an_old_passkey_confirmed_it() {
        let now = Time::from_us(1_600_000_000_000_000).unwrap();
        let later = now.plus_us(12 * HOUR_US);
        let passed = |method, matured| Passed { method, authenticator: None, at: now, matured };
        for (with, expected) in [
            (None, later),
            (Some(passed(Method::Passkey, true)), now),
            (Some(passed(Method::Passkey, false)), later),
            (Some(passed(Method::Totp, true)), later),
            (Some(passed(Method::Recovery, true)), later),
        ] {
            assert_eq!(Authenticator::matures(now, with.as_ref(), 12), expected, "{with:?}");
        }
    }

    #[test]
    fn what_was_new_at_a_report_cools_off_again_once_its_owner_was_identified() {
        let at = |hours: i64| Time::from_us(1_600_000_000_000_000 + hours * HOUR_US).unwrap();
        let (reported, identified) = (at(20), at(40));
        for (made, matures, in_doubt, settled) in [
            // Cooled off long ago, and just then; confirmed by an old passkey.
            (at(0), at(12), false, at(12)),
            (at(8), at(20), false, at(20)),
            (at(19), at(19), false, at(19)),
            // New at the report, even where it would have cooled off before its owner was identified.
            (at(9), at(21), true, at(52)),
            (at(19), at(31), true, at(52)),
            // Enrolled since.
            (at(41), at(53), true, at(53)),
        ] {
            let new = Authenticator {
                id: [1; 16],
                customer: "C1".parse().unwrap(),
                kind: Kind::Passkey(String::new()),
                name: "mine".to_owned(),
                made,
                matures,
                used: None,
                cloned: None,
                ends: None,
            };
            assert_eq!(new.is_in_doubt(reported), in_doubt, "{matures}");
            let new = new.settled(reported, identified, 12);
            assert_eq!(new.matures, settled, "{matures}");
            assert_eq!(
                new.clone().settled(reported, identified, 12),
                new,
                "told twice, it does not wait longer"
            );
        }
    }

    #[test]
    fn what_was_replaced_stays_until_the_new_one_counts_and_comes_back_with_a_report() {
        let at = |hours: i64| Time::from_us(1_600_000_000_000_000 + hours * HOUR_US).unwrap();
        let one = |id: u8, made, matures| Authenticator {
            id: [id; 16],
            customer: "C1".parse().unwrap(),
            kind: Kind::Passkey(String::new()),
            name: "mine".to_owned(),
            made,
            matures,
            used: None,
            cloned: None,
            ends: None,
        };
        let (old, new) = (one(1, at(0), at(12)), one(2, at(20), at(32)));
        let replaced = old.clone().replaced_by(&new, at(20)).unwrap();
        assert_eq!(
            (replaced.ends, replaced.is_there(at(31)), replaced.is_there(at(32))),
            (Some(at(32)), true, false)
        );
        assert_eq!(replaced.clone().brought_back(at(31)), old);
        assert_eq!(replaced.clone().brought_back(at(32)), replaced, "its time was over");
        // Replaced once more, it waits for the last one; what is new itself goes.
        let newer = one(3, at(22), at(34));
        assert_eq!(replaced.clone().replaced_by(&newer, at(22)).unwrap().ends, Some(at(34)));
        assert_eq!(new.clone().replaced_by(&newer, at(22)).unwrap().ends, Some(at(34)));
        for (of, now, first) in [
            (vec![new.clone(), old.clone()], 22, vec![1]),
            (vec![newer.clone(), new.clone()], 22, vec![2]),
            (vec![newer.clone(), new], 40, vec![3, 2]),
            (Vec::new(), 22, Vec::new()),
        ] {
            let answer = first_of(of, at(now));
            assert_eq!(answer.iter().map(|each| each.id[0]).collect::<Vec<_>>(), first, "after {now} h");
        }
        assert_eq!(old.replaced_by(&one(4, at(20), at(20)), at(20)), None, "an old passkey confirmed it");
        assert_eq!(replaced.replaced_by(&newer, at(32)), None);
    }

    #[test]
    fn only_what_moves_nothing_does_not_wait() {
        for (kind, waits) in [
            (EventKind::Login, false),
            (EventKind::ProfileView, false),
            (EventKind::Order, true),
            (EventKind::Withdrawal, true),
            (EventKind::BankAccountChange, true),
            (EventKind::ContactChange, true),
            (EventKind::FactorEnroll, true),
            (EventKind::PaymentInstruction, true),
        ] {
            assert_eq!(needs_mature(kind), waits, "{kind:?}");
        }
    }

    #[test]
    fn what_looks_like_a_copy_signs_in_and_nothing_else() {
        let now = Time::from_us(1_600_000_000_000_000).unwrap();
        for (kind, young, copied) in [
            (EventKind::Login, true, true),
            (EventKind::Order, false, false),
            (EventKind::ProfileView, true, false),
            (EventKind::Withdrawal, false, false),
            (EventKind::PaymentInstruction, false, false),
        ] {
            assert_eq!(answers(kind, now.plus_us(1), now), young, "{kind:?}");
            assert_eq!(answers(kind, Time::MAX, now), copied, "{kind:?}");
            assert!(answers(kind, now, now), "{kind:?}");
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(name("  母の\u{7}iPhone "), Some("母のiPhone".to_owned()));
        assert_eq!(name(&"x".repeat(40)).unwrap().len(), 40);
        assert_eq!(name(&"x".repeat(41)), None, "cut, it would be another one");
        assert_eq!(name(" \n"), None);
        assert_eq!(name("phone\u{202e}enim"), None, "it would read as mine");
        assert_eq!(name("\u{2067}phone\u{2069}"), None);
    }
}
