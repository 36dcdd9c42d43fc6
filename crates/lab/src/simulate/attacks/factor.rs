//! Attackers who can prove to be the customer, so that asking for proof does not stop them: `aitm-phish` has the customer at
//! the other end, `sim-swap` the telephone number, `insider-address` a colleague at the broker.

use model::details::ContactType;
use model::{Channel, EventKind};

use super::raid::Raid;
use super::{Planner, hosting};
use crate::simulate::clients::{Device, Slot};
use crate::simulate::error::LabError;
use crate::simulate::population::Carrier;
use crate::simulate::visit::{Details, Draft};

/// Of a thousand phished customers, so many also confirm the change of the account, and so many of those the withdrawal.
const CONFIRMS_CHANGE_PERMILLE: u64 = 600;
const CONFIRMS_WITHDRAWAL_PERMILLE: u64 = 600;

/// `aitm-phish`: the customer signs in through a rented server that passes everything on; the session is then used from
/// elsewhere.
pub(super) fn phish(planner: &mut Planner<'_>) -> Result<(), LabError> {
    for victim in planner.victims(100, 200) {
        let worth = planner.worth(victim);
        let front = hosting(&mut planner.dice);
        planner.leave_trace(front);
        let behind = planner.proxy(victim);
        planner.leave_trace(behind);
        let mut intruder = planner.client(victim, front);
        // The customer's own browser speaks through the proxy; its identifier belongs to another site and does not come.
        if let Some(device) = planner.device_of(victim) {
            intruder.device = device;
        }
        intruder.identified = false;
        let mut raid = Raid::by(planner, victim, intruder)?;
        raid.holds_factor = true;
        let day = planner.day(50, 900);
        let time = planner.time(day, (9, 21));
        let mut visit = raid.begin(planner, time)?;
        visit.plain(&mut planner.dice, EventKind::ProfileView);
        visit.seen = visit.seen.moved_to(behind);
        visit.browse(&mut planner.dice, 2);
        visit.holds_factor = planner.dice.permille(CONFIRMS_CHANGE_PERMILLE);
        visit.bank(&mut planner.dice, EventKind::BankAccountChange, &raid.account, None);
        visit.holds_factor &= planner.dice.permille(CONFIRMS_WITHDRAWAL_PERMILLE);
        let most = worth * planner.dice.between(600, 950) / 1_000;
        let amount = planner.attacker.amount_max_jpy.map_or(most, |max| most.min(max));
        let share_ppm = (amount * 1_000_000 / worth.max(1)).min(1_000_000);
        visit.pay_out(&mut planner.dice, EventKind::Withdrawal, &raid.account, (amount, share_ppm));
        raid.end(planner, visit);
        planner.report(victim, None, day);
    }
    Ok(())
}

/// `sim-swap`: the number was moved to another card at the carrier's shop. Everything happens before the victim wonders why
/// the telephone is silent.
pub(super) fn sim_swap(planner: &mut Planner<'_>) -> Result<(), LabError> {
    for victim in planner.victims(60, 300) {
        let customers = planner.world.customers();
        let source = Carrier::anybody(&mut planner.dice, customers);
        let mut intruder = planner.client(victim, source);
        let device = Device::draw(&mut planner.dice, Slot::Phone);
        intruder.device = device.with_key(intruder.device.key);
        let mut raid = Raid::by(planner, victim, intruder)?;
        raid.holds_factor = true;
        let day = planner.day(50, 950);
        let time = planner.time(day, (9, 20));
        let mut visit = raid.visit(planner, time)?;
        for _ in 0..planner.dice.between(0, 2) {
            visit.wrong_password("wrong_password");
            visit.wait(&mut planner.dice, 10, 60);
        }
        visit.plain(&mut planner.dice, EventKind::PasswordReset);
        visit.wait(&mut planner.dice, 20, 90);
        visit.login(None);
        visit.plain(&mut planner.dice, EventKind::ProfileView);
        if planner.dice.permille(500) {
            visit.plain(&mut planner.dice, EventKind::DeviceRegister);
        }
        if planner.dice.permille(600) {
            visit.contact(&mut planner.dice, ContactType::Email);
        }
        visit.bank(&mut planner.dice, EventKind::BankAccountChange, &raid.account, None);
        raid.end(planner, visit);
        let most = planner.attacker.amount_max_jpy;
        let from = day + planner.dice.between(0, 1);
        raid.take(planner, from, most)?;
        planner.report(victim, Some(time), day);
    }
    Ok(())
}

/// `insider-address`: the contact is changed on a form that never came. From then on codes and letters go to the attacker,
/// who waits, sets the password anew and takes what is there.
pub(super) fn insider(planner: &mut Planner<'_>) -> Result<(), LabError> {
    for victim in planner.victims(50, 350) {
        let day = planner.day(50, 300);
        let time = planner.time(day, (10, 17));
        let contact = if planner.dice.permille(600) { ContactType::Email } else { ContactType::Address };
        let details = Details { contact: Some(contact), ..Details::default() };
        let mut form = Draft::staffed(time, EventKind::ContactChange, Channel::Paper, details);
        form.culprit = Some(planner.culprit);
        form.holds_factor = true;
        planner.plan.by_customer.entry(victim).or_default().push(form);
        let intruder = planner.intruder(victim);
        let mut raid = Raid::by(planner, victim, intruder)?;
        raid.holds_factor = true;
        let later = day + planner.dice.between(5, 20);
        let time = planner.time(later, (9, 20));
        let mut visit = raid.visit(planner, time)?;
        visit.plain(&mut planner.dice, EventKind::PasswordReset);
        visit.wait(&mut planner.dice, 20, 90);
        visit.login(None);
        visit.plain(&mut planner.dice, EventKind::ProfileView);
        raid.end(planner, visit);
        let last = raid.rob(planner, later + planner.attacker.patience_days)?;
        planner.report(victim, Some(time), last);
    }
    Ok(())
}
