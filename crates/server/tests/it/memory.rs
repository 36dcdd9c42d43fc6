//! Records leave memory when it is full, and the state when nobody named them for long, and nobody who asks can tell.

use model::Event;
use server::sequencer::Options;

use crate::fixture::{Place, START_US, Server, read, until};

const CUSTOMERS: u32 = 4_000;

/// An event of a customer with an address and a device of their own; every hundredth shares them.
fn event(round: u32, customer: u32, kind: &str) -> Event {
    let own = if customer.is_multiple_of(100) { 0 } else { customer };
    let json = format!(
        "{{\"id\":\"{kind}-{round}-{customer}\",\"time\":\"2025-{:02}-{:02}T10:00:00Z\",\"kind\":\"{kind}\",\
         \"customer\":\"C{customer}\",\"outcome\":\"succeeded\",\
         \"client\":{{\"ip\":\"10.{}.{}.7\",\"device\":\"d-{own}\"}}}}",
        round / 28 % 12 + 1,
        round % 28 + 1,
        own / 256,
        own % 256,
    );
    Event::from_json(json.as_bytes()).unwrap()
}

#[test]
fn records_that_left_memory_decide_as_before() {
    let (narrow, wide) = (Place::new(), Place::new());
    let servers: [Server; 2] = [
        narrow.server_with(&Options { memory_bytes: 1 << 20, ..Options::default() }),
        wide.server_with(&Options { memory_bytes: 1 << 30, ..Options::default() }),
    ];
    let records = || servers.each_ref().map(|server| read(&server.gauges().records));
    let mut round = 0;
    until("half of the records left memory", || {
        for customer in 0..CUSTOMERS {
            for server in &servers {
                server.send(event(round, customer, "login"), false);
            }
        }
        round += 1;
        let [narrow, wide] = records();
        narrow < wide / 2
    });
    for customer in 0..CUSTOMERS {
        let [narrow, wide] =
            servers.each_ref().map(|server| server.send(event(round, customer, "withdrawal"), true));
        assert_eq!(narrow, wide, "customer {customer}");
    }
    servers.into_iter().for_each(Server::stop);
}

/// An address, its network and a device that nobody named for 400 days leave the state by themselves; what is decided, and
/// what the journal gives, is the same with them and without.
#[test]
fn what_nobody_named_for_long_leaves_the_state() {
    const DAY_US: i64 = 24 * 3_600 * 1_000_000;
    let (place, other) = (Place::new(), Place::new());
    let servers = [place.server(), other.server()];
    let send = |round, customer, kind, asked| {
        let [one, other] = servers.each_ref().map(|server| server.send(event(round, customer, kind), asked));
        assert_eq!(one, other);
    };
    send(0, 1, "login", false);
    send(0, 2, "login", false);
    // Written once before they are old.
    until("written", || read(&servers[0].gauges().checkpoint) == 3);
    [&place, &other].into_iter().for_each(|place| place.set_clock(START_US + 431 * DAY_US));
    send(431, 2, "login", false);
    until("gone", || read(&servers[0].gauges().forgotten) >= 3);
    send(500, 1, "withdrawal", true);
    servers.into_iter().for_each(Server::stop);
    let servers = [place.server(), other.server()];
    let [one, other] = servers.each_ref().map(|server| server.send(event(501, 1, "withdrawal"), true));
    assert_eq!(one, other);
    servers.into_iter().for_each(Server::stop);
    let verified = server::verify::verify(&place.data()).unwrap();
    assert_eq!(verified.differences, 0, "{verified:?}");
}
