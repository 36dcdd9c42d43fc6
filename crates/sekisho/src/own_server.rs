//! A server in this process, for commands that need one to ask: started on loopback, stopped when they are done. Must not know
//! what is asked.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::mpsc;

use anyhow::{Context as _, anyhow};
use intel::Intel;
use lab::http::Target;
use server::keys::{self, Role};
use server::log;
use server::passwords::PasswordOptions;
use server::proof::ProofSettings;
use server::serve::{ServeOptions, serve, wall_clock};

/// A running server and a key for it.
pub(crate) struct OwnServer {
    pub(crate) target: Target,
    pub(crate) at: SocketAddr,
    pub(crate) key: String,
}

/// The usual port if it is free, else any.
pub(crate) fn usual_port() -> u16 {
    const USUAL: u16 = 8480;
    TcpListener::bind((Ipv4Addr::LOCALHOST, USUAL)).map_or(0, |_free| USUAL)
}

/// Asks a server with the new data folder `data`, and stops it. With port 0 any free one.
pub(crate) fn with<T>(
    data: &Path,
    port: u16,
    intel: Intel,
    ask: impl FnOnce(&OwnServer) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    with_settings(data, port, intel, PasswordOptions::default(), ProofSettings::default(), ask)
}

/// The same, judging passwords and asking for proof in this way.
pub(crate) fn with_settings<T>(
    data: &Path,
    port: u16,
    intel: Intel,
    passwords: PasswordOptions,
    proof: ProofSettings,
    ask: impl FnOnce(&OwnServer) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    // What it is asked for is told by the command itself.
    log::tell_from(log::Level::Warning);
    drop(store::DataFolder::open(data)?);
    // Who asked for this server may do everything with it.
    let key = keys::create(data, "own", Role::Admin)?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let options = ServeOptions {
        data: data.to_owned(),
        listen,
        policy: None,
        export: server::exporter::ExportOptions::default(),
        // What is told here may be of any time.
        daily: None,
        ask_days: None,
        passwords,
        sequencer: server::sequencer::Options::default(),
        proof,
    };
    let (told, started) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    std::thread::scope(|threads| {
        let server = threads.spawn(move || {
            let stopped = async {
                let _asked_or_gone = stopped.await;
            };
            let started = |at, _has_keys| {
                let _gone = told.send(at);
            };
            serve(&options, intel, wall_clock(), started, stopped)
        });
        let asked = match started.recv() {
            Ok(at) => Target::parse(&format!("http://{at}"), false)
                .map_err(anyhow::Error::from)
                .and_then(|target| ask(&OwnServer { target, at, key })),
            Err(_ended) => Err(anyhow!("the server ended before it listened")),
        };
        drop(stop);
        let ended = server.join().map_err(|_panic| anyhow!("the server's thread broke"))?;
        ended.context("the server in this process failed")?;
        asked
    })
}
