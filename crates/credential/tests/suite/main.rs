//! The crate from outside, as its users see it.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;
mod keys;
#[cfg(feature = "read")]
mod read;
mod tampering;
mod vectors;
mod verdicts;
