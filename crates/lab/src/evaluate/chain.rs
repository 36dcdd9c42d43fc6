//! An attack in one customer's name, as it goes on or does not: what was stopped, what the attacker does about it. Must not
//! know how decisions are made.

use model::time::HOUR_US;
use model::{Address, CustomerId, Event, EventKind, Outcome, Time};

use super::answers::Group;
use crate::simulate::brokerage::{Chain, Step};

/// What ended an attack, or one thing that it intended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    /// The attacker did not get in.
    Login,
    /// The account was not changed.
    Change,
    /// The money was refused or held.
    Money,
    /// The order was refused or held.
    Order,
    /// The staff called the victim about a hold.
    Call,
    /// The victim noticed and called.
    Report,
}

impl Stop {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Change => "change",
            Self::Money => "withdrawal",
            Self::Order => "order",
            Self::Call => "call",
            Self::Report => "report",
        }
    }

    const fn at(group: Group) -> Self {
        match group {
            Group::Login => Self::Login,
            Group::Change => Self::Change,
            Group::Money => Self::Money,
            Group::Order => Self::Order,
        }
    }
}

/// What became of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Not there yet.
    Open,
    /// It happened.
    Done,
    /// It did not.
    Stopped(Stop),
}

/// An attack under way.
pub(super) struct Course {
    pub(super) chain: Chain,
    pub(super) fates: Vec<Fate>,
    /// The step that comes next.
    next: usize,
    /// By how much everything is later than intended.
    later_us: i64,
    retries: u32,
    tries: u32,
    /// Where the attacker comes from since the last retry.
    address: Option<Address>,
    /// A login of the attacker succeeded.
    pub(super) entered: bool,
    /// Since when the victim's password is not the right one.
    pub(super) locked_from: Option<Time>,
    /// The account change was stopped, so there is nowhere to withdraw to.
    stranded: bool,
    ended: Option<Stop>,
    /// The victim knows.
    pub(super) uncovered: bool,
    /// The staff will call.
    pub(super) called: bool,
    /// Events of it so far, and when the first was.
    events: u64,
    first: Option<Time>,
    /// Event number and time since the first at which an answer was other than allow.
    pub(super) noticed: Option<(u64, i64)>,
}

impl Course {
    pub(super) fn new(chain: Chain, retries: u32) -> Self {
        // Nobody can be phished twice in a row, so a session that lives of it is not repeated.
        let retries = if chain.attack == "aitm-phish" { 0 } else { retries };
        Self {
            fates: vec![Fate::Open; chain.steps.len()],
            chain,
            next: 0,
            later_us: 0,
            retries,
            tries: 0,
            address: None,
            entered: false,
            locked_from: None,
            stranded: false,
            ended: None,
            uncovered: false,
            called: false,
            events: 0,
            first: None,
            noticed: None,
        }
    }

    /// What was intended for a time before the victim calls of their own accord, with its fate: nobody is to be praised for having
    /// stopped the rest.
    pub(super) fn timely(&self) -> impl Iterator<Item = (&Step, &Fate)> {
        let in_time = |time: Time| self.chain.reported.is_none_or(|reported| time < reported);
        self.chain.steps.iter().zip(&self.fates).filter(move |(step, _)| in_time(step.event.time))
    }

    /// When the next step is due; none if there is none.
    pub(super) fn due(&self) -> Option<Time> {
        let step = self.chain.steps.get(self.next)?;
        self.ended.is_none().then(|| step.event.time.plus_us(self.later_us))
    }

    /// The next step, as it comes now; none where it cannot come any more.
    pub(super) fn step(&mut self) -> Option<(usize, Step)> {
        let place = self.next;
        let mut step = self.chain.steps.get(place)?.clone();
        step.event.time = step.event.time.plus_us(self.later_us);
        if let (Some(address), Some(_)) = (self.address, step.event.client.ip) {
            step.event.client.ip = Some(address);
        }
        if self.tries > 0 {
            renamed(&mut step.event, self.tries);
        }
        if self.stranded && step.event.kind.moves_money() {
            self.fate(place, Fate::Stopped(Stop::Change));
            self.next = place + 1;
            return None;
        }
        self.events += 1;
        self.first.get_or_insert(step.event.time);
        self.next = place + 1;
        Some((place, step))
    }

