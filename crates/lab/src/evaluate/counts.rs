//! What is counted while a brokerage is lived: what honest customers were asked, what attackers got, which rules did it. Must
//! not know how it is shown.

use std::collections::BTreeMap;

use engine::{Policy, Verdict};
use model::time::SECOND_US;
use model::{Event, EventKind, Time};

use super::EvaluateError;
use super::answers::Group;
use super::campaigns::Tries;
use super::chain::{Course, Fate};

/// What one customer was answered: groups of questions by verdicts, in the order of [`Group::ALL`] and [`Verdict::ALL`].
pub(super) type Answered = [[u32; 4]; 4];

/// What a rule did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct RuleWork {
    /// Questions of honest customers on which it fired, by group: login, change, withdrawal, order.
    pub honest_fired: [u64; 4],
    /// Of these, how many would have been answered more mildly without it.
    pub honest_decisive: [u64; 4],
    /// The same of attackers' questions.
    pub fraud_fired: [u64; 4],
    /// Of these, how many would have been answered more mildly without it.
    pub fraud_decisive: [u64; 4],
}

impl RuleWork {
    /// Adds another count.
    pub(super) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.honest_fired, other.honest_fired),
            (&mut self.honest_decisive, other.honest_decisive),
            (&mut self.fraud_fired, other.fraud_fired),
            (&mut self.fraud_decisive, other.fraud_decisive),
        ];
        for (sums, counts) in pairs {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }
}

/// What became of the steps of one kind that attackers intended.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Intended {
    /// How many were intended.
    pub all: u64,
    /// How many happened.
    pub done: u64,
    /// Yen intended.
    pub yen: u64,
    /// Yen that left.
    pub yen_done: u64,
    /// Where the others were stopped: login, change, withdrawal, order, call (by the staff, about a hold), report (by the victim),
    /// delay (put off by a refusal until the days ended).
    pub stopped_at: BTreeMap<&'static str, u64>,
}

impl Intended {
    /// Adds one step.
    fn add(&mut self, fate: Fate, yen: u64) {
        self.all += 1;
        self.yen += yen;
        match fate {
            Fate::Done => {
                self.done += 1;
                self.yen_done += yen;
            }
            Fate::Stopped(stop) => *self.stopped_at.entry(stop.as_str()).or_default() += 1,
            // Only what was put off by a refusal is still to come when the days end.
            Fate::Open => *self.stopped_at.entry("delay").or_default() += 1,
        }
    }

    /// Adds another count.
    pub(super) fn merge(&mut self, other: &Self) {
        self.all += other.all;
        self.done += other.done;
        self.yen += other.yen;
        self.yen_done += other.yen_done;
        for (stop, count) in &other.stopped_at {
            *self.stopped_at.entry(stop).or_default() += count;
        }
    }

    /// Of a thousand steps, how many were stopped; a thousand where none was intended.
    #[must_use]
    pub fn stopped_permille(&self) -> u64 {
        (self.all - self.done) * 1_000 / self.all.max(1)
    }
}

/// When something was noticed: an answer other than *allow*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Noticed {
    /// The number of the event among those of the attack, from 1.
    pub event: u64,
    /// Seconds after the first of them.
    pub after_s: i64,
}

/// One attack in one brokerage, or in several.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct AttackFigures {
    /// Events, tries with names that nobody has included.
    pub events: u64,
    /// Customers whose right password the attackers had.
    pub victims: u64,
    /// Of these, how many were entered.
    pub entered: u64,
    /// Withdrawals and transfers.
    pub withdrawals: Intended,
    /// Orders.
    pub orders: Intended,
    /// Orders from the third account on, by the times at which accounts were to order first.
    pub orders_from_third: Intended,
    /// When each brokerage's attack was first noticed; those that never were are missing.
    pub noticed: Vec<Noticed>,
    /// Brokerages in which it took place.
    pub brokerages: u64,
    /// Victims of whom something was noticed before anything was lost, or of whom nothing was.
    pub victims_unharmed: u64,
}

