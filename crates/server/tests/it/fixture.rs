//! A data folder, a sequencer without HTTP, and what stands in the history.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use engine::Policy;
use engine::input::Body;
use history::files::find;
use intel::Intel;
use model::{Event, Time};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use server::exporter::{ExportOptions, Exporter, Places, Running};
use server::observe::Observer;
use server::secret::Secret;
use server::sequencer::{Answered, Answering, Ask, Clock, Gauges, Handle, Options, start};
use store::DataFolder;

/// 2026-01-05T10:00:00Z.
pub(crate) const START_US: i64 = 1_767_607_200_000_000;

/// How long a test waits for what must come at last.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with a clock of its own.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    now_us: Arc<AtomicI64>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), now_us: Arc::new(AtomicI64::new(START_US)) }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn history(&self) -> PathBuf {
        self.data().join("history")
    }

    pub(crate) fn set_clock(&self, us: i64) {
        self.now_us.store(us, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let now_us = Arc::clone(&self.now_us);
        Arc::new(move || Time::from_us(now_us.load(Ordering::SeqCst)).unwrap())
    }

    pub(crate) fn server(&self) -> Server {
        self.server_with(&Options::default())
    }

    pub(crate) fn server_with(&self, options: &Options) -> Server {
        self.started(options, self.clock())
    }

    pub(crate) fn server_by(&self, clock: Clock) -> Server {
        self.started(&Options::default(), clock)
    }

    fn started(&self, options: &Options, clock: Clock) -> Server {
        let data = DataFolder::open(&self.data()).unwrap();
        let secret = Secret::of_folder(&self.data()).unwrap();
        let tag = secret.history_tag();
        let (handle, thread) = start(&data, Policy::SHIPPED, Arc::clone(&clock), options).unwrap();
        let observer = Observer::new(Arc::new(Intel::default()), secret);
        let places = Places { journal: data.view().clone(), history: self.history(), tag };
        Server { handle, thread, observer, clock, places, _data: data }
    }

    /// Batches of all rows a reader of the history finds.
    pub(crate) fn batches(&self) -> Vec<RecordBatch> {
        let mut batches = Vec::new();
        for path in find(&[self.history()]).unwrap() {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
            batches.extend(reader.build().unwrap().map(Result::unwrap));
        }
        batches
    }

    /// Identifiers a reader of the history finds, with how often, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        let batches = self.batches();
        let ids =
            batches.iter().flat_map(|batch| batch.column_by_name("id").unwrap().as_string::<i32>().iter());
        let mut ids: Vec<String> = ids.map(|id| id.unwrap().to_owned()).collect();
        ids.sort();
        ids
    }
}

/// A sequencer and what it needs.
pub(crate) struct Server {
    pub(crate) handle: Handle,
    thread: JoinHandle<()>,
    observer: Observer,
    clock: Clock,
    pub(crate) places: Places,
    _data: DataFolder,
}

impl Server {
    /// Sends an event and waits until it is durable.
    pub(crate) fn send(&self, event: Event, asked: bool) -> Answered {
        let waiting = self.send_on(event, asked);
        waiting.blocking_recv().unwrap().unwrap()
    }

    pub(crate) fn send_on(&self, event: Event, asked: bool) -> Answering {
        let id = event.id.as_str().to_owned();
        let (observed, digest) = self.observer.observe(event, asked, (self.clock)()).unwrap();
        let (ask, waiting) = Ask::new(Some(id), digest, Body::Event(Box::new(observed)), false).unwrap();
        self.handle.send_blocking(ask).unwrap();
        waiting
    }

    pub(crate) fn gauges(&self) -> Arc<Gauges> {
        self.handle.shared_gauges()
    }

    /// An exporter that does nothing by itself.
    pub(crate) fn exporter(&self, options: &ExportOptions) -> Exporter {
        Exporter::new(self.places.clone(), options.clone(), Arc::clone(&self.clock), self.gauges())
    }

    pub(crate) fn start_exporter(&self, options: &ExportOptions) -> Running {
        server::exporter::start(self.places.clone(), options.clone(), Arc::clone(&self.clock), self.gauges())
            .unwrap()
    }

    /// Lets the sequencer end.
    pub(crate) fn stop(self) {
        drop(self.handle);
        self.thread.join().unwrap();
    }
}

pub(crate) fn read(gauge: &AtomicU64) -> u64 {
    gauge.load(Ordering::SeqCst)
}

/// Waits until something has come true.
pub(crate) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let tries = PATIENCE.as_millis() / 20;
    for _ in 0..tries {
        if is_true() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("never came: {what}");
}

pub(crate) fn event(id: &str, kind: &str, outcome: &str, more: &str) -> Event {
    let json = format!(
        "{{\"id\":\"{id}\",\"time\":\"2026-01-05T10:00:00Z\",\"kind\":\"{kind}\",\"customer\":\"C{}\",\
         \"client\":{{\"ip\":\"192.0.2.7\",\"device\":\"d-1\"}},\"outcome\":\"{outcome}\"{more}}}",
        id.len()
    );
    Event::from_json(json.as_bytes()).unwrap()
}
