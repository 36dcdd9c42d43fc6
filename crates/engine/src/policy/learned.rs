//! A learned model: a scorecard that turns signals into points, read from a policy's `[model]`, one card for each group of kinds of
//! events. Must not know how it was trained, nor what rules make of its points.
//!
//! Whole points, added up; a signal's number only chooses a bin, by comparison with bounds. So the same event gives the same
//! points on every machine, and what each signal gave is the whole explanation. [`DOUBLE_POINTS`] points more are twice the odds.

use blake3::Hasher;
use model::EventKind;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::condition::Answers;
use crate::input::Observed;
use crate::signal::{Signal, View};
use crate::state::State;

/// Points that double the odds of fraud, where a model was trained by `sekisho lab train`.
pub const DOUBLE_POINTS: i32 = 20;
/// The form's version that this program reads.
const VERSION: u32 = 1;
/// Cards in a model at most: a kind stands in one.
const CARDS_MAX: usize = 16;
/// Bounds of a signal, and bands of a card, at most.
pub const BOUNDS_MAX: usize = 32;
/// Points of a bin, above or below nothing, at most.
pub const POINTS_MAX: i32 = 1_000;
/// Points of a card that every event has, above or below nothing, at most.
const BASE_MAX: i32 = 10_000;
/// Bytes of the line that says how it was trained, at most.
const TRAINED_BYTES_MAX: usize = 512;

/// A model, as a policy holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// How it was trained, in its maker's words.
    pub trained: String,
    /// For groups of kinds; no kind stands in two.
    pub cards: Vec<Card>,
}

/// What signals are worth on some kinds of events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// The kinds.
    pub kinds: Vec<EventKind>,
    /// Points that every event of them has.
    pub base: i32,
    /// Signals and their bins.
    pub signals: Vec<Scored>,
    /// What points meant where it was calibrated, the fewest points first.
    pub bands: Vec<Band>,
}

/// A signal and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    /// The name of the signal, as conditions see it: 1 and 0 for flags, infinite hours and days where nothing is known.
    #[serde(serialize_with = "name")]
    pub signal: Signal,
    /// Where bins end, ascending: a number that equals a bound is in the bin above it.
    pub bounds: Vec<f64>,
    /// Points of each bin: one more than bounds.
    pub points: Vec<i32>,
}

fn name<S: serde::Serializer>(signal: &Signal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(signal.name())
}

/// Questions with points from here to the next band, where the model was calibrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The fewest points.
    pub from: i32,
    /// Questions.
    pub questions: u64,
    /// Of these, fraud.
    pub fraud: u64,
}

/// What a model says of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Risk {
    /// The sum: `signal.model.risk`.
    pub points: i32,
    /// Points that every event of the kind has.
    pub base: i32,
    /// What each signal gave, those that gave most first; those that gave nothing are left out.
    pub parts: Vec<Part>,
    /// What such points meant where the model was calibrated.
    pub band: Option<Band>,
}

