//! Adapters for everything outside: Kafka, HTTP services, file storage. Each implements or calls a trait of
//! [`fulfillment_pipeline::ports`].
//!
//! | part | port | implemented by |
//! |---|---|---|
//! | [`ordering`], [`identity`] | `Ordering`, `Identity` | HTTP, by way of `outbound` |
//! | [`blobs`] | `Files` | a folder, or S3, Azure Blob, GCS |
//! | [`kafka`] | calls `Sink`, asks the store for positions; `Destination` | librdkafka |
//! | [`webhook`] | `Destination` | HTTP, signed by the Standard Webhooks scheme |
//!
//! An adapter classifies failures and never retries by itself: how often and how long is the pipeline's decision, from
//! what the store knows. Its reasons carry no personal data. Adapters know neither each other nor their callers: the
//! binary's `wiring.rs` connects them.

pub mod blobs;
mod health;
pub mod identity;
mod in_order;
pub mod kafka;
pub mod ordering;
mod outbound;
pub mod webhook;
