//! Runs the fuzzer's checks (`fuzz/`) on the input of its corpus.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/checks.rs"]
#[expect(dead_code, reason = "PDF files take the rasteriser too long for a test")]
mod checks;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 10, "{}", folder.display());
    for file in files {
        // The captured output shows which file failed.
        println!("{}", file.display());
        check(&fs::read(&file).unwrap());
    }
}

#[test]
fn codes() {
    replay("code", checks::code);
}

#[test]
fn key_sets() {
    replay("jwks", checks::jwks);
}

#[test]
fn pictures() {
    replay("png", checks::png);
}

#[test]
fn photographs() {
    replay("jpeg", checks::jpeg);
}
