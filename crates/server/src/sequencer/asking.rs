//! What the sequencer is asked: to take an input, or to let somebody look. Must not know who asks.

use std::sync::Arc;

use engine::input::Body;
use engine::key::RecordKey;
use engine::record::Record;
use engine::{Policy, State};
use model::Time;
use tokio::sync::oneshot;

use super::QUEUE_MAX;

/// One input and where its answer goes.
#[derive(Debug)]
pub struct Ask {
    pub(super) id: Option<String>,
    pub(super) digest: [u8; 16],
    pub(super) body: Body,
    /// The body's bytes for the journal.
    pub(super) input: Vec<u8>,
    pub(super) japanese: bool,
    pub(super) answer: Answer,
}

/// Where an answer goes. Nobody may be waiting any more.
pub(super) type Answer = oneshot::Sender<Result<Answered, AskError>>;
/// Where an answer comes.
pub type Answering = oneshot::Receiver<Result<Answered, AskError>>;

impl Ask {
    /// An input: `id` is the sender's, for inputs that have one, `digest` tells the same input from another with its
    /// identifier, and reasons are told in Japanese or else in English.
    ///
    /// # Errors
    /// The input cannot be kept; that does not happen with inputs that were checked.
    pub fn new(
        id: Option<String>,
        digest: [u8; 16],
        body: Body,
        japanese: bool,
    ) -> Result<(Self, Answering), AskError> {
        let input = body.encode().map_err(|error| AskError::Refusing(error.to_string()))?;
        let (answer, answering) = oneshot::channel();
        Ok((Self { id, digest, body, input, japanese, answer }, answering))
    }
}

/// A durable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The input's place in the journal.
    pub seq: u64,
    /// When it arrived, the first time.
    pub time: Time,
    /// The answer as JSON: a decision, or an empty object for what was only noted.
    pub json: Vec<u8>,
    /// Whether it had been answered before.
    pub again: bool,
}

/// Why an input was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Too many are waiting.
    #[error("too many inputs are waiting (at most {QUEUE_MAX}); send it again in a second")]
    Busy,
    /// The identifier came before, with other content.
    #[error(
        "the id came before, as input {seq}, with other content or as a fact instead of a question; give every event an id of its own"
    )]
    Conflict {
        /// That input.
        seq: u64,
    },
    /// No answer came in time; what it is about may be in the journal all the same.
    #[error(
        "no answer came in time, perhaps because the disk stalls; what was sent may count all the same: an event sent again as it was \
         counts once, for anything else look first"
    )]
    Late,
    /// Nothing is taken any more.
    #[error("no inputs are taken: {0}")]
    Refusing(String),
}

/// Called with the state between two batches, or with why not.
pub(super) type Look = Box<dyn FnOnce(Result<(&State, &Policy), AskError>) + Send>;

/// What comes to the sequencer.
pub(super) enum Message {
    /// An input.
    Ask(Ask),
    /// Somebody wants to see these records.
    Look(Vec<RecordKey>, Look),
    /// Stored records, read ahead of being touched, none where one cannot be read; whether that is all there are; and a token
    /// by which whoever reads ahead knows how many of these are on their way.
    Warm(Vec<(RecordKey, Option<Record>)>, bool, Arc<()>),
    /// Time passes.
    Tick,
}
