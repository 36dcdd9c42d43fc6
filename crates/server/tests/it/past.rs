//! The past told with as much memory as is allowed, and no more.

use engine::Policy;
use history::Watch;
use history::rows::{AccountHasher, Recorded, RowBuffer};
use history::writer::{HistoryWriter, Order};
use intel::Intel;
use model::time::DAY_US;
use model::{Event, EventKind, Outcome, Time};
use server::backtest::{BacktestOptions, backtest};
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

/// What feedback says is held while the past is told, as far as it is about what is asked.
#[test]
fn feedback_that_takes_more_than_the_memory_is_refused_and_only_what_labels_a_question_is_kept() {
    let place = Place::new();
    let server = place.server();
    let bare = |id: String, kind, us| {
        let mut event =
            Event::bare(id.parse().unwrap(), Time::from_us(us).unwrap(), kind, Outcome::Succeeded);
        event.customer = Some("C1".parse().unwrap());
        event
    };
    let sent: Vec<_> = (0..12_000)
        .map(|report| server.send_on(bare(format!("r-{report}"), EventKind::CustomerReport, START_US), false))
        .collect();
    sent.into_iter().for_each(|sent| drop(sent.blocking_recv().unwrap().unwrap()));
    server.send(bare("q".to_owned(), EventKind::Login, START_US - 1), true);
    server.stop();
    let policy = Policy::compile(Policy::SHIPPED, 0).unwrap();
    let run = |bytes_max, to: Option<i64>| {
        let (watch, memory) = (Watch::default(), Memory { bytes_max });
        let past = Past::open(&place.data(), &[], memory, &watch).unwrap();
        let to = to.map(|us| Time::from_us(us).unwrap());
        backtest(past, &policy, &BacktestOptions { to, ..BacktestOptions::default() }, &watch)
    };
    let found = run(Some(64 << 20), None).unwrap();
    assert_eq!((found.questions, found.labelled.fraud.customers, found.labelled.left_out), (1, 1, 0));
    let refused = run(Some(2 << 20), None).unwrap_err();
    assert!(matches!(refused, PastError::FeedbackMemory { mib: 2 }), "{refused}");
    assert!(refused.to_string().contains("a shorter time"), "{refused}");
    // None of it is about what happened two months before.
    let found = run(Some(2 << 20), Some(START_US - 60 * DAY_US)).unwrap();
    assert_eq!((found.questions, found.labelled.feedback["customer.report fraud"]), (0, 12_000));
}
