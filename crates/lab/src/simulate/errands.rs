//! What a customer has to do at the broker beside trading: bank accounts, contacts, passwords, money. Drawn for the whole
//! span at once, because one thing follows from another: a move brings a new address and often a new bank.
//! Must not know from where an errand is done.

use model::Channel;
use model::details::ContactType;

use super::dice::Dice;
use super::oddity::Oddity;
use super::population::{Person, World, YEAR_DAYS};

/// Shares of the balance that people withdraw, in millionths.
const SHARES_PPM: &[(u64, u64)] = &[
    (0, 2_000),
    (250, 20_000),
    (500, 60_000),
    (800, 250_000),
    (930, 600_000),
    (970, 950_000),
    (1_000, 1_000_000),
];
/// Withdrawals a year, in hundredths.
const WITHDRAWALS: &[(u64, u64)] = &[(0, 0), (550, 0), (800, 120), (900, 300), (970, 800), (1_000, 2_400)];
/// Everything, for people who leave or buy a house.
const ALL_PPM: u64 = 1_000_000;

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Nothing yet: a look at what there is.
    Look,
    BankRegister,
    BankChange,
    Contact(ContactType),
    PasswordChange,
    FactorEnroll,
    FactorRemove,
    Withdraw {
        share_ppm: u64,
    },
    Transfer {
        share_ppm: u64,
    },
}

/// A thing to do on a day; by telephone or on paper where a channel is given, otherwise online.
#[derive(Debug, Clone, Copy)]
pub(super) struct Errand {
    pub(super) day: u64,
    pub(super) task: Task,
    pub(super) staffed: Option<Channel>,
    /// What makes it look strange.
    pub(super) oddity: Option<Oddity>,
}

/// Everything a customer has to do, in order of days.
pub(super) fn draw(dice: &mut Dice, world: &World, person: &Person) -> Vec<Errand> {
    let from = person.joined.unwrap_or(0);
    let mut list = List { dice, days: world.calendar.days(), from, errands: Vec::new() };
    // Those who come often also have more to arrange.
    let eagerness = if person.sessions_per_year < 8 { 5 } else { 12 };
    if person.joined.is_some() {
        list.on_joining();
    }
    if let Some(day) = world.household(person).and_then(super::population::Household::move_day) {
        list.on_moving(day);
    }
    if let Some((day, _)) = person.next_office
        && list.dice.permille(150)
    {
        list.bank_change_near(day, 5, 40);
    }
    if let Some(day) = list.sometime(1_200 * eagerness) {
        list.on_leaving(day);
    }
    if let Some(day) = list.sometime(6_600 * eagerness) {
        list.bank_change(day);
    }
    if let Some(day) = list.sometime(2_000 * eagerness) {
        list.bank(day, Task::BankRegister);
    }
    list.small_things(eagerness);
    list.withdrawals();
    let mut errands = list.errands;
    errands.retain(|errand| errand.day >= from);
    errands.sort_by_key(|errand| errand.day);
    errands
}

struct List<'d> {
    dice: &'d mut Dice,
    days: u64,
    from: u64,
    errands: Vec<Errand>,
}

impl List<'_> {
    /// A day, in so many of ten million years of a customer.
    fn sometime(&mut self, per_ten_million: u64) -> Option<u64> {
        let happens = self.dice.below(10_000_000) < per_ten_million * 10 * self.days / YEAR_DAYS;
        happens.then(|| self.dice.below(self.days))
    }

    fn add(&mut self, day: u64, task: Task, staffed: Option<Channel>) {
        if day < self.days {
            let takes_all = task == Task::Withdraw { share_ppm: ALL_PPM };
            let oddity = takes_all.then_some(Oddity::TakesAll);
            self.errands.push(Errand { day, task, staffed, oddity });
        }
    }

    /// Some prefer to telephone or to write.
    fn bank(&mut self, day: u64, task: Task) {
        let paper = if self.dice.permille(600) { Channel::Paper } else { Channel::Phone };
        let staffed = self.dice.permille(90).then_some(paper);
        self.add(day, task, staffed);
        if self.dice.permille(400) {
            let before = day.saturating_sub(self.dice.between(1, 12));
            self.add(before, Task::Look, None);
        }
    }

    fn bank_change(&mut self, day: u64) {
        self.bank(day, Task::BankChange);
        if self.dice.permille(350) {
            let share_ppm = self.dice.quantile(SHARES_PPM);
            let after = day + self.dice.between(0, 25);
            self.add(after, Task::Withdraw { share_ppm }, None);
        }
    }

    fn bank_change_near(&mut self, day: u64, before: u64, after: u64) {
        let day = (day + self.dice.between(0, before + after)).saturating_sub(before);
        self.bank_change(day);
    }

    /// Most name their bank account when they open theirs at the broker, which is no procedure; the others do it later.
    fn on_joining(&mut self) {
        if self.dice.permille(300) {
            let day = self.from + self.dice.quantile(&[(0, 0), (300, 7), (700, 30), (1_000, 90)]);
            self.bank(day, Task::BankRegister);
        }
    }

    fn on_moving(&mut self, day: u64) {
        if self.dice.permille(800) {
            let told = (day + self.dice.between(0, 35)).saturating_sub(5);
            self.add(told, Task::Contact(ContactType::Address), None);
        }
        if self.dice.permille(180) {
            self.bank_change_near(day, 10, 50);
        }
    }

    /// Some leave, some buy a house: everything goes out, to a new account where the old one is not wanted any more.
    fn on_leaving(&mut self, day: u64) {
        if self.dice.permille(250) {
            let before = day.saturating_sub(self.dice.between(0, 10));
            self.bank(before, Task::BankChange);
        }
        self.add(day, Task::Withdraw { share_ppm: ALL_PPM }, None);
    }

    fn small_things(&mut self, eagerness: u64) {
        let yearly = [
            (3_500, Task::Contact(ContactType::Email)),
            (3_000, Task::Contact(ContactType::Phone)),
            (1_500, Task::Contact(ContactType::Address)),
            (10_000, Task::PasswordChange),
            (4_000, Task::FactorEnroll),
            (400, Task::FactorRemove),
        ];
        for (rate, task) in yearly {
            if let Some(day) = self.sometime(rate * eagerness) {
                self.add(day, task, None);
            }
        }
        if let Some(day) = self.sometime(300 * eagerness) {
            let share_ppm = self.dice.quantile(SHARES_PPM);
            self.add(day, Task::Transfer { share_ppm }, None);
        }
    }

    fn withdrawals(&mut self) {
        let hundredths = self.dice.quantile(WITHDRAWALS) * self.days / YEAR_DAYS;
        let more = u64::from(self.dice.below(100) < hundredths % 100);
        for _ in 0..hundredths / 100 + more {
            let day = self.dice.below(self.days);
            let share_ppm = self.dice.quantile(SHARES_PPM);
            self.add(day, Task::Withdraw { share_ppm }, None);
        }
    }
}
