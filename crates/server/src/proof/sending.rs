//! Codes on their way: made, noted in the challenge, and given to the gateway. Must not know how it is reached.

use stepup::code::Sent;
use stepup::{Method, Refusal, code};

use super::answerer::{Answerer, own_challenge};
use super::challenges::{ChallengeId, Shown, show};
use super::gateway::Message;
use super::keys::random;
use super::{ProofError, Proofs};
use crate::wording;

impl Proofs {
    /// Sends a code for this challenge. It is noted, durably, before it goes anywhere; any earlier one is void. Whether it arrives
    /// nobody here learns.
    pub(crate) async fn send_code(
        &self,
        id: ChallengeId,
        by: &Answerer,
        guesser: String,
        method: Method,
    ) -> Result<Shown, ProofError> {
        let gateway = self.gateway.as_ref().filter(|gateway| gateway.sends(method));
        let gateway = gateway.ok_or(Refusal::Method(method.as_str()))?;
        let (room, now, a_day) = (gateway.room()?, self.now(), gateway.codes_a_day);
        let reach = self.reach(&by.customer, now).await?;
        let contact = if method == Method::Mail { "mail address" } else { "telephone number" };
        let (to, masked) = (reach.by(method).map(str::to_owned), reach.masked(method));
        let (to, masked) = to.zip(masked).ok_or(ProofError::NoContact(contact))?;
        let code = code::digits(random()?);
        let sent = Sent::new(&self.keys.codes, &id.to_string(), &code, now, masked);
        let expires = sent.good_until();
        let page = by.page;
        let (reports, by) = (self.reports(&by.customer).await?, by.clone());
        let noted = self.keeper.act(move |kept| {
            let mut challenge = reports.applied(own_challenge(kept, id, &by)?);
            challenge.send(method, sent, now)?;
            kept.take_allowance(&by.customer, &format!("code {guesser}"), a_day, now)?;
            kept.put_challenge(&id.0, &challenge)?;
            Ok((show(id, &challenge, now), challenge.action().clone()))
        });
        let (shown, action) = noted.await?;
        let texts = reach.texts(page);
        room.send(Message {
            id: format!("msg_{}", data_encoding::BASE64URL_NOPAD.encode(&random::<16>()?)),
            method: method.as_str(),
            to,
            language: texts.language(),
            text: wording::code_message(&self.settings.name, &action, &code, texts),
            expires: expires.min(shown.expires),
        });
        Ok(shown)
    }
}
