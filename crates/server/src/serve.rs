//! Puts the parts together and runs them until the process is asked to stop. Must not know what the parts do.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;

use engine::Policy;
use intel::Intel;
use model::Time;
use store::{DataFolder, Limits, StoreError};
use tokio::net::TcpListener;

use crate::api::{App, Front, description};
use crate::backtests::Backtesting;
use crate::daily::Daily;
use crate::explanations::PastTold;
use crate::exporter::{self, ExportOptions, Places};
use crate::keys::{KeyError, Keys};
use crate::observe::Observer;
use crate::passwords::{PasswordError, PasswordOptions, Passwords};
use crate::proof::{ProofSettings, Proofs};
use crate::readers::Readers;
use crate::secret::Secret;
use crate::sequencer::{self, Clock, StartError};
use crate::sweeps::Sweeping;
use crate::{connections, explanations, indexer, jobs, lists};

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The data folder.
    pub data: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The policy's file; the shipped policy without one.
    pub policy: Option<PathBuf>,
    /// How the journal becomes history.
    pub export: ExportOptions,
    /// How many days back a question may lie; any for none.
    pub ask_days: Option<u32>,
    /// When procedures of the last days are examined again, every day; never without.
    pub daily: Option<Daily>,
    /// How passwords are judged.
    pub passwords: PasswordOptions,
    /// How the sequencer runs.
    pub sequencer: sequencer::Options,
    /// How customers prove themselves.
    pub proof: ProofSettings,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Recovery or policy.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The lists, without which decisions would not be right.
    #[error("the lists cannot be read")]
    Lists(#[source] sequencer::AskError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The list of passwords.
    #[error(transparent)]
    Passwords(#[from] PasswordError),
    /// A file or the network.
    #[error("{what} failed")]
    Io {
        /// What was being done.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
}

fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> ServeError {
    move |source| ServeError::Io { what: what.into(), source }
}

/// The history in the data folder.
pub(crate) const HISTORY: &str = "history";

/// The wall clock, as a whole microsecond.
#[must_use]
pub fn wall_clock() -> Clock {
    Arc::new(|| {
        #[expect(clippy::disallowed_methods, reason = "the server is where time gets in")]
        let now = jiff::Timestamp::now();
        Time::from_timestamp(now).unwrap_or(Time::MIN)
    })
}

/// Serves by this clock ([`wall_clock`]) until `stop` is asked for, then answers what was accepted and writes back what changed. `started`
/// is told where it listens and whether there are keys.
///
/// # Errors
/// The folder is in use or cannot be read, the policy does not compile, the address cannot be listened at.
pub fn serve(
    options: &ServeOptions,
    intel: Intel,
    clock: Clock,
    started: impl FnOnce(SocketAddr, bool),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let passwords = Arc::new(Passwords::new(&options.passwords)?);
    let folder = DataFolder::open(&options.data)?;
    let policy = policy_text(options.policy.as_deref())?;
    let secret = Secret::of_folder(&options.data).map_err(io("reading or making the folder's secret"))?;
    let keys = Arc::new(Keys::of_folder(&options.data)?);
    let (sequencer, thread) = sequencer::start(&folder, &policy, Arc::clone(&clock), &options.sequencer)?;
    let (indexer, indexing) = indexer::start(folder.view(), Arc::clone(&clock), sequencer.shared_gauges())?;
    let places = Places {
        journal: folder.view().clone(),
        history: options.data.join(HISTORY),
        tag: secret.history_tag(),
    };
    let exporter =
        exporter::start(places, options.export.clone(), Arc::clone(&clock), sequencer.shared_gauges())
            .map_err(io("starting a thread"))?;
    let has_keys = !keys.is_empty();
    let intel = Arc::new(intel);
    let data = options.data.clone();
    let sweeping = Sweeping {
        data: data.clone(),
        intel: Arc::clone(&intel),
        tag: secret.history_tag(),
        sequencer: sequencer.clone(),
    };
    let (sweeps, mut working) =
        jobs::start(&options.data, sweeping, &clock).map_err(io("looking for sweeps"))?;
    let (memory_bytes, told) = (options.sequencer.memory_bytes, PastTold::default());
    let backtesting = Backtesting {
        view: folder.view().clone(),
        data,
        intel: Arc::clone(&intel),
        tag: secret.history_tag(),
        memory_bytes,
        told: Arc::clone(&told),
    };
    let (backtests, testing) =
        jobs::start(&options.data, backtesting, &clock).map_err(io("looking for back-tests"))?;
    working.extend(testing);
    let (explanations, explaining) = explanations::start(folder.view(), &options.data, memory_bytes, told)
        .map_err(io("starting a thread"))?;
    let vault = folder.vault(&Limits::default())?;
    let (proofs, proving) =
        Proofs::start(vault, &secret, options.proof.clone(), sequencer.clone(), Arc::clone(&clock))
            .map_err(io("setting up proof"))?;
    working.push(proving);
    let (openapi, traffic) = description();
    let app = App {
        sequencer,
        observer: Arc::new(Observer::new(intel, secret.clone()).with_asked_age_max(options.ask_days)),
        keys,
        clock,
        secret,
        readers: Readers::new(folder.view().clone()),
        indexer,
        sweeps,
        backtests,
        explanations,
        proofs: Arc::new(proofs),
        changing_lists: Arc::default(),
        changing_shadow: Arc::default(),
        passwords,
        traffic: Arc::new(traffic),
        openapi,
    };
    let last = app.sequencer.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(io("starting the runtime"))?;
    let served = runtime.block_on(async move {
        let known = app.sequencer.look(Vec::new(), |state, _| lists::documents(state)).await;
        app.observer.set_lists(lists::compile(&known.map_err(ServeError::Lists)?));
        let listener = TcpListener::bind(options.listen)
            .await
            .map_err(io(format!("listening at {}", options.listen)))?;
        let at = listener.local_addr().map_err(io("asking where it listens"))?;
        // Asked once before anybody is told, so that a request to stop is heard from then on.
        let mut stop = std::pin::pin!(stop);
        let asked = poll_fn(|context| Poll::Ready(stop.as_mut().poll(context).is_ready())).await;
        started(at, has_keys);
        if asked {
            return Ok(());
        }
        if let Some(daily) = options.daily.clone() {
            tokio::spawn(daily.run(Arc::clone(&app.sweeps), Arc::clone(&app.clock)));
        }
        let open = Arc::clone(&app.traffic.connections);
        let front = Front::new(app);
        connections::serve(listener, open, move |request| front.answer(request), stop).await;
        Ok(())
    });
    // Lets the journal go, so that its writer, which ends last, can close it.
    let exporter = exporter.stop();
    drop(runtime);
    let _ended = indexing.join();
    working.push(explaining);
    working.into_iter().for_each(|thread| drop(thread.join()));
    // The last handle of the sequencer, whose thread then writes back, closes the journal and ends.
    drop(last);
    let _ended = thread.join();
    if let Some(exporter) = exporter {
        exporter.rest();
    }
    served
}

/// Tells the log that the server listens.
pub fn tell_started(at: SocketAddr) {
    let fields = serde_json::json!({ "address": at.to_string(), "version": env!("CARGO_PKG_VERSION") });
    crate::log::write(crate::log::Level::Info, "server.started", &fields);
}

/// Comes when the process is asked to stop: Ctrl-C or SIGTERM.
pub async fn stop_asked() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without handlers the default applies: the process ends at once, and the journal has everything acknowledged.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn policy_text(path: Option<&Path>) -> Result<String, ServeError> {
    match path {
        None => Ok(Policy::SHIPPED.to_owned()),
        Some(path) => std::fs::read_to_string(path).map_err(io(format!("reading {}", path.display()))),
    }
}
