//! Challenges: made for a decision or by the broker, answered by the customer, redeemed by the broker. Must not know HTTP.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use model::time::SECOND_US;
use model::{Event, EventKind, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepup::challenge::Ways;
use stepup::{
    Action, Authenticator, Challenge, Kind, Method, Passed, Refusal, authenticator, challenge, code, recovery,
};

use super::answerer::{Answerer, own_challenge};
use super::handover::Visit;
use super::kept::Kept;
use super::keys::{ProofKeys, random};
use super::reports::Reports;
use super::settings::ProofSettings;
use super::{ProofError, Proofs};
use crate::observe::Observer;
use crate::sequencer::Answered;

/// A challenge's identifier: `ch_` and 128 bits that nobody guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChallengeId(pub(super) [u8; 16]);

const PREFIX: &str = "ch_";

impl std::fmt::Display for ChallengeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{}", BASE64URL_NOPAD.encode(&self.0))
    }
}

impl std::str::FromStr for ChallengeId {
    type Err = model::Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.strip_prefix(PREFIX).and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(|| {
            model::Invalid::value("challenge", text, "an id as `challenge.id` of a decision gives it")
        })
    }
}

/// A challenge as the broker sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ChallengeShown, example = json!({
    "id": "ch_q83vEjRWeJCrze8SNFZ4kA", "status": "open", "expires": "2020-09-16T03:10:00.000000Z",
    "methods": ["passkey"], "page": "/verify/ch_q83vEjRWeJCrze8SNFZ4kA",
}))]
pub struct Shown {
    /// Its identifier.
    pub id: String,
    /// `open`, `passed`, `redeemed`, `failed`, `reported` (the customer says it was not them) or `expired`.
    pub status: &'static str,
    /// Until when it may be answered, or redeemed.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Time,
    /// How the customer may answer, the strongest first; none if they have nothing to prove themselves with.
    pub methods: Vec<&'static str>,
    /// The page on which they do, below the server's own address; the customer comes there by `POST /v1/handovers`.
    pub page: String,
    /// How it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub passed: Option<ShownProof>,
    /// The code that is out, as long as it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub code: Option<ShownCode>,
    /// The call that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub call: Option<ShownCallAsked>,
    /// The signed form that came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub paper: Option<ShownForm>,
}

/// A code that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ShownCode {
    /// `sms` or `mail`.
    pub method: &'static str,
    /// Where to, masked.
    pub to: String,
    /// Until when it is good.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Time,
    /// Further codes that may be sent for this challenge.
    pub left: u8,
}

/// A call that the customer asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ShownCallAsked {
    /// By which the support centre knows it.
    pub number: u64,
    /// `open`, `confirmed`, `refused`, `unreached` or `over`.
    pub status: &'static str,
    /// The number that is called, masked.
    pub to: String,
}

/// A signed form that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ShownForm {
    /// What it is filed under.
    pub reference: String,
    /// The day on which it came.
    #[schema(format = Date)]
    pub received: String,
    /// How many operators said so.
    pub confirmed: usize,
    /// How many must.
    pub persons: u8,
}

/// A challenge as a decision names it. How it may be answered, until when, and where it stands says `GET /v1/challenges/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = AskedProof)]
pub struct Asked {
    /// The challenge's identifier.
    pub id: String,
    /// The page on which the customer answers, below the server's own address; they come there by `POST /v1/handovers`.
    pub page: String,
}

impl From<ChallengeId> for Asked {
    fn from(id: ChallengeId) -> Self {
        Self { id: id.to_string(), page: page(id) }
    }
}

fn page(id: ChallengeId) -> String {
    format!("/verify/{id}")
}

/// A proof that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ShownProof {
    /// How.
    pub method: &'static str,
    /// Authentication context class, as RFC 9470 uses it.
    pub acr: &'static str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Time,
    /// The `factor` to tell with the event when it is done.
    pub factor: &'static str,
}

impl From<&Passed> for ShownProof {
    fn from(passed: &Passed) -> Self {
        Self {
            method: passed.method.as_str(),
            acr: passed.method.acr(),
            at: passed.at,
            factor: passed.method.factor().as_str(),
        }
    }
}

