//! A running server as the judge: facts in batches, one question at a time, everything in one order. Must not know truth.

use std::sync::Arc;

use engine::{Policy, Verdict};
use model::{CustomerId, Event, HolderName, Time};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::EvaluateError;
use super::campaigns::{Told, ToldMember};
use super::judge::{Answer, Judge};
use crate::http::{Client, Target};

/// Bytes of facts that are sent together at most; the server takes a batch of a few megabytes.
const BATCH_BYTES: usize = 512 << 10;

/// A server at the other end of one connection.
pub(super) struct Remote {
    client: Client,
    policy: Arc<Policy>,
    facts: Vec<u8>,
}

#[derive(Deserialize)]
struct Decision {
    decision: Verdict,
    score: u16,
    reasons: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    rule: String,
}

/// A page of campaigns.
#[derive(Deserialize)]
struct Page {
    campaigns: Vec<Campaign>,
    next: Option<u32>,
}

#[derive(Deserialize)]
struct Campaign {
    id: u32,
    first: Time,
    last: Time,
    named: Time,
}

/// A page of a campaign's customers.
#[derive(Deserialize)]
struct MembersPage {
    customers: Vec<Customer>,
    next: Option<u32>,
}

#[derive(Deserialize)]
struct Customer {
    customer: CustomerId,
    first: Time,
    entered: Option<Time>,
}

/// What is asked of an answer to a batch.
#[derive(Deserialize)]
struct Taken {
    #[serde(default)]
    rejected: serde_json::Value,
}

impl Remote {
    pub(super) fn new(target: Target, key: String, policy: Arc<Policy>) -> Self {
        Self { client: Client::new(target, key), policy, facts: Vec::new() }
    }

    fn send(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>, EvaluateError> {
        let answer = self.client.send(method, path, body)?;
        if answer.status != 200 {
            let body = String::from_utf8_lossy(&answer.body).chars().take(512).collect();
            return Err(EvaluateError::Server { path: path.to_owned(), status: answer.status, body });
        }
        Ok(answer.body.into_owned())
    }

    fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, EvaluateError> {
        let body = self.send("GET", path, b"")?;
        serde_json::from_slice(&body).map_err(EvaluateError::Decision)
    }

    fn members(&mut self, id: u32) -> Result<Vec<ToldMember>, EvaluateError> {
        let (mut members, mut from) = (Vec::new(), Some(0));
        while let Some(place) = from {
            let path = format!("/v1/campaigns/{id}?customers=tried&limit=10000&from={place}");
            let page: MembersPage = self.get(&path)?;
            let told = |Customer { customer, first, entered }| ToldMember { customer, first, entered };
            members.extend(page.customers.into_iter().map(told));
            from = page.next;
        }
        Ok(members)
    }

    fn flush(&mut self) -> Result<(), EvaluateError> {
        if self.facts.is_empty() {
            return Ok(());
        }
        let facts = std::mem::take(&mut self.facts);
        let body = self.send("POST", "/v1/events", &facts)?;
        let taken: Taken = serde_json::from_slice(&body).map_err(EvaluateError::Decision)?;
        let rejected = match &taken.rejected {
            serde_json::Value::Array(list) => !list.is_empty(),
            serde_json::Value::Number(number) => number.as_u64() != Some(0),
            _ => false,
        };
        if rejected {
            let body = String::from_utf8_lossy(&body).chars().take(512).collect();
            return Err(EvaluateError::Server { path: "/v1/events".to_owned(), status: 200, body });
        }
        Ok(())
    }
}

impl Judge for Remote {
    fn introduce(&mut self, customer: &CustomerId, holder: &HolderName) -> Result<(), EvaluateError> {
        let body = serde_json::json!({ "holder": holder.as_str() }).to_string();
        self.send("PUT", &format!("/v1/customers/{customer}"), body.as_bytes())?;
        Ok(())
    }

    fn tell(&mut self, event: Event) -> Result<(), EvaluateError> {
        serde_json::to_writer(&mut self.facts, &event).map_err(EvaluateError::Decision)?;
        self.facts.push(b'\n');
        if self.facts.len() < BATCH_BYTES { Ok(()) } else { self.flush() }
    }

    fn ask(&mut self, event: Event) -> Result<Answer, EvaluateError> {
        self.flush()?;
        let body = serde_json::to_vec(&event).map_err(EvaluateError::Decision)?;
        let answer = self.send("POST", "/v1/decide", &body)?;
        let decision: Decision = serde_json::from_slice(&answer).map_err(EvaluateError::Decision)?;
        let place = |reason: &Reason| self.policy.rules().iter().position(|rule| rule.name == reason.rule);
        let rules = decision.reasons.iter().filter_map(place);
        let rules = rules.filter_map(|place| u16::try_from(place).ok()).collect();
        Ok(Answer { verdict: decision.decision, score: decision.score, rules })
    }

    fn campaigns(&mut self) -> Result<Vec<Told>, EvaluateError> {
        self.flush()?;
        let (mut told, mut before) = (Vec::new(), Some(u32::MAX));
        while let Some(number) = before {
            let page: Page = self.get(&format!("/v1/campaigns?limit=200&before={number}"))?;
            for Campaign { id, first, last, named } in page.campaigns {
                told.push(Told { first, last, named, members: self.members(id)? });
            }
            before = page.next;
        }
        Ok(told)
    }
}
