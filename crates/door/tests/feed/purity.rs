//! Tests that the door needs no operating system: no clock, file, network or randomness, and no code that is not Rust.
//! So the crate builds for wasm32-unknown-unknown.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Crates that use an operating system or a browser, or compile another language.
const IMPURE: &[&str] = &[
    "bindgen",
    "cc",
    "cmake",
    "getrandom",
    "js-sys",
    "libc",
    "mio",
    "pkg-config",
    "rand",
    "rustix",
    "tokio",
    "wasm-bindgen",
    "web-sys",
    "windows-sys",
];

#[test]
fn no_dependency_speaks_to_a_system() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["tree", "--locked", "--offline", "--package", "fulfillment-door", "--prefix", "none"])
        .args(["--edges", "normal,build", "--target", "wasm32-unknown-unknown", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let listed = String::from_utf8(out.stdout).unwrap();
    let names: BTreeSet<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("ed25519-dalek") && names.contains("hmac"), "{names:?}");
    for name in IMPURE {
        assert!(!names.contains(name), "{name} came in: cargo tree -p fulfillment-door -i {name}");
    }
}

#[test]
fn no_source_speaks_to_a_system() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/feed");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for part in ["std::fs", "std::net", "std::time", "std::env", "std::process", "std::io", "std::thread"]
        {
            assert!(!text.contains(part), "{part} in {}", path.display());
        }
        seen += 1;
    }
    assert!(seen >= 10, "{seen} files");
}
