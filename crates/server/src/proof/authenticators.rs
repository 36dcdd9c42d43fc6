//! What customers prove themselves with: enrolled, shown, renamed, removed, by themselves on a visit or for them. What
//! they have confirms changes (`given`); what is new cools off. Must not know pages.

use model::time::HOUR_US;
use model::{Channel, CustomerId, EventKind, Factor, Outcome, Time};
use serde::Serialize;
use serde_json::Value;
use stepup::totp::Totp;
use stepup::{Action, Authenticator, Kind, Passed, action, authenticator, code, recovery};

use super::facts::Fact;
use super::given::{Given, May, Proven};
use super::handover::Visit;
use super::kept::Kept;
use super::keys::random;
use super::passkeys::credential_of;
use super::reports::Reports;
use super::room::room_for;
use super::{ProofError, Proofs};
use crate::envelope;
use crate::observe::Observer;
use crate::sequencer::AskError;

/// An authenticator as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Shown {
    /// By which it is renamed and removed.
    pub id: String,
    /// `passkey`, `totp` or `recovery`.
    pub method: &'static str,
    /// What its owner calls it.
    pub name: String,
    /// When it was enrolled.
    #[schema(value_type = String, format = DateTime)]
    pub made: Time,
    /// From when on it confirms procedures; none if it looked like a copy, which never does, or is in doubt.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub counts_from: Option<Time>,
    /// Whether it counts for nothing, not even to sign in, while the account is locked: it was new when the customer said that it was
    /// not them.
    pub in_doubt: bool,
    /// Until when it is good, where another one replaced it: until that one counts, or the customer says that it was not them.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ends: Option<Time>,
    /// When it was used last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub used: Option<Time>,
    /// When its counter did not grow, as that of a copy would not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cloned: Option<Time>,
    /// Recovery codes that are left.
    pub left: Option<usize>,
}

impl Shown {
    fn new(authenticator: &Authenticator, reports: Reports) -> Self {
        let in_doubt = reports.question(authenticator);
        let counts = authenticator.cloned.is_none() && !in_doubt;
        Self {
            id: data_encoding::HEXLOWER.encode(&authenticator.id),
            method: authenticator.kind.method().as_str(),
            name: authenticator.name.clone(),
            made: authenticator.made,
            counts_from: counts.then_some(authenticator.matures),
            in_doubt,
            ends: authenticator.ends,
            used: authenticator.used,
            cloned: authenticator.cloned,
            left: match &authenticator.kind {
                Kind::Recovery(set) => Some(set.left()),
                Kind::Passkey(_) | Kind::Totp(_) => None,
            },
        }
    }
}

/// A secret on its way to an authenticator app.
pub(crate) struct TotpBegun {
    /// Comes back with a code.
    pub(crate) token: String,
    /// To be typed.
    pub(crate) secret: String,
    /// For a QR code.
    pub(crate) uri: String,
}

/// Sealed for one visit: no other customer, and no later visit, can bring it.
fn totp_place(visit: &Visit) -> Vec<u8> {
    [b"totp ", visit.id().as_slice()].concat()
}

/// The identifier in its written form.
pub(crate) fn parse_id(text: &str) -> Option<[u8; 16]> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

impl Proofs {
    /// All that a customer has.
    pub(crate) async fn authenticators(&self, customer: &CustomerId) -> Result<Vec<Shown>, ProofError> {
        let reports = self.reports(customer).await?;
        Ok(self.has(customer).await?.iter().map(|each| Shown::new(each, reports)).collect())
    }

    /// Begins to enrol a passkey on a visit: what the browser is given.
    pub(crate) async fn begin_passkey(&self, visit: &Visit, name: &str) -> Result<Value, ProofError> {
        let change = visit.adding(Factor::Passkey, name)?;
        self.may_add(visit, &change).await?;
        self.check_room(&change).await?;
        let has = self.has(&visit.customer).await?;
        let credentials = passkeys_of(&has).iter().filter_map(|kept| credential_of(kept)).collect();
        let handle = self.keys.name("handle", visit.customer.as_str());
        self.passkeys.begin_enrolment(*visit.id(), handle, visit.customer.as_str(), credentials, self.now())
    }

