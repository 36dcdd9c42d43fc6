//! State out of a year of history, so that the first live decision already knows it: facts are applied in the order of their
//! times, in memory, and written in one transaction. Not through the journal: history is kept elsewhere, and a second copy
//! of a year in the journal would be trimmed after a week. Must not know terminals.
//!
//! What it leaves: the records; which files were taken, by the digest of their content, so that none is taken twice; an input
//! of the journal that says who did it; and a copy of the state as it then was ([`BASE_FILE`]), from which everything that
//! replays the journal begins; and where the history lies ([`PLACES_FILE`]), for the re-examination of every day.

mod feed;
mod places;
mod taken;

use std::path::{Path, PathBuf};

use engine::input::Body;
use engine::key::{KeyBytes, RecordKey};
use engine::{Input, Policy, State};
use history::Watch;
use history::live::LiveName;
use intel::Intel;
use model::Time;
use serde::Serialize;
use store::{DataFolder, Entry, Journal, Limits, State as Stored, StoreError};

pub(crate) use self::feed::Feed;
pub use self::feed::{Fed, RefusedRow};
pub use self::places::PLACES_FILE;
pub(crate) use self::places::files as bootstrapped;
pub(crate) use self::taken::seq_of;
use self::taken::{Base, Taken, digest, taken};
use crate::observe::Observer;
use crate::past::{Memory, PastError, load_all};
use crate::secret::Secret;
use crate::sequencer::{Audit, INPUT_V3, StartError, recovery};

/// The state as the last bootstrap left it, in the data folder.
pub use store::BASE_FILE;
/// A server's files are tagged, and a small number is added whenever its journal was replaced by an older copy.
const GENERATIONS: u32 = 1_024;
/// Records that are encoded before they are written.
const ENCODED_AT_ONCE: usize = 4_096;
/// Events of history have no place in a journal. Where a number stands for one of them – the events of a campaign – it begins
/// here, beyond every input: still a whole number in JSON.
pub const HISTORY_SEQ: u64 = 1 << 52;
/// Who did it: no key can be called so.
const BY: &str = "(bootstrap)";

/// What a bootstrap did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Bootstrapped {
    /// Files that were taken.
    pub files: u64,
    /// Files that were left out, and why.
    pub skipped: Vec<(PathBuf, String)>,
    /// Events applied.
    pub events: u64,
    /// Rows that are no events.
    pub refused: u64,
    /// The first of them.
    pub refused_listed: Vec<RefusedRow>,
    /// When the first event happened.
    pub first: Option<Time>,
    /// When the last event happened.
    pub last: Option<Time>,
    /// Records in the state.
    pub records: u64,
    /// The input of the journal as of which the state is now.
    pub seq: u64,
}

/// Takes history into a data folder on which no server runs, creating it if it does not exist. Repeated, it takes only files
/// that it did not take before. Memory: every record of the state, and the events of up to three files.
///
/// # Errors
/// A server has the folder, the history cannot be read, or `watch` says stop: then the records are as they were.
pub fn bootstrap(
    data: &Path,
    history: &[PathBuf],
    intel: Intel,
    now: Time,
    watch: &Watch,
) -> Result<Bootstrapped, PastError> {
    let folder = DataFolder::open(data)?;
    let secret = Secret::of_folder(data).map_err(|source| StoreError::Io {
        path: data.to_owned(),
        doing: "reading or making its secret",
        source,
    })?;
    let tag = secret.history_tag();
    let (mut journal, mut stored) = folder.files(&Limits::default())?;
    let mut done = Bootstrapped::default();
    // What this server wrote is known, but to a folder that was begun anew with its secret.
    let own = (journal.last_seq() > 0).then_some(tag);
    let files = wanted(history, &stored, own, &mut done, watch)?;
    if files.is_empty() {
        done.seq = seq_of(&stored)?.unwrap_or(0);
        keep_base_if_lost(data, &stored, done.seq)?;
        remember(data, history)?;
        return Ok(done);
    }
    let audit = Audit::default();
    let (mut state, policy) = recover(&journal, &stored, &audit, watch)?;
    let before = taken::base(&stored)?.unwrap_or(taken::NONE);
    let floor = arrived_last(&journal)?.max(before.until);
    let observer = Observer::new(std::sync::Arc::new(intel), secret);
    let fed = apply(&files, &observer, &mut state, &policy, (before.events, floor), watch)?;
    done.files = count(files.len());
    done.events = fed.events;
    (done.refused, done.refused_listed) = (fed.refused, fed.refused_listed);
    (done.first, done.last) = (fed.first, fed.last);
    done.seq = note_act(&mut journal, &mut state, &policy, &audit, &done, now)?;
    done.records = state.records();
    watch.check()?;
    let base = Base {
        seq: done.seq,
        until: floor.max(fed.last.unwrap_or(Time::MIN)),
        events: before.events.saturating_add(fed.events),
    };
    write(&mut stored, &state, &audit, &files, base, now)?;
    keep_base(data, &stored)?;
    remember(data, history)?;
    Ok(done)
}

