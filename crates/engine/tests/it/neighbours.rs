//! Many customers behind a carrier's gateways while passwords are guessed through the same ones: what becomes of the neighbours, beside
//! the same days without guesses.

use engine::Verdict;
use model::time::SECOND_US;

use crate::made::{Made, World, at_home, day, hour, made};

/// Customers behind the gateways, and others at homes of their own.
const NEIGHBOURS: u32 = 200;
const OTHERS: u32 = 100;
/// Guesses, one a minute; as many through the gateways as from abroad.
const GUESSES: u32 = 3_000;
/// When they begin, in hours.
const FROM_H: i64 = 91 * 24;
/// A password in so many is right.
const RIGHT: u32 = 50;
/// Of the questions of neighbours, so many in a thousand may be asked for proof because of the guesses.
const ASKED_PERMILLE_MAX: usize = 10;

/// The carrier's network as it always was, and another that nobody came from before.
const KNOWN: u32 = 0;
const RENUMBERED: u32 = 9;

/// One of the addresses that a customer of the carrier has today: another with every session.
fn gateway(network: u32, customer: u32, session: u32) -> String {
    format!("100.127.{network}.{}", 1 + (customer + session) % 4)
}

/// Everybody has been here for three months.
fn settled() -> World {
    let mut world = World::new();
    for customer in 0..NEIGHBOURS {
        for session in 0..30 {
            let login = made("login", &format!("C{customer}"), day(i64::from(session) * 3));
            world.apply(at_home(login, &gateway(KNOWN, customer, session), &format!("d-{customer}")));
        }
    }
    for other in 0..OTHERS {
        world.settle(&format!("O{other}"), &format!("100.64.{other}.9"), &format!("o-{other}"), 90);
    }
    world
}

/// The customer whose password is guessed, and whether it is right. Every neighbour is tried several times.
fn tried(number: u32) -> (String, bool) {
    let name = (number * 7 + number / RIGHT) % (NEIGHBOURS + OTHERS);
    let name = if name < NEIGHBOURS { format!("C{name}") } else { format!("O{}", name - NEIGHBOURS) };
    (name, number % RIGHT == RIGHT - 1)
}

/// A guess: through the gateway with what neighbours have, too, or from abroad; the same list of names, the same program.
fn guess(number: u32, network: u32) -> Made {
    let (customer, is_right) = tried(number);
    let time = hour(FROM_H).plus_us(i64::from(number) * 60 * SECOND_US);
    let login = made("login", &customer, time)
        .with("id", format!("g-{number}"))
        .device(&format!("made-up-{number}"))
        .agent(["Firefox on Windows", "Safari 14", "Chrome 85"][usize::try_from(number % 3).unwrap()]);
    let login = match number % 2 {
        0 => login.ip(&gateway(network, number, 0)).place("JP", 2_516),
        _ => login.ip(&format!("198.18.{}.7", number % 60)).place("CN", 64_510),
    };
    if is_right { login } else { login.failed() }
}

/// What a neighbour does, most of them at home: every hour of the two days something.
fn honest(number: u32, network: u32) -> Made {
    let (customer, time) = (number % NEIGHBOURS, hour(FROM_H).plus_us(i64::from(number) * 140 * SECOND_US));
    let name = match number % 12 {
        // Who opens an account these days has no past.
        11 => format!("N{number}"),
        _ => format!("C{customer}"),
    };
    let (kind, device) = match number % 12 {
        0..=5 => ("login", format!("d-{customer}")),
        6 => ("login", format!("new-{customer}")),
        7 | 8 => ("withdrawal", format!("d-{customer}")),
        9 => ("bank_account.change", format!("d-{customer}")),
        10 => ("order", format!("d-{customer}")),
        _ => ("login", format!("d-{name}")),
    };
    let event = at_home(made(kind, &name, time), &gateway(network, customer, number), &device);
    let event = event.with("id", format!("h-{number}"));
    match kind {
        "bank_account.change" => event.account(u64::from(number) + 1, None),
        "order" => event.order("7203", 500_000, 0.05),
        "withdrawal" => event.with("balance_share", 0.2),
        _ => event,
    }
}

/// The answers that neighbours got whom nobody got into, in the order of their questions.
fn answers(guessed: bool, network: u32) -> (World, Vec<(u32, Verdict, Vec<String>)>) {
    let entered: Vec<String> =
        (0..GUESSES).map(tried).filter(|(_, right)| *right).map(|(name, _)| name).collect();
    let (mut world, mut answers, mut next) = (settled(), Vec::new(), 0);
    for number in 0..1_200_u32 {
        // Guesses come in between, one a minute.
        while guessed && next < GUESSES && next * 60 <= number * 140 {
            world.apply(guess(next, network));
            next += 1;
        }
        let question = honest(number, network);
        if entered.contains(&format!("C{}", number % NEIGHBOURS)) {
            continue;
        }
        let decision = world.ask(question);
        let fired = world.fired(&decision).into_iter().map(str::to_owned).collect();
        answers.push((number, decision.verdict, fired));
    }
    (world, answers)
}

/// Nothing is held or refused, and hardly anybody is asked for proof who would not have been without the guesses.
fn few_are_asked_for_guesses(network: u32) {
    let ((quiet, without), (attacked, with)) = (answers(false, network), answers(true, network));
    assert_eq!(quiet.state.campaigns().newest(u32::MAX).count(), 0);
    let campaigns: Vec<_> = attacked.state.campaigns().newest(u32::MAX).collect();
    assert!(campaigns.iter().any(|campaign| campaign.logins > 1_000), "{campaigns:?}");
    assert!(with.len() > 900, "{}", with.len());
    let mut asked = Vec::new();
    for ((number, with, fired), (_, without, _)) in with.iter().zip(&without) {
        assert!(*with <= Verdict::StepUp, "{number}: {fired:?}");
        if with != without {
            asked.push(format!("{number}: {fired:?}"));
        }
    }
    let of = with.len();
    assert!(asked.len() * 1_000 <= of * ASKED_PERMILLE_MAX, "{} of {of}: {asked:?}", asked.len());
}

#[test]
fn nothing_of_a_neighbour_is_held_for_guesses_through_the_same_gateway() {
    few_are_asked_for_guesses(KNOWN);
}

/// The carrier has given everybody an address that is new to all, on the very day: there nobody is settled.
#[test]
fn nothing_of_a_neighbour_is_held_where_the_gateway_is_new() {
    few_are_asked_for_guesses(RENUMBERED);
}
