//! Connections: how many there may be, how long a request's head may take to come, and how all of them end. Must not know
//! what is asked.
//!
//! HTTP/1.1 only: senders and front ends hold a few connections open for long, and what encrypts them stands in front.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::log::line;

/// Connections at once at most. Those that come then wait in the system's queue until one ends.
pub(crate) const CONNECTIONS_MAX: usize = 4_096;
/// How long the head of a request may take, and how long a connection may wait for its next request.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(60);
/// Bytes of a request's head at most.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// How long to wait before taking the next connection when the system gives none, out of files for instance.
const RETRY: Duration = Duration::from_millis(100);
/// How long requests that have begun may take once the server is asked to stop.
const STOP_WAIT_MAX: Duration = Duration::from_secs(10);

/// Serves connections until `stop` comes; then no more are taken, and those there are get their answers.
pub(crate) async fn serve<A, F>(
    listener: TcpListener,
    open: Arc<AtomicU64>,
    answer: A,
    stop: impl Future<Output = ()>,
) where
    A: Fn(Request) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let ending = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT_MAX).max_buf_size(HEAD_BYTES_MAX);
    let taking = async {
        loop {
            // Never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let stream = accept(&listener).await;
            let answer = answer.clone();
            let service = service_fn(move |request: hyper::Request<Incoming>| {
                let answering = answer(request.map(Body::new));
                async move { Ok::<_, Infallible>(answering.await) }
            });
            let connection = ending.watch(http.serve_connection(TokioIo::new(stream), service));
            let open = Arc::clone(&open);
            open.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                // Whoever asks may go away at any time, or send what is no HTTP.
                let _ended = connection.await;
                open.fetch_sub(1, Ordering::Relaxed);
                drop(place);
            });
        }
    };
    tokio::select! {
        () = taking => {}
        () = stop => {}
    }
    drop(listener);
    let _late = tokio::time::timeout(STOP_WAIT_MAX, ending.shutdown()).await;
}

/// The next connection.
async fn accept(listener: &TcpListener) -> TcpStream {
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => {
                // Answers are small and written at once.
                let _slower = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                if !told {
                    line("connections.failed", &error.to_string());
                }
                told = true;
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}
