//! Attacks on many customers at once, in small and in very large.

use engine::Verdict;
use engine::state::Campaigns;

use crate::made::{Made, World, at_home, day, hour, made};

/// A stranger abroad who tries a customer's password.
fn guess(number: i64, customer: &str, minutes: i64) -> Made {
    let address = format!("198.18.{}.{}", number % 40, number % 5 + 1);
    let time = hour(91 * 24).plus_us(minutes * 60 * model::time::SECOND_US);
    let asn = 64_510 + u32::try_from(number % 3).unwrap();
    made("login", customer, time)
        .with("id", format!("g-{number}"))
        .ip(&address)
        .device(&format!("made-up-{number}"))
        .place(["CN", "MY"][usize::from(number % 2 == 0)], asn)
        .agent(["Chrome 84", "Chrome 85", "Firefox 80"][usize::try_from(number % 3).unwrap()])
}

/// 60 customers of three months, at homes of their own.
fn broker() -> World {
    let mut world = World::new();
    settle(&mut world);
    world
}

fn settle(world: &mut World) {
    for customer in 0..60 {
        world.settle(&format!("C{customer}"), &format!("100.64.{customer}.9"), &format!("d-{customer}"), 90);
    }
}

fn entered(campaigns: &Campaigns, id: u32) -> Vec<String> {
    let members = campaigns.members(id).filter(|member| member.entered_us != 0);
    members.map(|member| member.customer.to_string()).collect()
}

/// okasan-2020 in small: from the first guess on every fifth password is right. All accounts entered are listed, those from
/// before the campaign was recognised too, and their withdrawals are held.
#[test]
fn everybody_a_campaign_got_into_is_found() {
    let mut world = broker();
    for number in 0..60 {
        let login = guess(number, &format!("C{number}"), number);
        world.apply(if number % 5 == 0 { login } else { login.failed() });
    }
    let campaigns = world.state.campaigns();
    let all: Vec<u32> = campaigns.newest(u32::MAX).map(|campaign| campaign.id).collect();
    assert_eq!(all, [2, 1], "one from each country");
    let each: Vec<_> = campaigns.newest(u32::MAX).collect();
    let named = |minutes: i64| hour(91 * 24).as_us() + minutes * 60_000_000;
    assert!(each[1].named_us <= named(10) && each[0].named_us <= named(20), "{each:?}");
    assert!(each.iter().all(|campaign| campaign.logins <= 60 && campaign.failed <= 48), "{each:?}");
    let expected: Vec<String> = (0..12).map(|number| format!("C{}", number * 5)).collect();
    let mut found: Vec<String> = all.iter().flat_map(|id| entered(campaigns, *id)).collect();
    found.sort_by_key(|customer| customer[1..].parse::<u32>().unwrap());
    found.dedup();
    assert_eq!(found, expected);
    let mut tried: Vec<String> =
        all.iter().flat_map(|id| campaigns.members(*id)).map(|member| member.customer.to_string()).collect();
    tried.sort_unstable();
    tried.dedup();
    assert_eq!(tried.len(), 60, "some may be of both");
    let elsewhere =
        |kind: &str, at: i64| made(kind, "C0", day(at)).ip("192.0.2.77").device("new").place("JP", 2_497);
    world.apply(elsewhere("bank_account.change", 92).account(77, None));
    let decision = world.ask(elsewhere("withdrawal", 93));
    assert!(world.fired(&decision).contains(&"customer_in_campaign"), "{:?}", world.fired(&decision));
    assert!(decision.verdict >= Verdict::Hold, "{decision:?}");
    let honest = world.ask(at_home(made("withdrawal", "C7", day(93)), "100.64.7.9", "d-7"));
    assert_eq!(honest.verdict, Verdict::Allow, "{:?}", world.fired(&honest));
}

/// The thieves have whoever they got into paid to one bank account, and then somebody at home, whose own computer may be theirs, too.
/// An account that two customers name, of whom no campaign got into either, is a family's.
#[test]
fn an_account_that_the_robbed_named_is_held_at_home_too() {
    let change = |customer: u32, account: u64, at: i64| {
        let (home, device) = (format!("100.64.{customer}.9"), format!("d-{customer}"));
        at_home(made("bank_account.change", &format!("C{customer}"), day(at)), &home, &device)
            .account(account, None)
    };
    let rule = "account_of_the_robbed";
    for (mut world, expected) in [(World::new(), Verdict::Hold), (World::without(rule), Verdict::StepUp)] {
        settle(&mut world);
        for number in 0..60 {
            let login = guess(number, &format!("C{number}"), number);
            world.apply(if number % 5 == 0 { login } else { login.failed() });
        }
        let robbed = made("bank_account.change", "C5", day(92)).ip("192.0.2.77").device("new");
        world.apply(robbed.place("JP", 2_497).account(77, None));
        let decision = world.ask(change(7, 77, 93));
        assert_eq!(decision.verdict, expected, "{:?}", world.fired(&decision));
        assert_eq!(world.fired(&decision).contains(&rule), expected == Verdict::Hold);
        // C8 was tried and not entered.
        world.apply(change(8, 78, 92));
        let family = world.ask(change(9, 78, 93));
        assert_eq!(family.verdict, Verdict::StepUp, "{:?}", world.fired(&family));
        assert!(!world.fired(&family).contains(&rule), "{:?}", world.fired(&family));
    }
}

