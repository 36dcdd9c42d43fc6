//! What a client answers when the server does not: in time, as the broker chose, and without bothering a server that is down.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its fixture should stop")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sekisho_client::{Client, ClientError, Options, Source, Verdict};

fn event(kind: &str) -> model::Event {
    let json = format!(
        r#"{{"id":"e","time":"2026-01-05T10:00:00Z","kind":"{kind}","customer":"C1","outcome":"attempted"}}"#
    );
    model::Event::from_json(json.as_bytes()).unwrap()
}

/// A server that answers every request so, and counts them.
fn server(answer: &'static str) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 16_384];
            let _request = stream.read(&mut bytes);
            counted.fetch_add(1, Ordering::SeqCst);
            let _gone = stream.write_all(answer.as_bytes());
        }
    });
    (address, asked)
}

fn options(server: &str) -> Options {
    Options { timeout: Duration::from_millis(500), ..Options::new(server, "key") }
}

#[test]
fn money_waits_logins_are_asked_for_proof_and_looking_is_let_through() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    for (kind, verdict) in [
        ("withdrawal", Verdict::Hold),
        ("bank_account.change", Verdict::Hold),
        ("login", Verdict::StepUp),
        ("order", Verdict::StepUp),
        ("profile.view", Verdict::Allow),
    ] {
        let decision = Client::new(options(&address)).decide(&event(kind)).unwrap();
        assert_eq!(decision.verdict, verdict, "{kind}");
        assert!(matches!(decision.source, Source::Silence(_)), "{decision:?}");
    }
}

#[test]
fn a_server_that_fails_is_left_alone_after_a_while() {
    let (address, asked) = server("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let client = Client::new(Options { rest: Duration::from_secs(600), ..options(&address) });
    for _ in 0..20 {
        assert_eq!(client.decide(&event("withdrawal")).unwrap().verdict, Verdict::Hold);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 5, "asked until it failed five times");
    assert!(matches!(client.tell(&[event("login")]), Err(ClientError::Silent(_))));
}

#[test]
fn what_the_server_refuses_is_the_callers_to_mend() {
    let (address, asked) = server(
        "HTTP/1.1 422 Unprocessable\r\nContent-Length: 80\r\nConnection: close\r\n\r\n\
         {\"type\":\"urn:sekisho:problem:invalid-event\",\"detail\":\"came 5; allowed: 1 to 4\"}\n",
    );
    let refused = Client::new(options(&address)).decide(&event("login")).unwrap_err();
    let ClientError::Refused { status: 422, problem, detail, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(
        (problem.as_str(), detail.as_str()),
        ("urn:sekisho:problem:invalid-event", "came 5; allowed: 1 to 4")
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1, "not asked again");
}
