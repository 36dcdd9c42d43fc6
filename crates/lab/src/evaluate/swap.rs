//! A model beside the rules at the same price: of the questions that the rules do not let through, a share is exchanged for others
//! that the model finds worse. Must not know how the model was trained.
//!
//! The price is counted in honest questions that are not let through, and it never rises: as many honest questions are taken
//! in as are let go, at most.

use engine::policy::Model;
use engine::signal::Signal;

use super::answers::Group;
use super::recorder::Question;

/// Shares of honest questions that are exchanged, per mille; all of them is the model alone.
const SHARES_PERMILLE: [u64; 5] = [0, 100, 250, 500, 1_000];

/// What an exchange gives in one group of questions.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Swapped {
    /// `login`, `change`, `withdrawal`, `order`.
    pub group: &'static str,
    /// Per mille of what the rules ask of honest customers that is exchanged; 0: rules alone; 1,000: the model alone.
    pub exchanged_permille: u64,
    /// Honest questions.
    pub honest: u64,
    /// Of these, not let through.
    pub honest_stopped: u64,
    /// Attackers' questions.
    pub fraud: u64,
    /// Of these, not let through.
    pub fraud_stopped: u64,
}

/// All exchanges of all groups.
pub(super) fn swapped(model: &Model, questions: &[Question]) -> Vec<Swapped> {
    let mut all = Vec::new();
    for group in Group::ALL {
        let own: Vec<(i32, &Question)> = questions
            .iter()
            .filter(|question| Group::of(question.kind) == Some(group))
            .filter_map(|question| Some((points(model, question)?, question)))
            .collect();
        if !own.is_empty() {
            all.extend(SHARES_PERMILLE.map(|share| swap(group, &own, share)));
        }
    }
    all
}

/// The points of a question, if the model has a card for it.
fn points(model: &Model, question: &Question) -> Option<i32> {
    let number = |signal: Signal| question.numbers.get(signal.place()).copied().unwrap_or(0.0);
    model.card(question.kind).map(|card| card.points(number))
}

fn swap(group: Group, own: &[(i32, &Question)], share: u64) -> Swapped {
    let is_asked = |question: &Question| question.verdict > engine::Verdict::Allow;
    let honest = |asked: bool| -> Vec<i32> {
        let of = own.iter().filter(|(_, question)| !question.is_fraud && is_asked(question) == asked);
        let mut points: Vec<i32> = of.map(|(points, _)| *points).collect();
        points.sort_unstable();
        points
    };
    let (asked, others) = (honest(true), honest(false));
    // What the rules ask is let go below the first, and what they do not ask is asked from the second on.
    let (keep_from, take_from) = if share >= 1_000 {
        let mut all = [asked.as_slice(), others.as_slice()].concat();
        all.sort_unstable();
        let from = most(&all, asked.len());
        (from, from)
    } else {
        let exchanged = usize::try_from(count(asked.len()) * share / 1_000).unwrap_or(0);
        let keep_from =
            if exchanged == 0 { i32::MIN } else { asked.get(exchanged).copied().unwrap_or(i32::MIN) };
        (keep_from, most(&others, asked.partition_point(|points| *points < keep_from)))
    };
    let stopped = |points: i32, question: &Question| match is_asked(question) {
        true => points >= keep_from,
        false => points >= take_from,
    };
    let (mut swapped, mut all) = ([0_u64; 2], [0_u64; 2]);
    for (points, question) in own {
        let place = usize::from(question.is_fraud);
        if let (Some(all), Some(sum)) = (all.get_mut(place), swapped.get_mut(place)) {
            *all += 1;
            *sum += u64::from(stopped(*points, question));
        }
    }
    let ([honest, fraud], [honest_stopped, fraud_stopped]) = (all, swapped);
    Swapped { group: group.as_str(), exchanged_permille: share, honest, honest_stopped, fraud, fraud_stopped }
}

/// From how many points on no more than so many are reached.
fn most(sorted: &[i32], number: usize) -> i32 {
    match number {
        0 => i32::MAX,
        _ => sorted.iter().rev().nth(number).map_or(i32::MIN, |points| points.saturating_add(1)),
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use engine::Verdict;
    use model::EventKind;

    use super::{Group, Question, swap};

    fn question(is_fraud: bool, asked: bool) -> Question {
        let verdict = if asked { Verdict::StepUp } else { Verdict::Allow };
        Question { kind: EventKind::Login, numbers: Box::default(), is_fraud, verdict }
    }

    /// Rules that ask honest customers with few points and let attackers with many through.
    #[test]
    fn what_is_exchanged_never_costs_more() {
        let asked = question(false, true);
        let (passes, thief, caught) = (question(false, false), question(true, false), question(true, true));
        let mut own: Vec<(i32, &Question)> = (0..10).map(|points| (points, &asked)).collect();
        own.extend((0..90).map(|points| (points, &passes)));
        own.extend([(200, &thief), (80, &thief), (5, &caught), (300, &caught)]);
        let shown = |share| {
            let swapped = swap(Group::Login, &own, share);
            assert_eq!((swapped.honest, swapped.fraud), (100, 4));
            (swapped.honest_stopped, swapped.fraud_stopped)
        };
        assert_eq!(shown(0), (10, 2), "the rules alone");
        assert_eq!(shown(250), (10, 3), "two are let go, and two with more points taken in");
        assert_eq!(shown(1_000), (10, 3), "the model alone");
        let ties: Vec<(i32, &Question)> =
            vec![(1, &asked), (1, &asked), (7, &passes), (7, &passes), (7, &thief)];
        assert_eq!(swap(Group::Login, &ties, 500).honest_stopped, 2, "ties are not parted");
    }
}