/// What a signal gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Which.
    pub signal: Signal,
    /// Its number, as conditions see it.
    pub number: f64,
    /// The points.
    pub points: i32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelForm {
    version: Spanned<u32>,
    trained: Spanned<String>,
    card: Vec<CardForm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CardForm {
    kinds: Spanned<Vec<EventKind>>,
    base: Spanned<i32>,
    signals: Spanned<Vec<ScoredForm>>,
    #[serde(default)]
    bands: Vec<Spanned<Band>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScoredForm {
    signal: Spanned<String>,
    bounds: Vec<f64>,
    points: Vec<i32>,
}

/// What is wrong, and at which byte.
type Wrong = (usize, String);

impl ModelForm {
    pub(super) fn checked(self) -> Result<Model, Wrong> {
        let wrong = |spanned: usize, problem: String| Err((spanned, problem));
        if *self.version.get_ref() != VERSION {
            let problem = format!("the model is of version {}; allowed: {VERSION}", self.version.get_ref());
            return wrong(self.version.span().start, problem);
        }
        let bytes = self.trained.get_ref().len();
        if bytes > TRAINED_BYTES_MAX {
            let problem = format!("`trained` has {bytes} bytes; allowed: at most {TRAINED_BYTES_MAX}");
            return wrong(self.trained.span().start, problem);
        }
        let mut cards: Vec<Card> = Vec::new();
        for form in self.card {
            let start = form.kinds.span().start;
            let kinds = form.kinds.get_ref();
            let twice = kinds.iter().find(|kind| cards.iter().any(|card| card.kinds.contains(kind)));
            if let Some(kind) = twice {
                return wrong(start, format!("`{kind}` stands in a card before this one"));
            }
            if kinds.is_empty() || cards.len() >= CARDS_MAX {
                let problem = format!("a model has at most {CARDS_MAX} cards, each for at least one kind");
                return wrong(start, problem);
            }
            cards.push(form.checked()?);
        }
        Ok(Model { trained: self.trained.into_inner(), cards })
    }
}

impl CardForm {
    fn checked(self) -> Result<Card, Wrong> {
        if !(-BASE_MAX..=BASE_MAX).contains(self.base.get_ref()) {
            let problem = format!("`base` is {}; allowed: -{BASE_MAX} to {BASE_MAX}", self.base.get_ref());
            return Err((self.base.span().start, problem));
        }
        let mut signals: Vec<Scored> = Vec::new();
        for form in self.signals.into_inner() {
            let start = form.signal.span().start;
            let scored = form.checked().map_err(|problem| (start, problem))?;
            if signals.iter().any(|before| before.signal == scored.signal) {
                return Err((start, format!("`{}` stands in this card before", scored.signal.name())));
            }
            signals.push(scored);
        }
        let mut bands: Vec<Band> = Vec::new();
        for band in self.bands {
            let (start, band) = (band.span().start, band.into_inner());
            let rises = bands.last().is_none_or(|before| before.from < band.from);
            if !rises || band.fraud > band.questions || bands.len() >= BOUNDS_MAX {
                let problem = format!(
                    "bands come with ascending `from`, at most {BOUNDS_MAX}, with no more fraud than questions"
                );
                return Err((start, problem));
            }
            bands.push(band);
        }
        Ok(Card { kinds: self.kinds.into_inner(), base: self.base.into_inner(), signals, bands })
    }
}

impl ScoredForm {
    fn checked(self) -> Result<Scored, String> {
        let name = self.signal.get_ref();
        let signal = Signal::from_name(name).filter(|signal| *signal != Signal::ModelRisk);
        let signal = signal.ok_or_else(|| format!("`{name}` is no signal that a model can be made of"))?;
        let rises = self.bounds.is_sorted_by(|one, other| one < other);
        if !rises || self.bounds.iter().any(|bound| bound.is_nan()) || self.bounds.len() > BOUNDS_MAX {
            return Err(format!("the bounds of `{name}` are not ascending, or more than {BOUNDS_MAX}"));
        }
        if self.points.len() != self.bounds.len().saturating_add(1) {
            return Err(format!(
                "`{name}` has {} bounds and {} points; allowed: one more than bounds",
                self.bounds.len(),
                self.points.len()
            ));
        }
        if let Some(points) = self.points.iter().find(|points| !(-POINTS_MAX..=POINTS_MAX).contains(*points))
        {
            return Err(format!("`{name}` gives {points} points; allowed: -{POINTS_MAX} to {POINTS_MAX}"));
        }
        Ok(Scored { signal, bounds: self.bounds, points: self.points })
    }
}

impl Model {
    /// The card for a kind of event.
    #[must_use]
    pub fn card(&self, kind: EventKind) -> Option<&Card> {
        self.cards.iter().find(|card| card.kinds.contains(&kind))
    }

    /// What tells it from other models: 16 hexadecimal digits of a hash of everything in it.
    #[must_use]
    pub fn digest(&self) -> String {
        let bytes = postcard::to_allocvec(self).unwrap_or_default();
        Hasher::new().update(&bytes).finalize().to_hex().chars().take(16).collect()
    }
}

impl Card {
    /// The points of an event with these numbers of signals.
    pub fn points(&self, number: impl Fn(Signal) -> f64) -> i32 {
        let parts = self.signals.iter().map(|scored| scored.points(number(scored.signal)));
        parts.fold(self.base, i32::saturating_add)
    }

    /// The same with what each signal gave.
    pub fn risk(&self, number: impl Fn(Signal) -> f64) -> Risk {
        let parts = self.signals.iter().map(|scored| {
            let number = number(scored.signal);
            Part { signal: scored.signal, number, points: scored.points(number) }
        });
        let mut parts: Vec<Part> = parts.filter(|part| part.points != 0).collect();
        parts.sort_by_key(|part| (std::cmp::Reverse(part.points.abs()), part.signal));
        let points = parts.iter().fold(self.base, |sum, part| sum.saturating_add(part.points));
        let band = self.bands.iter().rev().find(|band| band.from <= points).copied();
        Risk { points, base: self.base, parts, band }
    }
}

impl Scored {
    /// The points of the bin in which a number is.
    #[must_use]
    pub fn points(&self, number: f64) -> i32 {
        let place = self.bounds.partition_point(|bound| number >= *bound);
        self.points.get(place).copied().unwrap_or(0)
    }
}

impl State {
    /// Every signal's number for an event as conditions see it, in the order of the catalogue: what a model is trained on.
    #[must_use]
    pub fn numbers(&self, event: &Observed) -> Vec<f64> {
        self.with_view(event, |view: &View<'_>| {
            let answers = Answers::new(view, None);
            Signal::ALL.iter().map(|signal| answers.number(*signal)).collect()
        })
    }
}