impl AttackFigures {
    /// Adds another brokerage's.
    pub(super) fn merge(&mut self, other: &Self) {
        self.events += other.events;
        self.victims += other.victims;
        self.entered += other.entered;
        self.withdrawals.merge(&other.withdrawals);
        self.orders.merge(&other.orders);
        self.orders_from_third.merge(&other.orders_from_third);
        self.noticed.extend(&other.noticed);
        self.brokerages += other.brokerages;
        self.victims_unharmed += other.victims_unharmed;
    }
}

/// How far an attack has come as a whole.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    events: u64,
    first: Option<Time>,
    noticed: Option<Noticed>,
}

/// Counts of one brokerage.
pub(super) struct Counts {
    pub(super) honest: Vec<Answered>,
    pub(super) rules: Vec<RuleWork>,
    weights: Weights,
    progress: BTreeMap<&'static str, Progress>,
    pub(super) tries: Tries,
    /// Decisions in the order they were given, hashed: equal for equal runs.
    pub(super) digest: u64,
    pub(super) asked: u64,
}

impl Counts {
    pub(super) fn new(customers: usize, policy: &Policy, text: &str) -> Result<Self, EvaluateError> {
        Ok(Self {
            honest: vec![Answered::default(); customers],
            rules: vec![RuleWork::default(); policy.rules().len()],
            weights: Weights::read(policy, text)?,
            progress: BTreeMap::new(),
            tries: Tries::default(),
            digest: 0,
            asked: 0,
        })
    }

    /// An event of an attack.
    pub(super) fn event(&mut self, attack: &'static str, event: &Event) {
        self.tries.note(attack, event);
        let progress = self.progress.entry(attack).or_default();
        progress.events += 1;
        progress.first.get_or_insert(event.time);
    }

    /// An answer to an attacker.
    pub(super) fn fraud(
        &mut self,
        attack: &'static str,
        time: Time,
        kind: EventKind,
        answer: (Verdict, &[u16]),
    ) {
        self.digest(answer);
        let Some(group) = Group::of(kind) else { return };
        for rule in answer.1 {
            let decisive = self.weights.verdict(answer.1, kind, Some(*rule)) < answer.0;
            if let Some(work) = self.rules.get_mut(usize::from(*rule)) {
                bump(&mut work.fraud_fired, group, true);
                bump(&mut work.fraud_decisive, group, decisive);
            }
        }
        if answer.0 != Verdict::Allow
            && let Some(progress) = self.progress.get_mut(attack)
        {
            let first = progress.first.unwrap_or(time);
            let after_s = time.as_us().saturating_sub(first.as_us()) / SECOND_US;
            progress.noticed.get_or_insert(Noticed { event: progress.events, after_s });
        }
    }

    /// An answer to an honest customer.
    pub(super) fn honest(&mut self, customer: u64, kind: EventKind, answer: (Verdict, &[u16])) {
        self.digest(answer);
        let Some(group) = Group::of(kind) else { return };
        let place = usize::try_from(customer).unwrap_or(usize::MAX);
        let verdict = Verdict::ALL.iter().position(|verdict| *verdict == answer.0).unwrap_or(0);
        let slot = self.honest.get_mut(place).and_then(|answered| answered.get_mut(group.place()));
        if let Some(count) = slot.and_then(|verdicts| verdicts.get_mut(verdict)) {
            *count += 1;
        }
        for rule in answer.1 {
            let decisive = self.weights.verdict(answer.1, kind, Some(*rule)) < answer.0;
            if let Some(work) = self.rules.get_mut(usize::from(*rule)) {
                bump(&mut work.honest_fired, group, true);
                bump(&mut work.honest_decisive, group, decisive);
            }
        }
    }

    fn digest(&mut self, (verdict, rules): (Verdict, &[u16])) {
        self.asked += 1;
        let place = Verdict::ALL.iter().position(|each| *each == verdict).unwrap_or(0);
        let mut bytes = self.digest.to_le_bytes().to_vec();
        bytes.push(u8::try_from(place).unwrap_or(0));
        bytes.extend(rules.iter().flat_map(|rule| rule.to_le_bytes()));
        self.digest = xxhash_rust::xxh3::xxh3_64(&bytes);
    }

    /// What became of every attack.
    pub(super) fn attacks(&self, courses: &[Course]) -> BTreeMap<&'static str, AttackFigures> {
        let mut all = BTreeMap::new();
        for (attack, progress) in &self.progress {
            let own: Vec<&Course> = courses.iter().filter(|course| course.chain.attack == *attack).collect();
            let mut figures = figures(&own);
            figures.events = progress.events;
            figures.noticed.extend(progress.noticed);
            all.insert(*attack, figures);
        }
        all
    }
}

