//! Front ends ask: what `/v1/forward` answers by itself, and what a customer meets behind a real nginx with the configuration
//! that is shipped.

use crate::front_ends::FrontEnd;
use crate::http::{Answer, Connection};
use crate::nginx::{Nginx, Site};
use crate::process::Place;
use crate::serve::{Server, YESTERDAY, days_ago, event, key};

const HERE: &str = "127.0.0.1";

/// Customers with a month of logins from one place each: C1 here, C2 and C3 elsewhere. A stranger changed C2's bank account from
/// here.
fn past(sender: &mut Connection, here: &str) {
    let mut lines = Vec::new();
    for day in 1..=28 {
        let login = event(&format!("l-{day}"), "login", "C1", here).replace("d-C1", "home");
        lines.push(login.replace(&*YESTERDAY, &days_ago(60 - day)));
        for customer in ["C2", "C3"] {
            let login = event(&format!("{customer}-{day}"), "login", customer, "198.51.100.7");
            let login = login.replace(&format!("d-{customer}"), "home");
            lines.push(login.replace(&*YESTERDAY, &days_ago(60 - day)));
        }
    }
    // Now: a change counts for some days.
    for kind in ["password.change", "bank_account.change"] {
        let change = event(kind, kind, "C2", here).replace("d-C2", "evil");
        lines.push(change.replace(&*YESTERDAY, &days_ago(0)));
    }
    let told = sender.post("/v1/events", &lines.join("\n")).unwrap().json();
    assert_eq!(told.get("accepted"), Some(&lines.len().into()), "{told}");
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn the_status_is_the_decision_and_nothing_else_is() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let mut sender = server.connect(&key(&place, "sender"));
    past(&mut sender, HERE);
    let home = [("X-Sekisho-Customer", "C1"), ("X-Sekisho-Ip", "127.0.0.1"), ("X-Sekisho-Device", "home")];
    let stranger = [("X-Sekisho-Customer", "C1"), ("X-Forwarded-For", "10.0.0.1, 203.0.113.9")];
    let thief = [("X-Sekisho-Customer", "C2"), ("X-Sekisho-Ip", "127.0.0.1"), ("X-Sekisho-Device", "evil")];
    let mut ask = |path: &str, headers: &[(&str, &str)]| sender.send("GET", path, headers, "").unwrap();

    let allowed = ask("/v1/forward/withdrawal", &home);
    assert_eq!((allowed.status, header(&allowed, "x-sekisho-decision")), (200, Some("allow")), "{allowed:?}");
    let proof = ask("/v1/forward/withdrawal?step_up=/proof", &stranger);
    assert_eq!((proof.status, header(&proof, "x-sekisho-decision")), (401, Some("step_up")), "{proof:?}");
    assert_eq!(header(&proof, "x-sekisho-step-up"), Some("/proof"));
    let sent = ask("/v1/forward/withdrawal?redirect=/proof", &stranger);
    assert_eq!((sent.status, header(&sent, "location")), (303, Some("/proof")), "{sent:?}");
    let held = ask("/v1/forward/withdrawal", &thief);
    assert_eq!((held.status, header(&held, "x-sekisho-decision")), (403, Some("hold")), "{held:?}");
    // Front ends hand these on to the customer: nothing in them says why.
    for told in [&proof, &sent, &held] {
        assert_eq!((told.body.as_str(), header(told, "x-sekisho-score")), ("", None), "{told:?}");
    }
    // Envoy's way: the customer's path and query behind the prefix change nothing.
    let below = ask("/v1/forward/withdrawal/x/../login?redirect=https://evil.example", &stranger);
    assert_eq!((below.status, header(&below, "location")), (401, None), "{below:?}");
    assert_eq!(ask("/v1/forward/withdrawal/", &home).status, 200);

    // The same subrequest again is the same event; another one with its identifier is refused.
    let with_id =
        |headers: [(&'static str, &'static str); 3]| [headers.as_slice(), &[("X-Request-Id", "q1")]].concat();
    let first = ask("/v1/forward/withdrawal", &with_id(home));
    let again = ask("/v1/forward/withdrawal", &with_id(home));
    assert_eq!((first.status, &first.body), (200, &again.body));
    assert_eq!(header(&first, "x-sekisho-event"), Some("fwd-q1"));
    assert_eq!(ask("/v1/forward/withdrawal", &with_id(thief)).status, 409);

    assert_eq!(ask("/v1/forward/withdraw", &home).status, 422);
    assert_eq!(ask("/v1/forward/withdrawal", &home[..1]).status, 422, "no address");
    let mut nobody = server.connect("sekisho_unknown");
    assert_eq!(nobody.send("GET", "/v1/forward/login", &home, "").unwrap().status, 400, "never a 401");
    server.stop();
}

