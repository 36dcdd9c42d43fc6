//! How a customer comes to these pages signed in: the broker's site asks for an address and sends them there. The address is
//! good once and for two minutes; behind it a visit begins, which is good for a quarter of an hour in that browser.
//!
//! A browser in which a customer proved themselves keeps a token by which it is known later: wrong answers from elsewhere do
//! not slow it (`stepup::guesses`). Must not know cookies.

use model::time::{DAY_US, SECOND_US};
use model::{CustomerId, EventKind, Time};
use serde::{Deserialize, Serialize};
use stepup::Passed;

use super::keys::random;
use super::{ChallengeId, ProofError, Proofs, tokens};

const HANDOVER_S: i64 = 120;
const VISIT_S: i64 = 15 * 60;
const BROWSER_DAYS: i64 = 400;
/// How long a proof given on a visit is enough for what changes factors.
const PROVEN_S: i64 = 5 * 60;
/// Bytes of an address to return to.
pub(crate) const RETURN_BYTES_MAX: usize = 1_024;
/// Bytes of what the broker tells of the browser.
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
    /// What was proven on this visit.
    proven: Option<Passed>,
}

#[derive(Serialize, Deserialize)]
struct Browser {
    customer: [u8; 16],
    id: [u8; 16],
    ends: Time,
}

impl Visit {
    /// By which what is under way on it is known.
    pub(crate) const fn id(&self) -> &[u8; 16] {
        &self.id
    }

    /// What was proven on it lately.
    pub(crate) fn proven(&self, now: Time) -> Option<&Passed> {
        self.proven.as_ref().filter(|passed| now < passed.at.plus_us(PROVEN_S * SECOND_US))
    }
}

impl Proofs {
    /// A token that begins a visit, and until when it does.
    pub(crate) fn hand_over(
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
            return Err(ProofError::Invalid(format!(
                "`return_to` came as {place:?}; allowed: an address of at most {RETURN_BYTES_MAX} bytes at one of `return_origins` \
                 of the server's [proof]"
            )));
        }
        let client = client.and_then(|client| serde_json::to_string(client).ok());
        let client = client.filter(|client| client.len() <= CLIENT_BYTES_MAX);
        let ends = self.now().plus_us(HANDOVER_S * SECOND_US);
        let id = random()?;
        let visit = Visit { customer, page, signed_in, return_to, japanese, client, ends, id, proven: None };
        let token = tokens::make(&self.keys.tokens, "handover", &visit);
        Ok((token.ok_or_else(|| ProofError::Invalid("too much came for one link".to_owned()))?, ends))
    }

    /// What stands for a visit where the broker's own page is the page: with the proof of a challenge for `kind` that is redeemed for it,
    /// if there is one.
    pub(crate) async fn visit_by_api(
        &self,
        customer: CustomerId,
        client: Option<&model::Client>,
        challenge: Option<ChallengeId>,
        kind: EventKind,
    ) -> Result<Visit, ProofError> {
        let now = self.now();
        let proven = match challenge {
            Some(id) => Some(self.redeem_for_change(id, &customer, kind).await?),
            None => None,
        };
        let client = client.and_then(|client| serde_json::to_string(client).ok());
        let client = client.filter(|client| client.len() <= CLIENT_BYTES_MAX);
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

    /// The visit with a proof just given on it.
    pub(crate) fn proven_visit(visit: &Visit, passed: Passed) -> Visit {
        Visit { proven: Some(passed), ..visit.clone() }
    }

    /// A token for a browser in which this customer proved themselves.
    pub(crate) fn browser_token(&self, customer: &CustomerId) -> Option<String> {
        let browser = Browser {
            customer: self.keys.name("customer", customer.as_str()),
            id: random().ok()?,
            ends: self.now().plus_us(BROWSER_DAYS * DAY_US),
        };
        tokens::make(&self.keys.tokens, "browser", &browser)
    }

    /// Who guesses: this customer's known browser, or a stranger.
    pub(crate) fn guesser(&self, customer: &CustomerId, browser: Option<&str>) -> String {
        let known: Option<Browser> =
            browser.and_then(|token| tokens::read(&self.keys.tokens, "browser", token));
        let name = self.keys.name("customer", customer.as_str());
        match known.filter(|browser| browser.customer == name && self.now() < browser.ends) {
            Some(browser) => format!("browser {}", data_encoding::HEXLOWER.encode(&browser.id)),
            None => "stranger".to_owned(),
        }
    }
}
