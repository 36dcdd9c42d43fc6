//! One brokerage from its first day to its last: facts at first, questions from the day on which attackers set to work, and
//! what answers do to both sides. Must not know who judges, nor what is made of the counts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use engine::Verdict;
use history::Watch;
use model::client::SessionId;
use model::time::HOUR_US;
use model::{Channel, Credential, CustomerId, Disposition, Event, EventKind, Outcome, Time};

use super::EvaluateError;
use super::answers::{CALL_H, Effect, FRAUD_CALL_H, Group, HONEST_FAILS_PERMILLE, VERIFIED_H, effect};
use super::campaigns::Told;
use super::chain::Course;
use super::counts::Counts;
use super::judge::{Answer, Judge};
use crate::simulate::Attacker;
use crate::simulate::brokerage::{Brokerage, Step, reactions};

/// What is still to come, beside what customers do.
enum Coming {
    /// The next step of an attack.
    Step(usize),
    /// A try with a name that nobody has.
    Nobody(Box<Step>),
    /// The staff call a victim about a hold.
    Call(usize),
    /// The victim calls.
    Report(usize),
    /// A customer said yes to what was held, or was identified anew.
    Told(Box<Event>),
}

/// What was counted, what became of attacks, and which campaigns are told of.
type Lived = (Counts, Vec<Course>, Vec<Told>);

/// One brokerage.
pub(super) struct Run<'a, J> {
    judge: &'a mut J,
    brokerage: &'a Brokerage,
    counts: Counts,
    courses: Vec<Course>,
    /// The attack under way in each customer's name, the one that got furthest.
    of_customer: Vec<Option<usize>>,
    /// The session in which a customer could not go on.
    broken: Vec<Option<SessionId>>,
    coming: BinaryHeap<Reverse<(Time, u64, usize)>>,
    kept: Vec<Option<Coming>>,
    seed: u64,
    attacker: Attacker,
    asks: bool,
}

impl<'a, J: Judge> Run<'a, J> {
    /// A brokerage before its first day.
    pub(super) fn new(
        judge: &'a mut J,
        brokerage: &'a mut Brokerage,
        (seed, attacker): (u64, Attacker),
        counts: Counts,
    ) -> Result<Self, EvaluateError> {
        let (chains, nobody) = brokerage.intentions()?;
        let brokerage: &Brokerage = brokerage;
        let customers = usize::try_from(brokerage.customers()).unwrap_or(0);
        let mut run = Self {
            judge,
            brokerage,
            counts,
            courses: Vec::new(),
            of_customer: vec![None; customers],
            broken: vec![None; customers],
            coming: BinaryHeap::new(),
            kept: Vec::new(),
            seed,
            attacker,
            asks: false,
        };
        for chain in chains {
            let place = run.courses.len();
            let reported = chain.reported;
            let course = Course::new(chain, attacker.retries);
            if let Some(due) = course.due() {
                run.later(due, Coming::Step(place));
            }
            if let Some(reported) = reported {
                run.later(reported, Coming::Report(place));
            }
            run.courses.push(course);
        }
        for step in nobody {
            run.later(step.event.time, Coming::Nobody(Box::new(step)));
        }
        Ok(run)
    }

    /// Lives all days.
    pub(super) fn live(mut self, watch: &Watch) -> Result<Lived, EvaluateError> {
        for index in 0..self.brokerage.customers() {
            let (customer, name) = self.brokerage.person(index)?;
            self.judge.introduce(&customer, &name)?;
        }
        let mut living = self.brokerage.live()?;
        for day in 0..self.brokerage.days() {
            watch.check()?;
            self.asks = day >= self.brokerage.attacked_from();
            for step in living.next_day(|_| true)? {
                self.until(step.event.time)?;
                self.honest(step)?;
            }
            self.until(self.brokerage.day_begins(day + 1))?;
            watch.advance(1);
        }
        let told = self.judge.campaigns()?;
        Ok((self.counts, self.courses, told))
    }

