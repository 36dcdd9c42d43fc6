//! Threads whose work can wait while decisions cannot: writing behind, indexing, exporting, sweeping. Must not know what
//! they do.
//!
//! They run at a lower priority, since on a small machine each of them can keep a whole core busy for a second, and a
//! decision that waits for a core is late. What they fall behind by is bounded by themselves.

use std::thread::JoinHandle;

/// How far a thread steps back behind those that answer, as Linux counts niceness: each step takes a fifth of its share.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Priority {
    /// What it falls behind by others have to hold in memory or on disk: it must keep up.
    Low,
    /// It may fall behind for a while.
    Lower,
    /// It needs never be done today.
    Lowest,
}

/// Starts a thread of this kind.
///
/// # Errors
/// The system starts no more threads.
pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    priority: Priority,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<JoinHandle<T>> {
    let nice = match priority {
        Priority::Low => 5,
        Priority::Lower => 10,
        Priority::Lowest => 15,
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Linux keeps this by thread. Where it is not allowed, the thread runs as everybody does.
        let _as_before = rustix::process::nice(nice);
        work()
    })
}
