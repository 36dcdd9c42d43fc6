//! How a customer comes to these pages signed in: the broker's site asks for an address and sends them there. The address is
//! good once and for two minutes; behind it a visit begins, which is good for a quarter of an hour in that browser.
//!
//! A browser in which a customer proved themselves keeps a token by which it is known later: wrong answers from elsewhere do
//! not slow it (`stepup::guesses`). Must not know cookies.

use model::time::{DAY_US, SECOND_US};
use model::{CustomerId, EventKind, Factor, Time};
use serde::{Deserialize, Serialize};
use stepup::action::Authenticator;
use stepup::{Action, Passed};

use super::given::{ConfirmedBy, Given, Proven};
use super::keys::random;
use super::{ChallengeId, ProofError, Proofs, named, tokens};

const HANDOVER_S: i64 = 120;
const VISIT_S: i64 = 15 * 60;
const BROWSER_DAYS: i64 = 400;
/// Bytes of an address to return to.
pub(crate) const RETURN_BYTES_MAX: usize = 1_024;
/// How the names of parameters begin that are added to it.
const OURS: &str = "sekisho_";
/// All browsers together that do not show which they are.
const STRANGER: &str = "stranger";
/// The same where the broker says that its customer is signed in there.
const SIGNED_IN: &str = "signed in";
/// Bytes of what the broker tells of the browser: it travels in the link and stays in a cookie, which holds 4,096.
const CLIENT_BYTES_MAX: usize = 1_024;

/// Where a visit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Page {
    /// To a challenge.
    Verify(ChallengeId),
    /// To what the customer has.
    Security,
}

/// A customer on these pages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Visit {
    pub(crate) customer: CustomerId,
    pub(crate) page: Page,
    /// Whether they were wholly signed in when they were sent here.
    pub(crate) signed_in: bool,
    /// Where they go when they are done.
    pub(crate) return_to: Option<String>,
    pub(crate) japanese: bool,
    /// The browser as the broker's site sees it, as JSON of an event's `client`.
    pub(crate) client: Option<String>,
    /// Until then.
    ends: Time,
    id: [u8; 16],
    /// The proof of one change.
    proven: Option<Proven>,
}

/// A proof on its way through the page: for the visit on which it was given.
#[derive(Serialize, Deserialize)]
struct Confirmation {
    visit: [u8; 16],
    proven: Proven,
}

#[derive(Serialize, Deserialize)]
struct Browser {
    customer: [u8; 16],
    id: [u8; 16],
    ends: Time,
}

impl Browser {
    fn made(&self) -> Time {
        self.ends.plus_us(-BROWSER_DAYS * DAY_US)
    }
}

impl Visit {
    /// By which what is under way on it is known.
    pub(crate) const fn id(&self) -> &[u8; 16] {
        &self.id
    }

    /// When it began.
    pub(super) fn began(&self) -> Time {
        self.ends.plus_us(-VISIT_S * SECOND_US)
    }

    /// The proof of this change, if it was given lately: looked up once, so that it is the same when it is used up.
    pub(super) fn given(&self, change: &Action, now: Time) -> Given {
        let is_for =
            |proven: &&Proven| now < proven.good_until() && proven.action.differences(change).is_empty();
        Given(self.proven.as_ref().filter(is_for).cloned())
    }

    /// The same with this proof.
    pub(super) fn with(&self, proven: Option<Proven>) -> Self {
        Self { proven, ..self.clone() }
    }

    /// By which a page says which visit it was made for.
    pub(crate) fn tag(&self) -> String {
        data_encoding::HEXLOWER.encode(blake3::hash(&self.id).as_bytes().get(..8).unwrap_or_default())
    }

    /// The name in what was proven, if there was one.
    pub(crate) fn proven_name(&self) -> Option<&str> {
        self.proven.as_ref()?.action.authenticator.as_ref()?.name.as_deref()
    }

    /// That an authenticator is added.
    pub(crate) fn adding(&self, factor: Factor, name: &str) -> Result<Action, ProofError> {
        adding(self.customer.clone(), factor, name)
    }

