//! An event as observed to a row of history: the same columns that importers fill. Must not know files.

use std::fmt::Write as _;

use engine::{Observed, Verdict};
use history::rows::{Recorded, Row, RowBuffer};
use model::Outcome;
use serde::Deserialize;

/// Rows in the making.
pub(super) struct Rows<'a> {
    buffer: &'a mut RowBuffer,
    /// Reused for accounts.
    account: String,
}

/// What is read of an answer.
#[derive(Deserialize)]
struct Answer<'a> {
    decision: &'a str,
}

impl<'a> Rows<'a> {
    pub(super) fn new(buffer: &'a mut RowBuffer) -> Self {
        Self { buffer, account: String::new() }
    }

    /// Adds an event that was answered so.
    pub(super) fn push(&mut self, event: &Observed, answer: &[u8]) {
        self.account.clear();
        if let Some(account) = &event.account {
            // Writing into a string cannot fail.
            let _infallible = write!(self.account, "{:016x}", account.key);
        }
        let kept = &event.kept;
        self.buffer.push_row(&Row {
            id: event.id.as_str(),
            time: event.time,
            kind: event.kind,
            outcome: outcome(event, answer),
            customer: event.customer.as_ref(),
            channel: event.channel,
            ip: event.ip,
            user_agent: kept.user_agent.as_ref().map(|text| text.as_str()),
            device: event.device.as_ref().map(|text| text.as_str()),
            ja4: event.ja4.as_ref().map(|text| text.as_str()),
            session: event.session.as_ref().map(|text| text.as_str()),
            language: event.language.as_ref().map(|text| text.as_str()),
            reason: kept.reason.as_ref().map(|text| text.as_str()),
            credential: event.credential,
            factor: event.factor,
            username_hash: kept.username_hash.as_ref().map(|text| text.as_str()),
            amount: event.amount,
            balance_share_ppm: event.balance_share_ppm,
            bank_branch: kept.bank_branch.as_deref(),
            bank_account_key: event.account.is_some().then_some(self.account.as_str()),
            contact_type: event.contact,
            order: kept.order.as_deref(),
            recorded: Recorded { country: event.place.country, asn: event.place.asn },
        });
    }
}

/// How it ended, as far as is known. Who asked before the act and was told to hold or deny has not seen it succeed, whatever
/// the question said: it was attempted. It did not fail either: a sweep examines what was attempted, and that is wanted.
fn outcome(event: &Observed, answer: &[u8]) -> Outcome {
    if !event.asked || event.outcome != Outcome::Succeeded {
        return event.outcome;
    }
    let stopped = [Verdict::Hold, Verdict::Deny].map(Verdict::as_str);
    match serde_json::from_slice::<Answer<'_>>(answer) {
        Ok(answer) if stopped.contains(&answer.decision) => Outcome::Attempted,
        _ => event.outcome,
    }
}
