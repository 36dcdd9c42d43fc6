//! Where the site meets Sekisho. Everything a customer wants to do becomes an event and is asked about before it is done; proof is
//! redeemed right before; what was done is told afterwards.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use model::{Channel, Client as Browser, CustomerId, Event, EventKind, Factor, Outcome};
use sekisho_client::{Action, ClientError, Page, SignIn, Verdict};

use crate::Site;

/// Where this site keeps the customer's address on the way through it.
const CLIENT_ADDRESS: &str = "x-example-address";

/// What the customer is told, or where they go.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It is done.
    Done,
    /// They prove themselves first, at this address; the challenge brings them back.
    Prove { url: String, challenge: String },
    /// It waits for the broker's staff.
    Waits,
    /// It is refused.
    Refused,
}

/// An event of the customer's, as their browser shows it. What is asked about has the outcome `attempted`.
pub(crate) fn event(kind: EventKind, customer: &CustomerId, browser: Browser) -> anyhow::Result<Event> {
    let mut event = Event::bare(random("site").parse()?, now()?, kind, Outcome::Attempted);
    event.customer = Some(customer.clone());
    event.channel = Some(Channel::Web);
    event.client = browser;
    Ok(event)
}

/// Asks what to do about an event, and leads to proof where it is asked for. `done` does it.
pub(crate) async fn protect(
    site: &Arc<Site>,
    event: Event,
    japanese: bool,
    done: impl FnOnce(&Event) + Send,
) -> anyhow::Result<(Answer, Event)> {
    let (decision, event) = waiting(site, move |site| Ok((site.sekisho.decide(&event)?, event))).await?;
    let answer = match (decision.verdict, decision.challenge) {
        (Verdict::Allow, _) => {
            done(&event);
            tell(site, event.clone(), None).await?;
            Answer::Done
        }
        (Verdict::StepUp, Some(challenge)) => {
            let (customer, browser) = (event.customer.clone(), event.client.clone());
            let id = challenge.id.clone();
            let url = waiting(site, move |site| {
                let Some(customer) = customer else { return Ok(String::new()) };
                let back = format!("{}/returned", site.origin);
                let page = Page::Verify(&challenge.id);
                Ok(site.sekisho.speaking(japanese).hand_over(&customer, page, Some(&back), &browser)?.url)
            });
            Answer::Prove { url: url.await?, challenge: id }
        }
        // Without a challenge nobody can be asked here: Sekisho did not answer, say.
        (Verdict::StepUp | Verdict::Hold, _) => Answer::Waits,
        (Verdict::Deny, _) => Answer::Refused,
    };
    Ok((answer, event))
}

/// The customer is back, with the result that their browser brought: does what was proven, if it was proven and not done before.
pub(crate) async fn returned(
    site: &Arc<Site>,
    (challenge, result): (String, Option<String>),
    event: Event,
    done: impl FnOnce(&Event) + Send,
) -> anyhow::Result<Answer> {
    let Some(action) = Action::of(&event) else { return Ok(Answer::Refused) };
    let redeem = move |site: &Site| site.sekisho.redeem(&challenge, &action, result.as_deref());
    let proof = waiting(site, redeem).await?;
    let Some(proof) = proof else { return Ok(Answer::Refused) };
    done(&event);
    tell(site, event, proof.factor.parse().ok()).await?;
    Ok(Answer::Done)
}

/// Where the customer sees what they prove themselves with.
pub(crate) async fn security(
    site: &Arc<Site>,
    customer: CustomerId,
    browser: Browser,
    japanese: bool,
) -> anyhow::Result<String> {
    let url = waiting(site, move |site| {
        let back = format!("{}/home", site.origin);
        site.sekisho.speaking(japanese).hand_over(&customer, Page::Security, Some(&back), &browser)
    });
    Ok(url.await?.url)
}

/// What the browser is given to ask for a passkey.
pub(crate) async fn begin_sign_in(site: &Arc<Site>) -> anyhow::Result<SignIn> {
    waiting(site, |site| site.sekisho.begin_sign_in()).await
}

/// Who signed in by passkey, and the factor to tell with the login; `None` if the passkey is refused.
pub(crate) async fn end_sign_in(
    site: &Arc<Site>,
    id: String,
    credential: serde_json::Value,
) -> anyhow::Result<Option<(CustomerId, Option<Factor>)>> {
    let ended = waiting(site, move |site| match site.sekisho.end_sign_in(&id, &credential) {
        Err(ClientError::Refused { status: 404 | 409 | 422, .. }) => Ok(None),
        ended => ended.map(Some),
    });
    Ok(ended.await?.map(|signed_in| (signed_in.customer, signed_in.passed.factor.parse().ok())))
}

/// Tells what was done, under an identifier of its own: a fact is another event than the question.
async fn tell(site: &Arc<Site>, mut event: Event, factor: Option<Factor>) -> anyhow::Result<()> {
    event.id = random("done").parse()?;
    event.outcome = Outcome::Succeeded;
    event.factor = factor.or(event.factor);
    // A broker keeps what could not be told and tells it later.
    waiting(site, move |site| site.sekisho.tell(&[event])).await?;
    Ok(())
}

/// A failed sign-in is told as well: that is how attacks on many customers are seen.
pub(crate) async fn failed_login(site: &Arc<Site>, mut event: Event) -> anyhow::Result<()> {
    event.outcome = Outcome::Failed;
    event.credential = Some(model::Credential::Wrong);
    waiting(site, move |site| site.sekisho.tell(&[event])).await?;
    Ok(())
}

/// The client waits for its answers; a thread for that does.
async fn waiting<T: Send + 'static>(
    site: &Arc<Site>,
    call: impl FnOnce(&Site) -> Result<T, ClientError> + Send + 'static,
) -> anyhow::Result<T> {
    let site = Arc::clone(site);
    Ok(tokio::task::spawn_blocking(move || call(&site)).await??)
}

/// The browser as this site sees it. The address is the connection's; behind a proxy what the proxy added at the end (`note_address`).
pub(crate) fn browser(headers: &HeaderMap, device: &str, session: &str) -> Browser {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Browser {
        ip: header(CLIENT_ADDRESS).and_then(|text| text.parse().ok()),
        user_agent: header("user-agent").and_then(|text| text.parse().ok()),
        device: device.parse().ok(),
        session: session.parse().ok(),
        ..Browser::default()
    }
}

/// Notes where a request came from, in place of what the customer may have written there: the connection's address, or behind a proxy
/// the last one of `X-Forwarded-For`, which is the one that the proxy saw. What stands before it anybody can write.
pub(crate) async fn note_address(
    State(is_behind_proxy): State<bool>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let headers = request.headers_mut();
    let told = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let told = told.and_then(|all| all.rsplit(',').next()).filter(|_| is_behind_proxy);
    let address = told.map_or_else(|| peer.ip().to_string(), |text| text.trim().to_owned());
    headers.remove(CLIENT_ADDRESS);
    if let Ok(address) = HeaderValue::try_from(address) {
        headers.insert(CLIENT_ADDRESS, address);
    }
    next.run(request).await
}

/// A name nobody else has.
pub(crate) fn random(what: &str) -> String {
    let number = getrandom::u64().unwrap_or(0);
    format!("{what}-{number:016x}")
}

fn now() -> anyhow::Result<model::Time> {
    #[expect(clippy::disallowed_methods, reason = "a site is where time gets in")]
    let now = jiff::Timestamp::now();
    Ok(model::Time::from_timestamp(now)?)
}
