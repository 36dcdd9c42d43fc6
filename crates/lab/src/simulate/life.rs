//! A customer's days: when they come, from where, with what, and what goes wrong. Must not know attacks, except that a
//! customer whose password somebody has changed cannot come in.

use std::collections::VecDeque;
use std::rc::Rc;

use model::details::OrderSide;
use model::{BankAccount, Channel, EventKind, Factor, Outcome, Time};

use super::calendar::Habit;
use super::clients::{Device, Slot};
use super::dice::{Dice, Stream};
use super::errands::{self, Errand, Task};
use super::error::LabError;
use super::networks::{Source, spot};
use super::oddity::{Oddities, Oddity, is_fresh};
use super::population::{Household, Person, World, draw_factor};
use super::traits::{Identifier, Traits};
use super::visit::{Details, Draft, Seen, Visit, bank_account, holder};
use super::year::Strange;

/// Sessions a year to millionths of a session a day: days off count 0.35, and there are about 0.8 full days a day.
const DAILY_PPM_PER_YEARLY: u64 = 3_415;
const DAY_OFF_PERMILLE: u64 = 350;
/// Days without a login after which passwords are forgotten.
const FORGETFUL_DAYS: u64 = 60;
/// A shared device is moved to another address of the carrier within a session in so many of a thousand sessions.
const HOP_PERMILLE: u64 = 60;

/// When the victim of an attack could not come in, and when they told the broker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recovery {
    /// From when on the customer's password is no longer the right one.
    pub(super) locked_from: Option<Time>,
    /// When the customer calls and everything is set right.
    pub(super) reported: Time,
}

/// Everything a customer does, in no particular order.
pub(super) fn live(world: &World, index: u64, recovery: Option<&Recovery>) -> Result<Vec<Draft>, LabError> {
    let Some(mut life) = Life::begin(world, index)? else { return Ok(Vec::new()) };
    for day in 0..world.calendar.days() {
        life.day(day)?;
    }
    let mut drafts = life.take();
    if let Some(recovery) = recovery {
        recover(&mut drafts, recovery);
    }
    Ok(drafts)
}

/// A customer's name: the same for whoever asks.
pub(super) fn name(world: &World, index: u64) -> Result<model::HolderName, LabError> {
    holder(&mut Dice::new(world.seed, Stream::Name, index))
}

/// While the password is not the customer's, logins fail and nothing else happens; then they call.
fn recover(drafts: &mut Vec<Draft>, recovery: &Recovery) {
    let locked =
        |time: Time| recovery.locked_from.is_some_and(|from| (from..recovery.reported).contains(&time));
    let online = |draft: &Draft| draft.seen.network.is_some();
    drafts.retain(|draft| !online(draft) || !locked(draft.time) || draft.kind == EventKind::Login);
    for draft in drafts.iter_mut().filter(|draft| online(draft) && locked(draft.time)) {
        draft.outcome = Outcome::Failed;
        draft.details.credential = Some(model::Credential::Wrong);
        draft.details.reason = Some("wrong_password");
        draft.details.factor = None;
        draft.oddities.add(Oddity::Robbed);
    }
    let staffed = |kind, us, reason| {
        let details = Details { reason, ..Details::default() };
        let mut draft = Draft::staffed(recovery.reported.plus_us(us), kind, Channel::Phone, details);
        draft.oddities.add(Oddity::Robbed);
        draft
    };
    let call = |kind, us| staffed(kind, us, None);
    drafts.push(call(EventKind::CustomerReport, 0));
    drafts.push(staffed(EventKind::CaseDisposition, model::time::DAY_US, Some("verified")));
    if recovery.locked_from.is_some() {
        drafts.push(call(EventKind::PasswordReset, 600_000_000));
    }
}

/// A customer's life, lived day by day.
pub(super) struct Life<'w> {
    world: &'w World,
    index: u64,
    person: &'w Person,
    traits: Traits,
    dice: Dice,
    account: Rc<BankAccount>,
    factor: Option<Factor>,
    drafts: Vec<Draft>,
    last_login: Option<u64>,
    new_password: Option<u64>,
    /// The bought phone that has been registered already.
    known_device: Option<u64>,
    /// What is still to be done, in order of days.
    errands: VecDeque<Errand>,
    waiting: Vec<Errand>,
    strange: Strange,
    /// What makes the session under way look strange.
    oddities: Oddities,
}