/// A challenge to be made.
#[derive(Debug, Clone)]
pub(super) struct Making {
    id: ChallengeId,
    action: Action,
    event: Option<String>,
    /// By which contacts, and from when on.
    reached: Vec<(Method, Time)>,
    /// What the customer said before.
    reports: Reports,
    settings: Arc<ProofSettings>,
    /// From when on it is open.
    asked: Time,
}

impl Making {
    /// Makes it, unless it was made before, and keeps it durably.
    pub(super) fn keep(self, kept: &Kept<'_>) -> Result<Challenge, ProofError> {
        let id = self.id;
        if let Some(made) = kept.challenge(&id.0)? {
            return Ok(made);
        }
        let made = self.make(kept)?;
        kept.put_challenge(&id.0, &made)?;
        Ok(made)
    }

    /// With the ways to answer that the customer had when it was asked for, as far as they still have them: what was enrolled since may be a
    /// thief's, and so may what was new when they said that it was not them.
    pub(super) fn make(self, kept: &Kept<'_>) -> Result<Challenge, ProofError> {
        let Self { action, event, reached, reports, settings, asked, .. } = self;
        let has = kept.authenticators(&action.customer, asked)?;
        let ways = ways(action.kind, (&has, reached), (reports, asked), &settings);
        Ok(Challenge::new(action, event, ways, asked, i64::from(settings.open_s)))
    }
}

/// Ways to answer for something that is asked for at this time, by what the customer has and by which contacts they are reached.
pub(super) fn ways(
    kind: EventKind,
    (has, reached): (&[Authenticator], Vec<(Method, Time)>),
    (reports, asked): (Reports, Time),
    settings: &ProofSettings,
) -> Ways {
    let may = |each: &&Authenticator| each.made <= asked && !reports.question(each);
    let has = has.iter().filter(may).map(|each| (each.kind.method(), each.counts_from()));
    challenge::ways(kind, &has.chain(reached).collect::<Vec<_>>(), asked, &settings.fallback)
}

/// A challenge that was found.
pub(crate) struct Found {
    pub(crate) challenge: Challenge,
    pub(crate) shown: Shown,
}

pub(super) fn show(id: ChallengeId, challenge: &Challenge, now: Time) -> Shown {
    let is_open = challenge.standing(now) == "open";
    let code = challenge.code_out(now).filter(|_| is_open);
    let call = challenge.call().zip(challenge.call_standing(now));
    Shown {
        id: id.to_string(),
        status: challenge.standing(now),
        expires: challenge.expires(),
        methods: challenge.allowed().iter().map(|method| method.as_str()).collect(),
        page: page(id),
        passed: challenge.passed().map(ShownProof::from),
        code: code.map(|(method, sent, left)| ShownCode {
            method: method.as_str(),
            to: sent.to.clone(),
            expires: sent.good_until(),
            left,
        }),
        call: call.map(|(call, status)| ShownCallAsked {
            number: call.number(),
            status,
            to: call.to().to_owned(),
        }),
        paper: challenge.form().map(|form| ShownForm {
            reference: form.reference().to_owned(),
            received: form.received().to_owned(),
            confirmed: form.confirmed().len(),
            persons: form.persons(),
        }),
    }
}

impl Proofs {
    /// What an event asks to confirm; none if it names no customer.
    pub(crate) fn action(&self, event: &Event) -> Option<Action> {
        Action::of(event, |text| self.keys.action_digest(text))
    }

    /// The challenge of a decision about this event: made once, however often the event comes.
    ///
    /// The first time it is only noted in memory, and made when somebody looks at it. If the process is killed before, it is gone, and the
    /// event that comes again has it made, durably, as of when it was asked for first: what ended since – by time, by a report – stays ended.
    pub(crate) async fn for_decision(
        &self,
        event: &str,
        action: Action,
        answered: &Answered,
    ) -> Result<Asked, ProofError> {
        let id = ChallengeId(self.keys.name("challenge", event));
        let making = self.making(id, action, Some(event.to_owned()), answered.time).await?;
        match answered.again {
            true => self.keeper.act(move |kept| making.keep(kept).map(drop)).await?,
            false => self.keeper.note(id.0, making.asked.plus_us(self.open_us()), making)?,
        }
        Ok(id.into())
    }

