//! Everything that touches a neighbour, each behind a trait of [`fulfillment_pipeline::ports`].
//!
//! | part | port | what stands behind |
//! |---|---|---|
//! | [`ordering`], [`identity`] | `Ordering`, `Identity` | HTTP, by way of `outbound` |
//! | [`blobs`] | `Files` | a folder, or S3, Azure Blob, GCS |
//! | [`kafka`] | calls `Sink`, asks the store for positions; `Destination` | librdkafka |
//! | [`webhook`] | `Destination` | HTTP, signed by the Standard Webhooks scheme |
//!
//! An adapter classifies what went wrong and never repeats a question by itself: how often and how long is
//! the pipeline's decision, from what the store knows. The reasons it gives carry no personal data. Adapters know
//! neither each other nor who calls them: the binary's `wiring.rs` puts them together.

pub mod blobs;
pub mod identity;
mod in_order;
pub mod kafka;
pub mod ordering;
mod outbound;
pub mod webhook;
