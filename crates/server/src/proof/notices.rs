//! Notices: whenever something changes by which a customer proves themselves or is let in, they are told outside of the page, at a
//! contact that stood there before. Whoever took a session over can change what the page shows, not what comes by mail. Nothing
//! fails for want of a notice. Must not know how it travels.

use model::time::HOUR_US;
use model::{CustomerId, EventKind, Time};
use stepup::Method;

use super::gateway::Message;
use super::keys::random;
use super::reach::Reach;
use super::{ProofError, Proofs};
use crate::wording;

/// Notices of one kind to one customer a day; three come at once, further ones more and more slowly. Each kind for itself: who changes
/// things in order to bury the change that matters buries nothing of another kind, and the first of each was told.
const A_DAY: u8 = 20;
/// How long one is worth sending.
const GOOD_US: i64 = HOUR_US;

impl Proofs {
    /// Tells the customer, by mail where they are reached so, else by SMS.
    pub(super) async fn notify(&self, customer: &CustomerId, kind: EventKind, at: Time) {
        match self.send_notice(customer, kind, at).await {
            // Without a gateway, or without a contact, there is nobody to tell; the page shows it.
            Ok(()) | Err(ProofError::NoContact(_)) => {}
            Err(error) => crate::log::line("notice.not_sent", &crate::log::with_sources(&error)),
        }
    }

    /// The same of what a broker told as a fact, if that was just now: of what is long past, told to fill the journal, nobody is.
    pub(crate) async fn notify_told(&self, customer: &CustomerId, kind: EventKind, at: Time) {
        // Since when what the customer has is in doubt is noted, too.
        if let Err(error) = self.reports(customer).await {
            crate::log::line("proof.not_done", &crate::log::with_sources(&error));
        }
        let now = self.now();
        if at.plus_us(GOOD_US) > now {
            self.notify(customer, kind, now).await;
        }
    }

    async fn send_notice(&self, customer: &CustomerId, kind: EventKind, at: Time) -> Result<(), ProofError> {
        let Some(gateway) = &self.gateway else { return Ok(()) };
        let ways = [Method::Mail, Method::Sms].into_iter().filter(|method| gateway.sends(*method));
        let first =
            |reach: &Reach| ways.clone().find_map(|method| Some((method, reach.by(method)?.to_owned())));
        let mut reach = self.reach(customer, at).await?;
        // Who is reached by nothing else is told where it may be the thief who reads it: they learn nothing by it.
        if first(&reach).is_none() {
            reach = self.reach_in_doubt(customer, at).await?;
        }
        let (method, to) = first(&reach).ok_or(ProofError::NoContact("contact"))?;
        let room = gateway.room()?;
        let (owner, now) = (customer.clone(), self.now());
        self.keeper
            .act(move |kept| kept.take_allowance(&owner, &format!("notice {kind}"), A_DAY, now))
            .await?;
        let texts = reach.texts(None);
        room.send(Message {
            id: format!("msg_{}", data_encoding::BASE64URL_NOPAD.encode(&random::<16>()?)),
            method: method.as_str(),
            to,
            language: texts.language(),
            text: wording::notice(&self.settings.name, kind, at, self.settings.support.as_deref(), texts),
            expires: at.plus_us(GOOD_US),
        });
        Ok(())
    }
}
