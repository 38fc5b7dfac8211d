//! Tests of the feed's public API.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod by_hand;
mod common;
mod corpus;
mod documents;
mod held;
mod judging;
mod parts;
mod run;
mod second;
mod sizes;
mod vectors;
