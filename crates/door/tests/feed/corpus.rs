//! Runs the fuzzer's checks (`fuzz/`) on the input of its corpus.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/checks.rs"]
#[expect(clippy::panic, reason = "a panic is what the fuzzer looks for")]
mod checks;

#[test]
fn feeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/feed");
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 10, "{}", folder.display());
    for file in files {
        // The captured output shows which file failed.
        println!("{}", file.display());
        checks::feed(&fs::read(&file).unwrap());
    }
}
