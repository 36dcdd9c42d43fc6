//! A back-test: questions of the journal weighed by a candidate policy beside what was really answered. The state is what the
//! journal gives with the policies that were in force; the candidate changes nothing in it. So it cannot know what other
//! answers would have led to. Must not know HTTP or terminals.

mod alone;
mod labels;

use engine::input::Body;
use engine::{Decision, Observed, Policy, State, Verdict};
use history::Watch;
use model::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::alone::backtest_history;
use self::labels::Labels;
pub use self::labels::{LABEL_DAYS, LABEL_DAYS_MAX, Labelled, Stopped};
use crate::comparison::{Answered, Counted, Pair, RuleTold, fired};
use crate::past::{Base, LOOK_INPUTS, Past, PastError, Seen};

/// Examples of each pair of verdicts that differ, at most.
pub const EXAMPLES_MAX: usize = 10;

/// What is compared.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct BacktestOptions {
    /// Questions about what happened from then on.
    pub from: Option<Time>,
    /// Questions about what happened before that.
    pub to: Option<Time>,
    /// How many days before a piece of feedback it labels: 1 to [`LABEL_DAYS_MAX`].
    pub label_days: u16,
}

impl Default for BacktestOptions {
    fn default() -> Self {
        Self { from: None, to: None, label_days: LABEL_DAYS }
    }
}

impl BacktestOptions {
    fn is_about(&self, event: &Observed) -> bool {
        event.asked && self.is_within(event.time)
    }

    fn is_within(&self, time: Time) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }
}

/// What a back-test found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Backtest {
    /// What the state was rebuilt from.
    pub base: Base,
    /// Inputs of the journal told again; of history alone its events.
    pub inputs: u64,
    /// Questions weighed.
    pub questions: u64,
    /// Questions on which both said the same.
    pub same: u64,
    /// Questions whose answer this version cannot read; they are not compared.
    pub unreadable: u64,
    /// When the first question happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first: Option<Time>,
    /// When the last question happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last: Option<Time>,
    /// Questions by what was answered and what the candidate answers, where there were any.
    pub pairs: Vec<Pair>,
    /// By rule, those that differ most first.
    pub rules: Vec<RuleTold>,
    /// What feedback says of them.
    pub labelled: Labelled,
    /// The first questions of each pair of verdicts that differ, at most 10 of each.
    pub examples: Vec<Example>,
}

/// A question on which they differ.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Example {
    /// Its place in the journal; of history alone its number in the order of times.
    pub seq: u64,
    /// The event's identifier: `GET /v1/decisions/{id}`.
    pub id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub time: Time,
    /// What.
    pub kind: &'static str,
    /// In whose name, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// What feedback says: `fraud` or `honest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<&'static str>,
    /// What was answered; of history alone what the policy compared with says.
    pub live: SaidTold,
    /// What the candidate answers.
    pub candidate: SaidTold,
}

/// What a policy says.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SaidTold {
    /// The answer.
    #[schema(value_type = String, example = "hold")]
    pub decision: Verdict,
    /// Points.
    pub score: u16,
    /// The version that answered; 0 for a candidate that is none.
    pub policy: u32,
    /// The rules that fired.
    pub rules: Vec<String>,
}

/// Runs the journal through a candidate.
///
/// # Errors
/// The journal cannot be read, or `watch` says stop.
pub fn backtest(
    past: Past,
    candidate: &Policy,
    options: &BacktestOptions,
    watch: &Watch,
) -> Result<Backtest, PastError> {
    let (labels, last) = look_ahead(&past, options, watch)?;
    // What was known after the last question is not needed.
    let mut past = past.until(last);
    let (memory, _) = past.held();
    let mut found = Found::new(candidate, labels);
    let mut inputs = 0_u64;
    past.tell(watch, |seen| {
        inputs = inputs.saturating_add(1);
        if let Body::Event(event) = &seen.input.body
            && options.is_about(event)
        {
            found.weigh(seen, event);
        }
        if inputs.is_multiple_of(LOOK_INPUTS) {
            memory.check_feedback(seen.state, found.labels.bytes())?;
        }
        Ok(true)
    })?;
    Ok(found.told(past.base().clone(), inputs))
}

/// A question of the journal.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Everything as it was before it.
    pub state: &'a State,
    /// What was asked about.
    pub event: &'a Observed,
    /// What was answered.
    pub answered: Verdict,
    /// What feedback says, if it says something.
    pub is_fraud: Option<bool>,
}