impl<'w> Life<'w> {
    /// A life before its first day; none where there is no such customer.
    pub(super) fn begin(world: &'w World, index: u64) -> Result<Option<Self>, LabError> {
        let Some(person) = world.person(index) else { return Ok(None) };
        let mut dice = Dice::new(world.seed, Stream::Customer, index);
        let traits = Traits::draw(&mut dice, world, person);
        let mut errands = errands::draw(&mut dice, world, person);
        let account = bank_account(&mut dice, name(world, index)?)?;
        let mut strange = Strange::new(world, index, person);
        errands.extend(strange.errands(world, person));
        errands.sort_by_key(|errand| errand.day);
        Ok(Some(Self {
            world,
            index,
            person,
            traits,
            dice,
            account,
            factor: person.factor,
            drafts: Vec::new(),
            last_login: None,
            new_password: None,
            known_device: None,
            errands: errands.into(),
            waiting: Vec::new(),
            strange,
            oddities: Oddities::default(),
        }))
    }

    /// What was done since this was last called, in no particular order.
    pub(super) fn take(&mut self) -> Vec<Draft> {
        std::mem::take(&mut self.drafts)
    }

    /// Lives a day. Days must come one after the other.
    pub(super) fn day(&mut self, day: u64) -> Result<(), LabError> {
        if day < self.person.joined.unwrap_or(0) {
            return Ok(());
        }
        while let Some(errand) = self.errands.pop_front_if(|errand| errand.day <= day) {
            match errand.staffed {
                Some(channel) => self.by_staff(day, errand.task, channel)?,
                None => self.waiting.push(errand),
            }
        }
        // Most put such things off while they travel.
        let now = self.traits.trip(day).is_none() || self.dice.permille(200);
        let mut errands = if now { std::mem::take(&mut self.waiting) } else { Vec::new() };
        let needed = u64::from(!errands.is_empty() || self.person.joined == Some(day));
        for _ in 0..self.sessions_on(day).max(needed) {
            let errands = std::mem::take(&mut errands);
            self.session(day, &errands)?;
        }
        Ok(())
    }

    fn sessions_on(&mut self, day: u64) -> u64 {
        let weight = if self.world.calendar.is_trading(day) { 1_000 } else { DAY_OFF_PERMILLE };
        let ppm = self.person.sessions_per_year * DAILY_PPM_PER_YEARLY * weight / 1_000;
        ppm / 1_000_000 + u64::from(self.dice.ppm(ppm % 1_000_000))
    }

    fn by_staff(&mut self, day: u64, task: Task, channel: Channel) -> Result<(), LabError> {
        let kind = match task {
            Task::BankRegister => EventKind::BankAccountRegister,
            _ => EventKind::BankAccountChange,
        };
        let hour = self.dice.between(9, 16);
        let time = self.world.calendar.in_hour(&mut self.dice, day, hour);
        self.account = bank_account(&mut self.dice, name(self.world, self.index)?)?;
        let details = Details { account: Some(Rc::clone(&self.account)), ..Details::default() };
        self.drafts.push(Draft::staffed(time, kind, channel, details));
        Ok(())
    }

    /// One session, with what there is to do.
    fn session(&mut self, day: u64, errands: &[Errand]) -> Result<(), LabError> {
        let trading = self.world.calendar.is_trading(day);
        let hour = self.person.habit.hour(&mut self.dice, trading);
        let time = self.world.calendar.in_hour(&mut self.dice, day, hour);
        let office = self.world.office(self.person, day).filter(|_| trading && (8..19).contains(&hour));
        let (slot, mut device) = self.traits.device(&mut self.dice, day, office.is_some());
        self.oddities = self.ways(day, &device, errands);
        if self.traits.identifier == Identifier::Fresh {
            device.key = self.dice.next();
        }
        if let Some(tablet) = self.strange.tablet() {
            device = tablet;
            self.oddities.add(Oddity::FamilyTablet);
        }
        let (source, mobile) = self.source(day, (slot, &device), office, !errands.is_empty());
        self.oddities.add_if(self.world.is_freshly_renumbered(source, day), Oddity::Renumbered);
        let source = self.world.renumbered(source, day);
        let identified = self.traits.identifier != Identifier::Hidden;
        let language = self.traits.language;
        let seen = Seen::new(&mut self.dice, source, (&device, identified), (language, time))?;
        let clock = (device.platform.channel(), time);
        let before = self.drafts.len();
        let mut visit = Visit::begin(std::mem::take(&mut self.drafts), seen, clock, None);
        let leaves = slot == Slot::Phone && !mobile && self.strange.leaves_wireless();
        self.oddities.add_if(leaves, Oddity::LeftWireless);
        if self.enter(&mut visit, day, &device, !errands.is_empty()) {
            self.stay(&mut visit, day, errands, (mobile, leaves))?;
        }
        self.drafts = visit.drafts;
        for draft in self.drafts.iter_mut().skip(before) {
            draft.oddities.add_all(self.oddities);
        }
        Ok(())
    }

