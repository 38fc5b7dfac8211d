//! The drawings that fuzzing found worth keeping, under the check that the fuzzer makes (`fuzz/`).

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
        // The name of the file at fault is in the captured output.
        println!("{}", file.display());
        checks::svg(&fs::read(&file).unwrap());
    }
}
