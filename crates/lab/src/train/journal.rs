//! Questions of a server's journal, and what feedback says of them. Must not know what is learned from them.

use std::path::PathBuf;

use history::Watch;
use server::backtest::{BacktestOptions, each_question};
use server::past::{Memory, Past, PastError};

use super::TrainError;
use crate::evaluate::{EvaluateError, QUESTIONS_MAX, Question};

/// Where questions are read.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// The server's data folder.
    pub data: PathBuf,
    /// History of the time before the journal, where its beginning is gone.
    pub history: Vec<PathBuf>,
    /// Which questions, and how far back feedback labels.
    pub options: BacktestOptions,
}

pub(super) fn questions(asked: &JournalOptions, watch: &Watch) -> Result<Vec<Question>, TrainError> {
    let past = Past::open(&asked.data, &asked.history, Memory::default(), watch)?;
    let mut questions: Vec<Question> = Vec::new();
    let mut is_full = false;
    each_question(past, &asked.options, watch, |told| {
        if questions.len() >= QUESTIONS_MAX {
            is_full = true;
            return Ok(false);
        }
        questions.push(Question {
            kind: told.event.kind,
            numbers: told.state.numbers(told.event).into_boxed_slice(),
            is_fraud: told.is_fraud == Some(true),
            verdict: told.answered,
        });
        Ok::<bool, PastError>(true)
    })?;
    if is_full {
        return Err(EvaluateError::Questions { max: QUESTIONS_MAX }.into());
    }
    Ok(questions)
}