    /// The victim.
    pub(super) fn customer(&self) -> Option<&CustomerId> {
        self.chain.steps.first()?.event.customer.as_ref()
    }

    /// An answer other than allow came at this time.
    pub(super) fn notice(&mut self, time: Time) {
        let since = self.first.map_or(0, |first| time.as_us().saturating_sub(first.as_us()));
        self.noticed.get_or_insert((self.events, since));
    }

    /// A step happened.
    pub(super) fn done(&mut self, place: usize, event: &Event) {
        self.fate(place, Fate::Done);
        if event.outcome != Outcome::Succeeded {
            return;
        }
        match event.kind {
            EventKind::Login => self.entered = true,
            EventKind::PasswordChange | EventKind::PasswordReset => self.locked_from = Some(event.time),
            EventKind::BankAccountChange | EventKind::BankAccountRegister => self.stranded = false,
            _ => {}
        }
    }

    /// A step was held: it does not happen, and the attacker does not know yet.
    pub(super) fn held(&mut self, place: usize, group: Group, kind: EventKind) {
        self.fate(place, Fate::Stopped(Stop::at(group)));
        self.stranded |= is_account(kind);
    }

    /// A step was refused: the attacker comes back later, goes on with the next thing, or gives up. `delay_h` and `address`
    /// are what a retry takes.
    pub(super) fn refused(
        &mut self,
        place: usize,
        group: Group,
        step: &Step,
        delay_h: u64,
        address: Address,
    ) {
        self.fate(place, Fate::Stopped(Stop::at(group)));
        let kind = step.event.kind;
        // Without these nothing that follows is worth anything.
        let needed = matches!(kind, EventKind::Login | EventKind::PasswordReset)
            || is_account(kind)
            || kind.moves_money();
        if !needed {
            return;
        }
        if self.retries == 0 {
            self.end(Stop::at(group));
            return;
        }
        self.retries -= 1;
        self.tries += 1;
        self.address = Some(address);
        self.next = self.session_start(place);
        let hours = i64::try_from(delay_h).unwrap_or(24);
        let back = step.event.time.plus_us(hours * HOUR_US);
        if let Some(first) = self.chain.steps.get(self.next) {
            self.later_us = back.as_us().saturating_sub(first.event.time.as_us());
        }
    }

    /// The victim knows: nothing of it happens any more, and the password is the victim's again.
    pub(super) fn uncover(&mut self, stop: Stop) {
        self.end(stop);
        self.uncovered = true;
        self.locked_from = None;
    }

    /// Nothing of it happens any more.
    fn end(&mut self, stop: Stop) {
        if self.ended.is_none() {
            self.ended = Some(stop);
            for fate in &mut self.fates {
                if *fate == Fate::Open {
                    *fate = Fate::Stopped(stop);
                }
            }
        }
    }

    /// The first step of the session that `place` is in.
    fn session_start(&self, place: usize) -> usize {
        let session =
            |place: usize| self.chain.steps.get(place).and_then(|step| step.event.client.session.as_ref());
        let own = session(place);
        let mut start = place;
        while start > 0 && own.is_some() && session(start - 1) == own {
            start -= 1;
        }
        start
    }

    fn fate(&mut self, place: usize, fate: Fate) {
        // What was done once stays done, and what was stopped may succeed at the next try.
        if let Some(known) = self.fates.get_mut(place)
            && *known != Fate::Done
        {
            *known = fate;
        }
    }
}

const fn is_account(kind: EventKind) -> bool {
    matches!(kind, EventKind::BankAccountChange | EventKind::BankAccountRegister)
}

/// Another try is another event.
fn renamed(event: &mut Event, tries: u32) {
    if let Ok(id) = format!("{}-{tries}", event.id).parse() {
        event.id = id;
    }
    let session = event.client.session.as_ref().and_then(|session| format!("{session}-{tries}").parse().ok());
    event.client.session = session.or_else(|| event.client.session.take());
}
