//! The forbidden edges as tables, each row with its reason. To change what is allowed, change a row and say why in
//! the same commit.

/// Where a rule starts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Roots {
    /// `crates/<name>`; the rule waits while there is no such folder.
    Crate(&'static str),
    /// What `cargo build` builds when asked for nothing in particular.
    DefaultMembers,
}

/// Crates that may not be reached, for one reason.
#[derive(Debug)]
pub(super) struct Forbidden {
    /// `name`, `name*` for a family, `name:feature` where only the feature is wrong.
    pub(super) crates: &'static [&'static str],
    pub(super) reason: &'static str,
}

/// Nothing in `to` may be below `from`, at any distance, on any target.
#[derive(Debug)]
pub(super) struct EdgeRule {
    pub(super) from: Roots,
    /// For `cargo tree --edges`.
    pub(super) kinds: &'static str,
    pub(super) to: &'static [Forbidden],
}

/// The direct dependencies a crate may have, and no others.
#[derive(Debug)]
pub(super) struct DirectRule {
    pub(super) from: &'static str,
    /// Crate and what it is for.
    pub(super) allowed: &'static [(&'static str, &'static str)],
}

/// Words that may not stand in the sources below some folders.
#[derive(Debug)]
pub(super) struct WordRule {
    pub(super) folders: &'static [&'static str],
    /// Found as whole words; one that ends in `::` may be followed by anything.
    pub(super) words: &'static [&'static str],
    pub(super) reason: &'static str,
}

/// Macros run in the compiler, so what they depend on does not matter.
const RUN_TIME: &str = "normal,no-proc-macro";

pub(super) const EDGES: &[EdgeRule] = &[
    EdgeRule { from: Roots::Crate("model"), kinds: RUN_TIME, to: IMPURE },
    EdgeRule { from: Roots::Crate("engine"), kinds: RUN_TIME, to: IMPURE },
    EdgeRule { from: Roots::Crate("stepup"), kinds: RUN_TIME, to: IMPURE },
    EdgeRule {
        from: Roots::Crate("engine"),
        kinds: RUN_TIME,
        to: &[Forbidden {
            crates: &["store"],
            reason: "the state machine knows no storage: replay, back-tests and tests run it without one",
        }],
    },
    EdgeRule {
        from: Roots::Crate("store"),
        kinds: RUN_TIME,
        to: &[Forbidden {
            crates: &["engine", "model"],
            reason: "the store knows bytes, not meaning: what an input or a record is may change without it",
        }],
    },
    EdgeRule {
        from: Roots::Crate("edge"),
        kinds: RUN_TIME,
        to: &[Forbidden {
            crates: &["store", "engine"],
            reason: "the proxy faces the internet: it knows the model and the server's API, so that taking it \
                     over gives no hold on records or decisions",
        }],
    },
    EdgeRule {
        from: Roots::DefaultMembers,
        kinds: "normal,build,dev",
        to: &[Forbidden {
            crates: &["datafusion*", "ballista*"],
            reason: "takes 19 minutes to compile on two cores: it lives in an optional crate outside the default \
                     members",
        }],
    },
];

/// What a pure crate may not reach: the same input must give the same answer on every machine, today and in replay.
/// `libc` is not here: hash functions reach it to ask which instructions the processor has.
const IMPURE: &[Forbidden] = &[
    Forbidden {
        crates: &[
            "tokio",
            "async-std",
            "smol",
            "async-io",
            "async-executor",
            "async-global-executor",
            "mio",
            "polling",
            "futures-executor",
            "rayon",
            "rayon-core",
            "threadpool",
            "crossbeam-deque",
        ],
        reason: "runtimes and thread pools make the order of things depend on the machine",
    },
    Forbidden {
        crates: &[
            "socket2",
            "reqwest",
            "hyper",
            "ureq",
            "curl",
            "h2",
            "quinn",
            "rustls",
            "native-tls",
            "axum",
            "tonic",
            "pingora*",
            "lettre",
            "async-nats",
            "hickory-*",
            "tungstenite",
        ],
        reason: "a pure crate speaks to no network: what it needs from outside comes in the input",
    },
    Forbidden {
        crates: &[
            "rusqlite",
            "libsqlite3-sys",
            "sqlx*",
            "rocksdb",
            "fjall",
            "redb",
            "sled",
            "parquet",
            "object_store",
            "datafusion*",
            "tempfile",
            "memmap2",
            "walkdir",
            "notify",
            "fs-err",
            "dirs*",
            "etcetera",
        ],
        reason: "a pure crate reads and writes no files: callers hand it bytes and values",
    },
    Forbidden {
        crates: &[
            "chrono:clock",
            "chrono:now",
            "time",
            "iana-time-zone",
            "quanta",
            "coarsetime",
            "minstant",
            "web-time",
            "jiff:tz-system",
            "jiff:tzdb-zoneinfo",
        ],
        reason: "time is the time in the input; the machine's clock and zone files differ from host to host",
    },
    Forbidden {
        crates: &["rand", "rand_chacha", "getrandom", "fastrand", "ahash:runtime-rng", "uuid:v4", "uuid:v7"],
        reason: "chance would make replay differ: identifiers and challenges are passed in",
    },
    Forbidden {
        crates: &[
            "rustix",
            "nix",
            "signal-hook",
            "ctrlc",
            "num_cpus",
            "sysinfo",
            "hostname",
            "indicatif",
            "clap",
        ],
        reason: "signals, terminals and the machine's shape belong to the binary",
    },
];

pub(super) const DIRECT: &[DirectRule] = &[DirectRule {
    from: "model",
    allowed: &[
        ("icu_properties", "which signs nobody sees, by Unicode's tables"),
        ("iso_currency", "currency codes and their minor units, ISO 4217"),
        ("jiff", "instants in RFC 3339"),
        ("serde", "the wire form"),
        ("serde_json", "the wire form"),
        ("serde_path_to_error", "errors that name the field"),
        ("thiserror", "the error type"),
        ("unicode-normalization", "NFKC of holder names"),
        ("xxhash-rust", "fixed-width keys for joins"),
    ],
}];

pub(super) const WORDS: &[WordRule] = &[
    WordRule {
        folders: &["crates/model/src/", "crates/engine/src/", "crates/stepup/src/"],
        words: &[
            "std::fs",
            "fs::",
            "File::",
            "std::net::TcpStream",
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "UnixStream",
            "std::env",
            "env::",
            "std::thread",
            "thread::",
            "std::process",
            "process::",
            "SystemTime",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "stdin",
            "stdout",
            "stderr",
            "RandomState",
        ],
        reason: "a pure crate has no IO, clock, threads or chance: the same input must give the same answer in \
                 replay",
    },
    WordRule {
        folders: &["crates/server/src/console/"],
        words: &["store::", "use store"],
        reason: "console pages go through the server's use cases, where authorisation, validation and audit are",
    },
];
