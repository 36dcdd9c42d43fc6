//! The journal's thread ends by a panic: nobody waits in vain for what it had in hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::Event;
use server::sequencer::{AskError, Clock};

use crate::fixture::{Place, read};

/// Who is not told waits for five seconds.
const TOLD_WITHIN: Duration = Duration::from_secs(4);

fn login(id: &str) -> Event {
    let json = format!(
        "{{\"id\":\"{id}\",\"time\":\"2026-01-05T10:00:00Z\",\"kind\":\"login\",\"customer\":\"C1\",\"outcome\":\"succeeded\"}}"
    );
    Event::from_json(json.as_bytes()).unwrap()
}

/// Time stands still on the journal's thread until it may break.
fn breaking(time: Clock, may_break: &Arc<AtomicBool>) -> Clock {
    let may_break = Arc::clone(may_break);
    Arc::new(move || {
        if std::thread::current().name() == Some("journal") {
            while !may_break.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            panic!("the clock broke, as the test wants it");
        }
        time()
    })
}

#[test]
fn who_waits_for_the_journal_is_told_when_its_thread_is_gone() {
    let (place, may_break) = (Place::new(), Arc::new(AtomicBool::new(false)));
    let server = place.server_by(breaking(place.clock(), &may_break));
    // After this one the journal's thread looks at the clock, and so takes nothing more.
    server.send(login("1"), false);
    let unheard = server.send_on(login("2"), false);
    let gauges = server.gauges();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let waiting = async {
        let breaks = async {
            while read(&gauges.seq) < 2 {
                tokio::task::yield_now().await;
            }
            may_break.store(true, Ordering::SeqCst);
        };
        tokio::join!(server.handle.look(Vec::new(), |state, _policy| state.seq()), breaks)
    };
    let told = runtime.block_on(async { tokio::time::timeout(TOLD_WITHIN, waiting).await });
    let (seen, ()) = told.unwrap();
    assert!(matches!(seen, Err(AskError::Refusing(_))), "{seen:?}");
    drop(unheard);
    assert!(!server.handle.is_taking());
    server.stop();
}