    /// Ends it, and says whether it is new: whoever sends it again on the same visit, since no answer came, is told of the one that it
    /// enrolled.
    pub(crate) async fn end_passkey(
        &self,
        observer: &Observer,
        visit: &Visit,
        answer: Value,
        name: &str,
    ) -> Result<(Shown, bool), ProofError> {
        let _turn = self.turn(&visit.customer).await?;
        let change = visit.adding(Factor::Passkey, name)?;
        if let Some(enrolled) = self.enrolled_on(visit, &named(name)?, &answer).await? {
            self.tell_change(observer, &enrolled, EventKind::FactorEnroll, by_visit(visit)).await?;
            return Ok((Shown::new(&enrolled, self.reports(&visit.customer).await?), false));
        }
        let May { given, .. } = self.may_add(visit, &change).await?;
        let (credential, passkey) = self.passkeys.end_enrolment(visit.id(), answer, self.now())?;
        let handle = self.keys.name("handle", visit.customer.as_str());
        let enrolled = self.new_authenticator(visit, Kind::Passkey(passkey), name, given.passed())?;
        let kept = enrolled.clone();
        self.keeper
            .act(move |vault| {
                if vault.credential(&credential)?.is_some() {
                    return Err(ProofError::Conflict("this passkey is enrolled already".to_owned()));
                }
                check_no_doubt(vault, &kept.customer)?;
                room_for(vault, &change, kept.made)?;
                given.use_up(vault)?;
                vault.put_credential(&credential, &kept.customer)?;
                vault.put_handle(&handle, &kept.customer)?;
                vault.put_authenticator(&kept)
            })
            .await?;
        self.tell_change(observer, &enrolled, EventKind::FactorEnroll, by_visit(visit)).await?;
        Ok((Shown::new(&enrolled, Reports::default()), true))
    }

    /// The passkey of this answer, if it was enrolled on this visit, by this name.
    async fn enrolled_on(
        &self,
        visit: &Visit,
        name: &str,
        answer: &Value,
    ) -> Result<Option<Authenticator>, ProofError> {
        let credential = answer.get("rawId").and_then(Value::as_str);
        let credential = credential.and_then(|id| data_encoding::BASE64URL_NOPAD.decode(id.as_bytes()).ok());
        let Some(credential) = credential else { return Ok(None) };
        let enrolled = by_credential(self.has(&visit.customer).await?, &credential);
        Ok(enrolled.filter(|each| each.made >= visit.began() && each.name == name))
    }

    /// A new secret for an authenticator app. It is not kept before a code of it comes: until then it travels, sealed, with
    /// the page.
    pub(crate) async fn begin_totp(&self, visit: &Visit, name: &str) -> Result<TotpBegun, ProofError> {
        let change = visit.adding(Factor::Totp, name)?;
        let May { given, .. } = self.may_add(visit, &change).await?;
        self.check_room(&change).await?;
        let totp = Totp::new(random()?);
        let failed = |_error| ProofError::Broken("a secret cannot be sealed".to_owned());
        // Who has to get an app first takes longer than a proof waits: it goes with the secret, as long as the visit.
        let bytes = postcard::to_allocvec(&(&totp, &given.0)).map_err(failed)?;
        let sealed = envelope::seal(&self.keys.envelope, &totp_place(visit), &bytes);
        let sealed = sealed.map_err(|error| ProofError::Broken(error.to_string()))?;
        Ok(TotpBegun {
            token: data_encoding::BASE64URL_NOPAD.encode(&sealed),
            secret: totp.secret_text(),
            uri: totp.uri(&self.settings.name, visit.customer.as_str()),
        })
    }

