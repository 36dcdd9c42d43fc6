//! Whether the engine recognised attacks on many customers, and whom it lists: what attackers did beside what is told of campaigns. Must
//! not know how campaigns are recognised, nor who told of them.
//!
//! A login is an attacker's when customer and time are those of one, to the microsecond; one with a name that nobody has, by its time.

use std::collections::{BTreeMap, BTreeSet};

use model::time::SECOND_US;
use model::{CustomerId, Event, EventKind, Outcome, Time};

use super::chain::Course;
use super::figures::Bar;

/// An attack is one on many customers if it fails so often in one brokerage.
const GUESSES_MIN: u64 = 20;
/// Of how many logins of `okasan-2020` it is to be recognised, and within how many seconds after the last of them.
const TWENTIETH: usize = 20;
const AFTER_TWENTIETH_S: i64 = 300;
/// Seconds within which `slow-stuffing` is to be recognised.
const SLOW_S: i64 = 86_400;

/// A campaign as whoever judges tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// First event, last event, the event by which it was recognised.
    pub(super) first: Time,
    pub(super) last: Time,
    pub(super) named: Time,
    pub(super) members: Vec<ToldMember>,
}

/// A customer of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToldMember {
    pub(super) customer: CustomerId,
    /// First tried.
    pub(super) first: Time,
    /// Got into.
    pub(super) entered: Option<Time>,
}

/// What attackers did at logins.
#[derive(Debug, Default)]
pub(super) struct Tries {
    logins: BTreeMap<&'static str, Vec<Time>>,
    guesses: BTreeMap<&'static str, u64>,
    of_customer: BTreeMap<(String, Time), &'static str>,
    of_nobody: BTreeMap<Time, &'static str>,
}

impl Tries {
    /// Notes an event of an attack, or of the background.
    pub(super) fn note(&mut self, attack: &'static str, event: &Event) {
        if event.kind != EventKind::Login {
            return;
        }
        self.logins.entry(attack).or_default().push(event.time);
        *self.guesses.entry(attack).or_default() += u64::from(event.outcome == Outcome::Failed);
        match &event.customer {
            Some(customer) => self.of_customer.insert((customer.to_string(), event.time), attack),
            None => self.of_nobody.insert(event.time, attack),
        };
    }

    fn by(&self, customer: &CustomerId, time: Time) -> Option<&'static str> {
        self.of_customer.get(&(customer.to_string(), time)).copied()
    }

    /// Which attacks a campaign holds, each with the first time that it surely did.
    fn held(&self, told: &Told) -> BTreeMap<&'static str, Time> {
        let mut held = BTreeMap::new();
        let mut hold = |attack: Option<&'static str>, time: Time| {
            if let Some(attack) = attack {
                let known = held.entry(attack).or_insert(time);
                *known = time.min(*known);
            }
        };
        for time in [told.first, told.last, told.named] {
            hold(self.of_nobody.get(&time).copied(), time);
        }
        for member in &told.members {
            hold(self.by(&member.customer, member.first), member.first);
            if let Some(entered) = member.entered {
                hold(self.by(&member.customer, entered), entered);
            }
        }
        // What was done before anybody knew is held from when it was recognised.
        held.into_iter().map(|(attack, time)| (attack, time.max(told.named))).collect()
    }
}

/// When an attack was recognised: the first campaign that holds any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Recognised {
    /// How many of its logins there were by then.
    pub login: u64,
    /// Seconds since its first login.
    pub after_first_s: i64,
    /// Seconds since its 20th login, negative where it was recognised before; absent where there are fewer.
    pub after_20th_s: Option<i64>,
}

/// One attack on many customers, in one brokerage or several.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct AttackCampaigns {
    /// Brokerages in which it took place.
    pub brokerages: u64,
    /// When it was recognised in each; those in which it never was are missing.
    pub recognised: Vec<Recognised>,
    /// Campaigns that hold any of it.
    pub campaigns: u64,
    /// Customers whom it entered.
    pub entered: u64,
    /// Of these, those whom some campaign lists as entered.
    pub entered_listed: u64,
    /// Listed as entered in its campaigns for a login that was no attacker's.
    pub others_listed: u64,
}

/// What was recognised, in one brokerage or several.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct CampaignFigures {
    /// Campaigns that hold something of an attack.
    pub of_attacks: u64,
    /// Campaigns that hold nothing but the guesses that are always there.
    pub of_background: u64,
    /// Campaigns that hold no attacker at all.
    pub of_nobody: u64,
    /// Customers listed as entered for a login that was no attacker's, in all campaigns.
    pub others_listed: u64,
    /// Attacks that fail at 20 logins and more.
    pub attacks: BTreeMap<&'static str, AttackCampaigns>,
}