#[test]
fn behind_nginx_a_customer_is_let_through_asked_held_or_waits() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let key = key(&place, "sender");
    past(&mut server.connect(&key), HERE);
    let site = Site::start();
    let nginx = Nginx::start(&place, &server.address, &site.address, &key);
    let ask = |path: &str, headers: &[(&str, &str)]| {
        Connection::open(&nginx.address, "of-the-customer")
            .unwrap()
            .send("POST", path, headers, "yen=1")
            .unwrap()
    };
    let home = [("X-Account", "C1"), ("Cookie", "device=home")];
    let passed = ask("/withdraw", &home);
    assert_eq!(
        (passed.status, passed.body.as_str()),
        (200, "POST /withdraw decision=allow body=yen=1"),
        "{passed:?}"
    );
    // C3 is not at home, whatever the customer says of the place.
    let away = [("X-Account", "C3"), ("Cookie", "device=other"), ("X-Sekisho-Ip", "198.51.100.7")];
    let proof = ask("/withdraw", &away);
    let place = header(&proof, "location").unwrap_or_default();
    assert_eq!((proof.status, place.contains("/proof?event=fwd-")), (303, true), "{proof:?}");
    let held = ask("/withdraw", &[("X-Account", "C2"), ("Cookie", "device=evil")]);
    assert_eq!(held.status, 403, "{held:?}");
    assert!(held.body.contains("get in touch"), "{held:?}");
    // Nobody's: the question cannot be asked, so that money waits.
    assert_eq!(ask("/withdraw", &[]).status, 503);
    let claimed = ask("/other", &[("X-Sekisho-Decision", "allow")]);
    assert_eq!(claimed.body, "POST /other decision= body=yen=1", "{claimed:?}");
    assert_eq!(ask("/_sekisho/withdrawal", &home).status, 404, "the question is not the customer's to ask");

    server.stop();
    let waits = ask("/withdraw", &home);
    assert_eq!((waits.status, header(&waits, "retry-after")), (503, Some("60")), "{waits:?}");
    let open = ask("/account", &home);
    assert_eq!((open.status, open.body.as_str()), (200, "POST /account decision=unchecked body=yen=1"));
}

/// What Envoy, Traefik and Caddy have in common. `who` is the header from whoever verified the session; told are status and place of
/// a step up, and the status without an answer.
fn let_through_asked_held_or_waiting(
    start: impl FnOnce(&Place, &str, &str, &str) -> FrontEnd,
    who: &'static str,
    (step_up, location): (u16, Option<&str>),
    no_answer: u16,
) {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let (sender, admin) = (key(&place, "sender"), key(&place, "admin"));
    let site = Site::start();
    let front_end = start(&place, &server.address, &site.address, &sender);
    let ask = |path: &str, headers: &[(&str, &str)]| {
        Connection::open(&front_end.address, "of-the-customer")
            .unwrap()
            .send("POST", path, headers, "yen=1")
            .unwrap()
    };
    // Which address the front end gives for one of this machine's own is its business.
    assert_eq!(ask("/withdraw", &[(who, "C9")]).status, step_up);
    let events = server.connect(&admin).get("/v1/events?customer=C9").unwrap().json();
    let here = events["events"][0]["client"]["ip"].as_str().unwrap_or_else(|| panic!("{events}"));
    past(&mut server.connect(&sender), here);

    let passed = ask("/withdraw/now?yen=1", &[(who, "C1")]);
    assert_eq!(
        (passed.status, passed.body.as_str()),
        (200, "POST /withdraw/now?yen=1 decision=allow body=yen=1"),
        "{passed:?}"
    );
    // Whatever the customer says of place, identifier and decision.
    let claims = [
        (who, "C3"),
        ("X-Sekisho-Ip", "198.51.100.7"),
        ("X-Request-Id", "mine"),
        ("X-Sekisho-Decision", "allow"),
    ];
    let proof = ask("/withdraw", &claims);
    assert_eq!((proof.status, header(&proof, "location")), (step_up, location), "{proof:?}");
    assert_ne!(header(&proof, "x-sekisho-event"), Some("fwd-mine"), "{proof:?}");
    let held = ask("/withdraw", &[(who, "C2")]);
    assert_eq!(held.status, 403, "{held:?}");
    for told in [&proof, &held] {
        assert_eq!((told.body.as_str(), header(told, "x-sekisho-score")), ("", None), "{told:?}");
    }
    assert_eq!(ask("/withdraw", &[]).status, 422, "nobody's");
    let claimed = ask("/other", &[("X-Sekisho-Decision", "allow")]);
    assert_eq!(claimed.body, "POST /other decision= body=yen=1", "{claimed:?}");
    assert_eq!(ask("/withdrawn", &[]).status, 200, "another path");
    for written in [
        "//withdraw",
        "/./withdraw",
        "/x/../withdraw",
        "/%77ithdraw",
        "/withdraw%2fnow",
        "/Withdraw/../withdraw",
    ] {
        let answer = ask(written, &[(who, "C3")]);
        let slipped = answer.status == 200 && answer.body.contains("decision= ");
        assert!(!slipped, "a withdrawal that nobody asked about: {written} {answer:?}");
    }

    server.stop();
    assert_eq!(ask("/withdraw", &[(who, "C1")]).status, no_answer);
    assert_eq!(ask("/account", &[]).status, 200);
    let heads = site.heads.lock().unwrap();
    assert!(heads.contains("X-Sekisho-Decision: allow") || heads.contains("x-sekisho-decision: allow"));
    assert!(!heads.contains(&sender), "the site does not get to see the key");
}

#[test]
fn behind_envoy_a_customer_is_let_through_asked_held_or_waits() {
    let_through_asked_held_or_waiting(FrontEnd::envoy, "X-Account", (401, None), 503);
}

#[test]
fn behind_traefik_a_customer_is_let_through_asked_held_or_waits() {
    let proof = Some("https://broker.example/proof");
    let_through_asked_held_or_waiting(FrontEnd::traefik, "X-Sekisho-Customer", (303, proof), 500);
}

#[test]
fn behind_caddy_a_customer_is_let_through_asked_held_or_waits() {
    let_through_asked_held_or_waiting(FrontEnd::caddy, "X-Account", (303, Some("/proof")), 502);
}