    /// What makes whatever the customer does with a device on a day look strange.
    fn ways(&self, day: u64, device: &Device, errands: &[Errand]) -> Oddities {
        let mut oddities = Oddities::default();
        let household = self.world.household(self.person);
        let moved = household.and_then(Household::move_day).is_some_and(|moved| is_fresh(moved, day));
        let joined = self.person.joined.is_some_and(|joined| is_fresh(joined, day));
        oddities.add_if(device.is_new(day), Oddity::NewDevice);
        oddities.add_if(self.traits.identifier == Identifier::Fresh, Oddity::ChangingDevice);
        oddities.add_if(self.traits.identifier == Identifier::Hidden, Oddity::NoDevice);
        oddities.add_if(moved, Oddity::Move);
        oddities.add_if(joined, Oddity::NewCustomer);
        errands.iter().filter_map(|errand| errand.oddity).for_each(|oddity| oddities.add(oddity));
        oddities
    }

    /// Where a session comes from, and whether that is the mobile network.
    fn source(
        &mut self,
        day: u64,
        (slot, device): (Slot, &Device),
        office: Option<Source>,
        busy: bool,
    ) -> (Source, bool) {
        let dice = &mut self.dice;
        if let Some(veil) = self.traits.veil(dice) {
            self.oddities.add(Oddity::Veil);
            return (veil.source(dice, self.index), false);
        }
        if let Some(trip) = self.traits.trip(day) {
            self.oddities.add(Oddity::Travel);
            let mobile = slot == Slot::Phone && dice.permille(450);
            return if mobile {
                // Abroad, too: roaming comes out at the home carrier.
                (self.person.carrier.source(dice, true), true)
            } else {
                (trip.lodging, false)
            };
        }
        if let Some(office) = office {
            let at_work = dice.permille(if slot == Slot::Computer { 800 } else { 250 });
            if at_work {
                let new = self.person.next_office.is_some_and(|(from, _)| is_fresh(from, day));
                self.oddities.add_if(new, Oddity::NewOffice);
                return (office, false);
            }
        }
        // Nobody arranges important things in a café.
        if !busy && dice.permille(15) {
            self.oddities.add(Oddity::Spot);
            return (spot(dice), false);
        }
        let at_home =
            office.is_none() && (slot == Slot::Computer || dice.permille(self.traits.wireless_permille));
        let household: Option<&Household> = self.world.household(self.person);
        let home = household.filter(|_| at_home).and_then(|home| home.source(dice, day, device.key));
        match home {
            Some(home) => (home, false),
            None => (self.person.carrier.source(dice, false), true),
        }
    }

    /// Signs in; false where the customer gives up.
    fn enter(&mut self, visit: &mut Visit, day: u64, device: &Device, must: bool) -> bool {
        let away_days = self.last_login.map_or(FORGETFUL_DAYS, |last| day.saturating_sub(last));
        let app = device.platform.is_app();
        let forgets = if app {
            10
        } else if away_days >= FORGETFUL_DAYS {
            110
        } else {
            2
        };
        if self.dice.permille(forgets) {
            for _ in 0..self.dice.between(1, 4) {
                visit.wrong_password("wrong_password");
                visit.wait(&mut self.dice, 6, 70);
            }
            if !must && self.dice.permille(300) {
                return false;
            }
            visit.plain(&mut self.dice, EventKind::PasswordReset);
            self.oddities.add(Oddity::ForgotPassword);
            self.new_password = Some(day);
            visit.wait(&mut self.dice, 20, 300);
        } else {
            self.mistype(visit, day, app);
        }
        visit.login(self.factor);
        self.last_login = Some(day);
        if device.bought && app && self.known_device != Some(device.key) {
            self.known_device = Some(device.key);
            if self.dice.permille(800) {
                visit.plain(&mut self.dice, EventKind::DeviceRegister);
            }
        }
        true
    }

