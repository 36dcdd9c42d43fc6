//! The past told again from a data folder, for reading only: a base, and the journal's inputs behind it, each shown to somebody
//! with the state as it was before. On connections of its own, whether or not a server has the folder. Must not know what
//! is asked of it.
//!
//! The base is what a bootstrap left, or nothing; then, where the journal's beginning was trimmed, history up to where it
//! begins. A history is told as facts, in the order of its times: what was asked and answered then is not in it, nor are
//! profiles, and what files said of an address is what was recorded.

use std::path::{Path, PathBuf};

use engine::input::Body;
use engine::key::RecordKey;
use engine::record::{Document, Record};
use engine::{Input, Policy, State};
use hashbrown::HashSet;
use history::{HistoryError, Watch};
use model::Time;
use model::customer::text_key;
use serde::Serialize;
use store::{DataFolder, FolderView, JournalReader, OwnedEntry, StateReader, StoreError};
use utoipa::ToSchema;

use crate::bootstrap::{self, BASE_FILE, Feed, HISTORY_SEQ};
use crate::observe::Observer;
use crate::policies::PREFIX as POLICIES;
use crate::sequencer::{StartError, recovery};

/// The history that a server writes, in its data folder.
const HISTORY: &str = "history";
/// The numbers of events of history that are told: beyond those that a bootstrap took.
const PAST_SEQ: u64 = HISTORY_SEQ + (1 << 50);
/// Records read at once.
const SCAN_RECORDS: usize = 4_096;
/// Inputs between two looks at the memory that records take.
pub(crate) const LOOK_INPUTS: u64 = 65_536;
/// An identifier of an event in memory, about.
const ID_BYTES: usize = 18;

/// Why the past cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// Journal or state, or what they hold.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The history, or a stop on request.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The journal's beginning is gone.
    #[error(
        "the journal begins at input {first}, what was before is trimmed; give the history of the time before it (--history, the \
         data folder's own and what was imported)"
    )]
    Trimmed {
        /// The first input there is.
        first: u64,
    },
    /// The base of a bootstrapped folder.
    #[error("this folder was bootstrapped up to input {seq}, and {path} does not hold that state: {problem}")]
    Base {
        /// Where it should be.
        path: PathBuf,
        /// The input as of which it was.
        seq: u64,
        /// What is wrong.
        problem: String,
    },
    /// It is in the base.
    #[error(
        "it is input {seq} of the journal, and what was before it is not kept one by one: the state is known from input {base} on"
    )]
    Before {
        /// That input.
        seq: u64,
        /// As of which input the state is known.
        base: u64,
    },
    /// Too much before the first input is told.
    #[error(
        "what was known before the first input that can be told takes more than the {mib} MiB of memory that are allowed \
         (`--memory-mib`), whatever is asked about: allow more, or run `sekisho policy` on a backup of the data folder where there is memory"
    )]
    BaseMemory {
        /// How much it may take.
        mib: usize,
    },
    /// Too much.
    #[error(
        "what was known then takes more than the {mib} MiB of memory that are allowed (`--memory-mib`): ask about what happened \
         earlier (a back-test: with an earlier `to`), or run `sekisho policy` on a backup of the data folder where there is memory"
    )]
    Memory {
        /// How much it may take.
        mib: usize,
    },
    /// Too much feedback.
    #[error(
        "what feedback says takes more than the {mib} MiB of memory that are allowed (`--memory-mib`) leave beside what was known \
         then: ask about a shorter time (`from`, `to`) or with fewer `label_days`, or run `sekisho policy` on a backup of the data folder \
         where there is memory"
    )]
    FeedbackMemory {
        /// How much all of it may take.
        mib: usize,
    },
}

/// What the past began with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Base {
    /// `journal`: from its beginning; `bootstrap`: what was bootstrapped; `history`: facts of history, then the journal;
    /// `bootstrap and history`; `history alone`, where there is no journal.
    pub from: &'static str,
    /// The first input of the journal that was told.
    pub first_seq: u64,
    /// Events of history that were told before it.
    pub history_events: u64,
    /// What is not as it was.
    pub notes: Vec<&'static str>,
}

