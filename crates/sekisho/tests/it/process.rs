//! Running the binary, and what the tests give it to read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_sekisho");

/// A folder of a test's own.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).unwrap();
        self.text(name)
    }

    /// A small brokerage: `history`, `procedures.csv` and `truth.csv` in this folder. Gives the history's files.
    pub(crate) fn simulate(&self) -> Vec<PathBuf> {
        let out = self.text("brokerage");
        let done =
            run(&["lab", "simulate", "--customers", "200", "--days", "90", "--seed", "5", "--out", &out]);
        assert!(done.status.success(), "{}", stderr(&done));
        let mut files: Vec<PathBuf> = fs::read_dir(self.path("brokerage/history"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "parquet"))
            .collect();
        files.sort();
        assert!(!files.is_empty());
        files
    }

    /// The arguments of a sweep of that brokerage into `out`.
    pub(crate) fn sweep(&self, procedures: &str) -> Vec<String> {
        let texts = ["-q", "sweep", "--procedures", procedures, "--history"].map(str::to_owned);
        let history = self.text("brokerage/history");
        texts.into_iter().chain([history, "--out".to_owned(), self.text("out")]).collect()
    }
}

pub(crate) fn run(arguments: &[impl AsRef<std::ffi::OsStr>]) -> Output {
    Command::new(BINARY).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Starts the binary with a standard input that stays open.
pub(crate) fn start(arguments: &[impl AsRef<std::ffi::OsStr>]) -> Child {
    let mut command = Command::new(BINARY);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Runs it where no file may grow beyond so many KiB: the same error path as a full disk, without needing one.
pub(crate) fn run_limited(kib: u32, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Output {
    // bash counts in KiB; a write beyond the limit then fails instead of ending the process.
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script, "bash", BINARY]).args(arguments).stdin(Stdio::null());
    command.output().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What is in a folder, hidden files too; nothing where there is no folder.
pub(crate) fn listed(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
