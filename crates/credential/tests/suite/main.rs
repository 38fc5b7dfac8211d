//! Tests of the crate's public API.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod by_hand;
mod common;
#[cfg(feature = "read")]
mod corpus;
mod keys;
mod legacy;
mod purity;
#[cfg(feature = "read")]
mod read;
mod second;
mod tampering;
mod vectors;
mod verdicts;
