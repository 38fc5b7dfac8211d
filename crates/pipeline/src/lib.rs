//! From payment to ticket: the whole story.
//!
//! ```text
//!  ingest ──> claim ──> enrich ──> freeze ──> issue ──> relay
//!  (tx 1)              Ordering    (tx 2)    page, file  Kafka | webhook | stream
//!                                            (tx 3)
//! ```
//!
//! Every arrow is a row in the store, so any of it may die at any moment and be taken up again by
//! whoever comes next. Stages hand over in batches: under load a batch fills while the one before it
//! is written, and with nothing else to do a single order passes straight through.
//!
//! | stage, in [`stages`] | file | one batch is |
//! |---|---|---|
//! | ingest | `ingest.rs` | one transaction for up to 500 payments |
//! | enrich | `enrich.rs` | one question to Ordering an order, many at a time |
//! | freeze | `freeze.rs` | one transaction for up to 64 orders; nothing is decided after it |
//! | issue | `issue.rs` | pages drawn on all cores, one group of files, one transaction |
//! | relay | `relay.rs` | up to 500 events to one destination |
//!
//! Beside them `refresh.rs` asks Ordering again about an issued order that another payment came for, `retry.rs`
//! decides what a failure means, and `in_hand.rs` keeps the leases of claimed orders alive.
//!
//! | room | what is in it |
//! |---|---|
//! | [`ports`] | what all of this needs from outside, as traits; `fulfillment-adapters` has what stands behind |
//! | [`stages`] | an order's way, above |
//! | [`operations`] | what operators have done: a new generation of a ticket, an erasure, a comparison with what was paid, tickets taken over from an earlier service |
//! | [`upkeep`] | what goes on in the background: files drawn again, old rows pruned, gauges |
//! | [`templates`], [`page`] | which template a ticket is drawn by, and what its page says |
//! | [`keyring`] | the secret and the signing keys, as files |
//! | [`trace`] | spans in the trace that a payment came with, for the log and for export |
//! | [`clock`], [`runtime`] | what all of it takes from the machine: the time of day, time to wait, cores to draw with |
//!
//! `tests/simulation` runs all of it in one thread, in a time and among neighbours of its own.

pub mod clock;
pub mod keyring;
pub mod operations;
pub mod page;
pub mod ports;
mod publishing;
pub mod runtime;
pub mod stages;
pub mod templates;
pub mod trace;
pub mod upkeep;
mod wake;

pub use publishing::Publishing;
pub use stages::Pipeline;
pub use wake::Wake;
