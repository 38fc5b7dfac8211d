//! The schema, and the keys, secret and storage that belong to it.

use std::path::Path;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Actor, Result, RevokedKey};

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MigrationReport {
    /// The schema's version now.
    pub version: i64,
    /// The migrations applied by this call, by their names; empty when there was nothing to do.
    pub applied: Vec<String>,
}

/// What a vacuum did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Vacuumed {
    /// The size of the database's file before, in bytes.
    pub before: u64,
    /// Its size now.
    pub now: u64,
}

/// A signing key as the store records it: never the private half.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KeyRecord {
    /// 8 hexadecimal digits.
    pub kid: String,
    /// The Ed25519 public key.
    #[serde(skip)]
    pub public_key: [u8; 32],
    /// When the store first saw it.
    pub created_at: Timestamp,
}

/// What a store belongs to. Recorded by the first start, and compared by every later one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registration {
    /// Fingerprint of the secret that ids are derived from.
    pub secret_fingerprint: Option<String>,
    /// The marker that the file storage has too.
    pub storage_marker: Option<Uuid>,
    /// Every key that ever signed for this store, oldest first.
    pub keys: Vec<KeyRecord>,
    /// Those that were revoked, oldest first. Only read: registering does not revoke.
    pub revoked: Vec<RevokedKey>,
}

impl Registration {
    /// Whether the key of these bytes was revoked.
    pub fn revokes(&self, public_key: &[u8; 32]) -> bool {
        self.revoked.iter().any(|key| key.public_key == *public_key)
    }

    /// Whether the keys of another process may be recorded: it has the same secret, and shares a key with this store,
    /// or the store has no keys yet. Two first starts that each created a key do not belong together.
    pub(crate) fn admits(&self, wanted: &Self) -> bool {
        let same = |a: &KeyRecord, b: &KeyRecord| a.kid == b.kid && a.public_key == b.public_key;
        self.secret_fingerprint == wanted.secret_fingerprint
            && (self.keys.is_empty() || self.keys.iter().any(|k| wanted.keys.iter().any(|w| same(k, w))))
    }
}

/// The schema and its registration.
#[async_trait]
pub trait Installation: Send + Sync {
    /// Upgrades the schema to this version. Safe to run from several processes concurrently.
    ///
    /// # Errors
    /// [`crate::StoreError::Incompatible`] when tables with these names but another structure exist (an earlier
    /// service's), or when the schema is newer than this program: nothing is altered then.
    async fn migrate(&self) -> Result<MigrationReport>;

    /// The names of the migrations still to run, without changing the schema; empty if it is up to date.
    async fn pending_migrations(&self) -> Result<Vec<String>>;

    /// Acquires the database for a server and upgrades its schema. Where only one server can run (SQLite), it fails
    /// with [`crate::StoreError::InUse`] if another holds it, before it changes anything, and frees every lease that an
    /// earlier process left behind. Held until the store is dropped.
    async fn begin_serving(&self) -> Result<MigrationReport>;

    /// One round trip, for readiness.
    async fn ping(&self) -> Result<()>;

    /// What the store belongs to.
    async fn registration(&self) -> Result<Registration>;

    /// Records what is not recorded yet: the fingerprint and the marker if there is none (the first writer wins), and
    /// each new key, unless they belong to another installation (another secret, or no common key). Returns what is
    /// recorded afterwards, which the caller compares with what it wanted.
    async fn register(&self, wanted: &Registration) -> Result<Registration>;

    /// Replaces the secret's fingerprint: the secret was lost, and an operator adopts a new one.
    async fn adopt_secret(&self, fingerprint: &str, by: &Actor) -> Result<()>;

    /// The number of an event in codes, assigned once and permanently, from 1.
    async fn event_number(&self, event_id: &str) -> Result<u32>;

    /// The number of a ticket category of an event in codes, assigned once and permanently, from 1. `None` is the
    /// event's only category, number 0.
    async fn category_number(&self, event_id: &str, category: &str) -> Result<u16>;

    /// The bytes of free disk that [`Self::vacuum`] needs beside the file.
    ///
    /// # Errors
    /// [`crate::StoreError::Incompatible`] when the store has no file of its own.
    async fn vacuum_needs(&self) -> Result<u64>;

    /// Writes the embedded store's file anew, without what was deleted from it. No server may run meanwhile.
    ///
    /// # Errors
    /// [`crate::StoreError::InUse`] while a server works on the file, [`crate::StoreError::Incompatible`] when the store
    /// has no file of its own.
    async fn vacuum(&self) -> Result<Vacuumed>;

    /// Writes a copy of the embedded store, as it is at one moment, to a new file, while others read and write the store.
    /// The copy has nothing that was deleted. It is not synced.
    ///
    /// # Errors
    /// [`crate::StoreError::Incompatible`] when the store has no file of its own.
    async fn copy_to(&self, file: &Path) -> Result<()>;

    /// Closes the connections gracefully.
    async fn close(&self);
}