impl CampaignFigures {
    /// What became of the attacks of one brokerage.
    pub(super) fn of(told: &[Told], tries: &Tries, courses: &[Course]) -> Self {
        let entered = courses.iter().filter(|course| course.entered);
        let entered = entered.filter_map(|course| Some((course.chain.attack, course.customer()?)));
        Self::new(told, tries, &entered.collect::<Vec<_>>())
    }

    fn new(told: &[Told], tries: &Tries, entered: &[(&'static str, &CustomerId)]) -> Self {
        let mut figures = Self::default();
        let guessing =
            tries.guesses.iter().filter(|(attack, guesses)| is_attack(attack) && **guesses >= GUESSES_MIN);
        for (attack, _) in guessing {
            figures.attacks.insert(attack, AttackCampaigns { brokerages: 1, ..AttackCampaigns::default() });
        }
        let mut moments: BTreeMap<&'static str, Time> = BTreeMap::new();
        let mut listed: BTreeSet<&str> = BTreeSet::new();
        for campaign in told {
            let held = tries.held(campaign);
            let of = match () {
                () if held.keys().any(|attack| is_attack(attack)) => &mut figures.of_attacks,
                () if !held.is_empty() => &mut figures.of_background,
                () => &mut figures.of_nobody,
            };
            *of += 1;
            let (mut others, members) = (0, campaign.members.iter());
            for (member, time) in members.filter_map(|member| Some((member, member.entered?))) {
                listed.insert(member.customer.as_str());
                others += u64::from(tries.by(&member.customer, time).is_none());
            }
            figures.others_listed += others;
            for (attack, time) in held {
                let moment = moments.entry(attack).or_insert(time);
                *moment = time.min(*moment);
                if let Some(attack) = figures.attacks.get_mut(attack) {
                    attack.campaigns += 1;
                    attack.others_listed += others;
                }
            }
        }
        for (attack, counts) in &mut figures.attacks {
            counts
                .recognised
                .extend(moments.get(attack).and_then(|moment| tries.recognised(attack, *moment)));
            for (_, customer) in entered.iter().filter(|(of, _)| of == attack) {
                counts.entered += 1;
                counts.entered_listed += u64::from(listed.contains(customer.as_str()));
            }
        }
        figures
    }

    /// Adds another brokerage's.
    pub(super) fn merge(&mut self, other: &Self) {
        self.of_attacks += other.of_attacks;
        self.of_background += other.of_background;
        self.of_nobody += other.of_nobody;
        self.others_listed += other.others_listed;
        for (attack, counts) in &other.attacks {
            let sum = self.attacks.entry(attack).or_default();
            sum.brokerages += counts.brokerages;
            sum.recognised.extend(&counts.recognised);
            sum.campaigns += counts.campaigns;
            sum.entered += counts.entered;
            sum.entered_listed += counts.entered_listed;
            sum.others_listed += counts.others_listed;
        }
    }

    /// The project's bars of campaigns, those of attacks that took place.
    pub(super) fn bars(&self) -> Vec<Bar> {
        let bar = |names, times: u64, of: u64| {
            let [times, all] = [times, of.max(1)].map(super::figures::float);
            Bar::new(names, true, 1_000.0, (times * 1_000.0 / all, of))
        };
        let recognised = |counts: &AttackCampaigns, within: &dyn Fn(&Recognised) -> bool| {
            u64::try_from(counts.recognised.iter().filter(|moment| within(moment)).count()).unwrap_or(0)
        };
        let mut bars = Vec::new();
        if let Some(okasan) = self.attacks.get("okasan-2020") {
            let soon = recognised(okasan, &|moment| {
                moment.after_20th_s.is_some_and(|after_s| after_s <= AFTER_TWENTIETH_S)
            });
            let name = (
                "okasan-2020 recognised within 5 minutes of its 20th login (brokerages)",
                "okasan-2020: 二十件目のログインから五分以内の認識（社）",
            );
            bars.push(bar(name, soon, okasan.brokerages));
            let name = ("okasan-2020: customers entered who are listed", "okasan-2020: 侵入された口座の列挙");
            bars.push(bar(name, okasan.entered_listed, okasan.entered));
        }
        if let Some(slow) = self.attacks.get("slow-stuffing") {
            let soon = recognised(slow, &|moment| moment.after_first_s <= SLOW_S);
            let name =
                ("slow-stuffing recognised within a day (brokerages)", "slow-stuffing: 一日以内の認識（社）");
            bars.push(bar(name, soon, slow.brokerages));
        }
        bars
    }
}

/// Whether it is one of the attacks, and not the background of guesses.
fn is_attack(attack: &str) -> bool {
    attack != crate::simulate::BACKGROUND
}

impl Tries {
    fn recognised(&self, attack: &str, moment: Time) -> Option<Recognised> {
        let mut logins = self.logins.get(attack)?.clone();
        logins.sort_unstable();
        let since_s = |time: &Time| (moment.as_us().saturating_sub(time.as_us())).div_euclid(SECOND_US);
        let login = logins.iter().filter(|time| **time <= moment).count();
        Some(Recognised {
            login: u64::try_from(login).unwrap_or(u64::MAX),
            after_first_s: logins.first().map(since_s)?,
            after_20th_s: logins.get(TWENTIETH - 1).map(since_s),
        })
    }
}

#[cfg(test)]
mod tests {
    use model::time::SECOND_US;
    use model::{CustomerId, Time};

    use super::{CampaignFigures, Recognised, Told, ToldMember, Tries};

    fn at(seconds: i64) -> Time {
        Time::from_us(1_600_000_000_000_000 + seconds * SECOND_US).unwrap()
    }

    fn id(number: i64) -> CustomerId {
        format!("C{number}").parse().unwrap()
    }

    /// 30 logins of an attack, one a minute, each of another customer; the background once.
    fn tries() -> Tries {
        let mut tries = Tries::default();
        for number in 0..30 {
            tries.logins.entry("okasan-2020").or_default().push(at(number * 60));
            tries.of_customer.insert((format!("C{number}"), at(number * 60)), "okasan-2020");
        }
        tries.guesses.insert("okasan-2020", 25);
        tries.of_nobody.insert(at(5_000), "background");
        tries
    }

    fn told(named_s: i64, members: &[(i64, i64, Option<i64>)]) -> Told {
        let member = |(customer, first_s, entered_s): &(i64, i64, Option<i64>)| ToldMember {
            customer: id(*customer),
            first: at(*first_s),
            entered: entered_s.map(at),
        };
        let members = members.iter().map(member).collect();
        Told { first: at(named_s), last: at(named_s), named: at(named_s), members }
    }

    #[test]
    fn who_is_listed_and_when_it_was_recognised() {
        let campaigns = [
            told(5_000, &[]),
            told(9_000, &[(70, 9_000, Some(9_000))]),
            // Customer 3 was entered; 8 was tried by the attack, and signed in later; 90 has nothing to do with it.
            told(1_200, &[(3, 180, Some(180)), (8, 480, Some(7_777)), (90, 200, Some(200)), (9, 540, None)]),
        ];
        let (three, four) = (id(3), id(4));
        let entered = [("okasan-2020", &three), ("okasan-2020", &four), ("sim-swap", &four)];
        let figures = CampaignFigures::new(&campaigns, &tries(), &entered);
        assert_eq!((figures.of_attacks, figures.of_background, figures.of_nobody), (1, 1, 1));
        assert_eq!(figures.others_listed, 3);
        let okasan = &figures.attacks["okasan-2020"];
        assert_eq!((okasan.entered, okasan.entered_listed, okasan.others_listed), (2, 1, 2));
        let moment = Recognised { login: 21, after_first_s: 1_200, after_20th_s: Some(60) };
        assert_eq!(okasan.recognised, [moment]);
        let missed: Vec<bool> = figures.bars().iter().map(crate::evaluate::Bar::is_missed).collect();
        assert_eq!(missed, [false, true], "recognised in time, and one of two listed");
    }

    /// A campaign that was on before an attack began holds it from when it took the first of its logins, not from its own beginning.
    #[test]
    fn what_was_there_before_an_attack_did_not_recognise_it() {
        let figures = CampaignFigures::new(&[told(-90_000, &[(25, 1_500, None)])], &tries(), &[]);
        let moment = figures.attacks["okasan-2020"].recognised[0];
        assert_eq!((moment.login, moment.after_20th_s), (26, Some(360)));
        assert!(figures.bars()[0].is_missed());
    }

    #[test]
    fn what_is_never_recognised_misses_its_bar() {
        let mut sum = CampaignFigures::default();
        assert!(sum.bars().is_empty());
        sum.merge(&CampaignFigures::new(&[], &tries(), &[]));
        sum.merge(&CampaignFigures::new(&[told(60, &[(0, 0, None)])], &tries(), &[]));
        let bar = &sum.bars()[0];
        assert_eq!((bar.of, bar.per_mille, bar.is_missed()), (2, Some(500.0), true));
        assert_eq!(sum.attacks["okasan-2020"].recognised[0].after_20th_s, Some(-1_080));
    }
}
