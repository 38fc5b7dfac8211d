//! Judges the published vectors of the door's feed (`docs/door-feed-vectors.json`) and exits with 1 if anything comes out
//! otherwise.
//!
//! It reads nothing and writes nothing, so that it also runs without an operating system: `scripts/wasm` builds it for
//! wasm32-unknown-unknown, checks that it imports nothing from its host, and runs it.

#[path = "../../tests/feed/run.rs"]
mod run;

use std::process::ExitCode;

use serde_json::Value;

const VECTORS: &str = include_str!("../../../../docs/door-feed-vectors.json");

fn main() -> ExitCode {
    match all_right() {
        Some(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// `None` if the vectors do not have their published format.
fn all_right() -> Option<bool> {
    let published: Value = serde_json::from_str(VECTORS).ok()?;
    let cases = published["cases"].as_array()?;
    let right = cases.iter().filter(|case| run::run(case, &published) == case["result"]).count();
    Some(right == cases.len() && right > 0)
}
