//! Tests that no files of a crate import each other in a circle, because none of them could be read, moved or tested
//! without the others. Between crates, Cargo ensures this. A file may use what its parent modules define.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod module;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use module::{Crate, Imports};

/// The files that each file imports, by their paths in the crate.
fn imports(files: &Crate) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for (name, module) in &files.modules {
        let used = Imports::of(name, &module.syntax);
        let above: Vec<_> = (0..=name.len()).map(|len| &files.modules[&name[..len]].file).collect();
        let used = used.into_iter().filter_map(|path| files.home_of(&path));
        let used = used.filter(|file| !above.contains(&file));
        all.entry(module.file.clone()).or_insert_with(BTreeSet::new).extend(used);
    }
    all
}

/// The first circle that is found, as a path from a file back to itself.
fn circle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn walk(
        at: &str,
        graph: &BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(start) = way.iter().position(|before| before == at) {
            return Some(way[start..].iter().cloned().chain([at.to_owned()]).collect());
        }
        if !done.insert(at.to_owned()) {
            return None;
        }
        way.push(at.to_owned());
        let found = graph.get(at).into_iter().flatten().find_map(|next| walk(next, graph, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|file| walk(file, graph, &mut Vec::new(), &mut done))
}

#[test]
fn no_files_of_a_crate_import_each_other() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut seen = 0;
    let mut arrows = 0;
    for entry in std::fs::read_dir(crates).unwrap() {
        let source = entry.unwrap().path().join("src");
        let root = ["lib.rs", "main.rs"].map(|name| source.join(name));
        let root = root.iter().find(|root| root.exists()).unwrap();
        let graph = imports(&Crate::read(root));
        seen += graph.len();
        arrows += graph.values().map(BTreeSet::len).sum::<usize>();
        if let Some(way) = circle(&graph) {
            panic!("files of {} import each other: {}", source.display(), way.join(" -> "));
        }
    }
    assert!(
        seen > 300 && arrows > 600,
        "{seen} files and {arrows} imports were found: is this still what is read?"
    );
}

#[test]
fn a_circle_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod a; mod b; pub use a::A;\n#[cfg(test)] mod tests;");
    write("a.rs", "use crate::b::{self, B as Other}; pub struct A; fn f() { b::g(); }");
    let circle_with = |b: &str| {
        write("b.rs", b);
        circle(&imports(&Crate::read(&folder.path().join("lib.rs"))))
    };
    for through in [
        "pub struct B; fn g() -> super::A { super::A }",
        "pub struct B; fn g() { crate::a::f() }",
        "use crate::*; pub struct B; mod deep { use super::super::a::A; }",
    ] {
        assert_eq!(circle_with(through).unwrap().len(), 3, "{through}");
    }
    for without in [
        "pub struct B; fn g() {}",
        "pub struct B; #[cfg(test)] mod tests { use crate::A; }",
        "pub struct B; // crate::A",
    ] {
        assert_eq!(circle_with(without), None, "{without}");
    }
}