/// Keeps where the history lies.
fn remember(data: &Path, history: &[PathBuf]) -> Result<(), StoreError> {
    places::remember(data, crate::serve::HISTORY, history).map_err(|source| StoreError::Io {
        path: data.join(PLACES_FILE),
        doing: "keeping where the history lies in",
        source,
    })
}

/// Whether the server whose files have this tag wrote a file.
pub(crate) fn is_own(path: &Path, tag: u32) -> bool {
    LiveName::of(path).is_some_and(|name| name.origin.wrapping_sub(tag) < GENERATIONS)
}

/// A file to be taken, and the digest of its content.
struct Wanted {
    path: PathBuf,
    digest: [u8; 32],
}

/// The files that were not taken before and are not this server's own.
fn wanted(
    history: &[PathBuf],
    stored: &Stored,
    own: Option<u32>,
    done: &mut Bootstrapped,
    watch: &Watch,
) -> Result<Vec<Wanted>, PastError> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for path in history::files::find(history)? {
        watch.check()?;
        if own.is_some_and(|tag| is_own(&path, tag)) {
            done.skipped.push((path, "this server wrote it: the state knows it already".to_owned()));
            continue;
        }
        let digest = digest(&path)?;
        if let Some(before) = taken(stored, &digest)? {
            let why = format!("taken before, on {} as {}", before.at, before.file);
            done.skipped.push((path, why));
        } else if let Some(twin) = wanted.iter().find(|other| other.digest == digest) {
            let why = format!("the same as {}", twin.path.display());
            done.skipped.push((path, why));
        } else {
            wanted.push(Wanted { path, digest });
        }
    }
    Ok(wanted)
}

/// The whole state in memory, with what the journal has beyond the stored one.
fn recover(
    journal: &Journal,
    stored: &Stored,
    audit: &Audit,
    watch: &Watch,
) -> Result<(State, Policy), PastError> {
    let mut state = State::at(stored.seq()?);
    load_all(stored, &mut state, Memory::default(), watch)?;
    let mut policy = match recovery::last_policy(&state, |_| true) {
        None => Policy::compile(Policy::SHIPPED, 0).map_err(StartError::from)?,
        Some((version, text)) => recovery::compile(&text, version)?,
    };
    loop {
        let entries = journal.read(state.seq(), recovery::READ_ROWS, recovery::READ_BYTES)?;
        if entries.is_empty() {
            return Ok((state, policy));
        }
        for entry in &entries {
            let input = recovery::input(&entry.as_entry())?;
            let outcome = state.apply(&policy, &input);
            audit.note(&input, &outcome);
            if let Body::Policy { version, text, .. } = &input.body {
                policy = recovery::compile(text, *version)?;
            }
        }
    }
}

/// Whether a bootstrap took a file of this content.
pub(crate) fn is_taken(stored: &store::StateReader, path: &Path) -> Result<bool, PastError> {
    Ok(taken(stored, &digest(path)?)?.is_some())
}

/// When the last input of the journal arrived: the times at which inputs arrive only grow.
fn arrived_last(journal: &Journal) -> Result<Time, PastError> {
    let last = journal.last_seq();
    let entry = if last == 0 { None } else { journal.read(last.saturating_sub(1), 1, 1)?.pop() };
    Ok(entry.and_then(|entry| Time::from_us(entry.time)).unwrap_or(Time::MIN))
}