/// Shows every question of the journal whose answer can be read, with what feedback says of it, until `look` says that it has seen
/// enough.
///
/// # Errors
/// The journal cannot be read, or `watch` says stop; what `look` fails with.
pub fn each_question(
    past: Past,
    options: &BacktestOptions,
    watch: &Watch,
    mut look: impl FnMut(&Asked<'_>) -> Result<bool, PastError>,
) -> Result<(), PastError> {
    let (labels, last) = look_ahead(&past, options, watch)?;
    past.until(last).tell(watch, |seen| {
        let Body::Event(event) = &seen.input.body else { return Ok(true) };
        let Ok(live) = serde_json::from_slice::<Answered<'_>>(&seen.entry.answer) else { return Ok(true) };
        if !options.is_about(event) {
            return Ok(true);
        }
        let is_fraud = labels.say(event);
        look(&Asked { state: seen.state, event, answered: live.decision, is_fraud })
    })
}

/// All feedback that labels a question – it comes after it, so that the whole journal is read – and the input of the last question.
fn look_ahead(past: &Past, options: &BacktestOptions, watch: &Watch) -> Result<(Labels, u64), PastError> {
    let mut labels = Labels::about(options);
    let (memory, state) = past.held();
    let (told, last) = past.span();
    let mut last_question = told;
    watch.expect(last.saturating_sub(told));
    past.each_input(told, watch, |entry, input| {
        watch.advance(1);
        if let Body::Event(event) = &input.body {
            labels.note(entry.seq, event);
            if options.is_about(event) {
                last_question = entry.seq;
            }
        }
        if entry.seq.is_multiple_of(LOOK_INPUTS) {
            memory.check_feedback(state, labels.bytes())?;
        }
        Ok(())
    })?;
    memory.check_feedback(state, labels.bytes())?;
    Ok((labels, last_question))
}

/// What a question is compared with: what was answered, or what another policy says.
struct Compared<'a> {
    decision: Verdict,
    score: u16,
    policy: u32,
    rules: Vec<&'a str>,
}

/// What is found on the way.
struct Found<'a> {
    candidate: &'a Policy,
    labels: Labels,
    counted: Counted,
    unreadable: u64,
    examples: Vec<Example>,
    span: Option<(Time, Time)>,
}

impl<'a> Found<'a> {
    fn new(candidate: &'a Policy, labels: Labels) -> Self {
        let counted = Counted::default();
        Self { candidate, labels, counted, unreadable: 0, examples: Vec::new(), span: None }
    }

    fn weigh(&mut self, seen: &Seen<'_>, event: &Observed) {
        let Ok(live) = serde_json::from_slice::<Answered<'_>>(&seen.entry.answer) else {
            self.unreadable = self.unreadable.saturating_add(1);
            return;
        };
        let rules = live.rules();
        let live = Compared { decision: live.decision, score: live.score, policy: live.policy, rules };
        self.compare(seen.state, (seen.entry.seq, event), &live);
    }

    /// Weighs an event that has this number, with everything as it was before it.
    fn compare(&mut self, state: &State, (seq, event): (u64, &Observed), live: &Compared<'_>) {
        let (first, last) = self.span.unwrap_or((event.time, event.time));
        self.span = Some((first.min(event.time), last.max(event.time)));
        let said = state.weigh(self.candidate, event);
        let pair = (live.decision, said.verdict);
        let rules = fired(self.candidate, &said);
        self.counted.count((live.decision, &live.rules), (said.verdict, &rules));
        let label = self.labels.count(event, pair);
        if pair.0 != pair.1 && self.counted.matrix.of(pair.0, pair.1) <= limit(EXAMPLES_MAX) {
            self.examples.push(example((seq, event), live, (&said, &rules), label));
        }
    }

    fn told(self, base: Base, inputs: u64) -> Backtest {
        let Self { labels, counted, unreadable, mut examples, span, .. } = self;
        examples.sort_by_key(|example| {
            (example.candidate.decision, example.live.decision, std::cmp::Reverse(example.seq))
        });
        examples.reverse();
        Backtest {
            base,
            inputs,
            questions: counted.matrix.questions(),
            same: counted.matrix.same(),
            unreadable,
            first: span.map(|(first, _)| first),
            last: span.map(|(_, last)| last),
            pairs: counted.matrix.came(),
            rules: counted.rules(),
            labelled: labels.told(),
            examples,
        }
    }
}

fn limit(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn example(
    (seq, event): (u64, &Observed),
    live: &Compared<'_>,
    (said, rules): (&Decision, &[&str]),
    label: Option<&'static str>,
) -> Example {
    let named = |rules: &[&str]| rules.iter().map(|rule| (*rule).to_owned()).collect();
    Example {
        seq,
        id: event.id.to_string(),
        time: event.time,
        kind: event.kind.as_str(),
        customer: event.customer.as_ref().map(model::CustomerId::masked),
        label,
        live: SaidTold {
            decision: live.decision,
            score: live.score,
            policy: live.policy,
            rules: named(&live.rules),
        },
        candidate: SaidTold {
            decision: said.verdict,
            score: said.score,
            policy: said.policy,
            rules: named(rules),
        },
    }
}