/// A carrier's gateway that many long-standing customers share: a thief tries passwords from it, and nobody pays for that.
#[test]
fn nobody_behind_a_carrier_pays_for_a_neighbour() {
    let mut world = World::new();
    for customer in 0..20 {
        world.settle(&format!("C{customer}"), "100.127.0.1", &format!("d-{customer}"), 90);
    }
    for number in 0..40 {
        let login = made("login", &format!("C{}", number % 20), hour(91 * 24))
            .with("id", format!("g-{number}"))
            .ip("100.127.0.1")
            .device(&format!("made-up-{number}"))
            .place("JP", 2516)
            .agent("Firefox on Windows")
            .failed();
        world.apply(login);
    }
    assert_eq!(world.state.campaigns().newest(u32::MAX).count(), 0);
    let neighbour = world.ask(at_home(made("login", "C3", day(92)), "100.127.0.1", "d-3"));
    assert_eq!(neighbour.verdict, Verdict::Allow, "{:?}", world.fired(&neighbour));
}

/// A popular browser comes out: everybody is there with it, from home, and some mistype.
#[test]
fn a_popular_browser_is_no_campaign() {
    let mut world = broker();
    for number in 0..600_i64 {
        let customer = number % 60;
        let login = made("login", &format!("C{customer}"), hour(91 * 24 + number / 60))
            .with("id", format!("l-{number}"))
            .ip(&format!("100.64.{customer}.{}", 9 + number % 200))
            .place("JP", 2516)
            .agent("Firefox 99");
        world.apply(if number % 9 == 0 { login.failed() } else { login });
    }
    assert_eq!(world.state.campaigns().newest(u32::MAX).count(), 0);
}

/// The guesses that are always there: every third day a server somewhere tries twelve names, or thirty. A rule's work, and no campaign.
#[test]
fn one_busy_address_is_no_campaign() {
    let mut world = broker();
    for number in 0..600_i64 {
        let (burst, of_burst) = (number / 30, number % 30);
        let time = day(91 + burst * 3).plus_us(of_burst * 60 * model::time::SECOND_US);
        let login = made("login", &format!("C{}", number % 60), time)
            .with("id", format!("b-{number}"))
            .ip(&format!("198.18.{burst}.7"))
            .device(&format!("made-up-{number}"))
            .place("NL", 64_553)
            .agent("Chrome 84")
            .failed();
        world.apply(login);
    }
    let campaigns = world.state.campaigns();
    let named: Vec<u64> = campaigns.newest(u32::MAX).map(|campaign| campaign.logins).collect();
    assert!(named.is_empty(), "{named:?}");
}

/// Customers with new telephones sign in through the provider that an attack comes through, as many as ever: the attack got into none of
/// them. Whose password it had is listed, also where a further proof stopped it.
#[test]
fn only_those_are_listed_for_whom_there_is_evidence() {
    let mut world = broker();
    // A popular provider: five strangers a day for two months.
    for number in 0..300_i64 {
        let login = made("login", &format!("H{number}"), hour(31 * 24 + number * 5))
            .with("id", format!("h-{number}"))
            .ip(&format!("100.70.{}.{}", number % 200, number % 7 + 1))
            .device(&format!("new-{number}"))
            .place("JP", 64_512)
            .agent("Safari 14");
        world.apply(login);
    }
    for number in 0..120_i64 {
        let customer = format!("C{}", number % 60);
        let login = made("login", &customer, hour(94 * 24).plus_us(number * 600 * model::time::SECOND_US))
            .with("id", format!("g-{number}"))
            .ip(&format!("100.71.{}.9", number % 40))
            .device(&format!("made-up-{number}"))
            .place("JP", 64_512)
            .agent("Chrome 84")
            .failed();
        // Number 67 comes from an address that failed before.
        world.apply(if number == 67 { login.with("credential", "correct") } else { login });
        if number % 30 == 29 {
            let honest = made(
                "login",
                &format!("M{number}"),
                hour(94 * 24).plus_us(number * 600 * model::time::SECOND_US + 1),
            )
            .with("id", format!("m-{number}"))
            .ip(&format!("100.72.{number}.1"))
            .device(&format!("own-{number}"))
            .place("JP", 64_512)
            .agent("Safari 14");
            world.apply(honest);
        }
    }
    let campaigns = world.state.campaigns();
    let listed: Vec<String> =
        campaigns.newest(u32::MAX).flat_map(|campaign| entered(campaigns, campaign.id)).collect();
    assert_eq!(listed, ["C7"]);
}