/// Applies them behind so many that were taken before, as if they had arrived no earlier than `floor`.
fn apply(
    files: &[Wanted],
    observer: &Observer,
    state: &mut State,
    policy: &Policy,
    (before, floor): (u64, Time),
    watch: &Watch,
) -> Result<Fed, PastError> {
    let paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    let feed = Feed::open(&paths)?;
    let mut seq = HISTORY_SEQ.saturating_add(before);
    feed.run(observer, watch, |event| {
        let time = event.time.max(floor);
        state.apply(policy, &Input { seq, time, body: Body::Event(event) });
        seq = seq.saturating_add(1);
        Ok(())
    })
}

/// Writes into the journal that it is done, before it is; gives that input's number.
fn note_act(
    journal: &mut Journal,
    state: &mut State,
    policy: &Policy,
    audit: &Audit,
    done: &Bootstrapped,
    now: Time,
) -> Result<u64, PastError> {
    let of = format!("{} files, {} events", done.files, done.events);
    let body = Body::Act { act: "bootstrap".to_owned(), of, by: BY.to_owned(), reason: None };
    let input = Input { seq: journal.last_seq().saturating_add(1), time: now, body };
    let bytes = input.body.encode().map_err(|_never| StartError::Unreadable { seq: input.seq })?;
    journal.append(&[Entry {
        seq: input.seq,
        id: None,
        kind: INPUT_V3,
        time: input.time.as_us(),
        digest: None,
        input: &bytes,
        answer: b"{}",
    }])?;
    let outcome = state.apply(policy, &input);
    audit.note(&input, &outcome);
    Ok(input.seq)
}

/// Everything in one transaction, durable at return. Sorted, because that is how SQLite writes fastest.
fn write(
    stored: &mut Stored,
    state: &State,
    audit: &Audit,
    files: &[Wanted],
    base: Base,
    now: Time,
) -> Result<(), PastError> {
    let mut keys: Vec<(u8, KeyBytes, RecordKey)> =
        state.keys().into_iter().map(|key| (key.kind(), key.bytes(), key)).collect();
    keys.sort_unstable();
    let acts = audit.up_to(base.seq).into_iter().map(|(key, bytes)| (Audit::KIND, key, Some(bytes)));
    let mut kept = vec![taken::base_row(base)];
    kept.extend(files.iter().map(|file| {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        taken::row(&file.digest, &Taken { file: name, at: now, seq: base.seq })
    }));
    stored.go_beyond_journal();
    let mut checkpoint = stored.begin(base.seq)?;
    for some in keys.chunks(ENCODED_AT_ONCE) {
        let encoded = some.iter().map(|(kind, name, key)| match state.encoded(*key) {
            Some(bytes) => Ok((*kind, *name, Some(bytes))),
            None => Err(StoreError::Damaged {
                path: PathBuf::from("state.db"),
                problem: format!("{key:?} cannot be encoded"),
                source: None,
            }),
        });
        checkpoint.put(encoded.collect::<Result<Vec<_>, _>>()?)?;
    }
    checkpoint.put(acts)?;
    checkpoint.put(kept)?;
    checkpoint.finish()?;
    stored.sync()?;
    stored.merge_if_long()?;
    Ok(())
}

/// Keeps a copy of the state as it now is: beside its place first, then in it.
fn keep_base(data: &Path, stored: &Stored) -> Result<(), PastError> {
    let (path, unfinished) = (data.join(BASE_FILE), data.join(format!("{BASE_FILE}.new")));
    let io = |doing: &'static str| {
        let path = path.clone();
        move |source| StoreError::Io { path, doing, source }
    };
    if unfinished.exists() {
        std::fs::remove_file(&unfinished).map_err(io("removing an unfinished copy of"))?;
    }
    stored.backup(&unfinished)?;
    std::fs::rename(&unfinished, &path).map_err(io("renaming"))?;
    std::fs::File::open(data).and_then(|folder| folder.sync_all()).map_err(io("syncing the folder of"))?;
    Ok(())
}

/// A bootstrap that was killed before it had kept its copy, if nothing happened since.
fn keep_base_if_lost(data: &Path, stored: &Stored, seq: u64) -> Result<(), PastError> {
    let kept = store::StateReader::open(&data.join(BASE_FILE)).and_then(|base| base.seq()).ok();
    if seq > 0 && stored.seq()? == seq && kept != Some(seq) {
        keep_base(data, stored)?;
    }
    Ok(())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