/// What is not as it was where history is the base.
const HISTORY_NOTES: [&str; 4] = [
    "history was told as facts in the order of its times; it arrived in another order",
    "customers' profiles from before the journal's beginning are not known",
    "lists of addresses from before the journal's beginning are not known",
    "bank accounts are known only where this server wrote the history",
];

/// An input, and everything as it was before it.
pub struct Seen<'a> {
    /// Records.
    pub state: &'a State,
    /// The policy in force.
    pub policy: &'a Policy,
    /// The row of the journal, with the answer that was given.
    pub entry: &'a OwnedEntry,
    /// The input.
    pub input: &'a Input,
}

impl std::fmt::Debug for Seen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen").field("seq", &self.entry.seq).finish_non_exhaustive()
    }
}

/// The past of a data folder, up to where it is told.
#[derive(Debug)]
pub struct Past {
    journal: JournalReader,
    state: State,
    policy: Policy,
    base: Base,
    last: u64,
    memory: Memory,
}

/// How much memory the past may take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Bytes of records and of what is kept beside them, about; half as many more are held while history is read. Nothing says as
    /// much as there is.
    pub bytes_max: Option<usize>,
}

impl Memory {
    /// How much is allowed, in MiB, if the records, and so many bytes beside them, take more.
    fn exceeded(self, state: &State, beside: usize) -> Option<usize> {
        // Records are spread evenly over the parts.
        let taken = || state.part_bytes(0).saturating_mul(State::PARTS).saturating_add(beside);
        self.bytes_max.filter(|bytes_max| taken() > *bytes_max).map(|bytes_max| bytes_max >> 20)
    }

    /// That there is room for what is known before the first input is told.
    fn check_base(self, state: &State, beside: usize) -> Result<(), PastError> {
        self.exceeded(state, beside).map_or(Ok(()), |mib| Err(PastError::BaseMemory { mib }))
    }

    fn check(self, state: &State) -> Result<(), PastError> {
        self.exceeded(state, 0).map_or(Ok(()), |mib| Err(PastError::Memory { mib }))
    }

    /// That there is room for so many bytes of feedback beside the records.
    pub(crate) fn check_feedback(self, state: &State, bytes: usize) -> Result<(), PastError> {
        self.exceeded(state, bytes).map_or(Ok(()), |mib| Err(PastError::FeedbackMemory { mib }))
    }
}

impl Past {
    /// Opens a folder; `history` is told where the journal's beginning is gone. The base, which may be all there is, is loaded.
    ///
    /// # Errors
    /// There is no base, it cannot be read, or it takes more than `memory`.
    pub fn open(data: &Path, history: &[PathBuf], memory: Memory, watch: &Watch) -> Result<Self, PastError> {
        let view = DataFolder::read_only(data)?;
        Self::of(&view, data, history, memory, watch)
    }

    pub(crate) fn of(
        view: &FolderView,
        data: &Path,
        history: &[PathBuf],
        memory: Memory,
        watch: &Watch,
    ) -> Result<Self, PastError> {
        let (journal, stored) = (view.journal_reader()?, view.state_reader()?);
        let (first, last) = (journal.first_seq()?, journal.last_seq()?);
        let mut past = Self {
            journal,
            state: State::default(),
            policy: Policy::compile(Policy::SHIPPED, 0).map_err(StartError::from)?,
            base: Base { from: "journal", first_seq: first, history_events: 0, notes: Vec::new() },
            last,
            memory,
        };
        let bootstrapped = bootstrap::seq_of(&stored)?;
        if let Some(seq) = bootstrapped {
            past.begin_with_bootstrap(data, seq, watch)?;
        }
        if first > past.state.seq().saturating_add(1) {
            let own = [data.join(HISTORY)];
            let history = match history {
                [] if data.join(HISTORY).is_dir() => own.as_slice(),
                given => given,
            };
            past.begin_with_history(&stored, history, first, watch)?;
        }
        watch.expect(last.saturating_sub(past.state.seq()));
        Ok(past)
    }

    /// Ends with this input.
    pub(crate) fn until(self, seq: u64) -> Self {
        Self { last: self.last.min(seq), ..self }
    }

    /// Everything as it is before the first input is told: the journal, records, policy.
    pub(crate) fn into_parts(self) -> (JournalReader, State, Policy, Base) {
        (self.journal, self.state, self.policy, self.base)
    }

    /// What it began with.
    #[must_use]
    pub const fn base(&self) -> &Base {
        &self.base
    }

