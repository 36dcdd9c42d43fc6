//! What a proof changes for decisions, told to the journal as events: a factor enrolled or removed, a customer's report. They are told
//! with an identifier of their own, so that each happens once. Must not know how it was proven.

use engine::input::Body;
use model::event::Reason;
use model::{Channel, CustomerId, Event, EventKind, Factor, Outcome, Time};

use super::{ProofError, Proofs};
use crate::observe::Observer;

/// What is told.
pub(crate) struct Fact<'a> {
    /// Unique for what happened.
    pub(crate) id: String,
    pub(crate) kind: EventKind,
    pub(crate) outcome: Outcome,
    pub(crate) customer: &'a CustomerId,
    pub(crate) factor: Option<Factor>,
    /// What it is about: `event` or `challenge` and its identifier.
    pub(crate) reason: Option<Reason>,
    /// The way the customer came; none where an operator did it for them, whichever way they had asked for it.
    pub(crate) channel: Option<Channel>,
    /// JSON of an event's `client`, if the broker told one.
    pub(crate) client: Option<&'a str>,
}

impl Proofs {
    /// Tells the journal, and waits until it is durable; then the customer is told, too.
    pub(crate) async fn tell(&self, observer: &Observer, fact: Fact<'_>) -> Result<(), ProofError> {
        let now: Time = self.now();
        let invalid =
            |invalid: model::Invalid| ProofError::invalid(invalid.field.clone(), invalid.to_string());
        let mut event = Event::bare(fact.id.parse().map_err(invalid)?, now, fact.kind, fact.outcome);
        event.customer = Some(fact.customer.clone());
        event.channel = fact.channel;
        event.factor = fact.factor;
        event.reason = fact.reason;
        if let Some(client) = fact.client.and_then(|client| serde_json::from_str(client).ok()) {
            event.client = client;
        }
        let id = event.id.as_str().to_owned();
        let (observed, digest) = observer.observe(event, false, now).map_err(invalid)?;
        self.sequencer.ask(Some(id), digest, Body::Event(Box::new(observed)), true).await?;
        // That a copy is gone is told by what removed it.
        if fact.kind != EventKind::FactorCopied || fact.outcome != Outcome::Failed {
            self.notify(fact.customer, fact.kind, now).await;
        }
        Ok(())
    }
}
