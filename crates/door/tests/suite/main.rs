//! Tests of the crate's public API.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;
mod document;
mod purity;
mod rules;
