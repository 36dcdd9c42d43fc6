//! A judge that also keeps every question with the signals' numbers and who really asked: what a model is trained on and compared
//! with. Must not know models.

use std::cell::RefCell;
use std::rc::Rc;

use engine::Verdict;
use model::{CustomerId, Event, EventKind, HolderName};

use super::EvaluateError;
use super::campaigns::Told;
use super::judge::{Answer, Judge, Local};

/// Questions kept at most: some 500 bytes each.
pub(crate) const QUESTIONS_MAX: usize = 2_000_000;

/// A question.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// About what.
    pub(crate) kind: EventKind,
    /// Every signal as conditions see it, in the order of the catalogue.
    pub(crate) numbers: Box<[f64]>,
    /// Whether an attacker asked.
    pub(crate) is_fraud: bool,
    /// What the rules answered.
    pub(crate) verdict: Verdict,
}

/// Questions of one brokerage after the other.
pub(crate) type Questions = Rc<RefCell<Vec<Question>>>;

/// Asks the engine in this process.
pub(super) struct Recorder {
    pub(super) local: Local,
    pub(super) questions: Questions,
}

impl Judge for Recorder {
    fn introduce(&mut self, customer: &CustomerId, holder: &HolderName) -> Result<(), EvaluateError> {
        self.local.introduce(customer, holder)
    }

    fn tell(&mut self, event: Event) -> Result<(), EvaluateError> {
        self.local.tell(event)
    }

    fn ask(&mut self, event: Event) -> Result<Answer, EvaluateError> {
        let kind = event.kind;
        let observed = self.local.observe(event.clone(), true)?;
        let numbers = self.local.state().numbers(&observed).into_boxed_slice();
        let answer = self.local.ask(event)?;
        let mut questions = self.questions.borrow_mut();
        if questions.len() >= QUESTIONS_MAX {
            return Err(EvaluateError::Questions { max: QUESTIONS_MAX });
        }
        questions.push(Question { kind, numbers, is_fraud: false, verdict: answer.verdict });
        Ok(answer)
    }

    fn campaigns(&mut self) -> Result<Vec<Told>, EvaluateError> {
        self.local.campaigns()
    }

    fn was_fraud(&mut self) {
        if let Some(question) = self.questions.borrow_mut().last_mut() {
            question.is_fraud = true;
        }
    }
}
