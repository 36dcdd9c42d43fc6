//! What two policies say of the same questions, counted: by verdict, and by rule. One form for the candidate on trial beside
//! the live policy and for a back-test over the journal. Must not know where questions come from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use engine::{Decision, Policy, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const VERDICTS: usize = Verdict::ALL.len();
/// Rules told apart at most; what further ones did is in the verdicts only.
const RULES_MAX: usize = 2_000;

/// Questions on which the two policies said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pair {
    /// What was answered.
    #[schema(value_type = String, example = "allow")]
    pub live: Verdict,
    /// What the candidate would have answered.
    #[schema(value_type = String, example = "hold")]
    pub candidate: Verdict,
    /// How often.
    pub count: u64,
}

/// Questions by what the live policy said and what the candidate says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Matrix([[u64; VERDICTS]; VERDICTS]);

impl Matrix {
    pub(crate) fn count(&mut self, live: Verdict, candidate: Verdict) {
        let cell = self.0.get_mut(place(live)).and_then(|counts| counts.get_mut(place(candidate)));
        if let Some(cell) = cell {
            *cell = cell.saturating_add(1);
        }
    }

    /// How often they said so.
    #[must_use]
    pub fn of(&self, live: Verdict, candidate: Verdict) -> u64 {
        self.0.get(place(live)).and_then(|counts| counts.get(place(candidate))).copied().unwrap_or(0)
    }

    /// All of them, in the order of [`Verdict::ALL`].
    pub fn pairs(&self) -> impl Iterator<Item = Pair> + '_ {
        Verdict::ALL.into_iter().flat_map(move |live| {
            Verdict::ALL.into_iter().map(move |candidate| Pair {
                live,
                candidate,
                count: self.of(live, candidate),
            })
        })
    }

    /// Those that came.
    #[must_use]
    pub fn came(&self) -> Vec<Pair> {
        self.pairs().filter(|pair| pair.count > 0).collect()
    }

    /// Those that came and on which they differ.
    #[must_use]
    pub fn changed(&self) -> Vec<Pair> {
        self.pairs().filter(|pair| pair.count > 0 && pair.live != pair.candidate).collect()
    }

    /// Questions.
    #[must_use]
    pub fn questions(&self) -> u64 {
        self.pairs().map(|pair| pair.count).sum()
    }

    /// Questions on which they said the same.
    #[must_use]
    pub fn same(&self) -> u64 {
        Verdict::ALL.into_iter().map(|verdict| self.of(verdict, verdict)).sum()
    }
}

fn place(verdict: Verdict) -> usize {
    Verdict::ALL.iter().position(|each| *each == verdict).unwrap_or(0)
}

/// What a rule did in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleTold {
    /// Its name; a rule is the same in both if it is called the same.
    pub rule: String,
    /// Questions on which it fired when they were answered.
    pub live: u64,
    /// Questions on which it fires in the candidate.
    pub candidate: u64,
    /// Questions on which it fires in the candidate only.
    pub gained: u64,
    /// Questions on which it fired when they were answered only.
    pub lost: u64,
    /// Of those where it was gained or lost: verdicts that differ.
    pub changed: Vec<Pair>,
}

#[derive(Debug, Clone, Default)]
struct RuleCounts {
    live: u64,
    candidate: u64,
    gained: u64,
    lost: u64,
    changed: Matrix,
}

/// What was counted.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// By verdict.
    pub matrix: Matrix,
    rules: BTreeMap<String, RuleCounts>,
}

