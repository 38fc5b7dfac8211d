//! Runs the fuzzer's checks (`fuzz/`) on the inputs that it kept.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

#[path = "../fuzz/checks.rs"]
mod checks;

fn each(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 10, "{}", folder.display());
    for file in files {
        // The name of the file at fault is in the captured output.
        println!("{}", file.display());
        check(&fs::read(&file).unwrap());
    }
}

#[test]
fn answers() {
    each("order", checks::order);
}

#[test]
fn messages() {
    each("message", checks::message);
}
