//! Signing the tickets of a key anew: a job that any process continues, with its progress.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::Ticket;
use jiff::Timestamp;
use serde::Serialize;

use crate::{Actor, Result};

/// How far the tickets of a key are signed anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyReissue {
    /// The key whose tickets get other codes.
    pub kid: String,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// By whom it was requested.
    pub who: String,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// The live tickets of coming events that the key had then.
    pub total: u64,
    /// Those that have another code.
    pub done: u64,
    /// Those of the current round that could not get one.
    pub failed: u64,
    /// Why the last of them could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When nothing was left to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// How far the current round is.
    #[serde(skip)]
    pub after: KeyCursor,
}

/// A place among the tickets of a key, which are ordered by event and code id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCursor {
    /// The event's number, -1 before the first.
    pub event: i64,
    /// The code's id.
    pub cti: Vec<u8>,
}

impl KeyCursor {
    /// Before the first ticket.
    pub const START: Self = Self { event: -1, cti: Vec::new() };
}

/// When the job goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyReissueNext {
    /// After this time, with any process.
    After(Duration),
    /// Not at all: it is finished.
    Finished,
}

/// Signing the tickets of a key anew.
#[async_trait]
pub trait KeyReissues: Send + Sync {
    /// Records the request. A repeat changes nothing until the job is finished; then it begins again.
    async fn request_key_reissue(
        &self,
        kid: &str,
        reason: Option<&str>,
        by: &Actor,
        total: u64,
    ) -> Result<KeyReissue>;

    /// The jobs, oldest first.
    async fn key_reissues(&self) -> Result<Vec<KeyReissue>>;

    /// Claims the oldest job that is due, or only that of this key, for `lease`.
    async fn claim_key_reissue(
        &self,
        worker: &str,
        lease: Duration,
        kid: Option<&str>,
    ) -> Result<Option<KeyReissue>>;

    /// Records the progress of a claimed job and gives it back. `false`, with nothing written, when another worker has
    /// it now.
    async fn record_key_reissue(&self, worker: &str, job: &KeyReissue, next: KeyReissueNext) -> Result<bool>;

    /// Issued live tickets of a key whose events are not over at `since` and that can have another generation (their data
    /// was not erased, and a code can count one more), in the order of [`KeyCursor`].
    async fn tickets_of_key(
        &self,
        kid: &str,
        since: Timestamp,
        after: &KeyCursor,
        limit: usize,
    ) -> Result<Vec<Ticket>>;
}
