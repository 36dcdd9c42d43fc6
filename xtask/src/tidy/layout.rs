//! Where things lie: a crate in the folder of its name, decisions numbered in order.

use crate::files::TrackedFile;
use crate::report::Problem;

/// A crate is found by its name.
pub(super) fn crate_names(files: &[TrackedFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in TrackedFile::texts(files) {
        let Some(folder) = crate_folder(path) else { continue };
        match package_name(text) {
            Ok(name) if name == folder => {}
            Ok(name) => {
                let advice = format!("package `{name}` in folder `{folder}`: give both one name");
                problems.push(Problem::new(path, advice));
            }
            Err(error) => problems.push(Problem::new(path, error)),
        }
    }
    problems
}

/// `crates/<folder>/Cargo.toml` or `xtask/Cargo.toml`; other manifests have names for other reasons.
fn crate_folder(path: &str) -> Option<&str> {
    let folder = path.strip_suffix("/Cargo.toml")?;
    let folder = folder.strip_prefix("crates/").unwrap_or(folder);
    (path.starts_with("crates/") || folder == "xtask").then_some(folder)
}

fn package_name(manifest: &str) -> Result<String, String> {
    let table: toml::Table = manifest.parse().map_err(|error| format!("not TOML: {error}"))?;
    let name = table.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    name.map(str::to_owned).ok_or_else(|| "no package.name".to_owned())
}

/// Decision records are `docs/adr/NNN-title.md`, from 001, none missing, none twice.
pub(super) fn decision_numbers(files: &[TrackedFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut numbered = Vec::new();
    for file in files {
        let Some(name) = file.path.strip_prefix("docs/adr/").filter(|name| name.ends_with(".md")) else {
            continue;
        };
        match decision_number(name) {
            Some(number) => numbered.push((number, file.path.as_str())),
            None => problems.push(Problem::new(&file.path, "name decision records NNN-title.md")),
        }
    }
    numbered.sort_unstable();
    for (expected, (number, path)) in (1..).zip(&numbered) {
        if *number != expected {
            let advice =
                format!("the next decision is number {expected:03}: none may be missing or used twice");
            problems.push(Problem::new(*path, advice));
            break;
        }
    }
    problems
}

fn decision_number(name: &str) -> Option<u32> {
    let (digits, title) = name.split_once('-')?;
    (digits.len() == 3 && title.len() > ".md".len()).then_some(digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;

    #[test]
    fn a_crate_has_the_name_of_its_folder() {
        let files = [
            TrackedFile::of("Cargo.toml", "[workspace]\n"),
            TrackedFile::of("crates/model/Cargo.toml", "[package]\nname = \"model\"\n"),
            TrackedFile::of("crates/intel/Cargo.toml", "[package]\nname = \"sekisho-intel\"\n"),
            TrackedFile::of("crates/lab/Cargo.toml", "[package]\n"),
            TrackedFile::of("fuzz/Cargo.toml", "[package]\nname = \"targets\"\n"),
            TrackedFile::of("xtask/Cargo.toml", "[package]\nname = \"tasks\"\n"),
        ];
        assert_eq!(
            lines(crate_names, &files),
            [
                "crates/intel/Cargo.toml: package `sekisho-intel` in folder `intel`: give both one name",
                "crates/lab/Cargo.toml: no package.name",
                "xtask/Cargo.toml: package `tasks` in folder `xtask`: give both one name",
            ]
        );
    }

    fn decisions(names: &[&str]) -> Vec<String> {
        let files: Vec<_> =
            names.iter().map(|name| TrackedFile::of(&format!("docs/adr/{name}"), "")).collect();
        lines(decision_numbers, &files)
    }

    #[test]
    fn decisions_are_numbered_without_gaps() {
        assert_eq!(decisions(&["002-b.md", "001-a.md", "003-c.md", "template.txt"]), [""; 0]);
        let next = |path: &str, number: &str| {
            format!(
                "docs/adr/{path}: the next decision is number {number}: none may be missing or used twice"
            )
        };
        assert_eq!(decisions(&["001-a.md", "003-c.md"]), [next("003-c.md", "002")]);
        assert_eq!(decisions(&["001-a.md", "001-b.md"]), [next("001-b.md", "002")]);
        assert_eq!(decisions(&["002-b.md"]), [next("002-b.md", "001")]);
        assert_eq!(decisions(&["1-a.md"]), ["docs/adr/1-a.md: name decision records NNN-title.md"]);
    }
}