    /// A challenge that the broker asks for.
    pub(crate) async fn for_broker(&self, action: Action) -> Result<Shown, ProofError> {
        let now = self.now();
        let making = self.making(ChallengeId(random()?), action, None, now).await?;
        self.keeper.act(move |kept| Ok(show(making.id, &making.keep(kept)?, now))).await
    }

    /// A challenge for a change on a visit, to be answered on it.
    pub(super) async fn for_visit(&self, visit: &Visit, change: Action) -> Result<Asked, ProofError> {
        let (id, on, now) = (ChallengeId(random()?), *visit.id(), self.now());
        let mut making = self.making(id, change, None, now).await?;
        // Whoever waits for a call does not wait at the page.
        making.reached.retain(|(method, _)| !method.is_by_operators());
        self.keeper
            .act(move |kept| {
                let mut made = making.make(kept)?;
                made.hand_over(on);
                kept.put_challenge(&id.0, &made)
            })
            .await?;
        Ok(id.into())
    }

    /// What a new challenge needs: also by which contacts the customer can be reached.
    async fn making(
        &self,
        id: ChallengeId,
        action: Action,
        event: Option<String>,
        asked: Time,
    ) -> Result<Making, ProofError> {
        let (reached, reports) =
            tokio::try_join!(self.ways_to_reach(&action.customer, asked), self.reports(&action.customer))?;
        Ok(Making { id, action, event, reached, reports, settings: Arc::clone(&self.settings), asked })
    }

    /// For how long challenges are open.
    fn open_us(&self) -> i64 {
        i64::from(self.settings.open_s).saturating_mul(SECOND_US)
    }

    /// A challenge, whoever it is for.
    pub(crate) async fn find(&self, id: ChallengeId) -> Result<Found, ProofError> {
        let found = self.keeper.act(move |kept| challenge_of(kept, id)).await?;
        let reports = self.reports(&found.action().customer).await?;
        let challenge = reports.applied(found);
        Ok(Found { shown: show(id, &challenge, self.now()), challenge })
    }

    /// From when on something that the customer has answers for this, if it is asked for anew: now, or once it cooled off.
    pub(crate) async fn answers_from(&self, action: &Action) -> Result<Option<Time>, ProofError> {
        let (reports, now) = (self.reports(&action.customer).await?, self.now());
        let has = self.has(&action.customer).await?;
        let may = |each: &&Authenticator| !reports.question(each) && !matches!(each.kind, Kind::Recovery(_));
        let from = has
            .iter()
            .filter(may)
            .map(Authenticator::counts_from)
            .map(|from| if authenticator::answers(action.kind, from, now) { now } else { from });
        Ok(from.filter(|from| *from < Time::MAX).min())
    }

    /// Begins to answer with a passkey.
    pub(crate) async fn begin_answer(&self, id: ChallengeId, by: &Answerer) -> Result<Value, ProofError> {
        let reports = self.reports(&by.customer).await?;
        let (by, now) = (by.clone(), self.now());
        let passkeys = self.keeper.act(move |kept| {
            let challenge = reports.applied(own_challenge(kept, id, &by)?);
            challenge.takes(Method::Passkey, now)?;
            let mut has = kept.authenticators(&by.customer, now)?;
            has.retain(|each| {
                let is_older = each.made <= challenge.made();
                let may = is_older && !reports.question(each);
                may && matches!(each.kind, Kind::Passkey(_))
                    && challenge.is_answered_by(each.counts_from(), now)
            });
            // As between methods: a new one does not answer where an old one does.
            if has.iter().any(|each| each.counts(now)) {
                has.retain(|each| each.counts(now));
            }
            Ok(has.into_iter().filter_map(passkey).collect::<Vec<_>>())
        });
        self.passkeys.begin_proof((id.0, id.0), &passkeys.await?, now)
    }