    fn later(&mut self, time: Time, coming: Coming) {
        let place = self.kept.len();
        let order = u64::try_from(place).unwrap_or(u64::MAX);
        self.kept.push(Some(coming));
        self.coming.push(Reverse((time, order, place)));
    }

    /// Everything that comes before a moment.
    fn until(&mut self, moment: Time) -> Result<(), EvaluateError> {
        while let Some(Reverse((time, _, place))) = self.coming.peek().copied() {
            if time >= moment {
                break;
            }
            self.coming.pop();
            match self.kept.get_mut(place).and_then(Option::take) {
                Some(Coming::Step(course)) => self.step(course)?,
                Some(Coming::Nobody(step)) => {
                    self.count_event(&step);
                    self.judge.tell(step.event)?;
                }
                Some(Coming::Call(course)) => self.end(course, super::chain::Stop::Call, time)?,
                Some(Coming::Report(course)) => self.end(course, super::chain::Stop::Report, time)?,
                Some(Coming::Told(event)) => self.judge.tell(*event)?,
                None => {}
            }
        }
        Ok(())
    }

    fn count_event(&mut self, step: &Step) {
        if let Some(attack) = step.attack {
            self.counts.event(attack, &step.event);
        }
    }

    /// One step of an attack.
    fn step(&mut self, place: usize) -> Result<(), EvaluateError> {
        let Some(course) = self.courses.get_mut(place) else { return Ok(()) };
        if course.due().is_none() {
            return Ok(());
        }
        let stepped = course.step();
        if let Some((number, step)) = stepped {
            self.count_event(&step);
            match Group::of(step.event.kind) {
                Some(_) if self.asks && !is_told(&step.event) => self.try_step(place, number, &step)?,
                _ => {
                    self.done(place, number, &step.event);
                    self.judge.tell(step.event)?;
                }
            }
        }
        if let Some(due) = self.courses.get(place).and_then(Course::due) {
            self.later(due, Coming::Step(place));
        }
        Ok(())
    }

    /// A step that is asked about.
    fn try_step(&mut self, place: usize, number: usize, step: &Step) -> Result<(), EvaluateError> {
        let Some(group) = Group::of(step.event.kind) else { return Ok(()) };
        let answer = self.ask(&step.event)?;
        self.judge.was_fraud();
        let (time, kind) = (step.event.time, step.event.kind);
        let attack = step.attack.unwrap_or_default();
        self.counts.fraud(attack, time, kind, (answer.verdict, &answer.rules));
        let Some(course) = self.courses.get_mut(place) else { return Ok(()) };
        if answer.verdict != Verdict::Allow {
            course.notice(time);
        }
        match effect(answer.verdict, step.holds_factor) {
            Effect::Done => {
                self.done(place, number, &step.event);
                self.judge.tell(step.event.clone())?;
            }
            Effect::Held => {
                course.held(number, group, kind);
                if !course.called {
                    course.called = true;
                    self.later(time.plus_us(FRAUD_CALL_H * HOUR_US), Coming::Call(place));
                }
            }
            Effect::Refused => {
                let mut dice = reactions(self.seed, hash(&step.event));
                let patience_h = self.attacker.patience_days.max(1) * 24;
                let delay_h = dice.between(patience_h / 2, patience_h * 2);
                let address = self.brokerage.retry_address(&mut dice, step, self.attacker);
                course.refused(number, group, step, delay_h, address);
                self.judge.tell(failed(step.event.clone()))?;
            }
        }
        Ok(())
    }

    fn done(&mut self, place: usize, number: usize, event: &Event) {
        if let Some(course) = self.courses.get_mut(place) {
            course.done(number, event);
            let customer = usize::try_from(course.chain.customer).unwrap_or(usize::MAX);
            if (course.entered || course.locked_from.is_some())
                && let Some(slot) = self.of_customer.get_mut(customer)
            {
                *slot = Some(place);
            }
        }
    }

