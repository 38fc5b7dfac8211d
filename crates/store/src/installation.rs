//! The schema, and which keys, secret and storage belong to it.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::Result;

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MigrationReport {
    /// The schema's version now.
    pub version: i64,
    /// The migrations applied by this call, by their names; empty when there was nothing to do.
    pub applied: Vec<String>,
}

/// A signing key as the store knows it: never the private half.
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

/// What a store belongs to. Recorded once by the first start, compared by every later one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registration {
    /// Fingerprint of the secret that ids are derived from.
    pub secret_fingerprint: Option<String>,
    /// The marker that the file storage carries too.
    pub storage_marker: Option<Uuid>,
    /// Every key that ever signed for this store, oldest first.
    pub keys: Vec<KeyRecord>,
}

impl Registration {
    /// Whether the keys of another process may be recorded: it has the same secret, and shares a key with this
    /// store or meets it without any. Two first starts that each made a key of their own do not belong together.
    pub(crate) fn admits(&self, wanted: &Self) -> bool {
        let same = |a: &KeyRecord, b: &KeyRecord| a.kid == b.kid && a.public_key == b.public_key;
        self.secret_fingerprint == wanted.secret_fingerprint
            && (self.keys.is_empty() || self.keys.iter().any(|k| wanted.keys.iter().any(|w| same(k, w))))
    }
}

/// The schema and what belongs to it.
#[async_trait]
pub trait Installation: Send + Sync {
    /// Brings the schema up to this version. Safe to run from several processes at once.
    ///
    /// # Errors
    /// [`crate::StoreError::Incompatible`] when tables of these names but another shape are there (an
    /// earlier service's), or when the schema is newer than this program: nothing is altered then.
    async fn migrate(&self) -> Result<MigrationReport>;

    /// Whether the schema is up to date, without changing it: the names of migrations still to run.
    async fn pending_migrations(&self) -> Result<Vec<String>>;

    /// Takes the database for a server and brings its schema up to date. Where there is room for one server only
    /// (SQLite) it fails with [`crate::StoreError::InUse`] when another holds it, before it changes anything, and
    /// frees every lease that an earlier life left behind. Held until the store is dropped.
    async fn begin_serving(&self) -> Result<MigrationReport>;

    /// One round trip, for readiness.
    async fn ping(&self) -> Result<()>;

    /// What the store belongs to.
    async fn registration(&self) -> Result<Registration>;

    /// Records what is not recorded yet: the fingerprint and the marker if there is none (the first
    /// writer wins), and each key that is new, unless they are a stranger's (another secret, or no key in
    /// common). Answers with what stands afterwards, which the caller compares with what it wanted.
    async fn register(&self, wanted: &Registration) -> Result<Registration>;

    /// Replaces the secret's fingerprint: the secret was lost and a new one is adopted by hand.
    async fn adopt_secret(&self, fingerprint: &str) -> Result<()>;

    /// The number of an event in codes, given once and for good, from 1.
    async fn event_number(&self, event_id: &str) -> Result<u32>;

    /// The number of a ticket category of an event in codes, given once and for good, from 1.
    /// `None` is the event's only category, number 0.
    async fn category_number(&self, event_id: &str, category: &str) -> Result<u16>;

    /// Closes connections in an orderly way.
    async fn close(&self);
}