    /// Ends it.
    pub(crate) async fn end_answer(
        &self,
        observer: &Observer,
        id: ChallengeId,
        by: &Answerer,
        answer: Value,
    ) -> Result<Shown, ProofError> {
        let reports = self.reports(&by.customer).await?;
        // Whose it is not ends no ceremony of it.
        let asks = by.clone();
        self.keeper.act(move |kept| own_challenge(kept, id, &asks).map(drop)).await?;
        let (owner, now) = (by.clone(), self.now());
        let pass = move |kept: &Kept<'_>, passed: Passed, matures: Time| {
            let mut challenge = reports.applied(own_challenge(kept, id, &owner)?);
            challenge.pass(passed, matures)?;
            owner.answered(&mut challenge);
            kept.put_challenge(&id.0, &challenge)?;
            Ok(show(id, &challenge, now))
        };
        self.check_passkey(observer, &id.0, (&by.customer, reports), answer, pass).await
    }

    /// Answers with what was typed. Wrong answers are counted, by challenge and by guesser.
    pub(crate) async fn answer(
        &self,
        id: ChallengeId,
        by: &Answerer,
        guesser: String,
        method: Method,
        given: &str,
    ) -> Result<Shown, ProofError> {
        // What is no code is no guess.
        match method {
            Method::Recovery if !recovery::is_one(given) => return Err(ProofError::NoRecoveryCode),
            Method::Recovery => {}
            _ if !code::is_one(&code::typed(given)) => return Err(ProofError::NoCode),
            _ => {}
        }
        let reports = self.reports(&by.customer).await?;
        let (by, now, given) = (by.clone(), self.now(), given.to_owned());
        let keys = Arc::clone(&self.keys);
        let answered = self.keeper.act(move |kept| {
            let mut challenge = reports.applied(own_challenge(kept, id, &by)?);
            challenge.takes(method, now)?;
            let mut guesses = kept.guesses(&by.customer, &guesser)?;
            if let Some(until) = guesses.blocked_until(now) {
                return Err(Refusal::wait(until, now).into());
            }
            let found = look_at((kept, &keys, reports), (id, &challenge), (method, &given), now)?;
            // What a wrong answer leaves behind must stay: it is no failure of the act.
            let answered = match found {
                Some((passed, matures)) => challenge.pass(passed, matures).map(|()| {
                    by.answered(&mut challenge);
                    guesses.note_right();
                }),
                None => {
                    guesses.note_wrong(now);
                    Err(challenge.note_wrong(now))
                }
            };
            kept.put_guesses(&by.customer, &guesser, &guesses, now)?;
            kept.put_challenge(&id.0, &challenge)?;
            Ok(answered.map(|()| show(id, &challenge, now)))
        });
        Ok(answered.await??)
    }
}

/// What was typed, if it is right: the proof it is, and when what gave it matures.
fn look_at(
    (kept, keys, reports): (&Kept<'_>, &ProofKeys, Reports),
    (id, challenge): (ChallengeId, &Challenge),
    (method, given): (Method, &str),
    now: Time,
) -> Result<Option<(Passed, Time)>, ProofError> {
    let passed = |authenticator, matures| {
        (Passed { method, authenticator, at: now, matured: now >= matures }, matures)
    };
    if method.is_sent() {
        let right = challenge.is_code(method, &keys.codes, &id.to_string(), &code::typed(given), now)?;
        return Ok(right.then(|| passed(None, now)));
    }
    let has = kept.authenticators(&challenge.action().customer, now)?;
    let is_of = |each: &Authenticator| each.kind.method() == method;
    let may = |each: &Authenticator| is_of(each) && each.made <= challenge.made() && !reports.question(each);
    for mut each in authenticator::first_of(has.into_iter().filter(may).collect(), now) {
        let right = match &mut each.kind {
            Kind::Totp(totp) if method == Method::Totp => totp.take(&code::typed(given), now),
            Kind::Recovery(set) if method == Method::Recovery => set.take(&keys.codes, given),
            Kind::Totp(_) | Kind::Recovery(_) | Kind::Passkey(_) => false,
        };
        if right {
            let used = Authenticator { used: Some(now), ..each };
            kept.put_authenticator(&used)?;
            return Ok(Some(passed(Some(used.id), used.counts_from())));
        }
    }
    Ok(None)
}

pub(super) fn challenge_of(kept: &Kept<'_>, id: ChallengeId) -> Result<Challenge, ProofError> {
    kept.challenge(&id.0)?.ok_or(ProofError::Absent("challenge"))
}

fn passkey(authenticator: Authenticator) -> Option<String> {
    match authenticator.kind {
        Kind::Passkey(kept) => Some(kept),
        Kind::Totp(_) | Kind::Recovery(_) => None,
    }
}