/// Whoever signs in with a new telephone from a new network of a usual provider, while an attack is on from elsewhere.
#[test]
fn a_new_telephone_is_not_in_a_campaign_from_elsewhere() {
    let mut world = broker();
    for number in 0..40 {
        world.apply(guess(number, &format!("C{number}"), number).failed());
    }
    assert!(world.state.campaigns().newest(u32::MAX).count() >= 1);
    let moved = world.ask(
        made("login", "C50", hour(91 * 24 + 1))
            .ip("100.65.1.1")
            .device("new")
            .place("JP", 2516)
            .agent("Safari 14"),
    );
    assert!(!world.fired(&moved).contains(&"login_campaign"), "{:?}", world.fired(&moved));
}

/// Millions of guesses from 100,000 addresses: tables stay within their limits.
#[test]
fn memory_is_bounded_under_a_campaign_from_100_000_addresses() {
    const GIB: usize = 1 << 30;
    let mut world = World::new();
    // Customers at home: what the attack comes through is seldom beside them.
    for number in 0..61_000_u32 {
        let home = std::net::Ipv4Addr::from(0x6440_0000 + number % 1_000 * 256 + 9);
        let time = hour(-24 * 61).plus_us(i64::from(number) * 60 * model::time::SECOND_US);
        let login = made("login", &format!("H{}", number % 1_000), time).with("id", format!("h-{number}"));
        world.apply(at_home(login, &home.to_string(), "own"));
    }
    for number in 0..300_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + number % 100_000 * 151);
        let time = hour(0).plus_us(i64::from(number) * 100_000);
        let login = made("login", &format!("V{}", number % 250_000), time)
            .with("id", format!("g-{number}"))
            .ip(&address.to_string())
            .place("CN", 64_500)
            .agent(&format!("agent {}", number % 5_000));
        world.apply(if number % 1_000 == 0 { login } else { login.failed() });
    }
    let campaigns = world.state.campaigns();
    let attack = campaigns.newest(u32::MAX).max_by_key(|campaign| campaign.logins).unwrap();
    assert!(attack.logins > 290_000, "{}", attack.logins);
    assert_eq!(attack.entered, 250, "all accounts entered are listed");
    assert!(attack.addresses_seen.count() > 80_000 && attack.addresses.len() <= 2_048);
    assert!(campaigns.members(attack.id).count() <= 65_536);
    assert!(campaigns.bytes() < GIB / 4, "{}", campaigns.bytes());
    // Whose homes are their own, and the attack's addresses nobody's.
    let taken = world.state.taken();
    let of = |kind: &str| *taken.iter().find(|each| each.kind == kind).unwrap();
    let (addresses, customers) = (of("addresses"), of("customers"));
    assert_eq!((addresses.own.records, addresses.shared.records), (1_000, 100_000));
    assert_eq!((customers.own.records, customers.shared.records), (251_000, 0));
    assert!(addresses.shared.bytes > 100_000 * 200, "an address is told with all it has: {addresses:?}");
    let shared: u64 = taken.iter().map(|kind| kind.shared.bytes).sum();
    let tables = ["clusters", "strangers", "campaigns", "members of campaigns"];
    let tables: u64 = tables.iter().map(|kind| of(kind).shared.bytes).sum();
    assert!(tables > 10 << 20 && shared > tables && shared < u64::try_from(GIB / 2).unwrap(), "{taken:?}");
}

/// A login counts once, also when the campaign looks back at those who did well: here with the first who did.
#[test]
fn a_login_counts_once() {
    let mut world = broker();
    for number in 0..26 {
        // All from one country.
        let login = guess(number * 2, &format!("C{number}"), number);
        world.apply(if number < 20 { login.failed() } else { login });
    }
    let campaigns = world.state.campaigns();
    let campaign = campaigns.get(1).unwrap();
    assert_eq!((campaigns.newest(u32::MAX).count(), campaign.logins, campaign.entered), (1, 26, 6));
    assert_eq!(campaign.failed, 20);
    let logins: u32 = campaign.addresses.iter().map(|visitor| visitor.logins).sum();
    assert_eq!(logins, 26);
}

/// Rented servers are all that an attack has in common: customers who use a VPN are not listed for that, before or after it is recognised.
#[test]
fn what_very_many_share_lists_nobody_as_entered() {
    let mut world = broker();
    let rented = |number: i64, customer: &str, minutes: i64| {
        made("login", customer, hour(91 * 24).plus_us(minutes * 60 * model::time::SECOND_US))
            .with("id", format!("r-{number}"))
            .ip(&format!("198.18.{number}.1"))
            .device(&format!("made-up-{number}"))
            .place("JP", 64_600 + u32::try_from(number).unwrap())
            .agent(&format!("browser {number}"))
            .change_place(|place| place.hosting = true)
    };
    world.apply(rented(200, "C59", -8 * 24 * 60));
    for number in 0..40 {
        let login = rented(number, &format!("C{number}"), number);
        world.apply(if number % 10 == 3 { login } else { login.failed() });
    }
    let campaigns = world.state.campaigns();
    let campaign = campaigns.get(1).unwrap();
    assert!(campaign.failed >= 30, "{campaign:?}");
    assert_eq!(entered(campaigns, 1), [""; 0]);
}
