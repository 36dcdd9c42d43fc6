//! Whom a row of the journal concerns. Must not know where that is kept.

use std::sync::LazyLock;

use engine::input::{Body, Observed};
use memchr::memmem::Finder;
use model::customer::text_key;
use model::{EventKind, Time};
use serde::Deserialize;
use store::{Entry, IndexRow};

use crate::sequencer::recovery;

/// What a row of the index concerns. The numbers are in the file and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A customer, by the hash of their identifier.
    Customer(u64),
    /// An address, by a hash of its 128 bits.
    Ip(u64),
    /// A device, by the hash of its identifier.
    Device(u64),
    /// Events that were held.
    Held,
    /// The settlement of a held event, by the hash of its identifier.
    Settled(u64),
    /// What customers said of themselves: that it was not them.
    Reports,
}

impl Subject {
    /// A customer.
    #[must_use]
    pub(crate) fn customer(id: &model::CustomerId) -> Self {
        Self::Customer(text_key(id.as_str()))
    }

    /// An address.
    #[must_use]
    pub(crate) fn ip(ip: model::Address) -> Self {
        Self::Ip(ip.key())
    }

    /// A device.
    #[must_use]
    pub(crate) fn device(id: &model::client::DeviceId) -> Self {
        Self::Device(text_key(id.as_str()))
    }

    /// The settlement of a held event.
    #[must_use]
    pub(crate) fn settled(event: &str) -> Self {
        Self::Settled(text_key(event))
    }

    pub(super) const fn kind_and_key(self) -> (u8, u64) {
        match self {
            Self::Customer(key) => (1, key),
            Self::Ip(key) => (2, key),
            Self::Device(key) => (3, key),
            Self::Held => (4, 0),
            Self::Settled(key) => (5, key),
            Self::Reports => (6, 0),
        }
    }
}

/// The subjects of a row of the journal. What this version cannot read concerns nobody.
pub(super) fn rows(entry: &Entry<'_>) -> impl Iterator<Item = IndexRow> + use<> {
    let subjects = recovery::input(entry).map(|input| match &input.body {
        Body::Event(event) => of_event(event, entry.answer),
        Body::HoldSettled { event, .. } if was_settled(entry.answer) => {
            [Some(Subject::settled(event.as_str())), None, None, None, None]
        }
        _ => [None; _],
    });
    let (seq, subjects) = (entry.seq, subjects.unwrap_or_default());
    subjects.into_iter().flatten().map(Subject::kind_and_key).map(move |(kind, key)| IndexRow {
        kind,
        key,
        seq,
    })
}

fn of_event(event: &Observed, answer: &[u8]) -> [Option<Subject>; 5] {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        decision: &'a str,
    }
    // Few are; whether one is, only reading it says.
    static HOLD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"hold\""));
    let may_be = || HOLD.find(answer).is_some();
    let is = || serde_json::from_slice::<Answer<'_>>(answer).is_ok_and(|answer| answer.decision == "hold");
    let held = || may_be() && is();
    [
        event.customer.as_ref().map(Subject::customer),
        event.ip.map(Subject::ip),
        event.device.as_ref().map(Subject::device),
        (event.asked && held()).then_some(Subject::Held),
        (event.kind == EventKind::CustomerReport).then_some(Subject::Reports),
    ]
}

/// Until when an answer says that its event is held, if it does.
pub(super) fn held_until(answer: &[u8]) -> Option<Time> {
    #[derive(Deserialize)]
    struct Answer {
        hold: Option<Hold>,
    }
    #[derive(Deserialize)]
    struct Hold {
        until: Time,
    }
    Some(serde_json::from_slice::<Answer>(answer).ok()?.hold?.until)
}

/// Whether a settlement found its hold.
pub(crate) fn was_settled(answer: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        settled: bool,
    }
    serde_json::from_slice::<Answer>(answer).is_ok_and(|answer| answer.settled)
}