    /// How much memory it may take, and everything as it is.
    pub(crate) const fn held(&self) -> (Memory, &State) {
        (self.memory, &self.state)
    }

    /// The input told last, and the last there was when it was opened.
    #[must_use]
    pub const fn span(&self) -> (u64, u64) {
        (self.state.seq(), self.last)
    }

    fn begin_with_bootstrap(&mut self, data: &Path, seq: u64, watch: &Watch) -> Result<(), PastError> {
        let path = data.join(BASE_FILE);
        let wrong = |problem: String| PastError::Base { path: path.clone(), seq, problem };
        let base = StateReader::open(&path).map_err(|error| wrong(error.to_string()))?;
        let holds = base.seq()?;
        if holds != seq {
            return Err(wrong(format!("it holds the state of input {holds}")));
        }
        self.state = State::at(seq);
        load_all(&base, &mut self.state, self.memory, watch)?;
        if let Some((version, text)) = recovery::last_policy(&self.state, |_| true) {
            self.policy = recovery::compile(&text, version)?;
        }
        self.base.from = "bootstrap";
        self.base.first_seq = seq.saturating_add(1);
        Ok(())
    }

    fn begin_with_history(
        &mut self,
        stored: &StateReader,
        history: &[PathBuf],
        first: u64,
        watch: &Watch,
    ) -> Result<(), PastError> {
        let files = not_taken(stored, history, watch)?;
        if files.is_empty() {
            return Err(PastError::Trimmed { first });
        }
        let mut began = Time::MAX;
        self.journal.visit(first.saturating_sub(1), 1, |entry| {
            began = Time::from_us(entry.time).unwrap_or(Time::MAX);
            true
        })?;
        let known = self.told_of_before(first, began, watch)?;
        let (state, policy, memory) = (&mut self.state, &self.policy, self.memory);
        let mut told = 0_u64;
        let feed = Feed::open(&files)?.with_memory(memory.bytes_max);
        let beside = known.len().saturating_mul(ID_BYTES);
        feed.run(&Observer::without_files(), watch, |observed| {
            if observed.time < began && !known.contains(&text_key(observed.id.as_str())) {
                let (seq, time) = (PAST_SEQ.saturating_add(told), observed.time);
                state.apply(policy, &Input { seq, time, body: Body::Event(observed) });
                told = told.saturating_add(1);
                if told.is_multiple_of(LOOK_INPUTS) {
                    memory.check_base(state, beside)?;
                }
            }
            Ok(())
        })?;
        memory.check_base(state, beside)?;
        let seq = first.saturating_sub(1);
        let mut documents = State::at(seq);
        load_kind(stored, RecordKey::document("").kind(), &mut documents, self.memory, watch)?;
        let before = |document: &Document| document.seq < first && document.name.starts_with(POLICIES);
        if let Some((version, text)) = recovery::last_policy(&documents, before) {
            self.policy = recovery::compile(&text, version)?;
        }
        // Whatever came between has the number before the first there is.
        let nothing = Body::Act { act: String::new(), of: String::new(), by: String::new(), reason: None };
        self.state.apply(&self.policy, &Input { seq, time: began, body: nothing });
        let from = if self.base.from == "bootstrap" { "bootstrap and history" } else { "history" };
        self.base = Base { from, first_seq: first, history_events: told, notes: HISTORY_NOTES.to_vec() };
        Ok(())
    }

    /// Hashes of the identifiers of events that the journal has and that happened before a time: history has them too.
    fn told_of_before(&self, first: u64, began: Time, watch: &Watch) -> Result<HashSet<u64>, PastError> {
        let mut known = HashSet::new();
        self.each_input(first.saturating_sub(1), watch, |entry, input| {
            if let Body::Event(event) = &input.body
                && event.time < began
            {
                known.insert(text_key(event.id.as_str()));
            }
            if entry.seq.is_multiple_of(LOOK_INPUTS) {
                self.memory.check_base(&self.state, known.len().saturating_mul(ID_BYTES))?;
            }
            Ok(())
        })?;
        Ok(known)
    }

