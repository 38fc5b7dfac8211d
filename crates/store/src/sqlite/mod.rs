//! One file: an embedded store for one machine.
//!
//! SQLite has one writer at a time, so there is one connection that writes, each write in
//! `BEGIN IMMEDIATE`, and several that read beside it (WAL). Another process, a command beside the
//! server, waits its turn by the busy timeout. Leases and due times are by the [`Clock`] that is passed in.

mod db;
mod inbox;
mod installation;
mod outbox;
mod past_orders;
mod positions;
mod rows;
mod work;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fulfillment_domain::Clock;
use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tracing::warn;

use self::db::{At, Tx};
use crate::error::unavailable;
use crate::shared::cells::{rfc3339, storable};
use crate::{RefundRules, Result};

/// How long a write waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long anything waits for a connection: longer than a busy writer may take.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that read.
const READERS: u32 = 4;

/// A clock may be corrected by so much without anybody noticing.
const SMALL_STEP: SignedDuration = SignedDuration::from_secs(1);

/// The store in a SQLite file.
pub struct SqliteStore {
    write: SqlitePool,
    read: SqlitePool,
    clock: Arc<dyn Clock>,
    /// None of a store in memory.
    path: Option<PathBuf>,
    serving: Mutex<Option<std::fs::File>>,
    /// The time when something was last claimed: a later one that is earlier tells of a clock that was set back.
    latest: Mutex<Timestamp>,
    refunds: RefundRules,
}

impl SqliteStore {
    /// Opens the file, making it when there is none; its folder has to be there.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`] when the file cannot be opened or made,
    /// [`crate::StoreError::Incompatible`] when it is no SQLite database.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            // What is deleted from a page that is written anyway is overwritten: it may have been personal.
            .pragma("secure_delete", "fast");
        let pool = |size| SqlitePoolOptions::new().max_connections(size).acquire_timeout(ACQUIRE_TIMEOUT);
        let write = pool(1).connect_with(options.clone()).await?;
        let read =
            pool(READERS).connect_with(options.create_if_missing(false).pragma("query_only", "on")).await?;
        Ok(Self {
            write,
            read,
            clock,
            path: Some(path.to_owned()),
            serving: Mutex::new(None),
            latest: Mutex::new(Timestamp::MIN),
            refunds: RefundRules::default(),
        })
    }

    /// A store in memory, for tests: it ends with its last handle. One connection does everything, one call after the
    /// other, so that the same calls by the same clock have the same answers.
    ///
    /// # Errors
    /// There is no memory to be had.
    #[cfg(feature = "conformance")]
    pub async fn in_memory(clock: Arc<dyn Clock>) -> Result<Self> {
        let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
        let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
        let pool = pool.idle_timeout(None).max_lifetime(None).test_before_acquire(false);
        let write = pool.connect_with(options).await?;
        Ok(Self {
            read: write.clone(),
            write,
            clock,
            path: None,
            serving: Mutex::new(None),
            latest: Mutex::new(Timestamp::MIN),
            refunds: RefundRules::default(),
        })
    }

    /// The same store with other rules for refunds.
    #[must_use]
    pub fn with_refunds(self, refunds: RefundRules) -> Self {
        Self { refunds, ..self }
    }

    /// Another handle on the same database, for tests.
    #[cfg(feature = "conformance")]
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            write: self.write.clone(),
            read: self.read.clone(),
            clock: Arc::clone(&self.clock),
            path: self.path.clone(),
            serving: Mutex::new(None),
            latest: Mutex::new(Timestamp::MIN),
            refunds: self.refunds,
        }
    }

    /// The connection of a store in memory, for what a test asks behind its back.
    #[cfg(feature = "conformance")]
    pub fn pool(&self) -> &SqlitePool {
        &self.write
    }

    /// Begins a write. In a task of its own: a `begin` that is cancelled half-way spoils its connection.
    async fn begin(&self) -> Result<Tx> {
        let pool = self.write.clone();
        let begun = tokio::spawn(async move {
            let begun = pool.begin_with("BEGIN IMMEDIATE").await;
            // SQLite rolls back by itself when its disk is full, and the driver still counts the transaction: no
            // other could ever begin on that connection. The next one is fresh.
            if begun.is_err()
                && let Ok(spoiled) = pool.acquire().await
            {
                let _ = spoiled.close().await;
            }
            begun
        });
        Ok(At { db: begun.await.map_err(unavailable)??, now: self.now() })
    }

    fn now(&self) -> Timestamp {
        storable(self.clock.now())
    }

    /// The time for a claim. What waits does so by the wall clock; where that was set back, by more than it is
    /// corrected by every day, all of it is due: rather too early than an hour late.
    async fn time_to_claim(&self, db: &mut SqliteConnection) -> Result<Timestamp> {
        let now = self.now();
        let before = std::mem::replace(&mut *self.latest.lock().unwrap_or_else(PoisonError::into_inner), now);
        if now.saturating_add(SMALL_STEP).unwrap_or(now) < before {
            warn!(%before, %now, "the clock was set back; whatever waits is tried now");
            let sql = "UPDATE orders SET due_at = ?1 WHERE worker IS NULL AND due_at > ?1";
            sqlx::query(sql).bind(rfc3339(now)).execute(&mut *db).await?;
            let sql = "UPDATE outbox_delivery SET due_at = ?1 WHERE state = 'pending' AND due_at > ?1";
            sqlx::query(sql).bind(rfc3339(now)).execute(&mut *db).await?;
        }
        Ok(now)
    }
}