    /// Keeps an app of which a code came, in place of an earlier one.
    pub(crate) async fn end_totp(
        &self,
        observer: &Observer,
        visit: &Visit,
        token: &str,
        given: &str,
        name: &str,
    ) -> Result<Shown, ProofError> {
        let _turn = self.turn(&visit.customer).await?;
        let change = visit.adding(Factor::Totp, name)?;
        let sealed = data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).ok();
        let bytes =
            sealed.and_then(|sealed| envelope::open(&self.keys.envelope, &totp_place(visit), &sealed));
        let begun = bytes.and_then(|bytes| postcard::from_bytes::<(Totp, Option<Proven>)>(&bytes).ok());
        let (mut totp, proven) =
            begun.ok_or_else(|| ProofError::Conflict("no enrolment is under way; begin again".to_owned()))?;
        let visit = &visit.with(proven.map(|proven| Proven { since: self.now(), ..proven }));
        let May { given: proof, .. } = self.may_add(visit, &change).await?;
        if !totp.take(&code::typed(given), self.now()) {
            let problem = "the code is not one of this app; look whether its clock is right";
            return Err(ProofError::invalid("code", problem));
        }
        let enrolled = self.new_authenticator(visit, Kind::Totp(totp), name, proof.passed())?;
        // One secret is enrolled once, however often its code is sent.
        let secret = (self.keys.name("enrolment", token), self.now().plus_us(HOUR_US));
        self.keep_only_one(&enrolled, (change, proof), Some(secret)).await?;
        self.tell_change(observer, &enrolled, EventKind::FactorEnroll, by_visit(visit)).await?;
        Ok(Shown::new(&enrolled, Reports::default()))
    }

    /// Makes a set of recovery codes in place of any earlier one; they are shown once.
    pub(crate) async fn make_recovery(
        &self,
        observer: &Observer,
        visit: &Visit,
        name: &str,
    ) -> Result<Vec<String>, ProofError> {
        let _turn = self.turn(&visit.customer).await?;
        let change = visit.adding(Factor::None, name)?;
        let May { given, .. } = self.may_add(visit, &change).await?;
        let (set, codes) = recovery::make(&self.keys.codes, &random()?);
        let enrolled = self.new_authenticator(visit, Kind::Recovery(set), name, given.passed())?;
        self.keep_only_one(&enrolled, (change, given), None).await?;
        self.tell_change(observer, &enrolled, EventKind::FactorEnroll, by_visit(visit)).await?;
        Ok(codes)
    }

    /// Gives one another name.
    pub(crate) async fn rename(&self, visit: &Visit, id: [u8; 16], name: &str) -> Result<Shown, ProofError> {
        let name = named(name)?;
        // By its name the customer tells their own from a stranger's.
        self.check_unlocked(&visit.customer).await?;
        let (customer, now) = (visit.customer.clone(), self.now());
        let renamed = self.keeper.act(move |kept| {
            let renamed = Authenticator { name, ..one_of(kept, &customer, &id, now)? };
            kept.put_authenticator(&renamed)?;
            Ok(renamed)
        });
        Ok(Shown::new(&renamed.await?, self.reports(&visit.customer).await?))
    }

    /// That one is removed, for its owner to confirm.
    pub(crate) async fn removal(&self, visit: &Visit, id: [u8; 16]) -> Result<Action, ProofError> {
        let (customer, now) = (visit.customer.clone(), self.now());
        let removed = self.keeper.act(move |kept| one_of(kept, &customer, &id, now)).await?;
        let (factor, name) = (factor_of(&removed.kind), Some(removed.name));
        let authenticator = Some(action::Authenticator { factor, id: Some(id), name });
        Ok(Action { authenticator, ..Action::bare(removed.customer, EventKind::FactorRemove) })
    }

    /// Removes one, by its owner.
    pub(crate) async fn remove(
        &self,
        observer: &Observer,
        visit: &Visit,
        id: [u8; 16],
    ) -> Result<(), ProofError> {
        let _turn = self.turn(&visit.customer).await?;
        let change = self.removal(visit, id).await?;
        let May { given, has_strong } = self.may_change(visit, &change).await?;
        // Who has no passkey that counts may be anybody in the customer's session.
        if !has_strong {
            self.check_unlocked(&visit.customer).await?;
        }
        // What looks like a copy never matures: it was another one.
        let by_another = given.passed().is_some_and(|with| with.matured && with.authenticator != Some(id));
        self.take_authenticator(observer, (&visit.customer, id), given, (by_another, by_visit(visit))).await
    }

    /// Removes one for a customer who cannot.
    pub(crate) async fn remove_for(
        &self,
        observer: &Observer,
        customer: &CustomerId,
        id: [u8; 16],
    ) -> Result<(), ProofError> {
        let _turn = self.turn(customer).await?;
        self.take_authenticator(observer, (customer, id), Given(None), (true, (None, None))).await
    }

    /// Decisions must know first: what is forgotten here could not be told any more. That a copy is gone they learn only from who is
    /// surely not its other owner: `is_sure`.
    async fn take_authenticator(
        &self,
        observer: &Observer,
        (customer, id): (&CustomerId, [u8; 16]),
        given: Given,
        (is_sure, by): (bool, By<'_>),
    ) -> Result<(), ProofError> {
        self.check_unused(&given).await?;
        let has = self.has(customer).await?;
        let removed = has.iter().find(|each| each.id == id).ok_or(ProofError::Absent("authenticator"))?;
        let is_copy = |each: &Authenticator| each.cloned.is_some();
        let is_last_copy = is_copy(removed) && !has.iter().any(|each| each.id != id && is_copy(each));
        if is_last_copy && is_sure {
            self.tell_copied(observer, removed, Outcome::Failed, by.0).await?;
        }
        self.tell_change(observer, removed, EventKind::FactorRemove, by).await?;
        let removed = removed.clone();
        self.keeper
            .act(move |kept| {
                given.use_up(kept)?;
                if let Kind::Passkey(passkey) = &removed.kind
                    && let Some(credential) = credential_of(passkey)
                {
                    kept.remove_credential(&credential)?;
                }
                // What it was to replace is replaced by nothing.
                for other in kept.ever(&removed.customer)? {
                    let waits =
                        other.kind.method() == removed.kind.method() && other.ends == Some(removed.matures);
                    if waits && other.id != removed.id {
                        kept.put_authenticator(&Authenticator { ends: None, ..other })?;
                    }
                }
                kept.remove_authenticator(&removed)
            })
            .await
    }

    pub(super) async fn has(&self, customer: &CustomerId) -> Result<Vec<Authenticator>, ProofError> {
        let (owner, now) = (customer.clone(), self.now());
        self.keeper.act(move |kept| kept.authenticators(&owner, now)).await
    }

    fn new_authenticator(
        &self,
        visit: &Visit,
        kind: Kind,
        name: &str,
        with: Option<&Passed>,
    ) -> Result<Authenticator, ProofError> {
        let now = self.now();
        Ok(Authenticator {
            id: random()?,
            customer: visit.customer.clone(),
            kind,
            name: named(name)?,
            made: now,
            matures: Authenticator::matures(now, with, self.settings.cooling_hours),
            used: None,
            cloned: None,
            ends: None,
        })
    }

    /// Keeps one in place of others of its method, which go when it counts; and spends with it what is good for one only, until it is good
    /// no more anyway.
    async fn keep_only_one(
        &self,
        enrolled: &Authenticator,
        (change, given): (Action, Given),
        spending: Option<([u8; 16], Time)>,
    ) -> Result<(), ProofError> {
        let (enrolled, now) = (enrolled.clone(), self.now());
        self.keeper
            .act(move |kept| {
                check_no_doubt(kept, &enrolled.customer)?;
                if let Some((secret, good_until)) = spending
                    && !kept.spend(&secret, good_until)?
                {
                    return Err(ProofError::Conflict("this app was added already".to_owned()));
                }
                room_for(kept, &change, now)?;
                given.use_up(kept)?;
                let method = enrolled.kind.method();
                let mut others = kept.ever(&enrolled.customer)?;
                others.retain(|other| other.kind.method() == method);
                let there = others.iter().filter(|other| other.is_there(now)).cloned().collect();
                let first: Vec<[u8; 16]> =
                    authenticator::first_of(there, now).iter().map(|each| each.id).collect();
                for other in others {
                    let stays = other.clone().replaced_by(&enrolled, now);
                    match stays.filter(|_| first.contains(&other.id)) {
                        Some(stays) => kept.put_authenticator(&stays)?,
                        None => kept.remove_authenticator(&other)?,
                    }
                }
                kept.put_authenticator(&enrolled)
            })
            .await
    }

    async fn tell_change(
        &self,
        observer: &Observer,
        changed: &Authenticator,
        kind: EventKind,
        (channel, client): By<'_>,
    ) -> Result<(), ProofError> {
        let what = if kind == EventKind::FactorRemove { "removed" } else { "enrolled" };
        let fact = Fact {
            id: format!("factor-{}-{what}", data_encoding::HEXLOWER.encode(&changed.id)),
            kind,
            outcome: Outcome::Succeeded,
            customer: &changed.customer,
            factor: Some(factor_of(&changed.kind)),
            reason: None,
            channel,
            client,
        };
        match self.tell(observer, fact).await {
            // It was told before it could be removed, or before it could be answered.
            Err(ProofError::Ask(AskError::Conflict { .. })) => Ok(()),
            told => told,
        }
    }
}