    /// That only registered devices are let in, or any again.
    pub(crate) fn restricting(&self, only: bool) -> Action {
        let only_own_devices = Some(only);
        Action { only_own_devices, ..Action::bare(self.customer.clone(), EventKind::DeviceRestrict) }
    }
}

/// That an authenticator of this name is added.
pub(crate) fn adding(customer: CustomerId, factor: Factor, name: &str) -> Result<Action, ProofError> {
    let authenticator = Some(Authenticator { factor, id: None, name: Some(named(name)?) });
    Ok(Action { authenticator, ..Action::bare(customer, EventKind::FactorEnroll) })
}

/// What the broker tells of the browser, as it is kept.
fn kept_client(client: Option<&model::Client>) -> Result<Option<String>, ProofError> {
    let Some(client) = client else { return Ok(None) };
    let failed = |_error| ProofError::Broken("a client cannot be told".to_owned());
    let text = serde_json::to_string(client).map_err(failed)?;
    if text.len() > CLIENT_BYTES_MAX {
        let problem = format!(
            "`client` has {} bytes as JSON; allowed: at most {CLIENT_BYTES_MAX}; leave its `user_agent` out, which is what is long",
            text.len()
        );
        return Err(ProofError::invalid("client", problem));
    }
    Ok(Some(text))
}

impl Proofs {
    /// A token that begins a visit, and until when it does.
    pub(crate) async fn hand_over(
        &self,
        customer: CustomerId,
        (page, signed_in): (Page, bool),
        return_to: Option<String>,
        japanese: bool,
        client: Option<&model::Client>,
    ) -> Result<(String, Time), ProofError> {
        if let Some(place) = &return_to
            && (place.len() > RETURN_BYTES_MAX || !self.settings.may_return(place))
        {
            let problem = format!(
                "`return_to` came as {place:?}; allowed: an address of at most {RETURN_BYTES_MAX} bytes at one of `return_origins` \
                 of the server's [proof]"
            );
            return Err(ProofError::invalid("return_to", problem));
        }
        if return_to.as_deref().is_some_and(names_ours) {
            let problem = "`return_to` has a parameter whose name begins with `sekisho_`; those are added when the customer is sent back";
            return Err(ProofError::invalid("return_to", problem.to_owned()));
        }
        let client = kept_client(client)?;
        let ends = self.now().plus_us(HANDOVER_S * SECOND_US);
        let id = random()?;
        let visit = Visit { customer, page, signed_in, return_to, japanese, client, ends, id, proven: None };
        let token = tokens::make(&self.keys.tokens, "handover", &visit);
        let token = token.ok_or_else(|| ProofError::invalid("return_to", "too much came for one link"))?;
        if let Page::Verify(challenge) = page {
            self.hand_to(challenge, id).await?;
        }
        Ok((token, ends))
    }

    /// What stands for a visit where the broker's own page is the page: with the proof of a challenge for this change that is redeemed for
    /// it, if there is one.
    pub(crate) async fn visit_by_api(
        &self,
        change: Action,
        client: Option<&model::Client>,
        challenge: Option<ChallengeId>,
    ) -> Result<Visit, ProofError> {
        let (now, customer) = (self.now(), change.customer.clone());
        // Before a proof is used up.
        let client = kept_client(client)?;
        let proven = match challenge {
            Some(id) => Some(self.redeem_for_change(id, change, customer.clone().into()).await?),
            None => None,
        };
        let ends = now.plus_us(VISIT_S * SECOND_US);
        let page = Page::Security;
        let id = random()?;
        let (signed_in, return_to, japanese) = (true, None, true);
        Ok(Visit { customer, page, signed_in, return_to, japanese, client, ends, id, proven })
    }

    /// Begins a visit, once.
    pub(crate) async fn enter(&self, token: &str) -> Result<Visit, ProofError> {
        let visit: Visit = tokens::read(&self.keys.tokens, "handover", token).ok_or(ProofError::Visit)?;
        let (now, id, ends) = (self.now(), visit.id, visit.ends);
        if now >= ends || !self.keeper.act(move |kept| kept.spend(&id, ends)).await? {
            return Err(ProofError::Visit);
        }
        Ok(Visit { ends: now.plus_us(VISIT_S * SECOND_US), ..visit })
    }

