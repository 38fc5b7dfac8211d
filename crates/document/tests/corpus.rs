//! Runs the fuzzer's check (`fuzz/`) on the drawings of its corpus.

use std::fs;
use std::path::Path;

#[path = "../fuzz/checks.rs"]
mod checks;

#[test]
fn drawings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/svg");
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 10, "{}", folder.display());
    for file in files {
        // The captured output shows which file failed.
        println!("{}", file.display());
        checks::svg(&fs::read(&file).unwrap());
    }
}