    /// Shows every input after one, to the last, without applying it.
    pub(crate) fn each_input(
        &self,
        after: u64,
        watch: &Watch,
        mut look: impl FnMut(&OwnedEntry, &Input) -> Result<(), PastError>,
    ) -> Result<(), PastError> {
        let mut seq = after;
        while seq < self.last {
            watch.check()?;
            let entries = self.journal.read(seq, recovery::READ_ROWS, recovery::READ_BYTES)?;
            let Some(last) = entries.last() else { break };
            seq = last.seq;
            for entry in &entries {
                look(entry, &recovery::input(&entry.as_entry())?)?;
            }
        }
        Ok(())
    }

    /// Tells it: shows every input before it is applied, until `look` says that it has seen enough.
    ///
    /// # Errors
    /// The journal cannot be read, is trimmed meanwhile, or `watch` says stop; what `look` fails with.
    pub fn tell(
        &mut self,
        watch: &Watch,
        mut look: impl FnMut(&Seen<'_>) -> Result<bool, PastError>,
    ) -> Result<(), PastError> {
        while self.state.seq() < self.last {
            watch.check()?;
            let entries = self.journal.read(self.state.seq(), recovery::READ_ROWS, recovery::READ_BYTES)?;
            if entries.is_empty() {
                break;
            }
            for entry in entries.iter().take_while(|entry| entry.seq <= self.last) {
                let input = recovery::input(&entry.as_entry())?;
                let (state, policy) = (&self.state, &self.policy);
                if !look(&Seen { state, policy, entry, input: &input })? {
                    return Ok(());
                }
                self.state.apply(&self.policy, &input);
                if let Body::Policy { version, text, .. } = &input.body {
                    self.policy = recovery::compile(text, *version)?;
                }
                if entry.seq.is_multiple_of(LOOK_INPUTS) {
                    self.memory.check(&self.state)?;
                }
            }
            watch.advance(u64::try_from(entries.len()).unwrap_or(0));
        }
        Ok(())
    }
}

/// The history files that no bootstrap took: what they hold is in its state.
fn not_taken(stored: &StateReader, history: &[PathBuf], watch: &Watch) -> Result<Vec<PathBuf>, PastError> {
    let mut files = history::files::find(history)?;
    if bootstrap::seq_of(stored)?.is_some() {
        let mut kept = Vec::with_capacity(files.len());
        for file in files {
            watch.check()?;
            if !bootstrap::is_taken(stored, &file)? {
                kept.push(file);
            }
        }
        files = kept;
    }
    Ok(files)
}

/// Loads every record of the engine's into memory.
///
/// # Errors
/// One cannot be read, they take more than `memory`, or `watch` says stop.
pub(crate) fn load_all(
    stored: &StateReader,
    state: &mut State,
    memory: Memory,
    watch: &Watch,
) -> Result<(), PastError> {
    RecordKey::KINDS.into_iter().try_for_each(|kind| load_kind(stored, kind, state, memory, watch))
}

fn load_kind(
    stored: &StateReader,
    kind: u8,
    state: &mut State,
    memory: Memory,
    watch: &Watch,
) -> Result<(), PastError> {
    let mut from = Vec::new();
    loop {
        watch.check()?;
        memory.check_base(state, 0)?;
        let records = stored.scan(kind, &from, SCAN_RECORDS)?;
        let Some((last, _)) = records.last() else { return Ok(()) };
        // The next key in order is the last one with a zero byte behind it.
        from.clone_from(last);
        from.push(0);
        for (key, bytes) in &records {
            let read = RecordKey::parse(kind, key).zip(Record::decode(bytes).ok());
            let (key, record) = read.ok_or_else(|| {
                recovery::damaged(format!("the stored record {key:?} of kind {kind} cannot be read"))
            })?;
            state.load(key, record);
        }
    }
}

/// The text of a version of the policy that a data folder has had; as of the last checkpoint where a server runs on it.
///
/// # Errors
/// The state cannot be read.
pub fn policy_text(data: &Path, version: u32) -> Result<Option<String>, PastError> {
    let key = RecordKey::document(&engine::state::policy_name(version));
    let stored = DataFolder::read_only(data)?.state_reader()?;
    let Some(bytes) = stored.load(key.kind(), &key.bytes())? else { return Ok(None) };
    match Record::decode(&bytes) {
        Ok(Record::Document(document)) => Ok(Some(String::from_utf8_lossy(&document.bytes).into_owned())),
        _ => Ok(None),
    }
}
