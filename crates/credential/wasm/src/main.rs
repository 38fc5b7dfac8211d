//! Verifies the published vectors (`docs/qr-vectors.json`) and exits with 1 if a verdict is wrong.
//!
//! It reads nothing and writes nothing, so that it also runs without an operating system: `scripts/wasm` builds it for
//! wasm32-unknown-unknown, checks that it imports nothing from its host, and runs it.

use std::process::ExitCode;

use fulfillment_credential::{Claims, DoorFeed, KeySet, VerifyOptions, verify};
use serde_json::Value;

const VECTORS: &str = include_str!("../../../../docs/qr-vectors.json");

fn main() -> ExitCode {
    match all_right() {
        Some(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// `None` if the vectors do not have their published format.
fn all_right() -> Option<bool> {
    let published: Value = serde_json::from_str(VECTORS).ok()?;
    let keys = KeySet::from_jwks(&published["jwks"]).ok()?;
    let revoked = KeySet::from_jwks(&published["revoked_jwks"]).ok()?;
    let cases = published["cases"].as_array()?;
    let mut right = 0;
    for case in cases {
        let mut feed = DoorFeed::new();
        for entry in case["feed"].as_array()? {
            let cti = hex::decode(entry[0].as_str()?).ok()?.try_into().ok()?;
            feed.supersede(cti, entry[1].as_u64()?.try_into().ok()?);
            if entry[2] == true {
                feed.void(cti);
            }
        }
        for entry in case["still_good"].as_array()? {
            feed.keep(claims(entry)?);
        }
        let event = case["event"].as_u64().and_then(|event| event.try_into().ok());
        let options = VerifyOptions { event, feed: Some(&feed), revoked: Some(&revoked) };
        let verdict = verify(case["code"].as_str()?, &keys, case["now"].as_i64()?, &options);
        right += usize::from(case["verdict"] == verdict.code());
    }
    Some(right == cases.len() && right > 0)
}

/// `[expiry, cti, event, category, generation]`.
fn claims(entry: &Value) -> Option<Claims> {
    Some(Claims {
        expires_at: entry[0].as_i64()?,
        cti: hex::decode(entry[1].as_str()?).ok()?.try_into().ok()?,
        event: entry[2].as_u64()?.try_into().ok()?,
        category: entry[3].as_u64()?.try_into().ok()?,
        generation: entry[4].as_u64()?.try_into().ok()?,
    })
}
