//! Programs the tests need beside cargo, and the Debian package each comes from.
//!
//! A test may rely on a program only when it is in this table, so that `cargo xtask test` can say what to install
//! instead of failing half-way in a test that nobody can place.

use std::path::Path;

/// A program that must be on the `PATH`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// Name of the executable.
    pub(crate) program: &'static str,
    /// Debian package that has it.
    pub(crate) package: &'static str,
    /// What needs it.
    pub(crate) purpose: &'static str,
}

/// All of them. Keep it short: the README promises a build on a plain Debian with Rust and the usual tools.
pub(crate) const FOR_TESTS: &[Requirement] = &[Requirement {
    program: "cc",
    package: "gcc",
    purpose: "compiles the C library inside the zstd crate, and a disk that stalls",
}];

/// Those that are not in any folder of the search path.
pub(crate) fn missing<'a>(needed: &'a [Requirement], folders: &[impl AsRef<Path>]) -> Vec<&'a Requirement> {
    let found =
        |requirement: &Requirement| folders.iter().any(|f| f.as_ref().join(requirement.program).is_file());
    needed.iter().filter(|requirement| !found(requirement)).collect()
}

/// What to tell somebody who lacks them.
pub(crate) fn advice(missing: &[&Requirement]) -> String {
    let mut text = String::from("the tests need programs that are not on the PATH:\n");
    for requirement in missing {
        text.push_str(&format!("  {} {}\n", requirement.program, requirement.purpose));
    }
    let packages: Vec<_> = missing.iter().map(|requirement| requirement.package).collect();
    text.push_str(&format!("on Debian: apt-get install {}", packages.join(" ")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_in_no_folder_is_missing_and_its_package_is_named() {
        let needed = [
            Requirement { program: "Cargo.toml", package: "present", purpose: "stands for a program" },
            Requirement { program: "no-such-program", package: "some-package", purpose: "does a thing" },
        ];
        let here = [std::env::var_os("CARGO_MANIFEST_DIR").unwrap()];
        let missing = missing(&needed, &here);
        assert_eq!(missing, [&needed[1]]);
        let advice = advice(&missing);
        assert!(advice.contains("no-such-program does a thing"), "{advice}");
        assert!(advice.ends_with("apt-get install some-package"), "{advice}");
    }
}
