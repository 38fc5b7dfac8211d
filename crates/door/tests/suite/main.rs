//! Tests of the crate's public API.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod clock;
mod common;
mod document;
mod history;
mod messages;
mod order;
mod properties;
mod purity;
mod recording;
mod repeats;
mod rules;
mod verdicts;