    /// The text that keeps a visit in its browser.
    pub(crate) fn visit_token(&self, visit: &Visit) -> Option<String> {
        tokens::make(&self.keys.tokens, "visit", visit)
    }

    /// The text that stands for an enrolment under way on the broker's own page: it opens no page here.
    pub(crate) fn enrolment_token(&self, visit: &Visit) -> Option<String> {
        tokens::make(&self.keys.tokens, "enrolment", visit)
    }

    /// The visit of such a text, if it is not over.
    pub(crate) fn enrolment(&self, token: &str) -> Result<Visit, ProofError> {
        let visit: Visit = tokens::read(&self.keys.tokens, "enrolment", token).ok_or(ProofError::Visit)?;
        if self.now() < visit.ends { Ok(visit) } else { Err(ProofError::Visit) }
    }

    /// The visit of a cookie's text, if it is not over.
    pub(crate) fn visit(&self, token: &str) -> Result<Visit, ProofError> {
        let visit: Visit = tokens::read(&self.keys.tokens, "visit", token).ok_or(ProofError::Visit)?;
        if self.now() < visit.ends { Ok(visit) } else { Err(ProofError::Visit) }
    }

    /// The text that stands for a proof just given on a visit.
    pub(super) fn confirmation_token(
        &self,
        visit: &Visit,
        action: Action,
        passed: Passed,
    ) -> Result<String, ProofError> {
        let proven = Proven { action, since: passed.at, passed, id: random()? };
        let token =
            tokens::make(&self.keys.tokens, "confirmation", &Confirmation { visit: visit.id, proven });
        token.ok_or_else(|| ProofError::Broken("a confirmation cannot be told".to_owned()))
    }

    /// The visit with a proof of this change: the text of one that was given on it, or the challenge that was answered for it.
    pub(crate) async fn confirmed_visit(
        &self,
        visit: &Visit,
        change: Action,
        proof: Option<&str>,
    ) -> Result<Visit, ProofError> {
        let proven = match proof.map(|proof| (proof, proof.parse())) {
            None => None,
            Some((_, Ok(id))) => Some(self.redeem_for_change(id, change, visit.into()).await?),
            Some((token, Err(_none))) => {
                let given: Option<Confirmation> = tokens::read(&self.keys.tokens, "confirmation", token);
                let by = self.confirms_by(&visit.customer).await?;
                // Such a text says that a passkey was asked for; where a challenge asks by now, something else answers.
                let still = |given: &Confirmation| given.visit == visit.id && by != ConfirmedBy::Challenge;
                given.filter(still).map(|given| given.proven)
            }
        };
        Ok(visit.with(proven))
    }

    /// By which a browser tells its customers apart, and says nothing of who they are.
    pub(crate) fn mark(&self, customer: &CustomerId) -> String {
        let [first, second, third, fourth, ..] = self.keys.name("browser's customer", customer.as_str());
        data_encoding::HEXLOWER.encode(&[first, second, third, fourth])
    }

    /// A token for a browser in which this customer proved themselves.
    fn browser_token(&self, customer: &CustomerId) -> Option<String> {
        let browser = Browser {
            customer: self.keys.name("customer", customer.as_str()),
            id: random().ok()?,
            ends: self.now().plus_us(BROWSER_DAYS * DAY_US),
        };
        tokens::make(&self.keys.tokens, "browser", &browser)
    }

    /// The same, for a browser that brought none that is good.
    pub(crate) async fn new_browser_token(
        &self,
        customer: &CustomerId,
        browser: Option<&str>,
    ) -> Option<String> {
        // The answer stands, whatever comes of this: where it cannot be told, there is a token the next time.
        let guesser = self.guesser(customer, browser).await.ok()?;
        if guesser == STRANGER { self.browser_token(customer) } else { None }
    }

    /// Who guesses on a visit: strangers who are wholly signed in are counted apart from those who have a password at most.
    pub(crate) async fn guesser_on(
        &self,
        visit: &Visit,
        browser: Option<&str>,
    ) -> Result<String, ProofError> {
        let guesser = self.guesser(&visit.customer, browser).await?;
        Ok(if guesser == STRANGER && visit.signed_in { SIGNED_IN.to_owned() } else { guesser })
    }