/// What it is, in the words of events.
pub(super) const fn factor_of(kind: &Kind) -> Factor {
    kind.method().factor()
}

/// Whether changes must be confirmed with it.
pub(super) fn is_strong(authenticator: &Authenticator, reports: Reports, now: Time) -> bool {
    matches!(authenticator.kind, Kind::Passkey(_))
        && authenticator.counts(now)
        && !reports.question(authenticator)
}

/// The way a change came, and the client as the broker told it. Of what operators do nobody knows either.
pub(super) type By<'a> = (Option<Channel>, Option<&'a str>);

/// By the customer on a visit.
pub(super) fn by_visit(visit: &Visit) -> By<'_> {
    (Some(Channel::Web), visit.client.as_deref())
}

/// A report that came since it was looked ends what was to be added.
fn check_no_doubt(kept: &Kept<'_>, customer: &CustomerId) -> Result<(), ProofError> {
    if kept.doubt(customer)?.is_some() { Err(ProofError::Locked) } else { Ok(()) }
}

fn one_of(
    kept: &Kept<'_>,
    customer: &CustomerId,
    id: &[u8; 16],
    now: Time,
) -> Result<Authenticator, ProofError> {
    let all = kept.authenticators(customer, now)?;
    all.into_iter().find(|each| each.id == *id).ok_or(ProofError::Absent("authenticator"))
}

pub(super) fn by_credential(has: Vec<Authenticator>, credential: &[u8]) -> Option<Authenticator> {
    has.into_iter().find(|each| match &each.kind {
        Kind::Passkey(kept) => credential_of(kept).is_some_and(|id| id.as_slice() == credential),
        Kind::Totp(_) | Kind::Recovery(_) => false,
    })
}

pub(super) fn passkeys_of(has: &[Authenticator]) -> Vec<String> {
    let passkey = |each: &Authenticator| match &each.kind {
        Kind::Passkey(kept) => Some(kept.clone()),
        Kind::Totp(_) | Kind::Recovery(_) => None,
    };
    has.iter().filter_map(passkey).collect()
}

/// A name that an owner gave, as it is kept.
pub(crate) fn named(name: &str) -> Result<String, ProofError> {
    authenticator::name(name).ok_or_else(|| {
        ProofError::invalid(
            "name",
            "`name` cannot be one; allowed: 1 to 40 characters, none that nobody sees or that turns the direction of text",
        )
    })
}