    /// An attack is over: the victim knows.
    fn end(&mut self, place: usize, stop: super::chain::Stop, time: Time) -> Result<(), EvaluateError> {
        let Some(course) = self.courses.get_mut(place) else { return Ok(()) };
        let locked = course.locked_from.is_some();
        let known = course.entered || locked || course.called;
        // Whose account nobody got into has nothing to report, and nobody reports twice.
        if course.uncovered || !known {
            return Ok(());
        }
        course.uncover(stop);
        let (customer, _) = self.brokerage.person(course.chain.customer)?;
        self.judge.tell(by_telephone(EventKind::CustomerReport, &customer, time, place)?)?;
        let verified = time.plus_us(VERIFIED_H * HOUR_US);
        let mut closed = by_telephone(EventKind::CaseDisposition, &customer, verified, place)?;
        closed.reason = Some(Disposition::Verified.as_str().parse()?);
        self.later(verified, Coming::Told(Box::new(closed)));
        if locked {
            self.judge.tell(by_telephone(
                EventKind::PasswordReset,
                &customer,
                time.plus_us(1_000_000),
                place,
            )?)?;
        }
        Ok(())
    }

    /// One thing that a customer does.
    fn honest(&mut self, step: Step) -> Result<(), EvaluateError> {
        let Some(customer) = step.customer else { return Ok(()) };
        let place = usize::try_from(customer).unwrap_or(usize::MAX);
        let mut event = step.event;
        let session = event.client.session.clone();
        if session.is_some() && self.broken.get(place).is_some_and(|broken| *broken == session) {
            return Ok(());
        }
        if self.is_locked_out(place, event.time) && event.client.ip.is_some() {
            if event.kind == EventKind::Login {
                event.credential = Some(Credential::Wrong);
                self.judge.tell(failed(event))?;
            }
            return Ok(());
        }
        if !self.asks || Group::of(event.kind).is_none() || is_told(&event) {
            return self.judge.tell(event);
        }
        let answer = self.ask(&event)?;
        self.counts.honest(customer, event.kind, (answer.verdict, &answer.rules));
        let mut dice = reactions(self.seed, hash(&event));
        let proves = !dice.permille(HONEST_FAILS_PERMILLE);
        match effect(answer.verdict, proves) {
            Effect::Done => self.judge.tell(event),
            Effect::Held => {
                let hours = i64::try_from(dice.between(CALL_H.0, CALL_H.1)).unwrap_or(24);
                event.time = event.time.plus_us(hours * HOUR_US);
                self.later(event.time, Coming::Told(Box::new(event)));
                Ok(())
            }
            Effect::Refused => {
                if event.kind == EventKind::Login
                    && let Some(broken) = self.broken.get_mut(place)
                {
                    *broken = session;
                }
                self.judge.tell(failed(event))
            }
        }
    }

    fn is_locked_out(&self, customer: usize, time: Time) -> bool {
        let course =
            self.of_customer.get(customer).copied().flatten().and_then(|place| self.courses.get(place));
        course.and_then(|course| course.locked_from).is_some_and(|from| from <= time)
    }

    fn ask(&mut self, event: &Event) -> Result<Answer, EvaluateError> {
        let mut question = event.clone();
        question.outcome = Outcome::Attempted;
        question.id = format!("{}-q", event.id).parse()?;
        self.judge.ask(question)
    }
}

/// Whether a broker tells it and has nothing to ask: what failed of itself.
fn is_told(event: &Event) -> bool {
    event.outcome == Outcome::Failed && event.kind == EventKind::Login
}

fn failed(mut event: Event) -> Event {
    event.outcome = Outcome::Failed;
    event
}

/// A number for the draws that an event leads to.
fn hash(event: &Event) -> u64 {
    xxhash_rust::xxh3::xxh3_64(event.id.as_str().as_bytes())
}

fn by_telephone(
    kind: EventKind,
    customer: &CustomerId,
    time: Time,
    course: usize,
) -> Result<Event, EvaluateError> {
    Ok(Event {
        customer: Some(customer.clone()),
        channel: Some(Channel::Phone),
        ..Event::bare(format!("t{course:08x}-{}", kind.as_str()).parse()?, time, kind, Outcome::Succeeded)
    })
}
