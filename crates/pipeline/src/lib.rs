//! The pipeline from payment to ticket.
//!
//! ```text
//!  ingest ──> claim ──> enrich ──> freeze ──> issue ──> relay
//!  (tx 1)              Ordering    (tx 2)    page, file  Kafka | webhook | stream
//!                                            (tx 3)
//! ```
//!
//! Every arrow is a row in the store, so any stage may die at any moment and the next worker continues. Stages pass
//! batches on: under load a batch fills while the one before it is written, and with nothing else to do a single order
//! passes straight through.
//!
//! | stage, in [`stages`] | file | one batch is |
//! |---|---|---|
//! | ingest | `ingest.rs` | one transaction for up to 500 payments |
//! | enrich | `enrich.rs` | one request to Ordering per order, many in parallel |
//! | freeze | `freeze.rs` | one transaction for up to 64 orders; nothing is decided after it |
//! | issue | `issue.rs` | pages drawn on all cores, one group of files, one transaction |
//! | relay | `relay.rs` | up to 500 events to one destination |
//!
//! Beside them `refresh.rs` asks Ordering again about an issued order that got another payment, `retry.rs` decides what
//! a failure means, and `in_flight.rs` renews the leases of claimed orders.
//!
//! | room | what is in it |
//! |---|---|
//! | [`ports`] | what the pipeline needs from outside, as traits; `fulfillment-adapters` implements them |
//! | [`stages`] | the stages of an order, above |
//! | [`operations`] | what operators have done: a new generation of a ticket, an erasure, a comparison with what was paid, tickets taken over from an earlier service |
//! | [`door`] | scans of tickets at the doors of events, many in one transaction |
//! | [`upkeep`] | what goes on in the background: files drawn again, old rows pruned, gauges |
//! | [`templates`], [`page`] | the template of a ticket, and the content of its page |
//! | [`keyring`] | the secret and the signing keys, as files |
//! | [`trace`] | spans in the trace that a payment came with, for the log and for export |
//! | [`clock`], [`runtime`] | what is taken from the machine: the time of day, waits, cores to draw with |
//!
//! `tests/simulation` runs all of it in one thread, with a simulated time and simulated surrounding services.

pub mod clock;
pub mod door;
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