impl Counted {
    /// Counts a question: what was answered, with the rules that fired, and what the candidate says.
    pub(crate) fn count(
        &mut self,
        (live, live_rules): (Verdict, &[&str]),
        (candidate, candidate_rules): (Verdict, &[&str]),
    ) {
        self.matrix.count(live, candidate);
        for name in live_rules {
            let lost = !candidate_rules.contains(name);
            self.rule(name, |rule| {
                rule.live = rule.live.saturating_add(1);
                if lost {
                    rule.lost = rule.lost.saturating_add(1);
                    rule.changed.count(live, candidate);
                }
            });
        }
        for name in candidate_rules {
            let gained = !live_rules.contains(name);
            self.rule(name, |rule| {
                rule.candidate = rule.candidate.saturating_add(1);
                if gained {
                    rule.gained = rule.gained.saturating_add(1);
                    rule.changed.count(live, candidate);
                }
            });
        }
    }

    fn rule(&mut self, name: &str, change: impl FnOnce(&mut RuleCounts)) {
        let room = self.rules.len() < RULES_MAX;
        match self.rules.get_mut(name) {
            Some(rule) => change(rule),
            None if room => change(self.rules.entry(name.to_owned()).or_default()),
            None => {}
        }
    }

    /// The rules, those that differ most first.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleTold> {
        let told = |(name, counts): (&String, &RuleCounts)| RuleTold {
            rule: name.clone(),
            live: counts.live,
            candidate: counts.candidate,
            gained: counts.gained,
            lost: counts.lost,
            changed: counts.changed.changed(),
        };
        let mut rules: Vec<RuleTold> = self.rules.iter().map(told).collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.gained.saturating_add(rule.lost)));
        rules
    }
}

/// The names of the rules that a decision says fired.
pub(crate) fn fired<'p>(policy: &'p Policy, decision: &Decision) -> Vec<&'p str> {
    let names = decision.reasons.iter().filter_map(|reason| policy.rule(reason.rule));
    names.map(|rule| rule.name.as_str()).collect()
}

/// What the journal keeps of an answer, as far as it is compared.
#[derive(Debug, Deserialize)]
pub(crate) struct Answered<'a> {
    pub(crate) decision: Verdict,
    pub(crate) score: u16,
    #[serde(borrow)]
    pub(crate) reasons: Vec<AnsweredReason<'a>>,
    pub(crate) policy: u32,
}

/// A rule that fired, in an answer.
#[derive(Debug, Deserialize)]
pub(crate) struct AnsweredReason<'a> {
    #[serde(borrow)]
    pub(crate) rule: Cow<'a, str>,
}

impl Answered<'_> {
    /// The rules that fired.
    pub(crate) fn rules(&self) -> Vec<&str> {
        self.reasons.iter().map(|reason| reason.rule.as_ref()).collect()
    }
}

#[cfg(test)]
mod tests {
    use engine::Verdict;

    use super::{Answered, Counted};

    #[test]
    fn rules_are_gained_and_lost() {
        let mut counted = Counted::default();
        counted.count((Verdict::Allow, &["a"]), (Verdict::Hold, &["a", "b"]));
        counted.count((Verdict::Hold, &["a"]), (Verdict::Allow, &[]));
        counted.count((Verdict::Allow, &[]), (Verdict::Allow, &[]));
        assert_eq!((counted.matrix.questions(), counted.matrix.same()), (3, 1));
        let rules = counted.rules();
        let told: Vec<_> =
            rules.iter().map(|r| (r.rule.as_str(), r.live, r.candidate, r.gained, r.lost)).collect();
        assert_eq!(told, [("a", 2, 1, 0, 1), ("b", 0, 1, 1, 0)]);
        assert_eq!(
            (rules[1].changed[0].live, rules[1].changed[0].candidate),
            (Verdict::Allow, Verdict::Hold)
        );
    }

    #[test]
    fn an_answer_of_the_journal_is_read() {
        let json = br#"{"id":"1","decision":"step_up","score":31,"reasons":[{"signal":"s","rule":"r\u002d1","points":31,"text":"t"}],"policy":2,"seq":3}"#;
        let answered: Answered<'_> = serde_json::from_slice(json).unwrap();
        assert_eq!((answered.decision, answered.score, answered.policy), (Verdict::StepUp, 31, 2));
        assert_eq!(answered.rules(), ["r-1"]);
    }
}
