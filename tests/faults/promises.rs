//! Tests that the table of promises in `docs/reliability.md` lists exactly the existing tests.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

/// `module::test` for every test in a folder and those below it. The tests that the macros of `points` and `doors`
/// generate from one line count as one.
fn tests(folder: &str) -> Result<BTreeSet<String>> {
    let mut tests = BTreeSet::new();
    below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), "", &mut tests)?;
    Ok(tests)
}

fn below(folder: &Path, within: &str, tests: &mut BTreeSet<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).context("a name")?;
        if path.is_dir() {
            below(&path, &format!("{within}{stem}::"), tests)?;
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let room = match (stem, within.strip_suffix("::")) {
            ("mod", Some(folder)) => folder.to_owned(),
            _ => format!("{within}{stem}"),
        };
        let text = std::fs::read_to_string(&path)?;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            // Only unindented ones: those within a macro are named in its list.
            if line.starts_with("#[tokio::test") {
                let name = lines.find_map(|line| line.strip_prefix("async fn ")).context("a test's name")?;
                tests.insert(format!("{room}::{}", name.split('(').next().unwrap_or_default()));
            } else if let Some((name, _)) = line
                .split_once(": \"")
                .filter(|_| matches!(room.as_str(), "points" | "doors") && line.ends_with("\";"))
            {
                tests.insert(format!("{room}::{}", name.trim()));
            }
        }
    }
    Ok(())
}

/// `module::test` for every behaviour in the store's conformance suite.
fn behaviours(folder: &str) -> Result<BTreeSet<String>> {
    let mut behaviours = BTreeSet::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))? {
        let path = entry?.path();
        let room = path.file_stem().and_then(|stem| stem.to_str()).context("a name")?.to_owned();
        for line in std::fs::read_to_string(&path)?.lines() {
            let name = line.strip_prefix("pub async fn ").and_then(|line| line.split_once("(backend: "));
            behaviours.extend(name.map(|(name, _)| format!("{room}::{name}")));
        }
    }
    Ok(behaviours)
}

#[test]
fn every_promise_has_its_test_and_every_test_its_promise() -> Result<()> {
    let named: BTreeSet<String> = include_str!("../../docs/reliability.md")
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|word| word.contains("::"))
        .map(str::to_owned)
        .collect();
    let ours = tests("faults")?;
    let mut all = ours.clone();
    all.extend(tests("tests/blackbox")?);
    all.extend(tests("../crates/store/tests")?);
    all.extend(behaviours("../crates/store/src/conformance")?);
    let untested: Vec<_> = named.difference(&all).collect();
    assert!(untested.is_empty(), "promised, and there is no such test: {untested:#?}");
    let unpromised: Vec<_> = ours.difference(&named).collect();
    assert!(unpromised.is_empty(), "tested, and not in docs/reliability.md: {unpromised:#?}");
    Ok(())
}