    /// Who guesses: this customer's known browser, or a stranger. A browser that was known before the customer said that it was not them
    /// may be the thief's.
    pub(crate) async fn guesser(
        &self,
        customer: &CustomerId,
        browser: Option<&str>,
    ) -> Result<String, ProofError> {
        let known: Option<Browser> =
            browser.and_then(|token| tokens::read(&self.keys.tokens, "browser", token));
        let (name, now) = (self.keys.name("customer", customer.as_str()), self.now());
        let known = known.filter(|browser| browser.customer == name && now < browser.ends);
        let Some(browser) = known else { return Ok(STRANGER.to_owned()) };
        if self.reports(customer).await?.doubt(browser.made()) {
            return Ok(STRANGER.to_owned());
        }
        Ok(format!("browser {}", data_encoding::HEXLOWER.encode(&browser.id)))
    }
}

/// Whether an address has a parameter with a name of ours, however it is written: whoever made it up would be believed first.
fn names_ours(place: &str) -> bool {
    let place = place.split_once('#').map_or(place, |(place, _)| place);
    let query = place.split_once('?').map_or("", |(_, query)| query);
    query.split(['&', ';']).any(|pair| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        // Some sites read these as `_`, and spaces before a name as nothing.
        let read = percent_encoding::percent_decode_str(name).map(|byte| match byte {
            b'.' | b'+' | b'[' | b'_' | b' ' => b'_',
            byte => byte.to_ascii_lowercase(),
        });
        read.skip_while(|byte| *byte == b'_').take(OURS.len()).eq(OURS.bytes())
    })
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::SECOND_US;
    use stepup::{Method, Passed};

    use super::super::given::{PROVEN_S, Proven};
    use super::{Page, Visit, adding, names_ours};

    #[test]
    fn no_address_brings_parameters_of_ours() {
        for (place, ours) in [
            ("https://b.example/done?x=1&sekisho_result=a", true),
            ("https://b.example/done?sekisho%5Fresult=a", true),
            ("https://b.example/done?%53EKISHO_challenge", true),
            ("https://b.example/done;a?b;sekisho_result=a", true),
            ("https://b.example/done?%20sekisho_result=a", true),
            ("https://b.example/done?++sekisho.result=a", true),
            ("https://b.example/done?sekisho%5Bresult=a", true),
            ("https://b.example/done?sekisho%00result=a", false),
            ("https://b.example/sekisho_result?x=sekisho_result#sekisho_result=1", false),
            ("https://b.example/?sekisho=1&sekish", false),
            ("https://b.example/", false),
        ] {
            assert_eq!(names_ours(place), ours, "{place}");
        }
    }

    /// What operators confirmed waits an hour for the customer to come back.
    #[test]
    fn a_redeemed_proof_is_good_from_when_it_was_redeemed() {
        let at = |seconds: i64| Time::from_us((1_600_000_000 + seconds) * SECOND_US).unwrap();
        let customer: model::CustomerId = "C1".parse().unwrap();
        let action = adding(customer.clone(), model::Factor::Passkey, "telephone").unwrap();
        let passed = Passed { method: Method::Phone, authenticator: None, at: at(0), matured: true };
        let proven = Proven { action: action.clone(), passed, since: at(3_000), id: [1; 16] };
        let visit = Visit {
            customer: customer.clone(),
            page: Page::Security,
            signed_in: true,
            return_to: None,
            japanese: true,
            client: None,
            ends: at(9_000),
            id: [2; 16],
            proven: Some(proven),
        };
        for (now, good) in [(3_000, true), (2_999 + PROVEN_S, true), (3_000 + PROVEN_S, false)] {
            assert_eq!(visit.given(&action, at(now)).passed().is_some(), good, "after {now} s");
        }
        let other = adding(customer, model::Factor::Passkey, "mine").unwrap();
        assert!(visit.given(&other, at(3_000)).passed().is_none());
    }
}