    fn mistype(&mut self, visit: &mut Visit, day: u64, app: bool) {
        let new_password = self.new_password.is_some_and(|changed| day.saturating_sub(changed) < 14);
        let mut permille = self.traits.typo_permille;
        if new_password {
            permille *= 3;
        }
        if app {
            permille /= 4;
        }
        let mut tries = 0;
        while tries < 4 && self.dice.permille(permille) {
            visit.wrong_password("wrong_password");
            visit.wait(&mut self.dice, 4, 40);
            permille = 250;
            tries += 1;
        }
    }

    /// What is done once inside.
    fn stay(
        &mut self,
        visit: &mut Visit,
        day: u64,
        errands: &[Errand],
        (mobile, leaves): (bool, bool),
    ) -> Result<(), LabError> {
        let trader = self.person.habit == Habit::Trader;
        let pages = self.dice.quantile(&[(0, 0), (350, 1), (850, 3), (1_000, 8)]);
        visit.browse(&mut self.dice, pages);
        if leaves || mobile && self.dice.permille(HOP_PERMILLE) {
            let source = self.person.carrier.source(&mut self.dice, false);
            visit.seen = visit.seen.moved_to(self.world.renumbered(source, day));
            self.oddities.add_if(!leaves, Oddity::Hop);
        }
        for errand in errands {
            self.task(visit, day, errand.task)?;
        }
        if self.dice.permille(60) {
            visit.plain(&mut self.dice, EventKind::ProfileView);
        }
        let orders = match (trader, self.dice.below(100)) {
            (true, 0..30) | (false, 0..78) => 0,
            (true, 30..75) | (false, 78..95) => 1,
            (true, _) => self.dice.between(2, 7),
            (false, _) => 2,
        };
        for _ in 0..orders {
            let side = if self.dice.permille(480) { OrderSide::Sell } else { OrderSide::Buy };
            let yen_about = self.person.balance_jpy / self.dice.between(2, 30);
            visit.order(&mut self.dice, side, yen_about)?;
        }
        if let Some(number) = self.strange.whim(self.world, day) {
            self.oddities.add(Strange::oddity(number));
            visit.wait(&mut self.dice, 30, 300);
            visit.order_of(number, OrderSide::Buy, self.person.balance_jpy / 10)?;
        }
        Ok(())
    }

    fn task(&mut self, visit: &mut Visit, day: u64, task: Task) -> Result<(), LabError> {
        let dice = &mut self.dice;
        match task {
            Task::Look => {}
            Task::BankRegister => self.bank(visit, EventKind::BankAccountRegister)?,
            Task::BankChange => self.bank(visit, EventKind::BankAccountChange)?,
            Task::Contact(contact) => visit.contact(dice, contact),
            Task::PasswordChange => {
                visit.plain(dice, EventKind::PasswordChange);
                self.new_password = Some(day);
            }
            Task::FactorEnroll => {
                let factor = draw_factor(dice);
                self.factor = Some(factor);
                visit.wait(dice, 30, 200);
                let details = Details { factor: Some(factor), ..Details::default() };
                visit.add(EventKind::FactorEnroll, Outcome::Succeeded, details);
            }
            Task::FactorRemove => {
                if let Some(factor) = self.factor.take() {
                    visit.wait(dice, 30, 200);
                    let details = Details { factor: Some(factor), ..Details::default() };
                    visit.add(EventKind::FactorRemove, Outcome::Succeeded, details);
                }
            }
            Task::Withdraw { share_ppm } => self.pay_out(visit, EventKind::Withdrawal, share_ppm),
            Task::Transfer { share_ppm } => self.pay_out(visit, EventKind::Transfer, share_ppm),
        }
        Ok(())
    }

    /// A few mistype the holder's name and are refused once; the number and name are the customer's own.
    fn bank(&mut self, visit: &mut Visit, kind: EventKind) -> Result<(), LabError> {
        self.account = bank_account(&mut self.dice, name(self.world, self.index)?)?;
        if self.dice.permille(25) {
            visit.bank(&mut self.dice, kind, &self.account, Some("holder_mismatch"));
        }
        visit.bank(&mut self.dice, kind, &self.account, None);
        Ok(())
    }

    fn pay_out(&mut self, visit: &mut Visit, kind: EventKind, share_ppm: u64) {
        let amount_jpy = (self.person.balance_jpy * share_ppm / 1_000_000).max(1);
        visit.pay_out(&mut self.dice, kind, &self.account, (amount_jpy, share_ppm));
    }
}