fn figures(courses: &[&Course]) -> AttackFigures {
    let mut figures = AttackFigures { brokerages: 1, ..AttackFigures::default() };
    let mut ordering: Vec<(Time, &Course)> = Vec::new();
    for course in courses {
        let steps = || course.timely();
        let is_entry = |kind: EventKind| matches!(kind, EventKind::Login | EventKind::PasswordReset);
        let has_password = steps()
            .any(|(step, _)| is_entry(step.event.kind) && step.event.outcome == model::Outcome::Succeeded);
        figures.victims += u64::from(has_password);
        figures.entered += u64::from(course.entered);
        let mut harmed = false;
        for (step, fate) in steps() {
            let yen = step.event.amount.as_ref().map_or(0, |amount| u64::try_from(amount.minor).unwrap_or(0));
            match Group::of(step.event.kind) {
                Some(Group::Money) => figures.withdrawals.add(*fate, yen),
                Some(Group::Order) => {
                    let notional = step.event.order.as_ref().and_then(|order| order.notional.as_ref());
                    let yen = notional.map_or(0, |amount| u64::try_from(amount.minor).unwrap_or(0));
                    figures.orders.add(*fate, yen);
                }
                _ => continue,
            }
            harmed |= *fate == Fate::Done;
        }
        figures.victims_unharmed += u64::from(has_password && !harmed);
        let first_order = steps().find(|(step, _)| step.event.kind == EventKind::Order);
        ordering.extend(first_order.map(|(step, _)| (step.event.time, *course)));
    }
    ordering.sort_by_key(|(time, course)| (*time, course.chain.customer));
    for (_, course) in ordering.iter().skip(2) {
        for (_, fate) in course.timely().filter(|(step, _)| step.event.kind == EventKind::Order) {
            figures.orders_from_third.add(*fate, 0);
        }
    }
    figures
}

fn bump(counts: &mut [u64; 4], group: Group, really: bool) {
    if let Some(count) = counts.get_mut(group.place()) {
        *count += u64::from(really);
    }
}

/// How a policy adds up, to say what an answer would have been without one of its rules.
struct Weights {
    step_up: u16,
    hold: u16,
    deny: u16,
    rules: Vec<(u16, Verdict)>,
}

#[derive(serde::Deserialize)]
struct Thresholds {
    thresholds: Steps,
}

#[derive(serde::Deserialize)]
struct Steps {
    step_up: u16,
    hold: u16,
    deny: u16,
}

/// From how many points on a policy asks for proof.
pub(super) fn step_up(text: &str) -> Result<u16, EvaluateError> {
    Ok(toml::from_str::<Thresholds>(text)?.thresholds.step_up)
}

impl Weights {
    fn read(policy: &Policy, text: &str) -> Result<Self, EvaluateError> {
        let steps = toml::from_str::<Thresholds>(text)?.thresholds;
        let rules = policy.rules().iter().map(|rule| (rule.points, rule.at_least)).collect();
        Ok(Self { step_up: steps.step_up, hold: steps.hold, deny: steps.deny, rules })
    }

    /// The answer where these rules fired, but for one.
    fn verdict(&self, fired: &[u16], kind: EventKind, without: Option<u16>) -> Verdict {
        let (mut points, mut at_least) = (0_u16, Verdict::Allow);
        for rule in fired.iter().filter(|rule| Some(**rule) != without) {
            let (gives, least) = self.rules.get(usize::from(*rule)).copied().unwrap_or_default();
            points = points.saturating_add(gives).min(engine::policy::SCORE_MAX);
            at_least = at_least.max(least);
        }
        let by_points = match points {
            points if points >= self.deny => Verdict::Deny,
            points if points >= self.hold => Verdict::Hold,
            points if points >= self.step_up => Verdict::StepUp,
            _ => Verdict::Allow,
        };
        let verdict = at_least.max(by_points);
        let waits = Group::of(kind) != Some(Group::Login);
        if verdict == Verdict::Hold && !waits { Verdict::StepUp } else { verdict }
    }
}
