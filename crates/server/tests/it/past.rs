//! The past told with as much memory as is allowed, and no more.

use history::Watch;
use history::rows::{AccountHasher, Recorded, RowBuffer};
use history::writer::{HistoryWriter, Order};
use intel::Intel;
use model::{Event, EventKind, Outcome, Time};
use server::bootstrap::bootstrap;
use server::past::{Memory, Past, PastError};

use crate::fixture::{Place, START_US};

const CUSTOMERS: i64 = 6_000;

/// What a bootstrap left is loaded whole: that is looked at while it is, not when it is there.
#[test]
fn a_base_that_is_larger_than_the_memory_is_refused_while_it_is_loaded() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let mut rows = RowBuffer::new(AccountHasher::none());
    for customer in 0..CUSTOMERS {
        let time = Time::from_us(START_US + customer * 1_000_000).unwrap();
        let mut event =
            Event::bare(format!("e-{customer}").parse().unwrap(), time, EventKind::Login, Outcome::Succeeded);
        event.customer = Some(format!("C{customer}").parse().unwrap());
        event.client.ip = Some(format!("10.0.{}.{}", customer / 250, customer % 250).parse().unwrap());
        rows.push(&event, Recorded::default());
    }
    let (history, watch) = (folder.path().join("history"), Watch::default());
    let mut writer = HistoryWriter::begin(&history, Order::Time).unwrap();
    writer.push(rows.finish().unwrap(), &watch).unwrap();
    writer.finish().unwrap();
    bootstrap(&place.data(), &[history], Intel::default(), (place.clock())(), &watch).unwrap();

    let open = |bytes_max| Past::open(&place.data(), &[], Memory { bytes_max }, &watch);
    assert_eq!(open(None).unwrap().base().from, "bootstrap");
    open(Some(1 << 30)).unwrap();
    let refused = open(Some(1 << 20)).unwrap_err();
    assert!(matches!(refused, PastError::BaseMemory { mib: 1 }), "{refused}");
    assert!(refused.to_string().contains("`--memory-mib`") && refused.to_string().contains("backup"));
    let stopped = Watch::default();
    stopped.stop();
    let refused = Past::open(&place.data(), &[], Memory::default(), &stopped).unwrap_err();
    assert!(matches!(refused, PastError::History(history::HistoryError::Stopped)), "{refused}");
}
